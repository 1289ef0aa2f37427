-- Reads every event, while others go on reading and writing them.
ALTER TABLE events VALIDATE CONSTRAINT events_venue_fk;
