SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA alert;
COMMENT ON SCHEMA alert IS 'events and their delivery';
CREATE SCHEMA api;
COMMENT ON SCHEMA api IS 'functions for musterd and its sensors: the only way in which findings get in';
CREATE SCHEMA inv;
COMMENT ON SCHEMA inv IS 'tables of the inventory; their shape may change with each version';
CREATE SCHEMA ops;
CREATE SCHEMA report;
COMMENT ON SCHEMA report IS 'views for people and tools; names and types here are kept';
CREATE TYPE inv.edge AS (
	addr inet,
	slot integer,
	attr_id integer,
	new uuid,
	old uuid,
	since timestamp with time zone,
	what "char"
);
CREATE TYPE inv.who AS (
	addr inet,
	mac text,
	was uuid,
	since timestamp with time zone,
	by_mac uuid,
	clash boolean
);
CREATE FUNCTION alert.check_cluster() RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE v_sys int8 := (SELECT c.system_identifier FROM pg_control_system() c);
BEGIN
  IF NOT EXISTS (SELECT FROM alert.cluster c WHERE c.system_identifier <> v_sys) THEN RETURN; END IF;
  LOCK TABLE alert.cluster IN EXCLUSIVE MODE;
  IF NOT EXISTS (SELECT FROM alert.cluster c WHERE c.system_identifier <> v_sys) THEN RETURN; END IF;
  UPDATE alert.event SET xid = '3' WHERE xid <> '3';
  UPDATE alert.cursor SET xid = '3';
  UPDATE alert.cluster SET system_identifier = v_sys;
END $$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE alert.event (
    seq bigint NOT NULL,
    id text NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    type text NOT NULL,
    severity smallint NOT NULL,
    zone text NOT NULL,
    subject text NOT NULL,
    dedup text NOT NULL,
    baseline boolean DEFAULT false NOT NULL,
    body jsonb NOT NULL
);
CREATE FUNCTION alert.data(e alert.event) RETURNS text
    LANGUAGE sql STABLE
    AS $$
  SELECT (jsonb_build_object('seq', e.seq) || CASE WHEN octet_length(e.body::text) <= 200000 THEN e.body
          ELSE (e.body - 'old' - 'new') || '{"truncated": true}' END)::text $$;
CREATE FUNCTION alert.enable(p_endpoint text, p_skip boolean) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
DECLARE v_id int4;
BEGIN
  UPDATE alert.endpoint e SET state = 'ok', state_since = now(), reason = NULL, open_until = NULL, strikes = 0, fail_since = NULL,
         epoch = e.epoch + 1, batch = 0, instance = NULL, held_until = '-infinity'
   WHERE e.name = p_endpoint RETURNING e.endpoint_id INTO v_id;
  IF NOT FOUND THEN RETURN false; END IF;
  IF p_skip THEN
    UPDATE alert.cursor c SET xid = v.xid, seq = v.seq, updated_at = now()
      FROM (SELECT e.xid, e.seq FROM alert.event e WHERE e.xid < pg_snapshot_xmin(pg_current_snapshot())
             ORDER BY e.xid DESC, e.seq DESC LIMIT 1) v
     WHERE c.endpoint_id = v_id AND (v.xid, v.seq) > (c.xid, c.seq);
  END IF;
  NOTIFY alert_event;
  RETURN true;
END $$;
CREATE FUNCTION alert."fetch"(p_endpoint integer, p_xid xid8, p_seq bigint, p_limit integer, p_bytes bigint, p_due integer) RETURNS TABLE(live boolean, seq bigint, xid xid8, id text, type text, observed_at timestamp with time zone, dedup text, attempts integer, age double precision, done boolean, held boolean, data text)
    LANGUAGE sql STABLE
    AS $$
  SELECT true, w.seq, w.xid, w.id, w.type, w.observed_at, w.dedup, 0, EXTRACT(epoch FROM now() - w.at)::float8,
         w.baseline OR EXISTS (SELECT FROM alert.open o WHERE o.endpoint_id = p_endpoint AND o.seq = w.seq)
           OR EXISTS (SELECT FROM alert.attempt a WHERE a.seq = w.seq AND a.endpoint_id = p_endpoint AND a.outcome = 'ok'),
         EXISTS (SELECT FROM alert.open o WHERE o.endpoint_id = p_endpoint AND o.dedup = w.dedup AND o.state <> 'dead'),
         w.data
    FROM (SELECT v.*, sum(octet_length(v.data)) OVER (ORDER BY v.xid, v.seq) - octet_length(v.data) AS before
            FROM (SELECT e.seq, e.xid, e.id, e.type, e.observed_at, e.dedup, e.at, e.baseline,
                         CASE WHEN e.baseline THEN '' ELSE alert.data(e) END AS data
                    FROM alert.event e
                   WHERE (e.xid, e.seq) > (p_xid, p_seq) AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
                   ORDER BY e.xid, e.seq LIMIT p_limit) v) w
   WHERE w.before < p_bytes
  UNION ALL
  (SELECT false, o.seq, e.xid, e.id, e.type, e.observed_at, o.dedup, o.attempts, EXTRACT(epoch FROM now() - o.made_at)::float8,
          false, false, alert.data(e)
     FROM alert.open o JOIN alert.event e ON e.seq = o.seq
    WHERE o.endpoint_id = p_endpoint AND o.state = 'retry' AND o.next_at <= now()
    ORDER BY o.next_at LIMIT p_due)
  ORDER BY 1, 3, 2 $$;
CREATE FUNCTION alert.give_up(p_instance uuid) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
  UPDATE alert.endpoint SET instance = NULL, held_until = '-infinity' WHERE instance = p_instance;
  NOTIFY alert_event;
END $$;
CREATE FUNCTION alert.hint() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF EXISTS (SELECT FROM fresh) THEN NOTIFY alert_event; END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION alert.promote(p_endpoint integer, p_subjects text[]) RETURNS void
    LANGUAGE sql
    AS $$
  UPDATE alert.open o SET state = 'retry', next_at = now()
    FROM (SELECT DISTINCT ON (h.dedup) h.dedup, h.seq, h.state FROM alert.open h
           WHERE h.endpoint_id = p_endpoint AND h.dedup = ANY(p_subjects) AND h.state <> 'dead'
           ORDER BY h.dedup, h.state = 'held', h.seq) first
   WHERE first.state = 'held' AND o.endpoint_id = p_endpoint AND o.seq = first.seq $$;
CREATE FUNCTION alert.prune(p_keep interval, p_limit integer) RETURNS bigint
    LANGUAGE sql
    AS $$
  WITH gone AS (
    DELETE FROM alert.attempt WHERE ctid = ANY(ARRAY(
      SELECT a.ctid FROM alert.attempt a WHERE a.at < now() - p_keep
         AND NOT EXISTS (SELECT FROM alert.open o WHERE o.endpoint_id = a.endpoint_id AND o.seq = a.seq)
       LIMIT p_limit)) RETURNING 1)
  SELECT count(*) FROM gone $$;
CREATE FUNCTION alert.record(p_endpoint integer, p_epoch bigint, p_batch bigint, p_lease interval, p jsonb) RETURNS void
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
DECLARE v_last int8; v_subjects text[];
BEGIN
  SELECT batch INTO v_last FROM alert.endpoint WHERE endpoint_id = p_endpoint AND epoch = p_epoch FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'endpoint % was taken over by another process', p_endpoint USING ERRCODE = 'M0010';
  END IF;
  IF v_last >= p_batch THEN RETURN; END IF;              -- had been recorded before a connection was lost
  UPDATE alert.endpoint e SET batch = p_batch, held_until = now() + p_lease,
         last_ok = CASE WHEN (p -> 'endpoint' ->> 'ok')::bool THEN now() ELSE e.last_ok END
   WHERE e.endpoint_id = p_endpoint;
  IF p -> 'endpoint' ->> 'state' IS NOT NULL THEN
    UPDATE alert.endpoint e SET state = n.state, reason = n.reason, strikes = n.strikes,
           state_since = CASE WHEN e.state = n.state THEN e.state_since ELSE now() END,
           open_until = CASE WHEN n.pause > 0 THEN now() + make_interval(secs => n.pause) END,
           fail_since = CASE WHEN n.state = 'ok' THEN NULL ELSE COALESCE(e.fail_since, now()) END
      FROM jsonb_to_record(p -> 'endpoint') n(state text, reason text, pause float8, strikes int4)
     WHERE e.endpoint_id = p_endpoint;
  END IF;
  INSERT INTO alert.attempt (endpoint_id, seq, n, outcome, code, curl, error, ms, bytes_out, bytes_in, new_conn, remote, answer)
  SELECT p_endpoint, a.seq, 1 + (SELECT count(*) FROM alert.attempt x WHERE x.seq = a.seq AND x.endpoint_id = p_endpoint)
           + row_number() OVER (PARTITION BY a.seq ORDER BY ordinal) - 1,
         a.outcome, a.code, a.curl, a.error, a.ms, a.bytes_out, a.bytes_in, a.new_conn, a.remote, a.answer
    FROM ROWS FROM (jsonb_to_recordset(p -> 'attempts') AS (seq int8, outcome text, code int4, curl int4, error text, ms int4, bytes_out int8,
                    bytes_in int8, new_conn bool, remote inet, answer text)) WITH ORDINALITY
         AS a(seq, outcome, code, curl, error, ms, bytes_out, bytes_in, new_conn, remote, answer, ordinal);
  SELECT array_agg(DISTINCT o.dedup) INTO v_subjects FROM jsonb_array_elements_text(p -> 'done') d
    JOIN alert.open o ON o.endpoint_id = p_endpoint AND o.seq = d::int8;
  DELETE FROM alert.open o USING jsonb_array_elements_text(p -> 'done') d WHERE o.endpoint_id = p_endpoint AND o.seq = d::int8;
  INSERT INTO alert.open AS o (endpoint_id, seq, state, reason, attempts, next_at, dedup, last_code, last_error)
  SELECT p_endpoint, n.seq, n.state, n.reason, n.attempts,
         CASE WHEN n.state = 'retry' THEN now() + make_interval(secs => n.delay) END, n.dedup, n.code, n.error
    FROM jsonb_to_recordset(p -> 'open') n(seq int8, state text, reason text, attempts int4, delay float8, dedup text, code int4, error text)
  ON CONFLICT (endpoint_id, seq) DO UPDATE SET state = excluded.state, reason = excluded.reason, attempts = excluded.attempts,
     next_at = excluded.next_at, last_code = excluded.last_code, last_error = excluded.last_error;
  v_subjects := v_subjects || ARRAY(SELECT n.dedup FROM jsonb_to_recordset(p -> 'open') n(dedup text));
  PERFORM alert.promote(p_endpoint, v_subjects);
  IF (p ->> 'recovered')::bool THEN
    UPDATE alert.open SET next_at = LEAST(next_at, now() + random() * interval '10 s')
     WHERE endpoint_id = p_endpoint AND state = 'retry' AND reason = 'transient';
  END IF;
  UPDATE alert.cursor c SET xid = n.xid, seq = n.seq, updated_at = now()
    FROM jsonb_to_record(p -> 'cursor') n(xid xid8, seq int8)
   WHERE c.endpoint_id = p_endpoint AND n.seq IS NOT NULL AND (n.xid, n.seq) > (c.xid, c.seq);
END $$;
CREATE FUNCTION alert.replay(p_endpoint text, p_ids text[]) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE v_id int4; v_n int8; v_subjects text[];
BEGIN
  SELECT e.endpoint_id INTO v_id FROM alert.endpoint e WHERE e.name = p_endpoint FOR UPDATE;
  IF NOT FOUND THEN RETURN -1; END IF;
  IF EXISTS (SELECT FROM unnest(p_ids) i WHERE NOT EXISTS (SELECT FROM alert.event e WHERE e.id = i)) THEN RETURN -2; END IF;
  WITH again AS (
    INSERT INTO alert.open AS o (endpoint_id, seq, state, reason, dedup)
    SELECT v_id, e.seq, 'held', 'replay', e.dedup FROM alert.event e JOIN alert.cursor c ON c.endpoint_id = v_id
     WHERE (e.xid, e.seq) <= (c.xid, c.seq)
       AND CASE WHEN p_ids IS NULL THEN e.seq IN (SELECT d.seq FROM alert.open d WHERE d.endpoint_id = v_id AND d.state = 'dead')
                ELSE e.id = ANY(p_ids) END
    ON CONFLICT (endpoint_id, seq) DO UPDATE SET state = 'held', next_at = NULL, reason = 'replay', attempts = 0, made_at = now()
    RETURNING o.dedup)
  SELECT count(*), array_agg(DISTINCT dedup) INTO v_n, v_subjects FROM again;
  PERFORM alert.promote(v_id, v_subjects);
  NOTIFY alert_event;
  RETURN v_n;
END $$;
CREATE FUNCTION alert.take(p_holder text, p_instance uuid, p_first boolean, p_lease interval, p_names text[], p_hashes text[]) RETURNS TABLE(name text, endpoint_id integer, epoch bigint, state text, pause double precision, strikes integer, failing double precision, xid xid8, seq bigint)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
BEGIN
  PERFORM alert.check_cluster();
  WITH made AS (
    INSERT INTO alert.endpoint AS e (name)
    SELECT n FROM unnest(p_names) n WHERE NOT EXISTS (SELECT FROM alert.endpoint x WHERE x.name = n)
    ON CONFLICT (name) DO NOTHING RETURNING e.endpoint_id)
  INSERT INTO alert.cursor (endpoint_id, xid, seq)
  SELECT m.endpoint_id, COALESCE(last.xid, '3'), COALESCE(last.seq, 0)
    FROM made m LEFT JOIN LATERAL (
      SELECT v.xid, v.seq FROM alert.event v WHERE v.xid < pg_snapshot_xmin(pg_current_snapshot())
       ORDER BY v.xid DESC, v.seq DESC LIMIT 1) last ON true;
  UPDATE alert.endpoint e SET holder = p_holder, instance = p_instance, held_until = now() + p_lease,
         epoch = e.epoch + CASE WHEN e.instance = p_instance THEN 0 ELSE 1 END,
         batch = CASE WHEN e.instance = p_instance THEN e.batch ELSE 0 END
   WHERE e.name = ANY(p_names)
     AND (e.instance IS NULL OR e.instance = p_instance OR e.held_until < now() OR (p_first AND e.holder = p_holder));
  UPDATE alert.endpoint e SET config_hash = h, state = 'ok', state_since = now(), reason = NULL, open_until = NULL, strikes = 0
    FROM unnest(p_names, p_hashes) t(n, h)
   WHERE e.name = n AND e.instance = p_instance AND e.config_hash IS DISTINCT FROM h;
  RETURN QUERY
  SELECT e.name, e.endpoint_id, e.epoch, e.state, GREATEST(0, EXTRACT(epoch FROM e.open_until - now()))::float8, e.strikes,
         EXTRACT(epoch FROM now() - e.fail_since)::float8, c.xid, c.seq
    FROM alert.endpoint e JOIN alert.cursor c ON c.endpoint_id = e.endpoint_id
   WHERE e.name = ANY(p_names) AND e.instance = p_instance;
