#!/usr/bin/env python3
"""The inventory as it was: a random life of a network, written down at each step as it is seen then, and asked for later."""
import json
import os
import pathlib
import random
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pgtest
import test_store_diff as helpers

STEPS = int(os.environ.get("MUSTER_TIME_STEPS", "40"))

# What is seen at present, as text; and the same of a time.  Facts in doubt are left out: the next looks decide what they were.
NOW = """SELECT jsonb_build_object(
  'hosts', (SELECT jsonb_agg(jsonb_build_array(address, asset_id, mac, hostname, first_seen, present_since, open_ports, state) ORDER BY address)
              FROM report.host h WHERE h.misses = 0 {skip}),
  'services', (SELECT jsonb_agg(jsonb_build_array(address, port, asset_id, service, product, version, first_seen, state) ORDER BY address, port)
              FROM report.service h WHERE h.misses = 0 {skip}),
  'scripts', (SELECT jsonb_agg(jsonb_build_array(address, port, script, output, first_seen) ORDER BY address, port, script)
              FROM report.script_result h WHERE h.misses = 0 {skip}))"""
THEN = """SELECT jsonb_build_object(
  'hosts', (SELECT jsonb_agg(jsonb_build_array(address, asset_id, mac, hostname, first_seen, present_since, open_ports, state) ORDER BY address)
              FROM report.host_at('{at}', 'lan') h WHERE true {skip}),
  'services', (SELECT jsonb_agg(jsonb_build_array(address, port, asset_id, service, product, version, first_seen, state) ORDER BY address, port)
              FROM report.service_at('{at}') h WHERE true {skip}),
  'scripts', (SELECT jsonb_agg(jsonb_build_array(address, port, script, output, first_seen) ORDER BY address, port, script)
              FROM report.script_result_at('{at}') h WHERE true {skip}))"""


