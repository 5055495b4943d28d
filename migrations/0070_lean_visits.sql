-- A visit in which nothing changed writes less, and so does a change.
--
-- A visit that ends with its last part writes its row of the schedule once, not twice: the second time cost more than its own record, because
-- the checks of foreign keys run again for a row that the same transaction has written.

-- What api.finish writes.  s: the row as it is locked, with what the last part has added.
CREATE FUNCTION inv.end_visit(s inv.schedule, p inv.profile, p_complete bool, p_probes int8, p_retransmissions int8, p_drops int8,
                              p_loss real, p_rate real) RETURNS void LANGUAGE plpgsql AS $$
DECLARE v_wanted timestamptz; v_due timestamptz; v_asked inet[]; v_doubts bool;
BEGIN
  -- (the last part may have asked for addresses)
  SELECT q.asked, q.wanted_at INTO v_asked, v_wanted FROM inv.schedule q WHERE q.schedule_id = s.schedule_id;
  -- (as inv.record_visit does it: here its plan is kept)
  INSERT INTO inv.coverage(at, from_at, zone_id, block_id, profile_id, sensor_id, set_id, fence, parts, complete, method, scope,
                           blind, up, down, opened, altered, closed, probes, retransmissions, drops, loss, rate_pps)
  VALUES (clock_timestamp(), s.claimed_at, s.zone_id, s.block_id, s.profile_id, s.sensor_id, s.set_id, s.fence, s.part_done, p_complete,
          s.method, s.scope, NULLIF(s.blind, '{}'), s.up, s.down, s.opened, s.altered, s.closed,
          p_probes, p_retransmissions, p_drops, p_loss, p_rate);
  v_doubts := EXISTS (SELECT FROM inv.doubt d JOIN inv.block b ON b.block_id = s.block_id
                       WHERE d.zone_id = s.zone_id AND d.addr BETWEEN b.lo AND b.hi AND d.profile_id = s.profile_id AND d.misses > 0);
  IF p_complete AND s.scope IS NULL THEN
    v_wanted := GREATEST(v_wanted + p.every, now());
  ELSIF NOT p_complete AND s.scope IS NOT NULL THEN
    v_asked := v_asked || s.scope;
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
         last_from = CASE WHEN p_complete AND s.scope IS NULL THEN s.claimed_at ELSE q.last_from END,
         last_at = CASE WHEN p_complete AND s.scope IS NULL THEN clock_timestamp() ELSE q.last_at END
   WHERE q.schedule_id = s.schedule_id;
  IF p.kind = 'ports' AND p_complete AND s.scope IS NULL AND s.last_at IS NULL THEN
    UPDATE inv.schedule q SET due_at = now() WHERE q.block_id = s.block_id AND q.retired_at IS NULL AND q.due_at = 'infinity';
  END IF;
END $$;

-- Ends a visit.  When doubts are left, the row is due again after `confirm`, doubled each time, for the doubted hosts alone.
CREATE OR REPLACE FUNCTION api.finish(p_schedule int8, p_fence int8, p_complete bool, p_method text,
                           p_probes int8, p_retransmissions int8, p_drops int8, p_loss real, p_rate real, OUT verdict "char")
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
#variable_conflict use_column
DECLARE s schedule%ROWTYPE; p profile%ROWTYPE;
BEGIN
  SELECT * INTO s FROM schedule q WHERE q.schedule_id = p_schedule FOR NO KEY UPDATE;
  IF NOT FOUND OR s.fence <> p_fence OR s.sensor_id IS NULL THEN
    verdict := CASE WHEN s.fence = p_fence THEN 'd' ELSE 's' END; RETURN;
  END IF;
  SELECT * INTO STRICT p FROM profile q WHERE q.profile_id = s.profile_id;
  s.method := COALESCE(s.method, p_method);
  PERFORM end_visit(s, p, p_complete, p_probes, p_retransmissions, p_drops, p_loss, p_rate);
  verdict := 'a';
END $$;

-- As before; PL/pgSQL keeps its plan.
CREATE OR REPLACE FUNCTION api.next_due(p_kinds text[]) RETURNS float8
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
BEGIN
  RETURN (SELECT GREATEST(EXTRACT(epoch FROM min(q.due_at) - clock_timestamp()), 0)::float8
            FROM unnest(p_kinds) k, LATERAL (SELECT r.due_at FROM schedule r WHERE r.retired_at IS NULL AND r.kind = k AND r.due_at < 'infinity'
                                              ORDER BY r.due_at LIMIT 1) q
          HAVING min(q.due_at) IS NOT NULL);
END $$;

