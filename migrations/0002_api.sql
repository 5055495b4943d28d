-- The functions through which musterd works: leases out, findings in.
--
-- api.apply_part is the diff: one call, one transaction.  Rules that hold everywhere:
--   not seen is not gone: only what a visit asked, and by a method as strong as the one that found it, is a miss;
--   an older observation never undoes a newer one;
--   one change is one row of the ledger, and news are one event each.  What opens is news only where its parent was already known
--   and looked at completely: a host where presence had been covered, a port on a host whose ports had been listed, a script result
--   on a port where that script had run.  All else is baseline, or a detail of its parent's own event.

-- ------------------------------------------------------------------ sensors and configuration

-- A sensor's process says who it is.  A new process voids the leases of its predecessor: their visits are due again at once.
CREATE FUNCTION api.hello(p_sensor text, p_instance uuid,
                          OUT sensor_id int4, OUT digest_key text, OUT server_now timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
#variable_conflict use_column
DECLARE v_old uuid; v_id int4; v_sys int8 := (SELECT c.system_identifier FROM pg_control_system() c);
BEGIN
  INSERT INTO sensor(name) VALUES (p_sensor) ON CONFLICT (name) DO NOTHING;
  SELECT s.sensor_id, s.instance INTO v_id, v_old FROM sensor s WHERE s.name = p_sensor FOR UPDATE;
  UPDATE sensor SET instance = p_instance, greeted_at = now() WHERE sensor.sensor_id = v_id;
  IF v_old IS DISTINCT FROM p_instance THEN
    UPDATE schedule s SET fence = nextval('fence'), sensor_id = NULL, due_at = now(),
           asked = CASE WHEN s.scope IS NULL THEN s.asked ELSE s.asked || s.scope END
     WHERE s.sensor_id = v_id;
  END IF;
  -- A database that was restored into another cluster: transaction ids start anew there, so those of the past are made older
  -- than every future one.  Else readers would wait for them for ever.
  IF EXISTS (SELECT FROM ops.installation i WHERE i.system_identifier <> v_sys) THEN
    UPDATE alert.event SET xid = '3' WHERE xid >= pg_snapshot_xmax(pg_current_snapshot());
    UPDATE change SET tx = '3' WHERE tx >= pg_snapshot_xmax(pg_current_snapshot());
    UPDATE ops.installation i SET system_identifier = v_sys;
  END IF;
  SELECT v_id, encode(i.digest_key, 'hex'), clock_timestamp() INTO sensor_id, digest_key, server_now
    FROM ops.installation i;
END $$;

-- Keys that do not count when the values of a script are compared.
CREATE FUNCTION api.volatile_keys(OUT script text, OUT keys text[]) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT name, volatile FROM attr WHERE kind = 'script' AND volatile <> '{}' ORDER BY name $$;

-- Makes zones, blocks, profiles and schedule rows equal to the configuration:
-- {"zones": [{"name", "host_misses", "blocks": [[lo, hi] ...],
--             "passes": [{"name", "kind", "slots", "misses", "every", "confirm" (seconds)}]}]}
CREATE FUNCTION api.sync_config(p_config jsonb) RETURNS int4
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
#variable_conflict use_column
DECLARE v_n int4;
BEGIN
  PERFORM pg_advisory_xact_lock(7310868735425770594);         -- one at a time
  CREATE TEMP TABLE IF NOT EXISTS c_zone (name text, host_misses int2, blocks jsonb, passes jsonb) ON COMMIT DROP;
  TRUNCATE pg_temp.c_zone;
  INSERT INTO pg_temp.c_zone SELECT z.* FROM jsonb_to_recordset(p_config -> 'zones')
    AS z(name text, host_misses int2, blocks jsonb, passes jsonb);

  -- (not ON CONFLICT: it would use up a number for each row at each reload)
  UPDATE zone z SET host_misses = c.host_misses, retired_at = NULL FROM pg_temp.c_zone c
   WHERE c.name = z.name AND (z.host_misses, z.retired_at) IS DISTINCT FROM (c.host_misses, NULL::timestamptz);
  INSERT INTO zone(name, host_misses) SELECT name, host_misses FROM pg_temp.c_zone c
   WHERE NOT EXISTS (SELECT FROM zone z WHERE z.name = c.name);
  UPDATE zone z SET retired_at = now()
   WHERE z.retired_at IS NULL AND NOT EXISTS (SELECT FROM pg_temp.c_zone c WHERE c.name = z.name);

  CREATE TEMP TABLE IF NOT EXISTS c_pass (zone_id int4, name text, kind text, slots int4multirange, misses int2,
                                          every interval, confirm interval) ON COMMIT DROP;
  TRUNCATE pg_temp.c_pass;
  INSERT INTO pg_temp.c_pass
  SELECT z.zone_id, p.name, p.kind, COALESCE(p.slots, '{}')::int4multirange, p.misses,
         make_interval(secs => p.every), make_interval(secs => p.confirm)
    FROM pg_temp.c_zone c JOIN zone z USING (name),
         jsonb_to_recordset(c.passes) AS p(name text, kind text, slots text, misses int2, every float8, confirm float8);
  UPDATE profile p SET retired_at = now()
   WHERE p.retired_at IS NULL AND NOT EXISTS (SELECT FROM pg_temp.c_pass c
         WHERE (c.zone_id, c.name, c.kind, c.slots) = (p.zone_id, p.name, p.kind, p.slots));
  -- the same pass again, after it had been taken out: its coverage still counts
  UPDATE profile p SET retired_at = NULL FROM pg_temp.c_pass c
   WHERE p.retired_at IS NOT NULL AND (c.zone_id, c.name, c.kind, c.slots) = (p.zone_id, p.name, p.kind, p.slots)
     AND NOT EXISTS (SELECT FROM profile q WHERE q.zone_id = c.zone_id AND q.name = c.name AND q.retired_at IS NULL)
     AND p.profile_id = (SELECT max(q.profile_id) FROM profile q
          WHERE (q.zone_id, q.name, q.kind, q.slots) = (c.zone_id, c.name, c.kind, c.slots));
  UPDATE profile p SET misses = c.misses, every = c.every, confirm = c.confirm FROM pg_temp.c_pass c
   WHERE (c.zone_id, c.name) = (p.zone_id, p.name) AND p.retired_at IS NULL
     AND (p.misses, p.every, p.confirm) IS DISTINCT FROM (c.misses, c.every, c.confirm);
  INSERT INTO profile(zone_id, name, kind, slots, misses, every, confirm)
  SELECT zone_id, name, kind, slots, misses, every, confirm FROM pg_temp.c_pass c
   WHERE NOT EXISTS (SELECT FROM profile p WHERE (p.zone_id, p.name) = (c.zone_id, c.name) AND p.retired_at IS NULL);

  CREATE TEMP TABLE IF NOT EXISTS c_block (zone_id int4, lo inet, hi inet) ON COMMIT DROP;
  TRUNCATE pg_temp.c_block;
  INSERT INTO pg_temp.c_block
  SELECT z.zone_id, (b.b ->> 0)::inet, (b.b ->> 1)::inet
    FROM pg_temp.c_zone c JOIN zone z USING (name), jsonb_array_elements(c.blocks) AS b(b);
  IF EXISTS (SELECT FROM (SELECT lo, lag(hi) OVER (PARTITION BY zone_id ORDER BY lo) AS prev FROM pg_temp.c_block) q
              WHERE q.lo <= q.prev) THEN
    RAISE EXCEPTION 'blocks of a zone overlap' USING ERRCODE = 'M0001';
  END IF;
  UPDATE block b SET retired_at = now() WHERE b.retired_at IS NULL
     AND NOT EXISTS (SELECT FROM pg_temp.c_block c WHERE (c.zone_id, c.lo, c.hi) = (b.zone_id, b.lo, b.hi));
  UPDATE block b SET retired_at = NULL FROM pg_temp.c_block c
   WHERE (c.zone_id, c.lo, c.hi) = (b.zone_id, b.lo, b.hi) AND b.retired_at IS NOT NULL;
  INSERT INTO block(zone_id, lo, hi) SELECT zone_id, lo, hi FROM pg_temp.c_block c
   WHERE NOT EXISTS (SELECT FROM block b WHERE (c.zone_id, c.lo, c.hi) = (b.zone_id, b.lo, b.hi));

  UPDATE schedule s SET retired_at = now(), fence = nextval('fence'), sensor_id = NULL, asked = '{}'
    FROM block b, profile p
   WHERE s.retired_at IS NULL AND b.block_id = s.block_id AND p.profile_id = s.profile_id
     AND (b.retired_at IS NOT NULL OR p.retired_at IS NOT NULL);
  DELETE FROM doubt d USING profile p WHERE p.profile_id = d.profile_id AND p.retired_at IS NOT NULL;
  UPDATE schedule s SET retired_at = NULL, wanted_at = now(), due_at = now(), confirms = 0, tries = 0
    FROM block b, profile p
   WHERE s.retired_at IS NOT NULL AND b.block_id = s.block_id AND p.profile_id = s.profile_id
     AND b.retired_at IS NULL AND p.retired_at IS NULL;
  INSERT INTO schedule(zone_id, block_id, profile_id, kind)
  SELECT b.zone_id, b.block_id, p.profile_id, p.kind FROM block b JOIN profile p USING (zone_id)
   WHERE b.retired_at IS NULL AND p.retired_at IS NULL
     AND NOT EXISTS (SELECT FROM schedule s WHERE s.block_id = b.block_id AND s.profile_id = p.profile_id);
  -- a shorter interval takes effect at once
  UPDATE schedule s SET wanted_at = now() + p.every, due_at = LEAST(s.due_at, now() + p.every)
    FROM profile p WHERE p.profile_id = s.profile_id AND s.retired_at IS NULL AND s.wanted_at > now() + p.every
     AND s.sensor_id IS NULL;
  -- Services and scripts wait until the ports of the block were listed once (api.finish): else their first visit would find
  -- nothing and count as coverage.
  UPDATE schedule s SET due_at = q.due_at
    FROM (SELECT r.schedule_id, CASE WHEN EXISTS (
                   SELECT FROM schedule o
                    WHERE o.block_id = r.block_id AND o.retired_at IS NULL AND o.kind = 'ports' AND o.last_at IS NULL)
                 THEN 'infinity' ELSE now() END AS due_at
            FROM schedule r
           WHERE r.retired_at IS NULL AND r.last_at IS NULL AND r.sensor_id IS NULL AND r.tries = 0
             AND r.kind IN ('services', 'scripts')) q
   WHERE q.schedule_id = s.schedule_id AND (s.due_at = 'infinity') <> (q.due_at = 'infinity');
  SELECT count(*) INTO v_n FROM schedule WHERE retired_at IS NULL;
  DROP TABLE pg_temp.c_zone, pg_temp.c_pass, pg_temp.c_block;
  RETURN v_n;
END $$;

-- ------------------------------------------------------------------ leases

-- Writes the proof of a visit that ends, or that ended without a word (its lease ran out: then there are no figures).
CREATE FUNCTION inv.record_visit(s inv.schedule, p_at timestamptz, p_complete bool, p_probes int8 DEFAULT NULL,
                                 p_retransmissions int8 DEFAULT NULL, p_drops int8 DEFAULT NULL, p_loss real DEFAULT NULL,
                                 p_rate real DEFAULT NULL) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO inv.coverage(at, from_at, zone_id, block_id, profile_id, sensor_id, set_id, fence, parts, complete, method, scope,
                           blind, up, down, opened, altered, closed, probes, retransmissions, drops, loss, rate_pps)
  VALUES (p_at, s.claimed_at, s.zone_id, s.block_id, s.profile_id, s.sensor_id, s.set_id, s.fence, s.part_done, p_complete,
          s.method, s.scope, NULLIF(s.blind, '{}'), s.up, s.down, s.opened, s.altered, s.closed,
          p_probes, p_retransmissions, p_drops, p_loss, p_rate) $$;

-- Claims up to p_n due rows of passes of these kinds.  A row whose full visit is not due yet is visited for the addresses alone that are asked for or in
-- doubt; where there are none any more, it just goes back to its time.
-- id = ANY(ARRAY(... LIMIT n)): a join on a CTE is planned for 10 % of the table when LIMIT is a parameter.
CREATE FUNCTION api.claim(p_sensor int4, p_kinds text[], p_n int4, p_lease interval)
RETURNS TABLE (schedule_id int8, fence int8, zone text, pass text, kind text, lo inet, hi inet, scope inet[],
               server_now timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
#variable_conflict use_column
DECLARE s schedule%ROWTYPE; v_scope inet[]; v_fence int8;
BEGIN
  FOR s IN SELECT * FROM schedule q WHERE q.schedule_id = ANY(ARRAY(
             SELECT d.schedule_id FROM unnest(p_kinds) k, LATERAL (
                 SELECT r.schedule_id, r.due_at FROM schedule r WHERE r.retired_at IS NULL AND r.kind = k AND r.due_at <= now()
                  ORDER BY r.due_at LIMIT p_n FOR NO KEY UPDATE SKIP LOCKED) d
              ORDER BY d.due_at, d.schedule_id LIMIT p_n))
            ORDER BY q.due_at, q.schedule_id
  LOOP
    IF s.sensor_id IS NOT NULL THEN                           -- its lease ran out
      PERFORM record_visit(s, now(), false);
      s.asked := s.asked || COALESCE(s.scope, '{}');
    END IF;
    v_scope := NULL;
    IF s.wanted_at > now() THEN
      v_scope := ARRAY(SELECT a FROM unnest(s.asked) a
                       UNION SELECT d.addr FROM doubt d JOIN block b ON b.block_id = s.block_id
                              WHERE d.zone_id = s.zone_id AND d.addr BETWEEN b.lo AND b.hi
                                AND d.profile_id = s.profile_id AND d.misses > 0
                       ORDER BY 1);
      IF v_scope = '{}' THEN
        UPDATE schedule u SET due_at = u.wanted_at, sensor_id = NULL, asked = '{}' WHERE u.schedule_id = s.schedule_id;
        CONTINUE;
      END IF;
    END IF;
    UPDATE schedule u SET due_at = now() + p_lease, fence = nextval('fence'), sensor_id = p_sensor,
           claimed_at = now(), scope = v_scope, asked = '{}', part_done = 0, method = NULL, set_id = NULL,
           up = 0, down = 0, opened = 0, altered = 0, closed = 0, blind = '{}', tries = LEAST(u.tries + 1, 1000),
           confirms = CASE WHEN v_scope IS NULL THEN 0 ELSE LEAST(u.confirms + 1, 1000) END
     WHERE u.schedule_id = s.schedule_id RETURNING u.fence INTO v_fence;
    RETURN QUERY SELECT s.schedule_id, v_fence, z.name, p.name, p.kind, b.lo, b.hi, v_scope, clock_timestamp()
      FROM block b JOIN zone z USING (zone_id), profile p WHERE b.block_id = s.block_id AND p.profile_id = s.profile_id;
  END LOOP;
END $$;

-- Seconds until a row is due; NULL: nothing is scheduled.
-- VOLATILE: behind api.claim in one statement it must see what that did.
CREATE FUNCTION api.next_due(p_kinds text[]) RETURNS float8
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT GREATEST(EXTRACT(epoch FROM min(q.due_at) - clock_timestamp()), 0)::float8
    FROM unnest(p_kinds) k, LATERAL (SELECT r.due_at FROM schedule r WHERE r.retired_at IS NULL AND r.kind = k AND r.due_at < 'infinity'
                                      ORDER BY r.due_at LIMIT 1) q
  HAVING min(q.due_at) IS NOT NULL $$;

-- Heartbeat; answers the fences that are still the sensor's.
CREATE FUNCTION api.keep(p_sensor int4, p_fence int8[], p_lease interval) RETURNS SETOF int8
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  UPDATE schedule s SET due_at = now() + p_lease
   WHERE s.sensor_id = p_sensor AND s.fence = ANY(p_fence) RETURNING s.fence $$;

-- Ends a visit.  When doubts are left, the row is due again after `confirm`, doubled each time, for the doubted hosts alone.
CREATE FUNCTION api.finish(p_schedule int8, p_fence int8, p_complete bool, p_method text,
                           p_probes int8, p_retransmissions int8, p_drops int8, p_loss real, p_rate real, OUT verdict "char")
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
#variable_conflict use_column
DECLARE s schedule%ROWTYPE; p profile%ROWTYPE; v_wanted timestamptz; v_due timestamptz; v_asked inet[]; v_doubts bool;
BEGIN
  SELECT * INTO s FROM schedule q WHERE q.schedule_id = p_schedule FOR NO KEY UPDATE;
  IF NOT FOUND OR s.fence <> p_fence OR s.sensor_id IS NULL THEN
    verdict := CASE WHEN s.fence = p_fence THEN 'd' ELSE 's' END; RETURN;
  END IF;
  SELECT * INTO STRICT p FROM profile q WHERE q.profile_id = s.profile_id;
  s.method := COALESCE(s.method, p_method);
  PERFORM record_visit(s, clock_timestamp(), p_complete, p_probes, p_retransmissions, p_drops, p_loss, p_rate);
  v_asked := s.asked; v_wanted := s.wanted_at;
  v_doubts := EXISTS (SELECT FROM doubt d JOIN block b ON b.block_id = s.block_id
                       WHERE d.zone_id = s.zone_id AND d.addr BETWEEN b.lo AND b.hi AND d.profile_id = s.profile_id AND d.misses > 0);
  IF p_complete AND s.scope IS NULL THEN
    v_wanted := GREATEST(s.wanted_at + p.every, now());
  ELSIF NOT p_complete AND s.scope IS NOT NULL THEN
    v_asked := v_asked || s.scope;
  END IF;
  v_due := CASE
    WHEN NOT p_complete THEN now() + LEAST(p.confirm, interval '5 seconds') * power(2, LEAST(s.tries, 8) - 1)
    WHEN v_asked <> '{}' THEN now()
    WHEN v_doubts THEN LEAST(v_wanted, now() + LEAST(p.confirm * power(2, LEAST(s.confirms, 16)), p.every))
    ELSE v_wanted END;
  UPDATE schedule q SET sensor_id = NULL, asked = v_asked, wanted_at = v_wanted, due_at = v_due,
         tries = CASE WHEN p_complete THEN 0 ELSE q.tries END,
         confirms = CASE WHEN v_doubts THEN q.confirms ELSE 0 END,
         visits = q.visits + p_complete::int,
         last_from = CASE WHEN p_complete AND s.scope IS NULL THEN s.claimed_at ELSE q.last_from END,
         last_at = CASE WHEN p_complete AND s.scope IS NULL THEN clock_timestamp() ELSE q.last_at END
   WHERE q.schedule_id = p_schedule;
  IF p.kind = 'ports' AND p_complete AND s.scope IS NULL AND s.last_at IS NULL THEN
    UPDATE schedule q SET due_at = now() WHERE q.block_id = s.block_id AND q.retired_at IS NULL AND q.due_at = 'infinity';
  END IF;
  verdict := 'a';
END $$;

-- Somebody wants these addresses visited now.  Whole blocks are simply due; else the addresses are noted in `asked`.
CREATE FUNCTION api.rescan(p_zone text, p_lo inet, p_hi inet) RETURNS int4
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  WITH hit AS (
    SELECT s.schedule_id, p_lo <= b.lo AND p_hi >= b.hi AS whole,
           GREATEST(b.lo, p_lo) AS lo, LEAST(b.hi, p_hi) AS hi
      FROM schedule s JOIN block b USING (block_id) JOIN zone z ON z.zone_id = s.zone_id
     WHERE s.retired_at IS NULL AND b.lo <= p_hi AND b.hi >= p_lo AND (p_zone IS NULL OR z.name = p_zone)),
  u AS (
    UPDATE schedule s SET
           wanted_at = CASE WHEN whole THEN LEAST(s.wanted_at, now()) ELSE s.wanted_at END,
           due_at = CASE WHEN s.sensor_id IS NULL AND s.due_at < 'infinity' THEN LEAST(s.due_at, now()) ELSE s.due_at END,
           asked = CASE WHEN whole THEN s.asked ELSE
             ARRAY(SELECT unnest(s.asked) UNION SELECT hit.lo + i FROM generate_series(0, hit.hi - hit.lo) i) END
      FROM hit WHERE hit.schedule_id = s.schedule_id RETURNING 1)
  SELECT count(*)::int4 FROM u $$;

-- The present hosts of a visit with their open ports, one row per port (slot NULL: a host without open ports).
CREATE FUNCTION api.targets(p_schedule int8, p_fence int8)
RETURNS TABLE (addr inet, reason text, ttl int2, vendor text, mac text, hostname text, slot int4, port_name text,
               name text, product text, version text, extra text, service_hostname text, os text, device text, tunnel text, cpe text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT h.addr, n.reason, n.ttl, n.vendor, m.body, d.body, o.slot, pn.name,
         v.name, v.product, v.version, v.extra, v.hostname, v.os, v.device, v.tunnel, v.cpe
    FROM schedule s JOIN block b USING (block_id)
    JOIN fact_now h ON h.zone_id = s.zone_id AND h.addr BETWEEN b.lo AND b.hi AND h.attr_id = 1
    LEFT JOIN host_note n ON n.zone_id = h.zone_id AND n.addr = h.addr
    LEFT JOIN fact_now fm ON fm.zone_id = h.zone_id AND fm.addr = h.addr AND fm.slot = 0 AND fm.attr_id = 2
    LEFT JOIN value_text m ON m.value = fm.value
    LEFT JOIN fact_now fd ON fd.zone_id = h.zone_id AND fd.addr = h.addr AND fd.slot = 0 AND fd.attr_id = 3
    LEFT JOIN value_text d ON d.value = fd.value
    LEFT JOIN fact_now o ON o.zone_id = h.zone_id AND o.addr = h.addr AND o.attr_id = 10
    LEFT JOIN port_name pn ON pn.slot = o.slot
    LEFT JOIN fact_now fs ON fs.zone_id = o.zone_id AND fs.addr = o.addr AND fs.slot = o.slot AND fs.attr_id = 11
    LEFT JOIN value_service v ON v.value = fs.value
   WHERE s.schedule_id = p_schedule AND s.fence = p_fence AND (s.scope IS NULL OR h.addr = ANY(s.scope))
   ORDER BY h.addr, o.slot $$;

-- ------------------------------------------------------------------ findings

-- A MAC address that names one device: globally administered, no group, not one of the virtual ones (VRRP).
CREATE FUNCTION inv.mac_identifies(p macaddr) RETURNS bool LANGUAGE sql IMMUTABLE AS $$
  SELECT p IS NOT NULL AND get_byte(macaddr_send(p), 0) & 3 = 0 AND trunc(p) <> '00:00:5e:00:00:00' AND p <> '00:00:00:00:00:00' $$;

-- How much the silence of a host tells: an address on the link that does not answer ARP is not there; one that refuses two
-- connections may be.  A weaker method never closes what a stronger one found.
CREATE FUNCTION inv.presence_strength(p_method text) RETURNS int2 LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p_method IN ('arp', 'nd', 'localhost') THEN 3 WHEN p_method = 'connect' THEN 1 ELSE 2 END::int2 $$;

-- Whether a complete visit of this kind had covered the address.  By kind: what the first ports visit finds beyond the presence
-- visits is first contact too.
CREATE FUNCTION inv.presence_covered(p_zone int4, p_addr inet, p_kind text) RETURNS bool LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM inv.block b JOIN inv.schedule s USING (block_id) JOIN inv.profile p USING (profile_id)
                  WHERE b.zone_id = p_zone AND b.lo <= p_addr AND b.hi >= p_addr AND s.last_at IS NOT NULL
                    AND p.kind = p_kind) $$;

-- Whether the ports of this host, this one among them, had been listed completely before.
CREATE FUNCTION inv.port_covered(p_zone int4, p_addr inet, p_slot int4, p_before timestamptz) RETURNS bool LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM inv.host_covered c JOIN inv.profile p USING (profile_id)
                  WHERE c.zone_id = p_zone AND c.addr = p_addr AND c.since < p_before AND p.slots @> p_slot) $$;

-- Whether a visit that began after p_since (when the port opened) ran this script at the address.
CREATE FUNCTION inv.script_covered(p_zone int4, p_addr inet, p_attr int4, p_since timestamptz) RETURNS bool LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM inv.block b JOIN inv.coverage v USING (block_id) JOIN inv.script_set x USING (set_id)
                  WHERE b.zone_id = p_zone AND b.lo <= p_addr AND b.hi >= p_addr AND v.at >= p_since AND v.from_at >= p_since
                    AND v.complete AND (v.scope IS NULL OR p_addr = ANY(v.scope))
                    AND NOT p_addr = ANY(COALESCE(v.blind, '{}')) AND p_attr = ANY(x.attrs)) $$;

