-- Policies: a query whose rows should not be there.  Rows that appear, change or go are edges as those of facts are: they are written down, and
-- told as events (policy.violated, policy.changed, policy.cleared).  The first run is a baseline and tells nothing.
--
-- A run has three steps, so that the query never has the rights of the daemon: api.policy_next() leases a policy that is due,
-- ops.policy_rows() runs the query in a transaction of its own that is read-only and the reader's, and api.policy_told() compares.
-- A result counts only for the latest lease of its policy (run): one that comes late changes nothing.
CREATE TABLE inv.policy (
  policy_id   int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name        text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
  title       text NOT NULL CHECK (title <> ''),
  query       text NOT NULL CHECK (query <> ''),
  key_columns text[] NOT NULL CHECK (cardinality(key_columns) > 0),
  severity    int2 NOT NULL CHECK (severity BETWEEN 0 AND 4),
  every       interval NOT NULL CHECK (every >= interval '10 seconds'),
  made_by     text NOT NULL,
  made_at     timestamptz NOT NULL DEFAULT now(),
  due_at      timestamptz NOT NULL DEFAULT now(),
  run         int8 NOT NULL DEFAULT 0,
  ran_at      timestamptz,
  ok_at       timestamptz,                  -- last run that gave rows; NULL: the next one is the baseline
  error       text                          -- of the last run
);
CREATE TABLE inv.policy_finding (
  policy_id int4 NOT NULL REFERENCES inv.policy ON DELETE CASCADE,
  key       jsonb NOT NULL,                 -- the key columns of the row
  row       jsonb NOT NULL,
  since     timestamptz NOT NULL,
  changed_at timestamptz NOT NULL,
  told      bool NOT NULL,                  -- false: somebody approved it; it is told when the approval ends
  PRIMARY KEY (policy_id, key)
);
CREATE TABLE inv.policy_change (
  change_id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tx        xid8 NOT NULL DEFAULT pg_current_xact_id(),
  at        timestamptz NOT NULL DEFAULT now(),
  policy    text NOT NULL,                  -- by name: its policy may be gone
  key       jsonb NOT NULL,
  what      text NOT NULL CHECK (what IN ('violated', 'changed', 'cleared')),
  news      bool NOT NULL,
  old       jsonb,
  new       jsonb
);
CREATE INDEX policy_change_when ON inv.policy_change (at);
CREATE SEQUENCE inv.policy_run;
INSERT INTO alert.type VALUES ('policy.violated', 2), ('policy.changed', 1), ('policy.cleared', 1), ('policy.failed', 2);

-- Columns of people's queries may hold anything: NULL instead of an error.
CREATE FUNCTION inv.inet_of(p text) RETURNS inet LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN p::inet; EXCEPTION WHEN data_exception THEN RETURN NULL; END $$;
CREATE FUNCTION inv.uuid_of(p text) RETURNS uuid LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN p::uuid; EXCEPTION WHEN data_exception THEN RETURN NULL; END $$;
CREATE FUNCTION inv.int_of(p text) RETURNS int4 LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN p::int4; EXCEPTION WHEN data_exception THEN RETURN NULL; END $$;

-- Without what changes by being looked at.
CREATE FUNCTION inv.policy_row(p jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT p - '{last_seen,last_checked,misses,age,days_left,noted_at,window_start,window_end}'::text[] $$;

-- The rows of a query, as the reader may see them; nothing else can be done with it.  For a connection with a statement timeout.
CREATE FUNCTION ops.policy_rows(p_query text, p_max int4) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE v jsonb; n int8;
BEGIN
  PERFORM set_config('transaction_read_only', 'on', true);
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'muster_reader' AND pg_has_role(oid, 'MEMBER')) THEN
    PERFORM set_config('role', 'muster_reader', true);
  END IF;
  PERFORM set_config('search_path', 'report, pg_temp', true);
  EXECUTE format(E'SELECT COALESCE(jsonb_agg(to_jsonb(q)), ''[]''), count(*) FROM (SELECT * FROM (%s\n) q LIMIT %s) q', p_query, p_max + 1) INTO v, n;
  IF n > p_max THEN RAISE EXCEPTION 'the query gives more than % rows', p_max USING ERRCODE = 'M0003'; END IF;
  RETURN v;
END $$;

