#!/usr/bin/env python3
"""The reports: that each is documented and runs, what the important ones say, and `muster report` in each form.

MUSTER_GOLDEN=write writes docs/reports.md anew from the catalog and the comments."""
import csv
import io
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pgtest
import test_store_diff as helpers

MUSTER = pathlib.Path(os.environ.get("MUSTER_BUILD", pgtest.ROOT / "build")) / "muster"
DOCS = pgtest.ROOT / "docs/reports.md"
NEEDED = {"ip": "10.1.0.1", "mac": "00:11:22:33:44:55", "at": "now", "t1": "2020-01-01"}
clock = 0


def muster(*words, check=0):
    run = subprocess.run([str(MUSTER), "--database", db.conninfo, *words], capture_output=True, text=True, timeout=60)
    if run.returncode != check:
        raise AssertionError(f"muster {' '.join(words)}: exit {run.returncode}, not {check}: {run.stdout}{run.stderr}")
    return run.stdout if check != 2 else run.stderr


def visit(kind, hosts, facts="", scripts=""):
    """One minute after the other, up to now."""
    global clock
    clock += 1
    array = "'{{{}}}'".format
    return db.sql(f"SELECT t.visit('lan', '{kind}', now() - interval '2 hours' + interval '{clock} minutes', "
                  f"{array(','.join(hosts))}, {array(','.join(facts) if facts else '')}, '{{}}', {array(scripts)})")


def rows(name, *words):
    return [json.loads(line) for line in muster("report", "run", name, "--format", "json", *words).splitlines()]


def catalog():
    return json.loads(db.sql("SELECT json_agg(c ORDER BY category = 'tables', category, name) FROM report.catalog c"))


def test_a_network_is_looked_at():
    db.sql("SELECT t.zone('lan', '10.1.0')")
    visit("presence", ['"10.1.0.1 u 00:11:22:33:44:55"', '"10.1.0.2 u 00:11:22:33:44:66"', '"10.1.0.3 u"'],
          ['"10.1.0.1 0 hostname box.example"', '"10.1.0.1 0 mac 00:11:22:33:44:55"', '"10.1.0.2 0 mac 00:11:22:33:44:66"'])
    base = ['"10.1.0.1 22 port -"', '"10.1.0.1 80 port -"', '"10.1.0.2 22 port -"', '"10.1.0.3 22 port -"', '"10.1.0.3 443 port -"']
    up = ['"10.1.0.1 u"', '"10.1.0.2 u"', '"10.1.0.3 u"']
    visit("ports", up, base)
    visit("scripts", up, ['"10.1.0.1 80 http-title Welcome"', '"10.1.0.3 443 ssl-cert c1"'], "http-title,ssl-cert")
    db.sql("""UPDATE inv.value_script SET data = jsonb_build_object('subject', jsonb_build_object('commonName', 'box'), 'issuer',
      jsonb_build_object('commonName', 'box'), 'validity', jsonb_build_object('notBefore', '2020-01-01T00:00:00', 'notAfter',
      to_char(now() AT TIME ZONE 'UTC' + interval '5 days 1 hour', 'YYYY-MM-DD"T"HH24:MI:SS')), 'pubkey', '{"type": "rsa", "bits": 2048}'::jsonb, 'sha1', 'ab',
      'extensions', '[{"name": "X509v3 Subject Alternative Name", "value": "DNS:box, DNS:www"}]'::jsonb) WHERE output = 'c1'""")
    # a port closes (two misses), one opens, one comes back; a host goes
    closed = [f for f in base if ".1 80" not in f]
    visit("ports", up, closed)
    visit("ports", up, closed)
    visit("ports", up, base)
    for _ in range(3):
        visit("presence", ['"10.1.0.1 u 00:11:22:33:44:55"', '"10.1.0.2 d"', '"10.1.0.3 u"'])
    # an address goes to another card and back
    for mac in ("00:aa:00:00:00:01", "00:aa:00:00:00:02", "00:aa:00:00:00:01"):
        visit("presence", ['"10.1.0.1 u 00:11:22:33:44:55"', '"10.1.0.3 u"', f'"10.1.0.4 u {mac}"'], [f'"10.1.0.4 0 mac {mac}"'])
    db.sql("UPDATE inv.schedule SET last_at = now() - interval '1 minute'")
    db.check_invariants()


