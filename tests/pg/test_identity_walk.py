#!/usr/bin/env python3
"""A random walk held against a plain model (identity_model.py): machines come, go, move, change cards and are cloned, at any time and in any
order; visits are partial, lossy, doubled, sent out of order or after the lease was lost.  After each step all must be the model's: presence,
ports, the ledger, who holds each address, whose each key is, the keys that count no more, and the decisions.  And the model is held
against the truth that the walk knows: what a machine's own host key says is right as soon as it is read.

    MUSTER_WALK_STEPS=10000 MUSTER_WALK_SEED=1,2,3 tests/pg/test_identity_walk.py
"""
import os
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import identity_model
import identity_world
import pgtest

STEPS = int(os.environ.get("MUSTER_WALK_STEPS", "80"))
SEEDS = [int(x) for x in os.environ.get("MUSTER_WALK_SEED", "1,2,3").split(",")]
PORTS = [22, 80, 443, 8080, 9000]
ADDRESSES = [(third, last) for third in (0, 1) for last in range(1, 16)]


class Machine:
    count = cards = 0

    def __init__(self, rng, key=None, phone=False):
        Machine.count += 1
        self.name, self.phone = f"m{Machine.count}.example", phone
        self.key = None if phone else key or f"K{Machine.count}"
        self.copied = key is not None                          # its host key names nobody
        self.ports = {22} | set(rng.sample(PORTS, 2))
        self.on, self.where = True, {}                         # address -> MAC address

    def card(self):
        Machine.cards += 1
        return "%s:%02x:%02x:%02x" % ("a2:11:22" if self.phone else "00:1b:21", Machine.cards >> 16, Machine.cards >> 8 & 255, Machine.cards & 255)


# All that is compared, in one call whose plans are kept.  p_tx: the last transaction of the ledger that was seen.
STATE = """
CREATE FUNCTION t.state(p_zone int, p_tx xid8, p_log int8) RETURNS SETOF text LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN QUERY SELECT concat_ws('|', 'f', addr, slot & 65535, attr_id, value) FROM inv.fact_now WHERE zone_id = p_zone AND attr_id IN (0, 1, 10);
  RETURN QUERY SELECT concat_ws('|', 'c', addr, slot & 65535, cause, tx) FROM inv.change WHERE zone_id = p_zone AND attr_id IN (1, 10) AND tx > p_tx;
  RETURN QUERY SELECT concat('l|', what, '|', addr, '|', asset_id, '|', other_id, '|', log_id) FROM inv.identity_log WHERE zone_id = p_zone AND log_id > p_log ORDER BY log_id;
  RETURN QUERY SELECT concat_ws('|', 'k', kind, key, asset_id) FROM inv.asset_key WHERE zone_id = p_zone AND until = 'infinity';
  RETURN QUERY SELECT concat_ws('|', 'd', kind, key) FROM inv.key_distrust WHERE zone_id = p_zone;
  RETURN QUERY SELECT concat_ws('|', 'u', count(*)) FROM inv.identity_due;
END $$"""


