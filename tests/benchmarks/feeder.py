# A camera's feed, as a process of its own.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serves tagged JPEGs back to back over TCP, at a fixed rate with absolute deadlines.

``python -m tests.benchmarks.feeder FPS FILE…`` prints its port. A client that has not
taken one frame when the next is due misses that one, as a camera would have it.
"""

from __future__ import annotations

import select
import signal
import socket
import sys
import time
from pathlib import Path

from tests.benchmarks.frames import TaggedFrame

LIFETIME_S = 900
SEND_BUFFER_BYTES = 1 << 20


class Client:
    """One that is fed."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self.unsent: list[memoryview] = []

    def send(self) -> None:
        """Send what the socket takes; raises OSError when the client left."""
        try:
            count = self.socket.sendmsg(self.unsent)
        except BlockingIOError:
            return
        while self.unsent and count >= len(self.unsent[0]):
            count -= len(self.unsent.pop(0))
        if count:
            self.unsent[0] = self.unsent[0][count:]


class Feeder:
    """Feeds all who connect; each frame's time is taken when it goes to its client."""

    def __init__(self, fps: float, frames: list[TaggedFrame]) -> None:
        self._interval_ns = round(1e9 / fps)
        self._frames = frames
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._clients: dict[int, Client] = {}
        self._poller = select.epoll()
        self._poller.register(self._listener, select.EPOLLIN)
        self.port: int = self._listener.getsockname()[1]

    def run(self) -> None:
        """Feed for ever."""
        due_ns = time.monotonic_ns()
        seq = 0
        while True:
            seq += 1
            due_ns += self._interval_ns
            while (left_ns := due_ns - time.monotonic_ns()) > 0:
                for descriptor, events in self._poller.poll(left_ns / 1e9):
                    self._attend(descriptor, events)
            for client in list(self._clients.values()):
                self._feed(client, seq)

    def _attend(self, descriptor: int, events: int) -> None:
        if descriptor == self._listener.fileno():
            client = Client(self._listener.accept()[0])
            self._clients[client.socket.fileno()] = client
            self._poller.register(client.socket, 0)
        elif events & (select.EPOLLHUP | select.EPOLLERR):
            self._drop(self._clients[descriptor])
        else:
            self._send(self._clients[descriptor])

    def _feed(self, client: Client, seq: int) -> None:
        if client.unsent:
            return
        frame = self._frames[seq % len(self._frames)]
        pieces = frame.pieces(seq, time.monotonic_ns())
        client.unsent = [memoryview(piece) for piece in pieces]
        self._send(client)

    def _send(self, client: Client) -> None:
        try:
            client.send()
        except OSError:
            self._drop(client)
            return
        self._poller.modify(client.socket, select.EPOLLOUT if client.unsent else 0)

    def _drop(self, client: Client) -> None:
        self._poller.unregister(client.socket)
        del self._clients[client.socket.fileno()]
        client.socket.close()


def main() -> None:
    """Feed until killed."""
    signal.alarm(LIFETIME_S)
    fps, *files = sys.argv[1:]
    frames = [TaggedFrame(Path(file).read_bytes()) for file in files]
    for frame in frames:
        frame.sum  # noqa: B018  # takes some milliseconds; not while feeding
    feeder = Feeder(float(fps), frames)
    print(feeder.port, flush=True)
    feeder.run()


if __name__ == "__main__":
    main()
