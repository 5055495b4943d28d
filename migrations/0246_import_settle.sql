-- Two imports at once: the first that counted kept its lock on the counted table until its file ended, and the other waited for it, until the server's
-- patience ended (or, in the same zone, while the first waited for it).

-- As in 0217, but where somebody else counts, it is not done here: it makes a large file faster, and nothing more.  (What this transaction has written
-- nobody else can count, so it can not go into one of its own.)
CREATE OR REPLACE FUNCTION api.import_settle() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp
SET client_min_messages = error AS $$
BEGIN
  ANALYZE (SKIP_LOCKED) fact_now;
END $$;
