#!/usr/bin/env python3
"""No text of Nmap's in our Lua: no line of 48 or more characters of ours stands in an installed Nmap's Lua files.

Blanks are squeezed before the comparison and quotes made alike, so that reformatting hides nothing. Lines that state facts
and can hardly be written in another way (names and numbers of registries) are excepted one by one, with the reason.
Skips (77) when no Nmap is installed."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LENGTH = 48
INSTALLED = [pathlib.Path(p) for p in ("/usr/share/nmap", "/usr/local/share/nmap")]
# pattern of a squeezed line -> why it may be the same
ALLOWED = [
    (r"^\W*(0x[0-9a-fA-F]+\W*)+$", "a row of numbers"),
    (r"^-- \|[ _]", "an example of an output format, which is an interface"),
    (r"^function \w+[:.]\w+\([\w, ]*\)$", "the name and parameters of a function, which are an interface"),
    (r"^portrule = shortport\.port_or_service\([^()]*\)$", "a rule: a protocol's registered ports and names through the API"),
    (r'^nmap\.set_port_version\(host, port, "\w+"\)$', "the API's only form of this call"),
    (r'^local \w+ = stdnse\.get_script_args\(SCRIPT_NAME \.\. "\.\w+"\) or "/"$', "reading a documented script argument"),
    (r"^local \w+ = http\.(get|generic_request)\(host, port, [^()]*\)$", "one call of the API with its documented arguments"),
    (r"^local status, \w+, \w+ = netbios\.do_nbstat\(host\)$", "one call of the API with its documented results"),
]


def squeezed(line):
    return re.sub(r"\s+", " ", line.strip()).replace("'", '"')


def lines_of(paths):
    for path in paths:
        text = path.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            line = squeezed(line)
            if len(line) >= LENGTH:
                yield path, number, line


def lua_files(*directories):
    for directory in directories:
        for pattern in ("*.lua", "*.nse"):
            yield from sorted(directory.rglob(pattern))


def main():
    installed = [p for p in INSTALLED if (p / "nselib").is_dir()]
    if not installed:
        print("skipped: no Nmap is installed to compare with")
        return 77
    theirs = {line for _, _, line in lines_of(lua_files(*installed))}
    checked = faults = 0
    for path, number, line in lines_of(lua_files(ROOT / "nselib", ROOT / "scripts")):
        checked += 1
        if line in theirs and not any(re.search(pattern, line) for pattern, _ in ALLOWED):
            print(f"{path.relative_to(ROOT)}:{number}: stands in Nmap too: {line}")
            faults += 1
    print(f"{checked} lines of {LENGTH} or more characters compared with {len(theirs)}, {faults} found")
    return bool(faults)


sys.exit(main())