-- Whether a ports visit that began at p_since or later found this port open: until then nobody knows whether a script's silence is
-- its own or that of its port.  True where no pass lists the port.
CREATE FUNCTION inv.port_seen_since(p_zone int4, p_addr inet, p_slot int4, p_since timestamptz) RETURNS bool LANGUAGE sql STABLE AS $$
  SELECT NOT EXISTS (SELECT FROM inv.doubt d WHERE d.zone_id = p_zone AND d.addr = p_addr AND d.slot = p_slot AND d.attr_id = 10)
     AND (NOT EXISTS (SELECT FROM inv.profile p WHERE p.zone_id = p_zone AND p.retired_at IS NULL AND p.kind = 'ports' AND p.slots @> p_slot)
          OR EXISTS (SELECT FROM inv.block b JOIN inv.coverage v USING (block_id) JOIN inv.profile p USING (profile_id)
                      WHERE b.zone_id = p_zone AND b.lo <= p_addr AND b.hi >= p_addr AND p.kind = 'ports' AND p.slots @> p_slot
                        AND v.complete AND v.from_at >= p_since AND (v.scope IS NULL OR p_addr = ANY(v.scope))
                        AND NOT p_addr = ANY(COALESCE(v.blind, '{}')))) $$;

-- Ids of scripts by name, in the order given; unknown ones are numbered.
CREATE FUNCTION inv.script_attrs(p_names text[]) RETURNS int4[] LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM unnest(p_names) n WHERE NOT EXISTS (SELECT FROM inv.attr a WHERE a.kind = 'script' AND a.name = n)) THEN
    INSERT INTO inv.attr(attr_id, kind, name)
    SELECT nextval('inv.attr_id'), 'script', n FROM (SELECT DISTINCT n FROM unnest(p_names) n) q
     WHERE NOT EXISTS (SELECT FROM inv.attr a WHERE a.kind = 'script' AND a.name = n)
    ON CONFLICT (kind, name) DO NOTHING;
  END IF;
  RETURN ARRAY(SELECT a.attr_id FROM unnest(p_names) WITH ORDINALITY t(n, o) JOIN inv.attr a ON a.kind = 'script' AND a.name = n ORDER BY o);
