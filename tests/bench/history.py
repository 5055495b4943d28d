#!/usr/bin/env python3
"""The inventory as it was: how long it takes to ask with 10 million closed spans in the ledger, beside the goals.

    ./bootstrap bench history [--hosts N] [--spans N] [--keep DIR]

Default: 100,000 assets, a tenth of them in a zone of its own; each with a MAC address, a name, 10 open ports, 10 services and 10 script
results, and a year behind them in which most changed often.  All of it is made in the server, in some minutes.  --keep: DIR keeps the data directory;
when it is there, the run begins with a copy of it (and with the migrations that it lacks).  Figures are milliseconds at the client of one
connection, the median of five, warm; `first` is a new connection, which has everything to plan: what `muster report` pays; CPU is what the
session's process in the server took of a processor (in steps of 2 ms, without its parallel helpers), for runs on a machine that is busy."""
import argparse
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "pg"))
import pgtest

SETTINGS = ["fsync=off", "shared_buffers=1GB", "max_wal_size=16GB", "checkpoint_timeout=1h", "random_page_cost=1.1", "work_mem=64MB", "jit=off",
            "maintenance_work_mem=512MB", "autovacuum=off"]
PASSES = """[{"name": "ports", "kind": "ports", "slots": "{[393216,458751)}", "misses": 2, "every": 86400, "confirm": 30},
             {"name": "scripts", "kind": "scripts", "slots": "{}", "misses": 2, "every": 86400, "confirm": 30}]"""

# Hosts stand 100 to a /24.  spans: how often each kind of fact has changed in the year, 100 for a host in all.
MAKE = """
SET synchronous_commit = off; SET client_min_messages = warning;
SELECT ops.make_partitions(current_date - 400, 15);
SELECT api.sync_config(jsonb_build_object('zones', (SELECT jsonb_agg(jsonb_build_object('name', z.name, 'host_misses', 3, 'passes', '{passes}'::jsonb,
  'blocks', (SELECT jsonb_agg(jsonb_build_array(host(lo), host(lo + 255))) FROM (SELECT z.base + i * 256 AS lo FROM generate_series(0, z.n / 100 - 1) i) q)) ORDER BY z.name)
  FROM (VALUES ('bench', '10.0.0.0'::inet, {hosts} - {hosts} / 10), ('site', '172.16.0.0', {hosts} / 10)) z(name, base, n))));
CREATE TABLE inv.made AS SELECT z.zone_id, (SELECT min(lo) FROM inv.block b WHERE b.zone_id = z.zone_id) + (h / 100 * 256 + h % 100)::int8 AS addr, z.zone_id * 1000000 + h AS host
  FROM inv.zone z, LATERAL generate_series(0, 100 * (SELECT count(*) FROM inv.block b WHERE b.zone_id = z.zone_id)::int - 1) h;
CREATE FUNCTION inv.made_value(p_attr int4, p_host int4, p_slot int4, p_round int4) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT md5(p_attr || '/' || CASE p_attr WHEN 0 THEN p_host || '-' || p_round WHEN 2 THEN p_host || '-' || p_round WHEN 3 THEN p_host || '-' || p_round % 2
    WHEN 11 THEN ((p_host * 7 + p_slot + p_round * 131) % 20000)::text WHEN 10 THEN 'open' WHEN 1 THEN 'up'
    ELSE ((p_host * 31 + p_slot + p_round * 977) % 100000)::text END)::uuid $$;
CREATE TABLE inv.made_kind AS SELECT * FROM (VALUES (0, 0, 1), (1, 0, 4), (2, 0, 1), (3, 0, 4)) v(attr_id, slot, spans)
  UNION ALL SELECT a.attr_id, 393216 + 1000 + p, a.spans FROM (VALUES (10, 1), (11, 3), (100, 5)) a(attr_id, spans), generate_series(0, 9) p;
INSERT INTO inv.fact_now (since, zone_id, slot, attr_id, value, strength, addr)
  SELECT date_trunc('day', now()) - make_interval(hours => 25 + (hashtext(host || '/' || slot || '/' || attr_id) & 255)), zone_id, slot, attr_id, inv.made_value(attr_id, host, slot, 0), 0, addr
    FROM inv.made, inv.made_kind ORDER BY zone_id, addr, slot, attr_id;
INSERT INTO inv.asset (asset_id, zone_id, made_at) SELECT inv.made_value(0, host, 0, r), zone_id, now() - interval '1 year' FROM inv.made, generate_series(0, 1) r;
INSERT INTO inv.asset_place SELECT inv.made_value(0, host, 0, 0), zone_id, addr FROM inv.made;
INSERT INTO inv.asset_key (zone_id, kind, key, asset_id, since)
  SELECT zone_id, 1, '02:00:' || regexp_replace(lpad(to_hex(host), 8, '0'), '(..)(..)(..)(..)', '\\1:\\2:\\3:\\4'), inv.made_value(0, host, 0, 0), now() - interval '200 days' FROM inv.made;
INSERT INTO inv.value_text (value, body) SELECT inv.made_value(2, host, 0, r), '02:0' || r || ':' || regexp_replace(lpad(to_hex(host), 8, '0'), '(..)(..)(..)(..)', '\\1:\\2:\\3:\\4') FROM inv.made, generate_series(0, 1) r;
INSERT INTO inv.value_text (value, body) SELECT inv.made_value(3, host, 0, r), 'h' || host || '-' || r || '.example' FROM inv.made, generate_series(0, 1) r;
INSERT INTO inv.value_service (value, name, product, version) SELECT md5('11/' || n)::uuid, 'http', 'product' || n % 200, n::text FROM generate_series(0, 19999) n;
INSERT INTO inv.value_script (value, output) SELECT md5('100/' || n)::uuid, repeat('output ' || n || ' ', 4 + n % 25) FROM generate_series(0, 99999) n;
INSERT INTO inv.coverage (at, from_at, zone_id, block_id, profile_id, fence, parts, complete, up, down, opened, altered, closed)
  SELECT t, t - interval '5 minutes', zone_id, block_id, profile_id, 1, 1, true, 100, 0, 0, 0, 0 FROM generate_series(now() - interval '1 year', now() - interval '1 hour', '1 day') t, inv.schedule;
UPDATE inv.schedule SET last_from = now() - interval '65 minutes', last_at = now() - interval '1 hour', due_at = now() + interval '1 day';
"""
# Round by round, the oldest first, so that rows lie as they would: in order of time.
ROUND = """INSERT INTO inv.change (at, old_since, noted_at, zone_id, slot, attr_id, profile_id, cause, news, addr, old_value, new_value)
  SELECT f.since - e * {r}, f.since - e * ({r} + 1), f.since - e * {r}, f.zone_id, f.slot, f.attr_id, 1, 'v', false, f.addr, inv.made_value(f.attr_id, m.host, f.slot, {r} + 1), inv.made_value(f.attr_id, m.host, f.slot, {r})
    FROM inv.fact_now f JOIN inv.made m USING (zone_id, addr) JOIN inv.made_kind k USING (attr_id, slot), LATERAL (SELECT interval '350 days' / (k.spans * {more})) s(e)
   WHERE k.spans * {more} > {r} ORDER BY 1"""


