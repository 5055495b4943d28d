-- Several engines on one database: each brings its own list of zones.  One that came with another list retired all that was not in it, and
-- so stopped the others without a word; and each took the visits of networks that it may not reach.

ALTER TABLE inv.sensor ADD COLUMN zones jsonb;                -- name: digest of its definition, as it is wanted; NULL: it never said (an older program)
ALTER TABLE inv.zone ADD COLUMN digest text;                  -- of the definition that is in force

CREATE FUNCTION inv.sensor_lives(s inv.sensor) RETURNS bool LANGUAGE sql STABLE AS $$
  SELECT GREATEST(s.beat_at, s.greeted_at) > now() - interval '90 seconds' $$;      -- as report.sensor has it

-- What must be the same for two engines that share a zone; the order of blocks and passes is nothing.
CREATE FUNCTION inv.zone_digests(p_config jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT COALESCE(jsonb_object_agg(z ->> 'name', md5(concat_ws(' ', z ->> 'host_misses',
           (SELECT string_agg(b::text, ' ' ORDER BY b::text COLLATE "C") FROM jsonb_array_elements(z -> 'blocks') b),
           (SELECT string_agg(p::text, ' ' ORDER BY p::text COLLATE "C") FROM jsonb_array_elements(z -> 'passes') p)))), '{}')
    FROM jsonb_array_elements(p_config -> 'zones') z $$;

-- The zones whose visits a sensor takes; NULL: all.
CREATE FUNCTION inv.zones_of(p_sensor int4) RETURNS int4[] LANGUAGE sql STABLE AS $$
  SELECT ARRAY(SELECT z.zone_id FROM inv.zone z WHERE n.zones ? z.name)
    FROM inv.sensor n WHERE n.sensor_id = p_sensor AND n.zones IS NOT NULL $$;

-- As before, for the zones of one sensor: those of others that live stay as they are.  Answers why it was refused; NULL: done.
-- Two that share a zone must mean the same by it: who comes with another one than is in force waits until all that live want it so.
DROP FUNCTION api.sync_config(jsonb);
CREATE FUNCTION api.sync_config(p_config jsonb, p_sensor int4 DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
#variable_conflict use_column
DECLARE v_refused text; v_others int4[]; v_zones jsonb := zone_digests(p_config);
BEGIN
  PERFORM pg_advisory_xact_lock(7310868735425770594);         -- one at a time
  CREATE TEMP TABLE IF NOT EXISTS c_zone (name text, host_misses int2, blocks jsonb, passes jsonb) ON COMMIT DROP;
  TRUNCATE pg_temp.c_zone;
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

  CREATE TEMP TABLE IF NOT EXISTS c_pass (zone_id int4, name text, kind text, slots int4multirange, misses int2,
                                          every interval, confirm interval) ON COMMIT DROP;
  TRUNCATE pg_temp.c_pass;
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

  CREATE TEMP TABLE IF NOT EXISTS c_block (zone_id int4, lo inet, hi inet) ON COMMIT DROP;
  TRUNCATE pg_temp.c_block;
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

-- As before, of the sensor's own zones alone; and it takes what a pass was asked for until then: addresses that were asked for by a transaction that
-- ended between the beginning of this question and the lock of the row were in neither its scope nor the next one's.
CREATE OR REPLACE FUNCTION api.claim(p_sensor int4, p_kinds text[], p_n int4, p_lease interval, p_instance uuid DEFAULT NULL)
RETURNS TABLE (schedule_id int8, fence int8, zone text, pass text, kind text, lo inet, hi inet, scope inet[],
               server_now timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE s schedule%ROWTYPE; v_scope inet[]; v_fence int8; v_zones int4[] := zones_of(p_sensor);
BEGIN
  PERFORM pg_advisory_xact_lock_shared(7310868, p_sensor);    -- no hello comes between the question and its answer
  IF p_instance <> (SELECT n.instance FROM sensor n WHERE n.sensor_id = p_sensor) THEN RETURN; END IF;
  FOR s IN SELECT * FROM schedule q WHERE q.schedule_id = ANY(ARRAY(
             SELECT d.schedule_id FROM unnest(p_kinds) k, LATERAL (
                 SELECT r.schedule_id, r.due_at FROM schedule r WHERE r.retired_at IS NULL AND r.kind = k AND r.due_at <= now()
                    AND (v_zones IS NULL OR r.zone_id = ANY(v_zones))
                  ORDER BY r.due_at LIMIT p_n FOR NO KEY UPDATE SKIP LOCKED) d
              ORDER BY d.due_at, d.schedule_id LIMIT p_n))
            ORDER BY q.due_at, q.schedule_id
  LOOP
    SELECT * INTO STRICT s FROM schedule q WHERE q.schedule_id = s.schedule_id;       -- as it is now that it is locked
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

DROP FUNCTION api.next_due(text[]);
CREATE FUNCTION api.next_due(p_kinds text[], p_sensor int4 DEFAULT NULL) RETURNS float8
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = inv, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE v_zones int4[] := zones_of(p_sensor);
BEGIN
  RETURN (SELECT GREATEST(EXTRACT(epoch FROM min(q.due_at) - clock_timestamp()), 0)::float8
            FROM unnest(p_kinds) k, LATERAL (SELECT r.due_at FROM schedule r WHERE r.retired_at IS NULL AND r.kind = k AND r.due_at < 'infinity'
                                                AND (v_zones IS NULL OR r.zone_id = ANY(v_zones))
                                              ORDER BY r.due_at LIMIT 1) q
          HAVING min(q.due_at) IS NOT NULL);
END $$;

REVOKE ALL ON FUNCTION inv.sensor_lives(inv.sensor), inv.zone_digests(jsonb), inv.zones_of(int4), api.sync_config(jsonb, int4),
  api.next_due(text[], int4) FROM PUBLIC;
SELECT ops.grant_roles();
