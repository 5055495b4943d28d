#!/usr/bin/env python3
"""How long the past is kept: whole months, zones and classes that keep less, hosts that are gone for long, zones that are given up."""
import json
import pathlib
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pgtest
import test_store_diff as helpers

DAY = 86400


def life(zone, net, days=400):
    """A port of .1 that changes its state each 30 days, a script result that changes with it; .2 goes soon and stays away."""
    db.sql(f"SELECT t.zone('{zone}', '{net}')")
    array = "'{{{}}}'".format
    text = []
    when = f"now() - interval '{days} days'"

    def visit(kind, hosts, facts="", scripts=""):
        nonlocal when
        when += " + interval '1 hour'"
        text.append(f"SELECT t.visit('{zone}', '{kind}', {when}, {array(hosts)}, {array(facts)}, '{{}}', {array(scripts)});"
                    f"UPDATE inv.change SET noted_at = at WHERE at < noted_at;")
    here = f'"{net}.1 u 00:11:22:33:44:55"'
    visit("presence", f'{here},"{net}.2 u"')
    visit("ports", f'{here},"{net}.2 u"', f'"{net}.1 80 port -","{net}.2 22 port -"')
    for _ in range(3):
        visit("presence", f'{here},"{net}.2 d"')
    for i in range(days // 30):
        when += " + interval '29 days'"
        visit("scripts", here, f'"{net}.1 80 title r{i}"', "title")
        visit("ports", here, f'"{net}.1 80 port -"' + (f',"{net}.1 22 port -"' if i % 2 else ""))
        visit("ports", here, f'"{net}.1 80 port -"' + (f',"{net}.1 22 port -"' if i % 2 else ""))
    db.sql("SELECT ops.make_partitions((now() - interval '430 days')::date, 20);" + "\n".join(text) + "SELECT alert.write_events(1000000000); UPDATE alert.event SET at = observed_at")


def retain(**p):
    bite = p.pop("bite", 20000)
    return json.loads(db.sql(f"SELECT api.retain('{json.dumps(p)}', {bite})"))


def oldest(zone, scripts=False):
    return float(db.sql(f"SELECT round(COALESCE(EXTRACT(epoch FROM now() - min(at)) / 86400, -1), 2) FROM inv.change JOIN inv.zone z USING (zone_id) JOIN inv.attr a USING (attr_id) "
                        f"WHERE z.name = '{zone}' AND (a.kind = 'script') = {scripts}"))


def state():
    return db.sql("SELECT string_agg(f::text, ' ' ORDER BY f::text) FROM inv.fact_now f")


def test_nothing_goes_by_default():
    life("keep", "10.1.0")
    life("short", "10.2.0")
    db.check_invariants()
    before = state(), oldest("keep"), oldest("short")
    got = retain()
    assert (got["dropped"], got["deleted"], got["expired"], got["more"]) == ([], 0, 0, False), got
    assert (state(), oldest("keep"), oldest("short")) == before


def events(zone, days=100):
    return int(db.sql(f"SELECT count(*) FROM alert.event WHERE zone = '{zone}' AND at < now() - interval '{days} days'"))


def test_old_events_go_with_the_last_word_about_them():
    had = events("keep"), events("keep", 0)
    assert had[0] > 10 and had[1] > had[0], had
    db.equal("they are not decided", "SELECT alert.prune_rules('100 days', 1000)", 0)
    db.sql("SELECT alert.think(100000)")
    db.sql("INSERT INTO alert.decision (at, seq, outcome, dedup, firing) SELECT now(), seq, 'unmatched', dedup, true FROM alert.event WHERE zone = 'keep' ORDER BY at LIMIT 1")
    db.sql("INSERT INTO alert.flap SELECT dedup, now(), now(), 1, seq FROM alert.event WHERE zone = 'keep' ORDER BY at OFFSET 1 LIMIT 1")
    db.equal("in bites", "SELECT alert.prune_rules('100 days', 5)", 5)
    db.check_invariants()
    while int(db.sql("SELECT alert.prune_rules('100 days', 50)")):
        pass
    assert (events("keep"), events("keep", 0), events("short")) == (2, had[1] - had[0] + 2, 0), (had, events("keep"), events("keep", 0))
    db.check_invariants()
    db.sql("TRUNCATE alert.decision, alert.flap")
    db.equal("now these", "SELECT alert.prune_rules('100 days', 50)", 2)
    db.sql("DELETE FROM alert.event WHERE at > now() - interval '80 days' AND zone = 'keep'")
    assert "news without exactly one event" in db.sql("SELECT string_agg(what, ',') FROM ops.invariants() WHERE n > 0"), "what is missing of the rest is a fault"
    db.sql("UPDATE alert.horizon SET since = now()")


def test_a_zone_and_a_class_may_keep_less():
    before = state()
    got = retain(history=0, zones={"short": {"history": 100 * DAY}}, bite=5)
    assert got["more"] and got["deleted"] == 5, got
    while retain(history=0, zones={"short": {"history": 100 * DAY}}, bite=50)["more"]:
        pass
    assert oldest("keep") > 390 and 60 < oldest("short") <= 100, (oldest("keep"), oldest("short"))
    retain(history=0, scripts=200 * DAY)
    assert oldest("keep") > 390 and 150 < oldest("keep", True) <= 200, (oldest("keep"), oldest("keep", True))
    assert state() == before, "the state ages by itself"
    db.check_invariants()
    db.sql("SELECT * FROM report.asset_at(now() - interval '300 days', 'keep')")
    for question in ("asset_at(now() - interval '300 days', 'short')", "script_result_at(now() - interval '300 days', 'keep')", "diff(now() - interval '300 days', now(), 'keep')", "facts_at('short', now() - interval '300 days')"):
        err = db.fails(f"SELECT * FROM report.{question}")
        assert "is kept since" in err, (question, err)


def test_whole_months_are_dropped():
    before = state()
    got = retain(history=250 * DAY, coverage=60 * DAY)
    assert any(t.startswith("change_") for t in got["dropped"]) and any(t.startswith("coverage_") for t in got["dropped"]), got
    assert 250 < oldest("keep") + 31 and oldest("keep") < 250 + 31, oldest("keep")
    assert state() == before
    db.check_invariants()
    db.equal("the months to come are there", "SELECT to_regclass('inv.change' || to_char(now() + interval '3 months', '_YYYY_MM')) IS NOT NULL", "t")


def test_hosts_that_are_gone_for_long_expire_and_what_is_said_stays():
    asset = db.sql("SELECT asset_id FROM report.host WHERE zone = 'keep' AND address = '10.1.0.2'")
    db.sql(f"SELECT api.annotate('{asset}', 'ann', '{{\"owner\": \"netops\"}}')")
    assert retain(absent=500 * DAY)["expired"] == 0
    assert retain(absent=300 * DAY, bite=40) == {"dropped": [], "deleted": 0, "expired": 1, "values": 0, "more": True}
    assert retain(absent=300 * DAY)["expired"] == 1
    db.equal("they are no state", "SELECT count(*) FROM inv.fact_now WHERE addr IN ('10.1.0.2', '10.2.0.2')", 0)
    db.equal("that is told, but no news", "SELECT string_agg(DISTINCT what || ' ' || news, ', ') FROM report.change WHERE address = '10.1.0.2' AND at > now() - interval '1 minute'", "expired false")
    db.equal("what people said", f"SELECT owner FROM report.annotation WHERE asset_id = '{asset}'", "netops")
    db.check_invariants()


def test_a_host_that_comes_back_while_it_expires_is_there_again():
    life("back", "10.3.0")
    expire, visit = "SELECT ops.expire_absent(now() - interval '300 days', 100)", "SELECT t.visit('back', 'presence', now(), '{\"10.3.0.2 u\"}')"
    one = db.connect()
    one.sql(f"BEGIN; {visit}")
    db.equal("a block that is being written is left for later", expire, 0)
    one.sql("ROLLBACK")
    assert one.sql(f"BEGIN; {expire}") == "1"
    back = threading.Thread(target=db.sql, args=(visit,))
    back.start()
    db.waits("the visit", "%t.visit%")
    one.sql("COMMIT")
    back.join()
    one.close()
    db.check_invariants()
    db.equal("it is there", "SELECT state FROM report.host WHERE zone = 'back' AND address = '10.3.0.2'", "present")


def test_changes_of_policies_are_kept_as_long_as_history():
    db.sql("""INSERT INTO inv.policy_change (at, policy, key, what, news, new) SELECT now() - make_interval(days => d), 'p', '{}', 'violated', true, jsonb_build_object('zone', z)
              FROM unnest('{50,150,300}'::int[]) d, unnest('{keep,short,-}'::text[]) z""")
    kept = "SELECT string_agg((new ->> 'zone') || ' ' || n, ', ' ORDER BY new ->> 'zone') FROM (SELECT new, count(*) AS n FROM inv.policy_change GROUP BY 1) q"
    for p, want in (({"history": 0}, "- 3, keep 3, short 3"), ({"history": 0, "zones": {"short": {"history": 100 * DAY}}}, "- 3, keep 3, short 1"),
                    ({"history": 390 * DAY}, "- 3, keep 3, short 1"), ({"history": 200 * DAY, "zones": {"keep": {"history": 0}, "short": {"history": 390 * DAY}}}, "- 2, keep 3, short 1")):
        retain(**p)
        db.equal(str(p), kept, want)


def test_a_zone_that_is_given_up_can_be_forgotten():
    err = db.fails("SELECT api.forget_zone('short', false)")
    assert "zone short is in the configuration; take it out first" in err, err
    assert "there is no zone 'nowhere'" in db.fails("SELECT api.forget_zone('nowhere', false)")
    db.sql("UPDATE inv.zone SET retired_at = now() WHERE name = 'short'")
    db.equal("in bites", "SELECT api.forget_zone('short', false, 3)", "f")
    while db.sql("SELECT api.forget_zone('short', false, 500)") == "f":
        pass
    db.equal("no history", "SELECT count(*) FROM inv.change JOIN inv.zone z USING (zone_id) WHERE z.name = 'short'", 0)
    db.equal("the state is there", "SELECT count(*) > 0 FROM report.host WHERE zone = 'short'", "t")
    db.check_invariants()
    told = """SELECT (SELECT count(*) FROM alert.event WHERE zone = 'short' AND subject = 'host/x'), (SELECT count(*) FROM alert.decision), (SELECT count(*) FROM alert.notice), (SELECT count(*) FROM alert.open),
              (SELECT count(*) FROM alert.attempt), (SELECT count(*) FROM alert.incident), (SELECT count(*) FROM inv.policy_change WHERE new ->> 'zone' = 'short')"""
    # one incident of the zone alone, told and tried; one of both zones
    db.sql("""SELECT alert.know_endpoints('{ops}');
      INSERT INTO alert.event(id, observed_at, type, severity, zone, subject, dedup, body) SELECT inv.event_id(), now(), 'host.gone', 2, z, 'host/x', n::text, '{}' FROM unnest('{keep,short,short}'::text[]) WITH ORDINALITY t(z, n);
      INSERT INTO alert.route (ordinal, name, fits, goes_on, group_by, group_wait, group_interval, max_events) SELECT 1, 'r', alert.matcher_of('{}'), false, '{}', '0', '0', 100;
      INSERT INTO alert.incident (id, route_id, key, zone, severity, opened_at, updated_at) SELECT 'inc_' || n, 1, to_jsonb(n), 'short', 2, now(), now() FROM generate_series(1, 2) n;
      INSERT INTO alert.decision (at, seq, outcome, incident_id, dedup, firing) SELECT now(), seq, 'grouped', CASE dedup WHEN '3' THEN 2 ELSE 1 END, dedup, true FROM alert.event WHERE subject = 'host/x';
      INSERT INTO alert.notice (id, endpoint_id, kind, type, severity, observed_at, dedup, incident_id, data) SELECT id, 1, 'group', 'group', 2, now(), '', incident_id, '{}' FROM alert.incident;
      INSERT INTO alert.open (endpoint_id, seq, state, dedup) SELECT 1, seq, 'dead', '' FROM alert.notice; INSERT INTO alert.attempt (endpoint_id, seq, n, outcome) SELECT 1, seq, 1, 'ok' FROM alert.notice""")
    db.equal("before", told, "2|3|2|2|2|2|1")
    kept = events("keep", 0)
    db.equal("in bites", "SELECT api.forget_zone('short', true, 1)", "f")
    db.equal("all of it", "SELECT api.forget_zone('short', true)", "t")
    db.equal("what was told of it", told, "0|1|1|1|1|1|0")
    assert (events("keep", 0), events("short", 0)) == (kept, 0)
    db.equal("no zone", "SELECT count(*) FROM inv.zone WHERE name = 'short'", 0)
    db.check_invariants()


if __name__ == "__main__":
    with pgtest.Cluster() as pg:
        db = pg.database(migrated=True)
        db.sql(helpers.ZONES + helpers.HELPERS.replace("CREATE SCHEMA t;", ""))
        pgtest.run(globals())
