# Where controllers reach a camera of ours.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TCP server for peers that nobody knows.

The protocol has neither passwords nor lengths, so all that a peer can use up has a
bound: connections, the octets of a command, the time for it, the time without progress
of an answer. Where all connections are taken, the one goes that has waited longest with
nothing to do, so who only holds them keeps nobody out.

Each answer is one write: today's controllers read it as one piece.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from typing import TYPE_CHECKING

from moonraker_prusacam.errors import (
    MultiCamError,
    MultiCamMalformed,
    MultiCamUnavailable,
)
from moonraker_prusacam.log import StateLog
from moonraker_prusacam.multicam.protocol.commands import MAX_COMMAND_BYTES
from moonraker_prusacam.multicam.protocol.constants import DOWNLOAD_STALL_TIMEOUT
from moonraker_prusacam.multicam.protocol.framing import framed
from moonraker_prusacam.multicam.protocol.scanner import ObjectScanner
from moonraker_prusacam.networks import peer_address
from moonraker_prusacam.tasks import TaskOwner

from .movie import forget_cached

if TYPE_CHECKING:
    from moonraker_prusacam.networks import Networks

    from .responder import Responder, Transfer

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 32
STREAMERS = {8080: ": crowsnest and other streamers have that one"}
IDLE_TIMEOUT_S = 60.0
"""For a whole command: who sends it drop by drop gets no more."""

ANSWER_TIMEOUT_S = 60.0
CLOSE_TIMEOUT_S = 10.0
READ_BYTES = 8 << 10
CHUNK_BYTES = 256 << 10


class DeviceServer:
    """Listens for controllers of one device at ``host`` and ``port``, 0 for any."""

    def __init__(
        self, responder: Responder, host: str, port: int, networks: Networks
    ) -> None:
        self._responder = responder
        self._host = host
        self._port = port
        self._networks = networks
        self._server: asyncio.Server | None = None
        self._tasks = TaskOwner(f"multicam:{responder.device_id}")
        self._waiting: dict[asyncio.StreamWriter, None] = {}  # the longest first
        self._refused_log = StateLog(log, f"MultiCam device {responder.device_id}")
        self.refused = 0
        self.idle_timeout_s = IDLE_TIMEOUT_S
        self.stall_timeout_s = DOWNLOAD_STALL_TIMEOUT

    @property
    def port(self) -> int:
        """Where it listens, once it has been started."""
        return self._port

    @property
    def connections(self) -> int:
        """How many controllers are connected."""
        return len(self._tasks)

    async def start(self) -> None:
        """Listen; raises MultiCamUnavailable where the address is not to be had."""
        try:
            self._server = await asyncio.start_server(
                self._accept, self._host, self._port, limit=READ_BYTES
            )
        except OSError as error:
            # asyncio's words for what the system says are longer, and say no more.
            reason = os.strerror(error.errno).lower() if error.errno else str(error)
            where = f"{self._host}, port {self._port}"
            words = f"cannot listen at {where}: {reason}"
            if error.errno == errno.EADDRINUSE:
                words += f"; set another 'port'{STREAMERS.get(self._port, '')}"
            raise MultiCamUnavailable(words) from error
        self._port = self._server.sockets[0].getsockname()[1]

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        if self._server is not None:
            self._server.close()
        await self._tasks.aclose()

    def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        address = peer_address(writer.get_extra_info("peername"))
        if address not in self._networks:
            self.refused += 1
            self._refused_log.report(f"refuses {address}: not in 'networks'")
            writer.transport.abort()
        elif len(self._tasks) >= MAX_CONNECTIONS and not self._make_room():
            self.refused += 1
            writer.transport.abort()
        else:
            self._tasks.start(f"peer {address}", self._serve(reader, writer))

    def _make_room(self) -> bool:
        """Close a connection on which nothing is done; False if there is none."""
        self._refused_log.report(f"has {MAX_CONNECTIONS} connections, the most")
        for idle in self._waiting:
            del self._waiting[idle]
            idle.transport.abort()
            return True
        return False

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            await self._converse(reader, writer)
        except (OSError, TimeoutError) as error:
            log.debug("A controller has left: %s", error)
            writer.transport.abort()
        finally:
            await _close(writer)

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        scanner = ObjectScanner(MAX_COMMAND_BYTES)
        is_here = _is_here(writer)
        while True:
            try:
                self._waiting[writer] = None
                text = await self._next_command(reader, scanner)
            except MultiCamMalformed as error:
                # Nobody knows where the next command would begin.
                await self._write(writer, self._responder.refusal(error))
                return
            finally:
                self._waiting.pop(writer, None)
            if text is None:
                return
            answer = await self._responder.answer(text, is_here=is_here)
            if isinstance(answer, bytes):
                await self._write(writer, answer)
            else:
                await self._send(writer, answer)

    async def _next_command(
        self, reader: asyncio.StreamReader, scanner: ObjectScanner
    ) -> bytes | None:
        """The next command; None when the peer has gone. Raises TimeoutError."""
        async with asyncio.timeout(self.idle_timeout_s):
            while (text := scanner.take()) is None:
                octets = await reader.read(READ_BYTES)
                if not octets:
                    return None
                scanner.feed(octets)
            return text

    async def _write(self, writer: asyncio.StreamWriter, octets: bytes) -> None:
        writer.write(octets)
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            await writer.drain()

    async def _send(self, writer: asyncio.StreamWriter, transfer: Transfer) -> None:
        """Header and file, of which two chunks at most are in memory."""
        path = transfer.recorded.path
        try:
            descriptor = await asyncio.to_thread(
                os.open, path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
            )
        except OSError as error:
            gone = MultiCamError(f"{path.name} cannot be read: {error.strerror}")
            await self._write(writer, self._responder.refusal(gone))
            return
        try:
            await self._write(writer, framed(transfer.header))
            await self._send_file(writer, descriptor, transfer.header.fileSize)
        finally:
            await asyncio.to_thread(os.close, descriptor)

    async def _send_file(
        self, writer: asyncio.StreamWriter, descriptor: int, size_bytes: int
    ) -> None:
        sent = 0
        while sent < size_bytes:
            most = min(CHUNK_BYTES, size_bytes - sent)
            chunk = await asyncio.to_thread(_read, descriptor, most, sent)
            if not chunk:
                # The length has been announced: only an end tells that it was wrong.
                writer.transport.abort()
                raise ConnectionAbortedError("the file has become shorter")
            writer.write(chunk)
            sent += len(chunk)
            async with asyncio.timeout(self.stall_timeout_s):
                await writer.drain()


def _read(descriptor: int, size_bytes: int, begin: int) -> bytes:
    chunk = os.pread(descriptor, size_bytes, begin)
    forget_cached(descriptor, begin, len(chunk))
    return chunk


def _is_here(writer: asyncio.StreamWriter) -> bool:
    """Whether the peer is a program of this host."""
    peer, own = (writer.get_extra_info(name) for name in ("peername", "sockname"))
    return bool(peer and own and peer[0] == own[0])


async def _close(writer: asyncio.StreamWriter) -> None:
    """Send what was written, as far as the peer takes it in time."""
    writer.close()
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        pass
    finally:
        writer.transport.abort()
