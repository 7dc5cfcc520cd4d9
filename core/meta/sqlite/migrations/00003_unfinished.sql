-- Unfinished native uploads are shown as objects: those without a live version are found among the hidden ones. Their parts
-- keep the state of the SHA-256 of all parts up to them.

-- +goose Up

CREATE INDEX hidden_unfinished ON hidden (bucket_id, key) WHERE unfinished IS NOT NULL;
ALTER TABLE parts ADD COLUMN chain BLOB;
