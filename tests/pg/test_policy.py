#!/usr/bin/env python3
"""Policies: rows that appear, change and go are changes; the first run is a baseline; a query can do nothing but read."""
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pgtest
import test_store_diff as helpers

MUSTER = pathlib.Path(os.environ.get("MUSTER_BUILD", pgtest.ROOT / "build")) / "muster"
QUERY = "SELECT zone, address, asset_id, protocol, port, service, last_seen FROM open_services WHERE port = 22"


def muster(*words, check=0):
    run = subprocess.run([str(MUSTER), "--database", db.conninfo, *words], capture_output=True, text=True, timeout=60)
    if run.returncode != check:
        raise AssertionError(f"muster {' '.join(words)}: exit {run.returncode}, not {check}: {run.stdout}{run.stderr}")
    return run.stdout if check != 2 else run.stderr


def run(name="no-ssh"):
    """As musterd does it."""
    return db.sql(f"""CREATE TEMP TABLE n AS SELECT * FROM api.policy_next('{name}');
      SELECT api.policy_told(policy_id, run, ops_rows.r, NULL) FROM n, LATERAL (SELECT jsonb_agg(to_jsonb(q)) AS r FROM (SELECT * FROM t.rows) q) ops_rows""")


def told():
    return db.sql("SELECT string_agg(type || ' ' || subject, ', ' ORDER BY seq) FROM alert.event WHERE type LIKE 'policy.%'")


def visit(minutes, ports):
    facts = ",".join(f'"10.1.0.{h} {p} port -"' for h, p in ports)
    db.sql(f"""SELECT t.visit('lan', 'ports', now() - interval '{minutes} minutes', '{{"10.1.0.1 u","10.1.0.2 u"}}', '{{{facts}}}'); UPDATE inv.schedule SET last_at = now() - interval '1 second'""")


def test_the_first_run_is_a_baseline():
    db.sql("SELECT t.zone('lan', '10.1.0', '{presence,ports}')")
    visit(60, [(1, 22)])
    assert muster("policy", "add", "no-ssh", QUERY + "  -- for now", "--severity", "high", "--title", "No SSH", "--by", "ann").startswith("no-ssh was added")
    assert muster("policy", "list").split("\t")[:4] == ["no-ssh", "new", "0", "high"], muster("policy", "list")
    row = muster("policy", "run", "no-ssh", check=1).split("\t")
    assert row[:3] == ["lan", "10.1.0.1", "22/tcp"] and row[4] == "open", row
    assert told() == "" and muster("changes") == "", (told(), muster("changes"))
    assert muster("policy", "run", "no-ssh").startswith("lan\t10.1.0.1"), "last_seen alone is no change"


def test_rows_that_appear_and_go_are_changes():
    visit(50, [(1, 22), (2, 22)])
    muster("policy", "run", "no-ssh", check=1)
    assert told().startswith("policy.violated policy/no-ssh/lan/") and told().endswith("/10.1.0.2/tcp/22"), told()
    line = [x for x in muster("changes", check=1).splitlines() if " violated " in x]
    assert len(line) == 1 and "10.1.0.2" in line[0], muster("changes", check=1)
    told_as = [json.loads(x) for x in muster("changes", "--format", "json", check=1).splitlines() if '"policy"' in x]
    assert len(told_as) == 1 and told_as[0]["what"] == "violated", told_as
    body = json.loads(db.sql("SELECT body FROM alert.event WHERE type = 'policy.violated'"))
    assert (body["state"], body["severity"], body["subject"]["host"], body["subject"]["port"]) == ("firing", "high", "10.1.0.2", 22), body
    for minutes in (40, 30):
        visit(minutes, [(1, 22)])
    muster("policy", "run", "no-ssh", check=1)
    assert told().split(", ")[1].startswith("policy.cleared policy/no-ssh/lan/"), told()
    db.equal("one condition", "SELECT count(DISTINCT dedup) FROM alert.event WHERE type LIKE 'policy.%'", 1)
    db.check_invariants()


