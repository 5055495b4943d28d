#!/usr/bin/env python3
"""A device that says something on the link is in the inventory a moment later: musterd itself, its listener, its database, real frames."""
import json
import pathlib
import random
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time

import daemon
import netns

netns.enter()
daemon.need_programs()

ZONES = """
zones:
  - name: lab
    networks: [10.77.0.0/26, "fd77::/122"]
    excludes: [10.77.0.9]
    confirm: {misses: 2, after: 1s}
    passes:
      - {kind: presence, interval: 1h, retries: 0}
      - {kind: ports, interval: 1h, ports: "22,80", retries: 0}
"""

# Runs in a host's namespace: a line of hex is a frame, the answer is the time at which it was sent.
SENDER = """
import socket, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
for line in sys.stdin:
    frame = bytes.fromhex(line)
    now = time.time()
    s.send(frame)
    print(now, flush=True)
"""


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def arp(source, address, target="10.77.0.1"):
    body = struct.pack(">HHBBH", 1, 0x800, 6, 4, 1) + mac(source) + socket.inet_aton(address) + bytes(6) + socket.inet_aton(target)
    return b"\xff" * 6 + mac(source) + b"\x08\x06" + body + bytes(18)


def checksum(header):
    total = sum(struct.unpack(f">{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def udp4(source, src, dst, sport, dport, payload):
    udp = struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, socket.inet_aton(src), socket.inet_aton(dst))
    ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]  # a bridge with br_netfilter drops others
    return b"\xff" * 6 + mac(source) + b"\x08\x00" + ip + udp


def dhcp_request(source, wanted, name):
    head = struct.pack(">BBBBIHH", 1, 1, 6, 0, 0x1234, 0, 0x8000)
    options = bytes([53, 1, 3, 50, 4]) + socket.inet_aton(wanted) + bytes([12, len(name)]) + name.encode() + b"\xff"
    return udp4(source, "0.0.0.0", "255.255.255.255", 68, 67,
                head + bytes(16) + mac(source) + bytes(10 + 64 + 128) + bytes.fromhex("63825363") + options)


def lldp(source):
    def tlv(kind, value):
        return struct.pack(">H", kind << 9 | len(value)) + value
    return (bytes.fromhex("0180c200000e") + mac(source) + b"\x88\xcc" + tlv(1, b"\x04" + mac(source)) + tlv(2, b"\x05Gi1/0/7")
            + tlv(3, b"\0\x78") + tlv(5, b"core-switch") + tlv(0, b""))


