#!/usr/bin/env python3
"""What the schema does beside the diff: partitions, retention, unused values, time travel, the state of presence, large configurations."""
import json
import pathlib
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pgtest

CONFIG = {"zones": [{"name": "lab", "host_misses": 1, "blocks": [["10.0.0.0", "10.0.0.255"]], "passes": [
    {"name": "ports", "kind": "ports", "slots": "{[393216,458751]}", "misses": 1, "every": 3600, "confirm": 30},
    {"name": "services", "kind": "services", "slots": "{}", "misses": 1, "every": 3600, "confirm": 30},
    {"name": "scripts", "kind": "scripts", "slots": "{}", "misses": 1, "every": 3600, "confirm": 30}]}]}


def equal(what, got, want):
    assert got == want, f"{what}: {got!r}, not {want!r}"


class Lab:
    """One block; visits are applied as they come, with a script value per host on port 80."""

    def __init__(self):
        self.db = pg.database(migrated=True)
        self.db.sql(f"SELECT api.hello('t', gen_random_uuid()); SELECT api.sync_config('{json.dumps(CONFIG)}')")

    def visit(self, kind, hosts, value=None):
        """hosts: {address: state}; every host that is up has port 80, and for scripts this output."""
        up = [a for a, s in hosts.items() if s == "u"]
        facts = ",".join(up)
        attr = "10" if kind == "ports" else "-1"
        digest = "'00000000-0000-0000-0000-000000000001'" if kind == "ports" else f"md5('{value}')"
        n = len(up)
        return self.db.sql(f"""
          UPDATE inv.schedule s SET wanted_at = now(), due_at = now() FROM inv.profile p WHERE p.profile_id = s.profile_id AND p.kind = '{kind}';
          CREATE TEMP TABLE c AS SELECT * FROM api.claim(1, '{{{kind}}}', 1, '1 minute');
          SELECT r.verdict::text || r.events FROM c, api.apply_part(c.schedule_id, c.fence, 1, clock_timestamp(), 'icmp',
            '{{{",".join(hosts)}}}', '{{{",".join(hosts.values())}}}', array_fill(NULL::macaddr, ARRAY[{len(hosts)}]), array_fill('echo-reply'::text, ARRAY[{len(hosts)}]),
            array_fill(64::int2, ARRAY[{len(hosts)}]), array_fill(NULL::text, ARRAY[{len(hosts)}]), '{{title}}', 1,
            '{{{facts}}}', array_fill((6 << 16) + 80, ARRAY[{n}]), array_fill({attr}, ARRAY[{n}]), array_fill({digest}::uuid, ARRAY[{n}]), '{{}}', '{{}}', '{{}}',
            ARRAY[md5('{value}')::uuid], '{{x}}', ARRAY[jsonb_build_object('output', '{value}')::text], '{{}}', '{{}}') r;
          SELECT api.finish(schedule_id, fence, true, 'icmp', 0, 0, 0, 0, 0) IS NULL FROM c;
          DROP TABLE c""").splitlines()[0]

    def probe(self, kind, product):
        """A visit of this kind finds that product on port 80 of 10.0.0.1, None: nothing."""
        found = "'{10.0.0.1}', '{393296}', '{11}', ARRAY[md5('%s')::uuid]" % product if product else "'{}', '{}', '{}', '{}'"
        return self.db.sql(f"""
          UPDATE inv.schedule s SET wanted_at = now(), due_at = now() FROM inv.profile p WHERE p.profile_id = s.profile_id AND p.kind = '{kind}';
          CREATE TEMP TABLE c AS SELECT * FROM api.claim(1, '{{{kind}}}', 1, '1 minute');
          SELECT r.verdict::text || r.events FROM c, api.apply_part(c.schedule_id, c.fence, 1, clock_timestamp(), 'script', '{{10.0.0.1}}', '{{u}}', '{{NULL}}', '{{syn-ack}}',
            '{{64}}', '{{NULL}}', '{{}}', 0, {found}, '{{}}', '{{}}', '{{}}', ARRAY[md5('{product}')::uuid], '{{s}}', ARRAY['{{"product": "{product}"}}'], '{{}}', '{{}}') r;
          SELECT api.finish(schedule_id, fence, true, 'script', 0, 0, 0, 0, 0) IS NULL FROM c;
          DROP TABLE c""").splitlines()[0]


