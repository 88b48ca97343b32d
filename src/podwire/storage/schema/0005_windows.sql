-- Every meter function: its partials merge in a table of their own kind.

-- What is no edge has no side; averages of tables travel with how many values each key is of.
ALTER TABLE metric_minute MODIFY COLUMN side Enum8('none' = 0, 'client' = 1, 'server' = 2);
ALTER TABLE metric_minute ADD COLUMN counts SimpleAggregateFunction(sumMap, Map(String, Int64));

-- Maxima.
CREATE TABLE metric_most_minute (
    metric LowCardinality(String),
    entity String,
    side Enum8('none' = 0, 'client' = 1, 'server' = 2),
    minute DateTime('UTC'),
    total SimpleAggregateFunction(max, Int64),
    count SimpleAggregateFunction(sum, Int64),
    table SimpleAggregateFunction(maxMap, Map(String, Int64)),
    counts SimpleAggregateFunction(sumMap, Map(String, Int64))
) ENGINE = AggregatingMergeTree
PARTITION BY toDate(minute)
ORDER BY (entity, metric, minute, side)
TTL minute + INTERVAL 7 DAY SETTINGS index_granularity = 1024;

-- Minima.
CREATE TABLE metric_least_minute (
    metric LowCardinality(String),
    entity String,
    side Enum8('none' = 0, 'client' = 1, 'server' = 2),
    minute DateTime('UTC'),
    total SimpleAggregateFunction(min, Int64),
    count SimpleAggregateFunction(sum, Int64),
    table SimpleAggregateFunction(minMap, Map(String, Int64)),
    counts SimpleAggregateFunction(sumMap, Map(String, Int64))
) ENGINE = AggregatingMergeTree
PARTITION BY toDate(minute)
ORDER BY (entity, metric, minute, side)
TTL minute + INTERVAL 7 DAY SETTINGS index_granularity = 1024;

-- The latest: of (time in ms, value, table) the greatest stays, whichever came first.
CREATE TABLE metric_latest_minute (
    metric LowCardinality(String),
    entity String,
    side Enum8('none' = 0, 'client' = 1, 'server' = 2),
    minute DateTime('UTC'),
    latest SimpleAggregateFunction(max, Tuple(Int64, Int64, Array(Tuple(String, Int64))))
) ENGINE = AggregatingMergeTree
PARTITION BY toDate(minute)
ORDER BY (entity, metric, minute, side)
TTL minute + INTERVAL 7 DAY SETTINGS index_granularity = 1024;

-- back
-- The side keeps its third value: rows may have it.
DROP TABLE metric_latest_minute;
DROP TABLE metric_least_minute;
DROP TABLE metric_most_minute;
ALTER TABLE metric_minute DROP COLUMN counts;
