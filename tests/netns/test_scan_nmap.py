#!/usr/bin/env python3
"""muster scan against nmap: 256 addresses with five ports give the same hosts and ports, address by address, in JSON and in XML that
nmap's DTD accepts; connect() instead of raw sockets; an interrupt leaves whole files; bad input is one line each."""
import functools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time
import xml.etree.ElementTree as ElementTree

import netns

ROOT = pathlib.Path(__file__).resolve().parents[2]
MUSTER = pathlib.Path(os.environ.get("MUSTER_BUILD_DIR", ROOT / "build")) / "muster"
DTD = "/usr/share/nmap/nmap.dtd"
PORTS = "22,80,443,8080,9999"
LISTENER = """
import socket, sys
servers = [socket.create_server(("", int(p)), backlog=64) for p in sys.argv[1:]]
while True:
    for s in servers:
        s.settimeout(0.05)
        try: s.accept()[0].close()
        except TimeoutError: pass
"""


def population(world):
    """40 of 256 addresses are in use: open, closed, dropped and rejected ports, one host with many addresses."""
    web = world.host("web", 10)
    web.start(["python3", "-c", LISTENER, "22", "80", "443"])
    many = world.host("many", 20)
    for last in range(21, 55):
        many.also(f"10.77.0.{last}")
    many.start(["python3", "-c", LISTENER, "8080"])
    wall = world.host("wall", 60)
    wall.run("sysctl", "-qw", "net.ipv4.icmp_ratelimit=0", "net.ipv4.icmp_msgs_per_sec=100000", "net.ipv4.icmp_msgs_burst=10000")
    wall.start(["python3", "-c", LISTENER, "80", "9999"])
    for rule in ("add table ip t", "add chain ip t in { type filter hook input priority 0; }", "add rule ip t in tcp dport 443 drop",
                 "add rule ip t in tcp dport 8080 reject with icmp type admin-prohibited",
                 "add rule ip t in tcp dport 22 reject with icmp type port-unreachable"):
        wall.run("nft", rule)
    silent = world.host("silent", 61)
    silent.run("nft", "add table ip t")
    silent.run("nft", "add chain ip t in { type filter hook input priority 0; policy drop; }")
    last = world.host("last", 254)
    last.start(["python3", "-c", LISTENER, "9999"])
    for host, port in ((web, 80), (many, 8080), (wall, 9999), (last, 9999)):
        netns.wait_port(host.address, port)


def run(*command, check=0):
    got = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=240)
    assert got.returncode == check, f"{command}: exit {got.returncode}: {got.stderr}"
    return got


def from_xml(path):
    """address -> (MAC address, {port: (state, reason)}) of the hosts that are up."""
    hosts = {}
    for host in ElementTree.parse(path).getroot().iter("host"):
        if host.find("status").get("state") != "up":
            continue
        addresses = {a.get("addrtype"): a.get("addr") for a in host.iter("address")}
        ports = {int(p.get("portid")): (p.find("state").get("state"), p.find("state").get("reason")) for p in host.iter("port")}
        hosts[addresses["ipv4"]] = (addresses.get("mac"), ports)
    return hosts


def from_json(path):
    hosts = {}
    for line in open(path):
        r = json.loads(line)
        if r["record"] == "host" and r["state"] == "up":
            hosts[r["address"]] = (r["mac"].upper() if r["mac"] else None, {})
        elif r["record"] == "port":
            assert r["address"] in hosts, f"port before its host: {line}"
            hosts[r["address"]][1][r["port"]] = (r["state"], r["reason"])
    return hosts


def show_difference(name, want, got):
    lines = [f"{a}: nmap {want.get(a)}, muster {got.get(a)}" for a in sorted(set(want) | set(got)) if want.get(a) != got.get(a)]
    assert not lines, f"{name}:\n" + "\n".join(lines)
    print(f"{name}: {len(want)} hosts, {sum(len(h[1]) for h in want.values())} ports are equal")


def valid(path):
    if os.path.exists(DTD) and shutil.which("xmllint"):
        run("xmllint", "--noout", "--nonet", "--dtdvalid", DTD, path)


def states_only(hosts):
    return {a: (None, {p: s[0] for p, s in h[1].items()}) for a, h in hosts.items()}


def compare(world, name, options, only_states=False, up=None):
    theirs, ours, lines = (world.path(f"{name}.{kind}") for kind in ("nmap.xml", "xml", "jsonl"))
    netns.together(lambda: run("nmap", "-n", "-T4", "-p", PORTS, "-oX", theirs, *options, "10.77.0.0/24"),
                   lambda: run(MUSTER, "scan", "-n", "-p", PORTS, "-oX", ours, "-oJ", lines, *options, "10.77.0.0/24"))
    valid(ours)
    want, got, got_lines = from_xml(theirs), from_xml(ours), from_json(lines)
    if only_states:
        want, got, got_lines = states_only(want), states_only(got), states_only(got_lines)
    show_difference(f"{name}, XML", want, got)
    show_difference(f"{name}, JSON", want, got_lines)
    summary = json.loads(open(lines).readlines()[-1])
    assert summary["record"] == "summary" and summary["complete"] and summary["hosts_probed"] == 256, summary
    assert summary["hosts_up"] == (up or len(want)), summary
    return want


