"""musterd with its embedded PostgreSQL and a webhook receiver, inside a test network (netns.World)."""
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess

import netns

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MUSTER_BUILD_DIR", ROOT / "build"))
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
RECEIVER_PORT = 9009
# Each change is a message of its own, at once.
EACH = """alerts:
  breaker: {hold: 0}
routes:
  - {name: zones, match: {types: ["zone.*"]}, endpoints: []}
  - {name: each, group_by: [condition], group_wait: 0, group_interval: 0}
"""


def need_programs():
    for name in ("muster", "musterd"):
        if not (BUILD / name).exists():
            netns.skip(f"{BUILD / name} is not built")


def made_database(world):
    """The pgdata of an installation without zones: initdb and all migrations take longer than many a test, so they are done once a build
    and copied.  What they do at a real first start is test_musterd_loopback's."""
    key = hashlib.sha256(subprocess.run([str(BUILD / "musterd"), "--version"], capture_output=True).stdout)
    for path in sorted((ROOT / "migrations").glob("*.sql")):
        key.update(path.name.encode() + path.read_bytes())
    kept = BUILD / "tests" / f"pgdata-{os.geteuid()}-{key.hexdigest()[:16]}"
    with open(f"{kept}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            maker = Daemon(world, "", endpoints=False, made=False, name="made").start()
            netns.wait_for("a database to copy", lambda: "visits begin" in maker.log())
            assert maker.stop() == 0
            subprocess.run(["cp", "-a", f"{maker.state}/pgdata", f"{kept}.new"], check=True)
            os.rename(f"{kept}.new", kept)
            shutil.rmtree(maker.state)
    return kept


class Receiver:
    """tests/support/receiver.py on the scanner's loopback; what it was sent, in order."""

    def __init__(self, world):
        self.log, self.status = world.path("deliveries.jsonl"), world.path("receiver-status")
        self.secret = world.path("webhook-secret")
        pathlib.Path(self.secret).write_text(SECRET)
        os.chmod(self.secret, 0o600)
        world.start(["python3", str(ROOT / "tests/support/receiver.py"), "127.0.0.1", str(RECEIVER_PORT), self.secret, self.log, self.status],
                    log="receiver.log")
        netns.wait_port("127.0.0.1", RECEIVER_PORT)

    def answer(self, status):
        pathlib.Path(self.status).write_text(str(status))

    def requests(self):
        try:
            return [json.loads(line) for line in open(self.log) if line.endswith("\n")]
        except FileNotFoundError:
            return []

    def accepted(self):
        return [r for r in self.requests() if 200 <= r["status"] < 300]


class Daemon:
    """One installation: its directory, its configuration, musterd when started."""

    def __init__(self, world, zones, endpoints=True, routes=EACH, made=True, name="muster"):
        """made: with a database that is there already; else musterd makes it."""
        self.world, self.process, self.logged = world, None, f"{name}.log"
        self.state, self.config = world.path(f"{name}.state"), world.path(f"{name}.yaml")
        os.makedirs(self.state, exist_ok=True)
        if made:
            subprocess.run(["cp", "-a", str(made_database(world)), f"{self.state}/pgdata"], check=True)
        text = f"state_directory: {self.state}\nlog_level: debug\n{zones}"
        if endpoints:
            self.receiver = Receiver(world)
            text += (f"endpoints:\n  - name: test\n    url: http://127.0.0.1:{RECEIVER_PORT}/hook\n    plain_http: true\n"
                     f"    secret: file:{self.receiver.secret}\n    timeout: 30s\n    allow: [127.0.0.1]\n{routes}")
        pathlib.Path(self.config).write_text(text)

    def start(self):
        self.process = self.world.start([str(BUILD / "musterd"), "--config", self.config], log=self.logged)
        return self

    def stop(self, number=signal.SIGTERM, timeout=netns.CEILING):
        return self.process.stop(number, timeout)

    def kill(self):
        """kill -9 of the process that was started, and of nothing else: its children have to notice."""
        self.process.send(signal.SIGKILL)
        self.process.popen.wait()

    def log(self):
        return pathlib.Path(self.world.path(self.logged)).read_text(errors="replace")

    def muster(self, *arguments, check=True):
        run = subprocess.run([str(BUILD / "muster"), "--config", self.config, *arguments], capture_output=True, text=True, timeout=300)
        if check and run.returncode not in (0, 1):
            raise RuntimeError(f"muster {' '.join(arguments)}: exit {run.returncode}: {run.stderr.strip()}")
        return run.stdout

    def conninfo(self):
        sockets = list(pathlib.Path(self.state).rglob(".s.PGSQL.5432"))
        if not sockets:
            raise RuntimeError("the embedded PostgreSQL has no socket (yet)")
        return f"host={sockets[0].parent} dbname=muster user=muster"

    def sql(self, text):
        """Rows of a query, as lists of strings."""
        out = netns.sh("psql", "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", self.conninfo(), "-c", text)
        return [line.split("\t") for line in out.splitlines()]

    def sql_or_nothing(self, text):
        try:
            return self.sql(text)
        except (RuntimeError, OSError):  # not there yet: initdb renames its directory under our feet
            return []

    def events(self):
        """(type, subject) of every alert event about a change, in order."""
        return [tuple(row) for row in self.sql("SELECT type, subject FROM alert.event WHERE type NOT LIKE 'zone.%' ORDER BY seq")]

    def visits(self):
        """How many complete visits there were, by pass."""
        return {name: int(count) for name, count in self.sql_or_nothing(
            "SELECT p.name, count(*) FROM inv.coverage c JOIN inv.profile p USING (profile_id) WHERE c.complete AND c.scope IS NULL GROUP BY 1")}

    def wait_visits(self, more=1, timeout=netns.CEILING):
        """Until every pass of the zone was completed `more` times again."""
        before = self.visits()
        passes = [row[0] for row in netns.wait_for("the passes are known",
                                                   lambda: self.sql_or_nothing("SELECT name FROM inv.profile WHERE retired_at IS NULL"), timeout)]
        netns.wait_for(f"{more} more complete visits of {passes}",
                       lambda: all(self.visits().get(name, 0) >= before.get(name, 0) + more for name in passes), timeout)

    def fact_writes(self):
        """Rows written to the table of facts since the statistics began."""
        return int(self.sql("SELECT n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables WHERE schemaname = 'inv' AND relname = 'fact_now'")[0][0])
