#!/usr/bin/env python3
"""Records what a real server says to a script: tests/nse/record.py [-u] [-o NAME] SCRIPT PORT -- SERVER COMMAND...

Starts the server in a network namespace of its own, runs SCRIPT against 127.0.0.1:PORT with build/muster (MUSTER names another),
and writes tests/nse/recorded/NAME.lua (NAME: the script's): for each connection, or conversation over UDP (-u), how many bytes the
script said before each answer, and the answer.  script.replay (lib/support/script.lua) plays it.  What the script printed is
shown: the text that the test expects, once a person has read it.  SERVER COMMAND stays in the foreground; several are parted by ---.
"""
import argparse
import os
import re
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "../.."))
sys.path.insert(0, os.path.join(ROOT, "tests/netns"))
import netns  # noqa: E402


def frames(path):
    """The IPv4 packets of a capture of lo."""
    with open(path, "rb") as f:
        data = f.read()
    at = 24
    while at + 16 <= len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        frame = data[at + 16:at + 16 + size]
        at += 16 + size
        if frame[12:14] == b"\x08\0":
            yield frame[14:]


def segments(path, port, proto):
    """(client port, from the server, sequence number or None, payload) of each packet with data."""
    for ip in frames(path):
        body = ip[(ip[0] & 15) * 4:struct.unpack_from(">H", ip, 2)[0]]
        if ip[9] != proto or len(body) < 8:
            continue
        source, target = struct.unpack_from(">HH", body)
        if port not in (source, target):
            continue
        seq, head = (struct.unpack_from(">I", body, 4)[0], (body[12] >> 4) * 4) if proto == 6 else (None, 8)
        if body[head:]:
            yield (target if source == port else source), source == port, seq, body[head:]


def conversations(path, port, proto):
    """For each connection, in order: a list of [bytes asked, answer, answer, ...]; the first asks 0 when the server speaks first.
    Datagrams stay apart; what comes over TCP is one answer until the client speaks again."""
    talks, seen = {}, set()
    for client, answer, seq, data in segments(path, port, proto):
        if seq is not None and (client, answer, seq) in seen:
            continue
        seen.add((client, answer, seq))
        turns = talks.setdefault(client, [])
        if not answer:
            if not turns or len(turns[-1]) > 1:
                turns.append([0])
            turns[-1][0] += len(data)
        else:
            if not turns:
                turns.append([0])
            if proto == 6 and len(turns[-1]) > 1:
                turns[-1][1] += data
            else:
                turns[-1].append(data)
    return list(talks.values())


def quoted(data):
    """Bytes as a literal of Lua in lines of at most 100 columns."""
    def byte(i):
        c = data[i]
        following = data[i + 1:i + 2]
        if c in b'"\\':
            return "\\" + chr(c)
        if 32 <= c < 127:
            return chr(c)
        return f"\\{c:03d}" if following.isdigit() else f"\\{c}"
    pieces, line = [], ""
    for i in range(len(data)):
        piece = byte(i)
        if len(line) + len(piece) > 88:
            pieces.append(line)
            line = ""
        line += piece
    pieces.append(line)
    return '\n      .. '.join(f'"{p}"' for p in pieces)


def listed(talks, indent):
    lines = []
    for turns in talks:
        lines.append(indent + "{")
        for asked, *answers in turns:
            lines.append(f"{indent}  {{ {asked}" + "".join(f",\n{indent}    " + quoted(a) for a in answers) + " },")
        lines.append(indent + "},")
    return lines


def written(what, key, talks, others):
    lines = [f"-- {what}", "return {", f'  key = "{key}",', *listed(talks, "  ")]
    if others:
        lines.append("  also = {")
        for other, more in others.items():
            lines += [f'    ["{other}"] = {{', *listed(more, "      "), "    },"]
        lines.append("  },")
    return "\n".join(lines + ["}", ""])


def talks_with(path, key):
    """The conversations with a server, "tcp:445"."""
    protocol, number = key.split(":")
    talks = conversations(path, int(number), 17 if protocol == "udp" else 6)
    # the scan itself connects and says nothing, which some servers greet
    asked = [turns for turns in talks if any(turn[0] for turn in turns)]
    return asked or talks


def run(args, commands):
    path = os.path.join(tempfile.mkdtemp(), "lo.pcap")
    netns.sh("ip", "link", "set", "lo", "up")
    servers = [subprocess.Popen(c, stdout=sys.stderr, stdin=subprocess.DEVNULL, start_new_session=True)
               for c in commands]
    if args.udp:
        time.sleep(args.wait)
    else:
        netns.wait_port("127.0.0.1", args.port)
        time.sleep(args.wait)
    capture = subprocess.Popen(["tcpdump", "-i", "lo", "-s0", "-U", "-w", path], stderr=subprocess.PIPE)
    capture.stderr.readline()
    muster = os.environ.get("MUSTER", os.path.join(ROOT, "build/muster"))
    ports = ("U:" if args.udp else "T:") + str(args.port) + ("," + args.ports if args.ports else "")
    command = [muster, "scan", "--datadir", ROOT, "-Pn", "-n", "-p", ports, "--script", args.script]
    command += ["-sU", "-sS"] if args.udp else ["-sT"]
    command += ["--script-args", args.args] if args.args else []
    print(subprocess.run(command + ["127.0.0.1"], capture_output=True, text=True).stdout)
    time.sleep(1)
    capture.terminate()
    capture.wait()
    for server in servers:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
    return path


def main():
    p = argparse.ArgumentParser()
    p.add_argument("-u", "--udp", action="store_true")
    p.add_argument("-o", "--output")
    p.add_argument("-w", "--wait", type=float, default=1.0)
    p.add_argument("-p", "--ports", default="", help="more ports to scan")
    p.add_argument("-a", "--args", default="", help="arguments of scripts")
    p.add_argument("--also", default="", help="more servers that the script asks: tcp:2049,...")
    p.add_argument("-t", "--title", default="")
    p.add_argument("script")
    p.add_argument("port", type=int)
    argv = sys.argv[1:]
    at = argv.index("--")
    args, commands = p.parse_args(argv[:at]), [[]]
    for word in argv[at + 1:]:
        if word == "---":
            commands.append([])
        else:
            commands[-1].append(word)
    netns.enter()
    path, key = run(args, commands), ("udp:" if args.udp else "tcp:") + str(args.port)
    talks = talks_with(path, key)[1 if args.udp else 0:]  # over UDP the first is the scan's own
    others = {other: talks_with(path, other) for other in args.also.split(",") if other}
    name = args.output or re.sub(r".*/|\.nse$", "", args.script)
    os.makedirs(os.path.join(HERE, "recorded"), exist_ok=True)
    target = os.path.join(HERE, "recorded", name + ".lua")
    with open(target, "w") as f:
        f.write(written(args.title or f"{os.path.basename(commands[0][0])}, asked by {args.script}", key, talks, others))
    print(f"{len(talks)} conversations in {os.path.relpath(target, ROOT)}, {os.path.getsize(target)} bytes")


if __name__ == "__main__":
    main()
