#!/usr/bin/env python3
"""The scanner beside nmap, masscan and zmap on a fake network, without loss and with it; large, changing and IPv6 ones (root)

usage: ./bootstrap bench scan [--part peers,large,churn,six] [--loss PER_MILLE,...] [--only NAME,...] [--rate N]

Every scanner gets the same world (lab/world beside the checkout: 30 % of addresses alive, 2 % of ports open, 10 % filtered,
answered by XDP on a veth link), one after the other, so that the figures of one table can be held against each other.

peers  /18 x 10 ports: 163,840 questions
large  /16 x 100 ports: 6,553,600 questions, the scanner alone, with its peak of resident memory
churn  ten passes over /18 x 10 ports of a world that changes between them, each difference held against the true one
six    a list of 16,384 IPv6 addresses x 10 ports, beside nmap

The line "open" is muster with --open: masscan and zmap write only what is open, and so it is what their CPU is held against.

found is out of what the world's definition gives; false is what it does not know; hosts likewise (right / false).  CPU is user and
system time of the scanner, by packet that left the interface and by question, of which there are as many whatever is sent.  Below
each table stand the goals, each beside its figure.  Takes about eight minutes, half of it nmap's.
"""
import argparse
import ipaddress
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree
from resource import RUSAGE_CHILDREN, getrusage

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORLD = ROOT.parent / "shared" / "lab" / "world"
MUSTER = pathlib.Path(os.environ.get("MUSTER_BUILD_DIR", ROOT / "build")) / "muster"
PARTS = ("peers", "large", "churn", "six")
NETWORK, PORTS = "10.1.0.0/18", "21,22,23,25,80,110,139,443,445,3389"
LARGE_NETWORK, LARGE_PORTS = "10.2.0.0/16", "1-100"
EPOCHS, CHURN = 10, 20
SIX_HOSTS = 16384
ALIVE, OPEN, FILTERED = 300, 20, 100
SCANNER = "world-scanner"
SOURCE, INTERFACE = "10.254.0.1", "world0"
TIME = "/usr/bin/time"


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
    if not os.path.exists(TIME):
        fail("needs time, which measures memory (apt-get install time)")
    if SCANNER in subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout.split():
        fail(f"the namespace {SCANNER} is in use; when nobody needs it: {WORLD}/world.sh down")


def parameters(**more):
    return [f"{name}={value}" for name, value in dict(ALIVE_PM=ALIVE, OPEN_PM=OPEN, FILTERED_PM=FILTERED, **more).items()]


def world(*words):
    run = subprocess.run([WORLD / "world.sh", *words], capture_output=True, text=True)
    if run.returncode:
        fail(f"world.sh {' '.join(words)}: {run.stderr.strip()}")
    return run.stdout.strip()


def truth(network, ports, **more):
    """Open (address, port); with ports "-" the live addresses."""
    run = subprocess.run([WORLD / "truth.py", network, ports, *parameters(**more)], capture_output=True, text=True, check=True)
    lines = (line.split() for line in run.stdout.splitlines())
    return {words[0] if ports == "-" else (words[0], int(words[1])) for words in lines}


def mix(x):
    """The mixer of the world's definition (world.bpf.c): truth.py knows IPv4 only."""
    x = (x ^ x >> 16) * 0x7FEB352D & 0xFFFFFFFF
    x = (x ^ x >> 15) * 0x846CA68B & 0xFFFFFFFF
    return x ^ x >> 16


def draw(host, salt, seed=1):
    return mix(host ^ mix(salt + 0x9E3779B9 + seed & 0xFFFFFFFF)) % 1000


