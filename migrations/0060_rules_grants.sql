-- What the rules need of what came after them: endpoints that fail are a condition that turns back, and readers see maintenance windows.
UPDATE alert.type SET turns = true WHERE type IN ('endpoint.failing', 'endpoint.disabled');

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'muster_reader') THEN
    GRANT EXECUTE ON FUNCTION alert.severity_name(int4), alert.window_until(alert.maintenance, timestamptz) TO muster_reader;
  END IF;
END $$;
