#!/usr/bin/env python3
"""Every header compiles alone: it includes what it uses.  Usage: headers.py COMPILER [FLAG...]"""
import concurrent.futures
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def check(path, compiler):
    rel = path.relative_to(ROOT)
    run = subprocess.run([*compiler, "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", str(ROOT),
                          "-include", str(path), "-x", "c", "/dev/null"], capture_output=True, text=True)
    return f"{rel}:\n{run.stderr}" if run.returncode else None


def main():
    headers = [p for top in ("engine", "service") for p in sorted((ROOT / top).rglob("*.h"))]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        faults = [f for f in pool.map(lambda p: check(p, sys.argv[1:]), headers) if f]
    print("\n".join(faults) or f"{len(headers)} headers compile alone")
    return bool(faults)


sys.exit(main())
