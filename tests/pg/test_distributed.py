#!/usr/bin/env python3
"""docs/distributed.md: what it would distribute by zone has the zone in every unique key, and nothing refers to it."""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pgtest

TEXT = (pgtest.ROOT / "docs/distributed.md").read_text()


def distributed():
    """The tables of the query in the page, as it is written there."""
    query = re.search(r"SELECT format\(.*?(?= \\\\?gexec)", TEXT, re.S).group()
    return ["fact_now"] + re.findall(r"create_distributed_table\('inv\.(\w+)'", db.sql(query))


def listed():
    return "'{" + ",".join(distributed()) + "}'"


def test_the_large_tables_are_among_them():
    assert set(distributed()) >= {"fact_now", "change", "coverage", "doubt", "asset_key", "asset_place", "host_covered", "host_note", "annotation", "approval"}, distributed()
    for name in re.findall(r"create_reference_table\('inv\.(\w+)'", TEXT):
        db.equal(name, f"SELECT to_regclass('inv.{name}') IS NOT NULL", "t")
        assert name not in distributed(), name


def test_unique_keys_contain_the_zone():
    bad = db.sql("SELECT string_agg(i.indexrelid::regclass::text, ' ') FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE i.indisunique AND c.relnamespace = 'inv'::regnamespace "
                 f"AND c.relname = ANY({listed()}) AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'zone_id' AND a.attnum = ANY(i.indkey::int2[]))")
    assert bad == "", f"unique keys without zone_id: {bad}"


def test_no_foreign_key_leads_to_a_distributed_table():
    bad = db.sql(f"SELECT string_agg(conname, ' ') FROM pg_constraint c JOIN pg_class t ON t.oid = c.confrelid WHERE c.contype = 'f' AND t.relname = ANY({listed()}) "
                 "AND t.relnamespace = 'inv'::regnamespace AND c.conparentid = 0")
    assert bad == "", bad


if __name__ == "__main__":
    with pgtest.Cluster() as pg:
        db = pg.database(migrated=True)
        pgtest.run(globals())