def test_every_report_runs_and_every_column_is_explained():
    calls = []
    for c in catalog():
        params = ", ".join(f"{p['name']} => '{NEEDED[p['name']]}'" for p in c["params"] if "default" not in p)
        calls.append(f"SELECT count(to_jsonb(q)) FROM report.{c['name']}{'(' + params + ')' if c['params'] else ''} q;")
    assert len(db.sql("\n".join(calls)).split()) == len(calls)
    bare = db.sql("SELECT string_agg(c.relname || '.' || a.attname, ' ') FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 "
                  "WHERE c.relnamespace = 'report'::regnamespace AND c.relkind IN ('v', 'c', 'r') AND col_description(c.oid, a.attnum) IS NULL")
    assert bare == "", f"columns without a comment: {bare}"
    bare = db.sql("SELECT string_agg(relname, ' ') FROM pg_class WHERE relnamespace = 'report'::regnamespace AND relkind IN ('v', 'r') AND obj_description(oid) IS NULL")
    assert bare == "", f"views without a comment: {bare}"
    bare = db.sql("SELECT string_agg(proname, ' ') FROM pg_proc f WHERE pronamespace = 'report'::regnamespace AND obj_description(oid) IS NULL "
                  "AND proname IN (SELECT name FROM report.catalog)")
    assert bare == "", f"functions without a comment: {bare}"


def test_the_catalog_tells_the_truth():
    wrong = db.sql("""SELECT string_agg(c.name, ' ') FROM report.catalog c WHERE NOT CASE WHEN c.params = '[]' THEN to_regclass('report.' || c.name) IS NOT NULL
      ELSE EXISTS (SELECT FROM pg_proc f WHERE f.pronamespace = 'report'::regnamespace AND f.proname = c.name
        AND (SELECT array_agg(p ->> 'name' || ' ' || (p ->> 'type') ORDER BY o) FROM jsonb_array_elements(c.params) WITH ORDINALITY q(p, o))
          = (SELECT array_agg(n || ' ' || CASE format_type(t, NULL) WHEN 'integer' THEN 'int4' WHEN 'timestamp with time zone' THEN 'timestamptz'
                                           ELSE format_type(t, NULL) END ORDER BY o) FROM unnest(f.proargnames, f.proargtypes::oid[]) WITH ORDINALITY q(n, t, o))) END""")
    assert wrong == "", f"the catalog is wrong about {wrong}"


def test_services_that_came_and_went():
    got = rows("closed_services")
    assert [(r["address"], r["port"], r["service"], r["why"]) for r in got] == [("10.1.0.1", 80, "http", "confirmed closed")], got
    assert got[0]["last_seen"] < got[0]["closed_at"] and got[0]["valid"].startswith("[\""), got
    got = rows("reopened_services")
    assert [(r["address"], r["port"], r["state"], r["baseline"]) for r in got] == [("10.1.0.1", 80, "open", False)], got
    assert len(rows("new_services")) == 6 and not rows("new_services", "--param", "days=0"), rows("new_services")
    got = rows("open_services")
    assert {(r["address"], r["port"]) for r in got} == {("10.1.0.1", 22), ("10.1.0.1", 80), ("10.1.0.3", 22), ("10.1.0.3", 443)}, got
    assert got[0]["asset_name"] and not got[0]["approved"] and got[0]["last_changed"] <= got[0]["last_seen"], got