class Sender:
    def __init__(self, host):
        self.process = subprocess.Popen(["ip", "netns", "exec", host.name, sys.executable, "-c", SENDER],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def send(self, frame):
        self.process.stdin.write(frame.hex() + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def plugged_in(world, name, number):
    """A machine whose port of the bridge forwards already: that takes the kernel up to a second."""
    box = world.host(name, number)
    netns.wait_for(f"the port of {name}", lambda: netns.sh("bridge", "-d", "link", "show", "dev", box.port).find("state forwarding") > 0, 5, 0.02)
    time.sleep(0.2)
    return box


def event(d, kind, address):
    return d.sql_or_nothing(f"SELECT extract(epoch FROM at), body ->> 'summary' FROM alert.event WHERE type = '{kind}' AND subject = 'host/{address}'")


def appears(world, d):
    """Machines are switched on, one after the other: from their first frame to the row of the event."""
    waits = []
    for number in range(20, 25):
        box = plugged_in(world, f"box{number}", number)
        box.run("ip", "neigh", "flush", "dev", "eth0")
        sender = Sender(box)
        sent = sender.send(arp(box.mac, box.address))
        sender.close()
        row = netns.wait_for(f"the event of {box.address}", lambda: event(d, "host.appeared", box.address), 30, 0.05)[0]
        assert box.mac in row[1], row
        waits.append(float(row[0]) - sent)
    print(f"from a new machine's first ARP frame to its event: {statistics.median(waits):.3f} s (median of {len(waits)}), "
          f"at most {max(waits):.3f} s")
    assert not netns.TIMES or min(waits) < 3, waits
    scopes = d.sql("SELECT DISTINCT scope::text FROM inv.coverage WHERE scope IS NOT NULL AND complete")
    assert ["{10.77.0.20}"] in scopes, scopes
    return waits


def dhcp(world, d):
    """A client asks for an address and has it a second later."""
    box = plugged_in(world, "client", 40)
    box.run("ip", "addr", "flush", "dev", "eth0")
    sender = Sender(box)
    sent = sender.send(dhcp_request(box.mac, box.address, "laptop"))
    netns.wait_for("the request is evidence of the link", lambda: d.sql(
        f"SELECT key FROM inv.link_evidence WHERE mac = '{box.mac}' AND kind = 'dhcp-hostname'") == [["laptop"]], 10, 0.05)
    time.sleep(1)  # a real client's time
    box.run("ip", "addr", "add", f"{box.address}/24", "dev", "eth0")
    row = netns.wait_for("the client's event", lambda: event(d, "host.appeared", box.address), 60)[0]
    print(f"from a DHCP request to the event of the address, which came 1 s later: {float(row[0]) - sent:.2f} s")
    sender.send(arp(box.mac, box.address))
    netns.wait_for("what was said by DHCP is known of the address", lambda: d.sql(
        f"SELECT key, source FROM inv.evidence WHERE addr = '{box.address}' AND kind = 'dhcp-hostname'") == [["laptop", "dhcp"]], 15)
    sender.close()


def heard_only(world, d):
    """A device that is heard and answers nothing: no fact, no event, but when it was heard."""
    box = plugged_in(world, "quiet", 50)
    sender = Sender(box)
    box.run("ip", "addr", "flush", "dev", "eth0")
    before = d.sql("SELECT count(*) FROM inv.change")
    sender.send(arp("02:aa:00:00:00:01", "10.77.0.51"))
    sender.send(arp("02:aa:00:00:00:02", "10.77.0.9"))   # excluded
    sender.send(arp("02:aa:00:00:00:03", "10.77.0.200"))  # not in the zone
    sender.send(lldp("02:aa:00:00:00:04"))
    netns.wait_for("it was heard", lambda: d.sql("SELECT source FROM inv.heard WHERE addr = '10.77.0.51'") == [["arp"]], 10)
    netns.wait_for("and looked at in vain", lambda: d.sql(
        "SELECT count(*) > 0 FROM inv.coverage WHERE scope = '{10.77.0.51}' AND complete AND down = 1") == [["t"]], 30)
    netns.wait_for("the switch is known", lambda: d.sql(
        "SELECT kind, key FROM inv.link_evidence WHERE mac = '02:aa:00:00:00:04' AND kind IN ('lldp-name', 'lldp-port') ORDER BY kind")
        == [["lldp-name", "core-switch"], ["lldp-port", "Gi1/0/7"]], 10)
    assert d.sql("SELECT count(*) FROM inv.heard WHERE addr IN ('10.77.0.9', '10.77.0.200')") == [["0"]]
    assert d.sql("SELECT key FROM inv.link_evidence WHERE mac = '02:aa:00:00:00:03'") == [["10.77.0.200"]]
    assert d.sql("SELECT count(*) FROM inv.link_evidence WHERE mac = '02:aa:00:00:00:02'") == [["0"]]
    assert d.sql("SELECT count(*) FROM inv.change") == before
    sender.close()
    said = d.muster("asset", "10.77.0.51")
    assert "10.77.0.51 in zone lab was heard (arp, MAC 02:aa:00:00:00:01)" in said, said
    print("what is only heard opens nothing; an excluded address is neither kept nor asked")


def malformed(world, d):
    """Frames of every protocol, cut and bent at random: nobody dies, the listener goes on."""
    box = plugged_in(world, "liar", 55)
    sender, rng = Sender(box), random.Random(7)
    seeds = [p.read_bytes() for p in sorted((daemon.ROOT / "tests/fuzz/corpus/hear_frame").iterdir())]
    for _ in range(3000):
        frame = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 6)):
            frame[rng.randrange(14, len(frame)) if len(frame) > 14 else 0] = rng.randrange(256)
        frame = bytes(frame[:rng.randint(14, len(frame))]) if rng.random() < 0.3 and len(frame) > 14 else bytes(frame)
        sender.send(frame.ljust(14, b"\0")[:1500])
    # what comes on top of the listener's rate is told with the device's next frame
    netns.wait_for("the listener goes on",
                   lambda: (sender.send(arp(box.mac, box.address)), event(d, "host.appeared", box.address))[1], 60)
    assert "worker-died" not in d.log(), "a process died"
    sender.close()
    print("3,000 malformed frames of all protocols: no process died, and the next device was found")


