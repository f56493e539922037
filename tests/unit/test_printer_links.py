# Tests of the ways to Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP and the WebSocket behind one interface, well served and badly."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from moonraker_prusacam.connect.printer import socket_link
from moonraker_prusacam.connect.printer.link import HttpLink
from moonraker_prusacam.connect.printer.messages import (
    Command,
    Event,
    EventKind,
    Source,
)
from moonraker_prusacam.connect.printer.socket_link import SocketLink
from moonraker_prusacam.connect.printer.wire import Unreadable
from moonraker_prusacam.errors import (
    ClosedError,
    ConnectUnavailable,
    PrusaConnectError,
    SnapshotRejected,
    TokenRejected,
)
from tests.support import printer_api
from tests.support.printer_api import FINGERPRINT
from tests.support.scripted_connect import (
    TOKEN,
    ScriptedConnect,
    command,
    scripted_connect,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from moonraker_prusacam.connect.printer.api import PrinterApi
    from tests.support.clock import VirtualClock

EVENT = Event(kind=EventKind.FINISHED, source=Source.CONNECT, command_id=5)
WAIT_S = 10.0


class Taken:
    """What a link hands on."""

    def __init__(self) -> None:
        self.commands: list[Command | Unreadable] = []
        self.opened = 0
        self._came = asyncio.Event()

    def command(self, taken: Command | Unreadable) -> None:
        self.commands.append(taken)
        self._came.set()

    def open(self) -> None:
        self.opened += 1

    async def until(self, count: int) -> None:
        async with asyncio.timeout(WAIT_S):
            while len(self.commands) < count:
                self._came.clear()
                await self._came.wait()


connect = pytest.fixture(printer_api.connect)
clock = pytest.fixture(printer_api.clock)
api = pytest.fixture(printer_api.api)


@pytest.fixture
def taken() -> Taken:
    return Taken()


@pytest.fixture
async def socket(api: PrinterApi, taken: Taken) -> AsyncIterator[SocketLink]:
    link = SocketLink(api)
    link.on_command, link.on_open = taken.command, taken.open
    await link.start()
    yield link
    await link.aclose()


async def test_http_when_a_command_waits_then_handed_on(
    connect: ScriptedConnect, api: PrinterApi, taken: Taken
) -> None:
    link = HttpLink(api)
    link.on_command = taken.command
    await link.start()
    connect.answer("/p/telemetry", command(5, "SEND_INFO"))
    await link.send_telemetry({"state": "IDLE"})
    await link.send_telemetry({"state": "IDLE"})
    await link.send_event(EVENT, 1.0)
    await link.aclose()
    assert taken.commands == [Command(id=5, name="SEND_INFO")]
    assert connect.kinds() == ["FINISHED"]


async def test_socket_when_something_is_told_then_opened_once_with_the_headers(
    connect: ScriptedConnect, socket: SocketLink, taken: Taken
) -> None:
    await socket.send_event(EVENT, 1.0)
    await socket.send_telemetry({"state": "IDLE", "nothing": None})
    await connect.until(lambda: len(connect.frames) == 2)
    assert connect.frames[0]["event"] == "FINISHED"
    assert connect.frames[1] == {"state": "IDLE"}
    (handshake,) = connect.of("/p/ws", "GET")
    assert handshake.headers["Token"] == TOKEN
    assert handshake.headers["Fingerprint"] == FINGERPRINT
    assert handshake.headers["Sec-WebSocket-Protocol"] == "prusa-connect"
    assert "Clock-Adjusted" not in handshake.headers
    assert taken.opened == 1


async def test_socket_when_commands_come_then_handed_on_at_once(
    connect: ScriptedConnect, socket: SocketLink, taken: Taken
) -> None:
    await socket.send_telemetry({"state": "IDLE"})
    server = connect.sockets[0]
    await server.send_str('J00000005{"command": "PAUSE_PRINT"}')
    await server.send_bytes(b"G00000006G28")
    await server.send_str("nonsense")
    await taken.until(3)
    assert taken.commands[0] == Command(id=5, name="PAUSE_PRINT")
    assert isinstance(taken.commands[1], Command)
    assert taken.commands[1].gcode == "G28"
    assert isinstance(taken.commands[2], Unreadable)


async def test_socket_when_closed_by_the_server_then_opened_again(
    connect: ScriptedConnect, socket: SocketLink, taken: Taken
) -> None:
    await socket.send_telemetry({"state": "IDLE"})
    await connect.sockets[0].close()
    async with asyncio.timeout(WAIT_S):
        while taken.opened < 2:
            # What is on its way when the connection ends is lost, and told.
            try:
                await socket.send_telemetry({"state": "BUSY"})
            except ConnectUnavailable:
                continue
    await connect.until(lambda: {"state": "BUSY"} in connect.frames)


async def test_socket_when_the_clock_jumps_then_the_next_handshake_tells(
    connect: ScriptedConnect, socket: SocketLink, clock: VirtualClock, taken: Taken
) -> None:
    await socket.send_telemetry({"state": "IDLE"})
    clock.wall += 1000
    await socket.send_telemetry({"state": "IDLE"})
    await socket.send_telemetry({"state": "IDLE"})
    told = [r.headers.get("Clock-Adjusted") for r in connect.of("/p/ws", "GET")]
    assert told == [None, "1"]
    assert taken.opened == 2


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, TokenRejected),
        (403, TokenRejected),
        (404, SnapshotRejected),
        (426, SnapshotRejected),
        (503, ConnectUnavailable),
        (200, ConnectUnavailable),
    ],
)
async def test_socket_when_refused_then_the_error_says_what_helps(
    connect: ScriptedConnect,
    socket: SocketLink,
    status: int,
    error: type[PrusaConnectError],
) -> None:
    connect.answer("/p/ws", web.Response(status=status))
    with pytest.raises(error) as caught:
        await socket.send_telemetry({"state": "IDLE"})
    assert TOKEN not in str(caught.value)
    await socket.send_telemetry({"state": "IDLE"})


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_socket_when_pointed_elsewhere_then_nobody_else_gets_the_token(
    connect: ScriptedConnect, socket: SocketLink, status: int
) -> None:
    async with scripted_connect() as other:
        location = {"Location": f"{other.url}/p/ws"}
        connect.answer("/p/ws", web.Response(status=status, headers=location))
        with pytest.raises(ConnectUnavailable, match="another address"):
            await socket.send_telemetry({"state": "IDLE"})
        assert not other.requests


