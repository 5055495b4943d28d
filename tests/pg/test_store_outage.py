#!/usr/bin/env python3
"""When the database is away, has no room or takes no writes: what was found waits, in memory and on disk, and nothing is lost, doubled or
torn; a standby that takes over is found by a connection string with several hosts."""
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pgtest
from silent import silent_server
from test_store_client import PASSES, baseline, claimed, due, expect, open_store

DURABLE = ["fsync=on", "synchronous_commit=on", "full_page_writes=on"]


def wait_for(what, condition):
    end = time.monotonic() + 240
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError(f"did not happen within 240 s: {what}")


def audit(db):
    bad = db.sql("SELECT string_agg(what || ': ' || n, ', ') FROM ops.audit() WHERE n <> 0")
    assert not bad, f"audit: {bad}"


def journal_of(server):
    return server.dir / f"journal-{time.time_ns()}"


def visit_in_progress(db, journal, extra=""):
    d = open_store(db, f" 0 0 {journal}{extra}")
    baseline(d)
    due(db, "presence")
    return d, claimed(d, "presence", lease="600s")[0][1]


def test_findings_outlive_the_process_and_the_database():
    with pgtest.Cluster(options=DURABLE) as server:
        db, journal = server.database(migrated=True), journal_of(server)
        d, lease = visit_in_progress(db, journal)
        for i in range(2, 20):
            d.do(f"part! {lease} icmp 10.0.0.{i},up,n=host-{i}.lab")
        d.do("sync-wait")
        server.stop(signal.SIGQUIT)
        for i in range(20, 100):
            d.do(f"part! {lease} icmp 10.0.0.{i},up,n=host-{i}.lab")
        d.do("spin 300")
        assert journal.stat().st_size > 80 * 100, journal.stat().st_size
        d.kill()
        with open(journal, "ab") as f:                         # and its last write was cut off
            f.write(b"\0\0\1\0torn")
        server.start()
        d = open_store(db, f" 0 0 {journal}")
        db.equal("hosts", "SELECT count(*) FROM report.host WHERE present_since IS NOT NULL", 99)
        db.equal("names", "SELECT count(*) FROM report.host WHERE hostname LIKE 'host-%'", 98)
        db.write_events()
        db.equal("events", "SELECT count(*) || ' ' || count(DISTINCT subject) FROM report.event", "98 98")
        expect(journal.stat().st_size, 0)
        db.equal("the visit that nobody ends is due again", "SELECT count(*) FROM inv.schedule WHERE kind = 'presence' AND sensor_id IS NULL AND due_at <= now()", 1)
        audit(db)
        d.close()


def test_findings_outlive_an_orderly_end_while_the_database_is_away():
    with pgtest.Cluster(options=DURABLE) as server:
        db, journal = server.database(migrated=True), journal_of(server)
        d, lease = visit_in_progress(db, journal)
        server.stop()
        for i in range(2, 40):
            d.do(f"part! {lease} icmp 10.0.0.{i},up,n=host-{i}.lab")
        d.do("spin 300")
        d.close()
        assert journal.stat().st_size > 38 * 100, journal.stat().st_size
        server.start()
        d = open_store(db, f" 0 0 {journal}")
        db.equal("hosts", "SELECT count(*) FROM report.host WHERE present_since IS NOT NULL", 39)
        expect(journal.stat().st_size, 0)
        audit(db)
        d.close()


def test_journal_of_a_lost_lease_or_of_another_database_changes_nothing():
    db, other, journal = pg.database(migrated=True), pg.database(migrated=True), journal_of(pg)
    d, lease = visit_in_progress(db, journal)
    pg.stop()
    d.do(f"part! {lease} icmp 10.0.0.77,up")
    d.do("spin 200")
    d.kill()
    spare = pathlib.Path(f"{journal}.spare")
    shutil.copy(journal, spare)
    pg.start()
    d = open_store(other, f" 0 0 {spare}")
    other.equal("nothing of another database", "SELECT count(*) FROM report.host", 0)
    expect(spare.stat().st_size, 0)
    d.close()
    # somebody else has the block meanwhile
    db.sql("UPDATE inv.schedule SET fence = nextval('inv.fence'), sensor_id = NULL")
    d = open_store(db, f" 0 0 {journal}")
    db.equal("late findings are refused", "SELECT count(*) FROM report.host WHERE address = '10.0.0.77'", 0)
    expect(journal.stat().st_size, 0)
    audit(db)
    d.close()


