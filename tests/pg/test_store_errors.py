#!/usr/bin/env python3
"""What cannot be asked any more: a script that ends with an error leaves its result as it was, shown with the time when it was last confirmed, and
ends it when nothing has confirmed it for too long.  One silent visit ends nothing."""
import os
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pgtest
import test_store_diff as helpers
from test_store_diff import Zone

SCRIPTS = "ssh-hostkey,http-title"
GOOD, BAD = ".1 22 ssh-hostkey k1, .1 80 http-title one", ".1 22 ssh-hostkey k1"
DAY = 24


class Site(Zone):
    """With visits so many hours after the last one.  What is told here is in a single year: see main."""

    def scripts(self, facts=GOOD, unsure="", hours=DAY, scripts=SCRIPTS, host=".1 u", **kw):
        self.hour += hours - 1
        return self.visit("scripts", host, facts, unsure, scripts, **kw)

    def fails(self, hours=DAY, **kw):
        return self.scripts(BAD, ".1 80 http-title", hours, **kw)

    def result(self):
        """The result of http-title: last_seen (day and hour), misses and errors."""
        return db.sql("SELECT to_char(last_seen AT TIME ZONE 'UTC', 'DD HH24') || ' ' || misses || ' ' || errors FROM report.script_result "
                      f"WHERE zone = '{self.name}' AND script = 'http-title'")

    def doubts(self):
        return db.sql(f"SELECT count(*) FROM inv.doubt d JOIN inv.zone z USING (zone_id) WHERE z.name = '{self.name}'")


def test_what_cannot_be_asked_ends_after_a_week_once_and_says_why():
    z = Site().known()
    assert z.result() == "01 03 0 0", z.result()
    for day in range(1, 8):                                    # (a visit is over a second after it began)
        z.fails(want="0 0 0 0", told="")
        assert z.result() == f"01 03 0 {min(day, 5)}", (day, z.result())
    z.fails(want="0 0 1 1", told="script.gone .1/tcp/80/http-title")
    assert z.result() == "", z.result()
    for _ in range(8):
        z.fails(want="0 0 0 0", told="")
    assert z.doubts() == "0", z.doubts()
    db.equal("the change", "SELECT concat_ws(' ', what, type, to_char(at AT TIME ZONE 'UTC', 'DD HH24:MI'), to_char(last_seen AT TIME ZONE 'UTC', 'DD HH24:MI:SS')) FROM report.change "
             f"WHERE zone = '{z.name}' AND new IS NULL", "unconfirmed script.gone 09 03:00 01 03:00:01")
    db.equal("the event's evidence", f"SELECT (body -> 'evidence') - 'pass' FROM report.event WHERE zone = '{z.name}'", '{"last_seen": "2026-01-01T03:00:01Z"}')
    db.equal("why", f"SELECT summary || '; ' || (body ->> 'confidence') FROM report.event WHERE zone = '{z.name}'",
             f"http-title of tcp/80 on {z.net}.1 is not known any more: not confirmed since 2026-01-01T03:00:01Z, the script ends with errors (\"one\" then); "
             "not confirmed since 2026-01-01T03:00:01Z: the script ends with errors")
    z.scripts(want="1 0 0 1", told="script.appeared .1/tcp/80/http-title")
    db.check_invariants()


def test_a_service_that_comes_and_goes_gives_no_change():
    z = Site().known()
    for _ in range(3):
        for _ in range(6):
            z.fails(want="0 0 0 0", told="")
        z.scripts(want="0 0 0 0", told="")
        assert z.result()[-3:] == "0 0" and z.doubts() == "0", (z.result(), z.doubts())


def test_a_week_alone_is_not_enough():
    z = Site().known()
    for _ in range(4):
        z.fails(5 * DAY, want="0 0 0 0", told="")
    z.fails(5 * DAY, want="0 0 1 1", told="script.gone .1/tcp/80/http-title")


def test_nor_are_many_errors_in_less():
    z = Site().known()
    for _ in range(7 * DAY):
        z.fails(1, want="0 0 0 0", told="")
    assert z.result() == "01 03 0 5", z.result()
    z.fails(1, want="0 0 1 1", told="script.gone .1/tcp/80/http-title")


def test_errors_one_upon_the_other_count_once():
    z = Site().known()
    z.fails(8 * DAY, want="0 0 0 0")
    for _ in range(9):
        z.fails(0.04, want="0 0 0 0")
    assert z.result() == "01 03 0 1", z.result()


def test_a_pass_that_wants_more_misses_wants_more_errors():
    z = Site().known()
    db.sql(f"UPDATE inv.profile SET misses = 8 WHERE zone_id = (SELECT zone_id FROM inv.zone WHERE name = '{z.name}')")
    for _ in range(7):
        z.fails(2 * DAY, want="0 0 0 0")
    z.fails(want="0 0 1 1", told="script.gone .1/tcp/80/http-title")