-- Each visit widened the summary of the last pages of this index: a record for nothing, as partitions keep the months apart.
DROP INDEX inv.coverage_when;

-- Values are found by their digests, which are random: in a table of millions, each new one touches a leaf of the index that nobody has
-- touched since the last checkpoint, and so costs the image of a page in the WAL.  New ones go to a small table first, whose index is
-- a few pages; each day those of the days before go to their place in the order of the digests, many to a page.  Readers see one
-- table: the small one inherits from the large one.
CREATE TABLE inv.value_script_fresh (CONSTRAINT value_script_fresh_pkey PRIMARY KEY (value)) INHERITS (inv.value_script);

-- Moves what came before this day, for at most some seconds; answers how many.  A value of today may be on its way into both tables: it waits.
CREATE FUNCTION ops.settle_values(p_before date DEFAULT current_date, p_for interval DEFAULT '10 s') RETURNS int8 LANGUAGE plpgsql AS $$
DECLARE v_n int8; v_all int8 := 0;
BEGIN
  -- (where tables can not inherit, a view stands in its place: docs/distributed.md)
  IF (SELECT c.relkind FROM pg_class c WHERE c.oid = 'inv.value_script_fresh'::regclass) <> 'r' THEN RETURN 0; END IF;
  LOOP
    WITH moved AS (
      DELETE FROM ONLY inv.value_script_fresh f
       WHERE f.value = ANY(ARRAY(SELECT o.value FROM ONLY inv.value_script_fresh o WHERE o.kept_at < p_before ORDER BY o.value LIMIT 10000))
      RETURNING f.value, f.output, f.data)
    -- (kept as of today: a writer that counts on it may have met the row on its way)
    INSERT INTO inv.value_script(value, output, data, kept_at) SELECT m.value, m.output, m.data, current_date FROM moved m ORDER BY m.value
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS v_n = ROW_COUNT;
    v_all := v_all + v_n;
    EXIT WHEN v_n = 0 OR clock_timestamp() > now() + p_for;
  END LOOP;
  RETURN v_all;
END $$;

CREATE OR REPLACE FUNCTION api.upkeep() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
BEGIN
  PERFORM ops.settle_values();
  PERFORM ops.make_partitions(current_date, 4);
EXCEPTION WHEN check_violation THEN
  RAISE WARNING 'partitions of the coming months could not be made: %', SQLERRM;
END $$;

-- Bodies of values that are about to be used: keeps those at hand from the collector, stores those that were sent, answers
-- those that neither has.
CREATE OR REPLACE FUNCTION inv.bodies(p_need uuid[], b_value uuid[], b_kind "char"[], b_body text[]) RETURNS uuid[] LANGUAGE plpgsql AS $$
BEGIN
  IF cardinality(b_value) > 0 THEN
    INSERT INTO inv.value_text (value, body)
      SELECT b.value, b.body FROM unnest(b_value, b_kind, b_body) b(value, kind, body)
       WHERE kind = 't' AND (value IN (SELECT unnest(p_need))) IS TRUE
      ON CONFLICT DO NOTHING;
    INSERT INTO inv.value_script_fresh (value, output, data)
      SELECT b.value, j.j ->> 'output', j.j -> 'data'
        FROM unnest(b_value, b_kind, b_body) b(value, kind, body),
             LATERAL (SELECT b.body::jsonb AS j OFFSET 0) j
       WHERE b.kind = 'x' AND (b.value IN (SELECT unnest(p_need))) IS TRUE
         AND NOT EXISTS (SELECT FROM ONLY inv.value_script t WHERE t.value = b.value)
      ON CONFLICT DO NOTHING;
    INSERT INTO inv.value_service (value, name, product, version, extra, hostname, os, device, tunnel, cpe)
      SELECT b.value, j.name, j.product, j.version, j.extra, j.hostname, j.os, j.device, j.tunnel, COALESCE(j.cpe, '{}')
        FROM unnest(b_value, b_kind, b_body) b(value, kind, body),
             jsonb_to_record(b.body::jsonb) AS j(name text, product text, version text, extra text, hostname text, os text,
                                                 device text, tunnel text, cpe text[])
       WHERE b.kind = 's' AND (b.value IN (SELECT unnest(p_need))) IS TRUE
      ON CONFLICT DO NOTHING;
  END IF;
  UPDATE inv.value_text SET kept_at = current_date WHERE value = ANY(p_need) AND kept_at < current_date;
  UPDATE inv.value_script SET kept_at = current_date WHERE value = ANY(p_need) AND kept_at < current_date;
  UPDATE inv.value_service SET kept_at = current_date WHERE value = ANY(p_need) AND kept_at < current_date;
  RETURN ARRAY(SELECT DISTINCT q.value FROM unnest(p_need) q(value)
    WHERE NOT EXISTS (SELECT FROM inv.value_text t WHERE t.value = q.value)
      AND NOT EXISTS (SELECT FROM inv.value_script t WHERE t.value = q.value)
      AND NOT EXISTS (SELECT FROM inv.value_service t WHERE t.value = q.value));
