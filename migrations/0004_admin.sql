-- The console, its API, and an audit log that shows when somebody has changed it.

-- Programs that administer Passport.
CREATE TABLE admin_tokens (
    id TEXT NOT NULL PRIMARY KEY,
    -- Never given twice: the audit log names the token by it.
    name TEXT NOT NULL,
    -- SHA-256 of the token: a copy of this table lets nobody in.
    digest TEXT NOT NULL,
    -- Words with blanks between.
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT,
    revoked_at BIGINT
);
CREATE UNIQUE INDEX admin_tokens_name ON admin_tokens (name);
CREATE UNIQUE INDEX admin_tokens_digest ON admin_tokens (digest);

-- A line's place in the chain, and the SHA-256 over the hash of the line before it and its own
-- content. Empty until the sealer comes by, a few seconds after the line was written.
ALTER TABLE audit ADD COLUMN seq BIGINT;
ALTER TABLE audit ADD COLUMN hash TEXT;
CREATE UNIQUE INDEX audit_seq ON audit (seq);
CREATE INDEX audit_unsealed ON audit (id) WHERE seq IS NULL;
CREATE INDEX audit_of_user ON audit (user_id, id);
CREATE INDEX audit_of_kind ON audit (kind, id);

-- The chain's last link; the stamp under it can be made with the master key alone. Whoever seals
-- holds this row.
CREATE TABLE audit_chain (
    id TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL,
    stamp TEXT NOT NULL,
    sealed_at BIGINT NOT NULL
);
INSERT INTO audit_chain (id, seq, hash, stamp, sealed_at) VALUES ('head', 0, '', '', 0);
