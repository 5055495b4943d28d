#!/usr/bin/env python3
"""Who is who: how fast candidates are found and weighed among 100,000 assets, and how often the answer is right in a simulated site

    ./bootstrap bench identity [--hosts N] [--days N] [--scale X] [--seed N] [--only speed,truth]

speed: N assets in /24s of 100, each with a MAC address, a name, a host key and a certificate, written straight into the tables of a private
PostgreSQL with durable settings.  The fetch is inv.candidates(): for each address who may be there, with the weights for and against.  The
weighing is inv.identify(), by block as a visit does it: evidence that is new, that changed, and addresses that changed hands.
truth: tests/pg/identity_site.py, a site of 2,571 devices that the real functions look at again and again."""
import argparse
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "pg"))
sys.path.insert(0, str(ROOT / "tests" / "bench"))
import diff
import pgtest
import identity_site

# h: number of the host; addresses x.y.z.0 to x.y.z.99
FILL = """
CREATE SCHEMA b;
CREATE FUNCTION b.addr(h int) RETURNS inet LANGUAGE sql IMMUTABLE AS $$ SELECT '10.0.0.0'::inet + (h / 100) * 256 + h % 100 $$;
CREATE FUNCTION b.digest(x text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT md5(x)::uuid $$;
CREATE FUNCTION b.mac(h int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT (trunc('00:1b:21:00:00:00'::macaddr)::text::macaddr | ('00:00:00:' || regexp_replace(lpad(to_hex(h), 6, '0'), '(..)(..)(..)', '\\1:\\2:\\3'))::macaddr)::text $$;
SELECT api.sync_config(jsonb_build_object('zones', jsonb_build_array(jsonb_build_object('name', 'bench', 'host_misses', 3,
  'blocks', (SELECT jsonb_agg(jsonb_build_array(host(lo), host(lo + 255))) FROM (SELECT b.addr(i * 100) AS lo FROM generate_series(0, {hosts} / 100 - 1) i) q),
  'passes', '[{{"name": "ports", "kind": "ports", "slots": "{{[393216,458751]}}", "misses": 2, "every": 3600, "confirm": 30}},
              {{"name": "scripts", "kind": "scripts", "slots": "{{}}", "misses": 2, "every": 3600, "confirm": 30}}]'::jsonb))));
CREATE TABLE b.host AS SELECT h, b.addr(h) AS addr, b.mac(h) AS mac, 'host' || h || '.example' AS name, 'key' || h AS ssh, 'sha' || h AS tls,
  b.digest('asset' || h) AS asset FROM generate_series(0, {hosts} - 1) h;
INSERT INTO inv.asset(asset_id, zone_id, made_at) SELECT asset, 1, now() - interval '40 days' FROM b.host;
INSERT INTO inv.asset_place SELECT asset, 1, addr FROM b.host;
INSERT INTO inv.asset_key(zone_id, kind, key, asset_id, since) SELECT 1, 1, mac, asset, now() - interval '40 days' FROM b.host;
INSERT INTO inv.value_text SELECT b.digest(mac), mac FROM b.host UNION ALL SELECT b.digest(name), name FROM b.host;
INSERT INTO inv.value_script SELECT b.digest(ssh), ssh, jsonb_build_array(jsonb_build_object('key', ssh)) FROM b.host
  UNION ALL SELECT b.digest(tls), tls, jsonb_build_object('sha1', tls, 'pubkey', jsonb_build_object('modulus', tls || 'm')) FROM b.host;
INSERT INTO inv.fact_now(since, zone_id, slot, attr_id, value, strength, addr)
  SELECT now() - f.age * interval '1 day', 1, f.slot, f.attr_id, f.value, 0, h.addr FROM b.host h,
    LATERAL (VALUES (40, 0, 0, h.asset), (40, 0, 1, b.digest('')), (40, 0, 2, b.digest(h.mac)), (40, 0, 3, b.digest(h.name)),
      (40, 393238, 10, b.digest('')), (40, 393659, 10, b.digest('')),
      (20, 393238, (SELECT attr_id FROM inv.attr WHERE name = 'ssh-hostkey'), b.digest(h.ssh)),
      (20, 393659, (SELECT attr_id FROM inv.attr WHERE name = 'ssl-cert'), b.digest(h.tls))) f(age, slot, attr_id, value) ORDER BY h.h;
-- each block was looked at every hour, and its history is that of a quiet network
SELECT ops.make_partitions(current_date - 62, 5);
ALTER TABLE inv.coverage DISABLE TRIGGER USER;
INSERT INTO inv.coverage(at, from_at, zone_id, block_id, profile_id, fence, parts, complete, up, down, opened, altered, closed)
  SELECT now() - k * interval '1 hour', now() - k * interval '1 hour' - interval '1 minute', 1, b.block_id, p.profile_id, 0, 1, true, 100, 0, 0, 0, 0
    FROM generate_series(1, 48) k, inv.block b, inv.profile p WHERE p.kind = 'ports';
ALTER TABLE inv.coverage ENABLE TRIGGER USER;
ALTER TABLE inv.change DISABLE TRIGGER USER;
INSERT INTO inv.change(at, zone_id, slot, attr_id, profile_id, cause, news, addr, new_value)
  SELECT f.since, 1, f.slot, f.attr_id, 1, 'o', false, f.addr, f.value FROM inv.fact_now f;
ALTER TABLE inv.change ENABLE TRIGGER USER;
-- seconds that the fetch for these addresses takes, at best of some
CREATE FUNCTION b.fetch(p_addr inet[], p_times int) RETURNS float8 LANGUAGE plpgsql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE t timestamptz; best float8 := 1e9;
BEGIN
  FOR i IN 1 .. p_times LOOP
    t := clock_timestamp();
    PERFORM count(*) FROM inv.candidates(1, p_addr);
    best := LEAST(best, EXTRACT(epoch FROM clock_timestamp() - t));
  END LOOP;
  RETURN best;
END $$;
CREATE PROCEDURE b.weigh(p_blocks int) LANGUAGE plpgsql AS $$
DECLARE x record;
BEGIN
  FOR x IN SELECT DISTINCT q.lo, q.hi FROM inv.block q JOIN inv.identity_due d ON d.addr BETWEEN q.lo AND q.hi WHERE q.zone_id = 1 LIMIT p_blocks LOOP
    PERFORM inv.identify(1, x.lo, x.hi);
    COMMIT;
  END LOOP;
END $$;
"""
# the others, as if they had been weighed
KNOWN = """INSERT INTO inv.addr_key SELECT 1, h.addr, k.kind, k.key, now() FROM b.host h, LATERAL (VALUES (1, mac), (8, name), (4, ssh), (5, tls), (5, tls || 'm')) k(kind, key)
   WHERE h.h >= {lo} ORDER BY h.h;
  INSERT INTO inv.asset_key(zone_id, kind, key, asset_id, since) SELECT 1, k.kind, k.key, h.asset, now()
    FROM b.host h, LATERAL (VALUES (8, name), (4, ssh), (5, tls), (5, tls || 'm')) k(kind, key) WHERE h.h >= {lo} ORDER BY h.h"""
