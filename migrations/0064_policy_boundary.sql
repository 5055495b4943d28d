-- The query of a policy is a stranger's: it may read schema report and do nothing else, whatever it calls.
--
-- It runs in a function that belongs to muster_reader and has its rights (security definer): there no SET ROLE, RESET ROLE or set_config()
-- leads back to the rights of whoever logged in.  The transaction is read-only before it begins, which nothing inside can take back.  It is
-- opened as a cursor, which takes one statement that reads; and all that it leaves behind in the session (settings, locks, notifications) is
-- undone: the subtransaction in which it runs is rolled back when its rows are at hand.

-- The rows of a query with the rights of the owner of this function.
CREATE FUNCTION ops.policy_read(p_query text, p_max int4, OUT rows jsonb, OUT n int8)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = report, pg_temp AS $$
DECLARE c refcursor;
BEGIN
  OPEN c FOR EXECUTE format(E'SELECT COALESCE(jsonb_agg(to_jsonb(q)), ''[]''), count(*) FROM (SELECT * FROM (%s\n) q LIMIT %s) q', p_query, p_max + 1);
  FETCH c INTO rows, n;
  CLOSE c;
END $$;
REVOKE ALL ON FUNCTION ops.policy_read(text, int4) FROM PUBLIC;

-- Gives that function to the reader, as soon as there is one.  Answers whether it has it.
CREATE FUNCTION ops.secure_policies() RETURNS bool LANGUAGE plpgsql SET client_min_messages = error AS $$
BEGIN
  IF EXISTS (SELECT FROM pg_proc p WHERE p.oid = 'ops.policy_read(text,int4)'::regprocedure AND pg_get_userbyid(p.proowner) = 'muster_reader') THEN RETURN true; END IF;
  IF NOT ops.is_member('muster_reader') THEN RETURN false; END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'muster_writer') THEN GRANT EXECUTE ON FUNCTION ops.policy_read(text, int4) TO muster_writer; END IF;
  GRANT USAGE, CREATE ON SCHEMA ops TO muster_reader;
  ALTER FUNCTION ops.policy_read(text, int4) OWNER TO muster_reader;
  REVOKE ALL ON SCHEMA ops FROM muster_reader;
  RETURN true;
END $$;
REVOKE ALL ON FUNCTION ops.secure_policies() FROM PUBLIC;

-- The rows of a query, as the reader may see them; nothing else can be done with it.  For a connection with a statement timeout.
CREATE OR REPLACE FUNCTION ops.policy_rows(p_query text, p_max int4) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE v jsonb; n int8;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_proc p WHERE p.oid = 'ops.policy_read(text,int4)'::regprocedure AND pg_get_userbyid(p.proowner) = 'muster_reader') THEN
    IF NOT ops.secure_policies() THEN
      RAISE EXCEPTION 'queries of policies run as muster_reader: an administrator says CREATE ROLE muster_reader; GRANT muster_reader TO %; then SELECT ops.grant_roles()',
        (SELECT pg_get_userbyid(d.datdba) FROM pg_database d WHERE d.datname = current_database()) USING ERRCODE = 'M0004';
    END IF;
  END IF;
  PERFORM set_config('transaction_read_only', 'on', true);
  BEGIN
    SELECT q.rows, q.n INTO v, n FROM ops.policy_read(p_query, p_max) q;
    RAISE EXCEPTION 'the rows are at hand' USING ERRCODE = 'M0005';
  EXCEPTION WHEN SQLSTATE 'M0005' THEN
    PERFORM pg_advisory_unlock_all();                         -- those of the session survive a rollback; nobody here holds one
  END;
  IF n > p_max THEN RAISE EXCEPTION 'the query gives more than % rows', p_max USING ERRCODE = 'M0003'; END IF;
  RETURN v;
END $$;
SELECT ops.secure_policies();
