#!/usr/bin/env python3
"""Events to webhooks, against a real PostgreSQL and receivers that misbehave: whatever they do, each event arrives at least once under its
id, or is visibly put aside."""
import base64
import datetime
import hashlib
import hmac
import json
import os
import pathlib
import random
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pgtest

KEYS = [bytes(range(32)), bytes(range(32, 64))]
SECRETS = ["whsec_" + base64.b64encode(k).decode() for k in KEYS]


class Receiver:
    """Answers the n-th request by the n-th of `acts`, then by the last of them.  An act takes the connection and says whether to keep it."""

    def __init__(self, *acts, tls=None):
        self.tls = tls
        self.acts = list(acts) or [status(204)]
        self.requests = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/hook?token=hunter2"

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        rest = b""
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            while True:
                while b"\r\n\r\n" not in rest:
                    rest += self.more(connection)
                head, _, rest = rest.partition(b"\r\n\r\n")
                first, *lines = head.decode().split("\r\n")
                headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines)}
                while len(rest) < int(headers["content-length"]):
                    rest += self.more(connection)
                body, rest = rest[:int(headers["content-length"])], rest[int(headers["content-length"]):]
                with self.lock:
                    self.requests.append({"line": first, "headers": headers, "body": body, "at": time.time()})
                    act = self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]
                if not act(connection):
                    break
        except (OSError, EOFError):
            pass
        finally:
            connection.close()

    @staticmethod
    def more(connection):
        data = connection.recv(65536)
        if not data:
            raise EOFError
        return data

    def close(self):
        self.listener.close()

    def ids(self):
        with self.lock:
            return [r["headers"]["webhook-id"] for r in self.requests]


def status(code, headers="", body="", keep=True):
    def act(connection):
        connection.sendall(f"HTTP/1.1 {code} X\r\nContent-Length: {len(body)}\r\n{headers}\r\n{body}".encode())
        return keep
    return act


def hang(connection):
    time.sleep(20)
    return False


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def drop(connection):
    return False


def garbage(connection):
    connection.sendall(b"\0\1\2 no http\r\n\r\n")
    return False


