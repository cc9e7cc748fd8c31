"""pods/exec over a WebSocket: a local process in a scratch folder behind the channel framing."""

import base64
import hashlib
import json
import os
import struct
import subprocess
import threading

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
SUPPORTED = ("v5.channel.k8s.io", "v4.channel.k8s.io")


def accept_key(key):
    return base64.b64encode(hashlib.sha1(key.encode() + MAGIC).digest()).decode()


def choose(offered):
    """The first that the client lists and we know, as the real server does."""
    for name in offered:
        if name in SUPPORTED:
            return name
    return None


class Socket:
    """Frames over a request handler's files."""

    def __init__(self, rfile, wfile):
        self.rfile, self.wfile = rfile, wfile
        self.lock = threading.Lock()

    def send(self, opcode, payload):
        n = len(payload)
        head = bytes([0x80 | opcode])
        if n < 126:
            head += bytes([n])
        elif n < 65536:
            head += struct.pack(">BH", 126, n)
        else:
            head += struct.pack(">BQ", 127, n)
        with self.lock:
            self.wfile.write(head + payload)
            self.wfile.flush()

    def exactly(self, n):
        data = self.rfile.read(n)
        if data is None or len(data) < n:
            raise EOFError
        return data

    def receive(self):
        first, second = self.exactly(2)
        n = second & 127
        if n == 126:
            n, = struct.unpack(">H", self.exactly(2))
        elif n == 127:
            n, = struct.unpack(">Q", self.exactly(8))
        mask = self.exactly(4) if second & 128 else b"\0\0\0\0"
        data = bytearray(self.exactly(n))
        for i in range(4):
            data[i::4] = bytes(b ^ mask[i] for b in data[i::4])
        return first & 15, bytes(data)


def status_of(code):
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    if code < 0:
        code = 128 - code
    return {"metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
            "message": "command terminated with non-zero exit code: exit status %d" % code,
            "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]}}


def no_such_program(name):
    return {"metadata": {}, "status": "Failure", "reason": "InternalError", "code": 500,
            "message": 'exec: "%s": executable file not found in $PATH: unknown' % name,
            "details": {"causes": [{"message": "executable file not found"}]}}


class Exec:
    def __init__(self, sock, query, folder, v5, take_fault, hang_up):
        self.sock, self.v5, self.hang_up = sock, v5, hang_up
        says = take_fault(("says",))
        self.command = ["echo", says["text"]] if says else query.get("command", ["true"])
        self.wants = {ch for ch, name in ((1, "stdout"), (2, "stderr"))
                      if query.get(name, ["false"])[0] not in ("0", "false")}
        self.stdin = query.get("stdin", ["false"])[0] not in ("0", "false")
        self.folder = folder
        self.no_pong = take_fault(("nopong",))
        self.no_status = take_fault(("nostatus",))
        cut = take_fault(("cutexec",))
        self.left = cut["bytes"] if cut else None

    def pump(self, channel, stream):
        while True:
            data = os.read(stream.fileno(), 32768)
            if not data:
                return
            if channel not in self.wants:
                continue
            if self.left is not None:
                data, self.left = data[:self.left], self.left - len(data)
            self.sock.send(2, bytes([channel]) + data)
            if self.left is not None and self.left <= 0:
                self.hang_up()
                return

    def take_input(self, process):
        try:
            while True:
                opcode, data = self.sock.receive()
                if opcode == 8:
                    break
                if opcode == 9 and not self.no_pong:
                    self.sock.send(10, data)
                if opcode != 2 or not data:
                    continue
                if data[0] == 0 and self.stdin and not process.stdin.closed:
                    process.stdin.write(data[1:])
                    process.stdin.flush()
                elif data == b"\xff\0" and self.v5:
                    process.stdin.close()
        except (EOFError, OSError, ValueError):
            pass
        if not process.stdin.closed:
            try:
                process.stdin.close()
            except OSError:
                pass

    def finish(self, status):
        if not self.no_status:
            self.sock.send(2, b"\x03" + json.dumps(status).encode())
            self.sock.send(8, struct.pack(">H", 1000))

    def run(self):
        self.sock.send(2, bytes([min(self.wants | {3})]))
        try:
            process = subprocess.Popen(self.command, cwd=self.folder, stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        except OSError:
            self.finish(no_such_program(self.command[0]))
            return
        threading.Thread(target=self.take_input, args=(process,), daemon=True).start()
        pumps = [threading.Thread(target=self.guarded, args=(channel, stream), daemon=True)
                 for channel, stream in ((1, process.stdout), (2, process.stderr))]
        for pump in pumps:
            pump.start()
        for pump in pumps:
            pump.join()
        self.finish(status_of(process.wait()))

    def guarded(self, channel, stream):
        try:
            self.pump(channel, stream)
        except (OSError, ValueError):
            pass