def scripts_of(path):
    """(address, port or None, id) -> (output, children as text)"""
    found = {}
    for host in ElementTree.parse(path).getroot().iter("host"):
        address = host.find("address").get("addr")
        for port in [*host.iter("port"), *host.iter("hostscript")]:
            for s in port.findall("script"):
                children = "".join(ElementTree.tostring(c, encoding="unicode").strip() for c in s)
                found[address, port.get("portid"), s.get("id")] = (s.get("output"), children)
    return found


def text_scripts(text):
    """The blocks of lines that the results are on the screen; nmap's order of them changes from run to run."""
    blocks, lines = [], []
    for line in text.splitlines():
        if line.startswith("|"):
            lines.append(line)
        if line.startswith("|_"):
            blocks.append("\n".join(lines))
            lines = []
    return sorted(blocks)


def scripts(world):
    """Nmap's own scripts, unmodified, and Muster's of the same names: output, structure and screen equal nmap's."""
    if not os.path.isdir("/usr/share/nmap/scripts"):
        return print("scripts: nmap's package has none here")
    www = pathlib.Path(world.path("www"))
    www.mkdir()
    (www / "index.html").write_text("<html><head><title>  A \u00fc title\n of two lines </title></head></html>")
    (www / "robots.txt").write_text("User-agent: *\nDisallow: /secret\nDisallow: /b\nAllow: /x\n")
    os.chmod(world.directory, 0o755)
    server = world.host("server", 100)
    server.start(["python3", "-m", "http.server", "-d", str(www), "80"])
    server.start(["python3", "-c", "import socket,time\ns=socket.create_server(('',9999))\nwhile 1:\n c=s.accept()[0]; c.send(b'hi \\xff<&>\\r\\nmore'); time.sleep(1); c.close()"])
    netns.wait_port(server.address, 80)
    netns.wait_port(server.address, 9999)
    names = "banner,http-title,http-robots.txt"
    common = ["-n", "-p", "80,9999", "--script", names, "--script-args", "banner.timeout=2s"]
    theirs = world.path("scripts.nmap.xml")
    kinds = {"nmap's": ["--datadir", "/usr/share/nmap"], "own": []}

    def ours_of(kind):
        return world.path(f"scripts-{kind}.xml")

    screen, *gots = netns.together(
        lambda: run("nmap", *common, "-oX", theirs, server.address).stdout,
        *[functools.partial(lambda kind, options: run(MUSTER, "scan", *common, *options, "-oX", ours_of(kind), server.address).stdout, *item)
          for item in kinds.items()])
    for kind, got in zip(kinds, gots):
        ours = ours_of(kind)
        valid(ours)
        want, have = scripts_of(theirs), scripts_of(ours)
        assert want and want == have, f"{kind} scripts:\n nmap   {want}\n muster {have}"
        assert text_scripts(screen) == text_scripts(got), f"{kind} scripts on the screen:\n{screen}\n{got}"
        print(f"{kind} scripts: {len(want)} results are equal, in XML and on the screen")


def without_rights(world):
    """The same ports are found without CAP_NET_RAW, and it is said that there is none."""
    drop = ["setpriv", "--bounding-set=-net_raw,-net_admin", "--inh-caps=-net_raw,-net_admin"]
    lines = world.path("norights.jsonl")
    got = run(*drop, MUSTER, "scan", "-n", "-p", PORTS, "-oJ", lines, "10.77.0.10", "10.77.0.60")
    assert "no right to raw sockets" in got.stderr, got.stderr
    ports = from_json(lines)
    assert {p: s[0] for p, s in ports["10.77.0.10"][1].items()} == {22: "open", 80: "open", 443: "open", 8080: "closed", 9999: "closed"}, ports
    print("without raw sockets: connect() finds the same")


def interrupted(world):
    """SIGINT: files are whole, exit code 1, and what is known is in them."""
    xml, lines = world.path("int.xml"), world.path("int.jsonl")
    process = world.start([str(MUSTER), "scan", "-n", "-p", "1-2000", "--max-rate", "300", "-oX", xml, "-oJ", lines, "10.77.0.10", "10.77.0.200-210"])
    netns.wait_for("the host is found", lambda: os.path.exists(lines) and '"host"' in open(lines).read())
    time.sleep(0.5)
    process.send(signal.SIGINT)
    assert process.popen.wait(netns.CEILING) == 1
    valid(xml)
    assert ElementTree.parse(xml).getroot().find("runstats/finished").get("exit") == "error"
    summary = json.loads(open(lines).readlines()[-1])
    assert summary["record"] == "summary" and not summary["complete"], summary
    print("interrupted: the files are whole")


