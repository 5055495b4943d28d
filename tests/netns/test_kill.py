#!/usr/bin/env python3
"""musterd is killed (-9) at $MUSTER_KILLS random moments (CI: 6) and its PostgreSQL restarted once while ports open and close: no change is
lost, none is in the inventory twice, and every event is delivered at least once under its own id.  SEED=n repeats the moments of a run."""
import os
import pathlib
import random
import signal
import time

import daemon
import netns

ROUNDS = int(os.environ.get("MUSTER_KILLS", "6"))
FIRST_PORT = 9001
ZONE = f"""
zones:
  - name: lan
    networks: [10.77.0.10/32]
    rate: 5000
    confirm: {{misses: 2, after: 1s}}
    passes:
      - {{kind: presence, interval: 2s}}
      - {{kind: ports, interval: 2s, ports: "{FIRST_PORT}-{FIRST_PORT + ROUNDS - 1}"}}
"""


def restart_postgres(d):
    """Stops the embedded server as an administrator would, behind musterd's back."""
    pid_file = next(pathlib.Path(d.state).rglob("postmaster.pid"))
    os.kill(int(pid_file.read_text().split("\n")[0]), signal.SIGINT)


def main():
    netns.enter()
    daemon.need_programs()
    seed = int(os.environ.get("SEED", time.time_ns() % 1_000_000))
    print(f"SEED={seed}", flush=True)
    moments = random.Random(seed)
    with netns.World() as world:
        web = world.host("web", 10)
        d = daemon.Daemon(world, ZONE).start()
        d.wait_visits(1, 90)
        servers, expected = [], set()
        for number in range(ROUNDS):
            port = FIRST_PORT + number
            servers.append(web.start(["python3", "-m", "http.server", str(port), "--directory", "/run/netns"]))
            netns.wait_port(web.address, port)
            expected.add(("port.opened", f"host/10.77.0.10/tcp/{port}"))
            if number >= ROUNDS // 2:
                settled = FIRST_PORT + number - ROUNDS // 2
                netns.wait_for(f"port {settled} is known", lambda: d.sql_or_nothing(
                    f"SELECT 1 FROM alert.event WHERE type = 'port.opened' AND subject LIKE '%/{settled}'"), 60)
                servers[number - ROUNDS // 2].stop()
                expected.add(("port.closed", f"host/10.77.0.10/tcp/{settled}"))
            time.sleep(moments.uniform(0, 3))          # the moment is what is tested
            if number == ROUNDS // 2:
                restart_postgres(d)
                netns.wait_for("PostgreSQL is back", lambda: d.sql_or_nothing("SELECT 1"), 30)
            d.kill()
            d.start()
        netns.wait_for("every change is known", lambda: set(map(tuple, d.sql_or_nothing("SELECT type, subject FROM alert.event"))) >= expected, 90)
        d.wait_visits(2, 90)
        events = d.events()
        assert sorted(events) == sorted(expected), f"twice or false: {sorted(set(events) ^ expected) or sorted(events)}"
        # the first contact with the zone is told to nobody here (daemon.py)
        ids = {row[0] for row in d.sql("SELECT id FROM alert.event WHERE type NOT LIKE 'zone.%'")}
        netns.wait_for("every event is delivered", lambda: {r["id"] for r in d.receiver.accepted()} >= ids, 90)
        requests = d.receiver.requests()
        assert {r["id"] for r in requests} == ids, "a delivery under an id that no event has"
        assert all(r["verified"] for r in requests)
        doubled = d.sql("SELECT a.addr, a.slot, a.attr_id FROM inv.change a JOIN inv.change b USING (zone_id, addr, slot, attr_id)"
                        " WHERE a.change_id < b.change_id AND a.new_value IS NOT NULL AND b.new_value IS NOT NULL AND b.old_value IS NULL"
                        " AND NOT EXISTS (SELECT FROM inv.change c WHERE (c.zone_id, c.addr, c.slot, c.attr_id) = (a.zone_id, a.addr, a.slot, a.attr_id)"
                        "   AND c.new_value IS NULL AND c.at BETWEEN a.at AND b.at)")
        assert not doubled, f"spans that overlap: {doubled}"
        print(f"{ROUNDS} kills, one restart of PostgreSQL: {len(ids)} events, each once; {len(requests)} deliveries, none missing", flush=True)
        assert d.stop() == 0


if __name__ == "__main__":
    main()
