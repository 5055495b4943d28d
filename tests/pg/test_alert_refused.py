#!/usr/bin/env python3
"""Outcomes that the database refuses for good, though it is well: they hold up nobody for long, what was delivered is not sent again, and what was not
becomes a dead letter, or is at least named in the log."""
import pathlib
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pgtest
from test_alert import Pipeline, Receiver, add_events, delivered, equal, state_of, status, wait

SUBJECT = "host/192.0.2.1"
POISON = """CREATE TABLE public.poison (id text, what text);
CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE v_row jsonb := COALESCE(to_jsonb(NEW), to_jsonb(OLD));
BEGIN
  IF EXISTS (SELECT FROM public.poison p WHERE p.what IN (TG_TABLE_NAME || ' ' || TG_OP, TG_TABLE_NAME || ' ' || TG_OP || ' ' || (v_row ->> 'state'))
                AND (p.id = 'all' OR p.id = (SELECT n.id FROM alert.notice n WHERE n.seq = (v_row ->> 'seq')::int8))) THEN
    RAISE 'not this one' USING ERRCODE = '22000';
  END IF;
  RETURN COALESCE(NEW, OLD);
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON alert.attempt FOR EACH ROW EXECUTE FUNCTION public.refuse();
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE ON alert.open FOR EACH ROW EXECUTE FUNCTION public.refuse()"""


class Lab:
    """A pipeline with a log, over a database of which it can be said what it refuses; the first answer comes when it is let go."""

    def __init__(self, *acts, refused=None):
        self.db, self.log, self.refused, self.gate = pg.database(migrated=True), tempfile.TemporaryFile(), refused, threading.Event()
        first, *rest = acts
        self.r = Receiver(lambda c: self.gate.wait(60) and first(c), *rest, status(204))
        self.db.sql(POISON)
        self.start()

    def start(self):
        self.p = Pipeline(self.db, [self.r], concurrency=1, log=self.log, start=False)
        if self.refused:
            self.p.begin += f" refused={self.refused}"
        self.p.start()

    def poison(self, event, *what):
        """The database, which is well, refuses these rows of it from now on."""
        for w in what:
            self.db.sql(f"INSERT INTO public.poison VALUES ('{event}', '{w}')")

    def two(self, *what):
        """Of one subject, the first of them poisoned and on its way; the second stands behind it."""
        ids = add_events(self.db, 2, subject=SUBJECT)
        wait("the first request", lambda: self.r.requests)
        equal("the first", self.r.ids(), ids[:1])
        self.poison(ids[0], *what)
        self.gate.set()
        return ids

    def others(self, n):
        """Of which each is another subject's."""
        before = delivered(self.db)
        add_events(self.db, n, subject=f"host/198.51.100.1/{time.monotonic_ns()}" + "/tcp/{i}")
        wait("the others", lambda: delivered(self.db) >= before + n)

    def wait_state(self, event, state):
        """Others go on meanwhile, which shows that the database is well."""
        wait(f"{state}", lambda: self.others(1) or state_of(self.db, event) == state)

    def said(self, text):
        self.log.seek(0)
        return [line for line in self.log.read().decode().splitlines() if text in line]

    def said_once(self, text, event):
        line, = self.said(text)
        assert f"event_id={event}" in line and "error=not this one" in line, line

    def sent(self, *events):
        return tuple(self.r.ids().count(e) for e in events)

    def live_on(self):
        """Killed, and started again: what has an end is not sent again."""
        sent = self.r.ids()
        self.p.kill()
        self.start()
        self.others(3)
        self.p.idle()
        equal("sent by the next life", [i for i in sent if self.r.ids().count(i) != sent.count(i)], [])
        self.p.close()


