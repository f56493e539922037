# One request to the local Prusa Connect, from its head to its answer.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets a judge answer each request, a fault come between, and the log remember."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeAlias

import attrs
from aiohttp import web

from .answers import ABORTED, Answer
from .camera_api import MAX_BODY_BYTES
from .faults import CONTINUE_KINDS, EXCHANGE_KINDS, FaultKind
from .request_log import (
    Redaction,
    RequestLog,
    RequestRecord,
    is_whole_jpeg,
    mask,
    sha1_of,
    without_own_fingerprint,
)
from .wire import Sent, Wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from .account import Account
    from .camera import LocalCamera
    from .faults import Fault
    from .plan import FaultPlan
    from .printer import LocalPrinter

Judge: TypeAlias = "Callable[[web.Request, bytes], Answer]"
Handler: TypeAlias = "Callable[[web.Request], Awaitable[web.StreamResponse]]"

BODY_TIMEOUT_S = 30.0
SUBPROTOCOL = "prusa-connect"
MESSAGE_BYTES = 1024 * 1024
CLOSE_TIMEOUT_S = 1.0
ELSEWHERE = "/elsewhere/"
EVENTS = "/p/events"
WIRE_KINDS = frozenset(
    {
        FaultKind.RESET_RESPONSE,
        FaultKind.CUT_RESPONSE,
        FaultKind.SLOW_RESPONSE,
        FaultKind.CLOSE_IDLE,
        FaultKind.WRONG_LENGTH,
        FaultKind.GZIP,
        FaultKind.BODY_WITH_204,
    }
)


@attrs.define(eq=False)
class _Exchange:
    request: web.Request
    camera: LocalCamera | None
    fault: Fault | None
    started_s: float = attrs.field(factory=time.monotonic)
    body: bytes = b""
    answer: Answer = ABORTED
    status: int = 0


