#!/usr/bin/env python3
"""Who is who: every case of identity on the real functions, from the visit to the asset."""
import json
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import identity_world
import pgtest

G = "00:1b:21:00:00:"          # globally administered
R = "a2:11:22:00:00:"          # random
SERVER = {"mac": G + "01", "ssh-hostkey": "K1", "name": "alpha.example"}


def world():
    return identity_world.World(session)


def same(w, a, b):
    assert w.who(a) == w.who(b), f"{a} and {b} are two assets; {w.log()}"


def apart(w, *addrs):
    got = [w.who(a) for a in addrs]
    assert len(set(got)) == len(got), f"{addrs} are not {len(addrs)} assets: {got}; {w.log()}"


# ------------------------------------------------------------------ addresses that move

def test_dhcp_churn_with_mac_addresses():
    w = world()
    w.see({".0.5": {"mac": G + "01"}, ".0.6": {"mac": G + "02"}})
    a, b = w.who(".0.5"), w.who(".0.6")
    told = w.see({".0.5": {"mac": G + "02"}, ".0.6": {"mac": G + "01"}})
    assert (w.who(".0.5"), w.who(".0.6")) == (b, a), w.log()
    assert sorted(told.split(", ")) == ["host.replaced .0.5", "host.replaced .0.6"], told
    w.see({".0.77": {"mac": G + "01"}}, [".0.5", ".0.6"])
    assert w.who(".0.77") == a


def test_dhcp_churn_behind_a_router_by_host_key():
    w = world()
    w.see({".0.5": {"ssh-hostkey": "K1"}, ".0.6": {"ssh-hostkey": "K2"}})
    a, b = w.who(".0.5"), w.who(".0.6")
    w.see({".0.7": {"ssh-hostkey": "K1"}, ".0.6": {"ssh-hostkey": "K2"}}, [".0.5"])
    assert w.who(".0.7") == a, w.log()
    w.see({".0.7": {"ssh-hostkey": "K2"}, ".0.6": {"ssh-hostkey": "K1"}})
    assert (w.who(".0.7"), w.who(".0.6")) == (b, a), w.log()


def test_dhcp_client_id_that_was_heard():
    w = world()
    w.see({".0.5": {"mac": R + "01"}})
    w.hear(".0.5", "dhcp-client-id", "01aabb")
    w.see({".0.5": {"mac": R + "01"}})
    a = w.who(".0.5")
    w.hear(".0.9", "dhcp-client-id", "01aabb")
    w.see({".0.9": {"mac": R + "02"}}, [".0.5"])
    assert w.who(".0.9") == a, w.log()


def test_moved_with_a_new_card_before_anybody_looked():
    w = world()
    w.see({".0.5": SERVER})
    a = w.who(".0.5")
    w.see({".0.9": {**SERVER, "mac": G + "99"}}, [".0.5"])
    w.see({".0.9": {**SERVER, "mac": G + "99"}}, [".0.5"])
    assert w.who(".0.9") == a, w.log()


def test_a_copy_is_not_taken_for_the_original_that_is_off():
    w = world()
    w.see({".0.5": SERVER})
    a = w.who(".0.5")
    for _ in range(3):
        w.see({".0.9": {**SERVER, "mac": G + "99", "name": "beta.example"}}, [".0.5"])
    assert w.who(".0.9") != a, w.log()


def test_laptop_that_gets_the_address_of_a_phone_and_back():
    w = world()
    w.see({".0.5": {"mac": R + "01"}})
    phone = w.who(".0.5")
    assert w.see({".0.5": {"mac": G + "01"}}).count("host.replaced") == 1
    laptop = w.who(".0.5")
    assert laptop != phone, w.log()
    w.see({".0.5": {"mac": G + "01"}, ".0.6": {"mac": R + "01"}})
    assert (w.who(".0.5"), w.who(".0.6")) == (laptop, phone), w.log()
    for _ in range(6):                                         # six hours each visit of three: a day on
        w.see({".0.5": {"mac": R + "01"}, ".0.6": {"mac": G + "01"}})
    assert (w.who(".0.5"), w.who(".0.6")) == (phone, laptop), w.log()


