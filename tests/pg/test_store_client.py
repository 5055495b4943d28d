#!/usr/bin/env python3
"""The store library against a real server: config, leases, parts, targets; bodies on demand; lost connections, a server that restarts, a
client that is killed in the middle."""
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pgtest

PASSES = "presence/presence/1h/30s//0 ports/ports/1h/30s/22,80,443/0 scripts/scripts/1h/30s//0"


def open_store(db, extra=""):
    d = pgtest.Driver("pg_store_driver")
    assert d.do("open " + db.conninfo.replace(" ", ";") + extra) == "state ready", "no store"
    return d


def expect(got, want):
    if got != want:
        raise AssertionError(f"\n got {got!r}\nwant {want!r}")


def claimed(d, kinds, n=8, lease="60s"):
    """The leases as a list of lists of words."""
    return [line.split() for line in d.do(f"claim {n} {lease} {kinds}").splitlines() if line.startswith("lease")]


def baseline(d):
    d.do(f"config lab 10.0.0.0/24 - 3 {PASSES}")
    expect(claimed(d, "presence"), ["lease 0 lab presence presence 10.0.0.0 10.0.0.255".split()])
    expect(d.do("part 0 icmp 10.0.0.1,up,m=00:11:22:33:44:55,n=box.lab 10.0.0.9,down"), "applied 4 0 0 0")
    expect(d.do("finish 0 complete"), "finished ok")
    expect(claimed(d, "ports"), ["lease 1 lab ports ports 10.0.0.0 10.0.0.255".split()])
    expect(d.do("part 1 syn 10.0.0.1,up,m=00:11:22:33:44:55,n=box.lab,p=22:ssh,p=80:http 10.0.0.9,down"), "applied 2 0 0 0 new=10.0.0.1")
    expect(d.do("finish 1 complete"), "finished ok")
    expect(claimed(d, "scripts"), ["lease 2 lab scripts scripts 10.0.0.0 10.0.0.255".split()])
    expect(d.do("targets 2"), "target 10.0.0.1 echo-reply 64 00:11:22:33:44:55 box.lab 22/tcp:ssh:: 80/tcp:http::\ntargets ok 1")
    expect(d.do("part 2 script script=http-title,ssh-hostkey 10.0.0.1,up,s=80:http-title:ok:One,d=22:ssh-hostkey:{\"b\":1;\"a\":[2]}"), "applied 2 0 0 0")
    expect(d.do("finish 2 complete"), "finished ok")


def due(db, kind):
    db.sql("UPDATE inv.schedule s SET wanted_at = now(), due_at = now() FROM inv.profile p "
           f"WHERE p.profile_id = s.profile_id AND p.kind = '{kind}' AND sensor_id IS NULL")
    # between two visits hours pass
    db.sql("UPDATE inv.doubt SET last_at = last_at - interval '1 hour', first_at = first_at - interval '1 hour' WHERE first_at > now() - interval '1 hour'")


def with_store(test):
    def wrapped():
        db = pg.database(migrated=True)
        d = open_store(db)
        test(db, d)
        d.close()
        db.check_invariants()
    wrapped.__name__ = test.__name__
    return wrapped


# ------------------------------------------------------------------ the ways of a visit

