-- Cannot be part of a transaction: it is journalled statement by statement, and an index that a crash left half built is
-- found and built anew.
CREATE INDEX CONCURRENTLY tickets_event_channel ON tickets (event_id, channel);