def test_a_service_ends_by_the_pass_that_found_it():
    lab = Lab()
    product = "SELECT COALESCE(string_agg(product, ' '), '-') FROM report.service"

    def miss(kind):
        """Not found while the port is seen to be open: that is what counts."""
        lab.probe(kind, None)
        lab.db.sql("UPDATE inv.doubt SET first_at = first_at - interval '1 minute', last_at = last_at - interval '1 minute'")
        lab.visit("ports", {"10.0.0.1": "u"})
        lab.probe(kind, None)
    lab.visit("ports", {"10.0.0.1": "u"})
    lab.probe("services", "nginx")
    miss("scripts")
    lab.db.equal("a pass of scripts need not find it", product, "nginx")
    miss("services")
    lab.db.equal("one of services does", product, "-")
    lab.probe("scripts", "MongoDB")
    miss("services")
    lab.db.equal("what scripts found is theirs", product, "MongoDB")
    lab.probe("services", "nginx")
    miss("services")
    lab.db.equal("until it is found to be something else", product, "-")
    lab.db.check_invariants()


def test_a_name_that_a_dead_process_took_with_it_is_taken_back():
    db = Lab().db
    living, dead = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
    db.sql(f"SELECT api.hello('t', '{living}'); SELECT api.hello('t', '{dead}')")
    claim = f"SELECT count(*) FROM api.claim(1, '{{ports}}', 1, '1 minute', '{living}')"
    db.equal("the later one has it", f"SELECT api.beat(1, '{living}')", "f")
    db.equal("and the visits", claim, 0)
    db.sql(f"SELECT count(*) FROM api.claim(1, '{{ports}}', 1, '1 minute', '{dead}')")
    db.sql("UPDATE inv.sensor SET greeted_at = now() - interval '1 minute', beat_at = now() - interval '30 seconds'")
    db.equal("while it beats", f"SELECT api.beat(1, '{living}')", "f")
    db.sql("UPDATE inv.sensor SET beat_at = now() - interval '50 seconds'")
    db.equal("when it is silent", f"SELECT api.beat(1, '{living}')", "t")
    db.equal("its visits are free", claim, 1)
    db.equal("it does not come back by a beat", f"SELECT api.beat(1, '{dead}')", "f")


def test_presence_has_three_values():
    lab = Lab()
    lab.visit("ports", {"10.0.0.1": "u", "10.0.0.2": "u"})
    lab.visit("ports", {"10.0.0.1": "u", "10.0.0.2": "d"})
    state = "SELECT string_agg(host(address) || ' ' || state, ', ' ORDER BY address) FROM report.host"
    lab.db.equal("states", state, "10.0.0.1 present, 10.0.0.2 absent")
    lab.db.equal("services", "SELECT string_agg(state, ' ' ORDER BY address) FROM report.service", "open dormant")
    lab.db.equal("asset", "SELECT string_agg(state || ' ' || open_ports, ', ' ORDER BY name) FROM report.asset", "present 1, absent 1")
    lab.db.sql("UPDATE inv.schedule SET last_at = now() - interval '5 hours'")
    lab.db.equal("nobody has looked lately", state, "10.0.0.1 unknown, 10.0.0.2 unknown")
    lab.db.sql("UPDATE inv.schedule SET last_at = now(); SELECT api.sync_config('{\"zones\": []}')")
    lab.db.equal("nobody looks any more", state, "10.0.0.1 unknown, 10.0.0.2 unknown")


