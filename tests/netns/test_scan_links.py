"""Several interfaces (of a VLAN: test_scan_vlan.py), and what changes while a scan runs: an interface that goes down and comes back, one
that stays away, one that is deleted, a cable that is pulled, an address that is replaced, a gateway that is not there.  Nothing is lost and
nothing false is said."""
import collections
import json
import subprocess
import time

import netns
import scanlab

QUICK = ["--max-retries", "1"]
NEAR = [f"10.77.0.{n}" for n in (1, 10, 11, 12)]
FAR = ["10.79.0.1", "10.79.0.9"]


def sent():
    """Packets that left by the interfaces that there are."""
    links = json.loads(netns.sh("ip", "-s", "-j", "link", "show", "type", "bridge"))
    return sum(link["stats64"]["tx"]["packets"] for link in links)


class Running:
    """The scanner over both networks, slow enough to be met in the middle."""

    def __init__(self, *arguments):
        command = [str(scanlab.DRIVER), "-sn", *QUICK, "--max-rate", "150", *arguments]
        before = sent()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        netns.wait_for("the scan has asked some", lambda: sent() > before + 10)

    def end(self):
        out, err = self.process.communicate(timeout=300)
        self.records = [json.loads(line) for line in out.splitlines()]
        kinds = {kind: [r for r in self.records if r["record"] == kind] for kind in ("host", "done", "coverage", "summary")}
        assert len(kinds["coverage"]) == 1, err
        self.complete, self.status = kinds["coverage"][0]["complete"], kinds["summary"][0]["status"]
        self.up = sorted(r["address"] for r in kinds["host"] if r["state"] == "up")
        self.down = {r["address"] for r in kinds["host"] if r["state"] == "down"}
        self.undecided = {r["address"] for r in kinds["done"] if not r["conclusive"]}
        assert len(kinds["done"]) == len({r["address"] for r in kinds["done"]}), "a host was told twice"
        return self


