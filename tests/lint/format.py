#!/usr/bin/env python3
"""The C sources are as clang-format 14 writes them with the .clang-format of this tree."""
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main():
    tool = shutil.which("clang-format-14") or shutil.which("clang-format")
    if not tool or " 14." not in subprocess.run([tool, "--version"], capture_output=True, text=True).stdout:
        print("skipped: clang-format 14 is not installed")
        return 77
    files = [str(p) for top in ("engine", "service", "tests") for p in sorted((ROOT / top).rglob("*.[ch]"))]
    run = subprocess.run([tool, "--dry-run", "--Werror", *files], capture_output=True, text=True)
    bad = sorted({line.split(":")[0] for line in run.stderr.splitlines() if ": error:" in line})
    for name in bad:
        print(f"{pathlib.Path(name).relative_to(ROOT)}: run clang-format -i on it")
    if not bad:
        print(f"{len(files)} files are formatted")
    return int(bool(bad) or run.returncode)


sys.exit(main())
