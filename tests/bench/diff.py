#!/usr/bin/env python3
"""Cost of the diff: whole sweeps of an inventory through api.apply_part, one part per /24, on a private PostgreSQL with its
durable settings.  Prints facts per second, time of a part and WAL, for sweeps in which nothing, 0.1 %, 1 % and 10 % of the facts differ.

    tests/bench/diff.py [HOSTS]        default 10,000 hosts in /24s of 100, each with 10 ports and 10 script results
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "pg"))
import pgtest

SETUP = """
CREATE SCHEMA b;
CREATE TABLE b.truth (block int, addr inet, slot int, attr int, value uuid, PRIMARY KEY (block, addr, slot, attr));
-- attributes: 10 a port, -1 the result of the one script
INSERT INTO b.truth
SELECT h / 100, '10.0.0.0'::inet + (h / 100) * 256 + h %% 100 + 1, (6 << 16) | (1000 + p), a,
       CASE a WHEN 10 THEN '00000000-0000-0000-0000-000000000001' ELSE md5(h || ' ' || p)::uuid END
  FROM generate_series(0, %(hosts)d - 1) h, generate_series(0, 9) p, unnest('{10,-1}'::int[]) a;
INSERT INTO inv.value_script(value, output) SELECT value, 'output of a script, ' || value FROM b.truth WHERE attr = -1 ON CONFLICT DO NOTHING;
SELECT api.sync_config(jsonb_build_object('zones', jsonb_build_array(jsonb_build_object('name', 'bench', 'host_misses', 3,
  'blocks', (SELECT jsonb_agg(jsonb_build_array(host(lo), host(lo + 255))) FROM (SELECT '10.0.0.0'::inet + i * 256 AS lo FROM generate_series(0, %(hosts)d / 100 - 1) i) q),
  'passes', '[{"name": "ports", "kind": "ports", "slots": "{[393216,458751]}", "misses": 2, "every": 3600, "confirm": 30},
              {"name": "scripts", "kind": "scripts", "slots": "{}", "misses": 2, "every": 3600, "confirm": 30}]'::jsonb))));
-- One sweep of a pass; answers seconds and WAL of each part.
CREATE FUNCTION b.sweep(p_kind text) RETURNS TABLE (ms float8, wal int8, edges int) LANGUAGE plpgsql AS $$
DECLARE r record; f int8; t timestamptz; l pg_lsn; a record; res record; attrs int[] := CASE p_kind WHEN 'ports' THEN '{10}'::int[] ELSE '{-1}' END;
BEGIN
  FOR r IN SELECT s.schedule_id, (bl.lo - '10.0.0.0'::inet) / 256 AS block FROM inv.schedule s JOIN inv.block bl USING (block_id) JOIN inv.profile p USING (profile_id)
            WHERE p.kind = p_kind ORDER BY 1 LOOP
    UPDATE inv.schedule SET fence = nextval('inv.fence'), part_done = 0, sensor_id = 1, claimed_at = clock_timestamp(), scope = NULL,
           up = 0, down = 0, opened = 0, altered = 0, closed = 0, blind = '{}' WHERE schedule_id = r.schedule_id RETURNING fence INTO f;
    SELECT (SELECT array_agg(DISTINCT addr) FROM b.truth WHERE block = r.block) AS hosts,
           array_agg(addr) AS addr, array_agg(slot) AS slot, array_agg(attr) AS attr, array_agg(value) AS value INTO a
      FROM b.truth WHERE block = r.block AND attr = ANY(attrs);
    COMMIT;
    l := pg_current_wal_insert_lsn(); t := clock_timestamp();
    SELECT * INTO res FROM api.apply_part(r.schedule_id, f, 1, clock_timestamp(), 'syn', a.hosts, array_fill('u'::"char", ARRAY[cardinality(a.hosts)]),
      array_fill(NULL::macaddr, ARRAY[cardinality(a.hosts)]), array_fill('syn-ack'::text, ARRAY[cardinality(a.hosts)]),
      array_fill(64::int2, ARRAY[cardinality(a.hosts)]), array_fill(NULL::text, ARRAY[cardinality(a.hosts)]), '{bench}', 1,
      a.addr, a.slot, a.attr, a.value, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}');
    IF res.verdict <> 'a' THEN RAISE EXCEPTION 'verdict %%', res.verdict; END IF;
    COMMIT;
    ms := EXTRACT(epoch FROM clock_timestamp() - t) * 1000; wal := pg_current_wal_insert_lsn() - l; edges := res.opened + res.altered + res.closed;
    PERFORM api.finish(r.schedule_id, f, true, 'syn', 0, 0, 0, 0, 0);
    COMMIT;
    INSERT INTO b.parts VALUES (ms, wal, edges);
  END LOOP;
END $$;
"""
# COMMIT needs a procedure: a function runs inside its caller's transaction
SETUP = SETUP.replace("CREATE FUNCTION b.sweep(p_kind text) RETURNS TABLE (ms float8, wal int8, edges int) LANGUAGE plpgsql AS $$\nDECLARE ",
                      "CREATE TABLE b.parts (ms float8, wal int8, edges int);\nCREATE PROCEDURE b.sweep(p_kind text) LANGUAGE plpgsql AS $$\nDECLARE ms float8; wal int8; edges int; ")


def sweep(db, name, kind, hosts):
    db.sql("TRUNCATE b.parts")
    db.sql("VACUUM", user="postgres")
    db.sql("CHECKPOINT", user="postgres")
    db.sql(f"CALL b.sweep('{kind}')")
    row = db.sql("SELECT sum(ms), percentile_cont(0.5) WITHIN GROUP (ORDER BY ms), percentile_cont(0.99) WITHIN GROUP (ORDER BY ms), sum(wal), sum(edges), count(*) FROM b.parts")
    total, p50, p99, wal, edges, parts = (float(x) for x in row.split("|"))
    per_change = f"{wal / edges / 1000:8.2f}" if edges else "       -"
    print(f"{name:<22} {kind:<8} {hosts * 10 / total * 1000:10,.0f} {p50:8.2f} {p99:8.2f} {wal / 1e6:9.2f} {wal / parts / 1000:9.2f} {per_change} {int(edges):8d}", flush=True)


def main():
    hosts = int(sys.argv[1]) if len(sys.argv) > 1 else 10000
    with pgtest.Cluster(options=["fsync=on", "synchronous_commit=on", "full_page_writes=on", "shared_buffers=512MB", "max_wal_size=8GB",
                                 "autovacuum=off"]) as pg:
        db = pg.database(migrated=True)
        db.sql(SETUP % {"hosts": hosts})
        db.sql("SELECT api.hello('bench', gen_random_uuid())")
        print(f"{hosts} hosts, {hosts * 20} facts, one part per /24 of 100 hosts; each sweep begins after a checkpoint, autovacuum is off")
        print(f"{'sweep':<22} {'pass':<8} {'facts/s':>10} {'p50 ms':>8} {'p99 ms':>8} {'WAL MB':>9} {'kB/part':>9} {'kB/chg':>8} {'changes':>8}")
        for kind in ("ports", "scripts"):
            sweep(db, "first inventory", kind, hosts)
        db.sql("VACUUM ANALYZE")
        for name, share in (("nothing changed", 0), ("0.1 % changed", 0.001), ("1 % changed", 0.01), ("10 % changed", 0.1)):
            db.sql(f"UPDATE b.truth SET value = md5(value || '{name}')::uuid WHERE attr = -1 AND random() < {share}; "
                   "INSERT INTO inv.value_script(value, output) SELECT value, 'output of a script, ' || value FROM b.truth WHERE attr = -1 ON CONFLICT DO NOTHING")
            for kind in ("ports", "scripts"):
                if share == 0 or kind == "scripts":
                    sweep(db, name, kind, hosts)
        print("fact_now with its indexes: " + db.sql("SELECT pg_size_pretty(pg_total_relation_size('inv.fact_now'))"))
        bad = db.sql("SELECT what || ': ' || n FROM ops.invariants() WHERE n <> 0")
        print(f"invariants: {bad or 'all hold'}")


if __name__ == "__main__":
    main()