END $$;

CREATE FUNCTION inv.script_set_of(p_attrs int4[]) RETURNS int4 LANGUAGE plpgsql AS $$
DECLARE v int4; v_sorted int4[] := ARRAY(SELECT DISTINCT a FROM unnest(p_attrs) a ORDER BY 1);
BEGIN
  SELECT set_id INTO v FROM inv.script_set WHERE attrs = v_sorted;
  IF NOT FOUND THEN
    INSERT INTO inv.script_set(attrs) VALUES (v_sorted) ON CONFLICT (attrs) DO UPDATE SET attrs = excluded.attrs RETURNING set_id INTO v;
  END IF;
  RETURN v;
END $$;

-- ------------------------------------------------------------------ who answers
-- By MAC address where it names one device (and does not answer for more than three addresses at once: proxy ARP), else
-- whoever holds the address stays.
CREATE TYPE inv.who AS (addr inet, mac text, was uuid, since timestamptz, by_mac uuid, clash bool);

-- The hosts without a holder, or whose holder is not the one their MAC address names.  Nothing is written.
CREATE FUNCTION inv.strangers(p_zone int4, p_at timestamptz, p_addr inet[], p_mac macaddr[]) RETURNS inv.who[]
LANGUAGE sql STABLE AS $$
  SELECT ARRAY(
    SELECT ROW(h.addr, h.mac, h.was, h.since, k.asset_id,
               h.mac IS NOT NULL AND h.was IS NOT NULL AND EXISTS (SELECT FROM inv.asset_key o
                  WHERE o.asset_id = h.was AND o.kind = 1 AND o.until = 'infinity' AND o.key <> h.mac))::inv.who
      FROM (SELECT t.addr, f.value AS was, f.since,
                   CASE WHEN inv.mac_identifies(t.mac) AND count(*) OVER (PARTITION BY t.mac) <= 3 THEN t.mac::text END AS mac
              FROM unnest(p_addr, p_mac) t(addr, mac)
              LEFT JOIN inv.fact_now f ON f.zone_id = p_zone AND f.addr = t.addr AND f.slot = 0 AND f.attr_id = 0) h
      LEFT JOIN inv.asset_key k ON k.zone_id = p_zone AND k.kind = 1 AND k.key = h.mac AND k.until = 'infinity'
     WHERE (h.was IS NULL OR (h.mac IS NOT NULL AND k.asset_id IS DISTINCT FROM h.was)) AND (h.since IS NULL OR h.since < p_at)) $$;

