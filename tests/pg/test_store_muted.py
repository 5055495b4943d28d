#!/usr/bin/env python3
"""Keys of script results that change in nearly every pass are muted, once, without an event for each result; what scripts declare themselves
reaches the inventory."""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pgtest
from test_store_client import PASSES, claimed, due, expect, open_store


def visit(db, d, results):
    """One scripts visit; results: the structured output of the script on each of three hosts."""
    due(db, "scripts")
    lease = claimed(d, "scripts")[0][1]
    hosts = " ".join(f"10.0.0.{i},up,d=80:probe:{text}" for i, text in enumerate(results, 1))
    got = d.do(f"part {lease} script script=probe {hosts}")
    expect(d.do(f"finish {lease} complete"), "finished ok")
    return got


def known(db):
    d = open_store(db)
    d.do(f"config lab 10.0.0.0/24 - 3 {PASSES}")
    for kind, method in (("presence", "icmp"), ("ports", "syn")):
        lease = claimed(d, kind)[0][1]
        d.do(f"part {lease} {method} " + " ".join(f"10.0.0.{i},up" + (",p=80" if kind == "ports" else "") for i in (1, 2, 3)))
        d.do(f"finish {lease} complete")
    return d


def test_key_that_changes_in_every_pass_is_muted_once():
    db = pg.database(migrated=True)
    d = known(db)
    for n in range(20):
        visit(db, d, [f'{{"load":{n * 10 + i};"name":"box{i}";"deep":{{"up":{n}}}}}' for i in (1, 2, 3)])
        if db.sql("SELECT count(*) FROM inv.muted") != "0":
            break
    assert 5 <= n <= 8, n
    db.equal("what", "SELECT string_agg(script || ' ' || key, ', ' ORDER BY key) FROM report.muted_key", "probe load, probe up")
    db.equal("volatile", "SELECT volatile FROM inv.attr WHERE name = 'probe'", "{load,up}")
    db.write_events()
    events = db.sql("SELECT count(*) FROM report.event WHERE type = 'script.changed'")
    # also before the sensor knows, and when it learns: no news
    visit(db, d, [f'{{"load":{999 + i};"name":"box{i}";"deep":{{"up":9}}}}' for i in (1, 2, 3)])
    d.close()
    d = open_store(db)
    visit(db, d, [f'{{"load":{1999 + i};"name":"box{i}";"deep":{{"up":9}}}}' for i in (1, 2, 3)])
    expect(visit(db, d, [f'{{"load":{2999 + i};"name":"box{i}";"deep":{{"up":9}}}}' for i in (1, 2, 3)]), "applied 0 0 0 0")
    db.write_events()
    db.equal("no event for muted keys", "SELECT count(*) FROM report.event WHERE type = 'script.changed'", events)
    # what else changes is news as before
    expect(visit(db, d, [f'{{"load":{3999 + i};"name":"{"other" if i == 2 else f"box{i}"}";"deep":{{"up":9}}}}' for i in (1, 2, 3)]), "applied 0 1 0 1")
    db.check_invariants()
    d.close()


def test_key_that_changes_now_and_then_or_on_one_host_is_not_muted():
    db = pg.database(migrated=True)
    d = known(db)
    for n in range(16):
        visit(db, d, [f'{{"flaps":{n if i == 1 else 0};"rests":{n // 2}}}' for i in (1, 2, 3)])
    db.equal("none", "SELECT count(*) FROM inv.muted", 0)
    d.close()


def declared_keys():
    """What the scripts that come with Muster declare as volatile."""
    for script in sorted((pathlib.Path(__file__).parents[2] / "scripts").glob("*.nse")):
        found = re.search(r"^volatile = \{(.*?)\}", script.read_text(), re.M | re.S)
        keys = re.findall(r'"([^"]+)"', found.group(1)) if found else []
        if keys:
            yield script.stem, ",".join(sorted(keys))


def test_what_our_scripts_declare_is_there_for_those_of_the_same_names():
    db = pg.database(migrated=True)
    there = dict(line.split("\t") for line in db.sql(
        "SELECT name || E'\\t' || array_to_string(ARRAY(SELECT k FROM unnest(volatile) k ORDER BY k COLLATE \"C\"), ',') FROM inv.attr"
        " WHERE kind = 'script'").splitlines())
    missing = [f"{name}: {keys}, not {there.get(name)}" for name, keys in declared_keys() if there.get(name) != keys]
    assert not missing, missing


def test_scripts_declare_their_keys():
    db = pg.database(migrated=True)
    db.equal("new", "SELECT api.declare_volatile('mine', '{date,nonce}')", "t")
    db.equal("again", "SELECT api.declare_volatile('mine', '{nonce,date}')", "f")
    db.sql("INSERT INTO inv.muted SELECT attr_id, 'load', now(), 5, 0 FROM inv.attr WHERE name = 'mine'")
    db.equal("what was learned stays", "SELECT api.declare_volatile('mine', '{date}') || ' ' || volatile::text FROM inv.attr WHERE name = 'mine'", "true {date,nonce}")
    db.equal("kept", "SELECT volatile FROM inv.attr WHERE name = 'mine'", "{date,load}")


if __name__ == "__main__":
    with pgtest.Cluster() as pg:
        pgtest.run({k: v for k, v in globals().items() if k.startswith("test_") and callable(v)})