class Network:
    """Machines that come, go, change ports, names and places."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.machines = {f"10.1.0.{i}": self.machine() for i in range(1, 9)}

    def machine(self):
        r = self.random
        return {"mac": f"00:11:22:00:00:{r.randrange(256):02x}", "ports": {p: f"v{r.randrange(3)}" for p in (22, 23, 80) if r.random() < .7}, "name": f"n{r.randrange(9)}", "up": True}

    def change(self):
        r = self.random
        address = r.choice(list(self.machines))
        machine = self.machines[address]
        what = r.randrange(6)
        if what == 0:
            machine["up"] = not machine["up"]
        elif what == 1:
            machine["ports"].pop(r.choice((22, 23, 80)), None)
        elif what == 2:
            machine["ports"][r.choice((22, 23, 80))] = f"v{r.randrange(3)}"
        elif what == 3:
            machine["name"] = f"n{r.randrange(9)}"
        elif what == 4:
            self.machines[address] = self.machine()
        else:
            other = r.choice(list(self.machines))
            self.machines[address], self.machines[other] = self.machines[other], self.machines[address]

    def look(self, kind):
        hosts, facts = [], []
        for address, m in self.machines.items():
            if kind == "scripts" and not m["up"]:
                continue
            hosts.append(f'"{address} u {m["mac"]}"' if m["up"] else f'"{address} d"')
            if m["up"] and kind == "presence":
                facts += [f'"{address} 0 mac {m["mac"]}"', f'"{address} 0 hostname {m["name"]}"']
            for port, version in m["ports"].items() if m["up"] else ():
                facts += [f'"{address} {port} port -"'] if kind == "ports" else [f'"{address} {port} title {version}"'] if kind == "scripts" else []
        return hosts, facts


def walk(network):
    """Looks again and again; after each look what is seen, and what was in doubt.  Times are real: a visit takes milliseconds."""
    seen = []
    for step in range(STEPS):
        for _ in range(network.random.randrange(3)):
            network.change()
        kind = ("presence", "ports", "scripts")[step % 3]
        hosts, facts = network.look(kind)
        array = "'{{{}}}'".format
        _, skip, at, state = db.sql(f"SELECT t.visit('lan', '{kind}', clock_timestamp(), {array(','.join(hosts))}, {array(','.join(facts))}, '{{}}', "
               f"{array('title' if kind == 'scripts' else '')}); UPDATE inv.coverage SET at = LEAST(at, clock_timestamp()); "
               "UPDATE inv.schedule SET last_at = LEAST(last_at, clock_timestamp()); "
               "UPDATE inv.doubt SET last_at = last_at - interval '1 hour';"
               "SELECT COALESCE(string_agg(DISTINCT quote_literal(addr), ','), '-') FROM inv.doubt; SELECT clock_timestamp();"
               + NOW.format(skip="AND address NOT IN (SELECT addr FROM inv.doubt)")).split("\n")
        skip = "" if skip == "-" else f"AND address NOT IN ({skip})"
        seen.append((at, skip, json.loads(state)))
    return seen


def test_what_was_seen_at_a_time_is_told_of_it_later():
    db.sql("SELECT t.zone('lan', '10.1.0')")
    seen = walk(Network(int(os.environ.get("MUSTER_SEED", "7"))))
    later = db.sql("\n".join(THEN.format(at=at, skip=skip) + ";" for at, skip, _ in seen)).split("\n")
    for step, ((at, skip, state), text) in enumerate(zip(seen, later)):
        then = json.loads(text)
        for part in state:
            assert state[part] == then[part], f"step {step}, {at}, {part}: seen\n{state[part]}\ntold later\n{then[part]}"
    assert sum(len(s["hosts"] or []) for _, _, s in seen) > STEPS, "there was nothing to compare"
    compare_differences(seen)
    db.check_invariants()


def compare_differences(seen):
    """report.diff of two times is the difference of what was told of them."""
    facts = "SELECT COALESCE(json_agg(json_build_array(address, protocol, port, kind, attribute, value) ORDER BY address, port, kind, attribute), '[]') FROM report.facts_at('lan', '{}')"
    for (t1, _, _), (t2, _, _) in zip(seen[::7], seen[5::7]):
        first, second, diff = db.sql(f"{facts.format(t1)}; {facts.format(t2)}; SELECT COALESCE(json_agg(json_build_array(address, protocol, port, kind, attribute, old, new)), '[]') "
                                     f"FROM report.diff('{t1}', '{t2}')").split("\n")
        first, second = ({tuple(f[:5]): f[5] for f in json.loads(x)} for x in (first, second))
        want = {k for k in first.keys() | second.keys() if k not in first or k not in second}
        told = {tuple(d[:5]): tuple(d[5:]) for d in json.loads(diff)}
        got = set(told)
        for k, (old, new) in told.items():
            assert (old, new) == (first.get(k), second.get(k)), f"{t1} {t2}: {k} was {first.get(k)} and is {second.get(k)}, not {old} and {new}"
        assert want <= got, f"{t1} {t2}: not told {want - got}"
        extra = {k for k in got - want if k not in first}
        assert not extra, f"{t1} {t2}: told of {extra}"


def test_one_asset_and_one_address_as_they_were():
    one = db.sql("SELECT address || ' ' || asset_id FROM report.host ORDER BY address LIMIT 1").split()
    same = ("SELECT (SELECT json_agg(h ORDER BY address) FROM report.host_at(now(), 'lan') h WHERE {0})::text = (SELECT json_agg(h ORDER BY address) FROM report.host_at(now(), {1}) h)::text"
            " AND (SELECT json_agg(h ORDER BY address, port) FROM report.service_at(now(), 'lan') h WHERE {0})::text IS NOT DISTINCT FROM "
            "(SELECT json_agg(h ORDER BY address, port) FROM report.service_at(now(), {1}) h)::text")
    db.equal("an address", same.format(f"address = '{one[0]}'", f"NULL, '{one[0]}'"), "t")
    db.equal("an asset", same.format(f"asset_id = '{one[1]}'", f"NULL, NULL, '{one[1]}'"), "t")
    t = db.sql("SELECT max(c.at) - interval '1 microsecond' FROM inv.change c WHERE attr_id = 0 AND old_value IS NOT NULL")
    db.equal("an asset that left its address since", f"SELECT bool_and(asset_id = old_value AND x.ok) FROM (SELECT c.addr, c.old_value, EXISTS (SELECT FROM report.host_at('{t}', NULL, NULL, c.old_value) h "
             f"WHERE h.address = c.addr) AS ok, h.asset_id FROM inv.change c, report.host_at('{t}', 'lan', c.addr) h WHERE c.attr_id = 0 AND c.old_value IS NOT NULL AND c.at > '{t}' AND c.old_since <= '{t}') x", "t")
    db.equal("its holder then", f"SELECT bool_and(h.asset_id = c.old_value AND h.valid @> '{t}'::timestamptz) FROM inv.change c, report.holder_at(c.addr, '{t}') h "
             f"WHERE c.attr_id = 0 AND c.old_value IS NOT NULL AND c.at > '{t}' AND c.old_since <= '{t}'", "t")


def test_what_went_with_its_host_was_last_seen_with_it():
    """A host with a port goes, later looks miss it, and it comes back before its ports are looked at."""
    db.sql("SELECT t.zone('gone', '10.8.0')")
    for minute in range(90, 30, -10):
        up = minute > 70
        hosts, ports = ('"10.8.0.1 u 00:11:22:33:88:01"', '"10.8.0.1 22 port -"') if up else ('"10.8.0.1 d"', "")
        db.sql(f"SELECT t.visit('gone', 'presence', now() - interval '{minute} min', '{{{hosts}}}'); "
               f"SELECT t.visit('gone', 'ports', now() - interval '{minute - 1} min', '{{{hosts}}}', '{{{ports}}}')")
    one = "SELECT state || ' ' || round(extract(epoch FROM now() - last_seen) / 60) FROM "
    now = db.sql(one + "report.service WHERE zone = 'gone'")
    assert now in ("dormant 79", "dormant 80"), now
    db.equal("the same now", one + "report.service_at(now(), 'gone')", now)
    db.equal("and when it was missed for the fourth time", one + "report.service_at(now() - interval '38 minutes', 'gone')", now)
    db.equal("while it was there", one + "report.service_at(now() - interval '75 minutes', 'gone')", "open 79")
    db.sql("SELECT t.visit('gone', 'presence', now() - interval '30 min', '{\"10.8.0.1 u 00:11:22:33:88:01\"}')")
    back = db.sql(one + "report.service WHERE zone = 'gone'")
    assert back == now.replace("dormant", "open"), back
    db.equal("back, and not looked at yet", one + "report.service_at(now(), 'gone')", back)


def test_a_difference_is_of_what_is_there():
    """Four hosts: one comes and goes, one opens a port and goes, one comes, one opens a port and closes another."""
    db.sql("SELECT t.zone('diff', '10.7.0')")
    known = "SELECT string_agg(DISTINCT concat_ws(' ', right(host(address), 1), kind, port, what), ', ') FROM report.diff(now() - interval '{} min', now() - interval '{} min', 'diff') WHERE {}"

    def look(minute, ports):
        """ports: by host; what is not in it is silent."""
        hosts = ",".join(f'"10.7.0.{h} ' + (f'u 00:11:22:33:77:0{h}"' if h in ports else 'd"') for h in range(1, 5))
        facts = ",".join(f'"10.7.0.{h} {p} port -"' for h in ports for p in ports[h])
        db.sql(f"SELECT t.visit('diff', 'presence', now() - interval '{minute} min', '{{{hosts}}}'); SELECT t.visit('diff', 'ports', now() - interval '{minute - 1} min', '{{{hosts}}}', '{{{facts}}}')")

    look(90, {2: (22,), 4: (22, 443)})
    look(85, {2: (22,), 4: (22, 443)})
    look(75, {1: (22,), 2: (22, 80), 3: (22,), 4: (22, 80)})
    for minute in (65, 55, 45, 35):
        look(minute, {3: (22,), 4: (22, 80)})
    db.equal("in the end", known.format(82, 0, "NOT detail"), "2 presence gone, 3 port 22 opened, 3 presence appeared, 4 port 443 closed, 4 port 80 opened")
    db.equal("what is known of those that are gone", known.format(82, 0, "detail AND kind = 'port'"), "1 port 22 opened, 2 port 80 opened")
    db.equal("while they were there", known.format(82, 70, "NOT detail"),
             "1 port 22 opened, 1 presence appeared, 2 port 80 opened, 3 port 22 opened, 3 presence appeared, 4 port 443 closed, 4 port 80 opened")
    db.sql("SELECT ops.expire_absent(now() + interval '1 minute', 1000)")
    db.equal("what expired of hosts that had gone before", known.format(30, -1, "NOT detail"), "")
    db.equal("is told in detail", known.format(30, -1, "detail AND kind = 'port'"), "1 port 22 closed, 2 port 22 closed, 2 port 80 closed")
    db.check_invariants()


def test_before_the_horizon_it_says_so():
    db.sql("INSERT INTO inv.horizon SELECT zone_id, '2026-01-01' FROM inv.zone")
    got = db.fails("SELECT * FROM report.asset_at('2025-01-01')")
    assert "the history of zone lan is kept since 2026-01-01T00:00:00Z only" in got, got
    db.sql("SELECT * FROM report.asset_at('2026-01-02'); DELETE FROM inv.horizon")


def test_hosts_of_a_wide_block_are_told_of():
    """Far from both of its ends, where a zone is asked for, an address, an asset; and as they were before they changed hands."""
    db.sql("INSERT INTO t.zones SELECT 'wide', 'fd00::', 'fd00::ffff:ffff:ffff:ffff', passes FROM t.zones LIMIT 1; SELECT t.zone('other', '10.9.0')")
    hosts = {"fd00::7": "00:11:22:33:44:07", "fd00::1:2:3:4": "00:11:22:33:44:55"}
    for minutes, swap in ((30, False), (10, True)):
        macs = dict(zip(hosts, reversed(hosts.values()))) if swap else hosts
        up, facts = ",".join(f'"{a} u {m}"' for a, m in macs.items()), ",".join(f'"{a} 0 mac {m}"' for a, m in macs.items())
        db.sql(f"SELECT t.visit('wide', 'presence', now() - interval '{minutes} min', '{{{up}}}', '{{{facts}}}');"
               f"SELECT t.visit('wide', 'ports', now() - interval '{minutes - 1} min', '{{{up}}}', '{{\"fd00::1:2:3:4 22 port -\"}}')")
    now, before = "now()", "now() - interval '20 minutes'"
    assets = {at: db.sql(f"SELECT asset_id FROM report.holder_at('fd00::1:2:3:4', {at}, 'wide')") for at in (now, before)}
    assert assets[now] != assets[before], "they did not change places"
    for at, asset in assets.items():
        db.equal(f"hosts, {at}", f"SELECT string_agg(host(address) || ' ' || state, ', ' ORDER BY address) FROM report.host_at({at}, 'wide') WHERE last_checked < {at}",
                 "fd00::7 present, fd00::1:2:3:4 present")
        for one in ("'wide', 'fd00::1:2:3:4'", f"NULL, NULL, '{asset}'"):
            db.equal(f"host_at({at}, {one})", f"SELECT string_agg(host(address) || ' ' || state, ', ') FROM report.host_at({at}, {one}) WHERE last_checked < {at}", "fd00::1:2:3:4 present")
        for one in ("'wide'", "NULL, 'fd00::1:2:3:4'", f"NULL, NULL, '{asset}'"):
            db.equal(f"service_at({at}, {one})", f"SELECT string_agg(concat_ws(' ', host(address), port, state, asset_id), ', ') FROM report.service_at({at}, {one}) WHERE last_checked < {at}",
                     f"fd00::1:2:3:4 22 open {asset}")
    db.check_invariants()


SIZES = {"few": 200, "many": 800}
# A zone of so many hosts, 50 to a /24, each with a name, three ports and what was probed there, all of which changed twice in the past month.
CROWD = """
INSERT INTO inv.zone (name) VALUES ('{zone}');
CREATE TEMP TABLE z AS SELECT zone_id FROM inv.zone WHERE name = '{zone}';
INSERT INTO inv.block (zone_id, lo, hi) SELECT zone_id, '10.50.0.0'::inet + i * 256, '10.50.0.255'::inet + i * 256 FROM z, generate_series(0, {hosts} / 50 - 1) i;
INSERT INTO inv.profile (zone_id, name, kind, slots, every, confirm) SELECT zone_id, 'ports' || n, 'ports', '{{[393216,458751)}}', '1 day', '1 minute' FROM z, generate_series(1, 2) n;
INSERT INTO inv.schedule (zone_id, block_id, profile_id, kind) SELECT zone_id, block_id, profile_id, kind FROM z JOIN inv.block USING (zone_id) JOIN inv.profile USING (zone_id);
INSERT INTO inv.coverage (at, from_at, zone_id, block_id, profile_id, fence, parts, complete, up, down, opened, altered, closed)
  SELECT now() - d * interval '1 day', now() - d * interval '1 day', zone_id, block_id, profile_id, 1, 1, true, 50, 0, 0, 0, 0 FROM z JOIN inv.schedule USING (zone_id), generate_series(0, 20) d;
