-- Every redemption writes to each of these tables, so each index of theirs is on the hot path.

-- The lines that are not sealed yet are read in order of their ids. As long as this index held their
-- empty numbers, too, SQLite took it and sorted all of them for every portion.
DROP INDEX audit_seq;
CREATE UNIQUE INDEX audit_seq ON audit (seq) WHERE seq IS NOT NULL;

-- A session has few app sessions: app_sessions_of_session finds the live ones as well.
DROP INDEX app_sessions_live_of_session;
-- What is long over is found by the id, which begins with the time.
DROP INDEX app_sessions_expires_at;