def test_address_that_goes_to_and_fro_behind_a_router_settles():
    w = world()
    a, b = {"ssh-hostkey": "K1", "name": "a.example"}, {"ssh-hostkey": "K2", "name": "b.example"}
    w.see({".0.5": a, ".0.6": b})
    first = w.who(".0.5"), w.who(".0.6")
    for i in range(1, 4):
        w.see({".0.5": (a, b)[i % 2], ".0.6": (b, a)[i % 2]})
    for _ in range(9):                                         # as long as it takes for a day to go by
        w.see({".0.5": b, ".0.6": a})
    assert (w.who(".0.6"), w.who(".0.5")) == first, w.log()


def test_an_address_behind_a_router_that_its_machine_has_left_to_another():
    w = world()
    w.see({".0.5": {"ssh-hostkey": "K1", "name": "a.example"}})
    a = w.who(".0.5")
    for _ in range(3):
        w.see({".0.7": {"ssh-hostkey": "K1", "name": "a.example"}, ".0.5": {"name": "b.example"}})
    assert w.who(".0.7") == a, w.log()
    apart(w, ".0.5", ".0.7")
    b = w.who(".0.5")
    w.see({".0.7": {"ssh-hostkey": "K1", "name": "a.example"}, ".0.5": {"name": "b.example"}})
    assert (w.who(".0.5"), w.who(".0.7")) == (b, a), w.log()


def test_a_second_address_behind_a_router_that_shows_no_key_any_more():
    w = world()
    w.see({".0.5": {"ssh-hostkey": "K1", "name": "a.example"}, ".0.6": {"ssh-hostkey": "K1", "name": "a.example"}})
    same(w, ".0.5", ".0.6")
    a = w.who(".0.5")
    for _ in range(4):
        w.see({".0.5": {"ssh-hostkey": "K1", "name": "a.example"}, ".0.6": {"name": "a.example"}})
    assert (w.who(".0.5"), w.who(".0.6")) == (a, a), w.log()


def test_a_machine_that_moves_to_an_address_with_an_old_name():
    w = world()
    quiet = {f".0.{i}": {"name": f"n{i}.example"} for i in range(30, 60)}
    for _ in range(5):
        w.see({**quiet, ".0.5": {"name": "b.example"}, ".0.6": {"ssh-hostkey": "K1", "name": "a.example"}})
        w.hour += 20
    b, a = w.who(".0.5"), w.who(".0.6")
    for _ in range(2):
        w.see({**quiet, ".0.5": {"ssh-hostkey": "K1", "name": "b.example"}}, [".0.6"])
    assert w.who(".0.5") == a != b and w.log() == "moved", w.log()


def test_a_second_address_that_was_known_by_its_name_alone():
    w = world()
    quiet = {f".0.{i}": {"name": f"n{i}.example"} for i in range(30, 60)}
    for _ in range(5):
        w.see({**quiet, ".0.5": {"name": "b.example"}, ".0.6": {"ssh-hostkey": "K1", "name": "a.example"}})
        w.hour += 20
    for _ in range(2):
        w.see({**quiet, ".0.5": {"ssh-hostkey": "K1", "name": "b.example"}, ".0.6": {"ssh-hostkey": "K1", "name": "a.example"}})
    same(w, ".0.5", ".0.6")
    assert w.log() == "merged", w.log()


def test_what_was_heard_of_who_left_an_address_is_not_of_who_comes():
    w = world()
    w.see({".0.5": {}})
    w.hear(".0.5", "mdns-name", "phone")
    w.see({".0.5": {}, ".0.6": {"ssh-hostkey": "K1"}})
    phone, a = w.who(".0.5"), w.who(".0.6")
    w.see({".0.6": {"ssh-hostkey": "K1"}}, [".0.5"])
    for _ in range(2):
        w.see({".0.5": {"ssh-hostkey": "K1"}}, [".0.6"])
    assert w.who(".0.5") == a and phone != a and "merged" not in w.log(), w.log()


