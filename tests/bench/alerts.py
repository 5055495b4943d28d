#!/usr/bin/env python3
"""Alerts: what writing events costs the diff, how fast rules and deliveries go from a backlog, memory, and one dead endpoint among 50.

    tests/bench/alerts.py [enqueue|backlog|dead]...     all of them when none is named
    MUSTER_BENCH_EVENTS=1000000     the largest backlog
    MUSTER_BENCH_HOSTS=4000         hosts whose diff is measured
    MUSTER_BENCH_DRAIN=30000        deliveries that are measured, of each

The dispatcher (tests/pg/alert_driver.c, built with optimisation) runs on one core; PostgreSQL with its durable settings and nginx as the receiver
on the others.  nginx logs the ids, so each run also counts what was lost and what came twice.
"""
import os
import pathlib
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/pg"))
sys.path.insert(0, str(ROOT / "tests/bench"))
import diff
import pgtest

EVENTS = int(os.environ.get("MUSTER_BENCH_EVENTS", "1000000"))
HOSTS = int(os.environ.get("MUSTER_BENCH_HOSTS", "4000"))
DRAIN = int(os.environ.get("MUSTER_BENCH_DRAIN", "30000"))
BUILD = ROOT / "build-bench"
DURABLE = ["fsync=on", "synchronous_commit=on", "full_page_writes=on", "shared_buffers=512MB", "max_wal_size=8GB"]


def build_driver():
    for command in (["cmake", "--preset", "release", "-B", str(BUILD), "-DMUSTER_TESTS=ON"], ["cmake", "--build", str(BUILD), "--target", "pg_alert_driver", "bench_store"]):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stdout[-3000:] + done.stderr)
    os.environ["MUSTER_BUILD"] = str(BUILD)


