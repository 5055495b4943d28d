-- Delivery of events to endpoints: a log (alert.event) and one cursor per endpoint; rows beyond that exist only for exceptions
-- (alert.open) and as a record of attempts (alert.attempt).
--
-- The cursor is a place in the order (xid, seq), not a seq: sequence order is not commit order.  Everything before the horizon
-- pg_snapshot_xmin() is decided, and whatever commits later has a greater xid, so nothing can appear behind the cursor.
-- All times are the database's: a dispatcher says "in 30 seconds", never "at".
-- One dispatcher an endpoint: alert.take() leases it and counts `epoch` up; every write of alert.record() names its epoch, so that a
-- process that was paused and has been replaced writes nothing.

CREATE TABLE alert.endpoint (
  endpoint_id int4 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  name        text NOT NULL UNIQUE,           -- URL and secrets stay in the configuration
  kind        text NOT NULL DEFAULT 'webhook',
  state       text NOT NULL DEFAULT 'ok' CHECK (state IN ('ok', 'throttled', 'failing', 'quarantined', 'disabled')),
  state_since timestamptz NOT NULL DEFAULT now(),
  reason      text,                           -- of the state, for people
  open_until  timestamptz,                    -- nothing is sent before
  strikes     int4 NOT NULL DEFAULT 0,        -- pauses in a row: exponent of the backoff
  fail_since  timestamptz,
  last_ok     timestamptz,
  config_hash text,                           -- another one: the configuration changed, try again
  holder      text,
  instance    uuid,                           -- of the process that delivers
  held_until  timestamptz NOT NULL DEFAULT '-infinity',
  epoch       int8 NOT NULL DEFAULT 0,
  batch       int8 NOT NULL DEFAULT 0,        -- last one recorded in this epoch: makes alert.record() idempotent
  made_at     timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

CREATE TABLE alert.cursor (
  endpoint_id int4 PRIMARY KEY REFERENCES alert.endpoint ON DELETE CASCADE,
  xid         xid8 NOT NULL,                  -- all events up to (xid, seq) are delivered, or have a row in alert.open
  seq         int8 NOT NULL,
  updated_at  timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

CREATE TABLE alert.open (
  endpoint_id int4 NOT NULL REFERENCES alert.endpoint ON DELETE CASCADE,
  seq         int8 NOT NULL,
  -- retry: at next_at.  held: behind another one of the same subject.  dead: given up, for a person to look at.
  state       text NOT NULL CHECK (state IN ('retry', 'held', 'dead')),
  reason      text,
  attempts    int4 NOT NULL DEFAULT 0,
  next_at     timestamptz,
  dedup       text NOT NULL,
  last_code   int4,
  last_error  text,
  made_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (endpoint_id, seq),
  CHECK ((state = 'retry') = (next_at IS NOT NULL))
) WITH (fillfactor = 70);
CREATE INDEX open_due ON alert.open (endpoint_id, next_at) WHERE state = 'retry';
CREATE INDEX open_subject ON alert.open (endpoint_id, dedup, seq) WHERE state <> 'dead';

CREATE TABLE alert.attempt (
  at          timestamptz NOT NULL DEFAULT now(),
  endpoint_id int4 NOT NULL,
  seq         int8 NOT NULL,
  n           int4 NOT NULL,                  -- of this event at this endpoint, from 1
  outcome     text NOT NULL,                  -- ok throttled transient endpoint message ours
  code        int4,                           -- HTTP status; NULL: none came
  curl        int4,                           -- CURLcode; 0: none
  error       text,
  ms          int4,
  bytes_out   int8,
  bytes_in    int8,
  new_conn    bool,
  remote      inet,
  answer      text                            -- first bytes of the answer, escaped
);
CREATE INDEX attempt_event ON alert.attempt (seq, endpoint_id);
CREATE INDEX attempt_when ON alert.attempt USING brin (at) WITH (pages_per_range = 32);

-- Whose transaction ids the cursors speak of.
CREATE TABLE alert.cluster (system_identifier int8 NOT NULL);
INSERT INTO alert.cluster SELECT system_identifier FROM pg_control_system();

-- ------------------------------------------------------------------ a hint for dispatchers: look now
CREATE FUNCTION alert.hint() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM fresh) THEN NOTIFY alert_event; END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER hint AFTER INSERT ON alert.event REFERENCING NEW TABLE AS fresh
  FOR EACH STATEMENT EXECUTE FUNCTION alert.hint();

-- ------------------------------------------------------------------ dispatchers

-- A database that was restored into another cluster: transaction ids start anew there, so the old ones mean nothing.  All events of the
-- past get the oldest id, which leaves their seq as the order; a dump is one snapshot, so nothing was in between.
CREATE FUNCTION alert.check_cluster() RETURNS void LANGUAGE plpgsql AS $$
DECLARE v_sys int8 := (SELECT c.system_identifier FROM pg_control_system() c);
BEGIN
  IF NOT EXISTS (SELECT FROM alert.cluster c WHERE c.system_identifier <> v_sys) THEN RETURN; END IF;
  LOCK TABLE alert.cluster IN EXCLUSIVE MODE;
  IF NOT EXISTS (SELECT FROM alert.cluster c WHERE c.system_identifier <> v_sys) THEN RETURN; END IF;
  UPDATE alert.event SET xid = '3' WHERE xid <> '3';
  UPDATE alert.cursor SET xid = '3';
  UPDATE alert.cluster SET system_identifier = v_sys;
END $$;

-- Makes endpoints known and leases those that are free, ours already, or held by an earlier life of ours (p_first).  Called every few
-- seconds, this is also the heartbeat.  A new endpoint begins with what comes after it.
CREATE FUNCTION alert.take(p_holder text, p_instance uuid, p_first bool, p_lease interval, p_names text[], p_hashes text[])
RETURNS TABLE (name text, endpoint_id int4, epoch int8, state text, pause float8, strikes int4, failing float8, xid xid8, seq int8)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  PERFORM alert.check_cluster();
  WITH made AS (
    INSERT INTO alert.endpoint AS e (name)
    SELECT n FROM unnest(p_names) n WHERE NOT EXISTS (SELECT FROM alert.endpoint x WHERE x.name = n)
    ON CONFLICT (name) DO NOTHING RETURNING e.endpoint_id)
  INSERT INTO alert.cursor (endpoint_id, xid, seq)
  SELECT m.endpoint_id, COALESCE(last.xid, '3'), COALESCE(last.seq, 0)
    FROM made m LEFT JOIN LATERAL (
      SELECT v.xid, v.seq FROM alert.event v WHERE v.xid < pg_snapshot_xmin(pg_current_snapshot())
       ORDER BY v.xid DESC, v.seq DESC LIMIT 1) last ON true;
  UPDATE alert.endpoint e SET holder = p_holder, instance = p_instance, held_until = now() + p_lease,
         epoch = e.epoch + CASE WHEN e.instance = p_instance THEN 0 ELSE 1 END,
         batch = CASE WHEN e.instance = p_instance THEN e.batch ELSE 0 END
   WHERE e.name = ANY(p_names)
     AND (e.instance IS NULL OR e.instance = p_instance OR e.held_until < now() OR (p_first AND e.holder = p_holder));
  UPDATE alert.endpoint e SET config_hash = h, state = 'ok', state_since = now(), reason = NULL, open_until = NULL, strikes = 0
    FROM unnest(p_names, p_hashes) t(n, h)
   WHERE e.name = n AND e.instance = p_instance AND e.config_hash IS DISTINCT FROM h;
  RETURN QUERY
  SELECT e.name, e.endpoint_id, e.epoch, e.state, GREATEST(0, EXTRACT(epoch FROM e.open_until - now()))::float8, e.strikes,
         EXTRACT(epoch FROM now() - e.fail_since)::float8, c.xid, c.seq
    FROM alert.endpoint e JOIN alert.cursor c ON c.endpoint_id = e.endpoint_id
   WHERE e.name = ANY(p_names) AND e.instance = p_instance;
END $$;

-- Others may have them at once.
CREATE FUNCTION alert.give_up(p_instance uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE alert.endpoint SET instance = NULL, held_until = '-infinity' WHERE instance = p_instance;
  NOTIFY alert_event;
END $$;

-- The data of an event as it goes out: bounded, whatever a script has found.
CREATE FUNCTION alert.data(e alert.event) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT (jsonb_build_object('seq', e.seq) || CASE WHEN octet_length(e.body::text) <= 200000 THEN e.body
          ELSE (e.body - 'old' - 'new') || '{"truncated": true}' END)::text $$;

-- What there is to do: live events after a place, at most p_limit and about p_bytes; and retries that are due.
-- done: nothing to send (baseline, delivered before a crash, or in alert.open).  held: an earlier one of its subject is open.
CREATE FUNCTION alert.fetch(p_endpoint int4, p_xid xid8, p_seq int8, p_limit int4, p_bytes int8, p_due int4)
RETURNS TABLE (live bool, seq int8, xid xid8, id text, type text, observed_at timestamptz, dedup text, attempts int4, age float8,
               done bool, held bool, data text)
LANGUAGE sql STABLE AS $$
  SELECT true, w.seq, w.xid, w.id, w.type, w.observed_at, w.dedup, 0, EXTRACT(epoch FROM now() - w.at)::float8,
         w.baseline OR EXISTS (SELECT FROM alert.open o WHERE o.endpoint_id = p_endpoint AND o.seq = w.seq)
           OR EXISTS (SELECT FROM alert.attempt a WHERE a.seq = w.seq AND a.endpoint_id = p_endpoint AND a.outcome = 'ok'),
         EXISTS (SELECT FROM alert.open o WHERE o.endpoint_id = p_endpoint AND o.dedup = w.dedup AND o.state <> 'dead'),
         w.data
    FROM (SELECT v.*, sum(octet_length(v.data)) OVER (ORDER BY v.xid, v.seq) - octet_length(v.data) AS before
            FROM (SELECT e.seq, e.xid, e.id, e.type, e.observed_at, e.dedup, e.at, e.baseline,
                         CASE WHEN e.baseline THEN '' ELSE alert.data(e) END AS data
                    FROM alert.event e
                   WHERE (e.xid, e.seq) > (p_xid, p_seq) AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
                   ORDER BY e.xid, e.seq LIMIT p_limit) v) w
   WHERE w.before < p_bytes
  UNION ALL
  (SELECT false, o.seq, e.xid, e.id, e.type, e.observed_at, o.dedup, o.attempts, EXTRACT(epoch FROM now() - o.made_at)::float8,
          false, false, alert.data(e)
     FROM alert.open o JOIN alert.event e ON e.seq = o.seq
    WHERE o.endpoint_id = p_endpoint AND o.state = 'retry' AND o.next_at <= now()
    ORDER BY o.next_at LIMIT p_due)
  ORDER BY 1, 3, 2 $$;

-- The outcome of a batch, in one transaction:
-- {"cursor": {"xid", "seq"}, "attempts": [{seq, n, outcome, code, curl, error, ms, bytes_out, bytes_in, new_conn, remote, answer}],
--  "open": [{seq, state, reason, attempts, delay, dedup, code, error}], "done": [seq], "recovered": bool,
--  "endpoint": {"state", "reason", "pause", "strikes", "ok"}}.  Raises M0010 when somebody else has taken the endpoint.
CREATE FUNCTION alert.record(p_endpoint int4, p_epoch int8, p_batch int8, p_lease interval, p jsonb) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE v_last int8; v_subjects text[];
BEGIN
  SELECT batch INTO v_last FROM alert.endpoint WHERE endpoint_id = p_endpoint AND epoch = p_epoch FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'endpoint % was taken over by another process', p_endpoint USING ERRCODE = 'M0010';
  END IF;
  IF v_last >= p_batch THEN RETURN; END IF;              -- had been recorded before a connection was lost
  UPDATE alert.endpoint e SET batch = p_batch, held_until = now() + p_lease,
         last_ok = CASE WHEN (p -> 'endpoint' ->> 'ok')::bool THEN now() ELSE e.last_ok END
   WHERE e.endpoint_id = p_endpoint;
  IF p -> 'endpoint' ->> 'state' IS NOT NULL THEN
    UPDATE alert.endpoint e SET state = n.state, reason = n.reason, strikes = n.strikes,
           state_since = CASE WHEN e.state = n.state THEN e.state_since ELSE now() END,
           open_until = CASE WHEN n.pause > 0 THEN now() + make_interval(secs => n.pause) END,
           fail_since = CASE WHEN n.state = 'ok' THEN NULL ELSE COALESCE(e.fail_since, now()) END
      FROM jsonb_to_record(p -> 'endpoint') n(state text, reason text, pause float8, strikes int4)
     WHERE e.endpoint_id = p_endpoint;
  END IF;
  INSERT INTO alert.attempt (endpoint_id, seq, n, outcome, code, curl, error, ms, bytes_out, bytes_in, new_conn, remote, answer)
  SELECT p_endpoint, a.seq, 1 + (SELECT count(*) FROM alert.attempt x WHERE x.seq = a.seq AND x.endpoint_id = p_endpoint)
           + row_number() OVER (PARTITION BY a.seq ORDER BY ordinal) - 1,
         a.outcome, a.code, a.curl, a.error, a.ms, a.bytes_out, a.bytes_in, a.new_conn, a.remote, a.answer
    FROM ROWS FROM (jsonb_to_recordset(p -> 'attempts') AS (seq int8, outcome text, code int4, curl int4, error text, ms int4, bytes_out int8,
                    bytes_in int8, new_conn bool, remote inet, answer text)) WITH ORDINALITY
         AS a(seq, outcome, code, curl, error, ms, bytes_out, bytes_in, new_conn, remote, answer, ordinal);

  SELECT array_agg(DISTINCT o.dedup) INTO v_subjects FROM jsonb_array_elements_text(p -> 'done') d
    JOIN alert.open o ON o.endpoint_id = p_endpoint AND o.seq = d::int8;
  DELETE FROM alert.open o USING jsonb_array_elements_text(p -> 'done') d WHERE o.endpoint_id = p_endpoint AND o.seq = d::int8;
  INSERT INTO alert.open AS o (endpoint_id, seq, state, reason, attempts, next_at, dedup, last_code, last_error)
  SELECT p_endpoint, n.seq, n.state, n.reason, n.attempts,
         CASE WHEN n.state = 'retry' THEN now() + make_interval(secs => n.delay) END, n.dedup, n.code, n.error
    FROM jsonb_to_recordset(p -> 'open') n(seq int8, state text, reason text, attempts int4, delay float8, dedup text, code int4, error text)
  ON CONFLICT (endpoint_id, seq) DO UPDATE SET state = excluded.state, reason = excluded.reason, attempts = excluded.attempts,
     next_at = excluded.next_at, last_code = excluded.last_code, last_error = excluded.last_error;
  v_subjects := v_subjects || ARRAY(SELECT n.dedup FROM jsonb_to_recordset(p -> 'open') n(dedup text));
  PERFORM alert.promote(p_endpoint, v_subjects);
  IF (p ->> 'recovered')::bool THEN
    UPDATE alert.open SET next_at = LEAST(next_at, now() + random() * interval '10 s')
     WHERE endpoint_id = p_endpoint AND state = 'retry' AND reason = 'transient';
  END IF;
  UPDATE alert.cursor c SET xid = n.xid, seq = n.seq, updated_at = now()
    FROM jsonb_to_record(p -> 'cursor') n(xid xid8, seq int8)
   WHERE c.endpoint_id = p_endpoint AND n.seq IS NOT NULL AND (n.xid, n.seq) > (c.xid, c.seq);
END $$;

-- The first of each subject that waits behind nobody any more is due.
CREATE FUNCTION alert.promote(p_endpoint int4, p_subjects text[]) RETURNS void LANGUAGE sql AS $$
  UPDATE alert.open o SET state = 'retry', next_at = now()
    FROM (SELECT DISTINCT ON (h.dedup) h.dedup, h.seq, h.state FROM alert.open h
           WHERE h.endpoint_id = p_endpoint AND h.dedup = ANY(p_subjects) AND h.state <> 'dead'
           ORDER BY h.dedup, h.state = 'held', h.seq) first
   WHERE first.state = 'held' AND o.endpoint_id = p_endpoint AND o.seq = first.seq $$;

-- ------------------------------------------------------------------ people

-- Once more, under the same ids: these events, or (NULL) all dead letters.  Returns how many; -1: no such endpoint; -2: no such event.
-- What the endpoint has not come to yet needs no replay.
CREATE FUNCTION alert.replay(p_endpoint text, p_ids text[]) RETURNS int8 LANGUAGE plpgsql AS $$
DECLARE v_id int4; v_n int8; v_subjects text[];
BEGIN
  SELECT e.endpoint_id INTO v_id FROM alert.endpoint e WHERE e.name = p_endpoint FOR UPDATE;
  IF NOT FOUND THEN RETURN -1; END IF;
  IF EXISTS (SELECT FROM unnest(p_ids) i WHERE NOT EXISTS (SELECT FROM alert.event e WHERE e.id = i)) THEN RETURN -2; END IF;
  WITH again AS (
    INSERT INTO alert.open AS o (endpoint_id, seq, state, reason, dedup)
    SELECT v_id, e.seq, 'held', 'replay', e.dedup FROM alert.event e JOIN alert.cursor c ON c.endpoint_id = v_id
     WHERE (e.xid, e.seq) <= (c.xid, c.seq)
       AND CASE WHEN p_ids IS NULL THEN e.seq IN (SELECT d.seq FROM alert.open d WHERE d.endpoint_id = v_id AND d.state = 'dead')
                ELSE e.id = ANY(p_ids) END
    ON CONFLICT (endpoint_id, seq) DO UPDATE SET state = 'held', next_at = NULL, reason = 'replay', attempts = 0, made_at = now()
    RETURNING o.dedup)
  SELECT count(*), array_agg(DISTINCT dedup) INTO v_n, v_subjects FROM again;
  PERFORM alert.promote(v_id, v_subjects);
  NOTIFY alert_event;
  RETURN v_n;
END $$;

-- Works again; p_skip: what happened until now is passed over.  False: no such endpoint.
CREATE FUNCTION alert.enable(p_endpoint text, p_skip bool) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE v_id int4;
BEGIN
  UPDATE alert.endpoint e SET state = 'ok', state_since = now(), reason = NULL, open_until = NULL, strikes = 0, fail_since = NULL,
         epoch = e.epoch + 1, batch = 0, instance = NULL, held_until = '-infinity'
   WHERE e.name = p_endpoint RETURNING e.endpoint_id INTO v_id;
  IF NOT FOUND THEN RETURN false; END IF;
  IF p_skip THEN
    UPDATE alert.cursor c SET xid = v.xid, seq = v.seq, updated_at = now()
      FROM (SELECT e.xid, e.seq FROM alert.event e WHERE e.xid < pg_snapshot_xmin(pg_current_snapshot())
             ORDER BY e.xid DESC, e.seq DESC LIMIT 1) v
     WHERE c.endpoint_id = v_id AND (v.xid, v.seq) > (c.xid, c.seq);
  END IF;
  NOTIFY alert_event;
  RETURN true;
END $$;

-- Attempts older than p_keep go; in steps, so that none takes long.  Returns how many went.
CREATE FUNCTION alert.prune(p_keep interval, p_limit int4) RETURNS int8 LANGUAGE sql AS $$
  WITH gone AS (
    DELETE FROM alert.attempt WHERE ctid = ANY(ARRAY(
      SELECT a.ctid FROM alert.attempt a WHERE a.at < now() - p_keep
         AND NOT EXISTS (SELECT FROM alert.open o WHERE o.endpoint_id = a.endpoint_id AND o.seq = a.seq)
       LIMIT p_limit)) RETURNING 1)
  SELECT count(*) FROM gone $$;

-- ------------------------------------------------------------------ reports
CREATE VIEW report.endpoint AS
SELECT e.name AS endpoint, e.kind, CASE WHEN e.held_until < now() AND e.state <> 'disabled' THEN 'unattended' ELSE e.state END AS state,
       e.state_since AS since, e.reason, w.n AS waiting, o.retry, o.dead, e.last_ok AS last_ok_at,
       CASE WHEN e.open_until > now() THEN e.open_until END AS next_at
  FROM alert.endpoint e JOIN alert.cursor c USING (endpoint_id),
       LATERAL (SELECT count(*) AS n FROM alert.event v WHERE (v.xid, v.seq) > (c.xid, c.seq) AND NOT v.baseline) w,
       LATERAL (SELECT count(*) FILTER (WHERE p.state <> 'dead') AS retry, count(*) FILTER (WHERE p.state = 'dead') AS dead
                  FROM alert.open p WHERE p.endpoint_id = e.endpoint_id) o;
COMMENT ON VIEW report.endpoint IS 'where alerts go, and how that is going';
COMMENT ON COLUMN report.endpoint.state IS 'ok, throttled, failing, quarantined, disabled; unattended: no musterd delivers';
COMMENT ON COLUMN report.endpoint.waiting IS 'events it has not come to yet';
COMMENT ON COLUMN report.endpoint.retry IS 'events that failed and are tried again, or wait behind such a one';
COMMENT ON COLUMN report.endpoint.dead IS 'events that were given up: see report.delivery, muster replay';
COMMENT ON COLUMN report.endpoint.next_at IS 'nothing is sent before';

CREATE VIEW report.delivery AS
SELECT n.name AS endpoint, e.id AS event, e.seq, e.type, (ARRAY['debug', 'info', 'warning', 'high', 'critical'])[e.severity + 1] AS severity,
       e.zone, e.subject, e.body ->> 'summary' AS summary, e.at AS created_at,
       CASE WHEN o.state IS NOT NULL THEN o.state WHEN (e.xid, e.seq) > (c.xid, c.seq) THEN 'waiting'
            WHEN a.outcome = 'ok' THEN 'delivered' ELSE 'passed' END AS state,
       COALESCE(a.n, 0) AS attempts, o.next_at, a.at AS last_at, a.code, COALESCE(a.error, o.last_error) AS error, o.reason
  FROM alert.event e CROSS JOIN alert.endpoint n JOIN alert.cursor c USING (endpoint_id)
  LEFT JOIN alert.open o ON o.endpoint_id = n.endpoint_id AND o.seq = e.seq
  LEFT JOIN LATERAL (SELECT x.n, x.at, x.code, x.error, x.outcome FROM alert.attempt x WHERE x.seq = e.seq AND x.endpoint_id = n.endpoint_id
                      ORDER BY x.n DESC LIMIT 1) a ON true
 WHERE NOT e.baseline;
COMMENT ON VIEW report.delivery IS 'each event on its way to each endpoint';
COMMENT ON COLUMN report.delivery.state IS 'waiting, retry, held (behind another of its subject), dead, delivered, passed (not sent: older than the endpoint, or skipped)';
COMMENT ON COLUMN report.delivery.event IS 'the webhook-id';
COMMENT ON COLUMN report.delivery.error IS 'of the last attempt';
COMMENT ON COLUMN report.delivery.reason IS 'why it is open: transient, message, expired, ours, replay';

CREATE VIEW report.attempt AS
SELECT a.at, n.name AS endpoint, e.id AS event, a.n, a.outcome, a.code, a.curl, a.error, a.ms, a.bytes_out, a.bytes_in, a.new_conn, a.remote, a.answer
  FROM alert.attempt a JOIN alert.endpoint n USING (endpoint_id) LEFT JOIN alert.event e USING (seq);
COMMENT ON VIEW report.attempt IS 'each attempt to deliver an event';
COMMENT ON COLUMN report.attempt.outcome IS 'ok, throttled, transient, endpoint, message, ours';
COMMENT ON COLUMN report.attempt.curl IS 'error code of libcurl; 0: none';
COMMENT ON COLUMN report.attempt.answer IS 'first bytes of the answer';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA alert FROM PUBLIC;
