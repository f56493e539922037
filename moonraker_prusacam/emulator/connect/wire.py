# Faults on the connection under a request.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads requests and writes answers in ways that no good server would."""

from __future__ import annotations

import asyncio
import gzip
import http
import socket
import struct
from contextlib import suppress
from email.utils import formatdate
from typing import TYPE_CHECKING

from aiohttp import ClientError, web

from .faults import FaultKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.abc import AbstractStreamWriter

    from .answers import Answer
    from .faults import Fault

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
STEPS_PER_S = 20.0  # a slow transfer moves this often at most
RESET_LINGER = struct.pack("ii", 1, 0)
BODY_KINDS = (FaultKind.GZIP, FaultKind.WRONG_LENGTH)
BODY_204 = b"a body that RFC 9110 forbids"


class Sent(web.Response):
    """Stands for an answer that was written already; with status 0, for none."""

    def __init__(self, status: int = 0, *, keep_alive: bool = False) -> None:
        super().__init__(status=status)
        self._keep_alive = keep_alive

    async def prepare(self, _: web.BaseRequest) -> AbstractStreamWriter | None:
        """Write nothing."""
        return None

    async def write_eof(self, _data: bytes = b"") -> None:
        """Write nothing."""


class Wire:
    """The connection of one request; ``closing`` ends all that waits."""

    def __init__(self, request: web.Request, closing: asyncio.Event) -> None:
        self._request = request
        self._closing = closing

    def greet(self, fault: Fault | None) -> None:
        """Answer ``Expect: 100-continue``, or do not."""
        if fault is None or fault.kind is not FaultKind.NO_CONTINUE:
            self._write(CONTINUE)
        if fault is not None and fault.kind is FaultKind.CLOSE_AFTER_CONTINUE:
            self._close()

    async def receive(self, fault: Fault | None, limit_bytes: int) -> bytes | None:
        """The request's body, None when it did not come or was not waited for."""
        content = self._request.content
        body = bytearray()
        with suppress(ClientError, ConnectionError, web.RequestPayloadError):
            if fault is None or fault.kind not in (
                FaultKind.RESET_REQUEST,
                FaultKind.SLOW_REQUEST,
            ):
                return await self._request.read()
            at_once = max(1, int(fault.bytes_per_s / STEPS_PER_S))
            while len(body) <= limit_bytes and not content.at_eof():
                if fault.kind is FaultKind.RESET_REQUEST:
                    missing = fault.after_bytes - len(body)
                    if missing <= 0:
                        break
                    body += await content.read(missing)
                    continue
                part = await content.read(at_once)
                body += part
                if not await self.pause(len(part) / fault.bytes_per_s):
                    return None
            if fault.kind is FaultKind.SLOW_REQUEST:
                return bytes(body)
        if fault is not None and fault.kind is FaultKind.RESET_REQUEST:
            self.reset()
        return None

    async def send(self, answer: Answer, fault: Fault) -> web.StreamResponse:
        """Write an answer as ``fault`` says, and what stands for it."""
        status, body = answer.status, answer.body
        if status == 204 and fault.kind in BODY_KINDS:
            # After a 204 no client looks at a body; there has to be one to be wrong.
            status, body = 200, b"{}"
        match fault.kind:
            case FaultKind.GZIP:
                headers = {"Content-Encoding": "gzip"}
                body = gzip.compress(body)
                data = wire_bytes(answer, status=status, body=body, headers=headers)
            case FaultKind.WRONG_LENGTH:
                length = max(0, len(body) + fault.extra_bytes)
                data = wire_bytes(answer, status=status, body=body, length=length)
            case FaultKind.BODY_WITH_204:
                status = 204
                data = wire_bytes(answer, status=status, body=BODY_204)
            case FaultKind.RESET_RESPONSE | FaultKind.CUT_RESPONSE:
                self._write(_beginning(answer, fault))
                if fault.kind is FaultKind.RESET_RESPONSE:
                    self.reset()
                    return Sent()
                self._close()
                return Sent(status)
            case FaultKind.SLOW_RESPONSE:
                await self._write_slowly(wire_bytes(answer), fault.bytes_per_s)
                return Sent(status, keep_alive=self._request.keep_alive)
            case _:
                data = wire_bytes(answer)
        self._write(data)
        # What was promised and never comes shows only when the connection ends.
        broken = fault.kind is FaultKind.WRONG_LENGTH and fault.extra_bytes > 0
        closed = broken or fault.kind is FaultKind.CLOSE_IDLE
        return Sent(status, keep_alive=self._request.keep_alive and not closed)

    async def pause(self, seconds: float | None) -> bool:
        """Wait; False when the emulator closes meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()
                return False
        return True

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        transport = self._request.transport
        if transport is not None:
            reset_on_close(transport.get_extra_info("socket"))
            transport.abort()

    def _write(self, data: bytes) -> None:
        if self._request.transport is not None:
            self._request.transport.write(data)

    def _close(self) -> None:
        if self._request.transport is not None:
            self._request.transport.close()

    async def _write_slowly(self, data: bytes, bytes_per_s: float) -> None:
        at_once = max(1, int(bytes_per_s / STEPS_PER_S))
        for start in range(0, len(data), at_once):
            self._write(data[start : start + at_once])
            if not await self.pause(at_once / bytes_per_s):
                return


def _beginning(answer: Answer, fault: Fault) -> bytes:
    """What of an answer is sent before it breaks off."""
    data = wire_bytes(answer)
    head = len(data) - len(answer.body) if fault.of_body else 0
    return data[: head + fault.after_bytes]


def wire_bytes(
    answer: Answer,
    *,
    status: int | None = None,
    body: bytes | None = None,
    length: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """An answer as it goes over the wire, changed where asked."""
    status = status or answer.status
    content = answer.body if body is None else body
    sent = {"Date": formatdate(usegmt=True), **answer.headers, **(headers or {})}
    if answer.content_type is not None:
        sent["Content-Type"] = answer.content_type
    if content or status != 204 or length is not None:
        sent["Content-Length"] = str(len(content) if length is None else length)
    reasons = {known.value: known.phrase for known in http.HTTPStatus}
    head = f"HTTP/1.1 {status} {reasons.get(status, 'Unknown')}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    return head.encode() + b"\r\n" + content


def reset_on_close(sock: socket.socket) -> None:
    """Make the end of a connection a TCP reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_LINGER)
