-- The licence id of a Niagara station stays with its machine; the number of its runtime is drawn at each start.
INSERT INTO inv.key_path(script, path, kind, word) VALUES ('fox-info', '$.hostId', 11, 'hostId');
INSERT INTO inv.attr AS a (attr_id, kind, name, volatile)
SELECT nextval('inv.attr_id'), 'script', v.name, v.keys FROM (VALUES
  ('fox-info', ARRAY['vmUuid'])
) AS v(name, keys)
ON CONFLICT (kind, name) DO UPDATE SET volatile = ARRAY(SELECT k FROM unnest(a.volatile || excluded.volatile) WITH ORDINALITY AS u(k, n) GROUP BY k ORDER BY min(n));
