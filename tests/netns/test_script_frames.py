#!/usr/bin/env python3
"""Raw frames and captures of scripts (nmap.new_dnet, pcap_open) in `muster scan`: they reach the target and what it answers comes back, the guard
stands below them, Nmap's own scripts that need them say what they say under nmap, and without the right to them opening fails."""
import os
import pathlib
import re
import subprocess
import sys

import netns

netns.enter()
MUSTER = pathlib.Path(os.environ["MUSTER_BUILD_DIR"]) / "muster"

# Asks the target for its MAC address by hand, another host too, and sends an echo as an IP packet.
SCRIPT = r"""
description = "frames by hand"
categories = {"safe"}
author = "test"
license = "test"
local nmap = require "nmap"
hostrule = function() return true end

local function arp(mac, from, to)
  return ("\255"):rep(6) .. mac .. "\8\6\0\1\8\0\6\4\0\1" .. mac .. from .. ("\0"):rep(6) .. to .. ("\0"):rep(18)
end

local function echo(from, to)
  local icmp = "\8\0\0\0\18\52\0\1"
  local sum = 0
  for a, b in icmp:gmatch("(.)(.)") do sum = sum + a:byte() * 256 + b:byte() end
  sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff
  icmp = icmp:sub(1, 2) .. string.pack(">I2", sum) .. icmp:sub(5)
  return "\69\0" .. string.pack(">I2", 20 + #icmp) .. "\0\1\0\0\64\1\0\0" .. from .. to .. icmp
end

action = function(host)
  local link = nmap.get_interface_info(host.interface)
  local out, from = { "broadcast " .. link.broadcast }, host.bin_ip_src
  local wire = nmap.new_socket()
  wire:set_timeout(5000)
  wire:pcap_open(host.interface, 128, false, "arp[6:2] = 2 and src host " .. host.ip)
  local d = nmap.new_dnet()
  d:ethernet_open(host.interface)
  out[#out + 1] = "asked " .. tostring(d:ethernet_send(arp(link.mac, from, host.bin_ip)))
  local ok, len, l2, l3 = wire:pcap_receive()
  out[#out + 1] = ok and "answer " .. (l3:sub(9, 14):gsub(".", function(c) return ("%02x"):format(c:byte()) end)) or "none: " .. tostring(len)
  wire:pcap_close()
  out[#out + 1] = "other " .. table.concat({tostring(d:ethernet_send(arp(link.mac, from, "\10\77\0\99"))), select(2, d:ethernet_send(arp(link.mac, from, "\10\77\0\99")))}, ", ")
  out[#out + 1] = "no address " .. tostring(d:ethernet_send(("\255"):rep(6) .. link.mac .. "\x88\x8e\1\1\0\0" .. ("\0"):rep(42)))
  d:ethernet_close()
  local pings = nmap.new_socket()
  pings:set_timeout(5000)
  pings:pcap_open(host.interface, 128, false, "icmp[0] = 0 and src host " .. host.ip)
  d:ip_open()
  out[#out + 1] = "echo " .. tostring(d:ip_send(echo(from, host.bin_ip)))
  ok, len, l2, l3 = pings:pcap_receive()
  out[#out + 1] = ok and "reply " .. l3:byte(21) or "none: " .. tostring(len)
  local printer = "\69\0\0\44\0\1\0\0\64\6\0\0" .. from .. host.bin_ip .. string.pack(">I2I2I4I4BBI2I2I2", 40000, 9100, 1, 1, 0x50, 0x18, 1024, 0, 0) .. "boom"
  out[#out + 1] = "printer " .. tostring(d:ip_send(printer))
  local rest = "\69\0\0\28\0\1\0\3\64\6\0\0" .. from .. host.bin_ip .. "boomboom"
  out[#out + 1] = "fragment " .. tostring(d:ip_send(rest))
  d:ip_close()
  local fine, why = pcall(wire.pcap_open, nmap.new_socket(), "nosuch0", 100, false, "arp")
  out[#out + 1] = "nosuch " .. tostring(fine)
  return table.concat(out, "\n")
end
"""


REFUSED = r"""
description = "opens what it may not"
categories = {"safe"}
author = "test"
license = "test"
local nmap = require "nmap"
hostrule = function() return true end
action = function()
  local wire, d = nmap.new_socket(), nmap.new_dnet()
  return select(2, pcall(wire.pcap_open, wire, "br0", 100, false, "arp")) .. "; " .. select(2, pcall(d.ethernet_open, d, "br0")) .. "; "
    .. select(2, pcall(d.ip_open, d))
end
"""


def scan(*arguments):
    run = subprocess.run([str(MUSTER), "scan", "-n", *arguments], capture_output=True, text=True, timeout=120)
    return run.stdout + run.stderr


def by_hand(world, box):
    script = pathlib.Path(world.path("frames.nse"))
    script.write_text(SCRIPT)
    said = scan("-sn", "--script", str(script), box.address)
    lines = [line.lstrip("|_ ").removeprefix("frames: ") for line in said.splitlines() if line.startswith("|")]
    want = ["broadcast 10.77.0.255", "asked true", f"answer {box.mac.replace(':', '')}", "other false, the target is out of scope", "no address false",
            "echo true", "reply 0", "printer false", "fragment false", "nosuch false"]
    for line in want:
        assert line in lines, f"no {line!r} in:\n{said}"
    print("frames and packets by hand: the target answers; others, fragile ports, later fragments and what is not IP get none", flush=True)


def unprivileged(world, box):
    script = pathlib.Path(world.path("refused.nse"))
    script.write_text(REFUSED)
    run = subprocess.run(["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw", str(MUSTER), "scan", "-n", "-Pn", "-sT", "-p80", "--script", script, box.address],
                         capture_output=True, text=True, timeout=120)
    for text in ("can't open pcap reader on br0", "can't open ethernet interface br0", "can't open a raw socket"):
        assert text in run.stdout, run.stdout + run.stderr
    print("without CAP_NET_RAW opening fails", flush=True)


def like_nmap(box):
    """Unmodified scripts of the installed package that send by hand."""
    if not os.path.isdir("/usr/share/nmap/scripts"):
        print("(nmap-common is not installed: its scripts are not compared)")
        return
    for name, words in (("path-mtu", ["-p80"]), ("ipidseq", ["-p80"])):
        ours = scan("--datadir", "/usr/share/nmap", "-sS", *words, "--script", name, box.address)
        theirs = netns.sh("nmap", "-n", "-sS", *words, "--script", name, box.address)
        texts = [re.findall(r"^\|[_ ].*$", text, re.M) for text in (ours, theirs)]
        assert texts[0] == texts[1] and texts[0], f"{name}: Muster {ours}\nnmap {theirs}"
        print(f"{name}: {texts[0][0]}", flush=True)


with netns.World() as world:
    box = world.host("box", 16)
    web = subprocess.Popen(["ip", "netns", "exec", box.name, sys.executable, "-m", "http.server", "80"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        netns.wait_for("the web server", lambda: box.run("ss", "-Hltn", "sport", "=", ":80"))
        by_hand(world, box)
        unprivileged(world, box)
        like_nmap(box)
    finally:
        web.terminate()
        web.wait()
