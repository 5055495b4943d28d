-- An event that the rules cannot digest must not stop all the others.

-- After alert.think() was refused: decides about the next event alone.  Is that refused as well, and would the rules work without it, it is told as it
-- is to every endpoint, and passed over.  went_on: try alert.think() again; else why not.  seq, id: of an event that was passed over, and why.
CREATE FUNCTION alert.pass_over(OUT went_on bool, OUT seq int8, OUT id text, OUT why text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE c alert.rule_cursor; e alert.event; v_made int8[];
BEGIN
  went_on := false;
  SELECT * INTO c FROM alert.rule_cursor FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN why := 'another process is at it'; RETURN; END IF;
  SELECT v.* INTO e FROM alert.event v WHERE (v.xid, v.seq) > (c.xid, c.seq) AND v.xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY v.xid, v.seq LIMIT 1;
  IF NOT FOUND THEN
    v_made := alert.make_events(1, GREATEST(c.xid, '4'));     -- as alert.think() does
    SELECT v.* INTO e FROM alert.event v WHERE v.seq = v_made[1];
  END IF;
  BEGIN
    PERFORM alert.think(0);
    IF e.seq IS NOT NULL THEN
      BEGIN
        PERFORM alert.think(1);
      EXCEPTION WHEN OTHERS THEN
        IF SQLSTATE ~ '^(08|25|40|53|54|55|57|58|M)' THEN RAISE; END IF;
        seq := e.seq; id := e.id; why := SQLERRM;
        IF NOT e.baseline THEN PERFORM alert.tell_all(ARRAY[e.seq]); END IF;
        UPDATE alert.rule_cursor SET xid = e.xid, seq = e.seq, updated_at = now();
      END;
      went_on := true;
    END IF;
  EXCEPTION WHEN OTHERS THEN
    IF SQLSTATE ~ '^(08|25|40|53|54|55|57|58|M)' THEN RAISE; END IF;
    went_on := false; seq := NULL; id := NULL; why := SQLERRM;
  END;
END $$;
REVOKE ALL ON FUNCTION alert.pass_over() FROM PUBLIC;
ALTER FUNCTION alert.pass_over() SET jit = off;
