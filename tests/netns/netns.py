"""Test networks in namespaces of their own: nothing leaves them, and everything ends with the test.

    import netns
    netns.enter()                      # re-executes the script inside fresh user, mount and network namespaces
    with netns.World() as world:       # a bridge br0 with 10.77.0.1/24 and fd77::1/64: the place of the scanner
        web = world.host("web", 10)    # 10.77.0.10, fd77::10, MAC 02:77:00:00:00:0a
        web.start(["python3", "-m", "http.server", "80"])
        netns.wait_port("10.77.0.10", 80)

Python standard library only.  enter() exits with 77 (skipped, the reason printed) where the kernel denies namespaces.
"""
import concurrent.futures
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SKIP = 77
CEILING = 240.0  # seconds: what takes one or two takes that long where ten others want the same two cores
TIMES = "MUSTER_TIMES" in os.environ  # by hand, on a quiet machine: what is promised in seconds has to be kept; else it is printed alone
_MARK = "MUSTER_TEST_NETNS"


def skip(reason):
    print(f"skipped: {reason}", flush=True)
    sys.exit(SKIP)


def _net_id():
    return os.readlink("/proc/self/ns/net")


def enter():
    """Runs this script again in namespaces of its own (user namespace only when not root); returns inside."""
    outside = os.environ.get(_MARK)
    if outside:
        if outside == _net_id():
            sys.exit("the network namespace is the one outside: refusing to send anything")
        return
    flags = ["-n", "-m", "--propagation", "private"] + ([] if os.geteuid() == 0 else ["-U", "-r"])
    if not shutil.which("ip"):
        skip("iproute2 is not installed")
    if subprocess.run(["unshare", *flags, "true"], capture_output=True).returncode:
        skip("the kernel denies network namespaces here")
    os.environ[_MARK] = _net_id()
    os.execvp("unshare", ["unshare", *flags, "--fork", "--kill-child", sys.executable, *sys.argv])


def sh(*command, check=True, **options):
    """Runs a command (words), gives its standard output; fails with its standard error."""
    run = subprocess.run(command, capture_output=True, text=True, **options)
    if check and run.returncode:
        raise RuntimeError(f"{' '.join(command)}: {run.stderr.strip() or run.returncode}")
    return run.stdout


def together(*calls):
    """Functions side by side, which mostly wait for others; their results in order.  The first failure is raised when all have ended."""
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def wait_for(what, probe, timeout=CEILING, step=0.05):
    """Calls probe until it gives something true, and returns that; `what` names it in the failure.

    A wait is never shorter than CEILING: one that succeeds costs nothing by that, and a busy machine is no failure."""
    timeout = max(timeout, CEILING)
    end = time.monotonic() + timeout
    while True:
        got = probe()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {timeout:g} s (last: {got!r})")
        time.sleep(step)
        step = min(step * 1.3, 0.5)


def wait_port(address, port, timeout=CEILING):
    def connect():
        try:
            socket.create_connection((address, port), 1).close()
            return True
        except OSError:
            return False
    return wait_for(f"{address}:{port} listens", connect, timeout)


class Process:
    """A program of the test, in a process group of its own; ended with the world at the latest."""

    def __init__(self, command, log, env=None, cwd=None):
        self.log = open(log, "ab")
        self.popen = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                      start_new_session=True, env={**os.environ, **(env or {})}, cwd=cwd)
        self.pid = self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def send(self, number):
        os.kill(self.pid, number)

    def stop(self, number=signal.SIGTERM, timeout=CEILING):
        """Signals the whole group, waits; returns the exit code."""
        if self.running():
            os.killpg(self.pid, number)
            try:
                self.popen.wait(timeout)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
                self.popen.wait()
        self.log.close()
        return self.popen.returncode


class Host:
    """One machine of the test network: a network namespace behind a veth on the bridge."""

    def __init__(self, world, name, number, cable="up"):
        self.world, self.name, self.number = world, name, number
        self.address, self.address6 = f"10.77.0.{number}", f"fd77::{number:x}"
        self.mac = f"02:77:00:00:00:{number:02x}"
        self.port = f"v-{name}"[:15]
        sh("ip", "netns", "add", name)
        sh("ip", "link", "add", self.port, "type", "veth", "peer", "name", "eth0", "address", self.mac, "netns", name)
        sh("ip", "link", "set", self.port, "master", "br0", cable)
        for command in (["link", "set", "lo", "up"], ["link", "set", "eth0", "up"],
                        ["addr", "add", f"{self.address}/24", "dev", "eth0"],
                        ["addr", "add", f"{self.address6}/64", "dev", "eth0", "nodad"],
                        ["route", "add", "default", "via", "10.77.0.1"]):
            sh("ip", "-n", name, *command)

    def also(self, address):
        """One more address on the host, such as "10.77.0.99"."""
        sh("ip", "-n", self.name, "addr", "add", f"{address}/24", "dev", "eth0")

    def run(self, *command, **options):
        return sh("ip", "netns", "exec", self.name, *command, **options)

    def start(self, command, **options):
        return self.world.start(["ip", "netns", "exec", self.name, *command], **options)

    def cable(self, state):
        """Pulls ("down") or plugs in ("up") the cable."""
        sh("ip", "link", "set", self.port, state)


class World:
    """The bridge with the scanner's address on it, the hosts, the programs and a directory for them."""

    def __enter__(self):
        self.hosts, self.processes = {}, []
        self.directory = tempfile.mkdtemp(prefix="muster-test-")
        os.makedirs("/run/netns", exist_ok=True)
        sh("mount", "-t", "tmpfs", "tmpfs", "/run/netns")
        sh("ip", "link", "set", "lo", "up")
        sh("ip", "link", "add", "br0", "type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
        sh("ip", "link", "set", "br0", "address", "02:77:00:00:00:01", "up")
        sh("ip", "addr", "add", "10.77.0.1/24", "dev", "br0")
        sh("ip", "addr", "add", "fd77::1/64", "dev", "br0", "nodad")
        return self

    def __exit__(self, kind, *_):
        for process in reversed(self.processes):
            process.stop(signal.SIGKILL)
        for name in self.hosts:
            sh("ip", "netns", "del", name, check=False)
        sh("umount", "/run/netns", check=False)
        if kind is None and not os.environ.get("MUSTER_KEEP"):
            shutil.rmtree(self.directory, ignore_errors=True)
        else:
            print(f"the test's files are in {self.directory}", file=sys.stderr)

    def path(self, name):
        return os.path.join(self.directory, name)

    def host(self, name, number, cable="up"):
        self.hosts[name] = Host(self, name, number, cable)
        return self.hosts[name]

    def start(self, command, log=None, **options):
        process = Process(command, self.path(log or f"{len(self.processes):02}-{os.path.basename(command[0])}.log"), **options)
        self.processes.append(process)
        return process