END $$;
CREATE FUNCTION api.apply_part(p_schedule bigint, p_fence bigint, p_part integer, p_at timestamp with time zone, p_method text, h_addr inet[], h_state "char"[], h_mac macaddr[], h_reason text[], h_ttl smallint[], h_vendor text[], p_names text[], p_judged integer, f_addr inet[], f_slot integer[], f_attr integer[], f_value uuid[], u_addr inet[], u_slot integer[], u_attr integer[], b_value uuid[], b_kind "char"[], b_body text[], n_slot integer[], n_name text[], OUT verdict "char", OUT want uuid[], OUT opened integer, OUT altered integer, OUT closed integer, OUT events integer, OUT new_ports inet[]) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'inv', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
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
CREATE FUNCTION api.claim(p_sensor integer, p_kinds text[], p_n integer, p_lease interval) RETURNS TABLE(schedule_id bigint, fence bigint, zone text, pass text, kind text, lo inet, hi inet, scope inet[], server_now timestamp with time zone)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'inv', 'pg_temp'
    AS $$
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
CREATE FUNCTION api.finish(p_schedule bigint, p_fence bigint, p_complete boolean, p_method text, p_probes bigint, p_retransmissions bigint, p_drops bigint, p_loss real, p_rate real, OUT verdict "char") RETURNS "char"
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'inv', 'pg_temp'
    AS $$
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
CREATE FUNCTION api.hello(p_sensor text, p_instance uuid, OUT sensor_id integer, OUT digest_key text, OUT server_now timestamp with time zone) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'inv', 'pg_temp'
    AS $$
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
CREATE FUNCTION api.keep(p_sensor integer, p_fence bigint[], p_lease interval) RETURNS SETOF bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'inv', 'pg_temp'
    AS $$
  UPDATE schedule s SET due_at = now() + p_lease
   WHERE s.sensor_id = p_sensor AND s.fence = ANY(p_fence) RETURNING s.fence $$;
CREATE FUNCTION api.next_due(p_kinds text[]) RETURNS double precision
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'inv', 'pg_temp'
    AS $$
  SELECT GREATEST(EXTRACT(epoch FROM min(q.due_at) - clock_timestamp()), 0)::float8
    FROM unnest(p_kinds) k, LATERAL (SELECT r.due_at FROM schedule r WHERE r.retired_at IS NULL AND r.kind = k AND r.due_at < 'infinity'
                                      ORDER BY r.due_at LIMIT 1) q
  HAVING min(q.due_at) IS NOT NULL $$;
CREATE FUNCTION api.rescan(p_zone text, p_lo inet, p_hi inet) RETURNS integer
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'inv', 'pg_temp'
    AS $$
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
CREATE FUNCTION api.sync_config(p_config jsonb) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'inv', 'pg_temp'
    AS $$
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
CREATE FUNCTION api.targets(p_schedule bigint, p_fence bigint) RETURNS TABLE(addr inet, reason text, ttl smallint, vendor text, mac text, hostname text, slot integer, port_name text, name text, product text, version text, extra text, service_hostname text, os text, device text, tunnel text, cpe text[])
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'inv', 'pg_temp'
    AS $$
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
CREATE FUNCTION api.upkeep() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'inv', 'pg_temp'
    AS $$
BEGIN
  PERFORM ops.make_partitions(current_date, 4);
EXCEPTION WHEN check_violation THEN
  RAISE WARNING 'partitions of the coming months could not be made: %', SQLERRM;
END $$;
CREATE FUNCTION api.volatile_keys(OUT script text, OUT keys text[]) RETURNS SETOF record
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'inv', 'pg_temp'
    AS $$
  SELECT name, volatile FROM attr WHERE kind = 'script' AND volatile <> '{}' ORDER BY name $$;
CREATE FUNCTION inv.admit(p_zone integer, p_at timestamp with time zone, p_who inv.who[]) RETURNS TABLE(addr inet, holder uuid)
    LANGUAGE sql
    AS $$
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
CREATE FUNCTION inv.block_of(p_zone integer, p_addr inet) RETURNS integer
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'inv', 'pg_temp'
    AS $$
  SELECT block_id FROM inv.block b WHERE b.zone_id = p_zone AND b.lo <= p_addr AND b.hi >= p_addr
   ORDER BY b.retired_at IS NOT NULL, b.block_id DESC LIMIT 1 $$;
CREATE FUNCTION inv.bodies(p_need uuid[], b_value uuid[], b_kind "char"[], b_body text[]) RETURNS uuid[]
    LANGUAGE plpgsql
    AS $$
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
CREATE TABLE inv.profile (
    profile_id integer NOT NULL,
    zone_id integer NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    slots int4multirange DEFAULT '{}'::int4multirange NOT NULL,
    misses smallint DEFAULT 2 NOT NULL,
    every interval NOT NULL,
    confirm interval NOT NULL,
    retired_at timestamp with time zone,
    CONSTRAINT profile_kind_check CHECK ((kind = ANY (ARRAY['presence'::text, 'ports'::text, 'services'::text, 'scripts'::text]))),
    CONSTRAINT profile_misses_check CHECK ((misses > 0))
);
CREATE FUNCTION inv.edges(p_zone integer, p_at timestamp with time zone, p_profile inv.profile, p_up inet[], p_full inet[], p_moved inet[], p_judged integer[], f_addr inet[], f_slot integer[], f_attr integer[], f_value uuid[], u_addr inet[], u_slot integer[], u_attr integer[]) RETURNS inv.edge[]
    LANGUAGE sql STABLE
    AS $$
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
CREATE FUNCTION inv.event_id() RETURNS text
    LANGUAGE sql
    AS $$
  SELECT 'evt_' || lpad(to_hex((EXTRACT(epoch FROM clock_timestamp()) * 1000)::int8), 12, '0')
      || substr(replace(gen_random_uuid()::text, '-', ''), 1, 12) || substr(replace(gen_random_uuid()::text, '-', ''), 1, 12) $$;
