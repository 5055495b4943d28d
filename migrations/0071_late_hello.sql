-- The hello of a process that was killed, and that arrives behind that of its successor, voids no lease of the living.
ALTER TABLE inv.sensor ADD COLUMN greeted_from timestamptz;    -- start of the connection that said hello last ...
ALTER TABLE inv.sensor ADD COLUMN greeted_server timestamptz;  -- ... to the server that was started then
-- A sensor's process says who it is.  A new process voids the leases of its predecessor: their visits are due again at once.
-- What a process sent before it was killed may be read by the server after its successor has come: then it is the connection that
-- is older, and its hello is refused.  (Only connections to one run of one server have an order; and behind a pooler a new process may
-- get an old connection, so that is believed for a minute alone: it tries again.)
CREATE OR REPLACE FUNCTION api.hello(p_sensor text, p_instance uuid,
                          OUT sensor_id int4, OUT digest_key text, OUT server_now timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
#variable_conflict use_column
DECLARE v_old uuid; v_id int4; v_newest timestamptz;
  v_start timestamptz := (SELECT a.backend_start FROM pg_stat_get_activity(pg_backend_pid()) a);
  v_sys int8 := (SELECT c.system_identifier FROM pg_control_system() c);
BEGIN
  INSERT INTO sensor(name) VALUES (p_sensor) ON CONFLICT (name) DO NOTHING;
  SELECT s.sensor_id, s.instance,
         CASE WHEN s.greeted_server = pg_postmaster_start_time() AND s.greeted_at > now() - interval '1 minute' THEN s.greeted_from END
    INTO v_id, v_old, v_newest
    FROM sensor s WHERE s.name = p_sensor FOR UPDATE;
  IF v_old <> p_instance AND v_newest > v_start THEN
    RAISE EXCEPTION 'a newer process of sensor % has come meanwhile', p_sensor USING ERRCODE = 'M0001';
  END IF;
  UPDATE sensor SET instance = p_instance, greeted_at = now(), greeted_from = v_start, greeted_server = pg_postmaster_start_time()
   WHERE sensor.sensor_id = v_id;
  IF v_old IS DISTINCT FROM p_instance THEN
    UPDATE schedule s SET fence = nextval('fence'), sensor_id = NULL, due_at = now(),
           asked = CASE WHEN s.scope IS NULL THEN s.asked ELSE s.asked || s.scope END
     WHERE s.sensor_id = v_id;
  END IF;
  -- A database that was restored into another cluster: transaction ids start anew there, so those of the past are made older
  -- than every future one.  Else readers would wait for them for ever.
  IF EXISTS (SELECT FROM ops.installation i WHERE i.system_identifier <> v_sys) THEN
    UPDATE alert.event SET xid = '3' WHERE xid >= pg_snapshot_xmax(pg_current_snapshot());
    UPDATE change SET tx = '3' WHERE tx >= pg_snapshot_xmax(pg_current_snapshot());
    UPDATE ops.installation i SET system_identifier = v_sys;
  END IF;
  SELECT v_id, encode(i.digest_key, 'hex'), clock_timestamp() INTO sensor_id, digest_key, server_now
    FROM ops.installation i;
END $$;
