#!/usr/bin/env python3
"""Scripts of the services lab: nmap three times, Muster with Nmap's data folder, with its own scripts, and with Nmap's scripts on its own library;
result by result, in Markdown.

    tests/lab/scripts.py --lab DIR --muster PROGRAM --root SOURCES --work DIR [--only NAME,...] [--table]

Be root; the lab is up (services.sh), and the ports are those of ports-nmap-sS-p.xml in DIR of --work, which ports.py leaves there.
--table: nothing is run, the table is made again from the XML of the last run.  JOBS (3): hosts at a time.

A result is (host, port, script).  It counts as stable when nmap's three runs gave the same bytes, text and structure; where all gave
nothing and Muster says something, that is a stable one that differs, too.  The differing scripts of a host run again by themselves, by
nmap (three times for Nmap's own data folder) and by Muster: what nmap says otherwise then is not stable either.  Reasons stand in
reasons-nmap.tsv, reasons-own.tsv and reasons-library.tsv beside this file: script, place (address:port/protocol, address:host or *),
verdict, reason.  Else "alone: ..." says what came of the run by themselves.  The others were "not looked into"."""
import argparse
import collections
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
RESOLVER = {4: "10.99.0.17", 6: "fd99::17"}  # scripts ask it for names; what is not a target is out of Muster's scope
NMAP = "/usr/share/nmap"
CLOSED = 65000           # some scripts want a closed port
FETCHED = "/tmp/muster-lab-fetch"  # where script-args.txt has http-fetch put its files
LONGEST = int(os.environ.get("LONGEST", "900"))  # seconds; a host with a run that takes longer is left out, and named
NEVER_ENDS = {"shell": ["rpc-grind"]}  # nmap reads chargen's lines for ever, past --script-timeout; Muster ends it in time
# Debian's OpenSSL refuses weak keys, on which one server of the lab is set up; Muster takes them.
WEAK_KEYS = """openssl_conf = lab
[lab]
ssl_conf = lab_ssl
[lab_ssl]
system_default = lab_all
[lab_all]
CipherString = DEFAULT@SECLEVEL=0
"""
PEERS = ("nmap-1", "nmap-2", "nmap-3")
RUNS = ("nmap-1", "nmap-data", "nmap-2", "own", "library", "nmap-3")


def selection(golden, host):
    """By category, not by name: a script that is named is one step more verbose, for nmap as for Muster."""
    want, drop = " or ".join(sorted(golden.WANT)), sorted(golden.DROP) + sorted(golden.SKIP) + sorted(NEVER_ENDS.get(host, []))
    return f"({want}) and not ({' or '.join(drop)})"


class Lab:
    def __init__(self, args):
        self.args = args
        sys.path.insert(0, args.lab)
        import compare
        import golden_scripts
        import nmapxml
        self.compare, self.golden, self.xml = compare, golden_scripts, nmapxml
        self.names = {}
        for line in subprocess.run(["bash", "-c", f". {args.lab}/lib.sh; lab_hosts"], capture_output=True, text=True, check=True).stdout.splitlines():
            number, name, _, segment, families = line.split()
            if segment == "main":
                self.names[f"10.99.0.{number}" if "4" in families else f"fd99::{number}"] = name
        self.tcp = collections.defaultdict(list)
        for scan in ("sS-p", "6-sS-p"):
            for address, port, protocol, state, *_ in self.xml.ports(self.xml.load(f"{args.work}/ports-nmap-{scan}.xml")):
                if state == "open" and protocol == "tcp":
                    self.tcp[address].append(port)
        self.allowed = {n for n in golden_scripts.ALLOWED if n in golden_scripts.CATS}
        own = {f[:-4] for f in os.listdir(f"{args.root}/scripts") if f.endswith(".nse")}
        self.shared = own & self.allowed

    def hosts(self):
        only = self.args.only.split(",") if self.args.only else None
        return [a for a, n in self.names.items() if (not only or n in only) and (self.tcp[a] or self.golden.UDP.get(a))]

    def path(self, run, address):
        return f"{self.args.work}/scripts-{run}-{self.names[address]}.xml"

    def results(self, run, address):
        """(port, protocol, script) -> result; pre- and postscripts only from the resolver's own run, which sees what all do."""
        found = {}
        for r in self.xml.scripts(self.xml.load(self.path(run, address))):
            alone = r["host"] == "" and address in RESOLVER.values() and r["proto"] == "prescript"
            if r["script"] in self.allowed and (r["host"] == address or alone):
                found.setdefault((int(r["port"] or 0), r["proto"], r["script"]), r)
        return found


def library_folder(work):
    return f"{work}/library"


