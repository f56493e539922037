# The synthetic camera: a raw MJPEG feed on TCP.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for ``rpicam-vid --codec mjpeg --listen -o tcp://...``.

JPEGs back to back, no delimiter, one client at a time. Each frame carries its number
and time in a COM segment, so that a test can follow it through the whole engine.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import re
import socket
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import attrs

from moonraker_prusacam.errors import ClosedError
from moonraker_prusacam.tasks import TaskOwner

from .scene import Pose, Scene, vase_outline

if TYPE_CHECKING:
    from collections.abc import Callable

# Small, so that a slow client gets new frames late instead of old ones for long.
SEND_BUFFER_BYTES = 256 * 1024
TRUNCATED_SHARE = 0.6
COM = b"\xff\xfe"
TAG = re.compile(
    rb"prusacam-test seq=(\d+) t_ns=(\d+) wall=(\S+) layer=(\d+|-) len=(\d+)"
)


class PrinterView(Protocol):
    """What the camera sees of a printer; the simulated printer has it."""

    def live_position(self) -> tuple[float, float, float]:
        """Where the nozzle's tip is, in mm."""
        ...

    @property
    def layer(self) -> int | None:
        """The layer that is printed, 1..total; 0 or None when there is none."""
        ...

    @property
    def total_layers(self) -> int | None:
        """Layers of the print, None when unknown."""
        ...


@attrs.frozen
class FrameTag:
    """What the COM segment of a synthetic frame says about it."""

    seq: int
    t_ns: int
    wall: str
    layer: int | None
    size_bytes: int


def add_tag(jpeg: bytes, seq: int, t_ns: int, wall: str, layer: int | None) -> bytes:
    """``jpeg`` with a COM segment right after SOI and APP0; ASCII, so never FF."""
    shown = "-" if layer is None else layer
    text = f"prusacam-test seq={seq} t_ns={t_ns} wall={wall} layer={shown} len="
    digits = 8
    size = 2 + len(text) + digits
    total = len(jpeg) + len(COM) + size
    comment = COM + size.to_bytes(2) + f"{text}{total:0{digits}d}".encode("ascii")
    place = 2
    if jpeg[2:4] == b"\xff\xe0":
        place += 2 + int.from_bytes(jpeg[4:6])
    return jpeg[:place] + comment + jpeg[place:]


def read_tag(jpeg: bytes) -> FrameTag | None:
    """The tag of a synthetic frame, None when ``jpeg`` has none."""
    place = 2
    while jpeg[place : place + 1] == b"\xff" and len(jpeg) >= place + 4:
        code, size = jpeg[place + 1], int.from_bytes(jpeg[place + 2 : place + 4])
        if code == 0xFE and (tag := TAG.fullmatch(jpeg[place + 4 : place + 2 + size])):
            seq, t_ns, wall, layer, length = (part.decode() for part in tag.groups())
            number = None if layer == "-" else int(layer)
            return FrameTag(int(seq), int(t_ns), wall, number, int(length))
        if code == 0xDA or size < 2:
            break
        place += 2 + size
    return None


class LoopingPrint:
    """A printer of its own, for a camera without one: a vase, again and again."""

    LAYER_HEIGHT_MM = 1.0
    LAYERS = 90
    LAYER_S = 1.2
    PARKED_LAYERS = 4

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()

    def _progress(self) -> float:
        """Layers since the start of this round, with their fraction."""
        layers = (self._clock() - self._started) / self.LAYER_S
        return layers % (self.LAYERS + self.PARKED_LAYERS)

    def live_position(self) -> tuple[float, float, float]:
        """Along the wall of the layer, or parked behind the finished print."""
        done = self._progress()
        if done >= self.LAYERS:
            return 20.0, 200.0, self.LAYERS * self.LAYER_HEIGHT_MM + 15
        z = math.floor(done + 1) * self.LAYER_HEIGHT_MM
        outline = vase_outline(z, self.LAYERS * self.LAYER_HEIGHT_MM)
        place = (done % 1) * len(outline)
        (x, y), (next_x, next_y) = (
            outline[(math.floor(place) + step) % len(outline)] for step in (0, 1)
        )
        along = place % 1
        return x + (next_x - x) * along, y + (next_y - y) * along, z

    @property
    def layer(self) -> int | None:
        """The layer that is printed, 1..total."""
        return min(self.LAYERS, math.floor(self._progress()) + 1)

    @property
    def total_layers(self) -> int | None:
        """Layers of the print."""
        return self.LAYERS


