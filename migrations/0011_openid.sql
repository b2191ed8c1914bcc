-- Logging in with an OpenID.

-- What somebody has proven to be theirs at another place, and whose account it opens. One identity
-- belongs to one account at most: that is the primary key.
CREATE TABLE identities (
    -- SHA-256 of backend and subject, with their lengths: subjects are longer than an index takes.
    id TEXT NOT NULL PRIMARY KEY,
    backend TEXT NOT NULL,
    -- Byte for byte what was proven: for OpenID the claimed identifier with its fragment.
    subject TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id),
    -- For people.
    shown TEXT NOT NULL,
    -- Who vouched for it last.
    provider TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL
);
CREATE INDEX identities_of_user ON identities (user_id);

-- Somebody was sent away to log in elsewhere, and is expected back: once, in the same browser.
CREATE TABLE pending_upstream_logins (
    digest TEXT NOT NULL PRIMARY KEY,
    backend TEXT NOT NULL,
    -- SHA-256 of a cookie.
    browser_digest TEXT NOT NULL,
    -- Where an identity is being added to an account: which one, and by which session.
    user_id TEXT,
    session_id TEXT,
    -- What the protocol's driver remembers, and what the page does (JSON).
    state TEXT NOT NULL,
    context TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);

-- Somebody has proven an identity that no account has, and may make one.
CREATE TABLE proven_identities (
    digest TEXT NOT NULL PRIMARY KEY,
    browser_digest TEXT NOT NULL,
    backend TEXT NOT NULL,
    subject TEXT NOT NULL,
    shown TEXT NOT NULL,
    provider TEXT NOT NULL,
    -- What the provider says of the person, for the form (JSON).
    profile TEXT NOT NULL,
    context TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);

-- A login that waits for a choice may have begun with an identity instead of a password.
ALTER TABLE pending_logins ADD COLUMN identity_id TEXT;

-- Answers of providers that were used: SHA-256 of provider and nonce.
CREATE TABLE openid_nonces (
    hash TEXT NOT NULL PRIMARY KEY,
    keep_until BIGINT NOT NULL
);
CREATE INDEX openid_nonces_keep_until ON openid_nonces (keep_until);

-- Keys shared with providers. A handle says nothing without its endpoint.
CREATE TABLE openid_associations (
    -- SHA-256 of endpoint and handle.
    id TEXT NOT NULL PRIMARY KEY,
    op_endpoint TEXT NOT NULL,
    handle TEXT NOT NULL,
    version TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- Sealed under the master key with `openid_associations|id` as associated data.
    sealed_key TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX openid_associations_of_endpoint ON openid_associations (op_endpoint, expires_at);

-- Providers with which a key should be shared. Only those of a login that was verified, and
-- configured ones: others would make us compute for anybody.
CREATE TABLE openid_wanted_associations (
    -- SHA-256 of endpoint and version.
    id TEXT NOT NULL PRIMARY KEY,
    op_endpoint TEXT NOT NULL,
    version TEXT NOT NULL,
    -- A configured provider is never forgotten.
    configured_since BIGINT,
    first_wanted_at BIGINT NOT NULL,
    last_wanted_at BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    -- NULL: there is nothing to do.
    next_try_at BIGINT,
    leased_until BIGINT NOT NULL
);
CREATE INDEX openid_wanted_associations_next ON openid_wanted_associations (next_try_at);
