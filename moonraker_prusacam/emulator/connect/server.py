# The local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP server: reads requests, lets ``answers`` judge them, logs the verdict."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Any, TypeAlias

from aiohttp import web

from moonraker_prusacam.errors import ClosedError

from .answers import (
    MAX_BODY_BYTES,
    TOKEN_UNKNOWN,
    Answer,
    judge_info,
    judge_snapshot,
    refuse_fingerprint,
)
from .camera import LocalCamera
from .request_log import (
    Redaction,
    RequestLog,
    RequestRecord,
    is_whole_jpeg,
    mask,
    sha1_of,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

Judge: TypeAlias = "Callable[[web.Request, LocalCamera, bytes], Answer]"

BODY_TIMEOUT_S = 30.0
CLOSE_TIMEOUT_S = 2.0


class LocalConnect:
    """Prusa Connect's camera API on a port of this machine; ``url`` after ``start``."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.port = port
        self.max_in_flight = 0
        self._cameras: dict[str, LocalCamera] = {}
        self._scripted: deque[Answer] = deque()
        self._log = RequestLog()
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self._closed = False

    @property
    def url(self) -> str:
        """What a client is given as the server."""
        return f"http://{self.host}:{self.port}"

    @property
    def requests(self) -> list[RequestRecord]:
        """The newest requests, oldest first; bounded."""
        return self._log.records

    def add_camera(self, token: str, *, printer_online: bool = True) -> LocalCamera:
        """Make a camera as the web page's "Add new other camera" does."""
        camera = LocalCamera(len(self._cameras) + 1, token, printer_online)
        self._cameras[token] = camera
        return camera

    def last_image(self, token: str) -> bytes | None:
        """The picture that the web page would show."""
        return self._cameras[token].last_image

    def accepted(self, token: str) -> int:
        """How many snapshots of a camera were accepted, hidden ones included."""
        return self._cameras[token].accepted

    def min_gap_s(self, token: str) -> float | None:
        """The shortest time between two accepted snapshots of a camera."""
        return self._cameras[token].min_gap_s

    async def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> None:
        """Wait until ``condition`` holds, asked after each request, or TimeoutError."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(condition)

    def fail_next(
        self,
        status: int,
        *,
        count: int = 1,
        body: str | bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer the next ``count`` requests like this, whatever they are."""
        content = body.encode() if isinstance(body, str) else body
        answer = Answer("scripted", status, content, headers=dict(headers or {}))
        self._scripted.extend([answer] * count)

    async def start(self) -> None:
        """Listen; OSError if the port is taken."""
        if self._closed:
            raise ClosedError("the local Prusa Connect is closed")
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_put("/c/snapshot", self._handler(judge_snapshot))
        app.router.add_put("/c/info", self._handler(judge_info))
        app.router.add_get("/_ctl/log", self._show_log)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=CLOSE_TIMEOUT_S,
            lingering_time=CLOSE_TIMEOUT_S,
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def aclose(self) -> None:
        """Stop listening and end what is under way. Idempotent."""
        self._closed = True
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def log_as_json(self) -> dict[str, Any]:
        """What ``GET /_ctl/log`` answers."""
        return {
            "max_in_flight": self.max_in_flight,
            "cameras": [
                {
                    "camera": mask(camera.token),
                    "registered": camera.fingerprint is not None,
                    "printer_online": camera.printer_online,
                    "accepted": camera.accepted,
                    "min_gap_s": camera.min_gap_s,
                    "image_bytes": len(camera.last_image or b""),
                }
                for camera in self._cameras.values()
            ],
            "requests": [record.as_json() for record in self.requests],
        }

    async def _show_log(self, _request: web.Request) -> web.Response:
        return web.json_response(self.log_as_json())

    def _handler(
        self, judge: Judge
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            camera = self._cameras.get(request.headers.get("Token", ""))
            started_s = time.monotonic()
            self._enter(camera)
            body, answer = b"", Answer("aborted", 0)
            try:
                body = await _read_body(request)
                answer = self._answer(judge, request, camera, body)
            finally:
                if camera is not None:
                    camera.in_flight -= 1
                self._record(request, body, started_s, answer)
                async with self._changed:
                    self._changed.notify_all()
            return answer.response()

        return handle

    def _enter(self, camera: LocalCamera | None) -> None:
        if camera is not None:
            camera.in_flight += 1
            self.max_in_flight = max(self.max_in_flight, camera.in_flight)

    def _answer(
        self,
        judge: Judge,
        request: web.Request,
        camera: LocalCamera | None,
        body: bytes,
    ) -> Answer:
        if self._scripted:
            return self._scripted.popleft()
        if camera is None:
            return TOKEN_UNKNOWN
        refusal = refuse_fingerprint(request, camera)
        if refusal is not None:
            return refusal
        answer = judge(request, camera, body)
        if answer.status < 300 and camera.fingerprint is None:
            camera.fingerprint = request.headers["Fingerprint"]
        return answer

    def _record(
        self, request: web.Request, body: bytes, started_s: float, answer: Answer
    ) -> None:
        token = request.headers.get("Token", "")
        fingerprint = request.headers.get("Fingerprint", "")
        bound = (camera.fingerprint or "" for camera in self._cameras.values())
        redaction = Redaction([token, fingerprint, *self._cameras, *bound])
        is_image = request.path == "/c/snapshot" and bool(body)
        self._log.add(
            RequestRecord(
                started_s=started_s,
                ended_s=time.monotonic(),
                method=request.method,
                path=redaction.text(request.path_qs),
                headers=redaction.headers(request.headers),
                camera=mask(token) if token else None,
                status=answer.status,
                verdict=answer.verdict,
                too_soon=answer.too_soon,
                size_bytes=len(body),
                sha1=sha1_of(body),
                whole_jpeg=is_whole_jpeg(body) if is_image else None,
                leaks=redaction.leaks(request.path_qs, request.headers, body),
            )
        )


async def _read_body(request: web.Request) -> bytes:
    """The body, or nothing of one that is too large."""
    if (request.content_length or 0) > MAX_BODY_BYTES:
        return b""
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        return b""