def test_what_is_approved_is_told_when_the_approval_ends():
    assert muster("approve", "10.1.0.2", "--policy", "no-ssh", "--until", "30d", "--by", "bob") .startswith("10.1.0.2: policy no-ssh is approved until")
    before = told()
    visit(20, [(1, 22), (2, 22)])
    muster("policy", "run", "no-ssh", check=1)
    assert told() == before, told()
    got = {r["address"]: r for r in map(json.loads, muster("report", "run", "policy_findings", "--format", "json").splitlines())}
    assert (got["10.1.0.2"]["state"], got["10.1.0.2"]["approved_by"], got["10.1.0.1"]["state"]) == ("approved", "bob", "open"), got
    db.sql("UPDATE inv.approval SET expires_at = now() - interval '1 second'")
    muster("policy", "run", "no-ssh", check=1)
    assert told().count("policy.violated") == 2, told()


def test_a_result_counts_once_and_for_its_lease_alone():
    first = db.sql("SELECT policy_id || ' ' || run FROM api.policy_next('no-ssh')").split()
    second = db.sql("SELECT policy_id || ' ' || run FROM api.policy_next('no-ssh')").split()
    before = told()
    db.equal("late", f"SELECT api.policy_told({first[0]}, {first[1]}, '[]', NULL)", -1)
    db.equal("nothing happened", "SELECT count(*) FROM report.policy_findings", 2)
    db.equal("in time", f"SELECT api.policy_told({second[0]}, {second[1]}, '[]', NULL)", 2)
    db.equal("twice", f"SELECT api.policy_told({second[0]}, {second[1]}, '[]', NULL)", -1)
    assert told().count("cleared") == before.count("cleared") + 2, told()
    db.equal("none is due", "SELECT count(*) FROM api.policy_next()", 0)


def test_a_query_can_only_read_what_a_reader_may():
    for query, words in (("SELECT count(*) AS port FROM inv.fact_now", "permission denied for schema inv"), ("DELETE FROM report.catalog RETURNING name AS zone", "syntax error"),
                         ("SELECT 1 AS port) q; DELETE FROM report.catalog; SELECT * FROM (SELECT 1", "cannot insert multiple commands"), ("SELECT nosuch FROM host", 'column "nosuch" does not exist'),
                         ("SELECT 1 AS x", "give --key COLUMN"), ("SELECT zone FROM host) q WHERE (true", "syntax error")):
        err = muster("policy", "add", "bad", query, check=2)
        assert words in err and len(err.splitlines()) == 1, (query, err)
    for words, message in ((["bad", QUERY, "--key", "zone,nope"], "--key: the query has no column 'nope'"), (["Bad Name", QUERY], "is not a name"), (["no-ssh", QUERY], "there is a policy 'no-ssh' already"),
                           (["bad", QUERY, "--every", "1s"], "every 10 seconds at most")):
        err = muster("policy", "add", *words, check=2)
        assert message in err and len(err.splitlines()) == 1, (words, err)
    db.sql("SET statement_timeout = 300; SELECT 1")
    assert "permission denied" in db.fails("SELECT ops.policy_rows('SELECT * FROM inv.zone', 5)")
    assert "more than 3 rows" in db.fails("SELECT ops.policy_rows('SELECT generate_series(1, 9) AS n', 3)")
    assert "statement timeout" in db.fails("SET statement_timeout = 200; SELECT ops.policy_rows('SELECT pg_sleep(9)', 3)")


def attack(query, before=""):
    """What the server says to it, in a session of the owner; "" when it gives rows."""
    done = db.cluster.psql(db.name, f"{before} SELECT ops.policy_rows($a${query}$a$, 5)", db.owner, check=False)
    return done.stderr if done.returncode else ""


