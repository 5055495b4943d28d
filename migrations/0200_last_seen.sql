-- When something was seen last does not go back: not when a reload cuts the blocks anew, where the new ones have no visits yet; not while a visit of
-- scripts runs, whose list is not known before its first part; and not when a pass runs other scripts from then on.

-- Every block that an address is or was in: a block has at most 256 addresses, unless it is wide.
CREATE INDEX block_wide ON inv.block (zone_id, lo) WHERE inv.is_wide(lo, hi);
CREATE FUNCTION inv.blocks_of(p_zone int4, p_addr inet) RETURNS int4[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = inv, pg_temp SET enable_seqscan = off AS $$
DECLARE v int4[];
BEGIN
  IF family(p_addr) = 4 THEN
    SELECT array_agg(b.block_id) INTO v FROM block b
     WHERE b.zone_id = p_zone AND b.lo BETWEEN p_addr - LEAST(p_addr - inet '0.0.0.0', 255) AND p_addr AND b.hi >= p_addr;
  ELSE
    SELECT array_agg(q.block_id) INTO v FROM (
      SELECT b.block_id FROM block b
       WHERE b.zone_id = p_zone AND b.lo BETWEEN CASE WHEN p_addr >= '::ff' THEN p_addr - 255 ELSE '::' END AND p_addr AND b.hi >= p_addr
      UNION
      SELECT b.block_id FROM block b WHERE b.zone_id = p_zone AND b.lo <= p_addr AND b.hi >= p_addr AND is_wide(b.lo, b.hi)) q;
  END IF;
  RETURN v;
END $$;
REVOKE ALL ON FUNCTION inv.blocks_of(int4, inet) FROM PUBLIC;

-- The scripts of the last complete visit of the block (last_at), and those of the last such visits with other lists.
ALTER TABLE inv.schedule ADD last_set int4;
CREATE TABLE inv.former_set (
  schedule_id int8 NOT NULL REFERENCES inv.schedule ON DELETE CASCADE,
  set_id      int4 NOT NULL,
  last_at     timestamptz NOT NULL,
  CONSTRAINT former_set_pk PRIMARY KEY (schedule_id, set_id)
);
INSERT INTO inv.former_set
SELECT q.schedule_id, c.set_id, max(c.at) FROM inv.schedule q JOIN inv.coverage c ON c.block_id = q.block_id AND c.profile_id = q.profile_id
 WHERE q.kind = 'scripts' AND c.set_id IS NOT NULL AND c.complete AND c.scope IS NULL GROUP BY 1, 2;
UPDATE inv.schedule q SET last_set = COALESCE((SELECT r.set_id FROM inv.former_set r WHERE r.schedule_id = q.schedule_id ORDER BY r.last_at DESC LIMIT 1), q.set_id)
 WHERE q.kind = 'scripts' AND q.last_at IS NOT NULL;

-- What api.finish writes, as before.
CREATE OR REPLACE FUNCTION inv.end_visit(s inv.schedule, p inv.profile, p_complete bool, p_probes int8, p_retransmissions int8, p_drops int8,
                              p_loss real, p_rate real, p_quiet bool DEFAULT false) RETURNS void LANGUAGE plpgsql AS $$
DECLARE v_wanted timestamptz := s.wanted_at; v_due timestamptz; v_asked inet[] := s.asked; v_doubts bool := false;
BEGIN
  IF NOT p_quiet THEN                                         -- (the last part may have asked for addresses)
    SELECT q.asked, q.wanted_at INTO v_asked, v_wanted FROM inv.schedule q WHERE q.schedule_id = s.schedule_id;
  END IF;
  -- (as inv.record_visit does it: here its plan is kept)
  INSERT INTO inv.coverage(at, from_at, zone_id, block_id, profile_id, sensor_id, set_id, fence, parts, complete, method, scope,
                           blind, up, down, opened, altered, closed, probes, retransmissions, drops, loss, rate_pps)
  VALUES (clock_timestamp(), s.claimed_at, s.zone_id, s.block_id, s.profile_id, s.sensor_id, s.set_id, s.fence, s.part_done, p_complete,
          s.method, s.scope, NULLIF(s.blind, '{}'), s.up, s.down, s.opened, s.altered, s.closed,
          p_probes, p_retransmissions, p_drops, p_loss, p_rate);
  IF NOT p_quiet THEN
    v_doubts := EXISTS (SELECT FROM inv.doubt d JOIN inv.block b ON b.block_id = s.block_id
                         WHERE d.zone_id = s.zone_id AND d.addr BETWEEN b.lo AND b.hi AND d.profile_id = s.profile_id AND d.misses > 0);
  END IF;
  IF p_complete AND s.scope IS NULL THEN
    v_wanted := GREATEST(v_wanted + p.every, now());
  ELSIF NOT p_complete AND s.scope IS NOT NULL THEN
    v_asked := v_asked || s.scope;
  END IF;
  IF p_complete AND s.scope IS NULL AND s.last_set <> s.set_id THEN
    INSERT INTO inv.former_set AS r (schedule_id, set_id, last_at) VALUES (s.schedule_id, s.last_set, s.last_at)
    ON CONFLICT ON CONSTRAINT former_set_pk DO UPDATE SET last_at = excluded.last_at;
  END IF;
  v_due := CASE
    WHEN NOT p_complete THEN now() + LEAST(p.confirm, interval '5 seconds') * power(2, LEAST(s.tries, 8) - 1)
    WHEN v_asked <> '{}' THEN now()
    WHEN v_doubts THEN LEAST(v_wanted, now() + LEAST(p.confirm * power(2, LEAST(s.confirms, 16)), p.every))
    ELSE v_wanted END;
  UPDATE inv.schedule q SET sensor_id = NULL, asked = v_asked, wanted_at = v_wanted, due_at = v_due,
         part_done = s.part_done, method = s.method, set_id = s.set_id, up = s.up, down = s.down, blind = s.blind,
         opened = s.opened, altered = s.altered, closed = s.closed,
         tries = CASE WHEN p_complete THEN 0 ELSE q.tries END,
         confirms = CASE WHEN v_doubts THEN q.confirms ELSE 0 END,
         visits = q.visits + p_complete::int,
         last_set = CASE WHEN p_complete AND s.scope IS NULL THEN COALESCE(s.set_id, q.last_set) ELSE q.last_set END,
         last_from = CASE WHEN p_complete AND s.scope IS NULL THEN s.claimed_at ELSE q.last_from END,
         last_at = CASE WHEN p_complete AND s.scope IS NULL THEN clock_timestamp() ELSE q.last_at END
   WHERE q.schedule_id = s.schedule_id;
  IF p.kind = 'ports' AND p_complete AND s.scope IS NULL AND s.last_at IS NULL THEN
    UPDATE inv.schedule q SET due_at = now() WHERE q.block_id = s.block_id AND q.retired_at IS NULL AND q.due_at = 'infinity';
  END IF;
END $$;

CREATE OR REPLACE VIEW report.host AS
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
                      WHERE s.block_id = ANY(inv.blocks_of(o.zone_id, o.addr)) AND p.kind IN ('presence', 'ports')) c ON true
 WHERE o.attr_id = 0 AND o.slot = 0;