class Walk:
    def __init__(self, session, rng):
        self.s, self.rng, self.w, self.model = session, rng, identity_world.World(session), identity_model.Inventory()
        self.machines, self.story = [], []
        self.read = {}                                         # address -> (machine, MAC address) whose host key was read there
        self.copies = set()                                    # host keys that were ever copied
        self.known = {}                                        # machine -> asset
        self.same = {}                                         # asset -> uuid, and back
        self.last_change = self.last_log = 0
        for _ in range(8):
            self.come()

    # -------------------------------------------------------------- the world
    def free(self, segment=None):
        used = {a for m in self.machines for a in m.where}
        return [a for a in ADDRESSES if a not in used and segment in (None, a[0])]

    def come(self, key=None, segment=None):
        if len(self.machines) < 16 and self.free(segment):
            m = Machine(self.rng, key, key is None and self.rng.random() < 0.2)
            m.where = {self.rng.choice(self.free(segment)): m.card()}
            self.machines.append(m)

    def leave(self):
        if len(self.machines) > 5:
            self.machines.pop(self.rng.randrange(len(self.machines)))

    def move(self):
        m = self.rng.choice(self.machines)
        if self.free():
            old = self.rng.choice(sorted(m.where))
            mac = m.where.pop(old)
            m.where[self.rng.choice(self.free())] = mac

    def swap(self):
        """Two machines take each other's address, as in a DHCP server that forgot."""
        a, b = self.rng.sample(self.machines, 2)
        x, y = self.rng.choice(sorted(a.where)), self.rng.choice(sorted(b.where))
        a.where[y], b.where[x] = a.where.pop(x), b.where.pop(y)

    def card(self):
        m = self.rng.choice(self.machines)
        m.where[self.rng.choice(sorted(m.where))] = m.card()

    def second_card(self):
        """On a segment where it has none."""
        m = self.rng.choice(self.machines)
        free = self.free(1 - next(iter(m.where))[0])
        if len(m.where) == 1 and free and not m.phone:
            m.where[self.rng.choice(free)] = m.card()

    def clone(self):
        donor = self.rng.choice(self.machines)
        if donor.key:
            self.come(donor.key, self.rng.choice([None, next(iter(donor.where))[0]]))
            for m in self.machines:
                m.copied = m.copied or (m.key == donor.key and self.machines[-1].key == donor.key)

    def switch(self):
        m = self.rng.choice(self.machines)
        m.on = not m.on

    def service(self):
        self.rng.choice(self.machines).ports ^= {self.rng.choice(PORTS)}

    # -------------------------------------------------------------- the visits
    def asked(self):
        """address -> (state, machine), and whether that is everything: else a part of it; answers get lost."""
        there = {a: m for m in self.machines if m.on for a in m.where}
        addrs = ADDRESSES if self.rng.random() < 0.6 else self.rng.sample(ADDRESSES, self.rng.randrange(1, len(ADDRESSES)))
        loss = self.rng.choice([0, 0, 0.1, 0.4])
        out = {}
        for a in addrs:
            m = there.get(a)
            if m and self.rng.random() >= loss:
                out[a] = ("n" if self.rng.random() < 0.1 else "u", m)
            else:
                out[a] = ("b" if self.rng.random() < 0.1 else "d", None)
        return out, len(addrs) == len(ADDRESSES)

    def visit(self):
        kind = self.rng.choice(["presence", "presence", "ports", "ports", "scripts"])
        said, (asked, all_of_it) = {}, self.asked()
        complete = all_of_it or self.rng.random() < 0.5        # what is left out was not asked, or the visit was broken off
        for a, (state, m) in asked.items():
            if kind == "scripts":
                if m and self.model.host(a).present() and 22 in m.ports and m.key:
                    said[a] = "u", None, None, set(), m.key
                    if 22 in self.model.host(a).ports:
                        self.read[a] = m, m.where[a]
            elif m:
                seen = {p for p in m.ports if self.rng.random() > 0.1} if kind == "ports" else set()
                said[a] = state, m.where[a], m.name, seen, None
            else:
                said[a] = state, None, None, set(), None
        if said:
            self.send(kind, said, complete, None if all_of_it or not complete else asked)
            self.model.visit(kind, self.w.hour * identity_model.HOUR, said, complete)

    def send(self, kind, said, complete, scope):
        """As it is, twice, out of order, or after another had taken the lease."""
        w, how = self.w, self.rng.random()
        hosts, facts, keys = [], [], set()
        for a, (state, mac, name, ports, key) in said.items():
            text = f".{a[0]}.{a[1]}"
            hosts.append(f"{text} {state} {mac}" if mac else f"{text} {state}")
            facts += [f"{text} 0 mac {mac}", f"{text} 0 hostname {name}"] if mac else []
            facts += [f"{text} {p} port -" for p in sorted(ports)]
            if key:
                facts.append(f"{text} 22 ssh-hostkey ssh-hostkey={key}")
                keys.add(f"(t.val('ssh-hostkey={key}'), '', '[{{\"key\": \"{key}\"}}]')")
        before = f"INSERT INTO inv.value_script(value, output, data) VALUES {', '.join(sorted(keys))} ON CONFLICT DO NOTHING; " if keys else ""
        quote = lambda items: "'{" + ",".join(f'"{w.net}{x}"' for x in items) + "}'"
        scope = "NULL" if scope is None else quote(f".{a[0]}.{a[1]}" for a in scope) + "::inet[]"
        scripts = "{ssh-hostkey}" if kind == "scripts" else "{}"
        w.hour += 1
        self.story.append(f"{w.hour} {kind} {' '.join(hosts)} {' '.join(f for f in facts if 'ssh' in f)}")
        if how < 0.85:
            self.s.sql(f"{before}SELECT t.visit('{w.name}', '{kind}', {w.at()}, {quote(hosts)}, {quote(facts)}, '{{}}', '{scripts}', "
                       f"2, {complete}, {scope})")
            return
        claim = lambda: self.s.sql(f"{before}SELECT schedule_id, fence FROM t.claim('{w.name}', '{kind}', {w.at()}, {scope})").split("|")
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
        self.s.sql(f"SELECT api.finish({c[0]}, {c[1]}, {complete}, 'test', 1, 0, 0, 0, 1)")
        self.s.sql(f"UPDATE inv.schedule SET last_at = {w.at()} WHERE schedule_id = {c[0]}; UPDATE inv.coverage SET at = {w.at()} WHERE fence = {c[1]}")

    # -------------------------------------------------------------- the comparison
    def check(self):
        w, m = self.w, self.model
        text = self.s.sql(f"SELECT t.state({w.zone}, '{self.last_change}', {self.last_log})")
        rows = {k: [] for k in "fclkdu"}
        for line in text.split("\n"):
            tag, *row = line.split("|")
            rows[tag].append(row)
        there = lambda a: tuple(int(x) for x in a.split(".")[2:]) if a else None
        equal("presence", {there(r[0]) for r in rows["f"] if r[2] == "1"}, {a for a, h in m.hosts.items() if h.present()})
        equal("ports", {(there(r[0]), int(r[1])) for r in rows["f"] if r[2] == "10"}, {(a, p) for a, h in m.hosts.items() for p in h.ports})
        equal("changes", sorted((there(r[0]), int(r[1]), r[2]) for r in rows["c"]), sorted(m.edges))
        self.last_change = max([self.last_change] + [int(r[3]) for r in rows["c"]])
        equal("decisions", [(r[0], there(r[1])) for r in rows["l"]], [x[:2] for x in m.log])
        for r, x in zip(rows["l"], m.log):
            self.pair(x, x[2], r[2])
            self.pair(x, x[3], r[3])
        self.last_log = max([self.last_log] + [int(r[4]) for r in rows["l"]])
        holders = {there(r[0]): r[3] for r in rows["f"] if r[2] == "0"}
        equal("addresses with a holder", set(holders), {a for a, h in m.hosts.items() if h.holder})
        for addr, uuid in holders.items():
            self.pair(f"the holder of {addr}", m.host(addr).holder, uuid)
        equal("keys", {(int(r[0]), r[1], r[2]) for r in rows["k"]}, {(*k, a.uuid) for a in m.everybody for k in a.open()})
        equal("keys that count no more", {(int(r[0]), r[1]) for r in rows["d"]}, m.distrusted)
        equal("addresses that wait", rows["u"], [["0"]])
        m.edges, m.log = [], []

    def pair(self, what, asset, uuid):
        """Assets of both have names of their own: each has one partner for ever."""
        if asset:
            asset.uuid = asset.uuid or (uuid if uuid not in self.same else "")
            self.same.setdefault(uuid, asset)
        equal(f"{what} ({asset}, {uuid})", self.same.get(uuid) if asset else uuid, asset if asset else "")

    def truth(self):
        """The machine whose own host key was read at an address, is at it still and is not disputed there: it is one asset for ever, and
        nobody else's."""
        hour, assets = self.w.hour * identity_model.HOUR, {}
        for a, (machine, mac) in list(self.read.items()):
            h = self.model.host(a)
            if h.facts.get("ssh", ("",))[0] != machine.key or h.facts["mac"][0] != mac:
                del self.read[a]
            elif h.present() and (identity_model.SSH, machine.key) in h.keys and machine.where.get(a) == mac and not machine.copied and not self.unsettled(a, machine, hour):
                assets.setdefault(machine, set()).add(h.holder)
        for machine, got in assets.items():
            equal(f"assets of {machine.name}", len(got), 1)
            asset = next(iter(got))
            equal(f"the asset of {machine.name} over time", asset, self.known.get(machine, asset).now())
            self.known[machine] = asset
        copied = {m.key for m in self.machines if m.copied} | self.copies
        self.copies = copied
        equal("host keys that count no more", {k for kind, k in self.model.distrusted if kind == identity_model.SSH} - copied, set())
        twice = [(a.name, b.name) for a in assets for b in assets if a.name < b.name and self.known[a] is self.known[b]]
        equal("machines that share an asset", twice, [])

    def unsettled(self, addr, machine, at):
        """Addresses that go to and fro stay with one for a day; a machine that is held for present at an address that it left is two."""
        here = [a for a, h in self.model.hosts.items() if h.present() and a not in machine.where and
                (h.facts.get("ssh", ("",))[0] == machine.key or h.facts.get("name", ("",))[0] == machine.name)]
        return bool(here) or len([m for m in self.model.host(addr).moves if m[0] > at - 2 * identity_model.DAY]) >= 2

    def step(self):
        if self.rng.random() < 0.25:
            do = self.rng.choice([self.come, self.leave, self.move, self.move, self.swap, self.card, self.second_card, self.clone,
                                  self.switch, self.service, self.service])
            do()
            self.story.append(f"{self.w.hour} {do.__name__}: " + "; ".join(f"{m.name} {m.key} {m.where} {'' if m.on else 'off'}" for m in self.machines))
        self.visit()
        self.check()
        self.truth()


