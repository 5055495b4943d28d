-- Views for people and tools.  Names and types in schema `report` are kept once released; inv may change underneath.
-- The views run with the rights of their owner: a reader needs SELECT on them and nothing else.
--
-- first_seen: start of what holds now.  last_seen: last positive evidence.  last_checked: last time it was looked at
-- completely.  Nothing is written to confirm a fact, so last_seen follows from the coverage, unless the fact is in doubt.

-- Which block holds an address: the live one, else the last that did.
CREATE FUNCTION inv.block_of(p_zone int4, p_addr inet) RETURNS int4
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT block_id FROM inv.block b WHERE b.zone_id = p_zone AND b.lo <= p_addr AND b.hi >= p_addr
   ORDER BY b.retired_at IS NOT NULL, b.block_id DESC LIMIT 1 $$;

-- The assets behind an address and the state of presence.
CREATE VIEW report.host AS
SELECT z.name AS zone, o.addr AS address, o.value AS asset_id,
       CASE WHEN c.fresh IS NOT TRUE THEN 'unknown' WHEN h.addr IS NULL THEN 'absent' ELSE 'present' END AS state,
       m.body AS mac, n.vendor, d.body AS hostname, n.reason,
       o.since AS first_seen, h.since AS present_since,
       CASE WHEN h.addr IS NULL THEN g.seen_at ELSE COALESCE(q.seen_at, GREATEST(h.since, c.last_at)) END AS last_seen,
       c.last_at AS last_checked, COALESCE(q.misses, 0)::int4 AS misses,
       (SELECT count(*)::int4 FROM inv.fact_now p WHERE p.zone_id = o.zone_id AND p.addr = o.addr AND p.attr_id = 10) AS open_ports
  FROM inv.fact_now o
  JOIN inv.zone z ON z.zone_id = o.zone_id
  LEFT JOIN inv.fact_now h ON h.zone_id = o.zone_id AND h.addr = o.addr AND h.attr_id = 1
  LEFT JOIN inv.doubt q ON q.zone_id = o.zone_id AND q.addr = o.addr AND q.slot = 0 AND q.attr_id = 1
  LEFT JOIN inv.host_note n ON n.zone_id = o.zone_id AND n.addr = o.addr
  LEFT JOIN inv.fact_now fm ON fm.zone_id = o.zone_id AND fm.addr = o.addr AND fm.slot = 0 AND fm.attr_id = 2
  LEFT JOIN inv.value_text m ON m.value = fm.value
  LEFT JOIN inv.fact_now fd ON fd.zone_id = o.zone_id AND fd.addr = o.addr AND fd.slot = 0 AND fd.attr_id = 3
  LEFT JOIN inv.value_text d ON d.value = fd.value
  LEFT JOIN LATERAL (SELECT COALESCE(x.seen_at, x.at) AS seen_at FROM inv.change x
                      WHERE h.addr IS NULL AND x.zone_id = o.zone_id AND x.addr = o.addr AND x.attr_id = 1 AND x.new_value IS NULL
                      ORDER BY x.at DESC LIMIT 1) g ON true
  LEFT JOIN LATERAL (SELECT max(s.last_at) AS last_at,
                            bool_or(s.retired_at IS NULL AND s.last_at > now() - 3 * p.every - interval '10 minutes') AS fresh
                       FROM inv.schedule s JOIN inv.profile p USING (profile_id)
                      WHERE s.block_id = inv.block_of(o.zone_id, o.addr) AND p.kind IN ('presence', 'ports')) c ON true
 WHERE o.attr_id = 0 AND o.slot = 0;
