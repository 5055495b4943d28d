#!/usr/bin/env python3
"""Hosts, ports, states and reasons of the services lab: nmap and Muster beside each other, address by address, in Markdown.

    ip netns exec lab-scanner tests/lab/ports.py --lab DIR --muster PROGRAM --work DIR [--only NAME,...] HOST...

HOST is NUMBER:NAME:FAMILIES (10:web1:46).  Each program has the lab for itself while it runs.  Ends with 1 when anything differs."""
import argparse
import collections
import json
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

V4, V6 = "10.99.0.", "fd99::"


def inside_the_lab():
    """Nothing is sent from anywhere but the lab's scanner."""
    addresses = json.loads(subprocess.run(["ip", "-j", "addr"], capture_output=True, text=True, check=True).stdout)
    ours = {a["local"] for link in addresses for a in link["addr_info"] if a["scope"] == "global"}
    if ours != {V4 + "2", V6 + "2"}:
        sys.exit(f"ports.py: not in the lab's scanner: addresses are {sorted(ours)}")


def spread(text, state, reason):
    """"1-3,7" -> the ports."""
    for part in text.split(","):
        low, _, high = part.partition("-")
        for port in range(int(low), int(high or low) + 1):
            yield port, (state, reason)


def hosts_of(path):
    """address -> (reason, {(protocol, port): (state, reason)}) of the hosts that are up."""
    hosts = {}
    for host in ElementTree.parse(path).getroot().iter("host"):
        status = host.find("status")
        if status.get("state") != "up":
            continue
        address = next(a.get("addr") for a in host.iter("address") if a.get("addrtype") != "mac")
        ports = {}
        for extra in host.iter("extraports"):
            for reason in extra.iter("extrareasons"):
                found = spread(reason.get("ports"), extra.get("state"), reason.get("reason"))
                ports.update({(reason.get("proto"), port): value for port, value in found})
        for port in host.iter("port"):
            state = port.find("state")
            ports[port.get("protocol"), int(port.get("portid"))] = (state.get("state"), state.get("reason"))
        hosts[address] = (status.get("reason"), ports)
    return hosts


def timed(work, name, command):
    path = os.path.join(work, f"{name}.xml")
    begun = time.monotonic()
    run = subprocess.run([*command, "-oX", path], capture_output=True, text=True)
    if run.returncode:
        print(f"ports.py: {name} ended with {run.returncode}: {run.stderr.strip()[-300:]}", file=sys.stderr)
    return hosts_of(path), time.monotonic() - begun


def differences(theirs, ours):
    """Lines; ports that differ in the same way are counted together."""
    lines = []
    for address in sorted(set(theirs) | set(ours)):
        if address not in theirs or address not in ours:
            lines.append(f"{address}: only {'nmap' if address in theirs else 'Muster'} calls it up")
            continue
        (reason, ports), (our_reason, our_ports) = theirs[address], ours[address]
        if reason != our_reason:
            lines.append(f"{address}: up by {reason} (nmap), {our_reason} (Muster)")
        kinds = collections.defaultdict(list)
        for key in sorted(set(ports) | set(our_ports)):
            if ports.get(key) != our_ports.get(key):
                kinds[ports.get(key), our_ports.get(key)].append(f"{key[0]}/{key[1]}")
        for (nmap, muster), which in kinds.items():
            says = [" ".join(value) if value else "nothing" for value in (nmap, muster)]
            lines.append(f"{address}: {len(which)} ports ({', '.join(which[:6])}{' ...' if len(which) > 6 else ''}): nmap {says[0]}, Muster {says[1]}")
    return lines


def disputed(theirs, ours):
    """address -> [(protocol, port)] of which the two say different states."""
    return {address: [key for key, (state, _) in ports.items() if ours.get(address, ("", {}))[1].get(key, (state,))[0] != state]
            for address, (_, ports) in theirs.items()}


