#!/usr/bin/env python3
"""Files stay readable: 600 lines a file, 80 a function (tables excepted), 100 columns a line."""
import pathlib
import re
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE_MAX, FUNCTION_MAX, COLUMNS_MAX = 600, 80, 100


def functions(lines):
    """(name, first line, length) of each function: the house style puts its braces in column 0."""
    start = name = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start, name = number, lines[number - 2].strip()
        elif line == "}" and start:
            yield name, start, number - start - 1
            start = None


def main():
    faults, lengths = [], []
    for top in ("engine", "service"):
        for path in sorted((ROOT / top).rglob("*.[ch]")):
            rel = path.relative_to(ROOT)
            lines = path.read_text().splitlines()
            if len(lines) > FILE_MAX:
                faults.append(f"{rel}: {len(lines)} lines; is it still one thing? (limit {FILE_MAX})")
            if path.suffix == ".c":
                for name, start, length in functions(lines):
                    lengths.append(length)
                    if length > FUNCTION_MAX:
                        faults.append(f"{rel}:{start}: {length} lines in one function (limit {FUNCTION_MAX}): {name}")
                for number, line in enumerate(lines, 1):
                    if len(line.expandtabs(4)) > COLUMNS_MAX and not re.search(r'https?://', line):
                        faults.append(f"{rel}:{number}: {len(line)} columns (limit {COLUMNS_MAX})")
    median = statistics.median(lengths)
    if median > 20:
        faults.append(f"the median function has {median} lines; aim under 20")
    print("\n".join(faults) or f"{len(lengths)} functions, median {median} lines")
    return bool(faults)


sys.exit(main())
