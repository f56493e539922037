# A server for one ffmpeg, which knows nothing of the camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets a decoder play a camera's track without its address, user and password.

It listens on the loopback device, at a port and under a path that are new each time,
until one client has asked for that path. OPTIONS and DESCRIBE it answers itself, with
the video track alone; SETUP and PLAY are asked of the camera in its own words. Media
packets pass through untouched, in both directions.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
from typing import TYPE_CHECKING, Self

from moonraker_prusacam.errors import SourceError
from moonraker_prusacam.tasks import TaskOwner

from .describing import refusal
from .keyframes import from_keyframe
from .message import Headers, MessageError, Request, Response, Splitter

if TYPE_CHECKING:
    from types import TracebackType

    from .client import RtspClient
    from .describing import Description

log = logging.getLogger(__name__)

FIRST_REQUEST_TIMEOUT_S = 5.0
READ_BYTES = 64 << 10
# Packets that come before the answer to PLAY wait for it: ffmpeg would drop them, and
# the first picture with them.
MOST_HELD_BYTES = 8 << 20
# How long a decoder may take no more. Then pictures are left out up to a keyframe:
# those that wait would all be shown later and later.
MOST_LAG_S = 0.5
SEND_BUFFER_BYTES = 64 << 10
TOO_SLOW = (
    "%s sends more than this host decodes, and pictures are left out: choose its "
    "smaller stream, or decode: keyframes"
)
TRACK = "video"
# What of the camera's answers ffmpeg needs. RTP-Info is left out: where it is wrong, so
# are all times after it.
PASSED_ON = ("Transport", "Session", "Range")
KEEP_ALIVE = ("GET_PARAMETER", "SET_PARAMETER", "OPTIONS")


class Relay:
    """Between one decoder and ``client``, which has described what it plays."""

    def __init__(self, client: RtspClient, description: Description) -> None:
        self.refusal: SourceError | None = None
        self._client = client
        self._track = description.track
        self._public = description.public
        self._path = f"/{secrets.token_hex(16)}"
        self._tasks = TaskOwner("relay")
        self._server: asyncio.Server | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._is_answering = False
        self._is_behind = self._was_behind = False
        self._held: list[bytes] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        # In two steps: start_server waits once it listens, and may be cancelled there.
        self._server = await asyncio.start_server(
            self._take, "127.0.0.1", 0, start_serving=False
        )
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"rtsp://127.0.0.1:{port}{self._path}"
        self._client.on_data = self.forward
        try:
            await self._server.start_serving()
        except BaseException:
            self._close_server()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.on_data = None
        self._close_server()
        await self._tasks.aclose()

    async def forward(self, packets: bytes) -> None:
        """Give packets of the camera to the decoder."""
        if self._is_answering:
            self._held.append(packets)
            if sum(map(len, self._held)) > MOST_HELD_BYTES:
                raise MessageError("more than fits before it has answered")
        elif self._writer is not None:
            await self._play(packets, self._writer)

    async def _play(self, packets: bytes, writer: asyncio.StreamWriter) -> None:
        if self._is_behind:
            if writer.transport.get_write_buffer_size():
                return
            packets = from_keyframe(packets, self._track.codec)
            self._is_behind = not packets
        writer.write(packets)
        try:
            async with asyncio.timeout(MOST_LAG_S):
                await writer.drain()
        except TimeoutError:
            self._is_behind = True
            if not self._was_behind:
                log.warning(TOO_SLOW, self._client.where)
            self._was_behind = True
        except OSError:
            pass  # that the decoder has left is its owner's to find out

    def close_decoder(self) -> None:
        """Let the decoder find the end of the stream."""
        if self._writer is not None:
            self._writer.close()

    def _close_server(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.start("connection", self._serve(reader, writer))

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            with contextlib.suppress(OSError, MessageError, SourceError):
                await self._converse(reader, writer)
        finally:
            if self._writer is writer:
                self._writer = None
            writer.transport.abort()

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        splitter = Splitter()
        limit_s: float | None = FIRST_REQUEST_TIMEOUT_S
        while True:
            async with asyncio.timeout(limit_s):
                octets = await reader.read(READ_BYTES)
            if not octets:
                return
            for piece in splitter.feed(octets):
                if self._writer is not writer:
                    if not self._is_expected(piece):
                        writer.write(Response(404, "Not Found").encode())
                        await writer.drain()
                        return
                    self._adopt(writer)
                    limit_s = None
                if isinstance(piece, Request):
                    await self._answer(piece, writer)
                elif isinstance(piece, bytes):
                    await self._client.send_data(piece)

    def _adopt(self, writer: asyncio.StreamWriter) -> None:
        """Take the one client."""
        self._writer = writer
        self._close_server()
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    def _is_expected(self, piece: Request | Response | bytes) -> bool:
        """Whether it comes from the one who was told the path."""
        return (
            self._writer is None
            and isinstance(piece, Request)
            and secrets.compare_digest(piece.url.encode(), self.url.encode())
        )

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self._is_answering = True
        try:
            response = await self._response(request)
            number = ("CSeq", request.headers.get("CSeq"))
            headers = Headers((number, *response.headers.pairs))
            writer.write(
                Response(
                    response.status, response.reason or "OK", headers, response.body
                ).encode()
            )
        finally:
            self._is_answering = False
        held, self._held = self._held, []
        writer.writelines(held)
        await writer.drain()

    async def _response(self, request: Request) -> Response:
        match request.method:
            case "DESCRIBE":
                headers = (
                    ("Content-Type", "application/sdp"),
                    ("Content-Base", f"{self.url}/"),
                )
                body = self._track.described(TRACK)
                return Response(200, headers=Headers(headers), body=body)
            case "SETUP":
                return await self._ask(request, self._track.control)
            case "PLAY":
                response = await self._ask(request, self._track.aggregate)
                self._client.play()
                return response
            case "OPTIONS" if not self._client.is_playing:
                return Response(200, headers=Headers((("Public", self._public),)))
            case method if method in KEEP_ALIVE:
                # Some cameras never answer these, and send on all the same.
                self._keep_alive(method)
                return Response(200)
            case "TEARDOWN":
                return Response(200)
        return Response(501, "Not Implemented")

    async def _ask(self, request: Request, url: str) -> Response:
        names = ("Transport", "Range")
        pairs = [(name, request.headers.get(name)) for name in names]
        asked = tuple((name, value) for name, value in pairs if value)
        try:
            response = await self._client.request(request.method, url, asked)
        except SourceError as error:
            self.refusal = error
            raise
        if response.status != 200:
            self.refusal = refusal(self._client.where, request.method, response)
        pairs = [(name, response.headers.get(name)) for name in PASSED_ON]
        return Response(
            response.status,
            response.reason,
            Headers(tuple((name, value) for name, value in pairs if value)),
        )

    def _keep_alive(self, method: str) -> None:
        async def keep() -> None:
            with contextlib.suppress(SourceError):
                await self._client.request(method, self._track.aggregate)

        if self._keeping is None or self._keeping.done():
            self._keeping = self._tasks.start("keep-alive", keep())
