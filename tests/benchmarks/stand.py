# All that is running while the benchmarks measure.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames, feeder, engines and bare servers, each made when it is first needed."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Self, TypeVar

import attrs

from . import native
from .engine import Engine
from .frames import FANOUT_BYTES, MIXED_BYTES, TaggedFrame, make_frames
from .processes import Child

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

AnyChild = TypeVar("AnyChild", bound=Child)

FPS = 30
BOUNDARY = b"bareserver"
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\n"
    b"Content-Type: multipart/x-mixed-replace; boundary=" + BOUNDARY + b"\r\n"
    b"Connection: close\r\n\r\n"
    b"--" + BOUNDARY + b"\r\n"
)


@attrs.frozen
class Server:
    """Somebody who serves: the engine, or a bare server."""

    pid: int
    port: int


class Stand:
    """Owns all processes; ``scale`` shortens every measurement."""

    def __init__(
        self,
        folder: Path,
        *,
        rounds: int = 5,
        scale: float = 1.0,
        picture_size: tuple[int, int] = (1920, 1080),
        fanout_bytes: Sequence[int] = FANOUT_BYTES,
        mixed_bytes: Sequence[int] = MIXED_BYTES,
    ) -> None:
        self.folder = folder
        self.rounds = rounds
        self.scale = scale
        self._picture_size = picture_size
        self._fanout_bytes = tuple(fanout_bytes)
        self._mixed_bytes = tuple(mixed_bytes)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    @cached_property
    def programs(self) -> native.Programs:
        """What is written in C."""
        return native.build(self.folder)

    @cached_property
    def mixed(self) -> bytes:
        """One frame of each size, back to back."""
        frames = make_frames(self._mixed_bytes, self._picture_size)
        return b"".join(frame.tagged(seq) for seq, frame in enumerate(frames, 1))

    @cached_property
    def fanout(self) -> list[TaggedFrame]:
        """Frames of one size; what the feeder sends by turns."""
        return make_frames(self._fanout_bytes, self._picture_size)

    @cached_property
    def feeder_port(self) -> int:
        """The port of the camera's feed."""
        files = []
        for number, frame in enumerate(self.fanout):
            files.append(self.folder / f"fanout{number}.jpg")
            files[-1].write_bytes(frame.jpeg)
        return int(self.start_python("feeder", str(FPS), *files).read_line())

    @cached_property
    def engine(self) -> Engine:
        """The engine as its users run it."""
        return self._own(Engine(self.folder / "engine", self.feeder_port))

    @cached_property
    def stalled_engine(self) -> Engine:
        """An engine that can be stalled by signals."""
        library = self.programs.library
        return self._own(Engine(self.folder / "stalled", self.feeder_port, library))

    @cached_property
    def bare_snapshots(self) -> Server:
        """Answers every request with one snapshot of the size of the engine's."""
        frame = self.fanout[0].tagged(1)
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n"
            f"Content-Length: {len(frame)}\r\n\r\n"
        )
        body = self.folder / "snapshot.http"
        body.write_bytes(head.encode() + frame)
        return self._start_bare("mode=snapshot", f"body={body}")

    @cached_property
    def bare_stream(self) -> Server:
        """Sends the same part to all at the feeder's rate, and receives nothing."""
        frame = self.fanout[0].tagged(1)
        part_head = f"Content-Type: image/jpeg\r\nContent-Length: {len(frame)}\r\n\r\n"
        head, body = self.folder / "stream.http", self.folder / "part.http"
        head.write_bytes(STREAM_HEAD)
        body.write_bytes(
            part_head.encode() + frame + b"\r\n--" + BOUNDARY + b"\r\n",
        )
        return self._start_bare(
            "mode=stream", f"head={head}", f"body={body}", f"fps={FPS}"
        )

    def load(self, program: Path, port: int, **options: object) -> Child:
        """A load client, to be used in ``with``."""
        arguments = [f"{name}={value}" for name, value in options.items()]
        log = self.folder / f"{program.name}.log"
        return Child([program, f"port={port}", *arguments], log)

    def _start_bare(self, *arguments: str) -> Server:
        log = self.folder / "bare_server.log"
        child = self._own(Child([self.programs.bare_server, *arguments], log))
        return Server(child.pid, int(child.read_line()))

    def start_python(self, module: str, *arguments: str | Path) -> Child:
        """A module of this package as a process."""
        command = [sys.executable, "-m", f"{__package__}.{module}", *arguments]
        return self._own(Child(command, self.folder / f"{module}.log"))

    def _own(self, child: AnyChild) -> AnyChild:
        self._stack.callback(child.close)
        return child
