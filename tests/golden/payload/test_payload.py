#!/usr/bin/env python3
"""What each kind of receiver is sent: valid by the fixtures of tests/schema (written from the receivers' documentation), within the limits, with
all that a message has to tell, and without anything that a hostile peer could steer with.  KIND.expected holds three of them as text;
MUSTER_GOLDEN_WRITE=1 writes these anew, read the difference before it is committed."""
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/support"))
import jsonschema

DRIVER = pathlib.Path(os.environ["MUSTER_BUILD"]) / "tests/kind_driver"
HERE = pathlib.Path(__file__).parent
TIME = "2026-11-22T17:00:00.000Z"
# kind: (schema, bytes at most, events shown of a large group at least)
KINDS = {
    "webhook": ("webhook", 262144, 500), "cloudevents": ("cloudevents", 262144, 500), "cloudevents-binary": (None, 262144, 500),
    "slack": ("slack", 10000, 8), "mattermost": ("mattermost", 15000, 20), "teams": ("teams", 20000, 15), "discord": ("discord", 6000, 5),
    "ntfy": ("ntfy", 4000, 4), "gotify": ("gotify", 65536, 90), "pagerduty": ("pagerduty", 400000, 200), "opsgenie": ("opsgenie", 25000, 30),
    "alertmanager": ("alertmanager", 1048576, 500), "splunk": ("splunk", 524288, 500), "template": ("template", 65536, 90),
}
DATA = {"webhook", "cloudevents", "cloudevents-binary", "splunk"}


def event(port=8443, **more):
    return {"seq": 184467, "severity": "warning", "state": "firing", "dedup_key": "3f" * 32, "zone": "lan",
            "subject": {"kind": "port", "host": "192.0.2.17", "proto": "tcp", "port": port}, "summary": f"tcp/{port} opened on 192.0.2.17 (https)",
            "old": None, "new": {"service": "https", "product": "nginx"}, "labels": {"owner": "net"}, "first_seen": "2026-11-22T16:59:58+00:00", **more}


def group(n, **more):
    events = [event(1000 + i, id=f"evt_{i:04}", type="port.opened", **more) for i in range(n)]
    return {"kind": "group", "severity": "high", "state": "firing", "zone": "lan", "events": events, "truncated": 0,
            "incident": {"id": "inc_019ab2d41c5e8f0d", "number": 12, "state": "open", "since": "2026-11-22T16:00:00Z"},
            "group": {"route": "devices", "by": ["zone"], "key": {"zone": "lan"}},
            "counts": {"events": n, "new": n, "changed": 0, "gone": 0}, "window": {"from": "2026-11-22T16:00:00Z", "to": "2026-11-22T17:00:00Z"},
            "summary": f"{n} new, 0 changed, 0 gone since 2026-11-22T16:00:00Z (window 1h)", "more": "muster why incident 12"}


EVIL = ("\u202egnp.exe \x1b[31m</b> @everyone @channel <!channel> <@U123> [x](http://evil.example/) ![i](http://evil.example/i.png) "
        "http://evil.example/ `code` **bold** \"\\ \u200b")
FIXTURES = {
    "opened": ("port.opened", event()),
    "changed": ("certificate.changed", event(severity="high", summary="certificate of tcp/8443 on 192.0.2.17 changed", old={"subject": "CN=old"},
                                             new={"subject": "CN=new", "names": ["a.example.net", "b.example.net"]}, confidence=0.9,
                                             evidence={"method": "tls", "sensor": "hq"}, asset={"name": "mail gateway", "id": 7})),
    "closed": ("port.closed", event(severity="info", state="resolved", summary="tcp/8443 closed on 192.0.2.17", old={"service": "https"}, new=None)),
    "full": ("port.opened", event(first_line="1 new since 2026-11-22T16:59:58Z: tcp/8443 opened on 192.0.2.17 (https)", asset={"id": "0b61", "name": "mail gateway"},
                                  evidence={"pass": "ports", "seen": "2026-11-22T16:59:58Z"}, confidence="seen directly", more="muster asset 192.0.2.17")),
    "group": ("group", group(3)),
    "crowd": ("digest", group(500, summary="a port was opened on a host with a rather long name, as they come from inventories of offices")),
    "hostile": ("host.appeared", event(summary=EVIL, new={EVIL: [EVIL, 1]}, asset={"name": EVIL}, zone="lan")),
    "hostile group": ("group", dict(group(2, summary=EVIL, new=EVIL), summary=EVIL)),
    "huge": ("script.changed", event(old={"text": "x" * 150000}, new={"lines": ["\u202e" * 1000] * 100})),
}
GOLDEN = ("opened", "changed", "group")


