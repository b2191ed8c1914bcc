-- By which identity the person proved who they are, when the session began or was last renewed; none for
-- a password. An identity that is removed may take along what came in with it.
ALTER TABLE sessions ADD COLUMN identity_id TEXT;