def test_what_was_not_asked_does_not_end():
    z = Site().known()
    for _ in range(10):
        z.scripts("", host=".1 n", want="0 0 0 0", told="")                     # the host was not done
        z.scripts(BAD, scripts="ssh-hostkey", want="0 0 0 0", told="")         # the pass does not run it
    assert z.result() == "01 03 0 0", z.result()


def test_doubts_of_an_older_version_are_counted_from_now():
    z = Site().known()
    z.scripts("", host=".1 n")
    for _ in range(4):
        z.fails(8 * DAY, want="0 0 0 0")
    z.fails(want="0 0 1 1")


def test_silence_and_errors_do_not_add_up():
    z = Site().known()
    z.scripts(BAD, want="0 0 0 0")
    z.visit("ports", ".1 u", ".1 22 port -, .1 80 port -")
    for _ in range(4):
        z.fails(want="0 0 0 0")
    assert z.result() == "01 03 1 4", z.result()
    z.scripts(BAD, want="0 0 1 1", told="script.gone .1/tcp/80/http-title")
    db.equal("it was missed twice", f"SELECT what FROM report.change WHERE zone = '{z.name}' AND new IS NULL", "closed")


def test_one_silent_visit_ends_nothing():
    """Nobody recognises the service again: silence is no error then, and still no end."""
    z = Site().known()
    for _ in range(5):
        z.scripts(BAD, want="0 0 0 0", told="")
        z.visit("ports", ".1 u", ".1 22 port -, .1 80 port -", want="0 0 0 0")
        assert z.result()[-3:] == "1 0", z.result()
        z.scripts(hours=0.01, want="0 0 0 0", told="")        # the confirming visit
        assert z.result()[-3:] == "0 0" and z.doubts() == "0", z.result()
    z.scripts(BAD, want="0 0 0 0", told="")
    z.visit("ports", ".1 u", ".1 22 port -, .1 80 port -", want="0 0 0 0")
    z.scripts(BAD, hours=0.01, want="0 0 1 1", told="script.gone .1/tcp/80/http-title")


def test_what_is_in_error_costs_no_write_once_that_is_known():
    z = Site().known()
    for _ in range(5):
        z.fails()
    counters = ("SELECT pg_stat_force_next_flush(); SELECT string_agg(relname || ' ' || n_tup_ins || ' ' || n_tup_upd || ' ' || n_tup_del, ', ' ORDER BY relname) "
                "FROM pg_stat_user_tables WHERE schemaname IN ('inv', 'alert') AND relname NOT IN ('schedule') AND relname !~ '^coverage'")
    locks = f"SELECT string_agg(d.ctid || ' ' || d.xmax, ', ' ORDER BY slot, attr_id) FROM inv.doubt d JOIN inv.zone z USING (zone_id) WHERE z.name = '{z.name}'"
    before, row = db.sql(counters), db.sql(locks)
    for _ in range(20):
        z.fails(1, want="0 0 0 0")
    assert db.sql(counters) == before, f"{before}\n{db.sql(counters)}"
    assert db.sql(locks) == row, f"a lock of a row is written, too: {row}; {db.sql(locks)}"
    z.scripts("", host=".1 n")
    row = db.sql(locks)
    z.scripts("", host=".1 n")
    assert db.sql(locks) == row, f"what is not judged is noted once: {row}; {db.sql(locks)}"


def test_what_scripts_said_of_the_service_ends_with_it():
    for facts, gone in ((GOOD + ", .1 80 service nginx", True), (GOOD, False)):
        z = Site("presence,ports,services,scripts").known()
        z.scripts(facts)
        if not gone:
            z.visit("services", ".1 u", ".1 80 service nginx")
        assert z.fact(".1", 80, "service")
        for _ in range(6 + gone):
            z.fails(want="0 0 0 0")
        z.fails(want=f"0 0 {1 + gone} 1", told="script.gone .1/tcp/80/http-title")
        assert z.fact(".1", 80, "service") != gone, "who said it last: a pass of scripts or one of services"
    z = Site().known()
    z.scripts(facts := GOOD + ", .1 80 service nginx")
    for _ in range(7):
        z.scripts(facts.replace(".1 80 http-title one, ", ""), ".1 80 http-title", want="0 0 0 0")
    z.scripts(facts.replace(".1 80 http-title one, ", ""), ".1 80 http-title", want="0 0 1 1")
    assert z.fact(".1", 80, "service"), "another script says it"
    db.check_invariants()


def test_a_service_that_cannot_be_asked_is_not_known_for_ever():
    z = Site("presence,ports,services,scripts").known()
    z.visit("services", ".1 u", ".1 22 service OpenSSH, .1 80 service nginx")
    for _ in range(7):
        z.hour += DAY - 1
        z.visit("services", ".1 u", ".1 80 service nginx", unsure=".1 22 service", want="0 0 0 0", told="")
    z.hour += DAY - 1
    z.visit("services", ".1 u", ".1 80 service nginx", unsure=".1 22 service", want="0 0 1 0", told="")
    assert not z.fact(".1", 22, "service") and z.fact(".1", 80, "service")


