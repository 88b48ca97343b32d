-- Continuous profiling policies: one a service, the newest row is the one that holds.
CREATE TABLE policy (
    service_id String,
    targets String,
    updated_ms Int64
) ENGINE = ReplacingMergeTree(updated_ms)
ORDER BY service_id;

-- back
DROP TABLE policy;