def test_journal_that_is_spoiled_before_it_is_replayed_is_dropped():
    db, journal = pg.database(migrated=True), journal_of(pg)
    d, lease = visit_in_progress(db, journal)
    pg.stop()
    d.do(f"part! {lease} icmp 10.0.0.77,up")
    d.do("spin 200")
    d.kill()
    d = pgtest.Driver("pg_store_driver")
    assert d.do("open " + db.conninfo.replace(" ", ";") + f" 0 0 {journal}").startswith("state down")
    with open(journal, "r+b") as f:
        f.seek(48 + 8)                                         # the first record's data
        f.write(b"spoiled")
    pg.start()
    expect(d.do("state-wait"), "state ready")
    expect(journal.stat().st_size, 0)
    d.close()


def refuses(db, address):
    """From now on the database takes half a second over what is told of this address, and then does not take it."""
    db.sql("CREATE FUNCTION inv.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.5);"
           " RAISE 'too slow' USING ERRCODE = '57014'; END $$;"
           f" CREATE TRIGGER refuse BEFORE INSERT ON inv.fact_now FOR EACH ROW WHEN (NEW.addr = '{address}') EXECUTE FUNCTION inv.refuse()")


def expect_made_again(db, parts):
    db.equal("what is recorded", "SELECT complete || ' ' || parts FROM inv.coverage ORDER BY at DESC LIMIT 1", f"false {parts}")
    db.equal("and it is due again soon", "SELECT count(*) FROM inv.schedule WHERE kind = 'presence' AND sensor_id IS NULL AND due_at <= now() + interval '10 s'", 1)
    db.equal("what came before is there", "SELECT count(*) FROM report.host WHERE present_since IS NOT NULL", 1 + parts)


def test_visit_whose_last_part_is_refused_under_way_is_made_again():
    db = pg.database(migrated=True)
    d, lease = visit_in_progress(db, journal_of(pg))
    refuses(db, "10.0.0.66")
    expect(d.do(f"part {lease} icmp 10.0.0.2,up"), "applied 2 0 0 1")
    d.do(f"part! {lease} icmp 10.0.0.66,up")
    d.do("spin 100")                                           # the server has it
    expect(d.do(f"finish {lease} complete"), "applied Connection timed out\nfinished ok")
    expect_made_again(db, 1)
    d.close()


def test_visit_whose_last_part_is_refused_with_its_end_is_made_again():
    db = pg.database(migrated=True)
    d, lease = visit_in_progress(db, journal_of(pg))
    refuses(db, "10.0.0.66")
    d.do(f"part! {lease} icmp 10.0.0.2,up")
    d.do(f"part! {lease} icmp 10.0.0.66,up")
    got = d.do(f"finish {lease} complete").splitlines()
    expect(got[1:], ["applied Connection timed out", "finished ok"])
    expect_made_again(db, 1)
    d.close()


def test_visit_that_ends_in_the_journal_with_a_part_that_is_refused_is_made_again():
    with pgtest.Cluster(options=DURABLE) as server:
        db, journal = server.database(migrated=True), journal_of(server)
        d, lease = visit_in_progress(db, journal)
        refuses(db, "10.0.0.66")
        server.stop()
        d.do(f"part! {lease} icmp 10.0.0.2,up")
        d.do(f"part! {lease} icmp 10.0.0.66,up")
        d.do("spin 300")
        d.do(f"finish! {lease} complete")
        d.do("spin 300")
        d.kill()
        server.start()
        d = open_store(db, f" 0 0 {journal}")
        expect_made_again(db, 1)
        d.close()