def test_a_host_key_that_is_read_where_nobody_looked_at_the_card_is_no_copy():
    w = world()
    hosts = {".0.5": SERVER, ".0.6": {"mac": G + "02", "ssh-hostkey": "K2", "name": "beta.example"}}
    w.see(hosts)
    a, b = w.who(".0.5"), w.who(".0.6")
    w.one_visit("scripts", [".0.5 u", ".0.6 u"], [".0.5 22 ssh-hostkey ssh-hostkey=K1", ".0.6 22 ssh-hostkey ssh-hostkey=K1"], "ssh-hostkey")
    w.see({".0.6": SERVER}, [".0.5"])
    w.see({".0.6": SERVER, ".0.5": hosts[".0.6"]})
    assert "distrusted" not in w.log() and (w.who(".0.6"), w.who(".0.5")) == (a, b), w.log()


def keys(w, asset, kind):
    return w.s.sql(f"SELECT string_agg(key, ' ' ORDER BY key) FROM inv.asset_key WHERE asset_id = '{asset}' AND kind = {kind} AND until = 'infinity'")


def test_another_host_key_beside_the_same_card_takes_the_place_of_the_old_one():
    w = world()
    w.see({".0.5": {**SERVER, "ssl-cert": "C1"}})
    a = w.who(".0.5")
    w.see({".0.5": {**SERVER, "ssl-cert": "C1", "ssh-hostkey": "K9"}})
    assert (w.who(".0.5"), keys(w, a, 4), w.log()) == (a, "K9", ""), (keys(w, a, 4), w.log())


def test_a_host_key_that_another_card_of_the_machine_shows_still_speaks_for_it():
    w = world()
    w.see({".0.5": SERVER})
    w.see({".0.5": {**SERVER, "ssh-hostkey": "K9"}, ".1.5": {"mac": G + "77", "ssh-hostkey": "K1"}})
    same(w, ".0.5", ".1.5")
    assert keys(w, w.who(".0.5"), 4) == "K1 K9", keys(w, w.who(".0.5"), 4)


# ------------------------------------------------------------------ several cards and addresses

def test_several_addresses_of_one_card():
    w = world()
    w.see({".0.5": {"mac": G + "01"}, ".0.6": {"mac": G + "01"}})
    same(w, ".0.5", ".0.6")


def test_several_cards_on_several_segments_are_one_machine():
    w = world()
    w.see({".0.1": {"mac": G + "01", "ssh-hostkey": "K1"}, ".1.1": {"mac": G + "02", "ssh-hostkey": "K1"}, ".2.1": {"ssh-hostkey": "K1"}})
    same(w, ".0.1", ".1.1")
    same(w, ".0.1", ".2.1")
    assert w.log() == "merged merged", w.log()
    assert w.see({".0.1": {"mac": G + "01", "ssh-hostkey": "K1"}, ".1.1": {"mac": G + "02", "ssh-hostkey": "K1"}, ".2.1": {"ssh-hostkey": "K1"}}) == ""


def test_two_cards_on_one_segment_under_one_name_are_one_machine():
    w = world()
    hosts = {".0.5": SERVER, ".0.6": {**SERVER, "mac": G + "02"}}
    w.see(hosts)
    same(w, ".0.5", ".0.6")
    assert w.see(hosts) == "" and "distrusted" not in w.log(), w.log()


def test_two_cards_that_answer_for_one_address_give_no_storm():
    w = world()
    host = {"ssh-hostkey": "K1", "name": "alpha.example"}
    told = [w.see({".0.5": {"mac": G + ("01" if i % 2 else "02"), **host}}) for i in range(12)]
    n = sum(t.count("host.replaced") for t in told)
    assert n <= 1, f"{n} replacements told: {told}"
    assert not any("host.replaced" in t for t in told[2:]), told