-- Gives each stranger its asset: the one its MAC address names, else the one that is there and never showed another, else a new one (one
-- for all addresses of a MAC address).  Writes assets and keys; answers the holder of each.
CREATE FUNCTION inv.admit(p_zone int4, p_at timestamptz, p_who inv.who[]) RETURNS TABLE (addr inet, holder uuid)
LANGUAGE sql VOLATILE AS $$
  WITH w AS MATERIALIZED (
    SELECT w.*, COALESCE(w.by_mac, CASE WHEN NOT w.clash THEN w.was END,
                         CASE WHEN w.mac IS NOT NULL THEN
                           (array_agg(w.was) FILTER (WHERE w.was IS NOT NULL AND NOT w.clash) OVER (PARTITION BY w.mac))[1] END) AS known,
           COALESCE(w.mac, host(w.addr)) AS handle
      FROM unnest(p_who) w),
  made AS MATERIALIZED (
    SELECT handle, gen_random_uuid() AS asset_id FROM (SELECT DISTINCT handle FROM w WHERE known IS NULL) q),
  r AS MATERIALIZED (
    SELECT w.addr, w.mac, COALESCE(w.known, made.asset_id) AS holder FROM w LEFT JOIN made USING (handle)),
  a AS (
    INSERT INTO inv.asset(asset_id, zone_id, made_at) SELECT asset_id, p_zone, p_at FROM made),
  k AS (
    INSERT INTO inv.asset_key(zone_id, kind, key, asset_id, since)
    SELECT DISTINCT ON (mac) p_zone, 1, mac, holder, p_at FROM r WHERE mac IS NOT NULL ON CONFLICT DO NOTHING)
  SELECT r.addr, r.holder FROM r $$;

-- ------------------------------------------------------------------ events

-- A value as an event shows it: enough to understand, never more than some kilobytes.
CREATE FUNCTION inv.shown(p_kind text, p_value uuid, p_zone int4, p_addr inet, p_slot int4) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT CASE
    WHEN p_value IS NULL THEN NULL
    WHEN p_kind = 'script' THEN (SELECT jsonb_strip_nulls(jsonb_build_object('output', left(v.output, 4000),
        'data', CASE WHEN length(v.data::text) <= 8000 THEN v.data END)) FROM inv.value_script v WHERE v.value = p_value)
    WHEN p_kind = 'service' THEN (SELECT jsonb_strip_nulls(to_jsonb(v) - 'value' - 'kept_at') FROM inv.value_service v WHERE v.value = p_value)
    WHEN p_kind = 'port' THEN jsonb_strip_nulls(jsonb_build_object('state', 'open',
        'service', (SELECT n.name FROM inv.port_name n WHERE n.slot = p_slot)))
    WHEN p_kind = 'holder' THEN jsonb_strip_nulls(jsonb_build_object('asset', p_value,
        'mac', (SELECT string_agg(k.key, ' ' ORDER BY k.key) FROM inv.asset_key k WHERE k.asset_id = p_value AND k.kind = 1)))
    ELSE jsonb_strip_nulls(jsonb_build_object('state', 'up',
        'mac', (SELECT t.body FROM inv.fact_now f JOIN inv.value_text t USING (value)
                 WHERE (f.zone_id, f.addr, f.slot, f.attr_id) = (p_zone, p_addr, 0, 2)),
        'hostname', (SELECT t.body FROM inv.fact_now f JOIN inv.value_text t USING (value)
                      WHERE (f.zone_id, f.addr, f.slot, f.attr_id) = (p_zone, p_addr, 0, 3)),
        'asset', (SELECT f.value FROM inv.fact_now f WHERE (f.zone_id, f.addr, f.slot, f.attr_id) = (p_zone, p_addr, 0, 0)),
        'vendor', n.vendor, 'reason', n.reason))
    END
    FROM (SELECT 1) one LEFT JOIN inv.host_note n ON n.zone_id = p_zone AND n.addr = p_addr $$;

