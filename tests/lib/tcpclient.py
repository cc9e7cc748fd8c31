"""What tests/e2e/ports does with a TCP port of this machine."""
import hashlib
import os
import socket
import sys
import threading


def connect(port):
    s = socket.create_connection(("127.0.0.1", int(port)))
    s.settimeout(100)
    return s


def send(s, data, end):
    s.sendall(data)
    if end:
        s.shutdown(socket.SHUT_WR)


def exactly(s, n):
    got = bytearray()
    while len(got) < n:
        piece = s.recv(min(1 << 20, n - len(got)))
        if not piece:
            break
        got += piece
    return bytes(got)


def rest(s):
    got = b""
    while piece := s.recv(65536):
        got += piece
    return got


def echo_one(port, n, good):
    data = os.urandom(n)
    with connect(port) as s:
        t = threading.Thread(target=send, args=(s, data, False))
        t.start()
        if exactly(s, n) == data:
            good.append(n)
        t.join()


def at_once(count, fn, *args):
    threads = [threading.Thread(target=fn, args=args) for _ in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def echo(port, count, n):
    good = []
    at_once(int(count), echo_one, port, int(n), good)
    print(len(good), "of", n, "bytes")


def read(port):
    """All that is said; reset when it is broken off before anything."""
    try:
        print(rest(connect(port)).decode().strip())
    except ConnectionResetError:
        print("reset")


def half_one(port, n, good):
    data = os.urandom(n)
    with connect(port) as s:
        send(s, data, True)
        if rest(s).split()[:1] == [hashlib.sha256(data).hexdigest().encode()]:
            good.append(n)


def half(port, n):
    good = []
    half_one(port, int(n), good)
    print("same" if good else "different")


def halves(port, count):
    good = []
    at_once(int(count), half_one, port, 100000, good)
    print(len(good), "same")


def beside(flood, port):
    """A connection that is not read, and another."""
    with connect(flood) as f:
        f.recv(1)
        good = []
        for _ in range(5):
            echo_one(port, 100000, good)
        f.recv(1)
        print("went on" if len(good) == 5 else "stopped")


def hold(port):
    with connect(port) as s:
        s.sendall(b"x")
        s.recv(1)
        print("there", flush=True)
        try:
            s.recv(1)
        except OSError:
            pass
        print("over", flush=True)


globals()[sys.argv[1]](*sys.argv[2:])