def equal(what, got, want):
    if got != want:
        raise AssertionError(f"{what}: got {got}, the model says {want}" +
                             (f"; too much {got - want}, missing {want - got}" if isinstance(got, set) else ""))


def test_walk():
    for seed in SEEDS:
        before, walk = Machine.count, Walk(session, random.Random(seed))
        for n in range(STEPS):
            try:
                walk.step()
            except AssertionError as error:
                raise AssertionError(f"step {n} of MUSTER_WALK_STEPS={STEPS} MUSTER_WALK_SEED={seed}: {error}\n" + "\n".join(walk.story[-30:])) from error
        log = walk.s.sql(f"SELECT string_agg(what || ' ' || n, ', ') FROM (SELECT what, count(*) AS n FROM inv.identity_log WHERE zone_id = {walk.w.zone} GROUP BY 1 ORDER BY 1) q")
        print(f"{STEPS} steps, seed {seed}: {Machine.count - before} machines; {log}", flush=True)
    db.check_invariants()


if __name__ == "__main__":
    with pgtest.Cluster() as pg:
        db = pg.database(migrated=True)
        db.sql(identity_world.SETUP)
        db.sql(STATE)
        identity_world.World.start = "2025-01-01"              # an hour a step, and never in the future
        db.sql(f"SELECT ops.make_partitions('2025-01-01', {STEPS // 700 + 3})")
        session = identity_world.Session(db)
        pgtest.run(globals())
