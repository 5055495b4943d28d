#!/usr/bin/env python3
"""muster export: what it writes is what is there, as nmap's XML that nmap's DTD accepts, and muster import makes the same of it."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as tree

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pgtest
import test_store_diff as helpers

MUSTER = pathlib.Path(os.environ.get("MUSTER_BUILD", pgtest.ROOT / "build")) / "muster"
DTD = pathlib.Path("/usr/share/nmap/nmap.dtd")


def muster(at, *words, check=0):
    run = subprocess.run([str(MUSTER), "--database", at.conninfo, *words], capture_output=True, text=True, timeout=60)
    if run.returncode != check:
        raise AssertionError(f"muster {' '.join(words)}: exit {run.returncode}, not {check}: {run.stdout}{run.stderr}")
    return run.stdout if check != 2 else run.stderr


def inventory(*zones):
    """A database with zones 10.<n>.0.0/24."""
    made = pg.database(migrated=True)
    made.sql(helpers.ZONES + helpers.HELPERS.replace("CREATE SCHEMA t;", ""))
    for n, name in enumerate(zones, 1):
        made.sql(f"SELECT t.zone('{name}', '10.{n}.0')")
    return made


def visit(at, kind, hosts, facts=(), hours_ago=1, scripts="", zone="lan"):
    array = lambda items: "'{" + ",".join(f'"{i}"' for i in items) + "}'"
    at.sql(f"SELECT t.visit('{zone}', '{kind}', now() - interval '{hours_ago} hours', {array(hosts)}, {array(facts)}, '{{}}', '{{{scripts}}}')")


def filled():
    made = inventory("lan")
    visit(made, "presence", ["10.1.0.1 u 00:11:22:33:44:55", "10.1.0.2 u", "10.1.0.10 u", "10.1.0.3 u"],
          ["10.1.0.1 0 mac 00:11:22:33:44:55", "10.1.0.1 0 hostname box.example"], 9)
    visit(made, "ports", ["10.1.0.1 u", "10.1.0.2 u", "10.1.0.10 u", "10.1.0.3 u"],
          ["10.1.0.1 22 port -", "10.1.0.1 80 port -", "10.1.0.10 443 port -", "10.1.0.3 80 port -", "10.1.0.1 80 service nginx"], 8)
    visit(made, "scripts", ["10.1.0.1 u", "10.1.0.10 u", "10.1.0.3 u"], ["10.1.0.1 80 http-title <a&b>", "10.1.0.1 0 nbstat NAME", "10.1.0.3 80 http-title x"],
          7, "http-title,nbstat")
    data = json.dumps({"list": ["a", {"b": "c"}], "n": 7, "é": "<&>"})
    made.sql(f"UPDATE inv.value_script SET data = '{data}' WHERE output = '<a&b>'")
    for hours in (6, 5, 4):  # one goes, with its port
        visit(made, "presence", ["10.1.0.1 u 00:11:22:33:44:55", "10.1.0.2 u", "10.1.0.10 u", "10.1.0.3 d"],
              ["10.1.0.1 0 mac 00:11:22:33:44:55", "10.1.0.1 0 hostname box.example"], hours)
    return made


def body(text):
    """Without what tells when it was written."""
    text = re.sub(r"<nmaprun [^>]*>", "<nmaprun>", text)
    return re.sub(r"<finished [^>]*/>", "<finished/>", text)


def test_the_hosts_that_are_there_are_written():
    root = tree.fromstring(muster(db, "export"))
    hosts = {h.find("address").get("addr"): h for h in root.findall("host")}
    assert list(hosts) == ["10.1.0.1", "10.1.0.2", "10.1.0.10"], list(hosts)
    one = hosts["10.1.0.1"]
    assert [a.get("addr") for a in one.findall("address")] == ["10.1.0.1", "00:11:22:33:44:55"]
    assert one.find("hostnames/hostname").get("name") == "box.example" and one.find("status").get("reason") == "echo-reply"
    assert [(p.get("portid"), p.find("service").get("name"), p.find("service").get("method")) for p in one.findall("ports/port")] == [
        ("22", "ssh", "table"), ("80", "nginx", "probed")]
    script = one.find("ports/port/script")
    assert (script.get("id"), script.get("output")) == ("http-title", "<a&b>"), script.attrib
    assert [(e.tag, e.get("key"), e.text and e.text.strip()) for e in script] == [("elem", "n", "7"), ("elem", "é", "<&>"), ("table", "list", "")], list(script)
    assert one.find("hostscript/script").get("output") == "NAME" and hosts["10.1.0.10"].find("ports/port").get("portid") == "443"
    db.equal("seen", f"SELECT date_trunc('second', last_seen) = to_timestamp({one.get('endtime')}) FROM report.host WHERE address = '10.1.0.1'", "t")
    assert root.find("runstats/hosts").get("up") == "3" and root.get("args") == "muster export", root.attrib


def test_nmaps_dtd_accepts_it():
    if not DTD.exists() or not shutil.which("xmllint"):
        print("skipped: no nmap.dtd or xmllint here")
        return
    run = subprocess.run(["xmllint", "--noout", "--dtdvalid", str(DTD), "-"], input=muster(db, "export"), capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_imported_elsewhere_it_is_the_same():
    other = inventory("lan")
    with tempfile.TemporaryDirectory() as where:
        path = pathlib.Path(where) / "all.xml"
        path.write_text(muster(db, "export"), encoding="utf-8")
        assert ": 3 hosts up, 3 new, " in muster(other, "import", str(path))
        assert body(muster(other, "export")) == body(path.read_text(encoding="utf-8"))
    other.check_invariants()


def test_as_it_was_at_a_time():
    root = tree.fromstring(muster(db, "export", "--at", "390m"))
    assert [h.find("address").get("addr") for h in root.findall("host")] == ["10.1.0.1", "10.1.0.2", "10.1.0.3", "10.1.0.10"]
    assert [s.get("id") for s in root.iter("script")] == ["http-title", "nbstat", "http-title"] and root.get("args") == "muster export --at 390m"
    root = tree.fromstring(muster(db, "export", "--at", "510m"))
    assert len(root.findall("host")) == 4 and not list(root.iter("port"))
    assert "--at soon: expected" in muster(db, "export", "--at", "soon", check=2)


def test_json_lines():
    lines = [json.loads(line) for line in muster(db, "export", "--json").splitlines()]
    assert [line["record"] for line in lines] == ["host", "port", "port", "script", "script", "host", "host", "port", "summary"], lines
    assert lines[0]["mac"] == "00:11:22:33:44:55" and lines[2]["service"]["name"] == "nginx" and lines[3]["data"]["é"] == "<&>", lines


def test_many_rows_pass_through():
    many = inventory("lan")
    hosts = [f"10.1.0.{i} u" for i in range(256)]
    visit(many, "presence", hosts, hours_ago=3)
    visit(many, "ports", hosts, [f"10.1.0.{i} {p} port -" for i in range(256) for p in (22, 23, 80, 443)], 2)
    visit(many, "scripts", hosts, [f"10.1.0.{i} {p} s t" for i in range(256) for p in (22, 80, 443)], 1, "s")
    root = tree.fromstring(muster(many, "export"))
    assert [len(list(root.iter(tag))) for tag in ("host", "port", "script")] == [256, 1024, 768]
    assert all([p.get("portid") for p in h.iter("port")] == ["22", "23", "80", "443"] for h in root.iter("host"))


def test_the_zone_is_named_where_there_are_several():
    two = inventory("lan", "dmz")
    assert not tree.fromstring(muster(two, "export")).findall("host")
    visit(two, "presence", ["10.1.0.1 u"])
    assert len(tree.fromstring(muster(two, "export")).findall("host")) == 1
    visit(two, "presence", ["10.2.0.1 u"], zone="dmz")
    assert "hosts are in several zones, say which one with --zone: dmz, lan" in muster(two, "export", check=2)
    root = tree.fromstring(muster(two, "export", "--zone", "dmz"))
    assert [a.get("addr") for a in root.iter("address")] == ["10.2.0.1"] and root.get("args") == "muster export --zone dmz"
    assert "there is no zone 'nowhere'; there are: dmz, lan" in muster(two, "export", "--zone", "nowhere", check=2)


def test_a_reader_may_export_and_not_import():
    assert muster(reader, "export") and body(muster(reader, "export")) == body(muster(db, "export"))
    with tempfile.NamedTemporaryFile("w", suffix=".xml") as f:
        f.write(muster(db, "export"))
        f.flush()
        assert "permission denied" in muster(reader, "import", f.name, check=2)


if __name__ == "__main__":
    if not MUSTER.exists():
        pgtest.skip(f"{MUSTER} is not built")
    with pgtest.Cluster() as pg:
        db = filled()
        pg.psql("postgres", "CREATE ROLE analyst LOGIN IN ROLE muster_reader", user="postgres")
        reader = pgtest.Database(pg, db.name, "analyst")
        pgtest.run(globals())
