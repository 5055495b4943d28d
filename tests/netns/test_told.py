#!/usr/bin/env python3
"""What scripts are told of (nmap.add_targets, with the argument newtargets): an address of the zone that the inventory does not hold is looked at
soon, as one that was heard; others are neither kept nor asked."""
import os
import pathlib
import signal

import daemon
import netns

SCRIPT = """description = [[test]]
author = "test"
license = "test"
categories = {"safe"}
local nmap, stdnse, stringaux, target = require "nmap", require "stdnse", require "stringaux", require "target"
hostrule = function(host) return host.ip == "10.77.0.10" end
action = function()
  local list, n, refused = stdnse.get_script_args "told", 0
  if list == "many" then
    for i = 1, 5000 do n = n + nmap.add_targets(("fd77:0:0:1::%x"):format(i)) end
    return ("%d taken"):format(n)
  end
  local _, got = target.add(stringaux.strsplit(" ", list))
  return tostring(got)
end
"""


def zones(args):
    return f"""
scripts: {{workers: 1, datadirs: [{{data}}, {daemon.ROOT}]}}
zones:
  - name: lab
    networks: [10.77.0.0/26, "fd77:0:0:1::/64"]
    excludes: [10.77.0.9]
    listen: [lo]
    confirm: {{misses: 2, after: 1s}}
    passes:
      - {{kind: presence, interval: 1h, retries: 0}}
      - {{kind: ports, interval: 1h, ports: "80", retries: 0}}
      - {{kind: scripts, interval: 1h, scripts: told, args: "{args}"}}
"""


def configure(world, d, args):
    """And the script runs with them."""
    text = zones(args).replace("{data}", world.path("data"))
    pathlib.Path(d.config).write_text(f"state_directory: {d.state}\nlog_level: debug\n{text}")
    if d.process:
        applied = d.log().count("event=config-applied")
        d.process.send(signal.SIGHUP)
        netns.wait_for("the reload", lambda: d.log().count("event=config-applied") > applied)
        d.muster("rescan", "10.77.0.10")


def said(d):
    """What the script answered last."""
    return [row[0] for row in d.sql_or_nothing("SELECT output FROM report.script_result WHERE script = 'told'")]


def heard(d):
    return [tuple(row) for row in d.sql("SELECT host(address), source FROM report.heard ORDER BY 1")]


def event(d, kind, address):
    return d.sql_or_nothing(f"SELECT 1 FROM alert.event WHERE type = '{kind}' AND subject = 'host/{address}'")


def main():
    netns.enter()
    daemon.need_programs()
    with netns.World() as world:
        os.makedirs(world.path("data/scripts"))
        pathlib.Path(world.path("data/scripts/told.nse")).write_text(SCRIPT)
        for directory, _, _ in os.walk(world.directory):
            os.chmod(directory, 0o755)
        world.host("router", 10)
        d = daemon.Daemon(world, "", endpoints=False)
        words = "10.77.0.30 10.77.0.31 10.77.0.9 10.77.0.200 10.88.0.1 10.77.0.10 10.77.0.30 10.77.0.0/28 some.name"
        configure(world, d, "told=many")
        d.start()
        d.wait_visits(1, 120)
        box = world.host("box", 30)  # after the zone was looked at
        netns.wait_for("who does not ask the library", lambda: said(d) == ["0 taken"])
        configure(world, d, f"told={words}")
        netns.wait_for("the script without newtargets", lambda: said(d) == ["new targets are not allowed (script argument newtargets)"])
        assert heard(d) == [], heard(d)

        configure(world, d, f"newtargets,told={words}")
        netns.wait_for("the new machine", lambda: event(d, "host.appeared", box.address))
        assert said(d) == ["3"], said(d)
        netns.wait_for("who does not answer was asked", lambda: d.sql(
            "SELECT count(*) > 0 FROM inv.coverage WHERE '10.77.0.31' = ANY(scope) AND complete") == [["t"]])
        assert heard(d) == [("10.77.0.30", "script"), ("10.77.0.31", "script")], heard(d)
        assert d.sql("SELECT count(*) FROM inv.evidence WHERE addr <> '10.77.0.10'") in ([["0"]], [["1"]]), "a hint is no evidence"
        assert "10.77.0.31 in zone lab was heard of (script) from" in d.muster("asset", "10.77.0.31")
        netns.wait_for("its scripts and ports", lambda: d.sql("SELECT 1 FROM report.host WHERE address = '10.77.0.30' AND state = 'present'"))
        asks = "SELECT asks FROM inv.heard WHERE addr = '10.77.0.31'"
        assert d.sql(asks) == [["1"]], d.sql(asks)
        print("an address of the zone that a script is told of is looked at; others are not", flush=True)

        configure(world, d, "newtargets,told=many")
        netns.wait_for("the flood", lambda: said(d) == ["1024 taken"])
        netns.wait_for("what was taken", lambda: len(heard(d)) == 2 + 1024)
        d.wait_visits(0)
        assert "worker-died" not in d.log()
        print("of a flood of addresses 1,024 are taken", flush=True)
        assert d.stop() == 0


if __name__ == "__main__":
    main()