CREATE TEMP TABLE f AS SELECT zone_id, '10.50.0.0'::inet + (h / 50 * 256 + h % 50) AS addr, v.slot, v.attr_id, h, md5(zone_id || '-' || h)::uuid AS asset
  FROM z, generate_series(0, {hosts} - 1) h, (VALUES (0, 0), (0, 1), (0, 3), (393238, 10), (393238, 11), (393296, 10), (393296, 11), (393659, 10), (393659, 11), (393659, 101)) v(slot, attr_id);
INSERT INTO inv.fact_now (since, zone_id, slot, attr_id, value, strength, addr)
  SELECT now() - interval '5 days', zone_id, slot, attr_id, CASE attr_id WHEN 0 THEN asset ELSE md5(attr_id || '/0')::uuid END, 0, addr FROM f;
INSERT INTO inv.asset (asset_id, zone_id) SELECT asset, zone_id FROM f WHERE attr_id = 0;
INSERT INTO inv.asset_place SELECT asset, zone_id, addr FROM f WHERE attr_id = 0;
INSERT INTO inv.change (at, old_since, zone_id, slot, attr_id, profile_id, cause, news, addr, old_value, new_value)
  SELECT now() - interval '5 days' * r, now() - interval '5 days' * (r + 1), zone_id, slot, attr_id, 1, 'v', false, addr,
         CASE attr_id WHEN 0 THEN asset ELSE md5(attr_id || '/' || r)::uuid END, CASE attr_id WHEN 0 THEN asset ELSE md5(attr_id || '/' || r - 1)::uuid END FROM f, generate_series(1, 2) r;
