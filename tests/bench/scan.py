#!/usr/bin/env python3
"""The scanner beside nmap, masscan and zmap on a fake network of 16,384 addresses, without loss and with it (root)

usage: ./bootstrap bench scan [--loss PER_MILLE,...] [--only NAME,...] [--rate N]

Every scanner gets the same world (lab/world beside the checkout: 30 % of addresses alive, 2 % of ports open, 10 % filtered,
answered by XDP on a veth link), /18 x 10 ports, one after the other, so that the figures of one table can be held against each
other.  found is out of what truth.py computes; false is what it does not know; CPU is user and system time of the scanner, by
packet that left the interface and by question (a port of an address), of which there are 163,840 whatever is sent.  Takes about four minutes, most of it nmap's.
"""
import argparse
import ipaddress
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORLD = ROOT.parent / "shared" / "lab" / "world"
MUSTER = pathlib.Path(os.environ.get("MUSTER_BUILD_DIR", ROOT / "build")) / "muster"
NETWORK = "10.1.0.0/18"
PORTS = "21,22,23,25,80,110,139,443,445,3389"
ALIVE, OPEN, FILTERED = 300, 20, 100
SCANNER = "world-scanner"
SOURCE, INTERFACE = "10.254.0.1", "world0"


def fail(text):
    sys.exit(f"bench scan: {text}")


def check():
    """What it takes, or one line that says what is missing."""
    if os.geteuid() != 0:
        fail("needs root: it lays a link between two network namespaces and loads an XDP program")
    if not (WORLD / "world.sh").exists():
        fail("needs the fake network of lab/world, which lies in ../shared beside the checkout")
    if not MUSTER.exists():
        fail(f"{MUSTER} is not built (./bootstrap build)")
    if not pathlib.Path("/usr/include/bpf/bpf_helpers.h").exists() or not shutil.which("clang"):
        fail("needs libbpf-dev and clang, which compile the fake network (apt-get install libbpf-dev clang)")
    if f"{SCANNER}" in subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout.split():
        fail(f"the namespace {SCANNER} is in use; when nobody needs it: {WORLD}/world.sh down")


def world(*words):
    run = subprocess.run([WORLD / "world.sh", *words], capture_output=True, text=True)
    if run.returncode:
        fail(f"world.sh {' '.join(words)}: {run.stderr.strip()}")
    return run.stdout.strip()


def truth(loss):
    run = subprocess.run([WORLD / "truth.py", NETWORK, PORTS, *parameters(loss)], capture_output=True, text=True, check=True)
    return {(address, int(port)) for address, port in (line.split() for line in run.stdout.splitlines())}


def parameters(loss):
    return [f"ALIVE_PM={ALIVE}", f"OPEN_PM={OPEN}", f"FILTERED_PM={FILTERED}", f"LOSS_PM={loss}"]


def packets():
    text = subprocess.run(["ip", "-n", SCANNER, "-s", "-j", "link", "show", INTERFACE], capture_output=True, text=True).stdout
    return json.loads(text)[0]["stats64"]["tx"]["packets"]


class Scanners:
    """Each method: the command lines, run one after the other, and how their output is read."""

    def __init__(self, directory, rate, mac):
        self.directory, self.rate, self.mac = directory, rate, mac

    def muster(self):
        out = f"{self.directory}/muster.jsonl"
        yield [MUSTER, "scan", "-n", "-p", PORTS, "--max-rate", self.rate, "-oJ", out, NETWORK], out, self.read_muster

    def nmap(self):
        out = f"{self.directory}/nmap.xml"
        yield (["nmap", "-n", "-sS", "-T4", "--min-rate", "20000", "--max-retries", "2", "-p", PORTS, "-oX", out, NETWORK],
               out, self.read_nmap)

    def masscan(self):
        out = f"{self.directory}/masscan.txt"
        yield (["masscan", "-e", INTERFACE, "--adapter-ip", SOURCE, "--router-mac", self.mac, "--rate", self.rate, "--retries", "2",
                "-p", PORTS, "-oL", out, NETWORK], out, self.read_masscan)

    def zmap(self):
        """Debian's asks one port in one run."""
        for port in PORTS.split(","):
            out = f"{self.directory}/zmap.{port}"
            yield (["zmap", "-q", "-C", "/dev/null", "-b", "/dev/null", "-i", INTERFACE, "-S", SOURCE, "-G", self.mac, "-r", self.rate,
                    "-c", "1", "-P", "3", "-p", port, "-o", out, NETWORK], out, lambda path, port=port: self.read_zmap(path, port))

    @staticmethod
    def read_muster(path):
        with open(path, encoding="utf-8") as lines:
            records = [json.loads(line) for line in lines]
        return {(r["address"], r["port"]) for r in records if r["record"] == "port" and r["state"] == "open"}

    @staticmethod
    def read_nmap(path):
        found = set()
        for host in xml.etree.ElementTree.parse(path).getroot().iter("host"):
            for port in host.iter("port"):
                if port.find("state").get("state") == "open":
                    found.add((host.find("address").get("addr"), int(port.get("portid"))))
        return found

    @staticmethod
    def read_masscan(path):
        with open(path, encoding="ascii") as lines:
            return {(w[3], int(w[2])) for w in (line.split() for line in lines) if w and w[0] == "open"}

    @staticmethod
    def read_zmap(path, port):
        with open(path, encoding="ascii") as lines:
            return {(line.strip(), int(port)) for line in lines if line[0].isdigit()}