def test_services_are_those_of_who_had_the_address():
    """A port that was open on one device, whose address another device has now."""
    zone = "(SELECT zone_id FROM inv.zone WHERE name = 'lan')"
    old, new = "00000000-0000-0000-0000-0000000000aa", "00000000-0000-0000-0000-0000000000bb"
    db.sql(f"""INSERT INTO inv.asset(asset_id, zone_id, label) VALUES ('{old}', {zone}, 'old box'), ('{new}', {zone}, 'new box');
      INSERT INTO inv.fact_now(since, zone_id, slot, attr_id, value, strength, addr) VALUES (now() - interval '1 hour', {zone}, 0, 0, '{new}', 0, '10.1.0.9'),
        (now() - interval '50 min', {zone}, 393238, 10, '{old}', 0, '10.1.0.9');
      INSERT INTO inv.change(at, old_since, seen_at, zone_id, slot, attr_id, profile_id, cause, news, addr, old_value, new_value) VALUES
        (now() - interval '3 hours', NULL, NULL, {zone}, 393296, 10, 0, 'o', false, '10.1.0.9', NULL, '{old}'),
        (now() - interval '1 hour', now() - interval '4 hours', NULL, {zone}, 0, 0, 0, 'r', false, '10.1.0.9', '{old}', '{new}'),
        (now() - interval '55 min', now() - interval '3 hours', now() - interval '2 hours', {zone}, 393296, 10, 0, 'r', false, '10.1.0.9', '{old}', NULL),
        (now() - interval '50 min', NULL, NULL, {zone}, 393238, 10, 0, 'o', false, '10.1.0.9', NULL, '{old}')""")
    closed = [(r["asset_name"], r["port"], r["why"]) for r in rows("closed_services") if r["address"] == "10.1.0.9"]
    opened = {(r["asset_name"], r["port"], r["state"]) for r in rows("new_services") if r["address"] == "10.1.0.9"}
    db.sql(f"DELETE FROM inv.fact_now WHERE addr = '10.1.0.9'; DELETE FROM inv.change WHERE addr = '10.1.0.9'; DELETE FROM inv.asset WHERE asset_id IN ('{old}', '{new}')")
    assert closed == [("old box", 80, "another device has the address")], closed
    assert opened == {("old box", 80, "closed"), ("new box", 22, "dormant")}, opened


def test_a_holder_is_told_by_the_mac_address_of_that_time():
    """A phone that made up another one since."""
    zone, was, phone = "(SELECT zone_id FROM inv.zone WHERE name = 'lan')", "00000000-0000-0000-0000-0000000000aa", "00000000-0000-0000-0000-0000000000bb"
    first, second, card = "02:aa:00:00:00:01", "02:aa:00:00:00:02", "00:bb:00:00:00:09"
    db.sql(f"""INSERT INTO inv.asset(asset_id, zone_id) VALUES ('{was}', {zone}), ('{phone}', {zone});
      INSERT INTO inv.asset_key(zone_id, kind, key, asset_id, since, until) VALUES ({zone}, 2, '{first}', '{phone}', now() - interval '10 hours', now() - interval '5 hours'),
        ({zone}, 2, '{second}', '{phone}', now() - interval '5 hours', 'infinity'), ({zone}, 1, '{card}', '{was}', now() - interval '20 hours', now() - interval '7 hours');
      INSERT INTO inv.fact_now(since, zone_id, slot, attr_id, value, strength, addr) VALUES (now() - interval '7 hours', {zone}, 0, 0, '{phone}', 0, '10.1.0.9');
      INSERT INTO inv.change(at, old_since, noted_at, zone_id, slot, attr_id, profile_id, cause, news, addr, old_value, new_value) VALUES
        (now() - interval '7 hours', now() - interval '20 hours', now() - interval '7 hours', {zone}, 0, 0, 0, 'r', true, '10.1.0.9', '{was}', '{phone}')""")
    pair = "string_agg(concat_ws(' ', old ->> 'mac', '->', new ->> 'mac'), ', ') FROM report."
    got = [db.sql(f"SELECT {pair}{x} WHERE kind = 'holder' AND address = '10.1.0.9'") for x in
           ("change", "diff(now() - interval '8 hours', now() - interval '6 hours')", "diff(now() - interval '8 hours', now())")]
    got.append(db.sql("SELECT value ->> 'mac' FROM report.facts_at('lan', now() - interval '6 hours') WHERE kind = 'holder' AND address = '10.1.0.9'"))
    text = muster("changes", "--since", "8h", "10.1.0.9", check=1)
    db.sql(f"DELETE FROM inv.fact_now WHERE addr = '10.1.0.9'; DELETE FROM inv.change WHERE addr = '10.1.0.9'; DELETE FROM inv.asset_key WHERE asset_id IN ('{was}', '{phone}'); "
           f"DELETE FROM inv.asset WHERE asset_id IN ('{was}', '{phone}')")
    assert got == [f"{card} -> {first}", f"{card} -> {first}", f"{card} -> {second}", first], got
    assert first in text and card in text and second not in text, text


