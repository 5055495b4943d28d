#!/usr/bin/env python3
"""A device that nobody knew says its first word: how long until musterd's core knows, until it asks back, and until the inventory has it

musterd as it is installed (release build, its own PostgreSQL), in namespaces of this program; nothing leaves them.
    tests/bench/heard.py [N]      N devices, default 40, half by ARP, half by DHCP with the address at once"""
import os
import pathlib
import re
import statistics
import socket
import struct
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "netns"))
import daemon  # noqa: E402
import netns  # noqa: E402

GOAL = 0.050  # seconds: a packet of a new device is a sighting in the embedder, and its targeted probe goes out
ZONES = """
zones:
  - name: lab
    networks: [10.77.0.0/24]
    rate: 5000
    passes:
      - {kind: presence, interval: 1h, retries: 0}
"""
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


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def arp(mac, address):
    """What a device says that has this address: who has the router's?"""
    body = struct.pack(">HHBBH", 1, 0x800, 6, 4, 1) + mac_bytes(mac) + socket.inet_aton(address) + bytes(6) + socket.inet_aton("10.77.0.1")
    return b"\xff" * 6 + mac_bytes(mac) + b"\x08\x06" + body + bytes(18)


def checksum(header):
    total = sum(struct.unpack(f">{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def dhcp(mac, address):
    """A renewal: DHCPREQUEST from the address that the device has."""
    head = struct.pack(">BBBBIHH", 1, 1, 6, 0, 0x1234, 0, 0x8000) + socket.inet_aton(address)
    payload = head + bytes(12) + mac_bytes(mac) + bytes(10 + 64 + 128) + bytes.fromhex("63825363") + bytes([53, 1, 3, 255])
    udp = struct.pack(">HHHH", 68, 67, 8 + len(payload), 0) + payload
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, socket.inet_aton(address), b"\xff" * 4)
    return b"\xff" * 6 + mac_bytes(mac) + b"\x08\x00" + ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:] + udp


class Watch:
    """When questions for an address left: tcpdump on the scanner's interface, by the kernel's clock."""

    def __init__(self, world):
        self.path = world.path("questions.log")
        world.start(["tcpdump", "-ni", "br0", "-tt", "-l", "arp[6:2] = 1 and ether src 02:77:00:00:00:01"], log="questions.log")
        netns.wait_for("tcpdump listens", lambda: "listening on" in self.text())

    def text(self):
        return pathlib.Path(self.path).read_text(errors="replace")

    def asked(self, address, after):
        times = [float(t) for t in re.findall(rf"^([0-9.]+) ARP, Request who-has {re.escape(address)} ", self.text(), re.M)]
        return next((t for t in times if t >= after), None)


def sentence(name, delays, goal=None):
    ordered = sorted(delays)
    text = (f"{name:46} median {1000 * statistics.median(delays):7.1f} ms, 95 % {1000 * ordered[int(0.95 * (len(ordered) - 1))]:7.1f} ms, "
            f"most {1000 * ordered[-1]:7.1f} ms")
    if goal:
        met = sum(d <= goal for d in delays)
        text += f"   goal {1000 * goal:.0f} ms: {met} of {len(delays)}"
    print(text, flush=True)


def one(world, d, watch, number, say):
    """(until the core writes down the sighting, until the probe left, until in the inventory) of one new device."""
    box = world.hosts["box"]
    mac, address = f"02:aa:00:00:{number >> 8:02x}:{number & 255:02x}", f"10.77.0.{number}"
    netns.sh("ip", "-n", "box", "link", "set", "eth0", "down")
    netns.sh("ip", "-n", "box", "addr", "flush", "dev", "eth0")
    netns.sh("ip", "-n", "box", "link", "set", "eth0", "address", mac)
    netns.sh("ip", "-n", "box", "addr", "add", f"{address}/24", "dev", "eth0")
    box.run("sysctl", "-qw", "net.ipv4.conf.eth0.arp_notify=0", "net.ipv6.conf.eth0.disable_ipv6=1")
    netns.sh("ip", "-n", "box", "link", "set", "eth0", "up")
    netns.wait_for("the bridge forwards", lambda: "state forwarding" in netns.sh("bridge", "-d", "link", "show", "dev", box.port))
    time.sleep(1.2)  # the kernel's work on the link is over
    sender = subprocess.Popen(["ip", "netns", "exec", "box", sys.executable, "-c", SENDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    sender.stdin.write(say(mac, address).hex() + "\n")
    sender.stdin.flush()
    sent = float(sender.stdout.readline())
    asked = netns.wait_for(f"{address} is asked", lambda: watch.asked(address, sent))
    row = netns.wait_for(f"{address} is in the inventory", lambda: d.sql_or_nothing(
        f"SELECT extract(epoch FROM min(noted_at)) FROM inv.change WHERE addr = '{address}' HAVING count(*) > 0"))
    sender.stdin.close()
    sender.wait()
    heard = d.sql(f"SELECT extract(epoch FROM asked_at) FROM inv.heard WHERE addr = '{address}'")
    return float(heard[0][0]) - sent, asked - sent, float(row[0][0]) - sent


def main():
    netns.enter()
    daemon.need_programs()
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    with netns.World() as world:
        world.host("anchor", 2)  # a bridge without anybody has no carrier
        world.host("box", 3)
        d = daemon.Daemon(world, ZONES, endpoints=False, made=False).start()
        d.wait_visits(1)
        netns.wait_for("musterd listens", lambda: "listening to what devices say" in d.log())
        watch = Watch(world)
        for name, say in (("ARP", arp), ("DHCP", dhcp)):
            first = 20 if name == "ARP" else 20 + n // 2
            results = [one(world, d, watch, number, say) for number in range(first, first + n // 2)]
            sentence(f"{name}: first packet to the sighting in the core", [r[0] for r in results], GOAL)
            sentence(f"{name}: first packet to the targeted probe", [r[1] for r in results], GOAL)
            sentence(f"{name}: first packet to the inventory", [r[2] for r in results])
        assert d.stop() == 0


if __name__ == "__main__":
    os.environ.setdefault("MUSTER_BUILD_DIR", str(ROOT / "build"))
    main()