CREATE OR REPLACE VIEW report.service AS
SELECT z.name AS zone, s.addr AS address, o.value AS asset_id, inv.protocol(s.slot) AS protocol, s.slot & 65535 AS port,
       COALESCE(v.name, pn.name) AS service, v.product, v.version, v.extra, v.hostname, v.os, v.device, v.tunnel, COALESCE(v.cpe, '{}') AS cpe,
       CASE WHEN v.value IS NULL THEN 'table' ELSE 'probed' END AS method,
       CASE WHEN c.fresh IS NOT TRUE THEN 'unknown' WHEN h.addr IS NULL THEN 'dormant' ELSE 'open' END AS state,
       s.since AS first_seen, GREATEST(s.since, LEAST(COALESCE(d.seen_at, c.last_at), g.seen_at)) AS last_seen, c.last_at AS last_checked,
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
                      WHERE q.block_id = ANY(inv.blocks_of(s.zone_id, s.addr)) AND p.kind = 'ports' AND p.slots @> s.slot) c ON true
  -- a look before the host was back, or of a host that is gone, saw nothing after it went
  LEFT JOIN LATERAL (SELECT COALESCE(x.seen_at, x.at) AS seen_at FROM inv.change x
                      WHERE (h.addr IS NULL OR h.since > c.last_at) AND x.zone_id = s.zone_id AND x.addr = s.addr AND x.attr_id = 1 AND x.new_value IS NULL
                      ORDER BY x.at DESC LIMIT 1) g ON true
 WHERE s.attr_id = 10;

CREATE OR REPLACE VIEW report.script_result AS
SELECT z.name AS zone, s.addr AS address, inv.protocol(s.slot) AS protocol, NULLIF(s.slot & 65535, 0) AS port, a.name AS script,
       v.output, v.data, h.addr IS NOT NULL AS present, s.since AS first_seen,
       GREATEST(s.since, LEAST(COALESCE(d.seen_at, c.last_at), g.seen_at)) AS last_seen, c.last_at AS last_checked, COALESCE(d.misses, 0)::int4 AS misses
  FROM inv.fact_now s
  JOIN inv.attr a ON a.attr_id = s.attr_id AND a.kind = 'script'
  JOIN inv.zone z ON z.zone_id = s.zone_id
  LEFT JOIN inv.value_script v ON v.value = s.value
  LEFT JOIN inv.fact_now h ON h.zone_id = s.zone_id AND h.addr = s.addr AND h.attr_id = 1
  LEFT JOIN inv.doubt d ON d.zone_id = s.zone_id AND d.addr = s.addr AND d.slot = s.slot AND d.attr_id = s.attr_id
  LEFT JOIN LATERAL (SELECT max(r.last_at) AS last_at
                       FROM inv.schedule q
                       CROSS JOIN LATERAL (SELECT q.last_set AS set_id, q.last_at UNION ALL
                                           SELECT l.set_id, l.last_at FROM inv.former_set l WHERE l.schedule_id = q.schedule_id) r
                       JOIN inv.script_set x ON x.set_id = r.set_id
                      WHERE q.kind = 'scripts' AND q.block_id = ANY(inv.blocks_of(s.zone_id, s.addr)) AND s.attr_id = ANY(x.attrs)) c ON true
  -- a look before the host was back, or of a host that is gone, saw nothing after it went
  LEFT JOIN LATERAL (SELECT COALESCE(x.seen_at, x.at) AS seen_at FROM inv.change x
                      WHERE (h.addr IS NULL OR h.since > c.last_at) AND x.zone_id = s.zone_id AND x.addr = s.addr AND x.attr_id = 1 AND x.new_value IS NULL
                      ORDER BY x.at DESC LIMIT 1) g ON true;

SELECT ops.grant_roles();
