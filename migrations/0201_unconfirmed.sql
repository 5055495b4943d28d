-- What cannot be asked any more does not hold for ever: a script that ends with an error at a port leaves its result as it was, and a service that
-- refuses us for good (an access list, a protocol that was switched off) while its port stays open had an old result and an error at each visit.
-- Such a result is shown with the time of its last confirmation at once (last_seen, errors), and ends, once and with an event that says why, when at
-- least 5 visits ended with an error and nothing confirmed it for a week.  Not earlier: not seen is not gone, and a service that comes and goes
-- would give a change each time.  What it was is news again when it answers again.

-- Errors without a confirmation after which something is not known any more (or confirm.misses, if that is more), and for how long.
CREATE FUNCTION inv.error_limit(OUT errors int4, OUT span interval) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 5, interval '7 days' $$;
-- Visits since seen_at that ended with an error, half an interval apart; counted up to that limit.
ALTER TABLE inv.doubt ADD errors int2 NOT NULL DEFAULT 0;

-- The end of the last complete look at something, in whatever block its address was; of what is on a host: of one that was there then.
CREATE FUNCTION inv.last_look(p_zone int4, p_addr inet, p_slot int4, p_attr int4) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE v timestamptz; v_there timestamptz;
BEGIN
  IF p_attr >= 100 THEN
    v := (SELECT max(r.last_at) FROM inv.schedule q
            CROSS JOIN LATERAL (SELECT q.last_set AS set_id, q.last_at UNION ALL
                                SELECT l.set_id, l.last_at FROM inv.former_set l WHERE l.schedule_id = q.schedule_id) r
            JOIN inv.script_set x ON x.set_id = r.set_id
           WHERE q.kind = 'scripts' AND q.block_id = ANY(inv.blocks_of(p_zone, p_addr)) AND p_attr = ANY(x.attrs));
  ELSE
    v := (SELECT max(q.last_at) FROM inv.schedule q JOIN inv.profile p USING (profile_id)
           WHERE q.block_id = ANY(inv.blocks_of(p_zone, p_addr))
             AND CASE p_attr WHEN 10 THEN p.kind = 'ports' AND p.slots @> p_slot WHEN 11 THEN p.kind = 'services' ELSE p.kind IN ('presence', 'ports') END);
  END IF;
  IF p_attr > 1 THEN
    v_there := (SELECT h.since FROM inv.fact_now h WHERE h.zone_id = p_zone AND h.addr = p_addr AND h.slot = 0 AND h.attr_id = 1);
    IF v_there > v THEN                                       -- as report.service has it
      v := LEAST(v, (SELECT COALESCE(x.seen_at, x.at) FROM inv.change x WHERE x.zone_id = p_zone AND x.addr = p_addr AND x.attr_id = 1 AND x.new_value IS NULL
                      ORDER BY x.at DESC LIMIT 1));
    END IF;
  END IF;
  RETURN v;
END $$;

-- What differs between the facts that were told of hosts and those that are here, as in 0170; what could not be judged at a host that was looked at
-- completely is told apart: e.
CREATE OR REPLACE FUNCTION inv.edges(p_zone int4, p_at timestamptz, p_kind text, p_slots int4multirange, p_addr inet[], p_in bool[],
                          p_full inet[], p_moved inet[], p_ids int4[], p_judged int4[],
                          f_host int4[], f_slot int4[], f_attr int4[], f_value uuid[], u_host int4[], u_slot int4[], u_attr int4[])
