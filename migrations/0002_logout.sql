-- Logout that can be proven: what each end was, and how far every app has confirmed it.

-- One row for whatever ended sessions in one act, and its reason.
CREATE TABLE logouts (
    -- Begins with its time (UUID version 7).
    id TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    cause TEXT NOT NULL,
    -- "user", "operator", an app's id, "clock", an admin's user id.
    actor TEXT NOT NULL,
    reason TEXT,
    -- When all of it was one person's.
    user_id TEXT,
    -- What a logout of many reaches (JSON); it is carried out in portions until finished.
    reach TEXT,
    finished_at BIGINT,
    -- The last portion was done then; who finds it standing still for a while takes over.
    progress_at BIGINT,
    sessions BIGINT NOT NULL,
    app_sessions BIGINT NOT NULL
);
CREATE INDEX logouts_unfinished ON logouts (at) WHERE reach IS NOT NULL AND finished_at IS NULL;

-- One row a logout and app that lost sessions by it.
CREATE TABLE confirmations (
    logout_id TEXT NOT NULL REFERENCES logouts (id),
    app_id TEXT NOT NULL REFERENCES apps (id),
    app_sessions BIGINT NOT NULL,
    -- The last entry of the app's log that belongs to the logout: who has read it has read all.
    last_seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    -- By then all those app sessions would have been over by themselves.
    over_at BIGINT NOT NULL,
    confirmed_at BIGINT,
    PRIMARY KEY (logout_id, app_id)
);
CREATE INDEX confirmations_open ON confirmations (app_id, last_seq) WHERE confirmed_at IS NULL;
CREATE INDEX confirmations_over_at ON confirmations (over_at);

ALTER TABLE sessions ADD COLUMN logout_id TEXT;
ALTER TABLE app_sessions ADD COLUMN logout_id TEXT;
-- Never later than expires_at, so one index finds whatever is over.
CREATE INDEX sessions_idle_until ON sessions (idle_until) WHERE ended_at IS NULL;
CREATE INDEX sessions_ended_at ON sessions (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX app_sessions_live_of_app ON app_sessions (app_id, id) WHERE ended_at IS NULL;
CREATE INDEX app_sessions_expires_at ON app_sessions (expires_at);
CREATE INDEX app_sessions_of_session ON app_sessions (session_id);

-- What is there to tell beside the cause (JSON): by which log-in a session was displaced.
ALTER TABLE events ADD COLUMN detail TEXT;

ALTER TABLE app_instances ADD COLUMN version TEXT;
-- From here on the instance refuses by itself, if it is not heard of again. The largest number: it
-- has not promised to.
ALTER TABLE app_instances ADD COLUMN trusted_until BIGINT NOT NULL DEFAULT 9223372036854775807;
-- It said good-bye.
ALTER TABLE app_instances ADD COLUMN left_at BIGINT;
CREATE INDEX app_instances_acknowledged ON app_instances (app_id, acknowledged);

-- Somebody has proven who they are, and has to choose which session makes room.
CREATE TABLE pending_logins (
    digest TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    kept_since BIGINT,
    -- Of the password that was compared: one changed since makes this void.
    password_set_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
