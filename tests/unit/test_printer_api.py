# Tests of the client of Prusa Connect's printer API.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Headers, bodies and answers of every request; and servers that misbehave."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from moonraker_prusacam.connect.api import USER_AGENT
from moonraker_prusacam.connect.printer.api import MAX_BODY_BYTES, PrinterApi
from moonraker_prusacam.connect.printer.messages import (
    Command,
    Event,
    EventKind,
    Source,
    State,
)
from moonraker_prusacam.errors import (
    ClosedError,
    ConnectUnavailable,
    PrusaConnectError,
    SnapshotRejected,
    TokenRejected,
)
from moonraker_prusacam.secret import Secret
from tests.support import printer_api
from tests.support.printer_api import FINGERPRINT, IDENTITY
from tests.support.scripted_connect import (
    CODE,
    SILENCE,
    TOKEN,
    ScriptedConnect,
    command,
)
from tests.support.web_server import answer, answering

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.support.clock import VirtualClock

WAIT_S = 10.0
EVENT = Event(kind=EventKind.STATE_CHANGED, source=Source.FIRMWARE, state=State.IDLE)

CALLS: dict[str, Callable[[PrinterApi], Awaitable[Any]]] = {
    "register": lambda api: api.register(),
    "registered": lambda api: api.registered(CODE),
    "telemetry": lambda api: api.telemetry({"state": "IDLE"}),
    "event": lambda api: api.event(EVENT, 1.0),
    "camera": lambda api: api.add_camera({"config": {"name": "x"}}),
}


connect = pytest.fixture(printer_api.connect)
clock = pytest.fixture(printer_api.clock)
api = pytest.fixture(printer_api.api)


async def test_headers_when_sent_then_those_of_a_printer(
    connect: ScriptedConnect, api: PrinterApi, clock: VirtualClock
) -> None:
    clock.wall = 1_800_000_000.26
    api.klipper_version = "v0.13"
    assert await api.telemetry({"state": "IDLE", "nothing": None}) is None
    request = connect.of("/p/telemetry")[0]
    assert request.body == {"state": "IDLE"}
    sent = {
        name: request.headers[name]
        for name in (
            "Token",
            "Fingerprint",
            "Timestamp",
            "User-Agent",
            "User-Agent-Printer",
            "User-Agent-Version",
            "Content-Type",
        )
    }
    assert sent == {
        "Token": TOKEN,
        "Fingerprint": FINGERPRINT,
        "Timestamp": "1800000000.3",
        "User-Agent": USER_AGENT,
        "User-Agent-Printer": "6.1.0",
        "User-Agent-Version": api.firmware,
        "Content-Type": "application/json",
    }
    assert "Clock-Adjusted" not in request.headers
    assert "Klipper v0.13" in api.firmware


async def test_event_when_sent_then_its_body_and_its_own_time(
    connect: ScriptedConnect, api: PrinterApi
) -> None:
    await api.event(EVENT, 1234.5)
    request = connect.of("/p/events")[0]
    assert request.headers["Timestamp"] == "1234.5"
    assert request.body == {
        "event": "STATE_CHANGED",
        "source": "FIRMWARE",
        "state": "IDLE",
        "data": {},
    }


async def test_clock_when_it_jumps_then_told_once(
    connect: ScriptedConnect, api: PrinterApi, clock: VirtualClock
) -> None:
    clock.wall += 3600
    connect.answer("/p/telemetry", web.Response(status=503), web.Response(status=204))
    with pytest.raises(ConnectUnavailable):
        await api.telemetry({"state": "IDLE"})
    for _ in range(2):
        await api.telemetry({"state": "IDLE"})
    told = [r.headers.get("Clock-Adjusted") for r in connect.of("/p/telemetry")]
    assert told == ["1", "1", None]


async def test_registration_when_confirmed_then_code_and_token(
    connect: ScriptedConnect, clock: VirtualClock
) -> None:
    api = PrinterApi(connect.url, IDENTITY, clock)
    connect.answer("/p/register", web.Response(headers={"Code": CODE}))
    assert await api.register() == CODE
    assert connect.requests[0].body == {
        "sn": "KLP-0123456789AB",
        "fingerprint": FINGERPRINT,
        "printer_type": "6.1.0",
        "firmware": api.firmware,
    }
    connect.answer("/p/register", web.Response(status=202))
    assert await api.registered(CODE) is None
    assert await api.registered(CODE) == Secret(TOKEN)
    asked = connect.of("/p/register", "GET")[0]
    assert asked.headers["Code"] == CODE
    assert "Token" not in asked.headers
    await api.aclose()


async def test_command_when_it_waits_then_the_answer_to_telemetry(
    connect: ScriptedConnect, api: PrinterApi
) -> None:
    connect.answer("/p/telemetry", command(5, "START_PRINT", path="/gcodes/a"))
    told = await api.telemetry({"state": "IDLE"})
    assert told == Command(id=5, name="START_PRINT", kwargs={"path": "/gcodes/a"})


async def test_camera_when_added_then_its_token(
    connect: ScriptedConnect, api: PrinterApi
) -> None:
    assert await api.add_camera({"config": {"name": "front"}}) == Secret("C" * 20)
    assert connect.of("/p/camera")[0].headers["Token"] == TOKEN


