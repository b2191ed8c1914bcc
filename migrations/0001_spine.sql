-- The spine: people, apps, sessions, tickets, events.
-- One text for SQLite and PostgreSQL: TEXT and BIGINT columns only. Times are Unix milliseconds;
-- a yes/no fact is a nullable time; bytes are base64url; lists and bags are JSON text.
-- Migrations only add. An applied file is never edited.

-- Small facts about the installation itself: the check value of the master key, …
CREATE TABLE meta (
    id TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- Counters that change whenever a rarely changing set does, so that a cached copy proves itself
-- fresh by one number. `commits` is counted up by SQLite's writer (store/commits.rs).
CREATE TABLE registry (
    id TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL
);
INSERT INTO registry (id, version) VALUES ('apps', 1);
INSERT INTO registry (id, version) VALUES ('signing_keys', 1);
INSERT INTO registry (id, version) VALUES ('commits', 0);

CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY,
    username TEXT NOT NULL,
    -- Case-insensitive identity and look-alike skeleton (UTS 39), computed in Rust.
    username_key TEXT NOT NULL,
    username_skeleton TEXT NOT NULL,
    nickname TEXT,
    email TEXT,
    email_key TEXT,
    email_verified_at BIGINT,
    locale TEXT,
    avatar_url TEXT,
    profile TEXT NOT NULL,
    password_hash TEXT,
    password_changed_at BIGINT,
    admin_since BIGINT,
    disabled_at BIGINT,
    -- Bit masks over apps.bit: entered, and active.
    app_flag BIGINT NOT NULL,
    ac_flag BIGINT NOT NULL,
    last_login_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX users_username_key ON users (username_key);
CREATE UNIQUE INDEX users_username_skeleton ON users (username_skeleton);
CREATE UNIQUE INDEX users_email_key ON users (email_key);

CREATE TABLE apps (
    id TEXT NOT NULL PRIMARY KEY,
    bit BIGINT NOT NULL,
    name TEXT NOT NULL,
    secret_digest TEXT NOT NULL,
    -- While a secret is being rotated the old one is good until this time.
    previous_secret_digest TEXT,
    previous_secret_until BIGINT,
    return_urls TEXT NOT NULL,
    origins TEXT NOT NULL,
    events_url TEXT,
    jsonp_since BIGINT,
    may_end_user_since BIGINT,
    disabled_at BIGINT,
    -- A deleted app keeps its row: its id is never given to another.
    deleted_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX apps_bit ON apps (bit);

CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    -- SHA-256 of what the browser holds: a copy of this table signs nobody in.
    digest TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id),
    auth_time BIGINT NOT NULL,
    amr TEXT NOT NULL,
    -- When set, the cookie outlives the browser ("keep me signed in").
    kept_since BIGINT,
    device TEXT NOT NULL,
    device_class TEXT NOT NULL,
    address TEXT NOT NULL,
    -- Small state of the page flow, through actix-session.
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    idle_until BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    end_cause TEXT
);
CREATE UNIQUE INDEX sessions_digest ON sessions (digest);
CREATE INDEX sessions_live_of_user ON sessions (user_id) WHERE ended_at IS NULL;

CREATE TABLE app_sessions (
    id TEXT NOT NULL PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id),
    user_id TEXT NOT NULL,
    app_id TEXT NOT NULL REFERENCES apps (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    end_cause TEXT
);
CREATE INDEX app_sessions_live_of_session ON app_sessions (session_id) WHERE ended_at IS NULL;

-- The row that decides a redemption. Kept a little longer than any ticket lives.
CREATE TABLE spent_tickets (
    -- Begins with the time of issue (UUID version 7).
    jti TEXT NOT NULL PRIMARY KEY,
    app_id TEXT NOT NULL,
    idempotency_digest TEXT,
    -- NULL: burned without letting anybody in.
    app_session_id TEXT,
    spent_at BIGINT NOT NULL
);

CREATE TABLE activations (
    user_id TEXT NOT NULL REFERENCES users (id),
    app_id TEXT NOT NULL REFERENCES apps (id),
    state TEXT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (user_id, app_id)
);

-- One ordered log an app. The head row is locked by whoever appends, so that order of numbers is
-- order of commits and a reader that has seen n has seen everything up to n.
CREATE TABLE event_logs (
    app_id TEXT NOT NULL PRIMARY KEY REFERENCES apps (id),
    head BIGINT NOT NULL
);
CREATE TABLE events (
    app_id TEXT NOT NULL REFERENCES apps (id),
    seq BIGINT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    app_session_id TEXT,
    session_id TEXT,
    user_id TEXT NOT NULL,
    cause TEXT,
    at BIGINT NOT NULL,
    -- When the app session would have been over anyway: from then on the entry says nothing new.
    expires_at BIGINT,
    PRIMARY KEY (app_id, seq)
);
CREATE INDEX events_expires_at ON events (expires_at);

CREATE TABLE app_instances (
    app_id TEXT NOT NULL REFERENCES apps (id),
    instance TEXT NOT NULL,
    acknowledged BIGINT NOT NULL,
    last_contact_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (app_id, instance)
);

-- Failed sign-ins, counted before the password is looked at.
CREATE TABLE throttles (
    id TEXT NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    blocked_until BIGINT NOT NULL,
    last_failure_at BIGINT NOT NULL
);
CREATE INDEX throttles_last_failure_at ON throttles (last_failure_at);

CREATE TABLE signing_keys (
    kid TEXT NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    public_key TEXT NOT NULL,
    -- PKCS#8, sealed under the master key with `signing_keys|kid` as associated data.
    sealed_private_key TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- Signs from here on; published before, so that nobody meets an unknown key.
    signs_from BIGINT NOT NULL,
    -- Verifies until here; NULL while in use.
    retires_at BIGINT
);

-- Links that work once: the first admin's set-up, choosing a password.
CREATE TABLE one_time_links (
    digest TEXT NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    user_id TEXT REFERENCES users (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);

-- Append-only: who did what, written in the transaction that did it.
CREATE TABLE audit (
    -- Begins with the time (UUID version 7), so order of ids is order of time.
    id TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    user_id TEXT,
    session_id TEXT,
    app_id TEXT,
    address TEXT,
    detail TEXT NOT NULL
);
