-- Every end reaches the incident that it ends, also when the condition was flapping or kept quiet meanwhile; and what is kept quiet is not said again.
-- alert.think(), which calls what stands here, is in 0141.

-- A policy's row that changed is there as before.
UPDATE alert.type SET turns = true WHERE type = 'policy.changed';

-- What the rules know of an event.
CREATE FUNCTION alert.looked_up(p_seqs int8[])
RETURNS TABLE (seq int8, type text, severity int2, zone text, dedup text, at timestamptz, turned bool, about text, host inet, asset uuid, turns bool, f alert.fields)
LANGUAGE sql STABLE AS $$
  SELECT v.seq, v.type, v.severity, v.zone, v.dedup, v.at, COALESCE(v.body ->> 'state' = 'resolved', false), COALESCE(v.body ->> 'endpoint', v.body -> 'subject' ->> 'endpoint'),
         s.host, s.asset, COALESCE(t.turns, false),
         ROW(v.zone, s.host, v.type, v.body -> 'subject' ->> 'kind', v.severity, n.tags, n.owner, v.body -> 'subject' ->> 'script',
             CASE WHEN v.body -> 'subject' ->> 'port' ~ '^\d{1,5}$' THEN (v.body -> 'subject' ->> 'port')::int4 END, s.asset::text)::alert.fields
    FROM alert.event v LEFT JOIN alert.type t ON t.type = v.type LEFT JOIN inv.zone z ON z.name = v.zone,
         LATERAL (SELECT alert.to_inet(v.body -> 'subject' ->> 'host') AS host) h,
         LATERAL (SELECT h.host, (SELECT w.value FROM inv.fact_now w
                    WHERE w.zone_id = z.zone_id AND w.addr = h.host AND w.slot = 0 AND w.attr_id = 0) AS asset) s,
         LATERAL alert.annotated(z.zone_id, s.asset) n
   WHERE v.seq = ANY(p_seqs) $$;

-- Silences and windows that keep quiet now.
CREATE FUNCTION alert.calm(p_now timestamptz) RETURNS TABLE (outcome text, by int4, fits alert.matcher) LANGUAGE sql STABLE ROWS 5 AS $$
  SELECT 'silenced', s.silence_id, s.fits FROM alert.silence s WHERE s.ended_at IS NULL AND s.from_at <= p_now AND p_now < s.until_at
  UNION ALL
  SELECT 'window', w.window_id, w.fits FROM alert.maintenance w
   WHERE w.ended_at IS NULL AND p_now < w.until_at AND alert.window_until(w, p_now) IS NOT NULL $$;

-- Which of these events they fit.
CREATE FUNCTION alert.kept(p_seqs int8[], p_now timestamptz) RETURNS TABLE (seq int8) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  IF NOT EXISTS (SELECT FROM alert.calm(p_now)) THEN RETURN; END IF;        -- mostly, and cheap
  RETURN QUERY SELECT e.seq FROM alert.looked_up(p_seqs) e WHERE EXISTS (SELECT FROM alert.calm(p_now) c WHERE alert.fits(c.fits, e.f));
END $$;

DROP FUNCTION alert.route_events(int8[], timestamptz);
-- Decides about these events: silences and windows first, then routes in their order.  p_ends: they end what was told, and are no news.
CREATE FUNCTION alert.route_events(p_seqs int8[], p_now timestamptz, p_ends bool DEFAULT false) RETURNS void LANGUAGE plpgsql AS $$
DECLARE v alert.verdict[];
BEGIN
  -- In steps with an array between them: rows of one WITH part can not be looked up by key.
  WITH e AS MATERIALIZED (SELECT * FROM alert.looked_up(p_seqs)),
  calm AS MATERIALIZED (SELECT * FROM alert.calm(p_now)),
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
       WHERE NOT p_ends AND NOT EXISTS (SELECT FROM kept k WHERE k.seq = e.seq)) q
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
     WHERE NOT p_ends AND NOT EXISTS (SELECT FROM kept k WHERE k.seq = e.seq) AND NOT EXISTS (SELECT FROM turned t WHERE t.seq = e.seq)
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

