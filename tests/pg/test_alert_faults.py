#!/usr/bin/env python3
"""Receivers that do every wrong thing at once, beside some that work: each wrong one has the documented outcome, the others are undisturbed, and
when all are well again everything has arrived.  And a dispatcher that is killed between sending and marking ($MUSTER_ALERT_KILLS times, 15)."""
import base64
import hashlib
import json
import os
import pathlib
import random
import shutil
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
import test_alert as lab
from test_alert import Pipeline, Receiver, add_events, drop, equal, reset, state_of, status, wait

EVENTS = 4                     # in each of three waves
KILLS = int(os.environ.get("MUSTER_ALERT_KILLS", "15"))
LONG = 60                      # what is hanging hangs until the test ends


# ---------------------------------------------------------------- wrong things to do

def hang(_):
    time.sleep(LONG)
    return False


def hang_in_head(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-A: b")
    return hang(connection)


def hang_in_body(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
    return hang(connection)


def byte_a_second(connection):
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":
        connection.sendall(bytes([byte]))
        time.sleep(1)
    return True


def megabytes(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
    for _ in range(1600):
        connection.sendall(b"x" * 62500)
    return False


def endless_head(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for i in range(20000):
        connection.sendall(b"X-%d: %s\r\n" % (i, b"a" * 1000))
    return False


def continues(connection):
    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 2000 + b"HTTP/1.1 204 No Content\r\n\r\n")
    return True


class Unborn(Receiver):
    """Comes later."""

    def __init__(self, port=None):
        self.tls, self.acts, self.requests, self.lock = None, [status(204)], [], threading.Lock()
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = port or probe.getsockname()[1]

    def born(self, address):
        self.listener = socket.create_server((address, self.port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        threading.Thread(target=self.accept, daemon=True).start()


class Raw:
    """A listener with a function of its own for each connection."""

    def __init__(self, serve, backlog=16):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(backlog)
        self.port = self.listener.getsockname()[1]
        self.serve = serve
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while self.serve:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(connection,), daemon=True).start()

    def one(self, connection):
        try:
            self.serve(connection)
        except OSError:
            pass
        connection.close()


class Full(Raw):
    """A listener whose queue is full: connections to it hang."""

    def __init__(self):
        super().__init__(None, backlog=0)
        self.fill = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", self.port))
            self.fill.append(one)


class Names(lab.Names):
    """A DNS server that also fails, is silent, or says something else each time."""
    SERVFAIL, SILENT = "servfail", "silent"

    class Turns:
        def __init__(self, answers):
            self.answers = answers

        def next(self):
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def serve(self):
        while True:
            data, peer = self.socket.recvfrom(512)
            labels, at = [], 12
            while data[at]:
                labels.append(data[at + 1:at + 1 + data[at]].decode())
                at += data[at] + 1
            question, kind = data[12:at + 5], data[at + 2]
            known = self.table.get(".".join(labels))
            if known is self.SILENT:
                continue
            if isinstance(known, self.Turns):
                known = known.next() if kind == 1 else []
            code = 2 if known is self.SERVFAIL else 3 if known is None else 0
            found = [a for a in known if (":" in a) == (kind == 28)] if code == 0 and kind in (1, 28) else []
            answer = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, 16 if ":" in a else 4)
                              + socket.inet_pton(socket.AF_INET6 if ":" in a else socket.AF_INET, a) for a in found)
            self.socket.sendto(data[:2] + bytes([0x81, 0x80 | code]) + struct.pack(">HHHH", 1, len(found), 0, 0) + question + answer, peer)


def reset_in_request(connection):
    connection.recv(10)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def early_413(connection):
    connection.recv(10)
    connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    time.sleep(0.2)


def tunnel(connection):
    """A proxy: CONNECT to this machine, whatever the name."""
    head = b""
    while b"\r\n\r\n" not in head:
        head += Receiver.more(connection)
    port = int(head.split(b" ")[1].rsplit(b":", 1)[1])
    far = socket.create_connection(("127.0.0.1", port))
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

    def pump(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass
    back = threading.Thread(target=pump, args=(far, connection), daemon=True)
    back.start()
    pump(connection, far)
    back.join()


# ---------------------------------------------------------------- certificates

def openssl(*words):
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"openssl {' '.join(words)}: {done.stderr}")
    return done.stdout


class Certificates:
    """An authority, and what it signed (or not) for localhost, in files of one directory."""

    def __init__(self, directory):
        self.dir = directory
        self.make("ca", "/CN=Test authority", sign=None)
        self.make("good", "/CN=localhost", "DNS:localhost,IP:127.0.0.1")
        self.make("expired", "/CN=localhost", "DNS:localhost,IP:127.0.0.1", days="-1")
        self.make("other", "/CN=other.test", "DNS:other.test")
        self.make("self", "/CN=localhost", sign=None)
        self.make("client", "/CN=muster")

    def path(self, name):
        return f"{self.dir}/{name}"

    def make(self, name, subject, names=None, days="30", sign="ca"):
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.path(f"{name}.key")]
        if not sign:
            openssl("req", "-x509", *key, "-days", days, "-subj", subject, "-out", self.path(f"{name}.pem"))
            return
        openssl("req", "-new", *key, "-subj", subject, "-out", self.path(f"{name}.csr"))
        extra = []
        if names:
            pathlib.Path(self.path("ext")).write_text(f"subjectAltName={names}\n")
            extra = ["-extfile", self.path("ext")]
        openssl("x509", "-req", "-in", self.path(f"{name}.csr"), "-CA", self.path(f"{sign}.pem"), "-CAkey", self.path(f"{sign}.key"), "-CAcreateserial",
                "-days", days, "-out", self.path(f"{name}.pem"), *extra)

    def server(self, name, client=False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path(f"{name}.pem"), self.path(f"{name}.key"))
        if client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.path("ca.pem"))
        return context


