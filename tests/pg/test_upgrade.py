#!/usr/bin/env python3
"""Dumps of earlier versions (dumps/NNNN.sql: the schema after migration NNNN, with data) come up to the newest one with all that they
hold; and a program of then goes on beside the new schema.

    test_upgrade.py make NNNN      writes dumps/NNNN.sql from the migrations up to NNNN"""
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pgtest

DUMPS = pathlib.Path(__file__).parent / "dumps"
# What a program of migration 12 says: a presence, a ports and a scripts visit of three hosts, then changes.
PART = """SELECT verdict FROM api.apply_part({schedule}, {fence}, 1, now(), 'syn', '{hosts}', '{states}', '{macs}', '{nulls}', '{nulls}', '{nulls}',
  '{names}', {judged}, '{f_addr}', '{f_slot}', '{f_attr}', '{f_value}', '{{}}', '{{}}', '{{}}', '{b_value}', '{b_kind}', '{b_body}', '{n_slot}', '{n_name}')"""


def visit(db, kind, facts, down=(), complete=True):
    """facts: (host, slot, attribute, value) or with a script's name as attribute; value None: a port."""
    schedule, fence = db.sql("UPDATE inv.schedule SET wanted_at = now(), due_at = now() WHERE due_at < 'infinity'; "
                             f"SELECT schedule_id || ' ' || fence FROM api.claim(1, '{{{kind}}}', 1, '60 s')").split()
    hosts = sorted({f[0] for f in facts}) + list(down)
    names = sorted({f[2] for f in facts if isinstance(f[2], str)})
    digest = lambda v: "00000000-0000-0000-0000-000000000001" if v is None else db.sql(f"SELECT md5('{v}')::uuid")
    array = lambda items: "{" + ",".join(str(i) for i in items) + "}"
    text = lambda items: "{" + ",".join('"' + str(i).replace('"', '\\"') + '"' for i in items) + "}"
    seen = [f for f in facts if f[2] != "up"]
    attrs = [-names.index(f[2]) - 1 if isinstance(f[2], str) else f[2] for f in seen]
    bodies = [(digest(f[3]), "x" if isinstance(f[2], str) else "s" if f[2] == 11 else "t",
               f'{{"output":"{f[3]}","name":"{f[3]}"}}' if f[2] == 11 or isinstance(f[2], str) else f[3]) for f in seen if f[3] is not None]
    values = PART.format(schedule=schedule, fence=fence, hosts=array(hosts), states=array("d" if h in down else "u" for h in hosts),
                         macs=array("NULL" for _ in hosts), nulls=array("NULL" for _ in hosts), names=array(names), judged=len(names),
                         f_addr=array(f[0] for f in seen), f_slot=array(f[1] for f in seen), f_attr=array(attrs), f_value=array(digest(f[3]) for f in seen),
                         b_value=array(b[0] for b in bodies), b_kind=array(b[1] for b in bodies), b_body=text(b[2] for b in bodies),
                         n_slot="{393238}", n_name="{ssh}")
    assert db.sql(values) == "a", values
    db.sql(f"SELECT api.finish({schedule}, {fence}, {str(complete).lower()}, 'syn', 1, 0, 0, 0, 1)")


def some_data(db):
    db.sql("""SELECT api.hello('old', gen_random_uuid()); SELECT api.sync_config('{"zones": [{"name": "lab", "host_misses": 1, "blocks": [["10.0.0.0", "10.0.0.255"]],
      "passes": [{"name": "p", "kind": "presence", "slots": "{}", "misses": 1, "every": 3600, "confirm": 1}, {"name": "q", "kind": "ports", "slots": "{[393216,458751)}", "misses": 1, "every": 3600, "confirm": 1},
                 {"name": "s", "kind": "scripts", "slots": "{}", "misses": 1, "every": 3600, "confirm": 1}]}]}')""")
    one, two, ssh, web = "10.0.0.1", "10.0.0.2", 393238, 393296
    visit(db, "presence", [(one, 0, 3, "one.lab"), (two, 0, 3, "two.lab")])
    visit(db, "ports", [(one, ssh, 10, None), (one, web, 10, None), (two, ssh, 10, None)])
    visit(db, "scripts", [(one, web, "http-title", "Old title"), (two, ssh, "ssh-hostkey", "key")])
    visit(db, "scripts", [(one, web, "http-title", "New title"), (two, ssh, "ssh-hostkey", "key")])
    visit(db, "ports", [(one, ssh, 10, None), (one, web, 10, None), (one, 393659, 10, None), (two, ssh, 10, None)])
    visit(db, "presence", [(one, 0, 3, "one.lab")], down=[two])


