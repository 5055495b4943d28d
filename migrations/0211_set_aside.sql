-- An outcome that the database refuses for good held the cursor of its endpoint: a thousand messages later nothing was delivered there any more.

-- As before, and: {"aside": [seq]}: of these nobody waits any longer for the outcome to be taken.  What was not delivered becomes a dead letter, of which
-- nothing but its place is recorded; what was, or cannot even be that, is passed over.  Of what is in alert.open already the row is made dead, or it is
-- not kept: to pass it over would be to send it again.  aside: what became of it: dead, delivered (which is not recorded), lost (passed over, not
-- delivered); then kept is true.
DROP FUNCTION alert.record_apart(int4, int8, int8, interval, jsonb);
CREATE FUNCTION alert.record_apart(p_endpoint int4, p_epoch int8, p_batch int8, p_lease interval, p jsonb)
RETURNS TABLE (seq int8, kept bool, why text, attempts text, aside text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE v_last int8; v_behind text[] := '{}'; v_all bool := true; v_level int4; v_levels int4; v_sent bool; m record; v_piece jsonb;
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
    seq := m.seq; kept := NULL; why := NULL; attempts := NULL; aside := NULL;
    v_sent := m.open = '[]';
    v_levels := CASE WHEN p -> 'aside' @> to_jsonb(m.seq) THEN 4 ELSE 2 END;
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
        IF v_level >= 2 THEN aside := CASE WHEN v_sent THEN 'delivered' ELSE 'dead' END; END IF;
      EXCEPTION WHEN OTHERS THEN
        -- the server, the connection, another one's lock: nothing to do with this message
        IF SQLSTATE ~ '^(08|25|40|53|55|57|58|M)' THEN RAISE; END IF;
        v_level := v_level + 1;
        why := SQLERRM;
        IF v_level = 1 THEN                                -- without its details
          v_piece := jsonb_build_object('done', m.done,
            'attempts', (SELECT COALESCE(jsonb_agg(jsonb_build_object('seq', a -> 'seq', 'outcome', a -> 'outcome', 'error', 'not recorded: ' || SQLERRM) ORDER BY n), '[]')
                           FROM jsonb_array_elements(m.attempts) WITH ORDINALITY AS x(a, n)),
            'open', (SELECT COALESCE(jsonb_agg(o - '{code,error}'::text[]), '[]') FROM jsonb_array_elements(m.open) o));
        ELSIF v_level < v_levels THEN                      -- its place alone, with the reason if that can be
          v_piece := jsonb_build_object('done', '[]'::jsonb, 'attempts', '[]'::jsonb,
            'open', (SELECT COALESCE(jsonb_agg(jsonb_build_object('seq', m.seq, 'dedup', o.dedup, 'state', 'dead', 'reason', 'database', 'attempts', 0,
                              'error', CASE WHEN v_level = 2 THEN CASE WHEN v_sent THEN 'delivered; ' ELSE '' END || 'not recorded: ' || left(SQLERRM, 300) END)), '[]')
                       FROM (SELECT x ->> 'dedup' AS dedup FROM jsonb_array_elements(m.open) x UNION
                             SELECT q.dedup FROM alert.open q WHERE q.endpoint_id = p_endpoint AND q.seq = m.seq AND v_sent) o));
        ELSIF v_levels = 4 AND NOT EXISTS (SELECT FROM alert.open o WHERE o.endpoint_id = p_endpoint AND o.seq = m.seq) THEN
          kept := true; aside := 'lost';
        ELSE
          kept := false;
        END IF;
      END;
    END LOOP;
    IF NOT kept THEN
      v_all := false;
      attempts := NULLIF(btrim(m.attempts::text, '[]'), '');
      -- (what has its row there keeps its place in front of them by that)
      v_behind := v_behind || ARRAY(SELECT o ->> 'dedup' FROM jsonb_array_elements(m.open) o
                                     WHERE NOT EXISTS (SELECT FROM alert.open q WHERE q.endpoint_id = p_endpoint AND q.seq = m.seq));
    END IF;
    IF why IS NOT NULL THEN RETURN NEXT; END IF;
  END LOOP;
  UPDATE alert.endpoint e SET batch = p_batch - 1 WHERE e.endpoint_id = p_endpoint;
  PERFORM alert.record(p_endpoint, p_epoch, p_batch, p_lease,
                       (p || '{"attempts": [], "open": [], "done": []}') - CASE WHEN v_all THEN '' ELSE 'cursor' END);
END $$;
REVOKE ALL ON FUNCTION alert.record_apart(int4, int8, int8, interval, jsonb) FROM PUBLIC;
ALTER FUNCTION alert.record_apart(int4, int8, int8, interval, jsonb) SET jit = off;

COMMENT ON COLUMN report.delivery.reason IS 'why it is open: transient, message, expired, ours, replay, database (which refused its outcome)';
SELECT ops.grant_roles();