COMMENT ON VIEW report.host IS 'every address that was ever in use, with what holds there now';
COMMENT ON COLUMN report.host.zone IS 'routing domain; the same address may be in use in two zones';
COMMENT ON COLUMN report.host.asset_id IS 'the asset that holds the address';
COMMENT ON COLUMN report.host.state IS 'present; absent: confirmed by several misses; unknown: nobody has looked lately';
COMMENT ON COLUMN report.host.mac IS 'MAC address that answered; NULL behind a router';
COMMENT ON COLUMN report.host.vendor IS 'maker, from the MAC address';
COMMENT ON COLUMN report.host.hostname IS 'reverse name';
COMMENT ON COLUMN report.host.reason IS 'what answered when the host appeared, in nmap''s words';
COMMENT ON COLUMN report.host.first_seen IS 'since when this asset holds the address';
COMMENT ON COLUMN report.host.present_since IS 'since when it is there without a break; NULL: it is not';
COMMENT ON COLUMN report.host.last_seen IS 'last positive evidence';
COMMENT ON COLUMN report.host.last_checked IS 'last complete look at its block';
COMMENT ON COLUMN report.host.misses IS 'looks in a row without an answer; the host is doubted while this is not 0';
COMMENT ON COLUMN report.host.open_ports IS 'open ports; of an absent host: when it was last there';

CREATE VIEW report.asset AS
SELECT a.asset_id, z.name AS zone, COALESCE(a.label, min(h.hostname), host(min(h.address))) AS name,
       CASE WHEN bool_or(h.state = 'present') THEN 'present' WHEN bool_or(h.state = 'unknown') THEN 'unknown' ELSE 'absent' END AS state,
       array_agg(h.address ORDER BY h.address) AS addresses,
       (SELECT array_agg(k.key ORDER BY k.since) FROM inv.asset_key k WHERE k.asset_id = a.asset_id AND k.kind = 1 AND k.until = 'infinity') AS macs,
       min(h.vendor) AS vendor, min(h.hostname) AS hostname, sum(h.open_ports)::int4 AS open_ports,
       a.made_at AS first_seen, max(h.last_seen) AS last_seen, a.label, a.note
  FROM inv.asset a JOIN inv.zone z USING (zone_id) JOIN inv.asset_place l ON l.asset_id = a.asset_id
  JOIN report.host h ON h.zone = z.name AND h.address = l.addr
 GROUP BY a.asset_id, z.name;
COMMENT ON VIEW report.asset IS 'the things on the network, by evidence: MAC address where one is seen, else address';
COMMENT ON COLUMN report.asset.name IS 'label, else reverse name, else address';
COMMENT ON COLUMN report.asset.state IS 'present if any of its addresses is; unknown if none is and nobody has looked lately; else absent';
COMMENT ON COLUMN report.asset.addresses IS 'the addresses it holds';
COMMENT ON COLUMN report.asset.macs IS 'MAC addresses that identify it';
COMMENT ON COLUMN report.asset.open_ports IS 'open ports on all its addresses';
COMMENT ON COLUMN report.asset.first_seen IS 'when it was first seen in the zone';
COMMENT ON COLUMN report.asset.last_seen IS 'last positive evidence';