class SyntheticCamera:
    """Serves the picture of a printer as raw MJPEG to one TCP client at a time.

    A second client waits until the first has left. Frames are drawn only while a
    client takes them: for a slow one fewer are drawn, and none waits in memory.
    """

    def __init__(
        self,
        printer: PrinterView | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        width: int = 1280,
        height: int = 720,
        fps: float = 15.0,
        quality: int = 85,
        layer_height_mm: float = 0.2,
    ) -> None:
        if printer is None:
            printer, layer_height_mm = LoopingPrint(), LoopingPrint.LAYER_HEIGHT_MM
        self.host = host
        self.port = port
        self.frames_sent = 0
        self._printer: PrinterView = printer
        self._scene = Scene(width, height, layer_height_mm=layer_height_mm)
        self._interval_s = 1 / fps
        self._quality = quality
        self._seq = 0
        self._tasks = TaskOwner("synthetic camera")
        self._listener: socket.socket | None = None
        self._client: asyncio.Task[None] | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._closed = False
        self._truncate = False
        self._garbage = b""
        self._random = random.Random(9000)
        # A cancelled wait leaves its thread drawing, and a scene bears one at a time.
        self._drawing = threading.Lock()

    @property
    def connected(self) -> bool:
        """Whether a client is being served."""
        return self._client is not None

    async def start(self) -> None:
        """Listen; ``port`` tells the real port afterwards. OSError if it is taken."""
        if self._closed:
            raise ClosedError("the synthetic camera is closed")
        self._listen()

    async def aclose(self) -> None:
        """Drop the client and stop listening. Idempotent."""
        self._closed = True
        self._stop_listening()
        await self._tasks.aclose()

    def drop_client(self) -> None:
        """Close the connection of the client, if there is one."""
        if self._client is not None:
            self._client.cancel()

    def freeze(self, frozen: bool = True) -> None:
        """Stay connected and send nothing after the frame that is under way."""
        if frozen:
            self._flowing.clear()
        else:
            self._flowing.set()

    def pause_accepting(self, paused: bool = True) -> None:
        """Refuse connections, as if the process were gone; a client stays served."""
        if paused:
            self._stop_listening()
        else:
            self._listen()

    def send_garbage(self, size_bytes: int) -> None:
        """Send so many random bytes before the next frame."""
        self._garbage += self._random.randbytes(size_bytes)

    def truncate_next(self) -> None:
        """Send only the first part of the next frame."""
        self._truncate = True

    def _listen(self) -> None:
        if self._listener is None:
            # As many wait as rpicam-vid serves.
            listener = socket.create_server((self.host, self.port), backlog=1)
            listener.setblocking(False)
            self.port = listener.getsockname()[1]
            self._listener = listener
            self._watch_listener()

    def _stop_listening(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    def _watch_listener(self) -> None:
        if self._listener is not None and self._client is None:
            loop = asyncio.get_running_loop()
            loop.add_reader(self._listener, self._take_client, self._listener)

    def _take_client(self, listener: socket.socket) -> None:
        try:
            client, _ = listener.accept()
        except OSError:
            return  # gone before it was taken
        asyncio.get_running_loop().remove_reader(listener)
        client.setblocking(False)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._client = self._tasks.start("client", self._serve(client))
        self._client.add_done_callback(lambda _: self._client_left(client))

    def _client_left(self, client: socket.socket) -> None:
        client.close()
        self._client = None
        self._watch_listener()

    async def _serve(self, client: socket.socket) -> None:
        """Send frames until the client leaves or is dropped."""
        both = {
            self._tasks.start("client's end", _wait_until_left(client)),
            self._tasks.start("frames", self._send_frames(client)),
        }
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            await asyncio.wait(both)

    async def _send_frames(self, client: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            await self._flowing.wait()
            frame = await self._draw_frame()
            whole = not self._truncate
            if not whole:
                frame = frame[: round(len(frame) * TRUNCATED_SHARE)]
            frame, self._garbage, self._truncate = self._garbage + frame, b"", False
            try:
                await loop.sock_sendall(client, frame)
            except OSError:
                return
            self.frames_sent += whole
            # What a slow client made us miss is not drawn later.
            due = max(due + self._interval_s, loop.time())
            await asyncio.sleep(due - loop.time())

    async def _draw_frame(self) -> bytes:
        printer = self._printer
        pose = Pose(*printer.live_position(), printer.layer, printer.total_layers)
        self._seq += 1
        seq, t_ns = self._seq, time.monotonic_ns()
        wall = datetime.now(UTC).isoformat(timespec="milliseconds")
        wall = wall.replace("+00:00", "Z")
        jpeg = await asyncio.to_thread(self._draw_jpeg, pose, seq, wall)
        return add_tag(jpeg, seq, t_ns, wall, pose.layer)

    def _draw_jpeg(self, pose: Pose, seq: int, wall: str) -> bytes:
        with self._drawing:
            return self._scene.jpeg(pose, seq, wall, self._quality)


async def _wait_until_left(client: socket.socket) -> None:
    """Return when the client closes; what it sends is of no interest."""
    with contextlib.suppress(OSError):
        while await asyncio.get_running_loop().sock_recv(client, 4096):
            pass
