# A scripted engine: the other end of the component's socket.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listens like the engine and answers as it was told, or badly, or not at all."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

WAIT_S = 10.0
LINE_LIMIT_BYTES = 4 << 20

Message = dict[str, Any]


@dataclass(frozen=True)
class Failure:
    """An answer that is a JSON-RPC error."""

    message: str
    http_status: int | None = None
    code: int = -32001

    def as_error(self) -> Message:
        error: Message = {"code": self.code, "message": self.message}
        if self.http_status is not None:
            error["data"] = {"http_status": self.http_status}
        return error


class Silence:
    """The answer that never comes."""


def camera(name: str, /, **changes: Any) -> Message:
    """An entry of ``camera.list``."""
    return {
        "name": name,
        "state": "live",
        "stream_url": f"/webcam2/{name}/stream.mjpg",
        "snapshot_url": f"/webcam2/{name}/snapshot.jpg",
        "rotation": 0,
        "flip_horizontal": False,
        "flip_vertical": False,
        "target_fps": 15,
        "width": 1280,
        "height": 720,
        **changes,
    }


def panel(
    framecount: int, extension: str = "jpg", *, rendering: bool = False
) -> Message:
    """``panel`` in the answer to ``timelapse.status``."""
    return {
        "framecount": framecount,
        "lastframefile": f"frame{framecount:06}.{extension}" if framecount else "",
        "rendering": rendering,
    }


@dataclass
class FakeEngine:
    """Use with ``async with``; ``answers`` holds a result, or its maker, per method.

    After a call of ``deaf_after`` it reads no more.
    """

    socket_path: Path
    instance: str = "engine-1"
    timelapse_path: str | None = None
    frames_path: str | None = None
    cameras: list[Message] = field(default_factory=list)
    jobs: list[Message] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    panel: Message = field(default_factory=lambda: panel(0))
    deaf_after: str | None = None
    received: list[Message] = field(default_factory=list)
    accepted: int = 0

    def __post_init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Condition()
        self._closing = asyncio.Event()

    async def start(self) -> None:
        self.socket_path.parent.mkdir(parents=True, exist_ok=True)
        self.socket_path.unlink(missing_ok=True)
        self._closing.clear()
        self._server = await asyncio.start_unix_server(
            self._serve, str(self.socket_path), limit=LINE_LIMIT_BYTES
        )

    async def aclose(self) -> None:
        """Stop to listen, close all connections, remove the socket. Idempotent."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._closing.set()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._tasks)
        self.socket_path.unlink(missing_ok=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    @property
    def connections(self) -> int:
        """Connections that are open now."""
        return len(self._writers)

    def calls(self, method: str) -> list[Message]:
        """The params of every call of ``method`` so far."""
        return [message["params"] for message in self._of(method)]

    def count(self, method: str) -> int:
        return len(self._of(method))

    async def wait_for_call(self, method: str, count: int = 1) -> Message:
        """Wait for the ``count``-th call of ``method``; its params."""
        await self.wait_until(lambda: self.count(method) >= count)
        return self.calls(method)[count - 1]

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until ``condition`` holds; it is asked whenever something happens."""
        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(condition)

    def notify(self, method: str, params: Message) -> None:
        """Send a notification to all who are connected."""
        self.send_raw(_line({"method": method, "params": params}))

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are to all who are connected."""
        for writer in self._writers:
            writer.write(data)

    def disconnect(self) -> None:
        """Close all connections, and go on listening."""
        for writer in self._writers:
            writer.close()

    def _of(self, method: str) -> list[Message]:
        return [message for message in self.received if message["method"] == method]

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        self.accepted += 1
        await self._tell()
        try:
            while (line := await reader.readline()).endswith(b"\n"):
                message = json.loads(line)
                if "method" in message:
                    self.received.append(message)
                    self._answer(writer, message)
                    await self._tell()
                    if message["method"] == self.deaf_after:
                        await self._closing.wait()
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _answer(self, writer: asyncio.StreamWriter, message: Message) -> None:
        if "id" not in message:
            return
        answer = self._result(message["method"], message["params"])
        if isinstance(answer, Silence):
            return
        if isinstance(answer, Failure):
            writer.write(_line({"id": message["id"], "error": answer.as_error()}))
        else:
            writer.write(_line({"id": message["id"], "result": answer}))

    def _result(self, method: str, params: Message) -> Any:
        if method in self.answers:
            answer = self.answers[method]
            return answer(params) if callable(answer) else answer
        if method == "engine.identify":
            return {
                "version": "0.1.0",
                "pid": 1,
                "instance": self.instance,
                "timelapse_path": self.timelapse_path,
                "frames_path": self.frames_path,
            }
        if method == "camera.list":
            return {"cameras": self.cameras}
        if method == "timelapse.configure":
            return {"accepted": True, "timelapse_path": self.timelapse_path}
        if method == "timelapse.list":
            return {"jobs": self.jobs}
        if method == "timelapse.status":
            return {"panel": self.panel}
        return Failure(f"no such method: {method}", code=-32601)


def _line(message: Message) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n"