DROP TABLE z, f;
ANALYZE inv.fact_now, inv.change, inv.coverage, inv.block, inv.schedule, inv.asset, inv.asset_place;
"""


def rows_of(node):
    """Rows that a plan touched, those that it threw away among them: what grows with the square of a zone shows here on any machine."""
    wasted = sum(v for k, v in node.items() if k.startswith("Rows Removed"))
    return (node["Actual Rows"] + wasted) * node["Actual Loops"] + sum(map(rows_of, node.get("Plans", ())))


def plans_of(query, before=""):
    """The plans of a query and of what the functions that it calls ask, one for each time.  before: what is said first, and is not counted."""
    text = (before + "LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on; SET auto_explain.log_analyze = on; SET auto_explain.log_timing = off; "
            f"SET auto_explain.log_format = json; SET client_min_messages = log; {query}")
    log = subprocess.run(pg.psql_argv(db.name, "postgres"), input=text, capture_output=True, text=True, check=True).stderr
    return [json.JSONDecoder().raw_decode(part[part.index("{"):])[0]["Plan"] for part in log.split(" plan:\n")[1:]]


def work(query):
    """Rows that a query touched, in the functions that it calls too."""
    plans = plans_of(query)
    assert len(plans) > 1, plans
    return sum(map(rows_of, plans))


def test_what_a_list_costs():
    """No function is called for each row, and what is looked at there is looked up for each block; one thing is found by its key."""
    for zone, hosts in SIZES.items():
        db.sql(CROWD.format(zone=zone, hosts=hosts), user="postgres")
    for view, rows in (("host", 800), ("service", 2400), ("script_result", 800), ("asset", 800)):
        db.equal(view, f"SELECT count(*) FROM report.{view} WHERE zone = 'many'", rows)
        # the default filter of a list
        plans = plans_of(f"SELECT * FROM report.{view}" + (" WHERE state <> 'absent'" if view in ("host", "service", "asset") else ""))
        assert len(plans) == 1, f"report.{view}: {len(plans)} statements, of functions that are called for a row"
        facts = int(db.sql("SELECT count(*) FROM inv.fact_now"))
        assert rows_of(plans[0]) < 20 * facts, f"report.{view}: {rows_of(plans[0])} rows are touched where there are {facts} facts"
    asset = db.sql("SELECT value FROM inv.fact_now JOIN inv.zone USING (zone_id) WHERE attr_id = 0 AND addr = '10.50.2.7' AND name = 'many'")
    for query in (f"report.asset WHERE asset_id = '{asset}'", "report.host WHERE zone = 'many' AND address = '10.50.2.7'", "report.service WHERE zone = 'many' AND address = '10.50.2.7'",
                  "report.script_result WHERE zone = 'many' AND address = '10.50.2.7'"):
        touched = sum(map(rows_of, plans_of(f"SELECT * FROM {query}")))
        assert touched < facts / 4, f"{query}: {touched} rows are touched where there are {facts} facts"


# The hosts of the crowd as they were looked at just now, with services that are not what their ports are for, and certificates; undone at the end.
LOOKED_AT = """
BEGIN;
UPDATE inv.schedule SET last_at = now() WHERE zone_id IN (SELECT zone_id FROM inv.zone WHERE name IN ('few', 'many'));
INSERT INTO inv.value_service (value, name) VALUES (md5('11/0')::uuid, 'odd') ON CONFLICT DO NOTHING;
INSERT INTO inv.port_name VALUES (393296, 'http') ON CONFLICT DO NOTHING;
UPDATE inv.fact_now SET attr_id = (SELECT attr_id FROM inv.attr WHERE name = 'ssl-cert') WHERE attr_id = 101 AND addr BETWEEN '10.50.0.0' AND '10.50.255.255';
INSERT INTO inv.approval (zone_id, asset_id, slot, author)
  SELECT zone_id, value, 393238, 'me' FROM inv.fact_now WHERE attr_id = 0 AND addr BETWEEN '10.50.0.0' AND '10.50.255.255';