def measure(runs):
    """-> (found, wall, CPU seconds, packets)"""
    found, before, start = set(), packets(), time.monotonic()
    cpu = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = 0.0
    for command, out, read in runs:
        run = subprocess.run(["ip", "netns", "exec", SCANNER, *command], capture_output=True, text=True)
        wall += time.monotonic() - start
        if run.returncode:
            fail(f"{command[0]}: exit {run.returncode}: {(run.stderr or run.stdout).strip()[-300:]}")
        found |= read(out)
        start = time.monotonic()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - cpu.ru_utime - cpu.ru_stime
    return found, wall, used, packets() - before


def table(rows, loss, open_ports):
    print(f"\n{NETWORK} x {len(PORTS.split(','))} ports, loss {loss / 10:g} % each way, {open_ports} ports open")
    print(f"{'':9}{'found':>7}{'share':>9}{'false':>7}{'wall s':>9}{'of nmap':>9}{'CPU us/packet':>15}{'/question':>11}{'packets':>10}")
    questions = ipaddress.ip_network(NETWORK).num_addresses * len(PORTS.split(","))
    nmap = next((row[3] for row in rows if row[0] == "nmap"), None)
    for name, found, false, wall, cpu, sent in rows:
        ratio = f"{wall / nmap:.3f}" if nmap else "-"
        print(f"{name:9}{found:7}{100 * found / open_ports:8.2f}%{false:7}{wall:9.2f}{ratio:>9}"
              f"{1e6 * cpu / max(sent, 1):15.2f}{1e6 * cpu / questions:11.2f}{sent:10}")
    sys.stdout.flush()


def bench(options, directory):
    for loss in (int(text) for text in options.loss.split(",")):
        world("up", *parameters(loss))
        want = truth(loss)
        scanners = Scanners(directory, options.rate, world("mac"))
        rows = []
        for name in options.only.split(","):
            if name != "muster" and not shutil.which(name):
                print(f"{name} is not installed: left out", file=sys.stderr)
                continue
            found, wall, cpu, sent = measure(getattr(scanners, name)())
            rows.append((name, len(found & want), len(found - want), wall, cpu, sent))
        table(rows, loss, len(want))


def main():
    parser = argparse.ArgumentParser(prog="bench scan", description="The scanner beside its peers on a fake network.")
    parser.add_argument("--loss", default="0,50", help="per mille in each direction, one table for each (0,50)")
    parser.add_argument("--only", default="muster,nmap,masscan,zmap", help="these scanners, in this order")
    parser.add_argument("--rate", default="100000", help="packets a second at most (100000; nmap: at least 20000)")
    options = parser.parse_args()
    unknown = set(options.only.split(",")) - {"muster", "nmap", "masscan", "zmap"}
    if unknown:
        parser.error(f"--only: expected muster, nmap, masscan or zmap, not {', '.join(sorted(unknown))}")
    check()
    with tempfile.TemporaryDirectory(prefix="muster-bench-") as directory:
        try:
            bench(options, directory)
        finally:
            subprocess.run([WORLD / "world.sh", "down"], check=False)


main()
