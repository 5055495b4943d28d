-- An incident of a zone where something happens every hour is no longer for ever: it is sealed by its age as well, and the next change opens another.

-- Decides about these events: silences and windows first, then routes in their order.  p_ends: they end what was told, and are no news.
CREATE OR REPLACE FUNCTION alert.route_events(p_seqs int8[], p_now timestamptz, p_ends bool DEFAULT false) RETURNS void LANGUAGE plpgsql AS $$
DECLARE v alert.verdict[];
BEGIN
  -- In steps with an array between them: rows of one WITH part can not be looked up by key.
  WITH e AS MATERIALIZED (SELECT * FROM alert.looked_up(p_seqs)),
  calm AS MATERIALIZED (SELECT * FROM alert.calm(p_now)),
  kept AS MATERIALIZED (
    SELECT DISTINCT ON (e.seq) e.seq, c.outcome, c.by FROM e JOIN calm c ON alert.fits(c.fits, e.f) ORDER BY e.seq, c.outcome, c.by),
  -- an end goes where its beginning went, and has not ended since
  turned AS MATERIALIZED (
    SELECT DISTINCT e.seq, i.incident_id, i.route_id FROM e JOIN alert.decision d ON d.dedup = e.dedup AND d.firing AND d.incident_id IS NOT NULL
      JOIN alert.incident i ON i.incident_id = d.incident_id AND i.state <> 'resolved'
     WHERE e.turned AND NOT EXISTS (SELECT FROM kept k WHERE k.seq = e.seq)
       AND NOT EXISTS (SELECT FROM alert.decision o WHERE o.dedup = d.dedup AND o.incident_id = d.incident_id AND o.decision_id > d.decision_id AND NOT o.firing)),
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

-- An incident that was quiet for long, or is as old as 24 times that, takes nothing new; one in which nothing can turn back ends there.
CREATE OR REPLACE FUNCTION alert.seal(p_now timestamptz, p_after interval) RETURNS void LANGUAGE sql AS $$
  UPDATE alert.incident SET sealed = true, state = CASE WHEN turns THEN state ELSE 'resolved' END, resolved_at = CASE WHEN NOT turns THEN p_now END,
         why = CASE WHEN turns THEN NULL WHEN updated_at < p_now - p_after THEN 'quiet' ELSE 'old, and others come' END
   WHERE NOT sealed AND state <> 'resolved' AND next_at IS NULL AND (updated_at < p_now - p_after OR opened_at < p_now - 24 * p_after) $$;
