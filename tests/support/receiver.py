#!/usr/bin/env python3
"""A webhook receiver for tests: verifies Standard Webhooks signatures with Python's own hmac and writes one JSON line a request.

    receiver.py ADDRESS PORT SECRET-FILE LOG [STATUS-FILE]

Each log line: {"id", "type", "verified", "status", "at" (seconds of the epoch), "body"}.  STATUS-FILE, when given and present, holds the HTTP status
to answer with (default 200) and, perhaps, after how many seconds, so that a test can make the receiver fail, be slow and recover.
"""
import base64
import hashlib
import hmac
import http.server
import json
import pathlib
import sys
import time

TOLERANCE_S = 300


def verified(secret, headers, body):
    """True when one of the v1 signatures is right and the timestamp is fresh (Standard Webhooks 1.0.0)."""
    ident, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not stamp.isdigit() or abs(time.time() - int(stamp)) > TOLERANCE_S:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    want = base64.b64encode(hmac.new(key, f"{ident}.{stamp}.".encode() + body, hashlib.sha256).digest()).decode()
    given = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(f"v1,{want}", one) for one in given)


def main():
    address, port, secret_file, log = sys.argv[1:5]
    status_file = pathlib.Path(sys.argv[5]) if len(sys.argv) > 5 else None
    secret = pathlib.Path(secret_file).read_text().strip()
    out = open(log, "a", buffering=1)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            at = time.time()
            words = status_file.read_text().split() if status_file and status_file.exists() else ["200"]
            status = int(words[0])
            try:
                parsed = json.loads(body)
            except ValueError:
                parsed = None
            out.write(json.dumps({"id": self.headers.get("webhook-id"), "type": (parsed or {}).get("type"),
                                  "verified": verified(secret, self.headers, body), "status": status, "at": at, "body": parsed}) + "\n")
            time.sleep(float(words[1]) if len(words) > 1 else 0)
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    http.server.ThreadingHTTPServer.address_family = 10 if ":" in address else 2
    http.server.ThreadingHTTPServer((address, int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main()
