#!/usr/bin/env python3
"""A TCP relay on loopback whose line can be unplugged: what a test puts between sbx and an API server.

relay.py --kubeconfig FILE --out FILE [--delay-ms N]
    makes a copy of a kubeconfig that points at the relay, prints "ready", then obeys lines on stdin:
    cut     every connection is reset, new ones are refused
    mute    nothing is relayed any more, connections stay open, new ones are accepted
    heal    back to normal
    refuse  connections that there are go on, new ones are refused
    mark    those that there are now are the old ones
    cutnew  the others are reset
    (end)   the relay ends
Standard library only.
"""
import argparse
import asyncio
import json
import re
import socket
import struct
import sys


class Relay:
    def __init__(self, host, port, delay):
        self.target = (host, port)
        self.delay = delay
        self.streams = set()
        self.old = set()
        self.open = asyncio.Event()
        self.open.set()
        self.server = None
        self.port = 0

    async def listen(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def copy(self, reader, writer):
        try:
            while data := await reader.read(65536):
                if self.delay:
                    await asyncio.sleep(self.delay)
                await self.open.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def serve(self, reader, writer):
        self.streams.add(writer)
        try:
            upstream = await asyncio.open_connection(*self.target)
        except OSError:
            writer.close()
            return
        self.streams.add(upstream[1])
        await asyncio.gather(self.copy(reader, upstream[1]), self.copy(upstream[0], writer))
        self.streams -= {writer, upstream[1]}

    async def cut(self, streams):
        for stream in list(streams):
            sock = stream.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            stream.transport.abort()
        self.streams -= streams

    async def obey(self):
        loop = asyncio.get_running_loop()
        stdin = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
        while line := await stdin.readline():
            word = line.decode().strip()
            if word == "cut":
                self.server.close()
                await self.cut(set(self.streams))
            elif word == "cutnew":
                await self.cut(self.streams - self.old)
            elif word == "mark":
                self.old = set(self.streams)
            elif word == "refuse":
                self.server.close()
            elif word == "mute":
                self.open.clear()
            elif word == "heal":
                self.open.set()
                if not self.server.is_serving():
                    await self.listen()
            print("done " + word, flush=True)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--delay-ms", type=float, default=0)
    args = parser.parse_args()
    with open(args.kubeconfig) as f:
        text = f.read()
    found = re.search(r'https://([0-9a-zA-Z.-]+):(\d+)', text)
    if not found:
        sys.exit("relay.py: no server of the form https://HOST:PORT in " + args.kubeconfig)
    relay = Relay(found.group(1), int(found.group(2)), args.delay_ms / 2000)
    await relay.listen()
    with open(args.out, "w") as f:
        f.write(text.replace(found.group(0), "https://127.0.0.1:%d" % relay.port))
    print("ready " + json.dumps({"port": relay.port}), flush=True)
    await relay.obey()


asyncio.run(main())