CREATE VIEW report.service AS
SELECT z.name AS zone, s.addr AS address, o.value AS asset_id, inv.protocol(s.slot) AS protocol, s.slot & 65535 AS port,
       COALESCE(v.name, pn.name) AS service, v.product, v.version, v.extra, v.hostname, v.os, v.device, v.tunnel, COALESCE(v.cpe, '{}') AS cpe,
       CASE WHEN v.value IS NULL THEN 'table' ELSE 'probed' END AS method,
       CASE WHEN c.fresh IS NOT TRUE THEN 'unknown' WHEN h.addr IS NULL THEN 'dormant' ELSE 'open' END AS state,
       s.since AS first_seen, COALESCE(d.seen_at, GREATEST(s.since, c.last_at)) AS last_seen, c.last_at AS last_checked,
       COALESCE(d.misses, 0)::int4 AS misses
  FROM inv.fact_now s
  JOIN inv.zone z ON z.zone_id = s.zone_id
  LEFT JOIN inv.port_name pn ON pn.slot = s.slot
  LEFT JOIN inv.fact_now fv ON fv.zone_id = s.zone_id AND fv.addr = s.addr AND fv.slot = s.slot AND fv.attr_id = 11
  LEFT JOIN inv.value_service v ON v.value = fv.value
  LEFT JOIN inv.fact_now h ON h.zone_id = s.zone_id AND h.addr = s.addr AND h.attr_id = 1
  LEFT JOIN inv.fact_now o ON o.zone_id = s.zone_id AND o.addr = s.addr AND o.slot = 0 AND o.attr_id = 0
  LEFT JOIN inv.doubt d ON d.zone_id = s.zone_id AND d.addr = s.addr AND d.slot = s.slot AND d.attr_id = s.attr_id
  LEFT JOIN LATERAL (SELECT max(q.last_at) AS last_at,
                            bool_or(q.retired_at IS NULL AND q.last_at > now() - 3 * p.every - interval '10 minutes') AS fresh
                       FROM inv.schedule q JOIN inv.profile p USING (profile_id)
                      WHERE q.block_id = inv.block_of(s.zone_id, s.addr) AND p.kind = 'ports' AND p.slots @> s.slot) c ON true
 WHERE s.attr_id = 10;
COMMENT ON VIEW report.service IS 'open ports and what answers on them';
COMMENT ON COLUMN report.service.service IS 'name of the service: probed, else what the port is registered for';
COMMENT ON COLUMN report.service.method IS 'probed: the service said so; table: only the port number says so';
COMMENT ON COLUMN report.service.tunnel IS 'ssl when the service is inside TLS';
COMMENT ON COLUMN report.service.state IS 'open; dormant: open when its host was last there; unknown: nobody has looked lately';
COMMENT ON COLUMN report.service.first_seen IS 'when it was found open';
COMMENT ON COLUMN report.service.last_seen IS 'last time it was seen open';
COMMENT ON COLUMN report.service.last_checked IS 'last complete look at this port of its block';
COMMENT ON COLUMN report.service.misses IS 'looks in a row that did not find it open; closed when enough';

CREATE VIEW report.script_result AS
SELECT z.name AS zone, s.addr AS address, inv.protocol(s.slot) AS protocol, NULLIF(s.slot & 65535, 0) AS port, a.name AS script,
       v.output, v.data, h.addr IS NOT NULL AS present, s.since AS first_seen,
       COALESCE(d.seen_at, GREATEST(s.since, c.last_at)) AS last_seen, c.last_at AS last_checked, COALESCE(d.misses, 0)::int4 AS misses
  FROM inv.fact_now s
  JOIN inv.attr a ON a.attr_id = s.attr_id AND a.kind = 'script'
  JOIN inv.zone z ON z.zone_id = s.zone_id
  LEFT JOIN inv.value_script v ON v.value = s.value
  LEFT JOIN inv.fact_now h ON h.zone_id = s.zone_id AND h.addr = s.addr AND h.attr_id = 1
  LEFT JOIN inv.doubt d ON d.zone_id = s.zone_id AND d.addr = s.addr AND d.slot = s.slot AND d.attr_id = s.attr_id
  LEFT JOIN LATERAL (SELECT max(q.last_at) AS last_at FROM inv.schedule q JOIN inv.script_set x USING (set_id)
                      WHERE q.block_id = inv.block_of(s.zone_id, s.addr) AND s.attr_id = ANY(x.attrs)) c ON true;
COMMENT ON VIEW report.script_result IS 'what scripts say, as it holds now';
COMMENT ON COLUMN report.script_result.port IS 'NULL: a script about the host';
COMMENT ON COLUMN report.script_result.output IS 'the text nmap would print';
COMMENT ON COLUMN report.script_result.data IS 'structured output';
COMMENT ON COLUMN report.script_result.first_seen IS 'since when the result is this one';
COMMENT ON COLUMN report.script_result.last_seen IS 'last time the script said so';
COMMENT ON COLUMN report.script_result.last_checked IS 'last complete visit of the block with this script';
COMMENT ON COLUMN report.script_result.present IS 'its host is there';
COMMENT ON COLUMN report.script_result.misses IS 'runs in a row without this result; gone when enough';
COMMENT ON COLUMN report.script_result.script IS 'script id';

