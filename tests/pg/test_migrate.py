#!/usr/bin/env python3
"""The migrator: order, checksums, one transaction a file, the lock, and everything that it refuses."""
import pathlib
import shutil
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pgtest
from silent import deaf_server, silent_server


class Dir:
    """A directory of migrations made for one test."""

    def __init__(self, **files):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="muster-migrations-"))
        for name, text in files.items():
            self.write(name, text)

    def write(self, name, text):
        (self.path / (name[1:] + ".sql")).write_text(text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path)


def migrate(db, path, how="", conninfo=None, driver=None):
    d = driver or pgtest.Driver("pg_store_driver")
    got = d.do(f"migrate {(conninfo or db.conninfo).replace(' ', ';')} {path} {how}".rstrip())
    if not driver:
        d.close()
    return got.replace(str(path), "DIR")


def expect(got, want):
    if got != want:
        raise AssertionError(f"\n got {got!r}\nwant {want!r}")


def test_migrator_passes_over_a_host_that_hangs():
    with silent_server() as silent, Dir(_0001_a="CREATE TABLE a()") as d:
        db = pg.database()
        expect(migrate(db, d.path, conninfo=db.conninfo.replace("host=", f"host={silent},")), "applied 0001_a.sql\nmigrated to 1 of 1")


def test_migrator_passes_over_a_host_that_is_off():
    with deaf_server() as port, Dir(_0001_a="CREATE TABLE a()") as d:
        db = pg.database()
        conninfo = db.conninfo.replace("host=", "host=127.0.0.1,") + f" port={port},5432"
        expect(migrate(db, d.path, conninfo=conninfo), "applied 0001_a.sql\nmigrated to 1 of 1")


def test_migrator_looks_for_the_server_that_takes_writes():
    with pgtest.Cluster(options=["default_transaction_read_only=on"]) as reader, Dir(_0001_a="CREATE TABLE a()") as d:
        db = pg.database()
        pg.psql("postgres", f"CREATE DATABASE pair OWNER {db.owner}", user="postgres")
        reader.psql("postgres", f"SET default_transaction_read_only = off; CREATE DATABASE pair OWNER {db.owner}", user="postgres")
        expect(migrate(db, d.path, conninfo=f"host={reader.socket},{pg.socket} user={db.owner} dbname=pair"), "applied 0001_a.sql\nmigrated to 1 of 1")


def test_all_migrations_of_the_product_apply_once():
    db = pg.database()
    got = migrate(db, pgtest.MIGRATIONS).splitlines()
    names = sorted(p.name for p in pgtest.MIGRATIONS.glob("*.sql"))
    expect(got[:-1], [f"applied {n}" for n in names])
    newest = int(names[-1][:4])
    expect(got[-1], f"migrated to {newest} of {newest}")
    expect(migrate(db, pgtest.MIGRATIONS), f"migrated to {newest} of {newest}")
    expect(migrate(db, pgtest.MIGRATIONS, "check"), f"migrated to {newest} of {newest}")
    db.equal("recorded", "SELECT count(*) || ' ' || bool_and(length(sha256) = 32 AND by_program = 'test' AND took_ms >= 0) FROM ops.migration", f"{len(names)} true")
    db.check_invariants()