@with_store
def test_baseline_then_each_change_is_one_event(db, d):
    baseline(d)
    due(db, "ports")
    lease = claimed(d, "ports")[0][1]
    expect(d.do(f"part {lease} syn 10.0.0.1,up,m=00:11:22:33:44:55,p=22:ssh,p=80:http,p=443:https"), "applied 1 0 0 1 new=10.0.0.1")
    d.do(f"finish {lease} complete")
    # the scripts of the new port are due at once, for its host alone
    expect([w[2:] for w in claimed(d, "scripts")], ["lab scripts scripts 10.0.0.0 10.0.0.255 10.0.0.1".split()])
    expect(d.do("part 4 script script=http-title,ssh-hostkey 10.0.0.1,up,s=80:http-title:ok:Two,d=22:ssh-hostkey:{\"a\":[2];\"b\":1},s=443:http-title:ok:S"), "applied 1 1 0 1")
    d.do("finish 4 complete")
    due(db, "scripts")
    lease = claimed(d, "scripts")[0][1]
    expect(d.do(f"part {lease} script script=http-title,ssh-hostkey 10.0.0.1,up,s=80:http-title:ok:Two,d=22:ssh-hostkey:{{\"a\":[3];\"b\":1}},s=443:http-title:ok:S"), "applied 0 1 0 1")
    d.do(f"finish {lease} complete")
    db.write_events()
    db.equal("each says what it rests on, how sure, of which asset, and where there is more", "SELECT count(*) FROM report.event WHERE body ->> 'first_line' !~ '^1 (new|changed|gone) since 20.*: ' "
             "OR body ->> 'first_line' NOT LIKE '%' || summary OR (body -> 'asset' ->> 'id') IS NULL OR (body -> 'evidence' ->> 'pass') IS NULL OR body ->> 'confidence' <> 'seen directly' "
             "OR body ->> 'more' <> 'muster asset 10.0.0.1'", 0)
    db.equal("events", "SELECT string_agg(summary, ' / ' ORDER BY seq) FROM report.event",
             'tcp/443 opened on 10.0.0.1 (https) / http-title of tcp/80 on 10.0.0.1 changed from "One" to "Two" / ssh-hostkey of tcp/22 on 10.0.0.1 changed')
    db.equal("bodies", "SELECT string_agg(protocol || port || ' ' || script || ' ' || COALESCE(output, data::text), ', ' ORDER BY port, script) FROM report.script_result",
             'tcp22 ssh-hostkey {"a": [3], "b": 1}, tcp80 http-title Two, tcp443 http-title S')
    assert "news 3" in d.do("pending")


@with_store
def test_doubts_bring_a_confirming_visit_of_the_doubted_hosts_alone(db, d):
    baseline(d)
    due(db, "presence")
    lease = claimed(d, "presence")[0][1]
    expect(d.do(f"part {lease} icmp 10.0.0.1,down"), "applied 0 0 0 0")
    d.do(f"finish {lease} complete")
    db.equal("due when it is to be confirmed", "SELECT due_at BETWEEN claimed_at + interval '30 s' AND last_at + interval '30 s' FROM inv.schedule WHERE kind = 'presence'", "t")
    answer = d.do("claim 4 60s presence")
    assert answer.startswith("claimed ok next "), answer
    for closed in ("0 0", "1 1"):
        db.sql("UPDATE inv.schedule SET due_at = now() WHERE due_at < now() + interval '5 minutes'; "
               "UPDATE inv.doubt SET last_at = last_at - interval '1 minute', first_at = first_at - interval '1 minute'")
        (lease,) = claimed(d, "presence")
        expect(lease[7:], ["10.0.0.1"])
        expect(d.do(f"part {lease[1]} icmp 10.0.0.1,down"), f"applied 0 0 {closed}")
        d.do(f"finish {lease[1]} complete")
    db.write_events()
    db.equal("told", "SELECT type || ' ' || (body ->> 'confidence') FROM report.event", "host.gone missed in 3 looks in a row")
    db.equal("state", "SELECT state || ' ' || open_ports FROM report.host", "absent 2")
    assert "next 5" in d.do("claim 4 60s presence"), "no doubts are left: back to the interval"


@with_store
def test_aborted_visit_is_due_again_soon_and_counts_for_nothing(db, d):
    d.do(f"config lab 10.0.0.0/24 - 3 {PASSES}")
    claimed(d, "presence")
    expect(d.do("part 0 icmp 10.0.0.1,up"), "applied 2 0 0 0")
    d.do("finish 0 aborted")
    db.equal("due soon", "SELECT due_at - now() BETWEEN '1 second' AND '10 seconds' FROM report.coverage WHERE pass = 'presence'", "t")
    db.sql("UPDATE inv.schedule SET due_at = now()")
    claimed(d, "presence")
    expect(d.do("part 1 icmp 10.0.0.1,up 10.0.0.2,up"), "applied 2 0 0 0")
    db.equal("proof", "SELECT string_agg(complete::text || ' ' || up || ' ' || opened, ', ') FROM report.visit", "false 1 2")


@with_store
def test_lost_lease_is_stale_and_recorded(db, d):
    d.do(f"config lab 10.0.0.0/24 - 3 {PASSES}")
    claimed(d, "presence", lease="1s")
    expect(d.do("part 0 icmp 10.0.0.1,up"), "applied 2 0 0 0")
    db.sql("UPDATE inv.schedule SET due_at = now() WHERE sensor_id IS NOT NULL")
    expect(len(claimed(d, "presence")), 1)
    expect(d.do("part 0 icmp 10.0.0.2,up"), "applied Stale file handle")
    expect(d.do("finish 0 complete").split()[1], "Stale")
    expect(d.do("keep 60s 0 1"), "kept ok lost 1 0")
    db.equal("proof of the first", "SELECT string_agg(complete || ' ' || up, ', ') FROM report.visit", "false 1")


