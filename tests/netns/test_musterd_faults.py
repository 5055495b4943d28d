#!/usr/bin/env python3
"""What goes wrong gives one clear line that names the place, and everything else goes on: scripts that do not load, loop, hang or crash;
a receiver that answers 500; a worker that is killed; a reload with errors; a database that is away."""
import os
import pathlib
import signal
import time

import daemon
import netns

SCRIPTS = {
    "fine": 'hostrule = function() return true end\naction = function() return "all is well" end\n',
    "broken": "hostrule = function( return true end\n",
    "endless": "hostrule = function() return true end\naction = function() while true do end end\n",
    "servers": 'hostrule = function() return true end\naction = function() return table.concat(nmap.get_dns_servers(), " ") end\n',
    # A grammar that lpeg matches in exponential time, inside one C call: no count hook gets in between.
    "hangs": 'local lpeg = require "lpeg"\nlocal a, s = lpeg.P "a", lpeg.V "S"\nhostrule = function() return true end\n'
             'action = function() return lpeg.match(lpeg.P { "S", S = a * s * "b" + a * s * "c" + a }, ("a"):rep(60)) end\n',
}
HEAD = 'description = [[test]]\nauthor = "test"\nlicense = "test"\ncategories = {"safe"}\n'


def zones(world, scripts, ports="8088"):
    return f"""
scripts: {{workers: 1, datadirs: [{world.path("data")}, {daemon.ROOT}]}}
zones:
  - name: self
    networks: [127.0.0.1/32]
    confirm: {{misses: 2, after: 1s}}
    passes:
      - {{kind: ports, interval: 2s, ports: "{ports}"}}
      - {{kind: scripts, interval: 3s, scripts: "{scripts}"}}
"""


def write_scripts(world):
    os.makedirs(world.path("data/scripts"), exist_ok=True)
    for name, text in SCRIPTS.items():
        pathlib.Path(world.path(f"data/scripts/{name}.nse")).write_text(HEAD + text)
    for directory, _, files in os.walk(world.directory):
        os.chmod(directory, 0o755)


def said(d, *parts):
    """The log lines that have all these parts."""
    return [line for line in d.log().splitlines() if all(part in line for part in parts)]


def wait_said(d, *parts, timeout=60):
    return netns.wait_for(f"the log says {parts}", lambda: said(d, *parts), timeout)


def results(d):
    return {row[0]: row[1] for row in d.sql_or_nothing("SELECT script, output FROM report.script_result")}


def configure(d, text):
    """Replaces the zones in the configuration file; the directory in front of them and the endpoints behind stay."""
    path = pathlib.Path(d.config)
    old = path.read_text()
    path.write_text(old[:old.index("log_level:")] + "log_level: debug\n" + text + old[old.index("endpoints:"):])


def reload(d):
    d.process.send(signal.SIGHUP)


def scripts_that_misbehave(world, d):
    netns.wait_for("the result of the good script", lambda: results(d).get("fine") == "all is well", 120)
    line = wait_said(d, "a script does not load", "script=broken")[0]
    assert "broken.nse:5" in line, line
    print("syntax error: one line with file and line; the others go on", flush=True)
    hung = wait_said(d, "event=worker-died", "script=hangs", timeout=120)[0]
    wait_said(d, "a script killed its worker again", "script=hangs", timeout=120)
    print(f"a script that hangs is blamed by name: {hung[:120]}", flush=True)
    before = d.visits().get("scripts", 0)
    netns.wait_for("the pass goes on without it", lambda: d.visits().get("scripts", 0) > before, 120)
    assert len(said(d, "a script does not load", "script=broken")) == 1, "said more than once"
    configure(d, zones(world, "fine"))
    reload(d)
    wait_said(d, "event=config-applied")


def receiver_that_fails(world, d):
    d.receiver.answer(500)
    server = world.start(["python3", "-m", "http.server", "8088", "--bind", "127.0.0.1", "--directory", "/run/netns"])
    netns.wait_for("an attempt", lambda: any(r["status"] == 500 for r in d.receiver.requests()), 60)
    d.wait_visits(1)
    d.receiver.answer(200)
    netns.wait_for("the delivery", lambda: d.receiver.accepted(), 90)
    assert len({r["id"] for r in d.receiver.requests()}) == 1
    server.stop()
    netns.wait_for("port closed", lambda: ("port.closed", "host/127.0.0.1/tcp/8088") in d.events(), 60)
    print("a receiver that answers 500 is tried again, the passes go on", flush=True)


