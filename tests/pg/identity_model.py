"""A plain model of an inventory: presence, ports and who is who, by the rules of docs/identity.md alone.  Everything lies in dictionaries and
is looked through whole; nothing is shared with the SQL but the weights.  Times are microseconds; addresses are pairs (third, last byte)."""
HOUR, DAY = 3600 * 10**6, 86400 * 10**6
MAC, RANDOM, SSH, NAME, VIRTUAL = 1, 2, 4, 8, 0
#        agree clash strong many
KINDS = {MAC: (8, 4, True, True), RANDOM: (6, 1.5, True, False), SSH: (8, 5, True, False), NAME: (3, 2, False, False)}


def mac_kind(mac):
    first = int(mac[:2], 16)
    if mac.startswith("00:00:5e:00"):
        return VIRTUAL
    return RANDOM if first & 2 and not mac.startswith("52:54:00") else MAC


class Asset:
    """keys: (kind, key) -> when it ended; None: it is the asset's."""
    count = 0

    def __init__(self, made, grade="p"):
        Asset.count += 1
        self.number, self.made, self.grade, self.keys, self.into, self.uuid, self.apart = Asset.count, made, grade, {}, None, "", False

    def __repr__(self):
        return f"asset {self.number}"

    def open(self, kind=None):
        return [k for k, until in self.keys.items() if until is None and kind in (None, k[0])]

    def now(self):
        return self.into.now() if self.into else self

    def age(self):
        return self.made, self.uuid


class Host:
    """What is held of an address, whether it is there or not.  facts: "mac", "name", "ssh" ->
    (value, since when, whether another was there before)."""

    def __init__(self):
        self.since = self.misses = self.miss_at = None
        self.asked = -1                                        # when a visit that asked for MAC addresses began here last
        self.facts, self.ports, self.keys, self.holder, self.held_since, self.moves = {}, {}, set(), None, None, []

    def present(self):
        return self.since is not None

    def sure(self):
        return self.present() and not self.misses