@with_store
def test_rescan_makes_addresses_due_at_once(db, d):
    baseline(d)
    expect(claimed(d, "presence,ports,scripts"), [])
    expect(d.do("rescan lab 10.0.0.1 10.0.0.2"), "rescan ok 3")
    leases = claimed(d, "presence,ports,scripts")
    expect(sorted(w[3] + " " + w[7] for w in leases), ["ports 10.0.0.1,10.0.0.2", "presence 10.0.0.1,10.0.0.2", "scripts 10.0.0.1,10.0.0.2"])
    # asked for while it runs: comes right after
    expect(d.do("rescan - 10.0.0.7 10.0.0.7"), "rescan ok 3")
    for w in leases:
        d.do(f"finish {w[1]} complete")
    expect(sorted(w[7] for w in claimed(d, "presence,ports,scripts")), ["10.0.0.7"] * 3)
    expect(d.do("rescan lab 192.0.2.1 192.0.2.1"), "rescan ok 0")
    expect(d.do("rescan lab 0.0.0.0 255.255.255.255"), "rescan ok 3")


@with_store
def test_config_retires_and_brings_back(db, d):
    baseline(d)
    expect(d.do("config lab 10.0.0.0/25,10.0.2.0/23,2001:db8::/120 10.0.0.64/26 2 presence/presence/5m/10s//0 ports/ports/1h/30s/1-100,U:53/0|dmz 10.0.0.0/24 - 0 presence/presence/1h/0//0"), "config ok")
    db.equal("blocks", "SELECT string_agg(zone || ' ' || host(first_address) || '-' || host(last_address), ', ' ORDER BY zone, first_address) FROM report.coverage WHERE pass = 'presence'",
             "dmz 10.0.0.0-10.0.0.255, lab 10.0.0.0-10.0.0.63, lab 10.0.2.0-10.0.2.255, lab 10.0.3.0-10.0.3.255, lab 2001:db8::-2001:db8::ff")
    db.equal("slots", "SELECT slots FROM inv.profile WHERE kind = 'ports' AND retired_at IS NULL", "{[393217,393317),[1114165,1114166)}")
    db.equal("facts of what vanished stay", "SELECT count(*) FROM inv.fact_now", 8)
    # what a retired block had covered still counts: a host that is new in the smaller block is news
    lease = [w for w in claimed(d, "presence") if w[5] == "10.0.0.0" and w[2] == "lab"][0][1]
    expect(d.do(f"part {lease} icmp 10.0.0.1,up,m=00:11:22:33:44:55,n=box.lab 10.0.0.5,up"), "applied 2 0 0 1")
    expect(d.do(f"config lab 10.0.0.0/24 - 3 {PASSES}"), "config ok")
    expect(d.do(f"part {lease} icmp 10.0.0.6,up"), "applied Stale file handle")
    db.equal("back", "SELECT count(*) || ' ' || count(last_at) FROM report.coverage", "3 3")
    db.equal("no row is lost or doubled", "SELECT count(*) || ' ' || count(retired_at) FROM inv.schedule", "12 9")
    expect(d.do(f"config lab 10.0.0.0/24 - 3 {PASSES}"), "config ok")
    db.equal("the same again is nothing", "SELECT max(schedule_id) FROM inv.schedule", 12)


@with_store
def test_too_large_networks_are_refused_with_a_sentence(db, d):
    expect(d.do("config lab 10.0.0.0/7 - 3 presence/presence/1h/30s//0"),
           "config refused: zone lab: the networks are too large: more than 65538 blocks of at most 256 addresses")
    expect(d.do("config lab 10.0.0.0/16 - 3 presence/presence/1h/30s//0"), "config ok")
    db.equal("blocks", "SELECT count(*) FROM report.coverage", 256)


