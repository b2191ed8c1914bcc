-- A database put back from a backup: what its lost future has given out is void.

-- When the last restore was, Unix milliseconds; 0: never. Tickets from before are void.
INSERT INTO registry (id, version) VALUES ('restored', 0);

-- Numbers that a log has skipped at a restore: apps may have read them in the lost future.
CREATE TABLE log_gaps (
    app_id TEXT NOT NULL REFERENCES apps (id),
    -- The last number before the gap, and the last one in it.
    from_seq BIGINT NOT NULL,
    to_seq BIGINT NOT NULL,
    PRIMARY KEY (app_id, from_seq)
);