def huge(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    for _ in range(2000):
        connection.sendall(b"x" * 65536)
    return False


def dribble(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(200):
        connection.sendall(b"x")
        time.sleep(0.1)
    return False


class Pipeline:
    """A database with a pipeline over it.  secrets and so on: of every endpoint."""

    def __init__(self, db, receivers, secrets="-", timeout=9000, concurrency=4, rate=1000, allow="127.0.0.1", backoff=50, poll=50,
                 holder="local", resolver="-", urls=None, start=True, log=None):
        self.db = db
        self.driver = pgtest.Driver("pg_alert_driver", preexec_fn=log and (lambda: os.dup2(log.fileno(), 2)))
        for i, receiver in enumerate(receivers):
            url = urls[i] if urls else receiver.url
            self.driver.do(f"endpoint e{i} {url} {secrets} {timeout} {concurrency} {rate} {allow}")
        self.begin = f"start {db.conninfo.replace(' ', ';')} {holder} {backoff} {poll} {resolver}"
        if start:
            self.start()

    def start(self):
        answer = self.driver.do(self.begin)
        if answer != "ok":
            raise AssertionError(answer)
        wait("the endpoints", lambda: self.db.sql("SELECT count(*) FROM alert.endpoint WHERE instance IS NOT NULL") != "0")

    def idle(self):
        if self.driver.do("idle") != "idle":
            raise AssertionError("not idle")

    def stats(self, i=0):
        return self.driver.do("stats").splitlines()[i].split()

    def close(self):
        self.driver.close()

    def kill(self):
        self.driver.kill()


def wait(what, condition, seconds=240):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError(f"waited in vain for {what}")


def equal(what, got, want):
    if got != want:
        raise AssertionError(f"{what}:\n   got {got!r}\n  want {want!r}")


def add_events(db, n=1, subject="host/192.0.2.17/tcp/{i}", first=0, body=None, at="now()"):
    """As the diff writes them.  Returns their ids in order."""
    rows = []
    for i in range(first, first + n):
        about = subject.format(i=i)
        data = json.dumps(body if body is not None else {"severity": "warning", "state": "firing", "summary": f"tcp/{i} opened on 192.0.2.17",
                          "subject": {"kind": "port", "host": "192.0.2.17", "proto": "tcp", "port": i}})
        rows.append(f"(inv.event_id(), {at}, 'port.opened', 2, 'lab', '{about}', encode(sha256('{about}'::bytea), 'hex'), "
                    f"$body${data}$body$)")
    return db.sql("INSERT INTO alert.event(id, observed_at, type, severity, zone, subject, dedup, body) VALUES "
                  + ", ".join(rows) + " RETURNING id").splitlines()


def verified(request, keys=None):
    signed = (request["headers"]["webhook-id"] + "." + request["headers"]["webhook-timestamp"] + ".").encode() + request["body"]
    want = ["v1," + base64.b64encode(hmac.new(k, signed, hashlib.sha256).digest()).decode() for k in keys or KEYS[:1]]
    return request["headers"].get("webhook-signature", "").split() == want


def outcomes(db, event, endpoint="e0"):
    return db.sql(f"SELECT string_agg(outcome || COALESCE(' ' || code, '') || CASE WHEN curl <> 0 THEN ' curl ' || curl ELSE '' END, ', ' "
                  f"ORDER BY n) FROM report.attempt WHERE event = '{event}' AND endpoint = '{endpoint}'")


def state_of(db, event, endpoint="e0"):
    return db.sql(f"SELECT state FROM report.delivery WHERE event = '{event}' AND endpoint = '{endpoint}'")


def endpoint_state(db, endpoint="e0"):
    return db.sql(f"SELECT state FROM alert.endpoint WHERE name = '{endpoint}'")


# ---------------------------------------------------------------- the way of an event

def test_an_event_arrives_once_signed_with_its_body():
    db, r = pg.database(migrated=True), Receiver()
    add_events(db, 3, subject="before/{i}")                     # before the endpoint was known: not for it
    p = Pipeline(db, [r], secrets=SECRETS[0])
    ids = add_events(db, 2)
    p.idle()
    equal("ids", sorted(r.ids()), sorted(ids))
    for request in r.requests:
        if not verified(request) or abs(int(request["headers"]["webhook-timestamp"]) - time.time()) > 10:
            raise AssertionError(f"signature: {request}")
        body = json.loads(request["body"])
        equal("keys", list(body), ["type", "timestamp", "data"])
        equal("type", body["type"], "port.opened")
        equal("summary", body["data"]["summary"], f"tcp/{body['data']['subject']['port']} opened on 192.0.2.17")
        equal("content type", request["headers"]["content-type"], "application/json")
        if not isinstance(body["data"]["seq"], int) or not body["timestamp"].endswith("Z"):
            raise AssertionError(str(body))
    for i in ids:
        equal("outcomes", outcomes(db, i), "ok 204")
        equal("state", state_of(db, i), "delivered")
    db.ok("nothing is open", "NOT EXISTS (SELECT FROM alert.open)")
    db.ok("the URL is nowhere", "NOT EXISTS (SELECT FROM alert.attempt a, alert.endpoint e WHERE (a::text || e::text) LIKE '%hunter2%')")
    p.close()


def test_two_keys_sign_while_one_is_rotated():
    db, r = pg.database(migrated=True), Receiver()
    p = Pipeline(db, [r], secrets=";".join(SECRETS))
    add_events(db)
    p.idle()
    if not verified(r.requests[0], KEYS):
        raise AssertionError(str(r.requests))
    p.close()


def test_a_failure_is_retried_under_the_same_id_with_a_fresh_signature():
    db, r = pg.database(migrated=True), Receiver(status(500, "Connection: close\r\n", "oops \x01", keep=False), reset, drop, status(204))
    p = Pipeline(db, [r], secrets=SECRETS[0])
    [event] = add_events(db)
    wait("the delivery", lambda: state_of(db, event) == "delivered")
    equal("outcomes", outcomes(db, event), "transient 500, transient curl 56, transient curl 52, ok 204")
    equal("ids", set(r.ids()), {event})
    if not all(verified(q) for q in r.requests):
        raise AssertionError("a signature is wrong")
    equal("answer", db.sql("SELECT answer FROM alert.attempt WHERE n = 1"), "oops \\x01")
    db.ok("nothing is open", "NOT EXISTS (SELECT FROM alert.open)")
    p.close()


def test_answers_that_never_end_are_cut_and_status_200_counts():
    db, r = pg.database(migrated=True), Receiver(huge, dribble, hang, garbage, status(204))
    p = Pipeline(db, [r], timeout=3000)
    ids = []
    for i in range(4):
        ids += add_events(db, first=i)
        wait("the delivery", lambda: state_of(db, ids[-1]) == "delivered")
    equal("huge", outcomes(db, ids[0]), "ok 200 curl 23")
    equal("dribble", outcomes(db, ids[1]), "ok 200 curl 28")
    equal("hang, garbage", outcomes(db, ids[2]), "transient curl 28, transient curl 1, ok 204")
    p.close()


def test_events_of_one_subject_arrive_in_order_and_others_pass():
    db, r = pg.database(migrated=True), Receiver(status(500), status(500), status(204))
    p = Pipeline(db, [r], concurrency=1, backoff=100)
    same = add_events(db, 3, subject="host/192.0.2.1")
    other = add_events(db, 1, subject="host/192.0.2.2")
    wait("all", lambda: db.sql("SELECT count(*) FROM report.delivery WHERE state = 'delivered'") == "4")
    arrived = [i for i, q in zip(r.ids(), r.requests)]
    first_ok = [arrived.index(i) if arrived.count(i) == 1 else len(arrived) - 1 - arrived[::-1].index(i) for i in same]
    if first_ok != sorted(first_ok):
        raise AssertionError(f"order: {arrived} of {same}")
    if arrived.index(other[0]) > arrived.index(same[1]):
        raise AssertionError("the other subject waited")
    p.close()


def during_a_pause(db):
    """X is put aside, due again, and meets a pause of the endpoint; Y and Z of its subject come meanwhile.  Their ids."""
    x = add_events(db, subject="host/192.0.2.1")
    wait("the pause", lambda: endpoint_state(db) == "throttled")
    for n in (2, 3):                          # the second one's place is recorded before the third comes
        x += add_events(db, subject="host/192.0.2.1")
        wait("its place behind the first", lambda n=n: db.sql("SELECT count(*) FROM alert.open") == str(n))
    return x


def test_what_comes_behind_one_that_waits_for_a_pause_keeps_its_place():
    for then in ([], [status(500)]):          # the first one succeeds, or fails once more
        db = pg.database(migrated=True)
        r = Receiver(status(500), status(429, "Retry-After: 4\r\n"), *then, status(204))
        p = Pipeline(db, [r], timeout=9000)
        ids = during_a_pause(db)
        wait("all", lambda: db.sql("SELECT count(*) FROM report.delivery WHERE state = 'delivered'") == "3")
        p.idle()
        equal("order", r.ids(), [ids[0]] * (3 + len(then)) + ids[1:])
        db.ok("nothing is open", "NOT EXISTS (SELECT FROM alert.open)")
        p.close()


def count_fetches(db):
    """From now on public.fetches counts how often is asked for work."""
    db.sql("""CREATE SEQUENCE public.fetches;
      ALTER FUNCTION alert.fetch(int4, xid8, int8, int4, int8, int4) RENAME TO fetch_of;
      CREATE FUNCTION alert.fetch(int4, xid8, int8, int4, int8, int4) RETURNS TABLE (live bool, seq int8, xid xid8, id text, type text,
        observed_at timestamptz, dedup text, attempts int4, age float8, done bool, held bool, data text, kind text, severity int2)
      LANGUAGE plpgsql AS $$ BEGIN PERFORM nextval('public.fetches'); RETURN QUERY SELECT * FROM alert.fetch_of($1, $2, $3, $4, $5, $6); END $$""")


def test_one_that_is_due_and_behind_the_cursor_is_asked_for_once():
    db, r = pg.database(migrated=True), Receiver(hang, status(500), hang)
    p = Pipeline(db, [r], timeout=30000)
    add_events(db)
    wait("the first", lambda: len(r.requests) == 1)
    add_events(db, first=1)                   # fails, while the first one keeps the cursor
    wait("the second", lambda: db.sql("SELECT count(*) FROM alert.open") == "1")
    p.kill()
    wait("its time", lambda: db.sql("SELECT next_at <= now() FROM alert.open") == "t")
    count_fetches(db)
    p = Pipeline(db, [r], timeout=30000, poll=1000)
    wait("both", lambda: len(r.requests) >= 4)
    before = int(db.sql("SELECT last_value FROM public.fetches"))
    time.sleep(3)
    asked = int(db.sql("SELECT last_value FROM public.fetches")) - before
    if asked > 12:
        raise AssertionError(f"asked {asked} times in 3 s")
    p.kill()


# ---------------------------------------------------------------- endpoints that fail

def probes(since, pause):
    """How many an endpoint that pauses so long on average may get, twice over, where a machine has no time for the test."""
    return max(0, 2 * (time.monotonic() - since) / pause)


def test_429_pauses_the_endpoint_as_long_as_it_says():
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 3602))
    own = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 3600))
    db = pg.database(migrated=True)
    db.sql("""CREATE TABLE public.pauses (pause interval);
      CREATE FUNCTION public.note_pause() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.pauses VALUES (NEW.open_until - now()); RETURN NEW; END $$;
      CREATE TRIGGER note_pause AFTER UPDATE ON alert.endpoint FOR EACH ROW WHEN (NEW.open_until IS DISTINCT FROM OLD.open_until) EXECUTE FUNCTION public.note_pause()""")
    r = Receiver(status(429, "Retry-After: 1.5\r\n"), status(429, f"Date: {own}\r\nRetry-After: {date}\r\n"), status(204))
    p = Pipeline(db, [r], concurrency=1)
    ids = add_events(db, 2)
    wait("the pause", lambda: endpoint_state(db) == "throttled")
    wait("both", lambda: db.sql("SELECT count(*) FROM report.delivery WHERE state = 'delivered'") == "2" and endpoint_state(db) == "ok")
    times = [q["at"] for q in r.requests]
    if times[1] - times[0] < 1.5 or times[2] - times[1] < 2:
        raise AssertionError(f"pauses: {[b - a for a, b in zip(times, times[1:])]}")
    db.equal("no longer than that", "SELECT count(pause) > 0 AND max(pause) <= interval '2 s' FROM public.pauses", "t")
    equal("state", endpoint_state(db), "ok")
    db.ok("throttling counts against nobody", "NOT EXISTS (SELECT FROM alert.open)")
    equal("ids", set(r.ids()), set(ids))
    p.close()