def test_seen_and_checked_are_kept_apart():
    lab = Lab()
    lab.visit("ports", {"10.0.0.1": "u", "10.0.0.2": "u"})
    lab.db.sql("UPDATE inv.zone SET host_misses = 3")
    before = lab.db.sql("SELECT clock_timestamp()")
    lab.visit("ports", {"10.0.0.1": "u", "10.0.0.2": "d"})
    lab.db.equal("doubted: seen before, checked since", f"SELECT string_agg((last_seen > '{before}')::text || ' ' || (last_checked > '{before}') || ' ' || misses, ', ' "
                 "ORDER BY address) FROM report.host", "true true 0, false true 1")


def test_the_past_is_reconstructed():
    lab = Lab()
    lab.visit("ports", {"10.0.0.1": "u"})
    lab.visit("scripts", {"10.0.0.1": "u"}, "one")
    t1 = lab.db.sql("SELECT clock_timestamp()")
    lab.visit("scripts", {"10.0.0.1": "u"}, "two")
    lab.visit("ports", {"10.0.0.1": "d"})
    at = "SELECT string_agg(attribute || ' ' || COALESCE(value ->> 'output', value ->> 'state', 'asset'), ', ' ORDER BY attribute) FROM report.facts_at('lab', {})"
    lab.db.equal("then", at.format(f"'{t1}'"), "holder asset, port open, presence up, title one")
    lab.db.equal("now", at.format("now()"), "holder asset, port open, title two")
    lab.db.equal("before", at.format("'2020-01-01'"), "")
    lab.db.equal("the ledger is read in order, without gaps", "SELECT count(*) || ' ' || count(*) FILTER (WHERE news) FROM report.changes_after('0', 0, 100)", "6 2")
    lab.db.equal("and from where one stopped", "SELECT count(*) FROM (SELECT tx, change_id FROM report.changes_after('0', 0, 4) ORDER BY tx DESC, change_id DESC LIMIT 1) l, "
                 "LATERAL report.changes_after(l.tx, l.change_id, 100)", 2)


def test_partitions_are_made_ahead_and_wrong_clocks_do_not_stop_it():
    db = pg.database(migrated=True)
    db.equal("made ahead", "SELECT to_regclass('inv.' || 'change' || to_char(now() + interval '3 months', '_YYYY_MM')) IS NOT NULL", "t")
    db.equal("nothing to do", "SELECT ops.make_partitions(current_date, 3)", 0)
    db.equal("a year ahead", "SELECT ops.make_partitions(current_date + 365, 2)", 4)
    db.sql("INSERT INTO inv.coverage(at, from_at, zone_id, block_id, profile_id, fence, parts, complete, up, down, opened, altered, closed) "
           "SELECT now() + interval '10 months', now(), 1, 1, 1, 1, 1, true, 0, 0, 0, 0, 0")
    db.equal("the default partition takes it", "SELECT count(*) FROM inv.coverage_stray", 1)
    db.equal("and the invariants say so", "SELECT n FROM ops.invariants() WHERE what ~ 'partitions'", 1)
    assert "violated" in db.fails("SELECT ops.make_partitions(current_date + 290, 3)")
    db.sql("SELECT api.upkeep()")


def test_retention_drops_whole_months():
    db = pg.database(migrated=True)
    db.sql("SELECT ops.make_partitions('2024-01-01', 3)")
    db.equal("dropped", "SELECT string_agg(d, ' ' ORDER BY d) FROM ops.drop_before('2024-03-15') d", "change_2024_01 change_2024_02 coverage_2024_01 coverage_2024_02")
    db.equal("kept", "SELECT to_regclass('inv.change_2024_03') IS NOT NULL", "t")