def make_library(args):
    """A data folder of Nmap's scripts and data files with Muster's nselib.  Copies: a script may not read what a link leads out to."""
    folder = library_folder(args.work)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(NMAP, folder, ignore=lambda d, names: [n for n in names if d == f"{NMAP}/nselib" and n != "data"])
    shutil.copytree(f"{args.root}/nselib", f"{folder}/nselib", ignore=shutil.ignore_patterns("data"), dirs_exist_ok=True)


def write_once(path, text):
    """In one step: another scripts.py may be about to read it."""
    with open(f"{path}.{os.getpid()}", "w") as f:
        f.write(text)
    os.rename(f.name, path)


def write_settings(lab):
    with open(f"{lab.args.lab}/script-args.txt") as f:
        write_once(f"{lab.args.work}/script-args", f.read().replace("@LAB@", lab.args.lab))
    write_once(f"{lab.args.work}/openssl.cnf", WEAK_KEYS)


def command(lab, run, address, names=None):
    udp = lab.golden.UDP.get(address)
    ports = [f"T:{','.join(map(str, lab.tcp[address] + [CLOSED]))}"] + ([f"U:{udp}"] if udp else [])
    os.makedirs(FETCHED, exist_ok=True)
    muster = [lab.args.muster, "scan", "--script-scratch", FETCHED]
    unmodified = [*muster, "--datadir", NMAP]
    program = {"own": muster, "again-muster-own": muster, "nmap-data": unmodified, "again-muster-nmap-data": unmodified,
               "library": [*muster, "--datadir", library_folder(lab.args.work)]}.get(run, ["nmap"])
    family = 6 if ":" in address else 4
    # The machine's resolver has an IPv4 address; whom scripts may ask is a matter of targets for Muster, and nmap takes one family.
    others = [RESOLVER[family]] + ([RESOLVER[4]] if family == 6 and program[0] == lab.args.muster else [])
    targets = [address] + [other for other in others if other != address]
    return ["ip", "netns", "exec", "lab-scanner", *program, *(["-6"] if family == 6 else []), "-n", "-Pn", "-sS", *(["-sU"] if udp else []), "-p", ",".join(ports),
            "--script", ",".join(names) if names else selection(lab.golden, lab.names[address]),
            "--script-args-file", f"{lab.args.work}/script-args", "--script-timeout", "120s",
            "-oX", lab.path(run, address), *targets]


def forget(path):
    if os.path.exists(path):
        os.unlink(path)


def environment(lab, run):
    nmap = run in PEERS or run.startswith("again-nmap")
    return {**os.environ, "MUSTER_DATADIR": lab.args.root, **({"OPENSSL_CONF": f"{lab.args.work}/openssl.cnf"} if nmap else {})}


