-- Outcomes of deliveries that the database refuses, though it is well: one of them must not hold up the others of its endpoint.

-- As alert.record(), message by message, after that has refused the whole: what is refused goes without its details, and what is refused even
-- then is not recorded, nor is what stands behind it in its order, and the cursor stays.  Returns what was not recorded as it was: kept: without
-- its details; else its attempts, to be tried again.  Not to be sent twice: a second answer would not say it again.
CREATE FUNCTION alert.record_apart(p_endpoint int4, p_epoch int8, p_batch int8, p_lease interval, p jsonb)
RETURNS TABLE (seq int8, kept bool, why text, attempts text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE v_last int8; v_behind text[] := '{}'; v_all bool := true; v_level int4; m record; v_piece jsonb;
BEGIN
  SELECT e.batch INTO v_last FROM alert.endpoint e WHERE e.endpoint_id = p_endpoint AND e.epoch = p_epoch FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'endpoint % was taken over by another process', p_endpoint USING ERRCODE = 'M0010';
  END IF;
  FOR m IN
    SELECT t.seq, COALESCE(jsonb_agg(t.a ORDER BY t.n) FILTER (WHERE t.what = 'attempts'), '[]') AS attempts,
           COALESCE(jsonb_agg(t.a) FILTER (WHERE t.what = 'open'), '[]') AS open, COALESCE(jsonb_agg(t.a) FILTER (WHERE t.what = 'done'), '[]') AS done
      FROM (SELECT w.what, COALESCE(a ->> 'seq', a #>> '{}')::int8 AS seq, a, n
              FROM unnest('{attempts,open,done}'::text[]) AS w(what), jsonb_array_elements(p -> w.what) WITH ORDINALITY AS x(a, n)) t
     GROUP BY t.seq ORDER BY min(t.n) FILTER (WHERE t.what = 'open') NULLS FIRST, t.seq   -- of one order: the first one first
  LOOP
    seq := m.seq; kept := NULL; why := NULL; attempts := NULL;
    IF m.open -> 0 ->> 'dedup' = ANY (v_behind) THEN
      kept := false; why := 'it stands behind another one';
    END IF;
    v_piece := jsonb_build_object('attempts', m.attempts, 'open', m.open, 'done', m.done);
    v_level := 0;
    WHILE kept IS NULL LOOP
      BEGIN
        UPDATE alert.endpoint e SET batch = p_batch - 1 WHERE e.endpoint_id = p_endpoint;
        PERFORM alert.record(p_endpoint, p_epoch, p_batch, p_lease, v_piece);
        kept := true;
      EXCEPTION WHEN OTHERS THEN
        -- the server, the connection, another one's lock: nothing to do with this message
        IF SQLSTATE ~ '^(08|25|40|53|54|55|57|58|M)' THEN RAISE; END IF;
        IF v_level = 1 THEN kept := false; END IF;
        v_level := 1;
        why := SQLERRM;
        v_piece := jsonb_build_object('done', m.done,
          'attempts', (SELECT COALESCE(jsonb_agg(jsonb_build_object('seq', a -> 'seq', 'outcome', a -> 'outcome', 'error', 'not recorded: ' || SQLERRM) ORDER BY n), '[]')
                         FROM jsonb_array_elements(m.attempts) WITH ORDINALITY AS x(a, n)),
          'open', (SELECT COALESCE(jsonb_agg(o - '{code,error}'::text[]), '[]') FROM jsonb_array_elements(m.open) o));
      END;
    END LOOP;
    IF NOT kept THEN
      v_all := false;
      attempts := NULLIF(btrim(m.attempts::text, '[]'), '');
      v_behind := v_behind || ARRAY(SELECT o ->> 'dedup' FROM jsonb_array_elements(m.open) o);
    END IF;
    IF why IS NOT NULL THEN RETURN NEXT; END IF;
  END LOOP;
  UPDATE alert.endpoint e SET batch = p_batch - 1 WHERE e.endpoint_id = p_endpoint;
  PERFORM alert.record(p_endpoint, p_epoch, p_batch, p_lease,
                       (p || '{"attempts": [], "open": [], "done": []}') - CASE WHEN v_all THEN '' ELSE 'cursor' END);
END $$;
REVOKE ALL ON FUNCTION alert.record_apart(int4, int8, int8, interval, jsonb) FROM PUBLIC;
ALTER FUNCTION alert.record_apart(int4, int8, int8, interval, jsonb) SET jit = off;
