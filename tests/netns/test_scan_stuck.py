#!/usr/bin/env python3
"""A script that never comes back out of a C function (a pattern of lpeg that takes 2^60 steps): muster scan can be interrupted, ends by itself when the
script has had twice the CPU time that it may use, and what is known is written whole both times."""
import os
import pathlib
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

import netns

ROOT = pathlib.Path(__file__).resolve().parents[2]
MUSTER = pathlib.Path(os.environ.get("MUSTER_BUILD_DIR", ROOT / "build")) / "muster"
STUCK = """
local lpeg = require "lpeg"
categories = {"safe"}
hostrule = function() return true end
action = function(host)
  local deep = lpeg.P{ lpeg.P"a" * lpeg.V(1) * "b" + lpeg.P"a" * lpeg.V(1) + "a" }
  return deep:match(("a"):rep(60))
end
"""
EARLY = """
local lpeg = require "lpeg"
local stdnse = require "stdnse"
categories = {"safe"}
prerule = function() return true end
action = function()
  stdnse.sleep(1)
  return lpeg.P{ lpeg.P"a" * lpeg.V(1) * "b" + lpeg.P"a" * lpeg.V(1) + "a" }:match(("a"):rep(60))
end
"""
GOOD = """
categories = {"safe"}
portrule = function(host, port) return port.number == 80 end
action = function() return "well" end
"""
WHY = "script stuck does not come back out of a C function"


def cpu_of(pid):
    """Seconds of CPU time."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(world, end):
    """Scans; `end` does something to the running program, once it is stuck.  Returns the CPU time that it took."""
    xml, state = world.path("stuck.xml"), world.path("stuck.state")
    begun = sum(os.times()[2:4])
    muster = subprocess.Popen([str(MUSTER), "scan", "-n", "-p80,81", "--script", f"{world.path('stuck.nse')},{world.path('good.nse')}", "-oX", xml,
                               "-oN", "-", "--state", state, "10.77.0.10"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        netns.wait_for("a script that is stuck", lambda: cpu_of(muster.pid) > 2)
        end(muster)
        out, err = muster.communicate(timeout=netns.CEILING)
    finally:
        muster.kill()
    assert muster.returncode == 1 and f"muster scan: {WHY}: writing what is known" in err, (muster.returncode, err)
    assert "80/tcp open   http" in out and f"# Incomplete: {WHY}" in out and "10.77.0.10" in out, out
    root = ElementTree.parse(xml).getroot()
    finished = root.find("runstats/finished")
    assert finished.get("errormsg") == WHY and float(finished.get("elapsed")) > 1.5, finished.attrib
    assert [p.get("portid") for p in root.iter("port") if p.find("state").get("state") == "open"] == ["80"], "its ports are told"
    assert f"--resume {state}" in err, err
    return sum(os.times()[2:4]) - begun


def cut(world):
    """While the ports of a host are asked."""
    xml = world.path("cut.xml")
    muster = subprocess.Popen([str(MUSTER), "scan", "-n", "-p80-180", "--max-rate", "5", "--script", world.path("early.nse"), "-oX", xml, "-oN", "-",
                               "10.77.0.10"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        netns.wait_for("a script that is stuck", lambda: cpu_of(muster.pid) > 2)
        muster.send_signal(signal.SIGINT)
        out, err = muster.communicate(timeout=netns.CEILING)
    finally:
        muster.kill()
    assert muster.returncode == 1 and "The scan of this host did not finish" in out and "1 IP address (1 host up) scanned" in out, (out, err)
    root = ElementTree.parse(xml).getroot()
    assert root.find("host").get("timedout") == "true" and root.find("runstats/hosts").attrib == {"up": "1", "down": "0", "total": "1"}, out


def main():
    netns.enter()
    if not MUSTER.exists():
        netns.skip(f"{MUSTER} is not built")
    with netns.World() as world:
        web = world.host("web", 10)
        web.start([sys.executable, "-m", "http.server", "80", "-d", world.directory])
        netns.wait_port(web.address, 80)
        for name, text in (("stuck", STUCK), ("good", GOOD), ("early", EARLY)):
            pathlib.Path(world.path(f"{name}.nse")).write_text(text)
        took = run(world, lambda muster: muster.send_signal(signal.SIGINT))
        assert took < 15, took
        print("asked to end: it does, and tells what it knows")
        took = run(world, lambda muster: time.sleep(0))
        assert 19 < took < 40, took
        print("left alone: it ends by itself")
        cut(world)
        print("a host whose ports are being asked is told as not finished")


if __name__ == "__main__":
    main()
