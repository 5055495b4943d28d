#!/usr/bin/env python3
"""Calls that block, overrun or hide errors, with the reason and what to use."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

BANNED = {
    "strcpy": "no bound; snprintf or struct buf",
    "strcat": "no bound; struct buf",
    "sprintf": "no bound; snprintf",
    "gets": "no bound",
    "strncpy": "does not terminate; snprintf",
    "atoi": "hides errors; strtol with checks",
    "atol": "hides errors; strtol with checks",
    "sleep": "blocks the loop; a timer",
    "usleep": "blocks the loop; a timer",
    "system": "a shell; fork and exec",
    "popen": "a shell; fork and exec",
    "getaddrinfo": "blocks; engine/loop/dns.h",
    "gethostbyname": "blocks; engine/loop/dns.h",
    "PQexec": "blocks; service/store/query.h",
    "PQexecParams": "blocks; service/store/query.h",
    "PQprepare": "blocks; service/store/query.h",
    "PQcancel": "blocks; statement_timeout",
    "PQconnectdb": "blocks; PQconnectStart",
    "rand": "predictable; engine/base/random.h",
    "srand": "predictable; engine/base/random.h",
    "signal": "use sd-event or sigaction",
    "tmpnam": "a race; mkstemp",
    "setjmp": "hides control flow",
    "sigsetjmp": "hides control flow",
    "alloca": "no bound",
}
# file: {call: why it may stand there}
EXCEPTIONS = {
    "service/cli/scan_stuck.c": {"sigsetjmp": "the only way out of a C function of a library that never returns; the process ends by it"},
    "service/store/migrate.c": {call: "runs before the loop, in tools and at start; bounded by lock and statement timeouts"
                                for call in ("PQexec", "PQexecParams", "PQconnectdb")},
}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\])*"', re.S)


def blank(match):
    return re.sub(r"[^\n]", " ", match[0])


def main():
    faults = []
    for top in ("engine", "service"):
        for path in sorted((ROOT / top).rglob("*.[ch]")):
            rel = str(path.relative_to(ROOT))
            code = COMMENT.sub(blank, path.read_text())
            for number, line in enumerate(code.splitlines(), 1):
                for match in CALL.finditer(line):
                    call = match[1]
                    if call not in EXCEPTIONS.get(rel, {}):
                        faults.append(f"{rel}:{number}: {call}(): {BANNED[call]}")
    print("\n".join(faults) or f"none of {len(BANNED)} banned calls is used")
    return bool(faults)


sys.exit(main())
