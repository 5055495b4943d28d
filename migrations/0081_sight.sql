-- A zone that cannot be seen: the sensor's own link is cut, its routes are gone, or what comes back proves nothing.  Nobody is judged then, so
-- no host is gone; but people want to know that the zone is not looked at.  One condition a zone: zone.blind, until zone.seen.

INSERT INTO alert.type (type, severity, turns) VALUES
  ('zone.blind', 3, true), ('zone.seen', 1, false), ('zone.silence_over', 1, false), ('zone.window_over', 1, false)
ON CONFLICT DO NOTHING;

CREATE TABLE alert.blind (
  zone      text PRIMARY KEY,
  since     timestamptz NOT NULL,             -- last sight of it
  found_at  timestamptz NOT NULL,             -- suspected, and asked for once more
  hosts     int8 NOT NULL,
  event_seq int8                              -- NULL: not told yet
);

-- What is present in a zone and cannot be asked: hosts about which the last look proved nothing, and those of networks in which two visits
-- in a row came to no end.  since: when one of them was looked at for certain last.
CREATE FUNCTION alert.unseen(OUT zone text, OUT hosts int8, OUT known int8, OUT networks int8, OUT since timestamptz) RETURNS SETOF record
LANGUAGE sql STABLE AS $$
  WITH failing AS MATERIALIZED (
    SELECT q.zone_id, q.block_id, b.lo, b.hi, l.at
      FROM inv.schedule q JOIN inv.block b USING (block_id),
           LATERAL (SELECT max(v.at) AS at FROM inv.coverage v JOIN inv.profile p USING (profile_id)
                     WHERE v.block_id = q.block_id AND v.complete AND p.kind IN ('presence', 'ports')) l
     WHERE q.retired_at IS NULL AND q.kind IN ('presence', 'ports') AND q.tries >= 2
       AND EXISTS (SELECT FROM inv.coverage v WHERE v.block_id = q.block_id AND v.profile_id = q.profile_id AND NOT v.complete AND v.from_at > COALESCE(l.at, '-infinity'))),
  h AS (
    SELECT d.zone_id, d.addr, d.first_at AS at FROM inv.doubt d JOIN inv.fact_now f USING (zone_id, addr, slot, attr_id)
     WHERE d.slot = 0 AND d.attr_id = 1 AND d.misses = 0
    UNION
    SELECT g.zone_id, f.addr, g.at FROM failing g JOIN inv.fact_now f ON f.zone_id = g.zone_id AND f.attr_id = 1 AND f.addr BETWEEN g.lo AND g.hi)
  SELECT z.name, count(DISTINCT h.addr), alert.present(z.name, NULL),
         count(DISTINCT network(set_masklen(h.addr, CASE family(h.addr) WHEN 4 THEN 24 ELSE 120 END))), min(h.at)
    FROM h JOIN inv.zone z ON z.zone_id = h.zone_id AND z.retired_at IS NULL GROUP BY z.name $$;