@with_store
def test_scripts_wait_until_ports_were_listed(db, d):
    d.do(f"config lab 10.0.0.0/24 - 3 {PASSES}")
    expect(d.do("claim 8 60s scripts"), "claimed ok next never")
    expect(d.do("rescan lab 0.0.0.0 255.255.255.255"), "rescan ok 3")
    expect(d.do("claim 8 60s scripts"), "claimed ok next never")
    lease = claimed(d, "ports")[0][1]
    d.do(f"finish {lease} complete")
    expect(len(claimed(d, "scripts")), 1)
    # a zone whose ports pass is taken out does not leave its scripts waiting for ever
    d.do("config lab 10.0.0.0/24 - 3 scripts/scripts/1h/30s//0|dmz 10.0.9.0/24 - 3 ports/ports/1h/30s/22/0 scripts/scripts/1h/30s//0")
    answer = d.do("claim 8 60s scripts")
    assert answer.startswith("claimed ok next "), answer
    db.equal("next is the end of a lease", "SELECT (array_agg(due_at = claimed_at + interval '60 s' ORDER BY due_at))[1] FROM inv.schedule WHERE kind = 'scripts' AND retired_at IS NULL", "t")
    d.do("config lab 10.0.0.0/24 - 3 scripts/scripts/1h/30s//0|dmz 10.0.9.0/24 - 3 scripts/scripts/1h/30s//0")
    expect([w[2] for w in claimed(d, "scripts")], ["dmz"])


@with_store
def test_services_and_strange_text_are_stored_and_come_back(db, d):
    baseline(d)
    due(db, "scripts")
    lease = claimed(d, "scripts")[0][1]
    expect(d.do(f"part {lease} script script=http-title,ssh-hostkey 10.0.0.1,up,v=22:Open\"SSH{{}}\\,s=80:http-title:ok:\x01\\x{{}}\"é,s=22:ssh-hostkey:timeout:"), "applied 1 1 0 1")
    d.do(f"finish {lease} complete")
    db.equal("output", "SELECT output FROM report.script_result WHERE script = 'http-title'", '\\x01\\x{}"é')
    due(db, "scripts")
    lease = claimed(d, "scripts")[0][1]
    expect(d.do(f"targets {lease}"), 'target 10.0.0.1 echo-reply 64 00:11:22:33:44:55 box.lab 22/tcp:svc:Open"SSH{}\\:cpe:/a:x,"y" 80/tcp:http::\ntargets ok 1')


@with_store
def test_volatile_keys_are_no_change(db, d):
    d.close()
    db.sql("UPDATE inv.attr SET volatile = '{at,nonce}' WHERE name = 'ssh-hostkey'")
    d = open_store(db)
    baseline(d)
    for text, want in (('{"b":1;"at":"today";"a":[2]}', "0 0 0 0"), ('{"b":1;"at":"tomorrow";"a":[2]}', "0 0 0 0"), ('{"b":1;"a":[4]}', "0 1 0 1")):
        due(db, "scripts")
        lease = claimed(d, "scripts")[0][1]
        expect(d.do(f"part {lease} script script=http-title,ssh-hostkey 10.0.0.1,up,s=80:http-title:ok:One,d=22:ssh-hostkey:{text}"), f"applied {want}")
        d.do(f"finish {lease} complete")
    d.close()
    d.process.stdin = open("/dev/null", "w")


# ------------------------------------------------------------------ handshake

def test_database_that_is_not_migrated_is_named():
    db = pg.database()
    d = pgtest.Driver("pg_store_driver")
    expect(d.do("open " + db.conninfo.replace(" ", ";")), "state down the database is at schema 0, this program needs 180: run 'muster db migrate'")
    d.close()


def schema_at(version):
    """A database on which the migrations up to this one have run."""
    db = pg.database()
    db.migrate(to=version)
    return db


def test_database_that_lacks_migrations_is_waited_for():
    db = schema_at(121)
    newest = max(int(p.name[:4]) for p in pgtest.MIGRATIONS.glob("[0-9]*.sql"))
    d = pgtest.Driver("pg_store_driver")
    expect(d.do("open " + db.conninfo.replace(" ", ";") + f" {newest}"),
           f"state down the database is at schema 121, this program needs {newest}: run 'muster db migrate'")
    expect(d.do("claim 1 60s ports"), "claim refused: Transport endpoint is not connected")
    db.migrate()
    expect(d.do("state-wait"), "state ready")
    baseline(d)
    d.close()


def test_database_newer_than_the_program_is_refused():
    db = pg.database(migrated=True)
    db.sql("INSERT INTO ops.migration(version, name, sha256, by_program) VALUES (9000, '9000_x.sql', '', 'later')")
    d = pgtest.Driver("pg_store_driver")
    expect(d.do("open " + db.conninfo.replace(" ", ";") + " 42"), "state down the database is at schema 9000, this program knows 42: a newer muster has been here")
    expect(d.do("claim 1 60s ports"), "claim refused: Transport endpoint is not connected")
    d.close()


