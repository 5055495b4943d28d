-- A clock that was set back stopped all passes for as long as the jump: what is due is compared with now(), and nobody looked at what lies
-- beyond.  A sensor gives a sign of life each 20 seconds; where the last one lies in the future, the clock was set back.

-- What cannot be, by the clock as it is now, is taken for as soon as it can be.
CREATE FUNCTION inv.settle_clock() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(7310868735425770594);         -- as api.sync_config: one at a time
  UPDATE inv.sensor SET beat_at = LEAST(beat_at, now()), greeted_at = LEAST(greeted_at, now()) WHERE beat_at > now() OR greeted_at > now();
  UPDATE inv.schedule s SET wanted_at = LEAST(s.wanted_at, now() + p.every),
         due_at = LEAST(s.due_at, now() + CASE WHEN s.due_at < s.wanted_at THEN LEAST(p.confirm, p.every) ELSE p.every END)
    FROM inv.profile p
   WHERE p.profile_id = s.profile_id AND s.retired_at IS NULL AND s.sensor_id IS NULL AND s.due_at < 'infinity'
     AND GREATEST(s.wanted_at, s.due_at) > now() + p.every;
  -- a lease that nobody renews any more
  UPDATE inv.schedule s SET due_at = now() + interval '1 minute'
   WHERE s.sensor_id IS NOT NULL AND s.claimed_at > now() AND s.due_at > now() + interval '1 minute';
END $$;

CREATE OR REPLACE FUNCTION api.beat(p_sensor int4, p_instance uuid) RETURNS bool
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM sensor WHERE sensor_id = p_sensor AND beat_at > now() + interval '5 seconds') THEN
    PERFORM settle_clock();
  END IF;
  UPDATE sensor SET beat_at = now() WHERE sensor_id = p_sensor AND instance = p_instance;
  RETURN FOUND;
END $$;

-- As before, but a greeting of the future says nothing about who is newer: after the clock was set back, a restarted sensor was refused.
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
         CASE WHEN s.greeted_server = pg_postmaster_start_time()
               AND s.greeted_at BETWEEN now() - interval '1 minute' AND clock_timestamp() THEN s.greeted_from END
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

REVOKE ALL ON FUNCTION inv.settle_clock() FROM PUBLIC;
SELECT ops.grant_roles();
