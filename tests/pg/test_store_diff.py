#!/usr/bin/env python3
"""api.apply_part: what a visit does to the inventory, case by case; what is news, case by case; what is written."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pgtest

# A visit at a made-up time: claims the row by hand, applies one part with the bodies of all values, finishes.
HELPERS = """
CREATE SCHEMA t;
CREATE FUNCTION t.val(x text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT md5(x)::uuid $$;
CREATE FUNCTION t.slot(p text) RETURNS int LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p = '0' THEN 0 WHEN p LIKE 'u%' THEN (17 << 16) | substr(p, 2)::int ELSE (6 << 16) | p::int END $$;
CREATE FUNCTION t.claim(p_zone text, p_pass text, p_at timestamptz, p_scope inet[] DEFAULT NULL, p_block int DEFAULT NULL)
RETURNS TABLE (schedule_id int8, fence int8) LANGUAGE sql AS $$
  UPDATE inv.schedule s SET fence = nextval('inv.fence'), part_done = 0, sensor_id = 1, claimed_at = p_at, scope = p_scope,
         asked = '{}', up = 0, down = 0, opened = 0, altered = 0, closed = 0, blind = '{}', set_id = NULL, method = NULL
    FROM inv.profile p JOIN inv.zone z USING (zone_id)
   WHERE p.profile_id = s.profile_id AND z.name = p_zone AND p.name = p_pass AND s.retired_at IS NULL
     AND (p_block IS NULL OR s.block_id = p_block)
  RETURNING s.schedule_id, s.fence $$;
-- hosts: 'addr state [mac]'; facts: 'addr port attr value'; unsure: 'addr port attr'; scripts: judged ones
CREATE FUNCTION t.part(p_schedule int8, p_fence int8, p_part int, p_at timestamptz, p_hosts text[], p_facts text[], p_unsure text[],
                       p_scripts text[], p_strength int, p_bodies bool)
RETURNS TABLE (verdict "char", want uuid[], opened int, altered int, closed int, events int, new_ports inet[]) LANGUAGE plpgsql AS $$
DECLARE x text; w text[]; ha inet[] := '{}'; hs "char"[] := '{}'; hm macaddr[] := '{}'; fa inet[] := '{}'; fs int[] := '{}'; ft int[] := '{}';
  fv uuid[] := '{}'; ua inet[] := '{}'; us int[] := '{}'; ut int[] := '{}'; bv uuid[] := '{}'; bk "char"[] := '{}'; bb text[] := '{}';
  names text[] := p_scripts; a int; core CONSTANT text[] := ARRAY['mac', 'hostname', 'port', 'service']; ids CONSTANT int[] := ARRAY[2, 3, 10, 11];
BEGIN
  FOREACH x IN ARRAY p_hosts LOOP
    w := string_to_array(x, ' '); ha := ha || w[1]::inet; hs := hs || w[2]::"char"; hm := hm || w[3]::macaddr;
  END LOOP;
  FOREACH x IN ARRAY p_facts || p_unsure LOOP
    w := string_to_array(x, ' ');
    a := ids[array_position(core, w[3])];
    IF a IS NULL THEN
      IF NOT w[3] = ANY(names) THEN names := names || w[3]; END IF;
      a := -array_position(names, w[3]);
    END IF;
    IF cardinality(w) = 3 THEN ua := ua || w[1]::inet; us := us || t.slot(w[2]); ut := ut || a; CONTINUE; END IF;
    fa := fa || w[1]::inet; fs := fs || t.slot(w[2]); ft := ft || a;
    fv := fv || CASE WHEN a = 10 THEN '00000000-0000-0000-0000-000000000001' ELSE t.val(w[4]) END;
    IF p_bodies AND a <> 10 THEN
      bv := bv || t.val(w[4]);
      bk := bk || CASE WHEN a = 11 THEN 's' WHEN a < 0 THEN 'x' ELSE 't' END::"char";
      bb := bb || CASE WHEN a = 11 THEN jsonb_build_object('name', w[4])::text WHEN a < 0 THEN jsonb_build_object('output', w[4])::text ELSE w[4] END;
    END IF;
  END LOOP;
  RETURN QUERY SELECT r.verdict, r.want, r.opened, r.altered, r.closed, r.events, r.new_ports FROM api.apply_part(
    p_schedule, p_fence, p_part, p_at, (ARRAY['connect', 'icmp', 'arp'])[p_strength], ha, hs, hm, array_fill('echo-reply'::text, ARRAY[cardinality(ha)]),
    array_fill(64::int2, ARRAY[cardinality(ha)]), array_fill(NULL::text, ARRAY[cardinality(ha)]), names, cardinality(p_scripts),
    fa, fs, ft, fv, ua, us, ut, bv, bk, bb, ARRAY[t.slot('22'), t.slot('80')], ARRAY['ssh', 'http']) r;
END $$;
CREATE FUNCTION t.visit(p_zone text, p_pass text, p_at timestamptz, p_hosts text[], p_facts text[] DEFAULT '{}', p_unsure text[] DEFAULT '{}',
                        p_scripts text[] DEFAULT '{}', p_strength int DEFAULT 2, p_complete bool DEFAULT true, p_scope inet[] DEFAULT NULL)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE c record; r record;
BEGIN
  SELECT * INTO STRICT c FROM t.claim(p_zone, p_pass, p_at, p_scope);
  SELECT * INTO r FROM t.part(c.schedule_id, c.fence, 1, p_at, p_hosts, p_facts, p_unsure, p_scripts, p_strength, true);
  IF r.verdict <> 'a' THEN RAISE EXCEPTION 'verdict %', r.verdict; END IF;
  PERFORM api.finish(c.schedule_id, c.fence, p_complete, 'test', 1, 0, 0, 0, 1);
  UPDATE inv.schedule SET last_at = p_at + interval '1 second' WHERE schedule_id = c.schedule_id AND last_from = p_at;
  UPDATE inv.coverage SET at = p_at + interval '1 second' WHERE fence = c.fence;
  RETURN r.opened || ' ' || r.altered || ' ' || r.closed || ' ' || r.events;
END $$;
-- the events of a zone after a number, as 'type subject'
CREATE FUNCTION t.told(p_zone text) RETURNS text LANGUAGE sql AS $$
  SELECT alert.write_events(1000000);
  SELECT COALESCE(string_agg(type || ' ' || substr(subject, 6), ', ' ORDER BY seq), '') FROM alert.event WHERE zone = p_zone $$;
CREATE FUNCTION t.zone(p_name text, p_net text, p_kinds text[] DEFAULT '{presence,ports,scripts}', p_ports text DEFAULT '{[393216,393217),[393238,393239),[393296,393297),[393659,393660)}')
RETURNS void LANGUAGE sql AS $$
  SELECT api.sync_config(jsonb_build_object('zones', (SELECT jsonb_agg(z) FROM (
    SELECT jsonb_build_object('name', name, 'host_misses', 3, 'blocks', jsonb_build_array(jsonb_build_array(lo, hi)), 'passes', passes) AS z FROM t.zones
    UNION ALL
    SELECT jsonb_build_object('name', p_name, 'host_misses', 3, 'blocks', jsonb_build_array(jsonb_build_array(p_net || '.0', p_net || '.255')),
      'passes', (SELECT jsonb_agg(jsonb_build_object('name', k, 'kind', k, 'slots', CASE k WHEN 'ports' THEN p_ports ELSE '{}' END,
                   'misses', 2, 'every', 3600, 'confirm', 30)) FROM unnest(p_kinds) k))) q)));
  INSERT INTO t.zones SELECT p_name, p_net || '.0', p_net || '.255', (SELECT jsonb_agg(jsonb_build_object('name', k, 'kind', k,
     'slots', CASE k WHEN 'ports' THEN p_ports ELSE '{}' END, 'misses', 2, 'every', 3600, 'confirm', 30)) FROM unnest(p_kinds) k)
    ON CONFLICT DO NOTHING;
$$;
"""
ZONES = "CREATE SCHEMA t; CREATE TABLE t.zones (name text PRIMARY KEY, lo text, hi text, passes jsonb);"


class Zone:
    """A zone of its own: 10.<n>.0.0/24, visits at made-up hours of one day."""
    count = 0

    def __init__(self, kinds="presence,ports,scripts"):
        Zone.count += 1
        self.name, self.net = f"z{Zone.count}", f"10.{Zone.count}.0"
        db.sql(f"SELECT t.zone('{self.name}', '{self.net}', '{{{kinds}}}')")
        self.hour = 0

    def address(self, text):
        """'.5 u' to '10.n.0.5 u'"""
        return ",".join('"' + self.net + item.strip() + '"' for item in text.split(",") if item.strip())

    def array(self, text):
        return "'{" + self.address(text) + "}'"

    def visit(self, kind, hosts, facts="", unsure="", scripts="", want=None, told=None, **kw):
        """want: 'opened altered closed events'; told: the events of this visit."""
        self.hour += 1
        extra = "".join(f", p_{k} => {v}" for k, v in kw.items())
        before = db.sql(f"SELECT t.told('{self.name}')")
        got = db.sql(f"SELECT t.visit('{self.name}', '{kind}', timestamptz '2026-01-01 00:00+00' + interval '{self.hour} hours', "
                     f"{self.array(hosts)}, {self.array(facts)}, {self.array(unsure)}, '{{{scripts}}}'{extra})")
        after = db.sql(f"SELECT t.told('{self.name}')")
        news = after[len(before):].lstrip(", ").replace(self.net, "")
        if want is not None and got != want:
            raise AssertionError(f"{kind} visit {self.hour}: opened altered closed events are {got}, not {want}; told {news}")
        if told is not None and news != told:
            raise AssertionError(f"{kind} visit {self.hour}: told {news!r}, not {told!r}")
        return news

    def known(self):
        """A host with two ports and a script result that everything was looked at."""
        self.visit("presence", ".1 u", want="2 0 0 0", told="")
        self.visit("ports", ".1 u", ".1 22 port -, .1 80 port -", want="2 0 0 0", told="")
        self.visit("scripts", ".1 u", ".1 22 ssh-hostkey k1, .1 80 http-title one", scripts="ssh-hostkey,http-title,ssl-cert",
                   want="2 0 0 0", told="")
        return self

    def fact(self, address, port, attr):
        return db.sql("SELECT count(*) FROM inv.fact_now f JOIN inv.zone z USING (zone_id) JOIN inv.attr a USING (attr_id) "
                      f"WHERE z.name = '{self.name}' AND addr = '{self.net}{address}' AND slot = t.slot('{port}') AND a.name = '{attr}'") == "1"


# ------------------------------------------------------------------ news: every rule once

def test_baseline_gives_no_news():
    Zone().known()


def test_unchanged_pass_gives_nothing():
    z = Zone().known()
    z.visit("presence", ".1 u, .9 d", want="0 0 0 0")
    z.visit("ports", ".1 u, .9 d", ".1 22 port -, .1 80 port -", want="0 0 0 0")
    z.visit("scripts", ".1 u", ".1 22 ssh-hostkey k1, .1 80 http-title one", scripts="ssh-hostkey,http-title", want="0 0 0 0")


def test_host_that_appears_is_one_event_and_its_details_none():
    z = Zone().known()
    z.visit("presence", ".1 u, .2 u", want="2 0 0 1", told="host.appeared .2")
    z.visit("ports", ".1 u, .2 u", ".1 22 port -, .1 80 port -, .2 22 port -", want="1 0 0 0", told="")
    z.visit("scripts", ".1 u, .2 u", ".1 22 ssh-hostkey k1, .1 80 http-title one, .2 22 ssh-hostkey k2", scripts="ssh-hostkey,http-title",
            want="1 0 0 0", told="")


def test_host_that_a_ports_pass_finds_with_its_ports_is_one_event():
    z = Zone().known()
    z.visit("ports", ".1 u, .2 u", ".1 22 port -, .1 80 port -, .2 22 port -", want="3 0 0 1", told="host.appeared .2")
    z.visit("ports", ".1 u, .2 u", ".1 22 port -, .1 80 port -, .2 22 port -, .2 80 port -", want="1 0 0 1", told="port.opened .2/tcp/80")


def test_port_that_opens_is_one_event_and_its_scripts_none():
    z = Zone().known()
    z.visit("ports", ".1 u", ".1 22 port -, .1 80 port -, .1 443 port -", want="1 0 0 1", told="port.opened .1/tcp/443")
    z.visit("scripts", ".1 u", ".1 22 ssh-hostkey k1, .1 80 http-title one, .1 443 ssl-cert c1, .1 443 http-title tls",
            scripts="ssh-hostkey,http-title,ssl-cert", want="2 0 0 0", told="")


def test_port_before_the_ports_of_its_host_were_listed_is_no_news():
    z = Zone()
    z.visit("presence", ".1 u")
    z.visit("presence", ".1 u")
    z.visit("ports", ".1 u", ".1 22 port -", want="1 0 0 0", told="")


def test_port_outside_the_ports_that_were_asked_before_is_no_news():
    z = Zone().known()
    db.sql(f"UPDATE t.zones SET passes = jsonb_set(passes, '{{1,slots}}', to_jsonb('{{[393216,458752)}}'::text)) WHERE name = '{z.name}'")
    db.sql("SELECT t.zone('dummy', '10.250.0', '{presence}')")
    db.sql("DELETE FROM t.zones WHERE name = 'dummy'")
    z.visit("ports", ".1 u", ".1 22 port -, .1 80 port -, .1 443 port -, .1 9000 port -", told="port.opened .1/tcp/443", want="2 0 0 1")
    z.visit("ports", ".1 u", ".1 22 port -, .1 80 port -, .1 443 port -, .1 9000 port -, .1 9001 port -", told="port.opened .1/tcp/9001")


def test_script_that_appears_on_a_covered_port_is_news():
    z = Zone().known()
    z.visit("scripts", ".1 u", ".1 22 ssh-hostkey k1, .1 80 http-title one, .1 22 ssl-cert c1", scripts="ssh-hostkey,http-title,ssl-cert",
            want="1 0 0 1", told="certificate.appeared .1/tcp/22/ssl-cert")


def test_script_that_was_not_run_before_is_no_news():
    z = Zone().known()
    z.visit("scripts", ".1 u", ".1 22 ssh-hostkey k1, .1 80 http-title one, .1 80 http-robots.txt r", scripts="ssh-hostkey,http-title,http-robots.txt",
            want="1 0 0 0", told="")
    z.visit("scripts", ".1 u", ".1 22 ssh-hostkey k1, .1 80 http-title one, .1 80 http-robots.txt r, .1 22 http-robots.txt r",
            scripts="ssh-hostkey,http-title,http-robots.txt", told="script.appeared .1/tcp/22/http-robots.txt")


def test_script_on_a_host_that_a_partial_visit_covered_is_news():
    z = Zone().known()
    z.visit("ports", ".1 u", ".1 22 port -, .1 80 port -, .1 443 port -")
    z.visit("scripts", ".1 u", ".1 443 http-title t", unsure=".1 22 ssh-hostkey, .1 80 http-title", scripts="http-title,ssl-cert,ssh-hostkey",
            scope=f"'{{{z.net}.1}}'::inet[]", told="")
    z.visit("scripts", ".1 u", ".1 22 ssh-hostkey k1, .1 80 http-title one, .1 443 http-title t, .1 443 ssl-cert c", scripts="http-title,ssl-cert,ssh-hostkey",
            told="certificate.appeared .1/tcp/443/ssl-cert")


def test_what_the_first_ports_visit_finds_beyond_presence_is_first_contact():
    z = Zone()
    z.visit("presence", ".1 u")
    z.visit("ports", ".1 u, .2 u", ".2 22 port -", told="")
    z.visit("presence", ".1 u, .2 u", told="")
    z.visit("ports", ".1 u, .2 u, .3 u", ".2 22 port -", told="host.appeared .3")


def test_aborted_visit_is_no_coverage():
    z = Zone()
    z.visit("presence", ".1 u", complete="false")
    z.visit("presence", ".1 u, .2 u", told="")
    z.visit("presence", ".1 u, .2 u, .3 u", told="host.appeared .3")


def test_values_that_change_are_one_event_each():
    z = Zone().known()
    z.visit("scripts", ".1 u", ".1 22 ssh-hostkey k2, .1 80 http-title two", scripts="ssh-hostkey,http-title", want="0 2 0 2",
            told="hostkey.changed .1/tcp/22/ssh-hostkey, script.changed .1/tcp/80/http-title")


def test_service_is_a_detail_that_may_change():
    z = Zone().known()
    z.visit("scripts", ".1 u", ".1 22 ssh-hostkey k1, .1 80 http-title one, .1 22 service OpenSSH", scripts="ssh-hostkey,http-title", want="1 0 0 0", told="")
    z.visit("scripts", ".1 u", ".1 22 ssh-hostkey k1, .1 80 http-title one, .1 22 service Dropbear", scripts="ssh-hostkey,http-title",
            told="service.changed .1/tcp/22")
    z.visit("scripts", ".1 u", ".1 22 ssh-hostkey k1, .1 80 http-title one", scripts="ssh-hostkey,http-title", want="0 0 0 0")
    assert z.fact(".1", 22, "service"), "a pass that does not probe services must not judge them"


def test_name_ends_when_its_server_says_twice_that_there_is_none():
    z = Zone().known()
    z.visit("presence", ".1 u", ".1 0 hostname web", want="1 0 0 0", told="")
    z.visit("presence", ".1 u", want="0 0 0 0")
    assert z.fact(".1", 0, "hostname"), "nobody asked for it"
    z.visit("presence", ".1 u", unsure=".1 0 hostname", want="0 0 0 0")
    z.visit("presence", ".1 u", ".1 0 hostname web", want="0 0 0 0")
    z.visit("ports", ".1 u", ".1 22 port -, .1 80 port -", unsure=".1 0 hostname", want="0 0 0 0")
    z.visit("presence", ".1 n", unsure=".1 0 hostname", want="0 0 0 0")
    assert z.fact(".1", 0, "hostname")
    z.visit("presence", ".1 u", unsure=".1 0 hostname", want="0 0 1 0", told="")
    assert not z.fact(".1", 0, "hostname")
    z.visit("presence", ".1 u", unsure=".1 0 hostname", want="0 0 0 0")
    z.visit("presence", ".1 u", ".1 0 hostname www", want="1 0 0 0", told="")


def test_port_closes_after_two_misses_with_its_scripts_in_one_event():
    z = Zone().known()
    z.visit("ports", ".1 u", ".1 22 port -", want="0 0 0 0", told="")
    z.visit("ports", ".1 u", ".1 22 port -", want="0 0 2 1", told="port.closed .1/tcp/80")
    db.equal("the end is the first miss, the script's the close",
             "SELECT string_agg(cause::text || ' ' || a.name || ' ' || EXTRACT(hour FROM at AT TIME ZONE 'UTC') || ' ' || news, ', ' ORDER BY a.name) "
             f"FROM inv.change JOIN inv.attr a USING (attr_id) JOIN inv.zone z USING (zone_id) WHERE z.name = '{z.name}' AND new_value IS NULL",
             "p http-title 5 false, c port 4 true")
    z.visit("ports", ".1 u", ".1 22 port -, .1 80 port -", told="port.opened .1/tcp/80")
    z.visit("scripts", ".1 u", ".1 22 ssh-hostkey k1, .1 80 http-title one", scripts="ssh-hostkey,http-title", told="")


def test_miss_that_is_followed_by_a_sighting_is_forgotten():
    z = Zone().known()
    for _ in range(3):
        z.visit("ports", ".1 u", ".1 22 port -", told="")
        z.visit("ports", ".1 u", ".1 22 port -, .1 80 port -", want="0 0 0 0")
    db.equal("doubts", f"SELECT count(*) FROM inv.doubt d JOIN inv.zone z USING (zone_id) WHERE z.name = '{z.name}'", 0)


def test_two_misses_within_half_the_confirm_interval_count_once():
    z = Zone().known()
    z.visit("ports", ".1 u", ".1 22 port -", told="")
    z.hour -= 1
    got = db.sql(f"SELECT t.visit('{z.name}', 'ports', timestamptz '2026-01-01 04:00:10+00', {z.array('.1 u')}, {z.array('.1 22 port -')})")
    assert got == "0 0 0 0", got
    z.hour += 1
    z.visit("ports", ".1 u", ".1 22 port -", told="port.closed .1/tcp/80")


def test_script_gone_from_an_open_port_is_one_event():
    z = Zone().known()
    z.visit("scripts", ".1 u", ".1 22 ssh-hostkey k1", scripts="ssh-hostkey,http-title", told="")
    z.visit("ports", ".1 u", ".1 22 port -, .1 80 port -", want="0 0 0 0")
    z.visit("scripts", ".1 u", ".1 22 ssh-hostkey k1", scripts="ssh-hostkey,http-title", want="0 0 1 1", told="script.gone .1/tcp/80/http-title")


def test_script_is_gone_only_where_its_port_was_seen_open_since():
    z = Zone().known()
    for _ in range(3):
        z.visit("scripts", ".1 u", ".1 22 ssh-hostkey k1", scripts="ssh-hostkey,http-title", want="0 0 0 0", told="")
    z.visit("ports", ".1 u", ".1 22 port -", want="0 0 0 0", told="")
    z.visit("scripts", ".1 u", ".1 22 ssh-hostkey k1", scripts="ssh-hostkey,http-title", want="0 0 0 0", told="")
    z.visit("ports", ".1 u", ".1 22 port -", want="0 0 2 1", told="port.closed .1/tcp/80")


def test_missing_script_asks_for_a_look_at_its_port():
    z = Zone().known()
    z.visit("scripts", ".1 u", ".1 22 ssh-hostkey k1", scripts="ssh-hostkey,http-title", want="0 0 0 0", told="")
    db.equal("the ports pass is asked", "SELECT string_agg(host(a), ',') FROM inv.schedule s JOIN inv.profile p USING (profile_id) JOIN inv.zone z ON "
             f"z.zone_id = s.zone_id, unnest(s.asked) a WHERE p.kind = 'ports' AND z.name = '{z.name}'", f"{z.net}.1")


def test_script_that_timed_out_or_was_not_selected_is_not_judged():
    z = Zone().known()
    for _ in range(3):
        z.visit("scripts", ".1 u", ".1 22 ssh-hostkey k1", unsure=".1 80 http-title", scripts="ssh-hostkey,http-title", want="0 0 0 0")
        z.visit("scripts", ".1 u", ".1 22 ssh-hostkey k1", scripts="ssh-hostkey", want="0 0 0 0")
        z.visit("scripts", ".1 n", "", scripts="ssh-hostkey,http-title", want="0 0 0 0")
    assert z.fact(".1", 80, "http-title")


def test_port_that_the_pass_does_not_ask_is_not_judged():
    z = Zone("presence,ports")
    z.visit("ports", ".1 u", ".1 22 port -, .1 8080 port -")
    z.visit("ports", ".1 u", ".1 22 port -")
    z.visit("ports", ".1 u", ".1 22 port -")
    assert z.fact(".1", 8080, "port"), "8080 is not among the ports of the pass"


def test_presence_does_not_judge_ports():
    z = Zone().known()
    for _ in range(4):
        z.visit("presence", ".1 u", want="0 0 0 0")


def test_host_goes_after_three_misses_and_its_facts_sleep():
    z = Zone().known()
    z.visit("presence", ".1 d", want="0 0 0 0")
    z.visit("ports", ".1 d", want="0 0 0 0")
    z.visit("presence", ".1 b", want="0 0 0 0")
    z.visit("presence", ".1 d", want="0 0 1 1", told="host.gone .1")
    assert z.fact(".1", 80, "http-title") and z.fact(".1", 22, "port"), "dormant facts stay"
    z.visit("presence", ".1 d", want="0 0 0 0", told="")
    z.visit("scripts", ".1 u", "", scripts="ssh-hostkey,http-title", want="0 0 0 0", told="")
    db.equal("state", f"SELECT state FROM report.host WHERE zone = '{z.name}'", "unknown")   # the visits are months ago


def test_host_that_returns_as_it_was_is_one_event():
    z = Zone().known()
    for _ in range(3):
        z.visit("presence", ".1 d")
    z.visit("presence", ".1 u", want="1 0 0 1", told="host.returned .1")
    z.visit("ports", ".1 u", ".1 22 port -, .1 80 port -", want="0 0 0 0")
    z.visit("scripts", ".1 u", ".1 22 ssh-hostkey k1, .1 80 http-title one", scripts="ssh-hostkey,http-title", want="0 0 0 0")


def test_host_that_returns_changed_tells_the_difference():
    z = Zone().known()
    for _ in range(3):
        z.visit("presence", ".1 d")
    z.visit("ports", ".1 u", ".1 22 port -, .1 443 port -", told="host.returned .1, port.opened .1/tcp/443")
    z.visit("scripts", ".1 u", ".1 22 ssh-hostkey k9", scripts="ssh-hostkey", told="hostkey.changed .1/tcp/22/ssh-hostkey")
    z.visit("ports", ".1 u", ".1 22 port -, .1 443 port -", told="port.closed .1/tcp/80")


def test_doubts_of_a_host_that_goes_do_not_stay():
    z = Zone().known()
    z.visit("ports", ".1 u", ".1 22 port -")
    for _ in range(3):
        z.visit("presence", ".1 d")
    db.equal("doubts", f"SELECT count(*) FROM inv.doubt d JOIN inv.zone z USING (zone_id) WHERE z.name = '{z.name}'", 0)


def test_weaker_method_can_not_close():
    z = Zone()
    z.visit("presence", ".1 u", strength=3)
    for _ in range(4):
        z.visit("presence", ".1 d", strength=2, want="0 0 0 0")
    for _ in range(3):
        z.visit("presence", ".1 d", strength=3)
    db.equal("closed", f"SELECT t.told('{z.name}')", f"host.gone {z.net}.1")


# ------------------------------------------------------------------ identity

def test_another_device_at_the_address_is_one_event():
    z = Zone("presence,ports,scripts")
    z.visit("presence", ".1 u 00:11:22:33:44:55", ".1 0 mac 00:11:22:33:44:55")
    z.visit("ports", ".1 u 00:11:22:33:44:55", ".1 22 port -, .1 80 port -")
    z.visit("scripts", ".1 u", ".1 22 ssh-hostkey k1", scripts="ssh-hostkey")
    z.visit("presence", ".1 u 00:11:22:33:44:66", ".1 0 mac 00:11:22:33:44:66", told="host.replaced .1")
    assert not z.fact(".1", 22, "ssh-hostkey"), "facts of the other device are not kept"
    z.visit("ports", ".1 u 00:11:22:33:44:66", ".1 22 port -", told="")
    z.visit("scripts", ".1 u", ".1 22 ssh-hostkey k2", scripts="ssh-hostkey", told="")
    db.equal("assets", f"SELECT count(*) FROM inv.asset JOIN inv.zone z USING (zone_id) WHERE z.name = '{z.name}'", 2)


def test_a_change_shows_what_was_and_what_became():
    z = Zone("presence")
    z.visit("presence", ".1 u 00:11:22:33:44:55", ".1 0 mac 00:11:22:33:44:55, .1 0 hostname old.example")
    z.visit("presence", ".1 u 02:11:22:33:44:66", ".1 0 mac 02:11:22:33:44:66, .1 0 hostname new.example", told="host.replaced .1")
    z.visit("presence", ".1 u 02:11:22:33:44:77", ".1 0 mac 02:11:22:33:44:77, .1 0 hostname newer.example", told="host.replaced .1")
    shown = ("SELECT string_agg(old ->> '{0}' || ' ' || (new ->> '{0}'), ', ' ORDER BY change_id) FROM report.change "
             f"WHERE zone = '{z.name}' AND kind = '{{1}}' AND old IS NOT NULL")
    macs = "00:11:22:33:44:55 02:11:22:33:44:66, 02:11:22:33:44:66 02:11:22:33:44:77"
    db.equal("who", shown.format("mac", "holder"), macs)
    db.equal("MAC addresses", shown.format("mac", "text"), macs)
    db.equal("names", shown.format("hostname", "text"), "old.example new.example, new.example newer.example")
    db.sql("""INSERT INTO inv.asset_key(zone_id, kind, key, asset_id, since, until)
      SELECT zone_id, kind, '02:00:00:00:00:0' || n, asset_id, since - n * interval '1 day', since - (n - 1) * interval '1 day'
        FROM inv.asset_key, generate_series(1, 3) n WHERE key LIKE '02:11:22:33:44:%'""")
    db.equal("the last one that the device made up", shown.format("mac", "holder"), macs)


def test_another_device_where_one_went_is_a_new_host():
    z = Zone("presence")
    z.visit("presence", ".1 u 00:11:22:33:44:55")
    for _ in range(3):
        z.visit("presence", ".1 d")
    z.visit("presence", ".1 u 00:11:22:33:44:66", told="host.appeared .1")


def test_device_that_moves_keeps_its_asset():
    z = Zone("presence")
    z.visit("presence", ".1 u 00:11:22:33:44:55")
    z.visit("presence", ".1 d, .2 u 00:11:22:33:44:55", told="host.appeared .2")
    db.equal("assets", f"SELECT count(DISTINCT asset_id) || ' ' || count(*) FROM report.host WHERE zone = '{z.name}'", "1 2")


def test_random_and_virtual_addresses_identify_nobody():
    z = Zone("presence")
    z.visit("presence", ".1 u 02:11:22:33:44:55, .2 u 00:00:5e:00:01:07")
    z.visit("presence", ".1 u 02:99:22:33:44:55, .2 u 00:00:5e:00:01:08", told="", want="0 0 0 0")


def test_proxy_arp_makes_no_single_asset():
    z = Zone("presence")
    z.visit("presence", ", ".join(f".{i} u 00:11:22:33:44:77" for i in range(1, 7)))
    db.equal("assets", f"SELECT count(DISTINCT asset_id) FROM report.host WHERE zone = '{z.name}'", 6)


def test_two_addresses_of_one_mac_are_one_asset_from_the_start():
    z = Zone("presence")
    z.visit("presence", ".1 u 00:11:22:33:44:88, .2 u 00:11:22:33:44:88")
    z.visit("presence", ".1 u 00:11:22:33:44:88, .2 u 00:11:22:33:44:88", want="0 0 0 0")
    db.equal("assets", f"SELECT count(DISTINCT asset_id) || ' ' || count(*) FROM report.host WHERE zone = '{z.name}'", "1 2")


def test_mac_that_becomes_known_later_changes_nobody():
    z = Zone("presence")
    z.visit("presence", ".1 u")
    z.visit("presence", ".1 u 00:11:22:33:44:99", told="", want="0 0 0 0")
    db.equal("keys", "SELECT count(*) FROM inv.asset_key k JOIN inv.asset USING (asset_id) JOIN inv.zone z ON z.zone_id = k.zone_id "
             f"WHERE z.name = '{z.name}' AND k.key = '00:11:22:33:44:99'", 1)


# ------------------------------------------------------------------ idempotency, order, bodies

def test_retry_is_a_duplicate_and_a_lost_lease_is_stale():
    z = Zone("presence")
    schedule, fence = db.sql(f"SELECT schedule_id || ' ' || fence FROM t.claim('{z.name}', 'presence', '2026-01-01 01:00+00')").split()
    def part(*key):
        return (f"SELECT verdict::text || ' ' || opened FROM t.part({', '.join(map(str, key))}, '2026-01-01 01:00+00', {z.array('.1 u')}, "
                "'{}', '{}', '{}', 2, true)")

    db.equal("first", part(schedule, fence, 1), "a 2")
    db.equal("again", part(schedule, fence, 1), "d 0")
    assert "part 3 after part 1" in db.fails(part(schedule, fence, 3))
    db.equal("old fence", part(schedule, int(fence) - 1, 2), "s 0")
    db.sql(f"SELECT api.finish({schedule}, {fence}, true, 'test', 0, 0, 0, 0, 0)")
    db.equal("finish again", f"SELECT api.finish({schedule}, {fence}, true, 'test', 0, 0, 0, 0, 0)", "d")
    db.equal("finish of a stranger", f"SELECT api.finish({schedule}, {int(fence) - 1}, true, 'test', 0, 0, 0, 0, 0)", "s")
    db.equal("after the end", part(schedule, fence, 2), "s 0")
    db.equal("one coverage", f"SELECT count(*) FROM inv.coverage WHERE fence = {fence}", 1)


def test_bodies_that_are_not_at_hand_are_asked_for_and_nothing_is_changed():
    z = Zone().known()
    schedule, fence = db.sql(f"SELECT schedule_id || ' ' || fence FROM t.claim('{z.name}', 'scripts', '2026-01-01 08:00+00')").split()
    part = (f"SELECT verdict::text || ' ' || cardinality(want) || ' ' || altered FROM t.part({schedule}, {fence}, 1, '2026-01-01 08:00+00', {z.array('.1 u')}, "
            f"{z.array('.1 22 ssh-hostkey k1, .1 80 http-title never-seen')}, '{{}}', '{{http-title,ssh-hostkey}}', 2, %s)")
    db.equal("without", part % "false", "w 1 0")
    db.equal("with", part % "true", "a 0 1")


def test_older_observation_does_not_undo_a_newer_one():
    z = Zone("ports")
    z.visit("ports", ".1 u", ".1 22 port -")
    z.hour += 5
    z.visit("ports", ".1 u", ".1 22 port -, .1 80 port -")
    z.hour -= 3
    z.visit("ports", ".1 u", ".1 22 port -", want="0 0 0 0")
    z.visit("ports", ".1 d", want="0 0 0 0")


def test_hosts_outside_of_the_block_are_refused_as_a_whole():
    z = Zone("presence")
    schedule, fence = db.sql(f"SELECT schedule_id || ' ' || fence FROM t.claim('{z.name}', 'presence', '2026-01-01 01:00+00')").split()
    words = db.fails(f"SELECT t.part({schedule}, {fence}, 1, now(), '{{{z.net}.1 u,192.0.2.1 u}}', '{{}}', '{{}}', '{{}}', 2, true)")
    assert "1 hosts are outside of the block" in words, words
    db.equal("nothing", f"SELECT count(*) FROM report.host WHERE zone = '{z.name}'", 0)


# ------------------------------------------------------------------ what is written

def test_unchanged_pass_writes_no_fact_row():
    z = Zone().known()
    counters = ("SELECT string_agg(relname || ' ' || n_tup_ins || ' ' || n_tup_upd || ' ' || n_tup_del, ', ' ORDER BY relname) FROM pg_stat_user_tables "
                "WHERE schemaname IN ('inv', 'alert') AND relname NOT IN ('schedule') AND relname !~ '^coverage'")
    flush = "SELECT pg_stat_force_next_flush()"
    db.sql(flush)
    before = db.sql(counters)
    for _ in range(3):
        z.visit("presence", ".1 u, .7 d")
        z.visit("ports", ".1 u, .7 d", ".1 22 port -, .1 80 port -")
        z.visit("scripts", ".1 u", ".1 22 ssh-hostkey k1, .1 80 http-title one", scripts="ssh-hostkey,http-title,ssl-cert")
    db.sql(flush)
    after = db.sql(counters)
    assert before == after, f"written:\n{before}\n{after}"


def test_zzz_invariants_hold_after_all_of_this():
    db.check_invariants()
    db.write_events()
    db.equal("every change that is news has its event", "SELECT (SELECT count(*) FROM inv.change WHERE news) = (SELECT count(*) FROM alert.event)", "t")
    db.equal("ids are unique and sort by time", "SELECT count(*) - count(DISTINCT id) || ' ' || bool_and(id ~ '^evt_[0-9a-f]{36}$') FROM alert.event", "0 true")
    db.equal("every event says something", "SELECT count(*) FROM alert.event WHERE COALESCE(body ->> 'summary', '') = '' OR dedup !~ '^[0-9a-f]{64}$'", 0)


if __name__ == "__main__":
    with pgtest.Cluster() as pg:
        db = pg.database(migrated=True)
        db.sql(ZONES + HELPERS.replace("CREATE SCHEMA t;", ""))
        db.sql("SELECT api.hello('test', gen_random_uuid()); SELECT ops.make_partitions('2026-01-01', 1)")
        pgtest.run(globals())
