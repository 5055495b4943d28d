-- A claim of a process that was killed, and that the server reads when its successor has come already, takes no lease: nobody would hold it,
-- and the passes would wait for its end.  So a claim says of which process it is.  NULL, as older programs ask: not compared.
-- The lock is no row lock, which would write WAL at each claim.
DROP FUNCTION api.claim(int4, text[], int4, interval);
CREATE FUNCTION api.claim(p_sensor int4, p_kinds text[], p_n int4, p_lease interval, p_instance uuid DEFAULT NULL)
RETURNS TABLE (schedule_id int8, fence int8, zone text, pass text, kind text, lo inet, hi inet, scope inet[],
               server_now timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
#variable_conflict use_column
DECLARE s schedule%ROWTYPE; v_scope inet[]; v_fence int8;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(7310868, p_sensor);    -- no hello comes between the question and its answer
  IF p_instance <> (SELECT n.instance FROM sensor n WHERE n.sensor_id = p_sensor) THEN RETURN; END IF;
  FOR s IN SELECT * FROM schedule q WHERE q.schedule_id = ANY(ARRAY(
             SELECT d.schedule_id FROM unnest(p_kinds) k, LATERAL (
                 SELECT r.schedule_id, r.due_at FROM schedule r WHERE r.retired_at IS NULL AND r.kind = k AND r.due_at <= now()
                  ORDER BY r.due_at LIMIT p_n FOR NO KEY UPDATE SKIP LOCKED) d
              ORDER BY d.due_at, d.schedule_id LIMIT p_n))
            ORDER BY q.due_at, q.schedule_id
  LOOP
    IF s.sensor_id IS NOT NULL THEN                           -- its lease ran out
      PERFORM record_visit(s, now(), false);
      s.asked := s.asked || COALESCE(s.scope, '{}');
    END IF;
    v_scope := NULL;
    IF s.wanted_at > now() THEN
      v_scope := ARRAY(SELECT a FROM unnest(s.asked) a
                       UNION SELECT d.addr FROM doubt d JOIN block b ON b.block_id = s.block_id
                              WHERE d.zone_id = s.zone_id AND d.addr BETWEEN b.lo AND b.hi
                                AND d.profile_id = s.profile_id AND d.misses > 0
                       ORDER BY 1);
      IF v_scope = '{}' THEN
        UPDATE schedule u SET due_at = u.wanted_at, sensor_id = NULL, asked = '{}' WHERE u.schedule_id = s.schedule_id;
        CONTINUE;
      END IF;
    END IF;
    UPDATE schedule u SET due_at = now() + p_lease, fence = nextval('fence'), sensor_id = p_sensor,
           claimed_at = now(), scope = v_scope, asked = '{}', part_done = 0, method = NULL, set_id = NULL,
           up = 0, down = 0, opened = 0, altered = 0, closed = 0, blind = '{}', tries = LEAST(u.tries + 1, 1000),
           confirms = CASE WHEN v_scope IS NULL THEN 0 ELSE LEAST(u.confirms + 1, 1000) END
     WHERE u.schedule_id = s.schedule_id RETURNING u.fence INTO v_fence;
    RETURN QUERY SELECT s.schedule_id, v_fence, z.name, p.name, p.kind, b.lo, b.hi, v_scope, clock_timestamp()
      FROM block b JOIN zone z USING (zone_id), profile p WHERE b.block_id = s.block_id AND p.profile_id = s.profile_id;
  END LOOP;
END $$;

-- As before, but behind the claims that are under way.
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
  PERFORM pg_advisory_xact_lock(7310868, v_id);               -- claims that are under way are seen below, later ones see this
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

REVOKE ALL ON FUNCTION api.claim(int4, text[], int4, interval, uuid) FROM PUBLIC;
SELECT ops.grant_roles();