-- Says again what still holds, but for what is to be quiet now.
CREATE OR REPLACE FUNCTION alert.say_again(p_now timestamptz) RETURNS int8 LANGUAGE plpgsql AS $$
DECLARE v_n int8;
BEGIN
  WITH due AS MATERIALIZED (
    SELECT i AS inc, r AS route, i.incident_id, h.n AS holds, q.* FROM alert.incident i JOIN alert.route r USING (route_id),
           LATERAL (SELECT array_agg(seq) AS seqs, count(*) AS n FROM (
             SELECT DISTINCT ON (d.dedup) d.seq, d.firing FROM alert.decision d WHERE d.incident_id = i.incident_id
              ORDER BY d.dedup, d.decision_id DESC) c JOIN alert.event e USING (seq) JOIN alert.type y USING (type) WHERE c.firing AND y.turns) h,
           LATERAL (SELECT array_agg(s) AS seqs, count(*) AS n FROM unnest(h.seqs) s WHERE s NOT IN (SELECT k.seq FROM alert.kept(h.seqs, p_now) k)) q
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
    UPDATE alert.incident i SET repeat_at = CASE WHEN due.holds > 0 THEN p_now + (due.route).repeat_interval END FROM due WHERE i.incident_id = due.incident_id)
  SELECT count(*) INTO v_n FROM told;
  RETURN v_n;
END $$;

DROP FUNCTION alert.steady(alert.ruleset, timestamptz);
-- Ends what has flapped and is stable.  Returns the last event of those that are not as they were told to be.
CREATE FUNCTION alert.steady(s alert.ruleset, p_now timestamptz) RETURNS int8[] LANGUAGE plpgsql AS $$
DECLARE r record; v_other int8[] := '{}';
BEGIN
  FOR r IN
    WITH f AS (
      DELETE FROM alert.flap f USING alert.event v WHERE f.last_at <= p_now - s.flap_quiet AND v.seq = f.seq RETURNING f.dedup, f.n, v.zone, v.subject, v.body)
    SELECT f.*, l.seq, l.now_is, l.firing, COALESCE(o.firing, false) AS told
      FROM f LEFT JOIN LATERAL (
             SELECT d.seq, d.firing, e.body ->> 'summary' AS now_is FROM alert.decision d JOIN alert.event e USING (seq) WHERE d.dedup = f.dedup
              ORDER BY d.decision_id DESC LIMIT 1) l ON true
           LEFT JOIN LATERAL (
             SELECT d.firing FROM alert.decision d WHERE d.dedup = f.dedup AND d.outcome <> 'flapping' ORDER BY d.decision_id DESC LIMIT 1) o ON true
  LOOP
    IF r.firing <> r.told THEN v_other := v_other || r.seq; END IF;
    PERFORM alert.raise('condition.stable', 'resolved', r.zone, r.subject, r.body -> 'subject', md5('flap ' || r.dedup),
      format('%s is stable again after %s more changes; last: %s', substr(r.subject, 6), r.n, r.now_is), '{}', p_now);
  END LOOP;
  RETURN v_other;
END $$;

