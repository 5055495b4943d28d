"""Loss costs time and not truth; rates are kept; an excluded address never gets a packet."""
import json
import subprocess
import time

import scanlab

import netns

netns.enter()

PORTS = "21,22,80,443,8080"

# At the device, below IP: ARP and everything else, 10 % of what comes in.
LOSS = """
table netdev loss {
    chain ingress {
        type filter hook ingress device eth0 priority 0;
        ip daddr . tcp dport @twice accept
        arp daddr ip @asked_twice accept
        numgen random mod 100 < 10 jump lose
    }
""" + scanlab.AT_MOST_TWICE + "}\n"

# What arrives of a scan: the kernel's own ARP is not meant, and may come late.
COUNT = """
table netdev count {
    chain ingress {
        type filter hook ingress device eth0 priority -10;
        ip protocol tcp counter
    }
}
"""


# As some systems do it: RSTs beyond a rate are not sent.
RESETS = """
table inet resets {
    chain output {
        type filter hook output priority 0;
        tcp flags & rst == rst limit rate over 250/second burst 50 packets drop
    }
    chain input {
        type filter hook input priority 0;
        tcp dport 100-119 drop
    }
}
"""


def counter(lab):
    text = lab.box.run("nft", "list", "table", "netdev", "count")
    return int(text.split("packets")[1].split()[0])


def loss(lab):
    truth = lab.muster("-p", PORTS, "10.77.0.0/24")
    lab.nft(LOSS)
    records = lab.records("-p", PORTS, "10.77.0.0/24")
    lab.nft("delete table netdev loss")
    found = scanlab.by_host(records)
    coverage = [r for r in records if r["record"] == "coverage"][0]
    wrong = [a for a in truth if found.get(a) != truth[a]]
    assert not wrong and set(found) == set(truth), f"10 % loss: wrong {wrong}, {set(found) ^ set(truth)}"
    assert 0.03 < coverage["loss"] < 0.2, coverage
    assert coverage["complete"]
    print(f"10 % loss: {len(truth)} hosts right, measured {coverage['loss']}, "
          f"{coverage['retransmissions']} of {coverage['probes']} probes again")


def resets(lab):
    lab.nft(RESETS)
    ports = lab.muster("-p", "1-500", "10.77.0.20")["10.77.0.20"][1]
    lab.nft("delete table inet resets")
    filtered = sorted(port for port, state in ports.items() if state[0] == "filtered")
    assert filtered == list(range(100, 120)), f"filtered: {filtered}"
    print("250 RSTs a second: every closed port told as closed")


def resets_alone(lab):
    """One of five hosts holds its RSTs back: it comes right, and later than all others."""
    lab.nft(RESETS.replace("tcp flags & rst", "ip saddr 10.77.0.20 tcp flags & rst"))
    records = lab.records("-p", "1-500", "10.77.0.20-24")
    lab.nft("delete table inet resets")
    done = [r["address"] for r in records if r["record"] == "done"]
    for address, (_, ports) in scanlab.by_host(records).items():
        filtered = sorted(port for port, state in ports.items() if state[0] == "filtered")
        assert filtered == list(range(100, 120)), f"{address}: filtered {filtered}"
    assert len(done) == 5 and done[-1] == "10.77.0.20", done
    print("one of five hosts sends 250 RSTs a second: it alone comes later")


def rate(lab, *option):
    lab.nft(COUNT)
    start = time.monotonic()
    records = lab.records(*option, "-sT" if "-sT" in option else "-sS", "-p", "1-60", "10.77.0.20-24")
    elapsed = time.monotonic() - start
    packets = counter(lab)
    lab.nft("delete table netdev count")
    coverage = [r for r in records if r["record"] == "coverage"][0]
    assert coverage["probes"] / elapsed < 205, f"{option}: {coverage['probes']} probes in {elapsed:.2f} s"
    # The target sees what was counted, and our kernel's RSTs to its SYN-ACKs.
    assert packets <= coverage["probes"] + 40, f"{packets} packets, {coverage['probes']} probes"
    print(f"rate {' '.join(option)}: {coverage['probes']} probes in {elapsed:.2f} s")


def excluded(lab, *option):
    """An address that answers, and that nobody may ask."""
    pcap = lab.world.path("excluded.pcap")
    sniffer = lab.box.start(["tcpdump", "-ni", "eth0", "-U", "-w", pcap, "host 10.77.0.33 or host fd77::21"])
    netns.wait_for("tcpdump", lambda: _size(pcap) >= 24)
    found = lab.muster(*option, "-p", PORTS, "--exclude", "10.77.0.32-47", "--exclude", "fd77::20/123",
                       "10.77.0.24-71", *[f"fd77::{n:x}" for n in range(0x18, 0x38)])
    time.sleep(0.2)
    sniffer.stop()
    assert _size(pcap) == 24, "packets for an excluded address"
    assert "10.77.0.31" in found and "10.77.0.33" not in found and "fd77::21" not in found
    print(f"excluded {' '.join(option)}: no packet, {len(found)} hosts beside it")


def cut(lab):
    """The interface goes down in the middle: the scan ends when it does not come back, and says that it is incomplete."""
    lab.nft(COUNT)
    scan = subprocess.Popen([scanlab.DRIVER, "-q", "-p", "1-60000", "--max-rate", "2000", "--way-timeout", "1", "10.77.0.20"],
                            stdout=subprocess.PIPE, text=True)
    netns.wait_for("the first probes", lambda: counter(lab) > 100)
    netns.sh("ip", "link", "set", "br0", "down")
    text, _ = scan.communicate(timeout=netns.CEILING)
    coverage = [json.loads(line) for line in text.splitlines() if '"coverage"' in line][0]
    assert scan.returncode == 1 and not coverage["complete"], text
    print("interface cut: incomplete")


def _size(path):
    try:
        with open(path, "rb") as f:
            return len(f.read())
    except OSError:
        return 0


with netns.World() as world:
    lab = scanlab.Lab(world)
    loss(lab)
    resets(lab)
    resets_alone(lab)
    rate(lab, "--max-rate", "200")
    rate(lab, "--guard-rate", "200")
    rate(lab, "--max-rate", "200", "-sT", "-Pn")
    excluded(lab, "-sS")
    excluded(lab, "-sT")
    excluded(lab, "-sT", "-Pn")
    cut(lab)
