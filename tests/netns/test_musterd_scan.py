#!/usr/bin/env python3
"""What a zone asks of the scanner, seen in the inventory: UDP ports in a pass, an empty /24 that is only sampled, limits per host, an
interface that goes away, a scanner that is killed in the middle.  The coverage tells the truth each time.  And the names that a name server
has for the hosts."""
import os
import pathlib
import signal
import time

import daemon
import netns

ZONE = """
zones:
  - name: lab
    networks: [10.77.0.0/27, 10.88.5.0/24]
    rate: 400
    host_rate: 150
    net_rate: 400
    confirm: {misses: 2, after: 1s}
    resolver: "10.77.0.10:5300"
    names_every: 1s
    passes:
      - {kind: presence, interval: 4s, sample: 8, probes: [arp, echo]}
      - {kind: ports, interval: 5s, sample: 8, probes: [arp, syn], syn_ports: "22,80", ports: "T:80,443,9100,U:53,5353,9999"}
"""
UDP = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 9999))
while True:
    data, peer = s.recvfrom(2048)
    s.sendto(b"here", peer)
"""
# A name server that knows one address; its file says what of it: a name, "nothing", or "silent".
DNS = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 5300))
while True:
    q, peer = s.recvfrom(2048)
    said = open(sys.argv[1]).read().strip()
    if said == "silent":
        continue
    asked = b"\\x0210\\x010\\x0277\\x0210\\x07in-addr\\x04arpa\\0\\0\\x0c" in q
    code = 0 if asked and said != "nothing" else 3
    head = q[:2] + bytes([0x85, 0x80 | code, 0, 1, 0, code == 0, 0, 0, 0, 0])
    name = b"".join(bytes([len(label)]) + label.encode() for label in said.split(".")) + b"\\0"
    end = q.index(b"\\0", 12) + 5
    record = b"\\xc0\\x0c\\0\\x0c\\0\\x01\\0\\0\\0\\x3c" + len(name).to_bytes(2, "big") + name
    s.sendto(head + q[12:end] + (record if code == 0 else b""), peer)
"""
PORTS = "SELECT host(address), protocol, port FROM report.service WHERE state = 'open' AND address <<= '10.77.0.0/24' ORDER BY 1, 2, 3"


def name_is(world, said):
    with open(world.path("name.new"), "w") as file:
        file.write(said)
    os.rename(world.path("name.new"), world.path("name"))


def build(world):
    web = world.host("web", 10)
    web.start(["python3", "-m", "http.server", "80", "--directory", "/run/netns"])
    web.start(["python3", "-c", UDP])
    name_is(world, "web.lab.example")
    web.start(["python3", "-c", DNS, world.path("name")])
    web.run("ip", "route", "add", "blackhole", "10.88.0.0/16")
    web.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    world.host("quiet", 11)
    netns.sh("ip", "route", "add", "10.88.0.0/16", "via", web.address)
    netns.wait_port(web.address, 80)


def udp_and_tcp(d):
    netns.wait_for("TCP and UDP ports are listed", lambda: d.sql_or_nothing(PORTS) == [["10.77.0.10", "tcp", "80"], ["10.77.0.10", "udp", "9999"]], 60)
    print("UDP ports of a pass are in the inventory", flush=True)


def names(d, world):
    """One change for one other name, none for a server that is silent or fails, an end where it says that there is none."""
    name = "SELECT hostname FROM report.host WHERE address = '10.77.0.10'"
    changes = "SELECT count(*) FROM inv.change WHERE attr_id = 3"
    netns.wait_for("the host has its name", lambda: d.sql_or_nothing(name) == [["web.lab.example"]], 30)
    assert "web.lab.example" in d.muster("assets"), d.muster("assets")
    assert "web.lab.example" in d.muster("asset", "10.77.0.10")
    before = int(d.sql(changes)[0][0])
    name_is(world, "www.lab.example")
    netns.wait_for("and another one", lambda: d.sql(name) == [["www.lab.example"]], 30)
    name_is(world, "silent")
    d.wait_visits(1, 60)
    assert d.sql(name) == [["www.lab.example"]]
    assert int(d.sql(changes)[0][0]) == before + 1, d.sql("SELECT * FROM inv.change WHERE attr_id = 3")
    name_is(world, "nothing")
    netns.wait_for("and none", lambda: d.sql(name) == [[""]], 60)
    assert int(d.sql(changes)[0][0]) == before + 2, d.sql("SELECT * FROM inv.change WHERE attr_id = 3")
    name_is(world, "www.lab.example")
    netns.wait_for("and one again", lambda: d.sql(name) == [["www.lab.example"]], 30)
    print("the name of a host comes from the name server, changes once, stays when the server is silent, and ends when it has none", flush=True)