def test_unreachable_database_is_named_and_tried_again():
    db = pg.database(migrated=True)
    d = pgtest.Driver("pg_store_driver")
    got = d.do("open host=/nonexistent;dbname=x")
    assert got.startswith('state down connection to server on socket "/nonexistent/.s.PGSQL.5432" failed: No such file or directory'), got
    d.close()
    d = pgtest.Driver("pg_store_driver")
    got = d.do("open host=/tmp;nonsense=1")
    expect(got, 'open failed: database: invalid connection option "nonsense"')
    d.close()
    del db


def test_new_process_voids_the_leases_of_its_predecessor():
    db = pg.database(migrated=True)
    a = open_store(db)
    a.do(f"config lab 10.0.0.0/24 - 3 {PASSES}")
    expect(len(claimed(a, "presence,ports")), 2)
    a.kill()
    b = open_store(db)
    expect(len(claimed(b, "presence,ports")), 2)
    b.close()


def test_late_hello_of_a_killed_process_voids_nothing():
    db = pg.database(migrated=True)
    early = pgtest.Session(pg.psql_argv(db.name, db.owner))    # the connection of a process that was killed before its hello was read
    early.sql("SELECT 1")
    d = open_store(db)
    d.do(f"config lab 10.0.0.0/24 - 3 {PASSES}")
    lease = claimed(d, "presence")[0][1]
    try:
        early.sql("SELECT api.hello((SELECT name FROM inv.sensor), gen_random_uuid())")
        raise RuntimeError("a late hello was believed")
    except AssertionError as error:
        assert "a newer process of sensor" in str(error), error
    expect(d.do(f"part {lease} icmp 10.0.0.1,up"), "applied 2 0 0 0")
    expect(d.do(f"finish {lease} complete"), "finished ok")
    # behind a pooler a connection may be older than the process: it is not refused for ever
    db.sql("UPDATE inv.sensor SET greeted_at = now() - interval '61 s'; SELECT api.hello((SELECT name FROM inv.sensor), gen_random_uuid())")
    d.kill()


def test_late_claim_of_a_killed_process_takes_no_lease():
    db = pg.database(migrated=True)
    ghost = pgtest.Session(pg.psql_argv(db.name, db.owner))    # the connection of a process that was killed before its claim was read
    ghost.sql("SELECT sensor_id FROM api.hello('main', 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa')")
    d = open_store(db)
    d.do(f"config lab 10.0.0.0/24 - 3 {PASSES}")
    name = db.sql("SELECT name FROM inv.sensor WHERE instance <> 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'")
    claim = f"SELECT count(*) FROM api.claim((SELECT sensor_id FROM inv.sensor WHERE name = '{name}'), '{{presence,ports}}', 8, '600 s', 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa')"
    expect(ghost.sql(claim), "0")
    expect(len(claimed(d, "presence")), 1)
    # and so it is with a process that still lives, but whose successor has come
    db.sql(f"SELECT api.hello('{name}', 'bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb')")
    expect(claimed(d, "presence,ports"), [])
    expect(ghost.sql(claim.replace("a" * 8, "b" * 8).replace("aaaa", "bbbb")), "2")
    ghost.close()
    d.kill()


def test_database_restored_into_another_cluster_hides_no_event():
    db = pg.database(migrated=True)
    d = open_store(db)
    baseline(d)
    due(db, "presence")
    lease = claimed(d, "presence")[0][1]
    d.do(f"part {lease} icmp 10.0.0.1,up,m=00:11:22:33:44:55,n=box.lab 10.0.0.2,up")
    db.write_events()
    # as if transaction ids had begun anew
    db.sql("UPDATE ops.installation SET system_identifier = 1; UPDATE alert.event SET xid = '999999999'; UPDATE inv.change SET tx = '999999999'")
    d.close()
    d = open_store(db)
    db.equal("visible", "SELECT count(*) FROM alert.event WHERE xid < pg_snapshot_xmin(pg_current_snapshot())", 1)
    db.equal("ledger", "SELECT count(*) > 5 FROM report.changes_after('0', 0, 100)", "t")
    d.close()


# ------------------------------------------------------------------ several sensors on one database

ALL = "presence/presence/1h/30s//0"


def open_sensor(db, name):
    d = pgtest.Driver("pg_store_driver")
    d.do(f"sensor {name}")
    expect(d.do("open " + db.conninfo.replace(" ", ";")), "state ready")
    return d


