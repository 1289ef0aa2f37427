-- A small ticketing database as it was before the migration: 2,000 customers, 40 events at 6 venues, 20,000 tickets.
CREATE TABLE customers (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  email text NOT NULL UNIQUE
);

CREATE TABLE events (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  venue_id bigint NOT NULL,
  venue_name text NOT NULL,
  starts_at timestamptz NOT NULL
);

CREATE TABLE tickets (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id bigint NOT NULL REFERENCES events (id),
  customer_id bigint NOT NULL REFERENCES customers (id),
  price_cents integer NOT NULL CHECK (price_cents >= 0),
  sold_by text,
  sold_at timestamptz NOT NULL
);

INSERT INTO customers (email) SELECT 'customer' || n || '@example.org' FROM generate_series(1, 2000) AS n;

INSERT INTO events (name, venue_id, venue_name, starts_at)
SELECT 'Evening ' || n, 1 + n % 6, (ARRAY['Town Hall', 'Arena', 'Old Mill', 'Harbour', 'Library', 'Garden'])[1 + n % 6],
       timestamptz '2026-01-01 20:00+00' + n * interval '1 day'
FROM generate_series(1, 40) AS n;

INSERT INTO tickets (event_id, customer_id, price_cents, sold_by, sold_at)
SELECT 1 + n % 40, 1 + n % 2000, 1500 + 100 * (n % 30), CASE WHEN n % 7 = 0 THEN 'desk ' || n % 3 END,
       timestamptz '2025-10-01 09:00+00' + n * interval '3 minutes'
FROM generate_series(1, 20000) AS n;
