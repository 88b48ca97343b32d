-- Tasks that an agent started by itself: what met which policy. Blank for what an operator asked.
ALTER TABLE task ADD COLUMN target LowCardinality(String);
ALTER TABLE task ADD COLUMN process String;
ALTER TABLE task ADD COLUMN causes String;

-- What each agent was told to run: a run keeps its processes as long as it is extended.
CREATE TABLE hand_out (
    agent_id String,
    task_id String,
    process_ids Array(String),
    duration_s Int64,
    update_ms Int64,
    handed_ms Int64
) ENGINE = MergeTree
ORDER BY (agent_id, task_id, handed_ms)
TTL toDateTime(intDiv(handed_ms, 1000)) + INTERVAL 3 DAY;

-- back
DROP TABLE hand_out;
ALTER TABLE task DROP COLUMN causes;
ALTER TABLE task DROP COLUMN process;
ALTER TABLE task DROP COLUMN target;