def bad_input(world):
    unreadable, broken, endless = world.path("targets"), world.path("broken.nse"), world.path("endless.nse")
    stray = world.path("stray.nse")
    pathlib.Path(unreadable).mkdir()
    pathlib.Path(broken).write_text('categories = {"safe"}\nportrule = function() return true end\naction = function( return end\n')
    pathlib.Path(endless).write_text('categories = {"safe"}\nhostrule = function() return true end\naction = function() while true do end end\n')
    pathlib.Path(stray).write_text('categories = {"safe"}\nhostrule = function() return true end\naction = function() coroutine.yield() end\n')
    cases = [
        (["--exlude", "x", "10.77.0.1"], "unknown option '--exlude'; did you mean '--exclude'?", 2),
        (["10.77.0.0/33"], "target '10.77.0.0/33'", 2),
        (["-p", "80,x-y", "10.77.0.1"], "port 'x-y'", 2),
        (["-p", "70000", "10.77.0.1"], "port '70000'", 2),
        (["-iL", world.path("nowhere")], "No such file or directory", 2),
        (["-iL", unreadable], "Is a directory", 2),
        (["-sU", "-p", "T:80,U:53", "10.77.0.1"], "-sU alone asks no TCP ports", 2),
        (["-p", "T:80,U:53", "10.77.0.1"], "UDP ports are asked with -sU", 2),
        (["-O", "10.77.0.1"], "detection of operating systems is not supported yet", 2),
        (["--script", "no-such-script", "10.77.0.1"], "no-such-script", 2),
        (["-n", "-p", "80", "--script", broken, "10.77.0.10"], "broken.nse:3", 1),
        (["-n", "-p", "80", "--script", endless, "--script-timeout", "1s", "10.77.0.10"], "script endless on 10.77.0.10 took too long", 1),
        (["-n", "-p", "80", "--script", stray, "10.77.0.10"], "script stray on 10.77.0.10 failed: yielded unexpectedly", 1),
        (["--script", "banner", "--script-args-file", world.path("nowhere"), "10.77.0.10"], "No such file or directory", 2),
        (["-n", "-p", "80", "no-such-name.invalid", "10.77.0.10"], "cannot resolve 'no-such-name.invalid'", 1),
        (["-n", "-p", "80", "--exclude", "no-such-name.invalid", "10.77.0.10"], "the exclude 'no-such-name.invalid' cannot be resolved", 2),
    ]
    gots = netns.together(*[functools.partial(run, MUSTER, "scan", *options, check=code) for options, _, code in cases])
    for (options, text, _), got in zip(cases, gots):
        lines = got.stderr.strip().splitlines()
        assert len(lines) == 1 and text in lines[0], f"{options}: {got.stderr}"
    print(f"{len(cases)} bad inputs: one line each")


def how_much_is_said(world):
    """What scripts hear of -v and -d is what they hear under nmap: -d says more, too."""
    script = world.path("levels.nse")
    with open(script, "w") as f:
        f.write('categories = {} hostrule = function() return true end\n'
                'action = function() return nmap.verbosity() .. " " .. nmap.debugging() end\n')
    xml = world.path("levels.xml")
    for options in ([], ["-v"], ["-vv"], ["-d"], ["-d2"], ["-v", "-d"], ["-d2", "-vv"]):
        said = []
        for program in (["nmap"], [MUSTER, "scan"]):
            run(*program, "-n", "-Pn", "-p", "80", *options, "--script", script, "-oX", xml, "10.77.0.10")
            said.append(scripts_of(xml))
        assert said[0] and said[0] == said[1], f"{options}: nmap {said[0]}, muster {said[1]}"
    print("verbosity and debugging are nmap's for scripts")


def open_with_scripts(world):
    """--open leaves out what scripts say of hosts that it leaves out, and the others' lines follow their host's."""
    script = world.path("everywhere.nse")
    with open(script, "w") as f:
        f.write('categories = {"safe"}\nhostrule = function() return true end\naction = function() return "said" end\n')
    lines = [json.loads(line) for line in run(MUSTER, "scan", "-n", "--open", "-p", PORTS, "--script", script, "-oJ", "-", "10.77.0.0/24").stdout.splitlines()]
    told, said = set(), set()
    for r in lines:
        if r["record"] == "host":
            told.add(r["address"])
        elif r["record"] == "script":
            assert r["address"] in told, f"script before its host: {r}"
            said.add(r["address"])
    assert said == told and 0 < len(told) < lines[-1]["hosts_up"], f"{len(said)} of {len(told)} hosts, {lines[-1]}"
    print(f"--open with scripts: {len(said)} of {lines[-1]['hosts_up']} hosts are told")


def main():
    netns.enter()
    if not MUSTER.exists():
        netns.skip(f"{MUSTER} is not built")
    if not shutil.which("nmap"):
        netns.skip("nmap is not installed")
    with netns.World() as world:
        population(world)
        want = compare(world, "syn", [])
        assert len(want) == 40, f"{len(want)} hosts are up, 40 were made"
        compare(world, "connect", ["-sT"], only_states=True)
        listed = compare(world, "open", ["--open"], up=len(want))
        assert 0 < len(listed) < len(want), f"{len(listed)} of {len(want)} hosts have an open port"
        open_with_scripts(world)
        how_much_is_said(world)
        without_rights(world)
        interrupted(world)
        scripts(world)
        bad_input(world)


if __name__ == "__main__":
    main()
