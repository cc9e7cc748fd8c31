#!/usr/bin/env python3
"""Many runs through a mount: every byte of both outputs, every code, every status.

    runs.py [-s SEED] [-S] sequence N FOLDER   one after the other: cmd, stdout, stderr, exit, status
    runs.py [-s SEED] [-S] atonce N FOLDER     all at once: runs/new, runs/N/...
    runs.py [-s SEED] talk N FOLDER            all at once, each a conversation on one handle of cmd

FOLDER is a sandbox's folder in a mount. -S: the far end can tell a signal from an exit status.
What a run prints are pieces of a file of random bytes, which is put into the sandbox first; the
sandbox needs tail, head and a shell. Ends with 1 when anything differs, and says what.
"""
import argparse
import hashlib
import json
import os
import random
import signal
import sys
import threading
import time

POOL = 10 << 20
LARGEST = 5 << 20
SIGNALS = ["TERM", "KILL", "HUP", "USR1", "USR2", "ALRM"]  # a shell's background child ignores INT
POOL_PATH = "/tmp/sbx-runs-pool"
AT_MOST_S = 120  # for one blocking call


class Wrong(Exception):
    pass


def a_size(rnd):
    """Most are small, some are 5 MiB to the byte: 1,000 runs are some 200 MiB."""
    kind = rnd.random()
    if kind < 0.15:
        return 0
    if kind < 0.60:
        return rnd.randint(1, 4096)
    if kind < 0.90:
        return rnd.randint(1, 128 << 10)
    if kind < 0.985:
        return rnd.randint(1, 1 << 20)
    return LARGEST - rnd.choice([0, 0, 1, rnd.randint(0, 3 << 20)])


class Run:
    """What one run shall print and how it shall end."""

    def __init__(self, number, rnd, pool, wait=False):
        self.number = number
        self.pieces = {}
        for name in ("out", "err"):
            size = a_size(rnd)
            self.pieces[name] = (rnd.randint(0, POOL - size), size)
        self.code = rnd.choice([0, 0, rnd.randint(1, 255), rnd.randint(1, 255)])
        self.signal = rnd.choice(SIGNALS) if rnd.random() < 0.2 else None
        if self.signal:
            self.code = 128 + getattr(signal, "SIG" + self.signal)
        self.order = rnd.choice(["out, then err", "err, then out", "both at once"])
        self.wait = wait
        self.pool = pool

    def script(self):
        lines = []
        if self.wait:
            lines += ["echo ready", "read -r go || exit 99", '[ "$go" = go%d ] || exit 98' % self.number]
        show = {}
        for name, to in (("out", ""), ("err", " >&2")):
            at, size = self.pieces[name]
            show[name] = "tail -c +%d %s | head -c %d%s" % (at + 1, POOL_PATH, size, to)
        if self.order == "both at once":
            lines += [show["out"] + " &", show["err"], "wait"]
        else:
            lines += [show[name] for name in self.order.split(", then ")]
        lines.append("kill -s %s $$" % self.signal if self.signal else "exit %d" % self.code)
        return "\n".join(lines) + "\n"

    def bytes_of(self, name):
        at, size = self.pieces[name]
        first = b"ready\n" if self.wait and name == "out" else b""
        return first + self.pool[at:at + size]

    def check(self, name, got):
        want = self.bytes_of(name)
        if got.size != len(want) or got.hash.digest() != hashlib.sha256(want).digest():
            raise Wrong("std%s: %d bytes, wanted %d; the first %s differ"
                        % (name, got.size, len(want), got.first_difference(want)))

    def check_end(self, folder, told_apart):
        with open(folder + "/exit") as f:
            code = f.read()
        if code != "%d\n" % self.code:
            raise Wrong("exit: %r, wanted %d" % (code, self.code))
        with open(folder + "/status") as f:
            line = f.read()
        status = json.loads(line)
        state, want = status["state"], "signaled" if self.signal and told_apart else "exited"
        if state != want and not (self.signal and state in ("exited", "signaled") and not told_apart):
            raise Wrong("state %s, wanted %s: %s" % (state, want, line))
        if state == "signaled":
            want_signal = getattr(signal, "SIG" + self.signal)
            if status["signal"] != want_signal:
                raise Wrong("signal %s, wanted %d" % (status["signal"], want_signal))
        elif status["exit"] != self.code:
            raise Wrong("status says exit %s" % line)
        for name in ("out", "err"):
            size = len(self.bytes_of(name))
            if status["std" + name] != size or os.stat(folder + "/std" + name).st_size != size:
                raise Wrong("std%s is said to have %d bytes, its file %d, wanted %d" % (
                    name, status["std" + name], os.stat(folder + "/std" + name).st_size, size))


class Taken:
    """Reads a descriptor to its end, by pieces of the given size."""

    def __init__(self, piece, begun=b""):
        self.piece = piece
        self.hash = hashlib.sha256(begun)
        self.size = len(begun)
        self.head = bytearray(begun)
        self.error = None

    def read_all(self, fd):
        try:
            while True:
                got = os.read(fd, self.piece)
                if not got:
                    return
                self.hash.update(got)
                self.size += len(got)
                self.head += got
        except OSError as e:
            self.error = e

    def first_difference(self, want):
        n = min(len(want), len(self.head))
        if self.head[:n] == want[:n]:
            return "%d are the same, none" % n
        low, high = 0, n
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.head[:middle] == want[:middle] else (low, middle - 1)
        return "%d are the same, the next" % low


