-- Roles beside the owner: `muster_reader` reads the views of schema report and nothing else; `muster_sensor` calls the
-- functions of schema api and reads no table.  Both are groups without login, to be granted.
--
-- Roles belong to the whole cluster, and the owner of one database may not be allowed to make them: then the service does without,
-- and an administrator can make them later and run this file's grants with `SELECT ops.grant_roles()`.
CREATE FUNCTION ops.grant_roles() RETURNS text LANGUAGE plpgsql SET client_min_messages = error AS $$
DECLARE v_missing text[] := '{}'; r text;
BEGIN
  FOREACH r IN ARRAY ARRAY['muster_reader', 'muster_sensor'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN v_missing := v_missing || r; END IF;
  END LOOP;
  IF NOT 'muster_reader' = ANY(v_missing) THEN
    GRANT USAGE ON SCHEMA report TO muster_reader;
    GRANT SELECT ON ALL TABLES IN SCHEMA report TO muster_reader;
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA report TO muster_reader;
    -- The views call these with the reader's rights; without USAGE on inv a reader can not name them.
    GRANT EXECUTE ON FUNCTION inv.protocol(int4), inv.block_of(int4, inet), inv.shown(text, uuid, int4, inet, int4) TO muster_reader;
    ALTER DEFAULT PRIVILEGES IN SCHEMA report GRANT SELECT ON TABLES TO muster_reader;
    ALTER DEFAULT PRIVILEGES IN SCHEMA report GRANT EXECUTE ON FUNCTIONS TO muster_reader;
  END IF;
  IF NOT 'muster_sensor' = ANY(v_missing) THEN
    GRANT USAGE ON SCHEMA api TO muster_sensor;
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA api TO muster_sensor;
    ALTER DEFAULT PRIVILEGES IN SCHEMA api GRANT EXECUTE ON FUNCTIONS TO muster_sensor;
  END IF;
  RETURN CASE WHEN v_missing = '{}' THEN 'granted' ELSE 'missing: ' || array_to_string(v_missing, ', ') END;
END $$;

DO $$
DECLARE r text;
BEGIN
  FOREACH r IN ARRAY ARRAY['muster_reader', 'muster_sensor'] LOOP
    BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN EXECUTE format('CREATE ROLE %I NOLOGIN', r); END IF;
    EXCEPTION
      WHEN insufficient_privilege THEN
        RAISE NOTICE 'role % was not made: % may not create roles; reports are for the owner of the database alone', r, current_user;
      WHEN duplicate_object OR unique_violation THEN NULL;    -- another database of the cluster was faster
    END;
  END LOOP;
  -- Nobody but the owner gets at anything by default.
  REVOKE ALL ON ALL FUNCTIONS IN SCHEMA inv, api, report, ops FROM PUBLIC;
  PERFORM ops.grant_roles();
END $$;
