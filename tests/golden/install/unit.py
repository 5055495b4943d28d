#!/usr/bin/env python3
"""What the installed unit runs is there, whatever the prefix.   unit.py CMAKE BUILD"""
import os
import subprocess
import sys
import tempfile

CMAKE, BUILD = sys.argv[1:3]


def settings(path, name):
    return [line.split("=", 1)[1].split() for line in open(path, encoding="utf-8") if line.startswith(f"{name}=")]


for prefix in ("/usr", "/usr/local"):
    with tempfile.TemporaryDirectory() as top:
        subprocess.run([CMAKE, "--install", BUILD, "--prefix", prefix], env={**os.environ, "DESTDIR": top}, check=True, capture_output=True)
        unit = f"{top}{prefix}/lib/systemd/system/musterd.service"
        [[program, *_]] = settings(unit, "ExecStart")
        [allowed] = settings(unit, "ExecPaths")
        assert program == f"{prefix}/sbin/musterd" and program in allowed, (program, allowed)
        assert os.access(top + program, os.X_OK), program
        signal, [check, *words] = settings(unit, "ExecReload")
        assert signal == ["/bin/kill", "-HUP", "$MAINPID"] and words == ["config", "check", "/etc/muster/muster.yaml"], (signal, words)
        assert check == f"{prefix}/bin/muster" and check in allowed and os.access(top + check, os.X_OK), (check, allowed)
        assert os.path.exists(f"{top}{prefix}/share/muster/migrations/0001_inventory.sql")
        print(f"{prefix}: {program}")
