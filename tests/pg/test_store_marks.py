#!/usr/bin/env python3
"""Host marks: the three rules without which they lie, case by case; and a random walk in which one zone is told with marks and another
in full: states, doubts and changes must be the same after every visit.  So too where lists of facts are compared as a whole and where they are
compared one by one."""
import os
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pgtest

HELPERS = """
CREATE SCHEMA t;
CREATE TABLE t.memory (zone text, pass text, addr inet, mark uuid, PRIMARY KEY (zone, pass, addr));   -- of the client
CREATE FUNCTION t.slot(p text) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN p = '0' THEN 0 ELSE (6 << 16) | p::int END $$;
CREATE FUNCTION t.value(p text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p = '-' THEN '00000000-0000-0000-0000-000000000001'::uuid ELSE md5(p)::uuid END $$;
-- hosts 'addr state [mac]', facts 'addr port attr value', unsure 'addr port attr'; attr: mac port service or a script.
-- Sends as the client does: marks alone for what it remembers, in full what the server needs.  Answers verdicts and counts.
CREATE FUNCTION t.tell(p_zone text, p_pass text, p_at timestamptz, p_hosts text[], p_facts text[], p_unsure text[], p_scripts text[], p_marks bool)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE v_id int8; v_fence int8; r record; v_try int := 0; v_full inet[] := '{}'; v_verdicts text := '';
BEGIN
  UPDATE inv.schedule s SET fence = nextval('inv.fence'), part_done = 0, sensor_id = 1, claimed_at = p_at, scope = NULL, asked = '{}', up = 0,
         down = 0, opened = 0, altered = 0, closed = 0, blind = '{}', set_id = NULL, method = NULL
    FROM inv.profile p JOIN inv.zone z USING (zone_id)
   WHERE p.profile_id = s.profile_id AND z.name = p_zone AND p.name = p_pass AND s.retired_at IS NULL
  RETURNING s.schedule_id, s.fence INTO STRICT v_id, v_fence;
  LOOP
    WITH h AS MATERIALIZED (
      SELECT o::int4 AS n, split_part(x, ' ', 1)::inet AS addr, split_part(x, ' ', 2) AS state, NULLIF(split_part(x, ' ', 3), '')::macaddr AS mac
        FROM unnest(p_hosts) WITH ORDINALITY t(x, o)),
    f AS MATERIALIZED (
      SELECT h.n, h.addr, t.slot(split_part(x, ' ', 2)) AS slot,
             CASE split_part(x, ' ', 3) WHEN 'mac' THEN 2 WHEN 'port' THEN 10 WHEN 'service' THEN 11 ELSE -array_position(p_scripts, split_part(x, ' ', 3)) END AS attr,
             NULLIF(split_part(x, ' ', 4), '') AS value
        FROM unnest(p_facts || p_unsure) t(x) JOIN h ON h.addr = split_part(x, ' ', 1)::inet),
    m AS MATERIALIZED (
      SELECT h.*, k.mark, CASE WHEN k.mark = y.mark AND NOT h.addr = ANY(v_full) THEN 'm' ELSE h.state END AS sent
        FROM h LEFT JOIN LATERAL (
               SELECT md5(p_pass || p_scripts::text || COALESCE(h.mac::text, '') || COALESCE(string_agg(concat_ws(' ', slot, attr, value), ',' ORDER BY slot, attr), ''))::uuid AS mark
                 FROM f WHERE f.n = h.n HAVING bool_and(f.value IS NOT NULL) IS NOT FALSE) k ON p_marks AND h.state = 'u'
        LEFT JOIN t.memory y ON y.zone = p_zone AND y.pass = p_pass AND y.addr = h.addr)
    SELECT a.*, ARRAY(SELECT addr FROM m ORDER BY n) AS addrs, ARRAY(SELECT mark FROM m ORDER BY n) AS marks INTO r
      FROM api.apply_visit(v_id, v_fence, 1, p_at, 'arp', ARRAY(SELECT addr FROM m ORDER BY n), ARRAY(SELECT sent::"char" FROM m ORDER BY n),
        ARRAY(SELECT mark FROM m ORDER BY n), ARRAY(SELECT mac FROM m ORDER BY n), array_fill(NULL::text, ARRAY[cardinality(p_hosts)]),
        array_fill(NULL::int2, ARRAY[cardinality(p_hosts)]), array_fill(NULL::text, ARRAY[cardinality(p_hosts)]), p_scripts, cardinality(p_scripts),
        ARRAY(SELECT f.n FROM f JOIN m USING (n) WHERE value IS NOT NULL AND sent <> 'm' ORDER BY f.n, slot, attr),
        ARRAY(SELECT f.slot FROM f JOIN m USING (n) WHERE value IS NOT NULL AND sent <> 'm' ORDER BY f.n, slot, attr),
        ARRAY(SELECT f.attr FROM f JOIN m USING (n) WHERE value IS NOT NULL AND sent <> 'm' ORDER BY f.n, slot, attr),
        ARRAY(SELECT t.value(f.value) FROM f JOIN m USING (n) WHERE value IS NOT NULL AND sent <> 'm' ORDER BY f.n, slot, attr),
        ARRAY(SELECT n FROM f WHERE value IS NULL ORDER BY n, slot, attr), ARRAY(SELECT slot FROM f WHERE value IS NULL ORDER BY n, slot, attr),
        ARRAY(SELECT attr FROM f WHERE value IS NULL ORDER BY n, slot, attr),
        ARRAY(SELECT t.value(value) FROM f WHERE value IS NOT NULL AND attr <> 10 ORDER BY n, slot, attr),
        ARRAY(SELECT CASE WHEN attr = 2 THEN 't' WHEN attr = 11 THEN 's' ELSE 'x' END::"char" FROM f WHERE value IS NOT NULL AND attr <> 10 ORDER BY n, slot, attr),
        ARRAY(SELECT CASE WHEN attr = 2 THEN value ELSE jsonb_build_object('output', value, 'name', value)::text END FROM f WHERE value IS NOT NULL AND attr <> 10 ORDER BY n, slot, attr),
        '{}', '{}', true, 1, 0, 0, 0, 1) a;
    v_verdicts := v_verdicts || r.verdict::text;
    EXIT WHEN r.verdict <> 'w' OR v_try > 1;
    v_try := v_try + 1;
    v_full := ARRAY(SELECT r.addrs[n] FROM unnest(r.need) n);
  END LOOP;
  IF r.verdict <> 'a' THEN RAISE EXCEPTION 'verdicts %', v_verdicts; END IF;
  INSERT INTO t.memory SELECT p_zone, p_pass, q.addr, q.mark FROM unnest(r.addrs, r.marks) q(addr, mark) WHERE q.mark IS NOT NULL
    ON CONFLICT ON CONSTRAINT memory_pkey DO UPDATE SET mark = excluded.mark;
  UPDATE inv.schedule SET last_at = p_at + interval '1 second' WHERE schedule_id = v_id AND last_from = p_at;
  UPDATE inv.coverage SET at = p_at + interval '1 second' WHERE fence = v_fence;
  RETURN v_verdicts || ' ' || r.opened || ' ' || r.altered || ' ' || r.closed || ' ' || r.events;
END $$;
-- All that is known of a zone, without the assets' ids.
CREATE FUNCTION t.state(p_zone text) RETURNS text LANGUAGE sql AS $$
  SELECT concat_ws(E'\\n',
    (SELECT string_agg(concat_ws(' ', 'fact', host(addr), slot, attr_id, CASE WHEN attr_id <> 0 THEN value END, since), E'\\n' ORDER BY addr, slot, attr_id) FROM inv.fact_now WHERE zone_id = z.zone_id),
    (SELECT string_agg(concat_ws(' ', 'doubt', host(addr), slot, attr_id, p.name, d.misses, first_at, last_at, seen_at), E'\\n' ORDER BY addr, slot, attr_id)
       FROM inv.doubt d JOIN inv.profile p USING (profile_id) WHERE d.zone_id = z.zone_id),
    (SELECT string_agg(concat_ws(' ', 'change', host(addr), slot, attr_id, p.name, cause, news, at, old_since, seen_at, CASE WHEN attr_id <> 0 THEN old_value END, CASE WHEN attr_id <> 0 THEN new_value END), E'\\n'
                       ORDER BY at, addr, slot, attr_id, cause)
       FROM (SELECT * FROM inv.change c WHERE c.zone_id = z.zone_id ORDER BY c.change_id DESC LIMIT 60) c JOIN inv.profile p USING (profile_id)),
    (SELECT count(*) FROM inv.change c WHERE c.zone_id = z.zone_id))
  FROM inv.zone z WHERE z.name = p_zone $$;
CREATE FUNCTION t.both(p_pass text, p_at timestamptz, p_hosts text[], p_facts text[], p_unsure text[], p_scripts text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE v_marked text; v_full text;
BEGIN
  v_full := t.tell('full', p_pass, p_at, p_hosts, p_facts, p_unsure, p_scripts, false);
  v_marked := t.tell('marked', p_pass, p_at, p_hosts, p_facts, p_unsure, p_scripts, current_setting('t.marks', true) IS DISTINCT FROM 'off');
  IF substring(v_full FROM ' (.*)') <> substring(v_marked FROM ' (.*)') OR t.state('full') <> t.state('marked') THEN
    RAISE EXCEPTION E'the zones differ after % at % of % with % unsure %: in full %, with marks %\\n--- in full\\n%\\n--- with marks\\n%', p_pass, p_at, p_hosts, p_facts, p_unsure,
      v_full, v_marked, t.state('full'), t.state('marked');
  END IF;
  RETURN v_marked;
END $$;
"""


