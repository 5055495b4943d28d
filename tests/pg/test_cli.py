#!/usr/bin/env python3
"""muster's questions to the inventory: listings, changes in each form, following, exit codes."""
import csv
import io
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pgtest
import test_store_diff as helpers

MUSTER = pathlib.Path(os.environ.get("MUSTER_BUILD", pgtest.ROOT / "build")) / "muster"
clock = 0


def muster(*words, check=0, database=None):
    run = subprocess.run([str(MUSTER), "--database", database or db.conninfo, *words], capture_output=True, text=True, timeout=60)
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


def baseline():
    db.sql("SELECT t.zone('lan', '10.1.0')")
    visit("presence", ['"10.1.0.1 u 00:11:22:33:44:55"', '"10.1.0.2 u"'], ['"10.1.0.1 0 hostname box.example"', '"10.1.0.2 0 mac 02:00:00:00:00:02"'])
    visit("ports", ['"10.1.0.1 u"', '"10.1.0.2 u"'], ['"10.1.0.1 22 port -"', '"10.1.0.1 80 port -"'])
    visit("scripts", ['"10.1.0.1 u"'], ['"10.1.0.1 80 http-title Welcome"'], "http-title")


def test_help_of_verbs_that_begin_alike():
    for words in (["help", "policy"], ["policy", "--help"], ["policy", "-h"]):
        run = subprocess.run([str(MUSTER), *words], capture_output=True, text=True, timeout=60)
        assert run.returncode == 0 and not run.stderr, (words, run)
        assert [line.split()[1] for line in run.stdout.splitlines() if line.startswith("  policy")] == ["list", "add", "remove", "run"], run.stdout
    assert "  asset merge WHAT INTO " in subprocess.run([str(MUSTER), "help", "asset"], capture_output=True, text=True, check=True).stdout
    for words in (["help", "polici"], ["help", "policy", "nosuch"], ["policy"]):
        run = subprocess.run([str(MUSTER), *words], capture_output=True, text=True, timeout=60)
        assert run.returncode == 2 and not run.stdout and run.stderr, (words, run)


def test_nothing_is_scheduled_yet():
    text = muster("status")
    assert "nothing is scheduled" in text, text
    err = muster("status", "--wait-baseline", "300ms", check=2)
    assert "the first inventory was not there after 300ms: 0 of 0 first looks are done" in err, err


def test_status_before_the_ports_were_listed():
    first = pg.database(migrated=True)
    first.sql(helpers.ZONES + helpers.HELPERS.replace("CREATE SCHEMA t;", "") + "; SELECT t.zone('new', '10.7.0')")
    text = muster("status", database=first.conninfo)
    assert "  new scripts: first look, 0 of 1 blocks done, next when its ports are listed\n" in text, text
    assert "  new ports: first look, 0 of 1 blocks done, next in " in text, text
    objects = [json.loads(line) for line in muster("status", "--json", database=first.conninfo).splitlines()]
    assert objects, objects


def test_a_baseline_is_no_change():
    baseline()
    assert muster("changes") == ""
    first = muster("status").splitlines()[0]
    assert first.startswith("0 new, 0 changed, 0 gone since 20") and first.endswith(" (window 24h)"), first
    assert muster("status", "--wait-baseline", "10s").startswith("0 new")
    assert "http-title appeared" in muster("changes", "--all", check=1).replace("http-title opened", "http-title appeared")


