"""What the scanner's tests share: a link with servers and filters on many addresses, and nmap's and our own results in one form."""
import json
import os
import pathlib
import sys
import xml.etree.ElementTree

import netns

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MUSTER_BUILD_DIR", ROOT / "build"))
DRIVER = BUILD / "tests" / "scan_driver"

SERVER = """
import select, socket
listening = []
for port in (22, 80, 8080):
    s = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024)
    listening.append(s)
while True:
    for s in select.select(listening, [], [])[0]:
        s.accept()[0].close()
"""

# By the last octet: 20-39 as they are, 40-49 one port dropped, 50-59 one rejected by ICMP, 60-69 all dropped.
FILTER = """
table inet lab {
    set silent { type ipv4_addr; flags interval; elements = { 10.77.0.60-10.77.0.69 } }
    set silent6 { type ipv6_addr; flags interval; elements = { fd77::3c-fd77::45 } }
    chain input {
        type filter hook input priority 0;
        ip daddr @silent drop
        ip6 daddr @silent6 tcp flags syn drop
        ip daddr 10.77.0.40-10.77.0.49 tcp dport 443 drop
        ip6 daddr fd77::28-fd77::31 tcp dport 443 drop
        ip daddr 10.77.0.50-10.77.0.59 tcp dport 80 reject with icmp type admin-prohibited
        ip6 daddr fd77::32-fd77::3b tcp dport 80 reject with icmpv6 type admin-prohibited
        ip daddr 10.78.0.5 icmp type echo-request drop
        ip daddr 10.78.0.6 icmp type echo-request drop
        ip daddr 10.78.0.6 tcp dport 443 drop
        ip daddr 10.78.0.7 drop
        ip daddr 10.78.0.8 icmp type echo-request drop
        ip daddr 10.78.0.8 meta l4proto tcp drop
    }
}
"""


class Lab:
    """A host "box" with addresses 10.77.0.20-69 and fd77::14-45 on the link, and 10.78.0.1-9 behind it."""

    def __init__(self, world):
        if not DRIVER.exists():
            netns.skip(f"{DRIVER} is not built")
        self.world = world
        self.box = world.host("box", 10)
        lines = [f"addr add 10.77.0.{n}/24 dev eth0\naddr add fd77::{n:x}/64 dev eth0 nodad" for n in range(20, 70)]
        lines += [f"addr add 10.78.0.{n}/32 dev lo" for n in range(1, 10)]
        self.box.run("ip", "-batch", "-", input="\n".join(lines) + "\n")
        self.box.run("sysctl", "-qw", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0",
                     "net.ipv4.icmp_msgs_per_sec=100000", "net.ipv4.icmp_msgs_burst=10000")
        netns.sh("ip", "route", "add", "10.78.0.0/24", "via", self.box.address)
        self.box.run("ip", "route", "add", "unreachable", "10.78.0.32/27")
        self.box.run("ip", "route", "add", "blackhole", "10.78.0.0/24")
        self.box.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        self.nft(FILTER)
        self.box.start([sys.executable, "-c", SERVER])
        netns.wait_port("10.77.0.20", 8080)

    def nft(self, text):
        self.box.run("nft", "-f", "-", input=text)

    def records(self, *arguments):
        return records(*arguments)

    def muster(self, *arguments):
        return by_host(self.records(*arguments))

    def nmap(self, *arguments):
        text = netns.sh("nmap", "-n", "-oX", "-", "--reason", *arguments)
        return nmap_by_host(text)


# Of a table of the family netdev.  Silence is believed after as many tries as the loss asks for, which leaves a small chance: how often one
# question is lost has a bound here, so that what is found is certain.
AT_MOST_TWICE = """
    set once { type ipv4_addr . inet_service; flags dynamic; size 65536; }
    set twice { type ipv4_addr . inet_service; flags dynamic; size 65536; }
    set asked_once { type ipv4_addr; flags dynamic; size 65536; }
    set asked_twice { type ipv4_addr; flags dynamic; size 65536; }
    chain lose {
        ip daddr . tcp dport @once add @twice { ip daddr . tcp dport } drop
        meta l4proto tcp add @once { ip daddr . tcp dport } drop
        arp daddr ip @asked_once add @asked_twice { arp daddr ip } drop
        meta protocol arp add @asked_once { arp daddr ip } drop
        drop
    }
"""


def records(*arguments):
    """The driver's JSON lines."""
    return [json.loads(line) for line in netns.sh(str(DRIVER), *arguments).splitlines()]


def by_host(records):
    """{address: (reason of the host, {port: (state, reason)})} of those that are up."""
    hosts = {}
    for r in records:
        if r["record"] == "host" and r["state"] == "up":
            assert r["address"] not in hosts, f"{r['address']} told twice"
            hosts[r["address"]] = (r["reason"], {})
        elif r["record"] == "port":
            ports = hosts[r["address"]][1]
            assert r["port"] not in ports, f"{r['address']}:{r['port']} told twice"
            ports[r["port"]] = (r["state"], r["reason"])
    return hosts


def nmap_by_host(text):
    hosts = {}
    for host in xml.etree.ElementTree.fromstring(text).iter("host"):
        status = host.find("status")
        if status is None or status.get("state") != "up":
            continue
        ports = {}
        for port in host.iter("port"):
            state = port.find("state")
            ports[int(port.get("portid"))] = (state.get("state"), state.get("reason"))
        for extra in host.iter("extraports"):
            for reason in extra.iter("extrareasons"):
                for part in reason.get("ports", "").split(","):
                    low, _, high = part.partition("-")
                    for port in range(int(low), int(high or low) + 1):
                        ports[port] = (extra.get("state"), reason.get("reason"))
        hosts[host.find("address").get("addr")] = (status.get("reason"), ports)
    return hosts
