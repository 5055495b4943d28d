#!/usr/bin/env python3
"""What people say about assets: edits, approvals, and that a merge and its undoing lose nothing."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pgtest


def asset(zone="lan"):
    db.sql(f"INSERT INTO inv.zone(name) SELECT '{zone}' WHERE NOT EXISTS (SELECT FROM inv.zone WHERE name = '{zone}')")
    return db.sql(f"INSERT INTO inv.asset(zone_id) SELECT zone_id FROM inv.zone WHERE name = '{zone}' RETURNING asset_id")


def annotate(a, **what):
    return db.sql(f"SELECT api.annotate('{a}', 'ann', '{json.dumps(what)}')")


def said(a):
    return json.loads(db.sql(f"SELECT inv.annotations_of('{a}')"))


def test_what_is_said_is_kept_and_logged():
    a = asset()
    assert annotate(a, owner="netops", criticality="high", note="rack 4", presence="always", label="core1") == "t"
    assert annotate(a, note="") == "t"
    db.sql(f"SELECT api.tag('{a}', 'ann', '{{core,site:a}}', '{{}}'); SELECT api.tag('{a}', 'bob', '{{lab}}', '{{core,nothing}}')")
    got = db.sql(f"SELECT concat_ws(' ', label, owner, criticality, expected_presence, tags, note, changed_by) FROM report.annotation WHERE asset_id = '{a}'")
    assert got == "core1 netops high always {lab,site:a} ann", got
    log = db.sql(f"SELECT string_agg(by_whom || ' ' || field || ' ' || COALESCE(old, '-') || ' ' || COALESCE(new, '-'), ', ' ORDER BY at, new) "
                 f"FROM report.annotation_log WHERE asset_id = '{a}' AND field IN ('note', 'tag')")
    assert log == "ann note - rack 4, ann note rack 4 -, ann tag - core, ann tag - site:a, bob tag core -, bob tag - lab", log


def test_wrong_words_are_refused():
    a = asset()
    for call, words in ((f"api.annotate('{a}', 'x', '{{\"criticality\": \"huge\"}}')", "expected low, medium, high or critical"),
                        (f"api.annotate('{a}', 'x', '{{\"presence\": \"often\"}}')", "expected always, sometimes or never"),
                        (f"api.annotate('{a}', 'x', '{{\"colour\": \"red\"}}')", "an asset has no colour"),
                        (f"api.tag('{a}', 'x', '{{Core One}}', '{{}}')", "tag 'Core One': expected lower-case letters"),
                        (f"api.approve('{a}', 'x', 'tcp', 22, NULL, NULL, '2020-01-01')", "which has passed")):
        got = db.fails(f"SELECT {call}")
        assert words in got, got
    db.equal("nothing was said", f"SELECT count(*) FROM report.annotation WHERE asset_id = '{a}'", 0)
    db.equal("nobody there", "SELECT api.annotate(gen_random_uuid(), 'x', '{}')", "f")


def approvals(a):
    return db.sql(f"SELECT string_agg(COALESCE(port || '/' || protocol, policy) || ' ' || state || ' ' || author, ', ' ORDER BY port, made_at) "
                  f"FROM report.approval WHERE asset_id = '{a}'")


def test_approvals_expire_and_are_replaced():
    a = asset()
    db.sql(f"SELECT api.approve('{a}', 'ann', 'tcp', 22, NULL, 'admin', now() + interval '1 day')")
    db.sql(f"SELECT api.approve('{a}', 'bob', 'tcp', 22, NULL, 'admin', NULL)")
    db.sql(f"SELECT api.approve('{a}', 'bob', 'udp', 161, NULL, NULL, now() + interval '1 hour')")
    db.sql(f"SELECT api.approve('{a}', 'eve', NULL, NULL, 'telnet', NULL, NULL)")
    db.sql("UPDATE inv.approval SET expires_at = now() - interval '1 second' WHERE slot = (17 << 16) | 161")
    assert approvals(a) == "22/tcp ended ann, 22/tcp approved bob, 161/udp expired bob, telnet approved eve", approvals(a)
    db.equal("taken back", f"SELECT api.unapprove('{a}', 'ann', 'tcp', 22, NULL)", "t")
    db.equal("only once", f"SELECT api.unapprove('{a}', 'ann', 'tcp', 22, NULL)", "f")


def test_a_merge_loses_nothing_and_can_be_undone():
    a, b = asset(), asset()
    annotate(a, owner="netops", criticality="low", note="first", presence="never", label="old-name")
    annotate(b, criticality="high", note="second", presence="always")
    db.sql(f"SELECT api.tag('{a}', 'x', '{{one,two}}', '{{}}'); SELECT api.tag('{b}', 'x', '{{two,three}}', '{{}}')")
    db.sql(f"SELECT api.approve('{a}', 'ann', 'tcp', 22, NULL, NULL, NULL); SELECT api.approve('{b}', 'bob', 'tcp', 22, NULL, NULL, NULL);"
           f"SELECT api.approve('{a}', 'ann', 'tcp', 80, NULL, NULL, NULL)")
    before = said(a)
    db.sql(f"SELECT inv.annotations_moved('{a}', '{b}')")
    got = said(b)
    assert (got["label"], got["owner"], got["criticality"], got["presence"], got["note"]) == ("old-name", "netops", "high", "never", "second\nfirst"), got
    assert got["tags"] == ["one", "three", "two"], got
    assert approvals(b) == "22/tcp ended ann, 22/tcp approved bob, 80/tcp approved ann", approvals(b)
    assert said(a)["tags"] == [], said(a)
    db.sql(f"SELECT inv.annotations_moved_back('{a}', '{b}')")
    assert said(a) == before, (said(a), before)
    assert approvals(a) == "22/tcp approved ann, 80/tcp approved ann", approvals(a)
    assert approvals(b) == "22/tcp approved bob", approvals(b)
    assert said(b)["tags"] == ["one", "three", "two"], said(b)


if __name__ == "__main__":
    with pgtest.Cluster() as pg:
        db = pg.database(migrated=True)
        pgtest.run(globals())