def test_redirects_are_not_followed_and_stop_the_endpoint_alone():
    canary = Receiver()
    bad = Receiver(status(302, f"Location: {canary.url}\r\n"))
    good = Receiver()
    db = pg.database(migrated=True)
    p = Pipeline(db, [bad, good])
    ids, began = add_events(db, 20), time.monotonic()
    wait("the good one", lambda: len(good.ids()) == 20)
    wait("the quarantine", lambda: endpoint_state(db) == "quarantined")
    equal("canary", canary.ids(), [])
    db.ok("no event is blamed", "NOT EXISTS (SELECT FROM alert.open)")
    if len(bad.ids()) > 12 + probes(began + 1, 0.2):
        raise AssertionError(f"{len(bad.ids())} requests to an endpoint in quarantine")
    bad.acts = [status(204)]
    wait("the other 20", lambda: db.sql("SELECT count(*) FROM report.delivery WHERE state = 'delivered' AND endpoint = 'e0'") == "20")
    wait("its state", lambda: endpoint_state(db) == "ok")
    equal("ids", set(bad.ids()), set(ids))
    p.close()


def slow(act, seconds=0.5):
    def late(connection):
        time.sleep(seconds)
        return act(connection)
    return late


def test_a_success_that_was_under_way_ends_no_pause():
    db, r = pg.database(migrated=True), Receiver(slow(status(204)), status(429, "Retry-After: 3\r\n"), status(204))
    p = Pipeline(db, [r], timeout=9000, concurrency=2)
    add_events(db, 2)
    wait("both requests", lambda: len(r.requests) == 2)
    wait("the late success", lambda: db.sql("SELECT count(*) FROM report.delivery WHERE state = 'delivered'") == "1")
    wait("the pause", lambda: endpoint_state(db) == "throttled")
    wait("the other", lambda: db.sql("SELECT count(*) FROM report.delivery WHERE state = 'delivered'") == "2")
    if r.requests[2]["at"] - r.requests[1]["at"] < 3:
        raise AssertionError(f"pause: {r.requests[2]['at'] - r.requests[1]['at']}")
    wait("its end", lambda: endpoint_state(db) == "ok")
    p.close()


def test_what_was_under_way_enables_nobody():
    for late in (status(204), status(503), status(429, "Retry-After: 1\r\n")):
        db, r = pg.database(migrated=True), Receiver(slow(late), status(410), status(204))
        p = Pipeline(db, [r], timeout=9000, concurrency=2)
        add_events(db, 3)
        wait("the end of the first", lambda: db.sql("SELECT count(*) FROM report.attempt") == "2")
        time.sleep(0.3)                                          # of which nothing may come
        equal("state", endpoint_state(db), "disabled")
        equal("requests", len(r.requests), 2)
        p.close()


