#!/usr/bin/env python3
"""What begins as a program in tests/bench and tests/lab can be started as one: ./bootstrap does so."""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main():
    files = [p for top in ("bench", "lab") for p in sorted((ROOT / "tests" / top).iterdir()) if p.is_file()]
    programs = [p for p in files if p.read_bytes()[:2] == b"#!"]
    bad = [p for p in programs if not p.stat().st_mode & 0o100]
    for p in bad:
        print(f"{p.relative_to(ROOT)}: run chmod +x on it")
    if not bad:
        print(f"{len(programs)} programs can be started")
    return int(bool(bad) or not programs)


sys.exit(main())
