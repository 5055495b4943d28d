-- What the header Server says is a change of the service; the text that told it does not change once more (see 0160).  What was learned stays.
INSERT INTO inv.attr AS a (attr_id, kind, name, volatile)
SELECT nextval('inv.attr_id'), 'script', v.name, v.keys FROM (VALUES
  ('http-server-header', ARRAY['*'])
) AS v(name, keys)
ON CONFLICT (kind, name) DO UPDATE SET volatile = ARRAY(SELECT k FROM unnest(a.volatile || excluded.volatile) WITH ORDINALITY AS u(k, n) GROUP BY k ORDER BY min(n));
