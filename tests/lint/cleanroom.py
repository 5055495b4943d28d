#!/usr/bin/env python3
"""No text of Nmap's in our Lua: no line of 48 or more characters of ours stands in an installed Nmap's Lua files.

Blanks are squeezed before the comparison and quotes made alike, so that reformatting hides nothing. Lines that state facts
and can hardly be written in another way (names and numbers of registries) are excepted one by one, with the reason.
An example of a script's output has Nmap's labels, which are an interface, but values of our own: what holds a digit in the comments
of our script stands in no comment of Nmap's script of the same name, but for the words of protocols.
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
    (r"^-- \|[ _]", "an example of an output format, which is an interface; its values are compared by samples()"),
    (r"^function \w+[:.]\w+\(\w*\)$", "the name of a function, which is an interface"),
    (r"^portrule = shortport\.port_or_service\([^()]*\)$", "a rule: a protocol's registered ports and names through the API"),
    (r'^nmap\.set_port_version\(host, port, "\w+"\)$', "the API's only form of this call"),
    (r'^local \w+ = stdnse\.get_script_args\(SCRIPT_NAME \.\. "\.\w+"\) or "/"$', "reading a documented script argument"),
    (r"^local \w+ = http\.(get|generic_request)\(host, port, [^()]*\)$", "one call of the API with its documented arguments"),
    (r"^local status, \w+, \w+ = netbios\.do_nbstat\(host\)$", "one call of the API with its documented results"),
]

# words of protocols and of the scripts' own output, which an example cannot do without
WORDS = re.compile(r"""^(\d{1,5}/(tcp|udp)|HTTP/1\.1|http/1\.1|spdy/3|UPnP/1\.0|IMAP4rev1|IPMI-2\.0|SSHv1|SMBv1|SSLv2|TLSv1\.2|sha256|socks[45]|128-bit|
    255\.255\.255\.0|127\.0\.0\.1|1000(00|03|000)|31536000|1048576|1K-blocks|0\.7\.0|MON_GETLIST_1|SSL2_\w+|TLS_\w+|secp256r1|diffie-hellman-[\w-]+|
    315-2|SCRAM-SHA-1|MIT-MAGIC-COOKIE-1|vmnix-x86|x86_64-unknown-linux-gnu|http://purenetworks\.com/HNAP1/GetDeviceSettings)$""", re.VERBOSE)


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


def words_of(path):
    """What holds a digit in the comments: numbers, names of models, addresses, times."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    text = "\n".join(line for line in lines if line.lstrip().startswith("--"))
    found = (word.rstrip(".:") for word in re.findall(r"[A-Za-z0-9][A-Za-z0-9_.:+/-]{4,}", text))
    return {word for word in found if re.search(r"\d", word) and word != path.stem and not WORDS.match(word)}


def samples(installed):
    """(script of ours, words that its examples share with Nmap's)"""
    for path in sorted((ROOT / "scripts").glob("*.nse")):
        for folder in installed:
            other = folder / "scripts" / path.name
            shared = words_of(path) & words_of(other) if other.exists() else set()
            if shared:
                yield path, sorted(shared)


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
    for path, shared in samples(installed):
        print(f"{path.relative_to(ROOT)}: its examples share with Nmap's: {', '.join(shared)}")
        faults += 1
    print(f"{checked} lines of {LENGTH} or more characters compared with {len(theirs)}, {faults} found")
    return bool(faults)


sys.exit(main())