def make(db, hosts, spans):
    """A year of changes: closed spans, back to back.  Indexes are made afterwards, as that is faster."""
    began = time.monotonic()
    db.sql(MAKE.format(hosts=hosts, passes=PASSES))
    more = max(1, round(spans / (hosts * 100)))
    have = db.sql("SELECT indexrelid::regclass || ' ' || pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'inv.change'::regclass").splitlines()
    db.sql("ALTER TABLE inv.change DISABLE TRIGGER USER; " + "; ".join(f"DROP INDEX {i.split()[0]}" for i in have))
    for r in reversed(range(5 * more)):
        db.sql("SET work_mem = '256MB'; SET synchronous_commit = off; " + ROUND.format(r=r, more=more))
    db.sql("SET maintenance_work_mem = '512MB'; " + "; ".join(i.split(" ", 1)[1].replace(" ON ONLY ", " ON ") for i in have) + "; ALTER TABLE inv.change ENABLE TRIGGER USER; DROP TABLE inv.made, inv.made_kind; DROP FUNCTION inv.made_value")
    db.sql("VACUUM ANALYZE", user="postgres")
    print(f"made in {time.monotonic() - began:.0f} s", flush=True)


# ------------------------------------------------------------------ asking

AGO = "now() - interval '100 days'"
FACTS = f"""SELECT f.* FROM inv.zone z, LATERAL inv.facts_then(z.zone_id, {AGO}, %s, '{{[0,)}}') f WHERE z.name = '%s'"""