def test_assets_that_are_missing():
    got = rows("missing_assets")
    assert [(r["addresses"], r["open_ports"]) for r in got] == [(["10.1.0.2"], 1)], got
    assert got[0]["last_seen"] < got[0]["missing_since"] <= got[0]["last_checked"], got
    assert {r["name"] for r in rows("new_assets")} >= {"box.example", "10.1.0.2"}, rows("new_assets")


def test_who_had_it():
    got = rows("ip_history", "--param", "ip=10.1.0.4")
    # the third card is the first one again: two devices claim the address, and whoever holds it stays
    assert len(got) == 2 and got[0]["present_now"] and got[0]["valid"].endswith(",)"), got
    got = rows("mac_history", "--param", "mac=00-AA-00-00-00-02")
    assert [(r["address"], r["present_now"]) for r in got] == [("10.1.0.4", False)], got
    got = rows("ip_conflicts")
    assert {(r["address"], r["claimed_by"]) for r in got} >= {("10.1.0.4", "mac")}, got
    assert "00:aa:00:00:00:01" in got[-1]["claimants"] or "00:aa:00:00:00:01" in got[0]["claimants"], got


def test_certificates():
    got = rows("cert_expiry")
    assert [(r["subject"], r["days_left"], r["state"], r["self_signed"], r["names"], r["key_bits"]) for r in got] == [
        ("box", 5, "7 days", True, ["box", "www"], 2048)], got
    db.equal("dates that are none", "SELECT concat(inv.time_of('2026-02-30T00:00:00'), inv.time_of('?'), inv.time_of(NULL), inv.time_of('2026-13-01T00:00:00'))", "")
    db.equal("nor these", "SELECT concat(inv.time_of('0000-01-01T00:00:00'), inv.time_of('2026-01-00T00:00:00'), inv.time_of('2026-04-31T00:00:00'), inv.time_of('2026-00-10T00:00:00'))", "")
    db.equal("these are", "SET timezone = 'UTC'; SELECT concat_ws(' ', inv.time_of('0001-01-01T00:00:00'), inv.time_of('2028-02-29T23:59:59Z'), inv.time_of('9999-12-31T23:59:59'))",
             "0001-01-01 00:00:00+00 2028-02-29 23:59:59+00 9999-12-31 23:59:59+00")
    before = db.sql("SELECT data FROM inv.value_script WHERE output = 'c1'")
    db.sql("UPDATE inv.value_script SET data = jsonb_set(data, '{validity,notAfter}', '\"0000-01-01T00:00:00\"') WHERE output = 'c1'")
    assert [(r["state"], r["not_after"]) for r in rows("cert_expiry")] == [("unknown", None)], rows("cert_expiry")
    db.sql(f"UPDATE inv.value_script SET data = $x${before}$x$ WHERE output = 'c1'")


def test_what_is_known_and_what_is_not():
    db.sql("UPDATE inv.schedule SET last_at = now() - interval '1 day' WHERE kind = 'ports'")
    got = rows("stale_or_unknown")
    assert [(r["pass"], r["reason"], r["hosts"]) for r in got] == [("ports", "late", 3)], got
    got = {r["pass"]: r for r in rows("coverage_slo")}
    assert got["presence"]["on_time_percent"] == 100 and got["ports"]["on_time"] == 0, got
    assert {r["pass"] for r in rows("scan_cost")} == {"presence", "ports", "scripts"}
    db.sql("UPDATE inv.schedule SET last_at = now() WHERE kind = 'ports'")


