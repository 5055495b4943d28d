-- What a change says to people is put together outside of the transaction of the change.  In it, one row says that there is news in the
-- ledger, whatever their number; alert.think() makes the events of it.  So the outbox costs the diff next to nothing, and nothing is lost:
-- the row and the changes are of one transaction, and the row goes in the transaction that writes the events.

CREATE TABLE alert.news (
  tx       xid8 NOT NULL DEFAULT pg_current_xact_id(),      -- inv.change.tx
  first_id int8 NOT NULL,                                   -- the changes of this transaction from here ...
  last_id  int8 NOT NULL,                                   -- ... to here, those that are news
  n        int4 NOT NULL,                                   -- so many
  at       timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tx, first_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- Of which transaction of the ledger an event tells.  NULL: no change in the inventory made it.
ALTER TABLE alert.event ADD tx xid8;
UPDATE alert.event SET tx = xid WHERE subject LIKE 'host/%' AND type !~ '^(condition|policy)\.';

-- There is news: these ledger rows, all of one transaction, with a sequence number that grows in it.
CREATE OR REPLACE FUNCTION inv.tell(p_changes int8[]) RETURNS int4 LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO alert.news (first_id, last_id, n) SELECT min(c), max(c), count(*) FROM unnest(p_changes) c;
  NOTIFY alert_event;
  RETURN cardinality(p_changes);
END $$;

-- Writes the events of what is new in the ledger: of about p_limit changes.  Returns how many.  One at a time; order is that of the
-- ledger's transactions, so that of one address it is the order in which things happened.
CREATE FUNCTION alert.write_events(p_limit int8) RETURNS int8 LANGUAGE plpgsql AS $$
DECLARE v_n int8 := 0; r alert.news[];
BEGIN
  PERFORM FROM alert.rule_cursor FOR UPDATE;
  WITH w AS (
    SELECT q.tx, q.first_id FROM (
      SELECT n.tx, n.first_id, sum(n.n) OVER (ORDER BY n.tx, n.first_id) - n.n AS before
        FROM (SELECT * FROM alert.news ORDER BY tx, first_id LIMIT p_limit) n) q WHERE q.before < p_limit),
  d AS (DELETE FROM alert.news k USING w WHERE k.tx = w.tx AND k.first_id = w.first_id RETURNING k)
  SELECT array_agg(d.k) INTO r FROM d;
  IF r IS NULL THEN RETURN 0; END IF;
  INSERT INTO alert.event(id, at, observed_at, type, severity, zone, subject, dedup, tx, body)
  SELECT inv.event_id(), q.noted, q.at, q.type, q.severity, q.zone, q.subject, q.dedup, q.tx,
         jsonb_build_object('severity', (ARRAY['debug', 'info', 'warning', 'high', 'critical'])[q.severity + 1],
           'state', CASE WHEN q.type IN ('host.returned', 'port.closed') THEN 'resolved' ELSE 'firing' END,
           'dedup_key', q.dedup, 'zone', q.zone,
           'subject', jsonb_strip_nulls(jsonb_build_object('kind', q.about, 'host', q.host,
              'proto', q.proto, 'port', q.port, 'script', q.script)),
           'summary', inv.sentence(q.type, q.host, q.proto || '/' || q.port, q.script, q.old, q.new),
           'old', q.old, 'new', q.new, 'labels', '{}'::jsonb, 'first_seen', COALESCE(q.old_since, q.at))
    FROM (
      SELECT e.*, COALESCE(t.severity, 1) AS severity,
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
                   ELSE inv.shown(a.kind, c.new_value, c.zone_id, c.addr, c.slot) END END AS new
            FROM (SELECT c.*, n.tx AS told_tx, n.at AS noted FROM unnest(r) n JOIN inv.change c
                      ON c.tx = n.tx AND c.change_id BETWEEN n.first_id AND n.last_id AND c.news
                  UNION ALL       -- a database that was restored into another cluster: its ledger has lost its numbers
                  SELECT c.*, n.tx, n.at FROM unnest(r) n JOIN inv.change c
                      ON c.tx = '3' AND c.change_id BETWEEN n.first_id AND n.last_id AND c.news AND n.tx > '3') c
            JOIN inv.attr a USING (attr_id) JOIN inv.zone z USING (zone_id)) e
        LEFT JOIN alert.type t ON t.type = e.type
       ORDER BY e.change_id) q;
  GET DIAGNOSTICS v_n = ROW_COUNT;
  RETURN v_n;
