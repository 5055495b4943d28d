-- A difference is of what is there at two times.  A host that came and went in between had its ports "opened" in it, though nothing is open at either
-- time, and one that went had those that opened before; that is what is known of it, a detail (muster diff --all).
-- What services and scripts said is looked up here, as inv.shown() does it, but without the call of a function that sets up its surroundings for each
-- value: two times may lie 100,000 changes apart.
CREATE OR REPLACE FUNCTION report.diff(t1 timestamptz, t2 timestamptz DEFAULT now(), zone text DEFAULT NULL) RETURNS SETOF report.diff_row
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = inv, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH z AS MATERIALIZED (SELECT z.zone_id, z.name FROM zone z WHERE (diff.zone IS NULL OR z.name = diff.zone) AND reaches(z.zone_id, diff.t1)
                              AND scripts_reach(z.zone_id, diff.t1)),
  e AS MATERIALIZED (
    SELECT * FROM (
      SELECT q.*, bool_or(q.attr_id = 10 AND q.old IS DISTINCT FROM q.new) OVER (PARTITION BY q.zone_id, q.addr, q.slot) AS port,
             -- its host is not there at the second time: it went in between, or had gone before (what is known of it expired)
             CASE WHEN bool_or(q.attr_id = 1) OVER h THEN bool_or(q.attr_id = 1 AND q.new IS NULL) OVER h ELSE q.cause = 'x' END AS gone
        FROM (
          SELECT c.zone_id, c.addr, c.slot, c.attr_id, max(c.at) AS at, (array_agg(c.old_value ORDER BY c.at, c.change_id))[1] AS old,
                 (array_agg(c.old_since ORDER BY c.at, c.change_id))[1] AS old_since, (array_agg(c.new_value ORDER BY c.at DESC, c.change_id DESC))[1] AS new,
                 (array_agg(c.cause ORDER BY c.at DESC, c.change_id DESC))[1] AS cause
            FROM change c WHERE c.at > diff.t1 AND c.at <= diff.t2 AND c.zone_id IN (SELECT zone_id FROM z)
           GROUP BY c.zone_id, c.addr, c.slot, c.attr_id) q
      WINDOW h AS (PARTITION BY q.zone_id, q.addr)) w
     WHERE w.old IS DISTINCT FROM w.new)
  SELECT e.at, z.name, e.addr, protocol(e.slot), NULLIF(e.slot & 65535, 0), a.kind, a.name,
         CASE WHEN e.old IS NULL THEN CASE a.kind WHEN 'presence' THEN 'appeared' WHEN 'port' THEN 'opened' ELSE 'appeared' END
              WHEN e.new IS NULL THEN CASE a.kind WHEN 'port' THEN 'closed' ELSE 'gone' END
              WHEN a.kind = 'holder' THEN 'replaced' ELSE 'changed' END,
         -- told by another line, or by none as there is nothing to see: what is known of a host that is not there at the second time; and what hangs on
         -- a port that opened or closed, who and what a host is that appeared
         CASE WHEN e.attr_id <> 1 AND e.gone THEN true WHEN e.slot <> 0 AND e.attr_id >= 11 THEN e.port
              WHEN a.kind IN ('holder', 'text') THEN e.old IS NULL OR e.new IS NULL OR a.kind = 'text' ELSE false END,
         CASE a.kind WHEN 'script' THEN (SELECT jsonb_strip_nulls(jsonb_build_object('output', left(v.output, 4000),
                              'data', CASE WHEN length(v.data::text) <= 8000 THEN v.data END)) FROM value_script v WHERE v.value = e.old)
                     WHEN 'service' THEN (SELECT jsonb_strip_nulls(to_jsonb(v) - 'value' - 'kept_at') FROM value_service v WHERE v.value = e.old)
                     WHEN 'holder' THEN holder_shown(e.old, diff.t1) ELSE shown(a.kind, e.old, e.zone_id, e.addr, e.slot) END,
         CASE a.kind WHEN 'script' THEN (SELECT jsonb_strip_nulls(jsonb_build_object('output', left(v.output, 4000),
                              'data', CASE WHEN length(v.data::text) <= 8000 THEN v.data END)) FROM value_script v WHERE v.value = e.new)
                     WHEN 'service' THEN (SELECT jsonb_strip_nulls(to_jsonb(v) - 'value' - 'kept_at') FROM value_service v WHERE v.value = e.new)
                     WHEN 'holder' THEN holder_shown(e.new, diff.t2) ELSE shown(a.kind, e.new, e.zone_id, e.addr, e.slot) END,
         e.old_since
    FROM e JOIN z USING (zone_id) JOIN attr a USING (attr_id) ORDER BY z.name, e.addr, e.slot, e.attr_id;
END $$;
COMMENT ON COLUMN report.diff_row.detail IS 'told by another line: what hangs on a port that opened or closed, who a new host is; or of a host that is not there at the second time';