def test_values_that_nothing_refers_to_are_collected():
    lab = Lab()
    lab.visit("ports", {"10.0.0.1": "u"})
    lab.visit("scripts", {"10.0.0.1": "u"}, "one")
    lab.visit("scripts", {"10.0.0.1": "u"}, "two")
    lab.db.sql("INSERT INTO inv.value_script(value, output) VALUES (md5('nobody')::uuid, 'x'); UPDATE inv.value_script SET kept_at = current_date - 40")
    lab.db.equal("one is unused; the past and the present are not", "SELECT ops.collect_values(30, 100)", 1)
    lab.db.check_invariants()
    # a value that comes back is asked for again
    lab.db.sql("DELETE FROM inv.value_script WHERE value = md5('two')::uuid")
    lab.visit("scripts", {"10.0.0.1": "u"}, "one")
    lab.visit("scripts", {"10.0.0.1": "u"}, "two")
    lab.db.check_invariants()


def test_values_are_collected_in_a_call_of_their_own():
    db = Lab().db

    def retain():
        return json.loads(db.sql("SELECT api.retain('{\"history\": 86400000, \"values\": 2592000}') - 'deleted' - 'expired'"))
    db.sql("SELECT ops.make_partitions('2020-01-01', 1); INSERT INTO inv.value_script(value, output, kept_at) VALUES (md5('nobody')::uuid, 'x', current_date - 40)")
    equal("a month alone", retain(), {"dropped": ["change_2020_01"], "values": 0, "more": True})
    equal("then the values", retain(), {"dropped": [], "values": 1, "more": False})
    # one that is cut off by the timeout undoes nothing
    db.sql("CREATE OR REPLACE FUNCTION ops.collect_values(p_spare_days int4, p_n int4) RETURNS int8 LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'too slow' USING ERRCODE = 'query_canceled'; END $$;"
           "DO $$ BEGIN EXECUTE 'DROP TABLE inv.change' || to_char(now() + interval '3 months', '_YYYY_MM'); END $$")
    equal("cut off", retain(), {"dropped": [], "values": 0, "more": False})
    db.equal("the months to come are there", "SELECT to_regclass('inv.change' || to_char(now() + interval '3 months', '_YYYY_MM')) IS NOT NULL", "t")


def test_values_of_yesterday_find_their_place_and_nobody_notices():
    lab = Lab()
    lab.visit("ports", {"10.0.0.1": "u"})
    for text in ("one", "two", "three"):
        lab.visit("scripts", {"10.0.0.1": "u"}, text)
    seen = "SELECT string_agg(output, ' ' ORDER BY output) FROM inv.value_script"
    before = lab.db.sql(seen)
    lab.db.equal("those of today wait", "SELECT ops.settle_values()", 0)
    lab.db.sql("UPDATE inv.value_script SET kept_at = current_date - 1 WHERE value <> md5('three')::uuid")
    lab.db.sql("SELECT api.upkeep()")
    lab.db.equal("settled", "SELECT count(*) FROM ONLY inv.value_script", 2)
    lab.db.equal("all are there", seen, before)
    for text in ("one", "two", "three"):                       # known in either place: neither twice nor asked for
        lab.visit("scripts", {"10.0.0.1": "u"}, text)
    lab.db.equal("once each", seen, before)
    lab.db.equal("with a view in its place nothing moves", "SELECT ops.settle_values(current_date + 1)", 1)
    lab.db.sql("DROP TABLE inv.value_script_fresh; CREATE VIEW inv.value_script_fresh AS SELECT * FROM inv.value_script")
    lab.visit("scripts", {"10.0.0.1": "u"}, "four")
    lab.db.equal("stored", seen, "four " + before)
    lab.db.equal("nor lost", "SELECT ops.settle_values(current_date + 1)", 0)
    lab.db.check_invariants()