END $$;
ALTER FUNCTION alert.write_events(int8) SET jit = off;
ALTER FUNCTION alert.write_events(int8) SET enable_seqscan = off;

-- Writes the events of what is new in the ledger, decides about up to p_limit events (those that are written here come next), and tells
-- what is due.  more: there is more to do at once.  next: seconds until something falls due.
-- One at a time: when another process is at it, there is nothing to do.
CREATE OR REPLACE FUNCTION alert.think(p_limit int4, p_now timestamptz DEFAULT now()) RETURNS TABLE (notices int8, more bool, next float8) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE c alert.rule_cursor; s alert.ruleset; v_seqs int8[]; v_new int8[]; v_last record; v_n int8; v_told int8 := 0; v_made int8;
BEGIN
  PERFORM alert.check_cluster();
  SELECT * INTO c FROM alert.rule_cursor FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN RETURN QUERY SELECT 0::int8, false, NULL::float8; RETURN; END IF;
  v_made := alert.write_events(p_limit);
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
    RETURN QUERY SELECT v_told, v_n >= p_limit OR v_made > 0, NULL::float8;
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

ALTER FUNCTION alert.think(int4, timestamptz) SET jit = off;
ALTER FUNCTION alert.think(int4, timestamptz) SET enable_seqscan = off;