def zones_in_force(db):
    return db.sql("SELECT string_agg(z.name || ' ' || host(b.lo), ', ' ORDER BY z.name, b.lo) FROM inv.zone z JOIN inv.block b USING (zone_id) "
                  "JOIN inv.schedule s USING (block_id) WHERE z.retired_at IS NULL AND b.retired_at IS NULL AND s.retired_at IS NULL")


def is_dead(db, name):
    db.sql(f"UPDATE inv.sensor SET beat_at = now() - interval '91 s', greeted_at = now() - interval '91 s' WHERE name = '{name}'")


def test_sensors_with_different_zones_leave_each_other_alone():
    db = pg.database(migrated=True)
    left, right = open_sensor(db, "left"), open_sensor(db, "right")
    expect(left.do(f"config a 10.0.0.0/24 - 3 {ALL}|both 10.0.2.0/24 - 3 {ALL}"), "config ok")
    expect(right.do(f"config b 10.0.1.0/24 - 3 {ALL}|both 10.0.2.0/24 - 3 {ALL}"), "config ok")
    expect(zones_in_force(db), "a 10.0.0.0, b 10.0.1.0, both 10.0.2.0")
    expect(sorted(w[2] for w in claimed(right, "presence")), ["b", "both"])
    assert "next 5" in right.do("claim 8 60s presence"), "what is due for others is not waited for"
    expect([w[2] for w in claimed(left, "presence")], ["a"])
    # one that names a zone no more retires it, and no other
    expect(left.do(f"config c 10.0.3.0/24 - 3 {ALL}"), "config ok")
    expect(zones_in_force(db), "b 10.0.1.0, both 10.0.2.0, c 10.0.3.0")
    # the other is gone for good, and came back under a new name
    is_dead(db, "right")
    expect(left.do(f"config c 10.0.3.0/24 - 3 {ALL}"), "config ok")
    expect(zones_in_force(db), "c 10.0.3.0")
    left.close()
    is_dead(db, "left")
    new = open_sensor(db, "new")
    expect(new.do(f"config c 10.0.3.0/25 - 3 {ALL}|d 10.0.4.0/24 - 3 {ALL}"), "config ok")
    expect(zones_in_force(db), "c 10.0.3.0, d 10.0.4.0")
    new.close()
    right.close()


def test_sensors_that_share_a_zone_mean_the_same_by_it():
    db = pg.database(migrated=True)
    left, right = open_sensor(db, "left"), open_sensor(db, "right")
    now, then = f"config lab 10.0.0.0/24 - 3 {ALL}", f"config lab 10.0.1.0/24 - 3 {ALL}"
    expect(left.do(now), "config ok")
    refused = "sensor left works here with another zone lab: give both the same one, or give it another name"
    expect(right.do(then), f"config Numerical argument out of domain {refused}")
    expect(zones_in_force(db), "lab 10.0.0.0")
    expect(left.do(now), "config ok")                          # who has what is in force is not stopped by the other
    expect(left.do(then), "config ok")                         # all want it
    expect(right.do(then), "config ok")
    expect(zones_in_force(db), "lab 10.0.1.0")
    expect(right.do(now).split()[1], "Numerical")
    is_dead(db, "left")
    expect(right.do(now), "config ok")
    expect(zones_in_force(db), "lab 10.0.0.0")
    left.close()
    right.close()


# ------------------------------------------------------------------ a clock that is set back

BEAT = "SELECT api.beat(sensor_id, instance) FROM inv.sensor WHERE name = 'local'"


def set_back(db, span):
    """As the database looks when its clock is set back: all that it noted lies in the future."""
    db.sql(f"UPDATE inv.sensor SET beat_at = now() + interval '{span}', greeted_at = now() + interval '{span}', greeted_from = now() + interval '{span}'; "
           f"UPDATE inv.schedule SET wanted_at = wanted_at + interval '{span}', due_at = due_at + interval '{span}', claimed_at = claimed_at + interval '{span}'")