def asked_by_multicast(world, d):
    """IPv6 neighbours that say nothing: asked all at once, they answer, and are looked at when they are the zone's."""
    mute, other = world.host("mute", 60), world.host("other", 70)  # fd77::46 is not the zone's
    mute.run("sysctl", "-qw", "net.ipv6.icmp.echo_ignore_multicast=1")
    # who has to ask for our MAC address before it answers would be heard by that question
    asking = [a["local"] for a in json.loads(netns.sh("ip", "-6", "-j", "addr", "show", "dev", "br0"))[0]["addr_info"]]
    for host in (mute, other):
        for ours in asking:
            host.run("ip", "-6", "neigh", "replace", ours, "lladdr", "02:77:00:00:00:01", "dev", "eth0", "nud", "permanent")
    assert not event(d, "host.appeared", mute.address6)
    text = pathlib.Path(d.config).read_text()
    pathlib.Path(d.config).write_text(text.replace("    excludes:", "    multicast: 10s\n    excludes:"))
    d.process.send(signal.SIGHUP)
    netns.wait_for("the neighbour's event", lambda: event(d, "host.appeared", mute.address6), 60)
    assert d.sql(f"SELECT source FROM inv.evidence WHERE addr = '{mute.address6}' AND kind = 'mac'") == [["multicast"]]
    netns.wait_for("the other one is evidence", lambda: d.sql(
        f"SELECT source FROM inv.link_evidence WHERE mac = '{other.mac}' AND kind = 'address' AND key = '{other.address6}'") == [["multicast"]], 30)
    netns.wait_for("so are link-local addresses", lambda: d.sql(
        f"SELECT source FROM inv.link_evidence WHERE mac = '{mute.mac}' AND kind = 'address' AND key LIKE 'fe80:%'") == [["multicast"]], 30)
    assert d.sql(f"SELECT count(*) FROM inv.change WHERE addr = '{other.address6}'") == [["0"]]
    print("IPv6 neighbours are asked by multicast: the zone's are in the inventory, others are evidence")


def wide_network(world, d):
    """A /64 is not swept: who answers the multicast is looked at, and so is whoever comes later, where there was nobody."""
    far = "fd77::aaaa:bbbb:cccc:1"
    box = plugged_in(world, "wide", 80)
    box.run("sysctl", "-qw", "net.ipv6.icmp.echo_ignore_all=0")
    box.run("ip", "-6", "addr", "add", far + "/64", "dev", "eth0", "nodad")
    text = pathlib.Path(d.config).read_text()
    pathlib.Path(d.config).write_text(text.replace('"fd77::/122"', '"fd77::/64"'))
    d.process.send(signal.SIGHUP)
    known = "SELECT count(*) FROM report.host WHERE address = '{}' AND state = 'present'"
    netns.wait_for("its hosts are in the inventory", lambda: d.sql(known.format(far)) == [["1"]], 90)
    netns.wait_for("each pass has been made", lambda: d.sql(
        "SELECT count(*) FROM inv.schedule s JOIN inv.block b USING (block_id) WHERE b.lo = 'fd77::' AND b.retired_at IS NULL "
        "AND s.kind IN ('presence', 'ports') AND s.last_at IS NOT NULL") == [["2"]], 60)
    assert not event(d, "host.appeared", far), "it was there when the network was looked at for the first time"
    later = "fd77::1:2:3:4"
    box.run("ip", "-6", "addr", "add", later + "/64", "dev", "eth0", "nodad")
    sender = Sender(box)
    netns.wait_for("a new address is an event", lambda: (
        box.run("ping", "-6", "-c1", "-W1", "-I", later, "fd77::1", check=False), event(d, "host.appeared", later))[1], 60, 0.5)
    sender.close()
    assert d.sql("SELECT count(*) FROM inv.coverage c JOIN inv.block b USING (block_id) WHERE b.lo = 'fd77::' AND c.complete AND c.scope IS NULL "
                 "AND c.up + c.down > 100") == [["0"]]
    print("a /64: its hosts are found by multicast, a new address is news, nothing is swept")


with netns.World() as world:
    netns.sh("ip", "link", "set", "br0", "type", "bridge", "group_fwd_mask", "0x4000")  # LLDP comes through
    world.host("anchor", 10)  # a bridge without anybody has no carrier
    d = daemon.Daemon(world, ZONES, endpoints=False).start()
    d.wait_visits(1, 120)
    netns.wait_for("it listens", lambda: "listening to what devices say" in d.log(), 20)
    appears(world, d)
    dhcp(world, d)
    heard_only(world, d)
    status = netns.wait_for("the listener is in the status", lambda: [line for line in d.muster("status").splitlines() if "br0" in line], 15)[0]
    print(status.strip())
    assert "local br0: up, " in status, status
    malformed(world, d)
    asked_by_multicast(world, d)
    wide_network(world, d)
    assert d.stop() == 0