CREATE FUNCTION inv.gist(p jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
  SELECT '"' || left(btrim(substring(COALESCE(p ->> 'output', p ->> 'name', '') FROM '[^\n\r\t ][^\n\r]*')), 80) || '"' $$;
CREATE FUNCTION inv.mac_identifies(p macaddr) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $$
  SELECT p IS NOT NULL AND get_byte(macaddr_send(p), 0) & 3 = 0 AND trunc(p) <> '00:00:5e:00:00:00' AND p <> '00:00:00:00:00:00' $$;
CREATE FUNCTION inv.port_covered(p_zone integer, p_addr inet, p_slot integer, p_before timestamp with time zone) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
  SELECT EXISTS (SELECT FROM inv.host_covered c JOIN inv.profile p USING (profile_id)
                  WHERE c.zone_id = p_zone AND c.addr = p_addr AND c.since < p_before AND p.slots @> p_slot) $$;
CREATE FUNCTION inv.port_seen_since(p_zone integer, p_addr inet, p_slot integer, p_since timestamp with time zone) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
  SELECT NOT EXISTS (SELECT FROM inv.doubt d WHERE d.zone_id = p_zone AND d.addr = p_addr AND d.slot = p_slot AND d.attr_id = 10)
     AND (NOT EXISTS (SELECT FROM inv.profile p WHERE p.zone_id = p_zone AND p.retired_at IS NULL AND p.kind = 'ports' AND p.slots @> p_slot)
          OR EXISTS (SELECT FROM inv.block b JOIN inv.coverage v USING (block_id) JOIN inv.profile p USING (profile_id)
                      WHERE b.zone_id = p_zone AND b.lo <= p_addr AND b.hi >= p_addr AND p.kind = 'ports' AND p.slots @> p_slot
                        AND v.complete AND v.from_at >= p_since AND (v.scope IS NULL OR p_addr = ANY(v.scope))
                        AND NOT p_addr = ANY(COALESCE(v.blind, '{}')))) $$;
CREATE FUNCTION inv.presence_covered(p_zone integer, p_addr inet, p_kind text) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
  SELECT EXISTS (SELECT FROM inv.block b JOIN inv.schedule s USING (block_id) JOIN inv.profile p USING (profile_id)
                  WHERE b.zone_id = p_zone AND b.lo <= p_addr AND b.hi >= p_addr AND s.last_at IS NOT NULL
                    AND p.kind = p_kind) $$;
CREATE FUNCTION inv.presence_strength(p_method text) RETURNS smallint
    LANGUAGE sql IMMUTABLE
    AS $$
  SELECT CASE WHEN p_method IN ('arp', 'nd', 'localhost') THEN 3 WHEN p_method = 'connect' THEN 1 ELSE 2 END::int2 $$;
CREATE FUNCTION inv.protocol(p_slot integer) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
  SELECT CASE p_slot >> 16 WHEN 6 THEN 'tcp' WHEN 17 THEN 'udp' WHEN 132 THEN 'sctp' END $$;
CREATE TABLE inv.schedule (
    schedule_id bigint NOT NULL,
    zone_id integer NOT NULL,
    block_id integer NOT NULL,
    profile_id integer NOT NULL,
    kind text NOT NULL,
    wanted_at timestamp with time zone DEFAULT now() NOT NULL,
    due_at timestamp with time zone DEFAULT now() NOT NULL,
    fence bigint DEFAULT 0 NOT NULL,
    sensor_id integer,
    tries smallint DEFAULT 0 NOT NULL,
    confirms smallint DEFAULT 0 NOT NULL,
    asked inet[] DEFAULT '{}'::inet[] NOT NULL,
    claimed_at timestamp with time zone,
    scope inet[],
    part_done integer DEFAULT 0 NOT NULL,
    method text,
    set_id integer,
    up integer DEFAULT 0 NOT NULL,
    down integer DEFAULT 0 NOT NULL,
    opened integer DEFAULT 0 NOT NULL,
    altered integer DEFAULT 0 NOT NULL,
    closed integer DEFAULT 0 NOT NULL,
    blind inet[] DEFAULT '{}'::inet[] NOT NULL,
    last_from timestamp with time zone,
    last_at timestamp with time zone,
    visits bigint DEFAULT 0 NOT NULL,
    retired_at timestamp with time zone
)
WITH (fillfactor='60', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='200');
CREATE FUNCTION inv.record_visit(s inv.schedule, p_at timestamp with time zone, p_complete boolean, p_probes bigint DEFAULT NULL::bigint, p_retransmissions bigint DEFAULT NULL::bigint, p_drops bigint DEFAULT NULL::bigint, p_loss real DEFAULT NULL::real, p_rate real DEFAULT NULL::real) RETURNS void
    LANGUAGE sql
    AS $$
  INSERT INTO inv.coverage(at, from_at, zone_id, block_id, profile_id, sensor_id, set_id, fence, parts, complete, method, scope,
                           blind, up, down, opened, altered, closed, probes, retransmissions, drops, loss, rate_pps)
  VALUES (p_at, s.claimed_at, s.zone_id, s.block_id, s.profile_id, s.sensor_id, s.set_id, s.fence, s.part_done, p_complete,
          s.method, s.scope, NULLIF(s.blind, '{}'), s.up, s.down, s.opened, s.altered, s.closed,
          p_probes, p_retransmissions, p_drops, p_loss, p_rate) $$;
CREATE FUNCTION inv.script_attrs(p_names text[]) RETURNS integer[]
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF EXISTS (SELECT FROM unnest(p_names) n WHERE NOT EXISTS (SELECT FROM inv.attr a WHERE a.kind = 'script' AND a.name = n)) THEN
    INSERT INTO inv.attr(attr_id, kind, name)
    SELECT nextval('inv.attr_id'), 'script', n FROM (SELECT DISTINCT n FROM unnest(p_names) n) q
     WHERE NOT EXISTS (SELECT FROM inv.attr a WHERE a.kind = 'script' AND a.name = n)
    ON CONFLICT (kind, name) DO NOTHING;
  END IF;
  RETURN ARRAY(SELECT a.attr_id FROM unnest(p_names) WITH ORDINALITY t(n, o) JOIN inv.attr a ON a.kind = 'script' AND a.name = n ORDER BY o);
END $$;
CREATE FUNCTION inv.script_covered(p_zone integer, p_addr inet, p_attr integer, p_since timestamp with time zone) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
  SELECT EXISTS (SELECT FROM inv.block b JOIN inv.coverage v USING (block_id) JOIN inv.script_set x USING (set_id)
                  WHERE b.zone_id = p_zone AND b.lo <= p_addr AND b.hi >= p_addr AND v.at >= p_since AND v.from_at >= p_since
                    AND v.complete AND (v.scope IS NULL OR p_addr = ANY(v.scope))
                    AND NOT p_addr = ANY(COALESCE(v.blind, '{}')) AND p_attr = ANY(x.attrs)) $$;
CREATE FUNCTION inv.script_set_of(p_attrs integer[]) RETURNS integer
    LANGUAGE plpgsql
    AS $$
DECLARE v int4; v_sorted int4[] := ARRAY(SELECT DISTINCT a FROM unnest(p_attrs) a ORDER BY 1);
BEGIN
  SELECT set_id INTO v FROM inv.script_set WHERE attrs = v_sorted;
  IF NOT FOUND THEN
    INSERT INTO inv.script_set(attrs) VALUES (v_sorted) ON CONFLICT (attrs) DO UPDATE SET attrs = excluded.attrs RETURNING set_id INTO v;
  END IF;
  RETURN v;
END $$;
CREATE FUNCTION inv.sentence(p_type text, p_host text, p_port text, p_script text, p_old jsonb, p_new jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
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
CREATE FUNCTION inv.shown(p_kind text, p_value uuid, p_zone integer, p_addr inet, p_slot integer) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'inv', 'pg_temp'
    AS $$
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
CREATE FUNCTION inv.strangers(p_zone integer, p_at timestamp with time zone, p_addr inet[], p_mac macaddr[]) RETURNS inv.who[]
    LANGUAGE sql STABLE
    AS $$
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
CREATE FUNCTION inv.tell(p_changes bigint[]) RETURNS integer
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION ops.collect_values(p_spare_days integer, p_n integer) RETURNS bigint
    LANGUAGE plpgsql
    AS $_$
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
END $_$;
CREATE FUNCTION ops.drop_before(p_month date) RETURNS SETOF text
    LANGUAGE plpgsql
    AS $_$
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
END $_$;
CREATE FUNCTION ops.grant_roles() RETURNS text
    LANGUAGE plpgsql
    SET client_min_messages TO 'error'
    AS $$
DECLARE v_missing text[] := '{}'; r text;
BEGIN
  FOREACH r IN ARRAY ARRAY['muster_reader', 'muster_sensor'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN v_missing := v_missing || r; END IF;
  END LOOP;
  IF NOT 'muster_reader' = ANY(v_missing) THEN
    GRANT USAGE ON SCHEMA report TO muster_reader;
    GRANT SELECT ON ALL TABLES IN SCHEMA report TO muster_reader;
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA report TO muster_reader;
    -- The views call these with the reader's rights; without USAGE on inv a reader can not name them.
    GRANT EXECUTE ON FUNCTION inv.protocol(int4), inv.block_of(int4, inet), inv.shown(text, uuid, int4, inet, int4) TO muster_reader;
    ALTER DEFAULT PRIVILEGES IN SCHEMA report GRANT SELECT ON TABLES TO muster_reader;
    ALTER DEFAULT PRIVILEGES IN SCHEMA report GRANT EXECUTE ON FUNCTIONS TO muster_reader;
  END IF;
  IF NOT 'muster_sensor' = ANY(v_missing) THEN
    GRANT USAGE ON SCHEMA api TO muster_sensor;
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA api TO muster_sensor;
    ALTER DEFAULT PRIVILEGES IN SCHEMA api GRANT EXECUTE ON FUNCTIONS TO muster_sensor;
  END IF;
  RETURN CASE WHEN v_missing = '{}' THEN 'granted' ELSE 'missing: ' || array_to_string(v_missing, ', ') END;
END $$;
CREATE FUNCTION ops.invariants() RETURNS TABLE(what text, n bigint)
    LANGUAGE sql STABLE
    AS $$
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
CREATE FUNCTION ops.make_partitions(p_from date, p_months integer) RETURNS integer
    LANGUAGE plpgsql
    SET "TimeZone" TO 'UTC'
    AS $$
DECLARE m timestamptz; t text; n int := 0;
BEGIN
  FOR i IN 0 .. p_months - 1 LOOP
    m := date_trunc('month', p_from::timestamptz) + make_interval(months => i);
    FOREACH t IN ARRAY ARRAY['change', 'coverage'] LOOP
      IF to_regclass(format('inv.%I', t || to_char(m, '_YYYY_MM'))) IS NULL THEN
        EXECUTE format('CREATE TABLE inv.%I PARTITION OF inv.%I FOR VALUES FROM (%L) TO (%L)',
          t || to_char(m, '_YYYY_MM'), t, m, m + interval '1 month');
        n := n + 1;
      END IF;
    END LOOP;
  END LOOP;
  RETURN n;
END $$;
CREATE TABLE inv.attr (
    attr_id integer NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    noun text,
    volatile text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT attr_kind_check CHECK ((kind = ANY (ARRAY['holder'::text, 'presence'::text, 'text'::text, 'port'::text, 'service'::text, 'script'::text])))
);
CREATE TABLE inv.change (
    at timestamp with time zone NOT NULL,
    old_since timestamp with time zone,
    seen_at timestamp with time zone,
    noted_at timestamp with time zone DEFAULT now() NOT NULL,
    change_id bigint NOT NULL,
    tx xid8 DEFAULT pg_current_xact_id() NOT NULL,
    zone_id integer NOT NULL,
    slot integer NOT NULL,
    attr_id integer NOT NULL,
    profile_id integer NOT NULL,
    cause "char" NOT NULL,
    news boolean NOT NULL,
    addr inet NOT NULL,
    old_value uuid,
    new_value uuid,
    CONSTRAINT change_check CHECK (((old_value IS NOT NULL) OR (new_value IS NOT NULL))),
    CONSTRAINT change_check1 CHECK (((old_value IS NULL) = (old_since IS NULL))),
    CONSTRAINT change_check2 CHECK ((old_since < at))
)
PARTITION BY RANGE (at);
CREATE TABLE inv.zone (
    zone_id integer NOT NULL,
    name text NOT NULL,
    host_misses smallint DEFAULT 3 NOT NULL,
    retired_at timestamp with time zone,
    CONSTRAINT zone_host_misses_check CHECK ((host_misses > 0))
);
CREATE VIEW report.change AS
 SELECT c.noted_at,
    c.at,
    z.name AS zone,
    c.addr AS address,
    inv.protocol(c.slot) AS protocol,
    NULLIF((c.slot & 65535), 0) AS port,
    a.kind,
    a.name AS attribute,
        CASE c.cause
            WHEN 'o'::"char" THEN 'opened'::text
            WHEN 'b'::"char" THEN 'returned'::text
            WHEN 'v'::"char" THEN 'changed'::text
            WHEN 'c'::"char" THEN 'closed'::text
            WHEN 'p'::"char" THEN 'went with its port'::text
            WHEN 'r'::"char" THEN 'reassigned'::text
            ELSE NULL::text
        END AS what,
    c.news,
        CASE
            WHEN c.news THEN
            CASE a.kind
                WHEN 'presence'::text THEN
                CASE c.cause
                    WHEN 'o'::"char" THEN 'host.appeared'::text
                    WHEN 'b'::"char" THEN 'host.returned'::text
                    ELSE 'host.gone'::text
                END
                WHEN 'holder'::text THEN 'host.replaced'::text
                WHEN 'port'::text THEN
                CASE
                    WHEN (c.old_value IS NULL) THEN 'port.opened'::text
                    ELSE 'port.closed'::text
                END
                ELSE (COALESCE(a.noun, a.kind) ||
                CASE
                    WHEN (c.old_value IS NULL) THEN '.appeared'::text
                    WHEN (c.new_value IS NULL) THEN '.gone'::text
                    ELSE '.changed'::text
                END)
            END
            ELSE NULL::text
        END AS type,
    inv.shown(a.kind, c.old_value, c.zone_id, c.addr, c.slot) AS old,
    inv.shown(a.kind, c.new_value, c.zone_id, c.addr, c.slot) AS new,
    c.old_since,
    c.seen_at AS last_seen,
    p.name AS pass,
    c.tx,
    c.change_id
   FROM (((inv.change c
     JOIN inv.attr a USING (attr_id))
     JOIN inv.zone z USING (zone_id))
     LEFT JOIN inv.profile p USING (profile_id));
COMMENT ON VIEW report.change IS 'the ledger: every edge between two facts; baseline and details included (news = false)';
COMMENT ON COLUMN report.change.noted_at IS 'when it was written down: what is new since T is noted_at > T';
COMMENT ON COLUMN report.change.at IS 'when it was observed; something that closed: the first look that missed it';
COMMENT ON COLUMN report.change.zone IS 'routing domain; the same address may be in use in two zones';
COMMENT ON COLUMN report.change.address IS 'IP address';
COMMENT ON COLUMN report.change.protocol IS 'tcp, udp or sctp; NULL: about the host';
COMMENT ON COLUMN report.change.port IS 'port number; NULL: about the host';
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
COMMENT ON COLUMN report.change.change_id IS 'number of the change';
CREATE FUNCTION report.changes_after(p_tx xid8, p_change_id bigint, p_limit integer) RETURNS SETOF report.change
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'inv', 'pg_temp'
    AS $$
  SELECT * FROM report.change c WHERE (c.tx, c.change_id) > (p_tx, p_change_id) AND c.tx < pg_snapshot_xmin(pg_current_snapshot())
   ORDER BY c.tx, c.change_id LIMIT p_limit $$;
CREATE FUNCTION report.facts_at(p_zone text, p_t timestamp with time zone) RETURNS TABLE(address inet, protocol text, port integer, kind text, attribute text, value jsonb, since timestamp with time zone)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'inv', 'pg_temp'
    AS $$
  SELECT q.addr, protocol(q.slot), NULLIF(q.slot & 65535, 0), a.kind, a.name, shown(a.kind, q.value, z.zone_id, q.addr, q.slot), q.since
    FROM zone z,
         LATERAL (SELECT addr, slot, attr_id, value, since FROM fact_now f WHERE f.zone_id = z.zone_id AND since <= p_t
                  UNION ALL
                  SELECT addr, slot, attr_id, old_value, old_since FROM change c WHERE c.zone_id = z.zone_id AND at > p_t AND old_since <= p_t) q
         JOIN attr a USING (attr_id)
   WHERE z.name = p_zone $$;
CREATE TABLE alert.attempt (
    at timestamp with time zone DEFAULT now() NOT NULL,
    endpoint_id integer NOT NULL,
    seq bigint NOT NULL,
    n integer NOT NULL,
    outcome text NOT NULL,
    code integer,
    curl integer,
    error text,
    ms integer,
    bytes_out bigint,
    bytes_in bigint,
    new_conn boolean,
    remote inet,
    answer text
);
CREATE TABLE alert.cluster (
    system_identifier bigint NOT NULL
);
CREATE TABLE alert.cursor (
    endpoint_id integer NOT NULL,
    xid xid8 NOT NULL,
    seq bigint NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
)
WITH (fillfactor='20', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='500');
CREATE TABLE alert.endpoint (
    endpoint_id integer NOT NULL,
    name text NOT NULL,
    kind text DEFAULT 'webhook'::text NOT NULL,
    state text DEFAULT 'ok'::text NOT NULL,
    state_since timestamp with time zone DEFAULT now() NOT NULL,
    reason text,
    open_until timestamp with time zone,
    strikes integer DEFAULT 0 NOT NULL,
    fail_since timestamp with time zone,
    last_ok timestamp with time zone,
    config_hash text,
    holder text,
    instance uuid,
    held_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    epoch bigint DEFAULT 0 NOT NULL,
    batch bigint DEFAULT 0 NOT NULL,
    made_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT endpoint_state_check CHECK ((state = ANY (ARRAY['ok'::text, 'throttled'::text, 'failing'::text, 'quarantined'::text, 'disabled'::text])))
)
WITH (fillfactor='50');
ALTER TABLE alert.endpoint ALTER COLUMN endpoint_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME alert.endpoint_endpoint_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE alert.event ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME alert.event_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE alert.open (
    endpoint_id integer NOT NULL,
    seq bigint NOT NULL,
    state text NOT NULL,
    reason text,
    attempts integer DEFAULT 0 NOT NULL,
    next_at timestamp with time zone,
    dedup text NOT NULL,
    last_code integer,
    last_error text,
    made_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT open_check CHECK (((state = 'retry'::text) = (next_at IS NOT NULL))),
    CONSTRAINT open_state_check CHECK ((state = ANY (ARRAY['retry'::text, 'held'::text, 'dead'::text])))
)
WITH (fillfactor='70');
CREATE TABLE alert.type (
    type text NOT NULL,
    severity smallint NOT NULL,
    CONSTRAINT type_severity_check CHECK (((severity >= 0) AND (severity <= 4)))
);
CREATE TABLE inv.asset (
    asset_id uuid DEFAULT gen_random_uuid() NOT NULL,
    zone_id integer NOT NULL,
    made_at timestamp with time zone DEFAULT now() NOT NULL,
    label text,
    note text,
    grade "char" DEFAULT 'p'::"char" NOT NULL
);
CREATE TABLE inv.asset_key (
    zone_id integer NOT NULL,
    kind smallint NOT NULL,
    key text NOT NULL,
    asset_id uuid NOT NULL,
    since timestamp with time zone NOT NULL,
    until timestamp with time zone DEFAULT 'infinity'::timestamp with time zone NOT NULL
);
CREATE TABLE inv.asset_place (
    asset_id uuid NOT NULL,
    zone_id integer NOT NULL,
    addr inet NOT NULL
);
CREATE SEQUENCE inv.attr_id
    START WITH 100
    INCREMENT BY 1
    MINVALUE 100
    NO MAXVALUE
    CACHE 1;
CREATE TABLE inv.block (
    block_id integer NOT NULL,
    zone_id integer NOT NULL,
    lo inet NOT NULL,
    hi inet NOT NULL,
    retired_at timestamp with time zone,
    CONSTRAINT block_check CHECK (((lo <= hi) AND (family(lo) = family(hi))))
);
ALTER TABLE inv.block ALTER COLUMN block_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME inv.block_block_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE inv.change_2026_10 (
    at timestamp with time zone NOT NULL,
    old_since timestamp with time zone,
    seen_at timestamp with time zone,
    noted_at timestamp with time zone DEFAULT now() NOT NULL,
    change_id bigint NOT NULL,
    tx xid8 DEFAULT pg_current_xact_id() NOT NULL,
    zone_id integer NOT NULL,
    slot integer NOT NULL,
    attr_id integer NOT NULL,
    profile_id integer NOT NULL,
    cause "char" NOT NULL,
    news boolean NOT NULL,
    addr inet NOT NULL,
    old_value uuid,
    new_value uuid,
    CONSTRAINT change_check CHECK (((old_value IS NOT NULL) OR (new_value IS NOT NULL))),
    CONSTRAINT change_check1 CHECK (((old_value IS NULL) = (old_since IS NULL))),
    CONSTRAINT change_check2 CHECK ((old_since < at))
);
CREATE TABLE inv.change_2026_11 (
    at timestamp with time zone NOT NULL,
    old_since timestamp with time zone,
    seen_at timestamp with time zone,
    noted_at timestamp with time zone DEFAULT now() NOT NULL,
    change_id bigint NOT NULL,
    tx xid8 DEFAULT pg_current_xact_id() NOT NULL,
    zone_id integer NOT NULL,
    slot integer NOT NULL,
    attr_id integer NOT NULL,
    profile_id integer NOT NULL,
    cause "char" NOT NULL,
    news boolean NOT NULL,
    addr inet NOT NULL,
    old_value uuid,
    new_value uuid,
    CONSTRAINT change_check CHECK (((old_value IS NOT NULL) OR (new_value IS NOT NULL))),
    CONSTRAINT change_check1 CHECK (((old_value IS NULL) = (old_since IS NULL))),
    CONSTRAINT change_check2 CHECK ((old_since < at))
);
CREATE TABLE inv.change_2026_12 (
    at timestamp with time zone NOT NULL,
    old_since timestamp with time zone,
    seen_at timestamp with time zone,
    noted_at timestamp with time zone DEFAULT now() NOT NULL,
    change_id bigint NOT NULL,
    tx xid8 DEFAULT pg_current_xact_id() NOT NULL,
    zone_id integer NOT NULL,
    slot integer NOT NULL,
    attr_id integer NOT NULL,
    profile_id integer NOT NULL,
    cause "char" NOT NULL,
    news boolean NOT NULL,
    addr inet NOT NULL,
    old_value uuid,
    new_value uuid,
    CONSTRAINT change_check CHECK (((old_value IS NOT NULL) OR (new_value IS NOT NULL))),
    CONSTRAINT change_check1 CHECK (((old_value IS NULL) = (old_since IS NULL))),
    CONSTRAINT change_check2 CHECK ((old_since < at))
);
CREATE TABLE inv.change_2027_01 (
    at timestamp with time zone NOT NULL,
    old_since timestamp with time zone,
    seen_at timestamp with time zone,
    noted_at timestamp with time zone DEFAULT now() NOT NULL,
    change_id bigint NOT NULL,
    tx xid8 DEFAULT pg_current_xact_id() NOT NULL,
    zone_id integer NOT NULL,
    slot integer NOT NULL,
    attr_id integer NOT NULL,
    profile_id integer NOT NULL,
    cause "char" NOT NULL,
    news boolean NOT NULL,
    addr inet NOT NULL,
    old_value uuid,
    new_value uuid,
    CONSTRAINT change_check CHECK (((old_value IS NOT NULL) OR (new_value IS NOT NULL))),
    CONSTRAINT change_check1 CHECK (((old_value IS NULL) = (old_since IS NULL))),
    CONSTRAINT change_check2 CHECK ((old_since < at))
);
CREATE TABLE inv.change_2027_02 (
    at timestamp with time zone NOT NULL,
    old_since timestamp with time zone,
    seen_at timestamp with time zone,
    noted_at timestamp with time zone DEFAULT now() NOT NULL,
    change_id bigint NOT NULL,
    tx xid8 DEFAULT pg_current_xact_id() NOT NULL,
    zone_id integer NOT NULL,
    slot integer NOT NULL,
    attr_id integer NOT NULL,
    profile_id integer NOT NULL,
    cause "char" NOT NULL,
    news boolean NOT NULL,
    addr inet NOT NULL,
    old_value uuid,
    new_value uuid,
    CONSTRAINT change_check CHECK (((old_value IS NOT NULL) OR (new_value IS NOT NULL))),
    CONSTRAINT change_check1 CHECK (((old_value IS NULL) = (old_since IS NULL))),
    CONSTRAINT change_check2 CHECK ((old_since < at))
);
CREATE TABLE inv.change_2027_03 (
    at timestamp with time zone NOT NULL,
    old_since timestamp with time zone,
    seen_at timestamp with time zone,
    noted_at timestamp with time zone DEFAULT now() NOT NULL,
    change_id bigint NOT NULL,
    tx xid8 DEFAULT pg_current_xact_id() NOT NULL,
    zone_id integer NOT NULL,
    slot integer NOT NULL,
    attr_id integer NOT NULL,
    profile_id integer NOT NULL,
    cause "char" NOT NULL,
    news boolean NOT NULL,
    addr inet NOT NULL,
    old_value uuid,
    new_value uuid,
    CONSTRAINT change_check CHECK (((old_value IS NOT NULL) OR (new_value IS NOT NULL))),
    CONSTRAINT change_check1 CHECK (((old_value IS NULL) = (old_since IS NULL))),
    CONSTRAINT change_check2 CHECK ((old_since < at))
);
ALTER TABLE inv.change ALTER COLUMN change_id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME inv.change_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE inv.change_stray (
    at timestamp with time zone NOT NULL,
    old_since timestamp with time zone,
    seen_at timestamp with time zone,
    noted_at timestamp with time zone DEFAULT now() NOT NULL,
    change_id bigint NOT NULL,
    tx xid8 DEFAULT pg_current_xact_id() NOT NULL,
    zone_id integer NOT NULL,
    slot integer NOT NULL,
    attr_id integer NOT NULL,
    profile_id integer NOT NULL,
    cause "char" NOT NULL,
    news boolean NOT NULL,
    addr inet NOT NULL,
    old_value uuid,
    new_value uuid,
    CONSTRAINT change_check CHECK (((old_value IS NOT NULL) OR (new_value IS NOT NULL))),
    CONSTRAINT change_check1 CHECK (((old_value IS NULL) = (old_since IS NULL))),
    CONSTRAINT change_check2 CHECK ((old_since < at))
);
CREATE TABLE inv.coverage (
    at timestamp with time zone NOT NULL,
    from_at timestamp with time zone NOT NULL,
    zone_id integer NOT NULL,
    block_id integer NOT NULL,
    profile_id integer NOT NULL,
    sensor_id integer,
    set_id integer,
    fence bigint NOT NULL,
    parts integer NOT NULL,
    complete boolean NOT NULL,
    method text,
    scope inet[],
    blind inet[],
    up integer NOT NULL,
    down integer NOT NULL,
    opened integer NOT NULL,
    altered integer NOT NULL,
    closed integer NOT NULL,
    probes bigint,
    retransmissions bigint,
    drops bigint,
    loss real,
    rate_pps real
)
PARTITION BY RANGE (at);
CREATE TABLE inv.coverage_2026_10 (
    at timestamp with time zone NOT NULL,
    from_at timestamp with time zone NOT NULL,
    zone_id integer NOT NULL,
    block_id integer NOT NULL,
    profile_id integer NOT NULL,
    sensor_id integer,
    set_id integer,
    fence bigint NOT NULL,
    parts integer NOT NULL,
    complete boolean NOT NULL,
    method text,
    scope inet[],
    blind inet[],
    up integer NOT NULL,
    down integer NOT NULL,
    opened integer NOT NULL,
    altered integer NOT NULL,
    closed integer NOT NULL,
    probes bigint,
    retransmissions bigint,
    drops bigint,
    loss real,
    rate_pps real
);
CREATE TABLE inv.coverage_2026_11 (
    at timestamp with time zone NOT NULL,
    from_at timestamp with time zone NOT NULL,
    zone_id integer NOT NULL,
    block_id integer NOT NULL,
    profile_id integer NOT NULL,
    sensor_id integer,
    set_id integer,
    fence bigint NOT NULL,
    parts integer NOT NULL,
    complete boolean NOT NULL,
    method text,
    scope inet[],
    blind inet[],
    up integer NOT NULL,
    down integer NOT NULL,
    opened integer NOT NULL,
    altered integer NOT NULL,
    closed integer NOT NULL,
    probes bigint,
    retransmissions bigint,
    drops bigint,
    loss real,
    rate_pps real
);
CREATE TABLE inv.coverage_2026_12 (
    at timestamp with time zone NOT NULL,
    from_at timestamp with time zone NOT NULL,
    zone_id integer NOT NULL,
    block_id integer NOT NULL,
    profile_id integer NOT NULL,
    sensor_id integer,
    set_id integer,
    fence bigint NOT NULL,
    parts integer NOT NULL,
    complete boolean NOT NULL,
    method text,
    scope inet[],
    blind inet[],
    up integer NOT NULL,
    down integer NOT NULL,
    opened integer NOT NULL,
    altered integer NOT NULL,
    closed integer NOT NULL,
    probes bigint,
    retransmissions bigint,
    drops bigint,
    loss real,
    rate_pps real
);
CREATE TABLE inv.coverage_2027_01 (
    at timestamp with time zone NOT NULL,
    from_at timestamp with time zone NOT NULL,
    zone_id integer NOT NULL,
    block_id integer NOT NULL,
    profile_id integer NOT NULL,
    sensor_id integer,
    set_id integer,
    fence bigint NOT NULL,
    parts integer NOT NULL,
    complete boolean NOT NULL,
    method text,
    scope inet[],
    blind inet[],
    up integer NOT NULL,
    down integer NOT NULL,
    opened integer NOT NULL,
    altered integer NOT NULL,
    closed integer NOT NULL,
    probes bigint,
    retransmissions bigint,
    drops bigint,
    loss real,
    rate_pps real
);
CREATE TABLE inv.coverage_2027_02 (
    at timestamp with time zone NOT NULL,
    from_at timestamp with time zone NOT NULL,
    zone_id integer NOT NULL,
    block_id integer NOT NULL,
    profile_id integer NOT NULL,
    sensor_id integer,
    set_id integer,
    fence bigint NOT NULL,
    parts integer NOT NULL,
    complete boolean NOT NULL,
    method text,
    scope inet[],
    blind inet[],
    up integer NOT NULL,
    down integer NOT NULL,
    opened integer NOT NULL,
    altered integer NOT NULL,
    closed integer NOT NULL,
    probes bigint,
    retransmissions bigint,
    drops bigint,
    loss real,
    rate_pps real
);
CREATE TABLE inv.coverage_2027_03 (
    at timestamp with time zone NOT NULL,
    from_at timestamp with time zone NOT NULL,
    zone_id integer NOT NULL,
    block_id integer NOT NULL,
    profile_id integer NOT NULL,
    sensor_id integer,
    set_id integer,
    fence bigint NOT NULL,
    parts integer NOT NULL,
    complete boolean NOT NULL,
    method text,
    scope inet[],
    blind inet[],
    up integer NOT NULL,
    down integer NOT NULL,
    opened integer NOT NULL,
    altered integer NOT NULL,
    closed integer NOT NULL,
    probes bigint,
    retransmissions bigint,
    drops bigint,
    loss real,
    rate_pps real
);
CREATE TABLE inv.coverage_stray (
    at timestamp with time zone NOT NULL,
    from_at timestamp with time zone NOT NULL,
    zone_id integer NOT NULL,
    block_id integer NOT NULL,
    profile_id integer NOT NULL,
    sensor_id integer,
    set_id integer,
    fence bigint NOT NULL,
    parts integer NOT NULL,
    complete boolean NOT NULL,
    method text,
    scope inet[],
    blind inet[],
    up integer NOT NULL,
    down integer NOT NULL,
    opened integer NOT NULL,
    altered integer NOT NULL,
    closed integer NOT NULL,
    probes bigint,
    retransmissions bigint,
    drops bigint,
    loss real,
    rate_pps real
);
CREATE TABLE inv.doubt (
    zone_id integer NOT NULL,
    addr inet NOT NULL,
    slot integer NOT NULL,
    attr_id integer NOT NULL,
    profile_id integer NOT NULL,
    misses smallint NOT NULL,
    first_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.05');
CREATE TABLE inv.fact_now (
    since timestamp with time zone NOT NULL,
    zone_id integer NOT NULL,
    slot integer NOT NULL,
    attr_id integer NOT NULL,
    value uuid NOT NULL,
    strength smallint NOT NULL,
    addr inet NOT NULL
)
WITH (fillfactor='90', autovacuum_vacuum_scale_factor='0.05');
CREATE SEQUENCE inv.fence
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE inv.host_covered (
    zone_id integer NOT NULL,
    addr inet NOT NULL,
    profile_id integer NOT NULL,
    since timestamp with time zone NOT NULL
);
CREATE TABLE inv.host_note (
    zone_id integer NOT NULL,
    addr inet NOT NULL,
    reason text,
    ttl smallint,
    vendor text
);
CREATE TABLE inv.port_name (
    slot integer NOT NULL,
    name text NOT NULL
);
ALTER TABLE inv.profile ALTER COLUMN profile_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME inv.profile_profile_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE inv.schedule ALTER COLUMN schedule_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME inv.schedule_schedule_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE inv.script_set (
    set_id integer NOT NULL,
    attrs integer[] NOT NULL
);
ALTER TABLE inv.script_set ALTER COLUMN set_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME inv.script_set_set_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE inv.sensor (
    sensor_id integer NOT NULL,
    name text NOT NULL,
    instance uuid,
    greeted_at timestamp with time zone
);
ALTER TABLE inv.sensor ALTER COLUMN sensor_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME inv.sensor_sensor_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE inv.value_script (
    value uuid NOT NULL,
    output text,
    data jsonb,
    kept_at date DEFAULT CURRENT_DATE NOT NULL
);
CREATE TABLE inv.value_service (
    value uuid NOT NULL,
    name text,
    product text,
    version text,
    extra text,
    hostname text,
    os text,
    device text,
    tunnel text,
    cpe text[] DEFAULT '{}'::text[] NOT NULL,
    kept_at date DEFAULT CURRENT_DATE NOT NULL
);
CREATE TABLE inv.value_text (
    value uuid NOT NULL,
    body text NOT NULL,
    kept_at date DEFAULT CURRENT_DATE NOT NULL
);
ALTER TABLE inv.zone ALTER COLUMN zone_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME inv.zone_zone_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE ops.installation (
    one boolean DEFAULT true NOT NULL,
    installation_id uuid DEFAULT gen_random_uuid() NOT NULL,
    digest_key bytea DEFAULT sha256((uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))) NOT NULL,
    system_identifier bigint DEFAULT (pg_control_system()).system_identifier NOT NULL,
    CONSTRAINT installation_one_check CHECK (one)
);
CREATE TABLE ops.migration (
    version integer NOT NULL,
    name text NOT NULL,
    sha256 bytea NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL,
    by_program text NOT NULL,
    took_ms integer
);
CREATE VIEW report.asset AS
SELECT
    NULL::uuid AS asset_id,
    NULL::text AS zone,
    NULL::text AS name,
    NULL::text AS state,
    NULL::inet[] AS addresses,
    NULL::text[] AS macs,
    NULL::text AS vendor,
    NULL::text AS hostname,
    NULL::integer AS open_ports,
    NULL::timestamp with time zone AS first_seen,
    NULL::timestamp with time zone AS last_seen,
    NULL::text AS label,
    NULL::text AS note;
COMMENT ON VIEW report.asset IS 'the things on the network, by evidence: MAC address where one is seen, else address';
COMMENT ON COLUMN report.asset.asset_id IS 'the asset (report.asset)';
COMMENT ON COLUMN report.asset.zone IS 'routing domain; the same address may be in use in two zones';
COMMENT ON COLUMN report.asset.name IS 'label, else reverse name, else address';
COMMENT ON COLUMN report.asset.state IS 'present if any of its addresses is; unknown if none is and nobody has looked lately; else absent';
COMMENT ON COLUMN report.asset.addresses IS 'the addresses it holds';
COMMENT ON COLUMN report.asset.macs IS 'MAC addresses that identify it';
COMMENT ON COLUMN report.asset.vendor IS 'maker, from the MAC address';
COMMENT ON COLUMN report.asset.hostname IS 'name that was told or looked up';
COMMENT ON COLUMN report.asset.open_ports IS 'open ports on all its addresses';
COMMENT ON COLUMN report.asset.first_seen IS 'when it was first seen in the zone';
COMMENT ON COLUMN report.asset.last_seen IS 'last positive evidence';
COMMENT ON COLUMN report.asset.label IS 'name given by a person';
COMMENT ON COLUMN report.asset.note IS 'remark of a person';
CREATE VIEW report.attempt AS
 SELECT a.at,
    n.name AS endpoint,
    e.id AS event,
    a.n,
    a.outcome,
    a.code,
    a.curl,
    a.error,
    a.ms,
    a.bytes_out,
    a.bytes_in,
    a.new_conn,
    a.remote,
    a.answer
   FROM ((alert.attempt a
     JOIN alert.endpoint n USING (endpoint_id))
     LEFT JOIN alert.event e USING (seq));
COMMENT ON VIEW report.attempt IS 'each attempt to deliver an event';
COMMENT ON COLUMN report.attempt.at IS 'when it ended or was written';
COMMENT ON COLUMN report.attempt.endpoint IS 'name of the webhook endpoint in the configuration';
COMMENT ON COLUMN report.attempt.event IS 'id of the event';
COMMENT ON COLUMN report.attempt.n IS 'number of the attempt';
COMMENT ON COLUMN report.attempt.outcome IS 'ok, throttled, transient, endpoint, message, ours';
COMMENT ON COLUMN report.attempt.code IS 'HTTP status; NULL: no answer';
COMMENT ON COLUMN report.attempt.curl IS 'error code of libcurl; 0: none';
COMMENT ON COLUMN report.attempt.error IS 'what went wrong';
COMMENT ON COLUMN report.attempt.ms IS 'milliseconds';
COMMENT ON COLUMN report.attempt.bytes_out IS 'bytes sent';
COMMENT ON COLUMN report.attempt.bytes_in IS 'bytes received';
COMMENT ON COLUMN report.attempt.new_conn IS 'a connection was made for it';
COMMENT ON COLUMN report.attempt.remote IS 'address it was sent to';
COMMENT ON COLUMN report.attempt.answer IS 'first bytes of the answer';
CREATE VIEW report.coverage AS
 SELECT z.name AS zone,
    b.lo AS first_address,
    b.hi AS last_address,
    p.name AS pass,
    p.kind,
    p.slots,
    p.every,
    s.last_from,
    s.last_at,
    s.visits,
    s.wanted_at,
    s.due_at,
    (s.sensor_id IS NOT NULL) AS running,
    n.name AS sensor,
    cardinality(s.asked) AS asked,
    (s.tries)::integer AS tries,
    ( SELECT (count(*))::integer AS count
           FROM inv.doubt d
          WHERE ((d.zone_id = s.zone_id) AND ((d.addr >= b.lo) AND (d.addr <= b.hi)) AND (d.profile_id = s.profile_id) AND (d.misses > 0))) AS doubts
   FROM ((((inv.schedule s
     JOIN inv.block b USING (block_id))
     JOIN inv.zone z ON ((z.zone_id = s.zone_id)))
     JOIN inv.profile p USING (profile_id))
     LEFT JOIN inv.sensor n USING (sensor_id))
  WHERE (s.retired_at IS NULL);
COMMENT ON VIEW report.coverage IS 'what is looked at, how fresh it is, and what comes next: one row per block and pass';
COMMENT ON COLUMN report.coverage.zone IS 'routing domain; the same address may be in use in two zones';
COMMENT ON COLUMN report.coverage.first_address IS 'of the block, inside';
COMMENT ON COLUMN report.coverage.last_address IS 'of the block, inside';
COMMENT ON COLUMN report.coverage.pass IS 'name of the pass in the configuration';
COMMENT ON COLUMN report.coverage.kind IS 'presence, ports, services or scripts';
COMMENT ON COLUMN report.coverage.slots IS 'ports of the pass: transport * 65536 + port';
COMMENT ON COLUMN report.coverage.every IS 'interval of full visits';
COMMENT ON COLUMN report.coverage.last_from IS 'start of the last complete visit';
COMMENT ON COLUMN report.coverage.last_at IS 'end of the last complete visit; NULL: never';
COMMENT ON COLUMN report.coverage.visits IS 'complete visits so far';
COMMENT ON COLUMN report.coverage.wanted_at IS 'when the next full visit should start; late when this has passed';
COMMENT ON COLUMN report.coverage.due_at IS 'when the next visit may start: confirmations come before the full one';
COMMENT ON COLUMN report.coverage.running IS 'a sensor is at it';
COMMENT ON COLUMN report.coverage.sensor IS 'the engine that was or is at it';
COMMENT ON COLUMN report.coverage.asked IS 'addresses that someone wants visited at once';
COMMENT ON COLUMN report.coverage.tries IS 'attempts since the last complete visit';
COMMENT ON COLUMN report.coverage.doubts IS 'facts that were missed and wait for confirmation';
CREATE VIEW report.delivery AS
 SELECT n.name AS endpoint,
    e.id AS event,
    e.seq,
    e.type,
    (ARRAY['debug'::text, 'info'::text, 'warning'::text, 'high'::text, 'critical'::text])[(e.severity + 1)] AS severity,
    e.zone,
    e.subject,
    (e.body ->> 'summary'::text) AS summary,
    e.at AS created_at,
        CASE
            WHEN (o.state IS NOT NULL) THEN o.state
            WHEN (ROW(e.xid, e.seq) > ROW(c.xid, c.seq)) THEN 'waiting'::text
            WHEN (a.outcome = 'ok'::text) THEN 'delivered'::text
            ELSE 'passed'::text
        END AS state,
    COALESCE(a.n, 0) AS attempts,
    o.next_at,
    a.at AS last_at,
    a.code,
    COALESCE(a.error, o.last_error) AS error,
    o.reason
   FROM ((((alert.event e
     CROSS JOIN alert.endpoint n)
     JOIN alert.cursor c USING (endpoint_id))
     LEFT JOIN alert.open o ON (((o.endpoint_id = n.endpoint_id) AND (o.seq = e.seq))))
     LEFT JOIN LATERAL ( SELECT x.n,
            x.at,
            x.code,
            x.error,
            x.outcome
           FROM alert.attempt x
          WHERE ((x.seq = e.seq) AND (x.endpoint_id = n.endpoint_id))
          ORDER BY x.n DESC
         LIMIT 1) a ON (true))
  WHERE (NOT e.baseline);
COMMENT ON VIEW report.delivery IS 'each event on its way to each endpoint';
COMMENT ON COLUMN report.delivery.endpoint IS 'name of the webhook endpoint in the configuration';
COMMENT ON COLUMN report.delivery.event IS 'the webhook-id';
COMMENT ON COLUMN report.delivery.seq IS 'number of the event';
COMMENT ON COLUMN report.delivery.type IS 'what happened: port.opened ...';
COMMENT ON COLUMN report.delivery.severity IS 'debug, info, warning, high or critical';
COMMENT ON COLUMN report.delivery.zone IS 'routing domain; the same address may be in use in two zones';
COMMENT ON COLUMN report.delivery.subject IS 'what it is about: host/192.0.2.17/tcp/80/http-title';
COMMENT ON COLUMN report.delivery.summary IS 'one sentence';
COMMENT ON COLUMN report.delivery.created_at IS 'when it was noted';
COMMENT ON COLUMN report.delivery.state IS 'waiting, retry, held (behind another of its subject), dead, delivered, passed (not sent: older than the endpoint, or skipped)';
COMMENT ON COLUMN report.delivery.attempts IS 'attempts so far';
COMMENT ON COLUMN report.delivery.next_at IS 'next attempt';
COMMENT ON COLUMN report.delivery.last_at IS 'last attempt';
COMMENT ON COLUMN report.delivery.code IS 'HTTP status; NULL: no answer';
COMMENT ON COLUMN report.delivery.error IS 'of the last attempt';
COMMENT ON COLUMN report.delivery.reason IS 'why it is open: transient, message, expired, ours, replay';
CREATE VIEW report.endpoint AS
 SELECT e.name AS endpoint,
    e.kind,
        CASE
            WHEN ((e.held_until < now()) AND (e.state <> 'disabled'::text)) THEN 'unattended'::text
            ELSE e.state
        END AS state,
    e.state_since AS since,
    e.reason,
    w.n AS waiting,
    o.retry,
    o.dead,
    e.last_ok AS last_ok_at,
        CASE
            WHEN (e.open_until > now()) THEN e.open_until
            ELSE NULL::timestamp with time zone
        END AS next_at
   FROM (alert.endpoint e
     JOIN alert.cursor c USING (endpoint_id)),
    LATERAL ( SELECT count(*) AS n
           FROM alert.event v
          WHERE ((ROW(v.xid, v.seq) > ROW(c.xid, c.seq)) AND (NOT v.baseline))) w,
    LATERAL ( SELECT count(*) FILTER (WHERE (p.state <> 'dead'::text)) AS retry,
            count(*) FILTER (WHERE (p.state = 'dead'::text)) AS dead
           FROM alert.open p
          WHERE (p.endpoint_id = e.endpoint_id)) o;
COMMENT ON VIEW report.endpoint IS 'where alerts go, and how that is going';
COMMENT ON COLUMN report.endpoint.endpoint IS 'name of the webhook endpoint in the configuration';
COMMENT ON COLUMN report.endpoint.kind IS 'presence, ports, services or scripts';
COMMENT ON COLUMN report.endpoint.state IS 'ok, throttled, failing, quarantined, disabled; unattended: no musterd delivers';
COMMENT ON COLUMN report.endpoint.since IS 'since when the state is this';
COMMENT ON COLUMN report.endpoint.reason IS 'why the state is this';
COMMENT ON COLUMN report.endpoint.waiting IS 'events it has not come to yet';
COMMENT ON COLUMN report.endpoint.retry IS 'events that failed and are tried again, or wait behind such a one';
COMMENT ON COLUMN report.endpoint.dead IS 'events that were given up: see report.delivery, muster replay';
COMMENT ON COLUMN report.endpoint.last_ok_at IS 'last success';
COMMENT ON COLUMN report.endpoint.next_at IS 'nothing is sent before';
CREATE VIEW report.event AS
 SELECT e.seq,
    e.id,
    e.at,
    e.observed_at,
    e.type,
    (ARRAY['debug'::text, 'info'::text, 'warning'::text, 'high'::text, 'critical'::text])[(e.severity + 1)] AS severity,
    e.zone,
    e.subject,
    (e.body ->> 'summary'::text) AS summary,
    e.baseline,
    e.body,
    e.xid
   FROM alert.event e;
COMMENT ON VIEW report.event IS 'news: what webhooks are told, one row each';
COMMENT ON COLUMN report.event.seq IS 'number of the event';
COMMENT ON COLUMN report.event.id IS 'identity of the event in every delivery';
COMMENT ON COLUMN report.event.at IS 'when it ended or was written';
COMMENT ON COLUMN report.event.observed_at IS 'when it was observed';
COMMENT ON COLUMN report.event.type IS 'what happened: port.opened ...';
COMMENT ON COLUMN report.event.severity IS 'debug, info, warning, high or critical';
COMMENT ON COLUMN report.event.zone IS 'routing domain; the same address may be in use in two zones';
COMMENT ON COLUMN report.event.subject IS 'what it is about: host/192.0.2.17/tcp/80/http-title';
COMMENT ON COLUMN report.event.summary IS 'one sentence';
COMMENT ON COLUMN report.event.baseline IS 'of a first inventory';
COMMENT ON COLUMN report.event.body IS 'what a webhook is told';
COMMENT ON COLUMN report.event.xid IS 'transaction; readers take what is older than every running one';
CREATE VIEW report.host AS
 SELECT z.name AS zone,
    o.addr AS address,
    o.value AS asset_id,
        CASE
            WHEN (c.fresh IS NOT TRUE) THEN 'unknown'::text
            WHEN (h.addr IS NULL) THEN 'absent'::text
            ELSE 'present'::text
        END AS state,
    m.body AS mac,
    n.vendor,
    d.body AS hostname,
    n.reason,
    o.since AS first_seen,
    h.since AS present_since,
        CASE
            WHEN (h.addr IS NULL) THEN g.seen_at
            ELSE COALESCE(q.seen_at, GREATEST(h.since, c.last_at))
        END AS last_seen,
    c.last_at AS last_checked,
    COALESCE((q.misses)::integer, 0) AS misses,
    ( SELECT (count(*))::integer AS count
           FROM inv.fact_now p
          WHERE ((p.zone_id = o.zone_id) AND (p.addr = o.addr) AND (p.attr_id = 10))) AS open_ports
   FROM ((((((((((inv.fact_now o
     JOIN inv.zone z ON ((z.zone_id = o.zone_id)))
     LEFT JOIN inv.fact_now h ON (((h.zone_id = o.zone_id) AND (h.addr = o.addr) AND (h.attr_id = 1))))
     LEFT JOIN inv.doubt q ON (((q.zone_id = o.zone_id) AND (q.addr = o.addr) AND (q.slot = 0) AND (q.attr_id = 1))))
     LEFT JOIN inv.host_note n ON (((n.zone_id = o.zone_id) AND (n.addr = o.addr))))
     LEFT JOIN inv.fact_now fm ON (((fm.zone_id = o.zone_id) AND (fm.addr = o.addr) AND (fm.slot = 0) AND (fm.attr_id = 2))))
     LEFT JOIN inv.value_text m ON ((m.value = fm.value)))
     LEFT JOIN inv.fact_now fd ON (((fd.zone_id = o.zone_id) AND (fd.addr = o.addr) AND (fd.slot = 0) AND (fd.attr_id = 3))))
     LEFT JOIN inv.value_text d ON ((d.value = fd.value)))
     LEFT JOIN LATERAL ( SELECT COALESCE(x.seen_at, x.at) AS seen_at
           FROM inv.change x
          WHERE ((h.addr IS NULL) AND (x.zone_id = o.zone_id) AND (x.addr = o.addr) AND (x.attr_id = 1) AND (x.new_value IS NULL))
          ORDER BY x.at DESC
         LIMIT 1) g ON (true))
     LEFT JOIN LATERAL ( SELECT max(s.last_at) AS last_at,
            bool_or(((s.retired_at IS NULL) AND (s.last_at > ((now() - ((3)::double precision * p.every)) - '00:10:00'::interval)))) AS fresh
           FROM (inv.schedule s
             JOIN inv.profile p USING (profile_id))
          WHERE ((s.block_id = inv.block_of(o.zone_id, o.addr)) AND (p.kind = ANY (ARRAY['presence'::text, 'ports'::text])))) c ON (true))
  WHERE ((o.attr_id = 0) AND (o.slot = 0));
COMMENT ON VIEW report.host IS 'every address that was ever in use, with what holds there now';
COMMENT ON COLUMN report.host.zone IS 'routing domain; the same address may be in use in two zones';
COMMENT ON COLUMN report.host.address IS 'IP address';
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
CREATE VIEW report.script_result AS
 SELECT z.name AS zone,
    s.addr AS address,
    inv.protocol(s.slot) AS protocol,
    NULLIF((s.slot & 65535), 0) AS port,
    a.name AS script,
    v.output,
    v.data,
    (h.addr IS NOT NULL) AS present,
    s.since AS first_seen,
    COALESCE(d.seen_at, GREATEST(s.since, c.last_at)) AS last_seen,
    c.last_at AS last_checked,
    COALESCE((d.misses)::integer, 0) AS misses
   FROM ((((((inv.fact_now s
     JOIN inv.attr a ON (((a.attr_id = s.attr_id) AND (a.kind = 'script'::text))))
     JOIN inv.zone z ON ((z.zone_id = s.zone_id)))
     LEFT JOIN inv.value_script v ON ((v.value = s.value)))
     LEFT JOIN inv.fact_now h ON (((h.zone_id = s.zone_id) AND (h.addr = s.addr) AND (h.attr_id = 1))))
     LEFT JOIN inv.doubt d ON (((d.zone_id = s.zone_id) AND (d.addr = s.addr) AND (d.slot = s.slot) AND (d.attr_id = s.attr_id))))
     LEFT JOIN LATERAL ( SELECT max(q.last_at) AS last_at
           FROM (inv.schedule q
             JOIN inv.script_set x USING (set_id))
          WHERE ((q.block_id = inv.block_of(s.zone_id, s.addr)) AND (s.attr_id = ANY (x.attrs)))) c ON (true));
COMMENT ON VIEW report.script_result IS 'what scripts say, as it holds now';
COMMENT ON COLUMN report.script_result.zone IS 'routing domain; the same address may be in use in two zones';
COMMENT ON COLUMN report.script_result.address IS 'IP address';
COMMENT ON COLUMN report.script_result.protocol IS 'tcp, udp or sctp; NULL: about the host';
COMMENT ON COLUMN report.script_result.port IS 'NULL: a script about the host';
COMMENT ON COLUMN report.script_result.script IS 'script id';
COMMENT ON COLUMN report.script_result.output IS 'the text nmap would print';
COMMENT ON COLUMN report.script_result.data IS 'structured output';
COMMENT ON COLUMN report.script_result.present IS 'its host is there';
COMMENT ON COLUMN report.script_result.first_seen IS 'since when the result is this one';
COMMENT ON COLUMN report.script_result.last_seen IS 'last time the script said so';
COMMENT ON COLUMN report.script_result.last_checked IS 'last complete visit of the block with this script';
COMMENT ON COLUMN report.script_result.misses IS 'runs in a row without this result; gone when enough';
CREATE VIEW report.service AS
 SELECT z.name AS zone,
    s.addr AS address,
    o.value AS asset_id,
    inv.protocol(s.slot) AS protocol,
    (s.slot & 65535) AS port,
    COALESCE(v.name, pn.name) AS service,
    v.product,
    v.version,
    v.extra,
    v.hostname,
    v.os,
    v.device,
    v.tunnel,
    COALESCE(v.cpe, '{}'::text[]) AS cpe,
        CASE
            WHEN (v.value IS NULL) THEN 'table'::text
            ELSE 'probed'::text
        END AS method,
        CASE
            WHEN (c.fresh IS NOT TRUE) THEN 'unknown'::text
            WHEN (h.addr IS NULL) THEN 'dormant'::text
            ELSE 'open'::text
        END AS state,
    s.since AS first_seen,
    COALESCE(d.seen_at, GREATEST(s.since, c.last_at)) AS last_seen,
    c.last_at AS last_checked,
    COALESCE((d.misses)::integer, 0) AS misses
   FROM ((((((((inv.fact_now s
     JOIN inv.zone z ON ((z.zone_id = s.zone_id)))
     LEFT JOIN inv.port_name pn ON ((pn.slot = s.slot)))
     LEFT JOIN inv.fact_now fv ON (((fv.zone_id = s.zone_id) AND (fv.addr = s.addr) AND (fv.slot = s.slot) AND (fv.attr_id = 11))))
     LEFT JOIN inv.value_service v ON ((v.value = fv.value)))
     LEFT JOIN inv.fact_now h ON (((h.zone_id = s.zone_id) AND (h.addr = s.addr) AND (h.attr_id = 1))))
     LEFT JOIN inv.fact_now o ON (((o.zone_id = s.zone_id) AND (o.addr = s.addr) AND (o.slot = 0) AND (o.attr_id = 0))))
     LEFT JOIN inv.doubt d ON (((d.zone_id = s.zone_id) AND (d.addr = s.addr) AND (d.slot = s.slot) AND (d.attr_id = s.attr_id))))
     LEFT JOIN LATERAL ( SELECT max(q.last_at) AS last_at,
            bool_or(((q.retired_at IS NULL) AND (q.last_at > ((now() - ((3)::double precision * p.every)) - '00:10:00'::interval)))) AS fresh
           FROM (inv.schedule q
             JOIN inv.profile p USING (profile_id))
          WHERE ((q.block_id = inv.block_of(s.zone_id, s.addr)) AND (p.kind = 'ports'::text) AND (p.slots @> s.slot))) c ON (true))
  WHERE (s.attr_id = 10);
COMMENT ON VIEW report.service IS 'open ports and what answers on them';
COMMENT ON COLUMN report.service.zone IS 'routing domain; the same address may be in use in two zones';
COMMENT ON COLUMN report.service.address IS 'IP address';
COMMENT ON COLUMN report.service.asset_id IS 'the asset (report.asset)';
COMMENT ON COLUMN report.service.protocol IS 'tcp, udp or sctp; NULL: about the host';
COMMENT ON COLUMN report.service.port IS 'port number; NULL: about the host';
COMMENT ON COLUMN report.service.service IS 'name of the service: probed, else what the port is registered for';
COMMENT ON COLUMN report.service.product IS 'software, as probed';
COMMENT ON COLUMN report.service.version IS 'of the software, as probed';
COMMENT ON COLUMN report.service.extra IS 'what else the service tells';
COMMENT ON COLUMN report.service.hostname IS 'name that was told or looked up';
COMMENT ON COLUMN report.service.os IS 'operating system that the service tells';
COMMENT ON COLUMN report.service.device IS 'kind of device that the service tells';
COMMENT ON COLUMN report.service.tunnel IS 'ssl when the service is inside TLS';
COMMENT ON COLUMN report.service.cpe IS 'names in the Common Platform Enumeration';
COMMENT ON COLUMN report.service.method IS 'probed: the service said so; table: only the port number says so';
COMMENT ON COLUMN report.service.state IS 'open; dormant: open when its host was last there; unknown: nobody has looked lately';
COMMENT ON COLUMN report.service.first_seen IS 'when it was found open';
COMMENT ON COLUMN report.service.last_seen IS 'last time it was seen open';
COMMENT ON COLUMN report.service.last_checked IS 'last complete look at this port of its block';
COMMENT ON COLUMN report.service.misses IS 'looks in a row that did not find it open; closed when enough';
CREATE VIEW report.visit AS
 SELECT v.at,
    v.from_at,
    z.name AS zone,
    b.lo AS first_address,
    b.hi AS last_address,
    p.name AS pass,
    p.kind,
    n.name AS sensor,
    v.method,
    v.complete,
    v.scope,
    v.blind,
    v.up,
    v.down,
    v.opened,
    v.altered,
    v.closed,
    v.probes,
    v.retransmissions,
    v.drops,
    v.loss,
    v.rate_pps
   FROM ((((inv.coverage v
     JOIN inv.block b USING (block_id))
     JOIN inv.zone z ON ((z.zone_id = v.zone_id)))
     JOIN inv.profile p USING (profile_id))
     LEFT JOIN inv.sensor n USING (sensor_id));
COMMENT ON VIEW report.visit IS 'proof of what was looked at, and when';
COMMENT ON COLUMN report.visit.at IS 'when it ended or was written';
COMMENT ON COLUMN report.visit.from_at IS 'when it began';
COMMENT ON COLUMN report.visit.zone IS 'routing domain; the same address may be in use in two zones';
COMMENT ON COLUMN report.visit.first_address IS 'of the block, inside';
COMMENT ON COLUMN report.visit.last_address IS 'of the block, inside';
COMMENT ON COLUMN report.visit.pass IS 'name of the pass in the configuration';
COMMENT ON COLUMN report.visit.kind IS 'presence, ports, services or scripts';
COMMENT ON COLUMN report.visit.sensor IS 'the engine that was or is at it';
COMMENT ON COLUMN report.visit.method IS 'how it looked';
COMMENT ON COLUMN report.visit.complete IS 'false: broken off; only what its parts said counts';
COMMENT ON COLUMN report.visit.scope IS 'these addresses alone; NULL: the whole block';
COMMENT ON COLUMN report.visit.blind IS 'addresses without a conclusive result';
COMMENT ON COLUMN report.visit.up IS 'addresses that answered';
COMMENT ON COLUMN report.visit.down IS 'addresses that were silent';
COMMENT ON COLUMN report.visit.opened IS 'facts that began';
COMMENT ON COLUMN report.visit.altered IS 'facts that changed';
COMMENT ON COLUMN report.visit.closed IS 'facts that ended';
COMMENT ON COLUMN report.visit.probes IS 'probes sent';
COMMENT ON COLUMN report.visit.retransmissions IS 'of them, sent again';
COMMENT ON COLUMN report.visit.drops IS 'frames the kernel dropped before us';
COMMENT ON COLUMN report.visit.loss IS 'share of answers that were lost, 0 to 1';
COMMENT ON COLUMN report.visit.rate_pps IS 'packets per second';
ALTER TABLE ONLY inv.change ATTACH PARTITION inv.change_2026_10 FOR VALUES FROM ('2026-10-01 00:00:00+00') TO ('2026-11-01 00:00:00+00');
ALTER TABLE ONLY inv.change ATTACH PARTITION inv.change_2026_11 FOR VALUES FROM ('2026-11-01 00:00:00+00') TO ('2026-12-01 00:00:00+00');
ALTER TABLE ONLY inv.change ATTACH PARTITION inv.change_2026_12 FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2027-01-01 00:00:00+00');
ALTER TABLE ONLY inv.change ATTACH PARTITION inv.change_2027_01 FOR VALUES FROM ('2027-01-01 00:00:00+00') TO ('2027-02-01 00:00:00+00');
ALTER TABLE ONLY inv.change ATTACH PARTITION inv.change_2027_02 FOR VALUES FROM ('2027-02-01 00:00:00+00') TO ('2027-03-01 00:00:00+00');
ALTER TABLE ONLY inv.change ATTACH PARTITION inv.change_2027_03 FOR VALUES FROM ('2027-03-01 00:00:00+00') TO ('2027-04-01 00:00:00+00');
ALTER TABLE ONLY inv.change ATTACH PARTITION inv.change_stray DEFAULT;
ALTER TABLE ONLY inv.coverage ATTACH PARTITION inv.coverage_2026_10 FOR VALUES FROM ('2026-10-01 00:00:00+00') TO ('2026-11-01 00:00:00+00');
ALTER TABLE ONLY inv.coverage ATTACH PARTITION inv.coverage_2026_11 FOR VALUES FROM ('2026-11-01 00:00:00+00') TO ('2026-12-01 00:00:00+00');
ALTER TABLE ONLY inv.coverage ATTACH PARTITION inv.coverage_2026_12 FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2027-01-01 00:00:00+00');
ALTER TABLE ONLY inv.coverage ATTACH PARTITION inv.coverage_2027_01 FOR VALUES FROM ('2027-01-01 00:00:00+00') TO ('2027-02-01 00:00:00+00');
ALTER TABLE ONLY inv.coverage ATTACH PARTITION inv.coverage_2027_02 FOR VALUES FROM ('2027-02-01 00:00:00+00') TO ('2027-03-01 00:00:00+00');
ALTER TABLE ONLY inv.coverage ATTACH PARTITION inv.coverage_2027_03 FOR VALUES FROM ('2027-03-01 00:00:00+00') TO ('2027-04-01 00:00:00+00');
ALTER TABLE ONLY inv.coverage ATTACH PARTITION inv.coverage_stray DEFAULT;
INSERT INTO alert.cluster VALUES
	(7713205020835326630);
INSERT INTO alert.event OVERRIDING SYSTEM VALUE VALUES
	(1, 'evt_01a2223940d734e30741c0ea73ec96608a75', '752', '2026-11-28 12:55:06.951998+00', '2026-11-28 12:55:06.951998+00', 'script.changed', 1, 'lab', 'host/10.0.0.1/tcp/80/http-title', '8a49d53ae94c7bb0b31b5a9dc1ddf2e311204e35ff3e3311328f88522c297dac', false, '{"new": {"output": "New title"}, "old": {"output": "Old title"}, "zone": "lab", "state": "firing", "labels": {}, "subject": {"host": "10.0.0.1", "kind": "script", "port": 80, "proto": "tcp", "script": "http-title"}, "summary": "http-title of tcp/80 on 10.0.0.1 changed from \"Old title\" to \"New title\"", "severity": "info", "dedup_key": "8a49d53ae94c7bb0b31b5a9dc1ddf2e311204e35ff3e3311328f88522c297dac", "first_seen": "2026-11-28T12:55:04.032274+00:00"}'),
	(2, 'evt_01a2223945805c5c0a76babcbe60b59a7f91', '756', '2026-11-28 12:55:08.183229+00', '2026-11-28 12:55:08.183229+00', 'port.opened', 2, 'lab', 'host/10.0.0.1/tcp/443', 'c0dbda91346655c1f6a0bb170437f889b3af57f2aea14a2144d2cd846ab3e599', false, '{"new": {"state": "open"}, "old": null, "zone": "lab", "state": "firing", "labels": {}, "subject": {"host": "10.0.0.1", "kind": "port", "port": 443, "proto": "tcp"}, "summary": "tcp/443 opened on 10.0.0.1", "severity": "warning", "dedup_key": "c0dbda91346655c1f6a0bb170437f889b3af57f2aea14a2144d2cd846ab3e599", "first_seen": "2026-11-28T12:55:08.183229+00:00"}'),
	(3, 'evt_01a222394d05d41549bad39e354acd252ff3', '760', '2026-11-28 12:55:10.150692+00', '2026-11-28 12:55:10.150692+00', 'host.gone', 2, 'lab', 'host/10.0.0.2', 'cf9b21ea34c62159a6968ba00fe4a784d2b9d0e785c6d98d862e2da2fcc8eaf2', false, '{"new": null, "old": {"asset": "169fa139-d663-41b7-b56b-4bf44a235b9f", "state": "up", "hostname": "two.lab"}, "zone": "lab", "state": "firing", "labels": {}, "subject": {"host": "10.0.0.2", "kind": "host"}, "summary": "10.0.0.2 is gone", "severity": "warning", "dedup_key": "cf9b21ea34c62159a6968ba00fe4a784d2b9d0e785c6d98d862e2da2fcc8eaf2", "first_seen": "2026-11-28T12:54:59.647978+00:00"}');
INSERT INTO alert.type VALUES
	('host.appeared', 2),
	('host.gone', 2),
	('host.returned', 1),
	('host.replaced', 2),
	('port.opened', 2),
	('port.closed', 1),
	('service.changed', 1),
	('script.appeared', 1),
	('script.changed', 1),
	('script.gone', 1),
	('certificate.appeared', 1),
	('certificate.changed', 2),
	('certificate.gone', 1),
	('hostkey.appeared', 1),
	('hostkey.changed', 3),
	('hostkey.gone', 1);
INSERT INTO inv.asset VALUES
	('169fa139-d663-41b7-b56b-4bf44a235b9f', 1, '2026-11-28 12:54:59.647978+00', NULL, NULL, 'p'),
	('3b7b1714-a073-4b5a-bb47-9459b0a1a87c', 1, '2026-11-28 12:54:59.647978+00', NULL, NULL, 'p');
INSERT INTO inv.asset_place VALUES
	('3b7b1714-a073-4b5a-bb47-9459b0a1a87c', 1, '10.0.0.1'),
	('169fa139-d663-41b7-b56b-4bf44a235b9f', 1, '10.0.0.2');
INSERT INTO inv.attr VALUES
	(0, 'holder', 'holder', NULL, '{}'),
	(1, 'presence', 'presence', NULL, '{}'),
	(2, 'text', 'mac', NULL, '{}'),
	(3, 'text', 'hostname', NULL, '{}'),
	(10, 'port', 'port', NULL, '{}'),
	(11, 'service', 'service', NULL, '{}'),
	(100, 'script', 'ssl-cert', 'certificate', '{}'),
	(101, 'script', 'ssh-hostkey', 'hostkey', '{}'),
	(102, 'script', 'bitcoin-info', NULL, '{Timestamp,"Node Id",Lastblock}'),
	(103, 'script', 'ftp-syst', NULL, '{STAT}'),
	(104, 'script', 'http-apache-server-status', NULL, '{"Server Uptime","Server Load",Heading,VHosts}'),
	(105, 'script', 'http-auth', NULL, '{nonce,opaque}'),
	(106, 'script', 'http-date', NULL, '{date,delta}'),
	(107, 'script', 'http-headers', NULL, '{*}'),
	(108, 'script', 'http-security-headers', NULL, '{Expires}'),
	(109, 'script', 'ldap-rootdse', NULL, '{currentTime,highestCommittedUSN}'),
	(110, 'script', 'memcached-info', NULL, '{"Process ID",Uptime,"Server time","Used CPU (user)","Used CPU (system)","Current connections","Total connections"}'),
	(111, 'script', 'mysql-info', NULL, '{"Thread ID",Salt}'),
	(112, 'script', 'nbstat', NULL, '{user}'),
	(113, 'script', 'ntp-info', NULL, '{"receive time stamp",clock,peer,precision,rootdelay,rootdisp,reftime,offset,frequency,sys_jitter,clk_jitter,clk_wander,jitter,noise,stability,mintc,tc,refid,stratum,leap}'),
	(114, 'script', 'redis-info', NULL, '{"Process ID","Used CPU (sys)","Used CPU (user)","Connected clients","Used memory","Client connections"}'),
	(115, 'script', 'rpcinfo', NULL, '{port}'),
	(116, 'script', 'smb-os-discovery', NULL, '{date}'),
	(117, 'script', 'smb2-time', NULL, '{date}'),
	(118, 'script', 'snmp-info', NULL, '{snmpEngineTime}'),
	(119, 'script', 'snmp-interfaces', NULL, '{"Traffic stats"}'),
	(120, 'script', 'snmp-sysdescr', NULL, '{"System uptime"}'),
	(121, 'script', 'ssl-date', NULL, '{date,delta}'),
	(122, 'script', 'http-title', NULL, '{}');
INSERT INTO inv.block OVERRIDING SYSTEM VALUE VALUES
	(1, 1, '10.0.0.0', '10.0.0.255', NULL);
INSERT INTO inv.change_2026_11 VALUES
	('2026-11-28 12:54:59.647978+00', NULL, NULL, '2026-11-28 12:54:59.647978+00', 1, '740', 1, 0, 1, 1, 'o', false, '10.0.0.1', NULL, '00000000-0000-0000-0000-000000000001'),
	('2026-11-28 12:54:59.647978+00', NULL, NULL, '2026-11-28 12:54:59.647978+00', 2, '740', 1, 0, 1, 1, 'o', false, '10.0.0.2', NULL, '00000000-0000-0000-0000-000000000001'),
	('2026-11-28 12:54:59.647978+00', NULL, NULL, '2026-11-28 12:54:59.647978+00', 3, '740', 1, 0, 0, 1, 'o', false, '10.0.0.1', NULL, '3b7b1714-a073-4b5a-bb47-9459b0a1a87c'),
	('2026-11-28 12:54:59.647978+00', NULL, NULL, '2026-11-28 12:54:59.647978+00', 4, '740', 1, 0, 0, 1, 'o', false, '10.0.0.2', NULL, '169fa139-d663-41b7-b56b-4bf44a235b9f'),
	('2026-11-28 12:54:59.647978+00', NULL, NULL, '2026-11-28 12:54:59.647978+00', 5, '740', 1, 0, 3, 1, 'o', false, '10.0.0.1', NULL, '3bf8c097-968f-41df-2a93-b77035359f2d'),
	('2026-11-28 12:54:59.647978+00', NULL, NULL, '2026-11-28 12:54:59.647978+00', 6, '740', 1, 0, 3, 1, 'o', false, '10.0.0.2', NULL, '8037697f-31dd-b709-7bbb-b55ad0ae9eff'),
	('2026-11-28 12:55:00.980989+00', NULL, NULL, '2026-11-28 12:55:00.980989+00', 7, '744', 1, 393238, 10, 2, 'o', false, '10.0.0.1', NULL, '00000000-0000-0000-0000-000000000001'),
	('2026-11-28 12:55:00.980989+00', NULL, NULL, '2026-11-28 12:55:00.980989+00', 8, '744', 1, 393296, 10, 2, 'o', false, '10.0.0.1', NULL, '00000000-0000-0000-0000-000000000001'),
	('2026-11-28 12:55:00.980989+00', NULL, NULL, '2026-11-28 12:55:00.980989+00', 9, '744', 1, 393238, 10, 2, 'o', false, '10.0.0.2', NULL, '00000000-0000-0000-0000-000000000001'),
	('2026-11-28 12:55:04.032274+00', NULL, NULL, '2026-11-28 12:55:04.032274+00', 10, '748', 1, 393296, 122, 3, 'o', false, '10.0.0.1', NULL, 'bdee7d3e-a62b-4cf1-6899-1f608e0d9df9'),
	('2026-11-28 12:55:04.032274+00', NULL, NULL, '2026-11-28 12:55:04.032274+00', 11, '748', 1, 393238, 101, 3, 'o', false, '10.0.0.2', NULL, '3c6e0b8a-9c15-224a-8228-b9a98ca1531d'),
	('2026-11-28 12:55:06.951998+00', '2026-11-28 12:55:04.032274+00', NULL, '2026-11-28 12:55:06.951998+00', 12, '752', 1, 393296, 122, 3, 'v', true, '10.0.0.1', 'bdee7d3e-a62b-4cf1-6899-1f608e0d9df9', 'eca63d9e-84f6-7b96-2895-7065d31471fb'),
	('2026-11-28 12:55:08.183229+00', NULL, NULL, '2026-11-28 12:55:08.183229+00', 13, '756', 1, 393659, 10, 2, 'o', true, '10.0.0.1', NULL, '00000000-0000-0000-0000-000000000001'),
	('2026-11-28 12:55:10.150692+00', '2026-11-28 12:54:59.647978+00', '2026-11-28 12:55:00.293587+00', '2026-11-28 12:55:10.150692+00', 14, '760', 1, 0, 1, 1, 'c', true, '10.0.0.2', '00000000-0000-0000-0000-000000000001', NULL);
INSERT INTO inv.coverage_2026_11 VALUES
	('2026-11-28 12:55:00.276051+00', '2026-11-28 12:54:58.256301+00', 1, 1, 1, 1, NULL, 1, 1, true, 'syn', NULL, NULL, 2, 0, 6, 0, 0, 1, 0, 0, 0, 1),
	('2026-11-28 12:55:01.666995+00', '2026-11-28 12:55:00.579064+00', 1, 1, 2, 1, NULL, 2, 1, true, 'syn', NULL, NULL, 2, 0, 3, 0, 0, 1, 0, 0, 0, 1),
	('2026-11-28 12:55:04.658505+00', '2026-11-28 12:55:02.054111+00', 1, 1, 3, 1, 1, 3, 1, true, 'syn', NULL, NULL, 2, 0, 2, 0, 0, 1, 0, 0, 0, 1),
	('2026-11-28 12:55:07.507179+00', '2026-11-28 12:55:05.007655+00', 1, 1, 3, 1, 1, 4, 1, true, 'syn', NULL, NULL, 2, 0, 0, 1, 0, 1, 0, 0, 0, 1),
	('2026-11-28 12:55:08.837153+00', '2026-11-28 12:55:07.837118+00', 1, 1, 2, 1, NULL, 5, 1, true, 'syn', NULL, NULL, 2, 0, 1, 0, 0, 1, 0, 0, 0, 1),
	('2026-11-28 12:55:10.837049+00', '2026-11-28 12:55:09.111274+00', 1, 1, 1, 1, NULL, 6, 1, true, 'syn', NULL, NULL, 1, 1, 0, 0, 1, 1, 0, 0, 0, 1);
INSERT INTO inv.fact_now VALUES
	('2026-11-28 12:54:59.647978+00', 1, 0, 1, '00000000-0000-0000-0000-000000000001', 2, '10.0.0.1'),
	('2026-11-28 12:54:59.647978+00', 1, 0, 0, '3b7b1714-a073-4b5a-bb47-9459b0a1a87c', 0, '10.0.0.1'),
	('2026-11-28 12:54:59.647978+00', 1, 0, 0, '169fa139-d663-41b7-b56b-4bf44a235b9f', 0, '10.0.0.2'),
	('2026-11-28 12:54:59.647978+00', 1, 0, 3, '3bf8c097-968f-41df-2a93-b77035359f2d', 0, '10.0.0.1'),
	('2026-11-28 12:54:59.647978+00', 1, 0, 3, '8037697f-31dd-b709-7bbb-b55ad0ae9eff', 0, '10.0.0.2'),
	('2026-11-28 12:55:00.980989+00', 1, 393238, 10, '00000000-0000-0000-0000-000000000001', 0, '10.0.0.1'),
	('2026-11-28 12:55:00.980989+00', 1, 393296, 10, '00000000-0000-0000-0000-000000000001', 0, '10.0.0.1'),
	('2026-11-28 12:55:00.980989+00', 1, 393238, 10, '00000000-0000-0000-0000-000000000001', 0, '10.0.0.2'),
	('2026-11-28 12:55:04.032274+00', 1, 393238, 101, '3c6e0b8a-9c15-224a-8228-b9a98ca1531d', 0, '10.0.0.2'),
	('2026-11-28 12:55:06.951998+00', 1, 393296, 122, 'eca63d9e-84f6-7b96-2895-7065d31471fb', 0, '10.0.0.1'),
	('2026-11-28 12:55:08.183229+00', 1, 393659, 10, '00000000-0000-0000-0000-000000000001', 0, '10.0.0.1');
INSERT INTO inv.host_covered VALUES
	(1, '10.0.0.1', 2, '2026-11-28 12:55:00.980989+00'),
	(1, '10.0.0.2', 2, '2026-11-28 12:55:00.980989+00');
INSERT INTO inv.host_note VALUES
	(1, '10.0.0.1', NULL, NULL, NULL),
	(1, '10.0.0.2', NULL, NULL, NULL);
INSERT INTO inv.port_name VALUES
	(393238, 'ssh');
INSERT INTO inv.profile OVERRIDING SYSTEM VALUE VALUES
	(1, 1, 'p', 'presence', '{}', 1, '01:00:00', '00:00:01', NULL),
	(2, 1, 'q', 'ports', '{[393216,458751)}', 1, '01:00:00', '00:00:01', NULL),
	(3, 1, 's', 'scripts', '{}', 1, '01:00:00', '00:00:01', NULL);
INSERT INTO inv.schedule OVERRIDING SYSTEM VALUE VALUES
	(3, 1, 1, 3, 'scripts', '2026-11-28 12:55:09.099233+00', '2026-11-28 12:55:09.099233+00', 4, NULL, 0, 0, '{10.0.0.1}', '2026-11-28 12:55:05.007655+00', NULL, 1, 'syn', 1, 2, 0, 0, 1, 0, '{}', '2026-11-28 12:55:05.007655+00', '2026-11-28 12:55:07.518012+00', 2, NULL),
	(2, 1, 1, 2, 'ports', '2026-11-28 12:55:09.099233+00', '2026-11-28 12:55:09.099233+00', 5, NULL, 0, 0, '{}', '2026-11-28 12:55:07.837118+00', NULL, 1, 'syn', NULL, 2, 0, 1, 0, 0, '{}', '2026-11-28 12:55:07.837118+00', '2026-11-28 12:55:08.865573+00', 2, NULL),
	(1, 1, 1, 1, 'presence', '2026-11-28 13:55:09.099233+00', '2026-11-28 13:55:09.099233+00', 6, NULL, 0, 0, '{}', '2026-11-28 12:55:09.111274+00', NULL, 1, 'syn', NULL, 1, 1, 0, 0, 1, '{}', '2026-11-28 12:55:09.111274+00', '2026-11-28 12:55:10.869269+00', 2, NULL);
INSERT INTO inv.script_set OVERRIDING SYSTEM VALUE VALUES
	(1, '{101,122}');
INSERT INTO inv.sensor OVERRIDING SYSTEM VALUE VALUES
	(1, 'old', '2d749c6b-8f0d-4d86-bbe8-287c5a0e522f', '2026-11-28 12:54:57.684424+00');
INSERT INTO inv.value_script VALUES
	('bdee7d3e-a62b-4cf1-6899-1f608e0d9df9', 'Old title', NULL, '2026-11-28'),
	('3c6e0b8a-9c15-224a-8228-b9a98ca1531d', 'key', NULL, '2026-11-28'),
	('eca63d9e-84f6-7b96-2895-7065d31471fb', 'New title', NULL, '2026-11-28');
INSERT INTO inv.value_text VALUES
	('3bf8c097-968f-41df-2a93-b77035359f2d', 'one.lab', '2026-11-28'),
	('8037697f-31dd-b709-7bbb-b55ad0ae9eff', 'two.lab', '2026-11-28');
INSERT INTO inv.zone OVERRIDING SYSTEM VALUE VALUES
	(1, 'lab', 1, NULL);
INSERT INTO ops.installation VALUES
	(true, '9735a131-c20f-4b10-a600-8f33080f3c3f', '\x7fcfdd7a40b9e6bf2fae4053aa7a9d0a3dc11549276e8cc6546ba94fa419a8d3', 7713205020835326630);
INSERT INTO ops.migration VALUES
	(1, '0001_inventory.sql', '\xb4bff7be249524ee8a050b3c61a23577186553847bbfeae3c6f0fcc1bc6be7c8', '2026-11-28 12:54:56.125725+00', 'old', NULL),
	(2, '0002_api.sql', '\x1319dc7610ff942d35a019fc31ec8cca6fcb90cd3241a0a77eeac0f9d4dc5753', '2026-11-28 12:54:56.820154+00', 'old', NULL),
	(3, '0003_delivery.sql', '\xc95b65db427a582a07ec6ccdf0f2298ca831b9ccce7fff832c495eaf3a42d7ca', '2026-11-28 12:54:56.860639+00', 'old', NULL),
	(10, '0010_report.sql', '\x2f00efb64f4462db2e4e3c386f1456e71d3f349024b3c2afc8cba93e72c5791f', '2026-11-28 12:54:56.916026+00', 'old', NULL),
	(11, '0011_roles.sql', '\x6a5a3a10b8b03401d15fc0575fdeabc7738dc147e8a26fa2b75605914cbc5904', '2026-11-28 12:54:56.955977+00', 'old', NULL),
	(12, '0012_volatile.sql', '\xb48db2e65784a3262a93a5b545cc6b8668b86f2853e7090ac8cf952457f6155d', '2026-11-28 12:54:56.971587+00', 'old', NULL);
SELECT pg_catalog.setval('alert.endpoint_endpoint_id_seq', 1, false);
SELECT pg_catalog.setval('alert.event_seq_seq', 3, true);
SELECT pg_catalog.setval('inv.attr_id', 122, true);
SELECT pg_catalog.setval('inv.block_block_id_seq', 1, true);
SELECT pg_catalog.setval('inv.change_change_id_seq', 14, true);
SELECT pg_catalog.setval('inv.fence', 6, true);
SELECT pg_catalog.setval('inv.profile_profile_id_seq', 3, true);
SELECT pg_catalog.setval('inv.schedule_schedule_id_seq', 3, true);
SELECT pg_catalog.setval('inv.script_set_set_id_seq', 1, true);
SELECT pg_catalog.setval('inv.sensor_sensor_id_seq', 1, true);
SELECT pg_catalog.setval('inv.zone_zone_id_seq', 1, true);
ALTER TABLE ONLY alert.cursor
    ADD CONSTRAINT cursor_pkey PRIMARY KEY (endpoint_id);
ALTER TABLE ONLY alert.endpoint
    ADD CONSTRAINT endpoint_name_key UNIQUE (name);
ALTER TABLE ONLY alert.endpoint
    ADD CONSTRAINT endpoint_pkey PRIMARY KEY (endpoint_id);
ALTER TABLE ONLY alert.event
    ADD CONSTRAINT event_id_key UNIQUE (id);
ALTER TABLE ONLY alert.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (seq);
ALTER TABLE ONLY alert.open
    ADD CONSTRAINT open_pkey PRIMARY KEY (endpoint_id, seq);
ALTER TABLE ONLY alert.type
    ADD CONSTRAINT type_pkey PRIMARY KEY (type);
ALTER TABLE ONLY inv.asset_key
    ADD CONSTRAINT asset_key_pkey PRIMARY KEY (zone_id, kind, key, asset_id);
ALTER TABLE ONLY inv.asset
    ADD CONSTRAINT asset_pkey PRIMARY KEY (asset_id);
ALTER TABLE ONLY inv.asset_place
    ADD CONSTRAINT asset_place_pkey PRIMARY KEY (asset_id, zone_id, addr);
ALTER TABLE ONLY inv.attr
    ADD CONSTRAINT attr_kind_name_key UNIQUE (kind, name);
ALTER TABLE ONLY inv.attr
    ADD CONSTRAINT attr_pkey PRIMARY KEY (attr_id);
ALTER TABLE ONLY inv.block
    ADD CONSTRAINT block_pkey PRIMARY KEY (block_id);
ALTER TABLE ONLY inv.block
    ADD CONSTRAINT block_zone_id_lo_hi_key UNIQUE (zone_id, lo, hi);
ALTER TABLE ONLY inv.doubt
    ADD CONSTRAINT doubt_pk PRIMARY KEY (zone_id, addr, slot, attr_id);
ALTER TABLE ONLY inv.fact_now
    ADD CONSTRAINT fact_now_pk PRIMARY KEY (zone_id, addr, slot, attr_id);
ALTER TABLE ONLY inv.host_covered
    ADD CONSTRAINT host_covered_pk PRIMARY KEY (zone_id, addr, profile_id);
ALTER TABLE ONLY inv.host_note
    ADD CONSTRAINT host_note_pk PRIMARY KEY (zone_id, addr);
ALTER TABLE ONLY inv.port_name
    ADD CONSTRAINT port_name_pkey PRIMARY KEY (slot);
ALTER TABLE ONLY inv.profile
    ADD CONSTRAINT profile_pkey PRIMARY KEY (profile_id);
ALTER TABLE ONLY inv.schedule
    ADD CONSTRAINT schedule_block_id_profile_id_key UNIQUE (block_id, profile_id);
ALTER TABLE ONLY inv.schedule
    ADD CONSTRAINT schedule_pkey PRIMARY KEY (schedule_id);
ALTER TABLE ONLY inv.script_set
    ADD CONSTRAINT script_set_attrs_key UNIQUE (attrs);
ALTER TABLE ONLY inv.script_set
    ADD CONSTRAINT script_set_pkey PRIMARY KEY (set_id);
ALTER TABLE ONLY inv.sensor
    ADD CONSTRAINT sensor_name_key UNIQUE (name);
ALTER TABLE ONLY inv.sensor
    ADD CONSTRAINT sensor_pkey PRIMARY KEY (sensor_id);
ALTER TABLE ONLY inv.value_script
    ADD CONSTRAINT value_script_pkey PRIMARY KEY (value);
ALTER TABLE ONLY inv.value_service
    ADD CONSTRAINT value_service_pkey PRIMARY KEY (value);
ALTER TABLE ONLY inv.value_text
    ADD CONSTRAINT value_text_pkey PRIMARY KEY (value);
ALTER TABLE ONLY inv.zone
    ADD CONSTRAINT zone_name_key UNIQUE (name);
ALTER TABLE ONLY inv.zone
    ADD CONSTRAINT zone_pkey PRIMARY KEY (zone_id);
ALTER TABLE ONLY ops.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (one);
ALTER TABLE ONLY ops.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (version);
CREATE INDEX attempt_event ON alert.attempt USING btree (seq, endpoint_id);
CREATE INDEX attempt_when ON alert.attempt USING brin (at) WITH (pages_per_range='32');
CREATE INDEX event_order ON alert.event USING btree (xid, seq);
CREATE INDEX event_when ON alert.event USING brin (at) WITH (pages_per_range='32');
CREATE INDEX open_due ON alert.open USING btree (endpoint_id, next_at) WHERE (state = 'retry'::text);
CREATE INDEX open_subject ON alert.open USING btree (endpoint_id, dedup, seq) WHERE (state <> 'dead'::text);
CREATE INDEX asset_key_asset ON inv.asset_key USING btree (asset_id);
CREATE UNIQUE INDEX asset_key_live ON inv.asset_key USING btree (zone_id, kind, key) WHERE (until = 'infinity'::timestamp with time zone);
CREATE INDEX change_order ON ONLY inv.change USING btree (tx, change_id);
CREATE INDEX change_2026_10_tx_change_id_idx ON inv.change_2026_10 USING btree (tx, change_id);
CREATE INDEX change_subject ON ONLY inv.change USING btree (zone_id, addr, at);
CREATE INDEX change_2026_10_zone_id_addr_at_idx ON inv.change_2026_10 USING btree (zone_id, addr, at);
CREATE INDEX change_2026_11_tx_change_id_idx ON inv.change_2026_11 USING btree (tx, change_id);
CREATE INDEX change_2026_11_zone_id_addr_at_idx ON inv.change_2026_11 USING btree (zone_id, addr, at);
CREATE INDEX change_2026_12_tx_change_id_idx ON inv.change_2026_12 USING btree (tx, change_id);
CREATE INDEX change_2026_12_zone_id_addr_at_idx ON inv.change_2026_12 USING btree (zone_id, addr, at);
CREATE INDEX change_2027_01_tx_change_id_idx ON inv.change_2027_01 USING btree (tx, change_id);
CREATE INDEX change_2027_01_zone_id_addr_at_idx ON inv.change_2027_01 USING btree (zone_id, addr, at);
CREATE INDEX change_2027_02_tx_change_id_idx ON inv.change_2027_02 USING btree (tx, change_id);
CREATE INDEX change_2027_02_zone_id_addr_at_idx ON inv.change_2027_02 USING btree (zone_id, addr, at);
CREATE INDEX change_2027_03_tx_change_id_idx ON inv.change_2027_03 USING btree (tx, change_id);
CREATE INDEX change_2027_03_zone_id_addr_at_idx ON inv.change_2027_03 USING btree (zone_id, addr, at);
CREATE INDEX change_stray_tx_change_id_idx ON inv.change_stray USING btree (tx, change_id);
CREATE INDEX change_stray_zone_id_addr_at_idx ON inv.change_stray USING btree (zone_id, addr, at);
CREATE INDEX coverage_when ON ONLY inv.coverage USING brin (at) WITH (pages_per_range='32');
CREATE INDEX coverage_2026_10_at_idx ON inv.coverage_2026_10 USING brin (at) WITH (pages_per_range='32');
CREATE INDEX coverage_where ON ONLY inv.coverage USING btree (block_id, at);
CREATE INDEX coverage_2026_10_block_id_at_idx ON inv.coverage_2026_10 USING btree (block_id, at);
CREATE INDEX coverage_2026_11_at_idx ON inv.coverage_2026_11 USING brin (at) WITH (pages_per_range='32');
CREATE INDEX coverage_2026_11_block_id_at_idx ON inv.coverage_2026_11 USING btree (block_id, at);
CREATE INDEX coverage_2026_12_at_idx ON inv.coverage_2026_12 USING brin (at) WITH (pages_per_range='32');
CREATE INDEX coverage_2026_12_block_id_at_idx ON inv.coverage_2026_12 USING btree (block_id, at);
CREATE INDEX coverage_2027_01_at_idx ON inv.coverage_2027_01 USING brin (at) WITH (pages_per_range='32');
CREATE INDEX coverage_2027_01_block_id_at_idx ON inv.coverage_2027_01 USING btree (block_id, at);
CREATE INDEX coverage_2027_02_at_idx ON inv.coverage_2027_02 USING brin (at) WITH (pages_per_range='32');
CREATE INDEX coverage_2027_02_block_id_at_idx ON inv.coverage_2027_02 USING btree (block_id, at);
CREATE INDEX coverage_2027_03_at_idx ON inv.coverage_2027_03 USING brin (at) WITH (pages_per_range='32');
CREATE INDEX coverage_2027_03_block_id_at_idx ON inv.coverage_2027_03 USING btree (block_id, at);
CREATE INDEX coverage_stray_at_idx ON inv.coverage_stray USING brin (at) WITH (pages_per_range='32');
CREATE INDEX coverage_stray_block_id_at_idx ON inv.coverage_stray USING btree (block_id, at);
CREATE INDEX fact_now_present ON inv.fact_now USING btree (zone_id, addr) WHERE (attr_id = 1);
CREATE UNIQUE INDEX profile_live ON inv.profile USING btree (zone_id, name) WHERE (retired_at IS NULL);
CREATE INDEX schedule_due ON inv.schedule USING btree (kind, due_at) WHERE (retired_at IS NULL);
CREATE INDEX value_service_cpe ON inv.value_service USING gin (cpe);
CREATE INDEX value_service_product ON inv.value_service USING btree (product, version);
ALTER INDEX inv.change_order ATTACH PARTITION inv.change_2026_10_tx_change_id_idx;
ALTER INDEX inv.change_subject ATTACH PARTITION inv.change_2026_10_zone_id_addr_at_idx;
ALTER INDEX inv.change_order ATTACH PARTITION inv.change_2026_11_tx_change_id_idx;
ALTER INDEX inv.change_subject ATTACH PARTITION inv.change_2026_11_zone_id_addr_at_idx;
ALTER INDEX inv.change_order ATTACH PARTITION inv.change_2026_12_tx_change_id_idx;
ALTER INDEX inv.change_subject ATTACH PARTITION inv.change_2026_12_zone_id_addr_at_idx;
ALTER INDEX inv.change_order ATTACH PARTITION inv.change_2027_01_tx_change_id_idx;
ALTER INDEX inv.change_subject ATTACH PARTITION inv.change_2027_01_zone_id_addr_at_idx;
ALTER INDEX inv.change_order ATTACH PARTITION inv.change_2027_02_tx_change_id_idx;
ALTER INDEX inv.change_subject ATTACH PARTITION inv.change_2027_02_zone_id_addr_at_idx;
ALTER INDEX inv.change_order ATTACH PARTITION inv.change_2027_03_tx_change_id_idx;
ALTER INDEX inv.change_subject ATTACH PARTITION inv.change_2027_03_zone_id_addr_at_idx;
ALTER INDEX inv.change_order ATTACH PARTITION inv.change_stray_tx_change_id_idx;
ALTER INDEX inv.change_subject ATTACH PARTITION inv.change_stray_zone_id_addr_at_idx;
ALTER INDEX inv.coverage_when ATTACH PARTITION inv.coverage_2026_10_at_idx;
ALTER INDEX inv.coverage_where ATTACH PARTITION inv.coverage_2026_10_block_id_at_idx;
ALTER INDEX inv.coverage_when ATTACH PARTITION inv.coverage_2026_11_at_idx;
ALTER INDEX inv.coverage_where ATTACH PARTITION inv.coverage_2026_11_block_id_at_idx;
ALTER INDEX inv.coverage_when ATTACH PARTITION inv.coverage_2026_12_at_idx;
ALTER INDEX inv.coverage_where ATTACH PARTITION inv.coverage_2026_12_block_id_at_idx;
ALTER INDEX inv.coverage_when ATTACH PARTITION inv.coverage_2027_01_at_idx;
ALTER INDEX inv.coverage_where ATTACH PARTITION inv.coverage_2027_01_block_id_at_idx;
ALTER INDEX inv.coverage_when ATTACH PARTITION inv.coverage_2027_02_at_idx;
ALTER INDEX inv.coverage_where ATTACH PARTITION inv.coverage_2027_02_block_id_at_idx;
ALTER INDEX inv.coverage_when ATTACH PARTITION inv.coverage_2027_03_at_idx;
ALTER INDEX inv.coverage_where ATTACH PARTITION inv.coverage_2027_03_block_id_at_idx;
ALTER INDEX inv.coverage_when ATTACH PARTITION inv.coverage_stray_at_idx;
ALTER INDEX inv.coverage_where ATTACH PARTITION inv.coverage_stray_block_id_at_idx;
CREATE OR REPLACE VIEW report.asset AS
 SELECT a.asset_id,
    z.name AS zone,
    COALESCE(a.label, min(h.hostname), host(min(h.address))) AS name,
        CASE
            WHEN bool_or((h.state = 'present'::text)) THEN 'present'::text
            WHEN bool_or((h.state = 'unknown'::text)) THEN 'unknown'::text
            ELSE 'absent'::text
        END AS state,
    array_agg(h.address ORDER BY h.address) AS addresses,
    ( SELECT array_agg(k.key ORDER BY k.since) AS array_agg
           FROM inv.asset_key k
          WHERE ((k.asset_id = a.asset_id) AND (k.kind = 1) AND (k.until = 'infinity'::timestamp with time zone))) AS macs,
    min(h.vendor) AS vendor,
    min(h.hostname) AS hostname,
    (sum(h.open_ports))::integer AS open_ports,
    a.made_at AS first_seen,
    max(h.last_seen) AS last_seen,
    a.label,
    a.note
   FROM (((inv.asset a
     JOIN inv.zone z USING (zone_id))
     JOIN inv.asset_place l ON ((l.asset_id = a.asset_id)))
     JOIN report.host h ON (((h.zone = z.name) AND (h.address = l.addr))))
  GROUP BY a.asset_id, z.name;
CREATE TRIGGER hint AFTER INSERT ON alert.event REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION alert.hint();
ALTER TABLE ONLY alert.cursor
    ADD CONSTRAINT cursor_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES alert.endpoint(endpoint_id) ON DELETE CASCADE;
ALTER TABLE ONLY alert.open
    ADD CONSTRAINT open_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES alert.endpoint(endpoint_id) ON DELETE CASCADE;
ALTER TABLE ONLY inv.asset_key
    ADD CONSTRAINT asset_key_asset_id_fkey FOREIGN KEY (asset_id) REFERENCES inv.asset(asset_id) ON DELETE CASCADE;
ALTER TABLE ONLY inv.asset
    ADD CONSTRAINT asset_zone_id_fkey FOREIGN KEY (zone_id) REFERENCES inv.zone(zone_id);
ALTER TABLE ONLY inv.block
    ADD CONSTRAINT block_zone_id_fkey FOREIGN KEY (zone_id) REFERENCES inv.zone(zone_id);
ALTER TABLE ONLY inv.profile
    ADD CONSTRAINT profile_zone_id_fkey FOREIGN KEY (zone_id) REFERENCES inv.zone(zone_id);
ALTER TABLE ONLY inv.schedule
    ADD CONSTRAINT schedule_block_id_fkey FOREIGN KEY (block_id) REFERENCES inv.block(block_id);
ALTER TABLE ONLY inv.schedule
    ADD CONSTRAINT schedule_profile_id_fkey FOREIGN KEY (profile_id) REFERENCES inv.profile(profile_id);