def test_410_disables_until_a_person_enables_it():
    db, r = pg.database(migrated=True), Receiver(status(410))
    p = Pipeline(db, [r], concurrency=1)
    ids = add_events(db, 2)
    wait("the end", lambda: endpoint_state(db) == "disabled")
    time.sleep(0.5)
    equal("requests", len(r.requests), 1)
    r.acts = [status(204)]
    p.kill()
    p = Pipeline(db, [r], concurrency=1)
    time.sleep(0.5)
    equal("a restart changes nothing", len(r.requests), 1)
    listed = [line.split("|") for line in p.driver.do("list e0 open 10").splitlines()]   # and perhaps the news that it is disabled
    equal("list", [row[7] for row in listed if row[2] == "port.opened"], ["waiting", "waiting"])
    p.driver.do("enable e0 resume")
    wait("both", lambda: db.sql("SELECT count(*) FROM report.delivery WHERE state = 'delivered'") == "2")
    equal("ids", set(r.ids()), set(ids))
    p.close()


def test_five_failures_in_a_row_are_the_endpoints_and_blame_no_event():
    db, r = pg.database(migrated=True), Receiver(status(503))
    p = Pipeline(db, [r], backoff=100)
    ids, began = add_events(db, 50), time.monotonic()
    wait("the circuit", lambda: endpoint_state(db) == "failing")
    time.sleep(1)
    if len(r.requests) > 25 + probes(began + 3, 0.4):
        raise AssertionError(f"{len(r.requests)} requests to an endpoint that fails")
    db.ok("few are put aside", "(SELECT count(*) FROM alert.open) <= 8")
    r.acts = [status(204)]
    wait("all", lambda: db.sql("SELECT count(*) FROM report.delivery WHERE state = 'delivered'") == "50", 240)
    equal("ids", set(r.ids()), set(ids))
    p.close()


def test_a_message_that_is_refused_dies_after_three_tries_and_can_be_replayed():
    db, r = pg.database(migrated=True), Receiver(status(422), status(422), status(422), status(204))
    p = Pipeline(db, [r], backoff=10)
    [event] = add_events(db)
    wait("its death", lambda: state_of(db, event) == "dead")
    equal("outcomes", outcomes(db, event), "message 422, message 422, message 422")
    add_events(db, first=9)
    p.idle()
    equal("list", [line.split("|")[1] for line in p.driver.do("list - open 10").splitlines()], [event])
    equal("no such endpoint", p.driver.do("replay nobody"), "there is no endpoint 'nobody'")
    equal("no such event", p.driver.do("replay e0 evt_no"), "there is no such event (evt_no)")
    equal("replay", p.driver.do("replay e0"), "1")
    wait("the delivery", lambda: state_of(db, event) == "delivered")
    equal("replay of what was delivered", p.driver.do(f"replay e0 {event}"), "1")
    wait("once more", lambda: r.ids().count(event) == 5)
    p.idle()
    equal("open", p.driver.do("list - open 10"), "")
    p.close()


def test_an_endpoint_that_refuses_everything_condemns_nothing():
    db, r = pg.database(migrated=True), Receiver(status(400))
    p = Pipeline(db, [r], backoff=20)
    add_events(db, 40)
    wait("the quarantine", lambda: endpoint_state(db) == "quarantined")
    time.sleep(1)
    db.ok("nothing is dead", "NOT EXISTS (SELECT FROM alert.open WHERE state = 'dead')")
    r.acts = [status(204)]
    wait("all", lambda: db.sql("SELECT count(*) FROM report.delivery WHERE state = 'delivered'") == "40", 240)
    p.close()


# ---------------------------------------------------------------- where it may lead

class Names:
    """A DNS server that answers A questions from a table."""

    def __init__(self, table):
        self.table = table
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            data, peer = self.socket.recvfrom(512)
            labels, at = [], 12
            while data[at]:
                labels.append(data[at + 1:at + 1 + data[at]].decode())
                at += data[at] + 1
            question, kind = data[12:at + 5], data[at + 2]
            found = [a for a in self.table.get(".".join(labels), []) if (":" in a) == (kind == 28)] if kind in (1, 28) else []
            code = 0 if ".".join(labels) in self.table else 3
            answer = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, 16 if ":" in a else 4)
                              + socket.inet_pton(socket.AF_INET6 if ":" in a else socket.AF_INET, a) for a in found)
            self.socket.sendto(data[:2] + bytes([0x81, 0x80 | code]) + struct.pack(">HHHH", 1, len(found), 0, 0) + question + answer, peer)


def test_names_are_resolved_here_and_addresses_refused():
    names = Names({"good.test": ["127.0.0.1"], "mixed.test": ["127.0.0.1", "169.254.169.254"], "far.test": ["127.0.0.2"]})
    good = Receiver()
    db = pg.database(migrated=True)
    urls = [f"http://{n}.test:{good.port}/" for n in ("good", "mixed", "far", "gone")] + ["http://127.0.0.3:8080/"]
    p = Pipeline(db, [good] * 5, urls=urls, resolver=names.address)
    [event] = add_events(db)
    wait("the good one", lambda: state_of(db, event, "e0") == "delivered")
    equal("host header", good.requests[0]["headers"]["host"], f"good.test:{good.port}")
    wait("the others", lambda: db.sql("SELECT count(*) FROM alert.attempt WHERE endpoint_id > 1") >= "4" and
         db.sql("SELECT count(DISTINCT endpoint_id) FROM alert.attempt") == "5")
    for endpoint, error in (("e1", "169.254.169.254 is refused: link-local address"), ("e2", "127.0.0.2 is refused: loopback address"),
                            ("e3", "the name has no address"), ("e4", "127.0.0.3 is refused: loopback address")):
        equal(endpoint, db.sql(f"SELECT error FROM report.attempt WHERE endpoint = '{endpoint}' ORDER BY n LIMIT 1"), error)
    equal("requests", len(good.requests), 1)
    names.table["far.test"] = ["127.0.0.1"]
    wait("the moved one", lambda: state_of(db, event, "e2") == "delivered")
    p.close()