def test_clock_that_is_set_back_stops_no_pass():
    db = pg.database(migrated=True)
    d = open_store(db)
    baseline(d)
    due(db, "presence")
    claimed(d, "presence")
    before = db.sql("SELECT string_agg(concat_ws(' ', kind, wanted_at, due_at), ', ' ORDER BY kind) FROM inv.schedule")
    expect(db.sql(BEAT), "t")
    db.equal("a beat moves nothing", "SELECT string_agg(concat_ws(' ', kind, wanted_at, due_at), ', ' ORDER BY kind) FROM inv.schedule", before)
    set_back(db, "1 day")
    expect(db.sql(BEAT), "t")
    db.equal("within the interval, and what nobody renews soon",
             "SELECT string_agg(kind || ' ' || (GREATEST(wanted_at, due_at) <= now() + CASE WHEN sensor_id IS NULL THEN interval '1 hour' ELSE '1 minute' END), ', ' "
             "ORDER BY kind) FROM (SELECT kind, sensor_id, CASE WHEN sensor_id IS NULL THEN wanted_at END AS wanted_at, due_at FROM inv.schedule) s",
             "ports true, presence true, scripts true")
    db.equal("no sign of life lies in the future", "SELECT count(*) FROM inv.sensor WHERE GREATEST(beat_at, greeted_at) > now()", 0)
    d.close()


def test_sensor_that_restarts_after_the_clock_was_set_back_is_taken():
    db = pg.database(migrated=True)
    d = open_store(db)
    d.do(f"config lab 10.0.0.0/24 - 3 {PASSES}")
    d.kill()
    set_back(db, "1 day")
    d = open_store(db)
    d.do(f"config lab 10.0.0.0/24 - 3 {PASSES}")
    d.close()


# ------------------------------------------------------------------ faults

@with_store
def test_errors_of_the_server_are_told_apart(db, d):
    expect(d.do("sql SELECT 1, NULL, 'x'"), "1|NULL|x\nsql ok")
    expect(d.do("sql SELECT * FROM nowhere"), 'sql No such process: relation "nowhere" does not exist')
    expect(d.do("sql SELEC"), 'sql Input/output error: syntax error at or near "SELEC"')
    expect(d.do("sql SELECT pg_sleep(2), set_config('statement_timeout', '100', false)").splitlines()[-1], "sql ok")
    expect(d.do("sql SELECT pg_sleep(9)"), "sql Connection timed out: canceling statement due to statement timeout")
    assert "COPY is not possible here" in d.do("sql COPY inv.zone TO STDOUT")
    expect(d.do("sql SELECT 2"), "2\nsql ok")


@with_store
def test_connection_that_is_terminated_loses_no_part(db, d):
    baseline(d)
    due(db, "presence")
    lease = claimed(d, "presence")[0][1]
    for i in range(2, 40):
        d.do(f"part! {lease} icmp 10.0.0.{i},up")
        if i % 7 == 0:
            db.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'musterd' AND datname = current_database()")
    d.do("sync-wait")
    expect(d.do(f"finish {lease} complete"), "finished ok")
    db.equal("hosts", "SELECT count(*) FROM report.host WHERE present_since IS NOT NULL", 39)
    db.write_events()
    db.equal("events", "SELECT count(*) || ' ' || count(DISTINCT subject) FROM report.event", "38 38")


def test_query_with_unknown_fate_is_sent_again_only_when_asked_to():
    db = pg.database(migrated=True)
    d = open_store(db)
    for command, want in (("sql", "sql Connection reset by peer"), ("sql-retry", "done\nsql ok")):
        gate = db.connect()
        gate.sql("SELECT pg_advisory_lock(7)")
        d.send(f"{command} SELECT CASE WHEN pg_advisory_xact_lock_shared(7) IS NOT NULL THEN 'done' END")
        db.waits("the query", "%pg_advisory_xact_lock_shared(7)%")
        db.sql("SELECT count(pg_terminate_backend(pid, 100000)) FROM pg_stat_activity WHERE application_name = 'musterd' AND datname = current_database()")
        gate.close()
        got = d.answer()
        assert got.startswith(want), got
    d.close()


