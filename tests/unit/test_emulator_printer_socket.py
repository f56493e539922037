# Tests of a printer's WebSocket to the local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes up and down, the ends of a connection, and faults on it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from moonraker_prusacam.emulator.connect import Fault, FaultKind, Spoilt
from tests.support.printer_bench import INFO, PrinterBench, printer_bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WAIT_S = 10.0


@pytest.fixture
async def bench() -> AsyncIterator[PrinterBench]:
    async with printer_bench() as opened:
        await opened.register()
        yield opened


class Socket:
    """A printer's end."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.raw = socket

    async def event(self, event: str, **more: Any) -> None:
        told = {"event": event, "source": "CONNECT", "data": {}, **more}
        await self.raw.send_str(json.dumps(told))

    async def telemetry(self, **more: Any) -> None:
        await self.raw.send_str(json.dumps({"state": "IDLE", **more}))

    async def text(self) -> str:
        return str(await self.raw.receive_str(timeout=WAIT_S))

    async def end(self) -> int | None:
        """The code that the connection is closed with."""
        while not self.raw.closed:
            await self.raw.receive(WAIT_S)
        return self.raw.close_code


@asynccontextmanager
async def connected(bench: PrinterBench) -> AsyncIterator[Socket]:
    async with bench.http.ws_connect(
        bench.connect.url + "/p/ws", headers=bench.headers, protocols=["prusa-connect"]
    ) as socket:
        yield Socket(socket)


async def logged(bench: PrinterBench, count: int) -> list[str]:
    """The verdicts on the first messages."""

    def messages() -> list[str]:
        return [r.verdict for r in bench.connect.requests if r.method == "WS"]

    await bench.connect.wait_for(lambda: len(messages()) >= count, WAIT_S)
    return messages()


async def test_socket_when_it_tells_then_judged_as_over_http(
    bench: PrinterBench,
) -> None:
    async with connected(bench) as socket:
        await socket.telemetry()
        await socket.event("INFO", data=INFO)
        await socket.telemetry(temp_bed=20, colour="red")
        await socket.event("HELLO")
        assert await logged(bench, 4) == [
            "not informed",
            "event",
            "telemetry",
            "event name",
        ]
        assert bench.printer.socket is not None
    printer = bench.printer
    assert (printer.telemetry_count, printer.info) == (1, INFO)
    audit = bench.connect.audit_printer(printer)
    assert (len(audit.telemetry), len(audit.events)) == (2, 2)
    assert audit.notes == ["unknown key colour"]
    assert audit.leaks == []
    await bench.connect.wait_for(lambda: printer.socket is None, WAIT_S)


async def test_commands_when_due_then_letter_and_number_come_first(
    bench: PrinterBench,
) -> None:
    commands = bench.printer.commands
    first = commands.add("SEND_INFO", command_id=0x1A2B)
    async with connected(bench) as socket:
        await socket.event("INFO", data=INFO)
        frame = await socket.text()
        assert frame[:9] == "J00001A2B"
        assert json.loads(frame[9:])["command"] == "SEND_INFO"
        await socket.event("ACCEPTED", command_id=first.id)
        await socket.event("INFO", command_id=first.id, data=INFO)
        commands.add(gcode="G28")
        assert await socket.text() == "G00001A2CG28"
        await socket.event("REJECTED", command_id=first.id + 1, reason="no")
        commands.add(gcode="M84\n", force=True)
        assert await socket.text() == "F00001A2DM84\n"
        commands.add("X", overtakes=True, spoilt=Spoilt(body="D00000000hello"))
        assert await socket.text() == "D00000000hello"
    assert commands.violations == []


async def test_command_when_the_connection_ends_first_then_sent_on_the_next(
    bench: PrinterBench,
) -> None:
    await bench.event("INFO", data=INFO)
    bench.printer.commands.add("SEND_INFO")
    async with connected(bench) as socket:
        frame = await socket.text()
    await bench.connect.wait_for(lambda: bench.printer.socket is None, WAIT_S)
    async with connected(bench) as socket:
        assert await socket.text() == frame
    assert len(bench.connect.audit_printer(bench.printer).connection_gaps_s) == 1


async def test_socket_when_another_is_opened_then_the_older_ends(
    bench: PrinterBench,
) -> None:
    async with connected(bench) as older, connected(bench) as newer:
        assert await older.end() == 1008
        await newer.event("INFO", data=INFO)
        await logged(bench, 1)
        assert bench.printer.socket is not None


@pytest.mark.parametrize("data", ["", "[]", "{", "5", b"{}"], ids=repr)
async def test_message_when_it_is_none_then_closed(
    bench: PrinterBench, data: str | bytes
) -> None:
    async with connected(bench) as socket:
        if isinstance(data, bytes):
            await socket.raw.send_bytes(data)
        else:
            await socket.raw.send_str(data)
        assert await socket.end() == 1008
    assert await logged(bench, 1) == ["socket message"]


async def test_token_when_unknown_then_401_without_upgrade(bench: PrinterBench) -> None:
    bench.headers["Token"] = "x" * 20
    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        async with connected(bench):
            pass
    assert error.value.status == 401


async def test_printer_when_removed_then_its_connection_ends(
    bench: PrinterBench,
) -> None:
    async with connected(bench) as socket:
        await socket.event("INFO", data=INFO)
        await logged(bench, 1)
        await bench.ask("DELETE", "/_ctl/printers/last")
        assert await socket.end() == 1000


async def test_server_when_it_ends_then_it_says_goodbye(bench: PrinterBench) -> None:
    async with connected(bench) as socket:
        await socket.event("INFO", data=INFO)
        await logged(bench, 1)
        ends = asyncio.create_task(socket.end())
        await bench.connect.aclose()
        assert await ends == 1001


@pytest.mark.parametrize(
    ("kind", "code"), [(FaultKind.RESET_RESPONSE, 1006), (FaultKind.CUT_RESPONSE, 1013)]
)
async def test_fault_when_a_message_meets_it_then_it_counts_and_the_connection_ends(
    bench: PrinterBench, kind: FaultKind, code: int
) -> None:
    await bench.connect.inject(Fault(kind, endpoint="WS /p/telemetry", skip=1))
    async with connected(bench) as socket:
        await socket.event("INFO", data=INFO)
        await socket.telemetry()
        await socket.telemetry()
        assert await socket.end() == code
    assert bench.printer.telemetry_count == 2
    assert bench.connect.requests[-1].fault == kind


async def test_silence_when_met_then_nothing_is_heard_or_said_until_it_is_over(
    bench: PrinterBench,
) -> None:
    silence = Fault(FaultKind.SILENCE, endpoint="/p/events", seconds=0.2)
    await bench.connect.inject(silence)
    bench.printer.commands.add("SEND_INFO")
    async with connected(bench) as socket:
        await socket.event("INFO", data=INFO)
        await socket.telemetry()
        assert await logged(bench, 1) == ["event"]
        assert (await socket.text()).startswith("J00000001")
        assert await logged(bench, 2) == ["event", "telemetry"]


async def test_handshake_when_it_meets_a_fault_then_no_connection(
    bench: PrinterBench,
) -> None:
    await bench.connect.inject(Fault(FaultKind.ANSWER, endpoint="/p/ws", answer="503"))
    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        async with connected(bench):
            pass
    assert error.value.status == 503
    async with connected(bench) as socket:
        await socket.event("INFO", data=INFO)
        await logged(bench, 1)
