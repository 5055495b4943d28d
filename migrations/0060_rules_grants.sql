-- What the rules need of what came after them: endpoints that fail are a condition that turns back, and readers see maintenance windows.
UPDATE alert.type SET turns = true WHERE type IN ('endpoint.failing', 'endpoint.disabled', 'policy.violated', 'policy.failed');

-- Attempts older than p_keep go, decisions, incidents and messages after three times as long; in steps, so that none takes long.  Returns how
-- many went.
CREATE OR REPLACE FUNCTION alert.prune(p_keep interval, p_limit int4) RETURNS int8 LANGUAGE sql AS $$
  WITH gone AS (
    DELETE FROM alert.attempt WHERE ctid = ANY(ARRAY(
      SELECT a.ctid FROM alert.attempt a WHERE a.at < now() - p_keep
         AND NOT EXISTS (SELECT FROM alert.open o WHERE o.endpoint_id = a.endpoint_id AND o.seq = a.seq)
       LIMIT p_limit)) RETURNING 1)
  SELECT (SELECT count(*) FROM gone) + alert.prune_rules(3 * p_keep, p_limit) $$;

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'muster_reader') THEN
    GRANT EXECUTE ON FUNCTION alert.severity_name(int4), alert.window_until(alert.maintenance, timestamptz) TO muster_reader;
  END IF;
END $$;
