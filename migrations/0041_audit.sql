-- The audit that people and tests have alike (muster doctor --audit), and sensors that say that they live.

-- Every row must be 0, at any time, also after a crash.
CREATE FUNCTION ops.audit() RETURNS TABLE (what text, n int8) LANGUAGE sql STABLE AS $$
  SELECT * FROM ops.invariants()
  UNION ALL
  SELECT 'mark of a host in doubt', count(*) FROM inv.host_mark m
   WHERE EXISTS (SELECT FROM inv.doubt d WHERE d.zone_id = m.zone_id AND d.addr = m.addr AND d.attr_id >= 2)
  UNION ALL
  SELECT 'mark of a host that is not known', count(*) FROM inv.host_mark m
   WHERE NOT EXISTS (SELECT FROM inv.fact_now f WHERE f.zone_id = m.zone_id AND f.addr = m.addr AND f.slot = 0 AND f.attr_id = 1)
  UNION ALL
  SELECT 'visit recorded twice', count(*) FROM (SELECT fence FROM inv.coverage WHERE fence > 0 GROUP BY fence HAVING count(*) > 1) q
  UNION ALL
  SELECT 'visit recorded and still running', count(*) FROM inv.schedule s JOIN inv.coverage v USING (fence) WHERE s.sensor_id IS NOT NULL AND fence > 0
  UNION ALL
  SELECT 'coverage that no visit proves', count(*) FROM inv.schedule s WHERE s.last_at IS NOT NULL
     AND s.last_at > COALESCE((SELECT min(at) FROM inv.coverage), 'infinity')
     AND NOT EXISTS (SELECT FROM inv.coverage v WHERE v.block_id = s.block_id AND v.profile_id = s.profile_id AND v.complete AND v.scope IS NULL)
  UNION ALL
  SELECT 'two spans of one fact that begin at once', count(*) FROM (SELECT FROM inv.change WHERE new_value IS NOT NULL
   GROUP BY zone_id, addr, slot, attr_id, at HAVING count(*) > 1) q
  UNION ALL
  SELECT 'change that does not end what was there', count(*) FROM (
    SELECT old_value, lag(new_value) OVER w AS before, row_number() OVER w AS i FROM inv.change
    WINDOW w AS (PARTITION BY zone_id, addr, slot, attr_id ORDER BY at, change_id)) q WHERE i > 1 AND old_value IS DISTINCT FROM before
  UNION ALL
  SELECT 'holder without its place', count(*) FROM inv.fact_now f WHERE f.attr_id = 0
     AND NOT EXISTS (SELECT FROM inv.asset_place p WHERE p.asset_id = f.value AND p.zone_id = f.zone_id AND p.addr = f.addr)
  UNION ALL
  SELECT 'place without its holder', count(*) FROM inv.asset_place p
   WHERE NOT EXISTS (SELECT FROM inv.fact_now f WHERE f.zone_id = p.zone_id AND f.addr = p.addr AND f.slot = 0 AND f.attr_id = 0 AND f.value = p.asset_id) $$;
COMMENT ON FUNCTION ops.audit() IS 'what must never be: each count is 0 at any time, also after a crash; muster doctor --audit';

-- ------------------------------------------------------------------ heartbeats
ALTER TABLE inv.sensor ADD COLUMN beat_at timestamptz;

-- A sensor lives.  false: another process has taken its name.
CREATE FUNCTION api.beat(p_sensor int4, p_instance uuid) RETURNS bool
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  WITH u AS (UPDATE sensor SET beat_at = now() WHERE sensor_id = p_sensor AND instance = p_instance RETURNING 1)
  SELECT EXISTS (SELECT FROM u) $$;

CREATE VIEW report.sensor AS
SELECT s.name AS sensor, CASE WHEN GREATEST(s.beat_at, s.greeted_at) > now() - interval '90 seconds' THEN 'alive' ELSE 'lost' END AS state,
       s.greeted_at AS since, GREATEST(s.beat_at, s.greeted_at) AS last_beat,
       (SELECT count(*)::int4 FROM inv.schedule q WHERE q.sensor_id = s.sensor_id) AS visits_running,
       (SELECT count(*)::int4 FROM inv.schedule q WHERE q.sensor_id = s.sensor_id AND q.due_at < now()) AS visits_overdue,
       (SELECT max(v.at) FROM inv.coverage v WHERE v.sensor_id = s.sensor_id AND v.at > now() - interval '7 days') AS last_visit
  FROM inv.sensor s WHERE s.greeted_at IS NOT NULL;
COMMENT ON VIEW report.sensor IS 'the engines that take visits; one that is lost leaves a gap in the coverage, its hosts are not gone';
COMMENT ON COLUMN report.sensor.sensor IS 'name of the engine: sensor in its configuration, else its host name';
COMMENT ON COLUMN report.sensor.state IS 'alive; lost: no sign of life for 90 seconds';
COMMENT ON COLUMN report.sensor.since IS 'start of its process';
COMMENT ON COLUMN report.sensor.last_beat IS 'last sign of life: it gives one each 20 seconds';
COMMENT ON COLUMN report.sensor.visits_running IS 'visits that it has leased';
COMMENT ON COLUMN report.sensor.visits_overdue IS 'of them, those whose lease has run out: the next sensor takes them';
COMMENT ON COLUMN report.sensor.last_visit IS 'end of its last visit, within a week';
INSERT INTO report.catalog (name, title, question, category, params) VALUES
  ('sensor', 'Sensors', 'Which engines look at the networks, and are they alive?', 'coverage', '[]');
SELECT ops.grant_roles();
