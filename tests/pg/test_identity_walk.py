#!/usr/bin/env python3
"""A random walk held against a plain model: machines come, go, move, change cards and are cloned; visits are partial, lossy, doubled, sent
out of order or after the lease was lost.  After each step presence, ports, holders and the rows of the ledger must be the model's.

    MUSTER_WALK_STEPS=10000 MUSTER_WALK_SEED=1 tests/pg/test_identity_walk.py
"""
import os
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import identity_world
import pgtest

STEPS = int(os.environ.get("MUSTER_WALK_STEPS", "120"))
SEED = int(os.environ.get("MUSTER_WALK_SEED", "2"))        # the same each time, so that a build does not fail by chance
PORTS = [22, 80, 443, 8080, 9000]
ADDRESSES = [f".{third}.{last}" for third in (0, 1) for last in range(1, 16)]


class Machine:
    count = 0

    def __init__(self, rng, key=None):
        Machine.count += 1
        self.name, self.key = f"m{Machine.count}.example", key or f"K{Machine.count}"
        self.copied = key is not None                          # its host key names nobody
        self.ports = {22} | set(rng.sample(PORTS, 2))
        self.addr, self.on = None, True
        self.new_card()

    def new_card(self):
        Machine.cards = getattr(Machine, "cards", 0) + 1
        self.mac = "00:1b:21:%02x:%02x:%02x" % (Machine.cards >> 16, Machine.cards >> 8 & 255, Machine.cards & 255)


class Model:
    """What must be held to be true, by the rules alone."""

    def __init__(self):
        self.present, self.ports, self.mac = set(), {}, {}     # of addresses; mac: of whoever was seen there last
        self.missed, self.port_missed = {}, {}                 # addr: misses; (addr, port): misses
        self.owner = {}                                        # MAC address: the machine that was seen with it
        self.edges = []                                        # (addr, port, cause) of this step

    def seen(self, addr, mac, kind):
        if addr not in self.present:
            self.edges.append((addr, 0, "o" if addr not in self.mac or self.mac[addr] != mac else "b"))
            self.present.add(addr)
        self.missed.pop(addr, None)
        moved = self.mac.get(addr, mac) != mac
        self.mac[addr] = mac
        return moved

    def silent(self, addr, state):
        if addr not in self.present:
            return
        self.missed[addr] = self.missed.get(addr, 0) + (state == "d")
        if self.missed[addr] >= 3:
            self.present.discard(addr)
            self.edges.append((addr, 0, "c"))
            self.missed.pop(addr)
            self.port_missed = {k: n for k, n in self.port_missed.items() if k[0] != addr}

    def shut(self, addr, port, cause):
        self.ports[addr].discard(port)
        self.port_missed.pop((addr, port), None)
        self.edges.append((addr, port, cause))

    def visit(self, kind, hosts):
        """hosts: {addr: (state, mac, ports)}"""
        for addr, (state, mac, ports) in hosts.items():
            if state in "db":
                self.silent(addr, state)
                continue
            moved = self.seen(addr, mac, kind)
            known = self.ports.setdefault(addr, set())
            ports = ports if kind == "ports" else set()
            for port in sorted(ports):
                self.port_missed.pop((addr, port), None)
                if port not in known:
                    known.add(port)
                    self.edges.append((addr, port, "o"))
            for port in sorted(known - ports):
                if moved:
                    self.shut(addr, port, "r")
                elif kind == "ports" and state == "n":
                    self.port_missed.setdefault((addr, port), 0)
                elif kind == "ports":
                    self.port_missed[addr, port] = self.port_missed.get((addr, port), 0) + 1
                    if self.port_missed[addr, port] >= 2:
                        self.shut(addr, port, "c")