def setup():
    passes = ('[{"name": "presence", "kind": "presence", "slots": "{}", "misses": 2, "every": 3600, "confirm": 30},'
              '{"name": "few", "kind": "ports", "slots": "{[393216,393417)}", "misses": 2, "every": 3600, "confirm": 30},'
              '{"name": "many", "kind": "ports", "slots": "{[393216,458751)}", "misses": 2, "every": 3600, "confirm": 30},'
              '{"name": "services", "kind": "services", "slots": "{}", "misses": 2, "every": 3600, "confirm": 30},'
              '{"name": "scripts", "kind": "scripts", "slots": "{}", "misses": 2, "every": 3600, "confirm": 30}]')
    db = pg.database(migrated=True)
    db.sql(HELPERS)
    zones = ",".join(f'{{"name": "{z}", "host_misses": 2, "blocks": [["10.0.0.0", "10.0.0.255"]], "passes": {passes}}}' for z in ("full", "marked"))
    db.sql(f"SELECT api.hello('test', gen_random_uuid()); SELECT api.sync_config('{{\"zones\": [{zones}]}}')")
    return db


class Walk:
    def __init__(self, db):
        self.db, self.hour, self.statements = db, 0, []

    def sql(self, kind, hosts, facts="", unsure="", scripts="", hours=1.0):
        self.hour += hours
        array = lambda text: "'{" + ",".join(f'"10.0.0{x.strip()}"' for x in text.split(",") if x.strip()) + "}'"
        return (f"SELECT t.both('{kind}', timestamptz '2026-01-01 00:00+00' + interval '{self.hour} hours', {array(hosts)}, {array(facts)}, "
                f"{array(unsure)}, '{{{scripts}}}')")

    def visit(self, *args, want=None, **kw):
        got = self.db.sql(self.sql(*args, **kw))
        if want is not None and got != want:
            raise AssertionError(f"{args}: got {got}, want {want}")