CREATE FUNCTION api.policy_add(p_name text, p_title text, p_query text, p_keys text[], p_severity text, p_every interval, p_by text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
DECLARE v_severity int2 := array_position('{debug,info,warning,high,critical}'::text[], p_severity) - 1;
BEGIN
  IF p_name !~ '^[a-z0-9][a-z0-9_-]{0,62}$' THEN
    RAISE EXCEPTION '''%'' is not a name; expected lower-case letters, digits, - and _, a letter or digit first', p_name USING ERRCODE = 'M0001';
  END IF;
  IF v_severity IS NULL THEN RAISE EXCEPTION 'severity %: expected debug, info, warning, high or critical', p_severity USING ERRCODE = 'M0001'; END IF;
  IF p_every < interval '10 seconds' THEN RAISE EXCEPTION 'a policy runs every 10 seconds at most' USING ERRCODE = 'M0001'; END IF;
  IF EXISTS (SELECT FROM policy WHERE name = p_name) THEN RAISE EXCEPTION 'there is a policy ''%'' already', p_name USING ERRCODE = 'M0001'; END IF;
  INSERT INTO policy(name, title, query, key_columns, severity, every, made_by)
  VALUES (p_name, COALESCE(p_title, p_name), p_query, p_keys, v_severity, p_every, p_by);
END $$;
CREATE FUNCTION api.policy_remove(p_name text) RETURNS bool LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
BEGIN
  DELETE FROM policy WHERE name = p_name;
  RETURN FOUND;
END $$;

-- Leases the policy that is due longest, or the one that is named.
CREATE FUNCTION api.policy_next(p_name text DEFAULT NULL) RETURNS TABLE (policy_id int4, run int8, query text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = inv, pg_temp AS $$
  UPDATE policy p SET run = nextval('policy_run'), due_at = now() + p.every
   WHERE p.policy_id = (SELECT q.policy_id FROM policy q WHERE CASE WHEN p_name IS NULL THEN q.due_at <= now() ELSE q.name = p_name END
                         ORDER BY q.due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
  RETURNING p.policy_id, p.run, p.query $$;

-- Somebody approved that this row is there.
CREATE FUNCTION inv.policy_approval(p_policy text, p_row jsonb) RETURNS inv.approval LANGUAGE sql STABLE AS $$
  SELECT a FROM inv.approval a WHERE a.asset_id = inv.uuid_of(p_row ->> 'asset_id') AND a.policy = p_policy AND a.ended_at IS NULL
     AND (a.expires_at IS NULL OR a.expires_at > now()) LIMIT 1 $$;

-- The event of an edge; the place of it comes from columns with the usual names, where the query has them.
CREATE FUNCTION inv.policy_tell(p inv.policy, p_what text, p_key jsonb, p_old jsonb, p_new jsonb, p_since timestamptz) RETURNS void LANGUAGE sql AS $$
  INSERT INTO alert.event(id, observed_at, type, severity, zone, subject, dedup, body)
  SELECT inv.event_id(), now(), 'policy.' || p_what, q.severity, q.zone, q.subject, q.dedup,
         jsonb_build_object('severity', (ARRAY['debug', 'info', 'warning', 'high', 'critical'])[q.severity + 1],
           'state', CASE p_what WHEN 'cleared' THEN 'resolved' ELSE 'firing' END, 'dedup_key', q.dedup, 'zone', q.zone,
           'subject', jsonb_strip_nulls(jsonb_build_object('kind', 'policy', 'policy', p.name, 'host', q.row ->> 'address', 'proto', q.row ->> 'protocol',
              'port', inv.int_of(q.row ->> 'port'), 'asset', q.row ->> 'asset_id')),
           'summary', p.title || ': ' || CASE p_what WHEN 'failed' THEN 'the query failed: ' || left(p.error, 200) ELSE q.words || ' ' || p_what END,
           'old', p_old, 'new', p_new, 'labels', '{}'::jsonb, 'first_seen', COALESCE(p_since, now()))
    FROM (SELECT COALESCE(p_new, p_old, '{}') AS row) r,
         LATERAL (SELECT r.row, COALESCE(r.row ->> 'zone', '-') AS zone, w.words,
                         CASE p_what WHEN 'cleared' THEN LEAST(1::int2, p.severity) ELSE p.severity END AS severity,
                         'policy/' || p.name || COALESCE('/' || replace(w.words, ' ', '/'), '') AS subject,
                         encode(sha256(convert_to('policy ' || p.name || ' ' || p_key::text, 'UTF8')), 'hex') AS dedup
                    FROM (SELECT string_agg(COALESCE(p_key ->> k, '-'), ' ' ORDER BY o) AS words FROM unnest(p.key_columns) WITH ORDINALITY t(k, o) WHERE p_key ? k) w) q $$;

-- What a run gave (rows or an error), against what is known.  Answers the number of edges; -1: somebody else runs it meanwhile.
CREATE FUNCTION api.policy_told(p_id int4, p_run int8, p_rows jsonb, p_error text) RETURNS int4
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
DECLARE p policy%ROWTYPE; v_baseline bool; r record; n int4 := 0; v_error text := p_error; v_news bool;
BEGIN
  SELECT * INTO p FROM policy q WHERE q.policy_id = p_id AND q.run = p_run FOR UPDATE;
  IF NOT FOUND THEN RETURN -1; END IF;
  IF v_error IS NULL THEN
    SELECT 'the rows have no column ' || k INTO v_error FROM unnest(p.key_columns) k
     WHERE jsonb_array_length(p_rows) > 0 AND NOT p_rows -> 0 ? k LIMIT 1;
  END IF;
  IF v_error IS NULL THEN
    SELECT 'two rows have the key ' || key INTO v_error FROM (SELECT (SELECT jsonb_object_agg(k, x -> k) FROM unnest(p.key_columns) k)::text AS key
      FROM jsonb_array_elements(p_rows) x) q GROUP BY key HAVING count(*) > 1 LIMIT 1;
  END IF;
  IF v_error IS NOT NULL THEN
    UPDATE policy q SET ran_at = now(), error = v_error, run = 0 WHERE q.policy_id = p_id RETURNING * INTO r;
    IF p.error IS NULL THEN
      p.error := v_error;
      PERFORM policy_tell(p, 'failed', '{}', NULL, NULL, NULL);
    END IF;
    RETURN 0;
  END IF;
  v_baseline := p.ok_at IS NULL;
  FOR r IN
    SELECT COALESCE(s.key, f.key) AS key, f.row AS old, s.row AS new, f.since, f.told,
           COALESCE((policy_approval(p.name, COALESCE(s.row, f.row))).author IS NOT NULL, false) AS approved
      FROM (SELECT (SELECT jsonb_object_agg(k, x -> k) FROM unnest(p.key_columns) k) AS key, x AS row FROM jsonb_array_elements(p_rows) x) s
      FULL JOIN (SELECT * FROM policy_finding q WHERE q.policy_id = p_id) f ON f.key = s.key
     ORDER BY COALESCE(s.key, f.key)
  LOOP
    IF r.new IS NULL THEN
      DELETE FROM policy_finding q WHERE q.policy_id = p_id AND q.key = r.key;
      v_news := r.told;
      INSERT INTO policy_change(policy, key, what, news, old) VALUES (p.name, r.key, 'cleared', v_news, r.old);
      IF v_news THEN PERFORM policy_tell(p, 'cleared', r.key, r.old, NULL, r.since); END IF;
    ELSIF r.old IS NULL THEN
      v_news := NOT v_baseline AND NOT r.approved;
      INSERT INTO policy_finding(policy_id, key, row, since, changed_at, told) VALUES (p_id, r.key, r.new, now(), now(), NOT r.approved);
      INSERT INTO policy_change(policy, key, what, news, new) VALUES (p.name, r.key, 'violated', v_news, r.new);
      IF v_news THEN PERFORM policy_tell(p, 'violated', r.key, NULL, r.new, NULL); END IF;
    ELSIF NOT r.told AND NOT r.approved THEN                  -- the approval is over
      UPDATE policy_finding q SET row = r.new, told = true WHERE q.policy_id = p_id AND q.key = r.key;
      INSERT INTO policy_change(policy, key, what, news, new) VALUES (p.name, r.key, 'violated', true, r.new);
      PERFORM policy_tell(p, 'violated', r.key, NULL, r.new, r.since);
    ELSIF policy_row(r.old) IS DISTINCT FROM policy_row(r.new) THEN
      UPDATE policy_finding q SET row = r.new, changed_at = now() WHERE q.policy_id = p_id AND q.key = r.key;
      v_news := NOT r.approved;
      INSERT INTO policy_change(policy, key, what, news, old, new) VALUES (p.name, r.key, 'changed', v_news, r.old, r.new);
      IF v_news THEN PERFORM policy_tell(p, 'changed', r.key, r.old, r.new, r.since); END IF;
    ELSE
      CONTINUE;
    END IF;
    n := n + 1;
  END LOOP;
  UPDATE policy q SET ran_at = now(), ok_at = now(), error = NULL, run = 0 WHERE q.policy_id = p_id;
  RETURN n;
END $$;

-- ------------------------------------------------------------------ reports
CREATE VIEW report.policy AS
SELECT p.name, p.title, (ARRAY['debug', 'info', 'warning', 'high', 'critical'])[p.severity + 1] AS severity, p.every, f.n AS findings,
       CASE WHEN p.error IS NOT NULL THEN 'failed' WHEN p.ok_at IS NULL THEN 'new' WHEN f.n > 0 THEN 'violated' ELSE 'ok' END AS state,
       p.error, p.ok_at AS last_checked, p.due_at, p.query, p.key_columns, p.made_by, p.made_at
  FROM inv.policy p, LATERAL (SELECT count(*)::int4 AS n FROM inv.policy_finding q WHERE q.policy_id = p.policy_id) f;
COMMENT ON VIEW report.policy IS 'policies: queries whose rows should not be there';

CREATE VIEW report.policy_findings AS
SELECT p.name AS policy, p.title, (ARRAY['debug', 'info', 'warning', 'high', 'critical'])[p.severity + 1] AS severity, f.row ->> 'zone' AS zone,
       inv.inet_of(f.row ->> 'address') AS address, inv.uuid_of(f.row ->> 'asset_id') AS asset_id, inv.asset_name(inv.uuid_of(f.row ->> 'asset_id')) AS asset_name,
       n.owner, f.row ->> 'protocol' AS protocol, inv.int_of(f.row ->> 'port') AS port, CASE WHEN a.author IS NULL THEN 'open' ELSE 'approved' END AS state,
       a.author AS approved_by, a.expires_at AS approved_until, f.key, f.row, f.since, f.changed_at AS last_changed, p.ok_at AS last_checked
  FROM inv.policy_finding f JOIN inv.policy p USING (policy_id)
  LEFT JOIN report.annotation n ON n.asset_id = inv.uuid_of(f.row ->> 'asset_id')
  LEFT JOIN report.approval a ON a.asset_id = inv.uuid_of(f.row ->> 'asset_id') AND a.policy = p.name AND a.state = 'approved';
COMMENT ON VIEW report.policy_findings IS 'rows of policies that are there now: what violates which policy';

CREATE VIEW report.policy_change AS
SELECT c.at AS noted_at, c.at, COALESCE(q.row ->> 'zone', '-') AS zone, inv.inet_of(q.row ->> 'address') AS address, q.row ->> 'protocol' AS protocol,
       inv.int_of(q.row ->> 'port') AS port, 'policy'::text AS kind, c.policy AS attribute, c.what, c.news, CASE WHEN c.news THEN 'policy.' || c.what END AS type,
       c.old, c.new, NULL::timestamptz AS last_seen, c.tx, c.change_id
  FROM inv.policy_change c, LATERAL (SELECT COALESCE(c.new, c.old) AS row) q;
COMMENT ON VIEW report.policy_change IS 'rows of policies that appeared, changed or went; the columns are those of report.change';

INSERT INTO report.catalog (name, title, question, category) VALUES
  ('policy_findings', 'Policy findings', 'Which assets violate which policy, since when, approved until when?', 'policy'),
  ('policy', 'Policies', 'Which policies are there, and do they hold?', 'policy'),
  ('policy_change', 'Changes of policies', 'What began and ceased to violate which policy?', 'policy');
COMMENT ON COLUMN report.policy.state IS 'ok; violated; failed: its query; new: it has not run yet';
COMMENT ON COLUMN report.policy.name IS 'of the policy';
COMMENT ON COLUMN report.policy.last_checked IS 'last run that gave an answer';
COMMENT ON COLUMN report.policy.every IS 'how often it runs';
COMMENT ON COLUMN report.policy_findings.state IS 'open; approved: somebody said that it may be so';
COMMENT ON COLUMN report.policy_findings.since IS 'first run that found it';
COMMENT ON COLUMN report.policy_findings.last_changed IS 'when the row last changed; what changes by being looked at does not count';
COMMENT ON COLUMN report.policy_findings.last_checked IS 'last run of the policy';
COMMENT ON COLUMN report.policy_change.attribute IS 'the policy';
COMMENT ON COLUMN report.policy_change.kind IS 'always policy';
COMMENT ON COLUMN report.policy_change.what IS 'violated, changed, cleared';
COMMENT ON COLUMN report.policy_change.news IS 'told as an event; false for the first run and for what is approved';
COMMENT ON COLUMN report.policy_change.last_seen IS 'always NULL';
SELECT ops.describe_columns($w${
  "policy": "name of the policy", "title": "what it is about", "severity": "debug, info, warning, high or critical", "findings": "rows that are there now", "error": "why the last run failed",
  "due_at": "next run", "query": "its rows should not be there", "key_columns": "what makes a row the same row", "made_by": "who made it", "made_at": "when",
  "zone": "routing domain; NULL or -: the query does not say", "address": "IP address, where the query says one", "asset_id": "the asset, where the query says one",
  "asset_name": "what people call the asset", "owner": "who answers for it", "protocol": "tcp, udp or sctp, where the query says one", "port": "port number, where the query says one",
  "approved_by": "who approved it", "approved_until": "until when; NULL: for good", "key": "what makes it this row", "row": "all its columns",
  "noted_at": "when it was written down", "at": "the same", "type": "type of the event", "old": "row before", "new": "row after", "tx": "transaction", "change_id": "number of the change"
}$w$);
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA inv, api, ops, report FROM PUBLIC;
SELECT ops.grant_roles();
