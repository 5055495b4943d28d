#!/usr/bin/env python3
"""Targets that scripts add (nmap.add_targets, --script-args newtargets): scanned in a further round, with all that was asked for."""
import json
import os
import pathlib
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import netns

ROOT = pathlib.Path(__file__).resolve().parents[2]
MUSTER = pathlib.Path(os.environ.get("MUSTER_BUILD_DIR", ROOT / "build")) / "muster"
ADDS = """
local nmap = require "nmap"
local stdnse = require "stdnse"
local target = require "target"
categories = {"safe"}
prerule = function() return stdnse.get_script_args "before" end
hostrule = function(host) return stdnse.get_script_args(host.ip) end
action = function(host)
  if not host then stdnse.sleep(tonumber(stdnse.get_script_args "sleep" or 0)) end
  local ok, why = target.add(stdnse.get_script_args(host and host.ip or "before"))
  return ("%s %s"):format(ok, why)
end
"""
FORCES = """
local nmap = require "nmap"
categories = {"safe"}
prerule = function() return true end
action = function()
  local n, why = nmap.add_targets "10.77.0.20"
  return ("%d %s"):format(n, why)
end
"""


def scan(world, script, arguments, *options, code=0):
    """What was scanned, what the script said, lines of standard error."""
    path = pathlib.Path(world.path("adds.nse"))
    path.write_text(script)
    got = subprocess.run([str(MUSTER), "scan", "-n", "-p80", "-oJ", "-", "--script", str(path), "--script-args", arguments, *options],
                         capture_output=True, text=True, timeout=netns.CEILING)
    assert got.returncode == code, (arguments, options, got)
    records = [json.loads(line) for line in got.stdout.splitlines()]
    hosts = [r["address"] for r in records if r["record"] == "host"]
    ports = [r["address"] for r in records if r["record"] == "port" and r["state"] == "open"]
    summary = records[-1]
    assert summary["hosts_up"] == len(hosts) and summary["hosts_probed"] >= len(hosts), summary
    return hosts, ports, [r["output"] for r in records if r["record"] == "script"], got.stderr.splitlines()


def rounds(world):
    hosts, ports, said, lines = scan(world, ADDS, "newtargets,10.77.0.10=10.77.0.20,10.77.0.20=10.77.0.30", "10.77.0.10")
    assert hosts == ["10.77.0.10", "10.77.0.20", "10.77.0.30"] and ports == ["10.77.0.10", "10.77.0.20"], (hosts, ports)
    assert said == ["true 1", "true 1"] and not lines, (said, lines)
    hosts, _, said, _ = scan(world, ADDS, "newtargets,10.77.0.10=10.77.0.10-20", "10.77.0.10")
    assert hosts == ["10.77.0.10", "10.77.0.20"] and said == ["true 1"], (hosts, said)
    print("rounds: each host may add the next one; what was scanned is not scanned again")


def prerules(world):
    hosts = scan(world, ADDS, "newtargets,sleep=4,before=10.77.0.16/28", "10.77.0.99")[0]
    assert sorted(hosts) == ["10.77.0.20", "10.77.0.30"], hosts
    xml = world.path("named.xml")
    hosts = scan(world, ADDS, "newtargets,before=two.test", "10.77.0.10", "-oX", xml)[0]
    assert hosts == ["10.77.0.10", "10.77.0.20"], hosts
    named = [n.attrib for n in ElementTree.parse(xml).getroot().findall("host/hostnames/hostname")]
    assert named == [{"name": "two.test", "type": "user"}], named
    print("prerules: waited for, although no target answers; names are looked up and kept")


def refused(world):
    hosts, _, said, lines = scan(world, ADDS, "newtargets,before=10.77.0.20", "10.77.0.10", "--exclude", "10.77.0.20")
    assert hosts == ["10.77.0.10"] and said == ["false failed to add new targets."] and not lines, (hosts, said, lines)
    for group in ("224.0.0.251", "255.255.255.255", "ff02::1"):
        assert scan(world, ADDS, "newtargets,before=" + group, "10.77.0.10")[2] == ["false failed to add new targets."], group
    for script in (ADDS, FORCES):
        hosts, _, said, _ = scan(world, script, "before=10.77.0.20", "10.77.0.10")
        assert hosts == ["10.77.0.10"], "only who says newtargets gets more targets"
        assert said[0].startswith("0 " if script == FORCES else "false "), said
    assert scan(world, FORCES, "newtargets", "10.77.0.10")[2] == ["1 nil"]
    hosts, _, _, lines = scan(world, ADDS, "newtargets,before=10.0.0.0/8", "10.77.0.10", code=1)
    assert hosts == ["10.77.0.10"] and lines == ["muster scan: scripts add more than 65536 addresses: those beyond are not scanned"], lines
    lines = scan(world, ADDS, "newtargets,before=10.77.0.0/40", "10.77.0.10")[3]
    assert len(lines) == 1 and lines[0].startswith("muster scan: a script adds targets: target '10.77.0.0/40': expected"), lines
    lines = scan(world, ADDS, "newtargets,before=nobody.test", "10.77.0.10")[3]
    assert lines == ["muster scan: cannot resolve 'nobody.test', which a script adds"], lines
    print("refused: excluded ones, what nobody asked for, the whole world, what is no target")


def main():
    netns.enter()
    if not MUSTER.exists():
        netns.skip(f"{MUSTER} is not built")
    with netns.World() as world:
        hosts = pathlib.Path(world.path("hosts"))
        hosts.write_text("127.0.0.1 localhost\n10.77.0.20 two.test\n")
        netns.sh("mount", "--bind", str(hosts), "/etc/hosts")
        for name, number in (("web", 10), ("two", 20), ("bare", 30)):
            host = world.host(name, number)
            if name != "bare":
                host.start([sys.executable, "-m", "http.server", "80", "-d", world.directory])
                netns.wait_port(host.address, 80)
        rounds(world)
        prerules(world)
        refused(world)


if __name__ == "__main__":
    main()