def known():
    w = Walk(setup())
    w.visit("presence", ".1 u, .2 u", want="a 4 0 0 0")
    w.visit("many", ".1 u, .2 u", ".1 22 port -, .1 80 port -, .2 22 port -", want="a 3 0 0 0")
    w.visit("scripts", ".1 u, .2 u", ".1 22 a one", scripts="a,b")
    return w


def test_unchanged_host_is_known_by_its_mark_alone():
    w = known()
    w.visit("many", ".1 u, .2 u", ".1 22 port -, .1 80 port -, .2 22 port -", want="wa 0 0 0 0")       # (a) script began on .1
    w.visit("many", ".1 u, .2 u", ".1 22 port -, .1 80 port -, .2 22 port -", want="a 0 0 0 0")
    w.db.equal("marks", "SELECT count(*) FROM inv.host_mark m JOIN inv.profile p USING (profile_id) WHERE p.name = 'many'", 2)
    w.visit("many", ".1 u, .2 u", ".1 22 port -, .1 80 port -, .2 22 port -, .2 443 port -", want="a 1 0 0 1")


DOWN_WITH_MARKS = """DO $$ DECLARE v_id int8; v_fence int8; v_addr inet[]; v_mark uuid[]; v_verdict text; v_at timestamptz := timestamptz '2026-01-01 00:00+00' + interval '20 hours';
BEGIN
  SELECT s.schedule_id INTO STRICT v_id FROM inv.schedule s JOIN inv.profile p USING (profile_id)
   WHERE p.name = 'many' AND s.retired_at IS NULL AND p.zone_id = (SELECT max(zone_id) FROM inv.host_mark);
  SELECT array_agg(m.addr ORDER BY m.addr), array_agg(m.mark ORDER BY m.addr) INTO v_addr, v_mark
    FROM inv.host_mark m JOIN inv.schedule s USING (profile_id) WHERE s.schedule_id = v_id;
  UPDATE inv.schedule SET fence = nextval('inv.fence'), part_done = 0, sensor_id = 1, claimed_at = v_at, scope = NULL WHERE schedule_id = v_id RETURNING fence INTO v_fence;
  SELECT a.verdict INTO v_verdict FROM api.apply_visit(v_id, v_fence, 1, v_at, 'arp', v_addr, '{STATES}', v_mark, '{NULL,NULL}', '{NULL,NULL}', '{NULL,NULL}', '{NULL,NULL}',
    '{}', 0, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', true, 1, 0, 0, 0, 1) a;
  IF v_verdict <> 'a' OR cardinality(v_addr) <> 2 THEN RAISE EXCEPTION 'verdict %, marks %', v_verdict, v_addr; END IF;
END $$"""


