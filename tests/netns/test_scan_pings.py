"""Ways of asking for hosts, each alone and several together, find the same hosts as nmap -sn and give the same reasons: by ICMP, TCP
and UDP through a router, to neighbours with and without ARP, IPv4 and IPv6; and ARP behind the same switch, whatever the routes say."""
import functools
import json
import subprocess

import netns
import scanlab

MUSTER = scanlab.BUILD / "muster"
# 1: answers all; 5: no echo; 6: no echo, no 443; 7: nothing; 8: no echo, no TCP; 9: all; the rest of the /27 is not there.
REMOTE = "10.78.0.0/28"
NEAR = "10.77.0.0/24"
SIX = [f"fd77::{n:x}" for n in range(16, 72)]


def muster(*arguments):
    run = subprocess.run([str(MUSTER), "scan", "-n", "-sn", "-oJ", "-", *arguments], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    records = [json.loads(line) for line in run.stdout.splitlines()]
    return {r["address"]: r["reason"] for r in records if r["record"] == "host" and r["state"] == "up"}


def nmap(*arguments):
    text = netns.sh("nmap", "-n", "-sn", "-oX", "-", "--reason", *arguments)
    return {address: reason for address, (reason, _) in scanlab.nmap_by_host(text).items()}


def compare(options, targets):
    ours, theirs = netns.together(lambda: muster(*options, *targets), lambda: nmap("-T4", *options, *targets))
    assert ours == theirs, f"{options}: " + ", ".join(
        f"{a}: muster {ours.get(a)}, nmap {theirs.get(a)}" for a in sorted(set(ours) | set(theirs)) if ours.get(a) != theirs.get(a))
    print(f"{' '.join(options) or 'default'}: {len(ours)} hosts equal", flush=True)
    return ours


def by_the_router(lab):
    netns.together(*[functools.partial(compare, options, [REMOTE]) for options in (["-PE"], ["-PP"], ["-PS"], ["-PS21,443"])])
    netns.together(*[functools.partial(compare, options, [REMOTE]) for options in (["-PA22"], ["-PU"], ["-PE", "-PU53,161"])])
    assert muster("-PP", "10.78.0.7") == {}


def neighbours(lab):
    compare(["-PS22"], [NEAR])  # ARP decides all the same
    # Not 50-59: the target's own "prohibited" shows that it is there, which nmap does not count.
    few = ["10.77.0.8-12", "10.77.0.38-45", "10.77.0.60-62"]
    netns.together(*[functools.partial(compare, ["--disable-arp-ping", *options], few) for options in (["-PE"], ["-PS80"], ["-PU40125"])])
    assert muster("--disable-arp-ping", "-PS80", "10.77.0.50") == {"10.77.0.50": "admin-prohibited"}
    compare(["-6", "-PS22"], SIX)


def same_switch(lab):
    """A second network on the wire, where we have no address and no route: only ARP can tell."""
    lab.box.run("ip", "addr", "add", "172.16.5.9/24", "dev", "eth0")
    assert muster("--arp-all", "-e", "br0", "172.16.5.0/28") == {"172.16.5.9": "arp-response"}
    run = subprocess.run([str(MUSTER), "scan", "-n", "-sn", "--arp-all", "172.16.5.9"], capture_output=True, text=True)
    assert run.returncode == 2 and "-e INTERFACE" in run.stderr, run.stderr
    print("--arp-all: what is on the wire is found without a route", flush=True)


def multicast(world):
    """A /64 is too large to be walked: its hosts are found by multicast, one that ignores multicast echoes and one that ignores all too."""
    hosts = {name: world.host(name, number) for name, number in (("open", 200), ("shy", 201), ("silent", 202))}
    hosts["shy"].run("sysctl", "-qw", "net.ipv6.icmp.echo_ignore_multicast=1")
    hosts["silent"].run("sysctl", "-qw", "net.ipv6.icmp.echo_ignore_all=1")
    netns.wait_for("the bridge forwards", lambda: all(
        "state forwarding" in netns.sh("bridge", "-d", "link", "show", "dev", h.port) for h in hosts.values()), 10)
    found = muster("-6", "--multicast-ping", "fd77::/64")
    want = {"fd77::c8": "echo-reply", "fd77::c9": "nd-response", "fd77::ca": "nd-response"}
    assert {a: found.get(a) for a in want} == want, found
    assert muster("-6", "--multicast-ping", "fd77::c8/127") == {a: want[a] for a in ("fd77::c8", "fd77::c9")}
    near = muster("-6", "--multicast-ping", "-e", "br0", "fe80::/64")
    assert len([a for a in near if a.startswith("fe80::77:ff:fe00:c")]) == 3, near
    assert muster("-6", "--multicast-ping", "-e", "br0", "fd78::/64") == {}
    run = subprocess.run([str(MUSTER), "scan", "-6", "-n", "-sn", "--multicast-ping", "--exclude", "fd77::c9", "fd77::/64"], capture_output=True, text=True)
    assert run.returncode == 2 and "would reach addresses that are excluded" in run.stderr, run.stderr
    # addresses below our own in its network are in it as well
    netns.sh("ip", "addr", "add", "fd7a::100/64", "dev", "br0", "nodad")
    hosts["open"].run("ip", "addr", "add", "fd7a::10/64", "dev", "eth0", "nodad")
    run = subprocess.run([str(MUSTER), "scan", "-6", "-n", "-sn", "--multicast-ping", "-e", "br0", "--exclude", "fd7a::10", "fd77::/64"], capture_output=True, text=True)
    assert run.returncode == 2 and "would reach addresses that are excluded" in run.stderr, run
    assert muster("-6", "--multicast-ping", "fd7a::/121") == {"fd7a::10": "echo-reply"}
    print(f"--multicast-ping: {len(found)} hosts of a /64, {len(near)} link-local ones", flush=True)


def main():
    netns.enter()
    if not MUSTER.exists():
        netns.skip(f"{MUSTER} is not built")
    with netns.World() as world:
        lab = scanlab.Lab(world)
        by_the_router(lab)
        neighbours(lab)
        same_switch(lab)
        multicast(world)


if __name__ == "__main__":
    main()
