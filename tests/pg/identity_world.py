"""Zones to test identity in: several segments, visits at made-up hours, evidence of every kind, and one psql that stays open."""
import json
import re
import subprocess

import test_store_diff

# Zones as in test_store_diff, but of any size; t.visit does the rest.
ZONE = """
CREATE FUNCTION t.range(p_name text, p_lo text, p_hi text) RETURNS void LANGUAGE sql AS $$
  INSERT INTO t.zones SELECT p_name, p_lo, p_hi, (SELECT jsonb_agg(jsonb_build_object('name', k, 'kind', k,
    'slots', CASE k WHEN 'ports' THEN '{[393216,458752)}' ELSE '{}' END, 'misses', 2, 'every', 3600, 'confirm', 30))
    FROM unnest('{presence,ports,scripts}'::text[]) k);
  SELECT api.sync_config(jsonb_build_object('zones', (SELECT jsonb_agg(jsonb_build_object('name', name, 'host_misses', 3,
    'blocks', jsonb_build_array(jsonb_build_array(lo, hi)), 'passes', passes)) FROM t.zones)));
$$;
"""
SETUP = (test_store_diff.ZONES + test_store_diff.HELPERS.replace("CREATE SCHEMA t;", "") + ZONE +
         "SELECT api.hello('test', gen_random_uuid()); SELECT ops.make_partitions('2026-01-01', 10);")


class Session:
    """One psql that stays open: a query costs a round trip, not a process."""

    def __init__(self, db):
        self.psql = subprocess.Popen(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=0", db.conninfo], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)

    def sql(self, text):
        self.psql.stdin.write(text.rstrip().rstrip(";") + ";\n\\echo -- end\n")
        self.psql.stdin.flush()
        lines = []
        for line in self.psql.stdout:
            if line == "-- end\n":
                break
            lines.append(line.rstrip("\n"))
        else:
            raise AssertionError(f"psql ended: {lines}")
        bad = [line for line in lines if re.match(r"psql:|ERROR:|WARNING:", line)]
        if bad:
            raise AssertionError(f"{text[:1500]}\n" + "\n".join(lines))
        return "\n".join(lines)

    def close(self):
        self.psql.stdin.close()
        self.psql.wait(timeout=10)


def script_data(attr, value):
    return {"ssh-hostkey": [{"key": value}], "ssl-cert": {"sha1": value}, "snmp-info": {"engineIDData": value}}.get(attr)


class World:
    """10.<n>.0.0/22 in a zone of its own.  An address is written ".<third>.<last>"."""
    count = 0
    start = "2026-01-01"
    PORT = {"ssh-hostkey": 22, "ssl-cert": 443, "snmp-info": 161}

    def __init__(self, session):
        World.count += 1
        self.s = session
        self.name, self.net = f"w{World.count}", f"10.{World.count}"
        self.hour = 0
        self.s.sql(f"SELECT t.range('{self.name}', '{self.net}.0.0', '{self.net}.3.255')")
        self.zone = self.s.sql(f"SELECT zone_id FROM inv.zone WHERE name = '{self.name}'").split("\n")[-1]

    def at(self):
        return f"timestamptz '{self.start} 00:00+00' + interval '{self.hour} hours'"

    def told(self):
        return self.s.sql(f"SELECT t.told('{self.name}')").replace(self.net, "")

    def one_visit(self, kind, hosts, facts, scripts=""):
        self.hour += 1
        quote = lambda items: "'{" + ",".join(f'"{self.net}{x}"' for x in items) + "}'"
        return self.s.sql(f"SELECT t.visit('{self.name}', '{kind}', {self.at()}, {quote(hosts)}, {quote(facts)}, '{{}}', '{{{scripts}}}')")

    def see(self, hosts, silent=()):
        """hosts: {address: {"mac": ..., "name": ..., "ssh-hostkey": value or {port: value}, ...}}.  One visit of each kind, and
        another that asks for MAC addresses, without which what scripts read counts for nobody; the events that came of it."""
        before = len(self.told())
        states, plain, ports, results, kinds = [], [], [], [], set()
        for addr, h in hosts.items():
            states.append(f"{addr} u {h['mac']}" if h.get("mac") else f"{addr} u")
            plain += [f"{addr} 0 {fact} {h[key]}" for key, fact in (("mac", "mac"), ("name", "hostname")) if h.get(key)]
            for attr, port in self.PORT.items():
                for p, value in (h[attr].items() if isinstance(h.get(attr), dict) else [(port, h.get(attr))] if h.get(attr) else []):
                    ports.append(f"{addr} {p} port -")
                    results.append(f"{addr} {p} {attr} {attr}={value}")
                    kinds.add((f"{attr}={value}", json.dumps(script_data(attr, value))))
        if kinds:
            self.s.sql("INSERT INTO inv.value_script(value, output, data) VALUES " +
                       ",".join(f"(t.val('{v}'), '{v}', '{d}')" for v, d in sorted(kinds)) + " ON CONFLICT DO NOTHING")
        down = [f"{a} d" for a in silent]
        self.one_visit("presence", states + down, plain)
        self.one_visit("ports", states + down, plain + ports)
        self.one_visit("scripts", [x.split(" ")[0] + " u" for x in states], results, ",".join(self.PORT))
        self.one_visit("presence", states + down, plain)
        due = self.s.sql(f"SELECT count(*) FROM inv.identity_due WHERE zone_id = {self.zone}")
        assert due == "0", f"{due} addresses wait to be identified"
        return self.told()[before:].lstrip(", ")

    def hear(self, addr, kind, key):
        self.s.sql(f"INSERT INTO inv.evidence VALUES ({self.zone}, '{self.net}{addr}', '{kind}', '{key}', 'test', {self.at()}, {self.at()}) "
                   f"ON CONFLICT ON CONSTRAINT evidence_pk DO UPDATE SET last_at = excluded.last_at")

    def who(self, addr):
        return self.s.sql(f"SELECT value FROM inv.fact_now WHERE zone_id = {self.zone} AND addr = '{self.net}{addr}' AND slot = 0 AND attr_id = 0")

    def log(self):
        return self.s.sql(f"SELECT string_agg(what, ' ' ORDER BY log_id) FROM inv.identity_log WHERE zone_id = {self.zone}")
