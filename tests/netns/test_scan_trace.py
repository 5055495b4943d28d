#!/usr/bin/env python3
"""muster scan --traceroute behind a chain of routers: which routers there are, as nmap tells it; routers that answer seldom or never."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

import netns

ROOT = pathlib.Path(__file__).resolve().parents[2]
MUSTER = pathlib.Path(os.environ.get("MUSTER_BUILD_DIR", ROOT / "build")) / "muster"
ROUTERS = ["10.77.0.2", "10.78.1.2", "10.78.2.2"]
ROUTERS6 = ["fd77::2", "fd78:1::2", "fd78:2::2"]
SCRIPT = """
categories = {"safe"}
hostrule = function(host) return host.traceroute end
action = function(host)
  local words = {}
  for i, hop in ipairs(host.traceroute) do
    words[i] = hop.ip and ("%s %s %s"):format(hop.ip, hop.name, math.type(hop.srtt)) or next(hop) or "nobody"
  end
  return table.concat(words, ", ")
end
"""
# A name server that says once that a name does not exist, and nothing to who asks again.
ONCE = """
import socket
s, known = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), set()
s.bind(("127.0.0.1", 53))
while True:
    query, who = s.recvfrom(4096)
    name = query[12:query.index(b"\\0", 12)]
    if name not in known:
        s.sendto(query[:2] + bytes.fromhex("8183") + query[4:6] + bytes(6) + query[12:], who)
    known.add(name)
"""


def ip(name, *words):
    netns.sh("ip", "-n", name, *words)


def link(one, other, number):
    """A cable between two routers, 10.78.N.1 - 10.78.N.2 and fd78:N::1 - fd78:N::2."""
    ip(one, "link", "add", f"to-{other}", "type", "veth", "peer", "name", f"to-{one}", "netns", other)
    for name, end, last in ((one, f"to-{other}", 1), (other, f"to-{one}", 2)):
        ip(name, "addr", "add", f"10.78.{number}.{last}/24", "dev", end)
        ip(name, "addr", "add", f"fd78:{number}::{last}/64", "dev", end, "nodad")
        ip(name, "link", "set", end, "up")


def build(world):
    """r1 - r2 - r3 - lan, which has 10.79.0.10 to .49 and fd79::10."""
    world.host("r1", 2)
    for name in ("r2", "r3", "lan"):
        world.hosts[name] = name
        netns.sh("ip", "netns", "add", name)
        ip(name, "link", "set", "lo", "up")
    for number, (one, other) in enumerate((("r1", "r2"), ("r2", "r3"), ("r3", "lan")), 1):
        link(one, other, number)
    for name in ("r1", "r2", "r3"):
        netns.sh("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    for six, there, back in (("10.79.0.0/24", "10.78.{}.2", "10.78.{}.1"), ("fd79::/64", "fd78:{}::2", "fd78:{}::1")):
        here = "10.77.0.0/24" if "." in six else "fd77::/64"
        netns.sh("ip", "route", "add", six, "via", ROUTERS[0] if "." in six else ROUTERS6[0])
        for number, name in enumerate(("r1", "r2", "r3"), 1):
            ip(name, "route", "add", six, "via", there.format(number))
        for number, name in enumerate(("r2", "r3", "lan"), 1):
            ip(name, "route", "add", here, "via", back.format(number))
    for last in range(10, 50):
        ip("lan", "addr", "add", f"10.79.0.{last}/24", "dev", "lo")
    ip("lan", "addr", "add", "fd79::10/64", "dev", "lo", "nodad")
    world.start(["ip", "netns", "exec", "lan", sys.executable, "-m", "http.server", "80", "--bind", "::", "-d", world.directory])
    netns.wait_port("10.79.0.10", 80)


def scan(world, *words, code=0):
    """Address -> hops by their distance, of the XML; the text."""
    xml = world.path("trace.xml")
    run = subprocess.run([str(MUSTER), "scan", "--traceroute", "-oX", xml, "-oN", "-", *words], capture_output=True, text=True, timeout=netns.CEILING)
    assert run.returncode == code and not run.stderr, (words, run)
    return traces(xml), run.stdout


def traces(xml):
    found = {}
    for host in ElementTree.parse(xml).getroot().iter("host"):
        trace = host.find("trace")
        address = host.find("address").get("addr")
        found[address] = None if trace is None else ({k: trace.get(k) for k in ("proto", "port")}, {int(h.get("ttl")): h.get("ipaddr") for h in trace.iter("hop")})
    return found


def whole(routers, address):
    return dict(enumerate([*routers, address], 1))


def ask_once():
    """Whether the name server is there: the first answer about a name of its own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        s.connect(("127.0.0.1", 53))
        try:
            s.send(os.urandom(2) + bytes.fromhex("01000001000000000000") + b"\10" + os.urandom(4).hex().encode() + b"\0\0\1\0\1")
            return s.recv(512)
        except OSError:
            return None