class Nginx:
    """HTTP/2 in front of a receiver."""

    def __init__(self, directory, certificates, port):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        conf = pathlib.Path(directory) / "nginx.conf"
        conf.write_text(f"""
            daemon off; pid {directory}/nginx.pid; error_log {directory}/nginx.log; worker_processes 1; {'user root;' if os.geteuid() == 0 else ''}
            events {{ worker_connections 64; }}
            http {{ access_log {directory}/access.log; client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
              fastcgi_temp_path {directory}/f; uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
              server {{ listen 127.0.0.1:{self.port} ssl http2; ssl_certificate {certificates.path('good.pem')}; ssl_certificate_key {certificates.path('good.key')};
                location / {{ proxy_pass http://127.0.0.1:{port}; }} }} }}""")
        self.log = pathlib.Path(directory) / "access.log"
        self.process = subprocess.Popen(["nginx", "-p", directory, "-c", str(conf)], stderr=subprocess.DEVNULL)

    def close(self):
        self.process.terminate()
        self.process.wait()


# ---------------------------------------------------------------- all of it at once

class Lab:
    """Endpoints beside each other: name, receiver, what its first attempt comes to, and whether it gets everything once it is well."""

    def __init__(self):
        self.lines, self.receivers, self.first, self.never = [], {}, {}, set()

    def add(self, name, receiver, first, url=None, timeout=700, never=False, options=""):
        url = url or f"http://127.0.0.1:{receiver.port}/hook"
        at_once = 1 if url.startswith("https") else 4
        self.lines.append(f"endpoint {name} {url} - {timeout} {at_once} 1000 127.0.0.1 {options}".strip())
        self.receivers[name] = receiver
        self.first[name] = first
        if never:
            self.never.add(name)