def send_all():
    """{(kind, name): (url, headers, body)}, by one run of the driver."""
    asked = [(kind, name) for kind in KINDS for name in FIXTURES]
    lines = "".join("\t".join([kind, f"evt_{name.replace(' ', '_')}", FIXTURES[name][0], TIME, json.dumps(FIXTURES[name][1])]) + "\n" for kind, name in asked)
    done = subprocess.run([DRIVER], input=lines, capture_output=True, text=True, check=False)
    records = done.stdout.split("\x1e")[:-1]
    if done.returncode or len(records) != len(asked):
        sys.exit(f"driver: exit {done.returncode}, {len(records)} of {len(asked)} answers {done.stderr}")
    answers = {}
    for key, record in zip(asked, records):
        head, _, body = record.partition("\n\n")
        url, *lines = head.split("\n")
        answers[key] = url, dict(line.split(": ", 1) for line in lines if line), body
    return answers


def send(kind, name):
    return SENT[kind, name]


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for v in value:
            yield from strings(v)
    elif isinstance(value, dict):
        for k, v in value.items():
            yield k
            yield from strings(v)


def schema_of(kind, name):
    if kind == "opsgenie" and name == "closed":
        kind = "opsgenie-close"
    else:
        kind = KINDS[kind][0]
    path = ROOT / ("docs/schema" if kind == "webhook" else "tests/schema") / f"{kind}.json"
    return json.loads(path.read_text())


def data_of(kind, tree):
    return tree if kind == "cloudevents-binary" else tree["event"] if kind == "splunk" else tree["data"]


def check_schema(kind, name, tree):
    if KINDS[kind][0]:
        yield from jsonschema.faults(schema_of(kind, name), tree)
    if kind in DATA:
        webhook = json.loads((ROOT / "docs/schema/webhook.json").read_text())
        yield from jsonschema.faults({**webhook, "properties": {"data": webhook["properties"]["data"]}, "required": ["data"], "additionalProperties": True},
                                     {"data": data_of(kind, tree)})


def plain(kind, text):
    """As a person reads it there."""
    if kind == "discord":
        text = re.sub(r"\\(.)", r"\1", text)
    if kind == "slack":
        text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return text


def check_told(kind, name, tree):
    """First line, old, new, since when, how sure, asset, where, and how to ask for more."""
    kind_of_event, data = FIXTURES[name]
    text = plain(kind, "\n".join(strings(tree)))
    if name == "full":
        wanted = [data["first_line"], "nginx", "2026-11-22T16:59:58", "192.0.2.17", "mail gateway", "seen directly", "muster asset 192.0.2.17"]
        wanted += ["ports"] if kind != "template" else []
    elif "events" in data:
        wanted = ["3 new, 0 changed, 0 gone since 2026-11-22T16:00:00Z", "tcp/1002 opened", "nginx", "2026-11-22T16:59:58", "muster why incident 12"]
    else:
        first = {"opened": "1 new since ", "changed": "1 changed since ", "closed": "1 gone since "}[name]
        wanted = [first + "2026-11-22T16:59:58+00:00: " + data["summary"], "2026-11-22T16:59:58", "192.0.2.17", "muster asset 192.0.2.17"]
        wanted += {"opened": ["nginx", "seen directly"], "changed": ["CN=old", "b.example.net", "0.9", "mail gateway"], "closed": []}[name]
        wanted += ["tls"] if name == "changed" and kind != "template" else []
    for one in wanted:
        if one not in text:
            yield f"does not say {one!r}"


def check_harmless(kind, tree, body):
    for text in strings(tree):
        bad = re.search("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u200b-\\u200f\\u202a-\\u202e\\u2066-\\u2069\\ufeff]", text)
        if bad:
            yield f"a character that steers: {bad[0]!r} in {text!r:.100}"
        active = text
        if kind == "mattermost":
            active = re.sub("`[^`\n]*`", "", text)
        if kind == "discord":
            active = re.sub(r"\\.", "", text)
        if kind in ("mattermost", "discord") and re.search(r"@\w|\]\(|https?://|<|\*\*\w", active.replace("**", "", 2) if kind == "mattermost" else active):
            yield f"markup is active: {active!r:.200}"
    if kind == "discord" and tree["allowed_mentions"] != {"parse": []}:
        yield "mentions are allowed"
    if kind == "slack":
        yield from check_slack(tree)
    if kind == "teams" and "TextBlock\"" in body.replace("RichTextBlock", ""):
        yield "a TextBlock reads markup"