# hosts between two numbers whose evidence is to be weighed: new values of scripts, new names
FRESH = """WITH h AS (SELECT * FROM b.host WHERE h BETWEEN {lo} AND {hi}),
  v AS (INSERT INTO inv.value_script SELECT b.digest('new ' || ssh), ssh, jsonb_build_array(jsonb_build_object('key', 'new ' || ssh)) FROM h),
  u AS (UPDATE inv.fact_now f SET value = b.digest('new ' || h.ssh), since = now() - interval '2 hours' FROM h
         WHERE f.zone_id = 1 AND f.addr = h.addr AND f.slot = 393238 AND f.attr_id = (SELECT attr_id FROM inv.attr WHERE name = 'ssh-hostkey'))
  INSERT INTO inv.identity_due SELECT 1, addr, now() FROM h"""
# neighbours that took each other's address, all at once, with a MAC address that nobody sees: what they show is found at the other
SWAPPED = """CREATE TEMP TABLE s AS SELECT a.addr, f.slot, f.attr_id, f.value FROM b.host a JOIN b.host o ON o.h = (a.h # 1)
    JOIN inv.fact_now f ON f.zone_id = 1 AND f.addr = o.addr AND f.attr_id >= 2 WHERE a.h BETWEEN {lo} AND {hi};
  UPDATE inv.fact_now f SET value = s.value, since = now() - interval '3 hours' FROM s
   WHERE f.zone_id = 1 AND f.addr = s.addr AND f.slot = s.slot AND f.attr_id = s.attr_id AND f.value <> s.value;
  DELETE FROM inv.fact_now f USING s WHERE f.zone_id = 1 AND f.addr = s.addr AND f.slot = 0 AND f.attr_id = 2;
  INSERT INTO inv.identity_due SELECT DISTINCT 1, addr, now() FROM s; DROP TABLE s"""


