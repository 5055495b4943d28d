"""Hosts, ports, states and reasons equal nmap's, address by address: -sS, -sT, -sn, IPv4 and IPv6.

256 addresses on one link: some with servers, some behind packet filters that drop or reject, the rest absent."""
import scanlab

import netns

netns.enter()

PORTS = "21,22,80,443,8080"


def compare(name, ours, theirs):
    faults = []
    for address in sorted(set(ours) | set(theirs)):
        if ours.get(address) != theirs.get(address):
            faults.append(f"{address}: muster {ours.get(address)} nmap {theirs.get(address)}")
    assert not faults, f"{name}: {len(faults)} differences\n" + "\n".join(faults[:20])
    print(f"{name}: {len(theirs)} hosts equal", flush=True)


with netns.World() as world:
    lab = scanlab.Lab(world)
    for name, nmap, muster in (
        ("-sS", ["-sS"], ["-sS"]),
        ("-sT", ["-sT"], ["-sT"]),
        ("-sT -Pn", ["-sT", "-Pn"], ["-sT", "-Pn"]),
    ):
        targets = ["10.77.0.0/27", "10.77.0.40-80"] if "-Pn" in nmap else ["10.77.0.0/24"]
        compare(name, lab.muster(*muster, "-p", PORTS, *targets), lab.nmap(*nmap, "-p", PORTS, *targets))
    compare("-sn", lab.muster("-sn", "10.77.0.0/24"), lab.nmap("-sn", "10.77.0.0/24"))
    six = [f"fd77::{n:x}" for n in range(1, 100)]
    compare("-6 -sS", lab.muster("-p", PORTS, *six), lab.nmap("-6", "-sS", "-p", PORTS, *six))
    compare("localhost", lab.muster("-p", "1-1024", "127.0.0.1"), lab.nmap("-sS", "-p", "1-1024", "127.0.0.1"))
    # A socket that is connected to itself is no open port.
    mine = lab.muster("-sT", "-p", "1-65535", "127.0.0.1")["127.0.0.1"][1]
    assert len(mine) == 65535 and all(state == ("closed", "conn-refused") for state in mine.values())
    compare("behind a router", lab.muster("-p", PORTS, "10.78.0.0/26"),
            lab.nmap("-sS", "-p", PORTS, "10.78.0.0/26"))