RETURNS inv.edge[] LANGUAGE plpgsql STABLE AS $$
DECLARE v inv.edge[];
BEGIN
  WITH s AS MATERIALIZED (
    SELECT t.host, t.slot, CASE WHEN t.attr < 0 THEN p_ids[-t.attr] ELSE t.attr END AS attr_id, t.value
      FROM unnest(f_host, f_slot, f_attr, f_value) t(host, slot, attr, value) WHERE p_in[t.host]),
  nameless AS MATERIALIZED (
    SELECT u.host FROM unnest(u_host, u_attr) u(host, attr) WHERE u.attr = 3 AND p_in[u.host]),
  f AS MATERIALIZED (
    SELECT t.o::int4 AS host, n.slot, n.attr_id, n.value, n.since FROM unnest(p_addr, p_in) WITH ORDINALITY t(a, looked, o)
      CROSS JOIN LATERAL (SELECT * FROM inv.fact_now q WHERE q.zone_id = p_zone AND q.addr = t.a OFFSET 0) n
     -- a presence visit has nothing to do with ports, and one without scripts nothing with their results, unless another device is there
     WHERE t.looked
       AND CASE WHEN n.slot = 0 THEN n.attr_id >= 2 ELSE p_kind <> 'presence' OR n.addr = ANY(p_moved) END
       AND (n.attr_id < 100 OR p_ids <> '{}' OR p_moved <> '{}')),
  j AS MATERIALIZED (
    SELECT COALESCE(s.host, f.host) AS host, COALESCE(s.slot, f.slot) AS slot, COALESCE(s.attr_id, f.attr_id) AS attr_id,
           s.value AS new, f.value AS old, f.since
      FROM s FULL JOIN f ON s.host = f.host AND s.slot = f.slot AND s.attr_id = f.attr_id
     WHERE s.value IS DISTINCT FROM f.value
       -- most of what a visit does not tell it was not asked
       AND (s.value IS NOT NULL OR p_moved <> '{}' OR CASE f.attr_id WHEN 3 THEN f.host IN (SELECT a.host FROM nameless a)
                                                   WHEN 10 THEN p_kind = 'ports' AND p_slots @> f.slot
                                                   WHEN 11 THEN p_kind = 'services' ELSE f.attr_id = ANY(p_judged) END)),
  k AS (
    SELECT j.*, p_addr[j.host] AS addr, CASE
      WHEN old IS NULL THEN
        -- a detail counts only where its port is open
        CASE WHEN j.attr_id < 11 OR j.slot = 0 OR (j.host, j.slot) IN (SELECT s.host, s.slot FROM s WHERE s.attr_id = 10)
                  OR (j.host, j.slot) IN (SELECT f.host, f.slot FROM f WHERE f.attr_id = 10) THEN 'o' END
      WHEN new IS NOT NULL THEN CASE WHEN since >= p_at THEN 'k' ELSE 'v' END
      WHEN p_addr[j.host] = ANY(p_moved) THEN CASE WHEN since >= p_at THEN 'k' ELSE 'r' END
      WHEN NOT CASE j.attr_id WHEN 3 THEN j.host IN (SELECT a.host FROM nameless a)
                            WHEN 10 THEN p_kind = 'ports' AND p_slots @> j.slot
                            WHEN 11 THEN p_kind = 'services' AND probed_by(p_zone, p_addr[j.host], j.slot, since) = 'services'
                            ELSE j.attr_id = ANY(p_judged) END THEN NULL
      WHEN j.attr_id >= 11 AND j.slot <> 0 AND NOT (j.host, j.slot) IN (SELECT f.host, f.slot FROM f WHERE f.attr_id = 10) THEN NULL
      WHEN since >= p_at THEN 'k'
      WHEN NOT p_addr[j.host] = ANY(p_full) THEN 'q'
      WHEN j.attr_id <> 3 AND (j.host, j.slot, j.attr_id) IN (SELECT u.host, u.slot, CASE WHEN u.attr < 0 THEN p_ids[-u.attr] ELSE u.attr END
                                                FROM unnest(u_host, u_slot, u_attr) u(host, slot, attr)) THEN 'e'
      ELSE 'm' END::"char" AS what
      FROM j)
  SELECT COALESCE(array_agg(ROW(addr, slot, attr_id, new, old, since, what)::inv.edge), '{}') INTO v FROM k WHERE what IS NOT NULL;
  RETURN v;
