-- A sensor may neither lend its tables to functions that run as the owner, nor merge, split and undo identities: that is for people.

-- Grants, as often as you like: what later versions bring is covered then.  Answers what is missing.
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
                AND p.proname IN ('annotate', 'tag', 'approve', 'unapprove', 'retain', 'forget_zone', 'policy_add', 'policy_remove', 'policy_next', 'policy_told',
                                  'merge_assets', 'split_asset', 'undo_identity') LOOP
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

-- As before.  Its temporary tables are its own: one of the caller that has the same name (and may have triggers, which would run as the owner) is
-- an error.
CREATE OR REPLACE FUNCTION api.sync_config(p_config jsonb, p_sensor int4 DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
#variable_conflict use_column
DECLARE v_refused text; v_others int4[]; v_zones jsonb := zone_digests(p_config);
BEGIN
  PERFORM pg_advisory_xact_lock(7310868735425770594);         -- one at a time
  CREATE TEMP TABLE c_zone (name text, host_misses int2, blocks jsonb, passes jsonb) ON COMMIT DROP;
  INSERT INTO pg_temp.c_zone SELECT z.* FROM jsonb_to_recordset(p_config -> 'zones')
    AS z(name text, host_misses int2, blocks jsonb, passes jsonb);

  IF p_sensor IS NOT NULL THEN
    UPDATE sensor n SET zones = v_zones WHERE n.sensor_id = p_sensor AND n.zones IS DISTINCT FROM v_zones;
    SELECT format('sensor %s works here with another zone %s: give both the same one, or give it another name', o.name, z.key) INTO v_refused
      FROM jsonb_each_text(v_zones) z JOIN sensor o ON o.zones ->> z.key <> z.value
     WHERE o.sensor_id <> p_sensor AND sensor_lives(o)
       AND NOT EXISTS (SELECT FROM zone q WHERE q.name = z.key AND q.retired_at IS NULL AND q.digest = z.value)
     ORDER BY o.name, z.key LIMIT 1;
    IF v_refused IS NOT NULL THEN
      DROP TABLE pg_temp.c_zone;
      RETURN v_refused;                                       -- (no exception: what it wants is kept, the other may follow)
    END IF;
  END IF;

  -- (not ON CONFLICT: it would use up a number for each row at each reload)
  UPDATE zone z SET host_misses = c.host_misses, retired_at = NULL FROM pg_temp.c_zone c
   WHERE c.name = z.name AND (z.host_misses, z.retired_at) IS DISTINCT FROM (c.host_misses, NULL::timestamptz);
  INSERT INTO zone(name, host_misses) SELECT name, host_misses FROM pg_temp.c_zone c
   WHERE NOT EXISTS (SELECT FROM zone z WHERE z.name = c.name);
  UPDATE zone z SET retired_at = now()
   WHERE z.retired_at IS NULL AND NOT EXISTS (SELECT FROM pg_temp.c_zone c WHERE c.name = z.name)
     AND NOT EXISTS (SELECT FROM sensor o WHERE o.sensor_id IS DISTINCT FROM p_sensor AND sensor_lives(o) AND o.zones ? z.name);
  UPDATE zone z SET digest = v_zones ->> z.name WHERE v_zones ? z.name AND z.digest IS DISTINCT FROM v_zones ->> z.name;
  v_others := ARRAY(SELECT z.zone_id FROM zone z
                     WHERE z.retired_at IS NULL AND NOT EXISTS (SELECT FROM pg_temp.c_zone c WHERE c.name = z.name));

  CREATE TEMP TABLE c_pass (zone_id int4, name text, kind text, slots int4multirange, misses int2,
                            every interval, confirm interval) ON COMMIT DROP;
  INSERT INTO pg_temp.c_pass
  SELECT z.zone_id, p.name, p.kind, COALESCE(p.slots, '{}')::int4multirange, p.misses,
         make_interval(secs => p.every), make_interval(secs => p.confirm)
    FROM pg_temp.c_zone c JOIN zone z USING (name),
         jsonb_to_recordset(c.passes) AS p(name text, kind text, slots text, misses int2, every float8, confirm float8);
  UPDATE profile p SET retired_at = now()
   WHERE p.retired_at IS NULL AND NOT p.zone_id = ANY(v_others) AND NOT EXISTS (SELECT FROM pg_temp.c_pass c
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

  CREATE TEMP TABLE c_block (zone_id int4, lo inet, hi inet) ON COMMIT DROP;
  INSERT INTO pg_temp.c_block
  SELECT z.zone_id, (b.b ->> 0)::inet, (b.b ->> 1)::inet
    FROM pg_temp.c_zone c JOIN zone z USING (name), jsonb_array_elements(c.blocks) AS b(b);
  IF EXISTS (SELECT FROM (SELECT lo, lag(hi) OVER (PARTITION BY zone_id ORDER BY lo) AS prev FROM pg_temp.c_block) q
              WHERE q.lo <= q.prev) THEN
    RAISE EXCEPTION 'blocks of a zone overlap' USING ERRCODE = 'M0001';
  END IF;
  UPDATE block b SET retired_at = now() WHERE b.retired_at IS NULL AND NOT b.zone_id = ANY(v_others)
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
  DROP TABLE pg_temp.c_zone, pg_temp.c_pass, pg_temp.c_block;
  RETURN NULL;
END $$;

SELECT ops.grant_roles();
