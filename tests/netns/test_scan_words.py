#!/usr/bin/env python3
"""What `muster scan` tells the person at the keyboard: which of a name's addresses was scanned, where a link-local address is, why the
exit code is 1, what became of hosts that did not answer."""
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

import netns

ROOT = pathlib.Path(__file__).resolve().parents[2]
MUSTER = pathlib.Path(os.environ.get("MUSTER_BUILD_DIR", ROOT / "build")) / "muster"
NAMES = "127.0.0.1 localhost\n10.77.0.10 web.test two.test\n10.77.0.20 two.test\n"


def scan(*options, code=0):
    """Standard output and the lines of standard error."""
    got = subprocess.run([str(MUSTER), "scan", *options], capture_output=True, text=True, timeout=netns.CEILING)
    assert got.returncode == code, f"{options}: exit {got.returncode}, not {code}: {got.stdout}{got.stderr}"
    return got.stdout, got.stderr.splitlines()


def tells(want, *options, code=0):
    """One line of standard error, and that it is this one; gives standard output."""
    out, lines = scan(*options, code=code)
    assert lines == ["muster scan: " + want], f"{options}: {lines}"
    return out


def names(world):
    path = pathlib.Path(world.path("hosts"))
    path.write_text(NAMES)
    netns.sh("mount", "--bind", str(path), "/etc/hosts")
    out = tells("of 'two.test' 10.77.0.10 is scanned, and not 10.77.0.20", "-n", "-sn", "two.test")
    assert "two.test (10.77.0.10)" in out and "1 IP address (1 host up)" in out, out
    assert scan("-n", "-sn", "web.test")[1] == []
    print("names: which of several addresses is scanned is said")


def link_local(world):
    web, where = "fe80::77:ff:fe00:a", "fe80::77:ff:fe00:a%br0"
    for host in world.hosts.values():  # the bridge's ports are no links of their own
        netns.sh("ip", "link", "set", host.port, "addrgenmode", "none")
        netns.sh("ip", "-6", "addr", "flush", "dev", host.port)
    assert where in scan("-n", "-sn", web)[0]
    netns.sh("ip", "link", "add", "br1", "type", "bridge")
    netns.sh("ip", "link", "set", "br1", "addrgenmode", "none", "up")
    netns.sh("ip", "addr", "add", "fe80::9/64", "dev", "br1", "nodad")
    tells(f"target '{web}' may be on several links: name its interface, such as {where}, or give -e (there are br0, br1)", "-n", "-sn", web, code=2)
    assert where in scan("-n", "-sn", "-e", "br0", web)[0]
    assert where in scan("-n", "-sn", "-e", "br0", "fe80::77:ff:fe00:8/126")[0]
    tells("the excludes leave no target to scan", "-n", "-sn", where, "--exclude", web, code=2)
    tells("the excludes leave no target to scan", "-n", "-sn", "-e", "br0", web, "--exclude", web, code=2)
    for link in ("br0", "br1"):
        netns.sh("ip", "-6", "addr", "flush", "dev", link, "scope", "link")
    tells(f"target '{web}': no interface has a link-local address to ask from", "-n", "-sn", web, code=2)
    print("link-local targets: on the link of -e, on the only one, or an error that lists them")


def reasons(world):
    """Each exit code 1 comes with a line that says why."""
    web, two = world.hosts["web"], world.hosts["two"]
    tells("there is no route to 1 of the addresses", "-n", "-sn", web.address, "10.78.0.1", code=1)
    two.run("nft", "-f", "-", input="table ip t {\n chain in { type filter hook input priority 0; meta l4proto tcp drop; }\n}\n")
    tells("1 host was not finished within --host-timeout", "-n", "-p-", "--host-timeout", "300ms", two.address, code=1)
    failing = pathlib.Path(world.path("failing.nse"))
    failing.write_text('categories = {"safe"}\nportrule = function() return true end hostrule = portrule\naction = function() return "x" .. nil end\n')
    options = ["-n", "-p80,81", "--script", str(failing)]
    out = tells("2 script runs failed, which -d explains: failing", *options, web.address, code=1)
    assert out.count("|_failing: ERROR: Script execution failed (use -d to debug)") == 2, out
    lines = scan("-d", *options, web.address, code=1)[1]
    assert lines[0].endswith("failing.nse:3: attempt to concatenate a nil value") and lines[1] == "  stack traceback:", lines
    print("exit code 1: the reason is told")