-- The first line with something in it, for a sentence.
CREATE FUNCTION inv.gist(p jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT '"' || left(btrim(substring(COALESCE(p ->> 'output', p ->> 'name', '') FROM '[^\n\r\t ][^\n\r]*')), 80) || '"' $$;

CREATE FUNCTION inv.protocol(p_slot int4) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE p_slot >> 16 WHEN 6 THEN 'tcp' WHEN 17 THEN 'udp' WHEN 132 THEN 'sctp' END $$;

CREATE FUNCTION inv.sentence(p_type text, p_host text, p_port text, p_script text, p_old jsonb, p_new jsonb) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN p_type IN ('host.appeared', 'host.returned') THEN
      p_host || CASE p_type WHEN 'host.appeared' THEN ' appeared' ELSE ' is back' END
        || COALESCE(' (' || NULLIF(concat_ws(', ', p_new ->> 'hostname', p_new ->> 'mac', p_new ->> 'vendor'), '') || ')', '')
    WHEN p_type = 'host.gone' THEN p_host || ' is gone'
    WHEN p_type = 'host.replaced' THEN p_host || ' is another device now'
        || COALESCE(': ' || (p_old ->> 'mac') || ' before, ' || (p_new ->> 'mac') || ' now', '')
    WHEN p_type = 'port.opened' THEN p_port || ' opened on ' || p_host || COALESCE(' (' || (p_new ->> 'service') || ')', '')
    WHEN p_type = 'port.closed' THEN p_port || ' closed on ' || p_host || COALESCE(' (' || (p_old ->> 'service') || ')', '')
    WHEN p_type = 'service.changed' THEN 'the service on ' || p_port || ' of ' || p_host || ' changed'
        || COALESCE(' from ' || concat_ws(' ', p_old ->> 'name', p_old ->> 'product', p_old ->> 'version')
                    || ' to ' || concat_ws(' ', p_new ->> 'name', p_new ->> 'product', p_new ->> 'version'), '')
    ELSE p_script || COALESCE(' of ' || p_port, '') || ' on ' || p_host || CASE
        WHEN p_old IS NULL THEN ' appeared' || COALESCE(': ' || inv.gist(p_new), '')
        WHEN p_new IS NULL THEN ' is gone' || COALESCE(': ' || inv.gist(p_old) || ' before', '')
        ELSE ' changed' || COALESCE(CASE WHEN inv.gist(p_old) <> inv.gist(p_new)
               THEN ' from ' || inv.gist(p_old) || ' to ' || inv.gist(p_new) END, '') END
  END $$;

CREATE FUNCTION inv.event_id() RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT 'evt_' || lpad(to_hex((EXTRACT(epoch FROM clock_timestamp()) * 1000)::int8), 12, '0')
      || substr(replace(gen_random_uuid()::text, '-', ''), 1, 12) || substr(replace(gen_random_uuid()::text, '-', ''), 1, 12) $$;

-- One event for each of these ledger rows.
CREATE FUNCTION inv.tell(p_changes int8[]) RETURNS int4 LANGUAGE plpgsql AS $$
DECLARE v_n int4;
BEGIN
  INSERT INTO alert.event(id, observed_at, type, severity, zone, subject, dedup, body)
  SELECT inv.event_id(), q.at, q.type, q.severity, q.zone, q.subject, q.dedup,
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
          SELECT c.change_id, c.at, c.old_since, z.name AS zone, host(c.addr) AS host, inv.protocol(c.slot) AS proto,
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
                 inv.shown(a.kind, c.old_value, c.zone_id, c.addr, c.slot) AS old,
                 inv.shown(a.kind, c.new_value, c.zone_id, c.addr, c.slot) AS new
            FROM inv.change c JOIN inv.attr a USING (attr_id) JOIN inv.zone z USING (zone_id)
           WHERE c.tx = pg_current_xact_id() AND c.change_id = ANY(p_changes)) e
        LEFT JOIN alert.type t ON t.type = e.type
       ORDER BY e.change_id) q;
  GET DIAGNOSTICS v_n = ROW_COUNT;
  RETURN v_n;
END $$;

-- ------------------------------------------------------------------ the diff

-- What a part says against what is held to be true.  what: o(pen) v(alue) m(iss) q(uestionable: no judgement) r(eassigned: goes at once).
CREATE TYPE inv.edge AS (addr inet, slot int4, attr_id int4, new uuid, old uuid, since timestamptz, what "char");

-- Compares the facts sent for the hosts `up` with what is held.  Judged (may be missing) are, on hosts of p_full only: ports of the profile;
-- services for a services pass; the scripts of p_judged on ports that are open.  Equal facts give no edge.
CREATE FUNCTION inv.edges(p_zone int4, p_at timestamptz, p_profile inv.profile, p_up inet[], p_full inet[], p_moved inet[],
                          p_judged int4[], f_addr inet[], f_slot int4[], f_attr int4[], f_value uuid[],
                          u_addr inet[], u_slot int4[], u_attr int4[]) RETURNS inv.edge[]
LANGUAGE sql STABLE AS $$
  WITH s AS MATERIALIZED (
    SELECT t.* FROM unnest(f_addr, f_slot, f_attr, f_value) t(addr, slot, attr_id, value) JOIN unnest(p_up) u(addr) USING (addr)),
  f AS MATERIALIZED (
    SELECT n.addr, n.slot, n.attr_id, n.value, n.since FROM unnest(p_up) t(a)
      JOIN inv.fact_now n ON n.zone_id = p_zone AND n.addr = t.a AND n.slot = 0 AND n.attr_id >= 2
    UNION ALL                                 -- a presence visit has nothing to do with ports, unless another device is there
    SELECT n.addr, n.slot, n.attr_id, n.value, n.since
      FROM unnest(CASE WHEN p_profile.kind = 'presence' THEN p_moved ELSE p_up END) t(a)
      JOIN inv.fact_now n ON n.zone_id = p_zone AND n.addr = t.a AND n.slot > 0),
  j AS MATERIALIZED (
    SELECT COALESCE(s.addr, f.addr) AS addr, COALESCE(s.slot, f.slot) AS slot, COALESCE(s.attr_id, f.attr_id) AS attr_id,
           s.value AS new, f.value AS old, f.since
      FROM s FULL JOIN f ON s.addr = f.addr AND s.slot = f.slot AND s.attr_id = f.attr_id
     WHERE s.value IS DISTINCT FROM f.value),
  k AS (
    SELECT j.*, CASE
      WHEN old IS NULL THEN
        -- a detail counts only where its port is open
        CASE WHEN attr_id < 11 OR slot = 0 OR EXISTS (SELECT FROM s WHERE s.addr = j.addr AND s.slot = j.slot AND s.attr_id = 10)
                  OR EXISTS (SELECT FROM f WHERE f.addr = j.addr AND f.slot = j.slot AND f.attr_id = 10) THEN 'o' END
      WHEN since >= p_at THEN NULL
      WHEN new IS NOT NULL THEN 'v'
      WHEN addr = ANY(p_moved) THEN 'r'
      WHEN NOT CASE WHEN attr_id = 10 THEN p_profile.kind = 'ports' AND p_profile.slots @> slot
                    WHEN attr_id = 11 THEN p_profile.kind = 'services'
                    ELSE attr_id = ANY(p_judged) END THEN NULL
      WHEN attr_id >= 11 AND slot <> 0
           AND NOT EXISTS (SELECT FROM f WHERE f.addr = j.addr AND f.slot = j.slot AND f.attr_id = 10) THEN NULL
      WHEN NOT addr = ANY(p_full)
           OR EXISTS (SELECT FROM unnest(u_addr, u_slot, u_attr) u(addr, slot, attr_id)
                       WHERE u.addr = j.addr AND u.slot = j.slot AND u.attr_id = j.attr_id) THEN 'q'
      ELSE 'm' END::"char" AS what
      FROM j)
  SELECT ARRAY(SELECT ROW(addr, slot, attr_id, new, old, since, what)::inv.edge FROM k WHERE what IS NOT NULL) $$;