class Nginx:
    """Takes everything with 204 and logs the id."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="muster-bench-"))
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        (self.dir / "nginx.conf").write_text(f"""
            daemon off; pid {self.dir}/pid; error_log {self.dir}/error.log; worker_processes 1; {'user root;' if os.geteuid() == 0 else ''}
            events {{ worker_connections 1024; }}
            http {{ log_format id '$http_webhook_id $uri $msec'; access_log {self.dir}/ids.log id buffer=256k flush=1s; keepalive_requests 100000000;
              keepalive_timeout 600; client_body_temp_path {self.dir}/b; proxy_temp_path {self.dir}/p; fastcgi_temp_path {self.dir}/f; uwsgi_temp_path {self.dir}/u;
              scgi_temp_path {self.dir}/s; server {{ listen 127.0.0.1:{self.port} reuseport; location / {{ return 204; }} }} }}""")
        self.process = subprocess.Popen(["nginx", "-p", str(self.dir), "-c", str(self.dir / "nginx.conf")])

    def arrivals(self):
        """[(id, path, seconds)]"""
        time.sleep(1.5)
        with open(self.dir / "ids.log", encoding="ascii") as log:
            return [(w[0], w[1], float(w[2])) for w in map(str.split, log)]

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


class Dispatcher:
    def __init__(self, db, urls, concurrency, timeout=5000):
        cores = sorted(os.sched_getaffinity(0))
        self.driver = pgtest.Driver("pg_alert_driver", preexec_fn=lambda: os.sched_setaffinity(0, cores[:1]))
        for i, url in enumerate(urls):
            self.driver.do(f"endpoint e{i} {url} - {timeout} {concurrency} 1000000 127.0.0.1")
        answer = self.driver.do(f"start {db.conninfo.replace(' ', ';')} bench 5000 2000 -")
        if answer != "ok":
            sys.exit(answer)

    def delivered(self):
        return [int(line.split()[2]) for line in self.driver.do("stats").splitlines()]

    def cpu(self):
        words = pathlib.Path(f"/proc/{self.driver.process.pid}/stat").read_text().split()
        return (int(words[13]) + int(words[14])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """Highest resident set, MiB."""
        return next(int(line.split()[1]) / 1024 for line in pathlib.Path(f"/proc/{self.driver.process.pid}/status").read_text().splitlines() if line.startswith("VmHWM"))

    def close(self):
        self.driver.kill()


def wait(condition, seconds=600):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit("waited in vain")
        time.sleep(0.02)


def write_events(db, first, n):
    db.sql("INSERT INTO alert.event(id, observed_at, type, severity, zone, subject, dedup, body) "
           "SELECT 'evt_' || lpad(i::text, 10, '0'), now(), 'port.opened', 2, 'bench', 'host/10.0.0.' || i % 250 || '/tcp/' || i, md5(i::text), jsonb_build_object("
           "'severity', 'warning', 'state', 'firing', 'dedup_key', md5(i::text), 'zone', 'bench', 'subject', jsonb_build_object('kind', 'port', 'host', '10.0.0.' || i % 250, "
           "'proto', 'tcp', 'port', i % 65536), 'summary', 'tcp/' || i % 65536 || ' opened on 10.0.0.' || i % 250 || ' (https)', 'old', NULL, 'new', "
           "'{\"service\": \"https\", \"product\": \"nginx\", \"version\": \"1.22.1\"}'::jsonb, 'labels', '{}'::jsonb, 'first_seen', now()) "
           f"FROM generate_series({first}, {first + n - 1}) i")


# ---------------------------------------------------------------- what it costs the diff

def spread(pairs):
    """Of pairs (with, without): the median share of `with` that is more than `without`, and between what it lies in 95 of 100 draws."""
    shares = [(a - b) / a * 100 for a, b in pairs]
    rng = random.Random(1)
    draws = sorted(statistics.median(rng.choices(shares, k=len(shares))) for _ in range(2000))
    return f"{statistics.median(shares):5.1f} % ({draws[50]:5.1f} to {draws[1949]:5.1f})"


def server_cpu(db, who="application_name = 'musterd'"):
    """Nanoseconds that these server processes have run."""
    pids = db.sql(f"SELECT pid FROM pg_stat_activity WHERE {who} AND datname = current_database()").split()
    return sum(int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in pids)


def measured(sweeps, db):
    """One sweep of the scripts: milliseconds, processor time of the server in ms, WAL in kB, changes."""
    before = server_cpu(db)
    r = sweeps.sweep("", "scripts", quiet=True)
    return r["s"] * 1000, (server_cpu(db) - before) / 1e6, r["wal"] / 1000, r["edges"]


def enqueue(pg):
    """Sweeps in turn with and without the outbox, so that a busy machine is equally busy for both."""
    db = pg.database(migrated=True)
    pg.psql("postgres", f"ALTER DATABASE {db.name} SET track_functions = 'all'", user="postgres")
    s = diff.Sweeps(db, HOSTS, BUILD / "bench_store")
    for kind in ("ports", "scripts"):
        s.sweep("", kind, quiet=True)
    db.sql("VACUUM ANALYZE")
    source = db.sql("SELECT pg_get_functiondef('inv.tell(int8[])'::regprocedure)")
    without = "CREATE OR REPLACE FUNCTION inv.tell(p_changes int8[]) RETURNS int4 LANGUAGE sql AS 'SELECT 0'"
    for share, pairs in ((0.002, 6), (0.2, 8)):
        seen, edges = {"with": [], "without": []}, 0
        db.sql("SELECT pg_stat_reset()", user="postgres")
        for turn in range(2 * pairs):
            how = "with" if turn % 4 in (0, 3) else "without"
            db.sql(source if how == "with" else without)
            s.shares.append(share)
            seen[how].append(measured(s, db))
            edges += seen[how][-1][3]
        db.sql("SELECT pg_stat_force_next_flush()")
        tell, calls, visit, visits = map(float, db.sql("SELECT t.total_time || ' ' || t.calls || ' ' || v.total_time || ' ' || v.calls FROM pg_stat_user_functions t, "
                                                       "pg_stat_user_functions v WHERE t.funcname = 'tell' AND v.funcname = 'apply_visit'").split())
        print(f"enqueue, {edges / 2 / pairs / (HOSTS / 100):.1f} changes a transaction, {pairs} pairs of sweeps of {HOSTS * 10:,} facts; of the diff's transaction")
        for name, i in (("time", 0), ("processor time of the server", 1), ("WAL", 2)):
            print(f"  {name:<30} {spread([(a[i], b[i]) for a, b in zip(seen['with'], seen['without'])])}")
        share = (tell / calls) / (visit / visits) * 100
        print(f"  {'tell() in apply_visit()':<30} {share:5.1f} % ({tell / calls * 1000:.0f} of {visit / visits * 1000:.0f} us, mean of {calls:.0f} calls)", flush=True)
    s.stop()


# ---------------------------------------------------------------- from a backlog

def backlog(pg):
    print(f"{'backlog':>9} {'decided/s':>10} {'delivered/s':>12} {'one core, /s':>13} {'server us':>10} {'MiB':>6} {'lost':>5} {'twice':>6}")
    others = "backend_type = 'client backend' AND pid <> pg_backend_pid()"
    for n in [x for x in (1000, 10000, 100000, 1000000) if x <= EVENTS]:
        db, nginx = pg.database(migrated=True), Nginx()
        d = Dispatcher(db, [f"http://127.0.0.1:{nginx.port}/e0"], 64)
        wait(lambda: db.sql("SELECT count(*) FROM alert.endpoint WHERE instance IS NOT NULL") == "1")
        d.close()
        for first in range(0, n, 100000):
            write_events(db, first, min(100000, n - first))
        db.sql("ANALYZE")
        decided = decide(db, n)
        db.sql("VACUUM ANALYZE", user="postgres")            # what loading leaves behind is not what is measured
        db.sql("CHECKPOINT", user="postgres")
        d = Dispatcher(db, [f"http://127.0.0.1:{nginx.port}/e0"], 64)
        wait(lambda: d.delivered()[0] > 0)
        at, cpu, server = time.monotonic(), d.cpu(), server_cpu(db, others)
        before = d.delivered()[0]
        goal = min(n, before + DRAIN)
        wait(lambda: d.delivered()[0] >= goal, 3600)
        done = d.delivered()[0]
        took, used, server = time.monotonic() - at, d.cpu() - cpu, server_cpu(db, others) - server
        rate = (done - before) / took
        memory = d.memory()
        d.close()
        ids = [a[0] for a in nginx.arrivals()]
        print(f"{n:9,d} {decided:10,.0f} {rate:12,.0f} {(done - before) / used if used else 0:13,.0f} "
              f"{server / 1000 / max(done - before, 1):10.0f} {memory:6.0f} {max(0, done - len(set(ids))):5d} "
              f"{len(ids) - len(set(ids)):6d}", flush=True)
        nginx.close()
        db.cluster.psql("postgres", f"DROP DATABASE {db.name} WITH (FORCE)", user="postgres")


def decide(db, n):
    """The rules alone, over the first 20,000 at most: events a second.  The rest is decided in one statement, as the rules would."""
    at, left = time.monotonic(), True
    while left and int(db.sql("SELECT count(*) FROM alert.notice")) < 20000:
        left = db.sql("SELECT more FROM alert.think(1000)") == "t"
    took = time.monotonic() - at
    made = int(db.sql("SELECT count(*) FROM alert.notice"))
    db.sql("INSERT INTO alert.notice (id, endpoint_id, kind, type, severity, observed_at, dedup, event_seq) "
           "SELECT e.id, p.endpoint_id, 'event', e.type, e.severity, e.observed_at, e.dedup, e.seq FROM alert.event e, alert.endpoint p, alert.rule_cursor c "
           "WHERE (e.xid, e.seq) > (c.xid, c.seq) ORDER BY e.xid, e.seq; "
           "UPDATE alert.rule_cursor c SET xid = e.xid, seq = e.seq FROM (SELECT xid, seq FROM alert.event ORDER BY xid DESC, seq DESC LIMIT 1) e")
    got = int(db.sql("SELECT count(*) FROM alert.notice"))
    if got != n:
        sys.exit(f"{got} messages of {n} events")
    return made / took


# ---------------------------------------------------------------- one dead among 50

def dead(pg):
    """Each of 50 endpoints gets 200 events; with one that hangs, and without."""
    results = {}
    for what in ("all well", "one dead", "all well", "one dead"):
        db, nginx = pg.database(migrated=True), Nginx()
        hole = socket.socket()
        hole.bind(("127.0.0.1", 0))
        hole.listen(16)                                        # accepted by the kernel, answered by nobody
        urls = [f"http://127.0.0.1:{nginx.port}/e{i}" for i in range(50)]
        if what == "one dead":
            urls[7] = f"http://127.0.0.1:{hole.getsockname()[1]}/"
        d = Dispatcher(db, urls, 4, timeout=2000)
        wait(lambda: db.sql("SELECT count(*) FROM alert.endpoint WHERE instance IS NOT NULL") == "50")
        at = time.time()
        write_events(db, 0, 200)
        alive = 50 - (what == "one dead")
        wait(lambda: sum(n >= 200 for n in d.delivered()) >= alive, 120)
        late = sorted(a[2] - at for a in nginx.arrivals() if a[1] != "/e7")
        results.setdefault(what, []).append((late[len(late) // 2], late[int(len(late) * 0.99)], late[-1]))
        d.close()
        nginx.close()
        hole.close()
    for what, rows in results.items():
        best = min(rows)
        print(f"50 endpoints, 200 events each, {what}: the other 49 have half of them after {best[0]:.2f} s, 99 % after {best[1]:.2f} s, all after {best[2]:.2f} s", flush=True)


def main():
    if not shutil.which("nginx"):
        sys.exit("nginx is needed (apt-get install nginx-light)")
    build_driver()
    parts = {"enqueue": enqueue, "backlog": backlog, "dead": dead}
    with pgtest.Cluster(options=DURABLE) as pg:
        for name in sys.argv[1:] or parts:
            parts[name](pg)


if __name__ == "__main__":
    main()