END $$;

-- Applies one part of a visit, as in 0132 but for errors, and for when something was seen last: in whatever block its address was then.
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
-- And a plan made for each call costs more than it saves.
SET enable_seqscan = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  c_true CONSTANT uuid := '00000000-0000-0000-0000-000000000001';
  s schedule%ROWTYPE; b block%ROWTYPE; p profile%ROWTYPE; z zone%ROWTYPE;
  v_ids int4[] := '{}'; v_up inet[]; v_full inet[]; v_down inet[]; v_blind inet[]; v_look inet[]; v_only inet[]; v_new inet[] := '{}';
  v_here inet[]; v_moved inet[] := '{}'; v_who inv.who[] := '{}'; v_edges inv.edge[] := '{}'; v_news int8[] := '{}'; v_some int8[];
  v_lost inet[]; v_late inet[]; v_all inet[]; v_listed inet[]; v_ran bool; v_doubts bool; v_n int4; v_m int4; v_macs macaddr[];
  v_marks uuid[]; v_same bool; v_every bool; v_told bool := false; v_present bool := false; v_held bool := false;
  v_strength int2 := inv.presence_strength(p_method);
BEGIN
  opened := 0; altered := 0; closed := 0; events := 0; want := '{}'; need := '{}'; new_ports := '{}';
  -- One writer per block, then the row of the visit: always in this order.  (An advisory lock: locking the row would write it.)
  PERFORM pg_advisory_xact_lock(731086874, q.block_id) FROM schedule q WHERE q.schedule_id = p_schedule;
  SELECT * INTO s FROM schedule q WHERE q.schedule_id = p_schedule FOR NO KEY UPDATE;
  IF NOT FOUND OR s.fence <> p_fence THEN verdict := 's'; RETURN; END IF;
  IF p_part <= s.part_done THEN verdict := 'd'; RETURN; END IF;
  IF s.sensor_id IS NULL THEN verdict := 's'; RETURN; END IF;
  IF p_part <> s.part_done + 1 THEN RAISE EXCEPTION 'part % after part %', p_part, s.part_done USING ERRCODE = 'M0001'; END IF;
  SELECT * INTO STRICT b FROM block q WHERE q.block_id = s.block_id;
  SELECT * INTO STRICT p FROM profile q WHERE q.profile_id = s.profile_id;
  SELECT * INTO STRICT z FROM zone q WHERE q.zone_id = s.zone_id;
  p_at := GREATEST(LEAST(COALESCE(p_at, clock_timestamp()), clock_timestamp()), s.claimed_at);

  -- Mostly the hosts of a part come in order, and with the very marks that are here.
  SELECT array_agg(q.addr), array_agg(q.mark) INTO v_all, v_marks
    FROM (SELECT m.addr, m.mark FROM host_mark m WHERE m.zone_id = s.zone_id AND m.addr BETWEEN h_addr[1] AND h_addr[cardinality(h_addr)]
             AND m.profile_id = s.profile_id ORDER BY m.addr) q;
  v_same := COALESCE(v_all = h_addr AND v_marks = h_mark AND h_state <@ '{u,m}' AND h_addr[1] >= b.lo AND h_addr[cardinality(h_addr)] <= b.hi, false);
  -- look: hosts whose facts are compared; only: those that came without
  IF v_same THEN
    v_up := h_addr; v_full := h_addr; v_down := '{}'; v_blind := '{}'; v_look := '{}'; v_only := '{}';
    v_macs := h_mac; v_m := cardinality(array_remove(h_mac, NULL));
  ELSE
    -- look: hosts whose facts are compared; only: those that came without
    SELECT COALESCE(array_agg(q.addr) FILTER (WHERE q.up), '{}'), COALESCE(array_agg(q.mac) FILTER (WHERE q.up), '{}'), count(q.mac) FILTER (WHERE q.up),
           COALESCE(array_agg(q.addr) FILTER (WHERE q.up AND q.state <> 'n'), '{}'),
           COALESCE(array_agg(q.addr) FILTER (WHERE q.state = 'd'), '{}'), COALESCE(array_agg(q.addr) FILTER (WHERE q.state = 'b'), '{}'),
           COALESCE(array_agg(q.addr) FILTER (WHERE q.up AND NOT q.same), '{}'), COALESCE(array_agg(q.addr) FILTER (WHERE q.state = 'm'), '{}'),
           count(*) FILTER (WHERE NOT q.addr BETWEEN b.lo AND b.hi)
      INTO v_up, v_macs, v_m, v_full, v_down, v_blind, v_look, v_only, v_n
      FROM (SELECT h.addr, h.state, h.mac, h.state IN ('u', 'm', 'n') AS up, COALESCE(v_all IS NOT NULL AND h.state <> 'n' AND h.mark = (
                   SELECT m.mark FROM host_mark m WHERE m.zone_id = s.zone_id AND m.addr = h.addr AND m.profile_id = s.profile_id), false) AS same
              FROM unnest(h_addr, h_state, h_mark, h_mac) h(addr, state, mark, mac)) q;
    IF v_n > 0 THEN RAISE EXCEPTION '% hosts are outside of the block % - %', v_n, b.lo, b.hi USING ERRCODE = 'M0001'; END IF;
  END IF;
  IF cardinality(p_names) > 0 THEN v_ids := script_attrs(p_names); END IF;

  -- A mark is gone as soon as any fact of its host is written (inv.void_marks): who still has it is there, under the same asset.
  v_here := v_up;
  IF cardinality(v_look) > 0 AND v_look = h_addr AND v_full = h_addr AND v_only = '{}' THEN
    -- (what is told without being asked is compared where it is told, and a name where one is told to be missing)
    SELECT t.here, t.held, t.same INTO v_present, v_held, v_told
      FROM as_told(z.zone_id, CASE WHEN p.kind = 'ports' THEN p.slots ELSE '{}' END, h_addr, v_ids,
                   v_ids || array_remove(ARRAY[CASE WHEN p.kind IN ('presence', 'ports') THEN 0 END, CASE WHEN 2 = ANY(f_attr) THEN 2 END,
                                               CASE WHEN 3 = ANY(f_attr) OR 3 = ANY(u_attr) THEN 3 END, CASE WHEN p.kind = 'ports' THEN 10 END,
                                               CASE WHEN p.kind = 'services' OR 11 = ANY(f_attr) THEN 11 END], NULL),
                   f_host, f_slot, f_attr, f_value) t;
  END IF;
  IF cardinality(v_look) > 0 AND NOT v_present THEN
    v_every := v_look = v_up;
    v_here := ARRAY(SELECT u FROM unnest(v_up) u WHERE NOT v_every AND NOT u = ANY(v_look)
                    UNION ALL
                    SELECT u FROM unnest(v_look) u
                     WHERE (SELECT true FROM fact_now f WHERE f.zone_id = s.zone_id AND f.addr = u AND f.slot = 0 AND f.attr_id = 1));
  END IF;
  IF p.kind IN ('presence', 'ports') THEN
    -- A card may have become somebody else's meanwhile, without a fact of this address.
    v_all := CASE WHEN v_m > 0 THEN v_up ELSE v_look END;
    IF v_m = 0 THEN v_macs := '{}'; END IF;
    IF cardinality(v_all) > 0 AND (v_m > 0 OR NOT v_held) THEN
      v_who := strangers(z.zone_id, p_at, v_all, v_macs);
    END IF;
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

  v_every := v_look = h_addr;
  v_told := v_told AND v_moved = '{}';
  IF cardinality(v_look) > 0 AND NOT v_told THEN
    IF v_look && v_only THEN
      need := ARRAY(SELECT h.o::int4 FROM unnest(h_addr) WITH ORDINALITY h(addr, o) WHERE h.addr = ANY(v_look) AND h.addr = ANY(v_only) ORDER BY 1);
    END IF;
    v_edges := edges(z.zone_id, p_at, p.kind, p.slots, h_addr,
                     CASE WHEN v_every AND v_only = '{}' THEN array_fill(true, ARRAY[cardinality(h_addr)])
                          ELSE ARRAY(SELECT a = ANY(v_look) AND NOT a = ANY(v_only) FROM unnest(h_addr) WITH ORDINALITY t(a, o) ORDER BY o) END,
                     v_full, v_moved, v_ids,
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
    v_n := 0;
    IF cardinality(v_down) > 0 OR cardinality(v_blind) > 0 THEN
      INSERT INTO doubt(zone_id, addr, slot, attr_id, profile_id, misses, first_at, last_at, seen_at)
      SELECT z.zone_id, f.addr, 0, 1, p.profile_id, CASE WHEN f.addr = ANY(v_blind) THEN 0 ELSE 1 END, p_at, p_at,
             COALESCE(d.seen_at, GREATEST(last_look(z.zone_id, f.addr, 0, 1), f.since))
        FROM fact_now f LEFT JOIN doubt d ON d.zone_id = f.zone_id AND d.addr = f.addr AND d.slot = f.slot AND d.attr_id = f.attr_id
       WHERE f.zone_id = z.zone_id AND f.attr_id = 1 AND f.addr BETWEEN b.lo AND b.hi AND f.addr = ANY(v_down || v_blind)
         AND f.since < p_at AND f.strength <= v_strength
      ON CONFLICT ON CONSTRAINT doubt_pk DO UPDATE
         SET misses = doubt.misses + 1, last_at = excluded.last_at, profile_id = excluded.profile_id,
             first_at = CASE WHEN doubt.misses = 0 THEN excluded.first_at ELSE doubt.first_at END
       WHERE excluded.misses > 0 AND (doubt.misses = 0 OR excluded.last_at >= doubt.last_at + LEAST(p.confirm, p.every) / 2);
      GET DIAGNOSTICS v_n = ROW_COUNT;
    END IF;
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
    bad AS MATERIALIZED (                                     -- what could not be asked
      SELECT e.*, COALESCE(d.errors, 0) + 1 >= GREATEST(l.errors, p.misses) AND p_at >= d.seen_at + l.span
               AND p_at >= (SELECT h.since FROM fact_now h WHERE h.zone_id = z.zone_id AND h.addr = e.addr AND h.slot = 0 AND h.attr_id = 1) + l.span AS enough, d.seen_at,
             COALESCE(d.errors, 0) < GREATEST(l.errors, p.misses) AS counts
        FROM unnest(v_edges) e CROSS JOIN error_limit() l
        LEFT JOIN doubt d ON d.zone_id = z.zone_id AND d.addr = e.addr AND d.slot = e.slot AND d.attr_id = e.attr_id
       WHERE e.what = 'e' AND (COALESCE(d.errors, 0) = 0 OR p_at >= d.last_at + p.every / 2)),
    w AS (
      INSERT INTO doubt(zone_id, addr, slot, attr_id, profile_id, misses, errors, first_at, last_at, seen_at)
      SELECT z.zone_id, q.addr, q.slot, q.attr_id, p.profile_id, q.misses, q.errors, p_at, p_at,
             COALESCE(q.seen_at, GREATEST(last_look(z.zone_id, q.addr, q.slot, q.attr_id), q.since))
        -- (errors are counted as far as they matter, and what is not judged is noted once: what cannot be asked for long costs no write either)
        FROM (SELECT m.addr, m.slot, m.attr_id, m.since, 1 AS misses, 0 AS errors, m.seen_at FROM m WHERE NOT m.enough
              UNION ALL
              SELECT t.addr, t.slot, t.attr_id, t.since, 0, 1, t.seen_at FROM bad t WHERE t.enough IS NOT TRUE AND t.counts
              UNION ALL
              SELECT e.addr, e.slot, e.attr_id, e.since, 0, 0, NULL FROM unnest(v_edges) e WHERE e.what = 'q'
                 AND NOT (v_doubts AND EXISTS (SELECT FROM doubt d WHERE d.zone_id = z.zone_id AND d.addr = e.addr AND d.slot = e.slot AND d.attr_id = e.attr_id))) q
      ON CONFLICT ON CONSTRAINT doubt_pk DO UPDATE
         SET misses = doubt.misses + excluded.misses, errors = doubt.errors + excluded.errors, last_at = excluded.last_at,
             profile_id = CASE WHEN excluded.misses > 0 THEN excluded.profile_id ELSE doubt.profile_id END,
             first_at = CASE WHEN doubt.misses = 0 AND excluded.misses > 0 THEN excluded.first_at ELSE doubt.first_at END
       WHERE excluded.misses > 0 OR excluded.errors > 0),
    shut AS MATERIALIZED (
      SELECT addr, slot, attr_id, old, since, first_at, seen_at, 'c'::"char" AS cause FROM m WHERE enough
      UNION ALL
      SELECT addr, slot, attr_id, old, since, NULL, seen_at, 'u' FROM bad WHERE enough
      UNION ALL
      SELECT addr, slot, attr_id, old, since, NULL, NULL, 'r' FROM unnest(v_edges) WHERE what = 'r'),
    hung AS MATERIALIZED (                                    -- what hangs on a port that closes now
      SELECT f.addr, f.slot, f.attr_id, f.value AS old, f.since, NULL::timestamptz AS first_at, NULL::timestamptz AS seen_at, 'p'::"char" AS cause
        FROM shut t JOIN fact_now f ON f.zone_id = z.zone_id AND f.addr = t.addr AND f.slot = t.slot AND f.attr_id >= 11
       WHERE t.attr_id = 10 AND f.since < p_at
         AND NOT EXISTS (SELECT FROM shut o WHERE o.addr = f.addr AND o.slot = f.slot AND o.attr_id = f.attr_id)),
    said AS MATERIALIZED (                                    -- and what scripts said of its service, when none of them says it now
      SELECT DISTINCT ON (f.addr, f.slot) f.addr, f.slot, f.attr_id, f.value AS old, f.since, NULL::timestamptz AS first_at, t.seen_at, 'u'::"char" AS cause
        FROM shut t JOIN fact_now f ON f.zone_id = z.zone_id AND f.addr = t.addr AND f.slot = t.slot AND f.attr_id = 11
       WHERE t.cause = 'u' AND t.attr_id >= 100 AND t.slot <> 0 AND f.since < p_at AND probed_by(z.zone_id, f.addr, f.slot, f.since) = 'scripts'
         AND (f.addr, f.slot) NOT IN (SELECT h_addr[q.host], q.slot FROM unnest(f_host, f_slot, f_attr) q(host, slot, attr) WHERE q.attr = 11)
       ORDER BY f.addr, f.slot, t.seen_at DESC),
    x AS MATERIALIZED (SELECT * FROM shut UNION ALL SELECT * FROM hung UNION ALL SELECT * FROM said),
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
             p.profile_id, x.cause, x.cause IN ('c', 'u') AND a.kind IN ('port', 'script'), x.addr, x.old, NULL
        FROM x JOIN attr a ON a.attr_id = x.attr_id
      RETURNING change_id, news, cause)
    SELECT COALESCE(array_agg(change_id ORDER BY change_id) FILTER (WHERE news), '{}'), opened + count(*) FILTER (WHERE cause = 'o'),
           altered + count(*) FILTER (WHERE cause = 'v'), closed + count(*) FILTER (WHERE cause IN ('c', 'p', 'r', 'u'))
      INTO v_some, opened, altered, closed FROM i;
    v_news := v_news || v_some;
    IF p.kind = 'scripts' AND EXISTS (SELECT FROM unnest(v_edges) WHERE what = 'v' AND since >= s.last_from) THEN
      PERFORM watch_keys(z.zone_id, s.last_from, v_up, v_edges);
    END IF;
    new_ports := ARRAY(SELECT DISTINCT addr FROM unnest(v_edges) WHERE what = 'o' AND attr_id = 10 ORDER BY 1);
  END IF;

  -- F. coverage: hosts whose ports are listed now, and details of new ports, which are wanted at once
  IF p.kind = 'ports' AND v_full && v_look
     AND v_full <> ARRAY(SELECT c.addr FROM host_covered c WHERE c.zone_id = z.zone_id AND c.profile_id = p.profile_id
                            AND c.addr BETWEEN v_full[1] AND v_full[cardinality(v_full)] ORDER BY c.addr) THEN
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
  IF cardinality(v_edges) > 0 THEN
    v_lost := ARRAY(SELECT DISTINCT addr FROM unnest(v_edges) WHERE what = 'm' AND attr_id >= 11 AND slot <> 0);
  END IF;
  IF cardinality(v_lost) > 0 THEN
    UPDATE schedule q SET asked = ARRAY(SELECT unnest(q.asked) UNION SELECT unnest(v_lost)),
           due_at = CASE WHEN q.sensor_id IS NULL THEN LEAST(q.due_at, now()) ELSE q.due_at END
     WHERE q.kind = 'ports' AND q.block_id = s.block_id AND q.retired_at IS NULL AND q.last_at IS NOT NULL;
  END IF;
  IF cardinality(v_news) > 0 THEN events := tell(v_news); END IF;

  -- G. marks of the hosts about which nothing is left open
  IF v_told AND v_marks IS NULL AND NOT v_doubts THEN
    -- (nobody else writes marks of this block: there is nothing to be in conflict with)
    INSERT INTO host_mark(zone_id, profile_id, mark, addr)
    SELECT z.zone_id, p.profile_id, h.mark, h.addr FROM unnest(h_addr, h_mark) WITH ORDINALITY h(addr, mark, o)
     WHERE h.mark IS NOT NULL AND NOT h.o = ANY(u_host);
  ELSIF cardinality(v_look) > 0 THEN
    INSERT INTO host_mark AS m (zone_id, profile_id, mark, addr)
    SELECT z.zone_id, p.profile_id, h.mark, h.addr FROM unnest(h_addr, h_mark, h_state) WITH ORDINALITY h(addr, mark, state, o)
     WHERE h.mark IS NOT NULL AND h.state = 'u' AND (v_every OR h.addr = ANY(v_look)) AND NOT h.o = ANY(u_host)
       AND (v_edges = '{}' AND NOT v_doubts
            OR NOT EXISTS (SELECT FROM unnest(v_edges) e WHERE e.what = 'k' AND e.addr = h.addr)
               AND NOT EXISTS (SELECT FROM doubt d WHERE d.zone_id = z.zone_id AND d.addr = h.addr AND d.attr_id >= 2))
    ON CONFLICT ON CONSTRAINT host_mark_pk DO UPDATE SET mark = excluded.mark WHERE m.mark <> excluded.mark;
  END IF;
  s.part_done := p_part;
  s.method := p_method;
  IF p.kind = 'scripts' AND s.set_id IS NULL THEN s.set_id := script_set_of(v_ids[1:p_judged]); END IF;
  s.up := s.up + cardinality(v_up); s.down := s.down + cardinality(v_down); s.blind := s.blind || v_blind;
  s.opened := s.opened + opened; s.altered := s.altered + altered; s.closed := s.closed + closed;
  IF e_complete IS NOT NULL THEN
    PERFORM end_visit(s, p, e_complete, e_probes, e_retransmissions, e_drops, e_loss, e_rate, (v_same OR v_told) AND cardinality(v_who) = 0 AND NOT v_doubts);
  ELSE
    UPDATE schedule q SET part_done = s.part_done, method = s.method, set_id = s.set_id, up = s.up, down = s.down, blind = s.blind,
           opened = s.opened, altered = s.altered, closed = s.closed
     WHERE q.schedule_id = p_schedule;
  END IF;
  verdict := 'a';
