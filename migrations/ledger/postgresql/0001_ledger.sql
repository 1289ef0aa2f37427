-- The ledger of one DatabaseMigration, version 1. @L@ is the quoted ledger schema; the owner is the login of the runner.
-- Who reads `history` with psql understands what happened; `history_readable` helps.

CREATE TABLE @L@.ledger_version (
  version integer NOT NULL,
  installed_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  installed_by text NOT NULL DEFAULT 'dbm'
);

-- One row. Every transaction of a run locks it first; whoever takes over adds one to the epoch.
CREATE TABLE @L@.fence (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  ledger_id uuid NOT NULL,
  epoch bigint NOT NULL DEFAULT 0,
  run uuid,
  holder text,
  owner_cluster text NOT NULL,
  owner_namespace text NOT NULL,
  owner_name text NOT NULL,
  system_identifier text NOT NULL,
  timeline text,
  database text NOT NULL
);

-- One row per run: the evidence that a status is rebuilt from.
CREATE TABLE @L@.run (
  run uuid PRIMARY KEY,
  batch bigint NOT NULL,
  epoch bigint NOT NULL,
  generation bigint NOT NULL,
  spec_digest text NOT NULL,
  source_digest text NOT NULL,
  plan_digest text,
  plan jsonb,                  -- names and numbers of the plan, for people
  backup jsonb,                -- status.backup, with how far it is verified
  dry_run jsonb,
  checks jsonb,                -- names and verdicts, no values
  validated boolean NOT NULL DEFAULT false,
  outcome text,                -- NULL while open; Succeeded or the reason
  failure jsonb,
  holder text,
  started timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  finished timestamptz
);

-- One row per attempt of a script: inserted once, closed once.
CREATE TABLE @L@.history (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  version text NOT NULL,
  version_key text NOT NULL,
  name text NOT NULL,
  batch bigint NOT NULL,
  direction text NOT NULL DEFAULT 'forward' CHECK (direction IN ('forward', 'rollback')),
  lane text NOT NULL DEFAULT 'main',
  status text NOT NULL CHECK (status IN ('running', 'applied', 'failed', 'rolled_back', 'baseline', 'superseded')),
  checksum text NOT NULL,            -- sha256:… of the bytes
  checksum_normalised text NOT NULL, -- dbm1-sha256:… of the meaning
  rollback_checksum text,
  rollback_sql text,
  statements bigint NOT NULL DEFAULT 0,
  statements_done bigint NOT NULL DEFAULT 0,
  rows bigint NOT NULL DEFAULT 0,
  started timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  finished timestamptz,
  execution_ms bigint,
  error_sqlstate text,
  error_text text,                   -- our words
  error_server text,                 -- the server's words; may hold values of rows
  backup_id text,
  plan_digest text,
  applied_by text NOT NULL DEFAULT SESSION_USER,
  run uuid NOT NULL,
  epoch bigint NOT NULL
);
CREATE UNIQUE INDEX history_one_applied ON @L@.history (version_key) WHERE status IN ('applied', 'baseline');
CREATE UNIQUE INDEX history_one_running ON @L@.history (lane) WHERE status = 'running';

-- The journal of scripts that cannot be one transaction.
CREATE TABLE @L@.statement (
  history_id bigint NOT NULL REFERENCES @L@.history (id),
  index bigint NOT NULL,
  hash text NOT NULL,                -- sha256 of the statement's text
  kind text NOT NULL,                -- the command, as the plan classed it
  object text,
  state_before text,                 -- absent, an oid, invalid …
  intended_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  outcome text,                      -- NULL: unknown until probed; done, failed
  finished timestamptz,
  rows bigint,
  epoch bigint NOT NULL,
  PRIMARY KEY (history_id, index)
);

CREATE VIEW @L@.history_readable AS
SELECT h.version, h.name, h.status, h.started, h.execution_ms, h.rows, h.statements_done || ' of ' || h.statements AS statements,
       h.batch, h.backup_id, h.error_sqlstate, h.error_text
FROM @L@.history h ORDER BY h.id DESC;
