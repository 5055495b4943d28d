#!/usr/bin/env python3
"""./bootstrap leaves nothing behind when it is interrupted: no policy that keeps services from starting, no process."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
STUBS = {
    "dpkg-query": "[ -e $TOP/missing ] || echo 'install ok installed'",
    "sudo": 'exec "$@"',
    "cmake": "exit 0",
    "apt-get": "touch $TOP/apt; exec sleep 600",
}
PROGRAMS = {  # what build/ would hold
    "musterd": "exec sleep 600",
    "muster": 'case "$*" in *--follow*) touch $TOP/follows; exec sleep 600 ;; esac',
}


def wait_for(what, condition):
    for _ in range(2400):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError(f"waited in vain for {what}")


def write(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


def session(number):
    """The living processes of a session."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue
        if fields[3] == str(number) and fields[0] != "Z":
            found.append((entry / "cmdline").read_bytes())
    return found


def interrupted(top, words, begun):
    env = {**os.environ, "TOP": str(top), "PATH": f"{top}/stubs:{os.environ['PATH']}", "POLICY_RC_D": str(top / "policy-rc.d")}
    run = subprocess.Popen([str(top / "bootstrap"), *words], env=env, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    wait_for(f"'{words[0]}' to be under way", begun)
    os.killpg(run.pid, signal.SIGINT)                            # as Ctrl-C does
    run.wait(240)
    wait_for(f"the end of what '{words[0]}' began: {session(run.pid)}", lambda: not session(run.pid))


def main():
    with tempfile.TemporaryDirectory() as name:
        top = pathlib.Path(name)
        shutil.copy(ROOT / "bootstrap", top)
        for stub, text in STUBS.items():
            write(top / "stubs" / stub, text)
        for program, text in PROGRAMS.items():
            write(top / "build" / program, text)
        interrupted(top, ["run"], (top / "follows").exists)
        print("run: nothing goes on after Ctrl-C")
        policy = top / "policy-rc.d"
        (top / "missing").touch()
        interrupted(top, ["build"], lambda: (top / "apt").exists() and policy.exists())
        assert not policy.exists(), "the policy file is left"
        print("apt: the policy file goes with it")
        (top / "apt").unlink()
        policy.write_text("#!/bin/sh\nexit 0\n")
        interrupted(top, ["build"], (top / "apt").exists)
        assert policy.read_text() == "#!/bin/sh\nexit 0\n"
        print("somebody else's policy stays")


if __name__ == "__main__":
    main()
