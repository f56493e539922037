# The camera of an emulated A1 or P1.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for TLS port 6000 of a Bambu Lab printer, strict, with faults to order.

Confirmed by clients that work: greeting, headers, that a second viewer ends the first
one, that a wrong access code gets no picture. Whether the connection is closed then or
stays silent is not known for all of them, so it can be chosen.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import hmac
import random
import socket
import struct
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.tasks import TaskOwner

from .camera import LoopingPrint, add_tag
from .listener import Listener
from .scene import Pose, Scene

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

GREETING_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 1.0
TRICKLE_S = 1.0
GREETING_BYTES = 80
GREETING_BEGIN = struct.pack("<IIII", 0x40, 0x3000, 0, 0)
USER = b"bblp"
FIELD_BYTES = 32
HEADER = struct.Struct("<IIII")
KEPT_SHARE = 0.6
RESET = struct.pack("ii", 1, 0)
SIZE, QUALITY = (1280, 720), 80


class FaultKind(enum.StrEnum):
    """What goes wrong."""

    # Instead of the TLS handshake, as when all connections are taken.
    NO_HANDSHAKE = "no handshake"
    # After so many bytes.
    RESET = "reset"
    CLOSE = "close"
    SILENCE = "silence"
    TRICKLE = "trickle"
    # After so many pictures, in each one.
    WRONG_SIZE = "wrong size"
    GARBAGE = "garbage"
    DAMAGED = "damaged"
    TRUNCATED = "truncated"


@attrs.frozen
class Fault:
    """What goes wrong on a connection; ``size_bytes`` is what a header then says."""

    kind: FaultKind
    after: int = 0
    size_bytes: int = 0


@attrs.define(eq=False)
class Viewer:
    """One connection: what it said, what it got, and how it ended."""

    heard: bytes = attrs.field(default=b"", repr=False)
    pictures: int = 0
    sent_bytes: int = 0
    verdict: str = "open"
    fault: Fault | None = None
    task: asyncio.Task[None] | None = attrs.field(default=None, repr=False)


class Ended(Exception):
    """A fault or the viewer has ended the connection; the text is the verdict."""


class Drawing:
    """Pictures of a print that goes on for ever, numbered in their COM segments."""

    def __init__(self) -> None:
        self._printer = LoopingPrint()
        self._scene = Scene(*SIZE, layer_height_mm=LoopingPrint.LAYER_HEIGHT_MM)

    def __call__(self, number: int) -> bytes:
        """Draw picture ``number``; blocks, and is for one thread at a time."""
        printer = self._printer
        pose = Pose(*printer.live_position(), printer.layer, printer.total_layers)
        wall = datetime.now(UTC).isoformat(timespec="milliseconds")
        wall = wall.replace("+00:00", "Z")
        jpeg = self._scene.jpeg(pose, number, wall, QUALITY)
        return add_tag(jpeg, number, time.monotonic_ns(), wall, pose.layer)