CREATE FUNCTION alert.find_blind(s alert.ruleset, p_now timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE r record; v_seq int8;
BEGIN
  -- suspected: look again at once
  FOR r IN SELECT u.* FROM alert.unseen() u WHERE u.hosts >= s.storm_share * u.known AND NOT EXISTS (SELECT FROM alert.blind l WHERE l.zone = u.zone) LOOP
    INSERT INTO alert.blind (zone, since, found_at, hosts) VALUES (r.zone, COALESCE(r.since, p_now), p_now, r.hosts);
    UPDATE inv.schedule q SET wanted_at = LEAST(q.wanted_at, now()), due_at = LEAST(q.due_at, now())
      FROM inv.zone z WHERE z.zone_id = q.zone_id AND z.name = r.zone AND q.kind = 'presence' AND q.retired_at IS NULL AND q.sensor_id IS NULL AND q.tries = 0;
  END LOOP;
  FOR r IN SELECT l.zone, l.since, l.found_at, l.event_seq, l.hosts AS had, COALESCE(u.hosts, 0) AS hosts, u.known, u.networks, z.name IS NOT NULL AS exists,
                  COALESCE(u.hosts >= s.storm_share * u.known, false) AS still
             FROM alert.blind l LEFT JOIN alert.unseen() u USING (zone) LEFT JOIN inv.zone z ON z.name = l.zone AND z.retired_at IS NULL LOOP
    IF r.still AND r.event_seq IS NULL AND r.found_at <= p_now - s.storm_hold THEN
      v_seq := alert.raise('zone.blind', 'firing', r.zone, 'zone/' || r.zone, jsonb_build_object('kind', 'zone'), encode(sha256(convert_to('blind ' || r.zone, 'UTF8')), 'hex'),
        format('lost sight of zone %s since %s: %s of %s hosts cannot be asked; none of them is judged to be gone', r.zone, alert.stamp(r.since), r.hosts, r.known),
        jsonb_build_object('blind', jsonb_build_object('hosts', r.hosts, 'of', r.known, 'networks', r.networks, 'since', alert.stamp(r.since)), 'first_seen', r.since), p_now);
      UPDATE alert.blind SET event_seq = v_seq, hosts = r.hosts WHERE zone = r.zone;
    ELSIF r.still THEN
      UPDATE alert.blind SET hosts = r.hosts WHERE zone = r.zone AND hosts < r.hosts;
    ELSE
      DELETE FROM alert.blind WHERE zone = r.zone;
      IF r.event_seq IS NOT NULL THEN
        PERFORM alert.raise('zone.seen', 'resolved', r.zone, 'zone/' || r.zone, jsonb_build_object('kind', 'zone'), encode(sha256(convert_to('blind ' || r.zone, 'UTF8')), 'hex'),
          CASE WHEN r.exists THEN format('zone %s is seen again after %s: %s hosts could not be asked, %s still cannot', r.zone, alert.span(p_now - r.since), r.had, r.hosts)
               ELSE format('zone %s is not looked at any more', r.zone) END,
          jsonb_build_object('blind', jsonb_build_object('hosts', r.hosts, 'had', r.had, 'since', alert.stamp(r.since))), p_now);
      END IF;
    END IF;
  END LOOP;
END $$;

-- ------------------------------------------------------------------ what a silence or a window kept, when it ends
ALTER TABLE alert.silence ADD on_end text NOT NULL DEFAULT 'summary' CHECK (on_end IN ('summary', 'still', 'drop')), ADD told_upto int8 NOT NULL DEFAULT 0;
ALTER TABLE alert.maintenance ADD on_end text NOT NULL DEFAULT 'summary' CHECK (on_end IN ('summary', 'still', 'drop')), ADD told_upto int8 NOT NULL DEFAULT 0;
COMMENT ON COLUMN alert.silence.on_end IS 'summary: what was kept is told in one message, and what still holds comes by its routes; still: only the latter; drop: neither';
CREATE INDEX decision_calm ON alert.decision (outcome, by, decision_id) WHERE outcome IN ('silenced', 'window');
-- Those that ended before this was there have told all they will.
UPDATE alert.silence SET told_upto = (SELECT COALESCE(max(decision_id), 0) FROM alert.decision);
UPDATE alert.maintenance SET told_upto = (SELECT COALESCE(max(decision_id), 0) FROM alert.decision);

-- What was kept quiet by those that have ended since the last look; returns the events whose condition still holds and is to be told now.
CREATE FUNCTION alert.end_calm(p_now timestamptz) RETURNS int8[] LANGUAGE plpgsql AS $$
DECLARE r record; c record; v_still int8[] := '{}'; v_seqs int8[];
BEGIN
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
               SELECT FROM alert.decision o WHERE o.dedup = d.dedup AND o.decision_id > d.decision_id)) AS still
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
      v_still := v_still || v_seqs;
      UPDATE alert.silence SET told_upto = GREATEST(told_upto, c.upto) WHERE r.what = 'silence' AND silence_id = r.id;
      UPDATE alert.maintenance SET told_upto = GREATEST(told_upto, c.upto) WHERE r.what = 'window' AND window_id = r.id;
    END LOOP;
  END LOOP;
  RETURN v_still;