CREATE VIEW report.change AS
SELECT c.noted_at, c.at, z.name AS zone, c.addr AS address, inv.protocol(c.slot) AS protocol, NULLIF(c.slot & 65535, 0) AS port,
       a.kind, a.name AS attribute,
       CASE c.cause WHEN 'o' THEN 'opened' WHEN 'b' THEN 'returned' WHEN 'v' THEN 'changed' WHEN 'c' THEN 'closed'
                    WHEN 'p' THEN 'went with its port' WHEN 'r' THEN 'reassigned' END AS what,
       c.news, CASE WHEN c.news THEN CASE a.kind
         WHEN 'presence' THEN CASE c.cause WHEN 'o' THEN 'host.appeared' WHEN 'b' THEN 'host.returned' ELSE 'host.gone' END
         WHEN 'holder' THEN 'host.replaced'
         WHEN 'port' THEN CASE WHEN c.old_value IS NULL THEN 'port.opened' ELSE 'port.closed' END
         ELSE COALESCE(a.noun, a.kind) || CASE WHEN c.old_value IS NULL THEN '.appeared' WHEN c.new_value IS NULL THEN '.gone' ELSE '.changed' END
       END END AS type,
       inv.shown(a.kind, c.old_value, c.zone_id, c.addr, c.slot) AS old,
       inv.shown(a.kind, c.new_value, c.zone_id, c.addr, c.slot) AS new,
       c.old_since, c.seen_at AS last_seen, p.name AS pass, c.tx, c.change_id
  FROM inv.change c JOIN inv.attr a USING (attr_id) JOIN inv.zone z USING (zone_id) LEFT JOIN inv.profile p USING (profile_id);
COMMENT ON VIEW report.change IS 'the ledger: every edge between two facts; baseline and details included (news = false)';
COMMENT ON COLUMN report.change.noted_at IS 'when it was written down: what is new since T is noted_at > T';
COMMENT ON COLUMN report.change.at IS 'when it was observed; something that closed: the first look that missed it';
COMMENT ON COLUMN report.change.kind IS 'presence, holder, port, service, script, text';
COMMENT ON COLUMN report.change.attribute IS 'script id, or what kind of text';
COMMENT ON COLUMN report.change.what IS 'opened, returned, changed, closed, went with its port, reassigned';
COMMENT ON COLUMN report.change.news IS 'told as an event; false for a first inventory and for details of another change';
COMMENT ON COLUMN report.change.type IS 'type of the event';
COMMENT ON COLUMN report.change.old IS 'value before';
COMMENT ON COLUMN report.change.new IS 'value after';
COMMENT ON COLUMN report.change.old_since IS 'since when the old value held';
COMMENT ON COLUMN report.change.last_seen IS 'last sighting of what closed';
COMMENT ON COLUMN report.change.pass IS 'the pass that found it';
COMMENT ON COLUMN report.change.tx IS 'with change_id: the order in which changes became visible (report.changes_after)';

-- What became visible after a change that was read before, in order and without gaps, for those who follow the ledger.  Start with
-- ('0', 0); go on with tx and change_id of the last row.
CREATE FUNCTION report.changes_after(p_tx xid8, p_change_id int8, p_limit int4) RETURNS SETOF report.change
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT * FROM report.change c WHERE (c.tx, c.change_id) > (p_tx, p_change_id) AND c.tx < pg_snapshot_xmin(pg_current_snapshot())
   ORDER BY c.tx, c.change_id LIMIT p_limit $$;

CREATE VIEW report.event AS
SELECT e.seq, e.id, e.at, e.observed_at, e.type, (ARRAY['debug', 'info', 'warning', 'high', 'critical'])[e.severity + 1] AS severity,
       e.zone, e.subject, e.body ->> 'summary' AS summary, e.baseline, e.body, e.xid
  FROM alert.event e;
