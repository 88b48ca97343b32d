-- Sampled requests by edge; what is reported twice is one row.
CREATE TABLE sampled_record (
    kind LowCardinality(String),
    entity String,
    timestamp_ms Int64,
    trace_id String,
    statement String,
    latency_ms Int64
) ENGINE = ReplacingMergeTree
PARTITION BY toDate(intDiv(timestamp_ms, 1000))
ORDER BY (entity, kind, intDiv(timestamp_ms, 1000), trace_id)
TTL toDateTime(intDiv(timestamp_ms, 1000)) + INTERVAL 3 DAY SETTINGS index_granularity = 1024;

-- Spans, a row each: one that is reported again takes the place of the first.
CREATE TABLE span (
    trace_id String,
    segment_id String,
    span_id Int32,
    parent_span_id Int32,
    service LowCardinality(String),
    instance String,
    start_ms Int64,
    end_ms Int64,
    endpoint String,
    kind LowCardinality(String),
    peer String,
    component Int32,
    is_error Bool,
    layer LowCardinality(String),
    refs Array(Tuple(String, String, Int32, String)),
    tags Array(Tuple(String, String)),
    logs Array(Tuple(Int64, Array(Tuple(String, String))))
) ENGINE = ReplacingMergeTree
PARTITION BY toDate(intDiv(start_ms, 1000))
ORDER BY (trace_id, segment_id, span_id)
TTL toDateTime(intDiv(start_ms, 1000)) + INTERVAL 3 DAY SETTINGS index_granularity = 1024;

-- Events that network profiling saw while a span ran.
CREATE TABLE span_event (
    trace_id String,
    segment_id String,
    span_id String,
    name LowCardinality(String),
    start_ns Int64,
    end_ns Int64,
    tags Array(Tuple(String, String)),
    summary Array(Tuple(String, Int64)),
    is_zipkin Bool
) ENGINE = ReplacingMergeTree
PARTITION BY toDate(intDiv(start_ns, 1000000000))
ORDER BY (trace_id, segment_id, span_id, start_ns, name)
TTL toDateTime(intDiv(start_ns, 1000000000)) + INTERVAL 3 DAY SETTINGS index_granularity = 1024;

-- back
DROP TABLE span_event;
DROP TABLE span;
DROP TABLE sampled_record;
