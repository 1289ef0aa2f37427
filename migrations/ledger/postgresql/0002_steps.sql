-- The ledger's own steps, version 2: what a run may do to the tables, and what must hold when it does.

-- Every step of ours goes through these. Each sets its own search_path: pg_temp last by name, for left out it is searched
-- first, and a script may make a temporary pg_locks.

-- Raises unless the fence carries our epoch and run and this very backend holds the run lock; the fence row stays locked
-- to the end of the transaction, so that nobody takes over in the middle.
CREATE FUNCTION @L@.enter(p_key bigint, p_epoch bigint, p_run uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $dbm$
BEGIN
  PERFORM FROM @L@.fence f WHERE f.epoch = p_epoch AND f.run = p_run FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'another run has taken over' USING ERRCODE = 'MG001';
  END IF;
  PERFORM FROM pg_catalog.pg_locks l
  WHERE l.locktype = 'advisory' AND l.pid = pg_catalog.pg_backend_pid() AND l.granted AND l.objsubid = 1
    AND l.classid = ((p_key >> 32) & 4294967295)::pg_catalog.oid AND l.objid = (p_key & 4294967295)::pg_catalog.oid;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the run lock is not held any more' USING ERRCODE = 'MG002';
  END IF;
END
$dbm$;

CREATE FUNCTION @L@.begin_script(p_key bigint, p_epoch bigint, p_run uuid, p_version text, p_version_key text, p_name text,
                                 p_batch bigint, p_status text, p_checksum text, p_normalised text, p_rollback_checksum text,
                                 p_rollback_sql text, p_statements bigint, p_backup_id text, p_plan_digest text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $dbm$
DECLARE
  v_id bigint;
BEGIN
  PERFORM @L@.enter(p_key, p_epoch, p_run);
  -- The unique index sees to 'applied' and 'baseline'; a 'running' row would slip past it.
  IF p_status = 'running' THEN
    PERFORM FROM @L@.history h WHERE h.version_key = p_version_key AND h.status IN ('applied', 'baseline');
    IF FOUND THEN
      RAISE EXCEPTION 'version % is applied already', p_version_key USING ERRCODE = '23505', CONSTRAINT = 'history_one_applied';
    END IF;
  END IF;
  INSERT INTO @L@.history (version, version_key, name, batch, status, checksum, checksum_normalised, rollback_checksum, rollback_sql,
                           statements, backup_id, plan_digest, run, epoch, finished, execution_ms)
  VALUES (p_version, p_version_key, p_name, p_batch, p_status, p_checksum, p_normalised, p_rollback_checksum, p_rollback_sql,
          p_statements, p_backup_id, p_plan_digest, p_run, p_epoch,
          CASE WHEN p_status = 'baseline' THEN pg_catalog.clock_timestamp() END, CASE WHEN p_status = 'baseline' THEN 0 END)
  RETURNING id INTO v_id;
  RETURN v_id;
END
$dbm$;

-- Closes the row that this very transaction inserted. None: the script ended our transaction, and the row stays unclosed.
CREATE FUNCTION @L@.leave(p_key bigint, p_epoch bigint, p_run uuid, p_version_key text, p_rows bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $dbm$
BEGIN
  PERFORM @L@.enter(p_key, p_epoch, p_run);
  UPDATE @L@.history h
  SET finished = pg_catalog.clock_timestamp(), rows = p_rows, statements_done = h.statements,
      execution_ms = (extract(epoch FROM pg_catalog.clock_timestamp() - h.started) * 1000)::bigint
  WHERE h.version_key = p_version_key AND h.run = p_run AND h.epoch = p_epoch AND h.status = 'applied' AND h.finished IS NULL
    AND h.xmin = pg_catalog.pg_current_xact_id()::pg_catalog.xid;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the script ended the transaction it runs in' USING ERRCODE = 'MG003';
  END IF;
END
$dbm$;

CREATE FUNCTION @L@.fail_script(p_key bigint, p_epoch bigint, p_run uuid, p_version text, p_version_key text, p_name text,
                                p_batch bigint, p_checksum text, p_normalised text, p_statements bigint, p_done bigint,
                                p_backup_id text, p_plan_digest text, p_sqlstate text, p_text text, p_server text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $dbm$
BEGIN
  PERFORM @L@.enter(p_key, p_epoch, p_run);
  INSERT INTO @L@.history (version, version_key, name, batch, status, checksum, checksum_normalised, statements, statements_done,
                           backup_id, plan_digest, run, epoch, finished, error_sqlstate, error_text, error_server)
  VALUES (p_version, p_version_key, p_name, p_batch, 'failed', p_checksum, p_normalised, p_statements, p_done,
          p_backup_id, p_plan_digest, p_run, p_epoch, pg_catalog.clock_timestamp(), p_sqlstate, p_text, p_server);
END
$dbm$;

-- What is about to happen outside a transaction. Written anew when it is tried again; never over a 'done'.
CREATE FUNCTION @L@.intend_statement(p_epoch bigint, p_version_key text, p_index bigint, p_hash text, p_kind text, p_object text,
                                     p_state_before text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $dbm$
BEGIN
  INSERT INTO @L@.statement AS s (history_id, index, hash, kind, object, state_before, epoch)
  SELECT h.id, p_index, p_hash, p_kind, p_object, p_state_before, p_epoch
  FROM @L@.history h WHERE h.version_key = p_version_key AND h.status = 'running'
  ON CONFLICT (history_id, index) DO UPDATE
  SET hash = excluded.hash, kind = excluded.kind, object = excluded.object, state_before = excluded.state_before,
      intended_at = pg_catalog.clock_timestamp(), outcome = NULL, finished = NULL, rows = NULL, epoch = excluded.epoch
  WHERE s.outcome IS DISTINCT FROM 'done';
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no running row of version %, or its statement % is done', p_version_key, p_index USING ERRCODE = 'MG004';
  END IF;
END
$dbm$;

CREATE FUNCTION @L@.done_statement(p_version_key text, p_index bigint, p_outcome text, p_rows bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $dbm$
DECLARE
  v_id bigint;
BEGIN
  SELECT h.id INTO v_id FROM @L@.history h WHERE h.version_key = p_version_key AND h.status = 'running';
  UPDATE @L@.statement s SET outcome = p_outcome, rows = p_rows, finished = pg_catalog.clock_timestamp()
  WHERE s.history_id = v_id AND s.index = p_index;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no intent of statement % of version %', p_index, p_version_key USING ERRCODE = 'MG004';
  END IF;
  UPDATE @L@.history h
  SET statements_done = (SELECT count(*) FROM @L@.statement s WHERE s.history_id = v_id AND s.outcome = 'done')
  WHERE h.id = v_id;
END
$dbm$;

-- Ends a script that could not be one transaction.
CREATE FUNCTION @L@.close_script(p_version_key text, p_status text, p_sqlstate text, p_text text, p_server text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $dbm$
BEGIN
  UPDATE @L@.history h
  SET status = p_status, finished = pg_catalog.clock_timestamp(),
      execution_ms = (extract(epoch FROM pg_catalog.clock_timestamp() - h.started) * 1000)::bigint,
      rows = coalesce((SELECT sum(s.rows) FROM @L@.statement s WHERE s.history_id = h.id), 0),
      statements_done = CASE WHEN p_status = 'applied' THEN h.statements ELSE h.statements_done END,
      error_sqlstate = p_sqlstate, error_text = p_text, error_server = p_server
  WHERE h.version_key = p_version_key AND h.status = 'running';
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no running row of version %', p_version_key USING ERRCODE = 'MG004';
  END IF;
END
$dbm$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA @L@ FROM PUBLIC;
