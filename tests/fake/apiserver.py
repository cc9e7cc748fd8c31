#!/usr/bin/env python3
"""A scripted API server: Pods with list, watch, get, create, patch, delete and exec, and faults.

    apiserver.py [--tls [--san NAMES]] [--token T]... [--fault JSON]... [--ready-fd N] [--scratch DIR] [--bookmark-s S]

When it listens it writes one line to --ready-fd (default 1): the port, and with --tls behind a blank
the path of the CA file. It ends when its standard input ends. Loopback only.

POST /_control takes a JSON object and does what it says; members, each optional:

    clear: true             all faults go
    fault: {...}            faults.py
    put: {Pod}              adds or replaces a Pod as it is
    remove: "NS/NAME"
    compact: true           all resourceVersions so far are too old: 410
    watches: "end"|"drop"   ends every watch: cleanly, or the connection breaks
    execs: "drop"           the connections of all execs break
    tokens: ["..."]         which bearer tokens are good from now on ([]: any)
    clock: SECONDS          how far its clock (the Date header) is ahead
    warn: "text"            every answer carries a Warning: 299

and answers {"requests": [[METHOD, PATH], ...], "bodies": [...], "connections": N, "bookmarks": N}: what came
since the last control call.
"""

import argparse
import gzip
import http.server
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from faults import Faults, FaultyWriter  # noqa: E402
from store import Store, now, running, selected  # noqa: E402
import wsexec  # noqa: E402

REASONS = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict",
           410: "Expired", 422: "Invalid", 429: "TooManyRequests", 500: "InternalError",
           503: "ServiceUnavailable", 504: "Timeout"}


def status_object(code, message, reason=None, **details):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
            "reason": reason or REASONS.get(code, "Unknown"), "message": message, "details": details}