class ChamberCamera:
    """Serves one viewer at a time; ``port`` is the real one after ``start``.

    ``draw`` makes the picture of a number, in a thread. ``context``, ``access_code``
    and ``fault`` count for connections that come after they were set.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        draw: Callable[[int], bytes],
        *,
        access_code: str,
        host: str = "127.0.0.1",
        port: int = 0,
        fps: float = 2.0,
        closes_on_wrong_code: bool = True,
    ) -> None:
        self.context = context
        self.host = host
        self.port = port
        self.access_code = access_code
        self.closes_on_wrong_code = closes_on_wrong_code
        self.fault: Fault | None = None
        self.trickle_s = TRICKLE_S
        self.viewers: list[Viewer] = []
        self.open = 0
        self.most_open = 0
        self._draw = draw
        self._interval_s = 1 / fps
        self._number = 0
        self._random = random.Random(6000)
        self._watched: Viewer | None = None
        self._changed = asyncio.Condition()
        self._tasks = TaskOwner("chamber camera")
        self._listener = Listener(self._tasks, self._serve)

    async def start(self) -> None:
        """Listen; OSError if the port is taken."""
        self.port = self._listener.open(self.host, self.port)

    async def aclose(self) -> None:
        """Stop listening and drop all viewers. Idempotent."""
        self._listener.close()
        await self._tasks.aclose()

    async def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> None:
        """Wait until ``condition`` holds; asked whenever anything happens here."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(condition)

    async def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        viewer = Viewer(fault=self.fault, task=asyncio.current_task())
        self.viewers.append(viewer)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        writer: asyncio.StreamWriter | None = None
        try:
            await self._tell()
            reader, writer = await self._shake_hands(viewer, connection)
            await self._greet(viewer, reader)
            await self._show(viewer, reader, writer)
        except Ended as ended:
            viewer.verdict = str(ended)
        except (OSError, EOFError) as error:
            viewer.verdict = f"the viewer left ({type(error).__name__})"
        except asyncio.CancelledError:
            viewer.verdict = "somebody else came"
        finally:
            if self._watched is viewer:
                self._watched = None
            if writer is None:
                connection.close()
            else:
                await _close(writer)
            self.open -= 1
            await self._tell()

    async def _shake_hands(
        self, viewer: Viewer, connection: socket.socket
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        if viewer.fault and viewer.fault.kind is FaultKind.NO_HANDSHAKE:
            while await loop.sock_recv(connection, 4096):
                pass
            raise Ended("left without an answer")
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol,
            connection,
            ssl=self.context,
            ssl_shutdown_timeout=CLOSE_TIMEOUT_S,
        )
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def _greet(self, viewer: Viewer, reader: asyncio.StreamReader) -> None:
        """Return when the viewer may see pictures."""
        try:
            async with asyncio.timeout(GREETING_TIMEOUT_S):
                while len(viewer.heard) < GREETING_BYTES:
                    octets = await reader.read(GREETING_BYTES - len(viewer.heard))
                    if not octets:
                        raise Ended("left before it had greeted")
                    viewer.heard += octets
        except TimeoutError:
            raise Ended("did not greet") from None
        begin, user, code = (
            viewer.heard[: -2 * FIELD_BYTES],
            viewer.heard[-2 * FIELD_BYTES : -FIELD_BYTES],
            viewer.heard[-FIELD_BYTES:],
        )
        if begin != GREETING_BEGIN or user != USER.ljust(FIELD_BYTES, b"\0"):
            raise Ended("did not greet as it should")
        wanted = self.access_code.encode().ljust(FIELD_BYTES, b"\0")
        if not hmac.compare_digest(code, wanted):
            if not self.closes_on_wrong_code:
                await _leaves(reader)
            raise Ended("wrong access code")
        if self._watched is not None and self._watched.task is not None:
            self._watched.task.cancel()
        self._watched = viewer

    async def _show(
        self,
        viewer: Viewer,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        pictures = asyncio.ensure_future(self._send_pictures(viewer, writer))
        end = asyncio.ensure_future(_leaves(reader))
        try:
            await asyncio.wait({pictures, end}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            pictures.cancel()
            end.cancel()
            await asyncio.wait({pictures, end})
        for ended in (pictures, end):
            if not ended.cancelled():
                ended.result()
        raise Ended("the viewer left")

    async def _send_pictures(
        self, viewer: Viewer, writer: asyncio.StreamWriter
    ) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            self._number += 1
            picture = await asyncio.to_thread(self._draw, self._number)
            header, picture = self._packet(viewer, picture)
            await self._send(viewer, writer, header)
            await self._send(viewer, writer, picture)
            viewer.pictures += 1
            await self._tell()
            due_s = max(due_s + self._interval_s, loop.time())
            await asyncio.sleep(due_s - loop.time())

    def _packet(self, viewer: Viewer, picture: bytes) -> tuple[bytes, bytes]:
        """Header and payload, with what goes wrong in them."""
        fault, size = viewer.fault, len(picture)
        if fault is not None and viewer.pictures >= fault.after:
            match fault.kind:
                case FaultKind.WRONG_SIZE:
                    size = fault.size_bytes
                case FaultKind.GARBAGE:
                    picture = self._random.randbytes(size)
                case FaultKind.DAMAGED:
                    picture = picture[:4] + self._random.randbytes(size - 4)
                case FaultKind.TRUNCATED:
                    picture = picture[: round(size * KEPT_SHARE)]
                    size = len(picture)
        return HEADER.pack(size, 0, 1, 0), picture

    async def _send(
        self, viewer: Viewer, writer: asyncio.StreamWriter, data: bytes
    ) -> None:
        fault = viewer.fault
        end = len(data)
        if fault is not None and fault.kind in (
            FaultKind.RESET,
            FaultKind.CLOSE,
            FaultKind.SILENCE,
            FaultKind.TRICKLE,
        ):
            end = max(0, min(end, fault.after - viewer.sent_bytes))
        await _write(viewer, writer, data[:end])
        if fault is None or end == len(data):
            return
        match fault.kind:
            case FaultKind.RESET:
                connection = writer.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                writer.transport.abort()
                raise Ended("reset")
            case FaultKind.CLOSE:
                raise Ended("closed")
            case FaultKind.SILENCE:
                await asyncio.Event().wait()
        for octet in data[end:]:
            await _write(viewer, writer, bytes([octet]))
            await asyncio.sleep(self.trickle_s)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


async def _write(viewer: Viewer, writer: asyncio.StreamWriter, data: bytes) -> None:
    # A transport that is closing takes everything and sends nothing.
    if writer.is_closing():
        raise ConnectionResetError
    writer.write(data)
    await writer.drain()
    viewer.sent_bytes += len(data)


async def _leaves(reader: asyncio.StreamReader) -> None:
    """Return when the viewer has left; it has nothing more to say until then."""
    if await reader.read(1):
        raise Ended("talked after its greeting")


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