def wrong_answers(w):
    w.add("hang-connect", Full(), "transient curl 28", never=True)
    w.add("hang-tls", Raw(hang), "transient curl 28", url="tls", never=True)
    w.add("hang-answer", Receiver(hang, status(204)), "transient curl 28")
    w.add("hang-head", Receiver(hang_in_head, status(204)), "transient curl 28")
    w.add("hang-body", Receiver(hang_in_body, status(204)), "ok 200 curl 28", timeout=6000)
    w.add("byte-a-second", Receiver(byte_a_second, status(204)), "transient curl 28")
    w.add("reset", Receiver(reset, status(204)), "transient curl 56", timeout=9000)
    w.add("reset-early", Raw(reset_in_request), "transient curl 5", timeout=9000, never=True)     # 55 or 56: while sending or receiving
    for code in (500, 502, 503, 504):
        w.add(f"s{code}", Receiver(status(code), status(204)), f"transient {code}", timeout=9000)
    w.add("s429-seconds", Receiver(status(429, "Retry-After: 2\r\n"), status(204)), "throttled 429", timeout=9000)
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 3602))
    own = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 3600))
    w.add("s429-date", Receiver(status(429, f"Date: {own}\r\nRetry-After: {date}\r\n"), status(204)), "throttled 429", timeout=9000)
    for code in (301, 302, 303, 307, 308):
        w.add(f"s{code}", Receiver(status(code, "Location: http://127.0.0.1:CANARY/\r\n".replace("CANARY", str(w.canary.port))), status(204)),
              f"endpoint {code}", timeout=9000)
    w.add("s410", Receiver(status(410)), "endpoint 410", timeout=9000, never=True)
    w.add("s413", Raw(early_413), "message 413", timeout=9000, never=True)
    w.add("megabytes", Receiver(megabytes, status(204)), "ok 200 curl 23", timeout=9000)
    w.add("endless-head", Receiver(endless_head, status(204)), "transient curl 56", timeout=9000)
    w.add("continues", Receiver(continues, status(204)), "ok 204", timeout=9000)
    w.add("lost-answer", Receiver(drop, status(204)), "transient curl 52", timeout=9000)
    w.add("login-page", Receiver(status(200, "", "<html>sign in</html>"), status(200, "", "ok")), "endpoint 200", timeout=9000, options="kind=mattermost")


def wrong_certificates(w, c):
    ca = f"ca={c.path('ca.pem')}"
    good = Receiver(tls=c.server("good"))
    w.add("tls-good", good, "ok 204", url=f"https://127.0.0.1:{good.port}/", timeout=20000, options=ca)
    for name, options in (("expired", ca), ("self", ca), ("other", ca), ("good", "")):
        r = Receiver(tls=c.server(name))
        w.add(f"tls-{name}-refused", r, "endpoint curl 60", url=f"https://127.0.0.1:{r.port}/", timeout=20000, never=True, options=options)
    r = Receiver(tls=c.server("good", client=True))
    w.add("mtls", r, "ok 204", url=f"https://127.0.0.1:{r.port}/", timeout=20000,
          options=f"{ca} cert={c.path('client.pem')} key={c.path('client.key')}")
    w.add("proxy", good, "ok 204", url=f"https://localhost:{good.port}/", timeout=20000,
          options=f"{ca} proxy=http://127.0.0.1:{Raw(tunnel).port}")


def wrong_names(w, names):
    six = Unborn()
    six.born("::1")
    names.table["six.test"] = ["::1"]
    w.add("ipv6-only", six, "ok 204", url=f"http://six.test:{six.port}/", timeout=9000)
    w.lines[-1] = w.lines[-1].replace(" 127.0.0.1", " ::1")
    both = Receiver()
    names.table["both.test"] = ["::1", "127.0.0.1"]
    w.add("ipv6-broken", both, "ok 204", url=f"http://both.test:{both.port}/", timeout=9000, options="allow=::1")
    for name in ("gone", "servfail", "silent"):
        names.table.update({"servfail.test": names.SERVFAIL, "silent.test": names.SILENT})
        w.add(f"dns-{name}", Receiver(), "transient curl 6", url=f"http://{name}.test:8080/", timeout=9000, never=True)
    moving = Receiver(status(204, "Connection: close\r\n", keep=False))
    names.table["moving.test"] = names.Turns([["127.0.0.1"], ["127.0.0.9"]])
    w.moved = Unborn(moving.port)
    w.moved.born("127.0.0.9")
    w.add("dns-moving", moving, "ok 204", url=f"http://moving.test:{moving.port}/", timeout=9000)
    w.late = Unborn()
    w.add("slow-start", w.late, "transient curl 7", timeout=9000)


def outcomes(db):
    rows = db.sql("SELECT DISTINCT a.endpoint, a.outcome || COALESCE(' ' || a.code, '') || CASE WHEN a.curl <> 0 THEN ' curl ' || a.curl ELSE '' END "
                  "FROM report.attempt a")
    found = {}
    for line in rows.splitlines():
        name, outcome = line.split("|")
        found.setdefault(name, set()).add(outcome)
    return found


