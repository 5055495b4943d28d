-- What files of other scanners tell (muster import): facts that nobody has looked at since.
--
-- A file is a memory, no look.  It says what was there at its time and nothing of what is there now; so it only opens facts that the
-- inventory does not hold, with the file's time as their begin, and where a sensor has looked since, the sensor knows better.  It closes and
-- alters nothing, covers nothing (a port that opens later is no news because of it), and nothing of it is news: years of files would be a storm.
-- Facts are written by api.apply_visit(), as those of sensors are: the visit is of a pass that asks no port, so it can miss none, and tells
-- every host as not finished, so what it does not tell of one is no miss either.
--
-- The pass is the zone's own, "(import)", which no configuration can name.  It is born retired: it is never due.

-- What was found by hearsay gives way to every method.
CREATE OR REPLACE FUNCTION inv.presence_strength(p_method text) RETURNS int2 LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p_method IN ('arp', 'nd', 'localhost') THEN 3 WHEN p_method IN ('connect', 'import') THEN 1 ELSE 2 END::int2 $$;

-- Where to: the zone, its pass, and the key of digests.
CREATE FUNCTION api.import_begin(p_zone text, OUT zone_id int4, OUT zone text, OUT digest_key text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
#variable_conflict use_column
DECLARE v_names text := (SELECT string_agg(z.name, ', ' ORDER BY z.name) FROM zone z WHERE z.retired_at IS NULL);
BEGIN
  IF v_names IS NULL THEN
    RAISE EXCEPTION 'the inventory has no zone yet: start musterd once with its configuration' USING ERRCODE = 'M0002';
  END IF;
  IF p_zone IS NULL AND v_names ~ ', ' THEN
    RAISE EXCEPTION 'there are several zones, say which one with --zone: %', v_names USING ERRCODE = 'M0002';
  END IF;
  SELECT z.zone_id, z.name INTO zone_id, zone FROM zone z WHERE z.retired_at IS NULL AND (p_zone IS NULL OR z.name = p_zone);
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no zone ''%''; there are: %', p_zone, v_names USING ERRCODE = 'M0002';
  END IF;
  PERFORM pg_advisory_xact_lock(7310868735425770594);         -- as api.sync_config does it
  IF NOT EXISTS (SELECT FROM profile p WHERE p.zone_id = import_begin.zone_id AND p.name = '(import)') THEN
    INSERT INTO profile(zone_id, name, kind, misses, every, confirm, retired_at) VALUES (import_begin.zone_id, '(import)', 'ports', 2, '1 day', '30 s', now());
  END IF;
  SELECT encode(i.digest_key, 'hex') INTO digest_key FROM ops.installation i;
END $$;

-- Makes the months of the ledger in which facts will begin, in a transaction of its own: its locks are strong, and that of a file is long.
-- Not without limit: every question reads the plan of all months.  Ten years of them, those of the inventory's own time among them; what would need more is
-- refused as a whole, as a fact that began later than it was seen would be a lie.
CREATE FUNCTION api.import_room(p_at timestamptz[]) RETURNS int4
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  c_most CONSTANT int4 := 120;
  d timestamptz; n int4 := 0; v_has int4 := (SELECT count(*) FROM ops.months('inv.change'));
  v_new timestamptz[] := ARRAY(SELECT q.m FROM (SELECT DISTINCT date_trunc('month', LEAST(a, now())) AS m FROM unnest(p_at) a) q
                                WHERE to_regclass('inv.change' || to_char(q.m, '_YYYY_MM')) IS NULL ORDER BY 1);
BEGIN
  IF v_has + cardinality(v_new) > c_most AND v_new <> '{}' THEN
    RAISE EXCEPTION 'the ledger has % months, at most % with those of files, and lacks % in which its hosts were seen; the first is %',
      v_has, c_most, cardinality(v_new), to_char(v_new[1], 'YYYY-MM') USING ERRCODE = 'M0002';
  END IF;
  FOREACH d IN ARRAY v_new LOOP
    BEGIN
      EXECUTE format('CREATE TABLE inv.%I PARTITION OF inv.change FOR VALUES FROM (%L) TO (%L)', 'change' || to_char(d, '_YYYY_MM'), d, d + interval '1 month');
      n := n + 1;
    EXCEPTION WHEN check_violation THEN NULL;                 -- rows of that month went astray before: these will, too
    END;
  END LOOP;
  RETURN n;
END $$;

-- The blocks in which the addresses lie (NULL: in no network of the zone), and the right to write there until the transaction ends.
-- All are locked before anything is written, in one order: sensors hold one of them, and wait for nothing that this transaction has.
CREATE FUNCTION api.import_blocks(p_zone int4, p_addr inet[]) RETURNS TABLE (block_id int4)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
#variable_conflict use_column
DECLARE v_blocks int4[]; v_some int4[]; b int4;
BEGIN
  v_blocks := ARRAY(
    SELECT (SELECT CASE WHEN q.hi >= t.a THEN q.block_id END
              FROM (SELECT b.block_id, b.hi FROM block b WHERE b.zone_id = p_zone AND b.lo <= t.a AND b.retired_at IS NULL ORDER BY b.lo DESC LIMIT 1) q)
      FROM unnest(p_addr) WITH ORDINALITY t(a, o) ORDER BY t.o);
  v_some := ARRAY(SELECT DISTINCT u FROM unnest(v_blocks) u WHERE u IS NOT NULL ORDER BY 1);
  -- (each lock has its place in a table of the server that is not large)
  IF cardinality(v_some) > 4000 THEN
    RAISE EXCEPTION 'its hosts lie in % blocks of 256 addresses, at most 4000 go in one transaction: split the file', cardinality(v_some) USING ERRCODE = 'M0002';
  END IF;
  FOREACH b IN ARRAY v_some LOOP PERFORM pg_advisory_xact_lock(731086874, b); END LOOP;
  RETURN QUERY SELECT u FROM unnest(v_blocks) WITH ORDINALITY t(u, o) ORDER BY o;
END $$;

-- Where sensors have looked at a range since a time: at who is there (looked: everywhere, asked: at these addresses), at which ports, at what
-- runs there, with which scripts.
CREATE FUNCTION inv.looks_since(p_zone int4, p_lo inet, p_hi inet, p_at timestamptz,
                                OUT looked bool, OUT asked inet[], OUT slots int4multirange, OUT services bool, OUT scripts int4[])
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  -- (the blocks may have been cut anew since)
  SELECT COALESCE(bool_or(s.last_at > p_at AND p.kind IN ('presence', 'ports')), false), COALESCE(bool_or(s.last_at > p_at AND p.kind = 'services'), false),
         COALESCE(range_agg(p.slots) FILTER (WHERE s.last_at > p_at AND p.kind = 'ports'), '{}')
    INTO looked, services, slots
    FROM inv.block o JOIN inv.schedule s ON s.block_id = o.block_id JOIN inv.profile p ON p.profile_id = s.profile_id
   WHERE o.zone_id = p_zone AND o.lo <= p_hi AND o.hi >= p_lo;
  asked := CASE WHEN looked THEN '{}' ELSE ARRAY(
    SELECT DISTINCT a FROM inv.block o JOIN inv.coverage v ON v.block_id = o.block_id JOIN inv.profile p ON p.profile_id = v.profile_id, unnest(v.scope) a
     WHERE o.zone_id = p_zone AND o.lo <= p_hi AND o.hi >= p_lo AND v.at > p_at AND v.complete AND p.kind IN ('presence', 'ports')) END;
  scripts := ARRAY(
    SELECT DISTINCT a FROM inv.script_set x, unnest(x.attrs) a
     WHERE x.set_id IN (SELECT v.set_id FROM inv.block o JOIN inv.coverage v ON v.block_id = o.block_id
                         WHERE o.zone_id = p_zone AND o.lo <= p_hi AND o.hi >= p_lo AND v.at > p_at AND v.complete AND v.scope IS NULL));
END $$;

-- Some hosts of a block as a file saw them; parameters as those of api.apply_visit(), bodies of all values.  p_at: when.
--   new_hosts, opened  what the inventory did not know    same, differ  facts that it holds already, with that value or another (kept)
--   older  hosts of which something is known that is as new as the file, or that a later look did not find
--   other  hosts whose address another MAC address has
CREATE FUNCTION api.import_part(
  p_zone int4, p_block int4, p_at timestamptz, h_addr inet[], h_mac macaddr[], h_reason text[], h_ttl int2[], h_vendor text[],
  p_names text[], f_host int4[], f_slot int4[], f_attr int4[], f_value uuid[], b_value uuid[], b_kind "char"[], b_body text[], n_slot int4[], n_name text[],
  OUT new_hosts int4, OUT opened int4, OUT same int4, OUT differ int4, OUT older int4, OUT other int4)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = inv, pg_temp
SET enable_seqscan = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
  b block%ROWTYPE; k record; v_ids int4[] := '{}'; v_here bool[]; v_held bool[]; v_take bool[]; v_facts int4[]; v_keep int4[];
  v_schedule int8; v_fence int8 := nextval('fence'); v_verdict "char";
BEGIN
  new_hosts := 0; opened := 0; same := 0; differ := 0; older := 0; other := 0;
  PERFORM pg_advisory_xact_lock(731086874, p_block);
  SELECT * INTO STRICT b FROM block q WHERE q.block_id = p_block AND q.zone_id = p_zone;
  p_at := LEAST(p_at, clock_timestamp());
  IF cardinality(p_names) > 0 THEN v_ids := script_attrs(p_names); END IF;
  SELECT * INTO k FROM looks_since(p_zone, b.lo, b.hi, p_at);

  SELECT array_agg(q.here ORDER BY o), array_agg(q.held ORDER BY o), array_agg(NOT q.newer AND NOT q.elsewhere ORDER BY o),
         count(*) FILTER (WHERE q.newer), count(*) FILTER (WHERE q.elsewhere AND NOT q.newer)
    INTO v_here, v_held, v_take, older, other
    FROM (SELECT h.o, n.here, n.held, n.elsewhere,
                 n.known OR NOT n.here AND (k.looked OR h.addr = ANY(k.asked))
                 OR EXISTS (SELECT FROM change c WHERE c.zone_id = p_zone AND c.addr = h.addr AND c.at >= p_at)
                 OR EXISTS (SELECT FROM doubt d WHERE d.zone_id = p_zone AND d.addr = h.addr AND d.last_at >= p_at) AS newer
            FROM unnest(h_addr) WITH ORDINALITY h(addr, o),
                 LATERAL (SELECT COALESCE(bool_or(f.attr_id = 1), false) AS here, COALESCE(bool_or(f.attr_id = 0), false) AS held,
                                 COALESCE(bool_or(f.since >= p_at), false) AS known,
                                 COALESCE(bool_or(f.attr_id = 2 AND f.value <> (SELECT t.value FROM unnest(f_host, f_attr, f_value) t(host, attr, value)
                                                                                 WHERE t.host = h.o AND t.attr = 2)), false) AS elsewhere
                            FROM fact_now f WHERE f.zone_id = p_zone AND f.addr = h.addr) n) q;

  -- (a detail of a port that is held was looked for with it; that of one that nobody knew, or of a host that nobody knew, was not)
  WITH t AS MATERIALIZED (
    SELECT t.o::int4 AS o, t.host, t.slot, CASE WHEN t.attr < 0 THEN v_ids[-t.attr] ELSE t.attr END AS attr_id, t.value, h_addr[t.host] AS addr
      FROM unnest(f_host, f_slot, f_attr, f_value) WITH ORDINALITY t(host, slot, attr, value, o) WHERE v_take[t.host]),
  n AS MATERIALIZED (
    SELECT t.*, f.value AS old FROM t LEFT JOIN fact_now f ON f.zone_id = p_zone AND f.addr = t.addr AND f.slot = t.slot AND f.attr_id = t.attr_id),
  ports AS MATERIALIZED (
    SELECT n.host, n.slot, n.old IS NOT NULL AS held FROM n WHERE n.attr_id = 10 AND (n.old IS NOT NULL OR NOT v_here[n.host] OR NOT k.slots @> n.slot)),
  w AS (
    SELECT n.o, n.host, n.old, n.value, n.old IS NULL AND CASE
             WHEN n.slot <> 0 AND n.attr_id = 10 THEN p.host IS NOT NULL
             WHEN n.slot <> 0 AND p.host IS NULL THEN false
             WHEN NOT v_here[n.host] OR n.slot <> 0 AND NOT p.held THEN true
             WHEN n.attr_id IN (2, 3) THEN NOT (k.looked OR n.addr = ANY(k.asked))
             WHEN n.attr_id = 11 THEN NOT k.services
             ELSE NOT n.attr_id = ANY(k.scripts) END AS opens
      FROM n LEFT JOIN ports p ON p.host = n.host AND p.slot = n.slot AND n.slot <> 0)
  SELECT COALESCE(array_agg(w.o) FILTER (WHERE w.opens), '{}'), count(*) FILTER (WHERE w.old = w.value), count(*) FILTER (WHERE w.old <> w.value),
         COALESCE(array_agg(DISTINCT w.host) FILTER (WHERE w.opens), '{}')
    INTO v_facts, same, differ, v_keep FROM w;
  v_keep := ARRAY(SELECT q.o FROM (SELECT generate_series(1, cardinality(h_addr)) AS o) q WHERE v_take[q.o] AND (NOT v_here[q.o] OR q.o = ANY(v_keep)) ORDER BY 1);
  IF v_keep = '{}' THEN RETURN; END IF;
  new_hosts := (SELECT count(*) FROM unnest(v_keep) u WHERE NOT v_here[u]);

  INSERT INTO schedule(zone_id, block_id, profile_id, kind, sensor_id, fence, claimed_at, retired_at)
  SELECT p_zone, p_block, p.profile_id, p.kind, 0, v_fence, p_at, now() FROM profile p WHERE p.zone_id = p_zone AND p.name = '(import)'
  RETURNING schedule_id INTO STRICT v_schedule;
  SELECT a.verdict, a.opened INTO v_verdict, opened FROM (
    SELECT array_agg(h_addr[u] ORDER BY u) AS addr, array_agg(CASE WHEN NOT v_held[u] THEN h_mac[u] END ORDER BY u) AS mac,
           array_agg(h_reason[u] ORDER BY u) AS reason, array_agg(h_ttl[u] ORDER BY u) AS ttl, array_agg(h_vendor[u] ORDER BY u) AS vendor,
           cardinality(v_keep) AS n FROM unnest(v_keep) u) h,
    LATERAL (
      SELECT COALESCE(array_agg(array_position(v_keep, f_host[u]) ORDER BY u), '{}') AS host, COALESCE(array_agg(f_slot[u] ORDER BY u), '{}') AS slot,
             COALESCE(array_agg(f_attr[u] ORDER BY u), '{}') AS attr, COALESCE(array_agg(f_value[u] ORDER BY u), '{}') AS value FROM unnest(v_facts) u) f,
    LATERAL api.apply_visit(v_schedule, v_fence, 1, p_at, 'import', h.addr, array_fill('n'::"char", ARRAY[h.n]), array_fill(NULL::uuid, ARRAY[h.n]), h.mac,
      h.reason, h.ttl, h.vendor, p_names, 0, f.host, f.slot, f.attr, f.value, '{}', '{}', '{}', b_value, b_kind, b_body, n_slot, n_name,
      NULL, NULL, NULL, NULL, NULL, NULL) a;
  IF v_verdict <> 'a' THEN RAISE EXCEPTION 'an import was answered with ''%''', v_verdict USING ERRCODE = 'M0001'; END IF;
  DELETE FROM schedule s WHERE s.schedule_id = v_schedule;
END $$;

-- Whether the last complete look until p_seen, of those that look at such things, began after p_at.  Where no proof of looks is kept (retention): yes.
CREATE FUNCTION inv.look_began(p_zone int4, p_addr inet, p_slot int4, p_attr int4, p_seen timestamptz, p_at timestamptz) RETURNS bool LANGUAGE sql STABLE AS $$
  SELECT COALESCE(max(c.from_at) > p_at, true) FROM inv.coverage c JOIN inv.profile p USING (profile_id) LEFT JOIN inv.script_set x ON x.set_id = c.set_id
   WHERE c.block_id = ANY(inv.blocks_of(p_zone, p_addr)) AND c.at > p_at AND c.at <= p_seen AND c.complete AND c.scope IS NULL
     AND CASE WHEN p_attr >= 100 THEN p_attr = ANY(x.attrs) WHEN p_attr = 10 THEN p.kind = 'ports' AND p.slots @> p_slot
              WHEN p_attr = 11 THEN p.kind = 'services' ELSE p.kind IN ('presence', 'ports') END $$;

-- Nothing that a file tells is news, nor that a sensor does not find at its first look what a file told: other tools write the same in other words,
-- and what has changed since the file was written did so unseen.  The first look of a sensor is a baseline here as elsewhere.
-- What a sensor has confirmed since, by a look that began after the import, is news when it changes, also where a reload has cut the blocks anew or given the look to another pass.  A file that is older
-- than the ledger is kept loses its rows there at the next retention: without a row, and with a begin before the horizon, it may have been a file's.
CREATE FUNCTION inv.imports_are_no_news() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
DECLARE v_noted timestamptz; v_told timestamptz; v_seen timestamptz; v_import bool;   -- told: when a file was imported, if that is known
BEGIN
  IF EXISTS (SELECT FROM profile p WHERE p.profile_id = NEW.profile_id AND p.name = '(import)') THEN
    NEW.news := false;
  ELSIF NEW.old_value IS NOT NULL THEN
    SELECT c.noted_at, p.name = '(import)' INTO v_noted, v_import FROM change c LEFT JOIN profile p ON p.profile_id = c.profile_id
     WHERE c.zone_id = NEW.zone_id AND c.addr = NEW.addr AND c.at = NEW.old_since AND c.slot = NEW.slot AND c.attr_id = NEW.attr_id AND c.new_value IS NOT NULL
     LIMIT 1;
    IF NOT FOUND THEN
      v_noted := NEW.old_since;
      v_import := EXISTS (SELECT FROM profile p JOIN horizon h ON h.zone_id = p.zone_id
                           WHERE p.zone_id = NEW.zone_id AND p.name = '(import)' AND NEW.old_since < GREATEST(h.since, h.scripts));
    ELSIF v_import THEN
      v_told := v_noted;
    END IF;
    IF v_import THEN
      v_seen := CASE WHEN NEW.new_value IS NULL THEN NEW.seen_at WHEN NEW.attr_id >= 11 THEN last_look(NEW.zone_id, NEW.addr, NEW.slot, NEW.attr_id) END;
      NEW.news := COALESCE(v_seen > v_noted, false) AND (v_told IS NULL OR look_began(NEW.zone_id, NEW.addr, NEW.slot, NEW.attr_id, v_seen, v_told))
        -- (who it is was not looked at by a pass that had no MAC address; and scripts, too, tell services)
        OR NEW.new_value IS NOT NULL AND NEW.attr_id < 100
           AND EXISTS (SELECT FROM schedule s WHERE s.block_id = ANY(blocks_of(NEW.zone_id, NEW.addr)) AND s.profile_id = NEW.profile_id
                          AND s.last_at > v_noted AND (v_told IS NULL OR s.last_from > v_told));
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER imports_are_no_news BEFORE INSERT ON inv.change FOR EACH ROW WHEN (NEW.news) EXECUTE FUNCTION inv.imports_are_no_news();

-- As before, of those that are news still: whoever writes a change does not see what the trigger makes of it.
CREATE OR REPLACE FUNCTION inv.tell(p_changes int8[]) RETURNS int4 LANGUAGE plpgsql AS $$
DECLARE v int8[] := ARRAY(SELECT c.change_id FROM inv.change c WHERE c.tx = pg_current_xact_id() AND c.change_id = ANY(p_changes) AND c.news);
BEGIN
  IF v = '{}' THEN RETURN 0; END IF;
  INSERT INTO alert.news (first_id, last_id, n) SELECT min(c), max(c), count(*) FROM unnest(v) c;
  NOTIFY alert_event;
  RETURN cardinality(v);
END $$;

-- As before; a sensor looks, and does not import.
CREATE OR REPLACE FUNCTION ops.grant_roles() RETURNS text LANGUAGE plpgsql SET client_min_messages = error AS $$
DECLARE v_missing text[]; f record;
BEGIN
  SELECT COALESCE(array_agg(r ORDER BY r), '{}') INTO v_missing FROM unnest('{muster_reader,muster_sensor,muster_writer,muster_report}'::name[]) r
   WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r);
  IF NOT 'muster_reader' = ANY(v_missing) THEN
    GRANT USAGE ON SCHEMA report TO muster_reader;
    GRANT SELECT ON ALL TABLES IN SCHEMA report TO muster_reader;
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA report TO muster_reader;
    ALTER DEFAULT PRIVILEGES IN SCHEMA report GRANT SELECT ON TABLES TO muster_reader;
    ALTER DEFAULT PRIVILEGES IN SCHEMA report GRANT EXECUTE ON FUNCTIONS TO muster_reader;
    -- Views call functions with the rights of the reader; without USAGE on their schema he can not name them.
    FOR f IN SELECT DISTINCT d.refobjid::regprocedure AS name FROM pg_depend d JOIN pg_rewrite w ON w.oid = d.objid JOIN pg_class c ON c.oid = w.ev_class
               JOIN pg_proc p ON p.oid = d.refobjid
              WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_proc'::regclass AND c.relnamespace = 'report'::regnamespace
                AND p.pronamespace IN ('inv'::regnamespace, 'alert'::regnamespace, 'ops'::regnamespace)
                AND NOT has_function_privilege('muster_reader', p.oid, 'EXECUTE')
    LOOP
      EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO muster_reader', f.name);
    END LOOP;
  END IF;
  IF NOT 'muster_sensor' = ANY(v_missing) THEN
    GRANT USAGE ON SCHEMA api TO muster_sensor;
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA api TO muster_sensor;
    ALTER DEFAULT PRIVILEGES IN SCHEMA api GRANT EXECUTE ON FUNCTIONS TO muster_sensor;
    -- what people say, and what the keeper of the database does, is not for sensors
    FOR f IN SELECT p.oid::regprocedure AS name FROM pg_proc p WHERE p.pronamespace = 'api'::regnamespace
                AND (p.proname LIKE 'import\_%' OR p.proname IN ('annotate', 'tag', 'approve', 'unapprove', 'retain', 'forget_zone', 'policy_add', 'policy_remove', 'policy_next', 'policy_told',
                                  'merge_assets', 'split_asset', 'undo_identity')) LOOP
      EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM muster_sensor', f.name);
    END LOOP;
  END IF;
  IF NOT 'muster_writer' = ANY(v_missing) THEN
    GRANT USAGE ON SCHEMA inv, api, report, alert, ops TO muster_writer;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA inv, alert TO muster_writer;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA inv, alert TO muster_writer;
    GRANT SELECT ON ALL TABLES IN SCHEMA report, ops TO muster_writer;
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA inv, api, alert, report TO muster_writer;
    FOR f IN SELECT p.oid::regprocedure AS name FROM pg_proc p WHERE p.pronamespace = 'ops'::regnamespace AND p.proname IN ('policy_rows', 'invariants', 'zones_seen') LOOP
      EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO muster_writer', f.name);
    END LOOP;
  END IF;
  IF EXISTS (SELECT FROM ops.reader_zone) THEN PERFORM ops.secure_rows(); END IF;
  RETURN CASE WHEN v_missing = '{}' THEN 'granted' ELSE 'missing: ' || array_to_string(v_missing, ', ') END;
END $$;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA inv, api, ops FROM PUBLIC;
SELECT ops.grant_roles();
