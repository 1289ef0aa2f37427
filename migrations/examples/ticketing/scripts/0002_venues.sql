-- Venues get a table of their own. NOT VALID: new rows are checked from now on, the old ones in the next script, so that
-- no lock on events waits for a scan.
CREATE TABLE venues (
  id bigint PRIMARY KEY,
  name text NOT NULL
);

INSERT INTO venues (id, name) SELECT DISTINCT venue_id, venue_name FROM events;

ALTER TABLE events ADD CONSTRAINT events_venue_fk FOREIGN KEY (venue_id) REFERENCES venues (id) NOT VALID;
