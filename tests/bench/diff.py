#!/usr/bin/env python3
"""The inventory beside the usual designs: what a pass costs in WAL and time when nothing, little and much has changed; the queue.
History is measured by `bench history`, identity by tests/pg/test_identity_walk.py, deliveries by `bench alerts`.

    ./bootstrap bench diff [--hosts N] [--plain] [--short] [--only diff,usual,queue] [--keep DIR]

Default: 100,000 hosts in /24s of 100, each with 10 open ports and 10 script results.  One private PostgreSQL with
the durable settings of the embedded server for all designs (--plain: without compression of page images in the WAL); a CHECKPOINT before each measured sweep, so that its WAL holds the page images of a real one.  The sweeps go through
the store's client (bench_store), as the core does it: claim, part, end.  --keep: DIR keeps the data directory as it is after the first
inventory; when it is there, the run begins with a copy of it (and with the migrations that it lacks)."""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "pg"))
import pgtest

DURABLE = ["fsync=on", "synchronous_commit=on", "full_page_writes=on", "shared_buffers=1GB", "max_wal_size=16GB", "checkpoint_timeout=1h",
           "autovacuum_naptime=10s", "log_autovacuum_min_duration=0", "random_page_cost=1.1", "work_mem=64MB", "wal_compression=on", "jit=off"]
SHARES = (("nothing", 0.0), ("0.1 %", 0.001), ("1 %", 0.01), ("10 %", 0.1))


def verdict(text, value, goal, better, unit=""):
    good = value <= goal if better == "<=" else value >= goal
    print(f"  {text:<58} {value:>12,.2f} {unit:<8} goal {better} {goal:<10,g} {'met' if good else 'MISSED'}", flush=True)


class Meter:
    def __init__(self, db):
        self.db = db

    def __enter__(self):
        self.db.sql("VACUUM", user="postgres")
        self.db.sql("CHECKPOINT", user="postgres")
        self.swept = self.autovacuum()
        self.start = self.db.sql("SELECT pg_current_wal_insert_lsn()")
        self.began = time.monotonic()
        return self

    def __exit__(self, *_):
        self.seconds = time.monotonic() - self.began
        self.wal = int(self.db.sql(f"SELECT pg_current_wal_insert_lsn() - '{self.start}'::pg_lsn"))
        self.swept = self.autovacuum() - self.swept

    def autovacuum(self):
        """Bytes of WAL that autovacuum has written so far, as the server logs them at the end of each table."""
        return sum(map(int, re.findall(r"WAL usage: \d+ records, \d+ full page images, (\d+) bytes", (self.db.cluster.dir / "log").read_text(errors="replace"))))


# ------------------------------------------------------------------ ours

