#!/usr/bin/env python3
"""Kills during a changing workload: of the store's process (-9), of the server (-9 of a backend, of the postmaster; immediate stop) and of
the connection.  After each the audit must be clean, and in the end what is known must be what is true: nothing lost, doubled or torn.
MUSTER_KILLS: how many (20); MUSTER_SEED for a repeat."""
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pgtest

PASSES = "presence/presence/1h/1s//0 ports/ports/1h/1s/1-1000/1 scripts/scripts/1h/1s//1"
HOSTS, PART = 40, 14
LEASES = "SELECT to_jsonb(s) FROM inv.sensor s; SELECT schedule_id, fence, sensor_id, part_done, claimed_at, now(), due_at FROM inv.schedule s"


class World:
    """What is true, and how a visit tells it."""

    def __init__(self, rng):
        self.rng = rng
        self.hosts = {i: {"up": True, "name": 0, "ports": {22, 80}, "result": 0} for i in range(1, HOSTS + 1)}

    def change(self):
        for _ in range(self.rng.randrange(5)):
            h = self.rng.choice(list(self.hosts.values()))
            what = self.rng.choice(("name", "port", "result", "port", "result"))
            if what == "port":
                h["ports"] ^= {self.rng.choice((22, 80, 443, 993))}
            else:
                h[what] = self.rng.randrange(1000)

    def told(self, kind, i):
        h = self.hosts[i]
        text = f"10.0.0.{i},up"
        if kind != "scripts":
            text += f",n=h{h['name']}.lab" if h["name"] else ""
        if kind == "ports":
            text += "".join(f",p={p}" for p in sorted(h["ports"]))
        if kind == "scripts":
            text += "".join(f",s={p}:probe:ok:{p}-{h['result']}" for p in sorted(h["ports"]))
        return text

    def facts(self):
        """As the database should have them: 'address slot attribute value'."""
        return {(i, p) for i, h in self.hosts.items() for p in h["ports"]}, {i: h["name"] for i, h in self.hosts.items() if h["name"]}, \
            {(i, p): f"{p}-{h['result']}" for i, h in self.hosts.items() for p in h["ports"]}


