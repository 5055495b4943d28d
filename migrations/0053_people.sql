-- What people ask the rules and tell them: silences, maintenance windows, incidents, and why an alert came or did not.

CREATE FUNCTION alert.words(p jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT COALESCE(NULLIF(string_agg(CASE m.key
      WHEN 'severity' THEN 'severity ' || alert.severity_name((m.value #>> '{}')::int4) || ' or higher'
      WHEN 'ports' THEN 'port ' || (SELECT string_agg(CASE upper(r) - lower(r) WHEN 1 THEN lower(r)::text ELSE lower(r) || '-' || upper(r) - 1 END, ',')
                                      FROM unnest((m.value #>> '{}')::int4multirange) r)
      ELSE rtrim(m.key, 's') || ' ' || (SELECT string_agg(v, ' or ') FROM jsonb_array_elements_text(m.value) v) END,
    ', ' ORDER BY m.key), ''), 'everything')
    FROM jsonb_each(p) m $$;

CREATE FUNCTION alert.add_silence(p_match jsonb, p_from timestamptz, p_until timestamptz, p_author text, p_reason text, p_long bool) RETURNS int4
LANGUAGE plpgsql AS $$
DECLARE v_id int4;
BEGIN
  IF p_until <= GREATEST(p_from, now()) THEN RAISE EXCEPTION 'a silence has to end after it begins, and in the future'; END IF;
  IF p_until > now() + interval '30 days' AND NOT p_long THEN
    RAISE EXCEPTION 'a silence of more than 30 days is easily forgotten; --long says that it is meant';
  END IF;
  INSERT INTO alert.silence (fits, words, author, reason, from_at, until_at)
  VALUES (alert.matcher_of(p_match), alert.words(p_match), p_author, p_reason, p_from, p_until) RETURNING silence_id INTO v_id;
  RETURN v_id;
END $$;

CREATE FUNCTION alert.add_window(p_match jsonb, p_days int4[], p_start time, p_tz text, p_duration interval, p_author text, p_reason text,
                                 p_until timestamptz) RETURNS int4 LANGUAGE plpgsql AS $$
DECLARE v_id int4;
BEGIN
  PERFORM now() AT TIME ZONE p_tz;                            -- raises for a zone that the server does not know
  IF p_until <= now() THEN RAISE EXCEPTION 'a window has to end in the future'; END IF;
  INSERT INTO alert.maintenance (fits, words, days, start, tz, duration, author, reason, until_at)
  VALUES (alert.matcher_of(p_match), alert.words(p_match), p_days, p_start, p_tz, p_duration, p_author, p_reason, COALESCE(p_until, 'infinity'))
  RETURNING window_id INTO v_id;
  RETURN v_id;
END $$;

-- False: there is none of that number, or it has ended.
CREATE FUNCTION alert.end_silence(p_id int4) RETURNS bool LANGUAGE sql AS $$
  WITH u AS (UPDATE alert.silence SET ended_at = now() WHERE silence_id = p_id AND ended_at IS NULL AND until_at > now() RETURNING 1)
  SELECT EXISTS (SELECT FROM u) $$;
CREATE FUNCTION alert.end_window(p_id int4) RETURNS bool LANGUAGE sql AS $$
  WITH u AS (UPDATE alert.maintenance SET ended_at = now() WHERE window_id = p_id AND ended_at IS NULL AND until_at > now() RETURNING 1)
  SELECT EXISTS (SELECT FROM u) $$;

-- ------------------------------------------------------------------ reports
CREATE VIEW report.silence AS
SELECT s.silence_id AS silence, CASE WHEN s.ended_at IS NOT NULL THEN 'removed' WHEN s.until_at <= now() THEN 'over' WHEN s.from_at > now() THEN 'to come'
       ELSE 'active' END AS state, s.words AS what, s.author, s.reason, s.from_at, s.until_at, s.made_at,
       (SELECT count(*) FROM alert.decision d WHERE d.outcome = 'silenced' AND d.by = s.silence_id AND d.at >= s.from_at) AS kept
  FROM alert.silence s;
COMMENT ON VIEW report.silence IS 'silences: alerts that are recorded and not told';
COMMENT ON COLUMN report.silence.silence IS 'its number';
COMMENT ON COLUMN report.silence.state IS 'active, to come, over, removed';
COMMENT ON COLUMN report.silence.what IS 'which events';
COMMENT ON COLUMN report.silence.author IS 'who said so';
COMMENT ON COLUMN report.silence.reason IS 'why';
COMMENT ON COLUMN report.silence.from_at IS 'when it begins';
COMMENT ON COLUMN report.silence.until_at IS 'when it ends';
COMMENT ON COLUMN report.silence.made_at IS 'when it was made';
COMMENT ON COLUMN report.silence.kept IS 'events that it has kept back';

CREATE VIEW report.maintenance AS
SELECT w.window_id AS "window", CASE WHEN w.ended_at IS NOT NULL THEN 'removed' WHEN w.until_at <= now() THEN 'over'
       WHEN alert.window_until(w, now()) IS NOT NULL THEN 'open' ELSE 'closed' END AS state, w.words AS what,
       (SELECT string_agg((ARRAY['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'])[d], ',' ORDER BY d) FROM unnest(w.days) d)
         || to_char(w.start, ' HH24:MI ') || w.tz AS times,
       EXTRACT(epoch FROM w.duration)::int8 AS seconds, w.author, w.reason, w.made_at, NULLIF(w.until_at, 'infinity') AS until_at,
       (SELECT count(*) FROM alert.decision d WHERE d.outcome = 'window' AND d.by = w.window_id AND d.at >= w.made_at) AS kept
  FROM alert.maintenance w;
COMMENT ON VIEW report.maintenance IS 'maintenance windows: times at which alerts are recorded and not told';
COMMENT ON COLUMN report.maintenance."window" IS 'its number';
COMMENT ON COLUMN report.maintenance.state IS 'open, closed, over, removed';
COMMENT ON COLUMN report.maintenance.what IS 'which events';
COMMENT ON COLUMN report.maintenance.times IS 'days, wall clock and time zone';
COMMENT ON COLUMN report.maintenance.seconds IS 'how long it stays open';
COMMENT ON COLUMN report.maintenance.author IS 'who said so';
COMMENT ON COLUMN report.maintenance.reason IS 'why';
COMMENT ON COLUMN report.maintenance.made_at IS 'when it was made';
COMMENT ON COLUMN report.maintenance.until_at IS 'when it ends for good; NULL: never';
COMMENT ON COLUMN report.maintenance.kept IS 'events that it has kept back';

CREATE VIEW report.incident AS
SELECT i.incident_id AS incident, i.id, i.state, alert.severity_name(i.severity) AS severity, i.zone, r.name AS route, i.key::text AS key,
       i.opened_at, i.updated_at, i.resolved_at, i.why, i.told AS messages, i.next_at,
       (SELECT count(DISTINCT d.seq) FROM alert.decision d WHERE d.incident_id = i.incident_id) AS events,
       (SELECT COALESCE(n.data ->> 'summary', e.body ->> 'summary') FROM alert.notice n LEFT JOIN alert.event e ON e.seq = n.event_seq
         WHERE n.incident_id = i.incident_id ORDER BY n.seq DESC LIMIT 1) AS summary
  FROM alert.incident i JOIN alert.route r USING (route_id);
COMMENT ON VIEW report.incident IS 'incidents: changes that belong together, as the routes say';
COMMENT ON COLUMN report.incident.incident IS 'its number';
COMMENT ON COLUMN report.incident.id IS 'its identity in every message';
COMMENT ON COLUMN report.incident.state IS 'open, updated (told more than once), resolved';
COMMENT ON COLUMN report.incident.severity IS 'the highest of its events';
COMMENT ON COLUMN report.incident.zone IS 'of its first event';
COMMENT ON COLUMN report.incident.route IS 'which took its events';
COMMENT ON COLUMN report.incident.key IS 'what its events have in common';
COMMENT ON COLUMN report.incident.opened_at IS 'first event';
COMMENT ON COLUMN report.incident.updated_at IS 'last event';
COMMENT ON COLUMN report.incident.resolved_at IS 'end';
COMMENT ON COLUMN report.incident.why IS 'it ended';
COMMENT ON COLUMN report.incident.messages IS 'times that something was told of it';
COMMENT ON COLUMN report.incident.next_at IS 'when it tells what is not told yet';
COMMENT ON COLUMN report.incident.events IS 'events in it';
COMMENT ON COLUMN report.incident.summary IS 'of the last message';

-- ------------------------------------------------------------------ why, and why not
CREATE FUNCTION alert.outcome_words(d alert.decision) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT CASE d.outcome
    WHEN 'grouped' THEN format('route %s took it into incident %s', r.name, d.incident_id)
    WHEN 'turned' THEN format('ends a condition of incident %s (route %s)', d.incident_id, r.name)
    WHEN 'dropped' THEN format('route %s took it and tells nobody', r.name)
    WHEN 'unmatched' THEN 'no route takes it'
    WHEN 'silenced' THEN (SELECT format('silence %s by %s keeps it quiet until %s: %s', s.silence_id, s.author, alert.stamp(s.until_at), s.reason)
                            FROM alert.silence s WHERE s.silence_id = d.by)
    WHEN 'window' THEN (SELECT format('maintenance window %s by %s keeps it quiet: %s', w.window_id, w.author, w.reason)
                          FROM alert.maintenance w WHERE w.window_id = d.by)
    WHEN 'flapping' THEN 'it changes again and again: damped until it is stable'
    WHEN 'waiting' THEN 'waits until it is known whether many are gone at once'
    WHEN 'held' THEN format('held: part of storm %s (%s in zone %s)', d.by, t.sort, t.zone)
    WHEN 'returned' THEN COALESCE(format('the end of what storm %s holds, not told', d.by), 'it was back before it was told that it was gone')
    WHEN 'confirmed' THEN format('told as part of storm %s, which stays', d.by)
    WHEN 'released' THEN format('released: storm %s is over, and this one is still gone', d.by)
    WHEN 'stilled' THEN format('not told by itself: storm %s is over', d.by)
    ELSE d.outcome END
    FROM (SELECT 1) one LEFT JOIN alert.route r ON r.route_id = d.route_id LEFT JOIN alert.storm t ON t.storm_id = d.by AND d.outcome <> 'silenced' $$;

-- The way of an event (its number or id): when it happened, what was decided and why, which message told of it, when that arrived.
-- Empty: there is no such event.
CREATE FUNCTION alert.why(p_what text) RETURNS TABLE (at timestamptz, step text, detail text) LANGUAGE sql STABLE AS $$
  WITH e AS MATERIALIZED (
    SELECT * FROM alert.event v WHERE v.id = p_what OR (p_what ~ '^\d{1,18}$' AND v.seq = p_what::int8) LIMIT 1),
  d AS MATERIALIZED (SELECT d.* FROM alert.decision d JOIN e USING (seq)),
  n AS MATERIALIZED (                                         -- the first message of the incident after the decision, at each endpoint
    SELECT DISTINCT ON (n.endpoint_id, n.incident_id) n.*, d.decision_id FROM d JOIN alert.notice n ON n.incident_id = d.incident_id AND n.at >= d.at
     WHERE COALESCE(n.data ->> 'repeat', '') = '' ORDER BY n.endpoint_id, n.incident_id, n.seq)
  SELECT w.at, w.step, w.detail FROM (
    SELECT 0 AS place, 0::int8 AS nth, e.at, 'event' AS step, format('%s (%s, zone %s): %s', e.type, alert.severity_name(e.severity), e.zone, e.body ->> 'summary') AS detail FROM e
    UNION ALL
    SELECT 1, 0, NULL, 'undecided', 'the rules have not come to it yet' FROM e, alert.rule_cursor c WHERE (e.xid, e.seq) > (c.xid, c.seq)
    UNION ALL
    SELECT 1, 0, NULL, 'baseline', 'part of a first inventory: not told' FROM e WHERE e.baseline
    UNION ALL
    SELECT 1, 0, NULL, 'unrecorded', 'there were no rules then: it went to every endpoint that was known' FROM e, alert.rule_cursor c
     WHERE (e.xid, e.seq) <= (c.xid, c.seq) AND NOT e.baseline AND NOT EXISTS (SELECT FROM d)
    UNION ALL
    SELECT 2, d.decision_id, d.at, d.outcome, alert.outcome_words(d) FROM d
    UNION ALL
    SELECT 2, d.decision_id, i.next_at, 'to be told', format('incident %s tells what is new at %s', i.incident_id, alert.stamp(i.next_at))
      FROM d JOIN alert.incident i USING (incident_id) WHERE i.next_at IS NOT NULL AND d.decision_id > i.told_upto
    UNION ALL
    SELECT DISTINCT 2, d.decision_id, i.resolved_at, 'not told', i.why FROM d JOIN alert.incident i USING (incident_id)
     WHERE i.told = 0 AND i.state = 'resolved'
    UNION ALL
    SELECT 3, v.seq, v.created_at, 'message', format('%s %s to %s: %s', v.kind, v.event, v.endpoint, v.summary)
      FROM report.delivery v WHERE v.seq IN (SELECT n.seq FROM n UNION SELECT m.seq FROM alert.notice m JOIN e ON m.event_seq = e.seq)
    UNION ALL
    SELECT 3, v.seq, COALESCE(v.last_at, v.created_at), v.state, concat_ws(': ', format('at %s after %s attempt%s', v.endpoint, v.attempts, CASE v.attempts WHEN 1 THEN '' ELSE 's' END),
             CASE WHEN v.state <> 'delivered' THEN COALESCE(v.error, v.reason) END)
      FROM report.delivery v WHERE v.seq IN (SELECT n.seq FROM n UNION SELECT m.seq FROM alert.notice m JOIN e ON m.event_seq = e.seq)) w
   ORDER BY w.place, w.nth, w.at $$;

-- The same of an incident (its number or id): its events and its messages.
CREATE FUNCTION alert.why_incident(p_what text) RETURNS TABLE (at timestamptz, step text, detail text) LANGUAGE sql STABLE AS $$
  WITH i AS MATERIALIZED (
    SELECT i.* FROM alert.incident i WHERE i.id = p_what OR (p_what ~ '^\d{1,18}$' AND i.incident_id = p_what::int8) LIMIT 1)
  SELECT w.at, w.step, w.detail FROM (
    SELECT 0 AS place, i.opened_at AS at, 'opened' AS step, format('route %s, %s', r.name, i.key) AS detail FROM i JOIN alert.route r USING (route_id)
    UNION ALL
    SELECT 1, e.at, CASE WHEN d.firing THEN 'event' ELSE 'end' END, format('%s %s: %s', e.seq, e.type, e.body ->> 'summary')
      FROM i JOIN alert.decision d USING (incident_id) JOIN alert.event e USING (seq)
    UNION ALL
    SELECT 1, v.created_at, 'message', format('%s %s to %s, %s: %s', v.kind, v.event, v.endpoint, v.state, v.summary) FROM i JOIN report.delivery v ON v.incident = i.incident_id
    UNION ALL
    SELECT 2, i.next_at, 'to be told', 'what is not told yet' FROM i WHERE i.next_at IS NOT NULL
    UNION ALL
    SELECT 2, i.resolved_at, 'resolved', i.why FROM i WHERE i.resolved_at IS NOT NULL) w
   ORDER BY w.place, w.at $$;

-- What nobody needs any more: decisions, incidents and messages older than p_keep that are told and settled.  In steps; returns how many went.
CREATE FUNCTION alert.prune_rules(p_keep interval, p_limit int4) RETURNS int8 LANGUAGE plpgsql AS $$
DECLARE v_n int8; v_all int8 := 0;
BEGIN
  DELETE FROM alert.decision WHERE decision_id = ANY(ARRAY(
    SELECT d.decision_id FROM alert.decision d LEFT JOIN alert.incident i USING (incident_id)
     WHERE d.at < now() - p_keep AND (i.incident_id IS NULL OR i.state = 'resolved') LIMIT p_limit));
  GET DIAGNOSTICS v_n = ROW_COUNT; v_all := v_all + v_n;
  DELETE FROM alert.notice WHERE seq = ANY(ARRAY(
    SELECT n.seq FROM alert.notice n JOIN alert.cursor c USING (endpoint_id)
     WHERE n.at < now() - p_keep AND (n.xid, n.seq) <= (c.xid, c.seq)
       AND NOT EXISTS (SELECT FROM alert.open o WHERE o.endpoint_id = n.endpoint_id AND o.seq = n.seq) LIMIT p_limit));
  GET DIAGNOSTICS v_n = ROW_COUNT; v_all := v_all + v_n;
  DELETE FROM alert.incident WHERE incident_id = ANY(ARRAY(
    SELECT i.incident_id FROM alert.incident i WHERE i.state = 'resolved' AND i.resolved_at < now() - p_keep
       AND NOT EXISTS (SELECT FROM alert.decision d WHERE d.incident_id = i.incident_id)
       AND NOT EXISTS (SELECT FROM alert.notice n WHERE n.incident_id = i.incident_id) LIMIT p_limit));
  GET DIAGNOSTICS v_n = ROW_COUNT;
  DELETE FROM alert.storm WHERE state = 'over' AND ended_at < now() - p_keep;
  RETURN v_all + v_n;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA alert FROM PUBLIC;
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'muster_reader') THEN
    GRANT EXECUTE ON FUNCTION alert.severity_name(int4), alert.window_until(alert.maintenance, timestamptz) TO muster_reader;
  END IF;
END $$;
