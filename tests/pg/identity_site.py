"""A made-up site for the benchmark of identity: 2,571 devices (times --scale) in 24 networks, and what each day shows of them.

Servers that are installed anew, get other cards and renew certificates, some with cards in two networks; machines cloned with their host key;
desktops and telephones under DHCP in pools that hand out addresses again soon, telephones with random MAC addresses that last a day, a
week or a month; printers; routers with eight cards; VRRP addresses whose master changes; machines behind proxy ARP; containers that share
the MAC address of their host; names in DNS that nobody takes back.  A fifth of the networks is behind routers: no MAC addresses there."""
import collections
import random

NETWORKS = 24


class Device:
    def __init__(self, number, kind, up=1.0, move=0.0, **keys):
        self.number, self.kind, self.up, self.move = number, kind, up, move
        self.ssh = self.tls = self.engine = self.smb = self.mdns = self.name = None
        self.lasts, self.pair, self.master = 0, None, 0
        self.cards = []                                        # [address, network, MAC address]
        self.__dict__.update(keys)


class Site:
    def __init__(self, seed, scale):
        self.rng, self.scale = random.Random(seed), scale
        self.counts, self.devices, self.registered = collections.Counter(), [], {}
        self.pool = {n: [(n, i) for i in range(2, 254)] for n in range(NETWORKS)}
        for addresses in self.pool.values():
            self.rng.shuffle(addresses)
        self.fixed = [n for n in range(NETWORKS) if n % 3 != 2]
        self.dynamic = [n for n in range(NETWORKS) if n % 3 == 2]
        self.populate()

    @staticmethod
    def shows_macs(network):
        return network % 5 != 4

    def new(self, what):
        self.counts[what] += 1
        return f"{what}{self.counts[what]}"

    def mac(self, prefix="00:1b:21"):
        self.counts[prefix] += 1
        n = self.counts[prefix]
        return f"{prefix}:{n >> 16:02x}:{n >> 8 & 255:02x}:{n & 255:02x}"

    def chance(self, p):
        return self.rng.random() < p

    def add(self, kind, network, mac, **more):
        d = Device(len(self.devices), kind, **more)
        self.devices.append(d)
        return self.card(d, network, mac)

    def card(self, d, network, mac):
        d.cards.append([self.pool[network].pop(), network, mac])
        return d

    def populate(self):
        many, choice = lambda n: range(int(n * self.scale)), self.rng.choice
        for _ in many(700):
            d = self.add("server", choice(self.fixed), self.mac("00:1b:21" if self.chance(0.5) else "52:54:00"), up=0.995, ssh=self.new("key"), name=self.new("srv"),
                         tls=self.new("cert") if self.chance(0.5) else None)
            if self.chance(0.12):
                self.card(d, choice([n for n in self.fixed if n != d.cards[0][1]]), self.mac())
        for _ in many(25):
            key, network = self.new("key"), choice(self.fixed)
            for _ in range(5):
                self.add("clone", network, self.mac("52:54:00"), up=0.99, ssh=key, name=self.new("vm"))
        for _ in many(900):
            self.add("desktop", choice(self.dynamic), self.mac(), up=0.7, move=0.12, name=self.new("pc"), smb=self.new("guid") if self.chance(0.6) else None)
        for _ in many(400):
            self.add("telephone", choice(self.dynamic), self.mac("a2:11:22"), up=0.6, move=0.15, mdns=self.new("phone") if self.chance(0.3) else None, lasts=choice([1, 1, 7, 30]))
        for _ in many(150):
            self.add("printer", choice(range(NETWORKS)), self.mac(), up=0.97, move=0.01, tls=self.new("cert"), name=self.new("prn"),
                     engine=self.new("engine") if self.chance(0.7) else None)
        routers = []
        for _ in many(12):
            first, *others = self.rng.sample(range(NETWORKS), 8)
            routers.append(self.add("router", first, self.mac(), ssh=self.new("key"), engine=self.new("engine"), name=self.new("rtr")))
            for n in others:
                self.card(routers[-1], n, self.mac())
        for i in many(24):
            self.add("vrrp address", choice(range(NETWORKS)), f"00:00:5e:00:01:{i % 8:02x}", pair=self.rng.sample(routers, 2) if len(routers) > 1 else routers * 2)
        for _ in many(3):
            mac, network = self.mac(), choice(self.fixed)
            for _ in range(40):
                self.add("behind proxy ARP", network, mac, up=0.98, ssh=self.new("key") if self.chance(0.7) else None, name=self.new("far"))
        for _ in many(20):
            mac, network = self.mac(), choice(self.fixed)
            self.add("container host", network, mac, ssh=self.new("key"), name=self.new("dock"))
            for _ in range(6):
                self.add("container", network, mac, up=0.97, move=0.03, tls=self.new("cert"))

    def change(self, d, day):
        if d.kind == "server":
            if self.chance(0.001):
                d.ssh = self.new("key")
            if self.chance(0.001):
                d.cards[0][2] = self.mac()
            if d.tls and self.chance(1 / 60):
                d.tls = self.new("cert")
        if d.pair and self.chance(0.05):
            d.master ^= 1
        if d.lasts and day and day % d.lasts == 0:
            d.cards[0][2] = self.mac("a2:11:22")

    def move(self, d):
        address, network, _ = d.cards[0]
        pool = self.pool[network]
        pool.insert(self.rng.randrange(0, min(60, len(pool) + 1)), address)
        d.cards[0][0] = pool.pop(self.rng.randrange(0, min(80, len(pool))))

    def day(self, day):
        """[(address, device, what it shows)]: not everything is read each time."""
        out = []
        for d in self.devices:
            self.change(d, day)
            if not self.chance(d.up):
                continue
            if self.chance(d.move):
                self.move(d)
            for address, network, mac in d.cards:
                source = d.pair[d.master] if d.pair else d
                shown = {"mac": mac} if self.shows_macs(network) else {}
                for what, often in (("ssh", 0.98), ("tls", 0.97), ("engine", 0.95), ("smb", 0.9), ("mdns", 0.8)):
                    if getattr(source, what) and self.chance(often):
                        shown[what] = getattr(source, what)
                if d.name and self.chance(0.95):
                    self.registered[address] = d.name
                if address in self.registered and (d.name or self.chance(0.5)):
                    shown["name"] = self.registered[address]
                out.append((address, d, shown))
        return out


def b_cubed(truth, found):
    """Precision, recall and F1 over observations: of those with whom one is put together, how many are the same device; and the other way round."""
    both, devices, assets, n = collections.Counter(zip(truth, found)), collections.Counter(truth), collections.Counter(found), len(truth)
    return score(sum(c * c / assets[a] for (_, a), c in both.items()) / n, sum(c * c / devices[d] for (d, _), c in both.items()) / n)


def pairwise(truth, found):
    pairs = lambda counts: sum(c * (c - 1) // 2 for c in counts.values())
    both = pairs(collections.Counter(zip(truth, found)))
    return score(both / max(1, pairs(collections.Counter(found))), both / max(1, pairs(collections.Counter(truth))))


def score(precision, recall):
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0


def of_some(truth, found, some):
    """Precision and recall of some of the observations, among all."""
    both, devices, assets = collections.Counter(zip(truth, found)), collections.Counter(truth), collections.Counter(found)
    n = max(1, len(some))
    return sum(both[truth[i], found[i]] / assets[found[i]] for i in some) / n, sum(both[truth[i], found[i]] / devices[truth[i]] for i in some) / n
