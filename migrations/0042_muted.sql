-- Learned volatility: a key of a script's structured output that changes in nearly every pass says nothing.  It is muted: left out of
-- comparisons from then on, as the keys are that scripts themselves call volatile.  That is written down once (inv.muted,
-- report.muted_key) and said once by each sensor.

-- Keys under observation.  hot: visits of a block in which nine of ten results of the script changed in this key, and had already
-- changed in the visit before; calm: visits of which results changed without it.
CREATE TABLE inv.key_flux (
  attr_id int4 NOT NULL REFERENCES inv.attr,
  key     text NOT NULL,
  hot     int4 NOT NULL DEFAULT 0,
  calm    int4 NOT NULL DEFAULT 0,
  PRIMARY KEY (attr_id, key)
);
CREATE TABLE inv.muted (
  attr_id  int4 NOT NULL REFERENCES inv.attr,
  key      text NOT NULL,
  muted_at timestamptz NOT NULL DEFAULT now(),
  hot      int4 NOT NULL,
  calm     int4 NOT NULL,
  PRIMARY KEY (attr_id, key)
);

CREATE VIEW report.muted_key AS
SELECT a.name AS script, m.key, m.muted_at, m.hot AS changes_in_a_row, m.calm AS visits_without FROM inv.muted m JOIN inv.attr a USING (attr_id);
COMMENT ON VIEW report.muted_key IS 'keys of script results that changed in nearly every pass, and are left out of comparisons since then';
COMMENT ON COLUMN report.muted_key.script IS 'script id';
COMMENT ON COLUMN report.muted_key.key IS 'key of its structured output, at any depth';
COMMENT ON COLUMN report.muted_key.muted_at IS 'since when it is left out';
COMMENT ON COLUMN report.muted_key.changes_in_a_row IS 'visits in which it changed, and had in the visit before';
COMMENT ON COLUMN report.muted_key.visits_without IS 'visits in which other keys changed and this one did not';
INSERT INTO report.catalog (name, title, question, category, params) VALUES
  ('muted_key', 'Muted keys', 'Which parts of script results change all the time, and are not compared?', 'coverage', '[]');

-- The same without these keys, at any depth.
CREATE FUNCTION inv.without(p jsonb, p_keys text[]) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN CASE jsonb_typeof(p)
    WHEN 'object' THEN (SELECT COALESCE(jsonb_object_agg(e.key, inv.without(e.value, p_keys)), '{}') FROM jsonb_each(p) e WHERE NOT e.key = ANY(p_keys))
    WHEN 'array' THEN (SELECT COALESCE(jsonb_agg(inv.without(e.value, p_keys) ORDER BY e.n), '[]') FROM jsonb_array_elements(p) WITH ORDINALITY e(value, n))
    ELSE p END;
END $$;

