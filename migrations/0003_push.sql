-- Push: each app's events, sent in order to its `events_url`. How far it has come stands in
-- `app_instances`, under the name @push, so that a proof treats it like any other listener.
CREATE TABLE push_streams (
    app_id TEXT NOT NULL PRIMARY KEY REFERENCES apps (id),
    -- Standard Webhooks secret, sealed under the master key with `push_streams|app_id` as
    -- associated data. While it is being rotated the one before signs, too.
    sealed_secret TEXT NOT NULL,
    sealed_previous_secret TEXT,
    previous_secret_until BIGINT,
    -- Not before this time; attempts in a row that failed; since when; why the last one.
    next_attempt_at BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    failing_since BIGINT,
    last_problem TEXT,
    last_error TEXT,
    last_status BIGINT,
    last_success_at BIGINT,
    -- Entries that nobody took before their app sessions had run out; since when there are such.
    dead_events BIGINT NOT NULL,
    dead_since BIGINT,
    -- Of several nodes one sends: who, and until when the others leave it to that one.
    claimed_by TEXT,
    claimed_until BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX push_streams_next_attempt_at ON push_streams (next_attempt_at);
