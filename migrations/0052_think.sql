-- The rules at work: alert.think() and its steps.

-- ------------------------------------------------------------------ events into incidents

-- Decides about these events: silences and windows first, then routes in their order.
CREATE TYPE alert.verdict AS (
  seq int8, outcome text, route_id int4, key jsonb, incident_id int8, by int8, dedup text, firing bool, zone text, severity int2, turns bool,
  next_at timestamptz);
CREATE FUNCTION alert.route_events(p_seqs int8[], p_now timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE v alert.verdict[];
BEGIN
  -- In steps with an array between them: rows of one WITH part can not be looked up by key.
  WITH e AS MATERIALIZED (
    SELECT v.seq, v.type, v.severity, v.zone, v.dedup, v.at, COALESCE(v.body ->> 'state' = 'resolved', false) AS turned, COALESCE(v.body ->> 'endpoint', v.body -> 'subject' ->> 'endpoint') AS about,
           s.host, s.asset, COALESCE(t.turns, false) AS turns,
           ROW(v.zone, s.host, v.type, v.body -> 'subject' ->> 'kind', v.severity, n.tags, n.owner, v.body -> 'subject' ->> 'script',
               CASE WHEN v.body -> 'subject' ->> 'port' ~ '^\d{1,5}$' THEN (v.body -> 'subject' ->> 'port')::int4 END, s.asset::text)::alert.fields AS f
      FROM alert.event v LEFT JOIN alert.type t ON t.type = v.type LEFT JOIN inv.zone z ON z.name = v.zone,
           LATERAL (SELECT alert.to_inet(v.body -> 'subject' ->> 'host') AS host) h,
           LATERAL (SELECT h.host, (SELECT w.value FROM inv.fact_now w
                      WHERE w.zone_id = z.zone_id AND w.addr = h.host AND w.slot = 0 AND w.attr_id = 0) AS asset) s,
           LATERAL alert.annotated(z.zone_id, s.asset) n
     WHERE v.seq = ANY(p_seqs)),
  calm AS MATERIALIZED (
    SELECT 'silenced' AS outcome, silence_id AS by, fits FROM alert.silence
     WHERE ended_at IS NULL AND from_at <= p_now AND p_now < until_at
    UNION ALL
    SELECT 'window', w.window_id, w.fits FROM alert.maintenance w
     WHERE w.ended_at IS NULL AND p_now < w.until_at AND alert.window_until(w, p_now) IS NOT NULL),
  kept AS MATERIALIZED (
    SELECT DISTINCT ON (e.seq) e.seq, c.outcome, c.by FROM e JOIN calm c ON alert.fits(c.fits, e.f) ORDER BY e.seq, c.outcome, c.by),
  -- an end goes where its beginning went
  turned AS MATERIALIZED (
    SELECT DISTINCT e.seq, i.incident_id, i.route_id FROM e JOIN alert.decision d ON d.dedup = e.dedup AND d.firing AND d.incident_id IS NOT NULL
      JOIN alert.incident i ON i.incident_id = d.incident_id AND i.state <> 'resolved'
     WHERE e.turned AND NOT EXISTS (SELECT FROM kept k WHERE k.seq = e.seq)),
  hit AS MATERIALIZED (
    SELECT q.* FROM (
      SELECT e.seq, e.type, e.severity, e.zone, e.dedup, e.turned, e.turns, r.route_id, r.endpoints, r.group_wait, r.digest,
             jsonb_strip_nulls(jsonb_build_object(
               'zone', CASE WHEN 'zone' = ANY(g.by) THEN e.zone END,
               'asset', CASE WHEN 'asset' = ANY(g.by) THEN COALESCE(e.asset::text, host(e.host)) END,
               'host', CASE WHEN 'host' = ANY(g.by) THEN host(e.host) END,
               'type', CASE WHEN 'type' = ANY(g.by) THEN e.type END,
               'kind', CASE WHEN 'kind' = ANY(g.by) THEN (e.f).kind END,
               'severity', CASE WHEN 'severity' = ANY(g.by) THEN alert.severity_name(e.severity) END,
               'script', CASE WHEN 'script' = ANY(g.by) THEN (e.f).script END,
               'port', CASE WHEN 'port' = ANY(g.by) THEN (e.f).port END,
               'owner', CASE WHEN 'owner' = ANY(g.by) THEN (e.f).owner END,
               'condition', CASE WHEN 'condition' = ANY(g.by) THEN e.dedup END,
               'endpoint', e.about,
               'at_once', CASE WHEN r.digest IS NOT NULL AND e.severity >= r.bypass THEN true END)) AS key,
             CASE WHEN r.digest IS NOT NULL AND e.severity < COALESCE(r.bypass, 9) THEN alert.next_digest(r.digest, p_now)
                  ELSE p_now + r.group_wait END AS next_at,
             bool_or(NOT r.goes_on) OVER (PARTITION BY e.seq ORDER BY r.ordinal ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS past
        FROM e JOIN alert.route r ON r.live AND alert.fits(r.fits, e.f) AND (r.fits_not IS NULL OR NOT alert.fits(r.fits_not, e.f)),
             LATERAL (SELECT CASE WHEN e.type LIKE 'zone.%' OR e.type LIKE 'endpoint.%' THEN ARRAY['condition'] ELSE r.group_by END AS by) g
       WHERE NOT EXISTS (SELECT FROM kept k WHERE k.seq = e.seq)) q
     WHERE q.past IS NOT TRUE AND NOT EXISTS (SELECT FROM turned t WHERE t.seq = q.seq AND t.route_id = q.route_id)),
  d AS (
    SELECT h.seq, CASE WHEN h.endpoints = '{}' THEN 'dropped' ELSE 'grouped' END AS outcome, h.route_id, h.key, NULL::int8 AS incident_id,
           NULL::int8 AS by, h.dedup, NOT h.turned AS firing, h.zone, h.severity, h.turns AND NOT h.turned AS turns, h.next_at FROM hit h
    UNION ALL
    SELECT t.seq, 'turned', t.route_id, NULL, t.incident_id, NULL, e.dedup, false, NULL, NULL, NULL, NULL FROM turned t JOIN e ON e.seq = t.seq
    UNION ALL
    SELECT k.seq, k.outcome, NULL, NULL, NULL, k.by, e.dedup, NOT e.turned, NULL, NULL, NULL, NULL FROM kept k JOIN e ON e.seq = k.seq
    UNION ALL
    SELECT e.seq, 'unmatched', NULL, NULL, NULL, NULL, e.dedup, NOT e.turned, NULL, NULL, NULL, NULL FROM e
     WHERE NOT EXISTS (SELECT FROM kept k WHERE k.seq = e.seq) AND NOT EXISTS (SELECT FROM turned t WHERE t.seq = e.seq)
       AND NOT EXISTS (SELECT FROM hit h WHERE h.seq = e.seq))
  SELECT array_agg(ROW(d.*)::alert.verdict ORDER BY d.seq) INTO v FROM d;
  INSERT INTO alert.incident AS i (id, route_id, key, zone, severity, turns, opened_at, updated_at, next_at)
  SELECT alert.make_id('inc_'), d.route_id, d.key, min(d.zone), max(d.severity), bool_or(d.turns), p_now, p_now, min(d.next_at)
    FROM unnest(v) d WHERE d.outcome = 'grouped' GROUP BY d.route_id, d.key
  ON CONFLICT (route_id, key) WHERE state <> 'resolved' AND NOT sealed DO UPDATE
     SET severity = GREATEST(i.severity, excluded.severity), turns = i.turns OR excluded.turns, updated_at = excluded.updated_at,
         next_at = COALESCE(i.next_at, GREATEST(CASE WHEN excluded.next_at > p_now AND i.told > 0 THEN p_now ELSE excluded.next_at END, i.not_before));
  INSERT INTO alert.decision (at, seq, outcome, route_id, incident_id, by, dedup, firing)
  SELECT p_now, d.seq, d.outcome, d.route_id, COALESCE(d.incident_id, i.incident_id), d.by, d.dedup, d.firing
    FROM unnest(v) WITH ORDINALITY AS d(seq, outcome, route_id, key, incident_id, by, dedup, firing, zone, severity, turns, next_at, n)
    LEFT JOIN alert.incident i ON d.outcome = 'grouped' AND i.route_id = d.route_id AND i.key = d.key AND i.state <> 'resolved' AND NOT i.sealed
   ORDER BY d.n;
  UPDATE alert.incident i SET updated_at = p_now,
         next_at = COALESCE(i.next_at, CASE WHEN r.digest IS NOT NULL AND NOT i.key ? 'at_once' THEN alert.next_digest(r.digest, p_now)
                                            ELSE GREATEST(p_now, i.not_before) END)
    FROM alert.route r
   WHERE i.incident_id = ANY(ARRAY(SELECT d.incident_id FROM unnest(v) d WHERE d.outcome = 'turned')) AND r.route_id = i.route_id;
END $$;

-- ------------------------------------------------------------------ incidents into notices

CREATE FUNCTION alert.incident_ref(i alert.incident, p_state text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', i.id, 'number', i.incident_id, 'state', p_state, 'since', alert.stamp(i.opened_at)) $$;

-- What a message about these events of an incident says.
CREATE FUNCTION alert.tale(i alert.incident, r alert.route, p_kind text, p_state text, p_seqs int8[], p_from timestamptz, p_to timestamptz, p_n int8)
RETURNS jsonb LANGUAGE sql STABLE AS $$
  WITH e AS MATERIALIZED (
    SELECT v.*, row_number() OVER (ORDER BY v.severity DESC, v.xid, v.seq) AS place,
           CASE WHEN v.type ~ '\.(appeared|opened|returned)$' THEN 'n' WHEN v.type ~ '\.(gone|closed)$' THEN 'g' ELSE 'c' END AS way
      FROM alert.event v WHERE v.seq = ANY(p_seqs)),
  c AS (SELECT count(*) AS n, count(*) FILTER (WHERE way = 'n') AS new, count(*) FILTER (WHERE way = 'c') AS changed,
               count(*) FILTER (WHERE way = 'g') AS gone FROM e),
  shown AS MATERIALIZED (
    SELECT s.place, s.j FROM (
      SELECT w.place, w.j, sum(octet_length(w.j::text)) OVER (ORDER BY w.place) AS bytes FROM (
        SELECT e.place, jsonb_build_object('id', e.id, 'type', e.type, 'observed_at', e.observed_at, 'seq', e.seq) ||
               CASE WHEN octet_length(e.body::text) <= 16000 THEN e.body ELSE (e.body - 'old' - 'new') || '{"truncated": true}' END AS j
          FROM e WHERE e.place <= r.max_events) w) s
     WHERE s.bytes <= 200000 OR s.place = 1)
  SELECT jsonb_build_object(
    'kind', p_kind, 'state', CASE WHEN p_state = 'resolved' THEN 'resolved' ELSE 'firing' END, 'severity', alert.severity_name(i.severity),
    'zone', i.zone, 'summary', alert.first_line(c.new, c.changed, c.gone, p_from, p_to),
    'incident', alert.incident_ref(i, p_state),
    'group', jsonb_build_object('route', r.name, 'by', to_jsonb(r.group_by), 'key', i.key),
    'window', jsonb_build_object('from', alert.stamp(p_from), 'to', alert.stamp(p_to)),
    'counts', jsonb_build_object('events', c.n, 'new', c.new, 'changed', c.changed, 'gone', c.gone,
      'types', (SELECT jsonb_object_agg(t.type, t.n) FROM (SELECT type, count(*) AS n FROM e GROUP BY type) t),
      'severities', (SELECT jsonb_object_agg(alert.severity_name(t.severity), t.n) FROM (SELECT severity, count(*) AS n FROM e GROUP BY severity) t)),
    'events', COALESCE((SELECT jsonb_agg(s.j ORDER BY s.place) FROM shown s), '[]'),
    'truncated', c.n - (SELECT count(*) FROM shown),
    'more', 'muster why incident ' || i.incident_id)
    FROM c $$;

-- Which endpoints a message of an incident goes to: those of its route that were there before its events, but not the one it is about.
CREATE FUNCTION alert.receivers(i alert.incident, r alert.route, p_xid xid8, p_seq int8, p_now timestamptz) RETURNS SETOF int4 LANGUAGE sql STABLE AS $$
  WITH p AS MATERIALIZED (
    SELECT p.endpoint_id FROM alert.endpoint p
     WHERE (p.name = ANY(r.endpoints) OR (r.endpoints IS NULL AND GREATEST(p.held_until, p.made_at) > p_now - interval '7 days'))
       AND (p_xid, p_seq) > (p.from_xid, p.from_seq) AND p.name IS DISTINCT FROM i.key ->> 'endpoint')
  SELECT endpoint_id FROM p
  UNION ALL
  SELECT p.endpoint_id FROM alert.endpoint p JOIN alert.ruleset s ON s.last_resort = p.name
   WHERE NOT EXISTS (SELECT FROM p) AND i.key ? 'endpoint' AND p.name <> i.key ->> 'endpoint' $$;

-- Tells what is due: of up to p_limit incidents.  Returns how many messages were written.
CREATE FUNCTION alert.flush(p_now timestamptz, p_limit int4) RETURNS int8 LANGUAGE plpgsql AS $$
DECLARE v_n int8;
BEGIN
  WITH due AS MATERIALIZED (
    SELECT i AS inc, r AS route, i.incident_id FROM alert.incident i JOIN alert.route r USING (route_id)
     WHERE i.next_at <= p_now ORDER BY i.next_at LIMIT p_limit FOR UPDATE OF i),
  m AS MATERIALIZED (
    SELECT due.inc, due.route, due.incident_id, d.*
      FROM due, LATERAL (
        SELECT count(*) AS n, array_agg(DISTINCT d.seq) AS seqs, max(d.decision_id) AS upto, min(e.observed_at) AS first_at, max(e.observed_at) AS last_at,
               max(e.severity) AS severity, max(e.xid) AS xid, max(e.seq) AS seq, bool_or(d.firing) AS fires, bool_or(NOT d.firing) AS turns, bool_or(d.firing AND y.turns IS NOT TRUE) AS changes,
               min(e.id) AS event, min(e.type) AS type, min(e.dedup) AS dedup
          FROM alert.decision d JOIN alert.event e USING (seq) LEFT JOIN alert.type y USING (type)
         WHERE d.incident_id = due.incident_id AND d.decision_id > (due.inc).told_upto) d),
  s AS MATERIALIZED (
    SELECT m.*, (m.route).digest IS NOT NULL AND NOT (m.inc).key ? 'at_once' AS is_digest,
           m.turns AND NOT EXISTS (
             SELECT FROM (SELECT DISTINCT ON (d.dedup) d.firing, d.seq FROM alert.decision d WHERE d.incident_id = m.incident_id
                           ORDER BY d.dedup, d.decision_id DESC) c JOIN alert.event e USING (seq) JOIN alert.type y USING (type)
              WHERE c.firing AND y.turns) AS ended
      FROM m),
  -- what turned back before it was told is not told; what only ends has been told, or is news of its own
  t AS MATERIALIZED (
    SELECT s.*, s.n > 0 AND NOT (s.ended AND s.fires AND NOT s.changes AND (s.inc).told = 0 AND NOT s.is_digest) AS tell,
           CASE WHEN s.is_digest THEN 'digest' WHEN s.ended AND (s.inc).told > 0 AND NOT s.changes THEN 'resolve'
                WHEN s.n = 1 AND s.type = 'zone.baselined' THEN 'baseline' WHEN s.n = 1 AND s.type = 'zone.storm' THEN 'storm'
                WHEN cardinality(s.seqs) = 1 THEN 'event' ELSE 'group' END AS kind,
           CASE WHEN s.ended OR s.is_digest THEN 'resolved' WHEN (s.inc).told > 0 THEN 'updated' ELSE 'open' END AS state,
           CASE WHEN s.is_digest OR (s.inc).told_at IS NULL THEN (s.inc).opened_at ELSE (s.inc).told_at END AS from_at,
           cardinality(s.seqs) = 1 AND NOT s.is_digest AS single
      FROM s),
  w AS MATERIALIZED (
    -- about one event: under its id, but for a second incident that it ends
    SELECT t.*, CASE WHEN t.kind = 'event' OR (t.single AND row_number() OVER (PARTITION BY t.event ORDER BY t.upto) = 1
                          AND NOT EXISTS (SELECT FROM alert.notice o WHERE o.event_seq = t.seq)) THEN t.event ELSE alert.make_id('ntc_') END AS notice_id,
           CASE WHEN t.kind = 'event' THEN jsonb_build_object('incident', alert.incident_ref(t.inc, t.state))
                WHEN t.single THEN jsonb_build_object('kind', t.kind, 'incident', alert.incident_ref(t.inc, t.state))
                ELSE alert.tale(t.inc, t.route, t.kind, CASE WHEN t.is_digest THEN 'open' ELSE t.state END, t.seqs, LEAST(t.from_at, t.first_at), p_now, t.n) END AS data
      FROM t WHERE t.tell),
  told AS (
    INSERT INTO alert.notice (id, endpoint_id, kind, type, severity, observed_at, dedup, incident_id, event_seq, data)
    SELECT w.notice_id, p, w.kind, CASE WHEN w.single THEN w.type ELSE w.kind END, w.severity, w.last_at,
           md5((w.route).name || ' ' || (w.inc).key::text), w.incident_id, CASE WHEN w.single THEN w.seq END, w.data
      FROM w, alert.receivers(w.inc, w.route, w.xid, w.seq, p_now) p
     ORDER BY w.upto
    ON CONFLICT (endpoint_id, id) DO NOTHING RETURNING 1),
  moved AS (
    UPDATE alert.incident i
       SET next_at = NULL, told_upto = COALESCE(t.upto, i.told_upto), state = t.state, told = i.told + t.tell::int4,
           told_at = CASE WHEN t.tell THEN p_now ELSE i.told_at END,
           not_before = CASE WHEN t.tell THEN p_now + (t.route).group_interval ELSE i.not_before END,
           repeat_at = CASE WHEN t.state <> 'resolved' AND t.tell AND i.turns THEN p_now + (t.route).repeat_interval END,
           resolved_at = CASE WHEN t.state = 'resolved' THEN p_now END,
           why = CASE WHEN t.is_digest THEN 'told in a digest' WHEN t.state = 'resolved' AND NOT t.tell THEN 'turned back before it was told'
                      WHEN t.state = 'resolved' THEN 'all of it turned back' END
      FROM t WHERE i.incident_id = t.incident_id)
  SELECT count(*) INTO v_n FROM told;
  RETURN v_n;
END $$;

-- Says again what still holds.
CREATE FUNCTION alert.say_again(p_now timestamptz) RETURNS int8 LANGUAGE plpgsql AS $$
DECLARE v_n int8;
BEGIN
  WITH due AS MATERIALIZED (
    SELECT i AS inc, r AS route, i.incident_id, h.* FROM alert.incident i JOIN alert.route r USING (route_id),
           LATERAL (SELECT array_agg(seq) AS seqs, count(*) AS n FROM (
             SELECT DISTINCT ON (d.dedup) d.seq, d.firing FROM alert.decision d WHERE d.incident_id = i.incident_id
              ORDER BY d.dedup, d.decision_id DESC) c JOIN alert.event e USING (seq) JOIN alert.type y USING (type) WHERE c.firing AND y.turns) h
     WHERE i.repeat_at <= p_now AND i.next_at IS NULL AND i.state <> 'resolved' ORDER BY i.repeat_at LIMIT 100),
  told AS (
    INSERT INTO alert.notice (id, endpoint_id, kind, type, severity, observed_at, dedup, incident_id, data)
    SELECT d.id, p, 'group', 'group', (d.inc).severity, p_now, md5((d.route).name || ' ' || (d.inc).key::text), d.incident_id, d.data
      FROM (SELECT due.*, alert.make_id('ntc_') AS id, l.xid, l.seq,
                   alert.tale(due.inc, due.route, 'group', (due.inc).state, due.seqs, (due.inc).opened_at, p_now, due.n) || '{"repeat": true}' AS data
              FROM due, LATERAL (SELECT max(e.xid) AS xid, max(e.seq) AS seq FROM alert.event e WHERE e.seq = ANY(due.seqs)) l
             WHERE due.n > 0) d,
           alert.receivers(d.inc, d.route, d.xid, d.seq, p_now) p RETURNING 1),
  moved AS (
    UPDATE alert.incident i SET repeat_at = CASE WHEN due.n > 0 THEN p_now + (due.route).repeat_interval END FROM due WHERE i.incident_id = due.incident_id)
  SELECT count(*) INTO v_n FROM told;
  RETURN v_n;
END $$;

-- An incident that was quiet for long takes nothing new; one in which nothing can turn back ends there.
CREATE FUNCTION alert.seal(p_now timestamptz, p_after interval) RETURNS void LANGUAGE sql AS $$
  UPDATE alert.incident SET sealed = true, state = CASE WHEN turns THEN state ELSE 'resolved' END,
         resolved_at = CASE WHEN NOT turns THEN p_now END, why = CASE WHEN NOT turns THEN 'quiet' END
   WHERE NOT sealed AND state <> 'resolved' AND next_at IS NULL AND updated_at < p_now - p_after $$;

-- ------------------------------------------------------------------ conditions that come and go

-- Which of these events belong to a condition that flaps: they are recorded, and not told.
CREATE FUNCTION alert.damp(p_seqs int8[], s alert.ruleset, p_now timestamptz) RETURNS int8[] LANGUAGE plpgsql AS $$
DECLARE v_damped int8[]; v_more int8[];
BEGIN
  WITH f AS (
    UPDATE alert.flap f SET last_at = p_now, n = f.n + e.n
      FROM (SELECT v.dedup, count(*) AS n FROM alert.event v WHERE v.seq = ANY(p_seqs) GROUP BY v.dedup) e
     WHERE f.dedup = e.dedup RETURNING f.dedup)
  SELECT array_agg(v.seq) INTO v_damped FROM alert.event v JOIN f ON f.dedup = v.dedup WHERE v.seq = ANY(p_seqs);
  -- more changes than allowed, with those that were decided before
  WITH e AS MATERIALIZED (
    SELECT v.dedup, v.seq, row_number() OVER (PARTITION BY v.dedup ORDER BY v.xid, v.seq) AS place FROM alert.event v
     WHERE v.seq = ANY(p_seqs) AND v.seq <> ALL(COALESCE(v_damped, '{}')) AND v.type NOT LIKE 'condition.%' AND v.type NOT LIKE 'zone.%'),
  past AS MATERIALIZED (
    SELECT q.dedup, (SELECT count(DISTINCT d.seq) FROM alert.decision d WHERE d.dedup = q.dedup AND d.at > p_now - s.flap_within) AS n
      FROM (SELECT DISTINCT dedup FROM e) q),
  over AS MATERIALIZED (
    SELECT e.dedup, e.seq FROM e JOIN past p USING (dedup) WHERE p.n + e.place > s.flap_changes),
  made AS (
    INSERT INTO alert.flap AS f (dedup, since, last_at, n, seq)
    SELECT o.dedup, p_now, p_now, count(*), min(o.seq) FROM over o GROUP BY o.dedup RETURNING f.seq)
  SELECT array_agg(o.seq) INTO v_more FROM over o;
  IF v_more IS NOT NULL THEN
    PERFORM alert.raise('condition.flapping', 'firing', v.zone, v.subject, v.body -> 'subject', md5('flap ' || v.dedup),
              format('%s changes again and again: more than %s times within %s; quiet until it is stable for %s', substr(v.subject, 6),
                     s.flap_changes, alert.span(s.flap_within), alert.span(s.flap_quiet)), '{}'::jsonb, p_now)
       FROM alert.flap f JOIN alert.event v ON v.seq = f.seq WHERE f.seq = ANY(v_more);
  END IF;
  v_damped := v_damped || v_more;
  INSERT INTO alert.decision (at, seq, outcome, dedup, firing)
  SELECT p_now, v.seq, 'flapping', v.dedup, COALESCE(v.body ->> 'state', '') <> 'resolved' FROM alert.event v WHERE v.seq = ANY(v_damped) ORDER BY v.seq;
  RETURN v_damped;
END $$;

CREATE FUNCTION alert.steady(s alert.ruleset, p_now timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
  FOR r IN DELETE FROM alert.flap f USING alert.event v WHERE f.last_at <= p_now - s.flap_quiet AND v.seq = f.seq
           RETURNING f.dedup, f.n, f.since, v.zone, v.subject, v.body,
             (SELECT l.body ->> 'summary' FROM alert.decision d JOIN alert.event l ON l.seq = d.seq WHERE d.dedup = f.dedup
               ORDER BY d.decision_id DESC LIMIT 1) AS now_is
  LOOP
    PERFORM alert.raise('condition.stable', 'resolved', r.zone, r.subject, r.body -> 'subject', md5('flap ' || r.dedup),
      format('%s is stable again after %s more changes; last: %s', substr(r.subject, 6), r.n, r.now_is), '{}', p_now);
  END LOOP;
END $$;

-- ------------------------------------------------------------------ many at once

CREATE FUNCTION alert.present(p_zone text, p_in inet) RETURNS int8 LANGUAGE sql STABLE AS $$
  SELECT count(*) FROM inv.fact_now f JOIN inv.zone z USING (zone_id)
   WHERE z.name = p_zone AND f.attr_id = 1 AND (p_in IS NULL OR f.addr BETWEEN host(p_in)::inet AND host(broadcast(p_in))::inet) $$;

CREATE FUNCTION alert.count_surge(p_seqs int8[], p_now timestamptz) RETURNS void LANGUAGE sql AS $$
  INSERT INTO alert.surge AS g (zone, sort, minute, n)
  SELECT e.zone, alert.sort_of(e.type, e.body), date_trunc('minute', p_now), count(DISTINCT e.dedup) FROM alert.event e
   WHERE e.seq = ANY(p_seqs) AND e.body -> 'subject' ? 'host' AND COALESCE(e.body ->> 'state', '') <> 'resolved' GROUP BY 1, 2
  ON CONFLICT (zone, sort, minute) DO UPDATE SET n = g.n + excluded.n $$;

-- Takes the events that belong to an open storm, or that wait for their time; returns the others.
CREATE FUNCTION alert.hold(p_seqs int8[], s alert.ruleset, p_now timestamptz) RETURNS int8[] LANGUAGE plpgsql AS $$
DECLARE v_taken int8[];
BEGIN
  -- the end of what a storm holds, or of what waits
  WITH e AS MATERIALIZED (
    SELECT e.seq, e.dedup FROM alert.event e WHERE e.seq = ANY(p_seqs) AND e.body ->> 'state' = 'resolved'),
  b AS (
    UPDATE alert.waiting w SET back = true FROM e WHERE w.dedup = e.dedup AND w.storm_id IS NOT NULL RETURNING e.seq, w.storm_id, e.dedup),
  g AS (
    DELETE FROM alert.waiting w USING e WHERE w.dedup = e.dedup AND w.due_at IS NOT NULL RETURNING e.seq, e.dedup, w.seq AS first),
  t AS (UPDATE alert.storm t SET last_at = p_now WHERE t.storm_id IN (SELECT storm_id FROM b)),
  d AS (
    INSERT INTO alert.decision (at, seq, outcome, by, dedup, firing)
    SELECT DISTINCT p_now, b.seq, 'returned', b.storm_id, b.dedup, false FROM b
    UNION ALL SELECT DISTINCT p_now, g.seq, 'returned', NULL::int8, g.dedup, false FROM g
     WHERE NOT EXISTS (SELECT FROM b WHERE b.seq = g.seq) RETURNING seq)
  SELECT array_agg(seq) INTO v_taken FROM d;
  -- new ones
  WITH e AS MATERIALIZED (
    SELECT e.seq, e.dedup, e.zone, e.type, alert.sort_of(e.type, e.body) AS sort, alert.to_inet(e.body -> 'subject' ->> 'host') AS host
      FROM alert.event e WHERE e.seq = ANY(p_seqs) AND e.seq <> ALL(COALESCE(v_taken, '{}'))
       AND COALESCE(e.body ->> 'state', '') <> 'resolved' AND e.body -> 'subject' ? 'host'),
  h AS (
    INSERT INTO alert.waiting (seq, dedup, zone, sort, host, due_at, storm_id)
    SELECT e.seq, e.dedup, e.zone, e.sort, e.host, CASE WHEN t.storm_id IS NULL THEN p_now + s.storm_hold END, t.storm_id
      FROM e LEFT JOIN alert.storm t ON t.state = 'open' AND t.zone = e.zone AND t.sort = e.sort
     WHERE t.storm_id IS NOT NULL OR (e.type = 'host.gone' AND s.storm_hold > '0')
    RETURNING seq, dedup, storm_id),
  t AS (UPDATE alert.storm t SET last_at = p_now WHERE t.storm_id IN (SELECT storm_id FROM h)),
  d AS (
    INSERT INTO alert.decision (at, seq, outcome, by, dedup, firing)
    SELECT p_now, h.seq, CASE WHEN h.storm_id IS NULL THEN 'waiting' ELSE 'held' END, h.storm_id, h.dedup, true FROM h ORDER BY h.seq RETURNING seq)
  SELECT v_taken || array_agg(seq) INTO v_taken FROM d;
  RETURN ARRAY(SELECT q FROM unnest(p_seqs) WITH ORDINALITY u(q, n) WHERE q <> ALL(COALESCE(v_taken, '{}')) ORDER BY n);
END $$;

-- Asks for another look at some of those that are gone.
CREATE FUNCTION alert.probe_canaries(p_zone text, p_hosts inet[]) RETURNS void LANGUAGE sql AS $$
  UPDATE inv.schedule q SET asked = ARRAY(SELECT unnest(q.asked) UNION SELECT c FROM unnest(p_hosts) c WHERE c BETWEEN b.lo AND b.hi),
         due_at = CASE WHEN q.sensor_id IS NULL AND q.due_at < 'infinity' THEN LEAST(q.due_at, now()) ELSE q.due_at END
    FROM inv.block b JOIN inv.zone z ON z.zone_id = b.zone_id
   WHERE q.block_id = b.block_id AND q.kind = 'presence' AND q.retired_at IS NULL AND z.name = p_zone
     AND EXISTS (SELECT FROM unnest(p_hosts) c WHERE c BETWEEN b.lo AND b.hi) $$;

-- Opens storms: a sort of change hit a large share of a zone within the window, or most of a /24 (/120) of hosts that are gone.
CREATE FUNCTION alert.find_storms(s alert.ruleset, p_now timestamptz) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE r record; v_hosts int8; v_id int8; v_held int8; v_canaries inet[]; v_any bool := false; v_gone bool;
BEGIN
  FOR r IN
    SELECT g.zone, g.sort, sum(g.n)::int8 AS n FROM alert.surge g WHERE g.minute > p_now - s.storm_window
     GROUP BY g.zone, g.sort HAVING sum(g.n) >= s.storm_least
        AND NOT EXISTS (SELECT FROM alert.storm t WHERE t.zone = g.zone AND t.sort = g.sort
                           AND (t.state = 'open' OR (t.state = 'confirmed' AND t.last_at > p_now - s.storm_window)
                                OR t.ended_at > p_now - s.storm_window))
  LOOP
    v_gone := r.sort = 'host.gone';
    v_hosts := alert.present(r.zone, NULL) + CASE WHEN v_gone THEN r.n ELSE 0 END;
    CONTINUE WHEN r.n < s.storm_share * v_hosts AND NOT (v_gone AND EXISTS (
      SELECT FROM (SELECT network(set_masklen(w.host, CASE family(w.host) WHEN 4 THEN 24 ELSE 120 END))::inet AS net, count(*) AS n
                     FROM alert.waiting w WHERE w.zone = r.zone AND w.sort = r.sort AND w.due_at IS NOT NULL GROUP BY 1) q
       WHERE q.n >= s.storm_least AND q.n >= 0.5 * (q.n + alert.present(r.zone, q.net))));
    INSERT INTO alert.storm (zone, sort, type, dedup, opened_at, last_at, hosts)
    VALUES (r.zone, r.sort, split_part(r.sort, ' ', 1), encode(sha256(convert_to(format('storm %s %s %s', r.zone, r.sort, p_now), 'UTF8')), 'hex'),
            p_now, p_now, v_hosts) RETURNING storm_id INTO v_id;
    WITH w AS (
      UPDATE alert.waiting SET due_at = NULL, storm_id = v_id WHERE zone = r.zone AND sort = r.sort AND due_at IS NOT NULL RETURNING seq, dedup),
    d AS (
      INSERT INTO alert.decision (at, seq, outcome, by, dedup, firing) SELECT p_now, w.seq, 'held', v_id, w.dedup, true FROM w RETURNING 1)
    SELECT count(*) INTO v_held FROM d;
    -- of those in groups, what is not told yet
    WITH u AS (
      UPDATE alert.decision d SET incident_id = NULL, outcome = 'held', by = v_id
        FROM alert.incident i, alert.event e
       WHERE i.next_at IS NOT NULL AND d.incident_id = i.incident_id AND d.decision_id > i.told_upto AND e.seq = d.seq
         AND e.zone = r.zone AND alert.sort_of(e.type, e.body) = r.sort RETURNING d.seq, d.dedup, e.zone, e.body),
    w AS (
      INSERT INTO alert.waiting (seq, dedup, zone, sort, host, storm_id)
      SELECT DISTINCT ON (u.seq) u.seq, u.dedup, u.zone, r.sort, alert.to_inet(u.body -> 'subject' ->> 'host'), v_id FROM u
      ON CONFLICT DO NOTHING RETURNING 1)
    SELECT v_held + count(*) INTO v_held FROM w;
    v_canaries := ARRAY(SELECT w.host FROM alert.waiting w WHERE w.storm_id = v_id AND w.host IS NOT NULL ORDER BY md5(w.host::text || v_id) LIMIT s.canaries);
    PERFORM alert.probe_canaries(r.zone, v_canaries);
    UPDATE alert.storm SET canaries = v_canaries, event_seq = alert.raise('zone.storm', 'firing', r.zone, 'zone/' || r.zone,
        jsonb_build_object('kind', 'zone'), dedup,
        format('a large part of %s changed at once: %s on %s of %s hosts; the single ones are held, %s of them are looked at again', r.zone, r.sort,
               r.n, v_hosts, cardinality(v_canaries)),
        jsonb_build_object('storm', jsonb_build_object('number', v_id, 'type', type, 'sort', r.sort, 'hosts', r.n, 'of', v_hosts, 'held', GREATEST(v_held, r.n),
          'canaries', to_jsonb(v_canaries), 'verdict', 'asked')), p_now)
     WHERE storm_id = v_id;
    v_any := true;
  END LOOP;
  RETURN v_any;
END $$;

-- What the canaries say: back, gone, or NULL as long as too few have been looked at.
CREATE FUNCTION alert.canaries_say(t alert.storm) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN count(*) FILTER (WHERE back) * 2 >= GREATEST(count(*), 1) THEN 'back'
              WHEN count(*) FILTER (WHERE back OR looked) = count(*) THEN 'gone' END
    FROM (SELECT EXISTS (SELECT FROM inv.fact_now f WHERE f.zone_id = z.zone_id AND f.addr = c AND f.slot = 0 AND f.attr_id = 1) AS back,
                 EXISTS (SELECT FROM inv.coverage v JOIN inv.block b USING (block_id) JOIN inv.profile p ON p.profile_id = v.profile_id
                          WHERE v.zone_id = z.zone_id AND p.kind = 'presence' AND c BETWEEN b.lo AND b.hi AND v.from_at >= t.opened_at AND v.complete
                            AND (v.scope IS NULL OR c = ANY(v.scope)) AND (v.blind IS NULL OR c <> ALL(v.blind))) AS looked
            FROM unnest(t.canaries) c, inv.zone z WHERE z.name = t.zone) q
   WHERE cardinality(t.canaries) > 0 $$;

-- The way of an open storm.  Returns events that are released.
CREATE FUNCTION alert.weather(s alert.ruleset, p_now timestamptz) RETURNS int8[] LANGUAGE plpgsql AS $$
DECLARE t alert.storm; v_say text; v_n int8; v_back int8; v_over bool; v_freed int8[]; v_all int8[];
BEGIN
  FOR t IN SELECT * FROM alert.storm WHERE state <> 'over' FOR UPDATE LOOP
    SELECT count(*), count(*) FILTER (WHERE w.back) INTO v_n, v_back FROM alert.waiting w WHERE w.storm_id = t.storm_id;
    v_say := alert.canaries_say(t);
    IF v_say IS DISTINCT FROM t.verdict AND v_say IS NOT NULL THEN
      UPDATE alert.storm SET verdict = v_say WHERE storm_id = t.storm_id;
    END IF;
    v_over := CASE
      WHEN t.sort <> 'host.gone' THEN t.last_at <= p_now - s.storm_settle     -- changes do not turn back: told as a whole, and done
      ELSE v_back = v_n OR (v_back * 2 >= v_n AND t.last_at <= p_now - s.storm_settle) END;
    IF v_over THEN
      -- who is still gone is told of; the others need not be
      WITH w AS (DELETE FROM alert.waiting w WHERE w.storm_id = t.storm_id RETURNING w.seq, w.dedup, w.back),
      d AS (
        INSERT INTO alert.decision (at, seq, outcome, by, dedup, firing)
        SELECT p_now, w.seq, CASE WHEN w.back OR t.sort <> 'host.gone' THEN 'stilled' ELSE 'released' END, t.storm_id, w.dedup, NOT w.back FROM w RETURNING seq, outcome)
      SELECT array_agg(seq) FILTER (WHERE outcome = 'released') INTO v_freed FROM d;
      IF t.state = 'open' AND t.sort = 'host.gone' THEN v_all := v_all || v_freed; END IF;    -- confirmed ones have been told of
      UPDATE alert.storm SET state = 'over', ended_at = p_now WHERE storm_id = t.storm_id;
      PERFORM alert.raise('zone.calm', 'resolved', t.zone, 'zone/' || t.zone, jsonb_build_object('kind', 'zone'), t.dedup,
        CASE WHEN t.sort = 'host.gone' THEN format('%s of %s hosts of %s that were gone are back', v_back, v_n, t.zone)
             ELSE format('no more of it in %s: %s on %s hosts', t.zone, t.sort, v_n) END,
        jsonb_build_object('storm', jsonb_build_object('number', t.storm_id, 'type', t.type, 'sort', t.sort, 'hosts', v_n, 'of', t.hosts, 'back', v_back,
          'released', COALESCE(cardinality(v_freed), 0), 'verdict', COALESCE(v_say, t.verdict, 'none'))), p_now);
    ELSIF t.state = 'open' AND t.sort = 'host.gone' AND t.opened_at <= p_now - s.storm_confirm AND t.last_at <= p_now - s.storm_settle
          AND (v_say = 'gone' OR t.opened_at <= p_now - 4 * s.storm_confirm) THEN
      -- not weather but a fact: told as a whole
      INSERT INTO alert.decision (at, seq, outcome, by, dedup, firing)
      SELECT p_now, w.seq, 'confirmed', t.storm_id, w.dedup, true FROM alert.waiting w WHERE w.storm_id = t.storm_id AND NOT w.back;
      UPDATE alert.storm SET state = 'confirmed' WHERE storm_id = t.storm_id;
      PERFORM alert.raise('zone.storm', 'firing', t.zone, 'zone/' || t.zone, jsonb_build_object('kind', 'zone'), t.dedup,
        format('%s of %s hosts of %s stay gone%s', v_n - v_back, t.hosts, t.zone,
               CASE WHEN v_say = 'gone' THEN format(': %s that were looked at again do not answer', cardinality(t.canaries)) ELSE '' END),
        jsonb_build_object('storm', jsonb_build_object('number', t.storm_id, 'type', t.type, 'sort', t.sort, 'hosts', v_n, 'of', t.hosts, 'back', v_back,
          'held', v_n - v_back, 'canaries', to_jsonb(t.canaries), 'verdict', 'confirmed',
          'gone', (SELECT jsonb_agg(host(q.host)) FROM (SELECT w.host FROM alert.waiting w WHERE w.storm_id = t.storm_id AND NOT w.back
                                                          ORDER BY w.host LIMIT 100) q))), p_now);
    END IF;
  END LOOP;
  RETURN COALESCE(v_all, '{}');
END $$;

-- ------------------------------------------------------------------ first contact
-- A zone, or what was added to it, that has been looked at completely for the first time: one event with what is there.
CREATE FUNCTION alert.find_baselines(p_now timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE r record; v_assets int8; v_hosts int8; v_services int8;
BEGIN
  FOR r IN
    SELECT z.zone_id, z.name, COALESCE(l.upto_block, 0) AS seen, max(b.block_id) AS last, count(*) AS blocks
      FROM inv.zone z JOIN inv.block b ON b.zone_id = z.zone_id AND b.retired_at IS NULL LEFT JOIN alert.baseline l ON l.zone_id = z.zone_id
     WHERE z.retired_at IS NULL AND b.block_id > COALESCE(l.upto_block, 0)
     GROUP BY z.zone_id, z.name, l.upto_block
    HAVING bool_and(EXISTS (SELECT FROM inv.schedule q WHERE q.block_id = b.block_id AND q.retired_at IS NULL AND q.kind IN ('presence', 'ports'))
                AND NOT EXISTS (SELECT FROM inv.schedule q WHERE q.block_id = b.block_id AND q.retired_at IS NULL AND q.kind IN ('presence', 'ports')
                                   AND q.last_at IS NULL))
  LOOP
    SELECT count(DISTINCT h.value), count(DISTINCT f.addr) FILTER (WHERE f.attr_id = 1), count(*) FILTER (WHERE f.attr_id = 10)
      INTO v_assets, v_hosts, v_services
      FROM inv.block b JOIN inv.fact_now f ON f.zone_id = r.zone_id AND f.addr BETWEEN b.lo AND b.hi AND f.attr_id IN (1, 10)
      LEFT JOIN inv.fact_now h ON f.attr_id = 1 AND h.zone_id = r.zone_id AND h.addr = f.addr AND h.slot = 0 AND h.attr_id = 0
     WHERE b.zone_id = r.zone_id AND b.retired_at IS NULL AND b.block_id > r.seen;
    INSERT INTO alert.baseline VALUES (r.zone_id, r.last) ON CONFLICT (zone_id) DO UPDATE SET upto_block = excluded.upto_block;
    PERFORM alert.raise('zone.baselined', 'firing', r.name, 'zone/' || r.name, jsonb_build_object('kind', 'zone'),
      encode(sha256(convert_to(format('baseline %s %s', r.name, r.last), 'UTF8')), 'hex'),
      CASE WHEN r.seen = 0 THEN format('baseline of zone %s: %s assets, %s services', r.name, v_assets, v_services)
           ELSE format('baseline of what was added to zone %s: %s assets, %s services', r.name, v_assets, v_services) END,
      jsonb_build_object('baseline', jsonb_build_object('assets', v_assets, 'hosts', v_hosts, 'services', v_services)), p_now);
  END LOOP;
END $$;

-- ------------------------------------------------------------------ all of it

-- When something falls due next.
CREATE FUNCTION alert.next_due(s alert.ruleset, p_now timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT LEAST((SELECT min(next_at) FROM alert.incident WHERE next_at IS NOT NULL),
               (SELECT min(repeat_at) FROM alert.incident WHERE repeat_at IS NOT NULL),
               (SELECT min(due_at) FROM alert.waiting WHERE due_at IS NOT NULL),
               (SELECT min(last_at) + (s).flap_quiet FROM alert.flap),
               (SELECT p_now + LEAST(interval '15 s', (s).storm_settle / 4) FROM alert.storm WHERE state <> 'over' LIMIT 1)) $$;

-- No rules were ever brought: each event goes to each endpoint, as itself.
CREATE FUNCTION alert.tell_all(p_seqs int8[]) RETURNS int8 LANGUAGE sql AS $$
  WITH told AS (
    INSERT INTO alert.notice (id, endpoint_id, kind, type, severity, observed_at, dedup, event_seq)
    SELECT v.id, p.endpoint_id, 'event', v.type, v.severity, v.observed_at, v.dedup, v.seq
      FROM alert.event v JOIN alert.endpoint p ON (v.xid, v.seq) > (p.from_xid, p.from_seq) WHERE v.seq = ANY(p_seqs) ORDER BY v.xid, v.seq
    ON CONFLICT (endpoint_id, id) DO NOTHING RETURNING 1)
  SELECT count(*) FROM told $$;

-- What is looked for now and then: zones that are complete, rows that nobody needs.
CREATE FUNCTION alert.look_around(p_now timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE alert.rule_cursor SET look_at = p_now + interval '10 s' WHERE look_at <= p_now;
  IF NOT FOUND THEN RETURN; END IF;
  DELETE FROM alert.surge WHERE minute < p_now - interval '1 day';
  UPDATE alert.incident SET state = 'resolved', resolved_at = p_now, why = 'old' WHERE sealed AND state <> 'resolved' AND updated_at < p_now - interval '30 days';
  PERFORM alert.find_baselines(p_now);
END $$;

DROP FUNCTION alert.think(int4);
-- Decides about up to p_limit events, and tells what is due.  more: there is more to do at once.  next: seconds until something falls due.
-- One at a time: when another process is at it, there is nothing to do.
CREATE FUNCTION alert.think(p_limit int4, p_now timestamptz DEFAULT now()) RETURNS TABLE (notices int8, more bool, next float8) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE c alert.rule_cursor; s alert.ruleset; v_seqs int8[]; v_new int8[]; v_last record; v_n int8; v_told int8 := 0;
BEGIN
  PERFORM alert.check_cluster();
  SELECT * INTO c FROM alert.rule_cursor FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN RETURN QUERY SELECT 0::int8, false, NULL::float8; RETURN; END IF;
  SELECT * INTO s FROM alert.ruleset;
  SELECT array_agg(e.seq ORDER BY e.xid, e.seq) FILTER (WHERE NOT e.baseline), count(*) INTO v_seqs, v_n
    FROM (SELECT e.seq, e.xid, e.baseline FROM alert.event e WHERE (e.xid, e.seq) > (c.xid, c.seq) AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
           ORDER BY e.xid, e.seq LIMIT p_limit) e;
  IF v_n > 0 THEN
    SELECT e.xid, e.seq INTO v_last FROM alert.event e WHERE (e.xid, e.seq) > (c.xid, c.seq) AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
     ORDER BY e.xid, e.seq LIMIT 1 OFFSET v_n - 1;
    UPDATE alert.rule_cursor SET xid = v_last.xid, seq = v_last.seq, updated_at = p_now;
  END IF;
  IF s.hash IS NULL THEN
    IF v_n > 0 THEN v_told := alert.tell_all(v_seqs); END IF;
    RETURN QUERY SELECT v_told, v_n >= p_limit, NULL::float8;
    RETURN;
  END IF;
  IF v_seqs IS NOT NULL THEN
    v_new := alert.damp(v_seqs, s, p_now);
    IF v_new IS NOT NULL THEN v_seqs := ARRAY(SELECT q FROM unnest(v_seqs) WITH ORDINALITY u(q, n) WHERE q <> ALL(v_new) ORDER BY n); END IF;
    PERFORM alert.count_surge(v_seqs, p_now);
    v_seqs := alert.hold(v_seqs, s, p_now);
    IF alert.find_storms(s, p_now) THEN v_seqs := alert.hold(v_seqs, s, p_now); END IF;
    IF cardinality(v_seqs) > 0 THEN PERFORM alert.route_events(v_seqs, p_now); END IF;
  END IF;
  IF EXISTS (SELECT FROM alert.storm WHERE state <> 'over') THEN
    v_new := alert.weather(s, p_now);
    IF cardinality(v_new) > 0 THEN PERFORM alert.route_events(v_new, p_now); END IF;
  END IF;
  WITH w AS (DELETE FROM alert.waiting WHERE due_at <= p_now RETURNING seq) SELECT array_agg(seq ORDER BY seq) INTO v_new FROM w;
  IF v_new IS NOT NULL THEN PERFORM alert.route_events(v_new, p_now); END IF;
  v_told := alert.flush(p_now, p_limit) + alert.say_again(p_now);
  PERFORM alert.steady(s, p_now);
  PERFORM alert.look_around(p_now);
  PERFORM alert.seal(p_now, s.close_after);
  RETURN QUERY SELECT v_told, v_n >= p_limit OR EXISTS (SELECT FROM alert.event e WHERE e.xid = pg_current_xact_id()), EXTRACT(epoch FROM alert.next_due(s, p_now) - p_now)::float8;
END $$;

-- Its tables grow from nothing between two visits of autovacuum, so the planner believes them to be small: no sequential scans.  Costs say
-- nothing then, and a compiler that goes by costs would be started each time.
ALTER FUNCTION alert.think(int4, timestamptz) SET jit = off;
ALTER FUNCTION alert.think(int4, timestamptz) SET enable_seqscan = off;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA alert FROM PUBLIC;
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'muster_reader') THEN
    GRANT EXECUTE ON FUNCTION alert.severity_name(int4) TO muster_reader;
  END IF;
END $$;