def test_changes_and_alerts():
    got = rows("changes_since", "--param", "since=2020-01-01")
    assert {r["type"] for r in got} >= {"port.closed", "port.opened", "host.gone"}, got
    assert got[0]["window_start"].startswith("2020"), got[0]
    db.sql("SELECT alert.write_events(1000000)")
    assert len(rows("alert_log")) == len(got), (rows("alert_log"), got)
    assert "10.1.0.4" in [r["address"] for r in rows("top_changers")[:2]], rows("top_changers")
    assert rows("flapping", "--param", "at_least=2"), "the port flapped"
    # a hundred busier addresses of another zone
    db.sql("INSERT INTO inv.zone(name) VALUES ('busy'); INSERT INTO inv.change(at, zone_id, slot, attr_id, profile_id, cause, news, addr, new_value) SELECT now(), (SELECT zone_id FROM inv.zone WHERE name = 'busy'), "
           "0, 3, 0, 'o', true, '10.9.0.1'::inet + n % 100, md5('x')::uuid FROM generate_series(0, 9999) n")
    assert len(rows("top_changers")) == 100 and {r["zone"] for r in rows("top_changers")} == {"busy"}, rows("top_changers")
    assert "10.1.0.4" in [r["address"] for r in rows("top_changers", "--zone", "lan")[:2]], rows("top_changers", "--zone", "lan")
    db.sql("DELETE FROM inv.change WHERE zone_id = (SELECT zone_id FROM inv.zone WHERE name = 'busy'); DELETE FROM inv.zone WHERE name = 'busy'")


def test_what_is_new_is_found_by_its_time():
    for words in ("count(*) FROM report.change WHERE news AND", "* FROM report.change c WHERE"):
        plan = db.sql(f"SET enable_seqscan = off; EXPLAIN SELECT {words} noted_at > now() - interval '1 hour'")
        assert "_noted_at_idx" in plan, plan


def test_what_people_say_is_shown():
    assert muster("annotate", "box.example", "--owner", "netops", "--criticality", "high", "--presence", "always", "--by", "ann") == \
        "box.example: owner netops, criticality high, expected always\n"
    assert muster("tag", "10.1.0.1", "core", "site:a", "--by", "ann").endswith("tags core site:a\n")
    assert muster("tag", "10.1.0.1", "--remove", "core").endswith("tags site:a\n")
    assert muster("approve", "10.1.0.1", "22/tcp", "--until", "90d", "--reason", "admin", "--by", "ann").startswith("10.1.0.1: 22/tcp is approved until 20")
    text = muster("asset", "10.1.0.1")
    for words in ("owner       netops", "tags        site:a", "22/tcp\tapproved\tann"):
        assert words in text, text
    assert json.loads(muster("asset", "10.1.0.1", "--json"))["annotation"]["tags"] == ["site:a"]
    assert [(r["address"], r["port"]) for r in rows("unapproved_services")] == [("10.1.0.1", 80)], rows("unapproved_services")
    muster("annotate", "10.1.0.2", "--presence", "always")
    assert [(r["what"], r["name"]) for r in rows("expectations_unmet")] == [("absent", "10.1.0.2")], rows("expectations_unmet")
    assert len(muster("assets", "netops").splitlines()) == 1 and len(muster("assets", "site:a").splitlines()) == 1
    assert muster("approve", "10.1.0.1", "22", "--end") == "10.1.0.1: 22/tcp is not approved any more\n"
    for words, message in ((["annotate", "10.1.0.1"], "nothing to say"), (["annotate", "10.1.0.1", "--criticality", "huge"], "expected low, medium"),
                           (["tag", "10.1.0.1"], "no tag"), (["tag", "10.1.0.1", "UP"], "tag 'UP': expected lower-case"),
                           (["approve", "10.1.0.1", "ssh"], "'ssh' is not a port"), (["approve", "10.1.0.1"], "expected a port such as"),
                           (["approve", "10.1.0.1", "22", "--end"], "nothing of that kind is approved"), (["annotate", "nobody", "--note", "x"], "no asset has")):
        err = muster(*words, check=2)
        assert message in err and len(err.splitlines()) == 1, (words, err)


def csv_text(name):
    """With its line ends as they are."""
    return subprocess.run([str(MUSTER), "--database", db.conninfo, "report", "run", name, "--format", "csv"], capture_output=True, check=True).stdout.decode()


