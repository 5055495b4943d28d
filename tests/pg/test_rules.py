#!/usr/bin/env python3
"""Rules: which events become incidents, what is told of them, when, to whom, and why not.  The clock is a parameter (alert.think), so nothing here waits."""
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pgtest

START = "2026-03-02 08:00:00+00"                              # a Monday
RULES = {"close_after": 3600, "last_resort": None,
         "breaker": {"share": 0.3, "least": 20, "window": 600, "hold": 30, "settle": 300, "confirm": 900, "canaries": 5},
         "flap": {"changes": 5, "within": 3600, "quiet": 1800}}
ROUTE = {"name": "all", "match": {}, "endpoints": None, "group_by": ["zone"], "group_wait": 10, "group_interval": 120}


class World:
    """A database with rules and endpoints, and a clock of its own (seconds since START)."""

    def __init__(self, *routes, endpoints=("ops",), **settings):
        self.db = session.empty()
        self.at = 0
        self.rules(*routes, **settings)
        self.db.sql(f"SELECT alert.know_endpoints(ARRAY{list(endpoints)}::text[])")
        self.seen = 0

    def rules(self, *routes, **settings):
        p = dict(RULES, routes=[dict(ROUTE, **r) for r in routes or ({},)])
        for k, v in settings.items():
            p[k] = dict(p[k], **v) if isinstance(p[k], dict) else v
        self.db.sql(f"SELECT alert.sync_rules('test', $r${json.dumps(p)}$r$)")

    def add(self, *events):
        """Each (type, host[, port or script]) or a dict of columns besides; returns their numbers."""
        rows = []
        for e in events:
            kind, host, *rest = e
            more = rest[-1] if rest and isinstance(rest[-1], dict) else {}
            port = rest[0] if rest and isinstance(rest[0], int) else None
            script = rest[0] if rest and isinstance(rest[0], str) else None
            subject = {"kind": "port" if port else "script" if script else "host", "host": host}
            subject.update({"proto": "tcp", "port": port} if port else {"script": script} if script else {})
            zone = more.get("zone", "lab")
            about = f"host/{host}" + (f"/tcp/{port}" if port else f"/{script}" if script else "")
            body = {"state": "resolved" if kind in ("host.returned", "port.closed") else "firing", "subject": subject, "zone": zone,
                    "summary": f"{kind} {about}", **more.get("body", {})}
            rows.append(f"(inv.event_id(), {self.now()}, '{kind}', {more.get('severity', 2)}, '{zone}', '{about}', md5('{zone} {about}'), "
                        f"$b${json.dumps(body)}$b$)")
        return [int(n) for n in self.db.sql("INSERT INTO alert.event(id, observed_at, type, severity, zone, subject, dedup, body) VALUES "
                                            + ", ".join(rows) + " RETURNING seq").split()]

    def now(self):
        return f"('{START}'::timestamptz + interval '{self.at} s')"

    def think(self, after=0):
        self.at += after
        for _ in range(20):
            more, due = self.db.sql(f"SELECT more, next FROM alert.think(1000, {self.now()})").split("|")
            if more == "f":
                break
        else:
            raise AssertionError("it never ends")
        self.due = float(due) if due else None
        return self.told()

    def told(self):
        """The messages since the last time: (endpoint, kind, summary)."""
        rows = self.db.sql("SELECT json_build_array(n.seq, p.name, n.kind, COALESCE(n.data ->> 'summary', e.body ->> 'summary'), alert.notice_data(n)::jsonb, n.id)"
                           "  FROM alert.notice n JOIN alert.endpoint p USING (endpoint_id) LEFT JOIN alert.event e ON e.seq = n.event_seq"
                           f" WHERE n.seq > {self.seen} ORDER BY n.seq").splitlines()
        rows = [json.loads(r) for r in rows]
        self.seen = rows[-1][0] if rows else self.seen
        self.data = [r[4] for r in rows]
        self.ids = [r[5] for r in rows]
        return [tuple(r[1:4]) for r in rows]

    def why(self, seq):
        return self.db.sql(f"SELECT string_agg(outcome, ' ' ORDER BY decision_id) FROM alert.decision WHERE seq = {seq}")

    def incidents(self):
        return self.db.sql("SELECT string_agg(state || CASE WHEN sealed THEN ' sealed' ELSE '' END, ', ' ORDER BY incident_id) FROM alert.incident")


def equal(what, got, want):
    if got != want:
        raise AssertionError(f"{what}:\n   got {got!r}\n  want {want!r}")


# ---------------------------------------------------------------- groups

def test_one_event_comes_as_itself_after_the_wait():
    w = World()
    [seq] = w.add(("port.opened", "10.0.0.1", 80))
    equal("at once", w.think(), [])
    equal("asked for", w.due, 10.0)
    equal("after 9 s", w.think(9), [])
    equal("after 10 s", w.think(1), [("ops", "event", "port.opened host/10.0.0.1/tcp/80")])
    equal("id", w.ids[0], w.db.sql(f"SELECT id FROM alert.event WHERE seq = {seq}"))
    equal("state", (w.data[0]["incident"]["state"], w.incidents()), ("open", "open"))


def test_no_wait_is_no_wait():
    w = World({"group_wait": 0, "group_by": ["condition"]})
    w.add(("host.appeared", "10.0.0.1"), ("host.appeared", "10.0.0.2"))
    equal("told", [t[1] for t in w.think()], ["event", "event"])


def test_events_of_a_group_come_together_with_counts():
    w = World()
    w.add(("host.appeared", "10.0.0.1"), ("host.appeared", "10.0.0.2"), ("service.changed", "10.0.0.3", 80))
    w.think()
    w.add(("script.gone", "10.0.0.4", "http-title"), ("port.opened", "10.0.0.4", 22), ("port.opened", "10.1.0.4", 22, {"zone": "dmz"}))
    equal("told", w.think(10), [("ops", "group", "3 new, 1 changed, 1 gone since 2026-03-02T08:00:00Z (window 10s)")])
    d = w.data[0]
    equal("counts", d["counts"], {"events": 5, "new": 3, "changed": 1, "gone": 1, "types": {"host.appeared": 2, "service.changed": 1, "script.gone": 1,
                                                                                             "port.opened": 1}, "severities": {"warning": 5}})
    equal("group", d["group"], {"route": "all", "by": ["zone"], "key": {"zone": "lab"}})
    equal("events", [(e["type"], e["subject"]["host"]) for e in d["events"]][:2], [("host.appeared", "10.0.0.1"), ("host.appeared", "10.0.0.2")])
    equal("the other zone", w.think(10)[0][1], "event")


def test_what_comes_later_updates_the_incident_not_before_the_interval():
    w = World()
    w.add(("host.appeared", "10.0.0.1"))
    w.think(0), w.think(10)
    w.at += 5
    w.add(("host.appeared", "10.0.0.2"), ("host.appeared", "10.0.0.3"))
    equal("too early", w.think(), [])
    equal("the interval", w.due, 115.0)
    equal("told", w.think(115), [("ops", "group", "2 new, 0 changed, 0 gone since 2026-03-02T08:00:10Z (window 2m)")])
    equal("state", (w.data[0]["incident"]["state"], w.data[0]["incident"]["number"], w.incidents()), ("updated", 1, "updated"))