END $$;

-- Applies one part of a visit, as before but for its end: see the function of this name in 0040.
CREATE OR REPLACE FUNCTION api.apply_visit(
  p_schedule int8, p_fence int8, p_part int4, p_at timestamptz, p_method text,
  h_addr inet[], h_state "char"[], h_mark uuid[], h_mac macaddr[], h_reason text[], h_ttl int2[], h_vendor text[],
  p_names text[], p_judged int4,
  f_host int4[], f_slot int4[], f_attr int4[], f_value uuid[],
  u_host int4[], u_slot int4[], u_attr int4[],
  b_value uuid[], b_kind "char"[], b_body text[], n_slot int4[], n_name text[],
  e_complete bool, e_probes int8, e_retransmissions int8, e_drops int8, e_loss real, e_rate real,
  OUT verdict "char", OUT want uuid[], OUT need int4[], OUT opened int4, OUT altered int4, OUT closed int4, OUT events int4,
  OUT new_ports inet[])
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = inv, pg_temp
-- Everything here goes by key.  During a first inventory the statistics say that the tables are empty, and a plan made then would read
-- them whole, again and again.  Two lists of some thousand facts are compared by hash: sorting them costs more.
SET enable_seqscan = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
  c_true CONSTANT uuid := '00000000-0000-0000-0000-000000000001';
  s schedule%ROWTYPE; b block%ROWTYPE; p profile%ROWTYPE; z zone%ROWTYPE;
  v_ids int4[] := '{}'; v_up inet[]; v_full inet[]; v_down inet[]; v_blind inet[]; v_look inet[]; v_only inet[]; v_new inet[] := '{}';
  v_here inet[]; v_moved inet[] := '{}'; v_who inv.who[] := '{}'; v_edges inv.edge[] := '{}'; v_news int8[] := '{}'; v_some int8[];
  v_lost inet[]; v_late inet[]; v_all inet[]; v_listed inet[]; v_ran bool; v_doubts bool; v_n int4; v_m int4; v_macs macaddr[];
  v_strength int2 := inv.presence_strength(p_method);