def arrived(receiver):
    with receiver.lock:
        return {r["headers"]["webhook-id"]: r["at"] for r in reversed(receiver.requests)}


def test_every_fault_has_its_outcome_and_disturbs_nobody():
    names = Names({})
    db = pg.database(migrated=True)
    with tempfile.TemporaryDirectory() as d:
        certificates = Certificates(d)
        w = Lab()
        w.canary = Receiver()
        wrong_answers(w)
        wrong_certificates(w, certificates)
        wrong_names(w, names)
        backing = Receiver()
        nginx = Nginx(d, certificates, backing.port) if shutil.which("nginx") else None
        if nginx:
            w.add("http2", backing, "ok 204", url=f"https://127.0.0.1:{nginx.port}/", timeout=20000, options=f"http2 ca={certificates.path('ca.pem')}")
        else:
            print("      without HTTP/2: nginx is not installed", flush=True)
        good = [Receiver() for _ in range(3)]
        for i, r in enumerate(good):
            w.add(f"good{i}", r, "ok 204", timeout=20000)
        try:
            run_faults(db, names, w, good, nginx)
        finally:
            if nginx:
                nginx.close()


def run_faults(db, names, w, good, nginx):
    driver = pgtest.Driver("pg_alert_driver")
    for line in w.lines:
        name, url = line.split()[1:3]
        driver.do(line.replace(" tls ", f" https://127.0.0.1:{w.receivers[name].port}/ ") if url == "tls" else line)
    equal("start", driver.do(f"start {db.conninfo.replace(' ', ';')} local 200 1000 {names.address}"), "ok")
    wait("the endpoints", lambda: db.sql("SELECT count(*) FROM alert.endpoint WHERE instance IS NOT NULL") == str(len(w.lines)))
    made, ids = {}, []
    for wave in range(3):
        at = time.time()
        for event in add_events(db, EVENTS, first=wave * EVENTS):
            made[event] = at
            ids.append(event)
        time.sleep(0.7)
    for r in good:
        wait("the good ones", lambda r=r: set(ids) <= set(arrived(r)), 240)
    late = sorted(arrived(r)[i] - made[i] for r in good for i in ids)
    print(f"      {len(w.lines)} endpoints; the good ones got {len(ids)} events each, median {late[len(late) // 2]:.2f} s, at most {late[-1]:.2f} s after they "
          "were written", flush=True)
    if late[-1] > 30:       # handshakes cost under a sanitizer and beside other tests; what hangs here hangs for a minute
        raise AssertionError("the faults disturb the others")
    check_first(db, w)
    w.late.born("127.0.0.1")
    for name, receiver in w.receivers.items():
        if name not in w.never:
            try:
                wait(f"everything at {name}", lambda n=name: db.sql(
                    f"SELECT count(*) FROM report.delivery WHERE endpoint = '{n}' AND state <> 'delivered' AND type = 'port.opened'") == "0", 240)
            except AssertionError as e:
                raise AssertionError(f"{e}: " + db.sql(f"SELECT d.state, d.reason, d.attempts, d.next_at - now(), e.state, e.reason FROM report.delivery d JOIN "
                                                       f"report.endpoint e USING (endpoint) WHERE d.endpoint = '{name}' AND d.state <> 'delivered'")) from None
            if not set(ids) <= set(arrived(receiver)):
                raise AssertionError(f"{name} got {len(arrived(receiver))} of {len(ids)}")
    check_after(db, w, nginx)
    driver.close()


def attempted(db, w):
    """Whether each fault has come to something: beside one that hangs, other events may have arrived already."""
    got = outcomes(db)
    return all(got.get(name, set()) - ({"ok 204"} if first != "ok 204" else set()) for name, first in w.first.items())


def check_first(db, w):
    """Each fault came to what the documents say, and to nothing else."""
    wait("an attempt at each", lambda: attempted(db, w), 240)
    wrong = []
    for name, got in outcomes(db).items():
        got -= {"ok 204"} if w.first[name] != "ok 204" and name not in w.never else set()
        if name == "reset-early" and got <= {"transient curl 55", "transient curl 56", "transient curl 52"}:
            continue
        if got - {"ok 200"} != {w.first[name]} - {"ok 200"}:
            wrong.append(f"{name}: {', '.join(sorted(got))}; expected {w.first[name]}")
    if wrong:
        raise AssertionError("; ".join(wrong))


