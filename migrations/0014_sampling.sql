-- Sampling: a visit of a large network that asks a few addresses of each empty block, and what it covers.
--
-- Such a visit is a visit of the addresses that it asked: its proof (inv.coverage) names them in `scope`, so that nothing is ever
-- concluded about the others, and the block's last complete visit stays what it was.

ALTER TABLE inv.schedule ADD COLUMN sampled_at timestamptz, ADD COLUMN sampled int4;
COMMENT ON COLUMN inv.schedule.sampled_at IS 'when a sample of the block was last asked, in which nobody answered';
COMMENT ON COLUMN inv.schedule.sampled IS 'how many addresses that were';

-- The addresses of a visit's block that are in use, and those that were.
CREATE FUNCTION api.past(p_schedule int8, p_fence int8) RETURNS TABLE (addr inet, present bool)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT o.addr, EXISTS (SELECT FROM fact_now h WHERE h.zone_id = o.zone_id AND h.addr = o.addr AND h.slot = 0 AND h.attr_id = 1)
    FROM schedule s JOIN block b USING (block_id)
    JOIN fact_now o ON o.zone_id = s.zone_id AND o.addr BETWEEN b.lo AND b.hi AND o.slot = 0 AND o.attr_id = 0
   WHERE s.schedule_id = p_schedule AND s.fence = p_fence $$;

-- A visit under way has asked these addresses alone: from now on it is a visit of them, and the next full one is an interval away.
-- False: the lease is lost.
CREATE FUNCTION api.sampled(p_schedule int8, p_fence int8, p_asked inet[]) RETURNS bool
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  WITH u AS (
    UPDATE schedule s SET scope = p_asked, sampled_at = clock_timestamp(), sampled = cardinality(p_asked),
           wanted_at = CASE WHEN s.scope IS NULL THEN GREATEST(s.wanted_at + p.every, now()) ELSE s.wanted_at END
      FROM profile p
     WHERE s.schedule_id = p_schedule AND s.fence = p_fence AND s.sensor_id IS NOT NULL AND p.profile_id = s.profile_id
    RETURNING 1)
  SELECT EXISTS (SELECT FROM u) $$;

REVOKE ALL ON FUNCTION api.past(int8, int8), api.sampled(int8, int8, inet[]) FROM PUBLIC;

CREATE VIEW report.sampling AS
SELECT z.name AS zone, b.lo AS first_address, b.hi AS last_address, p.name AS pass, p.kind,
       s.sampled_at AS at, s.sampled AS asked, s.last_at AS last_complete
  FROM inv.schedule s JOIN inv.block b USING (block_id) JOIN inv.zone z ON z.zone_id = s.zone_id JOIN inv.profile p USING (profile_id)
 WHERE s.retired_at IS NULL AND s.sampled_at > COALESCE(s.last_at, '-infinity');
COMMENT ON VIEW report.sampling IS 'blocks of which only a sample was asked when they were last visited, because nobody is known there';
COMMENT ON COLUMN report.sampling.zone IS 'routing domain';
COMMENT ON COLUMN report.sampling.first_address IS 'of the block';
COMMENT ON COLUMN report.sampling.last_address IS 'of the block';
COMMENT ON COLUMN report.sampling.pass IS 'name of the pass';
COMMENT ON COLUMN report.sampling.kind IS 'presence or ports';
COMMENT ON COLUMN report.sampling.at IS 'when the sample was asked';
COMMENT ON COLUMN report.sampling.asked IS 'addresses in the sample';
COMMENT ON COLUMN report.sampling.last_complete IS 'when all of the block was last asked; NULL: never';