def test_mark_of_a_host_that_does_not_answer_says_nothing():
    for states, doubts in (("m,u", 0), ("m,d", 1), ("d,d", 2)):
        w = known()
        for _ in range(2):
            w.visit("many", ".1 u, .2 u", ".1 22 port -, .1 80 port -, .2 22 port -")
        w.db.sql(DOWN_WITH_MARKS.replace("STATES", states))
        w.db.equal(f"hosts in doubt, told {states}", "SELECT count(*) FROM inv.doubt WHERE slot = 0 AND attr_id = 1", doubts)


def test_value_that_flaps_back_is_not_missed():
    w = known()
    w.visit("few", ".1 u", ".1 22 port -, .1 80 port -")
    w.visit("few", ".1 u", ".1 22 port -, .1 80 port -", want="a 0 0 0 0")
    w.visit("many", ".1 u", ".1 22 port -, .1 80 port -, .1 99 port -", want="a 1 0 0 1")             # another pass finds one more
    w.visit("few", ".1 u", ".1 22 port -, .1 80 port -", want="wa 0 0 0 0")                           # which this one misses
    w.visit("few", ".1 u", ".1 22 port -, .1 80 port -", want="wa 0 0 1 1")


def test_misses_are_counted_although_the_host_says_the_same():
    w = known()
    w.visit("many", ".1 u", ".1 22 port -", want="a 0 0 0 0")
    w.visit("many", ".1 u", ".1 22 port -", want="wa 0 0 1 1")
    w.visit("many", ".1 u", ".1 22 port -", want="a 0 0 0 0")


def test_doubt_of_one_pass_is_settled_by_another():
    w = known()
    w.visit("few", ".1 u", ".1 22 port -, .1 80 port -")
    w.visit("many", ".1 u", ".1 22 port -", want="a 0 0 0 0")
    w.db.equal("doubted", "SELECT count(*) FROM inv.doubt", 2)
    w.visit("few", ".1 u", ".1 22 port -, .1 80 port -", want="wa 0 0 0 0")
    w.db.equal("settled", "SELECT count(*) FROM inv.doubt", 0)


def test_newer_observation_that_was_kept_leaves_no_mark():
    w = known()
    w.visit("many", ".1 u", ".1 22 port -, .1 80 port -, .1 81 port -", want="a 1 0 0 1")
    w.visit("few", ".1 u", ".1 22 port -, .1 80 port -", hours=-0.5)                                   # an older look, told late
    w.db.equal("no mark", "SELECT count(*) FROM inv.host_mark m JOIN inv.profile p USING (profile_id) WHERE p.name = 'few'", 0)
    w.visit("few", ".1 u", ".1 22 port -, .1 80 port -", hours=2, want="wa 0 0 0 0")
    w.visit("few", ".1 u", ".1 22 port -, .1 80 port -", want="wa 0 0 1 1")