def slow_names(world):
    """A router is a host of the scan as well: its name is asked for twice, and the second answer comes after its ports are known."""
    resolver = pathlib.Path(world.path("resolv.conf"))
    resolver.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    netns.sh("mount", "--bind", str(resolver), "/etc/resolv.conf")
    server = world.start([sys.executable, "-c", ONCE])
    netns.wait_for("the name server", ask_once)
    world.hosts["r1"].run("nft", "-f", "-", input="table ip t { chain c { type filter hook input priority 0; tcp dport 1000-1010 drop; }; }")
    found, _ = scan(world, "-p80,1000-1010", ROUTERS[0], "10.79.0.10")
    assert sorted(found) == [ROUTERS[0], "10.79.0.10"] and found[ROUTERS[0]][1] == {1: ROUTERS[0]}, found
    server.stop()
    world.hosts["r1"].run("nft", "delete", "table", "ip", "t")
    print("slow names: a router whose name is still asked for goes on as a host")


def one_host(world):
    found, text = scan(world, "-n", "-p80,81", "10.79.0.10")
    assert found == {"10.79.0.10": ({"proto": "tcp", "port": "80"}, whole(ROUTERS, "10.79.0.10"))}, found
    table = text[text.index("TRACEROUTE"):].splitlines()
    assert table[0] == "TRACEROUTE (using port 80/tcp)" and table[1].split() == ["HOP", "RTT", "ADDRESS"], table
    assert [(r.split()[0], r.split()[2:]) for r in table[2:6]] == [(str(n), ["ms", a]) for n, a in whole(ROUTERS, "10.79.0.10").items()], table
    for words, asked in ((("-p81",), {"proto": "tcp", "port": "81"}), (("-sn",), {"proto": None, "port": None}),
                         (("-sU", "-p9"), {"proto": "udp", "port": "9"})):
        found, _ = scan(world, "-n", *words, "10.79.0.10")
        assert found == {"10.79.0.10": (asked, whole(ROUTERS, "10.79.0.10"))}, (words, found)
    found, _ = scan(world, "-n", "-6", "-p80", "fd79::10")
    assert found == {"fd79::10": ({"proto": "tcp", "port": "80"}, whole(ROUTERS6, "fd79::10"))}, found
    print("one host: its routers, asked by TCP, UDP, ICMP and over IPv6; XML and text")


def as_nmap(world):
    if not shutil.which("nmap"):
        print("as nmap: skipped: nmap is not installed")
        return
    xml = world.path("nmap.xml")
    netns.sh("nmap", "-n", "-p80", "--traceroute", "-oX", xml, "10.79.0.10", "10.77.0.2")
    found, _ = scan(world, "-n", "-p80", "10.79.0.10", "10.77.0.2")
    nmap = traces(xml)
    assert {a: t[1] for a, t in nmap.items()} == {a: t[1] for a, t in found.items()}, (nmap, found)
    print("as nmap: the same hops of a host behind routers and of a neighbour")


def near(world):
    found, text = scan(world, "-n", "-sn", "10.77.0.1-2")
    assert found == {"10.77.0.1": None, "10.77.0.2": ({"proto": None, "port": None}, {1: "10.77.0.2"})}, found
    assert "\nTRACEROUTE\nHOP RTT" in text, text
    print("near: a neighbour is one hop away, this machine none")


def many(world):
    """Linux routers answer once a second; all paths are told all the same."""
    found, _ = scan(world, "-n", "-p80", "10.79.0.10-49")
    assert len(found) == 40, len(found)
    for address, (_, hops) in found.items():
        assert hops == whole(ROUTERS, address), (address, hops)
    print("many: 40 hosts of a network share what is known of their way")