class Run:
    def __init__(self, server, seed):
        self.server, self.rng = server, random.Random(seed)
        self.db = server.database(migrated=True)
        self.world = World(self.rng)
        self.journal = server.dir / "journal"
        self.driver = None
        self.told = []                                          # what the driver answered
        self.open()
        self.driver.do(f"config lab 10.0.0.0/24 - 3 {PASSES}")
        for _ in range(2):
            self.sweep()

    def open(self):
        self.driver = pgtest.Driver("pg_store_driver")
        got = self.driver.do("open " + self.db.conninfo.replace(" ", ";") + f" 0 0 {self.journal}")
        for _ in range(100):
            if got == "state ready":
                return
            self.driver.do("spin 100")                          # the server is on its way
            got = self.driver.do("state").strip()
        raise AssertionError(f"no store: {got}")

    def sweep(self):
        self.db.sql("UPDATE inv.schedule SET wanted_at = now(), due_at = now() WHERE due_at < 'infinity'; UPDATE inv.doubt SET last_at = last_at - interval '1 minute'")
        answer = self.driver.do("claim 8 600s presence,ports,scripts").splitlines()
        self.told.append(answer[-1] if answer else "no answer to the claim")
        for line in answer:
            if not line.startswith("lease"):
                continue
            _, lease, _, kind = line.split()[:4]
            method = {"presence": "icmp", "ports": "syn", "scripts": "script script=probe"}[kind]
            for first in range(1, HOSTS + 1, PART):
                hosts = " ".join(self.world.told(kind, i) for i in range(first, min(first + PART, HOSTS + 1)))
                self.told.append(self.driver.do(f"part! {lease} {method} {hosts}"))
            self.told.append(self.driver.do(f"finish {lease} complete"))

    def backends(self):
        pids = subprocess.run(["pgrep", "-P", str(self.server.process.pid)], capture_output=True, text=True, check=False).stdout.split()
        return [int(p) for p in pids if b"muster" in self.proc(p, "cmdline")]

    def strike(self, kind):
        if kind == "process":
            self.driver.process.kill()
        elif kind == "server":
            self.server.stop(signal.SIGQUIT)
        elif kind == "postmaster":
            self.server.process.kill()
        else:
            for pid in self.backends():
                try:
                    os.kill(pid, signal.SIGKILL if kind == "backend" else signal.SIGTERM)
                except ProcessLookupError:
                    pass

    def mend(self, kind):
        if kind == "postmaster":
            self.server.process.wait()
            self.server.process = None
            self.server.log.close()
            for _ in range(200):
                if not self.alive():
                    break
                time.sleep(0.05)
        if self.server.process is None:
            self.server.start()

    def alive(self):
        return any(b"postgres" in self.proc(p, "comm") and str(self.server.dir).encode() in self.proc(p, "cwd") for p in os.listdir("/proc") if p.isdigit())

    @staticmethod
    def proc(pid, name):
        try:
            return os.readlink(f"/proc/{pid}/cwd").encode() if name == "cwd" else pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
        except OSError:
            return b""

    def kill_once(self):
        kind = self.rng.choice(("process", "process", "connection", "connection", "backend", "server", "postmaster"))
        strike = threading.Timer(self.rng.uniform(0.0, 0.25), self.struck, [kind])
        self.world.change()
        strike.start()
        try:
            self.sweep()
            self.world.change()
            self.sweep()
        except (AssertionError, BrokenPipeError, OSError) as error:
            if kind == "process":
                assert "died" in str(error) or isinstance(error, OSError), error
        strike.join()
        if kind == "process":
            self.driver.process.wait()                          # a kill that came behind the sweeps may not have arrived yet
        if self.driver.process.poll() is not None:
            self.open()
        return kind

    def struck(self, kind):
        self.strike(kind)
        self.mend(kind)

    def audit(self):
        for _ in range(100):
            try:
                bad = self.db.sql("SELECT string_agg(what || ': ' || n, ', ') FROM ops.audit() WHERE n <> 0")
                break
            except AssertionError as error:
                if "starting up" not in str(error) and "recovery" not in str(error) and "connection" not in str(error):
                    raise
                time.sleep(0.1)
        assert not bad, f"audit: {bad}"

    def settle(self):
        """Without kills, passes make the state the truth."""
        self.driver.do("sync-wait")
        # a connection that was lost while the driver slept is noticed when it is used next; what asks then and is not sent again fails
        self.driver.do("sql-retry SELECT 1")
        for _ in range(600):
            if self.driver.do("state").strip() == "state ready":
                break
            self.driver.do("spin 100")
        for _ in range(2):
            self.told = []
            self.sweep()
            text = "\n".join(self.told)
            assert text.count("finished ok") == 3 and "applied S" not in text, f"without a kill: {self.told}\n{self.db.sql(LEASES)}"
        ports, names, results = self.world.facts()
        got = {tuple(map(int, line.split())) for line in self.db.sql("SELECT split_part(host(addr), '.', 4) || ' ' || (slot & 65535) FROM inv.fact_now WHERE attr_id = 10").splitlines()}
        assert got == ports, f"ports: missing {ports - got}, too many {got - ports}"
        got = {tuple(map(int, line.split()[:2])): line.split()[2] for line in
               self.db.sql("SELECT split_part(host(address), '.', 4) || ' ' || port || ' ' || output FROM report.script_result").splitlines()}
        assert got == results, f"results: {set(got.items()) ^ set(results.items())}"
        got = {int(line.split()[0]): line.split()[1] for line in self.db.sql("SELECT split_part(host(address), '.', 4) || ' ' || hostname FROM report.host WHERE hostname IS NOT NULL").splitlines()}
        for i, name in names.items():
            assert got.get(i) == f"h{name}.lab", (i, name, got.get(i))


def test_kills_lose_double_and_tear_nothing():
    seed, kills = int(os.environ.get("MUSTER_SEED") or random.randrange(1 << 30)), int(os.environ.get("MUSTER_KILLS") or 20)
    print(f"seed {seed}, {kills} kills", flush=True)
    with pgtest.Cluster(options=["synchronous_commit=on", "shared_buffers=32MB"]) as server:
        run = Run(server, seed)
        counts, started = {}, time.monotonic()
        for n in range(1, kills + 1):
            kind = run.kill_once()
            counts[kind] = counts.get(kind, 0) + 1
            run.audit()
            if n % 25 == 0 or n == kills:
                run.settle()
                run.audit()
                print(f"{n} kills in {time.monotonic() - started:.0f} s: {counts}, {run.db.sql('SELECT count(*) FROM inv.change')} changes, all as it should be", flush=True)
        run.driver.close()


if __name__ == "__main__":
    pgtest.run(globals())
