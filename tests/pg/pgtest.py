"""A private PostgreSQL 15 for a test: started as an unprivileged user in a temporary directory, reached through its socket,
stopped and removed at the end.  Also what the tests of the store share: databases with the schema, SQL that must be true,
and running the C drivers.

    with pgtest.Cluster() as pg:
        db = pg.database(migrated=True)
        db.sql("SELECT 1")            # "1"
        db.ok("two and two", "2 + 2 = 4")
"""
import fcntl
import hashlib
import os
import pathlib
import pwd
import re
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


def build_directory():
    return pathlib.Path(os.environ.get("MUSTER_BUILD") or ROOT / "build").resolve()


class Prepared:
    """Data directories to start from: making one and applying every migration takes longer than most tests, so it is done once for each
    state of the migrations and of this file, and copied.  Their clusters are twins with one system identifier: fresh=True gives another."""
    DATABASE = "muster_migrated"
    LOCALE = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]

    @staticmethod
    def state():
        h = hashlib.sha256(pathlib.Path(__file__).read_bytes() + bindir().encode())
        for path in sorted(MIGRATIONS.glob("*.sql")):
            h.update(path.name.encode() + path.read_bytes())
        # which partitions a migration makes depends on the month
        return h.hexdigest()[:16] + time.strftime("-%Y%m", time.gmtime())

    @classmethod
    def directory(cls):
        """The newest, made if there is none; NULL: nowhere to keep it."""
        top = build_directory() / "tests" / "pg-prepared"
        try:
            top.mkdir(parents=True, exist_ok=True)
            lock = open(top / "lock", "w")
        except OSError:
            return None
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            made = top / cls.state()
            if not made.exists():
                for old in top.glob("*-*"):
                    shutil.rmtree(old, ignore_errors=True)
                cls.make(made)
        return made

    @classmethod
    def make(cls, path):
        with Cluster(fresh=True) as pg:
            pg.psql("postgres", f"CREATE DATABASE {cls.DATABASE} OWNER {pg.login}", user="postgres")
            Database(pg, cls.DATABASE, pg.login).migrate()
            pg.stop()
            half = path.with_name("half")
            shutil.rmtree(half, ignore_errors=True)
            subprocess.run(["cp", "-a", str(pg.dir / "data"), str(half)], check=True)
            half.rename(path)


