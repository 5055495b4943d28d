#!/usr/bin/env python3
"""What `muster scan` tells the person at the keyboard: which of a name's addresses was scanned, where a link-local address is, why the
exit code is 1, what became of hosts that did not answer."""
import os
import pathlib
import subprocess
import sys

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


if __name__ == "__main__":
    main()