def test_an_end_resolves_the_incident_though_no_route_matches_it():
    w = World({"match": {"severity": 2}, "group_by": ["asset"]})
    w.add(("port.opened", "10.0.0.1", 80), ("port.opened", "10.0.0.1", 81))
    w.think(), w.think(10)
    w.at += 200
    a, = w.add(("port.closed", "10.0.0.1", 80, {"severity": 1}))
    equal("one of two", [t[1] for t in w.think()], ["event"])
    w.at += 200
    w.add(("port.closed", "10.0.0.1", 81, {"severity": 1}))
    equal("both", [t[1] for t in w.think()], ["resolve"])
    equal("state", (w.data[0]["state"], w.data[0]["incident"]["state"], w.incidents(), w.why(a)), ("resolved", "resolved", "resolved", "turned"))


def test_what_turns_back_before_it_is_told_is_not_told():
    w = World()
    a, = w.add(("port.opened", "10.0.0.1", 80))
    w.think()
    w.add(("port.closed", "10.0.0.1", 80))
    equal("told", w.think(10), [])
    equal("said why", w.db.sql("SELECT state, why FROM alert.incident"), "resolved|turned back before it was told")
    equal("why", w.why(a), "grouped")


def test_an_incident_that_was_quiet_takes_nothing_new_and_is_resolved_later():
    w = World()
    w.add(("port.opened", "10.0.0.1", 80))
    w.think(), w.think(10), w.think(4000)
    equal("waits for its end", w.incidents(), "open sealed")
    w.add(("service.changed", "10.0.0.2", 80))
    w.think(), w.think(10), w.think(4000)
    equal("a change has no end", w.incidents(), "open sealed, resolved sealed")
    w.add(("port.closed", "10.0.0.1", 80))
    equal("its end", [t[1] for t in w.think()], ["resolve"])


