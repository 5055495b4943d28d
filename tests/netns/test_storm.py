#!/usr/bin/env python3
"""A storm: four in five assets vanish because a link is cut.  That is exactly one incident, and when the link returns nobody is told of the
single assets.  Cut behind a router, the hosts are gone, all at once (zone.storm); when it is the sensor's own link, nothing can be asked, nobody
is gone, and what is told is that sight was lost (zone.blind).

$MUSTER_STORM is how many assets there are (CI: 320; 5,000 by hand): four fifths behind one router, the rest behind another, each a host that answers
for whole networks."""
import os

import daemon
import netns

ASSETS = int(os.environ.get("MUSTER_STORM", "320"))
FAR, NEAR = ASSETS * 4 // 5, ASSETS // 5

ROUTES = """alerts:
  breaker: {hold: 20s, settle: 5m, confirm: 10m, window: 5m}
routes:
  - {name: all, match: {severity: warning}, group_by: [zone], group_wait: 1s, group_interval: 1s}
  - {name: rest, endpoints: []}
"""


def networks(base, n):
    """/26 networks of 10.BASE.0.0/16 that hold n addresses."""
    return [f"10.{base}.{i // 4}.{i % 4 * 64}/26" for i in range((n + 63) // 64)]


def zone(far, near):
    wait = 5 if ASSETS < 1000 else 20
    return (f"zones:\n  - name: lan\n    networks: [{', '.join(far + near)}]\n    rate: 50000\n"
            "    confirm: {misses: 2, host_misses: 2, after: 1s}\n"
            f"    passes:\n      - {{kind: presence, interval: {wait}s, probes: [echo], retries: 1}}\n")


def second_link(host):
    """The scanner's second link, to this host."""
    netns.sh("ip", "link", "add", "br1", "type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
    netns.sh("ip", "link", "set", "br1", "up")
    netns.sh("ip", "addr", "add", "10.79.0.1/24", "dev", "br1")
    netns.sh("ip", "link", "add", "second", "type", "veth", "peer", "name", "eth1", "netns", host.name)
    netns.sh("ip", "link", "set", "second", "master", "br1", "up")
    host.run("ip", "link", "set", "eth1", "up")
    host.run("ip", "addr", "add", "10.79.0.10/24", "dev", "eth1")


def way(base, gateway):
    netns.sh("ip", "route", "replace", f"10.{base}.0.0/16", "via", gateway)


def answer_for(host, base, gateway):
    """The host takes every address of 10.BASE.0.0/16 for its own; the scanner reaches them through it."""
    host.run("ip", "route", "add", "local", f"10.{base}.0.0/16", "dev", "lo")
    host.run("sysctl", "-qw", "net.ipv4.icmp_ratelimit=0", "net.ipv4.icmp_msgs_per_sec=1000000", "net.ipv4.icmp_msgs_burst=1000000")
    way(base, gateway)


def cut_behind(host, base):
    """What lies behind the router is cut off: it drops packets and says nothing."""
    host.run("ip", "route", "del", "local", f"10.{base}.0.0/16", "dev", "lo")
    host.run("ip", "route", "add", "blackhole", f"10.{base}.0.0/16")


def mend_behind(host, base):
    host.run("ip", "route", "del", "blackhole", f"10.{base}.0.0/16")
    host.run("ip", "route", "add", "local", f"10.{base}.0.0/16", "dev", "lo")


def up(d, base):
    return int((d.sql_or_nothing(f"SELECT count(*) FROM inv.fact_now WHERE attr_id = 1 AND addr <<= '10.{base}.0.0/16'") or [["-1"]])[0][0])


def storm(d, far, n_far):
    cut_behind(far, 80)
    netns.wait_for("the link is cut and all behind it are gone", lambda: up(d, 80) == 0, 300)
    netns.wait_for("the storm is told", lambda: d.receiver.accepted(), 60)
    held = netns.wait_for("all are held", lambda: (lambda n: n >= n_far and n)(int(d.sql("SELECT count(*) FROM alert.waiting WHERE storm_id IS NOT NULL")[0][0])), 120)
    print(f"one storm holds {held} events", flush=True)
    mend_behind(far, 80)
    netns.wait_for("all are back", lambda: up(d, 80) == n_far, 300)
    netns.wait_for("the storm is over", lambda: len(d.receiver.accepted()) >= 2, 60)
    d.wait_visits(1, 120)
    assert told(d) == ["zone.storm", "zone.calm"], told(d)
    incidents = d.sql("SELECT state, (SELECT count(DISTINCT outcome) FROM alert.decision WHERE outcome IN ('held', 'returned', 'stilled')) FROM alert.incident")
    assert incidents == [["resolved", "3"]], incidents
    left = d.sql("SELECT outcome, count(DISTINCT seq) FROM alert.decision WHERE seq IN (SELECT seq FROM alert.event WHERE type = 'host.gone') GROUP BY 1 ORDER BY 1")
    print(f"one incident, one end of it, nothing about the {n_far}: {left}", flush=True)


def blind(d, n_far, n_near):
    """The sensor's own link to four fifths of the zone."""
    before = d.sql("SELECT count(*) FROM alert.event WHERE type LIKE 'host.%'")
    netns.sh("ip", "link", "set", "br1", "down")
    netns.wait_for("lost sight is told", lambda: "zone.blind" in told(d), 300)
    assert (up(d, 80), up(d, 81)) == (n_far, n_near), "nobody is judged"
    netns.sh("ip", "link", "set", "br1", "up")
    way(80, "10.79.0.10")
    netns.wait_for("it is seen again", lambda: "zone.seen" in told(d), 300)
    d.wait_visits(1, 120)
    assert told(d) == ["zone.storm", "zone.calm", "zone.blind", "zone.seen"], told(d)
    assert d.sql("SELECT count(*) FROM alert.event WHERE type LIKE 'host.%'") == before, "no host was told of"
    assert d.sql("SELECT state, count(*) FROM alert.incident GROUP BY 1") == [["resolved", "2"]]
    said = [r["body"]["data"]["summary"] for r in d.receiver.requests()][-2:]
    assert f"{n_far} of {n_far + n_near} hosts cannot be asked" in said[0], said
    print(f"{said[0]}\n{said[1]}", flush=True)


def told(d):
    """Types of the messages, each once: an answer may be lost, then it comes again under its id."""
    return list(dict(((r["id"], r["type"]), r["type"]) for r in d.receiver.requests()).values())


def main():
    netns.enter()
    daemon.need_programs()
    with netns.World() as world:
        far, near = world.host("far", 10), world.host("near", 11)
        second_link(far)
        answer_for(far, 80, "10.79.0.10")
        answer_for(near, 81, near.address)
        nets = networks(80, FAR), networks(81, NEAR)
        d = daemon.Daemon(world, zone(*nets), routes=ROUTES).start()
        n_far, n_near = 64 * len(nets[0]), 64 * len(nets[1])
        netns.wait_for("all are there", lambda: up(d, 80) == n_far and up(d, 81) == n_near, 180)
        d.wait_visits(1, 120)
        assert d.receiver.requests() == [], d.receiver.requests()
        print(f"{n_far + n_near} assets are known", flush=True)
        storm(d, far, n_far)
        blind(d, n_far, n_near)
        assert d.stop() == 0


if __name__ == "__main__":
    main()
