"""The passive listener hears real senders of every protocol at once, survives floods and a vanishing interface, and says nothing itself."""
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time

import netns

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MUSTER_BUILD_DIR", ROOT / "build"))
LIMIT = 0.050  # seconds from a new device's frame to the embedder ($MUSTER_TIMES)
LIBRARIES = ["scan", "loop", "packet", "model", "base"]
PACKAGES = ["libpcap", "libmnl", "libsystemd", "openssl", "libcares", "libcjson"]

netns.enter()

# Runs in a host's namespace: a line of hex is a frame, the answer is the time at which it was sent.
SENDER = """
import socket, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
for line in sys.stdin:
    frame = bytes.fromhex(line)
    now = time.time()
    s.send(frame)
    print(now, flush=True)
"""

# One datagram from a socket of a host's kernel.
DATAGRAM = """
import socket, sys
host, port, local, payload, link = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), bytes.fromhex(sys.argv[4]), sys.argv[5]
six = ":" in host
s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, link.encode())
if six:
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
else:
    s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255 if port == 5353 else 4)
s.bind(("::" if six else "0.0.0.0", local))
s.sendto(payload, (host, port, 0, socket.if_nametoindex(link)) if six else (host, port))
"""


def cache(key):
    for line in (BUILD / "CMakeCache.txt").read_text().splitlines():
        if line.startswith(key + ":"):
            return line.split("=", 1)[1]
    return ""


def build_driver(directory):
    """The driver of this build, or one made from its libraries."""
    driver = BUILD / "tests" / "listen_driver"
    if driver.exists():
        return str(driver)
    archives = [BUILD / f"libmuster_{name}.a" for name in LIBRARIES]
    if not all(archive.exists() for archive in archives):
        netns.skip(f"the libraries of {BUILD} are not built")
    flags = ["-fsanitize=address,undefined"] if cache("MUSTER_ASAN") == "ON" else []
    packages = netns.sh("pkg-config", "--cflags", "--libs", *PACKAGES).split()
    driver = f"{directory}/listen_driver"
    netns.sh(cache("CMAKE_C_COMPILER") or "cc", "-std=gnu17", "-D_GNU_SOURCE", "-O1", "-g", *flags, "-I", str(ROOT),
             str(ROOT / "tests/netns/listen_driver.c"), *map(str, archives), *packages, "-o", driver)
    return driver


