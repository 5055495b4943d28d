#!/usr/bin/env python3
"""The embedded server: made once, started and stopped, as root and as an ordinary user; left-overs, other versions, long paths."""
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pgtest


class Place:
    """A state directory; its driver runs as root, or as a plain user."""

    def __init__(self, plain=False, mode=0o755, deep=""):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="muster-emb-"))
        os.chmod(self.top, mode)
        self.dir = self.top / ("state" + deep)
        self.user = pgtest.plain_user() if plain else None
        if self.user:
            os.chown(self.top, self.user.pw_uid, self.user.pw_gid)
            self.program = shutil.copy(pgtest.Driver.path("pg_store_driver"), self.top)
        else:
            self.program = pgtest.Driver.path("pg_store_driver")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.top, ignore_errors=True)

    def driver(self):
        def become():
            if self.user:
                os.setgroups([])
                os.setgid(self.user.pw_gid)
                os.setuid(self.user.pw_uid)
        return pgtest.Driver("pg_store_driver", program=self.program, preexec_fn=become, cwd="/")


def started(d, place, prefix=""):
    got = d.do(f"server {place.dir}")
    if not got.startswith(prefix + "server ready host="):
        raise AssertionError(got)
    return got[len(prefix + "server ready "):]


def round_trip(place):
    d = place.driver()
    conninfo = started(d, place)
    got = d.do(f"migrate {conninfo.replace(' ', ';')} {pgtest.MIGRATIONS}")
    assert "migrated to" in got and "was not made" not in got, got
    assert d.do("open " + conninfo.replace(" ", ";")) == "state ready"
    got = d.do("sql SELECT current_setting('fsync'), current_setting('listen_addresses'), rolsuper FROM pg_roles WHERE rolname = current_user")
    assert got == "on||f\nsql ok", got
    got = d.do("sql SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE rolname ~ '^muster'")
    assert got == "muster muster_reader muster_report muster_sensor muster_writer\nsql ok", got
    assert d.do("stop") == "stopped 0"
    d.close()
    again = place.driver()
    conninfo = started(again, place)
    assert again.do("open " + conninfo.replace(" ", ";")) == "state ready"
    assert again.do("stop") == "stopped 0"
    again.close()
    for name in ("pgdata", "run"):
        path = place.dir / name
        if path.exists():
            assert path.stat().st_mode & 0o77 == 0, f"{path} is open to others"
    assert not (place.dir / "pgdata.new").exists()


def test_as_an_ordinary_user():
    with Place(plain=True) as place:
        round_trip(place)
        owner = os.geteuid() if not place.user else place.user.pw_uid
        assert (place.dir / "pgdata").stat().st_uid == owner


def test_as_root_below_a_directory_that_only_root_may_enter():
    if os.geteuid() != 0:
        print("      (not root: left out)")
        return
    with Place(mode=0o700) as place:
        round_trip(place)
        assert (place.dir / "pgdata").stat().st_uid == 0, "files are root's"


def test_server_does_not_run_as_root():
    if os.geteuid() != 0:
        return
    with Place() as place:
        d = place.driver()
        started(d, place)
        pid = int((place.dir / "pgdata" / "postmaster.pid").read_text().split()[0])
        # outside it is us, inside it is not root: it would not have started
        assert pathlib.Path(f"/proc/{pid}/uid_map").read_text().split()[1:] == ["0", "1"] or \
            pathlib.Path(f"/proc/{pid}").stat().st_uid != 0
        d.do("stop")
        d.close()


def test_nobody_else_gets_at_the_socket():
    if os.geteuid() != 0:
        return
    with Place() as place:
        d = place.driver()
        conninfo = started(d, place)
        other = pgtest.plain_user()
        done = subprocess.run([f"{pgtest.bindir()}/psql", conninfo, "-c", "SELECT 1"], capture_output=True, text=True, check=False,
                              user=other.pw_uid, group=other.pw_gid, extra_groups=[], cwd="/")
        assert done.returncode != 0 and "Permission denied" in done.stderr, done.stderr
        d.do("stop")
        d.close()