-- The innermost keys under which two values differ.
CREATE FUNCTION inv.keys_that_differ(p_old jsonb, p_new jsonb) RETURNS text[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE r record; v text[] := '{}'; d text[];
BEGIN
  IF jsonb_typeof(p_old) = 'object' AND jsonb_typeof(p_new) = 'object' THEN
    FOR r IN SELECT k AS key, p_old -> k AS a, p_new -> k AS b FROM (SELECT jsonb_object_keys(p_old) AS k UNION SELECT jsonb_object_keys(p_new)) q
              WHERE (p_old -> k) IS DISTINCT FROM (p_new -> k) LOOP
      d := inv.keys_that_differ(r.a, r.b);
      v := v || CASE WHEN d = '{}' THEN ARRAY[r.key] ELSE d END;
    END LOOP;
  ELSIF jsonb_typeof(p_old) = 'array' AND jsonb_typeof(p_new) = 'array' AND jsonb_array_length(p_old) = jsonb_array_length(p_new) THEN
    FOR r IN SELECT a.value AS a, b.value AS b FROM jsonb_array_elements(p_old) WITH ORDINALITY a(value, n)
               JOIN jsonb_array_elements(p_new) WITH ORDINALITY b(value, n) USING (n) WHERE a.value <> b.value LOOP
      d := inv.keys_that_differ(r.a, r.b);
      IF d = '{}' THEN RETURN '{}'; END IF;                   -- an element as such: the key of the list differs
      v := v || d;
    END LOOP;
  END IF;
  RETURN ARRAY(SELECT DISTINCT k FROM unnest(v) k ORDER BY k);
END $$;

-- Whether two results differ in nothing but these keys: then no news.  So it is when a key has just been muted, and every result of the
-- script gets another digest.
CREATE FUNCTION inv.same_but(p_old uuid, p_new uuid, p_keys text[]) RETURNS bool LANGUAGE plpgsql STABLE AS $$
DECLARE o jsonb; n jsonb;
BEGIN
  IF '*' = ANY(p_keys) THEN RETURN true; END IF;
  SELECT data INTO o FROM inv.value_script WHERE value = p_old;
  SELECT data INTO n FROM inv.value_script WHERE value = p_new;
  RETURN COALESCE(inv.without(o, p_keys) = inv.without(n, p_keys), false);
END $$;

-- Looks at the script results that changed in one part, and mutes what has shown itself.
CREATE FUNCTION inv.watch_keys(p_zone int4, p_from timestamptz, p_up inet[], p_edges inv.edge[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  WITH e AS MATERIALIZED (
    SELECT q.attr_id, q.since >= p_from AS again, inv.keys_that_differ(o.data, n.data) AS keys
      FROM unnest(p_edges) q JOIN inv.attr a ON a.attr_id = q.attr_id AND a.kind = 'script' AND NOT '*' = ANY(a.volatile)
      JOIN inv.value_script o ON o.value = q.old JOIN inv.value_script n ON n.value = q.new
     WHERE q.what = 'v' AND o.data IS NOT NULL AND n.data IS NOT NULL),
  n AS MATERIALIZED (
    SELECT f.attr_id, count(*) AS n FROM unnest(p_up) u JOIN inv.fact_now f ON f.zone_id = p_zone AND f.addr = u
     WHERE f.attr_id IN (SELECT e.attr_id FROM e) GROUP BY f.attr_id),
  k AS MATERIALIZED (
    SELECT e.attr_id, k.key, count(*) FILTER (WHERE e.again) AS hot FROM e, unnest(e.keys) k(key) GROUP BY 1, 2),
  seen AS MATERIALIZED (
    SELECT attr_id, key, COALESCE(k.hot, 0) >= 0.9 * n.n AS hot
      FROM (SELECT attr_id, key FROM k WHERE hot > 0 UNION SELECT x.attr_id, x.key FROM inv.key_flux x JOIN n USING (attr_id)) q
      JOIN n USING (attr_id) LEFT JOIN k USING (attr_id, key)),
  u AS (
    INSERT INTO inv.key_flux AS f (attr_id, key, hot, calm) SELECT attr_id, key, hot::int4, (NOT hot)::int4 FROM seen ORDER BY 1, 2
    ON CONFLICT (attr_id, key) DO UPDATE SET hot = f.hot + excluded.hot, calm = f.calm + excluded.calm
    RETURNING attr_id, key, hot, calm),
  m AS (
    INSERT INTO inv.muted(attr_id, key, hot, calm) SELECT attr_id, key, hot, calm FROM u WHERE hot >= 5 AND calm * 9 <= hot
    ON CONFLICT DO NOTHING RETURNING attr_id, key)
  UPDATE inv.attr a SET volatile = a.volatile || q.keys
    FROM (SELECT attr_id, array_agg(key ORDER BY key) AS keys FROM m GROUP BY attr_id) q WHERE a.attr_id = q.attr_id;
END $$;

-- What scripts say of themselves when they are loaded: the sensor hands it on.  What was learned stays.
CREATE FUNCTION api.declare_volatile(p_script text, p_keys text[]) RETURNS bool
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
#variable_conflict use_column
DECLARE v_id int4 := (script_attrs(ARRAY[p_script]))[1]; v_keys text[];
BEGIN
  v_keys := ARRAY(SELECT k FROM unnest(p_keys) k UNION SELECT m.key FROM muted m WHERE m.attr_id = v_id ORDER BY 1);
  UPDATE attr a SET volatile = v_keys WHERE a.attr_id = v_id AND ARRAY(SELECT k FROM unnest(a.volatile) k ORDER BY 1) <> v_keys;
  RETURN FOUND;
END $$;

-- How many keys were muted so far: a sensor that sees more of them than before asks for them (api.volatile_keys) and says so.
CREATE FUNCTION api.muted() RETURNS int8 LANGUAGE sql STABLE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  SELECT count(*) FROM muted $$;
SELECT ops.grant_roles();
