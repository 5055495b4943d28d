-- Who may do what.  Groups without login, to be granted to login roles:
--   muster_reader  reads schema report and nothing else
--   muster_writer  what a daemon does, and what people say: rows, no DDL
--   muster_sensor  calls the functions by which findings get in, and reads no table
--   muster_report  nobody's: it owns the views and functions of schema report once some reader may see some zones alone
--
-- Views run with the rights of their owner, so a reader needs no right on any table, and could not read values of another zone there.  For row
-- security by zone the views' owner must be bound by it, and the owner of the tables must not (musterd would pay for it at every write): so
-- ops.secure_rows() gives the views to muster_report, and policies bind that role to the zones of whoever is logged in.  It is done with the
-- first reader that is limited; until then nobody pays anything.
CREATE TABLE ops.reader_zone (
  role  name PRIMARY KEY,                   -- a login role or a group
  zones text[] NOT NULL,                    -- by name; '{}': none
  made_at timestamptz NOT NULL DEFAULT now()
);

-- The zones of the session: all, unless a role that it belongs to is limited.  By session_user: SET ROLE does not widen it.
CREATE FUNCTION ops.zones_seen() RETURNS int4[] LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH l AS MATERIALIZED (
    SELECT r.zones FROM ops.reader_zone r JOIN pg_roles m ON m.rolname = r.role
     WHERE pg_has_role(session_user, m.oid, 'MEMBER') AND NOT (SELECT s.rolsuper FROM pg_roles s WHERE s.rolname = session_user)
       AND session_user <> (SELECT pg_get_userbyid(d.datdba) FROM pg_database d WHERE d.datname = current_database()))
  SELECT COALESCE(array_agg(z.zone_id), '{}') FROM inv.zone z
   WHERE NOT EXISTS (SELECT FROM l) OR EXISTS (SELECT FROM l WHERE z.name = ANY(l.zones)) $$;

CREATE FUNCTION ops.is_member(p_role name) RETURNS bool LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = p_role AND pg_has_role(current_user, r.oid, 'USAGE')) $$;

-- Not empty for a session that does not see every zone.
CREATE VIEW inv.zone_hidden AS SELECT z.zone_id FROM inv.zone z WHERE NOT z.zone_id = ANY ((SELECT ops.zones_seen())::int4[]);

-- Grants, as often as you like: what later versions bring is covered then.  Answers what is missing.
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
                AND p.proname IN ('annotate', 'tag', 'approve', 'unapprove', 'retain', 'forget_zone', 'policy_add', 'policy_remove', 'policy_next', 'policy_told') LOOP
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

-- Binds the views to the zones of who is logged in.  Raises when the roles for it are not there.
CREATE FUNCTION ops.secure_rows() RETURNS void LANGUAGE plpgsql SET client_min_messages = error AS $$
DECLARE r record;
BEGIN
  IF NOT ops.is_member('muster_report') THEN
    RAISE EXCEPTION 'row security by zone needs the role muster_report: an administrator says CREATE ROLE muster_report; GRANT muster_report TO %', current_user
      USING ERRCODE = 'M0004';
  END IF;
  GRANT USAGE, CREATE ON SCHEMA report TO muster_report;
  GRANT USAGE ON SCHEMA inv, alert, ops TO muster_report;
  GRANT SELECT ON ALL TABLES IN SCHEMA inv, alert TO muster_report;
  GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA inv, alert TO muster_report;
  GRANT EXECUTE ON FUNCTION ops.zones_seen() TO muster_report;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'muster_reader') THEN GRANT EXECUTE ON FUNCTION ops.zones_seen() TO muster_reader; END IF;
  -- by number where there is one, in the log of events by name
  FOR r IN SELECT c.oid::regclass AS name, c.relrowsecurity AS on_already, EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'muster_zone') AS has,
                  a.attname = 'zone_id' AS by_id
             FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname IN ('zone_id', 'zone')
            WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
              AND ((c.relnamespace = 'inv'::regnamespace AND a.attname = 'zone_id') OR (c.relnamespace = 'alert'::regnamespace AND a.attname = 'zone'))
              -- what is scheduled is found through functions, which row security would forbid to use an index for; its views join the zone
              AND c.relname NOT IN ('schedule', 'block', 'profile', 'coverage')
  LOOP
    IF NOT r.on_already THEN EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', r.name); END IF;
    CONTINUE WHEN r.has;
    EXECUTE format('CREATE POLICY muster_zone ON %s FOR SELECT TO muster_report USING (%s)', r.name, CASE WHEN r.by_id
      THEN 'zone_id = ANY ((SELECT ops.zones_seen())::int4[])'
      ELSE 'zone IN (SELECT z.name FROM inv.zone z) OR NOT EXISTS (SELECT FROM inv.zone_hidden)' END);
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'muster_writer') THEN
      EXECUTE format('CREATE POLICY muster_all ON %s TO muster_writer USING (true) WITH CHECK (true)', r.name);
    END IF;
  END LOOP;
  -- what has its zone inside a document, or belongs to what has one
  FOR r IN SELECT t.name, t.rule FROM (VALUES
      ('inv.policy_finding', 'row ->> ''zone'' IN (SELECT z.name FROM inv.zone z)'),
      ('inv.policy_change', 'COALESCE(new, old) ->> ''zone'' IN (SELECT z.name FROM inv.zone z)'),
      ('alert.notice', 'event_seq IN (SELECT e.seq FROM alert.event e) OR data ->> ''zone'' IN (SELECT z.name FROM inv.zone z)'),
      ('alert.attempt', 'seq IN (SELECT n.seq FROM alert.notice n)'), ('alert.open', 'seq IN (SELECT n.seq FROM alert.notice n)')) t(name, rule)
            WHERE to_regclass(t.name) IS NOT NULL AND to_regclass('alert.notice') IS NOT NULL
              AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = to_regclass(t.name) AND p.polname = 'muster_zone')
  LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', r.name);
    EXECUTE format('CREATE POLICY muster_zone ON %s FOR SELECT TO muster_report USING (NOT EXISTS (SELECT FROM inv.zone_hidden) OR %s)', r.name, r.rule);
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'muster_writer') THEN
      EXECUTE format('CREATE POLICY muster_all ON %s TO muster_writer USING (true) WITH CHECK (true)', r.name);
    END IF;
  END LOOP;
  FOR r IN SELECT c.oid::regclass AS name, CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END AS kind FROM pg_class c
            WHERE c.relnamespace = 'report'::regnamespace AND c.relkind IN ('v', 'r') AND pg_get_userbyid(c.relowner) <> 'muster_report' LOOP
    EXECUTE format('ALTER %s %s OWNER TO muster_report', r.kind, r.name);
  END LOOP;
  FOR r IN SELECT p.oid::regprocedure AS name FROM pg_proc p WHERE p.pronamespace = 'report'::regnamespace AND pg_get_userbyid(p.proowner) <> 'muster_report' LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO muster_report', r.name);
  END LOOP;
  REVOKE CREATE ON SCHEMA report FROM muster_report;
