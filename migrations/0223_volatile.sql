-- Where a receiver is changes without meaning, as gpsd-info declares it (see 0160).  What was learned stays.
INSERT INTO inv.attr AS a (attr_id, kind, name, volatile)
SELECT nextval('inv.attr_id'), 'script', v.name, v.keys FROM (VALUES
  ('gpsd-info', ARRAY['Time of fix', 'Coordinates', 'Speed'])
) AS v(name, keys)
ON CONFLICT (kind, name) DO UPDATE SET volatile = ARRAY(SELECT k FROM unnest(a.volatile || excluded.volatile) WITH ORDINALITY AS u(k, n) GROUP BY k ORDER BY min(n));