def test_two_cards_without_other_evidence_give_no_storm():
    w = world()
    told = [w.see({".0.5": {"mac": G + ("01" if i % 2 else "02")}}) for i in range(12)]
    assert sum(t.count("host.replaced") for t in told) <= 3, told


# ------------------------------------------------------------------ MAC addresses that do not name a device

def test_random_mac_addresses():
    w = world()
    w.hear(".0.5", "mdns-name", "phone.local")
    w.see({".0.5": {"mac": R + "01"}})
    a = w.who(".0.5")
    w.hear(".0.5", "mdns-name", "phone.local")
    told = w.see({".0.5": {"mac": R + "02"}})
    assert w.who(".0.5") == a and told == "", (w.log(), told)
    w.see({".0.8": {"mac": R + "02"}}, [".0.5"])
    assert w.who(".0.8") == a, "the random address is a key while it lasts: " + str(w.log())


def test_virtual_router_addresses_are_assets_of_their_own():
    for n, mac in enumerate(["00:00:5e:00:01:07", "00:00:0c:07:ac:01", "00:07:b4:00:01:01", "00:00:0c:9f:f0:01"]):
        w = world()
        r1 = {"mac": G + "01", "ssh-hostkey": "K1", "snmp-info": "E1"}
        r2 = {"mac": G + "02", "ssh-hostkey": "K2", "snmp-info": "E2"}
        told = ""
        for i in range(6):                                     # the master changes
            told = w.see({".0.1": {**(r1, r2)[i % 2], "mac": mac}, ".0.2": r1, ".0.3": r2})
            apart(w, ".0.1", ".0.2", ".0.3")
            v = v if i else w.who(".0.1")
            assert w.who(".0.1") == v and "host.replaced" not in told, (n, i, told, w.log())
        assert session.sql(f"SELECT grade FROM inv.asset WHERE asset_id = '{v}'") == "v"


def test_proxy_arp_for_many_addresses():
    w = world()
    hosts = {f".0.{i}": {"mac": G + "01", "ssh-hostkey": f"K{i}"} for i in range(10, 20)}
    w.see(hosts)
    apart(w, *hosts)
    assert w.see(hosts) == ""
    # a visit that sees only two of them must not put them together
    w.see({a: hosts[a] for a in (".0.10", ".0.11")})
    apart(w, *hosts)


def test_one_mac_address_with_different_host_keys():
    w = world()
    hosts = {".0.5": {"mac": G + "01", "ssh-hostkey": "K1"}, ".0.6": {"mac": G + "01", "ssh-hostkey": "K2"}}
    w.see(hosts)
    apart(w, ".0.5", ".0.6")
    a = w.who(".0.5"), w.who(".0.6")
    for _ in range(3):
        assert w.see(hosts) == ""
    assert a == (w.who(".0.5"), w.who(".0.6")), w.log()


# ------------------------------------------------------------------ copies, replacements, NAT

def test_clones_with_equal_host_keys():
    w = world()
    hosts = {f".0.{i}": {"mac": f"52:54:00:00:00:{i}", "ssh-hostkey": "K1", "name": f"vm{i}.example"} for i in range(10, 15)}
    w.see(hosts)
    apart(w, *hosts)
    assert "distrusted" in w.log(), w.log()
    before = [w.who(a) for a in hosts]
    assert w.see(hosts) == "" and before == [w.who(a) for a in hosts], w.log()


def test_clone_that_is_started_later():
    w = world()
    first = {".0.10": {"mac": "52:54:00:00:00:10", "ssh-hostkey": "K1", "name": "vm10.example"}}
    w.see(first)
    a = w.who(".0.10")
    w.see({**first, ".0.11": {"mac": "52:54:00:00:00:11", "ssh-hostkey": "K1", "name": "vm11.example"}})
    assert w.who(".0.10") == a
    apart(w, ".0.10", ".0.11")