@pytest.mark.parametrize("name", ["telemetry", "event", "camera"])
async def test_call_when_not_registered_then_nothing_is_sent(
    connect: ScriptedConnect, api: PrinterApi, name: str
) -> None:
    api.token = None
    with pytest.raises(TokenRejected, match="register"):
        await CALLS[name](api)
    with pytest.raises(TokenRejected):
        api.headers()
    assert not connect.requests


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, SnapshotRejected),
        (401, TokenRejected),
        (403, TokenRejected),
        (409, SnapshotRejected),
        (413, SnapshotRejected),
        (429, ConnectUnavailable),
        (500, ConnectUnavailable),
        (502, ConnectUnavailable),
        (503, ConnectUnavailable),
    ],
)
async def test_refusal_when_it_comes_then_the_error_says_what_helps(
    connect: ScriptedConnect,
    api: PrinterApi,
    name: str,
    status: int,
    error: type[PrusaConnectError],
) -> None:
    path = {"event": "/p/events", "registered": "/p/register"}.get(name, f"/p/{name}")
    text = f"{TOKEN} {FINGERPRINT}"
    connect.answer(path, web.json_response({"message": text}, status=status))
    with pytest.raises(error) as caught:
        await CALLS[name](api)
    assert caught.value.status == status
    assert TOKEN not in str(caught.value)
    assert FINGERPRINT not in str(caught.value)
    assert "camera" not in str(caught.value).lower()


async def test_fingerprint_when_refused_then_named(
    connect: ScriptedConnect, api: PrinterApi
) -> None:
    connect.answer(
        "/p/telemetry",
        web.json_response(
            {"message": "Fingerprint is not valid", "code": "FORBIDDEN"}, status=403
        ),
    )
    with pytest.raises(TokenRejected) as caught:
        await api.telemetry({"state": "IDLE"})
    assert caught.value.cause == "fingerprint"


async def test_retry_after_when_given_then_in_the_error(
    connect: ScriptedConnect, api: PrinterApi
) -> None:
    connect.answer(
        "/p/telemetry", web.Response(status=429, headers={"Retry-After": "17"})
    )
    with pytest.raises(ConnectUnavailable) as caught:
        await api.telemetry({"state": "IDLE"})
    assert caught.value.retry_after_s == 17.0


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "spoilt",
    [
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nCommand-Id: 5\r\n"
            b"Content-Type: text/x.gcode\r\nConnection: close\r\n\r\nG28"
        ),
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 2000 + b"\r\n",
    ],
)
async def test_answer_when_broken_then_unavailable_and_no_half_command(
    clock: VirtualClock, name: str, spoilt: bytes
) -> None:
    async with answering(spoilt) as port:
        url = f"http://127.0.0.1:{port}"
        api = PrinterApi(url, IDENTITY, clock, token=Secret(TOKEN))
        with pytest.raises(ConnectUnavailable):
            await CALLS[name](api)
        await api.aclose()


@pytest.mark.parametrize("name", CALLS)
async def test_server_when_silent_then_given_up_in_time(
    connect: ScriptedConnect, clock: VirtualClock, name: str
) -> None:
    path = {"event": "/p/events", "registered": "/p/register"}.get(name, f"/p/{name}")
    connect.answer(path, SILENCE)
    api = PrinterApi(connect.url, IDENTITY, clock, token=Secret(TOKEN), timeout_s=0.05)
    async with asyncio.timeout(WAIT_S):
        with pytest.raises(ConnectUnavailable, match="no answer"):
            await CALLS[name](api)
    await api.aclose()


async def test_answer_when_endless_then_not_read_to_the_end(
    connect: ScriptedConnect, api: PrinterApi
) -> None:
    connect.answer("/p/telemetry", web.Response(body=b"x" * (MAX_BODY_BYTES + 1)))
    with pytest.raises(ConnectUnavailable, match="bytes"):
        await api.telemetry({"state": "IDLE"})


async def test_answer_when_it_is_a_page_then_no_command(
    connect: ScriptedConnect, api: PrinterApi
) -> None:
    page = web.Response(text="<h1>Log in to this hotel</h1>", content_type="text/html")
    connect.answer("/p/telemetry", page)
    with pytest.raises(ConnectUnavailable, match="not for a printer"):
        await api.telemetry({"state": "IDLE"})


@pytest.mark.parametrize("token", ["", "short", "with blanks in it", "x" * 200])
async def test_token_when_it_is_none_then_unavailable(
    connect: ScriptedConnect, api: PrinterApi, token: str
) -> None:
    connect.answer("/p/camera", web.Response(headers={"Token": token}))
    with pytest.raises(ConnectUnavailable, match="without a token"):
        await api.add_camera({})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location", ["http://other.example/p/telemetry", "https://other.example/", "", "::"]
)
async def test_redirection_when_it_leads_elsewhere_then_not_followed(
    connect: ScriptedConnect, api: PrinterApi, status: int, location: str
) -> None:
    connect.answer(
        "/p/telemetry", web.Response(status=status, headers={"Location": location})
    )
    with pytest.raises(SnapshotRejected, match="another address"):
        await api.telemetry({"state": "IDLE"})
    assert len(connect.requests) == 1


async def test_connection_when_nobody_listens_then_unavailable(
    clock: VirtualClock,
) -> None:
    async with answering(answer(204, "text/plain")) as port:
        pass
    api = PrinterApi(f"http://127.0.0.1:{port}", IDENTITY, clock, token=Secret(TOKEN))
    with pytest.raises(ConnectUnavailable):
        await api.telemetry({"state": "IDLE"})
    await api.aclose()


async def test_api_when_closed_then_says_so(api: PrinterApi) -> None:
    await api.aclose()
    await api.aclose()
    with pytest.raises(ClosedError):
        await api.telemetry({"state": "IDLE"})
