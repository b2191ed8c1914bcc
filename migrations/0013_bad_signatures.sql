-- How many answers in a row came under a provider's key and were not signed by it: the provider's key
-- may not be ours any more.
ALTER TABLE openid_associations ADD COLUMN bad_signatures BIGINT NOT NULL DEFAULT 0;