def check_after(db, w, nginx):
    equal("redirects were not followed", w.canary.requests, [])
    equal("an address that changed after the check", w.moved.requests, [])
    equal("410", db.sql("SELECT state FROM alert.endpoint WHERE name = 's410'"), "disabled")
    equal("requests to one that said 410", len(arrived(w.receivers["s410"])) <= 4, True)
    equal("nothing is dead but what was too large", db.sql("SELECT count(*) FROM report.delivery WHERE state = 'dead' AND endpoint <> 's413'"), "0")
    for name in [n for n in w.first if n.endswith("-refused")]:
        equal(name, w.receivers[name].requests, [])
        equal(f"{name} is quarantined", db.sql(f"SELECT state FROM alert.endpoint WHERE name = '{name}'"), "quarantined")
    lost = w.receivers["lost-answer"]
    with lost.lock:
        sent = [r["headers"]["webhook-id"] for r in lost.requests]
    equal("what was lost came again under its id", sent.count(sent[0]) >= 2, True)
    if nginx:
        equal("HTTP/2 was spoken", "HTTP/2.0" in nginx.log.read_text(), True)
    body = w.receivers["good0"].requests[0]
    equal("the digest of what was sent", db.sql(f"SELECT digest FROM report.attempt WHERE endpoint = 'good0' AND event = '{body['headers']['webhook-id']}'"),
          hashlib.sha256(body["body"]).hexdigest())
    db.ok("attempts know where the time went", "NOT EXISTS (SELECT FROM report.attempt WHERE outcome = 'ok' AND (connect_ms IS NULL OR first_byte_ms > ms))")


# ---------------------------------------------------------------- endpoints that fail are news

def test_an_endpoint_that_fails_is_told_to_the_others():
    db, bad, good = pg.database(migrated=True), Receiver(status(404)), Receiver()
    p = pgtest.Driver("pg_alert_driver")
    for i, r in enumerate((bad, good)):
        p.do(f"endpoint e{i} {r.url} - 9000 4 1000 127.0.0.1")
    p.do(f"start {db.conninfo.replace(' ', ';')} local 50 50 - tell=500")
    wait("the endpoints", lambda: db.sql("SELECT count(*) FROM alert.endpoint WHERE instance IS NOT NULL") == "2")
    [event] = add_events(db)

    def told():
        with good.lock:
            return [(json.loads(q["body"])["type"], json.loads(q["body"])["data"]) for q in good.requests if q["headers"]["webhook-id"] != event]
    wait("the news", lambda: len(told()) == 1)
    kind, data = told()[0]
    equal("type", (kind, data["state"], data["severity"], data["subject"]), ("endpoint.failing", "firing", "high", {"kind": "endpoint", "endpoint": "e0"}))
    equal("summary", data["summary"], "endpoint e0 (webhook) does not take alerts: HTTP 404")
    bad.acts = [status(204)]
    wait("the other news", lambda: len(told()) == 2)
    equal("then", (told()[1][0], told()[1][1]["state"]), ("endpoint.recovered", "resolved"))
    wait("all", lambda: event in bad.ids())
    equal("not about itself", set(bad.ids()), {event})
    p.close()


def test_a_span_is_replayed_in_bulk_beside_live_ones_and_over_a_kill():
    db, r = pg.database(migrated=True), Receiver()
    p = Pipeline(db, [r], timeout=9000, concurrency=8)
    ids = add_events(db, 300)
    wait("all", lambda: len(set(r.ids())) == 300, 240)
    p.idle()
    equal("before", db.sql("SELECT alert.replay_range('e0', now() - interval '1 hour', now() - interval '30 minutes', false)"), "0")
    slow = threading.Event()
    r.acts = [lambda c: (slow.wait(0.02), status(204)(c))[1]]
    equal("replay", db.sql("SELECT alert.replay_range('e0', now() - interval '1 hour', now(), false)"), "300")
    wait("some of it", lambda: len(r.ids()) > 350, 240)
    p.kill()
    p = Pipeline(db, [r], timeout=9000, concurrency=8)
    live = add_events(db, 5, first=300)
    wait("the rest", lambda: all(r.ids().count(i) >= 2 for i in ids) and set(live) <= set(r.ids()), 240)
    wait("its end", lambda: db.sql("SELECT count(*) FROM report.replay WHERE ended_at IS NULL") == "0")
    equal("put on its way", db.sql("SELECT fed FROM report.replay"), "300")
    if len(r.ids()) > 605 + 108:
        raise AssertionError(f"{len(r.ids())} deliveries of 605")
    p.close()