def test_every_older_state_of_the_product_moves_on():
    """One migration a run, so that each state is one that a run has left; from some of them to the newest in one run."""
    names = sorted(pgtest.MIGRATIONS.glob("*.sql"))
    long_ways = {3, len(names) // 2, len(names) - 4}
    db, driver = pg.database(), pgtest.Driver("pg_store_driver")
    with Dir() as d:
        for n, path in enumerate(names):
            shutil.copy(path, d.path)
            expect(migrate(db, d.path, driver=driver).splitlines()[:-1], [f"applied {path.name}"])
            if n in long_ways:
                copy = pg.database(like=db)
                got = migrate(copy, pgtest.MIGRATIONS, driver=driver).splitlines()
                expect([line for line in got if line.startswith("applied")], [f"applied {p.name}" for p in names[n + 1:]])
                copy.check_invariants()
    driver.close()
    db.check_invariants()


def test_check_applies_nothing():
    db = pg.database()
    expect(migrate(db, pgtest.MIGRATIONS, "check"), "migrate No such file or directory: the database has no schema of muster yet")
    db.equal("nothing", "SELECT count(*) FROM pg_namespace WHERE nspname = 'ops'", 0)
    with Dir(_0001_a="SELECT 1") as d:
        migrate(db, d.path)
        d.write("_0002_b", "SELECT 2")
        expect(migrate(db, d.path, "check"), "migrate No such file or directory: the database lacks 0002_b.sql: run 'muster db migrate'")


def test_file_that_fails_is_rolled_back_and_named_with_its_line():
    db = pg.database()
    with Dir(_0001_a="CREATE TABLE a(x int);", _0002_b="CREATE TABLE b(x int);\n-- \u00e4\u00f6\u00fc\nCREATE TABLE c(\n  x nosuchtype\n);", _0003_c="CREATE TABLE d(x int);") as d:
        expect(migrate(db, d.path), 'applied 0001_a.sql\nmigrate Input/output error: DIR/0002_b.sql:4: type "nosuchtype" does not exist')
        db.equal("b is rolled back, c never ran", "SELECT string_agg(relname, ',') FROM pg_class WHERE relname IN ('a', 'b', 'c', 'd')", "a")
        db.equal("recorded", "SELECT string_agg(name, ',') FROM ops.migration", "0001_a.sql")
        d.write("_0002_b", "CREATE TABLE b(x int);")
        expect(migrate(db, d.path), "applied 0002_b.sql\napplied 0003_c.sql\nmigrated to 3 of 3")


def test_failure_inside_a_function_tells_the_context():
    db = pg.database()
    with Dir(_0001_a="DO $$ BEGIN\n PERFORM 1/0;\nEND $$;") as d:
        got = migrate(db, d.path)
        assert "DIR/0001_a.sql: division by zero; SQL statement" in got, got


def test_file_that_was_changed_is_refused():
    db = pg.database()
    with Dir(_0001_a="CREATE TABLE a(x int);") as d:
        migrate(db, d.path)
        d.write("_0001_a", "CREATE TABLE a(x bigint);")
        expect(migrate(db, d.path), "migrate Bad message: DIR/0001_a.sql was changed after it had been applied (as 0001_a.sql); "
                                    "restore it, and put the change into a new file")


def test_database_newer_than_the_program_is_refused_before_anything_else():
    db = pg.database()
    with Dir(_0001_a="CREATE TABLE a(x int);", _0002_b="SELECT 1") as d:
        migrate(db, d.path)
        (d.path / "0002_b.sql").unlink()
        d.write("_0001_a", "changed too")
        expect(migrate(db, d.path), "migrate Operation not supported: the database is at schema 2, this program knows 1: a newer muster has been here")


def test_file_that_ends_the_transaction_is_refused():
    db = pg.database()
    with Dir(_0001_a="CREATE TABLE a(x int); COMMIT;") as d:
        expect(migrate(db, d.path), "migrate Input/output error: DIR/0001_a.sql: ends the transaction itself; a migration must not")
        db.equal("not recorded", "SELECT count(*) FROM ops.migration", 0)


def test_copy_in_a_file_does_not_hang():
    db = pg.database()
    with Dir(_0001_a="CREATE TABLE a(x int); COPY a FROM STDIN;") as d:
        assert migrate(db, d.path).startswith("migrate Input/output error: DIR/0001_a.sql"), "hangs or succeeds"


def test_concurrent_index_runs_without_a_transaction():
    db = pg.database()
    with Dir(_0001_a="CREATE TABLE a(x int);", _0002_b="-- no transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS i ON a(x);") as d:
        expect(migrate(db, d.path).splitlines()[-1], "migrated to 2 of 2")


def test_names_and_numbers_are_checked_before_anything_is_applied():
    db = pg.database()
    for files, words in (
            ({"_0001_a": "SELECT 1", "_0001_b": "SELECT 1"}, "DIR: 0001_a.sql and 0001_b.sql have one number"),
            ({"_0001_a": "SELECT 1", "_2_b": "SELECT 1"}, "DIR/2_b.sql: expected a name such as 0001_name.sql"),
            ({"_0000_a": "SELECT 1"}, "DIR/0000_a.sql: expected a name such as 0001_name.sql"),
            ({"_0001_a": "SELECT 1", "_0002_b": ""}, "DIR/0002_b.sql: empty"),
            ({}, "DIR: no migrations in it (0001_name.sql)")):
        with Dir(**files) as d:
            got = migrate(db, d.path)
            assert got.endswith(words), f"{got} should end with {words}"
    assert "No such file or directory" in migrate(db, "/nonexistent")
    db.equal("nothing", "SELECT count(*) FROM pg_namespace WHERE nspname = 'ops'", 0)


def test_two_at_once_apply_everything_once():
    db = pg.database()
    with Dir(_0001_a="SELECT pg_sleep(0.4); CREATE TABLE a(x int);", _0002_b="CREATE TABLE b(x int);") as d:
        got = []
        threads = [threading.Thread(target=lambda: got.append(migrate(db, d.path))) for _ in range(3)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        expect(sorted(got), ["applied 0001_a.sql\napplied 0002_b.sql\nmigrated to 2 of 2", "migrated to 2 of 2", "migrated to 2 of 2"])


def test_migrator_that_does_not_end_is_not_waited_for_for_ever():
    db = pg.database()
    other = db.connect()
    other.sql("SELECT pg_advisory_lock(7310868735425770593)")   # as a migrator does (service/store/migrate.c)
    with Dir(_0001_a="CREATE TABLE a(x int);") as d:
        expect(migrate(db, d.path, "300"), "migrate Connection timed out: another migrator is at work on this database and does not end")
        other.close()
        expect(migrate(db, d.path).splitlines()[-1], "migrated to 1 of 1")


def test_unreachable_database_is_named():
    got = migrate(None, pgtest.MIGRATIONS, conninfo="host=/nonexistent dbname=x")
    assert got.startswith('migrate Connection refused: database: connection to server on socket "/nonexistent/.s.PGSQL.5432" failed'), got


def test_plain_role_that_owns_one_database_is_enough_and_is_told_what_is_left_out():
    with pgtest.Cluster(login="plain", attributes="") as server:
        db = server.database()
        got = migrate(db, pgtest.MIGRATIONS)
        assert got.count("was not made: plain may not create roles") == 4, got
        assert "migrated to" in got, got
        # an administrator makes them later
        db.sql("CREATE ROLE muster_reader NOLOGIN; CREATE ROLE muster_sensor NOLOGIN", user="postgres")
        db.equal("some are missing", "SELECT ops.grant_roles()", "missing: muster_report, muster_writer")
        db.sql("CREATE ROLE muster_report NOLOGIN; CREATE ROLE muster_writer NOLOGIN", user="postgres")
        db.equal("granted later", "SELECT ops.grant_roles()", "granted")
        db.check_invariants()


def test_reader_sees_reports_and_nothing_else():
    db = pg.database(migrated=True)
    pg.psql("postgres", "DO $$ BEGIN CREATE ROLE anna LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$; GRANT muster_reader TO anna", user="postgres")
    pg.psql("postgres", "DO $$ BEGIN CREATE ROLE probe LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$; GRANT muster_sensor TO probe", user="postgres")
    for view in db.sql("SELECT string_agg(viewname, ' ') FROM pg_views WHERE schemaname = 'report'").split():
        db.sql(f"SELECT * FROM report.{view} LIMIT 1", user="anna")
    db.sql("SELECT * FROM report.changes_after('0', 0, 10)", user="anna")
    for text in ("SELECT * FROM inv.fact_now", "SELECT * FROM alert.event", "SELECT * FROM ops.installation", "SELECT api.sync_config('{}')",
                 "SELECT inv.shown('script', NULL, 1, '::1', 0)", "CREATE TABLE report.x(y int)"):
        assert "permission denied" in db.fails(text, user="anna"), text
    db.sql("SELECT sensor_id FROM api.hello('probe', gen_random_uuid())", user="probe")
    for text in ("SELECT * FROM inv.fact_now", "SELECT * FROM report.host", "SELECT ops.drop_before('2030-01-01')"):
        assert "permission denied" in db.fails(text, user="probe"), text


def test_every_view_and_column_of_report_is_commented():
    db = pg.database(migrated=True)
    db.equal("views without a comment", "SELECT string_agg(viewname, ' ') FROM pg_views WHERE schemaname = 'report' "
             "AND obj_description(format('report.%I', viewname)::regclass) IS NULL", "")
    db.equal("columns without a comment", "SELECT string_agg(c.relname || '.' || a.attname, ' ') FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
             "WHERE c.relnamespace = 'report'::regnamespace AND c.relkind = 'v' AND a.attnum > 0 AND col_description(c.oid, a.attnum) IS NULL", "")


if __name__ == "__main__":
    with pgtest.Cluster() as pg:
        pgtest.run(globals())
