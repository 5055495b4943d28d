#!/usr/bin/env python3
"""muster import: what files of nmap's XML add to the inventory, what they leave alone, and what is no such file."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pgtest
import test_store_diff as helpers

MUSTER = pathlib.Path(os.environ.get("MUSTER_BUILD", pgtest.ROOT / "build")) / "muster"
HOUR = 3600
NET = 0


def now():
    return int(db.sql("SELECT extract(epoch FROM now())::int8"))


def muster(*words, check=0, given=None):
    run = subprocess.run([str(MUSTER), "--database", db.conninfo, *words], input=given, capture_output=True, text=True, timeout=60)
    if run.returncode != check:
        raise AssertionError(f"muster {' '.join(words)}: exit {run.returncode}, not {check}: {run.stdout}{run.stderr}")
    return run.stdout if check != 2 else run.stderr


def port(number, service="", scripts="", state="open", protocol="tcp"):
    return (f'<port protocol="{protocol}" portid="{number}"><state state="{state}" reason="syn-ack" reason_ttl="64"/>{service}{scripts}</port>')


def host(address, ports="", mac=None, name=None, scripts="", at=None, status='<status state="up" reason="arp-response" reason_ttl="0"/>'):
    mac = f'<address addr="{mac}" addrtype="mac" vendor="Maker"/>' if mac else ""
    name = f'<hostname name="{name}" type="PTR"/>' if name else ""
    kind = "ipv6" if ":" in address else "ipv4"
    end = f' endtime="{at}"' if at else ""
    return (f'<host starttime="1"{end}>{status}<address addr="{address}" addrtype="{kind}"/>{mac}\n<hostnames>{name}</hostnames>'
            f'<ports>{ports}</ports>{"<hostscript>" + scripts + "</hostscript>" if scripts else ""}</host>\n')


def xml(start, *hosts):
    return (f'<?xml version="1.0"?>\n<!DOCTYPE nmaprun>\n<nmaprun scanner="nmap" args="nmap" start="{start}" version="7.93" xmloutputversion="1.05">\n'
            + "".join(hosts) + f'<runstats><finished time="{start + 60}"/><hosts up="1" down="0" total="1"/></runstats></nmaprun>\n')


class Zone:
    """A zone of its own, 10.<n>.0.0/24."""

    def __init__(self, kinds="presence,ports,scripts"):
        global NET
        NET += 1
        self.name, self.net, self.dir = f"z{NET}", f"10.{NET}.0", tempfile.TemporaryDirectory()
        db.sql(f"SELECT t.zone('{self.name}', '{self.net}', '{{{kinds}}}')")

    def file(self, start, *hosts, name=None):
        path = pathlib.Path(self.dir.name) / (name or f"{start}.xml")
        path.write_text(xml(start, *hosts), encoding="utf-8")
        return str(path)

    def take(self, *files):
        """What was counted, of each file."""
        lines = muster("import", "--zone", self.name, "--json", *files).splitlines()
        return [json.loads(line) for line in lines]

    def visit(self, kind, hosts, facts=(), hours_ago=0.0, scripts=""):
        array = lambda items: "'{" + ",".join(f'"{self.net}{i}"' for i in items) + "}'"
        return db.sql(f"SELECT t.visit('{self.name}', '{kind}', now() - interval '{hours_ago} hours', {array(hosts)}, {array(facts)}, '{{}}', '{{{scripts}}}')")

    def facts(self):
        """All that is held, as text."""
        return db.sql("SELECT string_agg(host(f.addr) || ' ' || f.slot % 65536 || ' ' || a.name || ' ' || f.since, ', ' ORDER BY f.addr, f.slot, a.name) FROM inv.fact_now f "
                      f"JOIN inv.zone z USING (zone_id) JOIN inv.attr a USING (attr_id) WHERE z.name = '{self.name}'")

    def events(self):
        return db.sql(f"SELECT t.told('{self.name}')").replace(self.net, "")

    def count(self, table="inv.fact_now"):
        return int(db.sql(f"SELECT count(*) FROM {table} JOIN inv.zone z USING (zone_id) WHERE z.name = '{self.name}'"))


SSH = ('<service name="ssh" product="OpenSSH" version="9.2p1" extrainfo="protocol 2.0" ostype="Linux" method="probed" conf="10">'
       '<cpe>cpe:/a:openbsd:openssh:9.2p1</cpe><cpe>cpe:/o:linux:linux_kernel</cpe></service>')
TITLE = '<script id="http-title" output="hello"><elem key="title">hello</elem>\n</script>'
KEYS = ('<script id="ssh-hostkey" output="&#xa;  256 aa (ED25519)"><table>\n<elem key="bits">256</elem>\n<elem key="fingerprint">aa</elem>\n</table>\n</script>')


def test_a_file_becomes_the_inventory():
    z, t = Zone(), now() - 48 * HOUR
    got = z.take(z.file(t, host(f"{z.net}.1", port(22, SSH, KEYS) + port(80, '<service name="http" method="table" conf="3"/>', TITLE) + port(81, state="closed"),
                                mac="00:11:22:33:44:55", name="box.example", scripts='<script id="nbstat" output="NAME"/>', at=t + 30)))
    assert got == [{"file": got[0]["file"], "zone": z.name, "time": got[0]["time"], "hosts": 1, "new_hosts": 1, "added": 10, "known": 0, "differ": 0,
                    "looked_at_since": 0, "other_mac": 0, "outside": 0}], got
    db.equal("host", f"SELECT state, mac, vendor, hostname, reason, first_seen = to_timestamp({t + 30}), last_seen = first_seen FROM report.host WHERE zone = '{z.name}'",
             "unknown|00:11:22:33:44:55|Maker|box.example|arp-response|t|t")
    db.equal("services", "SELECT string_agg(concat_ws(' ', port, protocol, service, product, version, extra, os, cpe::text, method), ', ' ORDER BY port) "
             f"FROM report.service WHERE zone = '{z.name}'",
             "22 tcp ssh OpenSSH 9.2p1 protocol 2.0 Linux {cpe:/a:openbsd:openssh:9.2p1,cpe:/o:linux:linux_kernel} probed, 80 tcp http {} table")
    db.equal("scripts", "SELECT string_agg(concat_ws(' ', COALESCE(port, 0), script, output, data), ', ' ORDER BY script) "
             f"FROM report.script_result WHERE zone = '{z.name}'",
             '80 http-title hello {"title": "hello"}, 0 nbstat NAME, 22 ssh-hostkey \n  256 aa (ED25519) [{"bits": "256", "fingerprint": "aa"}]')
    assert z.events() == ""
    db.equal("pass", f"SELECT DISTINCT pass || news FROM report.change WHERE zone = '{z.name}'", "(import)false")
    db.equal("what is left", f"SELECT count(*) FROM inv.schedule s JOIN inv.zone z USING (zone_id) WHERE s.sensor_id = 0 OR z.name = '{z.name}' AND s.fence > 0", 0)
    db.check_invariants()


def test_the_same_file_again_changes_nothing():
    z, t = Zone(), now() - 48 * HOUR
    path = z.file(t, host(f"{z.net}.1", port(22, SSH, KEYS)), host(f"{z.net}.2", port(80)))
    z.take(path)
    before, ledger = z.facts(), z.count("inv.change")
    assert [(c["added"], c["new_hosts"], c["looked_at_since"]) for c in z.take(path)] == [(0, 0, 2)]
    assert z.facts() == before and z.count("inv.change") == ledger
    assert [(c["added"], c["looked_at_since"]) for c in z.take(path, path)] == [(0, 2), (0, 2)]


def test_of_several_files_the_newest_counts_and_older_ones_add():
    z, t = Zone(), now() - 100 * HOUR
    old = z.file(t, host(f"{z.net}.1", port(22, SSH) + port(23)), host(f"{z.net}.2", port(80)))
    new = z.file(t + 24 * HOUR, host(f"{z.net}.1", port(22, SSH.replace("9.2p1", "9.9p1"))))
    got = z.take(old, new)
    assert [c["file"] for c in got] == [new, old] and (got[1]["new_hosts"], got[1]["looked_at_since"]) == (1, 1), got
    db.equal("services", f"SELECT string_agg(host(address) || ' ' || port || COALESCE(' ' || version, ''), ', ' ORDER BY address, port) FROM report.service WHERE zone = '{z.name}'",
             f"{z.net}.1 22 9.9p1, {z.net}.2 80")
    db.check_invariants()


def test_a_newer_file_adds_and_overwrites_nothing():
    z, t = Zone(), now() - 100 * HOUR
    z.take(z.file(t, host(f"{z.net}.1", port(22, SSH) + port(23))))
    got = z.take(z.file(t + HOUR, host(f"{z.net}.1", port(22, SSH.replace("9.2p1", "9.9p1")) + port(80, "", TITLE))))[0]
    assert (got["added"], got["known"], got["differ"], got["new_hosts"]) == (2, 1, 1, 0), got
    db.equal("services", f"SELECT string_agg(port || COALESCE(' ' || version, ''), ', ' ORDER BY port) FROM report.service WHERE zone = '{z.name}'", "22 9.2p1, 23, 80")
    db.equal("since", f"SELECT first_seen = to_timestamp({t + HOUR + 60}) FROM report.service WHERE zone = '{z.name}' AND port = 80", "t")
    db.check_invariants()


def test_a_sensor_that_looked_since_knows_better():
    z, t = Zone(), now() - 10 * HOUR
    z.visit("presence", [".1 u", ".9 d"], hours_ago=2)
    z.visit("ports", [".1 u"], [".1 22 port -"], hours_ago=2)
    before = z.facts()
    got = z.take(z.file(t, host(f"{z.net}.1", port(22, SSH) + port(80)), host(f"{z.net}.9", port(22))))[0]
    assert (got["added"], got["looked_at_since"]) == (0, 2) and z.facts() == before, got
    assert z.events() == ""


def test_what_no_sensor_asks_is_added_to_what_it_knows():
    z, t = Zone(), now() - 10 * HOUR
    z.visit("presence", [".1 u"], hours_ago=20)
    z.visit("ports", [".1 u"], [".1 22 port -"], hours_ago=20)
    z.visit("scripts", [".1 u"], hours_ago=20, scripts="http-title")
    z.visit("presence", [".1 u", ".9 d"], hours_ago=2)
    z.visit("ports", [".1 u"], [".1 22 port -"], hours_ago=2)
    z.visit("scripts", [".1 u"], hours_ago=2, scripts="http-title")
    # 80 was asked and is not open; 8080 was not asked; http-title ran and had nothing to say
    got = z.take(z.file(t, host(f"{z.net}.1", port(22, SSH, KEYS + TITLE) + port(80, "", TITLE) + port(8080, "", TITLE), name="late.example")))[0]
    db.equal("services", f"SELECT string_agg(port || COALESCE(' ' || version, ''), ', ' ORDER BY port) FROM report.service WHERE zone = '{z.name}'", "22 9.2p1, 8080")
    db.equal("scripts", f"SELECT string_agg(port || ' ' || script, ', ' ORDER BY port) FROM report.script_result WHERE zone = '{z.name}'", "22 ssh-hostkey, 8080 http-title")
    db.equal("name", f"SELECT count(hostname) FROM report.host WHERE zone = '{z.name}'", 0)
    assert got["added"] == 4 and z.events() == "", got
    db.check_invariants()


def test_a_look_before_the_file_says_nothing_against_it():
    z, t = Zone("presence,ports,services,scripts"), now() - 10 * HOUR
    z.visit("presence", [".1 u"], hours_ago=20)
    z.visit("ports", [".1 u"], [".1 22 port -", ".1 80 port -"], hours_ago=19)
    z.visit("services", [".1 u"], hours_ago=18)
    z.visit("scripts", [".1 u"], hours_ago=17, scripts="http-title")
    path = z.file(t, host(f"{z.net}.1", port(22, SSH) + port(80, "", TITLE)))
    assert z.take(path)[0]["added"] == 2
    db.equal("both", f"SELECT count(*) FROM report.service s JOIN report.script_result r USING (zone, address) WHERE zone = '{z.name}' AND s.port = 22 AND version = '9.2p1'", 1)


def test_a_service_that_was_asked_for_since_is_not_there():
    z, t = Zone("presence,ports,services"), now() - 10 * HOUR
    z.visit("presence", [".1 u"], hours_ago=20)
    z.visit("ports", [".1 u"], [".1 22 port -"], hours_ago=19)
    z.visit("services", [".1 u"], hours_ago=2)
    before = z.facts()
    assert z.take(z.file(t, host(f"{z.net}.1", port(22, SSH))))[0]["added"] == 0 and z.facts() == before


def test_a_service_that_a_pass_of_services_does_not_find_ends():
    z, t = Zone("presence,ports,services"), now() - 48 * HOUR
    z.take(z.file(t, host(f"{z.net}.1", port(22, SSH))))
    z.visit("presence", [".1 u"], hours_ago=40)
    z.visit("ports", [".1 u"], [".1 22 port -"], hours_ago=39)
    for hours in (38, 37):
        z.visit("services", [".1 u"], hours_ago=hours)
        z.visit("ports", [".1 u"], [".1 22 port -"], hours_ago=hours - 0.5)
    z.visit("services", [".1 u"], hours_ago=36)
    assert "service" not in z.facts() and " 22 port" in z.facts() and z.events() == "", z.facts()
    db.check_invariants()


def test_a_card_that_a_file_tells_moves_nobody():
    z, t, card = Zone("presence,ports"), now() - 2 * HOUR, "00:11:22:33:44:77"
    z.visit("presence", [".1 u", ".2 u", f".5 u {card}"], [f".5 0 mac {card}"], hours_ago=20)
    z.visit("ports", [".1 u", ".2 u", ".5 u " + card], [".1 22 port -", ".2 22 port -"], hours_ago=19)
    for hours in (9, 8, 7):
        z.visit("presence", [".1 u", ".2 d", f".5 u {card}"], [f".5 0 mac {card}"], hours_ago=hours)
    holders = f"SELECT string_agg(addr || ' ' || value, ', ' ORDER BY addr) FROM inv.fact_now JOIN inv.zone z USING (zone_id) WHERE z.name = '{z.name}' AND attr_id = 0"
    before = db.sql(holders)
    for n in (1, 2):  # one that is there, and one that is not: who they are is known
        assert z.take(z.file(t, host(f"{z.net}.{n}", port(80), mac=card)))[0]["added"] > 0
    assert db.sql(holders) == before
    db.equal("ports", f"SELECT count(*) FROM report.service WHERE zone = '{z.name}' AND port = 22", 2)
    db.check_invariants()


def test_a_file_of_a_clock_a_little_ahead_is_of_now():
    z, t = Zone(), now() + 4 * 60
    z.take(z.file(t, host(f"{z.net}.1", port(22))))
    db.equal("since", f"SELECT bool_and(since <= now()) FROM inv.fact_now JOIN inv.zone z USING (zone_id) WHERE z.name = '{z.name}'", "t")


def test_a_file_of_a_wrong_clock_is_refused_before_anything_is_imported():
    z, t = Zone(), now() - 48 * HOUR
    good = z.file(t, host(f"{z.net}.1", port(22)), name="good.xml")
    for at, want in ((100, "1970-01-01T00:01:40.000Z, before nmap wrote XML (1998)"), (883612799, "1997-12-31T23:59:59.000Z, before nmap wrote XML (1998)"),
                     (7226582400, "2199-01-01T00:00:00.000Z, which is still to come"), (now() + 15 * 60, "Z, which is still to come")):
        bad = z.file(t, host(f"{z.net}.1"), host(f"{z.net}.2", port(22), at=at), name="bad.xml")
        err = muster("import", "--zone", z.name, good, bad, check=2)
        assert err.startswith(f"muster import: {bad}: its host {z.net}.2 was seen at ") and want in err and len(err.splitlines()) == 1, err
    assert z.count() == 0
    assert z.take(z.file(883612800, host(f"{z.net}.1", at=883612800)))[0]["new_hosts"] == 1


class Confirmed(Zone):
    """What a file told of a web server two days ago and sensors have seen since, http-title twice."""

    VAL = "CREATE OR REPLACE FUNCTION t.val(x text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT %s $$"

    def __init__(self):
        super().__init__()
        self.take(self.file(now() - 48 * HOUR, host(f"{self.net}.1", port(80, "", TITLE))))
        db.sql(f"UPDATE inv.change c SET noted_at = now() - interval '47 hours' FROM inv.zone z WHERE z.zone_id = c.zone_id AND z.name = '{self.name}'")
        value = db.sql(f"SELECT value FROM inv.fact_now JOIN inv.zone z USING (zone_id) WHERE z.name = '{self.name}' AND attr_id >= 100")
        db.sql(self.VAL % f"CASE WHEN x = 'imported' THEN '{value}' ELSE md5(x)::uuid END")
        self.visit("presence", [".1 u"], hours_ago=40)
        self.visit("ports", [".1 u"], [".1 80 port -"], hours_ago=39)
        self.visit("scripts", [".1 u"], [".1 80 http-title imported"], hours_ago=38, scripts="http-title")
        db.sql(self.VAL % "md5(x)::uuid")

    def passes(self, passes, hi=".255"):
        """As a reload does it."""
        db.sql(f"UPDATE t.zones SET hi = '{self.net}{hi}', passes = passes || '{passes}' WHERE name = '{self.name}'; "
               "SELECT t.zone('dummy', '10.200.0'); DELETE FROM t.zones WHERE name = 'dummy'")


def test_what_a_sensor_confirmed_is_news_when_it_changes():
    z = Confirmed()
    z.visit("scripts", [".1 u"], [".1 80 http-title other"], hours_ago=37, scripts="http-title")
    assert z.events() == "script.changed .1/tcp/80/http-title", z.events()


def test_also_where_the_blocks_are_cut_anew_before_it_changes():
    z = Confirmed()
    z.passes("[]", hi=".127")
    z.visit("scripts", [".1 u"], [".1 80 http-title other"], hours_ago=37, scripts="http-title")
    assert z.events() == "script.changed .1/tcp/80/http-title", z.events()


def test_also_where_another_pass_finds_the_change():
    z = Confirmed()
    z.passes('[{"name": "deep", "kind": "scripts", "slots": "{}", "misses": 2, "every": 3600, "confirm": 30}]')
    z.visit("deep", [".1 u"], [".1 80 http-title other"], hours_ago=37, scripts="http-title")
    assert z.events() == "script.changed .1/tcp/80/http-title", z.events()


def test_a_look_while_its_host_was_away_confirms_nothing():
    z, t = Zone(), now() - 48 * HOUR
    z.take(z.file(t, host(f"{z.net}.1", port(22) + port(80, "", TITLE))))
    db.sql(f"UPDATE inv.change c SET noted_at = now() - interval '47 hours' FROM inv.zone z WHERE z.zone_id = c.zone_id AND z.name = '{z.name}'")
    for hours in (46, 45, 44):
        z.visit("presence", [".1 d"], hours_ago=hours)
    z.visit("ports", [".1 d"], hours_ago=43)
    z.visit("scripts", [], hours_ago=42, scripts="http-title")
    z.visit("presence", [".1 u"], hours_ago=41)
    z.visit("scripts", [".1 u"], [".1 80 http-title other"], hours_ago=40, scripts="http-title")
    for hours in (39, 38):
        z.visit("ports", [".1 u"], [".1 80 port -"], hours_ago=hours)
    assert " 22 " not in z.facts() and z.events() == "host.returned .1", z.events()


def test_a_look_that_was_under_way_confirms_nothing():
    z, t, cards = Zone("presence,ports,services,scripts"), now() - 48 * HOUR, ("02:00:00:00:00:0a", "02:00:00:00:00:0b")
    z.take(z.file(t, host(f"{z.net}.1", port(22) + port(80, "", TITLE)), host(f"{z.net}.2"), host(f"{z.net}.3", mac=cards[0])))
    db.sql(f"UPDATE inv.change c SET noted_at = now() - interval '40 hours' FROM inv.zone z WHERE z.zone_id = c.zone_id AND z.name = '{z.name}'")
    # begun before the file came, ended after; whether it was at these hosts before or after nobody knows
    z.visit("presence", [".9 u"], hours_ago=40.5)
    z.visit("ports", [".9 u"], hours_ago=40.5)
    z.visit("scripts", [".9 u"], hours_ago=40.5, scripts="http-title")
    for table, end in (("coverage", "at"), ("schedule", "last_at")):
        db.sql(f"UPDATE inv.{table} s SET {end} = now() - interval '39.5 hours' FROM inv.zone z WHERE z.zone_id = s.zone_id AND z.name = '{z.name}'")
    z.visit("services", [".9 u"], hours_ago=39.8)
    for hours in (39, 38, 37):
        z.visit("presence", [".1 u", ".2 d", f".3 u {cards[1]}"], [f".3 0 mac {cards[1]}"], hours_ago=hours)
        z.visit("ports", [".1 u"], [".1 80 port -"], hours_ago=hours)
    z.visit("scripts", [".1 u"], [".1 80 http-title other"], hours_ago=36, scripts="http-title")
    db.equal("gone", f"SELECT string_agg(host(address) || COALESCE(' ' || port, '') || ' ' || what, ', ' ORDER BY address, port) FROM report.change "
             f"WHERE zone = '{z.name}' AND pass <> '(import)' AND what IN ('closed', 'changed')", f"{z.net}.1 22 closed, {z.net}.1 80 changed, {z.net}.2 closed, {z.net}.3 changed")
    assert z.events() == "", z.events()
    # what a look has seen that began since is
    for hours in (35, 34):
        z.visit("ports", [".1 u"], hours_ago=hours)
    assert z.events() == "port.closed .1/tcp/80", z.events()


def test_a_file_older_than_the_ledger_is_kept_is_no_news_either():
    forget = ("DELETE FROM inv.change c USING inv.zone z WHERE z.zone_id = c.zone_id AND z.name = '{0}'; "
              "SELECT inv.horizon_moves(zone_id, now(), now()) FROM inv.zone WHERE name = '{0}'")
    z, t = Zone(), now() - 48 * HOUR
    z.take(z.file(t, host(f"{z.net}.1", port(22) + port(80, "", TITLE))))
    db.sql(forget.format(z.name))
    z.visit("presence", [".1 u"], hours_ago=41)
    z.visit("scripts", [".1 u"], [".1 80 http-title other"], hours_ago=40, scripts="http-title")
    for hours in (39, 38):
        z.visit("ports", [".1 u"], [".1 80 port -"], hours_ago=hours)
    assert " 22 " not in z.facts() and z.events() == "", z.events()
    # what a sensor saw is
    db.sql(forget.format(z.name))
    z.visit("scripts", [".1 u"], [".1 80 http-title third"], hours_ago=37, scripts="http-title")
    for hours in (36, 35):
        z.visit("ports", [".1 u"], hours_ago=hours)
    assert z.events() == "script.changed .1/tcp/80/http-title, port.closed .1/tcp/80", z.events()


def test_what_was_closed_since_stays_closed():
    z, t = Zone(), now() - 30 * HOUR
    z.visit("presence", [".1 u"], hours_ago=40)
    z.visit("ports", [".1 u"], [".1 22 port -", ".1 80 port -"], hours_ago=40)
    for hours in (20, 19, 18):
        z.visit("ports", [".1 u"], [".1 22 port -"], hours_ago=hours)
    z.visit("presence", [".1 u"], hours_ago=17)
    before = z.facts()
    assert z.events() == "port.closed .1/tcp/80"
    db.sql(f"UPDATE inv.schedule s SET last_at = NULL FROM inv.zone z WHERE z.zone_id = s.zone_id AND z.name = '{z.name}'")  # the ledger alone says it
    assert z.take(z.file(t, host(f"{z.net}.1", port(80))))[0]["looked_at_since"] == 1 and z.facts() == before
    db.check_invariants()


def test_what_a_sensor_doubts_is_not_settled_by_an_older_file():
    z, t = Zone(), now() - 10 * HOUR
    z.visit("presence", [".1 u"], hours_ago=20)
    z.visit("presence", [".1 d"], hours_ago=2)
    assert z.take(z.file(t, host(f"{z.net}.1", port(8080))))[0]["looked_at_since"] == 1
    assert z.count("inv.doubt") == 1 and "8080" not in z.facts()
    # a newer one is evidence
    assert z.take(z.file(now() - HOUR, host(f"{z.net}.1", port(8080))))[0]["added"] == 1 and z.count("inv.doubt") == 0
    db.check_invariants()


def test_an_address_that_was_asked_alone_was_looked_at():
    z, t = Zone(), now() - 10 * HOUR
    z.visit("presence", [".1 u"], hours_ago=20)
    array = f"'{{{z.net}.9}}'"
    db.sql(f"SELECT t.visit('{z.name}', 'presence', now() - interval '2 hours', '{{\"{z.net}.9 d\"}}', p_scope => {array})")
    got = z.take(z.file(t, host(f"{z.net}.9", port(22)), host(f"{z.net}.8", port(22))))[0]
    assert (got["new_hosts"], got["looked_at_since"]) == (1, 1) and f"{z.net}.9" not in z.facts(), got


def test_what_is_held_is_newer_also_where_its_ledger_went():
    z, t = Zone(), now() - 10 * HOUR
    z.visit("presence", [".1 u"], hours_ago=5)
    db.sql(f"DELETE FROM inv.change c USING inv.zone z WHERE z.zone_id = c.zone_id AND z.name = '{z.name}'; "
           f"INSERT INTO inv.horizon(zone_id, since, scripts) SELECT zone_id, now(), now() FROM inv.zone WHERE name = '{z.name}'")
    assert z.take(z.file(t, host(f"{z.net}.1", port(8080))))[0]["looked_at_since"] == 1 and "8080" not in z.facts()


def test_an_address_that_another_card_has_is_left_alone():
    z, t = Zone("presence"), now() - 5 * HOUR
    z.visit("presence", [".1 u 02:00:00:00:00:01"], [".1 0 mac 02:00:00:00:00:01"], hours_ago=20)
    before = z.facts()
    got = z.take(z.file(t, host(f"{z.net}.1", port(80), mac="02:00:00:00:00:02")))[0]
    assert got["other_mac"] == 1 and got["added"] == 0 and z.facts() == before, got


def test_the_first_look_of_a_sensor_is_a_baseline():
    z, t = Zone(), now() - 48 * HOUR
    z.take(z.file(t, host(f"{z.net}.1", port(22, SSH) + port(80, "", TITLE) + port(443)), host(f"{z.net}.2", port(22))))
    db.sql(f"UPDATE inv.change c SET noted_at = now() - interval '47 hours' FROM inv.zone z WHERE z.zone_id = c.zone_id AND z.name = '{z.name}'")
    for hours in (40, 39, 38, 37):
        z.visit("presence", [".1 u", ".2 d"], hours_ago=hours)
        z.visit("ports", [".1 u"], [".1 22 port -", ".1 80 port -"], hours_ago=hours)
    z.visit("scripts", [".1 u"], [".1 80 http-title changed"], hours_ago=36, scripts="http-title")
    db.equal("gone", f"SELECT string_agg(host(address) || COALESCE(' ' || port, '') || ' ' || what || ' ' || news, ', ' ORDER BY address, port) FROM report.change "
             f"WHERE zone = '{z.name}' AND pass <> '(import)' AND what IN ('closed', 'changed')",
             f"{z.net}.1 80 changed false, {z.net}.1 443 closed false, {z.net}.2 closed false")
    assert z.events() == "", z.events()
    # what a sensor has seen itself is news again
    for hours in (30, 29, 28):
        z.visit("ports", [".1 u"], [".1 22 port -"], hours_ago=hours)
    z.visit("scripts", [".1 u"], [".1 22 http-title x"], hours_ago=27, scripts="http-title")
    assert z.events() == "port.closed .1/tcp/80, script.appeared .1/tcp/22/http-title", z.events()
    db.check_invariants()


def test_a_host_that_returns_in_a_newer_file_is_no_news():
    z, t = Zone(), now() - 5 * HOUR
    z.visit("presence", [".1 u"], hours_ago=40)
    for hours in (20, 19, 18):
        z.visit("presence", [".1 d"], hours_ago=hours)
    assert z.events() == "host.gone .1"
    assert z.take(z.file(t, host(f"{z.net}.1", port(80))))[0]["new_hosts"] == 1
    db.equal("there", f"SELECT present_since = to_timestamp({t + 60}) FROM report.host WHERE zone = '{z.name}'", "t")
    assert z.events() == "host.gone .1"
    db.check_invariants()


def test_a_file_of_another_year_finds_its_month():
    z, t = Zone(), now() - 400 * 24 * HOUR
    z.take(z.file(t, host(f"{z.net}.1", port(22))))
    db.equal("since", f"SELECT first_seen = to_timestamp({t + 60}) FROM report.service WHERE zone = '{z.name}'", "t")
    db.check_invariants()  # none of it went astray


def test_every_method_may_take_back_what_was_imported():
    z, t = Zone(), now() - 48 * HOUR
    z.take(z.file(t, host(f"{z.net}.1", port(22))))
    for hours in (9, 8, 7):
        db.sql(f"SELECT t.visit('{z.name}', 'presence', now() - interval '{hours} hours', '{{\"{z.net}.1 d\"}}', '{{}}', '{{}}', '{{}}', 1)")
    db.equal("gone", f"SELECT count(present_since) FROM report.host WHERE zone = '{z.name}'", 0)


def test_hosts_outside_of_the_zone_are_left_out():
    z, t = Zone(), now() - 48 * HOUR
    path = z.file(t, host(f"{z.net}.1", port(22)), host("192.0.2.1", port(22)), host("2001:db8::1", port(22)))
    text = muster("import", "--zone", z.name, path)
    assert f"left out: 2 hosts in no network of zone {z.name}" in text and "1 host up, 1 new, 3 facts added" in text, text
    other = z.file(t, host("192.0.2.1", port(22)), name="other.xml")
    err = muster("import", "--zone", z.name, other, check=2)
    assert err == f"muster import: {other}: not imported: no network of zone {z.name} holds its host 192.0.2.1; is it another zone? (--zone)\n", err


def test_the_zone_is_named_where_there_are_several():
    Zone()
    z, t = Zone(), now() - 48 * HOUR
    path = z.file(t, host(f"{z.net}.1"))
    assert "there are several zones, say which one with --zone: " in muster("import", path, check=2)
    assert "there is no zone 'nowhere'; there are: " in muster("import", "--zone", "nowhere", path, check=2)


def test_who_is_up_by_the_users_word_alone_is_no_host():
    z, t = Zone(), now() - 48 * HOUR
    pn = '<status state="up" reason="user-set" reason_ttl="0"/>'
    got = z.take(z.file(t, host(f"{z.net}.1", port(22, state="filtered"), status=pn), host(f"{z.net}.2", port(22, state="closed"), status=pn),
                        host(f"{z.net}.3", status='<status state="down" reason="no-response" reason_ttl="0"/>')))
    assert got[0]["hosts"] == 1 and z.facts().startswith(f"{z.net}.2 "), got


def test_standard_input_and_the_only_zone():
    z, t = Zone(), now() - 48 * HOUR
    text = muster("import", "-", "--zone", z.name, given=xml(t, host(f"{z.net}.1", port(22))))
    assert text.startswith("standard input of 20") and "1 new" in text, text


def test_what_is_no_such_file_is_said_and_nothing_is_imported():
    z, t = Zone(), now() - 48 * HOUR
    good = z.file(t, host(f"{z.net}.1", port(22)), name="good.xml")
    whole = pathlib.Path(good).read_text(encoding="utf-8")
    bad = pathlib.Path(z.dir.name) / "bad.xml"
    for text, want in ((whole[:whole.index("<runstats")], "bad.xml:6: the file ends here; expected </nmaprun>: nmap was stopped before it was done (nmap --resume goes on)"),
                       (whole[:-4], "expected </nmaprun>"), ("", "bad.xml:1: the file has no <nmaprun>"), ("PK\x03\x04", "bad.xml:1: "),
                       ("<html></html>", "bad.xml:1: <html>: expected <nmaprun>"), (whole.replace(f' start="{t}"', ""), 'bad.xml:3: <nmaprun> without its time'),
                       (whole.replace('portid="22"', 'portid="65536"'), 'portid="65536": expected a number up to 65535'),
                       (whole.replace(f"{z.net}.1", "box"), 'addr="box": expected an IPv4 or IPv6 address'),
                       (whole.replace("<!DOCTYPE nmaprun>", '<!DOCTYPE nmaprun [<!ENTITY a "b">]>'), "the entity 'a' is declared; expected none")):
        bad.write_text(text, encoding="utf-8")
        err = muster("import", "--zone", z.name, good, str(bad), check=2)
        assert err.startswith(f"muster import: {bad}:") and want in err and len(err.splitlines()) == 1, err
    assert "No such file" in muster("import", "--zone", z.name, good, "/nonexistent.xml", check=2)
    assert z.count() == 0


def test_a_failure_leaves_nothing_of_the_file():
    z, t = Zone(), now() - 48 * HOUR
    db.sql("CREATE FUNCTION t.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room'; END $$; "
           f"CREATE TRIGGER refuse BEFORE INSERT ON inv.fact_now FOR EACH ROW WHEN (NEW.addr = '{z.net}.200') EXECUTE FUNCTION t.refuse()")
    path = z.file(t, *(host(f"{z.net}.{i}", port(22)) for i in range(1, 201)))
    err = muster("import", "--zone", z.name, path, check=2)
    assert "not imported: " in err and "no room" in err, err
    assert z.count() == 0 and z.count("inv.change") == 0
    db.sql("DROP TRIGGER refuse ON inv.fact_now; DROP FUNCTION t.refuse")
    assert z.take(path)[0]["new_hosts"] == 200
    db.check_invariants()


def test_what_a_deadlock_with_a_sensor_ended_is_begun_anew():
    """The server says so three times, and then has peace."""
    z, t = Zone(), now() - 48 * HOUR
    db.sql("CREATE SEQUENCE t.tries; CREATE FUNCTION t.deadlock() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
           "IF nextval('t.tries') <= 3 THEN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END IF; RETURN NEW; END $$; "
           f"CREATE TRIGGER deadlock BEFORE INSERT ON inv.fact_now FOR EACH ROW WHEN (NEW.addr = '{z.net}.2' AND NEW.attr_id = 10) EXECUTE FUNCTION t.deadlock()")
    got = z.take(z.file(t, host(f"{z.net}.1", port(22)), host(f"{z.net}.2", port(22))))[0]
    assert (got["hosts"], got["new_hosts"], got["added"]) == (2, 2, 6), got
    db.equal("tries", "SELECT last_value FROM t.tries", 4)
    db.sql("DROP TRIGGER deadlock ON inv.fact_now; DROP FUNCTION t.deadlock")
    db.check_invariants()


def test_a_large_file_is_counted_while_it_is_written():
    z, t = Zone(), now() - 48 * HOUR
    db.sql(f"INSERT INTO inv.block(zone_id, lo, hi) SELECT zone_id, ('10.{NET}.' || i || '.0')::inet, ('10.{NET}.' || i || '.255')::inet "
           f"FROM inv.zone, generate_series(1, 8) i WHERE name = '{z.name}'; ANALYZE inv.fact_now")
    counted = "SELECT reltuples::int FROM pg_class WHERE oid = 'inv.fact_now'::regclass"
    before = int(db.sql(counted))
    got = z.take(z.file(t, *(host(f"10.{NET}.{b}.{i}", port(22)) for b in range(9) for i in range(100))))[0]
    assert got["new_hosts"] == 900 and int(db.sql(counted)) >= before + 2400, (got, before, db.sql(counted))
    db.check_invariants()


def test_nobody_is_waited_for_to_count():
    """As another import does it that has counted, until it ends: one that waits for it may be waited for by it."""
    z, t = Zone(), now() - 48 * HOUR
    db.sql(f"INSERT INTO inv.block(zone_id, lo, hi) SELECT zone_id, ('10.{NET}.' || i || '.0')::inet, ('10.{NET}.' || i || '.255')::inet "
           f"FROM inv.zone, generate_series(1, 4) i WHERE name = '{z.name}'")
    other = db.connect()
    other.sql("BEGIN; LOCK TABLE inv.fact_now IN SHARE UPDATE EXCLUSIVE MODE")
    assert z.take(z.file(t, *(host(f"10.{NET}.{b}.1", port(22)) for b in range(5))))[0]["new_hosts"] == 5
    other.sql("ROLLBACK")
    other.close()


def test_a_sensor_may_not_import():
    db.equal("what it may", "SELECT string_agg(p.proname, ' ') FROM pg_proc p WHERE p.pronamespace = 'api'::regnamespace AND p.proname ~ '^import_' "
             "AND has_function_privilege('muster_sensor', p.oid, 'EXECUTE')", "")
    db.ok("there are some", "EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = 'api'::regnamespace AND p.proname ~ '^import_')")
    db.ok("a visit", "has_function_privilege('muster_sensor', 'api.beat(int4, uuid)', 'EXECUTE')")


def test_the_ledger_gets_no_more_months_than_ten_years_of_them():
    """(The last of all: it fills the ledger.)"""
    z, day = Zone(), 24 * HOUR
    months = "SELECT (SELECT count(*) FROM ops.months('inv.change')) || ' ' || (SELECT count(*) FROM ops.months('inv.coverage'))"
    before, coverage = db.sql(months).split()
    crafted = lambda n: z.file(now(), *(host(f"{z.net}.{i + 1}", at=915148800 + i * 31 * day) for i in range(n)))
    err = muster("import", "--zone", z.name, crafted(200), check=2)
    want = f"the ledger has {before} months, at most 120 with those of files, and lacks 200 in which its hosts were seen; the first is 1999-01"
    assert err.endswith(f": not imported: {want}\n"), err
    assert db.sql(months) == f"{before} {coverage}" and z.count() == 0
    # what fits is taken, and what has its month needs no other; an import covers nothing
    room = 120 - int(before)
    assert z.take(crafted(room))[0]["new_hosts"] == room and db.sql(months) == f"120 {coverage}"
    assert z.take(z.file(915148800, host(f"{z.net}.250"), name="old.xml"), z.file(now(), host(f"{z.net}.251")))[1]["new_hosts"] == 1
    assert "lacks 1 in which" in muster("import", "--zone", z.name, z.file(1893456000 - 7000 * day, host(f"{z.net}.252")), check=2)
    db.sql("SELECT ops.make_partitions('1998-01-01', 1)")  # as time does it
    assert z.take(z.file(now(), host(f"{z.net}.253")))[0]["new_hosts"] == 1
    db.check_invariants()


if __name__ == "__main__":
    if not MUSTER.exists():
        pgtest.skip(f"{MUSTER} is not built")
    with pgtest.Cluster() as pg:
        db = pg.database(migrated=True)
        db.sql(helpers.ZONES + helpers.HELPERS.replace("CREATE SCHEMA t;", ""))
        helpers.db = db
        pgtest.run(globals())
