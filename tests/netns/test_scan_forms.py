#!/usr/bin/env python3
"""What `muster scan` writes for those who read nmap's files: -oG line by line beside nmap's, -oA's three files, which files go together;
-sL, which lists targets beside nmap's list and asks none of them."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import netns

ROOT = pathlib.Path(__file__).resolve().parents[2]
MUSTER = pathlib.Path(os.environ.get("MUSTER_BUILD_DIR", ROOT / "build")) / "muster"
NAMES = "127.0.0.1 localhost\n10.77.0.10 web.test www.test\n10.77.0.20 wall.test\n"
SERVER = """
import socket, sys, threading
def serve(port, greeting):
    s = socket.create_server(("", port))
    while True:
        c = s.accept()[0]
        try:
            c.sendall(greeting)
        except OSError:
            pass
        c.close()
for port, greeting in ((22, b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u2\\r\\n"), (8080, b""), (2121, b"220 (vsFTPd 3.0.3)\\r\\n")):
    threading.Thread(target=serve, args=(port, greeting)).start()
"""
WALL = "table ip t {\n chain in {\n type filter hook input priority 0; tcp dport 1-100 drop;\n }\n}\n"


def run(program, *words, code=0):
    command = ["nmap"] if program == "nmap" else [str(MUSTER), "scan"]
    got = subprocess.run([*command, *words], capture_output=True, text=True, timeout=netns.CEILING)
    assert got.returncode == code, f"{program} {words}: exit {got.returncode}, not {code}: {got.stdout}{got.stderr}"
    return got


def hosts_of(text):
    """What is told of each host, in its order; the hosts come in any."""
    hosts = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            host, said = line.split("\t", 1)
            assert re.fullmatch(r"Host: \S+ \(\S*\)", host), line
            hosts.setdefault(host, []).append(said)
    return hosts


def grep(world):
    """The lines are nmap's."""
    net = ["10.77.0.8/29", "10.77.0.16/29"]
    for words in (["-p", "22,80,81,2121,8080", *net], ["-p1-90", *net], ["-v", "-p", "22,50-120", *net], ["--open", "-p1-100", *net], ["-sn", "-v", *net],
                  ["-sV", "-p", "22,80,2121", "www.test"], ["-p80", "-n", "10.77.0.10"], ["-6", "-p22,23", "fd77::a"], ["-sU", "-sS", "-p", "U:53,T:22", "10.77.0.10"]):
        table = [] if "-sV" in words else ["--datadir", "/usr/share/nmap"]  # ports have nmap's names
        theirs, ours = netns.together(lambda: run("nmap", *words, "-oG", "-").stdout, lambda: run("muster", *table, *words, "-oG", "-").stdout)
        want, have = hosts_of(theirs), hosts_of(ours)
        assert want == have and (have or "--open" in words), f"{words}:\n nmap   {want}\n muster {have}"
        counts = [line for line in ours.splitlines() if line.startswith("# Ports scanned")]
        assert counts == [line for line in theirs.splitlines() if line.startswith("# Ports scanned")], (theirs, ours)
        assert re.fullmatch(r"# Muster \S+ scan initiated \S+ as: .* -oG -", ours.splitlines()[0]) and ours.splitlines()[-1].startswith("# Muster done at "), ours
        print(f"-oG {' '.join(words[:-1])}: {sum(map(len, have.values()))} lines are equal", flush=True)


def everything(world):
    name, single = world.path("all"), world.path("single")
    words = ["-p22,80,81", "10.77.0.10", "10.77.0.20"]
    out = run("muster", *words, "-oA", name).stdout
    assert "Muster scan report for web.test (10.77.0.10)" in out, "the screen is kept"
    text, lines = (pathlib.Path(f"{name}.{end}").read_text() for end in ("nmap", "gnmap"))
    assert "22/tcp open   ssh" in text and text.startswith("# Muster ") and hosts_of(lines), (text, lines)
    assert len(ElementTree.parse(name + ".xml").getroot().findall("host")) == 2
    assert sorted(p.name for p in pathlib.Path(world.directory).glob("all*")) == ["all.gnmap", "all.nmap", "all.xml"]
    run("muster", *words, "-oG", single, "-oJ", "-")
    assert hosts_of(pathlib.Path(single).read_text()) == hosts_of(lines)
    print("-oA: the three files, beside the screen")


def times(world):
    """The time in the names, as nmap puts it there."""
    for who in ("nmap", "muster"):
        run(who, "-n", "-sn", "-oA", world.path(f"{who}-%Y-%m-%d"), "-oJ" if who == "muster" else "-d", world.path(f"{who}-%D-%y%%%q") if who == "muster" else "-n",
            "10.77.0.10")
    names = {who: sorted(p.name for p in pathlib.Path(world.directory).glob(who + "-*")) for who in ("nmap", "muster")}
    assert re.fullmatch(r"muster-(\d\d)(\d\d)(\d\d)-\3%q", names["muster"][0]), names
    assert [name.replace("nmap-", "muster-", 1) for name in names["nmap"]] == names["muster"][1:] and len(names["nmap"]) == 3, names
    run("muster", "-n", "-sn", "-oG", world.path("at-%T-%R-%H%M%S"), "10.77.0.10")
    assert re.fullmatch(r"at-((\d{4})\d\d)-\2-\1", next(pathlib.Path(world.directory).glob("at-*")).name)
    print("names with the time in them")


def hints(world):
    """The XML says that a host is up before it says what its ports are, as nmap's does; not without ports."""
    for words, n in ((["-p22"], 1), (["-sn"], 0)):
        roots = [ElementTree.fromstring(run(who, "-n", *words, "-oX", "-", "10.77.0.10").stdout) for who in ("nmap", "muster")]
        theirs, ours = ([[(e.tag, sorted(e.attrib.items())) for e in h.iter() if e.tag != "hosthint"] for h in root.findall("hosthint")] for root in roots)
        assert ours == theirs and len(ours) == n, (theirs, ours)
    print("hosthint: equal nmap's")


def refused(world):
    name = world.path("no")
    for words, why in ((["-oA", "-"], "-oA writes three files; give it a name for them"),
                       (["-oA", name, "-oX", name], "-oA writes what -oN, -oX and -oG do; leave those out"),
                       (["-oG", "-", "-oX", "-"], "only one of -oN, -oX, -oG and -oJ can go to standard output"),
                       (["-oG", name, "-oJ", name], f"-oG and -oJ both write '{name}'; name a file for each"),
                       (["-oA", name, "-oJ", name + ".xml"], f"'{name}.xml' is written by another output; name a file for each"),
                       (["-oG", name, "-oJ", os.path.join(world.directory, ".", "no")], f"'{world.directory}/./no' is written by another output; name a file for each"),
                       (["-oA", "x" * 4094], "the name of an output is too long"),
                       (["-oX", name + "%T", "--state", name], f"'{name}%T': --resume goes on with the files, so that their names cannot have the time in them"),
                       (["-oA", world.path("nowhere/all")], f"cannot write '{world.path('nowhere/all')}.nmap': No such file or directory")):
        got = run("muster", "-n", "-sn", *words, "10.77.0.10", code=2)
        assert got.stderr == f"muster scan: {why}\n" and not got.stdout, (words[0], got.stderr)
    assert not any(os.path.getsize(name + end) for end in ("", ".nmap", ".xml", ".gnmap"))
    print("refused: what does not go together")


def sent():
    """Packets that left this machine's interface so far."""
    return json.loads(netns.sh("ip", "-s", "-j", "link", "show", "br0"))[0]["stats64"]["tx"]["packets"]


def listed(world):
    """The same hosts with the same names as nmap lists, in the order of their addresses; nothing is sent but questions for names."""
    xml, lines = world.path("list.xml"), world.path("list.jsonl")
    before = sent()
    out = run("muster", "-sL", "10.77.0.8/30", "www.test", "10.78.0.0/30", "--exclude", "10.77.0.9,10.78.0.2", "-oX", xml, "-oJ", lines)
    assert sent() == before, "packets were sent"
    names = [re.sub("Muster scan report for ", "", line) for line in out.stdout.splitlines() if "report" in line]
    assert names == ["10.77.0.8", "www.test (10.77.0.10)", "10.77.0.11", "10.78.0.0", "10.78.0.1", "10.78.0.3"] and not out.stderr, (names, out.stderr)
    assert "Muster done: 6 IP addresses (0 hosts up) scanned in" in out.stdout, out.stdout
    netns.sh("xmllint", "--noout", "--nonet", "--dtdvalid", "/usr/share/nmap/nmap.dtd", xml)
    root = ElementTree.parse(xml).getroot()
    states = {(h.find("status").get("state"), h.find("status").get("reason")) for h in root.iter("host")}
    assert states == {("unknown", "user-set")} and root.find("scaninfo") is None, states
    assert [n.attrib for n in root.iter("hostname")] == [{"name": "www.test", "type": "user"}, {"name": "web.test", "type": "PTR"}]
    assert root.find("runstats/hosts").attrib == {"up": "0", "down": "6", "total": "6"}
    records = [json.loads(line) for line in open(lines)]
    assert [r["record"] for r in records] == ["host"] * 6 + ["summary"] and {r["state"] for r in records[:-1]} == {"unknown"}, records
    assert records[-1]["hosts_probed"] == 0 and records[-1]["complete"], "nobody was asked"
    theirs, ours = (hosts_of(run(who, "-sL", "10.77.0.8/29", "10.77.0.20", "-oG", "-").stdout) for who in ("nmap", "muster"))
    assert theirs == ours and len(ours) == 9, (theirs, ours)
    many = run("muster", "-sL", "-n", "10.0.0.0/16", "224.0.0.251").stdout.splitlines()
    assert len(many) == 65536 + 3 and many[300] == "Muster scan report for 10.0.1.43" and many[-2].endswith("224.0.0.251"), many[-3:]
    print("-sL: the list, in text, XML, JSON and lines to grep; nobody was asked")


def list_refused():
    for words, why in ((["-p80"], "-sL looks at no ports; leave out -p, -F and --top-ports"), (["-sS"], "-sL, -sS and -sT exclude each other; give one"),
                       (["-sC"], "-sL asks none of the targets; leave out scripts"), (["--estimate"], "-sL asks none of the targets; leave out --estimate"),
                       (["-sV"], "-sL looks at no ports; leave out -sV"), (["--traceroute"], "-sL asks none of the targets; leave out --traceroute")):
        assert run("muster", "-sL", *words, "10.77.0.10", code=2).stderr == f"muster scan: {why}\n", words
    print("-sL with what asks: refused")


def interrupted(world):
    """Names come from a server that is silent: what is known is written whole."""
    xml = world.path("cut.xml")
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 53))
    process = world.start([str(MUSTER), "scan", "-sL", "10.79.0.0/16", "-oX", xml])
    silent.recv(1000)
    process.send(signal.SIGINT)
    assert process.popen.wait(netns.CEILING) == 1
    root = ElementTree.parse(xml).getroot()
    assert root.find("runstats/finished").get("exit") == "error" and len(root.findall("host")) == 64, ElementTree.tostring(root)[:300]
    silent.close()
    print("-sL, interrupted: the XML is whole")


def population(world):
    hosts = pathlib.Path(world.path("hosts"))
    hosts.write_text(NAMES)
    netns.sh("mount", "--bind", str(hosts), "/etc/hosts")
    resolver = pathlib.Path(world.path("resolv.conf"))
    resolver.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    netns.sh("mount", "--bind", str(resolver), "/etc/resolv.conf")
    web, wall = world.host("web", 10), world.host("wall", 20)
    web.start([sys.executable, "-c", SERVER])
    wall.run("nft", "-f", "-", input=WALL)
    for port in (22, 2121, 8080):
        netns.wait_port(web.address, port)


def main():
    netns.enter()
    if not MUSTER.exists():
        netns.skip(f"{MUSTER} is not built")
    with netns.World() as world:
        population(world)
        everything(world)
        refused(world)
        list_refused()
        interrupted(world)
        if os.path.exists("/usr/share/nmap/nmap-services"):
            listed(world)
            times(world)
            hints(world)
            grep(world)


if __name__ == "__main__":
    main()
