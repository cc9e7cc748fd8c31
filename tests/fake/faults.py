"""Faults that no real server shows on demand.

A fault is a JSON object: which request, what goes wrong, how often.

    {"do": "status", "code": 429, "retry_after": "1", "method": "GET", "path": "regex", "watch": true, "times": 2}

method, path (searched in path and query) and watch narrow it; times 0 is for ever, default 1.

    status    code [, retry_after, headers {}, body]   answers so; body default: a Status object; text: plain
    html      code                a web page
    empty     code                no body at all
    garbage                       200, not JSON
    huge      bytes               200, a JSON string of that length
    late      code [, retry_after]  does what it is asked for, and then answers so
    delay     ms                  waits, then goes on as usual
    mute                          never answers
    drop                          closes before any answer
    cut       bytes               closes after so many bytes of the answer
    dribble                       one byte a write
    expired                       watch: 200, then an ERROR event with code 410
    error     code                watch: 200, then an ERROR event with that code
    ended                         watch: 200, then a clean end
    line      text                watch: 200, then that text and a newline, then a clean end
    bigline   bytes               watch: 200, then a line of so many bytes, no end
    refuse    protocol            exec: 403 without a body if the client offers that subprotocol
    says      text                exec: in place of the command that is said, with success: it runs on this machine
    nopong                        exec: pings are not answered
    nostatus                      exec: closes at the end without a Status
    cutexec   bytes               exec: closes the connection after so many bytes of output
"""

import re
import threading


class Faults:
    def __init__(self):
        self.lock = threading.Lock()
        self.armed = []

    def add(self, fault):
        with self.lock:
            self.armed.append(dict(fault, left=fault.get("times", 1)))

    def clear(self):
        with self.lock:
            self.armed = []

    def take(self, method, path, kinds):
        """The first armed fault of these kinds that fits this request, used up by one; or None."""
        with self.lock:
            for fault in self.armed:
                if fault["do"] in kinds and self.fits(fault, method, path):
                    fault["left"] -= 1
                    if fault["left"] == 0:
                        self.armed.remove(fault)
                    return fault
        return None

    @staticmethod
    def fits(fault, method, path):
        if fault.get("method", method) != method:
            return False
        if "watch" in fault and fault["watch"] != ("watch=" in path):
            return False
        return re.search(fault.get("path", ""), path) is not None


class FaultyWriter:
    """A socket's writer that dribbles or stops."""

    def __init__(self, raw, fault):
        self.raw = raw
        self.step = 1 if fault["do"] == "dribble" else 1 << 20
        self.left = fault.get("bytes", 0) if fault["do"] == "cut" else None

    def write(self, data):
        for at in range(0, len(data), self.step):
            part = data[at:at + self.step]
            if self.left is not None:
                part = part[:self.left]
                self.left -= len(part)
            self.raw.write(part)
            self.raw.flush()
            if self.left == 0:
                raise BrokenPipeError("cut by a fault")
        return len(data)

    def flush(self):
        self.raw.flush()

    def close(self):
        self.raw.close()

    @property
    def closed(self):
        return self.raw.closed
