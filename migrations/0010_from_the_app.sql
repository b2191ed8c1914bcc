-- Signing in through an app's own form, asking before the first silent entry, and telling an app's
-- pages of a logout by way of the browser.

-- Since when an app's server may pass on name and password. Null: it may not.
ALTER TABLE apps ADD COLUMN may_login_since BIGINT;
-- Since when the first silent entry of each person asks. Null: it does not.
ALTER TABLE apps ADD COLUMN asks_first_since BIGINT;
-- Where the browser tells the app of a logout.
ALTER TABLE apps ADD COLUMN front_logout_url TEXT;

-- Sessions that were begun by an app's server and that no browser holds yet: each can be taken by
-- one browser, once.
CREATE TABLE establish_links (
    digest TEXT NOT NULL PRIMARY KEY,
    -- The session's, by which it is found. It changes when a browser takes it.
    session_digest TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id),
    app_id TEXT NOT NULL REFERENCES apps (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
