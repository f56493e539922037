# A device of MultiCam that does what a test wants.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small peer on loopback that records nothing and answers as it is told to."""

from __future__ import annotations

import asyncio
import json
import struct
import time
from typing import TYPE_CHECKING, Any, Self

from moonraker_prusacam.multicam_options import Address

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

VIDEO = b"\0\0\0\x10ftypisom\0\0\0\0" + b"frames" * 20_000


class Peer:
    """Speaks today's dialect, or the published one with ``is_v1``.

    ``answers`` replaces the answer to a command: octets, an object, or None: none.
    """

    def __init__(self, name: str = "peer", *, is_v1: bool = False) -> None:
        self.name = name
        self.is_v1 = is_v1
        self.is_recording = False
        self.video = VIDEO
        self.file_name: str | None = None
        self.targets: list[float] = []
        self.commands: list[dict[str, Any]] = []
        self.answers: dict[str, Callable[[], Any]] = {}
        self.clock_s = 0.0
        self.finish_s = 0.0  # until its file is final
        self.hear_s = 0.0  # until it hears a START
        self.heard: list[float] = []  # when it has heard one
        self.trickle_s = 0.0  # between two octets of a recording
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._talks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            for writer in tuple(self._writers):
                writer.transport.abort()
            await asyncio.gather(*self._talks, return_exceptions=True)
            await self._server.wait_closed()
            self._server = None

    @property
    def address(self) -> Address:
        return Address("127.0.0.1", self.port)

    def said(self, command: str) -> int:
        return sum(told["command"] == command for told in self.commands)

    async def _talk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        self._writers.add(writer)
        try:
            while octets := await reader.read(4096):
                command = json.loads(octets)
                self.commands.append(command)
                if command["command"] == "STOP_RECORDING":
                    await asyncio.sleep(self.finish_s)
                if command["command"] == "START_RECORDING":
                    await asyncio.sleep(self.hear_s)
                    self.heard.append(time.time())
                answer = self._answer(command)
                if answer is not None and command["command"] == "GET_VIDEO":
                    await self._send(writer, answer)
                elif answer is not None:
                    writer.write(answer)
                    await writer.drain()
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            self._talks.discard(task)
            writer.transport.abort()

    async def _send(self, writer: asyncio.StreamWriter, octets: bytes) -> None:
        if self.trickle_s:
            header, octets = octets[: -len(self.video)], octets[-len(self.video) :]
            writer.write(header)
            for octet in octets:
                writer.write(bytes([octet]))
                await writer.drain()
                await asyncio.sleep(self.trickle_s)
        writer.write(octets)
        await writer.drain()

    def _answer(self, command: dict[str, Any]) -> bytes | None:
        name = command["command"]
        if name in self.answers:
            answer = self.answers[name]()
            return answer if isinstance(answer, bytes | None) else encoded(answer)
        if name == "START_RECORDING":
            self.targets.append(command["timestamp"])
            self.is_recording = True
            return encoded(self.status("scheduled_recording_accepted"))
        if name == "STOP_RECORDING":
            self.is_recording = False
            self.file_name = f"{self.name}_{round(self.targets[-1] * 1000)}.mp4"
            return encoded(self.stopped())
        if name == "LIST_FILES":
            files = [self.entry(self.file_name)] if self.file_name else []
            return encoded(
                {**self.status("ready"), "isRecording": False, "files": files}
            )
        if name == "GET_VIDEO":
            asked = None if self.is_v1 else command.get("fileName")
            return self.framed(**({"fileName": asked} if asked else {}))
        return encoded(self.status("recording" if self.is_recording else "ready"))

    def status(self, status: str) -> dict[str, Any]:
        told = {
            "deviceId": self.name,
            "status": status,
            "timestamp": time.time() + self.clock_s,
        }
        if self.is_v1:
            return told | {"isRecording": self.is_recording}
        return told | {"batteryLevel": 50, "deviceType": "Test:Peer", "uploadQueue": []}

    def stopped(self) -> dict[str, Any]:
        told = {
            "deviceId": self.name,
            "status": "recording_stopped",
            "timestamp": time.time() + self.clock_s,
            "fileSize": len(self.video),
        }
        if self.is_v1:
            return told | {"isRecording": False, "fileId": self.file_id}
        return told | {"fileName": self.file_name}

    @property
    def file_id(self) -> str:
        return str(self.file_name).removesuffix(".mp4")

    def entry(self, name: str | None) -> dict[str, Any]:
        return {
            "fileName": name,
            "fileSize": len(self.video),
            "creationDate": time.time() + self.clock_s,
            "modificationDate": time.time() + self.clock_s,
        }

    def framed(self, **changes: Any) -> bytes:
        header = {
            "deviceId": self.name,
            "fileName": self.file_name,
            "fileSize": len(self.video),
            "status": "ready",
            **changes,
        }
        text = encoded(header)
        return struct.pack(">I", len(text)) + text + self.video


def encoded(answer: object) -> bytes:
    return json.dumps(answer).encode()