def make(version):
    with pgtest.Cluster(attributes="SUPERUSER") as pg:
        db = pg.database()
        text = ["CREATE SCHEMA ops; CREATE TABLE ops.migration (version int4 PRIMARY KEY, name text NOT NULL, sha256 bytea NOT NULL, "
                "applied_at timestamptz NOT NULL DEFAULT now(), by_program text NOT NULL, took_ms int4);"]
        for path in sorted(pgtest.MIGRATIONS.glob("[0-9]*.sql")):
            if int(path.name[:4]) <= version:
                text.append(f"BEGIN;\n{path.read_text()}\n;INSERT INTO ops.migration(version, name, sha256, by_program) "
                            f"VALUES ({int(path.name[:4])}, '{path.name}', sha256(pg_read_binary_file('{path}')), 'old'); COMMIT;")
        pg.psql(db.name, "\n".join(text), user="postgres")
        pg.psql(db.name, f"REASSIGN OWNED BY postgres TO {db.owner}", user="postgres", check=False)
        some_data(db)
        argv = [f"{pg.bin}/pg_dump", "-h", str(pg.socket), "-U", "postgres", "--no-owner", "--no-privileges", "--inserts", "--rows-per-insert=100", db.name]
        dump = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    lines = [line for line in dump.splitlines() if line.strip() and not line.startswith(("--", "\\"))]
    (DUMPS / f"{version:04d}.sql").write_text("\n".join(lines) + "\n")


def upgraded(path):
    db = pg.database()
    pg.psql(db.name, path.read_text())
    d = pgtest.Driver("pg_store_driver")
    got = d.do("migrate " + db.conninfo.replace(" ", ";") + f" {pgtest.MIGRATIONS}")
    newest = max(int(p.name[:4]) for p in pgtest.MIGRATIONS.glob("[0-9]*.sql"))
    assert got.splitlines()[-1].endswith(str(newest)), got
    d.close()
    return db


def test_each_dump_comes_up_with_all_that_it_holds():
    for path in sorted(DUMPS.glob("*.sql")):
        db = upgraded(path)
        bad = db.sql("SELECT string_agg(what || ': ' || n, ', ') FROM ops.audit() WHERE n <> 0 AND what NOT LIKE 'rows outside%'")
        assert not bad, f"{path.name}: {bad}"
        db.equal(f"{path.name}: hosts", "SELECT string_agg(host(address) || ' ' || hostname || ' ' || (present_since IS NOT NULL), ', ' ORDER BY address) FROM report.host",
                 "10.0.0.1 one.lab true, 10.0.0.2 two.lab false")
        db.equal(f"{path.name}: ports", "SELECT string_agg(host(address) || ':' || port, ' ' ORDER BY address, port) FROM report.service", "10.0.0.1:22 10.0.0.1:80 10.0.0.1:443 10.0.0.2:22")
        db.equal(f"{path.name}: results", "SELECT string_agg(output, ', ' ORDER BY output) FROM report.script_result", "New title, key")
        db.equal(f"{path.name}: seen", "SELECT string_agg(script, ' ') FROM report.script_result WHERE present AND last_seen = last_checked AND last_seen > first_seen", "http-title")
        db.write_events()
        db.equal(f"{path.name}: events", "SELECT string_agg(type, ', ' ORDER BY type) FROM report.event", "host.gone, port.opened, script.changed")
        print(f"{path.name} is well")


def test_program_of_then_goes_on_beside_the_new_schema():
    for path in sorted(DUMPS.glob("*.sql")):
        db = upgraded(path)
        visit(db, "presence", [("10.0.0.1", 0, 3, "one.lab"), ("10.0.0.2", 0, 3, "two.lab"), ("10.0.0.3", 0, 3, "three.lab")])
        visit(db, "ports", [("10.0.0.1", 393238, 10, None), ("10.0.0.1", 393296, 10, None), ("10.0.0.2", 393238, 10, None)])
        visit(db, "scripts", [("10.0.0.1", 393296, "http-title", "Newer title"), ("10.0.0.2", 393238, "ssh-hostkey", "key")])
        db.equal("hosts", "SELECT count(*) FROM report.host WHERE present_since IS NOT NULL", 3)
        db.equal("closed", "SELECT count(*) FROM report.service WHERE port = 443", 0)
        bad = db.sql("SELECT string_agg(what || ': ' || n, ', ') FROM ops.audit() WHERE n <> 0 AND what NOT LIKE 'rows outside%'")
        assert not bad, bad


if __name__ == "__main__":
    if sys.argv[1:2] == ["make"]:
        make(int(sys.argv[2]))
    else:
        with pgtest.Cluster() as pg:
            pgtest.run(globals())
