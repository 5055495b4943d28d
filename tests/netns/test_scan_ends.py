#!/usr/bin/env python3
"""How a scan of the command line begins and ends: files are emptied only by one that starts, sockets are as many as there may be, and an output that
fails ends it whatever is still asked for."""
import pathlib
import subprocess

import daemon
import netns

MUSTER = daemon.BUILD / "muster"


def run(*command, code=0):
    got = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=netns.CEILING)
    assert got.returncode == code, f"{command}: exit {got.returncode}, not {code}: {got.stdout}{got.stderr}"
    return got


def files_of_a_scan_that_cannot_start(world):
    """What stood in them stays."""
    drop = ["setpriv", "--bounding-set=-net_raw,-net_admin", "--inh-caps=-net_raw,-net_admin"]
    kept = pathlib.Path(world.path("kept.xml"))
    kept.write_text("the scan of yesterday")
    for command in ([*drop, MUSTER, "scan", "-n", "-sU", "-oX", kept, "10.77.0.10"], [MUSTER, "scan", "-n", "--state", "/nowhere/state", "-oX", kept, "10.77.0.10"],
                    [MUSTER, "scan", "-n", "-oX", kept, "-oJ", "/nowhere/out", "10.77.0.10"]):
        assert run(*command, code=2).stderr and kept.read_text() == "the scan of yesterday", command
    run(MUSTER, "scan", "-n", "-p", "80", "-oX", kept, "10.77.0.10")
    assert kept.read_text().startswith("<?xml"), kept.read_text()
    print("files: emptied only by a scan that starts")


def many_sockets(world):
    """More hosts and scripts at a time than the shell lets a program have files."""
    folder = world.path("open.nse")
    pathlib.Path(folder).write_text('local nmap = require "nmap" local stdnse = require "stdnse"\ncategories = {"safe"}\nportrule = function(_, p) return p.number == 80 end\n'
                                    "action = function(h, p) local s = nmap.new_socket() local ok, why = s:connect(h, p) stdnse.sleep(0.5) s:close() return ok and 'connected' or why end\n")
    got = run("sh", "-c", 'ulimit -Sn 64; exec "$@"', "sh", MUSTER, "scan", "-n", "-p", "80", "--script", folder, "10.80.0.1-100").stdout
    assert got.count("open: connected") == 100, got
    print("a hundred sockets under a soft limit of 64 files")


def output_lost_while_names_are_asked(world, server):
    """Answers that come behind the end find nobody: the name server says nothing."""
    silent = world.path("silent.py")
    pathlib.Path(silent).write_text("import socket, time\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('10.77.0.10', 53))\ntime.sleep(3600)\n")
    server.start(["python3", silent])
    resolv = world.path("resolv.conf")
    pathlib.Path(resolv).write_text("nameserver 10.77.0.10\n")
    command = f'mount --bind {resolv} /etc/resolv.conf && exec "$@"'
    got = run("unshare", "-m", "--propagation", "private", "sh", "-c", command, "sh", MUSTER, "scan", "-p", "80", "-oJ", "/dev/full", "10.80.0.1-20", code=2)
    assert "No space left" in got.stderr, got.stderr
    print("an output that fails while names are asked for ends the scan")


def main():
    netns.enter()
    if not MUSTER.exists():
        netns.skip(f"{MUSTER} is not built")
    with netns.World() as world:
        server = world.host("web", 10)
        server.run("ip", "route", "add", "local", "10.80.0.0/24", "dev", "lo")
        netns.sh("ip", "route", "add", "10.80.0.0/24", "via", server.address)
        server.start(["python3", "-m", "http.server", "80", "--directory", world.directory])
        netns.wait_port(server.address, 80)
        files_of_a_scan_that_cannot_start(world)
        many_sockets(world)
        output_lost_while_names_are_asked(world, server)


if __name__ == "__main__":
    main()
