#!/usr/bin/env python3
"""api.sight: what sightings leave behind, what they make due, and what they never do."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pgtest

PASSES = [{"name": k, "kind": k, "slots": "{[393238,393239)}" if k == "ports" else "{}", "misses": 1, "every": 3600, "confirm": 30}
          for k in ("presence", "ports", "scripts")]
CONFIG = {"zones": [{"name": "lab", "host_misses": 1, "blocks": [["10.0.0.0", "10.0.0.255"], ["fd00::", "fd00::ff"]], "passes": PASSES}]}
ARP, WANTS = ("arp", True), ("dhcp", False)


def equal(what, got, want):
    assert got == want, f"{what}: {got!r}, not {want!r}"


class Lab:
    """Every pass has been made once and found nothing; nothing is due for an hour."""

    def __init__(self):
        self.db = pg.database(migrated=True)
        self.db.sql(f"SELECT api.hello('t', gen_random_uuid()); SELECT api.sync_config('{json.dumps(CONFIG)}')")
        self.idle()

    def idle(self):
        self.db.sql("""UPDATE inv.schedule SET last_at = now(), last_from = now(), asked = '{}', sensor_id = NULL,
                       wanted_at = now() + interval '1 hour', due_at = now() + interval '1 hour'""")

    def sight(self, addr, mac="00:16:3e:00:00:01", how=ARP, said=(), zone="lab", at="now()", first=""):
        addr = f"'{addr}'" if addr else "NULL"
        mac = f"'{mac}'" if mac else "NULL"
        kinds = ",".join(f"'{k}'" for k, _ in said)
        keys = ",".join(f"'{k}'" for _, k in said)
        ones = ",".join("1" for _ in said)
        # in one transaction: the same now()
        return self.db.sql(f"""{f"BEGIN; {first};" if first else ""} SELECT verdict FROM api.sight(ARRAY['{zone}'], ARRAY[({at})::timestamptz], ARRAY[{addr}::inet], ARRAY[{mac}::macaddr],
          ARRAY['{how[0]}'], ARRAY[{how[1]}], ARRAY[{ones}]::int[], ARRAY[{kinds}]::text[], ARRAY[{keys}]::text[]){"; COMMIT" if first else ""}""")

    def due(self):
        return self.db.sql("""SELECT COALESCE(string_agg(kind || ' ' || asked::text, ', ' ORDER BY kind), '') FROM inv.schedule
                              WHERE due_at <= now()""")

    def visit(self, hosts, kind="presence"):
        """hosts: address: state or (state, mac).  A visit of the whole block."""
        pairs = [(a, *(s if isinstance(s, tuple) else (s, None))) for a, s in hosts.items()]
        macs = ",".join(f"'{m}'" if m else "NULL" for _, _, m in pairs)
        n = len(pairs)
        self.db.sql(f"""
          UPDATE inv.schedule SET wanted_at = now(), due_at = now() WHERE kind = '{kind}' AND block_id = 1;
          CREATE TEMP TABLE c AS SELECT * FROM api.claim(1, '{{{kind}}}', 1, '1 minute');
          SELECT r.verdict FROM c, api.apply_part(c.schedule_id, c.fence, 1, clock_timestamp(), 'arp',
            '{{{",".join(p[0] for p in pairs)}}}', '{{{",".join(p[1] for p in pairs)}}}', ARRAY[{macs}]::macaddr[],
            array_fill('arp-response'::text, ARRAY[{n}]), array_fill(NULL::int2, ARRAY[{n}]), array_fill(NULL::text, ARRAY[{n}]), '{{}}', 0,
            ARRAY[{",".join(f"'{a}'" for a, s, m in pairs if m)}]::inet[], array_fill(0, ARRAY[{sum(bool(m) for *_, m in pairs)}]),
            array_fill(2, ARRAY[{sum(bool(m) for *_, m in pairs)}]), ARRAY[{",".join(f"md5('{m}')::uuid" for *_, m in pairs if m)}]::uuid[],
            '{{}}', '{{}}', '{{}}', ARRAY[{",".join(f"md5('{m}')::uuid" for *_, m in pairs if m)}]::uuid[],
            array_fill('t'::"char", ARRAY[{sum(bool(m) for *_, m in pairs)}]), ARRAY[{",".join(f"'{m}'" for *_, m in pairs if m)}]::text[], '{{}}', '{{}}') r;
          SELECT api.finish(schedule_id, fence, true, 'arp', 0, 0, 0, 0, 0) IS NULL FROM c;
          DROP TABLE c""")

    def later(self, interval):
        """Moves what was written into the past."""
        self.db.sql("".join(f"UPDATE inv.{t} SET {c} = {c} - interval '{interval}';" for t, c in (
            ("heard", "asked_at"), ("heard", "first_at"), ("heard", "last_at"), ("evidence", "first_at"), ("evidence", "last_at"))))


def test_a_new_address_is_visited_now_and_alone():
    lab = Lab()
    equal("verdict", lab.sight("10.0.0.5"), "n")
    equal("due", lab.due(), "ports {10.0.0.5}, presence {10.0.0.5}")
    lab.db.equal("scope of the visit", "SELECT string_agg(kind || ' ' || scope::text, ' ' ORDER BY kind) "
                 "FROM api.claim(1, '{presence,ports}', 10, '1 minute')", "ports {10.0.0.5} presence {10.0.0.5}")
    equal("again at once: no second ask", lab.sight("10.0.0.5", first="UPDATE inv.heard SET asked_at = now()"), "w")


class WideLab(Lab):
    """With a /64 of IPv6, which is not swept."""

    def __init__(self):
        super().__init__()
        wide = json.loads(json.dumps(CONFIG))
        wide["zones"][0]["blocks"][1] = ["fd00::", "fd00::ffff:ffff:ffff:ffff"]
        self.db.sql(f"SELECT api.sync_config('{json.dumps(wide)}')")
        self.idle()

    def fact(self, address, attr):
        self.db.sql(f"INSERT INTO inv.fact_now(since, zone_id, slot, attr_id, value, strength, addr) VALUES (now(), 1, 0, {attr}, gen_random_uuid(), 1, '{address}')")


def test_of_a_wide_block_the_known_addresses_are_told():
    """Those in use, those that were until lately, those that were heard lately; of a block that is swept, all that were and none that were heard."""
    lab = WideLab()
    equal("verdict", lab.sight("fd00::1:2:3:4"), "n")
    equal("due", lab.due(), "ports {fd00::1:2:3:4}, presence {fd00::1:2:3:4}")
    for address in ("fd00::5", "10.0.0.5"):
        lab.sight(address)
    for address, value in (("fd00::7", 0), ("fd00::8", 0), ("fd00::8", 1), ("fd00::9", 0), ("10.0.0.9", 0)):
        lab.fact(address, value)
    lab.db.sql("INSERT INTO inv.change(at, old_since, zone_id, slot, attr_id, profile_id, cause, news, addr, old_value) "
               "SELECT now() - interval '3 days', now() - interval '9 days', 1, 0, 1, 1, 'c', true, 'fd00::9', gen_random_uuid()")
    lab.db.sql("UPDATE inv.heard SET last_at = now() - interval '8 days' WHERE addr = 'fd00::5'")
    lab.db.sql("UPDATE inv.schedule SET asked = '{}', wanted_at = now(), due_at = now()")
    told = {}
    lab.db.sql("CREATE TABLE c AS SELECT * FROM api.claim(1, '{presence}', 10, '1 minute')")
    for row in lab.db.sql("SELECT lo, addr, present, looked FROM c, api.past(c.schedule_id, c.fence) ORDER BY 1, 2").splitlines():
        lo, address, present, looked = row.split("|")
        assert looked == "t", row
        told.setdefault(lo, []).append(address + (" up" if present == "t" else ""))
    equal("told", told, {"10.0.0.0": ["10.0.0.9"], "fd00::": ["fd00::8 up", "fd00::9", "fd00::1:2:3:4"]})


def test_of_a_part_of_a_wide_block_the_known_addresses_are_asked():
    lab = WideLab()
    for address in ("fd00::5", "fd00::1:2:3:4"):
        lab.sight(address)
    for address, attr in (("fd00::7", 0), ("fd00::8", 0), ("fd00::8", 1), ("fd00::1:0:0:8", 0), ("fd00::1:0:0:8", 1)):
        lab.fact(address, attr)
    lab.idle()
    ask = "SET statement_timeout = '30s'; SELECT api.rescan('lab', '{}', '{}')"
    equal("blocks of passes", lab.db.sql(ask.format("fd00::", "fd00::ff:ffff")), "3")
    lab.db.equal("asked", "SELECT string_agg(kind || ' ' || ARRAY(SELECT host(a) FROM unnest(asked) a ORDER BY a)::text, ' ' ORDER BY kind) FROM inv.schedule WHERE due_at <= now()",
                 " ".join(k + " {fd00::5,fd00::8}" for k in ("ports", "presence", "scripts")))
    lab.db.equal("the others wait", "SELECT count(*) FROM inv.schedule WHERE wanted_at <= now()", 0)
    lab.idle()
    equal("a few are asked one by one", lab.db.sql(ask.format("fd00::2:0", "fd00::2:ff")), "3")
    lab.db.equal("asked", "SELECT string_agg(DISTINCT cardinality(asked)::text, ' ') FROM inv.schedule WHERE due_at <= now()", "256")
    lab.idle()
    got = lab.db.fails(ask.format("fd00::2:0", "fd00::ffff:ffff"))
    assert "no address from fd00::2:0 to fd00::ffff:ffff is known" in got, got
    equal("all of it", lab.db.sql(ask.format("fd00::", "fd00::ffff:ffff:ffff:ffff")), "3")
    lab.db.equal("wanted", "SELECT count(*) || ' ' || sum(cardinality(asked)) FROM inv.schedule WHERE wanted_at <= now() AND due_at <= now()", "3 0")


def test_a_silent_address_is_asked_for_less_and_less():
    lab = Lab()
    lab.sight("10.0.0.5")
    for wait in (1, 4, 16, 64, 256, 600, 600):
        for seconds, verdict in ((wait - 0.7, "w"), (wait + 0.1, "n")):
            past = f"UPDATE inv.heard SET asked_at = now() - interval '{seconds} s'"
            equal(f"after {seconds} s of {wait}", lab.sight("10.0.0.5", first=past), verdict)
    lab.db.sql("UPDATE inv.heard SET asked_at = now() - interval '21 minutes'")
    lab.sight("10.0.0.5")
    lab.db.equal("one that was quiet for long is new again", "SELECT asks FROM inv.heard", 1)


def test_a_known_address_costs_nothing():
    lab = Lab()
    lab.visit({"10.0.0.5": ("u", "00:16:3e:00:00:01")})
    lab.idle()
    equal("known", lab.sight("10.0.0.5", said=[("mdns-name", "printer.local")]), "k")
    equal("nothing due", lab.due(), "")
    before = lab.db.sql("SELECT array_agg(xmin ORDER BY kind) FROM inv.evidence"), lab.db.sql("SELECT array_agg(xmin) FROM inv.heard")
    lab.later("20 hours")
    before = lab.db.sql("SELECT array_agg(xmin ORDER BY kind) FROM inv.evidence"), lab.db.sql("SELECT array_agg(xmin) FROM inv.heard")
    lab.sight("10.0.0.5", said=[("mdns-name", "printer.local")])
    after = lab.db.sql("SELECT array_agg(xmin ORDER BY kind) FROM inv.evidence"), lab.db.sql("SELECT array_agg(xmin) FROM inv.heard")
    equal("no row was written", after, before)
    lab.later("20 hours")
    lab.sight("10.0.0.5", said=[("mdns-name", "printer.local")])
    lab.db.equal("refreshed after a day", "SELECT bool_and(last_at > now() - interval '1 minute') FROM inv.evidence", "t")
    lab.db.equal("and since when stays", "SELECT bool_and(first_at < now() - interval '39 hours') FROM inv.evidence", "t")


def test_another_device_at_an_address_is_a_reason_to_look():
    lab = Lab()
    lab.visit({"10.0.0.5": ("u", "00:16:3e:00:00:01")})
    lab.idle()
    equal("the same", lab.sight("10.0.0.5"), "k")
    equal("mDNS through a reflector proves nothing", lab.sight("10.0.0.5", mac="00:16:3e:00:00:99", how=("mdns", True)), "k")
    equal("another", lab.sight("10.0.0.5", mac="00:16:3e:00:00:02"), "n")
    equal("due", lab.due(), "ports {10.0.0.5}, presence {10.0.0.5}")
    lab.db.equal("both are evidence", "SELECT string_agg(key, ' ' ORDER BY key) FROM inv.evidence WHERE kind = 'mac'",
                 "00:16:3e:00:00:01 00:16:3e:00:00:02 00:16:3e:00:00:99")
    lab.sight("10.0.0.5")
    lab.db.equal("the latest is the latest", "SELECT key FROM inv.evidence WHERE kind = 'mac' ORDER BY last_at DESC LIMIT 1", "00:16:3e:00:00:01")


def test_a_sighting_opens_and_closes_nothing():
    lab = Lab()
    lab.visit({"10.0.0.5": "u", "10.0.0.6": "u"})
    lab.visit({"10.0.0.5": "u", "10.0.0.6": "d"})
    count = "SELECT (SELECT count(*) FROM inv.change) || ' ' || (SELECT count(*) FROM inv.fact_now) || ' ' || (SELECT count(*) FROM alert.event) || ' ' || (SELECT count(*) FROM alert.news)"
    before = lab.db.sql(count)
    for a in ("10.0.0.5", "10.0.0.6", "10.0.0.7"):
        lab.sight(a)
    lab.db.equal("facts, changes, events", count, before)
    lab.db.equal("heard, though gone", "SELECT inv.last_heard(1, '10.0.0.6') > now() - interval '1 minute'", "t")


def test_what_is_only_wanted_is_no_evidence():
    lab = Lab()
    equal("asked for", lab.sight("10.0.0.9", how=WANTS, said=[("dhcp-hostname", "phone")]), "n")
    lab.db.equal("no evidence yet", "SELECT count(*) FROM inv.evidence", 0)
    lab.db.equal("of the link", "SELECT kind || ' ' || key || ' ' || mac FROM inv.link_evidence", "dhcp-hostname phone 00:16:3e:00:00:01")
    lab.sight("10.0.0.9")
    lab.db.equal("joins with the address", "SELECT string_agg(kind || ' ' || key || ' ' || source, ', ' ORDER BY kind) FROM inv.evidence WHERE addr = '10.0.0.9'",
                 "dhcp-hostname phone dhcp, mac 00:16:3e:00:00:01 arp")


def test_a_switch_without_an_address_has_a_place():
    lab = Lab()
    equal("taken", lab.sight(None, how=("lldp", True), said=[("lldp-chassis", "00:16:3e:00:00:01"), ("lldp-name", "sw1")]), "k")
    lab.db.equal("kept", "SELECT string_agg(kind || ' ' || key, ', ' ORDER BY kind) FROM inv.link_evidence", "lldp-chassis 00:16:3e:00:00:01, lldp-name sw1")
    equal("nothing due", lab.due(), "")


def test_outside_of_the_blocks_and_unknown_zones():
    lab = Lab()
    equal("outside", lab.sight("10.9.0.5"), "o")
    equal("unknown zone", lab.sight("10.0.0.5", zone="nowhere"), "u")
    equal("IPv6", lab.sight("fd00::5", how=("nd", True)), "n")
    equal("due", lab.due(), "ports {fd00::5}, presence {fd00::5}")
    equal("a clock ahead", lab.sight("fd00::6", how=("nd", True), at="now() + interval '3 days'"), "n")
    lab.db.equal("clamped", "SELECT bool_and(last_at <= now()) FROM inv.heard", "t")


def test_a_running_visit_is_followed_by_the_asked_one():
    lab = Lab()
    lab.db.sql("UPDATE inv.schedule SET wanted_at = now(), due_at = now() WHERE block_id = 1 AND kind = 'presence'")
    lab.db.sql("CREATE TABLE c AS SELECT * FROM api.claim(1, '{presence}', 1, '1 minute')")
    equal("verdict", lab.sight("10.0.0.5"), "n")
    lab.db.sql("SELECT api.finish(schedule_id, fence, true, 'arp', 0, 0, 0, 0, 0) FROM c")
    lab.db.equal("due", "SELECT asked::text FROM inv.schedule WHERE kind = 'presence' AND due_at <= now()", "{10.0.0.5}")


def test_liars_are_bounded():
    lab = Lab()
    for i in range(4):
        lab.sight("10.0.0.5", said=[("dhcp-hostname", f"h{i}-{j}") for j in range(50)])
    lab.db.equal("of one address", "SELECT count(*) FROM inv.evidence", 151)
    lab.db.sql("INSERT INTO inv.heard SELECT 1, '10.1.0.0'::inet + i, 'arp', now(), now() FROM generate_series(1, 65536) i")
    equal("of one zone", lab.sight("10.0.0.77"), "f")
    equal("who was heard before still is", lab.sight("10.0.0.5") in ("n", "w"), True)


def test_silence_is_forgotten():
    lab = Lab()
    lab.visit({"10.0.0.5": "u"})
    lab.sight("10.0.0.5")
    lab.sight("10.0.0.6")
    lab.later("40 days")
    lab.db.sql("SELECT api.forget_heard()")
    lab.db.equal("who once answered is kept", "SELECT string_agg(host(addr), ' ') FROM inv.heard", "10.0.0.5")
    lab.db.equal("and what it said", "SELECT string_agg(DISTINCT host(addr), ' ') FROM inv.evidence", "10.0.0.5")


if __name__ == "__main__":
    with pgtest.Cluster() as pg:
        pgtest.run(globals())