def sampled(d):
    rows = netns.wait_for("the empty /24 is sampled", lambda: d.sql_or_nothing(
        "SELECT pass, asked, last_complete IS NULL FROM report.sampling WHERE first_address = '10.88.5.0' ORDER BY 1"), 30)
    assert all(row[1:] == ["8", "t"] for row in rows), rows
    again = "SELECT count(*), min(cardinality(scope)) FROM inv.coverage c JOIN inv.block b USING (block_id) WHERE b.lo = '10.88.5.0' AND c.complete"
    netns.wait_for("and sampled again", lambda: int(d.sql(again)[0][0]) >= 3, 30)
    assert d.sql(again)[0][1] == "8", d.sql(again)
    assert d.sql("SELECT count(*) FROM inv.coverage c JOIN inv.block b USING (block_id) WHERE b.lo = '10.88.5.0' AND c.scope IS NULL") == [["0"]]
    print("an empty /24: eight addresses asked, nothing else counts as looked at", flush=True)


def someone_moves_in(d, world):
    netns.sh("ip", "-n", "web", "addr", "add", "10.88.5.254/32", "dev", "lo")
    netns.sh("ip", "-n", "web", "addr", "add", "10.88.5.77/32", "dev", "lo")
    netns.wait_for("the whole /24 is asked", lambda: d.sql_or_nothing(
        "SELECT count(*) FROM report.host WHERE address IN ('10.88.5.254', '10.88.5.77') AND state = 'present'") == [["2"]], 40)
    netns.wait_for("and counts as complete", lambda: d.sql("SELECT count(*) FROM report.sampling WHERE kind = 'presence'") == [["0"]], 40)
    print("somebody answers to the sample: all of the /24 is asked", flush=True)


def scanner_of(d):
    for entry in pathlib.Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, ValueError, NotADirectoryError):
            continue
        if parent == d.process.pid and any("scanner" in word for word in words):
            return int(entry.name)
    return None


def gone():
    return "SELECT count(*) FROM report.change WHERE type IN ('host.gone', 'port.closed')"


def scanner_dies(d):
    for _ in range(3):
        pid = netns.wait_for("a scanner", lambda: scanner_of(d), 20)
        os.kill(pid, signal.SIGKILL)
        time.sleep(1.5)
    d.wait_visits(1, 60)
    assert d.sql(gone()) == [["0"]], "somebody was called gone who was there"
    assert d.sql(PORTS) == [["10.77.0.10", "tcp", "80"], ["10.77.0.10", "udp", "9999"]]
    print("the scanner killed three times: visits go on, nobody is called gone", flush=True)


def interface_away(d):
    bad = ("SELECT count(DISTINCT c.profile_id) = 2 FROM inv.coverage c JOIN inv.block b USING (block_id)"
           f" WHERE b.lo = '10.77.0.0' AND NOT c.complete AND c.from_at > '{d.sql('SELECT clock_timestamp()')[0][0]}'")
    netns.sh("ip", "link", "set", "br0", "down")
    netns.wait_for("visits of both passes give up their way and are incomplete", lambda: d.sql(bad) == [["t"]], step=0.5)
    assert d.sql(gone()) == [["0"]], "a network that cannot be reached is not gone"
    netns.sh("ip", "link", "set", "br0", "up")
    netns.sh("ip", "route", "add", "10.88.0.0/16", "via", "10.77.0.10")
    d.wait_visits(1, 60)
    assert d.sql(gone()) == [["0"]]
    print("the interface down: visits incomplete, nobody is called gone, then all goes on", flush=True)


def main():
    netns.enter()
    daemon.need_programs()
    os.environ["MUSTER_SECCOMP"] = "kill"
    with netns.World() as world:
        build(world)
        d = daemon.Daemon(world, ZONE, endpoints=False).start()
        udp_and_tcp(d)
        names(d, world)
        sampled(d)
        someone_moves_in(d, world)
        scanner_dies(d)
        interface_away(d)
        assert d.stop() == 0


if __name__ == "__main__":
    main()
