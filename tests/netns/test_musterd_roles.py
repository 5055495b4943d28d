#!/usr/bin/env python3
"""The monitor while one of its roles is away: a reload is decided by the next core, which a new configuration can bring back; one under
which the core dies again and again is taken back; and nothing is started any more once the end has begun.  There is no database: the roles run without."""
import os
import pathlib
import signal
import socket
import time

import daemon
import netns
from test_musterd_faults import pids_of, said

REJECTED, APPLIED = "event=config-rejected", "event=config-applied"


def kill_until_it_waits(d, role, times):
    """The more often, the longer until it is started again: 0, 0.5, 1, 2, 4 s."""
    for _ in range(times):
        pid = netns.wait_for(f"the {role} runs", lambda: pids_of(d, role))[0]
        died = len(said(d, "event=worker-died", f"role={role}"))
        os.kill(pid, signal.SIGKILL)
        netns.wait_for(f"the {role} has died", lambda: len(said(d, "event=worker-died", f"role={role}")) > died, step=0.005)


class Roles:
    """A musterd whose database is nowhere."""

    def __init__(self, world, name, scripts="{workers: 1}"):
        self.state, self.config, self.path = world.path(f"{name}.state"), world.path(f"{name}.yaml"), world.path(f"{name}.log")
        self.nowhere = world.path("no-socket")
        self.configure(scripts)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(world.path(f"{name}.notify"))
        self.notify.setblocking(False)
        self.heard = ""
        self.process = world.start([str(daemon.BUILD / "musterd"), "--config", self.config], log=f"{name}.log",
                                   env={"NOTIFY_SOCKET": world.path(f"{name}.notify")})
        netns.wait_for("the start", lambda: said(self, "Muster has started"))

    def configure(self, scripts):
        pathlib.Path(self.config).write_text(f"database: \"host={self.nowhere} dbname=muster\"\nstate_directory: {self.state}\nlog_level: debug\n"
                                             f"scripts: {scripts}\nzones:\n  - {{name: self, networks: [127.0.0.1]}}\n")

    def reload(self, scripts):
        """The events that follow, as soon as there is one."""
        before = len(self.events())
        self.configure(scripts)
        self.process.send(signal.SIGHUP)
        return netns.wait_for("an answer to the reload", lambda: self.events()[before:])

    def events(self):
        return [line for line in self.log().splitlines() if REJECTED in line or APPLIED in line]

    def log(self):
        return pathlib.Path(self.path).read_text(errors="replace")

    def status(self):
        """The last that systemd was told."""
        try:
            while True:
                said_now = self.notify.recv(4096).decode().split("\n")
                self.heard = ([line for line in said_now if line.startswith("STATUS=")] or [self.heard])[-1]
        except BlockingIOError:
            return self.heard

    def files(self):
        """How many the monitor has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def kill_until_it_waits(self, role, times):
        kill_until_it_waits(self, role, times)
        assert not pids_of(self, role), f"the {role} is back already"


def reload_without_a_core(world):
    d = Roles(world, "reload")
    missing = world.path("no-such-arguments")
    d.kill_until_it_waits("core", 5)
    got = d.reload(f"{{workers: 1, args_file: {missing}}}")
    assert REJECTED in got[0] and missing in got[0], got
    d.kill_until_it_waits("core", 1)
    got = d.reload("{workers: 2}")
    assert len(got) == 1 and APPLIED in got[0], got
    netns.wait_for("two script workers", lambda: len(pids_of(d, "script")) == 2)
    assert d.process.stop() == 0
    print("a reload while the core is away is decided by the next one", flush=True)


def reload_that_brings_the_core_back(world):
    arguments = pathlib.Path(world.path("arguments"))
    arguments.write_text("")
    d = Roles(world, "repair", f"{{workers: 1, args_file: {arguments}}}")
    arguments.unlink()
    os.kill(pids_of(d, "core")[0], signal.SIGKILL)
    netns.wait_for("cores that reject what is in force", lambda: len(said(d, REJECTED, str(arguments))) > 1)
    d.configure("{workers: 1}")

    def reloaded():
        """Refused where the core has ended and is not buried yet: then again, as that says."""
        return said(d, APPLIED) or d.process.send(signal.SIGHUP)
    netns.wait_for("the reload", reloaded, step=0.5)
    core = netns.wait_for("the core runs", lambda: pids_of(d, "core"))
    time.sleep(1)
    assert pids_of(d, "core") == core and APPLIED in d.events()[-1], d.events()
    assert d.process.stop() == 0
    print("a configuration that no core takes any more is mended by a reload", flush=True)


def reload_under_which_the_core_dies(world):
    d = Roles(world, "deadly")
    assert APPLIED in d.reload("{workers: 2}")[0]
    netns.wait_for("two script workers", lambda: len(pids_of(d, "script")) == 2)
    d.kill_until_it_waits("core", 2)
    assert len(d.events()) == 1, "taken back too soon"
    d.kill_until_it_waits("core", 1)
    line = netns.wait_for("the former configuration", lambda: said(d, REJECTED))[0]
    assert "was taken back" in line and "3 times, last by signal 9" in line, line
    netns.wait_for("one script worker", lambda: len(pids_of(d, "script")) == 1)
    netns.wait_for("systemd knows", lambda: f"the configuration file is not in force: {d.config}: the core died under it 3 times" in d.status())
    netns.wait_for("the core runs", lambda: pids_of(d, "core"))
    d.kill_until_it_waits("core", 4)
    assert len(d.events()) == 2, "what held before cannot be taken back"
    assert APPLIED in d.reload("{workers: 2}")[0]
    netns.wait_for("systemd knows", lambda: d.status() and "not in force" not in d.status())
    assert d.process.stop() == 0
    print("a configuration under which core after core dies is taken back", flush=True)


def reload_that_no_core_survives(world):
    """No core answers before it dies: it hangs where it takes the configuration in, at a file that nobody writes to."""
    endless = world.path("endless-arguments")
    os.mkfifo(endless)
    d = Roles(world, "fatal")
    before = d.files()
    d.configure(f"{{workers: 2, args_file: {endless}}}")
    d.process.send(signal.SIGHUP)
    netns.wait_for("the monitor has read it", lambda: d.files() > before)
    for _ in range(3):
        assert not d.events(), d.events()
        kill_until_it_waits(d, "core", 1)
    line = netns.wait_for("the answer", d.events)[0]
    assert REJECTED in line and f"{d.config}: the core died each time it took it in" in line, line
    netns.wait_for("systemd knows", lambda: f"not in force: {d.config}: the core died each time" in d.status())
    netns.wait_for("the core runs", lambda: pids_of(d, "core"))
    assert len(pids_of(d, "script")) == 1 and len(d.events()) == 1, d.events()
    got = d.reload("{workers: 2}")
    assert APPLIED in got[0], got
    assert len(said(d, "event=worker-died", "role=core")) == 3, "what held before was not taken at once"
    assert d.process.stop() == 0
    print("a configuration that no core survives is refused", flush=True)


def stop_while_a_worker_waits(world):
    """The scanner is deaf, so that the end takes until it is killed, and the worker's time comes meanwhile."""
    d = Roles(world, "stop")
    d.kill_until_it_waits("script", 4)
    time.sleep(1.6)
    os.kill(pids_of(d, "scanner")[0], signal.SIGSTOP)
    d.process.send(signal.SIGTERM)
    assert d.process.popen.wait(netns.CEILING) == 0
    print("no role is started again during the end", flush=True)


def main():
    netns.enter()
    daemon.need_programs()
    with netns.World() as world:
        netns.together(lambda: reload_without_a_core(world), lambda: reload_that_brings_the_core_back(world),
                       lambda: reload_under_which_the_core_dies(world), lambda: reload_that_no_core_survives(world),
                       lambda: stop_while_a_worker_waits(world))


if __name__ == "__main__":
    main()
