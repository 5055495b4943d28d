-- A process that ends may greet once more behind its successor, and take the name of the sensor with it: nobody had it then, and no visit was made any
-- more.  Who has it and gives no sign of life for more than two beats loses it to who does.

CREATE OR REPLACE FUNCTION api.beat(p_sensor int4, p_instance uuid) RETURNS bool
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM sensor WHERE sensor_id = p_sensor AND beat_at > now() + interval '5 seconds') THEN
    PERFORM settle_clock();
  END IF;
  UPDATE sensor SET beat_at = now() WHERE sensor_id = p_sensor AND instance = p_instance;
  IF FOUND THEN RETURN true; END IF;
  IF NOT EXISTS (SELECT FROM sensor WHERE sensor_id = p_sensor AND GREATEST(beat_at, greeted_at) < now() - interval '45 seconds') THEN RETURN false; END IF;
  PERFORM pg_advisory_xact_lock(7310868, p_sensor);           -- as in hello: claims that are under way are seen below
  UPDATE sensor SET instance = p_instance, beat_at = now()
   WHERE sensor_id = p_sensor AND instance <> p_instance AND GREATEST(beat_at, greeted_at) < now() - interval '45 seconds';
  IF NOT FOUND THEN RETURN false; END IF;
  UPDATE schedule s SET fence = nextval('fence'), sensor_id = NULL, due_at = now(),
         asked = CASE WHEN s.scope IS NULL THEN s.asked ELSE s.asked || s.scope END
   WHERE s.sensor_id = p_sensor;
  RETURN true;
END $$;