def test_assets_are_listed():
    rows = [line.split("\t") for line in muster("assets").splitlines()]
    assert [r[3] for r in rows] == ["10.1.0.1", "10.1.0.2"], rows
    assert rows[0][1:6] == ["box.example", "present", "10.1.0.1", "00:11:22:33:44:55", "2"], rows[0]
    assert rows[1][4] == "02:00:00:00:00:02", rows[1]
    objects = [json.loads(line) for line in muster("assets", "--json").splitlines()]
    assert objects[0]["addresses"] == ["10.1.0.1"] and objects[0]["open_ports"] == 2, objects[0]
    for filter_, n in (("10.1.0.0/31", 1), ("10.1.0.2", 1), ("BOX", 1), ("11:22", 1), ("100%", 0), ("10.9.0.0/16", 0), ("10.1.0", 2),
                       ("0011.2233.4455", 1), ("02-00-00-00-00-02", 1), ("00:02", 1), ("80/tcp", 1), ("80/udp", 0), ("tcp/80", 1)):
        assert len(muster("assets", filter_).splitlines()) == n, filter_
        if filter_ != "10.1.0.2" and "02" not in filter_:  # the second has no look at its ports yet
            assert len(muster("assets", "--at", "0s", filter_).splitlines()) == n, filter_
    for filter_, text in (("10.1.0.3/24", "did you mean 10.1.0.0/24?"), ("10.1.0.0/33", "a prefix length from 0 to 32")):
        assert text in muster("assets", filter_, check=2), filter_


def test_lists_for_a_spreadsheet():
    rows = list(csv.DictReader(io.StringIO(muster("assets", "--format", "csv"))))
    assert [(r["name"], r["addresses_text"], r["mac"], r["open_ports"]) for r in rows] == [
        ("box.example", "10.1.0.1", "00:11:22:33:44:55", "2"), ("10.1.0.2", "10.1.0.2", "02:00:00:00:00:02", "0")], rows
    assert rows[0]["last_seen"].endswith("Z") and "addresses" not in rows[0], rows[0]
    assert [r["port"] for r in csv.DictReader(io.StringIO(muster("services", "--format", "csv")))] == ["22", "80"]
    assert muster("services", "nothing", "--format", "csv").startswith("zone,address,place,state,service,") and muster("passes", "--format", "csv").startswith("zone,pass,")
    assert muster("assets", "--format", "json") == muster("assets", "--json") and muster("assets", "--format", "table") == muster("assets")
    assert "expected one of table|csv|json" in muster("assets", "--format", "xml", check=2)


def test_a_zone_that_is_not_there_is_no_empty_answer():
    for words in (["assets"], ["services"], ["passes"], ["changes"], ["changes", "--follow"], ["diff", "1d"], ["report", "run", "open_services"],
                  ["assets", "--at", "1m"]):
        err = muster(*words, "--zone", "elsewhere", check=2)
        assert err == f"muster {' '.join(words[:2] if words[0] == 'report' else words[:1])}: there is no zone 'elsewhere'; there are: lan\n", (words, err)
    assert muster("assets", "nobody", "--zone", "lan") == "" and muster("changes", "--zone", "lan") == ""


