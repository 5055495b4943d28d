-- The end of a visit says how many parts came before it: a visit of which a part is missing (it was refused, or lost on the way) is not
-- complete, it is made again soon.

-- Ends a visit.  When doubts are left, the row is due again after `confirm`, doubled each time, for the doubted hosts alone.
-- p_last: the number of the last part, 0 for a visit without any; NULL: not known.
CREATE FUNCTION api.finish(p_schedule int8, p_fence int8, p_complete bool, p_method text,
                           p_probes int8, p_retransmissions int8, p_drops int8, p_loss real, p_rate real, p_last int4, OUT verdict "char")
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE s schedule%ROWTYPE; p profile%ROWTYPE;
BEGIN
  SELECT * INTO s FROM schedule q WHERE q.schedule_id = p_schedule FOR NO KEY UPDATE;
  IF NOT FOUND OR s.fence <> p_fence OR s.sensor_id IS NULL THEN
    verdict := CASE WHEN s.fence = p_fence THEN 'd' ELSE 's' END; RETURN;
  END IF;
  SELECT * INTO STRICT p FROM profile q WHERE q.profile_id = s.profile_id;
  s.method := COALESCE(s.method, p_method);
  PERFORM end_visit(s, p, p_complete AND s.part_done = COALESCE(p_last, s.part_done),
                    p_probes, p_retransmissions, p_drops, p_loss, p_rate);
  verdict := 'a';
END $$;

-- For programs that do not count.
CREATE OR REPLACE FUNCTION api.finish(p_schedule int8, p_fence int8, p_complete bool, p_method text,
                           p_probes int8, p_retransmissions int8, p_drops int8, p_loss real, p_rate real, OUT verdict "char")
LANGUAGE sql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT api.finish(p_schedule, p_fence, p_complete, p_method, p_probes, p_retransmissions, p_drops, p_loss, p_rate, NULL) $$;

REVOKE ALL ON FUNCTION api.finish(int8, int8, bool, text, int8, int8, int8, real, real, int4) FROM PUBLIC;
SELECT ops.grant_roles();