class Cluster:
    """options: settings of the server.  login: a plain role beside the superuser `postgres`, owner of its databases.
    data: a data directory to begin with a copy of.  fresh: begin with nothing but what initdb makes."""

    def __init__(self, options=(), login="muster", attributes="CREATEROLE", data=None, fresh=False):
        self.bin = bindir()
        self.user = plain_user()
        self.login = login
        self.attributes = attributes
        self.options = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=",
                        "max_connections=40", "shared_buffers=64MB", "jit=off", "log_min_messages=warning",
                        "log_min_error_statement=panic", *options]
        self.process = None
        self.serial = 0
        self.sessions = {}
        self.data = data
        self.prepared = None
        if not data and not fresh and (login, attributes) == ("muster", "CREATEROLE"):
            self.prepared = self.data = Prepared.directory()

    def __enter__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="muster-pg-"))
        self.socket = self.dir / "run"
        self.socket.mkdir()
        if self.user:
            os.chmod(self.dir, 0o755)
            for path in (self.dir, self.socket):
                os.chown(path, self.user.pw_uid, self.user.pw_gid)
        if self.data:
            subprocess.run(["cp", "-a", str(self.data), str(self.dir / "data")], check=True)
        else:
            self.as_user([f"{self.bin}/initdb", "-D", str(self.dir / "data"), *Prepared.LOCALE], check=True, stdout=subprocess.DEVNULL)
        self.start()
        if not self.data:
            self.psql("postgres", f"CREATE ROLE {self.login} LOGIN {self.attributes}", user="postgres")
        return self

    def __exit__(self, *_):
        for session in list(self.sessions.values()):
            session.close()
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
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.is_ready():
                return
            time.sleep(0.02)
        sys.exit("PostgreSQL did not start:\n" + (self.dir / "log").read_text(errors="replace"))

    def is_ready(self):
        """What pg_ctl looks at: the file names the process and says how far it is."""
        try:
            lines = (self.dir / "data" / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[0] == str(self.process.pid) and lines[7].strip() == "ready"

    def stop(self, how=signal.SIGINT):
        """SIGINT: fast; SIGQUIT: as in a crash."""
        if self.process:
            self.process.send_signal(how)
            self.process.wait(timeout=120)
            self.process = None
            self.log.close()

    def restart(self, how=signal.SIGINT):
        self.stop(how)
        self.start()

    def psql_argv(self, database, user):
        return [f"{self.bin}/psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", str(self.socket),
                "-U", user or self.login, "-d", database, "-f", "-"]

    def psql(self, database, text, user=None, check=True):
        done = subprocess.run(self.psql_argv(database, user), input=text, capture_output=True, text=True, check=False, env=plain_env())
        if check and done.returncode:
            raise AssertionError(f"{text.strip()[:2000]}\n{done.stderr}")
        return done if not check else done.stdout.strip()

    def session(self, database, user):
        """The session of this thread: it is kept, with its plans."""
        key = (threading.get_ident(), database, user)
        session = self.sessions.get(key)
        if session and not session.alive():
            session.close()
            session = None
        if not session:
            session = self.sessions[key] = Session(self.psql_argv(database, user))
        return session

    def hang_up(self, database):
        """Nobody may be in a database that is copied or dropped."""
        for key in [k for k in list(self.sessions) if k[1] == database]:
            self.sessions.pop(key).close()

    def database(self, migrated=False, owner=None, like=None):
        """like: a database to begin with a copy of."""
        self.serial += 1
        name, owner = f"t{self.serial}", owner or self.login
        if migrated and self.prepared and owner == self.login:
            template, migrated = Prepared.DATABASE, False
        else:
            template = like.name if like else "template1"
        if like:
            self.hang_up(like.name)
        self.psql("postgres", f"CREATE DATABASE {name} OWNER {owner} TEMPLATE {template}", user="postgres")
        db = Database(self, name, owner)
        if migrated:
            db.migrate()
        return db


def plain_env():
    return {k: v for k, v in os.environ.items() if not k.startswith("PG")}


class Session:
    """One psql that is kept: a new one for each statement would plan each function anew, which takes most of a test's time."""
    # what would outlive its statement gets a psql of its own
    LASTING = re.compile(r"(^|;)\s*(--[^\n]*\s*)*(SET|RESET|BEGIN|START|LISTEN|PREPARE|DECLARE|CREATE\s+TEMP|ABORT|DISCARD|LOCK|LOAD)\b|\\|pg_advisory_lock|set_config"
                         r"|pg_temp", re.IGNORECASE)
    END = "-- end of the answer --"

    def __init__(self, argv):
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True, env=plain_env())

    def ask(self, text):
        """Lines of the answer; None: it ended (an error ends it, like the one-shot psql)."""
        try:
            self.process.stdin.write(f"{text}\n;\n\\echo '{self.END}'\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return None
        lines = []
        for line in self.process.stdout:
            if line == self.END + "\n":
                return lines
            lines.append(line)
        return None

    def alive(self):
        """Whether the server is still at the other end: it may have been restarted, or have ended this session."""
        return self.process.poll() is None and self.ask("SELECT") is not None

    def sql(self, text):
        lines = self.ask(text)
        if lines is None:
            self.process.wait()
            self.errors.seek(0)
            raise AssertionError(f"{text.strip()[:2000]}\n{self.errors.read()}")
        return "".join(lines).strip()

    def close(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.stdout.close()
        self.process.wait()
        self.errors.close()


class Database:
    def __init__(self, cluster, name, owner):
        self.cluster, self.name, self.owner = cluster, name, owner

    @property
    def conninfo(self):
        return f"host={self.cluster.socket} user={self.owner} dbname={self.name}"

    def sql(self, text, user=None):
        if Session.LASTING.search(text):
            return self.cluster.psql(self.name, text, user or self.owner)
        return self.cluster.session(self.name, user or self.owner).sql(text)

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

    def wait_for(self, what, condition, seconds=240):
        """Until it holds, however busy the machine is."""
        end = time.monotonic() + seconds
        while self.sql(f"SELECT ({condition})::text") != "true":
            if time.monotonic() > end:
                raise AssertionError(f"waited in vain for {what}: {condition}")
            time.sleep(0.02)

    def waits(self, what, query):
        """Until a session that runs this (LIKE) waits for a lock."""
        self.wait_for(what, "EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
                      f"AND state = 'active' AND wait_event_type = 'Lock' AND query LIKE '{query}')")

    def connect(self):
        """A session of one's own, for what outlives its statement."""
        return Session(self.cluster.psql_argv(self.name, self.owner))

    def migrate(self, to=9999):
        """As the migrator does it, for tests that are not about the migrator."""
        self.sql("SET client_min_messages = warning; CREATE SCHEMA IF NOT EXISTS ops; CREATE TABLE IF NOT EXISTS ops.migration "
                 "(version int4 PRIMARY KEY, name text NOT NULL, sha256 bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(), "
                 "by_program text NOT NULL, took_ms int4)")
        text = []
        have = self.sql("SELECT name FROM ops.migration").split()
        for path in sorted(MIGRATIONS.glob("[0-9][0-9][0-9][0-9]_*.sql")):
            if path.name in have or int(path.name[:4]) > to:
                continue
            text.append(f"BEGIN;\n{path.read_text()}\n;INSERT INTO ops.migration(version, name, sha256, by_program) "
                        f"VALUES ({int(path.name[:4])}, '{path.name}', '', 'test'); COMMIT;")
        self.sql("\n".join(text))

    def write_events(self):
        """The events of all that is new in the ledger, as the rules make them."""
        self.sql("SELECT alert.write_events(1000000000)")

    def check_invariants(self):
        bad = self.sql("SELECT what || ': ' || n FROM ops.invariants() WHERE n <> 0")
        if bad:
            raise AssertionError(f"invariants: {bad}")


class Driver:
    """A program that reads commands, one a line, and ends each answer with a line "."."""

    @staticmethod
    def path(name):
        path = build_directory() / "tests" / name
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
        watchdog = threading.Timer(120, self.process.kill)      # an answer that never comes must not stop the test
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
        status = self.process.wait(timeout=120)
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