END $$;

-- As before; an event says why something is not known any more.
CREATE OR REPLACE FUNCTION alert.make_events(p_limit int8, p_xid xid8) RETURNS int8[] LANGUAGE plpgsql AS $$
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
      SELECT e.*, CASE e.cause WHEN 'u' THEN format('%s%s on %s is not known any more: not confirmed since %s, the script ends with errors%s', e.script,
                                 ' of ' || e.proto || '/' || e.port, e.host, alert.stamp(e.seen_at), ' (' || inv.gist(e.old) || ' then)')
                  ELSE inv.sentence(e.type, e.host, e.proto || '/' || e.port, e.script, e.old, e.new) END AS summary, COALESCE(t.severity, 1) AS severity,
             encode(sha256(convert_to(e.zone || ' ' || e.subject || ' ' || e.about, 'UTF8')), 'hex') AS dedup
        FROM (
          SELECT c.change_id, c.at, c.old_since, c.seen_at, c.cause, c.tx, c.noted, z.name AS zone, host(c.addr) AS host, inv.protocol(c.slot) AS proto,
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
                    'missed_since', CASE WHEN c.new_value IS NULL AND c.cause <> 'u' THEN alert.stamp(c.at) END)) AS evidence,
                 CASE WHEN c.new_value IS NOT NULL THEN 'seen directly'
                      WHEN c.cause = 'u' THEN format('not confirmed since %s: the script ends with errors', alert.stamp(c.seen_at))
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

