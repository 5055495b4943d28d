#!/usr/bin/env python3
"""A configuration file that is not in force is seen by who asks Muster, and not in the log alone: muster status, muster doctor and report.sensor say since
when and why, as long as it is so; and a fault in it keeps nobody from the inventory."""
import json
import os
import pathlib
import signal
import subprocess
import time

import daemon
import netns
from test_musterd_faults import pid_of, said
from test_musterd_roles import kill_until_it_waits

ZONES = "scripts: {workers: 1}\nzones:\n  - {name: self, networks: [127.0.0.1], passes: [{kind: presence, interval: 1h}]}\n"


def run(d, *arguments):
    return subprocess.run([str(daemon.BUILD / "muster"), "--config", d.config, *arguments], capture_output=True, text=True, timeout=300)


def refused(d):
    """(why, since) of what `muster status` says is not in force."""
    list_ = json.loads(run(d, "--json", "status").stdout)["configurations_refused"]
    assert all(entry["sensor"] == "local" for entry in list_) and len(list_) < 2, list_
    return (list_[0]["why"], list_[0]["since"]) if list_ else None


def reload(d, text):
    pathlib.Path(d.config).write_text(f"state_directory: {d.state}\nlog_level: debug\n{text}")
    d.process.send(signal.SIGHUP)


def wait_refused(d, *parts):
    return netns.wait_for(f"{parts} is refused", lambda: all(part in (refused(d) or ("",))[0] for part in parts) and refused(d))


def wait_in_force(d):
    netns.wait_for("nothing is refused", lambda: refused(d) is None)


def fault_in_the_file(d):
    """Found by the monitor; the file still has it when somebody asks."""
    reload(d, ZONES.replace("interval", "intervall"))
    why, since = wait_refused(d, f"{d.config}:", "did you mean 'interval'?")
    line = why[len(d.config) + 1:].split(":")[0]
    assert "intervall" in pathlib.Path(d.config).read_text().splitlines()[int(line) - 1], why
    age = time.time() - time.mktime(time.strptime(since, "%Y-%m-%dT%H:%M:%SZ")) + time.timezone
    assert -2 < age < 60, since
    status = run(d, "status")
    assert status.returncode == 0 and f"sensor local: the configuration file is not in force since {since} (" in status.stdout, status.stdout
    assert f"ago), what held before goes on: {why}\n" in status.stdout, status.stdout
    assert f"muster: {why}; nothing but the place of the database is used of this file\n" == status.stderr, status.stderr
    doctor = run(d, "doctor")
    assert doctor.returncode == 2 and f"FAIL  config      {why}: muster config check lists every problem" in doctor.stdout, doctor.stdout
    assert "FAIL  config      sensor local: the file is not in force since " in doctor.stdout and "ok    database" in doctor.stdout, doctor.stdout
    asked = run(d, "status", "--wait-baseline", "60s")
    assert asked.returncode == 2 and why in asked.stderr and "the first inventory" not in asked.stderr, asked.stderr
    time.sleep(1.1)
    reload(d, ZONES.replace("interval", "intervalle"))
    assert wait_refused(d, "'intervalle'")[1] == since, "since the first of them"
    reload(d, ZONES)
    wait_in_force(d)
    assert "not in force" not in run(d, "status").stdout + run(d, "doctor").stdout
    print("a fault in the file", flush=True)


def fault_that_the_core_finds(world, d):
    """And a core that is started anew tells of it as well."""
    missing = world.path("no-such-arguments")
    reload(d, ZONES.replace("workers: 1", f"workers: 1, args_file: {missing}"))
    before = wait_refused(d, f"{d.config}: scripts.args_file: {missing}")
    d.sql("UPDATE inv.sensor SET config_why = NULL, config_refused_at = NULL")
    os.kill(pid_of(d, "core"), signal.SIGKILL)
    after = wait_refused(d, missing)
    assert before[0] == after[0] and abs(int(before[1][-3:-1]) - int(after[1][-3:-1])) in (0, 1, 59), (before, after)
    reload(d, ZONES)
    wait_in_force(d)
    print("one that the core finds", flush=True)


def core_that_dies(d):
    applied = len(said(d, "event=config-applied"))
    reload(d, ZONES.replace("workers: 1", "workers: 2"))
    netns.wait_for("it holds", lambda: len(said(d, "event=config-applied")) > applied)
    kill_until_it_waits(d, "core", 3)
    wait_refused(d, f"{d.config}: the core died under it 3 times, last by signal 9")
    print("one that was taken back", flush=True)


def next_life(d):
    """The file has no fault that a start would find."""
    assert d.stop() == 0
    d.start()
    netns.wait_for("the database", lambda: run(d, "status").returncode == 0)
    wait_in_force(d)
    print("a start forgets what was refused before", flush=True)


def main():
    netns.enter()
    daemon.need_programs()
    with netns.World() as world:
        d = daemon.Daemon(world, ZONES, endpoints=False).start()
        netns.wait_for("the start", lambda: said(d, "Muster has started"))
        netns.wait_for("the database", lambda: d.sql_or_nothing("SELECT 1 FROM report.sensor"))
        assert refused(d) is None
        fault_in_the_file(d)
        fault_that_the_core_finds(world, d)
        core_that_dies(d)
        next_life(d)
        assert d.stop() == 0


if __name__ == "__main__":
    main()
