-- The ledger, version 4: the run lock counts only while it is held alone. A script that gives it away and takes it
-- shared would let another run in beside it.

CREATE OR REPLACE FUNCTION @L@.enter(p_key bigint, p_epoch bigint, p_run uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $dbm$
BEGIN
  PERFORM FROM @L@.fence f WHERE f.epoch = p_epoch AND f.run = p_run FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'another run has taken over' USING ERRCODE = 'MG001';
  END IF;
  PERFORM FROM pg_catalog.pg_locks l
  WHERE l.locktype = 'advisory' AND l.pid = pg_catalog.pg_backend_pid() AND l.granted AND l.mode = 'ExclusiveLock'
    AND l.objsubid = 1
    AND l.classid = ((p_key >> 32) & 4294967295)::pg_catalog.oid AND l.objid = (p_key & 4294967295)::pg_catalog.oid;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the run lock is not held any more' USING ERRCODE = 'MG002';
  END IF;
END
$dbm$;
