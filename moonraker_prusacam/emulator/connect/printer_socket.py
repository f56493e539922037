# A printer's WebSocket to the local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/p/ws``: telemetry and events come up, commands go down as soon as they are due.

Source: the printers' firmware and the printer SDK's next version. Up go JSON texts, the
bodies of ``/p/telemetry`` and ``/p/events``. Down go texts of a letter (J: JSON,
G: G-code, F: G-code that is forced), eight hex digits of the command's id, and what it
says. The firmware also knows D, a remark for its log, and T, a piece of a file that it
asked for; those are sent here only if a test says so. That the pieces are texts and not
binary is a guess.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from . import printer_rules as rules
from .answers import Answer, parse_object
from .exchange import SUBPROTOCOL
from .faults import FaultKind
from .printer_login import identify
from .report_api import content_of
from .wire import reset_on_close

if TYPE_CHECKING:
    from .account import Account
    from .commands import LocalCommand
    from .exchange import Exchanges
    from .faults import Fault
    from .printer import LocalPrinter
    from .report_api import ReportApi
    from .rule import Rule

SOCKET_KINDS = frozenset(
    {FaultKind.SILENCE, FaultKind.RESET_RESPONSE, FaultKind.CUT_RESPONSE}
)


class SocketApi:
    """Judges who may have a WebSocket, and keeps the open ones."""

    def __init__(
        self, account: Account, reports: ReportApi, exchanges: Exchanges
    ) -> None:
        self._account = account
        self._reports = reports
        self._exchanges = exchanges
        self._open: set[PrinterSocket] = set()

    def upgrade(self, request: web.Request, _body: bytes) -> Answer:
        """``GET /p/ws``."""
        printer = identify(self._account, request)
        if isinstance(printer, Answer):
            return printer
        if not web.WebSocketResponse(protocols=(SUBPROTOCOL,)).can_prepare(request):
            return _bad(rules.SOCKET_HANDSHAKE, "Not a WebSocket handshake")
        offered = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
        is_offered = SUBPROTOCOL in [name.strip() for name in offered]
        if self._account.behaviour.require_subprotocol and not is_offered:
            return _bad(rules.SOCKET_PROTOCOL, "No known subprotocol")

        async def serve(response: web.WebSocketResponse) -> None:
            socket = PrinterSocket(response, request.transport, printer, self)
            await self._serve(socket)

        known = rules.SOCKET.evidence
        return Answer(rules.SOCKET.name, 101, evidence=known, serve=serve)

    async def aclose(self) -> None:
        """Close all. Idempotent."""
        for socket in list(self._open):
            await socket.close(WSCloseCode.GOING_AWAY)

    async def _serve(self, socket: PrinterSocket) -> None:
        self._open.add(socket)
        older = socket.printer.socket
        socket.printer.socket = socket
        try:
            if older is not None:
                await older.close(WSCloseCode.POLICY_VIOLATION)
            await socket.run()
        finally:
            self._open.discard(socket)
            if socket.printer.socket is socket:
                socket.printer.socket = None
                socket.printer.commands.lost()
            await self._exchanges.changed()

    def take_fault(self, path: str) -> Fault | None:
        """The fault that a message meets, as if it had come to ``path``."""
        return self._exchanges.take_fault(SOCKET_KINDS, f"WS {path}")

    async def judge(
        self, printer: LocalPrinter, text: str, fault: Fault | None
    ) -> None:
        """Judge a message and log it."""
        told = parse_object(text.encode())
        if "event" in told:
            answer = self._reports.take_event(printer, told)
        else:
            answer = self._reports.take_telemetry(printer, told)
        await self._exchanges.record_message(
            path_of(told), printer, text.encode(), answer, fault
        )

    async def refuse(self, printer: LocalPrinter, data: Any, rule: Rule) -> None:
        """Log a message that ends the connection."""
        body = data if isinstance(data, bytes) else str(data).encode()
        answer = Answer(rule.name, 0, evidence=rule.evidence)
        await self._exchanges.record_message("/p/ws", printer, body, answer, None)

    def knows(self, printer: LocalPrinter) -> bool:
        """Whether its token is still good."""
        is_there = printer.uuid in self._account.printers
        return is_there and printer.token is not None

    def due(self, printer: LocalPrinter) -> LocalCommand | None:
        """The command that is to be sent now; none before an INFO, as over HTTP."""
        return self._reports.due(printer) if printer.info is not None else None

    @property
    def closing(self) -> asyncio.Event:
        """Set when all ends."""
        return self._exchanges.closing


class PrinterSocket:
    """One connection, from the handshake to its end."""

    def __init__(
        self,
        response: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        printer: LocalPrinter,
        api: SocketApi,
    ) -> None:
        self.printer = printer
        self._transport = transport
        self._response = response
        self._api = api
        self._sending = asyncio.Lock()
        self._wanted = asyncio.Event()

    async def run(self) -> None:
        """Receive and send until the connection ends."""
        wake = self._wanted.set
        self.printer.commands.on_change.append(wake)
        pump = asyncio.create_task(self._pump())
        try:
            await self._receive()
        finally:
            self.printer.commands.on_change.remove(wake)
            pump.cancel()
            await asyncio.wait([pump])

    async def send(self, text: str) -> None:
        """Send any text."""
        async with self._sending:
            with suppress(ConnectionError):
                await self._response.send_str(text)

    async def close(self, code: int = WSCloseCode.OK) -> None:
        """Say goodbye. Idempotent."""
        await self._response.close(code=code)

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        if self._transport is not None:
            reset_on_close(self._transport.get_extra_info("socket"))
            self._transport.abort()

    async def _receive(self) -> None:
        async for message in self._response:
            rule = self._refusal(message)
            if rule is not None:
                await self._api.refuse(self.printer, message.data, rule)
                await self.close(WSCloseCode.POLICY_VIOLATION)
                return
            fault = self._api.take_fault(path_of(parse_object(message.data.encode())))
            await self._api.judge(self.printer, message.data, fault)
            if fault is not None and not await self._spoil(fault):
                return
            self._wanted.set()

    def _refusal(self, message: WSMessage) -> Rule | None:
        """Why a message ends the connection, None if it does not."""
        if not self._api.knows(self.printer):
            return rules.SOCKET_REVOKED
        is_text = message.type is WSMsgType.TEXT
        return None if is_text and parse_object(message.data) else rules.MESSAGE

    async def _spoil(self, fault: Fault) -> bool:
        """Let a fault happen; whether the connection is still of use."""
        if fault.kind is FaultKind.RESET_RESPONSE:
            self.reset()
            return False
        if fault.kind is FaultKind.CUT_RESPONSE:
            await self.close(WSCloseCode.TRY_AGAIN_LATER)
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(fault.seconds), self._sending:
                await self._api.closing.wait()
        return True

    async def _pump(self) -> None:
        while True:
            command = self._api.due(self.printer)
            if command is not None:
                await self.send(_frame(command))
                continue
            self._wanted.clear()
            await self._wanted.wait()


def path_of(told: dict[str, Any]) -> str:
    """Where a message would have gone over HTTP."""
    return "/p/events" if "event" in told else "/p/telemetry"


def _frame(command: LocalCommand) -> str:
    if command.spoilt is not None:
        return command.spoilt.body
    letter = "J" if command.gcode is None else "F" if command.force else "G"
    return f"{letter}{command.id:08X}{content_of(command)}"


def _bad(rule: Rule, message: str) -> Answer:
    return Answer.error(rule, 400, "BAD_REQUEST", message)
