#!/usr/bin/env python3
"""What goes wrong on our own side hides nothing: a capture ring that overflows, a device that takes nothing, a scanner that is killed."""
import json
import os
import signal
import subprocess
import time

import netns
import scanlab

netns.enter()

PORTS = "1-300"
TARGETS = "10.77.0.20-39"


def coverage_of(records):
    return [r for r in records if r["record"] == "coverage"][0]


def hold(truth, records, what):
    found = scanlab.by_host(records)
    wrong = [a for a in truth if found.get(a) != truth[a]]
    assert not wrong and set(found) == set(truth), f"{what}: wrong {wrong}, {set(found) ^ set(truth)}"
    assert coverage_of(records)["complete"], f"{what}: {coverage_of(records)}"


def ring(lab, truth):
    """A ring of a dozen frames: it overflows at once, and all comes right."""
    records = lab.records("-p", PORTS, "--max-rate", "50000", "--ring", "4096", TARGETS)
    hold(truth, records, "tiny ring")
    coverage = coverage_of(records)
    assert coverage["drops"] > 0, coverage
    print(f"tiny ring: {coverage['drops']} replies lost by it, "
          f"{coverage['retransmissions']} of {coverage['probes']} probes again")


def queue(lab, truth):
    """A device queue of fifty packets before two megabits: the kernel says ENOBUFS, and no probe is lost by it."""
    shape = ["tc", "qdisc", "add", "dev", "br0", "root", "tbf", "rate", "2mbit", "burst", "2000", "limit", "3000"]
    if subprocess.run(shape, capture_output=True).returncode:
        print("full queue: left out, the kernel has no token bucket (sch_tbf)")
        return
    records = lab.records("-p", PORTS, "--max-rate", "50000", TARGETS)
    refused = json.loads(netns.sh("tc", "-s", "-j", "qdisc", "show", "dev", "br0"))[0]["drops"]
    netns.sh("tc", "qdisc", "del", "dev", "br0", "root")
    hold(truth, records, "full queue")
    assert refused > 0, "the queue was never full"
    print(f"full queue: refused {refused} times, {coverage_of(records)['probes']} probes went")


def start(lab, name):
    """muster scan of what takes minutes, once it runs."""
    out = lab.world.path(f"{name}.jsonl")
    scan = subprocess.Popen([scanlab.BUILD / "muster", "scan", "-n", "-p", "1-60000", "--max-rate", "2000", "-oJ", out, "10.77.0.20-21"],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # Not an open port: the order is a random one, and each host has three of them in 60,000.
    netns.wait_for("the first hosts", lambda: os.path.exists(out) and '"host"' in open(out).read(), 60)
    return scan, out


def ended(lab):
    """Interrupted, it tells what it did and that it is not all; killed, it tells nothing that is not so."""
    for number in (signal.SIGINT, signal.SIGKILL):
        scan, out = start(lab, number.name)
        time.sleep(1)
        scan.send_signal(number)
        scan.wait(netns.CEILING)
        with open(out, encoding="utf-8") as lines:
            records = [json.loads(line) for line in lines if line.endswith("\n")]
        coverage = [r for r in records if r["record"] == "coverage"]
        if number == signal.SIGINT:
            assert scan.returncode == 1 and not coverage[0]["complete"], (scan.returncode, coverage)
            assert 0 < coverage[0]["probes"] < 60000, coverage
        else:
            assert not coverage, coverage
        assert not [r for r in records if r["record"] == "port" and r["state"] == "filtered"], "silence was believed"
    print("interrupted and killed: incomplete, and nothing said of what was not asked")


with netns.World() as world:
    lab = scanlab.Lab(world)
    truth = lab.muster("-p", PORTS, TARGETS)
    assert len(truth) == 20
    ring(lab, truth)
    queue(lab, truth)
    ended(lab)
