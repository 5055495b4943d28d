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
    for question in ("asset_at(now() - interval '300 days', 'short')", "script_result_at(now() - interval '300 days', 'keep')", "facts_at('short', now() - interval '300 days')"):
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
    db.equal("all of it", "SELECT api.forget_zone('short', true)", "t")
    db.equal("no zone", "SELECT count(*) FROM inv.zone WHERE name = 'short'", 0)
    db.check_invariants()


if __name__ == "__main__":
    with pgtest.Cluster() as pg:
        db = pg.database(migrated=True)
        db.sql(helpers.ZONES + helpers.HELPERS.replace("CREATE SCHEMA t;", ""))
        pgtest.run(globals())