class World:
    """What all connections share."""

    def __init__(self, options):
        self.options = options
        self.store = Store()
        self.faults = Faults()
        self.tokens = options.token or []
        self.warn = None
        self.clock = 0
        self.lock = threading.Lock()  # all below
        self.requests, self.bodies, self.connections, self.bookmarks = [], [], 0, 0
        self.execs = set()  # what hangs each up; guarded as well
        for fault in options.fault or []:
            self.faults.add(json.loads(fault))

    def told(self):
        with self.lock:
            said = {"requests": self.requests, "bodies": self.bodies, "connections": self.connections,
                    "bookmarks": self.bookmarks}
            self.requests, self.bodies, self.connections, self.bookmarks = [], [], 0, 0
            return said


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    world = late = None

    def setup(self):
        super().setup()
        self.plain_wfile = self.wfile
        with self.world.lock:
            self.world.connections += 1

    def log_message(self, *args):
        pass

    def date_time_string(self, timestamp=None):
        return super().date_time_string((timestamp or time.time()) + self.world.clock)

    # --- answers

    def answer(self, code, body, kind="application/json", headers=None):
        late, self.late = self.late, None
        if late:
            self.fault_status(late)
            return
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        if self.world.warn:
            self.send_header("Warning", '299 - "%s"' % self.world.warn)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if len(data) > 1024 and "gzip" in self.headers.get("Accept-Encoding", ""):
            data = gzip.compress(data, 1)
            self.send_header("Content-Encoding", "gzip")
        if data or code != 204:
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def refuse(self, code, message, reason=None, **details):
        self.answer(code, status_object(code, message, reason, **details))

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def begin_chunks(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()

    def hang_up(self):
        self.close_connection = True
        try:
            self.connection.shutdown(2)
        except OSError:
            pass

    # --- faults

    def take(self, *kinds):
        return self.world.faults.take(self.command, self.path, kinds)

    def faulty(self):
        """True when a fault has answered."""
        fault = self.take("delay")
        if fault:
            time.sleep(fault["ms"] / 1000)
        fault = self.take("cut", "dribble")
        if fault:
            self.wfile = FaultyWriter(self.wfile, fault)
        self.late = self.take("late")
        fault = self.take("status", "html", "empty", "garbage", "huge", "mute", "drop")
        if not fault:
            return False
        getattr(self, "fault_" + fault["do"])(fault)
        return True

    def fault_status(self, fault):
        headers = dict(fault.get("headers") or {})
        if "retry_after" in fault:
            headers["Retry-After"] = str(fault["retry_after"])
        body = fault.get("body", status_object(fault["code"], fault.get("message", "by a fault")))
        if isinstance(body, str):
            self.answer(fault["code"], body.encode(), "text/plain", headers)
        else:
            self.answer(fault["code"], body, headers=headers)

    def fault_html(self, fault):
        page = "<html><head><title>%d from a proxy</title></head><body>no</body></html>" % fault["code"]
        self.answer(fault["code"], page.encode(), "text/html")

    def fault_empty(self, fault):
        self.answer(fault["code"], b"")

    def fault_garbage(self, fault):
        self.answer(200, b'{"kind": "PodList", "items": [')

    def fault_huge(self, fault):
        self.answer(200, b'"' + b"x" * fault["bytes"] + b'"')

    def fault_mute(self, fault):
        self.connection.settimeout(None)
        self.connection.recv(1)  # until the client has gone
        self.hang_up()

    def fault_drop(self, fault):
        self.hang_up()

    # --- routing

    def authorized(self):
        tokens = self.world.tokens
        return not tokens or self.headers.get("Authorization") in ["Bearer " + t for t in tokens]

    def handle_any(self):
        self.wfile = self.plain_wfile  # a fault's writer is for one request
        url = urllib.parse.urlsplit(self.path)
        self.query = urllib.parse.parse_qs(url.query, keep_blank_values=True)
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        try:
            if url.path == "/_control":
                self.control()
                return
            self.note()
            if self.faulty():
                return
            if not self.authorized():
                self.refuse(401, "Unauthorized")
                return
            self.route(url.path)
        except (BrokenPipeError, ConnectionError, ssl.SSLError):
            self.hang_up()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def note(self):
        with self.world.lock:
            self.world.requests.append([self.command, self.path])
            self.world.bodies.append(self.body.decode("utf-8", "replace"))

    def route(self, path):
        at = re.fullmatch(r"/api/v1(?:/namespaces/([^/]+))?/pods(?:/([^/]+)(?:/(\w+))?)?", path)
        if path == "/version":
            self.answer(200, {"gitVersion": "v1.0.0-fake"})
            return
        if not at:
            self.answer(404, b"404 page not found\n", "text/plain")
            return
        ns, name, sub = at.groups()
        verb = (self.command + ("_" + sub if sub else "_one" if name else "_all")).lower()
        method = getattr(self, "pods_" + verb, None)
        if not method:
            self.refuse(405, "the server does not allow this method on the requested resource")
            return
        method(ns, urllib.parse.unquote(name or ""))

    def control(self):
        world, orders = self.world, json.loads(self.body or b"{}")
        told = world.told()  # first: what an order sets off belongs to the next
        if orders.get("clear"):
            world.faults.clear()
        if "fault" in orders:
            world.faults.add(orders["fault"])
        if "put" in orders:
            world.store.put(orders["put"], keep_status=True)
        if "remove" in orders:
            world.store.remove(*orders["remove"].split("/"))
        if orders.get("compact"):
            world.store.compact()
        if "watches" in orders:
            world.store.end_watches(orders["watches"])
        if orders.get("execs") == "drop":
            with world.lock:
                running = list(world.execs)
            for hang_up in running:
                hang_up()
        if "tokens" in orders:
            world.tokens = orders["tokens"]
        world.clock = orders.get("clock", world.clock)
        if "warn" in orders:
            world.warn = orders["warn"]
        self.answer(200, told)

    # --- pods

    def asked(self, name):
        return self.query.get(name, [None])[0]

    def missing(self, name):
        self.refuse(404, 'pods "%s" not found' % name, name=name, kind="pods")

    def pods_get_all(self, ns, _):
        if (self.asked("watch") or "false") not in ("0", "false"):
            self.watch(ns)
            return
        rv, items = self.world.store.list(ns, self.asked("labelSelector"), self.asked("fieldSelector"))
        self.answer(200, {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": str(rv)},
                          "items": items})

    def pods_get_one(self, ns, name):
        pod = self.world.store.get(ns, name)
        self.answer(200, pod) if pod else self.missing(name)

    def pods_post_all(self, ns, _):
        pod = json.loads(self.body)
        meta = pod.setdefault("metadata", {})
        meta["namespace"] = ns
        if "name" not in meta:
            meta["name"] = meta.get("generateName", "pod-") + uuid.uuid4().hex[:5]
        if self.world.store.get(ns, meta["name"]):
            self.refuse(409, 'pods "%s" already exists' % meta["name"], "AlreadyExists",
                        name=meta["name"], kind="pods")
            return
        for member in ("uid", "resourceVersion", "creationTimestamp"):
            meta.pop(member, None)
        made = self.world.store.put({**pod, "status": {"phase": "Pending"}})
        pod.setdefault("status", running(made))
        self.world.store.put({**pod, "metadata": dict(made["metadata"])})  # no create is answered by one that runs
        self.answer(201, made)

    def pods_patch_one(self, ns, name):
        pod = self.world.store.get(ns, name)
        if not pod:
            self.missing(name)
            return

        def merge(into, patch):
            for key, value in patch.items():
                if value is None:
                    into.pop(key, None)
                elif isinstance(value, dict):
                    merge(into.setdefault(key, {}), value)
                else:
                    into[key] = value
        merge(pod, json.loads(self.body))
        self.answer(200, self.world.store.put(pod))

    def pods_delete_one(self, ns, name):
        pod = self.world.store.get(ns, name)
        options = json.loads(self.body or b"{}")
        uid = (options.get("preconditions") or {}).get("uid")
        if not pod:
            self.missing(name)
        elif uid and uid != pod["metadata"]["uid"]:
            self.refuse(409, 'Operation cannot be fulfilled on Pod "%s": the UID in the precondition (%s) '
                        "does not match the UID in record (%s)" % (name, uid, pod["metadata"]["uid"]))
        else:
            pod["metadata"]["deletionTimestamp"] = now()
            self.world.store.remove(ns, name)
            self.answer(200, pod)

    def pods_get_log(self, ns, name):
        if not self.world.store.get(ns, name):
            self.missing(name)
            return
        self.begin_chunks()
        for n in range(3):
            self.chunk(b"line %d\n" % n)
        self.chunk(b"")

    # --- watch

    def event(self, kind, obj):
        self.chunk(json.dumps({"type": kind, "object": obj}).encode() + b"\n")

    def watch_fault(self):
        """True when a fault has answered this watch."""
        fault = self.take("expired", "error", "ended", "line", "bigline")
        if not fault:
            return False
        self.begin_chunks()
        if fault["do"] == "expired":
            self.event("ERROR", status_object(410, "too old resource version: 1 (1000)"))
        elif fault["do"] == "error":
            self.event("ERROR", status_object(fault["code"], "by a fault"))
        elif fault["do"] == "line":
            self.chunk(fault["text"].encode() + b"\n")
        elif fault["do"] == "bigline":
            for _ in range(0, fault["bytes"], 1 << 20):
                self.chunk(b"x" * (1 << 20))
        self.chunk(b"")
        return True

    def watch(self, ns):
        store, given = self.world.store, self.asked("resourceVersion")
        select = self.asked("labelSelector"), self.asked("fieldSelector")
        with store.changed:
            at, epoch, oldest = int(given) if given else store.rv, store.watch_epoch, store.oldest
        if self.watch_fault():
            return
        if given and at < oldest:
            self.refuse(410, "too old resource version: %d (%d)" % (at, oldest))
            return
        self.begin_chunks()
        if not given:
            at, items = store.list(ns, *select)
            for item in items:
                self.event("ADDED", item)
        self.follow(ns, select, at, epoch)

    def follow(self, ns, select, at, epoch):
        store = self.world.store
        ends = time.monotonic() + float(self.asked("timeoutSeconds") or 3600)
        mark_s = self.world.options.bookmark_s
        mark = time.monotonic() + mark_s
        while time.monotonic() < ends:
            with store.changed:
                if store.watch_epoch == epoch and store.rv <= at:
                    store.changed.wait(min(0.5, max(0, mark - time.monotonic())))
                ended = store.watch_end if store.watch_epoch != epoch else None
                fresh, at = [e for e in store.history if e[0] > at], store.rv
            for _, kind, pod in fresh:
                if ns in (None, pod["metadata"]["namespace"]) and selected(pod, *select):
                    self.event(kind, pod)
            if ended == "drop":
                raise ConnectionError("dropped by order")
            if ended:
                break
            if time.monotonic() >= mark:
                mark += mark_s
                self.event("BOOKMARK", {"kind": "Pod", "metadata": {"resourceVersion": str(at)}})
                with self.world.lock:
                    self.world.bookmarks += 1
        self.chunk(b"")

    # --- exec

    def pods_get_exec(self, ns, name):
        if not self.world.store.get(ns, name):
            self.missing(name)
            return
        offered = [p.strip() for p in self.headers.get("Sec-WebSocket-Protocol", "").split(",")]
        refused = self.take("refuse")
        chosen = wsexec.choose(offered)
        if not chosen or (refused and refused["protocol"] in offered):
            self.answer(403, b"")
            return
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", wsexec.accept_key(self.headers["Sec-WebSocket-Key"]))
        self.send_header("Sec-WebSocket-Protocol", chosen)
        self.end_headers()
        self.wfile.flush()
        folder = os.path.join(self.world.options.scratch, ns, name)
        os.makedirs(folder, exist_ok=True)
        with self.world.lock:
            self.world.execs.add(self.hang_up)
        try:
            wsexec.Exec(wsexec.Socket(self.rfile, self.wfile), self.query, folder,
                        chosen.startswith("v5"), lambda kinds: self.take(*kinds), self.hang_up).run()
        finally:
            with self.world.lock:
                self.world.execs.discard(self.hang_up)
            self.hang_up()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    context = None

    def finish_request(self, request, client_address):
        """TLS is shaken on the connection's own thread, so that a mute client holds up nobody."""
        if self.context:
            request = self.context.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)

    def handle_error(self, request, client_address):
        pass


