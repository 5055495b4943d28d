#!/usr/bin/env python3
"""One /24 behind a way that takes little, and one behind a way that loses packets, among good ones: both come right.  (That the others do
not wait for them is shown on a clock that nobody holds up: tests/unit/scan/test_sweep_nets.c.)"""
import json
import os
import subprocess
import time

import netns
import scanlab

# What goes into one /24: no more than so much; and one in so many packets of it, at random.
SLOW = """
table netdev slow {
    chain ingress {
        type filter hook ingress device eth0 priority 0;
        ip daddr 10.88.4.0/24 limit rate over 600/second burst 50 packets drop
    }
}
"""
LOSSY = """
table netdev lossy {
    chain ingress {
        type filter hook ingress device eth0 priority 0;
        ip daddr 10.88.4.0/24 numgen random mod 100 < 15 drop
    }
}
"""
FAST = ["10.88.1.0/25", "10.88.2.0/25", "10.88.3.0/25"]
BAD = "10.88.4.0/26"
PORTS = os.environ.get("MUSTER_NETS_PORTS", "1-30")


def scan(targets, rate=6000):
    run = subprocess.run([str(scanlab.DRIVER), "-sS", "-p", PORTS, "--max-rate", str(rate), *targets], capture_output=True, text=True, timeout=200)
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def check(records, n_hosts):
    ports = {}
    for r in records:
        if r["record"] == "port":
            ports.setdefault(r["address"], {})[r["port"]] = r["state"]
    assert len(ports) == n_hosts, f"{len(ports)} of {n_hosts} hosts"
    wrong = [(a, p, s) for a, all_of in ports.items() for p, s in all_of.items() if s != ("open" if p == 22 else "closed")]
    # silence is believed at a risk of one in 50,000
    assert len(wrong) <= 10 and not [w for w in wrong if w[2] != "filtered"], f"{len(wrong)} wrong: {wrong[:5]}"


def main():
    netns.enter()
    if not scanlab.DRIVER.exists():
        netns.skip(f"{scanlab.DRIVER} is not built")
    with netns.World() as world:
        far = world.host("far", 10)
        far.run("ip", "route", "add", "local", "10.88.0.0/16", "dev", "lo")
        far.run("sysctl", "-qw", "net.ipv4.icmp_ratelimit=0", "net.ipv4.icmp_msgs_per_sec=1000000")
        far.start(["python3", "-c", scanlab.SERVER])
        netns.sh("ip", "route", "add", "10.88.0.0/16", "via", far.address)
        netns.wait_port(far.address, 22)
        for name, rules in (("slow", SLOW), ("lossy", LOSSY)):
            far.run("nft", "-f", "-", input=rules)
            began = time.monotonic()
            records = scan([*FAST, BAD])
            took = time.monotonic() - began
            far.run("nft", "delete", "table", "netdev", name)
            check(records, 448)
            coverage = [r for r in records if r["record"] == "coverage"][0]
            print(f"{name}: 448 hosts right in {took:.1f} s, {coverage['retransmissions']} of {coverage['probes']} probes again, "
                  f"loss {coverage['loss']}", flush=True)


if __name__ == "__main__":
    main()