def build(world):
    for n in (10, 11, 12):
        world.host(f"h{n}", n)
    netns.sh("ip", "link", "add", "br1", "type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
    netns.sh("ip", "link", "set", "br1", "up")
    netns.sh("ip", "addr", "add", "10.79.0.1/24", "dev", "br1")
    netns.sh("ip", "link", "add", "far", "type", "veth", "peer", "name", "eth1", "netns", "h10")
    netns.sh("ip", "link", "set", "far", "master", "br1", "up")
    netns.sh("ip", "-n", "h10", "link", "set", "eth1", "up")
    netns.sh("ip", "-n", "h10", "addr", "add", "10.79.0.9/24", "dev", "eth1")


def several(world):
    run = Running("10.77.0.8/29", "10.79.0.0/28", "--max-rate", "5000").end()
    assert run.up == NEAR[1:] + FAR, run.up
    assert run.complete
    print("several interfaces in one scan", flush=True)


def comes_back(world):
    run = Running("10.77.0.0/25")
    netns.sh("ip", "link", "set", "br0", "down")
    time.sleep(1)
    netns.sh("ip", "link", "set", "br0", "up")
    run.end()
    assert run.up == NEAR and run.complete and not run.undecided, (run.up, run.undecided, run.status)
    print("an interface that was down for a second: complete", flush=True)


def cable(world):
    run = Running("10.79.0.0/25")
    netns.sh("ip", "link", "set", "far", "down")
    time.sleep(1)
    netns.sh("ip", "link", "set", "far", "up")
    run.end()
    assert run.up == FAR and run.complete and not run.undecided, (run.up, run.undecided, run.status)
    print("a cable that was out for a second: complete", flush=True)


def connect(world):
    """Without raw sockets: what connect(2) says at once, because this machine itself has no route, is no answer of the target's."""
    run = Running("-sT", "-Pn", "-p", "1-4000", "--max-rate", "2000", "10.77.0.10")
    netns.sh("ip", "link", "set", "br0", "down")
    time.sleep(1)
    netns.sh("ip", "link", "set", "br0", "up")
    run.end()
    reasons = collections.Counter(r["reason"] for r in run.records if r["record"] == "port")
    assert reasons == {"conn-refused": 4000} and run.complete, (reasons, run.status)
    print("connect(2) while the interface was down for a second: every port told by the target itself", flush=True)


def no_way_for_connect(world):
    """The plan has a way, and rules are against it: that is the kernel's word, and not a way that may come back."""
    rules = (("ipproto", "tcp", "to", "10.77.0.12", "unreachable"), ("to", "10.77.0.13", "unreachable"))
    for rule in rules:
        netns.sh("ip", "rule", "add", *rule)
    run = Running("-sT", "-Pn", "-p", "1-50", "10.77.0.11-13").end()
    for rule in rules:
        netns.sh("ip", "rule", "del", *rule)
    reasons = collections.Counter((r["address"][-2:], r["reason"]) for r in run.records if r["record"] == "port")
    assert reasons == {("11", "conn-refused"): 50, ("12", "net-unreach"): 50, ("13", "net-unreach"): 50}, reasons
    assert run.complete and run.status == 0, run.status
    print("hosts that rules of the kernel's keep connect(2) from: told so, and the scan ends", flush=True)


def stale_gateway(world):
    """What the kernel knew of a gateway long ago is believed when the gateway itself says nothing else."""
    behind, wrong, right = [f"10.78.0.{n}" for n in range(1, 6)], "02:de:ad:00:00:01", world.hosts["h10"].mac
    for address in behind:
        world.hosts["h10"].run("ip", "addr", "add", f"{address}/32", "dev", "lo")
    netns.sh("ip", "route", "add", "10.78.0.0/29", "via", "10.77.0.10")
    for mac, mode in ((wrong, "0"), (right, "8")):
        world.hosts["h10"].run("sysctl", "-qw", f"net.ipv4.conf.eth0.arp_ignore={mode}")
        netns.sh("ip", "neigh", "replace", "10.77.0.10", "lladdr", mac, "nud", "stale", "dev", "br0")
        run = Running("10.78.0.1-5").end()
        assert run.up == behind and run.complete, (mac, run.up, run.undecided)
    world.hosts["h10"].run("sysctl", "-qw", "net.ipv4.conf.eth0.arp_ignore=0")
    netns.sh("ip", "route", "del", "10.78.0.0/29")
    netns.sh("ip", "neigh", "flush", "dev", "br0")
    print("a gateway whose MAC address the kernel knew long ago: asked, and believed only where it is silent", flush=True)


def gateway_gone(world):
    """Who is behind a new gateway that nobody holds was not asked: that is no silence of theirs.  One host is behind a router that is there."""
    behind, other = [f"10.78.2.{n}" for n in range(1, 9)], "10.78.3.1"
    for address in [*behind, other]:
        world.hosts["h10"].run("ip", "addr", "add", f"{address}/32", "dev", "lo")
    netns.sh("ip", "route", "add", f"{other}/32", "via", "10.77.0.10")
    netns.sh("ip", "route", "add", "default", "via", "10.77.0.10")
    run = Running("-sS", "-p", "1-200", "--max-rate", "200", "10.78.2.1-8", other)
    netns.sh("ip", "route", "replace", "default", "via", "10.77.0.99")
    run.end()
    netns.sh("ip", "route", "del", "default")
    netns.sh("ip", "route", "del", f"{other}/32")
    silent = {r["address"] for r in run.records if r["record"] == "port" and r["reason"] == "no-response"}
    told = [r["address"] for r in run.records if r["record"] == "port" and r["address"] == other]
    assert not run.complete and run.status == 0, run.status
    assert run.undecided == set(behind), run.undecided
    assert not silent and not run.down, (silent, run.down)
    assert len(told) == 200, len(told)
    print("a gateway replaced by one that is not there: who is behind it stays undecided", flush=True)


def address_changes(world):
    run = Running("10.77.0.0/25")
    netns.sh("ip", "addr", "del", "10.77.0.1/24", "dev", "br0")
    netns.sh("ip", "addr", "add", "10.77.0.200/24", "dev", "br0")
    run.end()
    assert run.up in (NEAR, NEAR[1:]) and run.complete, (run.up, run.undecided, run.status)
    netns.sh("ip", "addr", "add", "10.77.0.1/24", "dev", "br0")
    netns.sh("ip", "addr", "del", "10.77.0.200/24", "dev", "br0")
    netns.sh("ip", "addr", "replace", "10.77.0.1/24", "dev", "br0")
    print("another address of ours in the middle: complete", flush=True)


def one_stays_away(world):
    run = Running("10.77.0.0/25", "10.79.0.0/25", "--way-timeout", "1", "--max-rate", "40")
    netns.sh("ip", "link", "del", "br1")
    run.end()
    assert not run.complete and run.status == 0, run.status
    assert set(NEAR) <= set(run.up), run.up
    assert all(a.startswith("10.79.") for a in run.undecided) and len(run.undecided) > 20, run.undecided
    assert not (run.undecided & run.down), "undecided and down"
    print(f"one of two interfaces deleted: the other one's hosts are all there, {len(run.undecided)} undecided", flush=True)


def all_stay_away(world):
    run = Running("10.77.0.2-127", "--way-timeout", "1", "--max-rate", "40")
    netns.sh("ip", "link", "set", "br0", "down")
    run.end()
    assert not run.complete and run.status == -100, run.status  # ENETDOWN
    assert not run.down & set(NEAR), run.down
    netns.sh("ip", "link", "set", "br0", "up")
    print("the only interface stays down: incomplete, and nobody is called absent who is there", flush=True)


def main():
    netns.enter()
    if not scanlab.DRIVER.exists():
        netns.skip(f"{scanlab.DRIVER} is not built")
    with netns.World() as world:
        build(world)
        for test in (several, comes_back, cable, connect, no_way_for_connect, stale_gateway, gateway_gone,
                     address_changes, one_stays_away, all_stay_away):
            test(world)


if __name__ == "__main__":
    main()