def test_new_card_in_the_same_machine():
    w = world()
    w.see({".0.5": SERVER})
    a = w.who(".0.5")
    told = w.see({".0.5": {**SERVER, "mac": G + "99"}})
    assert w.who(".0.5") == a, w.log()
    assert "merged" in w.log() and told.count("host.replaced") <= 1, (w.log(), told)
    assert "host.replaced" not in w.see({".0.5": {**SERVER, "mac": G + "99"}})


def test_machine_that_was_set_up_anew():
    w = world()
    w.see({".0.5": SERVER})
    a = w.who(".0.5")
    told = w.see({".0.5": {**SERVER, "ssh-hostkey": "K9"}})
    assert w.who(".0.5") == a and told == "hostkey.changed .0.5/tcp/22/ssh-hostkey", (w.log(), told)


def test_machine_that_was_replaced():
    w = world()
    w.see({".0.5": SERVER})
    a = w.who(".0.5")
    told = w.see({".0.5": {"mac": G + "99", "ssh-hostkey": "K9", "name": "beta.example"}})
    assert w.who(".0.5") != a and told.count("host.replaced") == 1, (w.log(), told)


def test_replaced_behind_a_router():
    w = world()
    w.see({".0.5": {"ssh-hostkey": "K1", "snmp-info": "E1", "name": "alpha.example"}})
    a = w.who(".0.5")
    told = w.see({".0.5": {"ssh-hostkey": "K2", "snmp-info": "E2", "name": "beta.example"}})
    assert w.who(".0.5") != a and told.count("host.replaced") == 1, (w.log(), told)
    assert w.log() == "replaced", w.log()


def test_nat_with_several_machines_behind_one_address():
    w = world()
    nat = {".0.1": {"mac": G + "01", "ssh-hostkey": {22: "K1", 2222: "K2"}}}
    w.see(nat)
    a = w.who(".0.1")
    for _ in range(3):
        assert "host" not in w.see(nat)
    assert w.who(".0.1") == a
    w.see({**nat, ".1.7": {"mac": G + "07", "ssh-hostkey": "K1"}, ".2.8": {"mac": G + "08", "ssh-hostkey": "K2"}})
    apart(w, ".0.1", ".1.7", ".2.8")


# ------------------------------------------------------------------ by hand

def two(w):
    hosts = {".0.5": {"mac": G + "01", "ssh-hostkey": "K1"}, ".0.6": {"mac": G + "02", "ssh-hostkey": "K2"}}
    w.see(hosts)
    return hosts, w.who(".0.5"), w.who(".0.6")


def test_merge_by_hand_and_its_undoing():
    w = world()
    hosts, a, b = two(w)
    session.sql(f"SELECT api.annotate('{b}', 'eve', '{{\"owner\": \"eve\", \"label\": \"store\"}}'); SELECT api.tag('{b}', 'eve', '{{prod}}', '{{}}')")
    log = session.sql(f"SELECT api.merge_assets('{b}', '{a}', 'eve', 'two cards')")
    same(w, ".0.5", ".0.6")
    assert w.see(hosts) == "", "holds against evidence"
    same(w, ".0.5", ".0.6")
    assert session.sql(f"SELECT owner || ' ' || label || ' ' || tags[1] FROM report.annotation WHERE asset_id = '{a}'") == "eve store prod"
    session.sql(f"SELECT api.undo_identity({log}, 'eve', 'no')")
    assert (w.who(".0.5"), w.who(".0.6")) == (a, b), w.log()
    assert session.sql(f"SELECT owner || ' ' || label || ' ' || tags[1] FROM report.annotation WHERE asset_id = '{b}'") == "eve store prod"
    assert w.see(hosts) == "" and (w.who(".0.5"), w.who(".0.6")) == (a, b), w.log()
    for text, word in ((f"api.undo_identity({log}, 'eve', 'no')", "was undone"), (f"api.merge_assets('{a}', '{a}', 'eve', '')", "with itself"),
                       (f"api.merge_assets(gen_random_uuid(), '{a}', 'eve', '')", "there is no asset")):
        assert word in db.fails(f"SELECT {text}"), text