def test_database_dies_with_its_owner_and_the_next_one_waits_for_it():
    with Place(plain=True) as place:
        d = place.driver()
        conninfo = started(d, place)
        d.do(f"migrate {conninfo.replace(' ', ';')} {pgtest.MIGRATIONS}")
        d.do("open " + conninfo.replace(" ", ";"))
        d.kill()
        d = place.driver()
        got = d.do(f"server {place.dir}")
        assert "server ready" in got, got
        assert d.do("open " + conninfo.replace(" ", ";")) == "state ready"
        d.do("stop")
        d.close()


def test_killed_server_leaves_nothing_that_stops_the_next():
    with Place(plain=True) as place:
        d = place.driver()
        started(d, place)
        pidfile = place.dir / "pgdata" / "postmaster.pid"
        pid = int(pidfile.read_text().split()[0])
        text = pidfile.read_text()
        os.kill(pid, signal.SIGKILL)
        d.kill()
        # its pid is another process's by now
        deadline = time.monotonic() + 10
        while pathlib.Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        pidfile.write_text(text.replace(str(pid), str(os.getpid()), 1))
        # that of a process of the server's own user is what PostgreSQL heeds
        other = subprocess.Popen(["sleep", "600"], **({"user": place.user.pw_uid} if place.user else {}))
        lock = next(place.dir.rglob(".s.PGSQL.5432.lock"))
        lock.write_text(lock.read_text().replace(str(pid), str(other.pid), 1))
        d = place.driver()
        started(d, place)
        other.kill()
        other.wait()
        assert d.do("stop") == "stopped 0"
        d.close()


def test_first_start_that_was_cut_off_is_begun_anew():
    with Place(plain=True) as place:
        place.dir.mkdir()
        new = place.dir / "pgdata.new"
        (new / "base").mkdir(parents=True)
        (new / "PG_VERSION").write_text("15\n")
        if place.user:
            for path in (place.dir, new, new / "base", new / "PG_VERSION"):
                os.chown(path, place.user.pw_uid, place.user.pw_gid)
        d = place.driver()
        started(d, place)
        d.do("stop")
        d.close()


def test_data_of_another_version_and_no_data_are_named():
    with Place(plain=True) as place:
        data = place.dir / "pgdata"
        data.mkdir(parents=True)
        (data / "PG_VERSION").write_text("13\n")
        if place.user:
            for path in (place.dir, data, data / "PG_VERSION"):
                os.chown(path, place.user.pw_uid, place.user.pw_gid)
        d = place.driver()
        got = d.do(f"server {place.dir}")
        assert "was made by PostgreSQL 13, and the server in" in got, got
        (data / "PG_VERSION").unlink()
        got = d.do(f"server {place.dir}")
        assert "PG_VERSION: No such file or directory; this is no database" in got, got
        got = d.do(f"server {place.dir} /nonexistent")
        assert "/nonexistent: no programs postgres and initdb in it" in got, got
        d.close()


def test_long_path_gets_a_short_socket():
    with Place(plain=True, deep="/" + "x" * 100) as place:
        place.dir.parent.mkdir()
        if place.user:
            os.chown(place.dir.parent, place.user.pw_uid, place.user.pw_gid)
        d = place.driver()
        conninfo = started(d, place)
        assert len(conninfo.split("'")[1]) < 90 and str(place.dir) not in conninfo, conninfo
        assert d.do("migrate " + conninfo.replace(" ", ";") + f" {pgtest.MIGRATIONS}").splitlines()[-1].startswith("migrated")
        d.do("stop")
        d.close()
        shutil.rmtree(conninfo.split("'")[1], ignore_errors=True)


def test_short_socket_that_somebody_else_has_is_refused():
    """Its name can be guessed, and everybody may make it."""
    if os.geteuid() != 0:
        return
    with Place(deep="/" + "x" * 100) as place:
        place.dir.parent.mkdir()
        d = place.driver()
        socket = pathlib.Path(started(d, place).split("'")[1])
        assert socket.parent == pathlib.Path("/tmp"), socket
        assert d.do("stop") == "stopped 0"
        d.close()
        shutil.rmtree(socket)
        socket.mkdir(mode=0o700)
        try:
            os.chown(socket, pgtest.plain_user().pw_uid, -1)
            d = place.driver()
            got = d.do(f"server {place.dir}")
            assert f"{socket} belongs to another user" in got, got
            d.close()
        finally:
            shutil.rmtree(socket)


if __name__ == "__main__":
    pgtest.bindir()
    pgtest.run(globals())