-- Makes endpoints known.  A new one begins with what comes after it: what is new now and has no event yet is before it.
CREATE OR REPLACE FUNCTION alert.know_endpoints(p_names text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE v_made int8 := 0;
BEGIN
  IF NOT EXISTS (SELECT FROM unnest(p_names) n WHERE NOT EXISTS (SELECT FROM alert.endpoint x WHERE x.name = n)) THEN RETURN; END IF;
  IF EXISTS (SELECT FROM alert.news) THEN v_made := alert.write_events((SELECT sum(n) FROM alert.news)); END IF;
  WITH made AS (
    INSERT INTO alert.endpoint AS e (name, from_xid, from_seq)
    SELECT n, COALESCE(last.xid, '3'), COALESCE(last.seq, 0)
      FROM unnest(p_names) n LEFT JOIN LATERAL (
        SELECT v.xid, v.seq FROM alert.event v
         WHERE v.xid < pg_snapshot_xmin(pg_current_snapshot()) OR (v_made > 0 AND v.xid = pg_current_xact_id())
         ORDER BY v.xid DESC, v.seq DESC LIMIT 1) last ON true
     WHERE NOT EXISTS (SELECT FROM alert.endpoint x WHERE x.name = n)
    ON CONFLICT (name) DO NOTHING RETURNING e.endpoint_id)
  INSERT INTO alert.cursor (endpoint_id, xid, seq) SELECT m.endpoint_id, '3', 0 FROM made m;
END $$;

-- As before; news has its event, or waits for it.
CREATE OR REPLACE FUNCTION ops.invariants() RETURNS TABLE (what text, n int8) LANGUAGE sql STABLE AS $$
  SELECT 'overlapping spans', count(*) FROM (SELECT old_since, lag(at) OVER (PARTITION BY zone_id, addr, slot, attr_id ORDER BY at, change_id) AS prev
     FROM inv.change WHERE old_value IS NOT NULL) q WHERE old_since < prev
  UNION ALL
  SELECT 'ledger says otherwise than state', count(*) FROM (SELECT DISTINCT ON (zone_id, addr, slot, attr_id) * FROM inv.change
     ORDER BY zone_id, addr, slot, attr_id, at DESC, change_id DESC) l LEFT JOIN inv.fact_now f USING (zone_id, addr, slot, attr_id)
   WHERE l.new_value IS DISTINCT FROM f.value
  UNION ALL
  SELECT 'state without its ledger row', count(*) FROM inv.fact_now f LEFT JOIN inv.horizon h USING (zone_id) WHERE NOT EXISTS (SELECT FROM inv.change c
   WHERE c.zone_id = f.zone_id AND c.addr = f.addr AND c.slot = f.slot AND c.attr_id = f.attr_id AND c.at = f.since AND c.new_value = f.value)
     AND (h.zone_id IS NULL OR f.since >= CASE WHEN f.attr_id >= 100 THEN h.scripts ELSE h.since END)
  UNION ALL
  SELECT 'doubt about nothing', count(*) FROM inv.doubt d WHERE NOT EXISTS (SELECT FROM inv.fact_now f
   WHERE f.zone_id = d.zone_id AND f.addr = d.addr AND f.slot = d.slot AND f.attr_id = d.attr_id)
  UNION ALL
  SELECT 'detail of a port that is not open', count(*) FROM inv.fact_now d WHERE d.slot <> 0 AND d.attr_id >= 11 AND NOT EXISTS (SELECT
    FROM inv.fact_now f WHERE f.zone_id = d.zone_id AND f.addr = d.addr AND f.slot = d.slot AND f.attr_id = 10)
  UNION ALL
  SELECT 'host without a holder', count(*) FROM inv.fact_now h WHERE h.attr_id = 1 AND NOT EXISTS (SELECT
    FROM inv.fact_now f WHERE f.zone_id = h.zone_id AND f.addr = h.addr AND f.slot = 0 AND f.attr_id = 0)
  UNION ALL
  SELECT 'digest without a body', count(*) FROM inv.fact_now f JOIN inv.attr a USING (attr_id)
   WHERE CASE a.kind WHEN 'text' THEN NOT EXISTS (SELECT FROM inv.value_text v WHERE v.value = f.value)
                     WHEN 'script' THEN NOT EXISTS (SELECT FROM inv.value_script v WHERE v.value = f.value)
                     WHEN 'service' THEN NOT EXISTS (SELECT FROM inv.value_service v WHERE v.value = f.value)
                     WHEN 'holder' THEN NOT EXISTS (SELECT FROM inv.asset v WHERE v.asset_id = f.value) ELSE false END
  UNION ALL
  SELECT 'news without exactly one event', count(*)
    FROM (SELECT tx, zone_id, count(*) AS n, min(noted_at) AS at FROM inv.change c WHERE news
             AND NOT EXISTS (SELECT FROM alert.news w WHERE w.tx = c.tx) GROUP BY tx, zone_id) c
    FULL JOIN (SELECT v.tx, z.zone_id, count(*) AS n, min(v.at) AS at FROM alert.event v JOIN inv.zone z ON z.name = v.zone
                WHERE v.tx IS NOT NULL GROUP BY v.tx, z.zone_id) e USING (tx, zone_id)
    LEFT JOIN inv.horizon h USING (zone_id)
   WHERE c.n IS DISTINCT FROM e.n AND tx <> '3'
     -- events of before a restore into another cluster: transaction ids began anew
     AND LEAST(c.at, e.at) > COALESCE((SELECT max(v.at) FROM alert.event v WHERE v.xid = '3'), '-infinity')
     -- (what closes is noted some looks after it was missed first)
     AND LEAST(c.at, e.at) > COALESCE(GREATEST(h.since, h.scripts) + interval '31 days', '-infinity')
  UNION ALL
  SELECT 'news that the ledger does not have', count(*) FROM alert.news w
   WHERE w.n <> (SELECT count(*) FROM inv.change c WHERE c.tx IN (w.tx, '3') AND c.change_id BETWEEN w.first_id AND w.last_id AND c.news)
  UNION ALL
  SELECT 'rows outside of the partitions', (SELECT count(*) FROM inv.change_stray) + (SELECT count(*) FROM inv.coverage_stray) $$;


REVOKE ALL ON FUNCTION alert.write_events(int8) FROM PUBLIC;
SELECT ops.grant_roles();
