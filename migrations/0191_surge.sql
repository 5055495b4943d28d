-- A host that goes, comes back and goes again within the window is one host of a storm, not two.

DROP TABLE alert.surge;
CREATE TABLE alert.surge (                    -- conditions that began, by sort: each once, when it did last
  zone text NOT NULL, sort text NOT NULL, dedup text NOT NULL, host inet, at timestamptz NOT NULL,
  PRIMARY KEY (zone, sort, dedup)
);
CREATE INDEX surge_at ON alert.surge (at);

CREATE OR REPLACE FUNCTION alert.count_surge(p_seqs int8[], p_now timestamptz) RETURNS void LANGUAGE sql AS $$
  INSERT INTO alert.surge AS g (zone, sort, dedup, host, at)
  SELECT DISTINCT ON (q.zone, q.sort, q.dedup) q.zone, q.sort, q.dedup, q.host, p_now
    FROM (SELECT e.zone, alert.sort_of(e.type, e.body) AS sort, e.dedup, alert.to_inet(e.body -> 'subject' ->> 'host') AS host FROM alert.event e
           WHERE e.seq = ANY(p_seqs) AND e.body -> 'subject' ? 'host' AND COALESCE(e.body ->> 'state', '') <> 'resolved') q
  ON CONFLICT (zone, sort, dedup) DO UPDATE SET at = excluded.at $$;

-- Opens storms: a sort of change hit a large share of a zone within the window, or most of a /24 (/120) of hosts that are gone.
CREATE OR REPLACE FUNCTION alert.find_storms(s alert.ruleset, p_now timestamptz) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE r record; v_hosts int8; v_id int8; v_held int8; v_canaries inet[]; v_any bool := false; v_gone bool;
BEGIN
  FOR r IN
    SELECT g.zone, g.sort, count(*) AS n FROM alert.surge g WHERE g.at > p_now - s.storm_window
     GROUP BY g.zone, g.sort HAVING count(*) >= s.storm_least
        AND NOT EXISTS (SELECT FROM alert.storm t WHERE t.zone = g.zone AND t.sort = g.sort
                           AND (t.state = 'open' OR (t.state = 'confirmed' AND t.last_at > p_now - s.storm_window)
                                OR t.ended_at > p_now - s.storm_window))
  LOOP
    v_gone := r.sort = 'host.gone';
    v_hosts := alert.present(r.zone, NULL) + CASE WHEN v_gone THEN (
      SELECT count(*) FROM alert.surge g WHERE g.zone = r.zone AND g.sort = r.sort AND g.at > p_now - s.storm_window
         AND NOT EXISTS (SELECT FROM inv.fact_now f JOIN inv.zone z USING (zone_id)
                          WHERE z.name = r.zone AND f.addr = g.host AND f.slot = 0 AND f.attr_id = 1)) ELSE 0 END;
    CONTINUE WHEN r.n < s.storm_share * v_hosts AND NOT (v_gone AND EXISTS (
      SELECT FROM (SELECT network(set_masklen(w.host, CASE family(w.host) WHEN 4 THEN 24 ELSE 120 END))::inet AS net, count(*) AS n
                     FROM alert.waiting w WHERE w.zone = r.zone AND w.sort = r.sort AND w.due_at IS NOT NULL GROUP BY 1) q
       WHERE q.n >= s.storm_least AND q.n >= 0.5 * (q.n + alert.present(r.zone, q.net))));
    INSERT INTO alert.storm (zone, sort, type, dedup, opened_at, last_at, hosts)
    VALUES (r.zone, r.sort, split_part(r.sort, ' ', 1), encode(sha256(convert_to(format('storm %s %s %s', r.zone, r.sort, p_now), 'UTF8')), 'hex'),
            p_now, p_now, v_hosts) RETURNING storm_id INTO v_id;
    WITH w AS (
      UPDATE alert.waiting SET due_at = NULL, storm_id = v_id WHERE zone = r.zone AND sort = r.sort AND due_at IS NOT NULL RETURNING seq, dedup),
    d AS (
      INSERT INTO alert.decision (at, seq, outcome, by, dedup, firing) SELECT p_now, w.seq, 'held', v_id, w.dedup, true FROM w RETURNING 1)
    SELECT count(*) INTO v_held FROM d;
    -- of those in groups, what is not told yet and holds
    WITH u AS (
      UPDATE alert.decision d SET incident_id = NULL, outcome = 'held', by = v_id
        FROM alert.incident i, alert.event e
       WHERE i.next_at IS NOT NULL AND d.incident_id = i.incident_id AND d.decision_id > i.told_upto AND e.seq = d.seq
         AND e.zone = r.zone AND alert.sort_of(e.type, e.body) = r.sort
         AND NOT EXISTS (SELECT FROM alert.decision o WHERE o.dedup = d.dedup AND o.decision_id > d.decision_id AND NOT o.firing) RETURNING d.seq, d.dedup, e.zone, e.body),
    w AS (
      INSERT INTO alert.waiting (seq, dedup, zone, sort, host, storm_id)
      SELECT DISTINCT ON (u.seq) u.seq, u.dedup, u.zone, r.sort, alert.to_inet(u.body -> 'subject' ->> 'host'), v_id FROM u
      ON CONFLICT DO NOTHING RETURNING 1)
    SELECT v_held + count(*) INTO v_held FROM w;
    v_canaries := ARRAY(SELECT w.host FROM alert.waiting w WHERE w.storm_id = v_id AND w.host IS NOT NULL ORDER BY md5(w.host::text || v_id) LIMIT s.canaries);
    PERFORM alert.probe_canaries(r.zone, v_canaries);
    UPDATE alert.storm SET canaries = v_canaries, event_seq = alert.raise('zone.storm', 'firing', r.zone, 'zone/' || r.zone,
        jsonb_build_object('kind', 'zone'), dedup,
        format('a large part of %s changed at once: %s on %s of %s hosts; the single ones are held, %s of them are looked at again', r.zone, r.sort,
               r.n, v_hosts, cardinality(v_canaries)),
        jsonb_build_object('storm', jsonb_build_object('number', v_id, 'type', type, 'sort', r.sort, 'hosts', r.n, 'of', v_hosts, 'held', GREATEST(v_held, r.n),
          'canaries', to_jsonb(v_canaries), 'verdict', 'asked')), p_now)
     WHERE storm_id = v_id;
    v_any := true;
  END LOOP;
  RETURN v_any;
END $$;

-- What is looked for now and then: zones that are complete, zones that cannot be seen, rows that nobody needs.
CREATE OR REPLACE FUNCTION alert.look_around(p_now timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE s alert.ruleset;
BEGIN
  SELECT * INTO s FROM alert.ruleset;
  UPDATE alert.rule_cursor SET look_at = p_now + LEAST(interval '10 s', GREATEST(s.storm_hold, '1 s')) WHERE look_at <= p_now;
  IF NOT FOUND THEN RETURN; END IF;
  DELETE FROM alert.surge WHERE at < p_now - interval '1 day';
  PERFORM alert.age(p_now);
  PERFORM alert.find_baselines(p_now);
  PERFORM alert.find_blind(s, p_now);
END $$;

SELECT ops.grant_roles();
