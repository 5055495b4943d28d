-- What is kept of each attempt: besides what came back, what was sent (a digest of the body, so that a receiver's log can be held against
-- it) and where the time went.

ALTER TABLE alert.attempt
  ADD digest        text,     -- SHA-256 of the body, in hex; NULL: nothing was sent
  ADD connect_ms    int4,     -- until the connection stood (TLS too); 0: a connection was reused
  ADD first_byte_ms int4;     -- until the answer began

-- As before, and:
-- {"attempts": [{..., digest, connect_ms, first_byte_ms}]}.
CREATE OR REPLACE FUNCTION alert.record(p_endpoint int4, p_epoch int8, p_batch int8, p_lease interval, p jsonb) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE v_last int8; v_subjects text[];
BEGIN
  SELECT batch INTO v_last FROM alert.endpoint WHERE endpoint_id = p_endpoint AND epoch = p_epoch FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'endpoint % was taken over by another process', p_endpoint USING ERRCODE = 'M0010';
  END IF;
  IF v_last >= p_batch THEN RETURN; END IF;              -- had been recorded before a connection was lost
  UPDATE alert.endpoint e SET batch = p_batch, held_until = now() + p_lease,
         last_ok = CASE WHEN (p -> 'endpoint' ->> 'ok')::bool THEN now() ELSE e.last_ok END
   WHERE e.endpoint_id = p_endpoint;
  IF p -> 'endpoint' ->> 'state' IS NOT NULL THEN
    UPDATE alert.endpoint e SET state = n.state, reason = n.reason, strikes = n.strikes,
           state_since = CASE WHEN e.state = n.state THEN e.state_since ELSE now() END,
           open_until = CASE WHEN n.pause > 0 THEN now() + make_interval(secs => n.pause) END,
           fail_since = CASE WHEN n.state = 'ok' THEN NULL ELSE COALESCE(e.fail_since, now()) END
      FROM jsonb_to_record(p -> 'endpoint') n(state text, reason text, pause float8, strikes int4)
     WHERE e.endpoint_id = p_endpoint;
  END IF;
  INSERT INTO alert.attempt (endpoint_id, seq, n, outcome, code, curl, error, ms, bytes_out, bytes_in, new_conn, remote, answer, digest,
                             connect_ms, first_byte_ms)
  SELECT p_endpoint, a.seq, 1 + (SELECT count(*) FROM alert.attempt x WHERE x.seq = a.seq AND x.endpoint_id = p_endpoint)
           + row_number() OVER (PARTITION BY a.seq ORDER BY ordinal) - 1,
         a.outcome, a.code, a.curl, a.error, a.ms, a.bytes_out, a.bytes_in, a.new_conn, a.remote, a.answer, a.digest,
         a.connect_ms, a.first_byte_ms
    FROM ROWS FROM (jsonb_to_recordset(p -> 'attempts') AS (seq int8, outcome text, code int4, curl int4, error text, ms int4, bytes_out int8,
                    bytes_in int8, new_conn bool, remote inet, answer text, digest text, connect_ms int4, first_byte_ms int4)) WITH ORDINALITY
         AS a(seq, outcome, code, curl, error, ms, bytes_out, bytes_in, new_conn, remote, answer, digest, connect_ms, first_byte_ms, ordinal);

  SELECT array_agg(DISTINCT o.dedup) INTO v_subjects FROM jsonb_array_elements_text(p -> 'done') d
    JOIN alert.open o ON o.endpoint_id = p_endpoint AND o.seq = d::int8;
  DELETE FROM alert.open o USING jsonb_array_elements_text(p -> 'done') d WHERE o.endpoint_id = p_endpoint AND o.seq = d::int8;
  INSERT INTO alert.open AS o (endpoint_id, seq, state, reason, attempts, next_at, dedup, last_code, last_error)
  SELECT p_endpoint, n.seq, n.state, n.reason, n.attempts,
         CASE WHEN n.state = 'retry' THEN now() + make_interval(secs => n.delay) END, n.dedup, n.code, n.error
    FROM jsonb_to_recordset(p -> 'open') n(seq int8, state text, reason text, attempts int4, delay float8, dedup text, code int4, error text)
  ON CONFLICT (endpoint_id, seq) DO UPDATE SET state = excluded.state, reason = excluded.reason, attempts = excluded.attempts,
     next_at = excluded.next_at, last_code = excluded.last_code, last_error = excluded.last_error;
  v_subjects := v_subjects || ARRAY(SELECT n.dedup FROM jsonb_to_recordset(p -> 'open') n(dedup text));
  PERFORM alert.promote(p_endpoint, v_subjects);
  IF (p ->> 'recovered')::bool THEN
    UPDATE alert.open SET next_at = LEAST(next_at, now() + random() * interval '10 s')
     WHERE endpoint_id = p_endpoint AND state = 'retry' AND reason = 'transient';
  END IF;
  UPDATE alert.cursor c SET xid = n.xid, seq = n.seq, updated_at = now()
    FROM jsonb_to_record(p -> 'cursor') n(xid xid8, seq int8)
   WHERE c.endpoint_id = p_endpoint AND n.seq IS NOT NULL AND (n.xid, n.seq) > (c.xid, c.seq);
END $$;

-- What the endpoint is, for people; the configuration says it.
CREATE FUNCTION alert.know_kinds(p_names text[], p_kinds text[]) RETURNS void LANGUAGE sql AS $$
  UPDATE alert.endpoint e SET kind = t.kind FROM unnest(p_names, p_kinds) t(name, kind)
   WHERE e.name = t.name AND e.kind <> t.kind $$;
REVOKE ALL ON FUNCTION alert.know_kinds(text[], text[]) FROM PUBLIC;

CREATE OR REPLACE VIEW report.attempt AS
SELECT a.at, n.name AS endpoint, v.id AS event, a.n, a.outcome, a.code, a.curl, a.error, a.ms, a.bytes_out, a.bytes_in, a.new_conn, a.remote, a.answer,
       a.digest, a.connect_ms, a.first_byte_ms, n.kind
  FROM alert.attempt a JOIN alert.endpoint n USING (endpoint_id) LEFT JOIN alert.notice v USING (seq);
COMMENT ON COLUMN report.attempt.digest IS 'SHA-256 of the body that was sent, in hex; null: nothing was sent';
COMMENT ON COLUMN report.attempt.ms IS 'of the whole attempt, in milliseconds';
COMMENT ON COLUMN report.attempt.connect_ms IS 'of them until the connection stood, TLS too; 0: it was reused';
COMMENT ON COLUMN report.attempt.first_byte_ms IS 'of them until the answer began';
COMMENT ON COLUMN report.attempt.kind IS 'what the receiver is: webhook, slack, ...';
