"""muster scan -sU against nmap -sU: real servers, silent and rejected ports, IPv4 and IPv6; loopback, where own probes are seen too; and
hosts that say only now and then that a port is closed, whose ports still come out right."""
import json
import os
import sys
import threading
import time

import scanlab

import netns

netns.enter()

MUSTER = scanlab.BUILD / "muster"

# DNS and NTP answer to what they understand alone, 7 and 40000 to anything; 5000 never.
SERVERS = """
import select, socket
def dns(data):
    return data[:2] + bytes([data[2] | 0x80, 4]) + data[4:12] if len(data) >= 12 else None
def ntp(data):
    return bytes([0x24, 1]) + bytes(22) + data[40:48] + bytes(16) if len(data) == 48 and data[0] & 7 == 3 else None
def sip(data):
    return b"SIP/2.0 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n" if data.startswith(b"OPTIONS sip:") else None
def coap(data):
    return b"\\x60\\x45" + data[2:4] + b"\\xff</a>" if data[:2] == b"\\x40\\x01" else None
ports = {7: lambda d: d or b"!", 53: dns, 123: ntp, 5060: sip, 5683: coap, 40000: lambda d: b"here", 5000: lambda d: None}
open_ = {}
for port, answer in ports.items():
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    s.setsockopt(socket.IPPROTO_IP, 8, 1)
    s.bind(("::", port))
    open_[s] = answer
while True:
    for s in select.select(list(open_), [], [])[0]:
        data, control, _, peer = s.recvmsg(2048, 256)
        reply = open_[s](data)
        if reply:
            s.sendmsg([reply], [c for c in control if c[0] == socket.IPPROTO_IPV6], 0, peer)
"""

FILTER = """
table inet datagrams {
    chain input {
        type filter hook input priority 0;
        ip daddr 10.77.0.40-10.77.0.49 udp dport { 53, 69 } drop
        ip6 daddr fd77::28-fd77::31 udp dport { 53, 69 } drop
        ip daddr 10.77.0.50-10.77.0.59 udp dport { 123, 200 } reject with icmp type admin-prohibited
        ip6 daddr fd77::32-fd77::3b udp dport { 123, 200 } reject with icmpv6 type admin-prohibited
        ip daddr 10.77.0.50-10.77.0.59 udp dport 201 reject with icmp type host-unreachable
    }
}
"""

# Not 5060: nmap's request there is not one that the server answers.
PORTS = "7,53,69,123,137,161,200,201,500,5000,5683,40000"


def rate_limit(name, address, expression):
    family = "ip6" if ":" in address else "ip"
    kind = "icmpv6" if ":" in address else "icmp"
    return f"""
table inet {name} {{
    chain output {{
        type filter hook output priority 0;
        {family} saddr {address} {kind} type destination-unreachable limit rate over {expression} drop
    }}
}}
"""


def muster(lab, *arguments):
    out = lab.world.path(f"udp-{threading.get_ident()}-{time.monotonic_ns()}.jsonl")
    netns.sh(MUSTER, "scan", "-n", "-oJ", out, *arguments)
    with open(out, encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    found = scanlab.by_host(records)
    for r in records:
        if r["record"] == "extraports":
            found[r["address"]][1].update({port: (r["state"], r["reason"]) for port in numbers(r["ports"])})
    return found


def numbers(ports):
    for part in ports.split(","):
        low, _, high = part.partition("-")
        yield from range(int(low), int(high or low) + 1)


def compare(lab, name, words, targets):
    words = ["-sU", *words, "-p", PORTS, *targets]
    ours, theirs = netns.together(lambda: muster(lab, *words), lambda: lab.nmap("-T4", *words))
    faults = [f"{a}: muster {ours.get(a)} nmap {theirs.get(a)}" for a in sorted(set(ours) | set(theirs)) if ours.get(a) != theirs.get(a)]
    assert theirs and not faults, f"{name}: {len(faults)} differences\n" + "\n".join(faults[:10])
    print(f"{name}: {len(theirs)} hosts equal", flush=True)


def limited(lab, address, ports, expression):
    """Each closed port is closed, and 5000 open|filtered, although most ICMP errors are held back at first."""
    lab.nft(rate_limit(f"held{abs(hash(address))}", address, expression))
    start = time.monotonic()
    states = muster(lab, "-sU", "-p", ports, address)[address][1]
    wrong = {port: state for port, state in states.items()
             if state != (("open|filtered", "no-response") if port == 5000 else ("closed", "port-unreach"))}
    assert not wrong, f"ICMP limited to {expression}: {len(wrong)} of {len(states)} are wrong: {wrong}"
    print(f"ICMP limited to {expression}: {len(states)} ports of {address} right after {time.monotonic() - start:.1f} s", flush=True)


def limited_alone(lab):
    """One host that holds back costs its neighbours nothing: they are through long before it."""
    lab.nft(rate_limit("alone", "10.77.0.30", "20/second burst 5 packets"))
    out = lab.world.path("alone.jsonl")
    netns.sh(MUSTER, "scan", "-n", "-sU", "-p", "1000-1049", "-oJ", out, "10.77.0.30-34")
    with open(out, encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    last = {}
    for place, r in enumerate(records):
        if r["record"] in ("port", "extraports"):
            assert r["state"] == "closed", r
            last[r["address"]] = place
    assert len(last) == 5 and max(last, key=last.get) == "10.77.0.30", last
    print("one of five hosts holds back: it alone comes later", flush=True)


def main():
    with netns.World() as world:
        lab = scanlab.Lab(world)
        lab.box.start([sys.executable, "-c", SERVERS])
        lab.nft(FILTER)
        netns.wait_for("UDP servers", lambda: "5060" in lab.box.run("ss", "-Hlun"))
        targets = ["10.77.0.38-61"]
        six = [f"fd77::{n:x}" for n in range(0x27, 0x35)]
        netns.together(lambda: compare(lab, "-sU", [], targets), lambda: compare(lab, "-6 -sU", ["-6"], six))
        both = ["-sS", "-sU", "-p", "T:22,81,U:7,200,5060", "10.77.0.30"]
        ours = muster(lab, *both)["10.77.0.30"][1]
        assert ours == {22: ("open", "syn-ack"), 81: ("closed", "reset"), 7: ("open", "udp-response"), 200: ("closed", "port-unreach"),
                        5060: ("open", "udp-response")}, ours
        # The printers' ports are left out: the guard lets no UDP payload there.
        mine = muster(lab, "-sU", "-p", "1-65535", "127.0.0.1")["127.0.0.1"][1]
        assert len(mine) == 65526 and set(mine.values()) == {("closed", "port-unreach")}, [p for p, s in mine.items() if s[0] != "closed"][:20]
        print("loopback: 65,526 ports closed", flush=True)
        # Side by side: they wait for different addresses.
        netns.together(lambda: limited(lab, "10.77.0.20", "1000-1149,5000", "50/second burst 5 packets"),
                       lambda: limited(lab, "10.77.0.21", "1000-1009,5000", "1/second burst 2 packets"),
                       lambda: limited(lab, "fd77::14", "1000-1059,5000", "20/second burst 5 packets"),
                       lambda: limited_alone(lab))


main()
