-- Endpoints that fail are news for the other endpoints; messages of the past can be delivered once more in bulk.

-- ------------------------------------------------------------------ an endpoint that fails
INSERT INTO alert.type VALUES ('endpoint.failing', 3), ('endpoint.disabled', 3), ('endpoint.recovered', 1);

ALTER TABLE alert.endpoint ADD told text CHECK (told IN ('failing', 'disabled'));   -- what the others have been told last

-- Tells of endpoints that have failed for p_after, were disabled, or are well again, as events: dispatchers do not send one to the endpoint
-- that it is about (its dedup is 'endpoint/NAME').  Returns how many.
CREATE FUNCTION alert.tell_endpoints(p_names text[], p_after interval) RETURNS int8 LANGUAGE sql AS $$
  WITH held AS (
    SELECT e.endpoint_id, CASE WHEN e.state = 'disabled' THEN 'disabled'
                               WHEN e.state IN ('failing', 'quarantined') AND e.fail_since <= now() - p_after THEN 'failing'
                               WHEN e.state <> 'ok' THEN e.told END AS told
      FROM alert.endpoint e WHERE e.name = ANY(p_names)),
  news AS (
    UPDATE alert.endpoint e SET told = h.told FROM held h
     WHERE h.endpoint_id = e.endpoint_id AND e.told IS DISTINCT FROM h.told
    RETURNING e.name, e.kind, e.state, e.reason, e.fail_since, h.told),
  written AS (
    INSERT INTO alert.event (id, observed_at, type, severity, zone, subject, dedup, body)
    SELECT inv.event_id(), now(), t.type, t.severity, '', 'endpoint/' || n.name, 'endpoint/' || n.name,
           jsonb_build_object('severity', (ARRAY['debug', 'info', 'warning', 'high', 'critical'])[t.severity + 1],
             'state', CASE WHEN n.told IS NULL THEN 'resolved' ELSE 'firing' END, 'dedup_key', 'endpoint/' || n.name, 'zone', '',
             'subject', jsonb_build_object('kind', 'endpoint', 'endpoint', n.name),
             'summary', CASE WHEN n.told IS NULL THEN format('endpoint %s (%s) takes alerts again', n.name, n.kind)
                             WHEN n.told = 'disabled' THEN format('endpoint %s (%s) is disabled: %s', n.name, n.kind, n.reason)
                             ELSE format('endpoint %s (%s) does not take alerts: %s', n.name, n.kind, n.reason) END,
             'old', NULL, 'new', jsonb_build_object('state', n.state, 'reason', n.reason), 'labels', '{}'::jsonb,
             'first_seen', COALESCE(n.fail_since, now()), 'more', 'muster endpoint list')
      FROM news n JOIN alert.type t ON t.type = 'endpoint.' || COALESCE(n.told, 'recovered')
    RETURNING 1)
  SELECT count(*) FROM written $$;

-- ------------------------------------------------------------------ once more, in bulk
-- A consumer of its own over the messages of an endpoint: it puts some of them at a time into alert.open, and goes on when those are done.
-- Live messages go on beside it, a restart continues it.
CREATE TABLE alert.replay_job (
  job_id      int4 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  endpoint_id int4 NOT NULL REFERENCES alert.endpoint ON DELETE CASCADE,
  since       timestamptz NOT NULL,
  until       timestamptz NOT NULL,
  only_dead   bool NOT NULL,
  last_seq    int8 NOT NULL,                  -- nothing behind it
  seq         int8 NOT NULL DEFAULT 0,        -- all up to it have been put into alert.open
  fed         int8 NOT NULL DEFAULT 0,
  made_at     timestamptz NOT NULL DEFAULT now(),
  ended_at    timestamptz
);
CREATE INDEX replay_job_open ON alert.replay_job (endpoint_id) WHERE ended_at IS NULL;
CREATE INDEX notice_when ON alert.notice (endpoint_id, at);

-- Of what was written in [since, until), and the endpoint has come by.  Returns how many there are; -1: no such endpoint.
CREATE FUNCTION alert.replay_range(p_endpoint text, p_since timestamptz, p_until timestamptz, p_only_dead bool) RETURNS int8
LANGUAGE plpgsql AS $$
DECLARE v_id int4; v_n int8; v_last int8;
BEGIN
  SELECT e.endpoint_id INTO v_id FROM alert.endpoint e WHERE e.name = p_endpoint FOR UPDATE;
  IF NOT FOUND THEN RETURN -1; END IF;
  SELECT count(*), max(n.seq) INTO v_n, v_last FROM alert.notice n JOIN alert.cursor c ON c.endpoint_id = v_id
   WHERE n.endpoint_id = v_id AND n.at >= p_since AND n.at < p_until AND (n.xid, n.seq) <= (c.xid, c.seq)
     AND (NOT p_only_dead OR EXISTS (SELECT FROM alert.open o WHERE o.endpoint_id = v_id AND o.seq = n.seq AND o.state = 'dead'));
  IF v_n = 0 THEN RETURN 0; END IF;
  INSERT INTO alert.replay_job (endpoint_id, since, until, only_dead, last_seq) VALUES (v_id, p_since, p_until, p_only_dead, v_last);
  NOTIFY alert_notice;
  RETURN v_n;
