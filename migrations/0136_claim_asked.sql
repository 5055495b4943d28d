-- A claim takes what a pass was asked for until then: addresses that were asked for by a transaction that ended between the beginning of its question
-- and the lock of the row were in neither its scope nor the next one's.
CREATE OR REPLACE FUNCTION api.claim(p_sensor int4, p_kinds text[], p_n int4, p_lease interval, p_instance uuid DEFAULT NULL)
RETURNS TABLE (schedule_id int8, fence int8, zone text, pass text, kind text, lo inet, hi inet, scope inet[],
               server_now timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE s schedule%ROWTYPE; v_scope inet[]; v_fence int8;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(7310868, p_sensor);    -- no hello comes between the question and its answer
  IF p_instance <> (SELECT n.instance FROM sensor n WHERE n.sensor_id = p_sensor) THEN RETURN; END IF;
  FOR s IN SELECT * FROM schedule q WHERE q.schedule_id = ANY(ARRAY(
             SELECT d.schedule_id FROM unnest(p_kinds) k, LATERAL (
                 SELECT r.schedule_id, r.due_at FROM schedule r WHERE r.retired_at IS NULL AND r.kind = k AND r.due_at <= now()
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