END $$;

DROP FUNCTION alert.add_silence(jsonb, timestamptz, timestamptz, text, text, bool);
CREATE FUNCTION alert.add_silence(p_match jsonb, p_from timestamptz, p_until timestamptz, p_author text, p_reason text, p_long bool, p_on_end text DEFAULT 'summary')
RETURNS int4 LANGUAGE plpgsql AS $$
DECLARE v_id int4;
BEGIN
  IF p_until <= GREATEST(p_from, now()) THEN RAISE EXCEPTION 'a silence has to end after it begins, and in the future'; END IF;
  IF p_until > now() + interval '30 days' AND NOT p_long THEN
    RAISE EXCEPTION 'a silence of more than 30 days is easily forgotten; --long says that it is meant';
  END IF;
  INSERT INTO alert.silence (fits, words, author, reason, from_at, until_at, on_end)
  VALUES (alert.matcher_of(p_match), alert.words(p_match), p_author, p_reason, p_from, p_until, p_on_end) RETURNING silence_id INTO v_id;
  RETURN v_id;
END $$;
DROP FUNCTION alert.add_window(jsonb, int4[], time, text, interval, text, text, timestamptz);
CREATE FUNCTION alert.add_window(p_match jsonb, p_days int4[], p_start time, p_tz text, p_duration interval, p_author text, p_reason text,
                                 p_until timestamptz, p_on_end text DEFAULT 'summary') RETURNS int4 LANGUAGE plpgsql AS $$
DECLARE v_id int4;
BEGIN
  PERFORM now() AT TIME ZONE p_tz;                            -- raises for a zone that the server does not know
  IF p_until <= now() THEN RAISE EXCEPTION 'a window has to end in the future'; END IF;
  INSERT INTO alert.maintenance (fits, words, days, start, tz, duration, author, reason, until_at, on_end)
  VALUES (alert.matcher_of(p_match), alert.words(p_match), p_days, p_start, p_tz, p_duration, p_author, p_reason, COALESCE(p_until, 'infinity'), p_on_end)
  RETURNING window_id INTO v_id;
  RETURN v_id;
END $$;