def test_host_that_goes_and_returns_and_another_device():
    w = known()
    for want in ("wa 0 0 0 0", "a 0 0 1 1"):
        w.visit("presence", ".1 d, .2 u", want=want)
    w.visit("many", ".1 u, .2 u", ".1 22 port -, .1 80 port -, .2 22 port -", want="wa 1 0 0 1")
    w.visit("many", ".1 u 00:11:22:33:44:01, .2 u", ".1 22 port -, .1 80 port -, .2 22 port -")
    w.visit("many", ".1 u 00:11:22:33:44:01, .2 u", ".1 22 port -, .1 80 port -, .2 22 port -", want="a 0 0 0 0")
    w.visit("many", ".1 u 00:11:22:33:44:02, .2 u", ".1 22 port -, .2 22 port -")
    w.db.ok("nothing of the other device is left", "NOT EXISTS (SELECT FROM inv.fact_now WHERE addr = '10.0.0.1' AND slot = (6 << 16 | 80))")


def test_crash_forgets_marks_and_nothing_else():
    import signal
    with pgtest.Cluster(options=["fsync=on", "synchronous_commit=on", "full_page_writes=on"]) as server:
        global pg
        outer, pg = pg, server
        try:
            w = known()
            server.restart(signal.SIGQUIT)
            w.db.equal("marks", "SELECT count(*) FROM inv.host_mark", 0)
            w.visit("many", ".1 u, .2 u", ".1 22 port -, .1 80 port -, .2 22 port -", want="wa 0 0 0 0")
            w.visit("many", ".1 u, .2 u", ".1 22 port -, .1 80 port -, .2 22 port -", want="a 0 0 0 0")
        finally:
            pg = outer


def test_late_look_does_not_bring_back_what_has_gone():
    w = known()
    for want in ("a 0 0 0 0", "wa 0 0 1 1"):
        w.visit("many", ".1 u", ".1 22 port -", want=want)
    w.visit("few", ".1 u", ".1 22 port -, .1 80 port -", hours=-1.5, want="a 0 0 0 0")                 # seen before the first miss
    w.visit("presence", ".2 d", hours=3, want="a 0 0 0 0")
    w.visit("presence", ".2 d", want="a 0 0 1 1")
    w.visit("few", ".2 u", ".2 22 port -", hours=-1.5, want="a 0 0 0 0")
    w.db.equal("spans", "SELECT n FROM ops.invariants() WHERE what = 'overlapping spans'", 0)


def random_visit(rng, w, truth):
    """A change of the truth now and then, and what a visit sees of it."""
    host = truth[rng.randrange(len(truth))]
    for _ in range(rng.choice((0, 0, 1, 2))):
        what = rng.choice(("22", "80", "150", "443", "up", "mac", "a", "b", "service", "refuses"))
        host[what] = rng.randrange(3) if what in ("mac", "a", "b", "service") else not host[what]
    kind = rng.choice(("presence", "few", "many", "services", "scripts"))
    hosts, facts, unsure = [], [], []
    for n, h in enumerate(truth, 1):
        state = "d" if not h["up"] else rng.choice("uuuuuuun") if rng.random() > 0.03 else rng.choice("db")
        if kind in ("services", "scripts") and state in "db":
            continue
        mac = f" 00:11:22:33:{n:02x}:0{h['mac']}" if h["mac"] and kind in ("presence", "few", "many") and state in "un" else ""
        hosts.append(f".{n} {state}{mac}")
        if state in "db":
            continue
        if mac:
            facts.append(f".{n} 0 mac{mac}")
        ports = [p for p in ("22", "80", "150", "443") if h[p] and (kind == "many" or p != "443") and rng.random() > 0.02]
        if kind in ("few", "many"):
            facts += [f".{n} {p} port -" for p in ports]
        elif kind == "services":
            facts += [f".{n} {p} service v{h['service']}" for p in ports if h["service"]]
        elif kind == "scripts":
            facts += [f".{n} {p} service v{h['service']}" for p in ports if p == "80" and h["a"] and h["service"] and not h["refuses"]]
            for s in "ab":
                for p in ports:
                    if h[s] and (rng.random() < 0.05 or s == "a" and h["refuses"]):
                        unsure.append(f".{n} {p} {s}")
                    elif h[s]:
                        facts.append(f".{n} {p} {s} {s}{h[s]}")
    hours = rng.choice((1, 1, 1, 0.5, 0.003, -0.4, 3, 100))
    return w.sql(kind, ",".join(hosts), ",".join(facts), ",".join(unsure), "a,b" if kind == "scripts" else "", hours=hours)