def run_once(lab, run, address, names=None):
    """Leaves no XML of a run that failed or took too long."""
    path = lab.path(run, address)
    forget(path)
    try:
        # Not in the sources: nmap would look at their nselib, too.
        done = subprocess.run(command(lab, run, address, names), env=environment(lab, run), cwd=lab.args.work,
                              capture_output=True, text=True, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        print(f"scripts.py: {run} of {address} took more than {LONGEST} s", file=sys.stderr)
        forget(path)
        return
    with open(path[:-4] + ".err", "w") as f:
        f.write(done.stderr)
    if done.returncode not in (0, 1):
        print(f"scripts.py: {run} of {address} ended with {done.returncode}: {done.stderr[-300:]}", file=sys.stderr)
        forget(path)


def alone_by_nmap(run):
    """nmap's runs of the differing scripts of a host by themselves.  Where all should be the same bytes, chance takes more of them to show."""
    return [f"again-nmap-{run}"] + ([f"again-nmap-{run}-{n}" for n in (2, 3)] if run == "nmap-data" else [])


def again(lab, address):
    """What differs once more, by itself: four hundred scripts at a time are a load of which some are ended by --script-timeout."""
    for run, of in (("nmap-data", lab.allowed), ("own", lab.shared)):
        if lab.args.runs and run not in lab.args.runs.split(",") or not os.path.exists(lab.path(run, address)):
            continue
        names = sorted({script for script, *_ in compared(lab, run, [address], of, False)[1]})
        for which in [*alone_by_nmap(run), f"again-muster-{run}"]:
            if names:
                run_once(lab, which, address, names)
            else:
                forget(lab.path(which, address))


def look(lab, address):
    """All runs of one host, one after the other.  -> [(run, seconds or None)]"""
    took = []
    for run in RUNS:
        if lab.args.runs and run not in lab.args.runs.split(","):
            continue
        begun = time.monotonic()
        run_once(lab, run, address)
        took.append((run, time.monotonic() - begun))
        with open(lab.path(run, address)[:-4] + ".seconds", "w") as f:
            f.write(f"{took[-1][1]:.0f}\n")
        print(f"{lab.names[address]} {run} {took[-1][1]:.1f} s", file=sys.stderr, flush=True)
    return took


def verdict(lab, ours, theirs):
    if ours is None or theirs is None:
        return "missing" if ours is None else "extra"
    if ours["output"] == theirs["output"] and lab.compare.strdata(ours["data"]) == lab.compare.strdata(theirs["data"]):
        return "identical"
    text, data = lab.compare.verdict(theirs["output"], ours["output"]), lab.compare.dataverdict(theirs["data"], ours["data"])
    for worst in ("different", "none", "extra"):
        if worst in (text, data):
            return "different" if text == "different" else "data differs"
    return "reordered" if "reordered" in (text, data) else "masked"


def reasons(path):
    """(script, place, verdict) -> reason"""
    found = {}
    if os.path.exists(path):
        with open(path) as f:
            for line in f:
                if line.strip() and not line.startswith("#"):
                    script, place, kind, reason = line.rstrip("\n").split("\t")
                    found[script, place, kind] = reason
    return found


def repeated_as(lab, one, others, key):
    """How nmap's other runs repeated what its first one said: the worst of the verdicts."""
    found = {verdict(lab, other.get(key), one.get(key)) for other in others if key in one or key in other}
    return next((v for v in ("missing", "extra", "different", "data differs", "reordered", "masked") if v in found), "identical")


def asked_for(lab, run, address):
    """The scripts that a run by themselves named; none when there was no such run."""
    if not os.path.exists(lab.path(run, address)):
        return []
    words = lab.xml.load(lab.path(run, address)).get("args", "").split()
    return words[words.index("--script") + 1].split(",") if "--script" in words else []


def by_themselves(lab, address):
    """script -> results of nmap's runs of the differing scripts of that host by themselves"""
    found = collections.defaultdict(list)
    for run in alone_by_nmap("nmap-data") + alone_by_nmap("own"):
        for script in asked_for(lab, run, address):
            found[script].append(lab.results(run, address))
    return found


def compared(lab, run, addresses, of, further=True):
    """-> Counter, [(script, place, verdict)] of the stable results that differ.  further: nmap's runs of the differing scripts alone count, too"""
    counts, differ = collections.Counter(), []
    for address in addresses:
        one, ours = lab.results("nmap-1", address), lab.results(run, address)
        others = [lab.results(r, address) for r in PEERS[1:] if os.path.exists(lab.path(r, address))]
        again_for = by_themselves(lab, address) if further else {}
        for key in sorted(set(one).union(ours, *others), key=lambda k: (k[2], k[0], k[1])):
            if key[2] not in of:
                continue
            repeated = repeated_as(lab, one, others + again_for.get(key[2], []), key)
            if repeated in ("missing", "extra", "different", "data differs"):
                counts["unstable"] += 1
                continue
            found = verdict(lab, ours.get(key), one.get(key))
            kind = "stable" if repeated == "identical" else "stable but for " + ("order" if repeated == "reordered" else "times and nonces")
            counts[kind] += 1
            counts[kind, found] += 1
            equal = found == "identical" or repeated != "identical" and found in ("masked", repeated)
            if not equal:
                where = "host" if key[1] == "host" else key[1] if key[1] == "prescript" else f"{key[0]}/{key[1]}"
                differ.append((key[2], f"{address}:{where}", found, kind))
    return counts, differ


def percent(part, whole):
    return f"{100 * part / whole:.1f} %" if whole else "-"


def alone(lab, run, address, key):
    """What the runs of the differing scripts alone say about one; None: there were none."""
    if key[2] not in asked_for(lab, f"again-nmap-{run}", address) or not os.path.exists(lab.path(f"again-muster-{run}", address)):
        return None
    theirs, ours = (lab.results(f"again-{p}-{run}", address).get(key) for p in ("nmap", "muster"))
    if theirs is None and ours is None:
        return "alone: neither says anything"
    found = verdict(lab, ours, theirs)
    if found == "identical":
        return "alone: the same bytes"
    return "alone: the same but for times, nonces or order" if found in ("masked", "reordered") else f"alone: {found}, too; not looked into"


def key_of(address, script, place):
    where = place[len(address) + 1:]
    port, _, protocol = where.rpartition("/")
    return (int(port or 0), protocol, script)


def not_loaded(lab, address):
    """script -> reason, of the scripts that do not load on our library."""
    said = lab.path("library", address)[:-4] + ".err"
    if not os.path.exists(said):
        return {}
    with open(said) as f:
        return {m[1]: f"does not load: we have no library {m[2]}" for m in re.finditer(r"script (\S+) failed: .*module '(\S+)' not found", f.read())}


def reason_of(lab, run, known, differing):
    script, place, found, _ = differing
    address = place.rsplit(":", 1)[0]
    reason = known.get((script, place, found)) or known.get((script, "*", found))
    if run == "library" and not reason:
        above = {(s, p): f for s, p, f, _ in compared(lab, "nmap-data", [address], {script})[1]}
        same = above.get((script, place)) == found
        return "as on Nmap's library (first table)" if same else not_loaded(lab, address).get(script, "not looked into")
    return reason or alone(lab, run, address, key_of(address, script, place)) or "not looked into"


def table(lab, run, addresses, of):
    counts, differ = compared(lab, run, addresses, of)
    known = reasons(f"{HERE}/reasons-{'nmap' if run == 'nmap-data' else run}.tsv")
    print("| nmap, between its runs | results | Muster: same bytes | same but for times and nonces | same but for order | differ | equal |")
    print("|---|---|---|---|---|---|---|")
    for kind in ("stable", "stable but for times and nonces", "stable but for order"):
        n = counts[kind]
        same, masked, order = (counts[kind, v] for v in ("identical", "masked", "reordered"))
        good = same if kind == "stable" else same + masked if "times" in kind else same + masked + order
        print(f"| {kind} | {n} | {same} | {masked} | {order} | {n - same - masked - order} | {percent(good, n)} |")
    print(f"| unstable, or seen once | {counts['unstable']} | | | | | |")
    full, at_first = compared(lab, run, addresses, of, False)
    same, order = full["stable", "identical"], full["stable", "reordered"]
    print(f"| stable, judged only by the runs with all scripts at once | {full['stable']} | {same} | {full['stable', 'masked']} | {order} | "
          f"{full['stable'] - same - full['stable', 'masked'] - order} | {percent(same, full['stable'])} |")
    print()
    each = ((lab.names[a], compared(lab, run, [a], of)[0]) for a in addresses)
    print("Same bytes of the stable, host by host: " + ", ".join(f"{n} {c['stable', 'identical']} of {c['stable']}" for n, c in each) + ".\n")
    groups = collections.defaultdict(list)
    for differing in differ:
        groups[differing[0], differing[2], reason_of(lab, run, known, differing)].append(differing[1])
    print("| script | where | Muster's result | reason |")
    print("|---|---|---|---|")
    for (script, found, reason), places in sorted(groups.items()):
        print(f"| {script} | {', '.join(places)} | {found} | {reason} |")
    print()
    stays = {(script, place) for script, place, *_ in differ}
    left = sorted(f"{script} {place}" for script, place, _, kind in at_first if kind == "stable" and (script, place) not in stays)
    if left:
        print("Stable in the runs with all scripts at once and not the same bytes, but nmap said otherwise when it ran the differing scripts by themselves: " + ", ".join(left) + ".\n")


def report(lab, addresses, took):
    whole = [a for a in addresses if all(os.path.exists(lab.path(r, a)) for r in RUNS)]
    names = ", ".join(lab.names[a] for a in whole)
    print(f"Hosts: {names}; {sum(len(lab.tcp[a]) for a in whole)} open TCP ports.")
    left = [lab.names[a] for a in addresses if a not in whole]
    if left:
        print(f"Left out, because a run did not end in {LONGEST} s: {', '.join(left)}.")
    for run in RUNS:
        seconds = [s for a in whole for r, s in took.get(a, []) if r == run]
        if seconds:
            print(f"Seconds of {run}, host by host added up: {sum(seconds):.0f}.")
    print("\n## Nmap's scripts and library, unmodified, under Muster\n")
    table(lab, "nmap-data", whole, lab.allowed)
    print("## Muster's own scripts beside Nmap's of the same name\n")
    table(lab, "own", whole, lab.shared)
    print("## Nmap's scripts, unmodified, on Muster's library\n")
    table(lab, "library", whole, lab.allowed)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ("lab", "muster", "root", "work"):
        p.add_argument(f"--{option}", required=True)
    p.add_argument("--only", help="names of hosts, with commas")
    p.add_argument("--runs", help=f"of {','.join(RUNS)}; the others' XML of the run before stays")
    p.add_argument("--table", action="store_true")
    p.add_argument("--again", action="store_true", help="only the runs of what differs, and the table")
    args = p.parse_args()
    for folder in ("lab", "muster", "root", "work"):
        setattr(args, folder, os.path.abspath(getattr(args, folder)))
    lab = Lab(args)
    addresses, took = lab.hosts(), {}
    if lab.args.again:
        with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", "3"))) as pool:
            list(pool.map(lambda a: again(lab, a), addresses))
    elif not lab.args.table:
        write_settings(lab)
        if not args.runs or "library" in args.runs.split(","):
            make_library(args)
        order = sorted(addresses, key=lambda a: -len(lab.tcp[a]))
        with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", "3"))) as pool:
            took = dict(zip(order, pool.map(lambda a: look(lab, a), order)))
        for address in addresses:
            if not args.runs and all(os.path.exists(lab.path(r, address)) for r in RUNS):
                again(lab, address)
    report(lab, addresses, took)


if __name__ == "__main__":
    main()
