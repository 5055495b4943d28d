#!/usr/bin/env python3
"""When something was seen last follows from the visits of its block: also when a reload cuts the blocks anew, while a visit runs, and when a pass
runs other scripts from then on."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pgtest
import test_store_diff as helpers

SEEN = """SELECT concat_ws(E'\\n',
  (SELECT string_agg(concat_ws(' ', 'host', host(address), last_seen, last_checked), E'\\n' ORDER BY address) FROM report.host WHERE zone = '{0}'),
  (SELECT string_agg(concat_ws(' ', 'service', host(address), port, last_seen, last_checked), E'\\n' ORDER BY address, port) FROM report.service WHERE zone = '{0}'),
  (SELECT string_agg(concat_ws(' ', 'script', host(address), port, script, last_seen, last_checked), E'\\n' ORDER BY address, port, script) FROM report.script_result WHERE zone = '{0}'),
  (SELECT string_agg(concat_ws(' ', 'asset', last_seen), E'\\n' ORDER BY last_seen) FROM report.asset WHERE zone = '{0}'))"""
PORTS, RESULTS, SCRIPTS = ".5 22 port -, .200 80 port -", ".5 22 ssh-hostkey k1, .200 80 http-title one", "ssh-hostkey,http-title"


class Site:
    """A zone of its own, 10.<n>.0.0/24 or an IPv6 net, whose blocks the test cuts; visits at made-up hours."""
    count = 0

    def __init__(self, *blocks, net=None):
        Site.count += 1
        self.name, self.net, self.hour = f"b{Site.count}", net or f"10.{Site.count}.0", 0
        self.cut(*blocks)

    def cut(self, *blocks, kinds=("presence", "ports", "scripts")):
        """As a reload does.  Blocks 'first last'."""
        cut = ",".join(f'["{self.net}{b.split()[0]}", "{self.net}{b.split()[1]}"]' for b in blocks)
        passes = ",".join(f'{{"name": "{k}", "kind": "{k}", "slots": "{"{[393216,458751)}" if k == "ports" else "{}"}", "misses": 2, "every": 3600, "confirm": 30}}' for k in kinds)
        zones = f'{{"name": "{self.name}", "host_misses": 3, "blocks": [{cut}], "passes": [{passes}]}}'
        db.sql(f"SELECT api.sync_config('{{\"zones\": [{zones}]}}')")

    def visit(self, kind, hosts, facts="", unsure="", scripts="", block=None):
        """Of the block with that first address, or of all of them, of each what is in it."""
        self.hour += 1
        rows = db.sql(f"SELECT b.block_id || ' ' || host(b.lo) || ' ' || host(b.hi) FROM inv.block b JOIN inv.zone z USING (zone_id) WHERE z.name = '{self.name}' "
                      f"AND b.retired_at IS NULL ORDER BY b.lo").splitlines()
        for block_id, lo, hi in (row.split() for row in rows):
            if block is None or lo == self.net + block:
                self.visit_block(kind, block_id, lo, hi, [self.net + h.strip() for h in hosts.split(",")],
                                 *(self.items(text) for text in (facts, unsure)), scripts)

    def items(self, text):
        return [self.net + x.strip() for x in text.split(",") if x.strip()]

    def visit_block(self, kind, block_id, lo, hi, hosts, facts, unsure, scripts):
        inside = lambda items: "'{" + ",".join(f'"{x}"' for x in items if db.sql(f"SELECT '{x.split()[0]}'::inet BETWEEN '{lo}' AND '{hi}'") == "t") + "}'"
        at = f"timestamptz '2026-01-01 00:00+00' + interval '{self.hour} hours'"
        schedule, fence = db.sql(f"SELECT schedule_id || ' ' || fence FROM t.claim('{self.name}', '{kind}', {at}, NULL, {block_id})").split()
        verdict = db.sql(f"SELECT verdict FROM t.part({schedule}, {fence}, 1, {at}, {inside(hosts)}, {inside(facts)}, {inside(unsure)}, '{{{scripts}}}', 2, true)")
        assert verdict == "a", verdict
        db.sql(f"SELECT api.finish({schedule}, {fence}, true, 'test', 1, 0, 0, 0, 1); "
               f"UPDATE inv.schedule SET last_at = {at} + interval '1 second' WHERE schedule_id = {schedule}; UPDATE inv.coverage SET at = {at} + interval '1 second' WHERE fence = {fence}")

    def known(self, *hosts):
        up = ", ".join(f"{h} u" for h in hosts or (".5", ".200"))
        for _ in range(2):
            self.visit("presence", up)
            self.visit("ports", up, PORTS)
            self.visit("scripts", up, RESULTS, scripts=SCRIPTS)
        return self

    def seen(self):
        return db.sql(SEEN.format(self.name))

    def seen_at(self, view, where):
        return db.sql(f"SELECT to_char(last_seen AT TIME ZONE 'UTC', 'HH24:MI') FROM report.{view} WHERE zone = '{self.name}' AND {where}")


def test_blocks_that_are_cut_anew_forget_nothing():
    s = Site(".0 .255").known()
    before = s.seen()
    assert before.count("05:00:01") == 10 and before.count("06:00:01") == 4, before
    for blocks in ((".0 .127", ".128 .255"), (".0 .4", ".5 .5", ".6 .255"), (".0 .255",)):
        s.cut(*blocks)
        assert s.seen() == before, f"cut into {blocks}:\n{before}\n---\n{s.seen()}"


def test_a_network_that_is_taken_out_keeps_what_was_seen():
    s = Site(".0 .255").known()
    before = s.seen()
    s.cut(".0 .127")
    assert s.seen() == before, s.seen()
    db.equal("it is not looked at", f"SELECT state FROM report.host WHERE zone = '{s.name}' AND address = '{s.net}.200'", "unknown")


def test_an_older_cut_that_is_back_does_not_bring_its_older_times():
    s = Site(".0 .255").known()
    s.cut(".0 .127", ".128 .255")
    s.known()
    before = s.seen()
    s.cut(".0 .255")
    assert s.seen() == before, f"{before}\n---\n{s.seen()}"
    s.visit("ports", ".5 u, .200 u", PORTS)
    assert s.seen_at("service", "port = 80") == "13:00", s.seen()


def test_what_is_missed_first_after_a_cut_was_seen_before_it():
    s = Site(".0 .255").known()
    s.cut(".0 .127", ".128 .255")
    s.visit("presence", ".5 d, .200 u")
    assert s.seen_at("host", f"address = '{s.net}.5'") == "05:00", s.seen()
    s.visit("ports", ".5 u, .200 u", ".5 22 port -")
    assert s.seen_at("service", "port = 80") == "05:00", s.seen()
    s.visit("scripts", ".5 u, .200 u", ".200 80 http-title one", unsure=".5 22 ssh-hostkey", scripts=SCRIPTS)
    assert s.seen_at("script_result", "script = 'ssh-hostkey'") == "06:00", s.seen()


def test_a_wide_block_and_what_is_swept_of_it():
    s = Site(": ffff:ffff:ffff:ffff", net="2001:db8:0:1:")
    up = ":5 u, :ff:200 u"
    s.visit("presence", up)
    s.visit("presence", up)
    before = s.seen()
    assert before.count("02:00:01") == 6, before
    s.cut(":0 :ff")
    assert s.seen() == before, s.seen()
    s.cut(": ffff:ffff:ffff:ffff")
    assert s.seen() == before, s.seen()
    for address in ("0.0.0.5", "::5", "255.255.255.255"):
        db.equal(f"no block has {address}", f"SELECT inv.blocks_of(1, '{address}') IS NULL", "t")


def test_a_visit_that_runs_takes_nothing_back():
    s = Site(".0 .255").known()
    before = s.seen()
    for kind in ("presence", "ports", "scripts"):
        db.sql(f"SELECT t.claim('{s.name}', '{kind}', '2026-01-01 12:00+00')")
        assert s.seen() == before, f"while {kind} runs:\n{before}\n---\n{s.seen()}"


def test_a_script_that_a_pass_runs_no_more_was_last_seen_when_it_ran():
    s = Site(".0 .255").known()
    for _ in range(2):
        s.visit("scripts", ".5 u, .200 u", ".5 22 ssh-hostkey k1", scripts="ssh-hostkey")
        assert s.seen_at("script_result", "script = 'http-title'") == "06:00", s.seen()
    assert s.seen_at("script_result", "script = 'ssh-hostkey'") == "08:00", s.seen()
    s.visit("scripts", ".5 u, .200 u", RESULTS, scripts=SCRIPTS)
    assert s.seen_at("script_result", "script = 'http-title'") == "09:00", s.seen()
    s.visit("scripts", ".5 u, .200 u", ".5 22 ssh-hostkey k1", scripts="ssh-hostkey")
    assert s.seen_at("script_result", "script = 'http-title'") == "09:00", s.seen()


def test_nothing_was_seen_of_a_host_while_it_was_gone():
    s = Site(".0 .255").known()
    for _ in range(3):
        s.visit("presence", ".5 d, .200 u")
    gone = s.seen_at("service", "port = 22"), s.seen_at("script_result", "port = 22")
    s.visit("ports", ".5 d, .200 u", ".200 80 port -")
    s.visit("scripts", ".200 u", ".200 80 http-title one", scripts=SCRIPTS)
    assert (s.seen_at("service", "port = 22"), s.seen_at("script_result", "port = 22")) == gone, s.seen()
    s.visit("presence", ".5 u, .200 u")
    assert (s.seen_at("service", "port = 22"), s.seen_at("script_result", "port = 22")) == gone, s.seen()
    assert (s.seen_at("service", "port = 80"), s.seen_at("script_result", "port = 80")) == ("10:00", "11:00"), s.seen()
    s.visit("ports", ".5 u, .200 u", PORTS)
    s.visit("scripts", ".5 u, .200 u", RESULTS, scripts=SCRIPTS)
    assert (s.seen_at("service", "port = 22"), s.seen_at("script_result", "port = 22")) == ("13:00", "14:00"), s.seen()


def test_zzz_invariants():
    db.check_invariants()


if __name__ == "__main__":
    with pgtest.Cluster() as pg:
        db = pg.database(migrated=True)
        db.sql(helpers.ZONES + helpers.HELPERS.replace("CREATE SCHEMA t;", ""))
        db.sql("SELECT api.hello('test', gen_random_uuid()); SELECT ops.make_partitions('2026-01-01', 1)")
        pgtest.run(globals())