def test_merge_by_evidence_is_undone_for_good():
    w = world()
    hosts = {".0.1": {"mac": G + "01", "ssh-hostkey": "K1"}, ".1.1": {"mac": G + "02", "ssh-hostkey": "K1"}}
    w.see(hosts)
    same(w, ".0.1", ".1.1")
    session.sql(f"SELECT api.undo_identity(log_id, 'eve', 'clones') FROM inv.identity_log WHERE zone_id = {w.zone}")
    apart(w, ".0.1", ".1.1")
    before = w.who(".0.1"), w.who(".1.1")
    w.see(hosts)
    w.see({**hosts, ".1.1": {**hosts[".1.1"], "name": "new.example"}})
    assert before == (w.who(".0.1"), w.who(".1.1")), w.log()


def test_annotations_of_both_survive_a_merge_by_evidence_and_its_undoing():
    w = world()
    w.see({".0.1": {"mac": G + "01"}, ".1.1": {"mac": G + "02"}})
    a, b = w.who(".0.1"), w.who(".1.1")
    for asset, owner, tag in ((a, "ann", "prod"), (b, "bob", "dmz")):
        session.sql(f"SELECT api.annotate('{asset}', 'eve', '{{\"owner\": \"{owner}\", \"note\": \"of {owner}\"}}'); SELECT api.tag('{asset}', 'eve', '{{{tag}}}', '{{}}')")
    w.see({".0.1": {"mac": G + "01", "ssh-hostkey": "K1"}, ".1.1": {"mac": G + "02", "ssh-hostkey": "K1"}})
    same(w, ".0.1", ".1.1")
    now = w.who(".0.1")
    got = session.sql(f"SELECT owner || ' ' || tags::text || ' ' || replace(note, E'\\n', '+') FROM report.annotation WHERE asset_id = '{now}'")
    assert got in ("ann {dmz,prod} of ann+of bob", "bob {dmz,prod} of bob+of ann"), got
    session.sql(f"SELECT api.undo_identity(log_id, 'eve', 'no') FROM inv.identity_log WHERE zone_id = {w.zone} AND what = 'merged'")
    gone = b if now == a else a
    got = session.sql(f"SELECT owner || ' ' || tags::text || ' ' || note FROM report.annotation WHERE asset_id = '{gone}'")
    assert got == ("bob {dmz} of bob" if gone == b else "ann {prod} of ann"), got


def test_split_by_hand_and_its_undoing():
    w = world()
    hosts = {".0.5": {"mac": G + "01"}, ".0.6": {"mac": G + "01"}}
    w.see(hosts)
    a = w.who(".0.5")
    session.sql(f"SELECT api.annotate('{a}', 'eve', '{{\"label\": \"store\"}}')")
    log = session.sql(f"SELECT api.split_asset('{a}', '{{{w.net}.0.6}}', 'eve', 'a container')")
    apart(w, ".0.5", ".0.6")
    assert w.see(hosts) == ""
    apart(w, ".0.5", ".0.6")
    session.sql(f"SELECT api.undo_identity({log}, 'eve', 'it is not')")
    same(w, ".0.5", ".0.6")
    assert w.who(".0.5") == a and session.sql(f"SELECT label FROM inv.asset WHERE asset_id = '{a}'") == "store"
    assert "no other address" in db.fails(f"SELECT api.split_asset('{a}', '{{{w.net}.0.5,{w.net}.0.6}}', 'eve', '')")
    assert "is no address" in db.fails(f"SELECT api.split_asset('{a}', '{{{w.net}.0.9}}', 'eve', '')")


