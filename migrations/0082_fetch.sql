-- What a dispatcher fetches costs the same whatever lies behind it: what was tried of a message is looked up by key.  (As EXISTS it could
-- become a hash of all attempts, made anew for each fetch.)  The body of an event is turned into text once.

CREATE OR REPLACE FUNCTION alert.fetch(p_endpoint int4, p_xid xid8, p_seq int8, p_limit int4, p_bytes int8, p_due int4)
RETURNS TABLE (live bool, seq int8, xid xid8, id text, type text, observed_at timestamptz, dedup text, attempts int4, age float8,
               done bool, held bool, data text, kind text, severity int2)
LANGUAGE sql STABLE AS $$
  SELECT true, w.seq, w.xid, w.id, w.type, w.observed_at, w.dedup, 0, EXTRACT(epoch FROM now() - w.at)::float8,
         known.open IS NOT NULL OR known.ok IS NOT NULL,
         EXISTS (SELECT FROM alert.open o WHERE o.endpoint_id = p_endpoint AND o.dedup = w.dedup AND o.state <> 'dead'),
         w.data, w.kind, w.severity
    FROM (SELECT v.*, sum(octet_length(v.data)) OVER (ORDER BY v.xid, v.seq) - octet_length(v.data) AS before
            FROM (SELECT n.seq, n.xid, n.id, n.type, n.observed_at, n.dedup, n.at, n.kind, n.severity,
                         CASE WHEN n.event_seq IS NULL THEN n.data::text ELSE COALESCE(e.data, '{"summary": "this event is not kept any more"}') END AS data
                    FROM (SELECT * FROM alert.notice n
                           WHERE n.endpoint_id = p_endpoint AND (n.xid, n.seq) > (p_xid, p_seq) AND n.xid < pg_snapshot_xmin(pg_current_snapshot())
                           ORDER BY n.xid, n.seq LIMIT p_limit) n
                    LEFT JOIN LATERAL (
                      SELECT (jsonb_build_object('seq', e.seq) || CASE
                                WHEN pg_column_compression(e.body) IS NULL AND pg_column_size(e.body) <= 30000 THEN e.body
                                WHEN octet_length(e.body::text) <= 200000 THEN e.body
                                ELSE (e.body - 'old' - 'new') || '{"truncated": true}' END || COALESCE(n.data, '{}'))::text AS data
                        FROM alert.event e WHERE e.seq = n.event_seq LIMIT 1) e ON true) v) w,
         LATERAL (SELECT (SELECT 1 FROM alert.open o WHERE o.endpoint_id = p_endpoint AND o.seq = w.seq LIMIT 1) AS open,
                         (SELECT 1 FROM alert.attempt a WHERE a.seq = w.seq AND a.endpoint_id = p_endpoint AND a.outcome = 'ok' LIMIT 1) AS ok) known
   WHERE w.before < p_bytes
  UNION ALL
  (SELECT false, o.seq, n.xid, n.id, n.type, n.observed_at, o.dedup, o.attempts, EXTRACT(epoch FROM now() - o.made_at)::float8,
          false, false, alert.notice_data(n), n.kind, n.severity
     FROM alert.open o JOIN alert.notice n ON n.seq = o.seq
    WHERE o.endpoint_id = p_endpoint AND o.state = 'retry' AND o.next_at <= now()
    ORDER BY o.next_at LIMIT p_due)
  ORDER BY 1, 3, 2 $$;

-- Plans that are kept while tables grow from nothing go by key from the start.
ALTER FUNCTION alert.record(int4, int8, int8, interval, jsonb) SET enable_seqscan = off;
ALTER FUNCTION alert.record(int4, int8, int8, interval, jsonb) SET jit = off;