def test_an_address_that_is_allowed_then_ends_the_quarantine():
    db, r = pg.database(migrated=True), Receiver()
    p = Pipeline(db, [r], allow="-", backoff=600000)
    [event] = add_events(db)
    wait("the quarantine", lambda: endpoint_state(db) == "quarantined")
    p.close()
    p = Pipeline(db, [r], allow="-", backoff=600000)
    wait("the take-over", lambda: db.sql("SELECT epoch FROM alert.endpoint") == "2")
    equal("the same configuration changes nothing", endpoint_state(db), "quarantined")
    p.close()
    p = Pipeline(db, [r], backoff=600000)
    wait("the delivery", lambda: state_of(db, event) == "delivered", 60)
    p.close()


def test_a_proxy_without_a_port_listens_at_that_of_its_scheme():
    db, names = pg.database(migrated=True), Names({"proxy.test": ["127.0.0.80"]})
    proxies = ("http://proxy.test", "https://proxy.test/", "http://proxy.test:18080")
    d = pgtest.Driver("pg_alert_driver")
    for i, proxy in enumerate(proxies):
        d.do(f"endpoint e{i} http://192.0.2.7/ - 9000 1 1000 127.0.0.80 proxy={proxy}")
    d.do(f"start {db.conninfo.replace(' ', ';')} local 60000 1000 {names.address}")
    wait("the endpoints", lambda: db.sql("SELECT count(*) FROM alert.endpoint WHERE instance IS NOT NULL") == str(len(proxies)))
    add_events(db)
    for i, proxy in enumerate(proxies):       # nobody listens there; for another port the address would not be known
        wait("an attempt", lambda i=i: db.sql(f"SELECT count(*) FROM report.attempt WHERE endpoint = 'e{i}'") != "0")
        equal(proxy, db.sql(f"SELECT curl || ' ' || error FROM report.attempt WHERE endpoint = 'e{i}' AND n = 1"), "7 Couldn't connect to server")
    d.close()


def test_a_certificate_nobody_vouches_for_is_the_endpoints_failure():
    with tempfile.TemporaryDirectory() as d:
        made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
                               "-subj", "/CN=localhost", "-keyout", f"{d}/key", "-out", f"{d}/cert"], capture_output=True, check=False)
        if made.returncode:
            raise AssertionError(made.stderr)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{d}/cert", f"{d}/key")
    r = Receiver(tls=context)
    db = pg.database(migrated=True)
    p = Pipeline(db, [r], urls=[f"https://127.0.0.1:{r.port}/"], timeout=8000)
    [event] = add_events(db)
    wait("the quarantine", lambda: endpoint_state(db) == "quarantined")
    equal("outcome", outcomes(db, event).split(", ")[0], "endpoint curl 60")
    equal("requests", r.requests, [])
    p.close()


def test_bad_configuration_is_named_and_not_shown():
    db = pg.database(migrated=True)
    for url, secrets, want in (("ftp://x/", "-", "endpoint 'e0': url: expected https://, not ftp://"),
                               ("https://u:hunter2@x/", "-", "endpoint 'e0': url: user name and password do not belong there"),
                               ("https://x/", "hunter2", "endpoint 'e0': secret: expected \"whsec_\" and 24 to 64 bytes in base64")):
        p = Pipeline(db, [None], urls=[url], secrets=secrets, start=False)
        equal(url, p.driver.do(p.begin), want)
        p.close()


# ---------------------------------------------------------------- bad text

def test_hostile_text_arrives_as_harmless_json():
    db, r = pg.database(migrated=True), Receiver()
    p = Pipeline(db, [r])
    text = "\u202egnp.exe \x1b[31m</b> @everyone <!channel> \"\\ \u200b\x9b " + "A" * 5000
    add_events(db, body={"summary": text, "new": {"\u202ekey": [text, 1.5, None, True]}})
    add_events(db, first=1, body={"summary": "big", "old": "x" * 300000, "new": {"y": ["z" * 1000] * 1000}})
    p.idle()
    bodies = [json.loads(q["body"]) for q in r.requests]
    small = next(b for b in bodies if b["data"]["summary"] != "big")
    big = next(b for b in bodies if b["data"]["summary"] == "big")
    got = small["data"]["summary"]
    if any(c in got for c in "\u202e\x1b\u200b\x9b") or not got.startswith("\\u202egnp.exe \\u001b[31m</b> @everyone") or len(got) > 1100:
        raise AssertionError(got)
    equal("numbers", small["data"]["new"]["\\u202ekey"][1:], [1.5, None, True])
    equal("big", big["data"].get("truncated"), True)
    p.close()


# ---------------------------------------------------------------- crashes

def test_killed_between_send_and_mark_it_sends_again_under_the_same_id():
    db = pg.database(migrated=True)
    r = Receiver(lambda connection: p.kill(), status(204))
    p = Pipeline(db, [r])
    [event] = add_events(db)
    wait("the request", lambda: p.driver.process.returncode is not None)
    equal("unmarked", outcomes(db, event), "")
    p = Pipeline(db, [r])
    wait("the delivery", lambda: state_of(db, event) == "delivered")
    equal("ids", r.ids(), [event, event])
    p.idle()
    p.close()


def test_a_reused_connection_that_closes_costs_no_failure():
    db, r = pg.database(migrated=True), Receiver(status(204), drop, status(204))
    p = Pipeline(db, [r], concurrency=1)
    add_events(db)
    p.idle()
    [event] = add_events(db, first=1)
    p.idle()
    equal("outcome", outcomes(db, event), "ok 204")
    equal("libcurl sent it twice", r.ids()[1:], [event, event])
    p.close()


def test_backoff_survives_a_restart():
    db, r = pg.database(migrated=True), Receiver(status(429, "Retry-After: 3\r\n"), status(204))
    p = Pipeline(db, [r])
    [event] = add_events(db)
    wait("the pause", lambda: endpoint_state(db) == "throttled")
    p.kill()
    p = Pipeline(db, [r])
    wait("the delivery", lambda: state_of(db, event) == "delivered")
    if r.requests[1]["at"] - r.requests[0]["at"] < 2.9:
        raise AssertionError("the pause was forgotten")
    p.close()