def check_slack(tree):
    """Only the text for notifications is read for what stands in <>; blocks are plain, so what is escaped would be shown escaped."""
    if tree["mrkdwn"] is not False or tree["parse"] != "none" or re.search("<[!@#h]", tree["text"]):
        yield f"a mention or a link: {tree['text']!r:.100}"
    for block in tree["blocks"]:
        for one in [*block.get("fields", []), *block.get("elements", []), *([block["text"]] if "text" in block else [])]:
            if one["type"] != "plain_text" or one["emoji"] is not False:
                yield f"text that Slack may turn into markup: {one}"
            if "&lt;" in one["text"]:
                yield f"escaped where nothing is: {one['text']!r:.100}"


def check_crowd(kind, tree):
    """What is not shown is counted."""
    if kind in DATA:
        data = data_of(kind, tree)
        shown, left = len(data["events"]), data["truncated"]
    else:
        text = plain(kind, "\n".join(strings(tree)))
        shown = len(set(re.findall(r"\btcp/1\d\d\d\b|(?<=_)0\d\d\d\b", text))) if kind == "alertmanager" else text.count("a port was opened on a host")
        if kind == "alertmanager":
            shown = len(tree)
        more = re.search(r"and (\d+) more", text)
        left = int(more[1]) if more else 0
    if kind != "template" and shown + left != 500:
        yield f"{shown} events shown and {left} counted, of 500"
    if shown < KINDS[kind][2]:
        yield f"only {shown} events fit, expected {KINDS[kind][2]}"


def check(kind, name):
    _, headers, body = send(kind, name)
    if len(body.encode()) > KINDS[kind][1]:
        yield f"{len(body.encode())} bytes, {KINDS[kind][1]} at most"
    tree = json.loads(body)
    if kind == "discord" and sum(map(len, strings(tree["embeds"]))) > 6000:
        yield "embeds of more than 6000 characters"
    yield from check_schema(kind, name, tree)
    if name == "full" or (name in ("opened", "changed", "closed", "group") and not (kind in DATA or (kind, name) == ("opsgenie", "closed"))):
        yield from check_told(kind, name, tree)
    if name.startswith("hostile") and kind not in ("template",):
        yield from check_harmless(kind, tree, body)
    if name == "crowd":
        yield from check_crowd(kind, tree)
    if any(re.search("[^\\x20-\\x7e]", v) for v in headers.values()):
        yield f"a header that is not printable ASCII: {headers}"


def check_golden(kind):
    got = ""
    for name in GOLDEN:
        url, headers, body = send(kind, name)
        got += f"== {name}\nPOST {url}\n" + "".join(f"{k}: {v}\n" for k, v in headers.items()) + json.dumps(json.loads(body), indent=1, ensure_ascii=False) + "\n"
    path = HERE / f"{kind}.expected"
    if os.environ.get("MUSTER_GOLDEN_WRITE"):
        path.write_text(got)
    if not path.exists() or path.read_text() != got:
        yield f"differs from {path.name}:\n{got[:3000]}"


def check_special():
    url, _, body = send("opsgenie", "closed")
    if url != "https://receiver.example.net/path/" + "3f" * 32 + "/close?identifierType=alias":
        yield f"opsgenie closes at {url}"
    _, _, body = send("pagerduty", "closed")
    if json.loads(body)["event_action"] != "resolve" or json.loads(body)["dedup_key"] != json.loads(send("pagerduty", "opened")[2])["dedup_key"]:
        yield "pagerduty does not close what it opened"
    opened, closed = (json.loads(send("alertmanager", n)[2])[0] for n in ("opened", "closed"))
    if opened["labels"] != closed["labels"] or closed["endsAt"] != closed["startsAt"] or opened["endsAt"] <= opened["startsAt"]:
        yield f"alertmanager does not close what it opened: {opened} {closed}"
    _, headers, _ = send("cloudevents-binary", "opened")
    if headers["ce-subject"] != "host/192.0.2.17/tcp/8443" or headers["ce-id"] != "evt_opened" or headers["ce-type"] != "muster.port.opened.v1":
        yield f"cloudevents: {headers}"
    for kind, header, value in (("gotify", "X-Gotify-Key", "t0ken"), ("ntfy", "Authorization", "Bearer t0ken"), ("opsgenie", "Authorization", "GenieKey t0ken"),
                                ("splunk", "Authorization", "Splunk t0ken"), ("webhook", "Authorization", "Bearer t0ken")):
        if send(kind, "opened")[1].get(header) != value:
            yield f"{kind}: {header} is {send(kind, 'opened')[1]}"


SENT = send_all()


def main():
    faults = [f"{kind}, {name}: {fault}" for kind in KINDS for name in FIXTURES for fault in check(kind, name)]
    faults += [f"{kind}: {fault}" for kind in KINDS for fault in check_golden(kind)]
    faults += list(check_special())
    print("\n".join(faults[:40]) or f"{len(KINDS)} kinds, {len(FIXTURES)} messages each")
    return bool(faults)


sys.exit(main())
