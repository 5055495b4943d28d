#!/usr/bin/env python3
"""The script host beside nmap on the same unmodified scripts: CPU a run, waiting scripts, event loop, rules, memory.

usage: ./bootstrap bench scripts [--part web,slow,echo,silent,rules,memory] [--hosts N] [--only muster,nmap]

A namespace of its own, with real servers behind one address range; muster scan reads the same data folder as nmap (Debian's nmap-common).

web     N hosts x http-title, http-headers, http-robots.txt against nginx            (goals: CPU and wall <= 1/5 of nmap's)
slow    N hosts x http-title, http-headers against a server that answers after 0.5 s  (goals: wall <= 1/20; < 64 KiB a parked script)
echo    100 round trips of one script, alone and while another script waits
silent  ssl-cert on ten ports that accept and say nothing: its rule asks each of them
rules   rules of the default scripts that ask nobody, 1,000 hosts x 10 open ports that none of them wants
memory  100,000 script runs: resident memory when a tenth is done, and at the end (muster alone, its own scripts; four minutes)

nmap takes 262 s, 140 s and 40 s for slow, silent and rules on a usual machine: about ten minutes for all.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree
from resource import RLIMIT_NOFILE, RUSAGE_CHILDREN, getrlimit, getrusage, setrlimit

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/netns"))
import netns

MUSTER = pathlib.Path(os.environ.get("MUSTER_BUILD_DIR", ROOT / "build")) / "muster"
DATADIR = "/usr/share/nmap"
PARTS = ("web", "slow", "echo", "silent", "rules", "memory")
PORTS = {"web": 80, "slow": 8080, "echo": 7, "wait": 9}
SILENT = "40001-40010"
# Scripts whose rules ask the network are another matter: part silent has the worst of them.
QUIET = "default and not (ssl-* or tls-* or sslv2 or rdp-* or http-cisco-anyconnect)"

NGINX = """
worker_processes 1; daemon off; pid nginx.pid; error_log /dev/null crit;
events {{ worker_connections 8192; }}
http {{ access_log off; keepalive_requests 100000;
  server {{ listen 80 backlog=8192; root {root}; }} }}
"""

SERVER = """
import asyncio, sys

async def slow(reader, writer):
    try:
        while await reader.readuntil(b"\\r\\n\\r\\n"):
            await asyncio.sleep(0.5)
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Type: text/html\\r\\nContent-Length: 27\\r\\n\\r\\n<title>A slow page</title>\\n\\n")
    except (asyncio.IncompleteReadError, OSError):
        writer.close()

async def echo(reader, writer):
    try:
        while data := await reader.read(4096):
            writer.write(data)
    except OSError:
        pass
    writer.close()

async def silent(reader, writer):
    try:
        await reader.read()
    except OSError:
        pass
    writer.close()

async def main():
    serve = lambda what, port: asyncio.start_server(what, "0.0.0.0", port, backlog=8192)
    servers = [await serve(slow, 8080), await serve(echo, 7), await serve(silent, 9)]
    servers += [await serve(silent, port) for port in range(40001, 40011)]
    await asyncio.Event().wait()

asyncio.run(main())
"""

ECHO = """
local nmap = require "nmap"
local stdnse = require "stdnse"
description = [[A hundred round trips.]]
categories = {"safe"}
portrule = function(host, port) return port.number == 7 end
action = function(host, port)
  local s = nmap.new_socket()
  s:set_timeout(60000)
  assert(s:connect(host, port))
  local begin = nmap.clock()
  for i = 1, 100 do
    assert(s:send("round trip\\n"))
    assert(s:receive())
  end
  local took = nmap.clock() - begin
  s:close()
  return ("%.6f"):format(took)
end
"""

WAIT = """
local nmap = require "nmap"
description = [[Waits on a socket that says nothing.]]
categories = {"safe"}
portrule = function(host, port) return port.number == 9 end
action = function(host, port)
  local s = nmap.new_socket()
  s:set_timeout(12000)
  assert(s:connect(host, port))
  s:receive()
  s:close()