COMMENT ON VIEW report.event IS 'news: what webhooks are told, one row each';
COMMENT ON COLUMN report.event.summary IS 'one sentence';

CREATE VIEW report.coverage AS
SELECT z.name AS zone, b.lo AS first_address, b.hi AS last_address, p.name AS pass, p.kind, p.slots, p.every,
       s.last_from, s.last_at, s.visits, s.wanted_at, s.due_at, s.sensor_id IS NOT NULL AS running, n.name AS sensor,
       cardinality(s.asked) AS asked, s.tries::int4 AS tries,
       (SELECT count(*)::int4 FROM inv.doubt d WHERE d.zone_id = s.zone_id AND d.addr BETWEEN b.lo AND b.hi AND d.profile_id = s.profile_id AND d.misses > 0) AS doubts
  FROM inv.schedule s JOIN inv.block b USING (block_id) JOIN inv.zone z ON z.zone_id = s.zone_id JOIN inv.profile p USING (profile_id)
  LEFT JOIN inv.sensor n USING (sensor_id)
 WHERE s.retired_at IS NULL;
COMMENT ON VIEW report.coverage IS 'what is looked at, how fresh it is, and what comes next: one row per block and pass';
COMMENT ON COLUMN report.coverage.slots IS 'ports of the pass: transport * 65536 + port';
COMMENT ON COLUMN report.coverage.last_from IS 'start of the last complete visit';
COMMENT ON COLUMN report.coverage.last_at IS 'end of the last complete visit; NULL: never';
COMMENT ON COLUMN report.coverage.wanted_at IS 'when the next full visit should start; late when this has passed';
COMMENT ON COLUMN report.coverage.due_at IS 'when the next visit may start: confirmations come before the full one';
COMMENT ON COLUMN report.coverage.running IS 'a sensor is at it';
COMMENT ON COLUMN report.coverage.asked IS 'addresses that someone wants visited at once';
COMMENT ON COLUMN report.coverage.doubts IS 'facts that were missed and wait for confirmation';

CREATE VIEW report.visit AS
SELECT v.at, v.from_at, z.name AS zone, b.lo AS first_address, b.hi AS last_address, p.name AS pass, p.kind, n.name AS sensor,
       v.method, v.complete, v.scope, v.blind, v.up, v.down, v.opened, v.altered, v.closed,
       v.probes, v.retransmissions, v.drops, v.loss, v.rate_pps
  FROM inv.coverage v JOIN inv.block b USING (block_id) JOIN inv.zone z ON z.zone_id = v.zone_id JOIN inv.profile p USING (profile_id)
  LEFT JOIN inv.sensor n USING (sensor_id);
COMMENT ON VIEW report.visit IS 'proof of what was looked at, and when';
COMMENT ON COLUMN report.visit.complete IS 'false: broken off; only what its parts said counts';
COMMENT ON COLUMN report.visit.scope IS 'these addresses alone; NULL: the whole block';
COMMENT ON COLUMN report.visit.blind IS 'addresses without a conclusive result';

