-- Sign-in from inside a page.

-- Since when an app's pages may be known by their Referer: for browsers that send no Origin. Null: they may not.
ALTER TABLE apps ADD COLUMN old_browsers_since BIGINT;