def asked(host, asset, mac):
    """What is asked, the query, what it may take in ms, and how many rows it has to give."""
    at = f"{AGO}, 'bench'"
    return [
        ("one host, all facts", FACTS % (f"'{host}'", "bench"), 5, 34),
        ("one address (report.host_at)", f"SELECT * FROM report.host_at({at}, '{host}')", 5, 1),
        ("its services (report.service_at)", f"SELECT * FROM report.service_at({at}, '{host}')", 5, 10),
        ("its script results (report.script_result_at)", f"SELECT * FROM report.script_result_at({at}, '{host}')", 5, 10),
        ("who had it (report.holder_at)", f"SELECT * FROM report.holder_at('{host}', {AGO})", 5, 1),
        ("one asset by id (report.asset_at)", f"SELECT * FROM report.asset_at({AGO}, NULL, '{asset}')", 5, 1),
        ("its services by id, any zone", f"SELECT * FROM report.service_at({AGO}, NULL, NULL, '{asset}')", 5, 10),
        ("its script results by id, any zone", f"SELECT * FROM report.script_result_at({AGO}, NULL, NULL, '{asset}')", 5, 10),
        ("who had an address, and when (report.ip_history)", f"SELECT * FROM report.ip_history('{host}')", 5, 2),
        ("who had a MAC address, and when (report.mac_history)", f"SELECT * FROM report.mac_history('{mac}')", 1000, 1),
        ("the whole history of one host", f"SELECT * FROM inv.change WHERE zone_id = 1 AND addr = '{host}' ORDER BY at", 5, 100),
        ("a zone of 10,000 assets (report.asset_at)", f"SELECT * FROM report.asset_at({AGO}, 'site')", 1000, 0.1),
        ("its addresses (report.host_at)", f"SELECT * FROM report.host_at({AGO}, 'site')", 1000, 0.1),
        ("its services (report.service_at)", f"SELECT * FROM report.service_at({AGO}, 'site')", 1000, 1),
        ("its script results (report.script_result_at)", f"SELECT * FROM report.script_result_at({AGO}, 'site')", 1000, 1),
        ("its facts, old and new, over a week (report.diff)", f"SELECT * FROM report.diff({AGO}, {AGO} + interval '7 days', 'site')", 1000, None),
        ("the whole inventory, all facts", "SELECT count(*) FROM inv.zone z, LATERAL inv.facts_then(z.zone_id, " + AGO + ", NULL, '{[0,)}')", 2000, None),
        ("changes of a day, all zones", f"SELECT * FROM inv.change WHERE at >= {AGO} AND at < {AGO} + interval '1 day'", 20, None),
        ("changes of a day, a /24", f"SELECT * FROM inv.change WHERE zone_id = 1 AND addr BETWEEN '10.0.50.0' AND '10.0.50.255' AND at >= {AGO} AND at < {AGO} + interval '1 day'", 2, None),
    ]


def verdict(text, first, value, cpu, goal, rows):
    print(f"  {text:<56} {first:>9,.1f} {value:>9,.1f} {cpu:>9,.0f} {goal:>7,} {rows:>10,}  {'met' if value <= goal else 'MISSED'}", flush=True)


def cpu_of(pid):
    """Milliseconds of processor time of a process so far."""
    return sum(map(int, pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])) * 1000 / os.sysconf("SC_CLK_TCK")


def measure(db, sql, runs=5):
    """Rows, and milliseconds: of the first run of a new connection, the median of those after it, and what they took of a processor."""
    session = pgtest.Session(db.cluster.psql_argv(db.name, db.owner))
    pid, times = session.sql("SELECT pg_backend_pid()"), []
    for run in range(runs + 1):
        if run == 1:
            busy = cpu_of(pid)
        began = time.monotonic()
        rows = session.sql(f"SELECT count(*) FROM ({sql}) q")
        times.append((time.monotonic() - began) * 1000)
    busy = (cpu_of(pid) - busy) / runs
    session.close()
    return int(rows), times[0], sorted(times[1:])[runs // 2], busy


def ask(db, scale):
    host = "10.0.50.7"
    asset, mac = db.sql(f"SELECT asset_id || ' ' || mac FROM report.holder_at('{host}', {AGO})").split()
    spans = int(db.sql("SELECT count(*) FROM inv.change"))
    print(f"\n{spans:,} closed spans, {int(db.sql('SELECT count(*) FROM inv.fact_now')):,} facts that hold; as of 100 days ago\n"
          f"  {'ms':<56} {'first':>9} {'warm':>9} {'CPU':>9} {'goal':>7} {'rows':>10}")
    for text, sql, goal, want in asked(host, asset, mac):
        rows, first, warm, cpu = measure(db, sql)
        verdict(text, first, warm, cpu, goal, rows)
        if want and rows != (want * scale if 'zone of' in text or text.startswith('its') and goal == 1000 else want):
            raise SystemExit(f"{text}: {rows} rows, not {want}")


def main():
    p = argparse.ArgumentParser(prog="bench history")
    p.add_argument("--hosts", type=int, default=100000)
    p.add_argument("--spans", type=int, default=10000000)
    p.add_argument("--keep", type=pathlib.Path, metavar="DIR", help="data directory to begin with, made if it is not there")
    o = p.parse_args()
    data = o.keep if o.keep and o.keep.exists() else None
    with pgtest.Cluster(options=SETTINGS, data=data, fresh=True) as pg:
        db = pgtest.Database(pg, "t1", pg.login) if data else pg.database()
        db.migrate()
        if not data:
            make(db, o.hosts, o.spans)
        if o.keep and not data:
            pg.stop()
            subprocess.run(["cp", "-a", str(pg.dir / "data"), str(o.keep)], check=True)
            pg.start()
        ask(db, o.hosts)


if __name__ == "__main__":
    main()