def test_random_walk_with_marks_is_the_walk_without():
    seed, steps = int(os.environ.get("MUSTER_SEED") or random.randrange(1 << 30)), int(os.environ.get("MUSTER_STEPS") or 250)
    print(f"seed {seed}")
    rng = random.Random(seed)
    w = Walk(setup())
    truth = [{"22": True, "80": True, "150": False, "443": True, "up": True, "mac": 0, "a": 1, "b": 0, "service": 1, "refuses": False} for _ in range(4)]
    got = w.db.sql(";\n".join(random_visit(rng, w, truth) for _ in range(steps))).split("\n")
    alone = sum(line.startswith("a ") for line in got)
    changes = w.db.sql("SELECT count(*) || ' changes, in ' || count(*) FILTER (WHERE cause = 'u') || ' of them it could not be asked' FROM inv.change")
    print(f"{steps} visits, {steps - alone} of them had to send more; {changes}")
    assert alone < steps
    w.db.equal("invariants", "SELECT string_agg(what || ': ' || n, ', ') FROM ops.invariants() WHERE n <> 0 AND what NOT LIKE 'rows outside%'", "")


# Lists as a whole in the zone `marked`, never in `full`; told: how often they were the same.
ONE_BY_ONE = """
CREATE SEQUENCE t.told;
ALTER FUNCTION inv.as_told(int4, int4multirange, inet[], int4[], int4[], int4[], int4[], int4[], uuid[]) RENAME TO as_told_lists;
CREATE FUNCTION inv.as_told(p_zone int4, p_slots int4multirange, p_addr inet[], p_ids int4[], p_asked int4[], f_host int4[], f_slot int4[], f_attr int4[], f_value uuid[],
                            OUT here bool, OUT held bool, OUT same bool) LANGUAGE plpgsql AS $$
BEGIN
  SELECT t.here, t.held, t.same AND EXISTS (SELECT FROM inv.zone z WHERE z.zone_id = p_zone AND z.name = 'marked') INTO here, held, same
    FROM inv.as_told_lists(p_zone, p_slots, p_addr, p_ids, p_asked, f_host, f_slot, f_attr, f_value) t;
  IF same THEN PERFORM nextval('t.told'); END IF;
END $$;
"""


def in_full():
    """Both zones are told in full."""
    w = Walk(setup())
    w.db.sql(ONE_BY_ONE)
    ask = w.sql
    w.sql = lambda *args, **kw: "SET t.marks = 'off'; " + ask(*args, **kw)
    w.visit("presence", ".1 u, .2 u")
    w.visit("many", ".1 u, .2 u", ".1 22 port -, .2 80 port -", want="a 2 0 0 0")
    w.visit("many", ".1 u, .2 u", ".1 22 port -, .2 80 port -", want="a 0 0 0 0")
    w.db.equal("lists were the same", "SELECT last_value FROM t.told WHERE is_called", 1)
    return w


def test_same_ports_at_other_hosts_are_no_same_lists():
    in_full().visit("many", ".1 u, .2 u", ".1 22 port -, .1 80 port -", want="a 1 0 0 1")


def test_other_port_other_value_and_other_script_are_no_same_lists():
    w = in_full()
    w.visit("many", ".1 u, .2 u", ".1 22 port -, .2 81 port -", want="a 1 0 0 1")
    w.visit("scripts", ".1 u, .2 u", ".1 22 a one, .1 22 b two", scripts="a,b", want="a 2 0 0 0")
    w.visit("scripts", ".1 u, .2 u", ".1 22 a one, .1 22 b two", scripts="a,b", want="a 0 0 0 0")
    w.visit("scripts", ".1 u, .2 u", ".1 22 b one, .1 22 a two", scripts="b,a", want="a 0 2 0 2")
    w.visit("scripts", ".1 u, .2 u", ".1 22 a two, .1 22 b one", scripts="b,a", want="a 0 0 0 0")
    w.visit("scripts", ".1 u, .2 u", ".1 22 b three, .1 22 a two", scripts="b,a", want="a 0 1 0 1")
    w.db.equal("lists were the same", "SELECT last_value FROM t.told", 3)
    w.visit("scripts", ".1 u, .2 u", ".1 22 a two, .1 22 b three, .2 80 a four", scripts="b,a", want="a 1 0 0 1")
    w.visit("scripts", ".1 u, .2 u", ".1 22 a two, .1 22 b three, .2 80 b four", scripts="b,a", want="a 1 0 0 1")