CREATE OR REPLACE VIEW report.change AS
SELECT c.noted_at, c.at, z.name AS zone, c.addr AS address, inv.protocol(c.slot) AS protocol, NULLIF(c.slot & 65535, 0) AS port,
       a.kind, a.name AS attribute,
       CASE c.cause WHEN 'o' THEN 'opened' WHEN 'b' THEN 'returned' WHEN 'v' THEN 'changed' WHEN 'c' THEN 'closed'
                    WHEN 'p' THEN 'went with its port' WHEN 'r' THEN 'reassigned' WHEN 'm' THEN 'moved with its asset' WHEN 'x' THEN 'expired'
                    WHEN 'u' THEN 'unconfirmed' END AS what,
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
COMMENT ON COLUMN report.change.what IS 'opened, returned, changed, closed, went with its port, reassigned, moved with its asset, expired (gone for too long), unconfirmed (it could not be asked for too long)';

CREATE OR REPLACE VIEW report.script_result AS
SELECT z.name AS zone, s.addr AS address, inv.protocol(s.slot) AS protocol, NULLIF(s.slot & 65535, 0) AS port, a.name AS script,
       v.output, v.data, h.addr IS NOT NULL AS present, s.since AS first_seen,
       GREATEST(s.since, LEAST(COALESCE(d.seen_at, c.last_at), g.seen_at)) AS last_seen, c.last_at AS last_checked, COALESCE(d.misses, 0)::int4 AS misses,
       COALESCE(d.errors, 0)::int4 AS errors
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
COMMENT ON COLUMN report.script_result.errors IS 'runs since last_seen that ended with an error, counted up to 5: what it said then may have changed; it ends after a week without a confirmation';

REVOKE ALL ON FUNCTION inv.error_limit(), inv.last_look(int4, inet, int4, int4) FROM PUBLIC;
SELECT ops.grant_roles();