class Sweeps:
    def __init__(self, db, hosts, program):
        self.db, self.hosts, self.program = db, hosts, program
        self.shares = []
        if db.sql("SELECT count(*) FROM inv.block") != "0":
            self.restart()
            return
        db.sql(f"""SELECT api.sync_config(jsonb_build_object('zones', jsonb_build_array(jsonb_build_object('name', 'bench', 'host_misses', 3,
            'blocks', (SELECT jsonb_agg(jsonb_build_array(host(lo), host(lo + 255))) FROM (SELECT '10.0.0.0'::inet + i * 256 AS lo FROM generate_series(0, {hosts} / 100 - 1) i) q),
            'passes', '[{{"name": "ports", "kind": "ports", "slots": "{{[393216,458751)}}", "misses": 2, "every": 3600, "confirm": 30}},
                        {{"name": "scripts", "kind": "scripts", "slots": "{{}}", "misses": 2, "every": 3600, "confirm": 30}}]'::jsonb))))""")
        self.restart()

    def restart(self):
        """A client that remembers nothing."""
        if hasattr(self, "client"):
            self.stop()
        self.client = subprocess.Popen([self.program, self.db.conninfo, str(self.hosts)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def stop(self):
        self.client.stdin.close()
        if self.client.wait(timeout=60):
            raise SystemExit("bench_store failed")

    def cpu(self):
        """Seconds of processor time of the client and its server process so far: what a busy machine leaves comparable."""
        backends = self.db.sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'musterd'").split()
        ticks = 0
        for pid in [str(self.client.pid), *backends]:
            ticks += sum(map(int, pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def sweep(self, name, kind, quiet=False):
        self.db.sql(f"UPDATE inv.schedule SET wanted_at = now(), due_at = now() WHERE kind = '{kind}'")
        with Meter(self.db) as m:
            busy = self.cpu()
            self.client.stdin.write(f"{kind} {','.join(map(str, self.shares or [0]))}\n")
            self.client.stdin.flush()
            words = self.client.stdout.readline().split()
            busy = self.cpu() - busy
        if not words:
            raise SystemExit("bench_store failed")
        r = dict(zip(("facts", "s", "parts", "p50", "p99", "edges", "rss"), map(float, words)))
        r.update(cpu=busy, wal=m.wal, swept=m.swept, rate=r["facts"] / r["s"], kb_part=m.wal / r["parts"] / 1000, kb_edge=m.wal / r["edges"] / 1000 if r["edges"] else 0)
        if not quiet:
            edge = f"{r['kb_edge']:8.2f}" if r["edges"] else "       -"
            print(f"{name:<26} {kind:<8} {r['rate']:>11,.0f} {r['s']:8.2f} {r['cpu']:8.2f} {r['p50']:8.2f} {r['p99']:8.2f} {r['wal'] / 1e6:9.2f} {r['kb_part']:8.2f} {edge} {int(r['edges']):9,d}", flush=True)
        return r


def written(db):
    """Rows written so far in the tables of facts."""
    db.sql("SELECT pg_stat_force_next_flush()")
    return db.sql("SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables WHERE schemaname = 'inv' AND relname ~ '^(fact_now|change_.*|doubt|value_.*|host_covered)$'")


def keep(db, directory):
    """Copies the data directory as it is now."""
    db.sql("VACUUM ANALYZE", user="postgres")
    db.cluster.stop()
    subprocess.run(["cp", "-a", str(db.cluster.dir / "data"), str(directory)], check=True)
    db.cluster.start()


def ours(db, hosts, program, kept, shares):
    s = Sweeps(db, hosts, program)
    print(f"\nMuster: {hosts:,} hosts, {hosts * 10:,} ports, {hosts * 10:,} script results; parts of 100 hosts, one connection")
    print(f"{'sweep':<26} {'pass':<8} {'facts/s':>11} {'s':>8} {'CPU s':>8} {'p50 ms':>8} {'p99 ms':>8} {'WAL MB':>9} {'kB/visit':>8} {'kB/chg':>8} {'changes':>9}")
    if db.sql("SELECT count(*) FROM inv.fact_now WHERE attr_id >= 100 LIMIT 1") == "0":
        for kind in ("ports", "scripts"):
            s.sweep("first inventory", kind)
        db.sql("SELECT ops.settle_values(current_date + 1, '1 hour')")    # what the upkeep does the day after
        if kept:
            s.stop()
            keep(db, kept)
            s.restart()
    db.sql("VACUUM ANALYZE")
    size = int(db.sql("SELECT pg_total_relation_size('inv.fact_now')"))
    db.sql("TRUNCATE inv.host_mark")
    s.restart()
    full = [s.sweep("in full, nothing changed", kind) for kind in ("ports", "scripts")]
    before = written(db)
    same = [s.sweep("nothing changed", kind) for kind in ("ports", "scripts")]
    rows = int(written(db)) - int(before)
    changed = {}
    for name, share in shares[1:]:
        s.shares.append(share * 2)                    # of the results: as many as this share of all facts
        changed[name] = s.sweep(f"{name} changed", "scripts")
        s.sweep("", "ports", quiet=True)              # marks of hosts that changed are made anew
    s.shares.append(0)
    rss = s.sweep("nothing changed", "scripts")["rss"]
    s.stop()
    growth = int(db.sql("SELECT pg_total_relation_size('inv.fact_now')")) / size * 100 - 100
    bad = db.sql("SELECT string_agg(what || ': ' || n, ', ') FROM ops.audit() WHERE n <> 0")
    print(f"audit: {bad or 'clean'}")
    k = hosts / 100000
    both = lambda key: sum(r[key] for r in same)
    verdict("confirm path", 2 * hosts * 10 / both("s"), 700000, ">=", "facts/s")
    verdict("facts sent in full and compared", 2 * hosts * 10 / sum(r["s"] for r in full), 300000, ">=", "facts/s")
    print(f"  {'per second of processor time, client and server together':<58} {2 * hosts * 10 / max(both('cpu'), .01):>12,.0f} by marks, "
          f"{2 * hosts * 10 / max(sum(r['cpu'] for r in full), .01):,.0f} in full")
    verdict("unchanged pass of all: rows of facts written", rows, 0, "<=", "rows")
    # the longer a pass takes, the more often autovacuum comes by: on a busy machine that is no longer the pass's own
    verdict("unchanged pass of all: WAL", (both("wal") - both("swept")) / 1e6, 3 * k, "<=", "MB")
    print(f"  {'and what autovacuum wrote meanwhile':<58} {both('swept') / 1e6:>12,.2f} MB       in {both('s'):,.0f} s")
    verdict("unchanged pass of all: time", both("s"), 3 * k, "<=", "s")
    verdict("WAL of an unchanged visit", max(r["kb_part"] for r in same), 3, "<=", "kB")
    verdict("part without change, median", max(r["p50"] for r in same), 3, "<=", "ms")
    verdict("part without change, 99th percentile", max(r["p99"] for r in same), 10, "<=", "ms")
    if "1 %" in changed:
        verdict("part with 1 % of changes, median", changed["1 %"]["p50"], 10, "<=", "ms")
        verdict("part with 1 % of changes, 99th percentile", changed["1 %"]["p99"], 30, "<=", "ms")
    for name, goal in (("0.1 %", 12), ("1 %", 7), ("10 %", 2)):
        if name in changed:
            verdict(f"WAL per scattered change at {name}", changed[name]["kb_edge"], goal, "<=", "kB")
    verdict("growth of fact_now with its indexes", growth, 3, "<=", "%")
    verdict("memory of the client at its peak", rss / 1024, 256, "<=", "MiB")
    return {"nothing": (both("wal"), both("s")), "0.1 %": (changed["0.1 %"]["wal"] + same[0]["wal"], changed["0.1 %"]["s"] + same[0]["s"])}


# ------------------------------------------------------------------ the usual designs

USUAL = """
CREATE SCHEMA u;
CREATE UNLOGGED TABLE u.stage (host int, port int, kind int, body text, digest uuid);
CREATE TABLE u.service (host int, port int, name text, product text, version text, first_seen timestamptz NOT NULL, last_seen timestamptz NOT NULL, PRIMARY KEY (host, port));
CREATE TABLE u.result (host int, port int, script text, output text, first_seen timestamptz NOT NULL, last_seen timestamptz NOT NULL, PRIMARY KEY (host, port, script));
CREATE TABLE u.tuned (first_seen timestamptz NOT NULL, last_seen timestamptz NOT NULL, host int, port int, kind int, digest uuid, PRIMARY KEY (host, port, kind)) WITH (fillfactor = 45);
CREATE FUNCTION u.fill(p_hosts int, p_share float8, p_tag text) RETURNS void LANGUAGE sql AS $$
  TRUNCATE u.stage;
  INSERT INTO u.stage SELECT h, p, k, b.body, md5(b.body)::uuid FROM generate_series(0, p_hosts - 1) h, generate_series(1000, 1009) p, generate_series(0, 1) k,
    LATERAL (SELECT CASE k WHEN 0 THEN 'service ' || (h * 7 + p) % 20000
                    ELSE repeat('output ' || CASE WHEN (h + p) % 10 < 7 THEN (h * 31 + p) % 50000 ELSE 50000 + h * 10 + p END || ' ', 4 + (h + p) % 25)
                         || CASE WHEN random() < p_share * 2 THEN p_tag ELSE '' END END AS body OFFSET 0) b $$;
CREATE FUNCTION u.wide() RETURNS void LANGUAGE sql AS $$
  INSERT INTO u.service AS t SELECT host, port, body, body, '1.0', clock_timestamp(), clock_timestamp() FROM u.stage WHERE kind = 0
    ON CONFLICT (host, port) DO UPDATE SET name = excluded.name, product = excluded.product, version = excluded.version, last_seen = excluded.last_seen;
  INSERT INTO u.result AS t SELECT host, port, 'bench', body, clock_timestamp(), clock_timestamp() FROM u.stage WHERE kind = 1
    ON CONFLICT (host, port, script) DO UPDATE SET output = excluded.output, last_seen = excluded.last_seen $$;
CREATE FUNCTION u.compact() RETURNS void LANGUAGE sql AS $$
  UPDATE u.tuned t SET last_seen = clock_timestamp(), digest = s.digest FROM u.stage s WHERE (s.host, s.port, s.kind) = (t.host, t.port, t.kind) $$;
"""


def usual(db, hosts):
    print(f"\nthe usual designs, the same {hosts * 20:,} facts (the usual one keeps bodies in the rows and no history; the best tuned one keeps digests and all updates HOT)")
    db.sql(USUAL)
    db.sql(f"SELECT u.fill({hosts}, 0, ''); ANALYZE u.stage; SELECT u.wide(); INSERT INTO u.tuned SELECT now(), now(), host, port, kind, digest FROM u.stage; ANALYZE u.service, u.result, u.tuned")
    got = {}
    for name, share in SHARES[:2]:
        for design, call in (("usual", "wide"), ("best tuned", "compact")):
            db.sql(f"SELECT u.fill({hosts}, {share}, '{name}{design}'); ANALYZE u.stage")
            with Meter(db) as m:
                db.sql(f"SELECT u.{call}()")
            got[design, name] = (m.wal, m.seconds)
            print(f"{design:<12} {name:<8} changed {m.wal / 1e6:10,.1f} MB WAL {m.seconds:8.1f} s", flush=True)
    db.sql("DROP SCHEMA u CASCADE")
    return got


def ratios(mine, other):
    print("\nratios of WAL")
    for design, name, goal in (("usual", "nothing", 0), ("best tuned", "nothing", 0), ("usual", "0.1 %", 50), ("best tuned", "0.1 %", 10)):
        verdict(f"{design} design to Muster, {name} changed", other[design, name][0] / mine[name][0], goal, ">=", "x")


# ------------------------------------------------------------------ queue and reader

CYCLE = """\\set sensor random(1, 4)
SELECT schedule_id AS s, fence AS f FROM api.claim(1, '{ports,scripts}', 1, '60 s') \\gset
SELECT api.finish(:s, :f, true, 'x', 0, 0, 0, 0, 0);
UPDATE inv.schedule SET due_at = now(), wanted_at = now() WHERE schedule_id = :s;
"""
TENS = """SELECT count(*) FROM api.claim(1, '{ports,scripts}', 10, '60 s');
"""
READER = """DO $$ DECLARE tx0 xid8 := '0'; id0 int8 := 0; n int8 := 0; t timestamptz := clock_timestamp(); r record; k int8;
BEGIN
  LOOP
    SELECT count(*) AS k INTO r FROM (SELECT c.tx, c.change_id FROM inv.change c WHERE (c.tx, c.change_id) > (tx0, id0)
      AND c.tx < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY c.tx, c.change_id LIMIT 500) q;
    EXIT WHEN r.k = 0 OR clock_timestamp() > t + interval '5 s';
    n := n + r.k;
    SELECT q.tx, q.change_id INTO tx0, id0 FROM (SELECT c.tx, c.change_id FROM inv.change c WHERE (c.tx, c.change_id) > (tx0, id0)
      AND c.tx < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY c.tx, c.change_id LIMIT 1 OFFSET r.k - 1) q;
  END LOOP;
  RAISE NOTICE 'rate %', n / EXTRACT(epoch FROM clock_timestamp() - t);
END $$"""


def rate(db, script, *how):
    """Transactions a second of four clients."""
    path = db.cluster.dir / "script.sql"
    path.write_text(script)
    done = subprocess.run([f"{db.cluster.bin}/pgbench", "-h", str(db.cluster.socket), "-U", db.owner, "-n", "-M", "prepared", "-c", "4", "-j", "2", *how, "-f", str(path), db.name],
                          capture_output=True, text=True, check=False)
    tps = [line for line in done.stdout.splitlines() if line.startswith("tps")]
    if not tps:
        raise SystemExit(done.stderr)
    return float(tps[0].split()[2])


def queue(db):
    print("\nqueue and reader")
    db.sql("UPDATE inv.schedule SET due_at = now(), wanted_at = now(), sensor_id = NULL; VACUUM inv.schedule")
    verdict("claim and end, cycles a second, 4 clients", rate(db, CYCLE, "-T", "8"), 1000, ">=", "/s")
    # all of it is due: as many claims as there are blocks for
    db.sql("UPDATE inv.schedule SET due_at = now(), wanted_at = now(), sensor_id = NULL; VACUUM inv.schedule")
    blocks = int(db.sql("SELECT count(*) FROM inv.schedule"))
    verdict("claims a second in tens, 4 clients", rate(db, TENS, "-t", str(max(1, blocks // 40))) * 10, 10000, ">=", "/s")
    argv = [f"{db.cluster.bin}/psql", "-X", "-q", "-h", str(db.cluster.socket), "-U", db.owner, "-d", db.name, "-c", READER]
    words = subprocess.run(argv, capture_output=True, text=True, check=True).stderr.split()
    verdict("reader of the ledger, in 500s, both queries", float(words[words.index("rate") + 1]), 300000, ">=", "rows/s")


def main():
    p = argparse.ArgumentParser(prog="bench diff")
    p.add_argument("--hosts", type=int, default=100000)
    p.add_argument("--plain", action="store_true", help="without wal_compression, which the embedded server has on")
    p.add_argument("--only", default="diff,usual,queue")
    p.add_argument("--keep", type=pathlib.Path, metavar="DIR", help="data directory to begin with, made if it is not there")
    p.add_argument("--short", action="store_true", help="not the sweeps with 1 %% and 10 %% of changes")
    o = p.parse_args()
    only = o.only.split(",")
    build = pathlib.Path(os.environ.get("MUSTER_BUILD") or ROOT / "build")
    subprocess.run(["cmake", "--build", str(build), "--target", "bench_store"], check=True, stdout=subprocess.DEVNULL)
    data = o.keep if o.keep and o.keep.exists() else None
    options = [*DURABLE, *(["wal_compression=off"] if o.plain else [])]
    with pgtest.Cluster(options=options, data=data, fresh=True) as pg:
        if data:
            db = pgtest.Database(pg, "t1", pg.login)
            pg.serial = 1
            db.migrate()
        else:
            db = pg.database(migrated=True)
        if "diff" in only or not data:
            mine = ours(db, o.hosts, build / "bench_store", o.keep, SHARES[:2] if o.short else SHARES)
        if "usual" in only and "diff" in only:
            ratios(mine, usual(pg.database(), o.hosts))
        if "queue" in only:
            queue(db)


if __name__ == "__main__":
    main()