-- Facts as they held at a time.
CREATE FUNCTION report.facts_at(p_zone text, p_t timestamptz)
RETURNS TABLE (address inet, protocol text, port int4, kind text, attribute text, value jsonb, since timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT q.addr, protocol(q.slot), NULLIF(q.slot & 65535, 0), a.kind, a.name, shown(a.kind, q.value, z.zone_id, q.addr, q.slot), q.since
    FROM zone z,
         LATERAL (SELECT addr, slot, attr_id, value, since FROM fact_now f WHERE f.zone_id = z.zone_id AND since <= p_t
                  UNION ALL
                  SELECT addr, slot, attr_id, old_value, old_since FROM change c WHERE c.zone_id = z.zone_id AND at > p_t AND old_since <= p_t) q
         JOIN attr a USING (attr_id)
   WHERE z.name = p_zone $$;

-- ------------------------------------------------------------------ upkeep

-- Must all be 0, at any time, also after a crash.
CREATE FUNCTION ops.invariants() RETURNS TABLE (what text, n int8) LANGUAGE sql STABLE AS $$
  SELECT 'overlapping spans', count(*) FROM (SELECT old_since, lag(at) OVER (PARTITION BY zone_id, addr, slot, attr_id ORDER BY at, change_id) AS prev
     FROM inv.change WHERE old_value IS NOT NULL) q WHERE old_since < prev
  UNION ALL
  SELECT 'ledger says otherwise than state', count(*) FROM (SELECT DISTINCT ON (zone_id, addr, slot, attr_id) * FROM inv.change
     ORDER BY zone_id, addr, slot, attr_id, at DESC, change_id DESC) l LEFT JOIN inv.fact_now f USING (zone_id, addr, slot, attr_id)
   WHERE l.new_value IS DISTINCT FROM f.value
  UNION ALL
  SELECT 'state without its ledger row', count(*) FROM inv.fact_now f WHERE NOT EXISTS (SELECT FROM inv.change c
   WHERE c.zone_id = f.zone_id AND c.addr = f.addr AND c.slot = f.slot AND c.attr_id = f.attr_id AND c.at = f.since AND c.new_value = f.value)
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
  SELECT 'news without exactly one event', count(*) FROM (SELECT tx, count(*) AS n FROM inv.change WHERE news GROUP BY tx) c
    FULL JOIN (SELECT xid AS tx, count(*) AS n FROM alert.event GROUP BY xid) e USING (tx) WHERE c.n IS DISTINCT FROM e.n AND tx <> '3'
  UNION ALL
  SELECT 'rows outside of the partitions', (SELECT count(*) FROM inv.change_stray) + (SELECT count(*) FROM inv.coverage_stray) $$;

-- Bodies that nothing refers to any more, in bounded bites.  apply_part touches kept_at before it asks which bodies are missing: writer and
-- collector meet on the row lock; either the collector sees the touch, or the writer sees the hole and asks for the body.
CREATE FUNCTION ops.collect_values(p_spare_days int4, p_n int4) RETURNS int8 LANGUAGE plpgsql AS $$
DECLARE t text; v_n int8; v_all int8 := 0;
BEGIN
  FOREACH t IN ARRAY ARRAY['value_text', 'value_script', 'value_service'] LOOP
    EXECUTE format('WITH dead AS MATERIALIZED (
        SELECT v.value FROM inv.%1$I v WHERE v.kept_at < current_date - $1
           AND NOT EXISTS (SELECT FROM inv.fact_now f WHERE f.value = v.value)
           AND NOT EXISTS (SELECT FROM inv.change c WHERE c.old_value = v.value)
           AND NOT EXISTS (SELECT FROM inv.change c WHERE c.new_value = v.value) LIMIT $2)
      DELETE FROM inv.%1$I v USING dead WHERE v.value = dead.value AND v.kept_at < current_date - $1', t) USING p_spare_days, p_n;
    GET DIAGNOSTICS v_n = ROW_COUNT;
    v_all := v_all + v_n;
  END LOOP;
  RETURN v_all;
END $$;

-- Retention: whole months of the ledger and the coverage.
CREATE FUNCTION ops.drop_before(p_month date) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
  FOR r IN SELECT c.relname, p.relname AS parent FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
            WHERE i.inhparent IN ('inv.change'::regclass, 'inv.coverage'::regclass) AND c.relname ~ '_[0-9]{4}_[0-9]{2}$'
              AND to_date(right(c.relname, 7), 'YYYY_MM') < date_trunc('month', p_month)
  LOOP
    EXECUTE format('ALTER TABLE inv.%I DETACH PARTITION inv.%I', r.parent, r.relname);
    EXECUTE format('DROP TABLE inv.%I', r.relname);
    RETURN NEXT r.relname;
  END LOOP;
END $$;

-- What a daemon does once a day and at each start.  A month that can not be made (rows of a wrong clock are in the way) must not
-- stop the service: they go on to the default partition, and the invariants say so.
CREATE FUNCTION api.upkeep() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
BEGIN
  PERFORM ops.make_partitions(current_date, 4);
EXCEPTION WHEN check_violation THEN
  RAISE WARNING 'partitions of the coming months could not be made: %', SQLERRM;
END $$;

-- ------------------------------------------------------------------ words that mean the same in every view
DO $$
DECLARE r record;
BEGIN
  FOR r IN SELECT c.relname, a.attname, w.words FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
             JOIN (VALUES
      ('address', 'IP address'), ('zone', 'routing domain; the same address may be in use in two zones'),
      ('protocol', 'tcp, udp or sctp; NULL: about the host'), ('port', 'port number; NULL: about the host'),
      ('asset_id', 'the asset (report.asset)'), ('hostname', 'name that was told or looked up'), ('vendor', 'maker, from the MAC address'),
      ('label', 'name given by a person'), ('note', 'remark of a person'), ('change_id', 'number of the change'),
      ('product', 'software, as probed'), ('version', 'of the software, as probed'), ('extra', 'what else the service tells'),
      ('os', 'operating system that the service tells'), ('device', 'kind of device that the service tells'),
      ('cpe', 'names in the Common Platform Enumeration'),
      ('first_address', 'of the block, inside'), ('last_address', 'of the block, inside'), ('pass', 'name of the pass in the configuration'),
      ('kind', 'presence, ports, services or scripts'), ('every', 'interval of full visits'), ('sensor', 'the engine that was or is at it'),
      ('tries', 'attempts since the last complete visit'), ('visits', 'complete visits so far'),
      ('at', 'when it ended or was written'), ('from_at', 'when it began'), ('method', 'how it looked'), ('up', 'addresses that answered'),
      ('down', 'addresses that were silent'), ('opened', 'facts that began'), ('altered', 'facts that changed'), ('closed', 'facts that ended'),
      ('probes', 'probes sent'), ('retransmissions', 'of them, sent again'), ('drops', 'frames the kernel dropped before us'),
      ('loss', 'share of answers that were lost, 0 to 1'), ('rate_pps', 'packets per second'),
      ('seq', 'number of the event'), ('id', 'identity of the event in every delivery'), ('observed_at', 'when it was observed'),
      ('type', 'what happened: port.opened ...'), ('severity', 'debug, info, warning, high or critical'),
      ('subject', 'what it is about: host/192.0.2.17/tcp/80/http-title'), ('baseline', 'of a first inventory'),
      ('body', 'what a webhook is told'), ('xid', 'transaction; readers take what is older than every running one'),
      ('endpoint', 'name of the webhook endpoint in the configuration'), ('event', 'id of the event'), ('n', 'number of the attempt'),
      ('code', 'HTTP status; NULL: no answer'), ('error', 'what went wrong'), ('ms', 'milliseconds'), ('bytes_in', 'bytes received'),
      ('bytes_out', 'bytes sent'), ('new_conn', 'a connection was made for it'), ('remote', 'address it was sent to'),
      ('attempts', 'attempts so far'), ('created_at', 'when it was noted'), ('last_at', 'last attempt'), ('next_at', 'next attempt'),
      ('summary', 'one sentence'), ('last_ok_at', 'last success'), ('reason', 'why the state is this'), ('since', 'since when the state is this')
             ) AS w(name, words) ON w.name = a.attname
            WHERE c.relnamespace = 'report'::regnamespace AND c.relkind = 'v' AND col_description(c.oid, a.attnum) IS NULL
  LOOP
    EXECUTE format('COMMENT ON COLUMN report.%I.%I IS %L', r.relname, r.attname, r.words);
  END LOOP;
END $$;