end
"""


def fail(text):
    sys.exit(f"bench scripts: {text}")


def check():
    if os.geteuid() != 0:
        fail("needs root: it makes network namespaces")
    if not MUSTER.exists():
        fail(f"{MUSTER} is not built (./bootstrap build)")
    if not pathlib.Path(DATADIR, "scripts/script.db").exists():
        fail("needs the scripts of Debian's nmap (apt-get install nmap)")
    if not shutil.which("nginx"):
        fail("needs nginx (apt-get install nginx-light)")


class Run:
    """One program's run: wall and CPU seconds, peak of resident memory in KiB, results by script."""

    def __init__(self, command, read, watch=None):
        before, start = getrusage(RUSAGE_CHILDREN), time.monotonic()
        self.popen = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if watch:
            threading.Thread(target=watch, args=(self.popen.pid,), daemon=True).start()
        _, error = self.popen.communicate()
        self.wall, after = time.monotonic() - start, getrusage(RUSAGE_CHILDREN)
        self.cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if self.popen.returncode > 1:
            fail(f"{command[0]}: exit {self.popen.returncode}: {error.strip()[-300:]}")
        self.results = read()


class Bench:
    def __init__(self, world, options):
        self.world, self.options = world, options
        self.farm = world.host("farm", 10)
        self.farm.run("ip", "route", "add", "local", "10.80.0.0/16", "dev", "lo")
        self.farm.run("sysctl", "-qw", "net.core.somaxconn=65535", "net.ipv4.tcp_max_syn_backlog=65535", "net.ipv4.tcp_syncookies=0")
        netns.sh("ip", "route", "add", "10.80.0.0/16", "via", self.farm.address)
        netns.sh("sysctl", "-qw", "net.ipv4.ip_local_port_range=10000 65000")
        self.serve()

    def serve(self):
        root = pathlib.Path(self.world.path("www"))
        root.mkdir(mode=0o755)
        os.chmod(self.world.directory, 0o755)
        (root / "index.html").write_text("<html><head><title>A page of the bench</title></head><body>text</body></html>\n")
        (root / "robots.txt").write_text("User-agent: *\nDisallow: /private\nDisallow: /tmp/\n")
        conf = pathlib.Path(self.world.path("nginx.conf"))
        conf.write_text(NGINX.format(root=root))
        self.farm.start(["nginx", "-c", str(conf), "-p", self.world.directory])
        server = pathlib.Path(self.world.path("server.py"))
        server.write_text(SERVER)
        self.farm.start(["sh", "-c", f"ulimit -n $(ulimit -Hn); exec {sys.executable} {server}"])
        for port in (80, 8080, 7, 9, 40010):
            netns.wait_port("10.80.0.1", port, 30)

    def muster(self, scripts, ports, targets, *more, watch=None, data=("--datadir", DATADIR)):
        out = self.world.path("muster.jsonl")

        def read():
            with open(out, encoding="utf-8") as lines:
                return [r for r in map(json.loads, lines) if r["record"] == "script"]
        return Run([MUSTER, "scan", "-n", "-Pn", "-p", str(ports), *data, "--script", scripts,
                    "-oJ", out, *more, targets], read, watch)

    def nmap(self, scripts, ports, targets, *more):
        out = self.world.path("nmap.xml")

        def read():
            return [s.attrib for s in xml.etree.ElementTree.parse(out).getroot().iter("script")]
        return Run(["nmap", "-n", "-Pn", "-T4", "-p", str(ports), "--datadir", DATADIR, "--script", scripts,
                    "-oX", out, *more, targets], read)

    def both(self, *words):
        return {name: getattr(self, name)(*words) for name in self.options.only}


def compare(title, runs, count, goals):
    """goals: [(what, function of (muster, nmap) -> figure, goal)]"""
    print(f"\n{title}")
    for name, run in runs.items():
        print(f"  {name:7}{run.wall:9.2f} s{run.cpu:9.2f} s CPU{1e6 * run.cpu / count:11.1f} us CPU each{len(run.results):8} results")
    if len(runs) == 2:
        for what, figure, goal in goals:
            got = figure(runs["muster"], runs["nmap"])
            print(f"  {what}: {got:.3f} (goal {goal:g}: {'met' if got <= goal else 'NOT MET'})")
    sys.stdout.flush()


def cpu(mine, theirs):
    return mine.cpu / theirs.cpu


def wall(mine, theirs):
    return mine.wall / theirs.wall


def network(hosts):
    """CIDR of so many addresses (a power of two)."""
    return f"10.80.0.0/{32 - (hosts - 1).bit_length()}"


def web(bench, hosts):
    runs = bench.both("http-title,http-headers,http-robots.txt", PORTS["web"], network(hosts))
    compare(f"{hosts} hosts x 3 scripts against nginx", runs, 3 * hosts, [("CPU of nmap's", cpu, 0.2), ("wall of nmap's", wall, 0.2)])


