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


def both(lab, name, muster, nmap):
    ours, theirs = netns.together(lambda: lab.muster(*muster), lambda: lab.nmap("-T4", *nmap))
    compare(name, ours, theirs)


def asked(lab, name, targets, *options):
    words = ["-p", PORTS, *options, *targets]
    both(lab, name, words, words if options else ["-sS", *words])


def same_as_nmap(lab):
    six = [f"fd77::{n:x}" for n in range(1, 100)]
    asked(lab, "-sS", ["10.77.0.0/24"], "-sS")
    netns.together(
        lambda: asked(lab, "-sT", ["10.77.0.0/24"], "-sT"),
        lambda: asked(lab, "behind a router", ["10.78.0.0-12", "10.78.0.30-35"]),
        lambda: both(lab, "-sn", ["-sn", "10.77.0.0/24"], ["-sn", "10.77.0.0/24"]))
    netns.together(
        # Not absent neighbours: whether the kernel gives up its ARP before the scanner gives up the port is a race in both programs.
        lambda: asked(lab, "-sT -Pn", ["10.77.0.10", "10.77.0.38-69"], "-sT", "-Pn"),
        lambda: both(lab, "-6 -sS", ["-p", PORTS, *six], ["-6", "-sS", "-p", PORTS, *six]),
        lambda: both(lab, "localhost", ["-p", "1-1024", "127.0.0.1"], ["-sS", "-p", "1-1024", "127.0.0.1"]))


with netns.World() as world:
    lab = scanlab.Lab(world)
    same_as_nmap(lab)
    # A socket that is connected to itself is no open port.
    mine = lab.muster("-sT", "-p", "1-65535", "127.0.0.1")["127.0.0.1"][1]
    assert len(mine) == 65535 and all(state == ("closed", "conn-refused") for state in mine.values())
