-- What flows in, merged by key whenever it is read: background merges only save room.

-- Metrics by minute. total and count add up; table holds labelled sums and histogram counts.
CREATE TABLE metric_minute (
    metric LowCardinality(String),
    entity String,
    side Enum8('client' = 1, 'server' = 2),
    minute DateTime('UTC'),
    total SimpleAggregateFunction(sum, Int64),
    count SimpleAggregateFunction(sum, Int64),
    table SimpleAggregateFunction(sumMap, Map(String, Int64))
) ENGINE = AggregatingMergeTree
PARTITION BY toDate(minute)
ORDER BY (entity, metric, minute, side)
TTL minute + INTERVAL 7 DAY SETTINGS index_granularity = 1024;

-- Edges seen in a minute, by the instance that saw them.
CREATE TABLE relation_minute (
    instance_id String,
    minute DateTime('UTC'),
    source String,
    target String,
    side Enum8('client' = 1, 'server' = 2),
    component UInt16
) ENGINE = ReplacingMergeTree
PARTITION BY toDate(minute)
ORDER BY (instance_id, minute, source, target, side, component)
TTL minute + INTERVAL 7 DAY SETTINGS index_granularity = 1024;

-- Processes. A pair (ping_ms, value) keeps the newest value under max; blanks carry 0 and lose.
CREATE TABLE process (
    process_id String,
    instance_id String,
    service_id String,
    service String,
    instance String,
    process String,
    layer SimpleAggregateFunction(max, Tuple(Int64, String)),
    labels SimpleAggregateFunction(max, Tuple(Int64, Array(String))),
    detect_type SimpleAggregateFunction(max, Tuple(Int64, UInt8)),
    agent_id SimpleAggregateFunction(max, Tuple(Int64, String)),
    properties SimpleAggregateFunction(maxMap, Map(String, Tuple(Int64, String))),
    first_ping_ms SimpleAggregateFunction(min, Int64),
    last_ping_ms SimpleAggregateFunction(max, Int64)
) ENGINE = AggregatingMergeTree
ORDER BY (instance_id, process_id, service_id, service, instance, process)
TTL toDateTime(intDiv(last_ping_ms, 1000)) + INTERVAL 7 DAY;

-- Instances that were kept alive, one row a layer; services are read from here too.
CREATE TABLE instance (
    service_id String,
    instance_id String,
    layer LowCardinality(String),
    service String,
    instance String,
    first_ping_ms SimpleAggregateFunction(min, Int64),
    last_ping_ms SimpleAggregateFunction(max, Int64)
) ENGINE = AggregatingMergeTree
ORDER BY (service_id, instance_id, layer, service, instance)
TTL toDateTime(intDiv(last_ping_ms, 1000)) + INTERVAL 7 DAY;

-- Tasks: an extension is another row with the same id, and max takes the longer one.
CREATE TABLE task (
    task_id String,
    service_id String,
    instance_id String,
    start_ms Int64,
    duration_s SimpleAggregateFunction(max, Int64),
    update_ms SimpleAggregateFunction(max, Int64),
    rules SimpleAggregateFunction(max, String)
) ENGINE = AggregatingMergeTree
ORDER BY (service_id, instance_id, task_id, start_ms)
TTL toDateTime(intDiv(update_ms, 1000)) + INTERVAL 3 DAY;

-- back
DROP TABLE task;
DROP TABLE instance;
DROP TABLE process;
DROP TABLE relation_minute;
DROP TABLE metric_minute;