def test_kills_and_a_database_restart_lose_nothing():
    seed = random.randrange(1 << 30)
    print(f"      SEED={seed}", flush=True)
    rng = random.Random(seed)
    db = pg.database(migrated=True)
    r = Receiver()
    r.acts = [lambda c: rng.choice([status(204), status(204), status(204), status(500), reset, drop])(c)]
    p = Pipeline(db, [r], concurrency=8)
    ids, stop = [], threading.Event()

    def produce():
        n = 0
        while not stop.is_set():
            try:
                ids.extend(add_events(db, 5, subject="host/" + str(rng.randrange(10)) + "/{i}", first=n))
            except AssertionError:          # the server is away: nothing was written
                time.sleep(0.1)
            n += 5
            time.sleep(0.01)

    producer = threading.Thread(target=produce)
    producer.start()
    for round_ in range(8):
        time.sleep(rng.uniform(0.1, 0.6))
        if round_ == 4:
            pg.restart()
            continue
        p.kill()
        p = Pipeline(db, [r], concurrency=8)
    stop.set()
    producer.join()
    r.acts = [status(204)]
    known = db.sql("SELECT id FROM alert.event ORDER BY seq").splitlines()
    wait("everything", lambda: db.sql("SELECT count(*) FROM report.delivery WHERE state <> 'delivered'") == "0", 240)
    equal("lost", set(known) - set(r.ids()), set())
    equal("invented", set(r.ids()) - set(known), set())
    p.idle()
    p.close()


def test_outcomes_that_the_database_does_not_take_wait_and_repeat_nothing():
    for sqlstate in ("53100", "22000"):       # no room on its disk; an error of another kind
        db, r = pg.database(migrated=True), Receiver()
        p = Pipeline(db, [r], timeout=9000)
        db.sql(f"""CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no room' USING ERRCODE = '{sqlstate}'; END $$;
          CREATE TRIGGER refuse BEFORE INSERT ON alert.attempt FOR EACH ROW EXECUTE FUNCTION public.refuse()""")
        ids = add_events(db, 5)
        wait("the requests", lambda: len(r.ids()) == 5)
        time.sleep(2)                         # it goes on being refused
        db.sql("DROP TRIGGER refuse ON alert.attempt")
        ids += add_events(db, 5, first=5)
        wait("all", lambda: db.sql("SELECT count(*) FROM report.delivery WHERE state = 'delivered'") == "10")
        equal("ids", sorted(r.ids()), sorted(ids))
        equal("epoch", db.sql("SELECT epoch FROM alert.endpoint"), "1")
        p.close()


def refuse(db, table, when, name="refuse"):
    """The database, which is well, refuses these rows from now on."""
    db.sql(f"""CREATE FUNCTION public.{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one' USING ERRCODE = '22000'; END $$;
      CREATE TRIGGER {name} BEFORE INSERT ON alert.{table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION public.{name}()""")


def delivered(db):
    return int(db.sql("SELECT count(*) FROM report.delivery WHERE state = 'delivered'"))


def test_what_the_database_refuses_of_an_outcome_is_left_out():
    db, r = pg.database(migrated=True), Receiver(status(500, body="poison"), status(500, body="poison"), status(204))
    p = Pipeline(db, [r], timeout=9000, concurrency=1)
    refuse(db, "attempt", "NEW.answer = 'poison'")
    refuse(db, "open", "NEW.last_error <> ''", "refuse_too")
    ids = add_events(db, 6)
    wait("all", lambda: delivered(db) == 6)
    equal("outcomes", sorted(outcomes(db, i) for i in ids), ["ok 204"] * 4 + ["transient, ok 204"] * 2)
    equal("why", db.sql("SELECT DISTINCT error FROM alert.attempt WHERE outcome = 'transient'"), "not recorded: not this one")
    p.idle()
    p.close()


def test_an_outcome_that_the_database_refuses_holds_up_its_own_order_alone():
    for end in ("taken", "killed"):
        db, r = pg.database(migrated=True), Receiver(status(500), status(204))
        p = Pipeline(db, [r], timeout=9000, concurrency=1)
        refuse(db, "open", "NEW.state = 'retry'")
        ids = add_events(db, 2, subject="host/192.0.2.1")
        wait("the first request", lambda: r.requests)
        others = add_events(db, 20)
        wait("the others", lambda: delivered(db) == 20)
        ids += add_events(db, 1, subject="host/192.0.2.1")
        others += add_events(db, 5, first=20)
        wait("the others", lambda: delivered(db) == 25)
        equal("its order", [i for i in r.ids() if i not in others], ids[:1])
        equal("what waits", (db.sql("SELECT count(*) FROM alert.open"), {state_of(db, i) for i in ids}), ("0", {"waiting"}))
        if end == "killed":                   # nothing of it is recorded: it is sent again
            p.kill()
            p = Pipeline(db, [r], timeout=9000, concurrency=1)
        else:
            db.sql("DROP TRIGGER refuse ON alert.open")
        wait("all", lambda: delivered(db) == 28)
        equal("its order", [i for i in r.ids() if i not in others], ids[:1] + ids)
        equal("outcomes", outcomes(db, ids[0]), "ok 204" if end == "killed" else "transient 500, ok 204")
        equal("epoch", db.sql("SELECT epoch FROM alert.endpoint"), "2" if end == "killed" else "1")
        p.idle()
        p.close()


def test_a_connection_that_is_lost_over_refused_outcomes_loses_none():
    """What the database said of them is lost: all of the batch is delivered again, under the lease that goes on."""
    db, r = pg.database(migrated=True), Receiver()
    p = Pipeline(db, [r], timeout=9000)
    ids = add_events(db, 3)
    wait("the first", lambda: delivered(db) == 3)
    db.sql("""CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(2); RAISE 'no' USING ERRCODE = '22000'; END $$;
      CREATE TRIGGER refuse BEFORE INSERT ON alert.attempt FOR EACH ROW EXECUTE FUNCTION public.refuse()""")
    ids += add_events(db, 2, first=3)
    busy = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND state = 'active' AND query LIKE '%record_apart%'"
    wait("the refusal", lambda: db.sql(f"SELECT count(*) {busy}") == "1")
    db.sql(f"SELECT pg_terminate_backend(pid) {busy}")
    db.sql("DROP TRIGGER refuse ON alert.attempt")
    wait("all", lambda: delivered(db) == 5)
    equal("sent", (sorted(set(r.ids())), len(r.ids())), (sorted(ids), 7))
    equal("epoch", db.sql("SELECT epoch FROM alert.endpoint"), "1")
    p.idle()
    p.close()