def test_large_network_is_scheduled_and_claimed_in_time():
    db = pg.database(migrated=True)
    db.sql("SELECT api.hello('t', gen_random_uuid())")
    db.sql("""SELECT api.sync_config(jsonb_build_object('zones', jsonb_build_array(jsonb_build_object('name', 'wide', 'host_misses', 3,
      'blocks', (SELECT jsonb_agg(jsonb_build_array(host(lo), host(lo + 255))) FROM (SELECT '10.0.0.0'::inet + i * 256 AS lo FROM generate_series(0, 65535) i) q),
      'passes', '[{"name": "presence", "kind": "presence", "misses": 2, "every": 3600, "confirm": 30},
                  {"name": "ports", "kind": "ports", "slots": "{[393216,458751]}", "misses": 2, "every": 86400, "confirm": 30},
                  {"name": "scripts", "kind": "scripts", "misses": 2, "every": 86400, "confirm": 30}]'::jsonb))))""")
    db.equal("rows", "SELECT count(*) FROM inv.schedule", 3 * 65536)
    # within the statement timeout of the service, by far
    db.sql("SET statement_timeout = 2000; SELECT count(*) FROM api.claim(1, '{presence,ports}', 8, '1 minute'); SELECT api.next_due('{scripts}'); SELECT api.next_due('{presence,ports}')")


def test_sensors_that_claim_at_once_share_the_work():
    db = pg.database(migrated=True)
    db.sql("""SELECT api.hello('s' || i, gen_random_uuid()) FROM generate_series(1, 4) i;
      SELECT api.sync_config(jsonb_build_object('zones', jsonb_build_array(jsonb_build_object('name', 'z', 'host_misses', 3,
      'blocks', (SELECT jsonb_agg(jsonb_build_array(host(lo), host(lo + 255))) FROM (SELECT '10.0.0.0'::inet + i * 256 AS lo FROM generate_series(0, 99) i) q),
      'passes', '[{"name": "presence", "kind": "presence", "misses": 2, "every": 3600, "confirm": 30}]'::jsonb))))""")
    got = []
    loop = "".join(f"SELECT schedule_id FROM api.claim({{0}}, '{{{{presence}}}}', 7, '1 minute');\n" for _ in range(8))
    threads = [threading.Thread(target=lambda i=i: got.extend(db.sql(loop.format(i)).split())) for i in range(1, 5)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(got) == 100 and len(set(got)) == 100, f"{len(got)} claims of {len(set(got))} rows"


def test_what_is_asked_for_while_a_pass_is_claimed_is_in_its_scope():
    """The claim is held up where it looks for rows, by a policy on them, until another session has asked for one more address."""
    lab = Lab()
    db = lab.db
    db.sql("""UPDATE inv.schedule SET last_at = now(), wanted_at = now() + interval '1 hour', due_at = now() + interval '1 hour', sensor_id = NULL;
      CREATE FUNCTION inv.hold_up() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN
        IF current_setting('muster.hold_up', true) = 'on' THEN PERFORM pg_advisory_xact_lock_shared(1); END IF; RETURN true; END $$;
      ALTER TABLE inv.schedule ENABLE ROW LEVEL SECURITY; ALTER TABLE inv.schedule FORCE ROW LEVEL SECURITY;
      CREATE POLICY hold_up ON inv.schedule USING (inv.hold_up());
      SELECT api.rescan('lab', '10.0.0.5', '10.0.0.5')""")
    gate, got = db.connect(), []
    gate.sql("SELECT pg_advisory_lock(1)")
    claim = threading.Thread(target=lambda: got.append(db.sql("SET muster.hold_up = on; SELECT scope FROM api.claim(1, '{ports}', 1, '1 minute')")))
    claim.start()
    db.waits("the claim", "%api.claim%")
    db.equal("asked", "SELECT api.rescan('lab', '10.0.0.7', '10.0.0.7') > 0", "t")
    gate.close()
    claim.join()
    assert got == ["{10.0.0.5,10.0.0.7}"], got


if __name__ == "__main__":
    with pgtest.Cluster() as pg:
        pgtest.run(globals())