def test_host_that_went_is_back_although_its_ports_are_the_same():
    w = in_full()
    for _ in range(2):
        w.visit("presence", ".1 u, .2 d")
    w.visit("many", ".1 u, .2 u", ".1 22 port -, .2 80 port -", want="a 1 0 0 1")


def test_another_device_with_the_same_facts_takes_over_nothing():
    w = in_full()
    same = ("many", ".1 u 00:11:22:33:01:01, .2 u", ".1 0 mac 00:11:22:33:01:01, .1 22 port -, .2 80 port -")
    w.visit(*same)
    w.visit("scripts", ".1 u, .2 u", ".1 22 a one", scripts="a", want="a 1 0 0 0")
    # its card became somebody else's, of whom no fact of this address tells
    w.db.sql("""WITH a AS (INSERT INTO inv.asset(zone_id) SELECT zone_id FROM inv.zone RETURNING asset_id, zone_id)
                UPDATE inv.asset_key k SET asset_id = a.asset_id FROM a WHERE a.zone_id = k.zone_id AND k.key = '00:11:22:33:01:01'""")
    w.visit(*same)
    w.db.equal("script results", "SELECT count(*) FROM inv.fact_now WHERE attr_id >= 100", 0)


def test_marks_of_hosts_whose_lists_are_the_same():
    w = known()
    many, marks = ("many", ".1 u, .2 u", ".1 22 port -, .1 80 port -, .2 22 port -"), "SELECT count(*) FROM inv.host_mark m JOIN inv.profile p USING (profile_id) WHERE p.name = '{}'"
    w.visit("scripts", ".1 u, .2 u", ".1 22 a one", scripts="a", want="a 0 0 0 0")      # other marks: less is asked, and the same is found
    w.db.equal("marks", marks.format("scripts"), 2)
    w.visit("scripts", ".1 u, .2 u", scripts="a")                                       # what is missing is in doubt
    w.db.sql("TRUNCATE inv.host_mark")
    w.visit(*many, want="wa 0 0 0 0")
    w.db.equal("marks beside a doubt", marks.format("many"), 1)
    w.visit("scripts", ".1 u, .2 u", ".1 22 a one", scripts="a")
    w.db.sql("TRUNCATE inv.host_mark")
    w.visit(*many, want="wa 0 0 0 0")
    w.db.equal("marks", marks.format("many"), 2)


def test_doubt_elsewhere_in_the_block_is_confirmed_soon():
    w = in_full()
    w.visit("many", ".1 u, .2 u, .3 u", ".1 22 port -, .2 80 port -, .3 22 port -", want="a 3 0 0 1")
    w.visit("many", ".3 u", want="a 0 0 0 0")
    w.visit("many", ".1 u, .2 u", ".1 22 port -, .2 80 port -", want="a 0 0 0 0")
    w.db.equal("due", "SELECT count(*) FROM inv.schedule s JOIN inv.profile p USING (profile_id) WHERE p.name = 'many' AND s.due_at < s.wanted_at", 2)
    w.db.equal("lists were the same", "SELECT last_value FROM t.told", 2)


def test_random_walk_by_lists_is_the_walk_one_by_one():
    seed, steps = int(os.environ.get("MUSTER_SEED") or random.randrange(1 << 30)), int(os.environ.get("MUSTER_STEPS") or 250)
    print(f"seed {seed}")
    rng = random.Random(seed)
    w = in_full()
    ask = w.sql

    def now_and_again(*args, hours):
        """Some visits are made twice: by chance alone too few find nothing new."""
        again = ";\n" + ask(*args, hours=1) if rng.random() < 0.2 else ""
        return ask(*args, hours=hours) + again
    w.sql = now_and_again
    truth = [{"22": True, "80": True, "150": False, "443": True, "up": True, "mac": 0, "a": 1, "b": 0, "service": 1, "refuses": False} for _ in range(4)]
    w.db.sql(";\n".join(random_visit(rng, w, truth) for _ in range(steps)))
    told = int(w.db.sql("SELECT last_value FROM t.told"))
    print(f"{steps} visits, in {told} of them nothing differed")
    assert told > steps / 20
    w.db.equal("invariants", "SELECT string_agg(what || ': ' || n, ', ') FROM ops.invariants() WHERE n <> 0 AND what NOT LIKE 'rows outside%'", "")


if __name__ == "__main__":
    with pgtest.Cluster() as pg:
        pgtest.run(globals())
