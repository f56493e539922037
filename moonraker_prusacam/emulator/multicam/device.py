# A virtual MultiCam device.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A device of any kind, at its own port, strict about what it is told.

Like the real ones it takes one segment for one command, answers on a connection that
it leaves open, and believes nobody but its own clock. What a controller does that a
real device would not bear is kept in ``complaints``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from typing import TYPE_CHECKING, Any, Self

import attrs

from moonraker_prusacam.emulator.listener import Listener
from moonraker_prusacam.multicam import CommandType
from moonraker_prusacam.tasks import TaskOwner

from .faults import Fault, FaultKind
from .outlet import HungUp, Outlet
from .recording import Recording
from .shutter import Shutter
from .today import KINDS

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from .film import Film
    from .kinds import Answer, Published

FRAME_BYTES = 4096
ID_BYTES = 4
_BEFORE_ANSWER = frozenset(
    {FaultKind.SILENCE, FaultKind.LATE, FaultKind.HANG_UP, FaultKind.RESET}
)


class VirtualDevice:
    """Serves from ``start`` to ``aclose``; ``port`` is the real one between them.

    ``finish_s`` is how long it takes to make a file final, ``frame_bytes`` how much
    each frame adds to it, and every recording is ``content`` or ``film``'s instead.
    """

    def __init__(
        self,
        kind: str = "published",
        device_id: str | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        fps: float = 30.0,
        clock_error_s: float = 0.0,
        clock: Callable[[], float] = time.time,
        finish_s: float = 0.0,
        frame_bytes: int = FRAME_BYTES,
        content: bytes | None = None,
        film: Film | None = None,
    ) -> None:
        self.device_id = device_id or f"Virtual-{secrets.token_hex(ID_BYTES).upper()}"
        self.kind: Published = KINDS[kind](self.device_id)
        self.host = host
        self.port = port
        self.finish_s = finish_s
        self.frame_bytes = frame_bytes
        self.content = content
        self._film = film
        self.shutter = Shutter(fps=fps, clock_error_s=clock_error_s, clock=clock)
        self.recordings: dict[str, Recording] = {}
        self.faults: list[Fault] = []
        self.heard: list[dict[str, Any]] = []
        self.complaints: list[str] = []
        self.open = 0
        self.most_open = 0
        self._changed = asyncio.Condition()
        self._tasks = TaskOwner(f"virtual device {self.device_id}")
        self._listener = Listener(self._tasks, self._serve)

    @property
    def service_name(self) -> str:
        """What it is called in mDNS, before the type of its service."""
        return f"multiCam-{self.device_id}"

    @property
    def address(self) -> str:
        """Host and port, as in a configuration."""
        return f"{self.host}:{self.port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def start(self) -> None:
        """Listen; OSError if the port is taken."""
        self.port = self._listener.open(self.host, self.port)

    async def aclose(self) -> None:
        """Stop listening and drop all connections. Idempotent."""
        self._listener.close()
        await self._tasks.aclose()
        if self._film is not None:
            await self._film.aclose()

    async def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> None:
        """Wait until ``condition`` holds; asked whenever anything happens here."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(condition)

    def commands(self) -> list[str]:
        """The names of the commands that it has understood, in their order."""
        return [command["command"] for command in self.heard]

    def add(
        self,
        size_bytes: int = FRAME_BYTES,
        *,
        target_s: float | None = None,
        seed: int = 0,
        content: bytes | None = None,
    ) -> Recording:
        """Have a recording from earlier on."""
        target_s = self.shutter.now_s() if target_s is None else target_s
        key = self.kind.key(target_s, target_s)
        recording = Recording(
            key=key,
            file_name=key + self.kind.suffix,
            size_bytes=size_bytes if content is None else len(content),
            created_s=target_s,
            first_frame_s=target_s,
            target_s=target_s,
            seed=seed,
            content=content,
        )
        self.recordings[key] = recording
        return recording

    def forget(self) -> None:
        """Lose the list of the recordings, as some phones do when they start again."""
        self.recordings.clear()
        self._disarm()

    async def _serve(self, connection: socket.socket) -> None:
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        reader, writer = await asyncio.open_connection(sock=connection)
        try:
            if self._fault(None) is None:
                await self._converse(reader, Outlet(writer))
        except (HungUp, OSError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self.open -= 1
            await self._tell()

    async def _converse(self, reader: asyncio.StreamReader, outlet: Outlet) -> None:
        while segment := await reader.read(self.kind.segment_bytes):
            command = self._understood(segment)
            if command is None:
                answer = self.kind.malformed(self.shutter.now_s())
                if self.kind.hangs_up_on_malformed:
                    raise HungUp
                if answer is not None:
                    await outlet.answer(answer, None)
            else:
                self.heard.append(command)
                await self._tell()
                await self._obey(command, outlet)
            await self._tell()

    def _understood(self, segment: bytes) -> dict[str, Any] | None:
        if not segment.strip():
            self.complaints.append("white space in a segment of its own")
            if self.kind.hangs_up_on_space:
                raise HungUp
            return None
        if len(segment) == self.kind.segment_bytes:
            self.complaints.append("a command as long as a segment, or longer")
        try:
            command = json.loads(segment)
        except ValueError:
            self.complaints.append(f"a segment that is no command: {segment[:80]!r}")
            return None
        missing = [key for key in self.kind.needs if command.get(key) is None]
        if missing:
            self.complaints.append(f"a command without {', '.join(missing)}")
            return None
        return dict(command)

    async def _obey(self, command: dict[str, Any], outlet: Outlet) -> None:
        name = command["command"]
        if name not in frozenset(CommandType):
            self.complaints.append(f"the command {name}")
            answer = self.kind.unknown(self.shutter.now_s(), name)
            if answer is not None:
                await outlet.answer(answer, None)
            return
        fault = self._fault(CommandType(name))
        if fault is not None and fault.kind in _BEFORE_ANSWER:
            await self._before_answer(fault, outlet)
        if name == CommandType.GET_VIDEO:
            await self._send(command, outlet, fault)
            return
        answer = await self._answer(command, fault)
        if answer is not None:
            await outlet.answer(answer, fault)

    async def _before_answer(self, fault: Fault, outlet: Outlet) -> None:
        match fault.kind:
            case FaultKind.SILENCE:
                await asyncio.Event().wait()
            case FaultKind.HANG_UP:
                raise HungUp
            case FaultKind.RESET:
                await outlet.reset()
            case _:
                await asyncio.sleep(fault.delay_s)

    async def _answer(
        self, command: dict[str, Any], fault: Fault | None
    ) -> Answer | None:
        now_s, records = self.shutter.now_s(), self.shutter.is_armed
        if fault is not None and fault.kind is FaultKind.CAMERA_DISCONNECTED:
            return self.kind.refused(now_s, "camera_disconnected", "no camera")
        match command["command"]:
            case CommandType.START_RECORDING:
                return self._start(command["timestamp"], fault)
            case CommandType.STOP_RECORDING:
                return await self._stop()
            case CommandType.HEARTBEAT:
                return self.kind.beat(now_s, records=records)
            case CommandType.LIST_FILES:
                newest_first = reversed(self.recordings.values())
                return self.kind.listed(now_s, newest_first)
        return self._status()

    def _status(self) -> Answer:
        now_s = self.shutter.now_s()
        if self.shutter.is_due:
            return self.kind.records(now_s)
        if self.shutter.is_armed:
            return self.kind.armed(now_s)
        return self.kind.idle(now_s)

    def _start(self, target_s: float, fault: Fault | None) -> Answer:
        now_s = self.shutter.now_s()
        if self.shutter.is_armed:
            return self.kind.records(now_s)
        if fault is not None and fault.kind is FaultKind.TIME_NOT_SYNCHRONIZED:
            return self.kind.refused(now_s, "time_not_synchronized", "no time")
        if fault is None or fault.kind is not FaultKind.ONLY_SAYS_SO:
            self.shutter.arm(target_s)
            if self._film is not None:
                self._film.begin(self.shutter)
        return self.kind.started(now_s, is_future=target_s > now_s)

    async def _stop(self) -> Answer | None:
        shutter = self.shutter
        if not shutter.is_armed:
            return self.kind.stopped_nothing(shutter.now_s())
        if not shutter.is_due and not self.kind.records_at_once:
            if not self.kind.starts_after_a_stop_before:
                self._disarm()
            return self.kind.stopped_nothing(shutter.now_s())
        recording = self._recorded()
        self._disarm()
        if self._film is not None:
            content = await self._film.end(shutter.fps, self.kind.suffix)
            size_bytes = len(content)
            recording = attrs.evolve(recording, content=content, size_bytes=size_bytes)
        await asyncio.sleep(self.finish_s)
        self.recordings[recording.key] = recording
        return self.kind.stopped(shutter.now_s(), recording)

    def _disarm(self) -> None:
        self.shutter.disarm()
        if self._film is not None:
            self._film.drop()

    def _recorded(self) -> Recording:
        shutter = self.shutter
        target_s = shutter.target_s or 0.0
        key = self.kind.key(target_s, shutter.asked_s + shutter.clock_error_s)
        size = shutter.frames() * self.frame_bytes
        return Recording(
            key=key,
            file_name=key + self.kind.suffix,
            size_bytes=size if self.content is None else len(self.content),
            created_s=target_s,
            first_frame_s=shutter.first_frame_s(),
            target_s=target_s,
            seed=len(self.recordings),
            content=self.content,
        )

    async def _send(
        self, command: dict[str, Any], outlet: Outlet, fault: Fault | None
    ) -> None:
        wanted = command.get(self.kind.finds_by) or ""
        recording = self._found(wanted)
        if recording is None:
            answer = self.kind.not_found(self.shutter.now_s(), wanted)
            await outlet.answer(answer, fault)
            return
        try:
            await outlet.recording(self.kind.header(recording), recording, fault)
        finally:
            if self.kind.deletes_what_it_sent:
                self.recordings.pop(recording.key, None)

    def _found(self, wanted: str) -> Recording | None:
        for recording in self.recordings.values():
            by_id = self.kind.finds_by == "fileId"
            if wanted == (recording.key if by_id else recording.file_name):
                return recording
        return None

    def _fault(self, command: CommandType | None) -> Fault | None:
        """What goes wrong with a command; None asks for what does on connecting."""
        for fault in self.faults:
            at_door = fault.kind is FaultKind.CLOSE_AT_ONCE
            if at_door is (command is None) and fault.strikes(command):
                return fault
        return None

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