def test_an_incident_of_a_busy_zone_is_sealed_by_its_age():
    w = World()
    w.add(("host.gone", "10.0.0.1"), ("host.gone", "10.0.0.2"))
    w.think(), w.think(40), w.think(10)
    w.add(("host.returned", "10.0.0.1"))
    number = 2
    while w.think(1800) and w.incidents() == "updated":
        number += 1
        w.add(("host.gone", f"10.0.0.{number}"))
        w.think()
    equal("a day", (w.incidents(), w.at // 3600), ("updated sealed", 24))
    w.add(("host.gone", "10.0.0.1"))
    w.think(1800), w.think(40), w.think(10)
    equal("the next", w.incidents(), "updated sealed, open")
    end, = w.add(("host.returned", "10.0.0.1"))
    equal("told in the second", [(t[1], d["incident"]["state"]) for t, d in zip(w.think(1800), w.data)], [("resolve", "resolved")])
    equal("and there alone", w.why(end), "turned")
    w.add(*[("host.returned", f"10.0.0.{n}") for n in range(2, number + 1)])
    equal("what is sealed ends with its last", ([t[1] for t in w.think(1800)], w.incidents()), (["resolve"], "resolved sealed, resolved"))


def test_what_holds_is_said_again():
    w = World({"repeat_interval": 3600})
    w.add(("host.gone", "10.0.0.1"), ("service.changed", "10.0.0.2", 80))
    w.think(), w.think(10)
    equal("gone", [t[1] for t in w.think(30)], [])
    equal("gone", [t[1] for t in w.think(100)], ["event"])
    equal("again", w.think(3600)[0][1:], ("group", "0 new, 0 changed, 1 gone since 2026-03-02T08:00:00Z (window 3740s)"))
    equal("repeat", w.data[0]["repeat"], True)
    w.add(("host.returned", "10.0.0.1"))
    equal("over", [t[1] for t in w.think(120)], ["resolve"])
    equal("no more", [t[1] for t in w.think(40000)], [])


def test_what_holds_for_months_is_said_again_and_ends():
    w = World({"repeat_interval": 86400, "group_wait": 0}, breaker={"hold": 0})
    w.add(("host.gone", "10.0.0.1"), ("host.gone", "10.0.0.2"))
    equal("gone", [t[1] for t in w.think()], ["group"])
    equal("after 40 days", [[t[1] for t in w.think(86400)] for _ in range(40)], [["group"]] * 40)
    w.add(("host.returned", "10.0.0.1"), ("host.returned", "10.0.0.2"))
    equal("its end", ([t[1] for t in w.think(60)], w.incidents()), (["resolve"], "resolved sealed"))


def test_what_can_not_end_any_more_is_over_after_a_month():
    """Of events of the ledger: a host that has expired, a port that was closed without news, a network that is not looked at."""
    for forget in ("DELETE FROM inv.fact_now WHERE slot = 0", "DELETE FROM inv.fact_now", "UPDATE inv.block SET retired_at = now()", "UPDATE inv.schedule SET retired_at = now()"):
        w = World({"group_wait": 0, "repeat_interval": 86400}, breaker={"hold": 0})
        inventory(w, ["10.0.0.1", "10.0.0.2"])
        w.db.sql("INSERT INTO alert.baseline VALUES (1, 1000); DELETE FROM inv.fact_now WHERE attr_id = 1 AND addr = '10.0.0.1'")
        seqs = w.add(("host.gone", "10.0.0.1"), ("port.opened", "10.0.0.2", 80))
        w.db.sql(f"UPDATE alert.event SET tx = '5' WHERE seq = ANY(ARRAY{seqs})")
        w.think(), w.think(90000), w.think(40 * 86400)
        equal("they hold", w.incidents(), "open sealed")
        w.db.sql(forget)
        w.think(3600)
        holds = forget.endswith("slot = 0")                  # the port does
        equal(forget, w.db.sql("SELECT concat_ws(' ', state, why) FROM alert.incident"), "open" if holds else "resolved old")
        equal("nothing is due", w.db.sql("SELECT count(*) FROM alert.incident WHERE state = 'resolved' AND repeat_at IS NOT NULL"), "0")


def test_a_violation_that_changed_holds_until_it_is_cleared():
    w = World({"group_wait": 0, "group_interval": 0})
    w.add(("policy.violated", "10.0.0.1"), ("policy.violated", "10.0.0.2"))
    equal("both", [t[1] for t in w.think()], ["group"])
    w.add(("policy.changed", "10.0.0.1"))
    equal("changed", [t[1] for t in w.think(60)], ["event"])
    w.add(("policy.cleared", "10.0.0.2", {"severity": 1, "body": {"state": "resolved"}}))
    equal("one is cleared", ([t[1] for t in w.think(60)], w.incidents()), (["event"], "updated"))
    w.add(("policy.cleared", "10.0.0.1", {"severity": 1, "body": {"state": "resolved"}}))
    equal("both are", ([t[1] for t in w.think(60)], w.incidents()), (["resolve"], "resolved"))


def test_large_groups_are_cut_with_a_count():
    w = World({"max_events": 10}, breaker={"least": 100000})
    w.add(*[("service.changed", f"10.0.{i // 250}.{i % 250}", 80) for i in range(500)])
    w.think()
    w.think(10)
    equal("cut", (len(w.data[0]["events"]), w.data[0]["truncated"], w.data[0]["counts"]["events"]), (10, 490, 500))
    w.add(*[("service.changed", f"10.0.1.{i}", 80, {"body": {"new": {"extra": "x" * 10000}}}) for i in range(9)],
          ("service.changed", "10.0.2.1", 80, {"body": {"new": {"extra": "x" * 100000}}}))
    w.think(500)
    equal("bytes", len(json.dumps(w.data[0])) < 250000 and w.data[0]["truncated"], 0)
    equal("too large", [e.get("truncated") for e in w.data[0]["events"]], [None] * 9 + [True])


# ---------------------------------------------------------------- digests

def test_a_digest_is_sent_at_the_end_of_its_window_and_severe_things_at_once():
    w = World({"digest": {"every": 3600}, "bypass": 3})
    w.think(600)
    w.add(("host.appeared", "10.0.0.1"), ("hostkey.changed", "10.0.0.2", 22, {"severity": 3}))
    equal("at once", w.think(), [])
    equal("severe", [t[1] for t in w.think(10)], ["event"])
    w.add(("host.appeared", "10.0.0.3"))
    w.think(100)
    equal("window", w.due, 3600.0 - 710)
    equal("digest", w.think(3600 - 710), [("ops", "digest", "2 new, 0 changed, 0 gone since 2026-03-02T08:10:00Z (window 50m)")])
    w.add(("host.appeared", "10.0.0.4"))
    w.think(10)
    equal("the next", w.think(3590)[0][1], "digest")
    equal("empty ones are not sent", w.think(7200), [])


def test_a_digest_by_the_calendar_keeps_wall_clock_time():
    db = session.empty()
    spec = '{"days": [1, 2, 3, 4, 5], "times": ["08:00", "16:00"], "zone": "Europe/Berlin"}'
    for now, want in (("2026-03-02 06:59+00", "2026-03-02 07:00+00"), ("2026-03-02 07:00+00", "2026-03-02 15:00+00"), ("2026-03-06 15:30+00", "2026-03-09 07:00+00"),
                      ("2026-03-27 15:30+00", "2026-03-30 06:00+00")):    # summer time began in between
        db.equal(now, f"SELECT alert.next_digest('{spec}', '{now}') = '{want}'", "t")


# ---------------------------------------------------------------- routes

def routes_of(w, *events):
    seqs = w.add(*events)
    w.think()
    return [w.db.sql("SELECT string_agg(COALESCE(r.name, d.outcome), '+' ORDER BY r.ordinal) FROM alert.decision d LEFT JOIN alert.route r USING (route_id) "
                     f"WHERE seq = {s} AND outcome <> 'waiting'") for s in seqs]


def test_routes_match_every_field():
    def route(name, **match):
        return {"name": name, "match": match}
    w = World(route("zone", zones=["dm?"]), route("net", networks=["10.9.0.0/16", "2001:db8::/32"]), route("type", types=["certificate.*"]),
              route("script", scripts=["http-*"]), route("port", ports="{[22,23),[8000,8101)}"), route("kind", kinds=["script"]), route("severe", severity=3),
              {"name": "rest", "match": {}, "except": {"types": ["host.*"], "networks": ["10.8.0.0/16"]}})
    equal("routes", routes_of(w, ("host.appeared", "10.0.0.1", {"zone": "dmz"}), ("host.appeared", "10.9.3.1"), ("host.appeared", "2001:db8::7"),
                              ("certificate.changed", "10.0.0.1", "ssl-cert"), ("script.changed", "10.0.0.1", "http-title"), ("port.opened", "10.0.0.1", 8080),
                              ("script.changed", "10.0.0.1", "smb-os"), ("host.replaced", "10.0.0.1", {"severity": 4}), ("port.opened", "10.8.0.1", 80),
                              ("host.appeared", "10.8.0.1"), ("host.appeared", "no address")),
          ["zone", "net", "net", "type", "script", "port", "kind", "severe", "rest", "unmatched", "rest"])


def test_routes_know_what_people_say_about_assets():
    w = World({"name": "net", "match": {"owners": ["net*"]}}, {"name": "critical", "match": {"tags": ["critical", "db"]}}, {"name": "owned", "match": {"owners": ["*"]}},
              {"name": "nobody's", "match": {}})
    if w.db.sql("SELECT to_regclass('inv.annotation') IS NULL") == "t":
        print("      no annotations yet: a missing field fits nothing", flush=True)
        return equal("routes", routes_of(w, ("host.appeared", "10.0.0.1")), ["nobody's"])
    w.db.sql("INSERT INTO inv.zone(name) VALUES ('lab'); INSERT INTO inv.asset(zone_id) SELECT 1 FROM generate_series(1, 3);"
             "INSERT INTO inv.fact_now(since, zone_id, slot, attr_id, value, strength, addr) SELECT now(), 1, 0, 0, asset_id, 0, '10.0.0.0'::inet + row_number() OVER () FROM inv.asset")
    w.db.sql("INSERT INTO inv.annotation(zone_id, asset_id, owner, changed_by) SELECT zone_id, value, CASE host(addr) WHEN '10.0.0.1' THEN 'netops' ELSE 'dba' END, 'eve' FROM inv.fact_now WHERE addr <> '10.0.0.3';"
             "INSERT INTO inv.asset_tag(zone_id, asset_id, tag, made_by) SELECT zone_id, value, t, 'eve' FROM inv.fact_now, unnest(ARRAY['critical', 'db', 'old']) t WHERE addr = '10.0.0.3'")
    equal("routes", routes_of(w, ("host.appeared", "10.0.0.1"), ("host.appeared", "10.0.0.2"), ("host.appeared", "10.0.0.3"), ("host.appeared", "10.0.0.4")),
          ["net", "owned", "critical", "nobody's"])


def test_an_event_goes_on_where_the_route_says_so_and_to_each_endpoint_once():
    w = World({"name": "log", "endpoints": ["log"], "continue": True, "group_wait": 0, "group_by": ["condition"]},
              {"name": "drop", "match": {"types": ["service.*"]}, "endpoints": []}, {"name": "ops", "endpoints": ["ops", "log"], "group_wait": 0},
              endpoints=("ops", "log", "other"))
    a, b = w.add(("host.appeared", "10.0.0.1"), ("service.changed", "10.0.0.1", 80))
    equal("told", sorted(w.think()), [("log", "event", "host.appeared host/10.0.0.1"), ("log", "event", "service.changed host/10.0.0.1/tcp/80"),
                                      ("ops", "event", "host.appeared host/10.0.0.1")])
    equal("why", (w.why(a), w.why(b)), ("grouped grouped", "grouped dropped"))


def test_what_is_wrong_with_an_endpoint_is_told_to_another():
    w = World({"endpoints": ["ops"], "group_wait": 0}, endpoints=("ops", "mail"), last_resort="mail")
    w.db.sql("SELECT alert.raise('endpoint.disabled', 'firing', '', 'endpoint/ops', '{\"kind\": \"endpoint\"}', 'x', 'ops is disabled', '{\"endpoint\": \"ops\"}')")
    equal("told", w.think(), [("mail", "event", "ops is disabled")])


def test_an_endpoint_that_fails_is_a_condition_that_ends():
    w = World({"group_wait": 0}, endpoints=("ops", "mail"))
    w.db.sql("UPDATE alert.endpoint SET state = 'disabled', reason = 'HTTP 410', fail_since = now() WHERE name = 'ops'; SELECT alert.tell_endpoints('{ops}', '0')")
    equal("told", w.think(), [("mail", "event", "endpoint ops (webhook) is disabled: HTTP 410")])
    w.db.sql("UPDATE alert.endpoint SET state = 'ok' WHERE name = 'ops'; SELECT alert.tell_endpoints('{ops}', '0')")
    equal("over", [t[:2] for t in w.think(120)], [("mail", "resolve")])


def test_new_rules_leave_old_incidents_in_peace():
    w = World()
    w.add(("port.opened", "10.0.0.1", 80))
    w.think(), w.think(10)
    w.rules({"name": "new", "group_wait": 0, "endpoints": []})
    a, = w.add(("port.closed", "10.0.0.1", 80))
    w.think()
    equal("resolved by the old route", [t[1] for t in w.think(120)], ["resolve"])


def test_an_endpoint_hears_nothing_of_what_was_before_it():
    w = World({"group_wait": 10})
    w.add(("host.appeared", "10.0.0.1"))
    w.db.sql("SELECT alert.know_endpoints('{late}')")
    w.think()
    equal("told", [t[0] for t in w.think(10)], ["ops"])


# ---------------------------------------------------------------- silences

def test_a_silence_keeps_quiet_records_and_ends():
    w = World({"group_wait": 0, "group_by": ["condition"]})
    w.db.sql(f"INSERT INTO alert.silence(fits, words, author, reason, from_at, until_at) VALUES (alert.matcher_of('{{\"networks\": [\"10.0.0.0/24\"]}}'), 'net', 'eve', 'move', "
             f"{w.now()}, {w.now()} + interval '1 h')")
    a, b = w.add(("host.appeared", "10.0.0.1"), ("host.appeared", "10.0.1.1"))
    equal("told", w.think(), [("ops", "event", "host.appeared host/10.0.1.1")])
    equal("why", (w.why(a), w.db.sql(f"SELECT by FROM alert.decision WHERE seq = {a}")), ("silenced", "1"))
    w.at += 3600
    w.add(("host.appeared", "10.0.0.2"))
    equal("after it", [t[2] for t in w.think() + w.think()], ["host.appeared host/10.0.0.2", "1 new, 0 changed, 0 gone since 2026-03-02T08:00:00Z (window 1h); "
          "kept quiet by silence 1 of eve (move), which is over; 0 still hold"])
    equal("once", w.think(3600), [])


def silenced(on_end):
    """A silence of an hour that kept five events; what is told when it ends."""
    w = World({"group_wait": 0, "group_by": ["condition"], "match": {"severity": 2}})
    w.db.sql(f"INSERT INTO alert.silence(fits, words, author, reason, from_at, until_at, on_end) VALUES (alert.matcher_of('{{}}'), 'all', 'eve', 'move', "
             f"{w.now()}, {w.now()} + interval '1 h', '{on_end}')")
    seqs = w.add(("port.opened", "10.0.0.1", 80), ("port.opened", "10.0.0.2", 80), ("certificate.changed", "10.0.0.3", "ssl-cert"))
    w.think(60)
    w.add(("port.closed", "10.0.0.2", 80, {"severity": 1}))
    equal("quiet", w.think(60), [])
    return w, seqs, sorted(t[2] for t in w.think(3600) + w.think())


def test_when_a_silence_ends_what_it_kept_is_told_in_one_message_and_what_still_holds_follows():
    said = "2 new, 1 changed, 1 gone since 2026-03-02T08:01:00Z (window 1h 1m); kept quiet by silence 1 of eve (move), which is over; 1 still hold"
    w, (a, b, _), told = silenced("summary")
    equal("summary", told, [said.replace("1h 1m", "61m"), "port.opened host/10.0.0.1/tcp/80"])
    equal("kept", w.db.sql("SELECT body -> 'kept' ->> 'events' FROM alert.event WHERE type = 'zone.silence_over'"), "4")
    equal("why", (w.why(a), w.why(b)), ("silenced grouped", "silenced"))
    equal("only what holds", silenced("still")[2], ["port.opened host/10.0.0.1/tcp/80"])
    equal("nothing", silenced("drop")[2], [])


def silence(w, span="1 h", match="{}", on_end="summary"):
    w.db.sql(f"INSERT INTO alert.silence(fits, words, author, reason, from_at, until_at, on_end) VALUES (alert.matcher_of('{match}'), 'all', 'eve', 'move', "
             f"{w.now()}, {w.now()} + interval '{span}', '{on_end}')")


def test_the_end_of_what_was_told_before_a_silence_is_told_after_it():
    for on_end in ("summary", "still", "drop"):
        w = World({"name": "severe", "match": {"severity": 2}, "endpoints": ["ops"], "group_wait": 0, "group_by": ["condition"]}, {"name": "rest", "group_wait": 0, "endpoints": ["log"]},
                  endpoints=("ops", "log"), breaker={"hold": 0})
        w.add(("host.gone", "10.0.0.1"), ("host.gone", "10.0.0.2"))
        equal("gone", [t[:2] for t in w.think() if t[0] == "ops"], [("ops", "event")] * 2)
        silence(w, on_end=on_end)
        a, _ = w.add(("host.returned", "10.0.0.1", {"severity": 1}), ("host.returned", "10.0.0.2", {"severity": 1}))
        equal("quiet", w.think(600), [])
        b, = w.add(("host.gone", "10.0.0.2"))
        equal("quiet", w.think(60), [])
        told = w.think(3600) + w.think()
        equal("over", [t[1:] for t in told if "silence" not in t[2] and t[1] == "resolve"], [("resolve", "host.returned host/10.0.0.1")])
        equal("nothing else", len(told), {"summary": 3, "still": 2, "drop": 1}[on_end])
        equal("why", (w.why(a), w.why(b)), ("silenced turned", "silenced" if on_end == "drop" else "silenced grouped"))
        equal("incidents", w.db.sql("SELECT string_agg(state, ' ' ORDER BY state) FROM alert.incident i WHERE EXISTS "
                                "(SELECT FROM alert.decision d JOIN alert.event e USING (seq) WHERE d.incident_id = i.incident_id AND e.type = 'host.gone')"),
              "open resolved" if on_end == "drop" else "resolved updated")
        equal("once", w.think(7200), [])


def test_an_end_that_another_silence_keeps_waits_for_that_one():
    w = World({"group_wait": 0, "group_by": ["condition"]})
    w.add(("port.opened", "10.0.0.1", 80))
    equal("told", [t[1] for t in w.think()], ["event"])
    silence(w, "1 h", on_end="drop"), silence(w, "2 h", on_end="drop")
    a, = w.add(("port.closed", "10.0.0.1", 80))
    equal("the first is over", w.think(60) + w.think(3600), [])
    equal("both are", [t[1] for t in w.think(3600)], ["resolve"])
    equal("why", w.why(a), "silenced silenced turned")


def test_what_holds_is_not_said_again_during_a_silence():
    w = World({"repeat_interval": 3600, "group_wait": 0}, breaker={"hold": 0})
    w.add(("host.gone", "10.0.0.1"), ("host.gone", "10.0.1.1"))
    equal("gone", [t[1] for t in w.think()], ["group"])
    silence(w, "90 min", '{"networks": ["10.0.0.0/24"]}', "drop"), silence(w, "2 h", '{"networks": ["10.0.1.0/24"]}', "drop")
    equal("both are silenced", w.think(3600), [])
    equal("a repeat is to come", w.due, 3600.0)
    w.at += 3000
    silence(w, "1 h", '{"networks": ["10.0.0.0/24"]}', "drop")
    equal("one of them is", [t[2][:28] for t in w.think(601)], ["0 new, 0 changed, 1 gone sin"])
    equal("of which", [e["subject"]["host"] for e in w.data[0]["events"]], ["10.0.1.1"])
    equal("none is", [t[2][:28] for t in w.think(3600)], ["0 new, 0 changed, 2 gone sin"])


def test_what_a_long_silence_kept_is_told_however_long_ago():
    w = World({"group_wait": 0, "group_by": ["condition"]})
    w.db.sql(f"INSERT INTO alert.silence(fits, words, author, reason, from_at, until_at) VALUES (alert.matcher_of('{{}}'), 'all', 'eve', 'move', {w.now()}, 'infinity')")
    a, = w.add(("port.opened", "10.0.0.1", 80))
    w.think()
    w.db.sql("UPDATE alert.event SET at = now() - interval '100 days'; UPDATE alert.decision SET at = now() - interval '100 days'")
    equal("it is kept", (w.db.sql("SELECT alert.prune_rules('90 days', 1000)"), w.why(a)), ("0", "silenced"))
    w.at += 200 * 86400
    w.db.sql(f"UPDATE alert.silence SET until_at = {w.now()}")
    equal("told at its end", [t[2][:30] for t in w.think() + w.think()], ["port.opened host/10.0.0.1/tcp/", "1 new, 0 changed, 0 gone since"])
    w.db.sql("UPDATE alert.decision SET at = now() - interval '100 days' WHERE outcome = 'silenced'")
    equal("then it may go", w.db.sql("SELECT alert.prune_rules('90 days', 1000)"), "1")


def test_a_silence_that_is_taken_back_ends_too():
    w = World({"group_wait": 0, "group_by": ["condition"]})
    w.db.sql(f"INSERT INTO alert.silence(fits, words, author, reason, from_at, until_at) VALUES (alert.matcher_of('{{}}'), 'all', 'eve', 'move', "
             f"{w.now()}, {w.now()} + interval '1 h')")
    w.add(("port.opened", "10.0.0.1", 80))
    equal("quiet", w.think(60), [])
    w.db.sql(f"UPDATE alert.silence SET ended_at = {w.now()}")
    equal("told", [t[2][:30] for t in w.think(1) + w.think(1)], ["port.opened host/10.0.0.1/tcp/", "1 new, 0 changed, 0 gone since"])


def test_a_maintenance_window_opens_by_wall_clock_time():
    w = World({"group_wait": 0, "group_by": ["condition"]})
    w.db.sql("INSERT INTO alert.maintenance(fits, words, days, start, tz, duration, author, reason, made_at) VALUES (alert.matcher_of('{}'), '', '{7}', '23:30', "
             f"'Europe/Berlin', '2 h', 'eve', 'patches', '{START}')")
    for now, want in (("2026-03-08 22:29+00", ""), ("2026-03-08 22:30+00", "2026-03-09 00:30:00+00"), ("2026-03-09 00:29+00", "2026-03-09 00:30:00+00"), ("2026-03-09 00:30+00", ""),
                      ("2026-03-29 21:30+00", "2026-03-29 23:30:00+00")):      # summer time
        equal(now, w.db.sql(f"SET timezone = 'UTC'; SELECT alert.window_until(m, '{now}') FROM alert.maintenance m"), want)
    w.at = 6 * 86400 + 15 * 3600
    a, = w.add(("host.appeared", "10.0.0.1"))
    equal("told", w.think(), [])
    equal("why", w.why(a), "window")
    w.at += 2 * 3600
    equal("when it closes", [t[2][:30] for t in w.think() + w.think()], ["1 new, 0 changed, 0 gone since"])
    equal("once", w.think(86400), [])


# ---------------------------------------------------------------- flapping

def test_flapping_is_damped_and_said_and_ends():
    w = World({"group_wait": 0, "group_by": ["condition"], "group_interval": 0})
    told, seqs = [], []
    for i in range(20):
        seqs += w.add(("port.closed" if i % 2 else "port.opened", "10.0.0.1", 80))
        told += w.think(60)
    said = [t[2] for t in told]
    equal("messages", (len(said), said[5]), (6, "10.0.0.1/tcp/80 changes again and again: more than 5 times within 1h; quiet until it is stable for 30m"))
    equal("why", (w.why(seqs[4]), w.why(seqs[5]), w.why(seqs[19])), ("grouped", "flapping", "flapping"))
    equal("stable", w.think(1800), [("ops", "resolve", "port.closed host/10.0.0.1/tcp/80"),
                                    ("ops", "resolve", "10.0.0.1/tcp/80 is stable again after 15 more changes; last: port.closed host/10.0.0.1/tcp/80")])
    equal("why", (w.why(seqs[17]), w.why(seqs[19])), ("flapping", "flapping turned"))
    equal("nothing is left open", w.db.sql("SELECT count(*) FROM alert.incident WHERE state <> 'resolved'"), "0")
    w.add(("port.opened", "10.0.0.1", 80))
    equal("told again", [t[1] for t in w.think(3600)], ["event"])


def test_what_flapping_ends_with_is_told_where_it_is_not_what_was_told():
    w = World({"group_wait": 0, "group_by": ["condition"], "group_interval": 0})
    for closed in (0, 1, 0, 1, 0, 1, 0):
        a, = w.add(("port.closed" if closed else "port.opened", "10.0.0.1", 80))
        w.think(60)
    equal("as it was told", [t[1:] for t in w.think(1800)], [("resolve", "10.0.0.1/tcp/80 is stable again after 2 more changes; last: port.opened host/10.0.0.1/tcp/80")])
    equal("why", w.why(a), "flapping")
    w = World({"group_wait": 0, "group_by": ["condition"], "group_interval": 0})
    for closed in (1, 0, 1, 0, 1, 0, 0):
        a, = w.add(("port.closed" if closed else "port.opened", "10.0.0.1", 80))
        w.think(60)
    equal("open after all", [t[1] for t in w.think(1800)], ["event", "resolve"])
    equal("why", w.why(a), "flapping grouped")
    equal("it is open", w.db.sql("SELECT count(*) FROM alert.incident WHERE state <> 'resolved'"), "1")


def test_a_host_that_flaps_in_a_storm_is_back_when_it_is_stable():
    w, hosts = storm_world(breaker={"settle": 36000, "confirm": 36000})
    first = gone(w, hosts[:60])
    w.think(5), w.think(10)
    for _ in range(3):
        w.add(("host.returned", hosts[0]))
        w.think(60)
        w.add(("host.gone", hosts[0]))
        w.think(60)
    back(w, hosts[:60])
    equal("not yet", [t[1] for t in w.think(60)], [])
    equal("over", [t[2] for t in w.think(1800) + w.think(120) if t[1] == "resolve" and "hosts" in t[2]], ["62 of 62 hosts of lab that were gone are back"])
    equal("why", w.why(first[0]), "waiting held stilled")


# ---------------------------------------------------------------- first contact and storms

def inventory(w, hosts, networks=("10.0.0.0/24",), at="now()"):
    w.db.sql(f"""INSERT INTO inv.zone(name) VALUES ('lab') ON CONFLICT DO NOTHING;
      INSERT INTO inv.profile(zone_id, name, kind, every, confirm) SELECT zone_id, k, k, '5 min', '15 s' FROM inv.zone, unnest('{{presence,ports}}'::text[]) k WHERE name = 'lab'
        AND NOT EXISTS (SELECT FROM inv.profile);
      INSERT INTO inv.block(zone_id, lo, hi) SELECT 1, host(n::inet)::inet, host(broadcast(n::inet))::inet FROM unnest(ARRAY{list(networks)}) n;
      INSERT INTO inv.schedule(zone_id, block_id, profile_id, kind) SELECT 1, block_id, profile_id, kind FROM inv.block, inv.profile ON CONFLICT DO NOTHING;
      INSERT INTO inv.fact_now(since, zone_id, slot, attr_id, value, strength, addr)
        SELECT {at}, 1, s, a, md5(h || a::text)::uuid, 0, h::inet FROM unnest(ARRAY{hosts}) h, (VALUES (0, 0), (0, 1), (393296, 10)) v(s, a)""")


def test_first_contact_is_one_summary():
    w = World({"match": {"types": ["zone.baselined"]}, "group_wait": 0})
    inventory(w, [f"10.0.0.{i}" for i in range(1, 8)])
    equal("not complete", w.think(), [])
    w.db.sql("UPDATE inv.schedule SET last_at = now() WHERE kind = 'presence'")
    equal("half", w.think(10), [])
    w.db.sql("UPDATE inv.schedule SET last_at = now()")
    equal("told", w.think(10), [("ops", "baseline", "baseline of zone lab: 7 assets, 7 services")])
    equal("data", w.data[0]["baseline"], {"assets": 7, "hosts": 7, "services": 7})
    equal("once", w.think(100), [])
    inventory(w, ["10.0.1.9"], networks=["10.0.1.0/24"])
    equal("added, not complete", w.think(100), [])
    w.db.sql("UPDATE inv.schedule SET last_at = now()")
    equal("added", [t[2] for t in w.think(100)], ["baseline of what was added to zone lab: 1 assets, 1 services"])


def gone(w, hosts):
    w.db.sql(f"DELETE FROM inv.fact_now WHERE attr_id = 1 AND addr = ANY(ARRAY{hosts}::inet[])")
    return w.add(*[("host.gone", h) for h in hosts])


def back(w, hosts):
    w.db.sql("INSERT INTO inv.fact_now(since, zone_id, slot, attr_id, value, strength, addr) "
             f"SELECT now(), 1, 0, 1, md5(h)::uuid, 0, h::inet FROM unnest(ARRAY{hosts}) h")
    return w.add(*[("host.returned", h, {"severity": 1}) for h in hosts])


def storm_world(n=100, **settings):
    w = World({"match": {"severity": 2}}, **settings)
    hosts = [f"10.0.0.{i}" for i in range(1, n + 1)]
    inventory(w, hosts)
    w.db.sql("INSERT INTO alert.baseline VALUES (1, 1000)")
    return w, hosts


def looked(w):
    """A visit that saw what there is."""
    w.db.sql(f"INSERT INTO inv.coverage(at, from_at, zone_id, block_id, profile_id, fence, parts, complete, up, down, opened, altered, closed) SELECT {w.now()}, {w.now()}, 1, 1, profile_id, "
             "1, 1, true, 0, 0, 0, 0, 0 FROM inv.profile WHERE kind = 'presence'")


def test_few_that_are_gone_are_told_after_the_hold():
    w, hosts = storm_world()
    a, *_ = gone(w, hosts[:5])
    equal("held", w.think(20), [])
    equal("why", w.why(a), "waiting")
    w.think(30)
    equal("told", w.think(10), [("ops", "group", "0 new, 0 changed, 5 gone since 2026-03-02T08:00:00Z (window 1m)")])
    equal("why", w.why(a), "waiting grouped")


def test_many_that_are_gone_wait_for_the_rest_of_a_pass():
    """A large zone is looked at for longer than the hold: its first losses are not told one by one before the storm is seen.  They were missed first long before."""
    w, hosts = storm_world()
    first = gone(w, hosts[:21])
    w.db.sql("UPDATE alert.event SET observed_at = observed_at - interval '1 hour'")
    equal("held", w.think(20), [])
    gone(w, hosts[21:24])
    equal("more came: they wait on", w.think(11) + w.think(14), [])
    gone(w, hosts[24:27])
    equal("and on", w.think(6) + w.think(12), [])
    gone(w, hosts[27:80])
    equal("one storm", [t[1] for t in w.think(1) + w.think(10)], ["storm"])
    equal("all of it", w.why(first[0]), "waiting held")


def test_many_that_are_gone_wait_no_longer_than_three_holds():
    w, hosts = storm_world()
    first = gone(w, hosts[:21])
    told = []
    for i in range(5):
        told += w.think(20)
        gone(w, hosts[21 + i:22 + i])
    equal("told", [t[1] for t in told + w.think(10) + w.think(10)], ["group"])
    equal("the first", w.why(first[0]), "waiting grouped")


def test_who_is_back_within_the_hold_was_never_gone():
    w, hosts = storm_world()
    a, = gone(w, hosts[:1])
    w.think(20)
    b, = back(w, hosts[:1])
    equal("told", w.think() + w.think(100), [])
    equal("why", (w.why(a), w.why(b)), ("waiting", "returned"))


def test_a_large_part_that_vanishes_is_one_incident_and_its_return_ends_it():
    w, hosts = storm_world()
    first = gone(w, hosts[:10])
    equal("few", w.think(10), [])
    more = gone(w, hosts[10:60])
    w.think(5)
    equal("the storm", w.think(10), [("ops", "storm", "a large part of lab changed at once: host.gone on 60 of 100 hosts; the single ones are held, 5 of them are looked at again")])
    equal("canaries", (len(w.data[0]["storm"]["canaries"]), w.db.sql("SELECT cardinality(asked) FROM inv.schedule WHERE kind = 'presence'")), (5, "5"))
    last = gone(w, hosts[60:80])
    equal("quiet", w.think(200), [])
    equal("why", (w.why(first[0]), w.why(more[0]), w.why(last[0])), ("waiting held", "waiting held", "held"))
    b = back(w, hosts[:40])
    equal("quiet", w.think(10), [])
    back(w, hosts[40:80])
    equal("over", w.think(120) + w.think(120), [("ops", "resolve", "80 of 80 hosts of lab that were gone are back")])
    equal("logged", (w.why(first[0]), w.why(b[0])), ("waiting held stilled", "returned"))
    equal("incidents", w.incidents(), "resolved")
    equal("nothing is left", w.think(1000), [])


def test_who_stays_gone_when_the_others_return_is_told_of():
    w, hosts = storm_world()
    seqs = gone(w, hosts[:60])
    w.think(5), w.think(10)
    back(w, hosts[:57])
    w.think(100)
    equal("over", [t[1] for t in w.think(300) + w.think(10)], ["resolve", "group"])
    equal("released", (w.why(seqs[58]), w.why(seqs[0])), ("waiting held released grouped", "waiting held stilled"))


def test_a_loss_that_the_canaries_confirm_is_told_as_a_whole():
    w, hosts = storm_world()
    seqs = gone(w, hosts[:60])
    w.think(5), w.think(10)
    w.at += 60
    looked(w)
    equal("not yet", w.think(600), [])
    equal("confirmed", w.think(300), [("ops", "storm", "60 of 100 hosts of lab stay gone: 5 that were looked at again do not answer")])
    equal("logged", w.why(seqs[0]), "waiting held confirmed")
    equal("later ones are news of their own", gone(w, hosts[70:71]) and w.think(1000) + w.think(30) + w.think(10), [("ops", "event", "host.gone host/10.0.0.71")])
    back(w, hosts[:60])
    equal("over", [t[1] for t in w.think(10) + w.think(120)], ["resolve"])


def test_a_network_of_a_large_zone_that_vanishes_is_a_storm_too():
    w = World({"match": {"severity": 2}})
    hosts = [f"10.0.{i}.{k}" for i in range(8) for k in range(1, 101)]
    inventory(w, hosts, networks=[f"10.0.{i}.0/24" for i in range(8)])
    w.db.sql("INSERT INTO alert.baseline VALUES (1, 1000)")
    gone(w, hosts[:100])
    w.think(5)
    equal("told", [t[1] for t in w.think(10)], ["storm"])


def test_a_storm_leaves_alone_who_was_gone_and_is_back():
    """What is in a group that is not told yet is taken in, but not what has turned back there."""
    w, hosts = storm_world()
    w.rules({"match": {"types": ["host.*"]}, "digest": {"every": 36000}, "bypass": 3})
    first = gone(w, hosts[:3])
    w.think(0), w.think(40)
    back(w, hosts[:3])
    equal("in a digest", (w.think(5), w.why(first[0])), ([], "waiting grouped"))
    more = gone(w, hosts[10:70])
    w.think(5)
    equal("a storm", w.why(more[0]), "waiting held")
    back(w, hosts[10:70])
    w.think(60)
    equal("over at once", w.db.sql("SELECT state FROM alert.storm"), "over")
    equal("why", (w.why(first[0]), w.why(more[0])), ("waiting grouped", "waiting held stilled"))


def test_a_host_that_goes_again_is_one_host_of_a_storm():
    w, hosts = storm_world()
    for _ in range(2):
        gone(w, hosts[:25])
        w.think(5)
        back(w, hosts[:25])
        w.think(60)
    equal("a quarter of the hosts is no storm", w.db.sql("SELECT count(*) FROM alert.storm"), "0")
    gone(w, hosts[20:32])
    w.think(5)
    equal("those of the window are", w.db.sql("SELECT count(*) FROM alert.storm"), "1")
    equal("told", [t[2] for t in w.think(10)],
          ["a large part of lab changed at once: host.gone on 32 of 100 hosts; the single ones are held, 5 of them are looked at again"])


def test_a_silence_of_a_network_covers_its_storm():
    w, hosts = storm_world()
    silence(w, "1 h", '{"networks": ["10.0.0.0/24"]}')
    seqs = gone(w, hosts[:60])
    equal("quiet", w.think(5) + w.think(60), [])
    equal("why", (w.why(seqs[0]), w.db.sql("SELECT count(*) FROM alert.storm")), ("silenced", "0"))
    back(w, hosts[:20])
    equal("quiet", w.think(60), [])
    equal("at its end", sorted(t[2] for t in w.think(3600) + w.think(10)),
          ["0 new, 0 changed, 40 gone since 2026-03-02T08:00:00Z (window 3735s)",
           "20 new, 0 changed, 60 gone since 2026-03-02T08:00:05Z (window 62m); kept quiet by silence 1 of eve (move), which is over; 40 still hold"])


def test_any_sort_of_change_can_be_a_storm():
    w, hosts = storm_world()
    a = w.add(*[("certificate.changed", h, "ssl-cert") for h in hosts[:5]])
    w.think(5)
    w.add(*[("certificate.changed", h, "ssl-cert") for h in hosts[5:60]])
    w.think(2)
    equal("told", [t[1] for t in w.think(10)], ["storm"])
    equal("those that were in a group too", w.why(a[0]), "held")
    equal("nothing is left of the group", w.db.sql("SELECT concat_ws(' ', state, why) FROM alert.incident ORDER BY incident_id LIMIT 1"), "resolved all of it is told as a storm")
    equal("over", [t[1] for t in w.think(300) + w.think(120)], ["resolve"])
    equal("logged", w.why(a[0]), "held stilled")


# ---------------------------------------------------------------- what cannot be seen

def visited(w, complete, block=1):
    """A visit of the hosts that came to its end, or did not."""
    w.db.sql("INSERT INTO inv.coverage(at, from_at, zone_id, block_id, profile_id, fence, parts, complete, up, down, opened, altered, closed) "
             f"SELECT {w.now()}, {w.now()}, 1, {block}, profile_id, 1, 1, {complete}, 0, 0, 0, 0, 0 FROM inv.profile WHERE kind = 'presence'; "
             f"UPDATE inv.schedule SET tries = CASE WHEN {complete} THEN 0 ELSE tries + 1 END WHERE kind = 'presence' AND block_id = {block}")


def test_a_zone_that_cannot_be_seen_is_one_incident_and_nobody_is_gone():
    w, _ = storm_world()
    visited(w, "true")
    equal("well", w.think(60), [])
    visited(w, "false")
    equal("once is weather", w.think(60), [])
    visited(w, "false")
    equal("suspected", w.think(11), [])
    equal("told after the hold", w.think(31) + w.think(10),
          [("ops", "event", "lost sight of zone lab since 2026-03-02T08:00:00Z: 100 of 100 hosts cannot be asked; none of them is judged to be gone")])
    equal("state", (w.data[0]["state"], w.data[0]["severity"], w.data[0]["blind"]["of"], w.incidents()), ("firing", "high", 100, "open"))
    visited(w, "false")
    equal("once", w.think(600), [])
    visited(w, "true")
    equal("back", [t[1:] for t in w.think(11) + w.think(120)], [("resolve", "zone lab is seen again after 783s: 100 hosts could not be asked, 0 still cannot")])
    equal("incidents", (w.incidents(), w.db.sql("SELECT count(*) FROM alert.decision d JOIN alert.event e USING (seq) WHERE e.type LIKE 'host.%'")), ("resolved", "0"))


def test_hosts_about_which_a_visit_proves_nothing_are_not_seen():
    w, hosts = storm_world()
    visited(w, "true")
    w.db.sql("INSERT INTO inv.doubt(zone_id, addr, slot, attr_id, profile_id, misses, first_at, last_at, seen_at) "
             f"SELECT 1, h::inet, 0, 1, profile_id, 0, {w.now()}, {w.now()}, {w.now()} FROM unnest(ARRAY{hosts[:40]}) h, inv.profile WHERE kind = 'presence'")
    w.think(11)
    equal("asked once more", w.db.sql("SELECT bool_and(wanted_at <= now() AND due_at <= now()) FROM inv.schedule WHERE kind = 'presence'"), "t")
    equal("told", [t[2][:95] for t in w.think(31) + w.think(10)], ["lost sight of zone lab since 2026-03-02T08:00:00Z: 40 of 100 hosts cannot be asked; none of the"])
    w.db.sql(f"DELETE FROM inv.doubt WHERE addr = ANY(ARRAY{hosts[:30]}::inet[])")
    equal("few are left", [t[1] for t in w.think(11) + w.think(120)], ["resolve"])


def test_a_network_that_is_given_up_blinds_nobody():
    w, hosts = storm_world()
    inventory(w, ["10.0.1.1"], networks=["10.0.1.0/24"])
    visited(w, "true")
    w.db.sql("INSERT INTO inv.doubt(zone_id, addr, slot, attr_id, profile_id, misses, first_at, last_at, seen_at) "
             f"SELECT 1, h::inet, 0, 1, profile_id, 0, {w.now()}, {w.now()}, {w.now()} FROM unnest(ARRAY{hosts}) h, inv.profile WHERE kind = 'presence'")
    w.think(11)
    equal("blind", [t[1] for t in w.think(31) + w.think(10)], ["event"])
    w.db.sql("UPDATE inv.block SET retired_at = now() WHERE block_id = 1; UPDATE inv.schedule SET retired_at = now() WHERE block_id = 1")
    equal("it ends", ([t[1] for t in w.think(11) + w.think(120)], w.incidents()), (["resolve"], "resolved"))


def test_a_link_that_is_back_within_the_hold_is_not_told():
    w, _ = storm_world()
    visited(w, "true"), visited(w, "false"), visited(w, "false")
    w.at += 1
    visited(w, "false")
    equal("suspected", w.think(11), [])
    visited(w, "true")
    equal("nothing", w.think(11) + w.think(100), [])


# ---------------------------------------------------------------- exactly once

def test_rules_that_do_not_come_twice_are_no_change():
    w = World()
    p = json.dumps(dict(RULES, routes=[ROUTE]))
    equal("same", w.db.sql(f"SELECT alert.sync_rules('a', '{p}'), alert.sync_rules('b', '{p}')"), "f|f")


def test_odd_events_stop_nothing():
    w = World({"group_wait": 0, "group_by": ["zone", "asset", "host", "type", "kind", "severity", "script", "port", "owner", "condition"]})
    w.db.sql("INSERT INTO alert.event(id, observed_at, type, severity, zone, subject, dedup, body) VALUES "
             "('a', now(), '', 0, '', '', '', '{}'), ('b', now(), 'x', 4, 'nozone', 's', 'd', '[]'), ('c', now(), 'host.gone', 2, 'lab', 's', 'd2', '{\"subject\": {\"host\": \"::zz\", \"port\": \"x\"}}'), "
             "('d', now(), 'x', 1, 'lab', 's', 'd3', 'null')")
    w.think()
    w.think(100)
    equal("told", w.db.sql("SELECT count(*) FROM alert.notice"), "4")


class Session:
    """One psql over one database, emptied for each test: starting either for every statement would take most of the time."""

    def __init__(self, cluster):
        self.db = cluster.database(migrated=True)
        self.name = self.db.name
        self.psql = subprocess.Popen([f"{cluster.bin}/psql", "-XqAt", "-v", "ON_ERROR_STOP=0", "-h", str(cluster.socket), "-U", cluster.login, "-d", self.name, "-f", "-"],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)

    def sql(self, text):
        self.psql.stdin.write(text + ";\n\\echo :ERROR -- end\n")
        self.psql.stdin.flush()
        lines = []
        for line in self.psql.stdout:
            if line.endswith("-- end\n"):
                break
            lines.append(line.rstrip("\n"))
        if line.startswith("true") or any("ERROR: " in line for line in lines):
            raise AssertionError(text[:500] + "\n" + "\n".join(lines)[:1500])
        return "\n".join(lines)

    def empty(self):
        self.sql("SET client_min_messages = error; SELECT 'TRUNCATE ' || string_agg(format('%I.%I', schemaname, tablename), ', ') || ' RESTART IDENTITY CASCADE' FROM pg_tables "
                 "WHERE schemaname = 'alert' AND tablename NOT IN ('cluster', 'type', 'rule_cursor') OR schemaname = 'inv' AND tablename IN ('zone', 'profile', 'block', 'schedule', 'coverage', "
                 "'fact_now', 'doubt', 'asset', 'annotation', 'asset_tag') \\gexec\n"
                 "UPDATE alert.rule_cursor SET xid = '3', seq = 0, look_at = '-infinity', age_at = '-infinity'")
        return self

    def equal(self, what, query, want):
        equal(what, self.sql(query), want)

    def close(self):
        self.psql.stdin.close()
        self.psql.wait()


with pgtest.Cluster() as cluster:
    session = Session(cluster)
    try:
        pgtest.run(globals())
    finally:
        session.close()