-- Bodies of values that are about to be used: keeps those at hand from the collector, stores those that were sent, answers
-- those that neither has.
CREATE FUNCTION inv.bodies(p_need uuid[], b_value uuid[], b_kind "char"[], b_body text[]) RETURNS uuid[] LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO inv.value_text AS t (value, body)
    SELECT b.value, b.body FROM unnest(b_value, b_kind, b_body) b(value, kind, body) WHERE kind = 't' AND value = ANY(p_need)
    ON CONFLICT DO NOTHING;
  INSERT INTO inv.value_script (value, output, data)
    SELECT b.value, b.body::jsonb ->> 'output', b.body::jsonb -> 'data'
      FROM unnest(b_value, b_kind, b_body) b(value, kind, body) WHERE kind = 'x' AND value = ANY(p_need)
    ON CONFLICT DO NOTHING;
  INSERT INTO inv.value_service (value, name, product, version, extra, hostname, os, device, tunnel, cpe)
    SELECT b.value, j.name, j.product, j.version, j.extra, j.hostname, j.os, j.device, j.tunnel, COALESCE(j.cpe, '{}')
      FROM unnest(b_value, b_kind, b_body) b(value, kind, body),
           jsonb_to_record(b.body::jsonb) AS j(name text, product text, version text, extra text, hostname text, os text,
                                               device text, tunnel text, cpe text[])
     WHERE b.kind = 's' AND b.value = ANY(p_need)
    ON CONFLICT DO NOTHING;
  UPDATE inv.value_text SET kept_at = current_date WHERE value = ANY(p_need) AND kept_at < current_date;
  UPDATE inv.value_script SET kept_at = current_date WHERE value = ANY(p_need) AND kept_at < current_date;
  UPDATE inv.value_service SET kept_at = current_date WHERE value = ANY(p_need) AND kept_at < current_date;
  RETURN ARRAY(SELECT DISTINCT q.value FROM unnest(p_need) q(value)
    WHERE NOT EXISTS (SELECT FROM inv.value_text t WHERE t.value = q.value)
      AND NOT EXISTS (SELECT FROM inv.value_script t WHERE t.value = q.value)
      AND NOT EXISTS (SELECT FROM inv.value_service t WHERE t.value = q.value));
END $$;

-- Applies one part of a visit.  verdict: a(pplied), d(uplicate: had been applied), s(tale: the lease is lost), w(ant: nothing was changed,
-- send it again with the bodies of `want`).
--   h_*  hosts: state u(p), n (up, but not finished or not sure: what is not there is no miss), d(own: asked, silent), b(lind: asked,
--        nothing conclusive); for services and scripts u or n: the scripts ran there
--   p_names, p_judged  scripts: the first p_judged ones are all that the visit runs; f_attr and u_attr -k stand for the k-th name
--   f_*  facts that were seen     u_*  facts that could not be judged      b_*  bodies      n_*  names of ports
CREATE FUNCTION api.apply_part(
  p_schedule int8, p_fence int8, p_part int4, p_at timestamptz, p_method text,
  h_addr inet[], h_state "char"[], h_mac macaddr[], h_reason text[], h_ttl int2[], h_vendor text[],
  p_names text[], p_judged int4,
  f_addr inet[], f_slot int4[], f_attr int4[], f_value uuid[],
  u_addr inet[], u_slot int4[], u_attr int4[],
  b_value uuid[], b_kind "char"[], b_body text[], n_slot int4[], n_name text[],
  OUT verdict "char", OUT want uuid[], OUT opened int4, OUT altered int4, OUT closed int4, OUT events int4, OUT new_ports inet[])
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = inv, pg_temp
-- Everything here goes by key.  During a first inventory the statistics say that the tables are empty, and a plan made then would read
-- them whole, again and again.
SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  c_true CONSTANT uuid := '00000000-0000-0000-0000-000000000001';
  s schedule%ROWTYPE; b block%ROWTYPE; p profile%ROWTYPE; z zone%ROWTYPE;
  v_ids int4[]; v_up inet[]; v_full inet[]; v_down inet[]; v_blind inet[]; v_new inet[]; v_moved inet[] := '{}';
  v_who inv.who[] := '{}'; v_edges inv.edge[]; v_news int8[] := '{}'; v_some int8[]; v_lost inet[]; v_listed inet[]; v_ran bool; v_doubts bool; v_n int4; v_m int4;
  v_strength int2 := inv.presence_strength(p_method);