def test_the_verbs():
    muster = pathlib.Path(os.environ.get("MUSTER_BUILD") or pgtest.ROOT / "build") / "muster"
    if not muster.exists():
        return

    def run(*args, status=0):
        done = subprocess.run([muster, *args, "--database", db.conninfo], capture_output=True, text=True, check=False)
        assert done.returncode == status, (args, done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr

    w = world()
    _, a, b = two(w)
    first, second = w.net + ".0.5", w.net + ".0.6"
    number = re.match(r"decision (\d+): ", run("asset", "merge", second, first, "--by", "eve", "--reason", "two cards"))[1]
    same(w, ".0.5", ".0.6")
    text = run("asset", first, "--why")
    assert "ssh-hostkey" in text and "two cards" in text and "merged" in text and "eve" in text and b in text, text
    assert json.loads(run("asset", first, "--why", "--json"))["decisions"][0]["by_whom"] == "eve"
    run("asset", "undo", number)
    assert (w.who(".0.5"), w.who(".0.6")) == (a, b)
    assert "was undone" in run("asset", "undo", number, status=2)
    assert "no number of a decision" in run("asset", "undo", "x", status=2)
    assert "is no IP address" in run("asset", "split", first, "host", status=2)
    assert "no other address" in run("asset", "split", first, first, status=2)


def test_decisions_are_explained():
    w = world()
    w.see({".0.1": {"mac": G + "01", "ssh-hostkey": "K1"}, ".1.1": {"mac": G + "02", "ssh-hostkey": "K1"}})
    got = session.sql(f"SELECT what || ' ' || agreed::text || ' ' || score FROM report.identity_log WHERE zone = '{w.name}'")
    assert got.startswith("merged {ssh-hostkey} "), got
    got = session.sql(f"SELECT string_agg(kind || ' ' || key, ', ' ORDER BY kind, key) FROM report.asset_key WHERE asset_id = '{w.who('.0.1')}' AND until IS NULL")
    assert got == f"mac {G}01, mac {G}02, ssh-hostkey K1", got


# What scripts gave on recorded exchanges (tests/nse/scripts, tests/nse/recorded), and what it says of who is there.
RECORDED = [
    ("ssh-hostkey", [{"type": "ssh-ed25519", "bits": "256", "key": "AAAAC3Nza"}], {("ssh-hostkey", "AAAAC3Nza")}),
    ("ssl-cert", {"pubkey": {"type": "rsa", "bits": 2048, "modulus": "BC01"}, "sha1": "ab" * 20}, {("tls-key", "BC01"), ("tls-key", "ab" * 20)}),
    ("snmp-info", {"enterprise": "net-snmp", "engineIDFormat": "unknown", "engineIDData": "7a1f3c5e9b", "snmpEngineBoots": 3}, {("snmp-engine", "7a1f3c5e9b")}),
    ("smb-guid", {"guid": "04030201-0605-0807-090a-0b0c0d0e0ff0"}, {("smb-guid", "04030201-0605-0807-090a-0b0c0d0e0ff0")}),
    ("smb-guid", {"name": "NAS"}, {("name", "nas")}),
    ("nbstat", {"server_name": "FILES", "mac": {"address": "00:1b:21:00:0a:01", "manuf": "Intel Corporate"}}, {("name", "files"), ("mac", "00:1b:21:00:0a:01")}),
    ("smb-os-discovery", {"fqdn": "files.example", "server": "FILES"}, {("name", "files.example"), ("name", "files")}),
    ("enip-info", {"serialNumber": "0x00c0ffee"}, {("serial", "0x00c0ffee")}),
    ("s7-info", {"Serial Number": "S C-C2UR28922012"}, {("serial", "S C-C2UR28922012")}),
    ("ipp-info", {"UUID": "urn:uuid:11111111-2222-3333-4444-555555555555", "Serial": "PHCDB12345"},
     {("device-id", "urn:uuid:11111111-2222-3333-4444-555555555555"), ("serial", "PHCDB12345")}),
    ("upnp-info", {"UDN": "uuid:4d696e69-444c-164e-9d41-00089b990015"}, {("device-id", "uuid:4d696e69-444c-164e-9d41-00089b990015")}),
]
HEARD = [("dhcp-client-id", "ff1234", ("dhcp-client-id", "ff1234")), ("dhcpv6-duid", "0004aabb", ("dhcp-client-id", "0004aabb")),
         ("mdns-name", "Phone.local", ("mdns-name", "phone.local")), ("nbns-name", "PC", ("name", "pc")), ("lldp-chassis", "00:1b:21:00:00:77", ("lldp-chassis", "00:1b:21:00:00:77")),
         ("lldp-serial", "FCW1234", ("serial", "FCW1234")), ("ssdp-usn", "uuid:1", ("device-id", "uuid:1")), ("dhcp-client-id", "01001b21000001", None), ("lldp-serial", "0000", None)]


def shown(w, addr):
    got = session.sql(f"SELECT q.name || '|' || k.key FROM inv.addr_key k JOIN inv.key_kind q USING (kind) WHERE k.zone_id = {w.zone} AND k.addr = '{w.net}{addr}'")
    return {tuple(x.split("|")) for x in got.split("\n") if x}


def test_every_kind_of_evidence_arrives():
    w, arrived = world(), {"mac", "random-mac"}
    for n, (script, data, want) in enumerate(RECORDED, 1):
        addr, value, text = f".0.{n}", f"{script}={n}", json.dumps(data)
        w.see({addr: {"ssh-hostkey": "K1"}})
        session.sql(f"INSERT INTO inv.value_script(value, output, data) VALUES (t.val('{value}'), '', '{text}')")
        w.one_visit("scripts", [f"{addr} u"], [f"{addr} 22 {script} {value}"], script)
        got = shown(w, addr) - {("ssh-hostkey", "K1")}
        assert got == want, (script, got, want)
        arrived |= {kind for kind, _ in want}
    for n, (kind, key, want) in enumerate(HEARD, 1):
        addr = f".1.{n}"
        w.hear(addr, kind, key)
        w.see({addr: {"mac": G + "0" + str(n)}})
        got = shown(w, addr) - {("mac", G + "0" + str(n))}
        assert got == ({want} if want else set()), (kind, key, got)
        arrived |= {want[0]} if want else set()
    assert arrived == set(session.sql("SELECT name FROM inv.key_kind").split("\n")), arrived


def test_keys_that_scripts_declare_are_known_here():
    """What a script calls identity is evidence, but for what names a cluster or a repository: several machines share that."""
    shared = {("elasticsearch-info", "Cluster UUID"), ("http-svn-info", "Repository UUID"), ("prometheus-info", "Serial")}
    declared = set()
    for path in sorted((pgtest.ROOT / "scripts").glob("*.nse")):
        for words in re.findall(r"^identity = \{([^}]*)\}", path.read_text(), re.M):
            declared |= {(path.stem, word) for word in re.findall(r'"([^"]+)"', words)}
    known = set(tuple(x.split("|")) for x in session.sql("SELECT script || '|' || word FROM inv.key_path").split("\n"))
    assert declared - shared <= known, f"no path for {declared - shared - known}"


def test_zzz_invariants_hold_after_all_of_this():
    db.check_invariants()
    db.equal("nothing is due", "SELECT count(*) FROM inv.identity_due", 0)
    db.equal("places are the reverse of holders", "SELECT count(*) FROM (SELECT value AS asset_id, zone_id, addr FROM inv.fact_now WHERE attr_id = 0) f "
             "FULL JOIN inv.asset_place l USING (asset_id, zone_id, addr) WHERE l.addr IS NULL OR f.addr IS NULL", 0)


if __name__ == "__main__":
    with pgtest.Cluster() as pg:
        db = pg.database(migrated=True)
        db.sql(identity_world.SETUP)
        session = identity_world.Session(db)
        pgtest.run(globals())