def asked_again(work, theirs, ours):
    """Of UDP, nmap -T4 gives up on a host that sends an ICMP error a second: with more patience, what does it say?  A line."""
    agrees, others = 0, []
    for address, keys in disputed(theirs, ours).items():
        if not keys:
            continue
        again, _ = timed(work, "ports-again", ["nmap", "-n", "-Pn", "-sU", "--max-retries", "10", "--scan-delay", "1100ms",
                                               "-p", ",".join(str(port) for _, port in keys), address])
        for key in keys:
            state = again.get(address, ("", {}))[1].get(key, ("nothing",))[0]
            if state == ours[address][1][key][0]:
                agrees += 1
            else:
                others.append(f"{address} {key[0]}/{key[1]} {state}")
    return f"of the {agrees + len(others)} ports that differ, nmap asked again with --max-retries 10 --scan-delay 1100ms says what Muster says of {agrees}" + (
        f"; not of {', '.join(others)}" if others else "")


def counts(hosts):
    states = collections.Counter(state for _, ports in hosts.values() for state, _ in ports.values())
    return ", ".join(f"{n:,} {state}" for state, n in sorted(states.items())) or "-"


def declared(lab, names, protocol):
    """The ports that the lab's hosts say they serve."""
    ports = set()
    for name in names:
        with open(os.path.join(lab, "hosts", f"{name}.sh"), encoding="utf-8") as lines:
            for line in lines:
                if line.startswith(f"# {protocol}:"):
                    ports.update(int(word) for word in re.findall(r"\d+", line.partition(":")[2]))
    return ",".join(map(str, sorted(ports)))


def scans(lab, hosts):
    """(name, words for both programs)"""
    four = [V4 + number for number, _, families in hosts if "4" in families]
    six = [V6 + number for number, _, families in hosts if "6" in families]
    udp = declared(lab, [name for _, name, _ in hosts], "udp")
    return [
        ("-sn of the /24", ["-sn", V4 + "0/24"]),
        ("-sS -p-", ["-sS", "-p-", *four]),
        ("-sT -p 1-10000", ["-sT", "-p", "1-10000", *four]),
        ("-sU of the lab's ports", ["-sU", "-p", udp, *four]),
        ("-6 -sn", ["-6", "-sn", *six]),
        ("-6 -sS -p-", ["-6", "-sS", "-p-", *six]),
    ]


def main():
    options = argparse.ArgumentParser()
    for name in ("--lab", "--muster", "--work"):
        options.add_argument(name, required=True)
    options.add_argument("--only", default="")
    options.add_argument("hosts", nargs="+")
    o = options.parse_args()
    inside_the_lab()
    hosts = [tuple(host.split(":")) for host in o.hosts]
    different = 0
    notes = []
    print("| scan | hosts up | ports | nmap | Muster | of nmap's time | differences |\n|---|---|---|---|---|---|---|")
    for name, words in scans(o.lab, hosts):
        if o.only and not any(part in name for part in o.only.split(",")):
            continue
        plain = re.sub(r"\W+", "-", name).strip("-")
        theirs, slow = timed(o.work, f"ports-nmap-{plain}", ["nmap", "-n", "-T4", "--reason", *words])
        ours, quick = timed(o.work, f"ports-muster-{plain}", [o.muster, "scan", "-n", *words])
        faults = differences(theirs, ours)
        different += len(faults)
        if "-sU" in words and faults:
            notes.append(f"- `{name}`: {asked_again(o.work, theirs, ours)}")
        notes += [f"- `{name}`: {line}" for line in faults]
        print(f"| `{name}` | {len(theirs)} | {counts(theirs)} | {slow:.1f} s | {quick:.1f} s | {quick / slow:.2f} | {len(faults) or 'none'} |", flush=True)
    print("\n" + ("\n".join(notes) or "Every address, port, state and reason is the same."))
    return bool(different)


if __name__ == "__main__":
    sys.exit(main())