def in_threads(calls):
    threads = [threading.Thread(target=c[0], args=c[1:], daemon=True) for c in calls]
    for t in threads:
        t.start()
    for t in threads:
        t.join(AT_MOST_S)
        if t.is_alive():
            raise Wrong("a reader is still waiting after %d s" % AT_MOST_S)


def write(path, text):
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def take_both(run, rnd, fds):
    took = {name: Taken(rnd.choice([4096, 65536, 1 << 20])) for name in fds}
    in_threads([(took[name].read_all, fd) for name, fd in fds.items()])
    for name in fds:
        os.close(fds[name])
        if took[name].error:
            raise Wrong("std%s: %s" % (name, took[name].error))
        run.check(name, took[name])


def one(run, rnd, folder, told_apart):
    write(folder + "/cmd", run.script())
    if rnd.random() < 0.2:
        with open(folder + "/exit") as f:
            f.read()
    take_both(run, rnd, {n: os.open(folder + "/std" + n, os.O_RDONLY) for n in ("out", "err")})
    run.check_end(folder, told_apart)


def sequence(options, rnd, pool):
    slowest = 0
    for i in range(options.n):
        run = Run(i, rnd, pool)
        began = time.monotonic()
        try:
            one(run, rnd, options.folder, options.told_apart)
        except (Wrong, OSError) as e:
            yield "run %d: %s\n%s" % (i, e, run.script())
        slowest = max(slowest, time.monotonic() - began)
    print("# the slowest took %.0f ms" % (slowest * 1000))


def begin(run, options):
    """Opens runs/new, learns its number, starts it; returns its handle and its folder."""
    fd = os.open(options.folder + "/runs/new", os.O_RDWR)
    number = os.read(fd, 64)
    if not number.strip().isdigit() or not number.endswith(b"\n") or os.read(fd, 64):
        raise Wrong("a fresh runs/new gave %r" % number)
    folder = "%s/runs/%d" % (options.folder, int(number))
    os.write(fd, run.script().encode())
    os.close(os.dup(fd))  # a flush, by the process that opened it: it starts
    return fd, folder


def first_line(fd):
    line = b""
    while not line.endswith(b"\n"):
        got = os.read(fd, 6 - len(line))
        if not got:
            raise Wrong("it ended before it had begun: %r" % line)
        line += got
    return line


def finish(run, fd, folder, options, wrong):
    try:
        write(folder + "/stdin", "go%d\n" % run.number)
        rnd = random.Random(run.number)
        out, err = Taken(rnd.choice([4096, 65536]), b"ready\n"), Taken(65536)
        err_fd = os.open(folder + "/stderr", os.O_RDONLY)
        in_threads([(err.read_all, err_fd), (out.read_all, fd)])
        os.close(err_fd)
        for name, took in (("out", out), ("err", err)):
            if took.error:
                raise Wrong("std%s: %s" % (name, took.error))
            run.check(name, took)
        run.check_end(folder, options.told_apart)
        again = Taken(1 << 20)
        with open(folder + "/stdout", "rb") as f:
            again.read_all(f.fileno())
        run.check("out", again)
    except (Wrong, OSError) as e:
        wrong.append("run %d (%s): %s\n%s" % (run.number, folder, e, run.script()))


def atonce(options, rnd, pool):
    wrong, begun = [], []
    for i in range(options.n):
        run = Run(i, rnd, pool, wait=True)
        try:
            begun.append((run, *begin(run, options)))
        except (Wrong, OSError) as e:
            yield "run %d does not start: %s" % (i, e)
    began = time.monotonic()
    for run, fd, folder in begun:
        if first_line(fd) != b"ready\n":
            yield "%s: its first line is another's" % folder
    states = [json.load(open(folder + "/status"))["state"] for _, _, folder in begun]
    if states != ["running"] * options.n:
        yield "not all of them run: %s" % states
    print("# %d run at the same time; the last began after %.0f ms"
          % (len(begun), (time.monotonic() - began) * 1000))
    in_threads([(finish, run, fd, folder, options, wrong) for run, fd, folder in begun])
    for _, fd, _ in begun:
        os.close(fd)
    yield from wrong


def converse(run, options, wrong):
    try:
        fd = os.open(options.folder + "/cmd", os.O_RDWR)
        os.write(fd, run.script().encode())
        took = Taken(65536)
        took.read_all(fd)
        os.close(fd)
        if took.error:
            raise Wrong(took.error)
        run.check("out", took)
    except (Wrong, OSError) as e:
        wrong.append("conversation %d: %s\n%s" % (run.number, e, run.script()))


def talk(options, rnd, pool):
    wrong = []
    in_threads([(converse, Run(i, rnd, pool), options, wrong) for i in range(options.n)])
    yield from wrong


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("-s", dest="seed", type=int, default=3)
    p.add_argument("-S", dest="told_apart", action="store_true")
    p.add_argument("what", choices=["sequence", "atonce", "talk"])
    p.add_argument("n", type=int)
    p.add_argument("folder")
    options = p.parse_args()
    rnd = random.Random(options.seed)
    pool = rnd.randbytes(POOL)
    with open(options.folder + "/fs" + POOL_PATH, "wb") as f:
        f.write(pool)
    began = time.monotonic()
    wrong = list({"sequence": sequence, "atonce": atonce, "talk": talk}[options.what](options, rnd, pool))
    for text in wrong[:5]:
        print(text)
    print("# seed %d: %d runs, %d wrong, %.1f s"
          % (options.seed, options.n, len(wrong), time.monotonic() - began))
    sys.exit(1 if wrong else 0)


main()