BEGIN
  opened := 0; altered := 0; closed := 0; events := 0; want := '{}'; need := '{}'; new_ports := '{}';
  -- One writer per block, then the row of the visit: always in this order.  (An advisory lock: locking the row would write it.)
  PERFORM pg_advisory_xact_lock(731086874, (SELECT q.block_id FROM schedule q WHERE q.schedule_id = p_schedule));
  SELECT * INTO s FROM schedule q WHERE q.schedule_id = p_schedule FOR NO KEY UPDATE;
  IF NOT FOUND OR s.fence <> p_fence THEN verdict := 's'; RETURN; END IF;
  IF p_part <= s.part_done THEN verdict := 'd'; RETURN; END IF;
  IF s.sensor_id IS NULL THEN verdict := 's'; RETURN; END IF;
  IF p_part <> s.part_done + 1 THEN RAISE EXCEPTION 'part % after part %', p_part, s.part_done USING ERRCODE = 'M0001'; END IF;
  SELECT * INTO STRICT b FROM block q WHERE q.block_id = s.block_id;
  SELECT * INTO STRICT p FROM profile q WHERE q.profile_id = s.profile_id;
  SELECT * INTO STRICT z FROM zone q WHERE q.zone_id = s.zone_id;
  p_at := GREATEST(LEAST(COALESCE(p_at, clock_timestamp()), clock_timestamp()), s.claimed_at);

  -- look: hosts whose facts are compared; only: those that came without
  SELECT COALESCE(array_agg(q.addr) FILTER (WHERE q.up), '{}'), COALESCE(array_agg(q.mac) FILTER (WHERE q.up), '{}'),
         COALESCE(array_agg(q.addr) FILTER (WHERE q.up AND q.state <> 'n'), '{}'),
         COALESCE(array_agg(q.addr) FILTER (WHERE q.state = 'd'), '{}'), COALESCE(array_agg(q.addr) FILTER (WHERE q.state = 'b'), '{}'),
         COALESCE(array_agg(q.addr) FILTER (WHERE q.up AND NOT q.same), '{}'), COALESCE(array_agg(q.addr) FILTER (WHERE q.state = 'm'), '{}'),
         count(*) FILTER (WHERE NOT q.addr BETWEEN b.lo AND b.hi)
    INTO v_up, v_macs, v_full, v_down, v_blind, v_look, v_only, v_n
    FROM (SELECT h.addr, h.state, h.mac, h.state IN ('u', 'm', 'n') AS up, h.state <> 'n' AND h.mark IS NOT NULL AND m.mark IS NOT DISTINCT FROM h.mark AS same
            FROM unnest(h_addr, h_state, h_mark, h_mac) h(addr, state, mark, mac)
            LEFT JOIN host_mark m ON m.zone_id = s.zone_id AND m.addr = h.addr AND m.profile_id = s.profile_id) q;
  IF v_n > 0 THEN RAISE EXCEPTION '% hosts are outside of the block % - %', v_n, b.lo, b.hi USING ERRCODE = 'M0001'; END IF;
  IF cardinality(p_names) > 0 THEN v_ids := script_attrs(p_names); END IF;

  v_here := ARRAY(SELECT u FROM unnest(v_up) u JOIN fact_now f ON f.zone_id = s.zone_id AND f.addr = u AND f.slot = 0 AND f.attr_id = 1);
  IF p.kind IN ('presence', 'ports') THEN
    v_all := v_up;
    v_who := strangers(z.zone_id, p_at, v_all, v_macs);
    IF cardinality(v_who) > 0 THEN
      v_moved := ARRAY(SELECT addr FROM unnest(v_who) WHERE was IS NOT NULL AND (by_mac IS NOT NULL OR clash));
      v_look := ARRAY(SELECT unnest(v_look) UNION SELECT unnest(v_moved));
    END IF;
    IF cardinality(v_here) < cardinality(v_up) THEN
      v_new := ARRAY(SELECT u FROM unnest(v_up) u WHERE NOT u = ANY(v_here));
      -- seen before it went, and told late
      v_late := ARRAY(SELECT u FROM unnest(v_new) u WHERE EXISTS (SELECT FROM change c WHERE c.zone_id = z.zone_id AND c.addr = u AND c.at >= p_at
                                                                     AND c.slot = 0 AND c.attr_id = 1));
      IF cardinality(v_late) > 0 THEN
        v_new := ARRAY(SELECT u FROM unnest(v_new) u WHERE NOT u = ANY(v_late));
        v_up := ARRAY(SELECT u FROM unnest(v_up) u WHERE NOT u = ANY(v_late));
        v_full := ARRAY(SELECT u FROM unnest(v_full) u WHERE NOT u = ANY(v_late));
        v_look := ARRAY(SELECT u FROM unnest(v_look) u WHERE NOT u = ANY(v_late));
        v_moved := ARRAY(SELECT u FROM unnest(v_moved) u WHERE NOT u = ANY(v_late));
        v_who := ARRAY(SELECT w FROM unnest(v_who) w WHERE NOT w.addr = ANY(v_late));
      END IF;
    END IF;
  ELSIF cardinality(v_here) < cardinality(v_up) THEN
    -- scripts tell nothing about hosts that went away meanwhile
    v_up := v_here;
    v_full := ARRAY(SELECT u FROM unnest(v_full) u WHERE u = ANY(v_up));
    v_look := ARRAY(SELECT u FROM unnest(v_look) u WHERE u = ANY(v_up));
  END IF;

  IF cardinality(v_look) > 0 THEN
    IF v_look && v_only THEN
      need := ARRAY(SELECT h.o::int4 FROM unnest(h_addr) WITH ORDINALITY h(addr, o) WHERE h.addr = ANY(v_look) AND h.addr = ANY(v_only) ORDER BY 1);
    END IF;
    v_edges := edges(z.zone_id, p_at, p.kind, p.slots, h_addr,
                     ARRAY(SELECT a = ANY(v_look) AND NOT a = ANY(v_only) FROM unnest(h_addr) WITH ORDINALITY t(a, o) ORDER BY o),
                     ARRAY(SELECT l FROM unnest(v_look) l WHERE NOT l = ANY(v_only)), v_full, v_moved, v_ids,
                     CASE WHEN p.kind = 'scripts' THEN v_ids[1:p_judged] ELSE '{}' END, f_host, f_slot, f_attr, f_value, u_host, u_slot, u_attr);
  END IF;
  IF cardinality(v_edges) > 0 THEN
    v_late := ARRAY(SELECT e.addr FROM (SELECT DISTINCT addr FROM unnest(v_edges) WHERE what = 'o') e
                     WHERE EXISTS (SELECT FROM change c WHERE c.zone_id = z.zone_id AND c.addr = e.addr AND c.at >= p_at));
    IF cardinality(v_late) > 0 THEN
      v_edges := ARRAY(SELECT ROW(e.addr, e.slot, e.attr_id, e.new, e.old, e.since, CASE
                                WHEN e.what = 'o' AND e.addr = ANY(v_late) AND EXISTS (SELECT FROM change c
                                       WHERE c.zone_id = z.zone_id AND c.addr = e.addr AND c.at >= p_at AND c.slot = e.slot AND c.attr_id = e.attr_id) THEN 'k'
                                ELSE e.what END)::inv.edge FROM unnest(v_edges) e);
    END IF;
    want := bodies(ARRAY(SELECT DISTINCT new FROM unnest(v_edges) WHERE what IN ('o', 'v') AND attr_id <> 10), b_value, b_kind, b_body);
  END IF;
  IF cardinality(want) > 0 OR cardinality(need) > 0 THEN verdict := 'w'; RETURN; END IF;
  IF cardinality(v_edges) > 0 AND cardinality(n_slot) > 0 THEN
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
    v_who := ARRAY(SELECT w FROM unnest(strangers(z.zone_id, p_at, v_all, v_macs)) w WHERE w.addr = ANY(v_up));
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
    DELETE FROM doubt d USING (
        SELECT h_addr[t.host] AS addr, t.slot, CASE WHEN t.attr < 0 THEN v_ids[-t.attr] ELSE t.attr END AS attr_id
          FROM unnest(f_host, f_slot, f_attr) t(host, slot, attr)) t
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
               WHEN e.what = 'v' THEN a.kind = 'service' OR (a.kind = 'script' AND (a.volatile = '{}' OR NOT same_but(e.old, e.new, a.volatile)))
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
    IF p.kind = 'scripts' AND EXISTS (SELECT FROM unnest(v_edges) WHERE what = 'v' AND since >= s.last_from) THEN
      PERFORM watch_keys(z.zone_id, s.last_from, v_up, v_edges);
    END IF;
    new_ports := ARRAY(SELECT DISTINCT addr FROM unnest(v_edges) WHERE what = 'o' AND attr_id = 10 ORDER BY 1);
  END IF;

  -- F. coverage: hosts whose ports are listed now, and details of new ports, which are wanted at once
  IF p.kind = 'ports' AND v_full && v_look THEN
    INSERT INTO host_covered(zone_id, addr, profile_id, since)
    SELECT z.zone_id, u, p.profile_id, p_at FROM unnest(v_full) u
     WHERE u = ANY(v_look) AND NOT EXISTS (SELECT FROM host_covered c WHERE c.zone_id = z.zone_id AND c.addr = u AND c.profile_id = p.profile_id)
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

  -- G. marks of the hosts about which nothing is left open
  IF cardinality(v_look) > 0 THEN
    INSERT INTO host_mark AS m (zone_id, profile_id, mark, addr)
    SELECT z.zone_id, p.profile_id, h.mark, h.addr FROM unnest(h_addr, h_mark, h_state) WITH ORDINALITY h(addr, mark, state, o)
     WHERE h.mark IS NOT NULL AND h.state = 'u' AND h.addr = ANY(v_look) AND NOT h.o = ANY(u_host)
       AND NOT EXISTS (SELECT FROM unnest(v_edges) e WHERE e.what = 'k' AND e.addr = h.addr)
       AND NOT EXISTS (SELECT FROM doubt d WHERE d.zone_id = z.zone_id AND d.addr = h.addr AND d.attr_id >= 2)
    ON CONFLICT ON CONSTRAINT host_mark_pk DO UPDATE SET mark = excluded.mark WHERE m.mark <> excluded.mark;
  END IF;
  s.part_done := p_part;
  s.method := p_method;
  IF p.kind = 'scripts' AND s.set_id IS NULL THEN s.set_id := script_set_of(v_ids[1:p_judged]); END IF;
  s.up := s.up + cardinality(v_up); s.down := s.down + cardinality(v_down); s.blind := s.blind || v_blind;
  s.opened := s.opened + opened; s.altered := s.altered + altered; s.closed := s.closed + closed;
  IF e_complete IS NOT NULL THEN
    PERFORM end_visit(s, p, e_complete, e_probes, e_retransmissions, e_drops, e_loss, e_rate);
  ELSE
    UPDATE schedule q SET part_done = s.part_done, method = s.method, set_id = s.set_id, up = s.up, down = s.down, blind = s.blind,
           opened = s.opened, altered = s.altered, closed = s.closed
     WHERE q.schedule_id = p_schedule;
  END IF;
  verdict := 'a';
END $$;

SELECT ops.grant_roles();
