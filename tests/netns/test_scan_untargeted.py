#!/usr/bin/env python3
"""`muster scan --script ...` without a target: prerules and postrules run, on the links of this machine and nowhere else; what they find is
scanned with newtargets; Nmap's own scripts that ask a link say what they say under nmap."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import netns

ROOT = pathlib.Path(__file__).resolve().parents[2]
MUSTER = pathlib.Path(os.environ.get("MUSTER_BUILD_DIR", ROOT / "build")) / "muster"
NOBODY = "muster scan: no targets were named, so no host was scanned"
HEAD = 'local nmap = require "nmap"\nlocal stdnse = require "stdnse"\ncategories = {"safe"}\n'
# Tries each way out; the arguments tell where.
ASKS = HEAD + r"""
prerule = function() return true end
local function udp(to)
  local s = nmap.new_socket("udp")
  local ok, why = s:sendto(to, {number = 7000, protocol = "udp"}, "who")
  local answers = {}
  s:set_timeout(700)
  while ok do
    local came, data = s:receive()
    if not came then break end
    answers[#answers + 1] = data
  end
  table.sort(answers)
  return ("%s: %s"):format(to, ok and table.concat(answers, " ") or "refused")
end
local function frame(device, to, rest)
  local d = nmap.new_dnet()
  d:ethernet_open(device)
  local ok = d:ethernet_send(to .. ("\2"):rep(6) .. rest .. ("\0"):rep(46))
  d:ethernet_close()
  return ("%s %s: %s"):format(device, stdnse.tohex(to), ok)
end
action = function()
  local out = {}
  for to in stdnse.get_script_args("to"):gmatch("%S+") do out[#out + 1] = udp(to) end
  for device in (stdnse.get_script_args("devices") or ""):gmatch("%S+") do
    out[#out + 1] = frame(device, ("\255"):rep(6), "\x88\x63\x11\9")
    out[#out + 1] = frame(device, "\2\119\0\0\0\10", "\x88\x63\x11\9")
    out[#out + 1] = frame(device, "\1\0\x5e\1\2\3", "\8\0\x45\0\0\x1c\0\1\0\0\1\x11\0\0" .. "\10\77\0\1\239\1\2\3"
      .. "\x1b\x58\x1b\x58\0\8\0\0")
  end
  return "\n" .. table.concat(out, "\n")
end
"""
FINDS = HEAD + r"""
local target = require "target"
prerule = function() return true end
postrule = function() return true end
action = function()
  if SCRIPT_TYPE == "postrule" then return "after" end
  stdnse.sleep(0.3)
  target.add("10.77.0.10")
  return "before"
end
"""
LATER = HEAD + 'postrule = function() return true end\naction = function() return "all is over" end\n'
LISTS = HEAD + r"""
prerule = function() return true end
action = function()
  local out = {}
  for _, i in ipairs(nmap.list_interfaces()) do
    if not (i.address or ""):find(":") then out[#out + 1] = i.device .. " " .. (i.address or "none") end
  end
  return "\n" .. table.concat(out, "\n")
end
"""
ANSWERS = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 7000))
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("239.1.2.3") + socket.inet_aton(sys.argv[2]))
while True:
    s.sendto(sys.argv[1].encode(), s.recvfrom(100)[1])
"""
THING = """
import select, socket, sys
own = sys.argv[1]
ssdp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ssdp.bind(("", 1900))
ssdp.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("239.255.255.250") + socket.inet_aton(own))
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88d9))
wire.bind(("eth0", 0x88d9))
mac = wire.getsockname()[4]
while True:
    for s in select.select([ssdp, wire], [], [])[0]:
        data, peer = s.recvfrom(2000)
        if s is ssdp and data.startswith(b"M-SEARCH"):
            s.sendto(f"HTTP/1.1 200 OK\\r\\nST: upnp:rootdevice\\r\\nUSN: uuid:1::upnp:rootdevice\\r\\nSERVER: Thing/1.0 UPnP/1.0\\r\\n"
                     f"LOCATION: http://{own}/thing.xml\\r\\n\\r\\n".encode(), peer)
        if s is wire and data[17] == 0:  # LLTD: a discovery, which is answered by a hello to all
            name = "thing".encode("utf-16-le")
            tlvs = b"\\1\\6" + mac + b"\\7\\4" + socket.inet_aton(own) + bytes([15, len(name)]) + name + b"\\0"
            head = b"\\1\\0\\0\\1" + b"\\xff" * 6 + mac + b"\\0\\0"
            s.send(b"\\xff" * 6 + mac + b"\\x88\\xd9" + head + data[32:34] + data[6:12] * 2 + tlvs)
"""
THING_XML = """<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><device><friendlyName>Thing</friendlyName>
<manufacturer>Acme</manufacturer><modelName>T1</modelName><UDN>uuid:1</UDN></device></root>"""


class Test:
    def __init__(self, world, me):
        self.world, self.me = world, me

    def script(self, name, text):
        path = pathlib.Path(self.world.path(name + ".nse"))
        path.write_text(text)
        return str(path)

    def scan(self, *words, code=0):
        got = subprocess.run(["ip", "netns", "exec", self.me.name, str(MUSTER), "scan", *words], capture_output=True, text=True, timeout=netns.CEILING)
        assert got.returncode == code, (words, got)
        return got.stdout, got.stderr.splitlines()

    def says(self, *words):
        out, lines = self.scan(*words)
        assert lines == [NOBODY], lines
        return [line[2:].strip() for line in out.splitlines() if line.startswith("|")]


def alone(t):
    later, finds = t.script("later", LATER), t.script("finds", FINDS)
    out, lines = t.scan("--script", later)
    assert "Post-scan script results:\n|_later: all is over\n" in out and "0 IP addresses (0 hosts up)" in out and lines == [NOBODY], (out, lines)
    xml, text = t.world.path("alone.xml"), t.world.path("alone.jsonl")
    out, _ = t.scan("--script", f"{finds},{later}", "-oX", xml, "-oJ", text)
    assert re.search(r"Pre-scan script results:\n\|_finds: before\nPost-scan script results:\n\|_finds: after\n\|_later: ", out), out
    if shutil.which("xmllint") and os.path.exists("/usr/share/nmap/nmap.dtd"):
        netns.sh("xmllint", "--noout", "--nonet", "--dtdvalid", "/usr/share/nmap/nmap.dtd", xml)
    kinds = [json.loads(line)["record"] for line in open(text)]
    assert kinds == ["script"] * 3 + ["summary"], kinds
    got = subprocess.run([str(MUSTER), "script", "run", later], capture_output=True, text=True, timeout=netns.CEILING)
    assert got.returncode == 0 and "all is over" in got.stdout, got
    print("without targets: prerules and postrules run, in text, XML and JSON")


def refused(t):
    needs = "muster scan: no targets: each of the scripts needs one; name an address, a network or a host (muster scan --help)"
    none = "muster scan: no targets: name at least one address, network or host (muster scan --help)"
    later = t.script("later", LATER)
    assert t.scan("--script", "http-title", code=2)[1] == [needs]
    for words in (["-sC"], ["-sV"], ["-p80"], ["--script", later, "--estimate"], ["--script", later, "--state", t.world.path("state")]):
        assert t.scan(*words, code=2)[1] == [none], words
    assert t.scan("--script", later, "--exclude", "10.77.0.10", code=2)[1] == [
        "muster scan: what scripts ask 'eth0' reaches all that is there, excluded addresses as well: name another interface with -e, or targets"]
    assert t.scan("--script", later, "--exclude", "fe80::1%eth1", code=2)[1][0].startswith("muster scan: what scripts ask 'eth1' reaches")
    assert t.scan("--script", later, "--exclude", "10.77.0.10,fe80::1%eth0", "-e", "eth1")[1] == [NOBODY]
    assert t.scan("--script", later, "--exclude", "10.99.0.1")[1] == [NOBODY]
    t.me.run("ip", "addr", "add", "10.98.0.1/24", "dev", "eth1", "label", "eth1:1")
    assert t.scan("--script", later, "--exclude", "10.98.0.7", "-e", "eth1", code=2)[1][0].startswith("muster scan: what scripts ask 'eth1:1' reaches")
    assert t.scan("--script", later, "--exclude", "10.98.0.7", "-e", "eth0")[1] == [NOBODY]
    t.me.run("ip", "addr", "del", "10.98.0.1/24", "dev", "eth1")
    assert t.scan("--script", later, "-e", "nosuch0", code=2)[1] == ["muster scan: interface 'nosuch0': no such interface, or it is down"]
    print("refused: scripts that need a target, links with excluded addresses")


def scope(t):
    """Groups and neighbours, but nobody beyond; no frame to one station without an address; with -e one link alone."""
    asks = t.script("asks", ASKS)
    to = "255.255.255.255 239.1.2.3 10.77.0.10 10.78.0.2 10.99.0.1"
    said = t.says("--script", asks, "--script-args", f"to={to},devices=eth0 eth1")
    group, one, many = "f" * 12, "02770000000a", "01005e010203"
    frames = [f"eth0 {group}: true", f"eth0 {one}: false", f"eth0 {many}: true", f"eth1 {group}: true", f"eth1 {one}: false", f"eth1 {many}: true"]
    assert said[1:] == ["255.255.255.255: near", "239.1.2.3: near", "10.77.0.10: near", "10.78.0.2: far", "10.99.0.1: refused", *frames], said
    said = t.says("--script", asks, "--script-args", f"to={to},devices=eth0 eth1", "-e", "eth1")
    frames[0], frames[2] = f"eth0 {group}: false", f"eth0 {many}: false"
    assert said[1:] == ["255.255.255.255: far", "239.1.2.3: far", "10.77.0.10: refused", "10.78.0.2: far", "10.99.0.1: refused", *frames], said
    out, _ = t.scan("-n", "-sn", "--script", asks, "--script-args", f"to={to},devices=eth0", "10.77.0.10")
    said = [line[2:].strip() for line in out.splitlines() if line.startswith("|")]
    refusals = [line for line in said if line.endswith(("refused", "false"))]
    assert len(refusals) == 7 and "10.77.0.10: near" in said, said
    print("scope: the links, of -e the one; with a target nothing but that")


def beside_targets(t):
    """There such scripts ask nobody, which is said to whoever asked for them by name."""
    says = ["muster scan: scripts that ask a whole link ask nobody beside these targets: leave the targets out, or add a group's address, such as "
            "255.255.255.255"]
    for words, want in ((["--script", "broadcast-upnp-info", "10.77.0.10"], says), (["--script", "broadcast", "10.77.0.10"], says),
                        (["--script", "broadcast-upnp-info", "10.77.0.10", "239.255.255.250"], []), (["--script", "http-title", "10.77.0.10"], [])):
        assert t.scan("-n", "-sn", *words)[1] == want, words
    print("beside targets: that links are not asked is said")


def found(t):
    finds = t.script("finds", FINDS)
    out, lines = t.scan("-n", "-p7000,80", "--script", finds, "--script-args", "newtargets")
    assert "Muster scan report for 10.77.0.10" in out and "80/tcp   open" in out and "1 IP address (1 host up)" in out and lines == [], (out, lines)
    assert out.index("finds: before") < out.index("scan report") < out.index("finds: after"), out
    assert t.scan("-n", "-p80", "--script", finds)[1] == [NOBODY]
    print("newtargets: what prerules find is scanned")


def lines_of(text):
    """Without the order, which is chance, and without the bars, which follow from it.  What is drawn anew differs in any two runs."""
    drawn = r"(IP Offered|Use --script-args=newtargets).*"
    return sorted(re.sub(drawn, r"\1", line[1:].lstrip("_ ")) for line in text.splitlines() if line.startswith("|"))


def like_nmap(t):
    if not os.path.isdir("/usr/share/nmap/scripts"):
        return print("(nmap-common is not installed: its scripts are not compared)")
    names = ["broadcast-ping", "broadcast-igmp-discovery", "lltd-discovery", "targets-ipv6-multicast-echo", "targets-ipv6-multicast-slaac",
             "targets-ipv6-multicast-mld"]
    names += ["broadcast-dhcp-discover"] if shutil.which("dnsmasq") else []
    nmap = ["ip", "netns", "exec", t.me.name, "nmap"]
    lists = t.script("lists", LISTS)
    theirs, ours = (re.findall(r"^\|[_ ] *(.*)", text, re.M) for text in (netns.sh(*nmap, "--script", lists), t.scan("--script", lists)[0]))
    assert ours == theirs and "eth2 none" in ours, (theirs, ours)
    for name in names:
        args = ["--script-args", name + ".timeout=3"] + ([] if name.startswith("targets-ipv6") else ["-e", "eth0"])
        theirs = lines_of(netns.sh(*nmap, *args, "--script", name))
        ours = lines_of(t.scan(*args, "--datadir", "/usr/share/nmap", "--script", name)[0])
        assert ours == theirs and len(ours) > 1, f"{name}:\n nmap   {theirs}\n muster {ours}"
        print(f"{name}: {len(ours)} lines are equal", flush=True)
    # these two name the group where Muster's library names who answered
    theirs, ours = (lines_of(text) for text in (netns.sh(*nmap, "--script", "broadcast-upnp-info"),
                                                t.scan("--datadir", "/usr/share/nmap", "--script", "broadcast-upnp-info")[0]))
    assert [line.replace("239.255.255.250", "10.77.0.10") for line in theirs] == ours or sorted(
        line.replace("239.255.255.250", "10.77.0.10") for line in theirs) == ours, (theirs, ours)
    print(f"broadcast-upnp-info: {len(ours)} lines are equal but for the address")


def own(t):
    said = t.says("--script", "broadcast-upnp-info")
    assert "10.77.0.10" in said and any("Thing" in line for line in said), said
    if shutil.which("dnsmasq"):
        said = t.says("--script", "broadcast-dhcp-discover", "-e", "eth0")
        assert any("Server Identifier: 10.77.0.10" in line for line in said), said
    print("Muster's own: broadcast-upnp-info, broadcast-dhcp-discover")


def population(world):
    me, near, far, six = (world.host(name, number) for name, number in (("me", 5), ("near", 10), ("far", 20), ("six", 30)))
    for host in (near, six):
        host.run("sysctl", "-qw", "net.ipv4.icmp_echo_ignore_broadcasts=0")
    netns.sh("ip", "-n", "far", "link", "del", "eth0")
    netns.sh("ip", "-n", "me", "link", "add", "eth1", "type", "veth", "peer", "name", "eth0", "netns", "far")
    for name, device, number in (("me", "eth1", 1), ("far", "eth0", 2)):
        netns.sh("ip", "-n", name, "link", "set", device, "up")
        netns.sh("ip", "-n", name, "addr", "add", f"10.78.0.{number}/24", "dev", device)
    netns.sh("ip", "-n", "me", "link", "add", "eth2", "type", "veth", "peer", "name", "eth3")  # both are down
    netns.sh("ip", "-n", "me", "route", "replace", "default", "via", near.address)
    www = pathlib.Path(world.path("www"))
    www.mkdir()
    (www / "thing.xml").write_text(THING_XML)
    near.start([sys.executable, "-m", "http.server", "80", "-d", str(www)])
    near.start([sys.executable, "-c", THING, near.address])
    near.start([sys.executable, "-c", ANSWERS, "near", near.address])
    world.hosts["far"].start([sys.executable, "-c", ANSWERS, "far", "10.78.0.2"])
    if shutil.which("dnsmasq"):
        near.start(["dnsmasq", "-d", "-C", "/dev/null", "--port=0", "--user=root", "--no-ping", "--dhcp-range=10.77.0.100,10.77.0.150,1h",
                    "--dhcp-leasefile=" + world.path("leases"), "--interface=eth0", "--bind-interfaces"])
    for host, want in ((near, (7000, 1900)), (world.hosts["far"], (7000,))):
        for port in want:
            netns.wait_for(f"port {port}", lambda host=host, port=port: host.run("ss", "-Hlun", "sport", "=", f":{port}"))
    netns.wait_for("the web server", lambda: near.run("ss", "-Hltn", "sport", "=", ":80"))
    netns.wait_for("link-local addresses", lambda: "tentative" not in me.run("ip", "-6", "addr", "show"))
    return me


def main():
    netns.enter()
    if not MUSTER.exists():
        netns.skip(f"{MUSTER} is not built")
    with netns.World() as world:
        t = Test(world, population(world))
        alone(t)
        refused(t)
        scope(t)
        beside_targets(t)
        found(t)
        own(t)
        like_nmap(t)


if __name__ == "__main__":
    main()
