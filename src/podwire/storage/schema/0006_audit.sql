-- Who read sampled bytes, and who started a task that masks nothing.
CREATE TABLE audit (
    time_ms Int64,
    who String,
    act LowCardinality(String),
    subject String
) ENGINE = MergeTree
PARTITION BY toDate(intDiv(time_ms, 1000))
ORDER BY time_ms
TTL toDateTime(intDiv(time_ms, 1000)) + INTERVAL 90 DAY SETTINGS index_granularity = 1024;

-- back
DROP TABLE audit;