def six_world(count):
    """-> addresses all over fd10::/16, the live ones, their open (address, port)"""
    addresses, alive, ports = [], set(), set()
    for number in range(count):
        words = (0xFD100000 | number % 31, mix(number), mix(number + 0x1000000), mix(number + 0x2000000))
        text = str(ipaddress.IPv6Address(sum(word << 32 * (3 - i) for i, word in enumerate(words))))
        host = mix(words[1]) ^ mix(words[2] + 1 & 0xFFFFFFFF) ^ words[3]
        addresses.append(text)
        if draw(host, 0x10000) < ALIVE:
            alive.add(text)
            ports |= {(text, port) for port in map(int, PORTS.split(",")) if draw(host, port) < OPEN}
    return addresses, alive, ports


def packets():
    text = subprocess.run(["ip", "-n", SCANNER, "-s", "-j", "link", "show", INTERFACE], capture_output=True, text=True).stdout
    return json.loads(text)[0]["stats64"]["tx"]["packets"]


class Scanners:
    """Each method: the command lines, run one after the other, and how their output is read: (open ports, hosts up or None)."""

    def __init__(self, directory, rate, ports=PORTS, targets=(NETWORK,), family=()):
        self.directory, self.rate, self.ports, self.targets, self.family = directory, rate, ports, targets, family

    def muster(self, *options):
        out = f"{self.directory}/muster.jsonl"
        command = [MUSTER, "scan", *self.family, "-n", *options, "-p", self.ports, "--max-rate", self.rate, "-oJ", "-", *self.targets]
        yield ["sh", "-c", 'exec "$@" >"$0"', out, *command], out, self.read_muster

    def open(self):
        return self.muster("--open")

    def nmap(self):
        out = f"{self.directory}/nmap.xml"
        yield (["nmap", *self.family, "-n", "-sS", "-T4", "--min-rate", "20000", "--max-retries", "2", "-p", self.ports, "-oX", out,
                *self.targets], out, self.read_nmap)

    def masscan(self):
        out = f"{self.directory}/masscan.txt"
        yield (["masscan", "-e", INTERFACE, "--adapter-ip", SOURCE, "--router-mac", world("mac"), "--rate", self.rate, "--retries", "2",
                "-p", self.ports, "-oL", out, *self.targets], out, self.read_masscan)

    def zmap(self):
        """Debian's asks one port in one run."""
        for port in self.ports.split(","):
            out = f"{self.directory}/zmap.{port}"
            yield (["zmap", "-q", "-C", "/dev/null", "-b", "/dev/null", "-i", INTERFACE, "-S", SOURCE, "-G", world("mac"), "-r", self.rate,
                    "-c", "1", "-P", "3", "-p", port, "-o", out, *self.targets], out, lambda path, port=port: self.read_zmap(path, port))

    @staticmethod
    def read_muster(path):
        ports, hosts = set(), set()
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                if '"state":"open"' in line or '"record":"host"' in line:
                    r = json.loads(line)
                    if r["record"] == "port" and r["state"] == "open":
                        ports.add((r["address"], r["port"]))
                    elif r["record"] == "host" and r["state"] == "up":
                        hosts.add(r["address"])
        return ports, hosts

    @staticmethod
    def read_nmap(path):
        ports, hosts = set(), set()
        for host in xml.etree.ElementTree.parse(path).getroot().iter("host"):
            address = host.find("address").get("addr")
            if host.find("status").get("state") == "up":
                hosts.add(address)
            for port in host.iter("port"):
                if port.find("state").get("state") == "open":
                    ports.add((address, int(port.get("portid"))))
        return ports, hosts

    @staticmethod
    def read_masscan(path):
        with open(path, encoding="ascii") as lines:
            return {(w[3], int(w[2])) for w in (line.split() for line in lines) if w and w[0] == "open"}, None

    @staticmethod
    def read_zmap(path, port):
        with open(path, encoding="ascii") as lines:
            return {(line.strip(), int(port)) for line in lines if line[0].isdigit()}, None