def make_certificate(folder, names):
    """A CA that is its own server certificate."""
    key, cert = os.path.join(folder, "key.pem"), os.path.join(folder, "ca.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", "/CN=fake", "-keyout", key, "-out", cert,
                    "-addext", "subjectAltName=" + names],
                   check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return key, cert


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--token", action="append")
    parser.add_argument("--fault", action="append")
    parser.add_argument("--ready-fd", type=int, default=1)
    parser.add_argument("--scratch")
    parser.add_argument("--san", default="DNS:localhost,IP:127.0.0.1", help="names in the certificate")
    parser.add_argument("--bookmark-s", type=float, default=60)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # through the clean-up of the folder

    with tempfile.TemporaryDirectory(prefix="fake-apiserver-") as folder:
        options.scratch = options.scratch or folder
        Handler.world = World(options)
        server = Server(("127.0.0.1", 0), Handler)
        line = str(server.server_address[1])
        if options.tls:
            key, cert = make_certificate(folder, options.san)
            server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            server.context.load_cert_chain(cert, key)
            line += " " + cert
        threading.Thread(target=server.serve_forever, daemon=True).start()
        os.write(options.ready_fd, line.encode() + b"\n")
        sys.stdin.buffer.read()  # whoever started us holds the other end


if __name__ == "__main__":
    main()