def aside(world):
    """-e, where the kernel would go another way."""
    netns.sh("ip", "link", "add", "side", "type", "veth", "peer", "name", "side", "netns", "r2")
    netns.sh("ip", "addr", "add", "10.80.0.1/24", "dev", "side")
    netns.sh("ip", "link", "set", "side", "up")
    ip("r2", "addr", "add", "10.80.0.2/24", "dev", "side")
    ip("r2", "link", "set", "side", "up")
    ip("r3", "route", "add", "10.80.0.0/24", "via", "10.78.2.1")
    ip("lan", "route", "add", "10.80.0.0/24", "via", "10.78.3.1")
    netns.sh("ip", "route", "add", "10.79.0.0/24", "via", "10.80.0.2", "dev", "side", "metric", "500")
    found, _ = scan(world, "-n", "-p80", "-e", "side", "10.79.0.10")
    assert found["10.79.0.10"][1] == whole(["10.80.0.2", "10.78.2.2"], "10.79.0.10"), found
    found, _ = scan(world, "-n", "-p80", "10.79.0.10")
    assert found["10.79.0.10"][1] == whole(ROUTERS, "10.79.0.10"), found
    netns.sh("ip", "link", "del", "side")
    print("aside: with -e questions go by that interface")


def interrupted(world):
    """While the guard holds a question back."""
    muster = subprocess.Popen([str(MUSTER), "scan", "--traceroute", "-n", "-v", "-Pn", "-p80", "--max-rate", "0.02", "10.79.0.10"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert "Discovered open port 80/tcp" in muster.stderr.readline()
        time.sleep(0.5)
        muster.send_signal(signal.SIGINT)
        begun = time.monotonic()
        out, _ = muster.communicate(timeout=netns.CEILING)
    finally:
        muster.kill()
    assert muster.returncode == 1 and "80/tcp open" in out and time.monotonic() - begun < 30, (muster.returncode, out, time.monotonic() - begun)
    print("interrupted: what the guard holds back is not waited for")


def silent(world):
    netns.sh("ip", "netns", "exec", "r2", "sysctl", "-qw", "net.ipv4.icmp_ratelimit=1000000000")
    found, text = scan(world, "-n", "-p80", "10.79.0.10-12")
    for address, (_, hops) in found.items():
        expected = whole(ROUTERS, address)
        del expected[2]
        assert hops == expected, (address, hops)
    assert text.count("\n2   ...\n") == 3, text
    print("silent: a router that never answers leaves a gap")


def named(world):
    hosts = pathlib.Path(world.path("hosts"))
    hosts.write_text("127.0.0.1 localhost\n10.77.0.2 gate.test\n10.79.0.10 web.test\n")
    netns.sh("mount", "--bind", str(hosts), "/etc/hosts")
    script = pathlib.Path(world.path("way.nse"))
    script.write_text(SCRIPT)
    run = subprocess.run([str(MUSTER), "scan", "--traceroute", "-p80", "--script", str(script), "-oJ", "-", "10.79.0.10"], capture_output=True,
                         text=True, timeout=netns.CEILING)
    records = [json.loads(line) for line in run.stdout.splitlines()]
    said = [r["output"] for r in records if r["record"] == "script"]
    assert said == ["10.77.0.2 gate.test float, nobody, 10.78.2.2 nil float, 10.79.0.10 web.test float"], (said, run)
    trace = next(r for r in records if r["record"] == "trace")
    assert [(h["ttl"], h["address"], h["hostname"]) for h in trace["hops"]] == [(1, "10.77.0.2", "gate.test"), (3, "10.78.2.2", None), (4, "10.79.0.10", "web.test")], trace
    assert (trace["address"], trace["protocol"], trace["port"]) == ("10.79.0.10", "tcp", 80) and all(h["rtt_us"] > 0 for h in trace["hops"]), trace
    print("named: routers have names, scripts see host.traceroute, JSON tells it")


def main():
    netns.enter()
    if not MUSTER.exists():
        netns.skip(f"{MUSTER} is not built")
    with netns.World() as world:
        build(world)
        slow_names(world)
        one_host(world)
        as_nmap(world)
        near(world)
        many(world)
        aside(world)
        interrupted(world)
        silent(world)
        named(world)


if __name__ == "__main__":
    main()
