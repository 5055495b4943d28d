-- A file of hosts that were seen in thousands of months made as many tables of the ledger, and twice: every question reads the plan of all of them.

-- As in 0215, but of the ledger alone (an import covers nothing), and not without limit: ten years of months, those of the inventory's own time
-- among them.  What would need more is refused as a whole; a fact that began later than it was seen would be a lie.
CREATE OR REPLACE FUNCTION api.import_room(p_at timestamptz[]) RETURNS int4
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  c_most CONSTANT int4 := 120;
  d timestamptz; n int4 := 0; v_has int4 := (SELECT count(*) FROM ops.months('inv.change'));
  v_new timestamptz[] := ARRAY(SELECT q.m FROM (SELECT DISTINCT date_trunc('month', LEAST(a, now())) AS m FROM unnest(p_at) a) q
                                WHERE to_regclass('inv.change' || to_char(q.m, '_YYYY_MM')) IS NULL ORDER BY 1);
BEGIN
  IF v_has + cardinality(v_new) > c_most AND v_new <> '{}' THEN
    RAISE EXCEPTION 'the ledger has % months, at most % with those of files, and lacks % in which its hosts were seen; the first is %',
      v_has, c_most, cardinality(v_new), to_char(v_new[1], 'YYYY-MM') USING ERRCODE = 'M0002';
  END IF;
  FOREACH d IN ARRAY v_new LOOP
    BEGIN
      EXECUTE format('CREATE TABLE inv.%I PARTITION OF inv.change FOR VALUES FROM (%L) TO (%L)', 'change' || to_char(d, '_YYYY_MM'), d, d + interval '1 month');
      n := n + 1;
    EXCEPTION WHEN check_violation THEN NULL;                 -- rows of that month went astray before: these will, too
    END;
  END LOOP;
  RETURN n;
END $$;
