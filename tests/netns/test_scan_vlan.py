#!/usr/bin/env python3
"""A VLAN interface is scanned like any other, beside the interface that carries it: the hosts of both networks and no others.

Where the kernel has no VLAN devices this is skipped: what is shown there are tagged frames (unit/packet/test_hear_frame, test_packet;
netns/test_listen hears one on a link) and the interface as rtnetlink tells it (unit/scan/test_route)."""
import subprocess

import netns
import scanlab


def need_vlan():
    got = subprocess.run(["ip", "link", "add", "link", "br0", "name", "br0.7", "type", "vlan", "id", "7"], capture_output=True, text=True)
    if got.returncode:
        netns.skip(f"no VLAN interface is scanned: the kernel has no VLAN devices (CONFIG_VLAN_8021Q), ip says: {got.stderr.strip()}")


def main():
    netns.enter()
    if not scanlab.DRIVER.exists():
        netns.skip(f"{scanlab.DRIVER} is not built")
    with netns.World() as world:
        need_vlan()
        host = world.host("tagged", 11)
        world.host("plain", 12)
        netns.sh("ip", "link", "set", "br0.7", "up")
        netns.sh("ip", "addr", "add", "10.80.0.1/24", "dev", "br0.7")
        host.run("ip", "link", "add", "link", "eth0", "name", "eth0.7", "type", "vlan", "id", "7")
        host.run("ip", "link", "set", "eth0.7", "up")
        host.run("ip", "addr", "add", "10.80.0.9/24", "dev", "eth0.7")
        found = scanlab.by_host(scanlab.records("-sn", "10.77.0.0/28", "10.80.0.0/28"))
        assert sorted(found) == ["10.77.0.1", "10.77.0.11", "10.77.0.12", "10.80.0.1", "10.80.0.9"], found
        assert found["10.80.0.9"][0] == "arp-response", found
        print("a VLAN interface beside the one that carries it: the hosts of both")


if __name__ == "__main__":
    main()
