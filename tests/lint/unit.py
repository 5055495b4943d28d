#!/usr/bin/env python3
"""The unit file: systemd reads it without a complaint, and its exposure is no more than 1.6."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNIT = ROOT / "systemd/musterd.service"
THRESHOLD = 16  # tenths; what is left is raw packets, networking and no change of root


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def main():
    if not shutil.which("systemd-analyze"):
        print("systemd-analyze is not installed")
        return 77
    faults = []
    code, text = run("systemd-analyze", "security", "--offline=true", f"--threshold={THRESHOLD}", str(UNIT))
    if code:
        faults.append(text.strip().splitlines()[-1])
    with tempfile.TemporaryDirectory() as place:
        # verify wants the program to be there; the manual pages come with the installation
        copy = pathlib.Path(place) / UNIT.name
        copy.write_text(UNIT.read_text().replace("/usr/sbin/musterd", "/bin/true"))
        code, text = run("systemd-analyze", "verify", "--man=no", str(copy))
        faults += [line for line in text.splitlines() if UNIT.name in line]
    print("\n".join(faults) or f"{UNIT.name} is clean, exposure at most {THRESHOLD / 10}")
    return bool(faults)


sys.exit(main())