# ---------------------------------------------------------------- signatures, by an independent implementation

def by_openssl(request, secret):
    """The signature as the openssl command line makes it."""
    key = base64.b64decode(secret.removeprefix("whsec_")).hex()
    signed = (request["headers"]["webhook-id"] + "." + request["headers"]["webhook-timestamp"] + ".").encode() + request["body"]
    digest = subprocess.run(["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{key}", "-binary"], input=signed, capture_output=True,
                            check=True).stdout
    return "v1," + base64.b64encode(digest).decode()


def test_signatures_are_those_of_openssl():
    db, r = pg.database(migrated=True), Receiver(status(500), status(204))
    p = Pipeline(db, [r], secrets=";".join(lab.SECRETS), timeout=9000)
    [event] = add_events(db)
    wait("the delivery", lambda: state_of(db, event) == "delivered")
    for request in r.requests:
        equal("signatures", request["headers"]["webhook-signature"].split(), [by_openssl(request, s) for s in lab.SECRETS])
    equal("two attempts under one id", [q["headers"]["webhook-id"] for q in r.requests], [event, event])
    p.close()


# ---------------------------------------------------------------- by hand

def muster(*words, config):
    program = pathlib.Path(os.environ["MUSTER_BUILD"]) / "muster"
    return subprocess.run([str(program), *words, "--config", config], capture_output=True, text=True, check=False)


def test_an_endpoint_is_tested_by_hand_without_showing_its_secrets():
    r = Receiver(status(202, "", '{"status":"success"}'), status(200, "", "<html>"))
    with tempfile.TemporaryDirectory() as d:
        for name, text in (("token", "0123456789abcdef0123456789abcdef"), ("chat", f"http://127.0.0.1:{r.port}/hooks/hunter2")):
            pathlib.Path(f"{d}/{name}").write_text(text + "\n")
            os.chmod(f"{d}/{name}", 0o600)
        config = f"{d}/muster.yaml"
        pathlib.Path(config).write_text(f"""
zones: [{{name: z, networks: [192.0.2.0/24]}}]
endpoints:
  - {{name: page, kind: pagerduty, url: "http://127.0.0.1:{r.port}/v2/enqueue", plain_http: true, allow: [127.0.0.1], token: "file:{d}/token"}}
  - {{name: chat, kind: mattermost, url: "file:{d}/chat", plain_http: true, allow: [127.0.0.1]}}
  - {{name: refused, url: "http://127.0.0.1:{r.port}/", plain_http: true}}
""")
        page, chat, refused, none = (muster("endpoint", "test", name, config=config) for name in ("page", "chat", "refused", "none"))
    equal("page", (page.returncode, "ok: HTTP 202" in page.stdout, '"routing_key":"***"' in page.stdout), (0, True, True))
    equal("what arrived", json.loads(r.requests[0]["body"])["routing_key"], "0123456789abcdef0123456789abcdef")
    equal("chat", (chat.returncode, "endpoint: HTTP 200" in chat.stdout, "<html>" in chat.stdout), (2, True, True))
    equal("refused", (refused.returncode, "127.0.0.1 is refused: loopback address" in refused.stdout), (2, True))
    equal("none", (none.returncode, "has no endpoint 'none'" in none.stderr), (2, True))
    for done in (page, chat, refused):
        if "hunter2" in done.stdout + done.stderr or "0123456789abcdef0123456789abcdef" in done.stdout:
            raise AssertionError(done.stdout)


# ---------------------------------------------------------------- order, size, kinds

def test_strict_order_lets_nothing_pass():
    db, r = pg.database(migrated=True), Receiver(status(204), status(500), status(500), status(204))
    p = pgtest.Driver("pg_alert_driver")
    p.do(f"endpoint e0 {r.url} - 9000 8 1000 127.0.0.1 order=strict")
    p.do(f"start {db.conninfo.replace(' ', ';')} local 50 50 -")
    wait("the endpoint", lambda: db.sql("SELECT count(*) FROM alert.endpoint WHERE instance IS NOT NULL") == "1")
    ids = add_events(db, 10)
    wait("all", lambda: len(set(r.ids())) == 10, 240)
    equal("order", r.ids(), [ids[0], ids[1], ids[1], *ids[1:]])
    p.close()