class Sender:
    def __init__(self, host):
        self.process = subprocess.Popen(["ip", "netns", "exec", host.name, sys.executable, "-c", SENDER],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def send(self, frame):
        self.process.stdin.write(frame.hex() + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def send_all(self, frames, at_once=200):
        """Without waiting for the answer to each; not more at once than two pipes hold."""
        for start in range(0, len(frames), at_once):
            self.process.stdin.write("".join(frame.hex() + "\n" for frame in frames[start:start + at_once]))
            self.process.stdin.flush()
            for _ in frames[start:start + at_once]:
                self.process.stdout.readline()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Listener:
    def __init__(self, world, driver, *arguments):
        self.path = world.path(f"listen-{len(world.processes)}.log")
        self.process = world.start([driver, *arguments], log=os.path.basename(self.path))

    def records(self):
        text = pathlib.Path(self.path).read_text()
        return [json.loads(line) for line in text.splitlines(True) if line.startswith("{") and line.endswith("\n")]

    def sightings(self, **wanted):
        return [dict(r["sighting"], told=r["told"]) for r in self.records() if "sighting" in r
                and all(r["sighting"].get(key) == value for key, value in wanted.items())]

    def hears(self, **wanted):
        return netns.wait_for(f"a sighting {wanted}", lambda: self.sightings(**wanted), 10, 0.02)[0]

    def state(self, wanted, after=0):
        def last():
            states = [r for r in self.records() if "state" in r][after:]
            return states and states[-1]["state"] == wanted and (states[-1], after + len(states))
        return netns.wait_for(f"state {wanted}", last, 15, 0.05)

    def stop(self):
        code = self.process.stop()
        assert code == 0, f"the driver ended with {code}: {pathlib.Path(self.path).read_text()[-3000:]}"
        return self.records()[-1]


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def arp(source, address, target="10.77.0.1"):
    body = struct.pack(">HHBBH", 1, 0x800, 6, 4, 1) + mac(source) + socket.inet_aton(address) + bytes(6) + socket.inet_aton(target)
    return b"\xff" * 6 + mac(source) + b"\x08\x06" + body + bytes(18)


def checksum(header):
    total = sum(struct.unpack(f">{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def udp4(source, src, dst, sport, dport, payload, to=b"\xff" * 6):
    udp = struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, socket.inet_aton(src), socket.inet_aton(dst))
    ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]  # a bridge with br_netfilter drops others
    return to + mac(source) + b"\x08\x00" + ip + udp


def dhcp(kind, source, options=b"", broadcast=True):
    head = struct.pack(">BBBBIHH", 1, 1, 6, 0, 0x1234, 0, 0x8000 if broadcast else 0)
    return (head + bytes(16) + mac(source) + bytes(10 + 64 + 128) + bytes.fromhex("63825363")
            + bytes([53, 1, kind]) + options + b"\xff")


def datagram(host, to, port, payload, local=0):
    host.run(sys.executable, "-c", DATAGRAM, to, str(port), str(local), payload.hex(), "eth0")


def name(*labels):
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def record(owner, kind, data):
    return owner + struct.pack(">HHIH", kind, 0x8001, 120, len(data)) + data


def at_once(listener, sender):
    """Frames of devices nobody knew, one at a time: how long until the embedder has each?"""
    delays = told_after(listener, sender, range(20))
    print(f"a new device's ARP or DHCP packet is told after {1000 * statistics.median(delays):.2f} ms (median of "
          f"{len(delays)}, at most {1000 * max(delays):.2f})")
    assert not netns.TIMES or statistics.median(delays) <= LIMIT, delays


def told_after(listener, sender, numbers):
    delays = []
    for i in numbers:
        device, address = f"02:aa:00:00:00:{i:02x}", f"10.77.0.{100 + i}"
        if i % 2:
            sent = sender.send(arp(device, address))
            heard = listener.hears(source="arp", mac=device)
            assert heard["address"] == address, heard
        else:
            option = b"\x0c\x05dev%02d" % i
            sent = sender.send(udp4(device, "0.0.0.0", "255.255.255.255", 68, 67, dhcp(1, device, option)))
            heard = listener.hears(source="dhcp", mac=device)
            assert heard["names"] == [f"dev{i:02}"], heard
        delays.append(heard["told"] - sent)
    return delays


def kernel_senders(listener, box):
    """What the kernel of a machine says by itself: ARP, neighbour discovery."""
    box.run("ip", "neigh", "flush", "dev", "eth0")
    datagram(box, "10.77.0.1", 9, b"x")
    listener.hears(source="arp", mac=box.mac, address=box.address)
    box.run("ip", "addr", "add", "fd77::77/64", "dev", "eth0")
    listener.hears(source="nd", mac=box.mac, requested="fd77::77")
    print("a kernel's ARP and duplicate address detection are heard")


def socket_senders(listener, box):
    host = name("printer", "local")
    service = name("_ipp", "_tcp", "local")
    message = struct.pack(">HHHHHH", 0, 0x8400, 0, 3, 0, 0) + record(host, 1, socket.inet_aton(box.address)) + record(
        service, 12, b"\x06Office" + service) + record(b"\x06Office" + service, 16, b"\x0dty=ACME Laser")
    datagram(box, "224.0.0.251", 5353, message, 5353)
    heard = listener.hears(source="mdns", address=box.address, mac=box.mac)
    assert (heard["names"], heard["services"], heard["model"]) == (["printer.local"], ["_ipp._tcp"], "ACME Laser"), heard
    datagram(box, "ff02::fb", 5353, message, 5353)
    netns.wait_for("mDNS by IPv6", lambda: [s for s in listener.sightings(source="mdns", mac=box.mac)
                                            if ":" in s["address"] and box.address in s["addresses"]], 10)

    announcement = "\r\n".join(["NOTIFY * HTTP/1.1", "NT: upnp:rootdevice", "NTS: ssdp:alive", "SERVER: OS/1 UPnP/1.0 NAS/2",
                                "LOCATION: http://10.77.0.10/d.xml", "USN: uuid:7-7::upnp:rootdevice", "", ""])
    datagram(box, "239.255.255.250", 1900, announcement.encode())
    heard = listener.hears(source="ssdp", mac=box.mac)
    assert (heard["uuid"], heard["location"]) == ("7-7", "http://10.77.0.10/d.xml"), heard

    label = "".join(chr(65 + (c >> 4)) + chr(65 + (c & 15)) for c in b"DESKTOP-7      \0")
    question = name(label) + struct.pack(">HH", 0x20, 1)
    extra = struct.pack(">HHHIHH", 0xc00c, 0x20, 1, 300000, 6, 0) + socket.inet_aton(box.address)
    datagram(box, "10.77.0.255", 137, struct.pack(">HHHHHH", 7, 0x2910, 1, 0, 0, 1) + question + extra)
    assert listener.hears(source="nbns", mac=box.mac)["names"] == ["DESKTOP-7"]

    solicit = bytes.fromhex("01abcdef") + struct.pack(">HH", 1, 10) + bytes.fromhex("00030001") + mac(box.mac) + struct.pack(
        ">HHB", 39, 5, 0) + b"\x03box"
    datagram(box, "ff02::1:2", 547, solicit, 546)
    heard = listener.hears(source="dhcpv6", mac=box.mac)
    assert (heard["names"], heard["client_id"]) == (["box"], "00:03:00:01:" + box.mac), heard
    print("mDNS (IPv4 and IPv6), SSDP, NetBIOS and DHCPv6 from sockets are heard")


def neighbours(listener, sender):
    def tlv(kind, value):
        return struct.pack(">H", kind << 9 | len(value)) + value

    def ctlv(kind, value):
        return struct.pack(">HH", kind, 4 + len(value)) + value

    source = "02:bb:00:00:00:01"
    lldp = tlv(1, b"\4" + mac(source)) + tlv(2, b"\5Gi0/7") + tlv(3, b"\0\x78") + tlv(5, b"sw-1") + tlv(0, b"")
    sender.send(bytes.fromhex("0180c200000e") + mac(source) + b"\x88\xcc" + lldp)
    heard = listener.hears(source="lldp", mac=source)
    assert (heard["neighbour_system"], heard["neighbour_port"]) == ("sw-1", "Gi0/7"), heard
    cdp = bytes.fromhex("aaaa0300000c200002b40000") + ctlv(1, b"core-2") + ctlv(3, b"Gi1/0/9") + ctlv(6, b"ACME C-9300")
    sender.send(bytes.fromhex("01000ccccccc") + mac(source) + struct.pack(">H", len(cdp)) + cdp)
    heard = listener.hears(source="cdp", mac=source)
    assert (heard["neighbour_system"], heard["model"]) == ("core-2", "ACME C-9300"), heard
    advert = bytes.fromhex("86000000") + bytes.fromhex("40000708") + bytes(8)
    advert += struct.pack(">BBBBIII", 3, 4, 64, 0xc0, 86400, 14400, 0) + socket.inet_pton(socket.AF_INET6, "2001:db8:7::")
    ip = struct.pack(">IHBB", 6 << 28, len(advert), 58, 255) + socket.inet_pton(socket.AF_INET6, "fe80::1") + socket.inet_pton(
        socket.AF_INET6, "ff02::1")
    sender.send(bytes.fromhex("333300000001") + mac(source) + b"\x86\xdd" + ip + advert)
    heard = listener.hears(source="ra", mac=source)
    assert (heard["roles"], heard["prefixes"]) == (["router"], ["2001:db8:7::/64"]), heard
    tagged = arp(source, "10.33.0.5")
    sender.send(tagged[:12] + struct.pack(">HH", 0x8100, 33) + tagged[12:])
    listener.hears(source="arp", mac=source, address="10.33.0.5", vlan=33)
    print("LLDP, CDP, router advertisements and tagged frames are heard")


def real_root():
    return pathlib.Path("/proc/self/uid_map").read_text().split()[2] != "1"


def dhcp_server(listener, world, box):
    """dnsmasq on the other side offers and acknowledges to a client on ours."""
    if not shutil.which("dnsmasq"):
        print("(dnsmasq is not installed: no real DHCP server)")
        return
    server = box.start(["dnsmasq", "-k", "--conf-file=/dev/null", "--port=0", "--interface=eth0", "--bind-interfaces", "--user=",
                        f"--dhcp-leasefile={world.path('leases')}", "--pid-file=", "--dhcp-range=10.77.0.200,10.77.0.210,1h",
                        "--dhcp-authoritative", "--no-ping"])
    client = "02:cc:00:00:00:01"

    def ask(kind, options=b""):
        netns.sh(sys.executable, "-c", DATAGRAM, "255.255.255.255", "67", "68", dhcp(kind, client, options).hex(), "v-box")

    def offered():
        ask(1)
        return listener.sightings(source="dhcp", address=box.address)

    heard = netns.wait_for("the server's offer", offered, 15, 0.3)[0]
    assert (heard["roles"], heard["mac"]) == (["dhcp-server"], box.mac), heard
    ask(3, b"\x32\x04" + socket.inet_aton("10.77.0.205"))
    listener.hears(source="dhcp", mac=client, address="10.77.0.205")
    server.stop()
    print("a real DHCP server's offer and the lease that it acknowledges are heard")


def responder(listener, world, box):
    """avahi-daemon announces its host."""
    if not shutil.which("avahi-daemon"):
        print("(avahi-daemon is not installed: no real mDNS responder)")
        return
    path = world.path("avahi.conf")
    pathlib.Path(path).write_text("[server]\nhost-name=avahibox\nenable-dbus=no\nallow-interfaces=eth0\n[publish]\npublish-hinfo=yes\n")
    run = ("mount -t tmpfs tmpfs /run && exec avahi-daemon --no-drop-root --no-chroot --no-rlimits -f " + path)
    avahi = box.start(["sh", "-c", run])
    netns.wait_for("avahi's host name", lambda: [s for s in listener.sightings(source="mdns", mac=box.mac)
                                                 if "avahibox.local" in s.get("names", [])], 15)
    avahi.stop()
    print("avahi's announcement is heard")


def repeats(listener, sender):
    frame = arp("02:dd:00:00:00:01", "10.77.0.90")
    for _ in range(50):
        sender.send(frame)
    listener.hears(source="arp", mac="02:dd:00:00:00:01")
    sender.send(arp("02:dd:00:00:00:02", "10.77.0.90"))
    listener.hears(source="arp", mac="02:dd:00:00:00:02", address="10.77.0.90")
    assert len(listener.sightings(source="arp", mac="02:dd:00:00:00:01")) == 1
    print("fifty equal frames are one sighting; the address's next holder is another")


def garbage(sender):
    """Frames of the fuzz corpus, bits turned over."""
    chance = random.Random(7)
    seeds = [p.read_bytes() for p in sorted((ROOT / "tests/fuzz/corpus/hear_frame").iterdir())]
    seeds = [seed for seed in seeds if len(seed) >= 14]
    frames = []
    for _ in range(2000):
        frame = bytearray(chance.choice(seeds))
        for _ in range(chance.randrange(1, 8)):
            frame[chance.randrange(12, len(frame))] ^= 1 << chance.randrange(8)
        frames.append(bytes(frame[:chance.randrange(14, len(frame) + 1)]))
    sender.send_all(frames, at_once=10)  # a frame may be long


def flood(world, driver, sender):
    listener = Listener(world, driver, "--rate", "100", "--table", "64", "v-box")
    listener.state("up")
    chance = random.Random(3)
    sender.send_all([arp("02:" + ":".join(f"{chance.randrange(256):02x}" for _ in range(5)), f"10.{i >> 8}.{i & 255}.7") for i in range(5000)])
    netns.wait_for("the flood is over", lambda: len(listener.sightings()) >= 100)
    # Over the rate at first; heard as soon as that allows.
    netns.wait_for("what comes after the flood is heard",
                   lambda: (sender.send(arp("02:ee:00:00:00:01", "10.77.0.91")), listener.sightings(mac="02:ee:00:00:00:01"))[1])
    end = listener.stop()
    assert end["limited"] > 1000 and end["evicted"] >= end["told"] - 64, end
    # On a busy machine the ring may fill; what was lost is known.
    assert end["frames"] + end["drops"] >= 5001, end
    print(f"a flood of 5,000 invented devices: {end['told']} told, {end['limited']} over the rate, {end['drops']} dropped")


def promiscuity():
    return int(netns.sh("ip", "-d", "link", "show", "v-box").split("promiscuity ")[1].split()[0])


def promiscuous_only_when_asked(world, driver, before):
    assert promiscuity() == before, "promiscuous without being asked"
    listener = Listener(world, driver, "--promiscuous", "v-box")
    listener.state("up")
    assert promiscuity() == before + 1
    listener.stop()
    assert promiscuity() == before
    print("promiscuous only when asked, and no longer than listening")


def frames_sent():
    """By the listener's interface, which has no address: nothing else than the listener would make it send."""
    return json.loads(netns.sh("ip", "-s", "-j", "link", "show", "v-box"))[0]["stats64"]["tx"]["packets"]


def heard_again(listener, out, number):
    """The frame is sent until it is heard: an interface that is up may take a moment until it passes frames on."""
    source = f"02:ff:00:00:00:{number:02x}"
    netns.wait_for(f"a frame from {source}", lambda: (out.send(arp(source, f"10.88.0.{number}")), listener.sightings(mac=source))[1])


def comes_and_goes(world, driver, box):
    listener = Listener(world, driver, "--repeat", "0.01", "v-late")
    _, seen = listener.state("down")
    netns.sh("ip", "link", "add", "v-late", "type", "veth", "peer", "name", "late0")
    netns.sh("ip", "link", "set", "v-late", "up")
    netns.sh("ip", "link", "set", "late0", "up")
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind(("late0", 0))
    _, seen = listener.state("up", seen)
    heard_again(listener, out, 1)

    netns.sh("ip", "link", "set", "v-late", "down")
    down, seen = listener.state("down", seen)
    assert "down" in down["why"] or "no more frames" in down["why"], down
    netns.sh("ip", "link", "set", "v-late", "up")
    _, seen = listener.state("up", seen)
    heard_again(listener, out, 2)

    netns.sh("ip", "link", "del", "v-late")
    down, seen = listener.state("down", seen)
    netns.sh("ip", "link", "add", "v-late", "type", "veth", "peer", "name", "late0")
    netns.sh("ip", "link", "set", "v-late", "up")
    netns.sh("ip", "link", "set", "late0", "up")
    _, seen = listener.state("up", seen)
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind(("late0", 0))
    heard_again(listener, out, 3)
    listener.stop()
    print("an interface that comes late, goes down, and is replaced: told, and heard again")


with netns.World() as world:
    driver = build_driver(world.directory)
    box = world.host("box", 10)
    # A link of two: no bridge takes LLDP away, and nothing else speaks on our side.
    netns.sh("ip", "link", "set", "v-box", "nomaster")
    netns.sh("sysctl", "-qw", "net.ipv6.conf.v-box.disable_ipv6=1", "net.ipv4.conf.v-box.arp_ignore=1")
    before, sent = promiscuity(), frames_sent()
    sender = Sender(box)
    listener = Listener(world, driver, "v-box")
    listener.state("up")
    at_once(listener, sender)
    kernel_senders(listener, box)
    socket_senders(listener, box)
    neighbours(listener, sender)
    if real_root():
        responder(listener, world, box)
    repeats(listener, sender)
    garbage(sender)
    assert frames_sent() == sent, "the listener's interface sent something"
    promiscuous_only_when_asked(world, driver, before)
    if real_root():
        netns.sh("ip", "addr", "add", "10.77.0.2/24", "dev", "v-box")
        dhcp_server(listener, world, box)
    else:
        print("(avahi-daemon and dnsmasq are run by root only: they change users, of which this namespace has one)")
    end = listener.stop()
    assert end["bad"] > 100, end
    print(f"{end['frames']} frames, {end['bad']} of them malformed, {end['told']} sightings, {end['drops']} dropped")
    flood(world, driver, sender)
    comes_and_goes(world, driver, box)
    sender.close()