-- What is looked for now and then: zones that are complete, zones that cannot be seen, rows that nobody needs.
CREATE OR REPLACE FUNCTION alert.look_around(p_now timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE s alert.ruleset;
BEGIN
  SELECT * INTO s FROM alert.ruleset;
  UPDATE alert.rule_cursor SET look_at = p_now + LEAST(interval '10 s', GREATEST(s.storm_hold, '1 s')) WHERE look_at <= p_now;
  IF NOT FOUND THEN RETURN; END IF;
  DELETE FROM alert.surge WHERE minute < p_now - interval '1 day';
  UPDATE alert.incident SET state = 'resolved', resolved_at = p_now, why = 'old' WHERE sealed AND state <> 'resolved' AND updated_at < p_now - interval '30 days';
  PERFORM alert.find_baselines(p_now);
  PERFORM alert.find_blind(s, p_now);
END $$;

-- ------------------------------------------------------------------ events and decisions about them in one transaction
-- Writes the events of what is new in the ledger: of about p_limit changes.  Returns their numbers; NULL: there are none.  One at a time;
-- order is that of the ledger's transactions, so that of one address it is the order in which things happened.  p_xid: their place in the
-- log; the rules give that of their cursor, so that they can decide about them in the same transaction and go on behind them.
CREATE FUNCTION alert.make_events(p_limit int8, p_xid xid8) RETURNS int8[] LANGUAGE plpgsql AS $$
DECLARE v_seqs int8[]; r alert.news[];
BEGIN
  PERFORM FROM alert.rule_cursor FOR UPDATE;
  WITH w AS (
    SELECT q.tx, q.first_id FROM (
      SELECT n.tx, n.first_id, sum(n.n) OVER (ORDER BY n.tx, n.first_id) - n.n AS before
        FROM (SELECT * FROM alert.news ORDER BY tx, first_id LIMIT p_limit) n) q WHERE q.before < p_limit),
  d AS (DELETE FROM alert.news k USING w WHERE k.tx = w.tx AND k.first_id = w.first_id RETURNING k)
  SELECT array_agg(d.k) INTO r FROM d;
  IF r IS NULL THEN RETURN NULL; END IF;
  WITH made AS (
  INSERT INTO alert.event(id, xid, at, observed_at, type, severity, zone, subject, dedup, tx, body)
  SELECT inv.event_id(), p_xid, q.noted, q.at, q.type, q.severity, q.zone, q.subject, q.dedup, q.tx,
         jsonb_build_object('severity', (ARRAY['debug', 'info', 'warning', 'high', 'critical'])[q.severity + 1],
           'state', CASE WHEN q.type IN ('host.returned', 'port.closed') THEN 'resolved' ELSE 'firing' END,
           'dedup_key', q.dedup, 'zone', q.zone,
           'subject', jsonb_strip_nulls(jsonb_build_object('kind', q.about, 'host', q.host,
              'proto', q.proto, 'port', q.port, 'script', q.script)),
           'summary', q.summary,
           'old', q.old, 'new', q.new, 'labels', '{}'::jsonb, 'first_seen', COALESCE(q.old_since, q.at),
           'first_line', format('1 %s since %s: %s', CASE WHEN q.type ~ '\.(appeared|opened|returned)$' THEN 'new' WHEN q.type ~ '\.(gone|closed)$' THEN 'gone' ELSE 'changed' END,
              alert.stamp(q.at), q.summary),
           'asset', q.asset, 'evidence', q.evidence, 'confidence', q.confidence, 'more', 'muster asset ' || q.host)
    FROM (
      SELECT e.*, inv.sentence(e.type, e.host, e.proto || '/' || e.port, e.script, e.old, e.new) AS summary, COALESCE(t.severity, 1) AS severity,
             encode(sha256(convert_to(e.zone || ' ' || e.subject || ' ' || e.about, 'UTF8')), 'hex') AS dedup
        FROM (
          SELECT c.change_id, c.at, c.old_since, c.tx, c.noted, z.name AS zone, host(c.addr) AS host, inv.protocol(c.slot) AS proto,
                 CASE WHEN c.slot <> 0 THEN c.slot & 65535 END AS port, CASE WHEN a.kind = 'script' THEN a.name END AS script,
                 CASE a.kind WHEN 'presence' THEN 'host' WHEN 'holder' THEN 'host' ELSE a.kind END AS about,
                 'host/' || host(c.addr) || COALESCE('/' || inv.protocol(c.slot) || '/' || (c.slot & 65535), '')
                   || CASE WHEN a.kind = 'script' THEN '/' || a.name ELSE '' END AS subject,
                 CASE a.kind
                   WHEN 'presence' THEN CASE c.cause WHEN 'o' THEN 'host.appeared' WHEN 'b' THEN 'host.returned' ELSE 'host.gone' END
                   WHEN 'holder' THEN 'host.replaced'
                   WHEN 'port' THEN CASE WHEN c.old_value IS NULL THEN 'port.opened' ELSE 'port.closed' END
                   ELSE COALESCE(a.noun, a.kind) || CASE WHEN c.old_value IS NULL THEN '.appeared' WHEN c.new_value IS NULL THEN '.gone' ELSE '.changed' END
                 END AS type,
                 CASE WHEN c.old_value IS NULL THEN NULL ELSE CASE a.kind
                   WHEN 'script' THEN (SELECT jsonb_strip_nulls(jsonb_build_object('output', left(v.output, 4000), 'data',
                     CASE WHEN length(v.data::text) <= 8000 THEN v.data END)) FROM inv.value_script v WHERE v.value = c.old_value)
                   WHEN 'service' THEN (SELECT jsonb_strip_nulls(to_jsonb(v) - 'value' - 'kept_at') FROM inv.value_service v WHERE v.value = c.old_value)
                   ELSE inv.shown(a.kind, c.old_value, c.zone_id, c.addr, c.slot) END END AS old,
                 CASE WHEN c.new_value IS NULL THEN NULL ELSE CASE a.kind
                   WHEN 'script' THEN (SELECT jsonb_strip_nulls(jsonb_build_object('output', left(v.output, 4000), 'data',
                     CASE WHEN length(v.data::text) <= 8000 THEN v.data END)) FROM inv.value_script v WHERE v.value = c.new_value)
                   WHEN 'service' THEN (SELECT jsonb_strip_nulls(to_jsonb(v) - 'value' - 'kept_at') FROM inv.value_service v WHERE v.value = c.new_value)
                   ELSE inv.shown(a.kind, c.new_value, c.zone_id, c.addr, c.slot) END END AS new,
                 (SELECT jsonb_strip_nulls(jsonb_build_object('id', f.value, 'name', COALESCE(s.label,
                    (SELECT t.body FROM inv.fact_now h JOIN inv.value_text t USING (value) WHERE (h.zone_id, h.addr, h.slot, h.attr_id) = (c.zone_id, c.addr, 0, 3)))))
                    FROM inv.fact_now f LEFT JOIN inv.asset s ON s.asset_id = f.value
                   WHERE f.zone_id = c.zone_id AND f.addr = c.addr AND f.slot = 0 AND f.attr_id = 0) AS asset,
                 jsonb_strip_nulls(jsonb_build_object('pass', p.name, 'reason', CASE WHEN a.kind = 'presence' AND c.new_value IS NOT NULL THEN
                    (SELECT n.reason FROM inv.host_note n WHERE n.zone_id = c.zone_id AND n.addr = c.addr) END,
                    'seen', CASE WHEN c.new_value IS NOT NULL THEN alert.stamp(c.at) END,
                    'last_seen', CASE WHEN c.new_value IS NULL THEN alert.stamp(c.seen_at) END,
                    'missed_since', CASE WHEN c.new_value IS NULL THEN alert.stamp(c.at) END)) AS evidence,
                 CASE WHEN c.new_value IS NOT NULL THEN 'seen directly'
                      ELSE format('missed in %s looks in a row', CASE a.kind WHEN 'presence' THEN z.host_misses ELSE COALESCE(p.misses, z.host_misses) END) END AS confidence
            FROM (SELECT c.*, n.tx AS told_tx, n.at AS noted FROM unnest(r) n JOIN inv.change c
                      ON c.tx = n.tx AND c.change_id BETWEEN n.first_id AND n.last_id AND c.news
                  UNION ALL       -- a database that was restored into another cluster: its ledger has lost its numbers
                  SELECT c.*, n.tx, n.at FROM unnest(r) n JOIN inv.change c
                      ON c.tx = '3' AND c.change_id BETWEEN n.first_id AND n.last_id AND c.news AND n.tx > '3') c
            JOIN inv.attr a USING (attr_id) JOIN inv.zone z USING (zone_id) LEFT JOIN inv.profile p ON p.profile_id = c.profile_id) e
        LEFT JOIN alert.type t ON t.type = e.type
       ORDER BY e.change_id) q
  RETURNING seq)
  SELECT array_agg(seq ORDER BY seq) INTO v_seqs FROM made;
  RETURN v_seqs;
END $$;
ALTER FUNCTION alert.make_events(int8, xid8) SET jit = off;
ALTER FUNCTION alert.make_events(int8, xid8) SET enable_seqscan = off;

-- The same for those who do not decide.  Returns how many.
CREATE OR REPLACE FUNCTION alert.write_events(p_limit int8) RETURNS int8 LANGUAGE sql AS $$
  SELECT COALESCE(cardinality(alert.make_events(p_limit, pg_current_xact_id())), 0) $$;

-- Makes endpoints known.  A new one begins with what comes after it: what is new now and has no event yet is before it.
CREATE OR REPLACE FUNCTION alert.know_endpoints(p_names text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM unnest(p_names) n WHERE NOT EXISTS (SELECT FROM alert.endpoint x WHERE x.name = n)) THEN RETURN; END IF;
  IF EXISTS (SELECT FROM alert.news) THEN
    PERFORM alert.make_events((SELECT sum(n) FROM alert.news), (SELECT GREATEST(xid, '4') FROM alert.rule_cursor));
  END IF;
  WITH made AS (
    INSERT INTO alert.endpoint AS e (name, from_xid, from_seq)
    SELECT n, COALESCE(last.xid, '3'), COALESCE(last.seq, 0)
      FROM unnest(p_names) n LEFT JOIN LATERAL (
        SELECT v.xid, v.seq FROM alert.event v WHERE v.xid < pg_snapshot_xmin(pg_current_snapshot())
         ORDER BY v.xid DESC, v.seq DESC LIMIT 1) last ON true
     WHERE NOT EXISTS (SELECT FROM alert.endpoint x WHERE x.name = n)
    ON CONFLICT (name) DO NOTHING RETURNING e.endpoint_id)
  INSERT INTO alert.cursor (endpoint_id, xid, seq) SELECT m.endpoint_id, '3', 0 FROM made m;
END $$;

-- Writes the events of what is new in the ledger, decides about up to p_limit events (they among them), and tells
-- what is due.  more: there is more to do at once.  next: seconds until something falls due.
-- One at a time: when another process is at it, there is nothing to do.
CREATE OR REPLACE FUNCTION alert.think(p_limit int4, p_now timestamptz DEFAULT now()) RETURNS TABLE (notices int8, more bool, next float8) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE c alert.rule_cursor; s alert.ruleset; v_seqs int8[]; v_new int8[]; v_last record; v_n int8; v_told int8 := 0; v_made int8[];
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
    c.xid := v_last.xid; c.seq := v_last.seq;
  END IF;
  IF v_n < p_limit THEN                                       -- all that was written before is decided: what is new comes right behind it
    c.xid := GREATEST(c.xid, '4');
    v_made := alert.make_events(p_limit - v_n, c.xid);
    IF v_made IS NOT NULL THEN
      c.seq := v_made[cardinality(v_made)];
      v_seqs := v_seqs || v_made;
      v_n := v_n + cardinality(v_made);
    END IF;
  END IF;
  IF v_n > 0 THEN UPDATE alert.rule_cursor SET xid = c.xid, seq = c.seq, updated_at = p_now; END IF;
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
  v_new := alert.end_calm(p_now);
  IF cardinality(v_new) > 0 THEN PERFORM alert.route_events(v_new, p_now); END IF;
  v_told := alert.flush(p_now, p_limit) + alert.say_again(p_now);
  PERFORM alert.steady(s, p_now);
  PERFORM alert.look_around(p_now);
  PERFORM alert.seal(p_now, s.close_after);
  RETURN QUERY SELECT v_told, v_n >= p_limit OR EXISTS (SELECT FROM alert.event e WHERE e.xid = pg_current_xact_id()), EXTRACT(epoch FROM alert.next_due(s, p_now) - p_now)::float8;
END $$;

ALTER FUNCTION alert.think(int4, timestamptz) SET jit = off;
ALTER FUNCTION alert.think(int4, timestamptz) SET enable_seqscan = off;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA alert FROM PUBLIC;
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'muster_reader') THEN
    GRANT EXECUTE ON FUNCTION alert.severity_name(int4), alert.window_until(alert.maintenance, timestamptz) TO muster_reader;
  END IF;
END $$;
SELECT ops.grant_roles();