class Exchanges:
    """Treats requests one by one; ``done`` is notified after each."""

    def __init__(
        self, account: Account, faults: FaultPlan[Fault], log: RequestLog
    ) -> None:
        self.host = ""  # with port, as clients name it
        self.max_in_flight = 0
        self.closing = asyncio.Event()
        self.done = asyncio.Condition()
        self.log = log
        self._account = account
        self._faults = faults

    def handler(self, judge: Judge, meant_for: Collection[str] = ()) -> Handler:
        """A handler of aiohttp's that answers as ``judge`` says.

        ``meant_for`` names the places besides headers where requests hold a secret.
        """

        async def handle(request: web.Request) -> web.StreamResponse:
            camera = self._account.cameras.get(request.headers.get("Token", ""))
            fault = self._faults.take(EXCHANGE_KINDS, _place(request))
            exchange = _Exchange(request, camera, fault)
            self._enter(camera)
            try:
                response = await self._treat(exchange, judge)
                exchange.status = response.status
            finally:
                if camera is not None:
                    camera.in_flight -= 1
                self._record(exchange, meant_for)
                await self.changed()
            if isinstance(response, web.WebSocketResponse) and exchange.answer.serve:
                await exchange.answer.serve(response)
            return response

        return handle

    async def changed(self) -> None:
        """Let all that wait look again."""
        async with self.done:
            self.done.notify_all()

    def take_fault(self, kinds: Collection[FaultKind], place: str) -> Fault | None:
        """The fault that is met at ``place``, None for none."""
        return self._faults.take(kinds, place)

    async def record_message(
        self,
        path: str,
        printer: LocalPrinter,
        body: bytes,
        answer: Answer,
        fault: Fault | None,
    ) -> None:
        """Log a message that came over a printer's WebSocket."""
        own = [printer.token or "", printer.fingerprint or ""]
        redaction = Redaction([*own, *self._account.secrets()])
        now_s = time.monotonic()
        self.log.add(
            RequestRecord(
                started_s=now_s,
                ended_s=now_s,
                method="WS",
                path=path,
                version="",
                headers={},
                camera=None,
                camera_id=None,
                printer=printer.uuid,
                status=0,
                verdict=answer.verdict,
                evidence=answer.evidence,
                fault=fault.kind.value if fault else None,
                too_soon=False,
                size_bytes=len(body),
                sha1=sha1_of(body),
                whole_jpeg=None,
                content=redaction.content(body),
                leaks=redaction.leaks(path, {}, without_own_fingerprint(body)),
                notes=answer.notes,
            )
        )
        await self.changed()

    def _enter(self, camera: LocalCamera | None) -> None:
        if camera is not None:
            camera.in_flight += 1
            self.max_in_flight = max(self.max_in_flight, camera.in_flight)

    async def _treat(self, exchange: _Exchange, judge: Judge) -> web.StreamResponse:
        request, fault = exchange.request, exchange.fault
        wire = Wire(request, self.closing)
        if "Expect" in request.headers:
            on_expect = self._faults.take(CONTINUE_KINDS, _place(request))
            exchange.fault = fault or on_expect
            wire.greet(on_expect)
        body = await self._receive(wire, exchange)
        if body is None:
            return Sent()
        exchange.body = body
        if fault is None:
            exchange.answer = judge(request, body)
            return await _respond(request, exchange.answer)
        if fault.kind is FaultKind.SILENCE and not await wire.pause(fault.seconds):
            return Sent()
        exchange.answer = _scripted(request, fault) or judge(request, body)
        if fault.kind in WIRE_KINDS:
            return await wire.send(exchange.answer, fault)
        return await _respond(request, _spoilt(exchange.answer, fault))

    async def _receive(self, wire: Wire, exchange: _Exchange) -> bytes | None:
        """The body; nothing of one that is too large, None if it did not come."""
        if (exchange.request.content_length or 0) > MAX_BODY_BYTES:
            return b""
        timeout_s = None if exchange.fault else BODY_TIMEOUT_S
        try:
            async with asyncio.timeout(timeout_s):
                return await wire.receive(exchange.fault, MAX_BODY_BYTES)
        except TimeoutError:
            return None
        except web.HTTPRequestEntityTooLarge:
            return b""

    def _record(self, exchange: _Exchange, meant_for: Collection[str]) -> None:
        request, body = exchange.request, exchange.body
        answer, camera = exchange.answer, exchange.camera
        printer = self._account.printer_of(request.headers.get("Token", ""))
        secrets = [request.headers.get(name, "") for name in ("Token", "Fingerprint")]
        redaction = Redaction([*secrets, *self._account.secrets()])
        is_image = request.path == "/c/snapshot" and bool(body)
        searched = without_own_fingerprint(body) if request.path == EVENTS else body
        self.log.add(
            RequestRecord(
                started_s=exchange.started_s,
                ended_s=time.monotonic(),
                method=request.method,
                path=redaction.text(request.path_qs),
                version=f"{request.version.major}.{request.version.minor}",
                headers=redaction.headers(request.headers),
                camera=mask(secrets[0]) if secrets[0] else None,
                camera_id=camera.id if camera is not None else None,
                printer=printer.uuid if printer is not None else None,
                status=exchange.status,
                verdict=answer.verdict,
                evidence=answer.evidence,
                fault=exchange.fault.kind.value if exchange.fault else None,
                too_soon=answer.too_soon,
                size_bytes=len(body),
                sha1=sha1_of(body),
                whole_jpeg=is_whole_jpeg(body) if is_image else None,
                content=None if is_image else redaction.content(body),
                leaks=redaction.leaks(
                    request.path_qs,
                    request.headers,
                    searched,
                    meant_for,
                    is_strange=self._is_strange(request),
                ),
                notes=answer.notes,
            )
        )

    def _is_strange(self, request: web.Request) -> bool:
        """Whether the client means another server than Prusa Connect."""
        return request.path.startswith(ELSEWHERE) and request.host != self.host


async def _respond(request: web.Request, answer: Answer) -> web.StreamResponse:
    """An answer to be sent, or a WebSocket that is open."""
    if answer.serve is None:
        return answer.response()
    socket = web.WebSocketResponse(
        protocols=(SUBPROTOCOL,), max_msg_size=MESSAGE_BYTES, timeout=CLOSE_TIMEOUT_S
    )
    await socket.prepare(request)
    return socket


def _place(request: web.Request) -> str:
    """What faults are planned for."""
    return f"{request.method} {request.path}"


def _scripted(request: web.Request, fault: Fault) -> Answer | None:
    """What is answered without asking a judge, None when one is asked."""
    if fault.kind is FaultKind.ANSWER:
        return fault.scripted()
    if fault.kind is FaultKind.REDIRECT:
        return _redirect(request, fault)
    return None


def _redirect(request: web.Request, fault: Fault) -> Answer:
    """A redirect to where ``fault.location`` says."""
    places = {
        "loop": str(request.url),
        "other": str(request.url.with_host("localhost")),
        "https": str(request.url.with_scheme("https")),
    }
    location = places.get(fault.location, fault.location)
    headers = {**fault.headers, "Location": location}
    return Answer("scripted", fault.redirect_status, headers=headers)


def _spoilt(answer: Answer, fault: Fault) -> Answer:
    """What the client hears of an answer that stands."""
    if fault.kind is FaultKind.LOST_ANSWER:
        return fault.scripted()
    if fault.kind is FaultKind.CLOCK_SKEW:
        headers = {**answer.headers, **fault.scripted().headers}
        return attrs.evolve(answer, headers=headers)
    return answer
