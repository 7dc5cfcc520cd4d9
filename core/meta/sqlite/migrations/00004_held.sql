-- Entries of which a version is, or was, under retention or legal hold have the flag 64. No door of an older program could
-- ask for either.

-- +goose Up

CREATE INDEX objects_held ON objects (bucket_id, key) WHERE flags & 64 = 64;
CREATE INDEX hidden_held ON hidden (bucket_id, key) WHERE flags & 64 = 64;