BEGIN
  opened := 0; altered := 0; closed := 0; events := 0; want := '{}'; new_ports := '{}';
  -- One writer per block, then the row of the visit: always in this order.
  PERFORM FROM block WHERE block_id = (SELECT q.block_id FROM schedule q WHERE q.schedule_id = p_schedule) FOR NO KEY UPDATE;
  SELECT * INTO s FROM schedule q WHERE q.schedule_id = p_schedule FOR NO KEY UPDATE;
  IF NOT FOUND OR s.fence <> p_fence THEN verdict := 's'; RETURN; END IF;
  IF p_part <= s.part_done THEN verdict := 'd'; RETURN; END IF;
  IF s.sensor_id IS NULL THEN verdict := 's'; RETURN; END IF;
  IF p_part <> s.part_done + 1 THEN RAISE EXCEPTION 'part % after part %', p_part, s.part_done USING ERRCODE = 'M0001'; END IF;
  SELECT * INTO STRICT b FROM block q WHERE q.block_id = s.block_id;
  SELECT * INTO STRICT p FROM profile q WHERE q.profile_id = s.profile_id;
  SELECT * INTO STRICT z FROM zone q WHERE q.zone_id = s.zone_id;
  p_at := GREATEST(LEAST(COALESCE(p_at, clock_timestamp()), clock_timestamp()), s.claimed_at);

  SELECT COALESCE(array_agg(addr) FILTER (WHERE state IN ('u', 'n')), '{}'), COALESCE(array_agg(addr) FILTER (WHERE state = 'u'), '{}'),
         COALESCE(array_agg(addr) FILTER (WHERE state = 'd'), '{}'), COALESCE(array_agg(addr) FILTER (WHERE state = 'b'), '{}'),
         count(*) FILTER (WHERE NOT addr BETWEEN b.lo AND b.hi)
    INTO v_up, v_full, v_down, v_blind, v_n FROM unnest(h_addr, h_state) h(addr, state);
  IF v_n > 0 THEN RAISE EXCEPTION '% hosts are outside of the block % - %', v_n, b.lo, b.hi USING ERRCODE = 'M0001'; END IF;
  v_ids := script_attrs(p_names);
  f_attr := ARRAY(SELECT CASE WHEN a < 0 THEN v_ids[-a] ELSE a END FROM unnest(f_attr) WITH ORDINALITY t(a, o) ORDER BY o);
  u_attr := ARRAY(SELECT CASE WHEN a < 0 THEN v_ids[-a] ELSE a END FROM unnest(u_attr) WITH ORDINALITY t(a, o) ORDER BY o);

  v_new := '{}';
  IF p.kind IN ('presence', 'ports') THEN
    v_who := strangers(z.zone_id, p_at, ARRAY(SELECT addr FROM unnest(h_addr, h_state) h(addr, state) WHERE state IN ('u', 'n')),
                       ARRAY(SELECT mac FROM unnest(h_mac, h_state) h(mac, state) WHERE state IN ('u', 'n')));
    v_moved := ARRAY(SELECT addr FROM unnest(v_who) WHERE was IS NOT NULL AND (by_mac IS NOT NULL OR clash));
    v_new := ARRAY(SELECT u FROM unnest(v_up) u
                    WHERE NOT EXISTS (SELECT FROM fact_now f WHERE f.zone_id = z.zone_id AND f.addr = u AND f.attr_id = 1));
  ELSE
    -- scripts tell nothing about hosts that went away meanwhile
    v_up := ARRAY(SELECT u FROM unnest(v_up) u WHERE EXISTS (SELECT FROM fact_now f WHERE f.zone_id = z.zone_id AND f.addr = u AND f.attr_id = 1));
    v_full := ARRAY(SELECT u FROM unnest(v_full) u WHERE u = ANY(v_up));
  END IF;

  v_edges := edges(z.zone_id, p_at, p, v_up, v_full, v_moved, CASE WHEN p.kind = 'scripts' THEN v_ids[1:p_judged] ELSE '{}' END,
                   f_addr, f_slot, f_attr, f_value, u_addr, u_slot, u_attr);
  IF cardinality(v_edges) > 0 THEN
    want := bodies(ARRAY(SELECT DISTINCT new FROM unnest(v_edges) WHERE what IN ('o', 'v') AND attr_id <> 10), b_value, b_kind, b_body);
    IF cardinality(want) > 0 THEN verdict := 'w'; RETURN; END IF;
    INSERT INTO port_name(slot, name) SELECT DISTINCT ON (n.slot) n.slot, n.name FROM unnest(n_slot, n_name) n(slot, name)
     WHERE n.slot IN (SELECT slot FROM unnest(v_edges) WHERE what = 'o') ON CONFLICT DO NOTHING;
  END IF;
  v_doubts := EXISTS (SELECT FROM doubt d WHERE d.zone_id = z.zone_id AND d.addr BETWEEN b.lo AND b.hi);

  -- A. hosts that appear or are back
  IF cardinality(v_new) > 0 OR cardinality(v_moved) > 0 THEN
    INSERT INTO host_note AS n (zone_id, addr, reason, ttl, vendor)
    SELECT z.zone_id, h.addr, h.reason, h.ttl, h.vendor FROM unnest(h_addr, h_reason, h_ttl, h_vendor) h(addr, reason, ttl, vendor)
     WHERE h.addr = ANY(v_new || v_moved)
    ON CONFLICT ON CONSTRAINT host_note_pk DO UPDATE SET reason = excluded.reason, ttl = excluded.ttl, vendor = excluded.vendor;
    DELETE FROM host_covered c WHERE c.zone_id = z.zone_id AND c.addr = ANY(v_moved);
  END IF;
  IF cardinality(v_new) > 0 THEN
    INSERT INTO fact_now(since, zone_id, slot, attr_id, value, strength, addr)
    SELECT p_at, z.zone_id, 0, 1, c_true, v_strength, u FROM unnest(v_new) u;
    WITH i AS (
      INSERT INTO change(at, zone_id, slot, attr_id, profile_id, cause, news, addr, new_value)
      SELECT p_at, z.zone_id, 0, 1, p.profile_id, CASE WHEN q.back THEN 'b' ELSE 'o' END::"char",
             q.back OR presence_covered(z.zone_id, q.addr, p.kind), q.addr, c_true
        FROM (SELECT u AS addr, NOT u = ANY(v_moved) AND EXISTS (SELECT FROM fact_now f
                       WHERE f.zone_id = z.zone_id AND f.addr = u AND f.slot = 0 AND f.attr_id = 0) AS back FROM unnest(v_new) u) q
      RETURNING change_id, news)
    SELECT COALESCE(array_agg(change_id) FILTER (WHERE news), '{}'), count(*) INTO v_some, v_n FROM i;
    v_news := v_news || v_some; opened := opened + v_n;
  END IF;

  -- B. who they are
  IF cardinality(v_who) > 0 THEN
    PERFORM pg_advisory_xact_lock(731086873, z.zone_id);      -- one at a time makes assets
    v_who := strangers(z.zone_id, p_at, ARRAY(SELECT addr FROM unnest(h_addr, h_state) h(addr, state) WHERE state IN ('u', 'n')),
                       ARRAY(SELECT mac FROM unnest(h_mac, h_state) h(mac, state) WHERE state IN ('u', 'n')));
    WITH h AS MATERIALIZED (
      SELECT a.addr, a.holder, w.was, w.since FROM admit(z.zone_id, p_at, v_who) a JOIN unnest(v_who) w ON w.addr = a.addr
       WHERE a.holder IS DISTINCT FROM w.was),
    f AS (
      INSERT INTO fact_now AS f (since, zone_id, slot, attr_id, value, strength, addr) SELECT p_at, z.zone_id, 0, 0, holder, 0, addr FROM h
      ON CONFLICT ON CONSTRAINT fact_now_pk DO UPDATE SET value = excluded.value, since = excluded.since),
    q AS (DELETE FROM asset_place l USING h WHERE l.asset_id = h.was AND l.zone_id = z.zone_id AND l.addr = h.addr),
    r AS (INSERT INTO asset_place(asset_id, zone_id, addr) SELECT holder, z.zone_id, addr FROM h ON CONFLICT DO NOTHING),
    i AS (
      INSERT INTO change(at, old_since, zone_id, slot, attr_id, profile_id, cause, news, addr, old_value, new_value)
      SELECT p_at, since, z.zone_id, 0, 0, p.profile_id, CASE WHEN was IS NULL THEN 'o' ELSE 'r' END::"char",
             was IS NOT NULL AND NOT addr = ANY(v_new), addr, was, holder FROM h
      RETURNING change_id, news, old_value)
    SELECT COALESCE(array_agg(change_id) FILTER (WHERE news), '{}'), count(*) FILTER (WHERE old_value IS NULL), count(*)
      INTO v_some, v_n, v_m FROM i;
    v_news := v_news || v_some; opened := opened + v_n; altered := altered + v_m - v_n;
  END IF;

  -- C. hosts that do not answer
  IF p.kind IN ('presence', 'ports') THEN
    IF v_doubts THEN
      DELETE FROM doubt d WHERE d.zone_id = z.zone_id AND d.addr = ANY(v_up) AND d.slot = 0 AND d.attr_id = 1;
    END IF;
    INSERT INTO doubt(zone_id, addr, slot, attr_id, profile_id, misses, first_at, last_at, seen_at)
    SELECT z.zone_id, f.addr, 0, 1, p.profile_id, CASE WHEN f.addr = ANY(v_blind) THEN 0 ELSE 1 END, p_at, p_at, GREATEST(s.last_at, f.since)
      FROM fact_now f
     WHERE f.zone_id = z.zone_id AND f.attr_id = 1 AND f.addr BETWEEN b.lo AND b.hi AND f.addr = ANY(v_down || v_blind)
       AND f.since < p_at AND f.strength <= v_strength
    ON CONFLICT ON CONSTRAINT doubt_pk DO UPDATE
       SET misses = doubt.misses + 1, last_at = excluded.last_at, profile_id = excluded.profile_id,
           first_at = CASE WHEN doubt.misses = 0 THEN excluded.first_at ELSE doubt.first_at END
     WHERE excluded.misses > 0 AND (doubt.misses = 0 OR excluded.last_at >= doubt.last_at + LEAST(p.confirm, p.every) / 2);
    GET DIAGNOSTICS v_n = ROW_COUNT;
    IF v_n > 0 THEN
      WITH gone AS MATERIALIZED (
        SELECT d.addr, d.first_at, d.seen_at FROM doubt d
         WHERE d.zone_id = z.zone_id AND d.addr = ANY(v_down) AND d.slot = 0 AND d.attr_id = 1 AND d.misses >= z.host_misses),
      x AS (DELETE FROM fact_now f USING gone g WHERE f.zone_id = z.zone_id AND f.addr = g.addr AND f.slot = 0 AND f.attr_id = 1
            RETURNING f.addr, f.since, f.value, g.first_at, g.seen_at),
      -- what hangs on the host sleeps: neither doubted nor closed
      y AS (DELETE FROM doubt d USING gone g WHERE d.zone_id = z.zone_id AND d.addr = g.addr),
      i AS (
        INSERT INTO change(at, old_since, seen_at, zone_id, slot, attr_id, profile_id, cause, news, addr, old_value)
        SELECT GREATEST(first_at, since + interval '1 microsecond'), since, seen_at, z.zone_id, 0, 1, p.profile_id, 'c', true, addr, value FROM x
        RETURNING change_id)
      SELECT COALESCE(array_agg(change_id), '{}'), count(*) INTO v_some, v_n FROM i;
      v_news := v_news || v_some; closed := closed + v_n;
    END IF;
  END IF;

  -- D. facts that are there again
  IF v_doubts THEN
    DELETE FROM doubt d USING unnest(f_addr, f_slot, f_attr) t(addr, slot, attr_id)
     WHERE d.zone_id = z.zone_id AND d.addr = t.addr AND d.slot = t.slot AND d.attr_id = t.attr_id AND t.addr = ANY(v_up);
  END IF;

  -- E. facts that differ
  IF cardinality(v_edges) > 0 THEN
    -- cheap answers first: on a first inventory nothing was covered, and nothing is news
    v_listed := CASE WHEN p.kind = 'ports' THEN ARRAY(SELECT DISTINCT c.addr FROM host_covered c
                                                       WHERE c.zone_id = z.zone_id AND c.addr BETWEEN b.lo AND b.hi AND c.since < p_at) ELSE '{}' END;
    v_ran := p.kind = 'scripts' AND EXISTS (SELECT FROM block o JOIN coverage v USING (block_id)
                                             WHERE o.zone_id = z.zone_id AND o.lo <= b.hi AND o.hi >= b.lo AND v.complete AND v.set_id IS NOT NULL);
    WITH m AS MATERIALIZED (
      SELECT e.*, COALESCE(d.misses, 0) + 1 >= p.misses
               AND (e.attr_id < 11 OR e.slot = 0 OR port_seen_since(z.zone_id, e.addr, e.slot, COALESCE(d.first_at, p_at))) AS enough,
             d.first_at, d.seen_at
        FROM unnest(v_edges) e
        LEFT JOIN doubt d ON d.zone_id = z.zone_id AND d.addr = e.addr AND d.slot = e.slot AND d.attr_id = e.attr_id
       WHERE e.what = 'm' AND (COALESCE(d.misses, 0) = 0 OR p_at >= d.last_at + LEAST(p.confirm, p.every) / 2)),
    w AS (
      INSERT INTO doubt(zone_id, addr, slot, attr_id, profile_id, misses, first_at, last_at, seen_at)
      SELECT z.zone_id, addr, slot, attr_id, p.profile_id, 1, p_at, p_at, GREATEST(s.last_at, since) FROM m WHERE NOT enough
      UNION ALL
      SELECT z.zone_id, addr, slot, attr_id, p.profile_id, 0, p_at, p_at, GREATEST(s.last_at, since) FROM unnest(v_edges) WHERE what = 'q'
      ON CONFLICT ON CONSTRAINT doubt_pk DO UPDATE
         SET misses = doubt.misses + 1, last_at = excluded.last_at, profile_id = excluded.profile_id,
             first_at = CASE WHEN doubt.misses = 0 THEN excluded.first_at ELSE doubt.first_at END
       WHERE excluded.misses > 0),
    shut AS MATERIALIZED (
      SELECT addr, slot, attr_id, old, since, first_at, seen_at, 'c'::"char" AS cause FROM m WHERE enough
      UNION ALL
      SELECT addr, slot, attr_id, old, since, NULL, NULL, 'r' FROM unnest(v_edges) WHERE what = 'r'),
    hung AS MATERIALIZED (                                    -- what hangs on a port that closes now
      SELECT f.addr, f.slot, f.attr_id, f.value AS old, f.since, NULL::timestamptz AS first_at, NULL::timestamptz AS seen_at, 'p'::"char" AS cause
        FROM shut t JOIN fact_now f ON f.zone_id = z.zone_id AND f.addr = t.addr AND f.slot = t.slot AND f.attr_id >= 11
       WHERE t.attr_id = 10 AND f.since < p_at
         AND NOT EXISTS (SELECT FROM shut o WHERE o.addr = f.addr AND o.slot = f.slot AND o.attr_id = f.attr_id)),
    x AS MATERIALIZED (SELECT * FROM shut UNION ALL SELECT * FROM hung),
    del AS (DELETE FROM fact_now f USING x WHERE f.zone_id = z.zone_id AND f.addr = x.addr AND f.slot = x.slot AND f.attr_id = x.attr_id),
    und AS (DELETE FROM doubt d USING x WHERE d.zone_id = z.zone_id AND d.addr = x.addr AND d.slot = x.slot AND d.attr_id = x.attr_id),
    ins AS (
      INSERT INTO fact_now(since, zone_id, slot, attr_id, value, strength, addr)
      SELECT p_at, z.zone_id, slot, attr_id, new, 0, addr FROM unnest(v_edges) WHERE what = 'o'),
    upd AS (
      UPDATE fact_now f SET value = e.new, since = p_at FROM unnest(v_edges) e
       WHERE e.what = 'v' AND f.zone_id = z.zone_id AND f.addr = e.addr AND f.slot = e.slot AND f.attr_id = e.attr_id),
    i AS (
      INSERT INTO change(at, old_since, seen_at, zone_id, slot, attr_id, profile_id, cause, news, addr, old_value, new_value)
      SELECT p_at, e.since, NULL, z.zone_id, e.slot, e.attr_id, p.profile_id, e.what, CASE
               WHEN e.addr = ANY(v_moved) THEN false
               WHEN e.what = 'v' THEN a.kind IN ('service', 'script')
               WHEN a.kind = 'port' THEN e.addr = ANY(v_listed) AND port_covered(z.zone_id, e.addr, e.slot, p_at)
               WHEN a.kind = 'script' THEN v_ran AND COALESCE(script_covered(z.zone_id, e.addr, e.attr_id,
                 (SELECT f.since FROM fact_now f WHERE f.zone_id = z.zone_id AND f.addr = e.addr AND f.slot = e.slot
                     AND f.attr_id = CASE WHEN e.slot = 0 THEN 0 ELSE 10 END)), false)
               ELSE false END,
             e.addr, e.old, e.new
        FROM unnest(v_edges) e JOIN attr a ON a.attr_id = e.attr_id WHERE e.what IN ('o', 'v')
      UNION ALL
      SELECT GREATEST(COALESCE(x.first_at, p_at), x.since + interval '1 microsecond'), x.since, x.seen_at, z.zone_id, x.slot, x.attr_id,
             p.profile_id, x.cause, x.cause = 'c' AND a.kind IN ('port', 'script'), x.addr, x.old, NULL
        FROM x JOIN attr a ON a.attr_id = x.attr_id
      RETURNING change_id, news, cause)
    SELECT COALESCE(array_agg(change_id ORDER BY change_id) FILTER (WHERE news), '{}'), opened + count(*) FILTER (WHERE cause = 'o'),
           altered + count(*) FILTER (WHERE cause = 'v'), closed + count(*) FILTER (WHERE cause IN ('c', 'p', 'r'))
      INTO v_some, opened, altered, closed FROM i;
    v_news := v_news || v_some;
    new_ports := ARRAY(SELECT DISTINCT addr FROM unnest(v_edges) WHERE what = 'o' AND attr_id = 10 ORDER BY 1);
  END IF;

  -- F. coverage: hosts whose ports are listed now, and details of new ports, which are wanted at once
  IF p.kind = 'ports' AND cardinality(v_full) > 0 THEN
    INSERT INTO host_covered(zone_id, addr, profile_id, since)
    SELECT z.zone_id, u, p.profile_id, p_at FROM unnest(v_full) u
     WHERE NOT EXISTS (SELECT FROM host_covered c WHERE c.zone_id = z.zone_id AND c.addr = u AND c.profile_id = p.profile_id)
    ON CONFLICT DO NOTHING;
  END IF;
  IF cardinality(new_ports) > 0 THEN
    UPDATE schedule q SET asked = ARRAY(SELECT unnest(q.asked) UNION SELECT unnest(new_ports)),
           due_at = CASE WHEN q.sensor_id IS NULL THEN LEAST(q.due_at, now()) ELSE q.due_at END
     WHERE q.kind IN ('services', 'scripts') AND q.block_id = s.block_id AND q.retired_at IS NULL AND (q.last_at IS NOT NULL OR q.sensor_id IS NOT NULL);
  END IF;
  -- a detail that is missing wants a look at its port
  v_lost := ARRAY(SELECT DISTINCT addr FROM unnest(v_edges) WHERE what = 'm' AND attr_id >= 11 AND slot <> 0);
  IF cardinality(v_lost) > 0 THEN
    UPDATE schedule q SET asked = ARRAY(SELECT unnest(q.asked) UNION SELECT unnest(v_lost)),
           due_at = CASE WHEN q.sensor_id IS NULL THEN LEAST(q.due_at, now()) ELSE q.due_at END
     WHERE q.kind = 'ports' AND q.block_id = s.block_id AND q.retired_at IS NULL AND q.last_at IS NOT NULL;
  END IF;
  IF cardinality(v_news) > 0 THEN events := tell(v_news); END IF;
  UPDATE schedule q SET part_done = p_part, method = p_method,
         set_id = CASE WHEN p.kind = 'scripts' THEN script_set_of(v_ids[1:p_judged]) ELSE q.set_id END,
         up = q.up + cardinality(v_up), down = q.down + cardinality(v_down), blind = q.blind || v_blind,
         opened = q.opened + apply_part.opened, altered = q.altered + apply_part.altered, closed = q.closed + apply_part.closed
   WHERE q.schedule_id = p_schedule;
  verdict := 'a';
END $$;