def test_what_cannot_be_read_is_said_once_and_read_later():
    db, r = pg.database(migrated=True), Receiver()
    name = "FUNCTION alert.fetch(int4, xid8, int8, int4, int8, int4)"
    with tempfile.TemporaryFile() as log:
        p = Pipeline(db, [r], timeout=9000, log=log)
        db.sql(f"ALTER {name} RENAME TO fetch_of")
        add_events(db)
        time.sleep(1)                         # it is asked for twenty times
        db.sql(f"ALTER {name.replace('.fetch', '.fetch_of')} RENAME TO \"fetch\"")
        wait("the delivery", lambda: delivered(db) == 1)
        p.idle()
        p.close()
        log.seek(0)
        lines = [line for line in log.read().decode().splitlines() if "cannot be read" in line]
    equal("said", [("endpoint=e0" in line, "alert.fetch" in line) for line in lines], [(True, True)])


RULES = {"close_after": 3600, "last_resort": None, "flap": {"changes": 50, "within": 3600, "quiet": 1800},
         "breaker": {"share": 0.3, "least": 1000, "window": 600, "hold": 0, "settle": 300, "confirm": 900, "canaries": 5},
         "routes": [{"name": "all", "match": {}, "endpoints": None, "group_by": ["condition"], "group_wait": 0, "group_interval": 0}]}


def test_an_event_that_the_rules_cannot_digest_stops_no_other():
    db, r = pg.database(migrated=True), Receiver()
    db.sql(f"SELECT alert.sync_rules('t', $r${json.dumps(RULES)}$r$)")
    db.sql("""CREATE FUNCTION public.choke() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'indigestible' USING ERRCODE = '22000'; END $$;
      CREATE TRIGGER choke BEFORE INSERT ON alert.decision FOR EACH ROW WHEN (NEW.dedup = encode(sha256('odd'::bytea), 'hex')) EXECUTE FUNCTION public.choke()""")
    with tempfile.TemporaryFile() as log:
        p = Pipeline(db, [r], timeout=9000, log=log)
        ids = add_events(db, 3) + add_events(db, 2, subject="odd") + add_events(db, 3, first=3)
        wait("all", lambda: delivered(db) == 8)
        p.idle()
        p.close()
        log.seek(0)
        said = [line for line in log.read().decode().splitlines() if "cannot decide" in line]
    equal("once each", sorted(r.ids()), sorted(ids))
    equal("said", [[i for i in ids if i in line] for line in said], [[ids[3]], [ids[4]]])
    db.ok("nothing is left", "NOT EXISTS (SELECT FROM alert.event e, alert.rule_cursor c WHERE (e.xid, e.seq) > (c.xid, c.seq))")


def test_rules_that_fail_without_events_wait():
    db, r = pg.database(migrated=True), Receiver()
    db.sql(f"SELECT alert.sync_rules('t', $r${json.dumps(RULES)}$r$)")
    with tempfile.TemporaryFile() as log:
        p = Pipeline(db, [r], timeout=9000, log=log)
        db.sql("ALTER TABLE alert.incident RENAME TO incident_of; CREATE VIEW alert.incident AS SELECT i.*, 1 / (random() * 0)::int AS no FROM alert.incident_of i")
        [event] = add_events(db)
        time.sleep(2)
        equal("nothing is told", (r.requests, db.sql("SELECT count(*) FROM alert.notice")), ([], "0"))
        db.sql("DROP VIEW alert.incident; ALTER TABLE alert.incident_of RENAME TO incident")
        wait("the delivery", lambda: delivered(db) == 1)
        p.idle()
        p.close()
        log.seek(0)
        said = [line for line in log.read().decode().splitlines() if "cannot" in line]
    equal("said once", ["rules cannot be applied" in line for line in said], [True])


def test_an_alert_that_comes_late_is_open_for_a_day_though_the_clock_here_is_behind():
    db, r = pg.database(migrated=True), Receiver()
    p = Pipeline(db, [r], allow="127.0.0.1 kind=alertmanager", urls=[f"http://127.0.0.1:{r.port}/api/v2/alerts"], start=False)
    p.driver.do(f"behind {3 * 86400}")
    p.start()
    add_events(db, at="now() - interval '2 days'")
    wait("the request", lambda: r.requests)
    [alert] = json.loads(r.requests[0]["body"])
    for key, day in (("startsAt", -2), ("endsAt", 1)):
        off = datetime.datetime.fromisoformat(alert[key].replace("Z", "+00:00")).timestamp() - time.time() - day * 86400
        if abs(off) > 600:
            raise AssertionError(f"{key}: {alert[key]}, {off} s off")
    p.idle()
    p.close()


def test_a_second_process_stands_by_and_takes_over():
    db, r = pg.database(migrated=True), Receiver()
    one = Pipeline(db, [r], holder="one")
    two = Pipeline(db, [r], holder="two")
    add_events(db, 10)                        # the second may decide on them: the first may be idle before it has them
    wait("the first", lambda: one.stats()[1:3] == ["ok", "10"])
    equal("two", two.stats()[1:3], ["standby", "0"])
    equal("stop", one.driver.do("stop 30000"), "stopped ok")
    add_events(db, 10, first=10)
    wait("the take-over", lambda: len(r.ids()) == 20)
    equal("ids", len(set(r.ids())), 20)
    one.close()
    two.close()