class Clock:
    """Seconds by the clock, and of processor time of the server process of this session: what a busy machine leaves comparable."""

    def __init__(self, db):
        self.stat = pathlib.Path(f"/proc/{db.sql('SELECT pg_backend_pid()')}/schedstat")

    def now(self):
        return time.monotonic(), int(self.stat.read_text().split()[0]) / 1e9

    def took(self, db, sql):
        before = self.now()
        db.sql(sql)
        return tuple(b - a for a, b in zip(before, self.now()))


def weighed(what, clock, db, n):
    seconds, cpu = clock.took(db, "CALL b.weigh(1000000)")
    left = db.sql("SELECT count(*) FROM inv.identity_due")
    print(f"  {'weighed: ' + what:<58} {n / seconds:>12,.0f} hosts/s; {n / cpu:,.0f} in a second of processor time" + (f"; {left} left" if left != "0" else ""), flush=True)


def speed(pg, hosts):
    db = pg.database(migrated=True)
    print(f"{hosts:,} assets with a MAC address, a name, a host key and a certificate each", flush=True)
    db.sql(FILL.format(hosts=hosts))
    # (what is empty yet has no statistics: it must not be known to be empty)
    db.sql("VACUUM ANALYZE inv.fact_now, inv.asset, inv.asset_key, inv.asset_place, inv.coverage, inv.change, inv.value_text, inv.value_script", user="postgres")
    clock = Clock(db)
    db.sql(f"INSERT INTO inv.identity_due SELECT 1, addr, now() FROM b.host WHERE h < {hosts // 10}")
    weighed("first sight of keys", clock, db, hosts // 10)
    db.sql(KNOWN.format(lo=hosts // 10))
    db.sql("VACUUM ANALYZE", user="postgres")
    print(f"  {int(db.sql('SELECT count(*) FROM inv.addr_key')):,} keys are shown, {int(db.sql('SELECT count(*) FROM inv.asset_key')):,} are known", flush=True)
    fetches(clock, db, hosts)
    db.sql(FRESH.format(lo=0, hi=hosts // 10 - 1))
    weighed("another host key", clock, db, hosts // 10)
    db.cluster.psql(db.name, SWAPPED.format(lo=hosts // 2, hi=hosts // 2 + hosts // 50 - 1))
    weighed("neighbours swapped addresses, behind a router", clock, db, hosts // 50)
    print("  decisions: " + db.sql("SELECT string_agg(what || ' ' || n, ', ') FROM (SELECT what, count(*) AS n FROM inv.identity_log GROUP BY 1 ORDER BY 1) q"))


def fetches(clock, db, hosts):
    for n in (1, 25, 100, 500, 5000, 25000):
        if n > hosts:
            continue
        some = f"SELECT b.fetch(array_agg(addr), %d) FROM (SELECT addr FROM b.host ORDER BY md5(h::text) LIMIT {n}) q"
        best, times = float(db.sql(some % 7)), max(3, 5000 // n)
        idle = clock.took(db, some % 0)[1]                     # choosing them
        cpu = (clock.took(db, some % times)[1] - idle) / times
        diff.verdict(f"candidate fetch, {n:,} at once", n / best, 25000, ">=", "hosts/s")
        print(f"  {'in a second of processor time':<58} {n / cpu:>12,.0f} hosts/s", flush=True)


# ------------------------------------------------------------------ how often it is right

SITE = """
CREATE SCHEMA b;
CREATE FUNCTION b.digest(x text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT md5(x)::uuid $$;
SELECT api.hello('bench', gen_random_uuid());
SELECT api.sync_config(jsonb_build_object('zones', jsonb_build_array(jsonb_build_object('name', 'site', 'host_misses', 3,
  'blocks', (SELECT jsonb_agg(jsonb_build_array(format('10.0.%s.0', i), format('10.0.%s.255', i))) FROM generate_series(0, {networks} - 1) i),
  'passes', '[{{"name": "presence", "kind": "presence", "slots": "{{}}", "misses": 2, "every": 3600, "confirm": 30}},
              {{"name": "ports", "kind": "ports", "slots": "{{[393216,458751],[1114112,1179647]}}", "misses": 2, "every": 3600, "confirm": 30}},
              {{"name": "scripts", "kind": "scripts", "slots": "{{}}", "misses": 2, "every": 3600, "confirm": 30}}]'::jsonb))));
SELECT ops.make_partitions(current_date - {days} - 31, {days} / 30 + 4);
CREATE TABLE b.seen (addr inet PRIMARY KEY, mac macaddr, name text, ssh text, tls text, engine text, smb text, mdns text);
CREATE TABLE b.known (addr inet PRIMARY KEY);
CREATE FUNCTION b.facts(p_kind text) RETURNS TABLE (addr inet, slot int, attr int, value uuid) LANGUAGE sql AS $$
  SELECT s.addr, f.slot, f.attr, b.digest(f.key) FROM b.seen s,
    LATERAL (VALUES (true, 0, 2, s.mac::text), (true, 0, 3, s.name)) f(near, slot, attr, key) WHERE f.key IS NOT NULL AND p_kind <> 'scripts'
  UNION ALL
  SELECT s.addr, f.slot, CASE p_kind WHEN 'ports' THEN 10 ELSE f.attr END, CASE p_kind WHEN 'ports' THEN '00000000-0000-0000-0000-000000000001' ELSE b.digest(f.key) END
    FROM b.seen s, LATERAL (VALUES (393238, -1, s.ssh), (393659, -2, s.tls), (1114273, -3, s.engine), (393661, -4, s.smb)) f(slot, attr, key)
   WHERE f.key IS NOT NULL AND p_kind <> 'presence' $$;
-- One visit of a network: who answers, who does not.
CREATE FUNCTION b.visit(p_block int, p_kind text, p_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE s record; l inet; h inet; r record; v_hosts inet[]; v_state "char"[]; v_mac macaddr[]; a inet[]; t int[]; f int[]; v uuid[]; n int;
  v_names text[] := CASE p_kind WHEN 'scripts' THEN '{{ssh-hostkey,ssl-cert,snmp-info,smb-guid}}'::text[] ELSE '{{}}' END;
BEGIN
  SELECT q.lo, q.hi INTO l, h FROM inv.block q WHERE q.block_id = p_block;
  UPDATE inv.schedule q SET fence = nextval('inv.fence'), part_done = 0, sensor_id = 1, claimed_at = p_at, scope = NULL, asked = '{{}}', up = 0, down = 0,
         opened = 0, altered = 0, closed = 0, blind = '{{}}', set_id = NULL, method = NULL WHERE q.block_id = p_block AND q.kind = p_kind RETURNING q.schedule_id, q.fence INTO s;
  SELECT array_agg(q.addr), array_agg(q.state), array_agg(q.mac) INTO v_hosts, v_state, v_mac
    FROM (SELECT k.addr, CASE WHEN e.addr IS NULL THEN 'd' ELSE 'u' END::"char" AS state, e.mac FROM b.known k LEFT JOIN b.seen e USING (addr)
           WHERE k.addr BETWEEN l AND h AND (e.addr IS NOT NULL OR p_kind <> 'scripts')) q;
  IF v_hosts IS NULL THEN RETURN; END IF;
  SELECT COALESCE(array_agg(q.addr), '{{}}'), COALESCE(array_agg(q.slot), '{{}}'), COALESCE(array_agg(q.attr), '{{}}'), COALESCE(array_agg(q.value), '{{}}') INTO a, t, f, v
    FROM b.facts(p_kind) q WHERE q.addr BETWEEN l AND h;
  n := cardinality(v_hosts);
  SELECT * INTO r FROM api.apply_part(s.schedule_id, s.fence, 1, p_at, 'icmp', v_hosts, v_state, v_mac, array_fill('echo-reply'::text, ARRAY[n]), array_fill(64::int2, ARRAY[n]),
    array_fill(NULL::text, ARRAY[n]), v_names, cardinality(v_names), a, t, f, v, '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}');
  IF r.verdict <> 'a' OR r.want <> '{{}}' THEN RAISE EXCEPTION 'verdict %, % values missing', r.verdict, cardinality(r.want); END IF;
  PERFORM api.finish(s.schedule_id, s.fence, true, 'icmp', 1, 0, 0, 0, 1);
  UPDATE inv.schedule q SET last_at = p_at + interval '1 second' WHERE q.schedule_id = s.schedule_id;
  UPDATE inv.coverage q SET at = p_at + interval '1 second' WHERE q.fence = s.fence;
END $$;
-- A day: presence, ports, scripts, and presence again; what listeners hear comes in between.
CREATE PROCEDURE b.day(p_at timestamptz) LANGUAGE plpgsql AS $$
DECLARE p int; k record;
BEGIN
  INSERT INTO b.known SELECT addr FROM b.seen ON CONFLICT DO NOTHING;
  INSERT INTO inv.value_text SELECT DISTINCT b.digest(x), x FROM b.seen, LATERAL (VALUES (mac::text), (name)) q(x) WHERE x IS NOT NULL ON CONFLICT DO NOTHING;
  INSERT INTO inv.value_script SELECT DISTINCT b.digest(x), x, d FROM b.seen,
    LATERAL (VALUES (ssh, jsonb_build_array(jsonb_build_object('key', ssh))), (tls, jsonb_build_object('sha1', tls)),
                    (engine, jsonb_build_object('engineIDData', engine)), (smb, jsonb_build_object('guid', smb))) q(x, d) WHERE x IS NOT NULL ON CONFLICT DO NOTHING;
  INSERT INTO inv.evidence SELECT 1, addr, 'mdns-name', mdns, 'mdns', p_at, p_at FROM b.seen WHERE mdns IS NOT NULL
    ON CONFLICT ON CONSTRAINT evidence_pk DO UPDATE SET last_at = excluded.last_at;
  COMMIT;
  FOR k IN SELECT * FROM (VALUES (0, 'presence'), (1, 'ports'), (2, 'scripts'), (3, 'presence')) q(hour, kind) LOOP
    FOR p IN SELECT block_id FROM inv.block ORDER BY 1 LOOP
      PERFORM b.visit(p, k.kind, p_at + k.hour * interval '1 hour');
      COMMIT;
    END LOOP;
  END LOOP;
END $$;
"""
COLUMNS = ("mac", "name", "ssh", "tls", "engine", "smb", "mdns")


def truth(pg, seed, scale, days):
    site, db = identity_site.Site(seed, scale), pg.database(migrated=True)
    db.sql(SITE.format(networks=identity_site.NETWORKS, days=days))
    print(f"\na site of {len(site.devices):,} devices, looked at on {days} days, seed {seed}", flush=True)
    devices, kinds, assets, by_address, by_mac = [], [], [], [], []
    began = time.monotonic()
    for day in range(days):
        seen = site.day(day)
        text = lambda address: f"10.0.{address[0]}.{address[1]}"
        rows = ",".join("('" + text(a) + "'," + ",".join(f"'{shown[c]}'" if c in shown else "NULL" for c in COLUMNS) + ")" for a, _, shown in seen)
        db.sql(f"TRUNCATE b.seen; INSERT INTO b.seen VALUES {rows}")
        db.sql(f"CALL b.day(date_trunc('day', now()) - interval '{days - day} days')")
        holders = dict(line.split("|") for line in db.sql("SELECT host(addr), value FROM inv.fact_now WHERE attr_id = 0").split("\n"))
        for address, device, shown in seen:
            devices.append(device.number)
            kinds.append(device.kind if "mac" in shown else device.kind + ", no MAC address seen")
            assets.append(holders[text(address)])
            by_address.append(address)
            by_mac.append(shown.get("mac", address))
    now = dict(line.split("|") for line in db.sql("SELECT asset_id, inv.asset_now(asset_id) FROM inv.asset").split("\n"))
    assets = [now[a] for a in assets]
    print(f"  {len(devices):,} observations in {time.monotonic() - began:.0f} s: " +
          db.sql("SELECT string_agg(what || ' ' || n, ', ') FROM (SELECT what, count(*) AS n FROM inv.identity_log GROUP BY 1 ORDER BY 1) q"))
    for what, found in (("who has the address is who it is", by_address), ("who has the MAC address, else the address", by_mac), ("Muster", assets)):
        print(f"  {what:<58} precision {{:.3f}}, recall {{:.3f}}, F1 {{:.3f}}; by pairs {{:.3f}}, {{:.3f}}, {{:.3f}}; {len(set(found)):,} assets".format(
            *identity_site.b_cubed(devices, found), *identity_site.pairwise(devices, found)))
    for kind in sorted(set(kinds)):
        mine = [i for i, k in enumerate(kinds) if k == kind]
        print(f"    {kind:<56} precision {{:.3f}}, recall {{:.3f}}  {len(mine):,} observations".format(*identity_site.of_some(devices, assets, mine)))
    precision, _, f1 = identity_site.b_cubed(devices, assets)
    diff.verdict("precision of identity (B-cubed)", 100 * precision, 98.5, ">=", "%")
    diff.verdict("F1 of identity (B-cubed)", 100 * f1, 95, ">=", "%")
    bad = db.sql("SELECT string_agg(what || ': ' || n, ', ') FROM ops.audit() WHERE n <> 0")
    print(f"  audit: {bad or 'clean'}", flush=True)


def main():
    p = argparse.ArgumentParser(prog="bench identity")
    p.add_argument("--hosts", type=int, default=100000)
    p.add_argument("--days", type=int, default=40)
    p.add_argument("--scale", type=float, default=1.0)
    p.add_argument("--seed", type=int, default=7)
    p.add_argument("--only", default="speed,truth")
    o = p.parse_args()
    with pgtest.Cluster(options=diff.DURABLE) as pg:
        if "speed" in o.only:
            speed(pg, o.hosts)
        if "truth" in o.only:
            truth(pg, o.seed, o.scale, o.days)


if __name__ == "__main__":
    main()