INSERT INTO inv.change (at, old_since, zone_id, slot, attr_id, profile_id, cause, news, addr, old_value)
  SELECT now() - interval '1 day', now() - interval '9 days', zone_id, 393300, 10, 1, 'v', true, addr, value
    FROM inv.fact_now WHERE attr_id = 10 AND slot = 393238 AND addr BETWEEN '10.50.0.0' AND '10.50.255.255';
ANALYZE inv.fact_now, inv.approval, inv.change;
"""


def test_what_a_report_on_services_costs():
    """Neither is a function called for each row of a report, the name of an asset included."""
    for view, rows in (("open_services", 3000), ("services_off_port", 3000), ("cert_expiry", 1000), ("unapproved_services", 2000)):
        plans = plans_of(f"SELECT * FROM report.{view}", LOOKED_AT)
        assert len(plans) == 1, f"report.{view}: {len(plans)} statements, of functions that are called for a row"
        assert plans[0]["Actual Rows"] >= rows, f"report.{view}: {plans[0]['Actual Rows']} rows"
        facts = int(db.sql("SELECT count(*) FROM inv.fact_now"))
        assert rows_of(plans[0]) < 20 * facts, f"report.{view}: {rows_of(plans[0])} rows are touched where there are {facts} facts"
        touched = sum(map(rows_of, plans_of(f"SELECT * FROM report.{view} WHERE zone = 'many' AND address = '10.50.2.7'", LOOKED_AT)))
        # how many share a certificate is counted among all
        assert touched < facts / 4 or view == "cert_expiry", f"one address of report.{view}: {touched} rows are touched where there are {facts} facts"
    # the call, and what it asks
    plans = plans_of("SELECT * FROM report.closed_services()", LOOKED_AT)
    assert len(plans) == 2 and plans[-1]["Actual Rows"] >= 1000, f"report.closed_services: {len(plans)} statements, {plans[-1]['Actual Rows']} rows"


def test_what_a_question_costs_grows_with_what_it_asks_for():
    sizes = SIZES
    at = "now() - interval '8 days'"
    for function, rows in (("host_at", 1), ("asset_at", 1), ("service_at", 3), ("script_result_at", 1)):
        for zone, hosts in sizes.items():
            db.equal(f"{function} of {zone}", f"SELECT count(*) FROM report.{function}({at}, '{zone}')", rows * hosts)
        few, many = (work(f"SELECT * FROM report.{function}({at}, '{zone}')") for zone in sizes)
        assert many < 6 * few, f"report.{function}: {few} rows are touched for 200 hosts, {many} for 800"
        asset = db.sql("SELECT value FROM inv.fact_now JOIN inv.zone USING (zone_id) WHERE attr_id = 0 AND addr = '10.50.2.7' AND name = 'many'")
        for one in [f"{at}, NULL, asset => '{asset}'"] + [f"{at}, 'many', address => '10.50.2.7'"] * (function != "asset_at"):
            db.equal(f"{function}({one})", f"SELECT count(*) FROM report.{function}({one})", rows)
            touched = work(f"SELECT * FROM report.{function}({one})")
            assert touched < 1000, f"report.{function}({one}) touched {touched} rows"
    few, many = (work(f"SELECT * FROM report.diff({at}, now(), '{zone}')") for zone in sizes)
    assert many < 6 * few, f"report.diff: {few} rows are touched for 200 hosts, {many} for 800"
    for query in ("report.ip_history('10.50.2.7')", f"report.holder_at('10.50.2.7', {at})"):
        touched = work(f"SELECT * FROM {query}")
        assert touched < 1000, f"{query} touched {touched} rows"


def test_values_that_nothing_refers_to_are_found_in_one_reading():
    """Beside many that are in use, and a planner that expects to find none."""
    db.sql("""INSERT INTO inv.value_text (value, body, kept_at) SELECT v, v::text, current_date - 40 FROM (
                SELECT value FROM inv.fact_now UNION SELECT old_value FROM inv.change UNION SELECT new_value FROM inv.change) q(v) WHERE v IS NOT NULL LIMIT 500 ON CONFLICT DO NOTHING;
              INSERT INTO inv.value_text (value, body, kept_at) SELECT gen_random_uuid(), 'spare', current_date - 40 FROM generate_series(1, 300);
              ANALYZE inv.value_text, inv.value_script, inv.value_service""")
    rows = int(db.sql("SELECT (SELECT count(*) FROM inv.fact_now) + 2 * (SELECT count(*) FROM inv.change) + (SELECT count(*) FROM inv.value_text)"))
    touched = work("SELECT ops.collect_values(30, 1000)")
    assert touched < 12 * rows, f"{touched} rows touched, where there are {rows}"
    db.equal("none is left, and of the others all", "SELECT count(*) FILTER (WHERE body = 'spare') || ' ' || (count(*) >= 400) FROM inv.value_text", "0 true")


if __name__ == "__main__":
    with pgtest.Cluster() as pg:
        db = pg.database(migrated=True)
        db.sql(helpers.ZONES + helpers.HELPERS.replace("CREATE SCHEMA t;", ""))
        pgtest.run(globals())
