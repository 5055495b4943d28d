"""Large ranges: a sampled /16 finds the networks in use and visits those whole, and the coverage says so; an estimate costs no packet;
an interrupted scan and a killed one go on where they stopped, and together say what one scan says."""
import json
import os
import signal
import subprocess

import netns
import scanlab

MUSTER = scanlab.BUILD / "muster"
# In use behind the router: some hosts of three /24s of 10.88/16, one of them known by its gateway address alone.
USED = [f"10.88.3.{n}" for n in (1, 7, 30, 31, 99, 200)] + ["10.88.77.254", "10.88.77.13"] + [f"10.88.200.{n}" for n in range(90, 140)]


def scan(*arguments, code=0):
    run = subprocess.run([str(MUSTER), "scan", "-n", "-oJ", "-", *arguments], capture_output=True, text=True, timeout=300)
    assert run.returncode == code, f"{arguments}: exit {run.returncode}: {run.stderr}"
    return [json.loads(line) for line in run.stdout.splitlines()]


def up(records):
    found = [r["address"] for r in records if r["record"] == "host" and r["state"] == "up"]
    return sorted(found), [r for r in records if r["record"] == "coverage"][-1]


def build(world):
    box = world.host("box", 10)
    lines = [f"addr add {a}/32 dev lo" for a in USED]
    box.run("ip", "-batch", "-", input="\n".join(lines) + "\n")
    box.run("ip", "route", "add", "blackhole", "10.88.0.0/16")
    box.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    netns.sh("ip", "route", "add", "10.88.0.0/16", "via", box.address)
    return box


def sent():
    return json.loads(netns.sh("ip", "-s", "-j", "link", "show", "br0"))[0]["stats64"]["tx"]["packets"]


def sampled():
    found, coverage = up(scan("-sn", "-PE", "--sample", "8", "--exclude", "10.88.200.100-110", "--max-rate", "20000", "10.88.0.0/16"))
    want = [a for a in USED if not "10.88.200.100" <= a <= "10.88.200.110" or a == "10.88.200.99"]
    missed = [a for a in want if a not in found and not a.startswith("10.88.200.")]
    assert not missed, missed
    # .200 has no likely address in use: its sample of 8 meets one of 39 in 256 or it does not, and then all or none are found.
    middle = [a for a in found if a.startswith("10.88.200.")]
    assert middle in ([], sorted(a for a in want if a.startswith("10.88.200."))), middle
    assert coverage["complete"] and coverage["sampled_networks"] in (253, 254), coverage
    assert coverage["asked"] < 256 * 8 + 3 * 256, coverage
    print(f"sampled: {len(found)} hosts, {coverage['asked']} of 65536 addresses asked", flush=True)


def estimate():
    before = sent()
    run = subprocess.run([str(MUSTER), "scan", "-n", "--estimate", "-sn", "-PE", "--sample", "8", "--max-rate", "1000", "10.88.0.0/16"],
                         capture_output=True, text=True)
    assert run.stdout == "65536 addresses, 2048 asked at first (8 of each of 256 networks): 4096 to 65536 probes, 4s to 1m 5s at 1000 a second\n", run.stdout
    assert sent() - before < 20
    print("estimate: no packet", flush=True)


def lines(path):
    return [json.loads(line) for line in open(path) if line.endswith("\n")]


def through(path):
    """Addresses that a state's lines "done" name: a bit each, in hexadecimal."""
    if not os.path.exists(path):
        return 0
    return sum(int(line[len("done "):], 16).bit_count() for line in open(path) if line.startswith("done ") and line.endswith("\n"))


def resumed(world, number):
    """Interrupted (SIGINT) or killed (SIGKILL) in the middle; what was written before is not asked again."""
    out, state = world.path(f"out-{number}.jsonl"), world.path(f"state-{number}")
    target, want = "10.88.200.0/24", sorted(a for a in USED if a.startswith("10.88.200."))
    process = world.start([str(MUSTER), "scan", "-n", "-p", "1-5", "-PE", "--max-rate", "120", "--state", state, "-oJ", out, target])
    netns.wait_for("some addresses are through", lambda: through(state) >= 20)
    process.send(number)
    process.popen.wait(netns.CEILING)
    first = lines(out)
    run = subprocess.run([str(MUSTER), "scan", "--resume", state], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    both = lines(out)
    assert both[:len(first)] == first, "the output was not continued"
    done = {r["address"] for r in both if r["record"] == "host"}
    assert sorted(done) == want, (len(done), len(want))
    coverage = [r for r in both if r["record"] == "coverage"][-1]
    probed = [r for r in both if r["record"] == "summary"][-1]["hosts_probed"]
    assert coverage["complete"] and 0 < probed < 250, (probed, coverage)
    run = subprocess.run([str(MUSTER), "scan", "--resume", state], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0 and "nothing is left" in run.stderr, run.stderr
    print(f"signal {number}: {len(first)} records, then {probed} of 256 addresses", flush=True)


def full_disk(world):
    """No host counts as done whose output could not be written."""
    state = world.path("state-full")
    run = subprocess.run([str(MUSTER), "scan", "-n", "-p", "1-5", "-PE", "--state", state, "-oJ", "/dev/full", "10.88.200.0/28"],
                         capture_output=True, text=True, timeout=300)
    assert run.returncode == 2 and "/dev/full" in run.stderr and "No space left" in run.stderr, (run.returncode, run.stderr)
    done = [line for line in open(state) if line.startswith("done ")]
    assert not any(line.strip("done \n0") for line in done), done
    print("a full disk: nothing is done that was not written", flush=True)


def bad_states(world):
    bad = world.path("bad-state")
    for text, words in (("", "cut short"), ("# muster scan state 1: go on with `muster scan --resume FILE`\nscope 10.0.0.0 10.0.0.x\n", ":2: not the state"),
                        ("# muster scan state 1: go on with `muster scan --resume FILE`\narg -n\nscope 10.0.0.0 10.0.0.9\n", "cut short"), ("<xml/>\n", ":1: not the state")):
        open(bad, "w").write(text)
        run = subprocess.run([str(MUSTER), "scan", "--resume", bad], capture_output=True, text=True, timeout=300)
        assert run.returncode == 2 and words in run.stderr and len(run.stderr.splitlines()) == 1, run.stderr
    print("bad states: one line each", flush=True)


def main():
    netns.enter()
    if not MUSTER.exists():
        netns.skip(f"{MUSTER} is not built")
    with netns.World() as world:
        build(world)
        sampled()
        estimate()
        resumed(world, signal.SIGINT)
        resumed(world, signal.SIGKILL)
        full_disk(world)
        bad_states(world)


if __name__ == "__main__":
    main()