class Result:
    """One scanner's run."""

    def __init__(self, name, runs, want, alive):
        self.name, self.wall, self.memory = name, 0.0, 0
        found, hosts = set(), None
        before, cpu = packets(), getrusage(RUSAGE_CHILDREN)
        self.cpu = 0.0
        with tempfile.NamedTemporaryFile("r") as usage:
            for command, out, read in runs:
                cpu, start = getrusage(RUSAGE_CHILDREN), time.monotonic()
                run = subprocess.run(["ip", "netns", "exec", SCANNER, TIME, "-o", usage.name, "-f", "%M", *command], capture_output=True, text=True)
                self.wall += time.monotonic() - start
                after = getrusage(RUSAGE_CHILDREN)
                self.cpu += after.ru_utime + after.ru_stime - cpu.ru_utime - cpu.ru_stime
                if run.returncode:
                    fail(f"{command[0]}: exit {run.returncode}: {(run.stderr or run.stdout).strip()[-300:]}")
                self.memory = max(self.memory, int(pathlib.Path(usage.name).read_text().split()[-1]) / 1024)
                ports, up = read(out)
                found |= ports
                hosts = up if hosts is None or up is None else hosts | up
        self.sent = packets() - before
        self.right, self.false = len(found & want), len(found - want)
        self.false_hosts = 0 if hosts is None else len(hosts - alive)
        self.per_packet = 1e6 * self.cpu / max(self.sent, 1)
        self.hosts = "-" if hosts is None else f"{len(hosts & alive)} / {len(hosts - alive)}"
        self.found = found

    def line(self, want, questions, nmap):
        ratio = f"{self.wall / nmap:.3f}" if nmap else "-"
        return (f"{self.name:9}{self.right:7}{100 * self.right / len(want):8.2f}%{self.false:7}{self.hosts:>12}{self.wall:9.2f}{ratio:>9}"
                f"{self.per_packet:12.2f}{1e6 * self.cpu / questions:11.2f}{self.sent:10}{self.memory:8.1f}")


def table(title, results, want, questions):
    print(f"\n{title}, {len(want)} ports open")
    print(f"{'':9}{'found':>7}{'share':>9}{'false':>7}{'hosts':>12}{'wall s':>9}{'of nmap':>9}{'CPU us/pkt':>12}{'/question':>11}{'packets':>10}{'MiB':>8}")
    nmap = next((r.wall for r in results if r.name == "nmap"), None)
    for result in results:
        print(result.line(want, questions, nmap))
    sys.stdout.flush()


def goal(met, text):
    print(f"goal {'met:    ' if met else 'NOT MET:'} {text}")


def goals(results, want, loss, memory=None):
    """What is asked of Muster, each beside its figure; of the peers' what was measured here."""
    by = {result.name: result for result in results}
    ours = by.get("muster")
    if not ours:
        return
    share = 99.9 if loss else 100.0
    goal(100 * ours.right >= share * len(want), f"found {ours.right} of {len(want)} ({100 * ours.right / len(want):.3f} %), at least {share:g} %")
    goal(not ours.false and not ours.false_hosts, f"false ports {ours.false}, false hosts {ours.false_hosts}; none")
    if "nmap" in by:
        goal(ours.wall <= by["nmap"].wall / 5, f"{ours.wall / by['nmap'].wall:.3f} of nmap's time, at most 0.200")
    lean = by.get("open", ours)
    for peer in (by[name] for name in ("masscan", "zmap") if name in by):
        goal(lean.per_packet < peer.per_packet, f"CPU a probe {lean.per_packet:.2f} us, less than {peer.name}'s {peer.per_packet:.2f}")
    if memory:
        goal(ours.memory < memory, f"resident memory {ours.memory:.1f} MiB, under {memory}")
    sys.stdout.flush()


def compare(title, scanners, names, want, alive, questions, loss=0, memory=None):
    results = []
    for name in names:
        if name not in ("muster", "open") and not shutil.which(name):
            print(f"{name} is not installed: left out", file=sys.stderr)
            continue
        results.append(Result(name, getattr(scanners, name)(), want, alive))
    table(title, results, want, questions)
    goals(results, want, loss, memory)


