#!/usr/bin/env python3
"""The manual page and the completion script tell the same as the table of options in the program.  Usage: docs.py MUSTER

MUSTER_GOLDEN=write writes the completion script anew."""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
MANUAL = ROOT / "docs/man/muster.1"
COMPLETION = ROOT / "docs/completions/muster.bash"


def program(*words):
    return subprocess.run([sys.argv[1], *words], capture_output=True, text=True, check=True).stdout


def options_of_program(script):
    """verb -> spellings, from the completion script, which lists all of them."""
    return {verb: set(options.split()) for verb, options in re.findall(r"^    '([^']+)'\)\n      options='([^']*)'", script, re.M)}


def options_of_manual(text):
    """Spellings in the tags of lists: `.It Fl -exclude Ar file` and `.It Fl v , Fl -verbose`."""
    found = set()
    for line in re.findall(r"^\.It (Fl .*)$", text, re.M):
        found.update("-" + word for word in re.findall(r"\bFl (\S+)", line))
    return found


def check_manual(verbs, faults):
    text = MANUAL.read_text()
    have, want = options_of_manual(text), set().union(*verbs.values())
    for option in sorted(want - have - {"--help", "-h"}):
        faults.append(f"docs/man/muster.1: option {option} is not described")
    for option in sorted(have - want):
        faults.append(f"docs/man/muster.1: no verb has the option {option}")
    for verb in verbs:
        if not re.search(rf"^\.It Cm {re.escape(verb)}\b", text, re.M):
            faults.append(f"docs/man/muster.1: verb '{verb}' is not described")
    for verb in re.findall(r"^\.It Cm ([a-z]+(?: [a-z]+)?)", text, re.M):
        if verb not in verbs and verb.split()[0] not in verbs:
            faults.append(f"docs/man/muster.1: there is no verb '{verb}'")
    if shutil.which("mandoc"):
        lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", MANUAL], capture_output=True, text=True)
        faults += lint.stdout.splitlines()


def check_help(verbs, faults):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        texts = pool.map(lambda verb: program("help", *verb.split()), verbs)
    for verb, text in zip(verbs, texts):
        if not text.startswith(f"usage: muster {verb}"):
            faults.append(f"muster help {verb}: {text.splitlines()[0]}")


def main():
    script = program("completion", "bash")
    if os.environ.get("MUSTER_GOLDEN") == "write":
        COMPLETION.write_text(script)
    verbs, faults = options_of_program(script), []
    if COMPLETION.read_text() != script:
        faults.append("docs/completions/muster.bash: not what 'muster completion bash' prints")
    if subprocess.run(["bash", "-n", COMPLETION]).returncode:
        faults.append("docs/completions/muster.bash: bash does not read it")
    check_manual(verbs, faults)
    check_help(verbs, faults)
    print("\n".join(faults) or f"{len(verbs)} verbs and their options are described")
    return bool(faults)


sys.exit(main())
