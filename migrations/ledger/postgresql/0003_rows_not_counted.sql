-- The ledger, version 3: a row that says 0 rows says that they were counted. Scripts that go out many at a time are closed
-- before the server has told how many rows they changed: theirs is NULL.

ALTER TABLE @L@.history ALTER COLUMN rows DROP NOT NULL, ALTER COLUMN rows DROP DEFAULT;