async def test_socket_when_the_server_is_silent_then_given_up_in_time(
    socket: SocketLink, api: PrinterApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent: list[asyncio.StreamWriter] = []

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        silent.append(writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setattr(socket_link, "OPEN_TIMEOUT_S", 0.05)
    monkeypatch.setattr(api, "_server", api.url.with_port(port))
    with pytest.raises(ConnectUnavailable, match="no answer"):
        await socket.send_telemetry({"state": "IDLE"})
    server.close()
    for writer in silent:
        writer.close()
        await writer.wait_closed()


async def test_socket_when_nothing_is_taken_any_more_then_given_up_in_time(
    connect: ScriptedConnect, socket: SocketLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    await socket.send_telemetry({"state": "IDLE"})
    opened = socket._socket
    assert opened is not None

    async def never(*_: Any, **__: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(socket_link, "SEND_TIMEOUT_S", 0.05)
    monkeypatch.setattr(opened, "send_json", never)
    with pytest.raises(ConnectUnavailable, match="takes nothing"):
        await socket.send_telemetry({"state": "IDLE"})
    await socket.send_telemetry({"state": "IDLE"})
    assert len(connect.of("/p/ws", "GET")) == 2


async def test_socket_when_not_registered_then_nothing_is_opened(
    connect: ScriptedConnect, socket: SocketLink, api: PrinterApi
) -> None:
    api.token = None
    with pytest.raises(TokenRejected):
        await socket.send_telemetry({"state": "IDLE"})
    assert not connect.requests


async def test_socket_when_closed_then_says_so(socket: SocketLink) -> None:
    await socket.send_telemetry({"state": "IDLE"})
    await socket.aclose()
    await socket.aclose()
    with pytest.raises(ClosedError):
        await socket.send_telemetry({"state": "IDLE"})