def test_output_that_cannot_be_written_is_told():
    for words in (["assets"], ["services", "--json"], ["report", "list"], ["changes", "--all"], ["--help"]):
        with open("/dev/full", "w", encoding="ascii") as full:
            run = subprocess.run([str(MUSTER), "--database", db.conninfo, *words] if words != ["--help"] else [str(MUSTER), *words],
                                 stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
        assert run.returncode == 2 and run.stderr == "muster: the output could not be written\n", (words, run.returncode, run.stderr)


def test_services_are_listed():
    rows = [line.split("\t") for line in muster("services").splitlines()]
    assert [(r[1], r[2], r[3], r[4]) for r in rows] == [("10.1.0.1", "22/tcp", "open", "ssh"), ("10.1.0.1", "80/tcp", "open", "http")], rows
    for filter_, n in (("80", 1), ("ssh", 1), ("80/tcp", 1), ("tcp/80", 1), ("80/udp", 0), ("box", 2), ("10.1", 2),
                       ("8080800", 0)):
        assert len(muster("services", filter_).splitlines()) == n, filter_
    assert "a port from 1 to 65535" in muster("services", "70000/tcp", check=2)
    # of a time: one address is asked for by key, a net is not
    for filter_, n in (("10.1.0.1", 2), ("10.1.0.1/32", 2), ("10.1.0.0/24", 2), ("10.1.0.2", 0), ("22", 1)):
        assert len(muster("services", "--at", "0s", filter_).splitlines()) == n, filter_


def test_one_asset_by_every_name():
    for name in ("10.1.0.1", "BOX.example", "00:11:22:33:44:55", "0011.2233.4455", "00-11-22-33-44-55", "Box"):
        text = muster("asset", name)
        assert "22/tcp" in text and "|_http-title: Welcome" in text, text
    document = json.loads(muster("asset", "10.1.0.1", "--json"))
    assert {s["port"] for s in document["services"]} == {22, 80} and document["scripts"][0]["script"] == "http-title", document
    assert muster("asset", document["asset"]["asset_id"]) == muster("asset", "10.1.0.1")
    assert "no asset has the address, name, MAC address or id 'nobody'" in muster("asset", "nobody", check=2)
    for name in ("bo", "example", "10", "10.1"):
        assert "no asset has" in muster("asset", name, check=2), name


def test_changes_in_every_form():
    visit("ports", ['"10.1.0.1 u"', '"10.1.0.2 u"'], ['"10.1.0.1 22 port -"', '"10.1.0.1 80 port -"', '"10.1.0.2 80 port -"'])
    visit("scripts", ['"10.1.0.1 u"'], ['"10.1.0.1 80 http-title Owned"'], "http-title")
    lines = muster("changes", check=1).splitlines()
    assert len(lines) == 2, lines
    assert lines[0].endswith(" port opened  tcp/80 on 10.1.0.2 (http)"), lines[0]
    assert lines[1].endswith(" http-title changed  tcp/80 on 10.1.0.1: Welcome -> Owned"), lines[1]
    objects = [json.loads(line) for line in muster("changes", "--format", "json", check=1).splitlines()]
    assert [(o["kind"], o["what"], o["port"]) for o in objects] == [("port", "opened", 80), ("script", "changed", 80)], objects
    assert objects[1]["old"]["output"] == "Welcome" and objects[1]["new"]["output"] == "Owned", objects[1]
    rows = list(csv.DictReader(io.StringIO(muster("changes", "--format", "csv", check=1))))
    assert rows[1]["old"] == "Welcome" and rows[1]["name"] == "http-title", rows
    text = muster("diff", db.sql("SELECT to_char((now() - interval '2 hours' + interval '210 seconds') AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"), "0s", check=1)
    assert " 10.1.0.2:\n+80/tcp open http\n" in text and "-|_http-title 80/tcp: Welcome\n+|_http-title 80/tcp: Owned\n" in text, text
    assert muster("status").startswith("1 new, 1 changed, 0 gone since ")
    assert json.loads(muster("status", "--json"))["changed"] == 1


def test_changes_of_one_thing():
    for filter_, n in (("10.1.0.2", 1), ("10.1.0.1", 1), ("10.1.0.0/24", 2), ("10.9.0.0/16", 0), ("80", 2), ("80/tcp", 2), ("80/udp", 0), ("http-title", 1),
                       ("owned", 1), ("port.opened", 1), ("BOX", 1), ("02:00:00:00:00:02", 1), ("10.1.0", 2), ("nothing", 0)):
        assert len(muster("changes", filter_, check=1 if n else 0).splitlines()) == n, filter_
    assert "did you mean 10.1.0.0/24" in muster("changes", "10.1.0.1/24", check=2)
    last = muster("asset", "10.1.0.1").splitlines()[-1]
    assert last.endswith(" http-title changed  tcp/80 on 10.1.0.1: Welcome -> Owned"), last
    assert "changed" not in muster("asset", "10.1.0.1", "--at", "1h56m30s")
    told = json.loads(muster("asset", "10.1.0.1", "--json"))["changes"]
    assert [(c["type"], c["new"]["output"]) for c in told] == [("script.changed", "Owned")], told


def test_ranges_of_changes():
    assert muster("changes", "--between", "3h", "2h") == ""
    assert muster("changes", "--since", "2030-01-01T00:00:00Z") == ""
    assert len(muster("changes", "--since", "2020-01-01T00:00:00Z", check=1).splitlines()) == 2
    for since in ("2020-01-01", "2020-01-01 15:30", "2020-01-01T15:30:00+05:30"):
        assert len(muster("changes", "--since", since, check=1).splitlines()) == 2, since
    for words, text in ((["--since", "soon"], "--since soon: expected a time"),
                        (["--between", "1h", "2h"], "is later than"),
                        (["--since", "1h", "--between", "2h", "1h"], "exclude each other")):
        assert text in muster("changes", *words, check=2), words


def test_a_difference_is_up_to_now():
    assert muster("diff", "2020-01-01", check=1) == muster("diff", "2020-01-01", "now", check=1) != ""
    assert muster("diff", "now") == ""
    assert muster("report", "run", "diff", "--param", "t1=2020-01-01") == muster("report", "run", "diff", "--param", "t1=3000d") != ""
    assert muster("report", "run", "changes_since", "--param", "since=now") == ""
    for words, text in ((["soon"], "muster diff: A soon: expected a time"), (["1d", "soon"], "B soon: expected"), (["1h", "2h"], "A: 20")):
        assert text in muster("diff", *words, check=2), words


def test_following_prints_a_change_as_it_happens():
    command = [str(MUSTER), "--database", db.conninfo, "changes", "--follow", "10.1.0.2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
        limit = threading.Timer(240, follower.kill)
        limit.start()
        try:
            db.wait_for("its place to start from", "EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'muster cli' AND state = 'idle' AND query LIKE 'SELECT c.at, c.zone%')")
            db.sql("""INSERT INTO inv.policy_change(policy, key, what, news, new) VALUES ('other', '{}', 'violated', true, '{"zone": "lan", "address": "10.1.0.1"}')""")
            visit("ports", ['"10.1.0.1 u"', '"10.1.0.2 u"'],
                  ['"10.1.0.1 22 port -"', '"10.1.0.1 80 port -"', '"10.1.0.2 80 port -"', '"10.1.0.2 22 port -"'])
            line = follower.stdout.readline()
            db.sql("""INSERT INTO inv.policy_change(policy, key, what, news, new) VALUES ('no-ssh', '{}', 'violated', true, '{"zone": "lan", "address": "10.1.0.2"}')""")
            policy = follower.stdout.readline()
        finally:
            limit.cancel()
            follower.terminate()
    assert line.endswith(" port opened  tcp/22 on 10.1.0.2 (ssh)\n"), line
    assert "no-ssh violated" in policy and "10.1.0.2" in policy, policy
    db.sql("DELETE FROM inv.policy_change")


def test_passes_and_rescan():
    rows = [line.split("\t") for line in muster("passes").splitlines()]
    assert [(r[0], r[1], r[3], r[4], r[5]) for r in rows] == [("lan", k, "1h", "1", "1") for k in ("ports", "presence", "scripts")], rows
    assert muster("rescan", "10.1.0.7") == "10.1.0.7 is due now in 3 blocks of passes\n"
    db.ok("the address was asked for", "(SELECT bool_and('10.1.0.7'::inet = ANY(asked)) FROM inv.schedule)")
    assert "in 3 blocks" in muster("rescan", "box.example") and "in 3 blocks" in muster("rescan", "BOX")
    assert "no network of the configuration holds 10.2.0.0/24" in muster("rescan", "10.2.0.0/24", check=2)
    assert "no host in the inventory has the name 'nobody.example'" in muster("rescan", "nobody.example", check=2)
    assert "expected a prefix length" in muster("rescan", "10.1.0.0/99", check=2)


def test_rescan_of_a_part_of_a_network_that_is_not_swept():
    wide = pg.database(migrated=True)
    zone = {"name": "wide", "host_misses": 3, "blocks": [["fd00::", "fd00::ffff:ffff:ffff:ffff"]],
            "passes": [{"name": k, "kind": k, "slots": "{}", "misses": 2, "every": 3600, "confirm": 30} for k in ("presence", "scripts")]}
    wide.sql(f"SELECT api.sync_config('{json.dumps({'zones': [zone]})}')")

    def rescan(target, check=0):
        return muster("rescan", target, check=check, database=wide.conninfo)
    err = rescan("fd00::/80", 2)
    assert err.startswith("muster rescan: ") and "no address from fd00:: to fd00::ffff:ffff:ffff is known" in err, err
    assert rescan("fd00::7") == "fd00::7 is due now in 2 blocks of passes\n"
    wide.sql("INSERT INTO inv.heard (zone_id, addr, source, first_at, last_at) SELECT zone_id, 'fd00::9', 'nd', now(), now() FROM inv.zone")
    assert rescan("fd00::/80") == "fd00::/80 is due now in 2 blocks of passes\n"
    wide.equal("asked", "SELECT string_agg(DISTINCT host(a), ' ') FROM inv.schedule, unnest(asked) a", "fd00::7 fd00::9")


def test_deliveries_and_replay():
    assert muster("deliveries") == "" and muster("endpoint", "list") == ""
    db.sql("SELECT alert.take('t', gen_random_uuid(), true, interval '1 hour', '{hook}', '{x}')")
    visit("ports", ['"10.1.0.1 u"', '"10.1.0.2 u"'],
          ['"10.1.0.1 22 port -"', '"10.1.0.1 80 port -"', '"10.1.0.2 80 port -"', '"10.1.0.2 22 port -"', '"10.1.0.1 443 port -"'])
    db.sql("SELECT alert.think(1000)")
    rows = [line.split("\t") for line in muster("deliveries").splitlines()]
    assert [(r[0], r[2], r[3]) for r in rows] == [("hook", "port.opened", "waiting")], rows
    event = rows[0][1]
    db.sql("UPDATE alert.cursor c SET xid = e.xid, seq = e.seq FROM (SELECT xid, seq FROM alert.notice ORDER BY xid DESC, seq DESC LIMIT 1) e;"
           "INSERT INTO alert.open(endpoint_id, seq, state, reason, attempts, dedup, last_code, last_error)"
           f" SELECT 1, seq, 'dead', 'message', 3, dedup, 400, 'HTTP 400' FROM alert.notice WHERE id = '{event}'")
    assert muster("deliveries", "hook").splitlines()[0].split("\t")[3] == "dead"
    endpoint = json.loads(muster("endpoint", "list", "--json"))
    assert (endpoint["endpoint"], endpoint["state"], endpoint["dead"]) == ("hook", "ok", 1), endpoint
    assert "1 alert was given up" in muster("status"), muster("status")
    assert muster("replay", "hook") == "1 event will be delivered to hook once more\n"
    assert muster("replay", "hook", event) == "1 event will be delivered to hook once more\n"
    assert muster("deliveries").splitlines()[0].split("\t")[3] == "retry"
    assert muster("endpoint", "enable", "hook", "--skip") == "hook takes deliveries again\n"
    for words in (["deliveries", "nohook"], ["replay", "nohook"], ["replay", "hook", "evt_none"], ["endpoint", "enable", "nohook"]):
        err = muster(*words, check=2)
        assert len(err.splitlines()) == 1 and (words[-1] in err), err


RULES = {"close_after": 3600, "last_resort": None, "flap": {"changes": 5, "within": 3600, "quiet": 1800},
         "breaker": {"share": 0.3, "least": 20, "window": 600, "hold": 0, "settle": 300, "confirm": 900, "canaries": 5},
         "routes": [{"name": "ports", "match": {"types": ["port.*"]}, "group_by": ["zone"], "group_wait": 0, "group_interval": 0},
                    {"name": "rest", "endpoints": [], "group_by": ["zone"], "group_wait": 0, "group_interval": 0}]}


def test_silences_windows_incidents_and_why():
    db.sql(f"SELECT alert.sync_rules('t', '{json.dumps(RULES)}')")
    assert muster("incidents") == "" and muster("silence", "list") == "" and muster("window", "list") == ""
    silence = muster("silence", "add", "--type", "port.*", "--port", "9000-9009", "--network", "10.1.0.0/24", "--for", "2h", "--reason", "moving", "--author", "eve")
    assert silence == "silence 1\n", silence
    window = muster("window", "add", "Mon-Sun 00:00 UTC", "--zone", "d*", "--severity", "high", "--for", "24h", "--reason", "patches")
    assert window == "window 1\n", window
    row = json.loads(muster("silence", "list", "--json"))
    assert (row["state"], row["what"], row["author"], row["reason"]) == ("active", "network 10.1.0.0/24, port 9000-9009, type port.*", "eve", "moving"), row
    row = json.loads(muster("window", "list", "--json"))
    assert (row["state"], row["what"], row["times"], row["seconds"]) == ("open", "severity high or higher, zone d*", "Mon,Tue,Wed,Thu,Fri,Sat,Sun 00:00 UTC", 86400), row
    ids = db.sql("SELECT alert.raise('port.opened', 'firing', 'lan', 'host/10.1.0.9/tcp/' || p, jsonb_build_object('kind', 'port', 'host', '10.1.0.9', 'proto', 'tcp', 'port', p), "
                 "'why ' || p, p || ' opened', '{}') FROM unnest(ARRAY[80, 9005]) p UNION ALL "
                 "SELECT alert.raise('script.changed', 'firing', 'lan', 'host/10.1.0.9/x', '{\"kind\": \"script\"}', 'why x', 'x changed', '{}')").split()
    assert "undecided" in muster("why", "alert", ids[0])
    db.sql("SELECT alert.think(1000)")
    told, kept, dropped = (muster("why", "alert", n) for n in ids)
    assert "route ports took it into incident" in told and "to hook: 80 opened" in told and "waiting" in told, told
    assert "silence 1 by eve keeps it quiet until" in kept and "moving" in kept, kept
    assert "route rest took it and tells nobody" in dropped, dropped
    incident = json.loads(muster("incidents", "--json").splitlines()[0])
    assert (incident["route"], incident["events"], incident["messages"], incident["key"]) == ("ports", 1, 1, {"zone": "lan"}), incident
    assert "80 opened" in muster("why", "incident", str(incident["incident"]))
    assert muster("silence", "remove", "1") == "silence 1 has ended\n" and muster("silence", "list") == ""
    assert json.loads(muster("silence", "list", "--all", "--json"))["kept"] == 1
    assert muster("window", "remove", "1") == "window 1 has ended\n"
    for words, expected in ((["silence", "add", "--for", "1h"], "--reason has to be given"), (["silence", "add", "--reason", "x"], "silences end"),
                            (["silence", "add", "--reason", "x", "--for", "60d"], "--long says that it is meant"),
                            (["silence", "add", "--reason", "x", "--for", "1h", "--network", "10.1.0.0/99"], "--network"),
                            (["silence", "remove", "1"], "there is no silence 1, or it has ended"), (["silence", "remove", "one"], "expected the number"),
                            (["window", "add", "Sun", "--for", "1h", "--reason", "x"], "Sun 02:00 Europe/Berlin"), (["window", "add", "Sun 02:00", "--reason", "x"], "--for has to be given"),
                            (["why", "alert", "evt_none"], "there is no alert 'evt_none'"), (["why", "thing", "1"], "expected 'alert' or 'incident'")):
        err = muster(*words, check=2)
        assert len(err.splitlines()) == 1 and expected in err, err
    db.sql("DELETE FROM alert.ruleset; UPDATE alert.route SET live = false")


def test_another_device_is_told_with_both():
    visit("presence", ['"10.1.0.1 u 00:11:22:33:44:55"', '"10.1.0.2 u 02:00:00:00:00:02"', '"10.1.0.9 u 02:00:00:00:00:09"'],
          ['"10.1.0.9 0 mac 02:00:00:00:00:09"', '"10.1.0.2 0 mac 02:00:00:00:00:02"', '"10.1.0.1 0 hostname box.example"'])
    visit("presence", ['"10.1.0.1 u 00:11:22:33:44:55"', '"10.1.0.2 u 02:00:00:00:00:02"', '"10.1.0.9 u 02:00:00:00:00:0a"'],
          ['"10.1.0.9 0 mac 02:00:00:00:00:0a"', '"10.1.0.2 0 mac 02:00:00:00:00:02"', '"10.1.0.1 0 hostname box.example"'])
    last = muster("changes", "10.1.0.9", check=1).splitlines()[-1]
    assert last.endswith(" host replaced  10.1.0.9: 02:00:00:00:00:09 -> 02:00:00:00:00:0a"), last
    db.sql("INSERT INTO inv.asset_key(zone_id, kind, key, asset_id, since) SELECT zone_id, kind, '02:00:00:00:00:0e', asset_id, now() + interval '1 h' "
           "FROM inv.asset_key WHERE key = '02:00:00:00:00:09'")
    assert muster("changes", "10.1.0.9", check=1).splitlines()[-1] == last, "what the device was called later is told of then"
    assert "-Device: 02:00:00:00:00:09\n+Device: 02:00:00:00:00:0a\n" in muster("changes", "10.1.0.9", "--format", "ndiff", check=1)
    before = muster("assets", "10.1.0.9", "--at", f"{(121 - clock) * 60 - 30}s").split("\t")
    assert before[4] == "02:00:00:00:00:09" and muster("assets", "10.1.0.9", "--at", "0s").split("\t")[4] == "02:00:00:00:00:0a", before
    db.sql("DELETE FROM inv.asset_key WHERE key LIKE '02:00:00:00:00:0_'")
    assert ": asset " in muster("changes", "host.replaced", check=1).splitlines()[-1]


def test_what_went_with_its_host_was_not_seen_after_it():
    for _ in range(3):
        visit("presence", ['"10.1.0.1 d"', '"10.1.0.2 u 02:00:00:00:00:02"'], ['"10.1.0.2 0 mac 02:00:00:00:00:02"'])
    visit("ports", ['"10.1.0.1 d"', '"10.1.0.2 u"'], ['"10.1.0.2 80 port -"', '"10.1.0.2 22 port -"'])
    host = [line.split("\t") for line in muster("asset", "10.1.0.1").splitlines() if line.startswith("10.1.0.1\tabsent")][0]
    ports = [line.split("\t") for line in muster("services", "--all", "10.1.0.1").splitlines()]
    assert {p[3] for p in ports} == {"dormant"} and max(p[6] for p in ports) <= host[7] < host[8], (host, ports)
    page = [line.split("\t") for line in muster("asset", "10.1.0.1").splitlines() if "\tdormant\t" in line]
    assert [p[5] for p in page] == [p[6] for p in ports], (page, ports)
    after = db.sql("SELECT count(*) FROM report.script_result r JOIN report.host h USING (zone, address) "
                   "WHERE h.state = 'absent' AND r.last_seen > GREATEST(h.last_seen, r.first_seen)")
    assert after == "0", "results of scripts that were seen after their host"


def test_what_cannot_be_asked_is_told_as_such():
    db.sql("SELECT t.zone('refused', '10.9.0')")
    ask = ("SELECT t.visit('refused', '{}', date_trunc('day', now()) - interval '{} days', '{{\"10.9.0.1 u\"}}', '{{{}}}', '{{{}}}', '{{http-title}}')").format
    result, error = '"10.9.0.1 80 http-title Welcome"', '"10.9.0.1 80 http-title"'
    for kind, facts in (("presence", ""), ("ports", '"10.9.0.1 80 port -"'), ("scripts", result)):
        db.sql(ask(kind, 20, facts, ""))
    assert "not confirmed" not in muster("asset", "10.9.0.1")
    for days in (12, 11, 10, 9):
        db.sql(ask("scripts", days, "", error))
    since = db.sql("SELECT to_char(date_trunc('day', now()) - interval '20 days' + interval '1 second', 'YYYY-MM-DD')")
    text = muster("asset", "10.9.0.1")
    assert f"|_http-title: Welcome\n  (not confirmed since {since}" in text and "the script ends with errors)\n" in text, text
    assert [s["errors"] for s in json.loads(muster("asset", "10.9.0.1", "--json"))["scripts"]] == [4]
    db.sql(ask("scripts", 0, "", error))
    text = muster("changes", "--zone", "refused", check=1)
    assert "http-title unconfirmed  tcp/80 on 10.9.0.1" in text and f"Welcome, last seen {since}T" in text, text
    assert "http-title" not in muster("asset", "10.9.0.1").split("tcp")[0]


def test_a_database_is_set_up():
    fresh = pg.database()
    newest = max(int(path.name[:4]) for path in pgtest.MIGRATIONS.glob("[0-9]*.sql"))
    assert "no schema" in muster("db", "migrate", "--check", check=1, database=fresh.conninfo)
    text = muster("db", "migrate", database=fresh.conninfo)
    assert text.startswith("applied 0001_inventory.sql\n") and f"the database is at version {newest}\n" in text, text
    assert muster("db", "migrate", database=fresh.conninfo).startswith("the database is at version ")
    assert muster("db", "migrate", "--check", database=fresh.conninfo).startswith("the database is at version ")
    assert muster("assets", database=fresh.conninfo) == ""


def doctor(text, check):
    config = pathlib.Path(pg.dir) / "muster.yaml"
    config.write_text(text)
    run = subprocess.run([str(MUSTER), "--config", str(config), "doctor"], capture_output=True, text=True, timeout=60)
    if run.returncode != check:
        raise AssertionError(f"doctor: exit {run.returncode}, not {check}: {run.stdout}{run.stderr}")
    return {tuple(line.split(None, 2)[:2]): line for line in run.stdout.splitlines()}


def test_doctor_names_what_is_wrong_and_what_to_do():
    zones = "zones:\n  - name: lan\n    networks: [127.0.0.1]\n"
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    endpoint = "endpoints:\n  - name: hook\n    url: http://127.0.0.1:%d/secret-path\n    plain_http: true\n    allow: [127.0.0.1]\n"
    good = f"database: {db.conninfo!r}\nstate_directory: {pg.dir}\n{zones}"
    lines = doctor(good + endpoint % port, check=2 if db.sql("SELECT count(*) FROM ops.migration WHERE sha256 = ''") != "0" else 0)
    for check in ("config", "database", "disk", "endpoint", "scripts"):
        assert ("ok", check) in lines, lines
    assert "secret-path" not in str(lines), lines
    listener.close()
    lines = doctor(good + endpoint % port, check=2)
    assert "does not answer: Connection refused" in lines["FAIL", "endpoint"], lines
    lines = doctor(f"database: host={pg.socket}/nowhere dbname=x\n{zones}", check=2)
    assert "No such file or directory" in lines["FAIL", "database"], lines
    lines = doctor("zonez: []\n", check=2)
    assert "muster.yaml:1: unknown key 'zonez'" in lines["FAIL", "config"], lines


def test_what_is_wrong_with_the_database_is_said():
    empty = pg.database()
    bare = muster("assets", check=2, database=empty.conninfo)
    assert "has no inventory of this version yet" in bare, bare
    gone = muster("assets", check=2, database=f"host={pg.socket}/nowhere dbname=x")
    assert gone.startswith("muster assets: no connection to the database: ") and len(gone.splitlines()) == 1, gone
    assert gone.endswith(": No such file or directory (is that server running? 'muster doctor' looks)\n"), gone
    two = muster("assets", check=2, database=f"host={pg.socket}/nowhere,{pg.socket}/elsewhere dbname=x")
    assert two.count("No such file or directory") == 2 and "/nowhere/" in two and "/elsewhere/" in two and "locally" not in two, two
    with tempfile.TemporaryDirectory() as closed:
        os.chmod(closed, 0)
        if os.access(closed, os.X_OK):  # root, whom nothing keeps out
            return
        denied = muster("assets", check=2, database=f"host={closed} dbname=x")
        assert denied.endswith(": Permission denied (root may, and the user that musterd runs as)\n"), denied
    assert len(muster("assets", check=2, database="no such=thing=").splitlines()) == 1


if __name__ == "__main__":
    if not MUSTER.exists():
        pgtest.skip(f"{MUSTER} is not built")
    with pgtest.Cluster() as pg:
        db = pg.database(migrated=True)
        db.sql(helpers.ZONES + helpers.HELPERS.replace("CREATE SCHEMA t;", ""))
        pgtest.run(globals())