def pids_of(d, role):
    return [int(e.name) for e in pathlib.Path("/proc").iterdir()
            if e.name.isdigit() and command(e).startswith(f"musterd: {role}") and parent(e) == d.process.pid]


def pid_of(d, role):
    """One that died may not be back yet."""
    return netns.wait_for(f"the {role} runs", lambda: pids_of(d, role))[0]


def workers_that_are_killed(d):
    for role in ("scanner", "script", "core"):
        before = d.visits()
        assert before
        os.kill(pid_of(d, role), signal.SIGKILL)
        wait_said(d, "event=worker-died", f"role={role}", "signal 9")
        netns.wait_for(f"visits after the death of the {role}", lambda: all(d.visits().get(k, 0) > v for k, v in before.items()), 90)
    print("scanner, script worker and core: killed, started again, visits go on", flush=True)


def command(entry):
    try:
        return (entry / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def parent(entry):
    try:
        return int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def reloads(world, d):
    good = zones(world, "fine")
    configure(d, good.replace("interval: 2s", "intervall: 2s"))
    reload(d)
    line = wait_said(d, "event=config-rejected")[0]
    assert "muster.yaml:" in line and "did you mean 'interval'?" in line, line
    configure(d, good.replace("scripts: {", "database: \"dbname=other\"\nscripts: {"))
    reload(d)
    wait_said(d, "event=config-rejected", "'database' has changed, which takes a restart")
    d.wait_visits(1)
    print("a reload with errors changes nothing and names the line", flush=True)
    configure(d, zones(world, "fine", ports="8088,9009"))
    reload(d)
    netns.wait_for("the new port list holds", lambda: d.sql_or_nothing("SELECT 1 FROM report.change WHERE port = 9009"), 60)
    for _ in range(20):
        reload(d)
        time.sleep(0.05)
    d.wait_visits(1)
    print("a good one is in force at once; twenty in a row do no harm", flush=True)


def name_servers(world, address):
    """/etc/resolv.conf is a mount of this file."""
    pathlib.Path(world.path("resolv.conf")).write_text(f"nameserver {address}\n")


def name_servers_that_change(world, d):
    configure(d, zones(world, "fine or servers"))
    reload(d)
    netns.wait_for("a script that has name servers", lambda: results(d).get("servers") == "127.0.0.2")
    before = pids_of(d, "script")
    for address in ("127.0.0.3", "127.0.0.4"):
        name_servers(world, address)
        netns.wait_for("a script that has the new ones", lambda: results(d).get("servers") == address)
    assert pids_of(d, "script") == before, "a script worker was started anew"
    print("script workers hear that resolv.conf has changed", flush=True)


def resolver_that_changes(world, d):
    before = pid_of(d, "script")
    configure(d, "resolver: 127.0.0.9\n" + zones(world, "fine or servers"))
    reload(d)
    netns.wait_for("a script worker that asks the new resolver", lambda: before not in pids_of(d, "script"))
    netns.wait_for("a script that has it", lambda: results(d).get("servers") == "127.0.0.9")
    d.wait_visits(1)
    print("script workers are started anew for another resolver", flush=True)


def data_directory_that_appears_later(world, d):
    late = pathlib.Path(world.path("late"))
    configure(d, zones(world, "fine or late").replace("datadirs: [", f"datadirs: [{late}, "))
    reload(d)
    wait_said(d, f"data directory '{late}': No such file or directory")
    (late / "scripts").mkdir(parents=True)
    (late / "scripts/late.nse").write_text(HEAD + 'hostrule = function() return true end\naction = function() return "came late" end\n')
    for directory in (late, late / "scripts"):
        directory.chmod(0o755)
    netns.wait_for("a result of its script", lambda: results(d).get("late") == "came late", 120)
    print("a data directory that appears later is read as soon as it is there", flush=True)


OLD = "SELECT count(*) FROM inv.change WHERE at < now() - interval '50 days'"


def rejected_retention(world, d):
    """What a rejected configuration would not keep any more is still there; the same in one that is taken deletes it."""
    d.sql("SELECT ops.make_partitions((now() - interval '70 days')::date, 4)")
    d.sql("INSERT INTO inv.change(at, old_since, zone_id, slot, attr_id, profile_id, cause, news, addr, old_value) SELECT now() - interval '60 days', "
          "now() - interval '61 days', zone_id, slot, attr_id, profile_id, cause, false, addr, COALESCE(old_value, new_value) FROM inv.change LIMIT 1")
    text = "retention: {history: 7d}\n" + zones(world, "fine")
    missing = world.path("no-such-arguments")
    configure(d, text.replace("workers: 1,", f"workers: 1, args_file: {missing},"))
    reload(d)
    wait_said(d, "event=config-rejected", missing)
    d.wait_visits(1)
    assert d.sql(OLD) == [["1"]], d.sql(OLD)
    configure(d, text)
    reload(d)
    netns.wait_for("what is not kept is gone", lambda: d.sql_or_nothing(OLD) == [["0"]], 60)
    print("a rejected configuration deletes no history", flush=True)


def reload_before_the_core_has_answered(world, d):
    """A bad configuration and then a good one: the first is rejected, the second holds, and the core lives on."""
    core, files = pid_of(d, "core"), lambda: len(os.listdir(f"/proc/{d.process.pid}/fd"))
    before, died = files(), len(said(d, "event=worker-died"))
    missing = world.path("no-such-words")
    os.kill(core, signal.SIGSTOP)
    try:
        configure(d, zones(world, "fine").replace("workers: 1,", f"workers: 1, args_file: {missing},"))
        reload(d)
        netns.wait_for("the monitor has read it", lambda: files() > before)
        configure(d, zones(world, "fine", ports="8088,9009,9011"))
        reload(d)
    finally:
        os.kill(core, signal.SIGCONT)
    wait_said(d, "event=config-rejected", missing)
    netns.wait_for("the second one", lambda: "event=config-applied" in d.log()[d.log().rindex(missing):])
    assert pid_of(d, "core") == core and len(said(d, "event=worker-died")) == died
    print("a reload before the core has answered the one before waits for the answer", flush=True)


def reload_while_a_delivery_is_under_way(world, d):
    """Its answer is waited for and written down: nothing is sent twice, and the next change goes out by the new pipeline."""
    def sent():
        return [r["id"] for r in d.receiver.requests()][before:]
    before, applied = len(d.receiver.requests()), len(said(d, "event=config-applied"))
    d.receiver.answer("200 1")
    server = world.start(["python3", "-m", "http.server", "8088", "--bind", "127.0.0.1", "--directory", "/run/netns"])
    netns.wait_for("the delivery", sent, 60)
    configure(d, zones(world, "fine", ports="8088,9009,9010"))
    reload(d)
    netns.wait_for("the reload", lambda: len(said(d, "event=config-applied")) > applied)
    server.stop()
    netns.wait_for("the delivery of the next change", lambda: len(set(sent())) > 1)
    assert len(sent()) == 2, sent()
    d.receiver.answer(200)
    print("a reload while a delivery is under way sends nothing twice", flush=True)


def reloads_of_which_the_database_refuses_the_last(world, d):
    """Two while the database is busy: that it took the first says nothing about the second."""
    applied, up = len(said(d, "event=config-applied")), len(said(d, "event=database-up"))
    d.sql("CREATE FUNCTION inv.unwanted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'an unwanted zone'; END $$;"
          "CREATE TRIGGER unwanted BEFORE INSERT ON inv.zone FOR EACH ROW WHEN (NEW.name = 'unwanted') EXECUTE FUNCTION inv.unwanted()")
    world.start(["psql", "-XAtq", "-d", d.conninfo(), "-c", "BEGIN; LOCK TABLE inv.zone; SELECT pg_sleep(120)"])
    netns.wait_for("the lock", lambda: d.sql("SELECT pid FROM pg_locks WHERE relation = 'inv.zone'::regclass AND mode = 'AccessExclusiveLock' AND granted"))
    for n, text in enumerate((zones(world, "fine", ports="8088,9009"), zones(world, "fine").replace("name: self", "name: unwanted")), 1):
        configure(d, text)
        reload(d)
        netns.wait_for("the reload", lambda: len(said(d, "event=config-applied")) == applied + n)
    d.sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = 'inv.zone'::regclass AND mode = 'AccessExclusiveLock' AND granted")
    wait_said(d, "the schedule cannot be made, trying again", "an unwanted zone", timeout=30)
    assert len(said(d, "event=database-up")) == up
    d.sql("DROP TRIGGER unwanted ON inv.zone")
    netns.wait_for("the zone", lambda: len(said(d, "event=database-up")) > up, 60)
    configure(d, zones(world, "fine"))
    reload(d)
    netns.wait_for("the reload", lambda: len(said(d, "event=config-applied")) == applied + 3)
    print("of two reloads the answer to the last counts", flush=True)


def database_away(world):
    nowhere = daemon.Daemon.__new__(daemon.Daemon)
    nowhere.world, nowhere.state, nowhere.config = world, world.path("nowhere"), world.path("nowhere.yaml")
    pathlib.Path(nowhere.config).write_text(f"database: \"host={world.path('no-socket')} dbname=muster\"\nstate_directory: {nowhere.state}\n"
                                            "zones:\n  - {name: self, networks: [127.0.0.1]}\n")
    nowhere.process = world.start([str(daemon.BUILD / "musterd"), "--config", nowhere.config], log="nowhere.log")
    nowhere.log = lambda: pathlib.Path(world.path("nowhere.log")).read_text(errors="replace")
    line = wait_said(nowhere, "the database cannot be used, trying again")[0]
    twin = world.start([str(daemon.BUILD / "musterd"), "--config", nowhere.config], log="twin.log")
    assert twin.popen.wait(netns.CEILING) != 0
    said_by_twin = pathlib.Path(world.path("twin.log")).read_text()
    assert f"another musterd runs with the state directory '{nowhere.state}'" in said_by_twin, said_by_twin
    assert "no-socket" in line, line
    wait_said(nowhere, "Muster has started", timeout=60)
    lines = said(nowhere, "the database cannot be used")
    assert len(lines) < 5, f"said {len(lines)} times"
    assert nowhere.process.stop() == 0
    print(f"unreachable database: {line[:150]}", flush=True)


def bad_start(world):
    """Exit 78 and one line for a configuration that is wrong."""
    path = pathlib.Path(world.path("bad.yaml"))
    path.write_text("zones:\n  - name: self\n    networks: [127.0.0.1/33]\n")
    process = world.start([str(daemon.BUILD / "musterd"), "--config", str(path)], log="bad.log")
    assert process.popen.wait(netns.CEILING) == 78
    text = pathlib.Path(world.path("bad.log")).read_text()
    assert "bad.yaml:3: zones[0].networks[0]" in text and text.count("\n") == 1, text
    print(f"wrong configuration, exit 78: {text.strip()}", flush=True)


def main():
    netns.enter()
    daemon.need_programs()
    with netns.World() as world:
        write_scripts(world)
        name_servers(world, "127.0.0.2")
        netns.sh("mount", "--bind", world.path("resolv.conf"), "/etc/resolv.conf")
        bad_start(world)
        database_away(world)
        d = daemon.Daemon(world, zones(world, "fine or broken or endless or hangs"))
        d.start()
        scripts_that_misbehave(world, d)
        receiver_that_fails(world, d)
        workers_that_are_killed(d)
        reloads(world, d)
        rejected_retention(world, d)
        reload_before_the_core_has_answered(world, d)
        reload_while_a_delivery_is_under_way(world, d)
        reloads_of_which_the_database_refuses_the_last(world, d)
        name_servers_that_change(world, d)
        resolver_that_changes(world, d)
        data_directory_that_appears_later(world, d)
        assert d.stop() == 0


if __name__ == "__main__":
    main()