def test_what_is_too_large_is_sent_again_smaller():
    def limited(connection):
        return (status(413) if len(r.requests[-1]["body"]) > 60000 else status(204))(connection)
    r = Receiver(limited)
    db = pg.database(migrated=True)
    p = Pipeline(db, [r], timeout=9000)
    [event] = add_events(db, body={"summary": "large", "old": None, "new": {"lines": ["x" * 900] * 150}})
    wait("the delivery", lambda: state_of(db, event) == "delivered")
    equal("bodies", [len(q["body"]) > 60000 for q in r.requests], [True, True, False] if len(r.requests) == 3 else [True, False])
    equal("truncated", json.loads(r.requests[-1]["body"])["data"]["truncated"], True)
    p.close()


def test_budgets_that_are_spent_pause_without_blame():
    db, r = pg.database(migrated=True), Receiver(status(204, "X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset-After: 1.5\r\n"),
                                                 status(429, "", json.dumps({"message": "slow", "retry_after": 1.25, "global": False})), status(204))
    p = pgtest.Driver("pg_alert_driver")
    p.do(f"endpoint e0 {r.url} - 9000 1 1000 127.0.0.1 kind=discord")
    p.do(f"start {db.conninfo.replace(' ', ';')} local 50 50 -")
    wait("the endpoint", lambda: db.sql("SELECT count(*) FROM alert.endpoint WHERE instance IS NOT NULL") == "1")
    add_events(db, 2)
    wait("both", lambda: len(r.requests) >= 3)
    times = [q["at"] for q in r.requests]
    if times[1] - times[0] < 1.4 or times[2] - times[1] < 1.2:
        raise AssertionError(f"pauses: {[b - a for a, b in zip(times, times[1:])]}")
    p.close()


# ---------------------------------------------------------------- kill -9

def test_killed_between_send_and_mark_again_and_again():
    seed = int(os.environ.get("MUSTER_SEED") or random.randrange(1 << 30))
    print(f"      MUSTER_SEED={seed}", flush=True)
    rng = random.Random(seed)
    db = pg.database(migrated=True)
    box = {"left": 0}

    def act(connection):
        with r.lock:
            box["left"] -= 1
            now = box["left"] == 0
        if now and box["before"]:
            box["p"].driver.process.kill()
        keep = status(204)(connection)
        if now:
            box["p"].driver.process.kill()
        return keep

    r = Receiver(act)
    ids = []
    box["p"] = Pipeline(db, [r], concurrency=8, timeout=9000, backoff=20)
    started = time.monotonic()
    for _ in range(KILLS):
        box["before"] = rng.random() < 0.5
        box["left"] = rng.randrange(1, 7)
        ids += add_events(db, 6, subject="host/{i}", first=len(ids))
        wait("the kill", lambda: box["p"].driver.process.poll() is not None, 240)
        box["p"].driver.process.wait()
        box["p"] = Pipeline(db, [r], concurrency=8, timeout=9000, backoff=20)
    wait("everything", lambda: db.sql("SELECT count(*) FROM report.delivery WHERE state <> 'delivered'") == "0" and set(r.ids()) >= set(ids), 240)
    box["p"].idle()
    got = r.ids()
    bodies = {}
    for q in r.requests:
        bodies.setdefault(q["headers"]["webhook-id"], set()).add(q["body"])
    print(f"      {KILLS} kills in {time.monotonic() - started:.0f} s: {len(ids)} events, each delivered; {len(got) - len(ids)} duplicates", flush=True)
    equal("lost", set(ids) - set(got), set())
    equal("invented", set(got) - set(ids), set())
    equal("duplicates say the same", [i for i, b in bodies.items() if len(b) > 1], [])
    if len(got) - len(ids) > KILLS * (8 + 100):
        raise AssertionError("more duplicates than one batch a kill")
    box["p"].close()


if __name__ == "__main__":
    with pgtest.Cluster() as pg:
        lab.pg = pg
        pgtest.run(globals())