DROP FUNCTION alert.end_calm(timestamptz);
-- What was kept quiet by those that have ended since the last look.  still: events whose condition holds and is to be told now.  ended: ends of
-- what was told before it was kept quiet; they are due whatever is to be told of the rest.
CREATE FUNCTION alert.end_calm(p_now timestamptz, OUT still int8[], OUT ended int8[]) LANGUAGE plpgsql AS $$
DECLARE r record; c record; v_seqs int8[];
BEGIN
  still := '{}'; ended := '{}';
  FOR r IN
    SELECT 'silenced' AS outcome, 'silence' AS what, s.silence_id AS id, s.author, s.reason, s.on_end, s.told_upto FROM alert.silence s
     WHERE (s.ended_at IS NOT NULL OR s.until_at <= p_now)
       AND EXISTS (SELECT FROM alert.decision d WHERE d.outcome = 'silenced' AND d.by = s.silence_id AND d.decision_id > s.told_upto)
    UNION ALL
    SELECT 'window', 'window', w.window_id, w.author, w.reason, w.on_end, w.told_upto FROM alert.maintenance w
     WHERE alert.window_until(w, p_now) IS NULL
       AND EXISTS (SELECT FROM alert.decision d WHERE d.outcome = 'window' AND d.by = w.window_id AND d.decision_id > w.told_upto)
  LOOP
    FOR c IN
      SELECT e.zone, count(*) AS n, min(d.at) AS first_at, max(e.severity) AS severity, max(d.decision_id) AS upto,
             count(*) FILTER (WHERE e.type ~ '\.(appeared|opened|returned)$') AS new, count(*) FILTER (WHERE e.type ~ '\.(gone|closed)$') AS gone,
             jsonb_agg(e.body ->> 'summary' ORDER BY e.severity DESC, d.decision_id) AS said,
             -- the last word on a condition was that it holds
             array_agg(d.seq ORDER BY d.decision_id) FILTER (WHERE d.firing AND y.turns AND NOT EXISTS (
               SELECT FROM alert.decision o WHERE o.dedup = d.dedup AND o.decision_id > d.decision_id)) AS still,
             -- that it does not, and somebody was told before that it does
             array_agg(d.seq ORDER BY d.decision_id) FILTER (WHERE NOT d.firing AND NOT EXISTS (
               SELECT FROM alert.decision o WHERE o.dedup = d.dedup AND o.decision_id > d.decision_id) AND EXISTS (
               SELECT FROM alert.decision o JOIN alert.incident i USING (incident_id) WHERE o.dedup = d.dedup AND o.firing AND i.state <> 'resolved')) AS ended
        FROM alert.decision d JOIN alert.event e USING (seq) LEFT JOIN alert.type y USING (type)
       WHERE d.outcome = r.outcome AND d.by = r.id AND d.decision_id > r.told_upto GROUP BY e.zone
    LOOP
      v_seqs := CASE WHEN r.on_end = 'drop' THEN '{}' ELSE COALESCE(c.still, '{}') END;
      IF r.on_end = 'summary' THEN
        INSERT INTO alert.event (id, at, observed_at, type, severity, zone, subject, dedup, body)
        SELECT inv.event_id(), p_now, p_now, 'zone.' || r.what || '_over', c.severity, c.zone, 'zone/' || c.zone, q.dedup,
               jsonb_build_object('severity', alert.severity_name(c.severity), 'state', 'firing', 'dedup_key', q.dedup, 'zone', c.zone, 'subject', jsonb_build_object('kind', 'zone'),
                 'summary', format('%s; kept quiet by %s %s of %s (%s), which is over; %s still hold', alert.first_line(c.new, c.n - c.new - c.gone, c.gone, c.first_at, p_now),
                                   r.what, r.id, r.author, r.reason, cardinality(v_seqs)),
                 'old', NULL, 'new', NULL, 'labels', '{}'::jsonb, 'first_seen', c.first_at,
                 'kept', jsonb_build_object('by', r.what || ' ' || r.id, 'events', c.n, 'new', c.new, 'gone', c.gone, 'still', cardinality(v_seqs),
                   'said', (SELECT jsonb_agg(left(x #>> '{}', 200)) FROM (SELECT x FROM jsonb_array_elements(c.said) x LIMIT 20) l), 'truncated', GREATEST(c.n - 20, 0)))
          FROM (SELECT encode(sha256(convert_to(format('%s %s %s %s', r.what, r.id, c.zone, c.upto), 'UTF8')), 'hex') AS dedup) q;
      END IF;
      still := still || v_seqs;
      ended := ended || COALESCE(c.ended, '{}');
      UPDATE alert.silence SET told_upto = GREATEST(told_upto, c.upto) WHERE r.what = 'silence' AND silence_id = r.id;
      UPDATE alert.maintenance SET told_upto = GREATEST(told_upto, c.upto) WHERE r.what = 'window' AND window_id = r.id;
    END LOOP;
  END LOOP;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA alert FROM PUBLIC;
SELECT ops.grant_roles();