def test_more_than_a_window_of_others_goes_on():
    """Before anybody has lost patience."""
    lab = Lab(status(500))
    first, second = lab.two("open INSERT retry")
    for _ in range(4):
        lab.others(400)
    wait("the second", lambda: state_of(lab.db, second) == "delivered")
    equal("the first", lab.db.sql(f"SELECT state || ' ' || reason || ' ' || error FROM report.delivery WHERE event = '{first}'"),
          "dead database not recorded: not this one")
    equal("sent", lab.sent(first, second), (1, 1))
    lab.said_once("for good, the event is a dead letter", first)
    equal("given up", lab.p.stats()[5], "1")
    lab.db.sql("TRUNCATE public.poison")
    equal("replayed", lab.p.driver.do("replay e0"), "1")
    wait("the first", lambda: state_of(lab.db, first) == "delivered")
    lab.live_on()


def test_what_was_delivered_is_passed_over():
    lab = Lab(status(204), refused=500)
    first, second = lab.two("attempt INSERT")
    lab.wait_state(first, "passed")
    wait("the second", lambda: state_of(lab.db, second) == "delivered")
    equal("sent", lab.sent(first, second), (1, 1))
    lab.said_once("for good, the event was delivered and that is not recorded", first)
    lab.live_on()


def test_what_cannot_even_be_a_dead_letter_is_named_in_the_log():
    lab = Lab(status(500), refused=500)
    first, second = lab.two("open INSERT")
    lab.wait_state(first, "passed")
    wait("the second", lambda: state_of(lab.db, second) == "delivered")
    equal("sent", lab.sent(first, second), (1, 1))
    lab.said_once("for good, the event was not delivered and is passed over", first)
    lab.db.sql("TRUNCATE public.poison")
    equal("replayed", lab.p.driver.do(f"replay e0 {first}"), "1")
    wait("the first", lambda: state_of(lab.db, first) == "delivered")
    lab.live_on()


def test_a_retry_that_was_delivered_is_not_delivered_again():
    """Its row of the first failure cannot be deleted: it becomes a dead letter that says so."""
    lab = Lab(status(500), refused=500)
    first, second = lab.two("open DELETE")
    lab.wait_state(first, "dead")
    equal("the first", lab.db.sql(f"SELECT reason || ' ' || error FROM report.delivery WHERE event = '{first}'"), "database delivered; not recorded: not this one")
    wait("the second", lambda: state_of(lab.db, second) == "delivered")
    equal("sent", lab.sent(first, second), (2, 1))
    lab.said_once("for good, the event was delivered and that is not recorded", first)
    lab.live_on()


def test_a_row_that_cannot_be_altered_stays_in_memory_and_holds_up_nobody_else():
    """The second failure of the first; what comes behind it later has its place in the database."""
    lab = Lab(status(500), status(500), refused=500)
    first, second = lab.two("open UPDATE retry", "open UPDATE dead")
    wait("the second request", lambda: lab.sent(first) == (2,))
    third, = add_events(lab.db, 1, subject=SUBJECT)
    for _ in range(4):
        lab.others(400)
    lab.wait_state(third, "held")
    for _ in range(12):                       # longer than patience lasts
        lab.others(1)
        time.sleep(0.5)
    equal("sent", lab.sent(first, second, third), (2, 0, 0))
    lab.db.sql("TRUNCATE public.poison")
    wait("the third", lambda: state_of(lab.db, third) == "delivered")
    equal("sent", lab.sent(first, second, third), (3, 1, 1))
    lab.live_on()


def test_when_no_outcome_is_taken_nothing_is_given_up():
    lab = Lab(status(500), refused=500)
    lab.poison("all", "attempt INSERT", "open INSERT")
    first, second = lab.two()
    others = add_events(lab.db, 1200)
    time.sleep(12)
    equal("states", lab.db.sql("SELECT DISTINCT state FROM report.delivery"), "waiting")
    equal("for good", lab.said("for good"), [])
    assert len(set(lab.r.ids())) < 250, "sent without end"
    lab.db.sql("TRUNCATE public.poison")
    wait("all", lambda: delivered(lab.db) == 1202)
    equal("sent", lab.sent(first, second), (2, 1))
    equal("others", sorted(i for i in lab.r.ids() if i not in (first, second)), sorted(others))
    lab.live_on()


if __name__ == "__main__":
    with pgtest.Cluster() as pg:
        pgtest.run(globals())