def resident(pid, kept):
    """Appends (seconds since the start, KiB) until the process ends."""
    begin = time.monotonic()
    try:
        while True:
            for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS"):
                    kept.append((time.monotonic() - begin, int(line.split()[1])))
            time.sleep(0.05)
    except OSError:
        pass


def slow(bench, hosts):
    kept = []
    runs = {}
    for name in bench.options.only:
        more = {"watch": lambda pid: resident(pid, kept)} if name == "muster" else {}
        runs[name] = getattr(bench, name)("http-title,http-headers", PORTS["slow"], network(hosts), **more)
    compare(f"{hosts} hosts x 2 scripts against a server that answers after 0.5 s", runs, 2 * hosts, [("wall of nmap's", wall, 0.05)])
    if kept:
        peak = max(k for _, k in kept)
        print(f"  muster: {peak / 1024:.1f} MiB at its peak, {peak / (2 * hosts):.1f} KiB for each of {2 * hosts} scripts "
              f"(goal 64: {'met' if peak / (2 * hosts) <= 64 else 'NOT MET'})")


def echo(bench, _):
    folder = pathlib.Path(bench.world.path("own"))
    (folder / "scripts").mkdir(parents=True, exist_ok=True)
    (folder / "scripts/bench-echo.nse").write_text(ECHO)
    (folder / "scripts/bench-wait.nse").write_text(WAIT)
    names = [str(folder / "scripts" / f"bench-{name}.nse") for name in ("echo", "wait")]
    print("\n100 round trips of one script")
    for name in bench.options.only:
        took = []
        for scripts, ports in ((names[0], "7"), (",".join(names), "7,9")):
            run = getattr(bench, name)(scripts, ports, "10.80.0.1")
            took.append(next(float(r["output"]) for r in run.results if "echo" in (r.get("id") or r.get("script") or "")))
        print(f"  {name:7}{took[0]:9.3f} s alone{took[1]:9.3f} s while another script waits")
    sys.stdout.flush()


def silent(bench, _):
    runs = bench.both("ssl-cert", SILENT, "10.80.0.1")
    compare("ssl-cert on ten ports that say nothing, Nmap's library: its mutex of the host lets one port at a time be asked", runs, 10, [])
    if "muster" in runs:
        runs["muster"] = bench.muster("ssl-cert", SILENT, "10.80.0.1", data=())
        compare("the same with Muster's own ssl-cert and library", runs, 10, [("wall of nmap's", wall, 0.2)])


def rules(bench, _):
    runs = bench.both(QUIET, SILENT, "10.80.0-3.0-249")
    compare("rules of the quiet default scripts, 1,000 hosts x 10 ports", runs, 10000, [("CPU of nmap's", cpu, 0.2)])


def memory(bench, _):
    """With Muster's library: Nmap's sorts its cache of pages again and again once that is full, which takes a quarter of an hour here."""
    kept = []
    run = bench.muster("http-title,http-headers", PORTS["web"], "10.80.0-195.0-255", "--max-rate", "2000", data=(), watch=lambda pid: resident(pid, kept))
    third = [k for t, k in kept if 0.1 * run.wall < t < 0.2 * run.wall]
    last = [k for t, k in kept if 0.85 * run.wall < t < 0.95 * run.wall]
    print(f"\n{len(run.results)} script runs in {run.wall:.1f} s: {max(third) / 1024:.1f} MiB when a tenth to a fifth was done, "
          f"{max(last) / 1024:.1f} MiB near the end")


def words(known):
    def parse(text):
        unknown = set(text.split(",")) - set(known)
        if unknown:
            raise argparse.ArgumentTypeError(f"expected {', '.join(known)}, not {', '.join(sorted(unknown))}")
        return text.split(",")
    return parse


def main():
    parser = argparse.ArgumentParser(prog="bench scripts", description="The script host beside nmap.")
    parser.add_argument("--part", default=list(PARTS), type=words(PARTS), help=f"these parts ({','.join(PARTS)})")
    parser.add_argument("--hosts", default=4096, type=int, help="of web and slow, a power of two (4096)")
    parser.add_argument("--only", default=["muster", "nmap"], type=words(("muster", "nmap")), help="these programs, in this order")
    options = parser.parse_args()
    check()
    netns.enter()
    setrlimit(RLIMIT_NOFILE, (getrlimit(RLIMIT_NOFILE)[1],) * 2)
    with netns.World() as world:
        bench = Bench(world, options)
        for part in options.part:
            globals()[part](bench, options.hosts)


main()