def peers(options, directory):
    for loss in options.loss:
        world("up", *parameters(LOSS_PM=loss))
        compare(f"{NETWORK} x 10 ports, loss {loss / 10:g} % each way", Scanners(directory, options.rate), options.only,
                truth(NETWORK, PORTS), truth(NETWORK, "-"), 16384 * 10, loss)


def large(options, directory):
    want, alive = truth(LARGE_NETWORK, LARGE_PORTS), truth(LARGE_NETWORK, "-")
    for loss in options.loss:
        world("up", *parameters(LOSS_PM=loss))
        compare(f"{LARGE_NETWORK} x 100 ports, loss {loss / 10:g} % each way",
                Scanners(directory, options.rate, LARGE_PORTS, (LARGE_NETWORK,)), ["muster"], want, alive, 65536 * 100, loss, 64)


def churn(options, directory):
    print(f"\n{NETWORK} x 10 ports, {EPOCHS} passes, {CHURN / 10:g} % of ports drawn anew before each")
    print(f"{'pass':9}{'open':>7}{'opened':>9}{'closed':>9}{'exact':>8}{'wall s':>9}")
    alive, seen, true, right = truth(NETWORK, "-"), set(), set(), 0
    for epoch in range(EPOCHS):
        age = dict(EPOCH=epoch, CHURN_PM=CHURN)
        world("up", *parameters(**age))
        want = truth(NETWORK, PORTS, **age)
        r = Result("muster", Scanners(directory, options.rate).muster(), want, alive)
        opened, closed = r.found - seen, seen - r.found
        exact = opened == want - true and closed == true - want
        print(f"{epoch:<9}{len(r.found):7}{len(opened):9}{len(closed):9}{'yes' if exact else 'NO':>8}{r.wall:9.2f}")
        seen, true, right = r.found, want, right + exact
    goal(right == EPOCHS, f"{right} of {EPOCHS} passes differ from the one before by what has changed, and by nothing else")
    sys.stdout.flush()


def six(options, directory):
    addresses, alive, want = six_world(SIX_HOSTS)
    targets = f"{directory}/six.txt"
    pathlib.Path(targets).write_text("\n".join(addresses) + "\n")
    for loss in options.loss:
        world("up", *parameters(LOSS_PM=loss))
        compare(f"{SIX_HOSTS} addresses of fd10::/16 x 10 ports, loss {loss / 10:g} % each way",
                Scanners(directory, options.rate, PORTS, ("-iL", targets), ("-6",)), [name for name in options.only if name in ("muster", "nmap")],
                want, alive, SIX_HOSTS * 10, loss)


def words(known):
    def parse(text):
        unknown = set(text.split(",")) - set(known)
        if unknown:
            raise argparse.ArgumentTypeError(f"expected {', '.join(known)}, not {', '.join(sorted(unknown))}")
        return text.split(",")
    return parse


def main():
    parser = argparse.ArgumentParser(prog="bench scan", description="The scanner beside its peers on a fake network.")
    names = ("muster", "open", "nmap", "masscan", "zmap")
    parser.add_argument("--part", default=list(PARTS), type=words(PARTS), help=f"these tables ({','.join(PARTS)})")
    parser.add_argument("--loss", default=[0, 50], type=lambda text: [int(word) for word in text.split(",")],
                        help="per mille in each direction, one table for each (0,50)")
    parser.add_argument("--only", default=list(names), type=words(names), help="these scanners, in this order")
    parser.add_argument("--rate", default="100000", help="packets a second at most (100000; nmap: at least 20000)")
    options = parser.parse_args()
    check()
    with tempfile.TemporaryDirectory(prefix="muster-bench-") as directory:
        try:
            for part in options.part:
                globals()[part](options, directory)
        finally:
            subprocess.run([WORLD / "world.sh", "down"], check=False)


main()
