#!/usr/bin/env python3
"""What runs on a port, with real servers: `muster scan -sV`, and the pass of services of musterd: known after one visit, known as long as it is
so, and news when it changes."""
import pathlib
import subprocess

import daemon
import netns
import test_loop

ZONE = """
zones:
  - name: lan
    networks: [10.77.0.8/29]
    rate: 5000
    confirm: {misses: 2, after: 1s}
    passes:
      - {kind: presence, interval: 3s}
      - {kind: ports, interval: 3s, ports: "22,80,443,2222,3000"}
      - {kind: services, interval: 3s}
"""


def odd_ports(servers):
    """sshd once more, and a web server, where nobody expects them."""
    servers.host.start(["python3", "-m", "http.server", "3000", "--directory", f"{servers.dir}/www"])
    netns.wait_port(servers.host.address, 3000)
    servers.host.start(["/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-p", "2222", "-h", f"{servers.dir}/hostkey", "-o", f"PidFile={servers.dir}/odd.pid"])
    netns.wait_port(servers.host.address, 2222)


def scan(servers):
    """The table of ports has the versions, and other scripts see what was found."""
    got = netns.sh(str(daemon.BUILD / "muster"), "scan", "-n", "-p", "22,80,443,2222,3000", "-sV", "--script", "ssh-hostkey,http-title", servers.host.address)
    version = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True).stderr
    product = "OpenSSH " + version.split("_")[1].split()[0]  # OpenSSH_9.2p1 Debian-2, OpenSSL ...
    lines = {line.split("/")[0]: line for line in got.splitlines() if "/tcp" in line}
    for port, words in ((22, ("ssh", product)), (80, ("http", "nginx")), (443, ("ssl/http", "nginx")), (2222, ("ssh", product)), (3000, ("http", "SimpleHTTPServer"))):
        assert all(word in lines[str(port)] for word in words), f"{words} are missing in: {got}"
    assert got.count("ssh-hostkey:") == 2 and got.count("http-title:") == 3, f"scripts did not see what runs at odd ports: {got}"


def services(d):
    return {int(row[0]): row[1:] for row in d.sql("SELECT port, service, product, COALESCE(version, '-') FROM report.service ORDER BY port")}


def main():
    netns.enter()
    daemon.need_programs()
    with netns.World() as world:
        servers = test_loop.Servers(world, world.host("web", 10))
        odd_ports(servers)
        scan(servers)
        print("scan -sV: product and version of each port", flush=True)
        d = daemon.Daemon(world, ZONE).start()
        d.wait_visits(2, 90)
        first = services(d)
        assert {port: row[:2] for port, row in first.items()} == {22: ["ssh", "OpenSSH"], 80: ["http", "nginx"], 443: ["https", "nginx"],
                                                                  2222: ["ssh", "OpenSSH"], 3000: ["http", "SimpleHTTPServer"]}, first
        d.wait_visits(4)
        assert services(d) == first and d.events() == [], f"{first} became {services(d)}, {d.events()}"
        print("what is there stays known, and is no news", flush=True)
        conf = pathlib.Path(f"{servers.dir}/nginx.conf")
        conf.write_text(conf.read_text().replace("access_log off;", "access_log off; server_tokens off;"))
        servers.host.run("kill", "-HUP", pathlib.Path(f"{servers.dir}/nginx.pid").read_text().strip())
        netns.wait_for("its changes", lambda: len(d.events()) >= 2, 60)
        assert sorted(d.events()) == [("service.changed", f"host/10.77.0.10/tcp/{port}") for port in (443, 80)], d.events()
        assert services(d)[80] == ["http", "nginx", "-"], services(d)
        print("another version is one change, of the service, and not of the header that told it as well", flush=True)
        assert d.stop() == 0


if __name__ == "__main__":
    main()