class Model:
    """One result by the rules: 2 misses at least 15 seconds apart, or 5 errors at least half an hour apart and a week without a confirmation."""
    WEEK = 7 * 24 * 3600

    def __init__(self, at):
        self.known, self.since, self.doubt, self.looked = True, at, None, at + 1

    def visit(self, at, outcome):
        if outcome == "ok":
            if not self.known:
                self.known, self.since = True, at
            self.doubt = None
        elif self.known:
            d = self.doubt = self.doubt or {"misses": 0, "errors": 0, "last": None, "seen": max(self.looked, self.since)}
            if outcome == "none" and (d["misses"] == 0 or at >= d["last"] + 15):
                d["misses"], d["last"] = d["misses"] + 1, at
                self.known = d["misses"] < 2
            elif outcome == "error" and (d["errors"] == 0 or at >= d["last"] + 1800):
                if d["errors"] + 1 >= 5 and at >= d["seen"] + self.WEEK:
                    self.known = False
                elif d["errors"] < 5:
                    d["errors"], d["last"] = d["errors"] + 1, at
            elif outcome == "unsure" and d["last"] is None:
                d["last"] = at
            if not self.known:
                self.doubt = None
        self.looked = at + 1

    def state(self):
        d = self.doubt
        return f"{self.known} " + (f"{d['misses']} {d['errors']} {d['seen']}" if d else "")


def test_a_look_while_its_host_was_away_confirms_nothing():
    z = Site().known()
    for _ in range(3):
        z.visit("presence", ".1 d")
    z.visit("ports", ".1 d")
    z.scripts("", host="")
    z.visit("presence", ".1 u")
    assert z.result() == "01 03 0 0", z.result()
    z.fails()
    assert z.result() == "01 03 0 1", z.result()
    z.visit("ports", ".1 u", ".1 22 port -")
    db.equal("its port", f"SELECT to_char(last_seen AT TIME ZONE 'UTC', 'DD HH24') || ' ' || misses FROM report.service WHERE zone = '{z.name}' AND port = 80", "01 02 1")


def test_a_host_that_is_back_has_a_week():
    z = Site().known()
    for _ in range(3):
        z.visit("presence", ".1 d")
    z.hour += 20 * DAY
    z.visit("presence", ".1 u")
    for _ in range(7 * DAY - 1):
        z.fails(1, want="0 0 0 0", told="")
    assert z.result() == "01 03 0 5", z.result()
    z.fails(1, want="0 0 1 1", told="script.gone .1/tcp/80/http-title")


def test_random_walk_is_the_model():
    seed, steps = int(os.environ.get("MUSTER_SEED") or random.randrange(1 << 30)), int(os.environ.get("MUSTER_STEPS") or 250)
    print(f"seed {seed}")
    rng = random.Random(seed)
    z = Site().known()
    second = lambda: round(z.hour * 3600)
    model, ends, mood = Model(second()), 0, "ok"
    for step in range(steps):
        mood = rng.choice(("ok", "error", "error", "none", mood, mood, mood, mood, mood, mood, mood, mood))
        outcome = "unsure" if rng.random() < 0.1 else "ok" if rng.random() < 0.02 else mood
        hours = rng.choice((0.003, 0.005, 0.3, 0.6, 1, 10, 24, 24, 24, 50))
        z.hour = round((z.hour + hours) * 3600) / 3600 - hours
        before = model.known
        if outcome == "unsure":
            z.scripts("", host=".1 n", hours=hours)
        else:
            z.scripts(GOOD if outcome == "ok" else BAD, ".1 80 http-title" if outcome == "error" else "", hours)
        model.visit(second(), outcome)
        ends += before and not model.known
        got = db.sql("SELECT EXISTS (SELECT FROM inv.fact_now f JOIN inv.attr a USING (attr_id) WHERE f.zone_id = z.zone_id AND a.name = 'http-title') || ' ' || "
                     "COALESCE((SELECT d.misses || ' ' || d.errors || ' ' || EXTRACT(epoch FROM d.seen_at - '2026-01-01 00:00+00')::int8 FROM inv.doubt d JOIN inv.attr a USING (attr_id) "
                     f"WHERE d.zone_id = z.zone_id AND a.name = 'http-title'), '') FROM inv.zone z WHERE z.name = '{z.name}'")
        assert got.strip().capitalize() == model.state().strip(), f"step {step}, {outcome} at {second()}: {got}, not {model.state()}"
        z.visit("ports", ".1 u", ".1 22 port -, .1 80 port -")  # the port is open
    print(f"{steps} visits, {ends} ends")
    assert ends > 2, ends
    db.check_invariants()


if __name__ == "__main__":
    with pgtest.Cluster() as pg:
        db = helpers.db = pg.database(migrated=True)
        db.sql(helpers.ZONES + helpers.HELPERS.replace("CREATE SCHEMA t;", ""))
        db.sql("SELECT api.hello('test', gen_random_uuid()); SELECT ops.make_partitions('2026-01-01', 24)")
        pgtest.run(globals())
