-- What a change says to people is put together outside of the transaction of the change.  In it, one row says that there is news in the
-- ledger, whatever their number; alert.think() makes the events of it.  So the outbox costs the diff next to nothing, and nothing is lost:
-- the row and the changes are of one transaction, and the row goes in the transaction that writes the events.

CREATE TABLE alert.news (
  tx       xid8 NOT NULL DEFAULT pg_current_xact_id(),      -- inv.change.tx
  first_id int8 NOT NULL,                                   -- the changes of this transaction from here ...
  last_id  int8 NOT NULL,                                   -- ... to here, those that are news
  n        int4 NOT NULL,                                   -- so many
  at       timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tx, first_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- Of which transaction of the ledger an event tells.  NULL: no change in the inventory made it.
ALTER TABLE alert.event ADD tx xid8;
UPDATE alert.event SET tx = xid WHERE subject LIKE 'host/%' AND type !~ '^(condition|policy)\.';

-- There is news: these ledger rows, all of one transaction, with a sequence number that grows in it.
CREATE OR REPLACE FUNCTION inv.tell(p_changes int8[]) RETURNS int4 LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO alert.news (first_id, last_id, n) SELECT min(c), max(c), count(*) FROM unnest(p_changes) c;
  NOTIFY alert_event;
  RETURN cardinality(p_changes);
END $$;

-- As before; news has its event, or waits for it.
CREATE OR REPLACE FUNCTION ops.invariants() RETURNS TABLE (what text, n int8) LANGUAGE sql STABLE AS $$
  SELECT 'overlapping spans', count(*) FROM (SELECT old_since, lag(at) OVER (PARTITION BY zone_id, addr, slot, attr_id ORDER BY at, change_id) AS prev
     FROM inv.change WHERE old_value IS NOT NULL) q WHERE old_since < prev
  UNION ALL
  SELECT 'ledger says otherwise than state', count(*) FROM (SELECT DISTINCT ON (zone_id, addr, slot, attr_id) * FROM inv.change
     ORDER BY zone_id, addr, slot, attr_id, at DESC, change_id DESC) l LEFT JOIN inv.fact_now f USING (zone_id, addr, slot, attr_id)
   WHERE l.new_value IS DISTINCT FROM f.value
  UNION ALL
  SELECT 'state without its ledger row', count(*) FROM inv.fact_now f LEFT JOIN inv.horizon h USING (zone_id) WHERE NOT EXISTS (SELECT FROM inv.change c
   WHERE c.zone_id = f.zone_id AND c.addr = f.addr AND c.slot = f.slot AND c.attr_id = f.attr_id AND c.at = f.since AND c.new_value = f.value)
     AND (h.zone_id IS NULL OR f.since >= CASE WHEN f.attr_id >= 100 THEN h.scripts ELSE h.since END)
  UNION ALL
  SELECT 'doubt about nothing', count(*) FROM inv.doubt d WHERE NOT EXISTS (SELECT FROM inv.fact_now f
   WHERE f.zone_id = d.zone_id AND f.addr = d.addr AND f.slot = d.slot AND f.attr_id = d.attr_id)
  UNION ALL
  SELECT 'detail of a port that is not open', count(*) FROM inv.fact_now d WHERE d.slot <> 0 AND d.attr_id >= 11 AND NOT EXISTS (SELECT
    FROM inv.fact_now f WHERE f.zone_id = d.zone_id AND f.addr = d.addr AND f.slot = d.slot AND f.attr_id = 10)
  UNION ALL
  SELECT 'host without a holder', count(*) FROM inv.fact_now h WHERE h.attr_id = 1 AND NOT EXISTS (SELECT
    FROM inv.fact_now f WHERE f.zone_id = h.zone_id AND f.addr = h.addr AND f.slot = 0 AND f.attr_id = 0)
  UNION ALL
  SELECT 'digest without a body', count(*) FROM inv.fact_now f JOIN inv.attr a USING (attr_id)
   WHERE CASE a.kind WHEN 'text' THEN NOT EXISTS (SELECT FROM inv.value_text v WHERE v.value = f.value)
                     WHEN 'script' THEN NOT EXISTS (SELECT FROM inv.value_script v WHERE v.value = f.value)
                     WHEN 'service' THEN NOT EXISTS (SELECT FROM inv.value_service v WHERE v.value = f.value)
                     WHEN 'holder' THEN NOT EXISTS (SELECT FROM inv.asset v WHERE v.asset_id = f.value) ELSE false END
  UNION ALL
  SELECT 'news without exactly one event', count(*)
    FROM (SELECT tx, zone_id, count(*) AS n, min(noted_at) AS at FROM inv.change c WHERE news
             AND NOT EXISTS (SELECT FROM alert.news w WHERE w.tx = c.tx) GROUP BY tx, zone_id) c
    FULL JOIN (SELECT v.tx, z.zone_id, count(*) AS n, min(v.at) AS at FROM alert.event v JOIN inv.zone z ON z.name = v.zone
                WHERE v.tx IS NOT NULL GROUP BY v.tx, z.zone_id) e USING (tx, zone_id)
    LEFT JOIN inv.horizon h USING (zone_id)
   WHERE c.n IS DISTINCT FROM e.n AND tx <> '3'
     -- events of before a restore into another cluster: transaction ids began anew
     AND LEAST(c.at, e.at) > COALESCE((SELECT max(v.at) FROM alert.event v WHERE v.xid = '3'), '-infinity')
     -- (what closes is noted some looks after it was missed first)
     AND LEAST(c.at, e.at) > COALESCE(GREATEST(h.since, h.scripts) + interval '31 days', '-infinity')
  UNION ALL
  SELECT 'news that the ledger does not have', count(*) FROM alert.news w
   WHERE w.n <> (SELECT count(*) FROM inv.change c WHERE c.tx IN (w.tx, '3') AND c.change_id BETWEEN w.first_id AND w.last_id AND c.news)
  UNION ALL
  SELECT 'rows outside of the partitions', (SELECT count(*) FROM inv.change_stray) + (SELECT count(*) FROM inv.coverage_stray) $$;

SELECT ops.grant_roles();