class Inventory:
    def __init__(self):
        self.hosts, self.distrusted, self.due, self.later = {}, set(), [], {}
        self.edges, self.log = [], []                          # of this step: (addr, port, cause) and (what, addr, asset, other)

    def host(self, addr):
        return self.hosts.setdefault(addr, Host())

    def owner(self, key, but=None):
        for asset in self.assets():
            if asset is not but and asset.keys.get(key, 0) is None:
                return asset
        return None

    def assets(self):
        return list(dict.fromkeys(self.everybody))

    everybody = ()

    def places(self, asset):
        return [a for a, h in self.hosts.items() if h.holder is asset]

    # -------------------------------------------------------------- a visit
    def visit(self, kind, at, hosts, complete):
        """hosts: {addr: (state, mac, name, ports, ssh key)}"""
        if kind == "scripts":
            for addr, (_, _, _, _, key) in hosts.items():
                if self.host(addr).present() and 22 in self.host(addr).ports and key:
                    self.fact(addr, "ssh", key, at)
        else:
            self.look(kind, at, hosts)
            for addr in hosts if complete else ():
                if hosts[addr][0] != "b":
                    self.host(addr).asked = at
        self.identify(at)

    def look(self, kind, at, hosts):
        up = {a: h for a, h in hosts.items() if h[0] in "un"}
        who = self.strangers(at, {a: h[1] for a, h in up.items()})
        moved = {a for a, (was, by_mac, clash, _) in who.items() if was and (by_mac or clash)}
        for addr in up:
            h = self.host(addr)
            if not h.present():
                self.edges.append((addr, 0, "b" if h.holder and addr not in moved else "o"))
                self.due.append((addr, at))
                h.since = at
            h.misses = None
        self.admit(at, who)
        for addr, (state, *_) in hosts.items():
            if state in "db":
                self.silent(addr, state, at)
        for addr, (state, mac, name, ports, _) in up.items():
            self.fact(addr, "mac", mac, at)
            self.fact(addr, "name", name, at)
            self.listed(kind, addr, state, ports if kind == "ports" else set(), addr in moved, at)

    def fact(self, addr, what, value, at):
        h = self.host(addr)
        if what not in h.facts or (h.facts[what][0] != value and h.facts[what][1] < at):
            h.facts[what] = value, at, what in h.facts
            self.due.append((addr, at))

    def drop(self, addr, what, at):
        gone = self.host(addr).facts.pop(what, None)
        if gone:
            self.due.append((addr, max(at, gone[1] + 1)))

    def silent(self, addr, state, at):
        h = self.host(addr)
        if not h.present():
            return
        if state == "d" and not h.misses:
            h.miss_at = at
        h.misses = (h.misses or 0) + (state == "d")
        if state == "d" and h.misses >= 3:
            self.edges.append((addr, 0, "c"))
            self.due.append((addr, max(h.miss_at, h.since + 1)))
            h.since = h.misses = None
            h.ports = dict.fromkeys(h.ports)                   # what hangs on it sleeps

    def listed(self, kind, addr, state, seen, moved, at):
        h = self.host(addr)
        for port in sorted(seen):
            if port not in h.ports:
                self.edges.append((addr, port, "o"))
            h.ports[port] = None                               # misses; None: not doubted
        for port in sorted(set(h.ports) - seen):
            if moved:
                self.shut(addr, port, "r", at)
            elif kind == "ports":
                h.ports[port] = (h.ports[port] or 0) + (state == "u")
                if h.ports[port] >= 2:
                    self.shut(addr, port, "c", at)
        if moved:
            self.drop(addr, "ssh", at)

    def shut(self, addr, port, cause, at):
        self.edges.append((addr, port, cause))
        del self.host(addr).ports[port]
        if port == 22:
            self.drop(addr, "ssh", at)

    # -------------------------------------------------------------- at once, by MAC address
    def contested(self, addr, to, at):
        moves = [m for m in self.host(addr).moves if m[0] > at - DAY]
        return len(moves) >= 2 and any(m[1] is to for m in moves)

    def strangers(self, at, up):
        """addr -> (who holds it, whose MAC address it shows, whether the holder has another, the MAC address)"""
        out = {}
        for addr, mac in up.items():
            h = self.host(addr)
            if h.holder and h.held_since >= at:
                continue
            kind = mac_kind(mac)
            mac = mac if kind != VIRTUAL and sum(m == mac for m in up.values()) <= 3 else None
            owner = self.owner((kind, mac)) if mac else None
            clash = bool(h.holder and mac and self.another_card(h, kind, mac))
            if h.holder:
                if not mac or owner is h.holder or (MAC, mac) in self.distrusted or (owner and self.contested(addr, owner, at)):
                    continue
                if kind == RANDOM and not owner and not clash:
                    continue
            out[addr] = h.holder, owner, clash, mac
        return out

    def another_card(self, h, kind, mac):
        if kind == RANDOM:
            return h.holder.keys.get((MAC, h.facts["mac"][0]), 0) is None
        return bool([k for k in h.holder.open(MAC) + h.holder.open(RANDOM) if k[1] != mac])

    def admit(self, at, who):
        made, got = {}, {}
        for addr, (was, by_mac, clash, mac) in who.items():
            mac = mac if mac and (MAC, mac) not in self.distrusted else None
            got[addr] = (by_mac if mac else None) or (was if not clash else None) or next(
                (w for w, _, c, m in who.values() if mac and m == mac and w and not c), None)
            if not got[addr]:
                if (mac or addr) not in made:
                    made[mac or addr] = self.asset(at)
                got[addr] = made[mac or addr]
        for addr, asset in got.items():
            mac = who[addr][3]
            if mac and (MAC, mac) not in self.distrusted and not self.owner((mac_kind(mac), mac)):
                asset.keys[mac_kind(mac), mac] = None
            if asset is not who[addr][0]:
                self.hold(addr, asset, at)

    def asset(self, at, grade="p"):
        asset = Asset(at, grade)
        self.everybody = (*self.everybody, asset)
        return asset

    def hold(self, addr, asset, at, cause=None):
        h = self.host(addr)
        h.moves.append((at, h.holder, asset, cause or ("r" if h.holder else "o")))
        h.holder, h.held_since = asset, at

    # -------------------------------------------------------------- evidence
    def note_keys(self, addrs, at):
        for addr in addrs:
            h = self.host(addr)
            keys = {(mac_kind(f[0]), f[0]) if what == "mac" else (NAME if what == "name" else SSH, f[0]) for what, f in h.facts.items()}
            mac = h.facts.get("mac")
            if mac and mac_kind(mac[0]) == MAC and mac[2] and "ssh" in h.facts and mac[1] > h.facts["ssh"][1]:
                keys -= {(SSH, h.facts["ssh"][0])}             # read before this card came
            if mac and "ssh" in h.facts and h.asked <= h.facts["ssh"][1]:
                keys -= {(SSH, h.facts["ssh"][0])}             # and nobody asked since whose card it is
                self.weigh_later(addr, at)
            h.keys = keys

    def shown(self, addr):
        return {k for k in self.host(addr).keys if k[0] != VIRTUAL and k not in self.distrusted}

    def showing(self, key):
        return [a for a, h in self.hosts.items() if key in h.keys]

    def copied(self, addrs):
        out = []
        for key in sorted({k for a in addrs for k in self.host(a).keys if k[0] in (MAC, SSH) and k not in self.distrusted}):
            there = [a for a in self.showing(key) if self.host(a).sure()]
            for seg in sorted({a[0] for a in there}):
                here = [a for a in there if a[0] == seg]
                kinds = lambda *kk: {k for a in here for k in self.host(a).keys if k[0] in kk}
                sshs = {k for a in here for k in self.host(a).keys if k[0] == SSH}
                virtual = len(kinds(VIRTUAL))
                if len(here) > 1 and ((key[0] == MAC and (len(here) > 3 or len(sshs) > 1)) or
                                      (key[0] != MAC and (len(here) - virtual > 3 or (len(kinds(MAC, RANDOM)) > 1 and len(kinds(NAME)) != 1)))):
                    out.append(key)
                    break
        return out

    # -------------------------------------------------------------- writing
    def rebind(self, addrs, to, at, cause):
        for addr in addrs:
            if self.host(addr).holder is not to:
                self.hold(addr, to, max(at, self.host(addr).held_since + 1), cause)

    def distrust(self, key, at):
        self.distrusted.add(key)
        owner = self.owner(key)
        self.log.append(("distrusted", None, owner, None))
        if not owner:
            return
        owner.keys[key] = at
        for addr in [a for a in sorted(self.showing(key)) if self.host(a).holder is owner and self.host(a).sure()][1:]:
            if not [o for k in self.shown(addr) if KINDS[k[0]][2] for o in self.showing(k) if o != addr and self.host(o).holder is owner]:
                new = self.asset(at)
                new.apart = True
                self.rebind([addr], new, at, "v")
                self.log.append(("split", addr, owner, new))
                self.due.append((addr, at))

    def merge(self, gone, into, at):
        self.log.append(("merged", None, gone, into))
        for key in gone.open():
            gone.keys[key] = at
            into.keys[key] = None
        self.rebind(sorted(self.places(gone)), into, at, "v")
        gone.into = into

    def retire(self, addr, asset, at):
        """What a machine has one of, when another is shown."""
        for key in asset.open():
            if not KINDS[key[0]][3] and key[0] in {k[0] for k in self.host(addr).keys} and not [a for a in self.showing(key) if self.host(a).holder is asset]:
                asset.keys[key] = at

    def own_keys(self, addr, asset, at):
        self.retire(addr, asset, at)
        for key in {k for k in self.host(addr).keys if k[0] != VIRTUAL}:
            other = self.owner(key, but=asset)
            if other and not [a for a in self.showing(key) if self.host(a).holder is other and self.host(a).sure()]:
                other.keys[key] = at
            if key not in self.distrusted and not self.owner(key):
                asset.keys[key] = None

    # -------------------------------------------------------------- weighing
    def incumbency(self, addr, at):
        here = {a: h for a, h in self.hosts.items() if a[0] == addr[0]}
        moves = sum(m[3] == "r" and m[0] > at - 30 * DAY for h in here.values() for m in h.moves)
        since = [h.since for h in here.values() if h.present()]
        days = min(30, max(1, (at - min(since)) / DAY)) if since else 1
        return max(0, 4.5 - 36 * (moves + 1) / (len(since) * days + 20))

    def candidates(self, addr):
        """asset -> (agree, clash, strong, kinds that clash)"""
        h, shown, out = self.host(addr), self.shown(addr), {}
        if h.holder:
            out[h.holder] = None
        for key in shown:
            if self.owner(key):
                out[self.owner(key)] = None
        for asset in out:
            agree, clashes, strong = 0, {}, False
            for kind in sorted({k[0] for k in asset.open()} & {k[0] for k in shown}):
                weight, clash, names, _ = KINDS[kind]
                if set(asset.open(kind)) & shown:
                    agree, strong = agree + weight, strong or names
                else:
                    clashes[kind] = self.card_clash(addr, asset) if kind == MAC and asset is not h.holder else clash
            out[asset] = agree, sum(clashes.values()), strong, [k for k, c in clashes.items() if c]
        return out

    def card_clash(self, addr, asset):
        here = [a for a in self.places(asset) if a[0] == addr[0]]
        names = [k for k in self.host(addr).keys if k[0] == NAME]
        if not here or [a for k in names for a in self.showing(k) if a != addr and self.host(a).holder is asset]:
            return 0
        if [a for a in here if self.host(a).sure()]:
            return 4
        moves = self.host(addr).moves
        return 0 if moves and moves[-1][1] is asset else GONE_CARD

    def compatible(self, a, b):
        if not (a.open(SSH) and b.open(SSH)):
            return True
        return any(set(a.open(SSH)) & set(h.keys) and set(b.open(SSH)) & set(h.keys) for h in self.hosts.values())

    def shown_beside(self, addr, asset):
        """At another address, sure in everything, a key that names devices."""
        return any(a != addr and self.host(a).sure() and not any(self.host(a).ports.values())
                   for key in asset.open() if KINDS[key[0]][2] and key not in self.distrusted for a in self.showing(key))

    def newcomer(self, asset, addr, at):
        return (asset.made > at - DAY and asset.grade != "v" and not asset.apart and self.places(asset) in ([], [addr]) and
                not [k for k in asset.keys if k[0] not in (RANDOM, NAME) and k not in self.host(addr).keys])

    def decide(self, addr, at):
        h, found = self.host(addr), self.candidates(addr)
        if not h.holder or h.holder.grade == "v":
            return
        score = {a: round(c[0] - c[1] + (self.incumbency(addr, at) if a is h.holder else 0), 5) for a, c in found.items() if a.grade != "v" and not a.into}
        ranked = sorted(score, key=lambda a: (-score[a], a is not h.holder, a.age()))
        best, other, got = ranked[0], ranked[1] if len(ranked) > 1 else None, None
        if score[best] >= 6 or (best is h.holder and score[best] >= (2 if [k for k in self.shown(addr) if KINDS[k[0]][2]] else 0.5)):
            got = best
        if other and score[best] >= 6 and score[other] >= 6 and found[other][2] and not found[best][2] and not self.shown_beside(addr, other):
            got = best = other
        elif other and score[best] >= 6 and score[other] >= 6 and found[other][2] and self.compatible(best, other):
            got, gone = sorted((best, other), key=Asset.age)
            self.merge(gone, got, at)
            best = got
        fresh = False
        if not got:
            fresh = bool(found[h.holder][3])
            got = self.asset(at) if fresh else h.holder
        if got is not h.holder:
            if got is best and self.newcomer(h.holder, addr, at) and self.compatible(got, h.holder):
                self.merge(h.holder, got, at)
            elif not fresh and self.contested(addr, got, at):
                self.weigh_later(addr, at + DAY)
                return
            else:
                self.log.append(("replaced" if fresh else "moved", addr, h.holder, got))
                self.rebind([addr], got, at, "r" if h.sure() else "v")
        self.own_keys(addr, got, at)

    def weigh_later(self, addr, at):
        self.later[addr] = min(at, self.later.get(addr, at))

    def identify(self, visit_at):
        for addr, at in list(self.later.items()):
            if at < visit_at:
                del self.later[addr]
                self.due.append((addr, visit_at))
        for _ in range(3):
            if not self.due:
                return
            at, addrs, self.due = max(d[1] for d in self.due), {d[0] for d in self.due}, []
            addrs = sorted(addrs | {o for a in addrs for k in self.shown(a) if KINDS[k[0]][2] for o in self.showing(k)
                                    if self.host(o).holder is not self.host(a).holder})
            self.note_keys(addrs, at)
            for key in self.copied(addrs):
                self.distrust(key, at)
            score = {a: max((c[0] - c[1] for c in self.candidates(a).values()), default=None) for a in addrs}
            plain, firm = [a for a in addrs if self.plain(a)], [a for a in addrs if self.firm(a)]
            for addr in firm:
                self.retire(addr, self.host(addr).holder, at)
            for addr in sorted(plain + firm):
                for key in self.shown(addr):
                    if not self.owner(key):
                        self.host(addr).holder.keys[key] = None
            for addr in sorted((a for a in addrs if a not in plain + firm and score[a] is not None), key=lambda a: (-score[a], a)):
                self.decide(addr, at)

    def alone(self, addr):
        """Held, by the one candidate, and shows nothing but a name that is shown elsewhere."""
        h = self.host(addr)
        return (h.holder and h.holder.grade != "v" and list(self.candidates(addr)) == [h.holder] and
                not [k for k in h.keys if k[0] != NAME and self.showing(k) != [addr]])

    def plain(self, addr):
        """Nothing against it either: these go first, so that others see what they have shown."""
        return self.alone(addr) and not self.candidates(addr)[self.host(addr).holder][1]

    def firm(self, addr):
        """Something against it, much more for it, and what the asset gives up for that is not shown for another elsewhere: so do these."""
        h = self.host(addr)
        agree, clash = self.candidates(addr)[h.holder][:2] if self.alone(addr) else (0, 0)
        return clash and agree - clash >= 6 and not [
            k for k in h.holder.open() if not KINDS[k[0]][3] and k[0] in {s[0] for s in h.keys} and
            [a for a in self.showing(k) if self.host(a).holder not in (None, h.holder)]]


GONE_CARD = 2