class Walk:
    def __init__(self, session, rng):
        self.s, self.rng, self.w, self.model = session, rng, identity_world.World(session), Model()
        self.machines, self.known = [], {}                     # known: machine -> asset
        self.sure = {}                                         # addr -> the machine whose evidence was read there
        self.quiet = {}                                        # addr -> hour before which it changes hands no more
        self.last_change = 0
        for _ in range(8):
            self.come()

    def free(self):
        used = {m.addr for m in self.machines}
        return [a for a in ADDRESSES if a not in used and self.quiet.get(a, 0) <= self.w.hour]

    def place(self, m, addr):
        if m.addr:
            self.quiet[m.addr] = self.w.hour + 30
        m.addr = addr
        self.quiet[addr] = self.w.hour + 30

    # -------------------------------------------------------------- the world
    def come(self):
        if len(self.machines) < 16 and self.free():
            m = Machine(self.rng)
            self.machines.append(m)
            self.place(m, self.rng.choice(self.free()))

    def leave(self):
        if len(self.machines) > 5:
            m = self.machines.pop(self.rng.randrange(len(self.machines)))
            self.quiet[m.addr] = self.w.hour + 30
            self.known.pop(m, None)

    def move(self):
        if self.free():
            self.place(self.rng.choice(self.machines), self.rng.choice(self.free()))

    def card(self):
        """Only where its host key says who it is, and long enough after the last change there: two cards in a day are a contest."""
        m = self.rng.choice(self.machines)
        if not m.copied and m in self.known and self.quiet.get(m.addr, 0) <= self.w.hour:
            m.new_card()
            self.quiet[m.addr] = self.w.hour + 30
            for kind in ("presence", "ports", "scripts"):      # a machine that has a new card and moves before it is looked at is a new one
                self.visit(kind, lossless=True)

    def clone(self):
        free = self.free()
        donors = [m for m in self.machines if m in self.known and m.on]
        if free and donors and len(self.machines) < 16:
            donor = self.rng.choice(donors)
            free = [a for a in free if a.rsplit(".", 1)[0] == donor.addr.rsplit(".", 1)[0]]
            if free:
                for kind in ("presence", "ports", "scripts"):
                    self.visit(kind, lossless=True)
                m = Machine(self.rng, donor.key)
                for d in self.machines:
                    d.copied = d.copied or d.key == donor.key
                self.machines.append(m)
                self.place(m, self.rng.choice(free))
                for kind in ("presence", "ports", "scripts"):
                    self.visit(kind, lossless=True)

    def switch(self):
        m = self.rng.choice(self.machines)
        m.on = not m.on

    def service(self):
        m = self.rng.choice(self.machines)
        m.ports ^= {self.rng.choice(PORTS[1:])}

    # -------------------------------------------------------------- the visits
    def asked(self, lossless):
        """addr -> (state, machine): everything, or a part of it; answers get lost."""
        there = {m.addr: m for m in self.machines if m.on}
        addrs = ADDRESSES if lossless or self.rng.random() < 0.6 else self.rng.sample(ADDRESSES, self.rng.randrange(1, len(ADDRESSES)))
        loss = 0 if lossless else self.rng.choice([0, 0, 0.1, 0.4])
        out = {}
        for a in addrs:
            m = there.get(a)
            if m and self.rng.random() >= loss:
                out[a] = ("n" if not lossless and self.rng.random() < 0.1 else "u", m)
            else:
                out[a] = ("b" if not lossless and self.rng.random() < 0.1 else "d", None)
        return out

    def visit(self, kind=None, lossless=False):
        kind = kind or self.rng.choice(["presence", "presence", "ports", "ports", "scripts"])
        asked = self.asked(lossless)
        if kind == "scripts":
            asked = {a: x for a, x in asked.items() if a in self.model.present and x[1]}
            asked = {a: x for a, x in asked.items() if x[1].mac == self.model.mac.get(a) and 22 in self.model.ports.get(a, ())}
            if not asked:
                return
        hosts, facts, said = [], [], {}
        for a, (state, m) in asked.items():
            hosts.append(f"{a} {state} {m.mac}" if m and kind != "scripts" else f"{a} {state if kind != 'scripts' else 'u'}")
            seen = set()
            if m and kind == "scripts":
                facts.append(f"{a} 22 ssh-hostkey ssh-hostkey={m.key}")
                self.s.sql(f"INSERT INTO inv.value_script(value, output, data) VALUES (t.val('ssh-hostkey={m.key}'), '', '[{{\"key\": \"{m.key}\"}}]') "
                           "ON CONFLICT DO NOTHING")
                self.sure[a] = m
            elif m:
                facts += [f"{a} 0 mac {m.mac}", f"{a} 0 hostname {m.name}"]
                if kind == "ports":
                    seen = {p for p in m.ports if p == 22 or lossless or self.rng.random() > 0.1}
                    facts += [f"{a} {p} port -" for p in sorted(seen)]
                if self.model.mac.get(a) != m.mac:
                    self.sure.pop(a, None)
            said[a] = (state, m.mac if m else None, seen)
        self.send(kind, hosts, facts)
        if kind != "scripts":
            self.model.visit(kind, said)

    def send(self, kind, hosts, facts):
        """As it is, twice, out of order, or after another had taken the lease."""
        w, how = self.w, self.rng.random()
        quote = lambda items: "'{" + ",".join(f'"{w.net}{x}"' for x in items) + "}'"
        scripts = "{ssh-hostkey}" if kind == "scripts" else "{}"
        if how < 0.85:
            w.one_visit(kind, hosts, facts, scripts.strip("{}"))
            return
        w.hour += 1
        claim = lambda: self.s.sql(f"SELECT schedule_id, fence FROM t.claim('{w.name}', '{kind}', {w.at()})").split("|")
        part = lambda c, n: self.s.sql(f"SELECT verdict FROM t.part({c[0]}, {c[1]}, {n}, {w.at()}, {quote(hosts)}, {quote(facts)}, '{{}}', '{scripts}', 2, true)")
        c = claim()
        if how < 0.9:
            late, c = c, claim()
            assert part(late, 1) == "s", "a part after the lease was lost"
        elif how < 0.95:
            try:
                part(c, 2)
                raise SystemExit("part 2 before part 1 was taken")
            except AssertionError as error:
                assert "part 2 after part 0" in str(error), error
        assert part(c, 1) == "a"
        assert part(c, 1) == "d", "the same part again"
        self.s.sql(f"SELECT api.finish({c[0]}, {c[1]}, true, 'test', 1, 0, 0, 0, 1)")
        self.s.sql(f"UPDATE inv.schedule SET last_at = {w.at()} WHERE schedule_id = {c[0]}; UPDATE inv.coverage SET at = {w.at()} WHERE fence = {c[1]}")

    # -------------------------------------------------------------- the comparison
    def rows(self, query):
        return [tuple(x.split("|")) for x in self.s.sql(query).split("\n") if x]

    def check(self):
        w, m = self.w, self.model
        addr = f"replace(host(addr), '{w.net}', '')"
        now = self.rows(f"SELECT {addr}, slot & 65535, attr_id, value FROM inv.fact_now WHERE zone_id = {w.zone} AND attr_id IN (0, 1, 10)")
        equal("presence", {r[0] for r in now if r[2] == "1"}, m.present)
        equal("ports", {(r[0], int(r[1])) for r in now if r[2] == "10"}, {(a, p) for a, ports in m.ports.items() for p in ports})
        rows = self.rows(f"SELECT {addr}, slot & 65535, cause, change_id FROM inv.change WHERE zone_id = {w.zone} AND attr_id IN (1, 10) "
                         f"AND change_id > {self.last_change}")
        equal("changes", sorted((r[0], int(r[1]), r[2]) for r in rows), sorted(m.edges))
        self.last_change = max([self.last_change] + [int(r[3]) for r in rows])
        m.edges = []
        self.holders({r[0]: r[3] for r in now if r[2] == "0"})

    def holders(self, holder):
        seen = {}
        for addr, machine in self.sure.items():
            if machine.addr == addr and self.model.mac.get(addr) == machine.mac and addr in self.model.present:
                seen.setdefault(machine, set()).add(holder[addr])
        for machine, assets in seen.items():
            equal(f"assets of {machine.name} at {machine.addr}", len(assets), 1)
            asset = next(iter(assets))
            if machine in self.known and self.known[machine] != asset:
                equal(f"the asset of {machine.name} at {machine.addr} over time", asset, self.s.sql(f"SELECT inv.asset_now('{self.known[machine]}')"))
            self.known[machine] = asset
        twice = [(a.name, b.name) for a in seen for b in seen if a.name < b.name and self.known[a] == self.known[b]]
        equal("machines that share an asset", twice, [])

    def step(self):
        if self.rng.random() < 0.25:
            self.rng.choice([self.come, self.leave, self.move, self.move, self.card, self.clone, self.switch, self.service, self.service])()
        self.visit()
        self.check()


def equal(what, got, want):
    if got != want:
        raise AssertionError(f"{what}: got {got}, the model says {want}" +
                             (f"; too much {got - want}, missing {want - got}" if isinstance(got, set) else ""))


def test_walk():
    walk = Walk(session, random.Random(SEED))
    for n in range(STEPS):
        try:
            walk.step()
        except AssertionError as error:
            raise AssertionError(f"step {n}, seed {SEED}: {error}\n{walk.w.log()}") from error
    db.check_invariants()
    print(f"{STEPS} steps, seed {SEED}: {Machine.count} machines, log {walk.s.sql(f'SELECT what, count(*) FROM inv.identity_log GROUP BY 1 ORDER BY 1')!r}")


if __name__ == "__main__":
    with pgtest.Cluster() as pg:
        db = pg.database(migrated=True)
        db.sql(identity_world.SETUP)
        identity_world.World.start = "2025-01-01"              # an hour a step, and never in the future
        db.sql(f"SELECT ops.make_partitions('2025-01-01', {STEPS // 700 + 3})")
        session = identity_world.Session(db)
        pgtest.run(globals())
