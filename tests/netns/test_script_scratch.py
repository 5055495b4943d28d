#!/usr/bin/env python3
"""Files of scripts in `muster scan`: written below --script-scratch, and nowhere without it or beside it."""
import os
import pathlib
import subprocess

import netns

netns.enter()
MUSTER = pathlib.Path(os.environ["MUSTER_BUILD_DIR"]) / "muster"

SCRIPT = r"""
description = "writes two files"
categories = {"safe"}
author = "test"
license = "test"
hostrule = function() return true end

action = function()
  local out = {}
  for i, path in ipairs({"%(inside)s", "%(outside)s"}) do
    local f, reason = io.open(path, "w")
    out[i] = f and f:write("kept") and "written" or reason
    if f then f:close() end
  end
  return table.concat(out, "; ")
end
"""


def said(script, *words):
    run = subprocess.run([MUSTER, "scan", "-n", "-Pn", "-p80", "--script", script, *words, "127.0.0.1"], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


with netns.World() as world:
    scratch = pathlib.Path(world.path("scratch"))
    scratch.mkdir()
    inside, outside = scratch / "a", pathlib.Path(world.path("outside"))
    script = pathlib.Path(world.path("writes.nse"))
    script.write_text(SCRIPT % {"inside": inside, "outside": outside})

    text = said(script)
    assert text.count("Permission denied") == 2 and not inside.exists(), text
    text = said(script, "--script-scratch", scratch)
    assert "writes: written; " in text and text.count("Permission denied") == 1, text
    assert inside.read_text() == "kept" and not outside.exists()
    run = subprocess.run([MUSTER, "scan", "-n", "-Pn", "-p80", "--script", script, "--script-scratch", outside, "127.0.0.1"], capture_output=True, text=True, timeout=60)
    assert run.returncode == 2 and "No such file or directory" in run.stderr, run.stdout + run.stderr
    print("scripts write below the directory that --script-scratch grants, and nowhere else", flush=True)
