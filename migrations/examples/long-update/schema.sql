-- Enough rows that one UPDATE takes seconds; the canary is 1, and v * 2 + 1 with each run of the script.
CREATE TABLE readings (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  millivolts bigint NOT NULL,
  note text NOT NULL
);

CREATE TABLE canary (v numeric NOT NULL);
INSERT INTO canary VALUES (1);

INSERT INTO readings (millivolts, note) SELECT n % 5000, 'reading ' || n FROM generate_series(1, 500000) AS n;
CREATE INDEX readings_millivolts ON readings (millivolts);
