#!/usr/bin/env python3
"""From the first frame of a new device to the line in the receiver's log: musterd with its listener, its database, its routes, real frames.

$MUSTER_SIGHTINGS is how many devices there are (CI: 12; 200 by hand: then the 99th percentile has to be under a second)."""
import os
import socket
import statistics
import struct
import subprocess
import sys
import time

import daemon
import netns

DEVICES = int(os.environ.get("MUSTER_SIGHTINGS", "12"))
FIRST = 20

ZONES = """
zones:
  - name: lab
    networks: [10.77.0.0/24]
    confirm: {misses: 2, after: 1s}
    passes:
      - {kind: presence, interval: 1h, retries: 0}
      - {kind: ports, interval: 1h, ports: "22,80", retries: 0}
"""
# As docs/alerts.md has it: new devices at once, each by itself.  First contact stays one message, and what is no device is grouped.
# Two hundred in a few minutes would be a mass change: the breaker has to leave them alone here.
ROUTES = """alerts:
  breaker: {least: 1000}
routes:
  - {name: devices, match: {types: [host.appeared]}, group_by: [condition], group_wait: 0}
  - {name: rest, group_by: [zone], group_wait: 1s}
"""

# In the devices' namespace: "interface hex" is a frame, the answer the time at which it was sent.
SENDER = """
import socket, sys, time
for line in sys.stdin:
    name, frame = line.split()
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((name, 0))
    now = time.time()
    s.send(bytes.fromhex(frame))
    s.close()
    print(now, flush=True)
"""


def arp(source, sender):
    """A request for the scanner's address, from this MAC and IPv4 address."""
    link = bytes.fromhex(source.replace(":", ""))
    return (b"\xff" * 6 + link + b"\x08\x06" + struct.pack(">HHBBH", 1, 0x800, 6, 4, 1) + link + socket.inet_aton(sender) + bytes(6)
            + socket.inet_aton("10.77.0.1") + bytes(18))


def address(i):
    return f"10.77.0.{FIRST + i}"


def mac(i):
    return f"02:99:00:00:00:{FIRST + i:02x}"


def rack_of(world):
    """A machine whose link carries all devices: each an interface with a MAC of its own, which answers ARP for its own address only."""
    rack = world.host("rack", 10)
    rack.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1", "net.ipv4.conf.all.arp_ignore=1", "net.ipv4.conf.all.arp_announce=2")
    if subprocess.run(["ip", "-n", rack.name, "link", "add", "link", "eth0", "name", "probe", "type", "macvlan", "mode", "bridge"],
                      capture_output=True, check=False).returncode:
        netns.skip("the kernel has no macvlan devices")
    batch = ["link del probe"]
    for i in range(DEVICES):
        batch += [f"link add link eth0 name m{i} address {mac(i)} type macvlan mode bridge", f"link set m{i} up"]
    netns.sh("ip", "-n", rack.name, "-batch", "-", input="\n".join(batch))
    return rack


def told(d):
    """When each device's appearance was in the receiver's log, by address."""
    return {r["body"]["data"]["subject"]["host"]: r["at"] for r in d.receiver.accepted() if r["type"] == "host.appeared"}


def switched_on(rack, d):
    sender = subprocess.Popen(["ip", "netns", "exec", rack.name, sys.executable, "-c", SENDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    waits, sent = [], {}
    for i in range(DEVICES):
        netns.sh("ip", "-n", rack.name, "addr", "add", f"{address(i)}/32", "dev", f"m{i}")
        sender.stdin.write(f"m{i} {arp(mac(i), address(i)).hex()}\n")
        sender.stdin.flush()
        sent[address(i)] = float(sender.stdout.readline())
        waits.append(netns.wait_for(f"the receiver knows {address(i)}", lambda: told(d).get(address(i)), 60, 0.02) - sent[address(i)])
        time.sleep(0.05 * (i % 7))
    sender.stdin.close()
    sender.wait()
    return sorted(waits), sent


def where_it_goes(d, sent):
    """Medians of the stages: probed and in the ledger, decided, delivered."""
    arrived = told(d)
    stages = [(float(ledger) - sent[host], float(written) - float(ledger), arrived[host] - float(written)) for host, ledger, written in d.sql(
        "SELECT e.body -> 'subject' ->> 'host', extract(epoch FROM e.at), extract(epoch FROM n.at) FROM alert.event e JOIN alert.notice n ON n.event_seq = e.seq "
        "WHERE e.type = 'host.appeared'")]
    print("medians: {:.3f} s until it has answered and is in the ledger, {:.3f} s until its message is written, {:.3f} s until that is delivered".format(
        *(statistics.median(column) for column in zip(*stages))), flush=True)


def main():
    netns.enter()
    daemon.need_programs()
    with netns.World() as world:
        rack = rack_of(world)
        d = daemon.Daemon(world, ZONES, routes=ROUTES).start()
        d.wait_visits(1, 120)
        netns.wait_for("it listens", lambda: "listening to what devices say" in d.log(), 20)
        netns.wait_for("first contact is told as one message", lambda: [r["type"] for r in d.receiver.accepted()] == ["zone.baselined"], 60)
        waits, sent = switched_on(rack, d)
        p99 = waits[min(len(waits) - 1, int(len(waits) * 0.99))]
        print(f"from the first frame of a new device to the receiver's log, {DEVICES} devices: median {statistics.median(waits):.3f} s, "
              f"99 % within {p99:.3f} s, at most {waits[-1]:.3f} s", flush=True)
        where_it_goes(d, sent)
        assert "MUSTER_SIGHTINGS" not in os.environ or p99 < 1, waits[-10:]
        hosts = [r["body"]["data"]["subject"]["host"] for r in d.receiver.requests() if r["type"] == "host.appeared"]
        assert sorted(hosts) == sorted(address(i) for i in range(DEVICES)), "each device is told once"
        assert all(r["verified"] for r in d.receiver.requests())
        assert d.stop() == 0


if __name__ == "__main__":
    main()