END $$;

-- A reader: made if it is not there (without password: \password sets one), with a time limit and no other schema in view.  p_zones NULL: all.
CREATE FUNCTION ops.add_reader(p_role name, p_zones text[] DEFAULT NULL) RETURNS text LANGUAGE plpgsql SET client_min_messages = error AS $$
DECLARE v_unknown text;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'muster_reader') THEN
    RAISE EXCEPTION 'there is no role muster_reader: an administrator says CREATE ROLE muster_reader; then SELECT ops.grant_roles()' USING ERRCODE = 'M0004';
  END IF;
  SELECT string_agg(n, ', ') INTO v_unknown FROM unnest(p_zones) n WHERE NOT EXISTS (SELECT FROM inv.zone z WHERE z.name = n);
  IF v_unknown IS NOT NULL THEN RAISE EXCEPTION 'there is no zone %', v_unknown USING ERRCODE = 'M0001'; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = p_role) THEN EXECUTE format('CREATE ROLE %I LOGIN', p_role); END IF;
  EXECUTE format('GRANT muster_reader TO %I', p_role);
  EXECUTE format('ALTER ROLE %I SET default_transaction_read_only = on', p_role);
  EXECUTE format('ALTER ROLE %I SET statement_timeout = ''30s''', p_role);
  EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = ''60s''', p_role);
  EXECUTE format('ALTER ROLE %I SET search_path = report', p_role);
  DELETE FROM ops.reader_zone WHERE role = p_role;
  IF p_zones IS NOT NULL THEN
    INSERT INTO ops.reader_zone(role, zones) VALUES (p_role, p_zones);
    PERFORM ops.secure_rows();
  END IF;
  RETURN p_role || CASE WHEN p_zones IS NULL THEN ' reads every zone' ELSE ' reads ' || COALESCE(NULLIF(array_to_string(p_zones, ', '), ''), 'no zone') END;
END $$;

DO $$
DECLARE r name;
BEGIN
  FOREACH r IN ARRAY '{muster_writer,muster_report}'::name[] LOOP
    BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN EXECUTE format('CREATE ROLE %I NOLOGIN', r); END IF;
    EXCEPTION
      WHEN insufficient_privilege THEN RAISE NOTICE 'role % was not made: % may not create roles', r, current_user;
      WHEN duplicate_object OR unique_violation THEN NULL;    -- another database of the cluster was faster
    END;
  END LOOP;
  -- the owner gives views to muster_report, and runs reports as the reader
  FOREACH r IN ARRAY '{muster_reader,muster_report}'::name[] LOOP
    BEGIN
      IF EXISTS (SELECT FROM pg_roles WHERE rolname = r) AND NOT ops.is_member(r) THEN EXECUTE format('GRANT %I TO %I', r, current_user); END IF;
    EXCEPTION WHEN insufficient_privilege THEN
      RAISE NOTICE 'role % was not granted: % may not', r, current_user;
    END;
  END LOOP;
  REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ops FROM PUBLIC;
  PERFORM ops.grant_roles();
END $$;
