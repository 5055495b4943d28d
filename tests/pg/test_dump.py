#!/usr/bin/env python3
"""Backup and restore by plain pg_dump: into the same and into another cluster; what follows goes on where it was."""
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pgtest
import test_store_diff as helpers

FILL = """SELECT t.zone('lan', '10.1.0');
SELECT t.visit('lan', 'presence', now() - interval '3 hours', '{"10.1.0.1 u 00:11:22:33:44:55"}');
SELECT t.visit('lan', 'ports', now() - interval '2 hours', '{"10.1.0.1 u"}', '{"10.1.0.1 22 port -"}');
SELECT t.visit('lan', 'ports', now() - interval '1 hour', '{"10.1.0.1 u"}', '{"10.1.0.1 22 port -","10.1.0.1 80 port -"}');
SELECT api.annotate(asset_id, 'ann', '{"owner": "netops"}') FROM report.host;
SELECT count(*) FROM alert.take('w', gen_random_uuid(), true, '1 minute', '{hook}', '{h}')"""
STATE = """SELECT json_build_object('hosts', (SELECT json_agg(h ORDER BY address) FROM report.host_at(now() - interval '1 minute') h),
  'services', (SELECT json_agg(array[address::text, port::text, service] ORDER BY address, port) FROM report.service), 'events', (SELECT json_agg(id ORDER BY seq) FROM alert.event),
  'past', (SELECT json_agg(f ORDER BY address, port, kind) FROM report.facts_at('lan', '{at}') f), 'said', (SELECT json_agg(a) FROM report.annotation a),
  'key', (SELECT digest_key::text FROM ops.installation), 'versions', (SELECT json_agg(version ORDER BY version) FROM ops.migration))"""


def dump(cluster, database, *options):
    run = subprocess.run([f"{cluster.bin}/pg_dump", "-h", str(cluster.socket), "-U", "postgres", "-d", database, *options], capture_output=True, text=True, check=False,
                         env={k: v for k, v in os.environ.items() if not k.startswith("PG")})
    assert run.returncode == 0, run.stderr
    return run.stdout


def follows(db):
    """The next visit finds a port more: its change, its event, and everybody who follows sees them and nothing twice."""
    place = db.sql("SELECT tx || ' ' || change_id FROM report.changes_after('0', 0, 100000) ORDER BY tx DESC, change_id DESC LIMIT 1").split()
    db.sql("SELECT api.hello('w', gen_random_uuid()); SELECT count(*) FROM alert.take('w', gen_random_uuid(), true, '1 minute', '{hook}', '{h}')")
    db.write_events()
    before = db.sql("SELECT count(*) FROM alert.event")
    db.sql("SELECT t.visit('lan', 'ports', now(), '{\"10.1.0.1 u\"}', '{\"10.1.0.1 22 port -\",\"10.1.0.1 80 port -\",\"10.1.0.1 443 port -\"}')")
    db.write_events()
    db.equal("one event more", "SELECT count(*) FROM alert.event", int(before) + 1)
    db.sql("SELECT count(*) FROM alert.think(1000)")
    db.equal("a follower of the ledger, from the start", "SELECT count(*) = (SELECT count(*) FROM inv.change) FROM report.changes_after('0', 0, 100000)", "t")
    db.equal("the endpoint is told of what is new and nothing else", "SELECT count(*) || ' ' || min(type) FROM report.delivery WHERE state = 'waiting' AND type = 'port.opened' "
             "AND subject LIKE '%/443'", "1 port.opened")
    db.check_invariants()
    return place


def test_a_dump_into_another_cluster():
    at = source.sql("SELECT now() - interval '90 minutes'")
    want = json.loads(source.sql(STATE.format(at=at)))
    text = dump(pg, source.name)
    with pgtest.Cluster(fresh=True) as other:
        other.psql("postgres", "".join(f"CREATE ROLE {r}; " for r in ("muster_reader", "muster_sensor", "muster_writer", "muster_report"))
                   + "GRANT muster_reader, muster_report TO muster", user="postgres")
        target = other.database()
        other.psql(target.name, text, user="postgres")
        got = json.loads(target.sql(STATE.format(at=at)))
        for part in want:
            assert got[part] == want[part], f"{part}: {got[part]}\nwas {want[part]}"
        assert target.sql("SELECT ops.grant_roles()") == "granted"
        follows(target)


def test_a_dump_without_owners_and_roles():
    text = dump(pg, source.name, "--no-owner", "--no-privileges")
    with pgtest.Cluster(login="plain", attributes="") as other:
        target = other.database()
        other.psql(target.name, text, user="plain")
        assert target.sql("SELECT ops.grant_roles()") == "missing: muster_reader, muster_report, muster_sensor, muster_writer"
        follows(target)


def test_a_dump_with_limited_readers():
    source.sql("SELECT ops.add_reader('tenant', '{lan}')")
    text = dump(pg, source.name)
    target = pg.database()
    pg.psql(target.name, text, user="postgres")
    assert target.sql("SELECT count(*) FROM host", user="tenant") == "1"
    follows(target)


if __name__ == "__main__":
    with pgtest.Cluster() as pg:
        source = pg.database(migrated=True)
        source.sql(helpers.ZONES + helpers.HELPERS.replace("CREATE SCHEMA t;", "") + FILL)
        pgtest.run(globals())
