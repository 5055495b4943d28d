#!/usr/bin/env python3
"""Who may do what: readers read and nothing else, limited ones only their zones; writers write rows; sensors call functions; with and without a
superuser, with and without the right to create roles."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pgtest
import test_store_diff as helpers

FILL = """SELECT t.zone('{0}', '{1}');
SELECT t.visit('{0}', 'presence', now() - interval '3 hours', '{{"{1}.1 u 00:11:22:33:44:{2}","{1}.2 u"}}', '{{"{1}.1 0 hostname box.{0}","{1}.1 0 mac 00:11:22:33:44:{2}"}}');
SELECT t.visit('{0}', 'ports', now() - interval '2 hours', '{{"{1}.1 u"}}', '{{"{1}.1 22 port -"}}');
SELECT t.visit('{0}', 'scripts', now() - interval '1 hour', '{{"{1}.1 u"}}', '{{"{1}.1 22 title secret-of-{0}"}}', '{{}}', '{{title}}');
SELECT t.visit('{0}', 'ports', now() - interval '30 minutes', '{{"{1}.1 u"}}', '{{"{1}.1 22 port -","{1}.1 80 port -"}}');"""
NEEDED = {"ip": "10.2.0.1", "mac": "00:11:22:33:44:02", "at": "now", "t1": "2020-01-01"}


def filled(owner=None):
    db = pg.database(migrated=True, owner=owner)
    db.sql(helpers.ZONES + helpers.HELPERS.replace("CREATE SCHEMA t;", "") + FILL.format("lan", "10.1.0", "01") + FILL.format("dmz", "10.2.0", "02"))
    return db


def calls(db):
    for c in json.loads(db.sql("SELECT json_agg(c) FROM report.catalog c")):
        params = ", ".join(f"{p['name']} => '{NEEDED[p['name']]}'" for p in c["params"] if "default" not in p)
        yield c["name"], f"report.{c['name']}{'(' + params + ')' if c['params'] else ''}"


def forbidden(db, user, *statements, words="permission denied"):
    for text in statements:
        got = db.fails(text, user=user)
        assert words in got, f"{user}: {text}: {got}"


def everything(db, user):
    """All rows of all reports, as text."""
    return db.sql("\n".join(f"SELECT q::text FROM {call} q;" for _, call in calls(db)), user=user)


def test_a_reader_reads_reports_and_nothing_else():
    assert db.sql("SELECT ops.add_reader('grafana')") == "grafana reads every zone"
    text = everything(db, "grafana")
    assert "secret-of-dmz" in text and "secret-of-lan" in text, text
    assert int(db.sql("SELECT count(*) FROM policy_findings; SELECT count(*) > 4 FROM attempt", user="grafana").split()[0]) == 4
    forbidden(db, "grafana", *(f"SET default_transaction_read_only = off; {s}" for s in (
        "SELECT * FROM inv.fact_now", "SELECT * FROM alert.event", "SELECT * FROM ops.installation", "SELECT api.hello('x', gen_random_uuid())",
        "INSERT INTO report.catalog(name, title, question, category) VALUES ('x', 'x', 'x', 'tables')", "DELETE FROM report.catalog",
        "CREATE TABLE report.x (x int)", "CREATE VIEW inv.x AS SELECT 1", "SELECT inv.shown('script', NULL, 1, NULL, 1)", "SELECT ops.grant_roles()", "TRUNCATE inv.change")))
    forbidden(db, "grafana", "CREATE TEMP TABLE x (x int)", words="read-only transaction")
    assert db.sql("SHOW statement_timeout; SHOW search_path; SHOW default_transaction_read_only", user="grafana") == "30s\nreport\non"
    assert db.sql("SELECT count(*) FROM host", user="grafana") == "4"
    assert "there is no zone nowhere" in db.fails("SELECT ops.add_reader('x', '{nowhere}')")


def test_a_limited_reader_sees_its_zones():
    before = everything(db, "muster")
    assert db.sql("SELECT ops.add_reader('tenant', '{lan}'); SELECT ops.add_reader('nobody_yet', '{}')") == "tenant reads lan\nnobody_yet reads no zone"
    text = everything(db, "tenant")
    assert "secret-of-lan" in text, text
    for leak in ("dmz", "10.2.0.", "00:11:22:33:44:02"):
        # the catalog and the words of the address that was asked for are no secrets
        lines = [line for line in text.splitlines() if leak in line]
        assert not lines, f"{leak}: {lines[:3]}"
    assert "10.1.0." not in everything(db, "nobody_yet") and "10.2.0." not in everything(db, "nobody_yet")
    assert db.sql("SELECT count(*) FROM host; SELECT count(*) FROM policy_findings", user="grafana") == "4\n4"
    assert db.sql("SELECT count(*) FROM policy_findings; SELECT count(DISTINCT zone) FROM delivery; SELECT count(*) FROM attempt WHERE event IS NULL", user="tenant") == "2\n1\n0"
    after = everything(db, "muster")
    assert sorted(before.splitlines())[:5] and len(before.splitlines()) == len(after.splitlines()), "the owner sees all as before"


def test_a_limited_reader_has_no_way_round():
    spy = ("SET default_transaction_read_only = off; CREATE FUNCTION pg_temp.spy(inet) RETURNS bool LANGUAGE plpgsql COST 0.0001 AS "
           "$$ BEGIN RAISE NOTICE 'spied %', $1; RETURN true; END $$;")
    for view in ("host", "service", "change", "script_result"):
        done = pg.psql(db.name, f"{spy} SELECT count(*) FROM report.{view} WHERE pg_temp.spy(address)", user="tenant", check=False)
        assert done.returncode == 0 and "spied 10.1.0.1" in done.stderr and "10.2.0." not in done.stderr, (view, done.stderr)
    forbidden(db, "tenant", "SET ROLE muster_report", "SET ROLE muster", words="permission denied to set role")
    forbidden(db, "tenant", "SELECT * FROM inv.zone", "SELECT * FROM ops.reader_zone", "SET default_transaction_read_only = off; DELETE FROM ops.reader_zone")
    assert db.sql("SELECT DISTINCT zone FROM report.host; SELECT DISTINCT zone FROM report.facts_at('dmz', now()) f, LATERAL (SELECT 'x' AS zone) z; SELECT count(*) FROM report.changes_after('0', 0, 1000) WHERE zone = 'dmz'",
                  user="tenant") == "lan\n0"
    db.sql("UPDATE ops.reader_zone SET zones = '{dmz}' WHERE role = 'tenant'")
    assert db.sql("SELECT DISTINCT zone FROM report.host", user="tenant") == "dmz"


def test_later_versions_may_replace_what_was_given_away():
    db.sql("CREATE OR REPLACE VIEW report.annotation_log AS SELECT l.at, z.name AS zone, l.asset_id, l.by_whom, l.field, l.old, l.new FROM inv.annotation_log l JOIN inv.zone z USING (zone_id);"
           "CREATE VIEW report.fresh AS SELECT z.name AS zone, f.addr AS address FROM inv.fact_now f JOIN inv.zone z USING (zone_id)")
    db.sql("SELECT ops.grant_roles()")
    assert db.sql("SELECT DISTINCT zone FROM report.fresh", user="tenant") == "dmz"
    db.sql("DROP VIEW report.fresh")


def test_a_writer_writes_rows_and_changes_no_table():
    pg.psql(db.name, "CREATE ROLE daemon LOGIN; GRANT muster_writer TO daemon", user="postgres")
    db.sql("SELECT sensor_id FROM api.hello('w', gen_random_uuid()); SELECT api.next_due('{ports}'); SELECT (api.retain('{}')) ->> 'more';"
           "SELECT count(*) FROM alert.take('w', gen_random_uuid(), true, '1 minute', '{hook}', '{h}'); SELECT count(*) FROM ops.migration;"
           "SELECT api.annotate(asset_id, 'w', '{\"note\": \"x\"}') FROM report.host LIMIT 1; SELECT count(*) FROM report.host; SELECT count(*) FROM inv.fact_now", user="daemon")
    forbidden(db, "daemon", "ALTER TABLE inv.zone ADD x int", "DROP TABLE inv.doubt", words="must be owner")
    forbidden(db, "daemon", "CREATE TABLE inv.x (x int)", "TRUNCATE inv.change", "UPDATE ops.migration SET name = 'x'", "SELECT ops.secure_rows()", "CREATE SCHEMA x")


def test_a_sensor_calls_functions_and_reads_no_table():
    pg.psql(db.name, "CREATE ROLE probe LOGIN; GRANT muster_sensor TO probe", user="postgres")
    db.sql("SELECT sensor_id FROM api.hello('p', gen_random_uuid()); SELECT count(*) FROM api.claim(2, '{ports}', 1, '1 minute')", user="probe")
    forbidden(db, "probe", "SELECT * FROM inv.zone", "SELECT * FROM report.host", "SELECT api.annotate(gen_random_uuid(), 'x', '{}')", "SELECT api.forget_zone('lan', true)",
              *(f"SELECT api.{call}" for call in ("merge_assets(gen_random_uuid(), gen_random_uuid(), 'x', 'x')", "split_asset(gen_random_uuid(), '{}', 'x', 'x')", "undo_identity(1, 'x', 'x')")),
              "SELECT api.policy_add('x', 'x', 'SELECT 1', '{x}', 'high', '1 minute', 'x')")


def test_what_a_caller_left_in_its_session_is_not_used():
    """A function that runs as the owner must not write to a table that the caller made: its triggers would run as the owner too."""
    spy = ("CREATE FUNCTION pg_temp.spy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'spied as %', current_user; RETURN NULL; END $$;"
           "CREATE TEMP TABLE c_zone (name text, host_misses int2, blocks jsonb, passes jsonb);"
           "CREATE TEMP TABLE c_pass (zone_id int4, name text, kind text, slots int4multirange, misses int2, every interval, confirm interval);"
           "CREATE TEMP TABLE c_block (zone_id int4, lo inet, hi inet);"
           "CREATE TEMP TABLE keep (zone_id int4, history interval, scripts interval, coverage interval);" +
           "".join(f"GRANT ALL ON {table} TO PUBLIC; CREATE TRIGGER spy BEFORE INSERT OR TRUNCATE ON {table} EXECUTE FUNCTION pg_temp.spy();" for table in ("c_zone", "c_pass", "c_block", "keep")))
    for user, call in (("probe", "api.sync_config('{\"zones\": []}')"), ("daemon", "api.retain('{}')")):
        done = pg.psql(db.name, f"{spy} SELECT {call};", user=user, check=False)
        assert "spied" not in done.stderr and "already exists" in done.stderr, done.stderr
    assert db.sql("SELECT count(*) FROM pg_proc p WHERE p.prosecdef AND p.prosrc ~* 'temp table if not exists'; SELECT count(*) FROM pg_proc p WHERE p.prosecdef AND p.pronamespace <> 'pg_catalog'::regnamespace AND "
                  "NOT EXISTS (SELECT FROM unnest(p.proconfig) c WHERE c ~ '^search_path=(inv|report|pg_catalog), pg_temp$')") == "0\n0"


def test_a_superuser_may_own_it():
    own = filled(owner="postgres")
    own.sql("SELECT ops.add_reader('tenant2', '{dmz}')")
    assert own.sql("SELECT DISTINCT zone FROM report.host", user="tenant2") == "dmz"
    assert own.sql("SELECT count(DISTINCT zone) FROM report.host") == "2"


def test_without_the_right_to_create_roles_it_works_and_says_what_is_missing():
    pg.psql("postgres", "CREATE ROLE plain LOGIN", user="postgres")
    own = filled(owner="plain")
    assert own.sql("SELECT count(*) FROM report.host") == "4"
    got = own.fails("SELECT ops.secure_rows()")
    assert "needs the role muster_report: an administrator says CREATE ROLE muster_report; GRANT muster_report TO plain" in got, got
    assert own.sql("SELECT ops.grant_roles()") == "granted"
    pg.psql("postgres", "GRANT muster_report TO plain; CREATE ROLE tenant3 LOGIN; GRANT muster_reader TO tenant3", user="postgres")
    own.sql("INSERT INTO ops.reader_zone(role, zones) VALUES ('tenant3', '{lan}'); SELECT ops.grant_roles()")
    assert own.sql("SELECT DISTINCT zone FROM report.host", user="tenant3") == "lan"


def found():
    """A policy with a finding in each zone, and a message that was sent of each."""
    db.sql("SELECT api.policy_add('p', 'P', 'SELECT zone, address FROM host', '{zone,address}', 'high', '1 minute', 'x'); SELECT * FROM api.policy_next();"
           "SELECT api.policy_told(1, (SELECT run FROM inv.policy), '[]', NULL); SELECT * FROM api.policy_next('p');"
           "SELECT api.policy_told(1, (SELECT run FROM inv.policy), ops.q, NULL) FROM (SELECT jsonb_agg(to_jsonb(h)) AS q FROM (SELECT zone, address, asset_id FROM report.host) h) ops;"
           "SELECT count(*) FROM alert.take('w', gen_random_uuid(), true, '1 minute', '{hook}', '{h}');"
           "INSERT INTO alert.notice(id, endpoint_id, kind, type, severity, observed_at, dedup, event_seq) SELECT id, 1, 'event', type, severity, observed_at, dedup, seq FROM alert.event;"
           "INSERT INTO alert.attempt(endpoint_id, seq, n, outcome) SELECT 1, seq, 1, 'ok' FROM alert.notice")


if __name__ == "__main__":
    with pgtest.Cluster() as pg:
        db = filled()
        found()
        pgtest.run(globals())