def test_a_query_can_not_leave_its_role_or_its_transaction():
    deep = "SELECT query_to_xml($q${}$q$, true, true, '') AS x"
    for query, words in (
            # rights
            ("SELECT set_config('role', 'muster', true)", "within security-definer function"),
            ("SELECT set_config('role', 'none', false)", "within security-definer function"),
            ("SELECT set_config('session_authorization', 'postgres', true)", "within security-definer function"),
            (deep.format("RESET ROLE"), "not allowed in a non-volatile function"), (deep.format("SET ROLE muster"), "not allowed in a non-volatile function"),
            (deep.format("SELECT * FROM inv.zone"), "permission denied for schema inv"), (deep.format("SELECT * FROM ops.migration"), "permission denied for schema ops"),
            ("SELECT * FROM alert.event", "permission denied for schema alert"), ("SELECT api.policy_remove('no-ssh')", "permission denied for schema api"),
            ("SELECT ops.policy_read('SELECT 1', 1)", "permission denied for schema ops"), ("SELECT pg_read_file('/etc/passwd')", "permission denied"),
            ("SELECT lo_export(1, '/tmp/x')", "permission denied"), ("SELECT pg_ls_dir('/')", "permission denied"), ("SELECT rolpassword FROM pg_authid", "permission denied"),
            ("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres' OR pid <> pg_backend_pid()", "must be a"),
            # writes
            (deep.format("DELETE FROM inv.zone"), "permission denied for schema inv"), (deep.format("CREATE TABLE report.x()"), "not allowed in a non-volatile function"),
            (deep.format("CREATE TEMP TABLE x()"), "not allowed in a non-volatile function"), (deep.format("DELETE FROM report.catalog"), "not allowed in a non-volatile function"),
            ("WITH d AS (DELETE FROM report.catalog RETURNING 1) SELECT * FROM d", "must be at the top level"),
            ("SELECT set_config('transaction_read_only', 'off', true)", "read-write mode inside a read-only transaction"),
            (deep.format("SET TRANSACTION READ WRITE"), "not allowed in a non-volatile function"),
            # more than one statement, and no statement that reads
            ("SELECT 1) q; DELETE FROM report.catalog; SELECT * FROM (SELECT 1", "syntax error"),
            *((f"SELECT 1) q) q; {word}; SELECT * FROM (SELECT * FROM (SELECT 1", "multi-query plan as cursor")
              for word in ("DELETE FROM report.catalog", "RESET ROLE", "COMMIT", "SET TRANSACTION READ WRITE", "SELECT 2")),
            ("COPY report.catalog TO PROGRAM 'touch /tmp/x'", "syntax error"), (deep.format("COPY (SELECT 1) TO PROGRAM 'touch /tmp/x'"), "COPY"),
            (deep.format("COMMIT"), "invalid query"), (deep.format("SAVEPOINT x"), "invalid query"), ("DO $d$ BEGIN END $d$", "syntax error"),
            ("SELECT * FROM dblink('host=/', 'SELECT 1') AS t(a int)", "does not exist")):
        got = attack(query)
        assert words in got, (query, got)
    assert "statement timeout" in attack("SELECT set_config('statement_timeout', '0', false), pg_sleep(9)", "SET statement_timeout = 200;")
    db.equal("all is there", "SELECT (SELECT count(*) FROM inv.zone) || ' ' || (SELECT count(*) > 20 FROM report.catalog)", "1 true")


def test_a_query_leaves_nothing_behind_in_the_session():
    got = db.sql("""SET statement_timeout = '7s';
      SELECT ops.policy_rows($$SELECT set_config('statement_timeout', '0', false), set_config('search_path', 'pg_temp', false), set_config('default_transaction_read_only', 'on', false),
                                      pg_advisory_lock(731086873, 1)::text, pg_notify('muster', 'x')::text$$, 5) IS NOT NULL;
      SELECT current_setting('statement_timeout') || ' ' || current_setting('search_path') || ' ' || current_setting('transaction_read_only') || ' ' || current_user;
      SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();""").split("\n")
    assert got == ["t", '7s "$user", public off muster', "0"], got


def test_without_a_reader_no_query_runs():
    lonely = pg.database(migrated=True)
    lonely.sql(f"GRANT CREATE ON SCHEMA ops TO {lonely.owner}; ALTER FUNCTION ops.policy_read(text, int4) OWNER TO {lonely.owner}", user="postgres")
    pg.psql("postgres", f"REVOKE muster_reader FROM {lonely.owner}", user="postgres")
    try:
        assert "an administrator says CREATE ROLE muster_reader" in lonely.fails("SELECT ops.policy_rows('SELECT 1 AS n', 5)")
    finally:
        pg.psql("postgres", f"GRANT muster_reader TO {lonely.owner}", user="postgres")
    assert lonely.sql("SELECT ops.policy_rows('SELECT 1 AS n', 5)") == '[{"n": 1}]', "as soon as there is one, it is used"


