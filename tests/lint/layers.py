#!/usr/bin/env python3
"""Each file includes only what stands below its layer (docs and CMakeLists.txt name the same order), and the top of the tree holds only
what belongs there."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# layer -> layers whose headers it may include (besides its own)
BASE = {"engine/base"}
LOOP = BASE | {"engine/loop"}
PURE = BASE | {"engine/model", "engine/packet"}
ENGINE = LOOP | PURE
ALLOWED = {
    "engine/base": set(),
    "engine/packet": BASE,
    "engine/model": BASE,
    "engine/loop": BASE,
    "engine/scan": ENGINE,
    "engine/script": ENGINE,
    "service/privilege": BASE,
    "service/systemd": LOOP,
    "service/config": LOOP | {"engine/model"},
    "service/ipc": ENGINE | {"engine/scan", "engine/script"},
    "service/import": BASE | {"engine/model"},
    "service/store": ENGINE,
    "service/alert": ENGINE | {"service/store", "service/config"},
    "service/schedule": ENGINE | {"service/config", "service/store", "service/ipc"},
}
TOP = set(ALLOWED) | {"service/cli", "service/role"}
ALLOWED["service/cli"] = TOP - {"service/role"}
ALLOWED["service/role"] = TOP - {"service/cli"}
ALLOWED["service/main"] = TOP

TREE = {"CMakeLists.txt", "CMakePresets.json", "LICENSE", "README.md", "bootstrap", "config", "docs", "engine", "migrations", "nselib", "scripts",
        "service", "systemd", "tests"}
MADE = re.compile(r"\.|build|var$|compile_commands\.json$")  # what .gitignore names

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def main():
    faults = [f"{path.name}: not a file or directory that belongs at the top" for path in sorted(ROOT.iterdir())
              if path.name not in TREE and not MADE.match(path.name)]
    files = 0
    for top in ("engine", "service"):
        for path in sorted((ROOT / top).rglob("*.[ch]")):
            files += 1
            rel = path.relative_to(ROOT)
            layer = str(rel.parent)
            if layer not in ALLOWED:
                faults.append(f"{rel}: directory {layer} is not a layer that this test knows")
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                target = str(pathlib.PurePosixPath(match[1]).parent)
                if target != layer and target not in ALLOWED[layer]:
                    faults.append(f"{rel}:{number}: {layer} must not include {match[1]}")
    print("\n".join(faults) or f"{files} files include only what stands below them")
    return bool(faults)


sys.exit(main())
