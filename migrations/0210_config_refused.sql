-- A configuration that is not in force is seen where people look, not in the log of its machine alone.

ALTER TABLE inv.sensor ADD COLUMN config_refused_at timestamptz;  -- since then the file is not in force; NULL: it is
ALTER TABLE inv.sensor ADD COLUMN config_why text;

-- Why the configuration file of a sensor is not in force, and for how long it has not been; p_why NULL: it is in force.
CREATE FUNCTION api.config_refused(p_sensor int4, p_instance uuid, p_why text, p_age interval) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  UPDATE sensor SET config_why = left(p_why, 1000), config_refused_at = CASE WHEN p_why IS NOT NULL THEN now() - p_age END
   WHERE sensor_id = p_sensor AND instance = p_instance AND (p_why IS NOT NULL OR config_why IS NOT NULL) $$;

CREATE OR REPLACE VIEW report.sensor AS
SELECT s.name AS sensor, CASE WHEN GREATEST(s.beat_at, s.greeted_at) > now() - interval '90 seconds' THEN 'alive' ELSE 'lost' END AS state,
       s.greeted_at AS since, GREATEST(s.beat_at, s.greeted_at) AS last_beat,
       (SELECT count(*)::int4 FROM inv.schedule q WHERE q.sensor_id = s.sensor_id) AS visits_running,
       (SELECT count(*)::int4 FROM inv.schedule q WHERE q.sensor_id = s.sensor_id AND q.due_at < now()) AS visits_overdue,
       (SELECT max(v.at) FROM inv.coverage v WHERE v.sensor_id = s.sensor_id AND v.at > now() - interval '7 days') AS last_visit,
       s.config_refused_at, s.config_why
  FROM inv.sensor s WHERE s.greeted_at IS NOT NULL;
COMMENT ON COLUMN report.sensor.config_refused_at IS 'since then its configuration file is not in force, what held before goes on; NULL: it is in force';
COMMENT ON COLUMN report.sensor.config_why IS 'why it is not: file, line and what is wrong there, or how its process died under it';
SELECT ops.grant_roles();
