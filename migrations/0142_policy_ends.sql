-- What was told of a policy ends with its cause: a query that failed and works again, and a policy that is removed.
INSERT INTO alert.type (type, severity) VALUES ('policy.recovered', 1) ON CONFLICT DO NOTHING;

-- The event of an edge; the place of it comes from columns with the usual names, where the query has them.
CREATE OR REPLACE FUNCTION inv.policy_tell(p inv.policy, p_what text, p_key jsonb, p_old jsonb, p_new jsonb, p_since timestamptz) RETURNS void LANGUAGE sql AS $$
  INSERT INTO alert.event(id, observed_at, type, severity, zone, subject, dedup, body)
  SELECT inv.event_id(), now(), 'policy.' || p_what, q.severity, q.zone, q.subject, q.dedup,
         jsonb_build_object('severity', (ARRAY['debug', 'info', 'warning', 'high', 'critical'])[q.severity + 1],
           'state', CASE WHEN p_what IN ('cleared', 'recovered') THEN 'resolved' ELSE 'firing' END, 'dedup_key', q.dedup, 'zone', q.zone,
           'subject', jsonb_strip_nulls(jsonb_build_object('kind', 'policy', 'policy', p.name, 'host', q.row ->> 'address', 'proto', q.row ->> 'protocol',
              'port', inv.int_of(q.row ->> 'port'), 'asset', q.row ->> 'asset_id')),
           'summary', p.title || ': ' || CASE p_what WHEN 'failed' THEN 'the query failed: ' || left(p.error, 200) WHEN 'recovered' THEN 'the query fails no more'
                                                 ELSE q.words || ' ' || p_what END,
           'old', p_old, 'new', p_new, 'labels', '{}'::jsonb, 'first_seen', COALESCE(p_since, now()))
    FROM (SELECT COALESCE(p_new, p_old, '{}') AS row) r,
         LATERAL (SELECT r.row, COALESCE(r.row ->> 'zone', '-') AS zone, w.words,
                         CASE WHEN p_what IN ('cleared', 'recovered') THEN LEAST(1::int2, p.severity) ELSE p.severity END AS severity,
                         'policy/' || p.name || COALESCE('/' || replace(w.words, ' ', '/'), '') AS subject,
                         encode(sha256(convert_to('policy ' || p.name || ' ' || p_key::text, 'UTF8')), 'hex') AS dedup
                    FROM (SELECT string_agg(COALESCE(p_key ->> k, '-'), ' ' ORDER BY o) AS words FROM unnest(p.key_columns) WITH ORDINALITY t(k, o) WHERE p_key ? k) w) q $$;

-- What a run gave (rows or an error), against what is known.  Answers the number of edges; -1: somebody else runs it meanwhile.
CREATE OR REPLACE FUNCTION api.policy_told(p_id int4, p_run int8, p_rows jsonb, p_error text) RETURNS int4
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
  IF p.error IS NOT NULL THEN PERFORM policy_tell(p, 'recovered', '{}', NULL, NULL, NULL); END IF;
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

-- What violated it, and was told, is told to be over: nobody looks any more.
CREATE OR REPLACE FUNCTION api.policy_remove(p_name text) RETURNS bool LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
DECLARE p policy%ROWTYPE; f policy_finding%ROWTYPE;
BEGIN
  SELECT * INTO p FROM policy WHERE name = p_name FOR UPDATE;
  IF NOT FOUND THEN RETURN false; END IF;
  FOR f IN SELECT * FROM policy_finding q WHERE q.policy_id = p.policy_id ORDER BY q.key LOOP
    INSERT INTO policy_change(policy, key, what, news, old) VALUES (p.name, f.key, 'cleared', f.told, f.row);
    IF f.told THEN PERFORM policy_tell(p, 'cleared', f.key, f.row, NULL, f.since); END IF;
  END LOOP;
  IF p.error IS NOT NULL THEN PERFORM policy_tell(p, 'recovered', '{}', NULL, NULL, NULL); END IF;
  DELETE FROM policy WHERE policy_id = p.policy_id;
  RETURN true;
END $$;
