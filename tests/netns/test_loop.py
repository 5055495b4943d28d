#!/usr/bin/env python3
"""The whole loop with real servers: baseline, then each kind of change gives exactly one change and one verified delivery, and a pass
without changes writes no fact and sends nothing."""
import json
import os
import pathlib
import subprocess

import daemon
import netns

ZONE = """
zones:
  - name: lan
    networks: [10.77.0.8/29]
    rate: 5000
    confirm: {misses: 2, after: 1s}
    passes:
      - {kind: presence, interval: 3s}
      - {kind: ports, interval: 3s, ports: "22,80,443,8080"}
      - {kind: scripts, interval: 4s, scripts: "http-title or ssl-cert or ssh-hostkey"}
"""

NGINX = """
daemon off; pid {d}/nginx.pid; error_log {d}/error.log; worker_processes 1; events {{ }}
http {{
  access_log off; client_body_temp_path {d}/t; proxy_temp_path {d}/t; fastcgi_temp_path {d}/t; uwsgi_temp_path {d}/t; scgi_temp_path {d}/t;
  server {{ listen 80; root {d}/www; }}
  server {{ listen 443 ssl; ssl_certificate {d}/cert.pem; ssl_certificate_key {d}/key.pem; return 200 "secure"; }}
}}
"""


def make_certificate(directory, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN={name}",
                    "-keyout", f"{directory}/key.pem", "-out", f"{directory}/cert.pem"], check=True, capture_output=True)


class Servers:
    """nginx (80, 443) and sshd (22) on one host."""

    def __init__(self, world, host):
        self.host, self.dir = host, world.path("servers")
        os.makedirs(f"{self.dir}/www")
        self.title("Welcome")
        make_certificate(self.dir, "first.example")
        pathlib.Path(f"{self.dir}/nginx.conf").write_text(NGINX.format(d=self.dir))
        os.chmod(world.directory, 0o755)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{self.dir}/hostkey"], check=True)
        os.makedirs("/run/sshd", exist_ok=True)
        host.start(["/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-h", f"{self.dir}/hostkey", "-o", f"PidFile={self.dir}/sshd.pid"])
        self.start_nginx(world)
        netns.wait_port(host.address, 22)

    def start_nginx(self, world):
        self.nginx = self.host.start(["/usr/sbin/nginx", "-c", f"{self.dir}/nginx.conf"])
        netns.wait_port(self.host.address, 80)

    def title(self, text):
        page = pathlib.Path(f"{self.dir}/www/index.html")
        page.write_text(f"<html><head><title>{text}</title></head></html>")
        page.chmod(0o644)

    def replace_certificate(self):
        make_certificate(self.dir, "second.example")
        self.host.run("kill", "-HUP", pathlib.Path(f"{self.dir}/nginx.pid").read_text().strip())


def expect(d, done, what, subject):
    """Exactly one more event, of this type and subject, and exactly one verified delivery for it."""
    done.append((what, subject))
    netns.wait_for(f"{what} {subject}", lambda: len(d.events()) >= len(done), 60)
    netns.wait_for(f"delivery of {what}", lambda: len(d.receiver.accepted()) >= len(done), 20)
    d.wait_visits(1)
    events = d.events()
    assert events == done, f"expected {done}, got {events}"
    got = [(r["type"], r["verified"]) for r in d.receiver.requests()]
    assert got == [(kind, True) for kind, _ in done], f"deliveries: {got}"
    print(f"one change, one verified delivery: {what} {subject}", flush=True)


def main():
    netns.enter()
    daemon.need_programs()
    with netns.World() as world:
        web, lost = world.host("web", 10), world.host("lost", 11)
        servers = Servers(world, web)
        d = daemon.Daemon(world, ZONE).start()
        done = []

        d.wait_visits(2, 90)
        assert d.events() == [] and d.receiver.requests() == [], "a baseline is no news"
        present = {row[0] for row in d.sql("SELECT host(addr) FROM inv.fact_now WHERE attr_id = 1")}
        assert present == {"10.77.0.10", "10.77.0.11"}, present
        print("baseline: no event", flush=True)

        late = web.start(["python3", "-m", "http.server", "8080", "--directory", f"{servers.dir}/www"])
        expect(d, done, "port.opened", "host/10.77.0.10/tcp/8080")
        assert "http-proxy" in json.dumps(d.receiver.requests()[0]), f"the port has no name in {d.receiver.requests()[0]}"
        servers.title("Under new management")
        # Two servers show the page: two changes.
        done.append(("script.changed", "host/10.77.0.10/tcp/80/http-title"))
        expect_pair(d, done, ("script.changed", "host/10.77.0.10/tcp/8080/http-title"))
        servers.replace_certificate()
        expect(d, done, "certificate.changed", "host/10.77.0.10/tcp/443/ssl-cert")
        # Without its cable until it serves: a port that opens after the host was seen is a change of its own.
        new = world.host("new", 12, cable="down")
        new.start(["python3", "-m", "http.server", "80", "--directory", servers.dir])
        netns.wait_for("the new host listens", lambda: ":80 " in new.run("ss", "-Hltn"))
        new.cable("up")
        expect(d, done, "host.appeared", "host/10.77.0.12")
        lost.cable("down")
        expect(d, done, "host.gone", "host/10.77.0.11")
        late.stop()
        expect(d, done, "port.closed", "host/10.77.0.10/tcp/8080")

        d.wait_visits(1)
        writes, sent = d.fact_writes(), len(d.receiver.requests())
        d.wait_visits(2)
        assert d.fact_writes() == writes, "a pass without changes wrote facts"
        assert len(d.receiver.requests()) == sent, "a pass without changes sent something"
        print("two passes without changes: no fact written, nothing sent", flush=True)
        code = d.stop()
        assert code == 0, f"musterd ended with {code}"
        print("SIGTERM: clean end", flush=True)


def expect_pair(d, done, last):
    """As expect(), for two events whose order is open; the other one is in `done` already."""
    done.append(last)
    netns.wait_for(f"{done[-2:]}", lambda: len(d.events()) >= len(done), 60)
    netns.wait_for("their deliveries", lambda: len(d.receiver.accepted()) >= len(done), 20)
    d.wait_visits(1)
    assert sorted(d.events()) == sorted(done), f"expected {done}, got {d.events()}"
    done[:] = d.events()
    assert all(r["verified"] for r in d.receiver.requests()) and len(d.receiver.requests()) == len(done)
    print(f"two changes, two verified deliveries: {done[-2:]}", flush=True)


if __name__ == "__main__":
    main()