END $$;

-- The next ones, when fewer than p_limit are open for replay.  more: the endpoint has a replay that has not ended.  Only for the process
-- that holds the endpoint.
CREATE FUNCTION alert.replay_feed(p_endpoint int4, p_epoch int8, p_limit int4, OUT fed int8, OUT more bool) LANGUAGE plpgsql AS $$
DECLARE j alert.replay_job; v_seq int8; v_subjects text[];
BEGIN
  fed := 0; more := false;
  SELECT * INTO j FROM alert.replay_job WHERE endpoint_id = p_endpoint AND ended_at IS NULL ORDER BY job_id LIMIT 1;
  IF NOT FOUND THEN RETURN; END IF;
  PERFORM FROM alert.endpoint WHERE endpoint_id = p_endpoint AND epoch = p_epoch FOR UPDATE;
  IF NOT FOUND THEN RETURN; END IF;
  more := true;
  IF (SELECT count(*) FROM alert.open WHERE endpoint_id = p_endpoint AND reason = 'replay' AND state <> 'dead') >= p_limit THEN RETURN; END IF;
  WITH next AS MATERIALIZED (
    SELECT n.seq, n.dedup FROM alert.notice n
     WHERE n.endpoint_id = p_endpoint AND n.seq > j.seq AND n.seq <= j.last_seq AND n.at >= j.since AND n.at < j.until
       AND (NOT j.only_dead OR EXISTS (SELECT FROM alert.open o WHERE o.endpoint_id = p_endpoint AND o.seq = n.seq AND o.state = 'dead'))
     ORDER BY n.seq LIMIT p_limit),
  again AS (
    INSERT INTO alert.open AS o (endpoint_id, seq, state, reason, dedup)
    SELECT p_endpoint, n.seq, 'held', 'replay', n.dedup FROM next n
    ON CONFLICT (endpoint_id, seq) DO UPDATE SET state = 'held', next_at = NULL, reason = 'replay', attempts = 0, made_at = now()
     WHERE o.state = 'dead'
    RETURNING 1)
  SELECT max(n.seq), array_agg(DISTINCT n.dedup), (SELECT count(*) FROM again) INTO v_seq, v_subjects, fed FROM next n;
  PERFORM alert.promote(p_endpoint, v_subjects);
  UPDATE alert.replay_job r SET seq = COALESCE(v_seq, r.seq), fed = r.fed + replay_feed.fed, ended_at = CASE WHEN v_seq IS NULL THEN now() END
   WHERE r.job_id = j.job_id;
  more := v_seq IS NOT NULL OR EXISTS (SELECT FROM alert.replay_job r WHERE r.endpoint_id = p_endpoint AND r.ended_at IS NULL);
END $$;

-- Dead letters that nobody wants any more: these (by message or event), or (NULL) all of the endpoint.  What was tried stays in
-- alert.attempt.  Returns how many; -1: no such endpoint.
CREATE FUNCTION alert.drop_dead(p_endpoint text, p_ids text[]) RETURNS int8 LANGUAGE plpgsql AS $$
DECLARE v_id int4; v_n int8;
BEGIN
  SELECT e.endpoint_id INTO v_id FROM alert.endpoint e WHERE e.name = p_endpoint FOR UPDATE;
  IF NOT FOUND THEN RETURN -1; END IF;
  DELETE FROM alert.open o USING alert.notice n
   WHERE o.endpoint_id = v_id AND o.state = 'dead' AND n.seq = o.seq AND (p_ids IS NULL OR n.id = ANY(p_ids));
  GET DIAGNOSTICS v_n = ROW_COUNT;
  RETURN v_n;
END $$;

CREATE VIEW report.replay AS
SELECT j.job_id AS replay, n.name AS endpoint, j.since, j.until, j.only_dead, j.fed, j.made_at, j.ended_at
  FROM alert.replay_job j JOIN alert.endpoint n USING (endpoint_id);
COMMENT ON VIEW report.replay IS 'messages of a span of time on their way once more';
COMMENT ON COLUMN report.replay.replay IS 'number of the replay';
COMMENT ON COLUMN report.replay.endpoint IS 'name of the webhook endpoint in the configuration';
COMMENT ON COLUMN report.replay.since IS 'start of the span: messages noted then or later';
COMMENT ON COLUMN report.replay.until IS 'end of the span';
COMMENT ON COLUMN report.replay.only_dead IS 'only those that had been given up';
COMMENT ON COLUMN report.replay.made_at IS 'when it was asked for';
COMMENT ON COLUMN report.replay.fed IS 'messages that it has put on their way so far';
COMMENT ON COLUMN report.replay.ended_at IS 'when the last one was put on its way; null: it goes on';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA alert FROM PUBLIC;
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'muster_reader') THEN
    GRANT EXECUTE ON FUNCTION alert.severity_name(int4) TO muster_reader;
    GRANT SELECT ON report.replay TO muster_reader;
  END IF;
END $$;