def test_a_query_that_fails_is_told_once():
    db.sql("SELECT api.policy_add('broken', 'Broken', 'SELECT nothing', '{zone}', 'warning', '1 minute', 'x')")
    for _ in range(2):
        err = muster("policy", "run", "broken", check=2)
        assert 'column "nothing" does not exist' in err, err
    assert told().count("policy.failed") == 1, told()
    assert "failed" in [x for x in muster("policy", "list").splitlines() if x.startswith("broken")][0]
    for _ in range(2):
        db.sql("SELECT api.policy_told(policy_id, run, '[]', NULL) FROM api.policy_next('broken')")
        assert told().count("policy.recovered policy/broken") == 1, told()
    db.equal("its end", "SELECT count(DISTINCT dedup), string_agg(body ->> 'state', ' ' ORDER BY seq), min(severity) FROM alert.event WHERE subject = 'policy/broken'", "1|firing resolved|1")
    muster("policy", "run", "broken", check=2)
    assert told().count("policy.failed") == 2, told()
    assert muster("policy", "remove", "broken") == "broken was removed\n"
    assert told().count("policy.recovered policy/broken") == 2, "what is removed fails no more"
    assert "there is no policy 'broken'" in muster("policy", "run", "broken", check=2)
    assert "there is no policy 'broken'" in muster("policy", "remove", "broken", check=2)
    for rows, words in (('[{"zone": "a"}]', "have no column"), ('[{"zone":"a","asset_id":null,"address":"x","protocol":1,"port":"y"},{"zone":"a","asset_id":null,"address":"x","protocol":1,"port":"y"}]', "two rows have the key")):
        db.sql(f"SELECT api.policy_told(policy_id, run, '{rows}', NULL) FROM api.policy_next('no-ssh')")
        assert words in db.sql("SELECT error FROM report.policy WHERE name = 'no-ssh'")
    db.sql("""SELECT api.policy_told(policy_id, run, '[{"zone":7,"asset_id":"u","address":"x","protocol":1,"port":"y"}]', NULL) FROM api.policy_next('no-ssh')""")
    db.equal("values that are none of theirs", "SELECT concat(zone, address, asset_id, port) FROM report.policy_findings", "7")


def test_what_is_told_of_a_policy_ends_when_it_is_removed():
    db.sql("SELECT api.policy_add('short-lived', 'Short', 'SELECT 1', '{zone,address}', 'high', '1 minute', 'x')")
    for rows in ('[]', '[{"zone":"lan","address":"10.1.0.1"},{"zone":"lan","address":"10.1.0.2"}]'):
        db.sql(f"SELECT api.policy_told(policy_id, run, '{rows}', NULL) FROM api.policy_next('short-lived')")
    db.sql("UPDATE inv.policy_finding SET told = false WHERE row ->> 'address' = '10.1.0.2'")       # somebody approved it
    assert muster("policy", "remove", "short-lived") == "short-lived was removed\n"
    db.equal("told", "SELECT string_agg(type || ' ' || (body ->> 'state') || ' ' || (body -> 'subject' ->> 'host'), ', ' ORDER BY seq) FROM alert.event WHERE subject LIKE 'policy/short-lived%'",
             "policy.violated firing 10.1.0.1, policy.violated firing 10.1.0.2, policy.cleared resolved 10.1.0.1")
    db.equal("written down", "SELECT count(*) || ' ' || count(*) FILTER (WHERE news) FROM inv.policy_change WHERE policy = 'short-lived' AND what = 'cleared'", "2 1")


def test_a_zone_is_forgotten():
    assert "zone lan is in the configuration" in muster("forget", "lan", check=2)
    db.sql("UPDATE inv.zone SET retired_at = now()")
    assert muster("forget", "lan") == "the history of zone lan is forgotten\n"
    assert muster("forget", "lan", "--all") == "zone lan is forgotten\n"
    assert "there is no zone 'lan'" in muster("forget", "lan", check=2)


def test_a_run_without_an_answer_is_an_error():
    muster("policy", "add", "twice", "SELECT zone FROM (VALUES ('lan'), ('lan')) v(zone)", "--key", "zone", "--by", "ann")
    error = muster("policy", "run", "twice", check=2)
    assert error.startswith("muster policy run: policy 'twice': two rows have the key"), error


if __name__ == "__main__":
    if not MUSTER.exists():
        pgtest.skip(f"{MUSTER} is not built")
    with pgtest.Cluster() as pg:
        db = pg.database(migrated=True)
        db.sql(helpers.ZONES + helpers.HELPERS.replace("CREATE SCHEMA t;", ""))
        pgtest.run(globals())
