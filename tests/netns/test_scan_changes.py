#!/usr/bin/env python3
"""Ten passes over a network whose ports open and close between them, the last five with loss: each difference is the true one."""
import random
import subprocess
import sys

import netns
import scanlab

netns.enter()

PASSES, HOSTS, PORTS, CHANGES = 10, range(20, 40), range(2001, 2041), 30
TARGETS = "10.77.0.20-39"

# Listens on what each line of its input names, and on nothing else.
SERVER = """
import socket, sys
listening = {}
for line in sys.stdin:
    want = {tuple(word.split(":")) for word in line.split()}
    for place in set(listening) - want:
        listening.pop(place).close()
    for place in want - set(listening):
        listening[place] = socket.create_server((place[0], int(place[1])), backlog=64)
    print("done", flush=True)
"""

LOSS = """
table netdev loss {
    chain ingress {
        type filter hook ingress device eth0 priority 0;
        tcp dport 2001-2040 ip daddr . tcp dport @twice accept
        tcp dport 2001-2040 numgen random mod 100 < 3 jump lose
    }
""" + scanlab.AT_MOST_TWICE + "}\n"


class Changing:
    def __init__(self, lab, seed):
        self.random, self.open = random.Random(seed), set()
        self.everything = [(f"10.77.0.{host}", port) for host in HOSTS for port in PORTS]
        self.server = subprocess.Popen(["ip", "netns", "exec", lab.box.name, sys.executable, "-c", SERVER],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.stdin.close()
        self.server.wait(netns.CEILING)

    def change(self):
        self.open ^= set(self.random.sample(self.everything, CHANGES))
        print(*(f"{address}:{port}" for address, port in sorted(self.open)), file=self.server.stdin, flush=True)
        assert self.server.stdout.readline() == "done\n", "the server ended"


def look(lab):
    records = lab.records("-q", "-p", f"{PORTS[0]}-{PORTS[-1]}", "--max-rate", "50000", TARGETS)
    assert [r for r in records if r["record"] == "coverage"][0]["complete"], records[-2:]
    return {(r["address"], r["port"]) for r in records if r["record"] == "port" and r["state"] == "open"}


def ten_passes(lab, changing):
    for number in range(PASSES):
        if number > PASSES // 2:
            lab.nft("delete table netdev loss")
        if number >= PASSES // 2:
            lab.nft(LOSS)
        changing.change()
        found = look(lab)
        assert found == changing.open, f"pass {number}, not open: {found - changing.open}, missing: {changing.open - found}"
    print(f"{PASSES} passes of {CHANGES} changes each: every difference exact, {len(changing.open)} ports open at the end")


with netns.World() as world:
    lab = scanlab.Lab(world)
    with Changing(lab, 5) as changing:
        ten_passes(lab, changing)