def test_a_reload_repeats_nothing():
    def slow(connection):
        time.sleep(0.4)
        return status(204)(connection)
    db, r = pg.database(migrated=True), Receiver(slow)
    old = Pipeline(db, [r], timeout=9000)
    ids = add_events(db, 4)
    wait("the requests", lambda: len(r.requests) == 4)
    new = Pipeline(db, [r], timeout=9000, start=False)
    equal("start", new.driver.do(new.begin + " patient"), "ok")
    equal("stop", old.driver.do("stop 30000"), "stopped ok")
    ids += add_events(db, 4, first=4)
    wait("all", lambda: len(r.requests) >= 8)
    new.idle()
    equal("ids", sorted(r.ids()), sorted(ids))
    old.close()
    new.close()


def test_a_replaced_process_writes_nothing():
    db, r = pg.database(migrated=True), Receiver()
    old = Pipeline(db, [r])
    add_events(db, 1)
    old.idle()
    new = Pipeline(db, [r])                   # same name: takes over at once
    wait("the take-over", lambda: db.sql("SELECT epoch FROM alert.endpoint") == "2")
    add_events(db, 20, first=1)               # either process may decide on them, so the new one may be idle before it has them
    wait("standing by", lambda: old.stats()[1] == "standby")
    wait("marked", lambda: db.sql("SELECT count(*) FROM report.delivery WHERE state = 'delivered'") == "21")
    old.close()
    new.close()


def test_stopping_waits_for_what_is_in_flight_and_its_outcome():
    def slow(connection):
        time.sleep(0.5)
        return status(204)(connection)
    db, r = pg.database(migrated=True), Receiver(slow)
    p = Pipeline(db, [r], timeout=9000)
    [event] = add_events(db)
    wait("the request", lambda: len(r.requests) == 1)
    equal("stop", p.driver.do("stop 30000"), "stopped ok")
    equal("state", state_of(db, event), "delivered")
    db.ok("given up", "(SELECT instance IS NULL FROM alert.endpoint)")
    p.close()
    r = Receiver(hang)
    p = Pipeline(db, [r], timeout=30000)
    add_events(db, first=1)
    wait("the request", lambda: len(r.requests) == 1)
    equal("stop", p.driver.do("stop 300"), "stopped Connection timed out")
    p.close()


# ---------------------------------------------------------------- order and bulk

def test_an_event_that_commits_late_is_not_stepped_over():
    db, r = pg.database(migrated=True), Receiver()
    p = Pipeline(db, [r])
    event = "INSERT INTO alert.event(id, observed_at, type, severity, zone, subject, dedup, body) VALUES ('evt_{0}', now(), 'port.opened', 2, 'lab', 's', '{0}', '{{}}')"
    older, late = db.connect(), db.connect()
    older.sql("BEGIN; SELECT pg_current_xact_id()")
    # its sequence number is lower than that of an event whose transaction is older
    late.sql("BEGIN; " + event.format("late"))
    older.sql(event.format("early") + "; COMMIT")
    db.wait_for("the early one to be read", "(SELECT (c.xid, c.seq) >= (e.xid, e.seq) FROM alert.rule_cursor c, alert.event e WHERE e.id = 'evt_early')")
    late.sql("COMMIT")
    older.close()
    late.close()
    p.idle()
    wait("both", lambda: len(r.ids()) == 2)
    equal("ids", set(r.ids()), {"evt_late", "evt_early"})
    db.ok("the late one had the lower number", "(SELECT min(seq) FROM alert.event WHERE id = 'evt_late') < (SELECT min(seq) FROM alert.event WHERE id = 'evt_early')")
    p.close()


def test_baseline_events_are_passed_over():
    db, r = pg.database(migrated=True), Receiver()
    p = Pipeline(db, [r])
    db.sql("INSERT INTO alert.event(id, observed_at, type, severity, zone, subject, dedup, baseline, body) "
           "SELECT 'evt_b' || i, now(), 'port.opened', 2, 'lab', 's' || i, 'd' || i, true, '{}' FROM generate_series(1, 3000) i")
    [event] = add_events(db)
    p.idle()
    equal("ids", r.ids(), [event])
    wait("the cursor", lambda: db.sql("SELECT (SELECT seq FROM alert.rule_cursor) = (SELECT max(seq) FROM alert.event)") == "t")
    p.close()


def test_a_backlog_goes_out_in_bounded_memory():
    db, r = pg.database(migrated=True), Receiver()
    p = Pipeline(db, [r], concurrency=16, rate=100000)
    body = json.dumps({"summary": "x" * 500})
    started = time.monotonic()
    db.sql("INSERT INTO alert.event(id, observed_at, type, severity, zone, subject, dedup, body) "
           f"SELECT 'evt_n' || i, now(), 'port.opened', 2, 'lab', 's' || i, 'd' || i, '{body}' FROM generate_series(1, 5000) i")
    most = 0
    while len(r.requests) < 5000:
        most = max(most, int(p.stats()[6]))
        if time.monotonic() - started > 600:
            raise AssertionError(f"{len(r.requests)} of 5000 after 600 s")
        time.sleep(0.05)
    p.idle()
    print(f"      5000 events in {time.monotonic() - started:.1f} s, at most {most} in memory", flush=True)
    equal("ids", len(set(r.ids())), 5000)
    if most > 1000:
        raise AssertionError(f"{most} events in memory")
    p.close()


def test_a_restored_database_goes_on_where_it_was():
    db, r = pg.database(migrated=True), Receiver()
    p = Pipeline(db, [r])
    add_events(db, 3)
    p.idle()
    p.close()
    missed = add_events(db, 2, first=3)
    # as after a restore into another cluster, whose transaction ids are far behind
    db.sql("".join(f"UPDATE alert.{t} SET xid = (xid::text::int8 + 1000000)::text::xid8; " for t in ("event", "notice", "cursor", "rule_cursor")) +
           "UPDATE alert.cluster SET system_identifier = 1")
    p = Pipeline(db, [r])
    new = add_events(db, 2, first=5)
    wait("all", lambda: len(r.ids()) >= 7)
    p.idle()
    # (different subjects: side by side, in any order)
    equal("ids", sorted(r.ids()[3:]), sorted(missed + new))
    p.close()


if __name__ == "__main__":
    with pgtest.Cluster() as pg:
        pgtest.run(globals())