def test_report_in_every_form():
    listed = [line.split("\t") for line in muster("report", "list").splitlines()]
    assert ["assets", "new_assets", "days=7", "Which machines appeared, where, who made them, seen by which sensor?"] in listed, listed
    assert any(json.loads(line)["name"] == "ip_history" for line in muster("report", "list", "--json").splitlines())
    text = csv_text("closed_services")
    assert text.count("\r\n") == 2 and text.startswith("zone,address,asset_id,asset_name,protocol,port,service,product,version,why,"), text
    db.sql("""UPDATE inv.annotation SET owner = E'=cmd,"x"\\nline' WHERE owner = 'netops'""")
    parsed = list(csv.DictReader(io.StringIO(csv_text("annotation"), newline="")))
    assert {p["owner"] for p in parsed} == {"'=cmd,\"x\"\nline", ""}, parsed
    table = muster("report", "run", "closed_services").split("\t")
    assert table[:2] == ["lan", "10.1.0.1"] and table[4:7] == ["tcp", "80", "http"], table
    assert "there is no zone 'other'; there are: lan" in muster("report", "run", "closed_services", "--zone", "other", check=2)
    for words, message in ((["new_asset"], "there is no report 'new_asset'; did you mean 'new_assets'?"), (["ip_history"], "ip_history needs --param ip=inet"),
                           (["new_assets", "--param", "day=3"], "--param day=3: expected NAME=VALUE; parameters of new_assets: days"),
                           (["new_assets", "--param", "days=x"], "--param of new_assets takes days=int4: invalid input syntax for type integer"), (["open_services", "--param", "x=1"], "parameters of open_services: none"),
                           (["catalog; DROP TABLE inv.zone"], "there is no report"), (["new_assets", "--at", "1h"], "the report new_assets does not tell of the past"),
                           (["endpoint", "--zone", "lan"], "--zone: endpoint has no zones")):
        err = muster("report", "run", *words, check=2)
        assert message in err and len(err.splitlines()) == 1, (words, err)


COLUMNS = """SELECT json_object_agg(name, columns) FROM (
  SELECT c.name, json_agg('| ' || a.attname || ' | ' || format_type(a.atttypid, NULL) || ' | ' || replace(col_description(a.attrelid, a.attnum), '|', '/') || ' |' ORDER BY a.attnum) AS columns
    FROM report.catalog c JOIN pg_attribute a ON a.attnum > 0 AND a.attrelid = CASE WHEN c.params = '[]' THEN to_regclass('report.' || c.name)::oid
         ELSE (SELECT t.typrelid FROM pg_proc f JOIN pg_type t ON t.oid = f.prorettype WHERE f.pronamespace = 'report'::regnamespace AND f.proname = c.name) END
   GROUP BY c.name) q"""


def markdown():
    out = ["# The reports", "", "Each is a view of schema `report`, or a function where it takes parameters. Names, columns and types are kept once released.",
           "`muster report list` lists them; `muster report run NAME [--param k=v] [--format table|csv|json]` answers one; in SQL:",
           "`SELECT * FROM report.new_assets(days => 30)`. Reports named `NAME_at` tell the same of a time in the past (`--at TIME`).", "",
           "This page is made from the catalog and the comments in the database; `tests/pg/test_report.py` keeps it true.", ""]
    columns = json.loads(db.sql(COLUMNS))
    category = None
    for c in catalog():
        if c["category"] != category:
            category = c["category"]
            out += [f"## {category.capitalize()}", ""]
        if category == "tables":                                # said in the database, by their comments
            out += [f"- `{c['name']}`: {c['question']}"]
            continue
        params = "; ".join(f"`{p['name']}` {p['type']}" + (f" (default {p['default']})" if "default" in p else "") + f", {p['help']}" for p in c["params"])
        out += [f"### `{c['name']}`", "", c["question"]] + (["", f"Parameters: {params}"] if params else []) + ["", "| column | type | meaning |", "|---|---|---|"]
        out += columns[c["name"]] + [""]
    return "\n".join(out)


def test_the_page_about_reports_is_true():
    want = markdown()
    if os.environ.get("MUSTER_GOLDEN") == "write":
        DOCS.write_text(want)
    assert DOCS.exists() and DOCS.read_text() == want, "docs/reports.md is not what the database says: MUSTER_GOLDEN=write tests/pg/test_report.py"


if __name__ == "__main__":
    if not MUSTER.exists():
        pgtest.skip(f"{MUSTER} is not built")
    with pgtest.Cluster() as pg:
        db = pg.database(migrated=True)
        db.sql(helpers.ZONES + helpers.HELPERS.replace("CREATE SCHEMA t;", ""))
        pgtest.run(globals())
