# What answers a connection first.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots straight from memory; everything else goes to aiohttp.

Clients that poll snapshots ask the same few bytes again and again on one connection.
Making aiohttp's request and response objects for them costs more than sending the
picture. So a connection is answered here as long as it asks plainly for a snapshot
that is there, and is handed to aiohttp for good with the first other request.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Sequence
from typing import Protocol

import httptools

MAX_HEAD_BYTES = 4096
HEAD_TIMEOUT_S = 5.0
IDLE_TIMEOUT_S = 75.0
STALL_TIMEOUT_S = 30.0
END_OF_HEAD = b"\r\n\r\n"
METHOD = b"GET "


class Snapshot(Protocol):
    """An answer that is ready to be sent."""

    @property
    def pieces(self) -> tuple[bytes, memoryview]:
        """Status line and headers with the empty line after them; the JPEG."""

    @property
    def size(self) -> int:
        """Bytes of all pieces."""


class SnapshotFeed(Protocol):
    """A place where the newest snapshot is."""

    @property
    def snapshot(self) -> Snapshot | None:
        """The newest one, unless it is too old."""


# A target, all headers as far as anybody wants them, and the name of the peer's socket.
Find = Callable[[bytes, Sequence[tuple[bytes, bytes]], object], SnapshotFeed | None]


class Front(asyncio.BufferedProtocol):
    """The first protocol of a connection; see the module.

    ``find`` gives the feed of the snapshots that a request is for, None where aiohttp
    is to answer; ``next_protocol`` makes aiohttp's protocol.
    """

    def __init__(
        self,
        find: Find,
        next_protocol: Callable[[], asyncio.Protocol],
        on_leave: Callable[[Front], None],
    ) -> None:
        self._find = find
        self._next_protocol = next_protocol
        self._on_leave = on_leave
        self._bytes = bytearray(MAX_HEAD_BYTES + 1)
        self._buffer = memoryview(self._bytes)
        self._filled = 0
        self._transport: asyncio.Transport | None = None
        self._descriptor = -1
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        # The last request that was answered, and where its snapshots come from.
        self._last_head = b""
        self._feed: SnapshotFeed | None = None
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._peer: object = None
        self._is_complete = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bound how long an answer may lie unread, and how long a head may take."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        sock = transport.get_extra_info("socket")
        sock.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALL_TIMEOUT_S * 1e3)
        )
        self._transport, self._descriptor = transport, sock.fileno()
        self._peer = transport.get_extra_info("peername")
        self._expect(HEAD_TIMEOUT_S)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The connection is gone."""
        self._leave()

    def close(self) -> None:
        """Close the connection; what is unsent is dropped."""
        if self._transport is not None:
            self._transport.abort()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        """Where the next bytes of the head go."""
        return self._buffer[self._filled :] if self._filled else self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Answer, wait for the rest of the head, or hand over."""
        # Who polls sends the same bytes again, and they mean the same.
        if (
            self._feed is not None
            and not self._filled
            and nbytes == len(self._last_head)
            and self._bytes.startswith(self._last_head)
            and (snapshot := self._ready(self._feed)) is not None
        ):
            self._send(snapshot)
            self._expect(IDLE_TIMEOUT_S)
            return
        self._filled += nbytes
        head = bytes(self._buffer[: self._filled])
        end = head.find(END_OF_HEAD)
        may_be_ours = METHOD.startswith(head[: len(METHOD)])
        if end < 0 and may_be_ours and len(head) <= MAX_HEAD_BYTES:
            if self._filled == nbytes:
                self._expect(HEAD_TIMEOUT_S)
            return
        snapshot = None
        if end == len(head) - len(END_OF_HEAD):
            snapshot = self._snapshot(head)
        if snapshot is None:
            self._hand_over(head)
            return
        self._filled = 0
        self._send(snapshot)
        self._expect(IDLE_TIMEOUT_S)

    def on_url(self, url: bytes) -> None:
        """Take the target (called by httptools)."""
        self._target += url

    def on_message_complete(self) -> None:
        """Note the end of the request (called by httptools)."""
        self._is_complete = True

    def _snapshot(self, head: bytes) -> Snapshot | None:
        """What answers the request ``head``, if it is one for a snapshot."""
        self._target, self._headers, self._is_complete = b"", [], False
        parser = httptools.HttpRequestParser(self)
        try:
            parser.feed_data(head)
        except httptools.HttpParserError:
            return None
        is_plain = self._is_complete and parser.should_keep_alive()
        if not is_plain or parser.get_method() != METHOD.strip():
            return None
        self._last_head = head
        self._feed = self._find(self._target, self._headers, self._peer)
        return None if self._feed is None else self._ready(self._feed)

    def _ready(self, feed: SnapshotFeed) -> Snapshot | None:
        """The snapshot to send, once the last one is out."""
        transport = self._transport
        if transport is None or transport.get_write_buffer_size():
            return None
        return feed.snapshot

    def _send(self, snapshot: Snapshot) -> None:
        sent = 0
        # From where they lie; what the kernel does not take is the transport's.
        with contextlib.suppress(BlockingIOError, ConnectionError):
            sent = os.writev(self._descriptor, snapshot.pieces)
        if sent == snapshot.size:
            return
        for piece in snapshot.pieces:
            if sent < len(piece) and self._transport is not None:
                self._transport.write(memoryview(piece)[sent:])
            sent = max(0, sent - len(piece))

    def _hand_over(self, head: bytes) -> None:
        """Let aiohttp go on with the connection, and with what it has said already."""
        transport = self._transport
        self._leave()
        if transport is None or transport.is_closing():
            return
        protocol = self._next_protocol()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(head)

    def _expect(self, timeout_s: float) -> None:
        """Close the connection unless it is heard of within ``timeout_s``."""
        self._deadline = self._loop.time() + timeout_s
        # A timer that runs out earlier looks again; a new one for every request would
        # cost as much as parsing it.
        if self._timer is None or self._timer.when() > self._deadline:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(self._deadline, self._check_deadline)

    def _check_deadline(self) -> None:
        self._timer = None
        if self._loop.time() >= self._deadline:
            self.close()
        else:
            self._timer = self._loop.call_at(self._deadline, self._check_deadline)

    def _leave(self) -> None:
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._on_leave(self)


class GuardedFront(Front):
    """One that has headers to show; to get them takes a third of the time."""

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header (called by httptools)."""
        self._headers.append((name, value))
