#!/usr/bin/env python3
"""musterd with its own PostgreSQL on the loopback of a namespace: baseline, a port opens, closes (confirmed, not at the first miss), clean
end within 5 s, a restart without false news, kill -9 without orphans."""
import os
import pathlib
import time

import daemon
import netns

ZONE = """
zones:
  - name: self
    networks: [127.0.0.1/32]
    confirm: {misses: 2, after: 1s}
    passes:
      - {kind: ports, interval: 2s, ports: "1-9999"}
"""
PORT = 8088


def processes(d):
    """Command lines of what runs for this installation, by pid."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            state, _, _, session = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:4]
        except OSError:
            continue
        if state != "Z" and (session == str(d.process.pid) or any(d.state in word for word in words)):
            found[int(entry.name)] = " ".join(words)
    return found


def change_rows(d, what):
    return d.sql_or_nothing(f"SELECT address, port, type FROM report.change WHERE news AND port = {PORT} AND type = 'port.{what}'")


def serve(world):
    server = world.start(["python3", "-m", "http.server", str(PORT), "--bind", "127.0.0.1", "--directory", "/run/netns"])
    netns.wait_port("127.0.0.1", PORT)
    return server


def main():
    netns.enter()
    daemon.need_programs()
    os.environ["MUSTER_SECCOMP"] = "kill"  # what a library newly calls shall be noticed here
    with netns.World() as world:
        d = daemon.Daemon(world, ZONE, endpoints=False, made=False).start()
        d.wait_visits(2, 90)
        assert d.events() == [], f"a baseline is no news: {d.events()}"
        print("baseline: no news", flush=True)

        server, began = serve(world), time.monotonic()
        netns.wait_for("port opened", lambda: change_rows(d, "opened"), 20)
        print(f"port opened, told after {time.monotonic() - began:.1f} s", flush=True)
        server.stop()
        began = time.monotonic()
        netns.wait_for("port closed", lambda: change_rows(d, "closed"), 30)
        print(f"port closed, confirmed after {time.monotonic() - began:.1f} s", flush=True)
        assert [kind for kind, _ in d.events()] == ["port.opened", "port.closed"], d.events()

        running = processes(d)
        assert len(running) >= 5, running
        began = time.monotonic()
        code = d.stop()
        took = time.monotonic() - began
        assert code == 0, f"musterd ended with {code}"
        assert "worker-died" not in d.log(), d.log()
        print(f"SIGTERM: clean end in {took:.1f} s", flush=True)
        assert not netns.TIMES or took < 5
        netns.wait_for("nothing is left behind", lambda: not processes(d), 15)

        d.start()
        d.wait_visits(2, 60)
        assert len(d.events()) == 2, f"a restart is no news: {d.events()}"
        d.kill()
        netns.wait_for("no orphans", lambda: not processes(d), 15)
        print("kill -9 of the monitor: nothing is left running", flush=True)

        d.start()
        d.wait_visits(2, 90)
        assert len(d.events()) == 2, f"a crash is no news: {d.events()}"
        assert d.stop() == 0
        print("after the crash: the same inventory", flush=True)


if __name__ == "__main__":
    main()