@with_store
def test_texts_that_come_often_are_parsed_once_and_outlive_what_they_mean(db, d):
    db.sql("CREATE TABLE public.often(a int); INSERT INTO public.often VALUES (1)")
    prepared = "sql SELECT count(*) FROM pg_prepared_statements"
    for _ in range(3):
        expect(d.do("sql-often SELECT * FROM public.often"), "1\nsql ok")
    expect(d.do(prepared), "1\nsql ok")
    # errors are the query's own, and leave it as it was
    expect(d.do("sql-often SELECT 1 / (a - 1) FROM public.often"), "sql Input/output error: division by zero")
    expect(d.do("sql-often SELECT * FROM public.nowhere"), 'sql No such process: relation "public.nowhere" does not exist')
    expect(d.do(prepared), "2\nsql ok")
    db.sql("CREATE TABLE public.nowhere(a int)")
    expect(d.do("sql-often SELECT * FROM public.nowhere"), "sql ok")
    # another result than it was parsed for; then a pooler that gives another session
    db.sql("ALTER TABLE public.often ADD b text DEFAULT 'x'")
    expect(d.do("sql-often SELECT * FROM public.often"), "1|x\nsql ok")
    expect(d.do("sql-often SELECT * FROM public.often"), "1|x\nsql ok")
    d.do("sql DEALLOCATE ALL")
    expect(d.do("sql-often SELECT a FROM public.often"), "1\nsql ok")
    expect(d.do(prepared), "0\nsql ok")
    # a new connection begins anew
    db.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'musterd' AND datname = current_database()")
    expect(d.do("sql-retry SELECT 0"), "0\nsql ok")
    for _ in range(2):
        expect(d.do("sql-often SELECT 'x'"), "x\nsql ok")
    d.do("sql DEALLOCATE ALL")
    expect(d.do("sql-often SELECT 'x'"), "x\nsql ok")
    for i in range(12):
        expect(d.do(f"sql-often SELECT {i}"), f"{i}\nsql ok")


@with_store
def test_full_queue_says_so_and_says_when_there_is_room(db, d):
    d.close()
    d = open_store(db, " 0 3000")
    d.do(f"config lab 10.0.0.0/24 - 3 {PASSES}")
    claimed(d, "presence")
    refused = 0
    for i in range(1, 60):
        got = d.do(f"part! 0 icmp 10.0.0.{i},up,n=host-{i}.example.org")
        if "Resource temporarily unavailable" in got:
            refused += 1
            for _ in range(600):                       # a minute on the slowest machine
                if "drained" in got:
                    break
                got += d.do("spin 100")
            assert "drained" in got, got
            assert "refused" not in d.do(f"part! 0 icmp 10.0.0.{i},up,n=host-{i}.example.org")
    assert refused, "the limit was never reached"
    d.do("sync-wait")
    db.equal("hosts", "SELECT count(*) FROM report.host", 59)
    d.close()
    d.process.stdin = open("/dev/null", "w")


def test_server_that_crashes_and_restarts_costs_nothing():
    # what was committed must be on disk: this server alone runs with fsync
    with pgtest.Cluster(options=["fsync=on", "synchronous_commit=on", "full_page_writes=on"]) as server:
        import signal
        db = server.database(migrated=True)
        d = open_store(db)
        baseline(d)
        due(db, "presence")
        lease = claimed(d, "presence")[0][1]
        for i in range(2, 120):
            d.do(f"part! {lease} icmp 10.0.0.{i},up")
            if i in (30, 70):
                server.restart(signal.SIGQUIT if i == 30 else signal.SIGINT)
        d.do("sync-wait")
        expect(d.do(f"finish {lease} complete"), "finished ok")
        db.equal("hosts", "SELECT count(*) FROM report.host WHERE present_since IS NOT NULL", 119)
        db.write_events()
        db.equal("events", "SELECT count(*) || ' ' || count(DISTINCT subject) FROM report.event", "118 118")
        db.check_invariants()
        d.close()


def test_client_killed_at_random_moments_leaves_whole_parts():
    db = pg.database(migrated=True)
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    rng = random.Random(seed)
    d = open_store(db)
    baseline(d)
    d.kill()
    for _ in range(10):
        d = open_store(db)
        due(db, "presence")
        due(db, "ports")
        leases = {w[4]: w[1] for w in claimed(d, "presence,ports")}
        killer = threading.Timer(rng.uniform(0.0, 0.15), d.process.kill)
        killer.start()
        try:
            for i in range(2, 60):
                d.do(f"part! {leases['presence']} icmp 10.0.0.{i},up,n=h{rng.randrange(4)}.lab")
                d.do(f"part! {leases['ports']} syn 10.0.0.{i},up,p={rng.choice((22, 80, 443))}")
            d.do("sync-wait")
        except (AssertionError, BrokenPipeError):
            pass
        killer.cancel()
        d.kill()
        db.check_invariants()
    db.write_events()
    db.equal("appeared once each", "SELECT count(*) - count(DISTINCT subject) FROM report.event WHERE type = 'host.appeared'", 0)


if __name__ == "__main__":
    with pgtest.Cluster() as pg:
        pgtest.run(globals())