def test_visit_whose_last_part_cannot_be_read_back_from_the_journal_is_made_again():
    """The end travels with the second part, which waits behind the first; then both go to disk, and there the second is spoiled."""
    with pgtest.Cluster(options=DURABLE) as server:
        db, journal = server.database(migrated=True), journal_of(server)
        d, lease = visit_in_progress(db, journal)
        holder = subprocess.Popen(["psql", "-XAtq", "-d", db.conninfo, "-c", "BEGIN; LOCK inv.fact_now; SELECT 'held'; SELECT pg_sleep(60)"],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        wait_for("the lock", lambda: db.sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%held%' AND wait_event = 'PgSleep'") == "1")
        d.do(f"part! {lease} icmp 10.0.0.2,up")
        d.do("spin 100")
        d.do(f"part! {lease} icmp 10.0.0.66,up")
        d.do(f"finish! {lease} complete")
        wait_for("the first part waits for the lock", lambda: db.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'relation'") == "1")
        server.stop(signal.SIGQUIT)
        holder.wait()
        d.do("spin 300")
        with open(journal, "r+b") as f:
            f.seek(-1, os.SEEK_END)
            last = f.read(1)
            f.seek(-1, os.SEEK_END)
            f.write(bytes([last[0] ^ 1]))
        server.start()

        def ended():
            d.do("spin 200")
            return db.sql("SELECT count(*) FROM inv.coverage WHERE NOT complete") == "1"
        wait_for("the end of the visit", ended)
        expect_made_again(db, 1)
        expect(journal.stat().st_size, 0)
        audit(db)
        d.close()


def test_figures_of_listeners_wait_once_for_the_database():
    db = pg.database(migrated=True)
    d = open_store(db)
    pg.stop()
    expect(d.do("listeners"), "")
    d.do("spin 100")
    expect(d.do("listeners"), "listeners refused: Device or resource busy")
    pg.start()
    expect(d.do("state-wait"), "state ready")
    wait_for("the answer", lambda: (d.do("spin 50"), d.do("listeners") == "")[1])
    d.close()


def test_memory_is_bounded_and_so_is_the_journal():
    db, journal = pg.database(migrated=True), journal_of(pg)
    d = open_store(db, f" 0 6000 {journal} 12000")
    d.do(f"config lab 10.0.0.0/24 - 3 {PASSES}")
    claimed(d, "presence", lease="600s")
    pg.stop()
    refused = taken = 0
    for i in range(1, 200):
        got = d.do(f"part! 0 icmp 10.0.0.{i},up,n=host-{i}.example.org")
        refused += "Resource temporarily unavailable" in got
        taken += "refused" not in got
    assert refused and taken > 20, (refused, taken)
    assert 9000 < journal.stat().st_size <= 12000
    pg.start()
    d.do("sync-wait")
    db.equal("what was taken is there", "SELECT count(*) FROM report.host", taken)
    expect(journal.stat().st_size, 0)
    audit(db)
    d.close()


def test_read_only_database_is_said_and_waited_for():
    with pgtest.Cluster() as server:
        db, journal = server.database(migrated=True), journal_of(server)
        d, lease = visit_in_progress(db, journal)
        server.psql("postgres", "ALTER SYSTEM SET default_transaction_read_only = on", user="postgres")
        server.psql("postgres", "SELECT pg_reload_conf()", user="postgres")
        wait_for("the setting in the store's session", lambda: d.do("sql SHOW default_transaction_read_only") == "on\nsql ok")
        for i in range(2, 40):
            d.do(f"part! {lease} icmp 10.0.0.{i},up")
        wait_for("the refusal", lambda: d.do("spin 100") == "" and "read-only" in d.do("state"))
        assert journal.stat().st_size > 0
        server.psql("postgres", "SET default_transaction_read_only = off; ALTER SYSTEM RESET default_transaction_read_only", user="postgres")
        server.psql("postgres", "SELECT pg_reload_conf()", user="postgres")
        d.do("sync-wait")
        db.equal("hosts", "SELECT count(*) FROM report.host WHERE present_since IS NOT NULL", 39)
        audit(db)
        d.close()


def test_full_disk_is_said_and_waited_for():
    with pgtest.Cluster() as server:
        space = server.dir / "small"
        space.mkdir()
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m,mode=0777", "tmpfs", str(space)], capture_output=True, check=False).returncode:
            print("left out: a small file system cannot be mounted here")
            return
        try:
            full_disk(server, space)
        finally:
            server.stop()
            subprocess.run(["umount", "-l", str(space)], check=False)


def full_disk(server, space):
    (space / "ts").mkdir()
    os.chown(space / "ts", server.user.pw_uid, server.user.pw_gid)
    os.chmod(space / "ts", 0o700)
    server.psql("postgres", f"CREATE TABLESPACE small LOCATION '{space}/ts'", user="postgres")
    server.psql("postgres", "GRANT CREATE ON TABLESPACE small TO muster", user="postgres")
    db, journal = server.database(migrated=True), journal_of(server)
    d, lease = visit_in_progress(db, journal)
    db.sql("DO $$ DECLARE t text; BEGIN FOR t IN SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'i') AND relnamespace = 'inv'::regnamespace AND relname ~ '^(change|fact_now|value_text)' LOOP "
           "EXECUTE format('ALTER %s %s SET TABLESPACE small', CASE (SELECT relkind FROM pg_class WHERE oid = t::regclass) WHEN 'i' THEN 'INDEX' ELSE 'TABLE' END, t); END LOOP; END $$")
    ballast = space / "ballast"
    with open(ballast, "wb") as f:
        try:
            while True:
                f.write(b"x" * 65536)
                f.flush()
        except OSError:
            pass
    for i in range(2, 250):
        d.do(f"part! {lease} icmp 10.0.0.{i},up,n={'n' * 200}{i}.lab")
    wait_for("it is said", lambda: (d.do("spin 20"), "No space left on device" in d.do("state"))[1])
    ballast.unlink()
    d.do("sync-wait")
    db.equal("hosts", "SELECT count(*) FROM report.host WHERE present_since IS NOT NULL", 249)
    audit(db)
    d.close()


def test_server_that_greets_and_takes_no_write_is_tried_ever_more_seldom():
    d = open_store(pg.database(migrated=True))
    waits = [refused(d) for _ in range(5)]
    assert sum(waits) >= 3.1, waits                            # 0.1 s, and each time twice as long
    soon = 9
    for _ in range(10):                                        # a machine that has no time for us is no failure
        d.do("spin 5000")
        soon = min(soon, refused(d))
        if soon < 2:
            break
    assert soon < 2, f"a connection that lasted was made again after {soon} s at best"
    d.close()


def refused(d):
    """Breaks the connection off as a full disk does; how long it takes until the store is there again."""
    began = time.monotonic()
    expect(d.do("sql DO $$ BEGIN RAISE 'no room' USING ERRCODE = '53100'; END $$"), "sql Connection reset by peer: no room")
    wait_for("the store is ready", lambda: (d.do("spin 10"), d.do("state") == "state ready")[1])
    return time.monotonic() - began


class Standby(pgtest.Cluster):
    """A streaming copy of another cluster."""

    def follow(self, primary):
        self.dir = pathlib.Path(str(primary.dir) + "-standby")
        self.socket = self.dir / "run"
        for path in (self.dir, self.socket):
            path.mkdir()
            if self.user:
                os.chown(path, self.user.pw_uid, self.user.pw_gid)
        os.chmod(self.dir, 0o755)
        self.as_user([f"{self.bin}/pg_basebackup", "-h", str(primary.socket), "-U", "postgres", "-D", str(self.dir / "data"), "-R", "-c", "fast"],
                     check=True)
        self.options = [*self.options, "hot_standby=on", "synchronous_standby_names="]
        self.start()

    def promote(self):
        self.psql("postgres", "SELECT pg_promote(true, 60)", user="postgres")


def test_host_that_takes_connections_and_says_nothing_is_passed_over():
    db = pg.database(migrated=True)
    with silent_server() as silent:
        d = pgtest.Driver("pg_store_driver")
        got = d.do(f"open host={silent},{pg.socket};user={db.owner};dbname={db.name}")
        expect(got, "state down no connection to the database within 10 s")
        expect(d.do("state-wait"), "state ready")
        baseline(d)
        d.close()


def test_standby_that_takes_over_is_found_and_nothing_is_lost():
    with pgtest.Cluster(options=[*DURABLE, "wal_level=replica", "max_wal_senders=4"]) as primary:
        standby = Standby(options=[*DURABLE, "max_wal_senders=4"])
        try:
            failover(primary, standby)
        finally:
            standby.stop(signal.SIGQUIT)
            shutil.rmtree(standby.dir, ignore_errors=True)


def failover(primary, standby):
    db, journal = primary.database(migrated=True), journal_of(primary)
    standby.follow(primary)
    primary.psql("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'", user="postgres")
    primary.psql("postgres", "SELECT pg_reload_conf()", user="postgres")
    both = pgtest.Database(primary, db.name, db.owner)
    conninfo = f"host={standby.socket},{primary.socket} user={db.owner} dbname={db.name}"
    d = pgtest.Driver("pg_store_driver")
    expect(d.do("open " + conninfo.replace(" ", ";") + f" 0 0 {journal}"), "state ready")
    baseline(d)
    due(both, "presence")
    lease = claimed(d, "presence", lease="600s")[0][1]
    for i in range(2, 40):
        d.do(f"part! {lease} icmp 10.0.0.{i},up")
    d.do("spin 100")
    primary.stop(signal.SIGQUIT)
    for i in range(40, 80):
        d.do(f"part! {lease} icmp 10.0.0.{i},up")
    d.do("spin 500")
    standby.promote()
    for i in range(80, 120):
        d.do(f"part! {lease} icmp 10.0.0.{i},up")
    d.do("sync-wait")
    expect(d.do(f"finish {lease} complete"), "finished ok")
    db = pgtest.Database(standby, db.name, db.owner)
    db.equal("hosts", "SELECT count(*) FROM report.host WHERE present_since IS NOT NULL", 119)
    db.write_events()
    db.equal("events", "SELECT count(*) || ' ' || count(DISTINCT subject) FROM report.event", "118 118")
    audit(db)
    d.close()


def test_paused_sensor_is_refused_and_changes_nothing_false():
    db = pg.database(migrated=True)
    a = open_sensor(db, "left")
    a.do(f"config lab 10.0.0.0/24 - 3 {PASSES}")
    claimed(a, "presence,ports")
    a.do("part 0 icmp 10.0.0.1,up 10.0.0.2,up")
    a.process.send_signal(signal.SIGSTOP)
    db.sql("UPDATE inv.schedule SET due_at = now() WHERE sensor_id IS NOT NULL")       # its leases run out
    b = open_sensor(db, "right")
    lease = {w[4]: w[1] for w in claimed(b, "presence")}["presence"]
    expect(b.do(f"part {lease} icmp 10.0.0.1,up 10.0.0.2,up 10.0.0.3,up"), "applied 2 0 0 0")
    expect(b.do(f"finish {lease} complete"), "finished ok")
    before = db.sql("SELECT string_agg(concat_ws(' ', addr, attr_id, since), ',' ORDER BY addr, attr_id) FROM inv.fact_now")
    a.process.send_signal(signal.SIGCONT)
    expect(a.do("part 0 icmp 10.0.0.1,down 10.0.0.3,down 10.0.0.9,up"), "applied Stale file handle")
    expect(a.do("finish 0 complete").split()[1], "Stale")
    db.equal("nothing changed", "SELECT string_agg(concat_ws(' ', addr, attr_id, since), ',' ORDER BY addr, attr_id) FROM inv.fact_now", before)
    db.equal("no doubt", "SELECT count(*) FROM inv.doubt", 0)
    db.equal("no host is gone", "SELECT count(*) FROM report.host WHERE present_since IS NULL", 0)
    db.equal("proof", "SELECT string_agg(sensor || ' ' || complete, ', ' ORDER BY sensor) FROM report.visit", "left false, right true")
    # a sensor that is lost is a gap: what it had is due again for the others, nothing is closed
    a.kill()
    b.do("spin 10")
    db.sql("UPDATE inv.schedule SET due_at = now() WHERE sensor_id IS NOT NULL")
    expect(len(claimed(b, "ports")), 1)
    audit(db)
    b.close()


def open_sensor(db, name):
    d = pgtest.Driver("pg_store_driver")
    expect(d.do(f"sensor {name}"), f"sensor {name}")
    expect(d.do("open " + db.conninfo.replace(" ", ";")), "state ready")
    return d


if __name__ == "__main__":
    import test_store_client as client
    with pgtest.Cluster() as pg:
        client.pg = pg
        pgtest.run(globals())
