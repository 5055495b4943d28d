"""A private PostgreSQL 15 for a test: started as an unprivileged user in a temporary directory, reached through its socket,
stopped and removed at the end.  Also what the tests of the store share: databases with the schema, SQL that must be true,
and running the C drivers.

    with pgtest.Cluster() as pg:
        db = pg.database(migrated=True)
        db.sql("SELECT 1")            # "1"
        db.ok("two and two", "2 + 2 = 4")
"""
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
MIGRATIONS = ROOT / "migrations"
SKIP = 77


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIP)


def bindir():
    places = ["/usr/lib/postgresql/15/bin"]
    if shutil.which("pg_config"):
        places.insert(0, subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True).stdout.strip())
    for place in places:
        if os.access(f"{place}/postgres", os.X_OK):
            return place
    skip("no PostgreSQL server found (apt-get install postgresql-15)")


def plain_user():
    """Who the server runs as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    skip("root, and no plain user to run PostgreSQL as")


class Cluster:
    """options: settings of the server.  login: a plain role beside the superuser `postgres`, owner of its databases."""

    def __init__(self, options=(), login="muster", attributes="CREATEROLE"):
        self.bin = bindir()
        self.user = plain_user()
        self.login = login
        self.attributes = attributes
        self.options = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=",
                        "max_connections=40", "shared_buffers=64MB", "log_min_messages=warning",
                        "log_min_error_statement=panic", *options]
        self.process = None
        self.serial = 0

    def __enter__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="muster-pg-"))
        self.socket = self.dir / "run"
        self.socket.mkdir()
        if self.user:
            os.chmod(self.dir, 0o755)
            for path in (self.dir, self.socket):
                os.chown(path, self.user.pw_uid, self.user.pw_gid)
        self.as_user([f"{self.bin}/initdb", "-D", str(self.dir / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8",
                      "--locale=C", "--no-sync"], check=True, stdout=subprocess.DEVNULL)
        self.start()
        self.psql("postgres", f"CREATE ROLE {self.login} LOGIN {self.attributes}", user="postgres")
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def become(self):
        if self.user:
            os.setgroups([])
            os.setgid(self.user.pw_gid)
            os.setuid(self.user.pw_uid)

    def as_user(self, argv, **kw):
        return subprocess.run(argv, preexec_fn=self.become, cwd=self.dir, **kw)

    def start(self):
        argv = [f"{self.bin}/postgres", "-D", str(self.dir / "data"), "-k", str(self.socket)]
        for option in self.options:
            argv += ["-c", option]
        self.log = open(self.dir / "log", "ab")
        self.process = subprocess.Popen(argv, preexec_fn=self.become, cwd=self.dir, stdout=self.log, stderr=self.log)
        for _ in range(200):
            ready = subprocess.run([f"{self.bin}/pg_isready", "-q", "-h", str(self.socket)], check=False)
            if ready.returncode == 0:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        sys.exit("PostgreSQL did not start:\n" + (self.dir / "log").read_text(errors="replace"))

    def stop(self, how=signal.SIGINT):
        """SIGINT: fast; SIGQUIT: as in a crash."""
        if self.process:
            self.process.send_signal(how)
            self.process.wait(timeout=60)
            self.process = None
            self.log.close()

    def restart(self, how=signal.SIGINT):
        self.stop(how)
        self.start()

    def psql(self, database, text, user=None, check=True):
        argv = [f"{self.bin}/psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", str(self.socket),
                "-U", user or self.login, "-d", database, "-f", "-"]
        env = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False, env=env)
        if check and done.returncode:
            raise AssertionError(f"{text.strip()[:2000]}\n{done.stderr}")
        return done if not check else done.stdout.strip()

    def database(self, migrated=False, owner=None):
        self.serial += 1
        name = f"t{self.serial}"
        self.psql("postgres", f"CREATE DATABASE {name} OWNER {owner or self.login}", user="postgres")
        db = Database(self, name, owner or self.login)
        if migrated:
            db.migrate()
        return db


class Database:
    def __init__(self, cluster, name, owner):
        self.cluster, self.name, self.owner = cluster, name, owner

    @property
    def conninfo(self):
        return f"host={self.cluster.socket} user={self.owner} dbname={self.name}"

    def sql(self, text, user=None):
        return self.cluster.psql(self.name, text, user or self.owner)

    def fails(self, text, user=None):
        """The server's words; it is an error when there is none."""
        done = self.cluster.psql(self.name, text, user or self.owner, check=False)
        if done.returncode == 0:
            raise AssertionError(f"should have failed: {text}")
        return done.stderr.strip()

    def ok(self, what, condition):
        got = self.sql(f"SELECT ({condition})::text")
        if got != "true":
            raise AssertionError(f"{what}: {condition} is {got or 'NULL'}")

    def equal(self, what, query, want):
        got = self.sql(query)
        if got != str(want):
            raise AssertionError(f"{what}:\n   got {got!r}\n  want {want!r}\n  from {query}")

    def migrate(self):
        """As the migrator does it, for tests that are not about the migrator."""
        text = ["CREATE SCHEMA ops; CREATE TABLE ops.migration (version int4 PRIMARY KEY, name text NOT NULL, sha256 bytea NOT NULL, "
                "applied_at timestamptz NOT NULL DEFAULT now(), by_program text NOT NULL, took_ms int4);"]
        for path in sorted(MIGRATIONS.glob("[0-9][0-9][0-9][0-9]_*.sql")):
            text.append(f"BEGIN;\n{path.read_text()}\n;INSERT INTO ops.migration(version, name, sha256, by_program) "
                        f"VALUES ({int(path.name[:4])}, '{path.name}', '', 'test'); COMMIT;")
        self.sql("\n".join(text))

    def check_invariants(self):
        bad = self.sql("SELECT what || ': ' || n FROM ops.invariants() WHERE n <> 0")
        if bad:
            raise AssertionError(f"invariants: {bad}")


class Driver:
    """A program that reads commands, one a line, and ends each answer with a line "."."""

    @staticmethod
    def path(name):
        path = pathlib.Path(os.environ.get("MUSTER_BUILD") or ROOT / "build").resolve() / "tests" / name
        if not path.exists():
            skip(f"{path} is not built")
        return path

    def __init__(self, name, program=None, **popen):
        self.process = subprocess.Popen([program or self.path(name)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None,
                                        text=True, bufsize=1, **popen)

    def send(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def answer(self):
        lines = []
        watchdog = threading.Timer(60, self.process.kill)      # an answer that never comes must not stop the test
        watchdog.start()
        try:
            return self.read(lines)
        finally:
            watchdog.cancel()

    def read(self, lines):
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise AssertionError(f"the driver died ({self.process.wait()}) after {lines}")
            if line == ".\n":
                return "\n".join(lines)
            lines.append(line.rstrip())

    def do(self, command):
        self.send(command)
        return self.answer()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        """Ends it in order; a leak or a crash shows in the status."""
        self.process.stdin.close()
        status = self.process.wait(timeout=30)
        if status:
            raise AssertionError(f"the driver ended with {status}")


def run(tests):
    """Runs the functions whose names begin with test_ in the given namespace, all of them, and tells which failed."""
    failed = 0
    only = sys.argv[1:]
    for name, test in list(tests.items()):
        if not name.startswith("test_") or (only and name not in only):
            continue
        started = time.monotonic()
        try:
            test()
            print(f"ok    {name} ({time.monotonic() - started:.2f} s)", flush=True)
        except AssertionError as error:
            failed += 1
            print(f"FAIL  {name}: {error}", flush=True)
    sys.exit(1 if failed else 0)