def authors(world):
    """`script run` says all of an error."""
    lost = pathlib.Path(world.path("lost.nse"))
    lost.write_text('require "no-such-library"\ncategories = {"safe"}\nhostrule = function() return true end\naction = function() end\n')
    for script, want in ((world.path("failing.nse"), "  stack traceback:"), (str(lost), "    failed to find nselib/no-such-library.lua in the data directories")):
        got = subprocess.run([str(MUSTER), "script", "run", script, "-n", "-p80", "10.77.0.10"], capture_output=True, text=True, timeout=netns.CEILING)
        lines = got.stderr.splitlines()
        assert got.returncode == 1 and want in lines and f"{script}:" in lines[0], lines
    print("script run: errors with their traceback")


def unasked(world):
    """What is not asked although it is named."""
    web = world.hosts["web"].address
    out, lines = scan("-n", "-v", "-sn", web, "239.255.255.250", "224.0.0.251", "255.255.255.255", "ff02::fb", "ff02::1%br0")
    assert lines == [] and "1 IP address (1 host up)" in out and "down" not in out, (out, lines)
    tells("only scripts ask the addresses of groups; name hosts or a network as well", "-n", "-sn", "224.0.0.251", code=2)
    tells("not asked, because printers print what they are sent: UDP 515,9100-9107", "-n", "-sU", "-p", "53,515,9100-9108", web)
    assert scan("-n", "-sU", "--top-ports", "100", "-Pn", "--host-timeout", "1ms", web, code=1)[1][-1].endswith("--host-timeout")
    tells("the host did not answer; -Pn scans one that leaves pings unanswered", "-n", "-p80", "10.77.0.99")
    assert scan("-n", "-Pn", "-p80", "10.77.0.99")[1] == [] and scan("-n", "-sn", "10.77.0.99")[1] == []
    print("groups, printers and hosts that are not there: said")


def on_the_way(world):
    """Open ports as they are found, and how far it is, for those who ask."""
    web = world.hosts["web"].address
    out, lines = scan("-n", "-v", "-p80,81", web)
    assert lines == [f"Discovered open port 80/tcp on {web}"] and "Discovered" not in out, (lines, out)
    out, lines = scan("-n", "-p1-1500", "--max-rate", "300", "--stats-every", "500ms", web)
    form = re.compile(r"muster scan: \d+%, \d of 1 addresses, \d up, \d+ ports open, 0 script runs(, about (less than )?[0-9 sm]+ left)?")
    assert len(lines) >= 4 and all(form.fullmatch(line) for line in lines), lines
    assert any("left" in line for line in lines), lines
    print("on the way: open ports with -v, progress with --stats-every")


def served():
    """Words of nmap's users whose wish is served anyway."""
    assert scan("-n", "-sn", "--unique", "--system-dns", "--no-stylesheet", "--noninteractive", "10.77.0.10")[1] == []
    assert "received arp-response" in scan("-n", "-sn", "-d", "10.77.0.10")[0], "-d says reasons"
    print("what is done anyway is taken without a word")


def interrupted(world):
    """A host that was found counts as looked at, in the text and in the XML."""
    xml, text = world.path("cut.xml"), world.path("cut.txt")
    process = world.start([str(MUSTER), "scan", "-n", "-p-", "--max-rate", "300", "-oX", xml, "-oJ", world.path("cut.json"), "-oN", text, "10.77.0.10"])
    netns.wait_for("the host is found", lambda: '"host"' in pathlib.Path(world.path("cut.json")).read_text() if os.path.exists(world.path("cut.json")) else False)
    time.sleep(0.2)
    process.send(signal.SIGINT)
    assert process.popen.wait(netns.CEILING) == 1
    assert " -- 1 IP address (1 host up)" in pathlib.Path(text).read_text()
    hosts = ElementTree.parse(xml).getroot().find("runstats/hosts").attrib
    assert hosts == {"up": "1", "down": "0", "total": "1"}, hosts
    print("interrupted: the host that was found is counted")


def closed_pipe():
    """Whoever reads no further is told so by name."""
    reader, writer = os.pipe()
    os.close(reader)
    got = subprocess.run([str(MUSTER), "scan", "-n", "-sn", "10.77.0.10"], stdout=writer, stderr=subprocess.PIPE, text=True, timeout=netns.CEILING)
    os.close(writer)
    assert got.returncode == 2 and got.stderr == "muster scan: writing standard output: Broken pipe\n", got
    print("a closed pipe: standard output, not '-'")


def main():
    netns.enter()
    if not MUSTER.exists():
        netns.skip(f"{MUSTER} is not built")
    with netns.World() as world:
        web = world.host("web", 10)
        world.host("two", 20)
        web.start([sys.executable, "-m", "http.server", "80", "-d", world.directory])
        netns.wait_port(web.address, 80)
        names(world)
        link_local(world)
        reasons(world)
        authors(world)
        unasked(world)
        on_the_way(world)
        served()
        interrupted(world)
        closed_pipe()


if __name__ == "__main__":
    main()
