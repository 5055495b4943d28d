-- A sensor may not count the facts for an import either (api.import_settle), nor do what else imports will need.

-- As in 0215 but for that.
CREATE OR REPLACE FUNCTION ops.grant_roles() RETURNS text LANGUAGE plpgsql SET client_min_messages = error AS $$
DECLARE v_missing text[]; f record;
BEGIN
  SELECT COALESCE(array_agg(r ORDER BY r), '{}') INTO v_missing FROM unnest('{muster_reader,muster_sensor,muster_writer,muster_report}'::name[]) r
   WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r);
  IF NOT 'muster_reader' = ANY(v_missing) THEN
    GRANT USAGE ON SCHEMA report TO muster_reader;
    GRANT SELECT ON ALL TABLES IN SCHEMA report TO muster_reader;
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA report TO muster_reader;
    ALTER DEFAULT PRIVILEGES IN SCHEMA report GRANT SELECT ON TABLES TO muster_reader;
    ALTER DEFAULT PRIVILEGES IN SCHEMA report GRANT EXECUTE ON FUNCTIONS TO muster_reader;
    -- Views call functions with the rights of the reader; without USAGE on their schema he can not name them.
    FOR f IN SELECT DISTINCT d.refobjid::regprocedure AS name FROM pg_depend d JOIN pg_rewrite w ON w.oid = d.objid JOIN pg_class c ON c.oid = w.ev_class
               JOIN pg_proc p ON p.oid = d.refobjid
              WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_proc'::regclass AND c.relnamespace = 'report'::regnamespace
                AND p.pronamespace IN ('inv'::regnamespace, 'alert'::regnamespace, 'ops'::regnamespace)
                AND NOT has_function_privilege('muster_reader', p.oid, 'EXECUTE')
    LOOP
      EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO muster_reader', f.name);
    END LOOP;
  END IF;
  IF NOT 'muster_sensor' = ANY(v_missing) THEN
    GRANT USAGE ON SCHEMA api TO muster_sensor;
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA api TO muster_sensor;
    ALTER DEFAULT PRIVILEGES IN SCHEMA api GRANT EXECUTE ON FUNCTIONS TO muster_sensor;
    -- what people say, and what the keeper of the database does, is not for sensors
    FOR f IN SELECT p.oid::regprocedure AS name FROM pg_proc p WHERE p.pronamespace = 'api'::regnamespace
                AND (p.proname LIKE 'import\_%' OR p.proname IN ('annotate', 'tag', 'approve', 'unapprove', 'retain', 'forget_zone', 'policy_add', 'policy_remove', 'policy_next', 'policy_told',
                                  'merge_assets', 'split_asset', 'undo_identity')) LOOP
      EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM muster_sensor', f.name);
    END LOOP;
  END IF;
  IF NOT 'muster_writer' = ANY(v_missing) THEN
    GRANT USAGE ON SCHEMA inv, api, report, alert, ops TO muster_writer;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA inv, alert TO muster_writer;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA inv, alert TO muster_writer;
    GRANT SELECT ON ALL TABLES IN SCHEMA report, ops TO muster_writer;
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA inv, api, alert, report TO muster_writer;
    FOR f IN SELECT p.oid::regprocedure AS name FROM pg_proc p WHERE p.pronamespace = 'ops'::regnamespace AND p.proname IN ('policy_rows', 'invariants', 'zones_seen') LOOP
      EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO muster_writer', f.name);
    END LOOP;
  END IF;
  IF EXISTS (SELECT FROM ops.reader_zone) THEN PERFORM ops.secure_rows(); END IF;
  RETURN CASE WHEN v_missing = '{}' THEN 'granted' ELSE 'missing: ' || array_to_string(v_missing, ', ') END;
END $$;
SELECT ops.grant_roles();
