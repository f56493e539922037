# Tests of the rules that the local Prusa Connect goes by with printers.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request for every rule, tables of bad input, and the switches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
import attrs
import pytest

from moonraker_prusacam.connect.printer import messages
from moonraker_prusacam.emulator.connect import PRINTER_RULES, Behaviour, Origin, Rule
from moonraker_prusacam.emulator.connect import vocabulary as words
from tests.support.printer_bench import (
    CAMERA,
    FINGERPRINT,
    INFO,
    SERIAL,
    PrinterBench,
    printer_bench,
)
from tests.support.scenarios import Scenarios

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FILE = b"; G-code\nG28\n" * 10
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
WAIT_S = 10.0


@pytest.fixture
async def bench() -> AsyncIterator[PrinterBench]:
    async with printer_bench() as opened:
        yield opened


SCENARIOS: Scenarios[PrinterBench] = Scenarios()
scenario = SCENARIOS.meets


@scenario("register body", 400)
async def _(bench: PrinterBench) -> None:
    await bench.ask("POST", "/p/register", {**SERIAL, "sn": ""})


@scenario("register type", 400)
async def _(bench: PrinterBench) -> None:
    await bench.ask("POST", "/p/register", {**SERIAL, "printer_type": "9.9.9"})


@scenario("register", 200)
async def _(bench: PrinterBench) -> None:
    _, _, headers = await bench.ask("POST", "/p/register", SERIAL)
    assert len(headers["Code"]) == 10
    assert headers["Code"].isalnum()


@scenario("code unknown", 404)
async def _(bench: PrinterBench) -> None:
    await bench.ask("GET", "/p/register", Code="0123456789")


@scenario("code waits", 202)
async def _(bench: PrinterBench) -> None:
    _, _, headers = await bench.ask("POST", "/p/register", SERIAL)
    await bench.ask("GET", "/p/register", Code=headers["Code"])


@scenario("registered", 200)
async def _(bench: PrinterBench) -> None:
    await bench.register()
    assert len(bench.headers["Token"]) == 20


@scenario("printer token unknown", 401)
async def _(bench: PrinterBench) -> None:
    await bench.introduce()
    bench.headers["Token"] = "x" * 20
    await bench.telemetry()


@scenario("printer fingerprint differs", 403)
async def _(bench: PrinterBench) -> None:
    await bench.introduce()
    bench.headers["Fingerprint"] = "e" * 32
    await bench.telemetry()


@scenario("telemetry body", 400)
async def _(bench: PrinterBench) -> None:
    await bench.introduce()
    await bench.telemetry("SLEEPING")


@scenario("not informed", 503)
async def _(bench: PrinterBench) -> None:
    await bench.register()
    await bench.telemetry()


@scenario("state differs", 503)
async def _(bench: PrinterBench) -> None:
    bench.connect.behaviour = Behaviour(inconsistent_status=503)
    await bench.introduce()
    await bench.telemetry("PRINTING")


@scenario("command", 200)
async def _(bench: PrinterBench) -> None:
    await bench.introduce()
    bench.printer.commands.add("SEND_INFO")
    told = await bench.telemetry()
    assert told.headers["Command-Id"] == "1"
    assert told.content == {"command": "SEND_INFO", "args": [], "kwargs": {}}


@scenario("telemetry", 204)
async def _(bench: PrinterBench) -> None:
    await bench.introduce()
    await bench.telemetry(temp_nozzle=20.5, slot={"active": 0})
    assert bench.printer.telemetry["temp_nozzle"] == 20.5


@scenario("event body", 400)
async def _(bench: PrinterBench) -> None:
    await bench.register()
    await bench.event("INFO", data=None)


@scenario("event name", 400)
async def _(bench: PrinterBench) -> None:
    await bench.register()
    await bench.event("HELLO")


@scenario("answer to nothing", 400)
async def _(bench: PrinterBench) -> None:
    await bench.register()
    await bench.event("FINISHED", command_id=7)


@scenario("event", 204)
async def _(bench: PrinterBench) -> None:
    await bench.register()
    await bench.event("STATE_CHANGED", state="BUSY")
    (event,) = bench.printer.told("STATE_CHANGED")
    assert (event.source, event.state, bench.printer.state) == (
        "CONNECT",
        *["BUSY"] * 2,
    )


@scenario("camera body", 400)
async def _(bench: PrinterBench) -> None:
    await bench.register()
    await bench.own("POST", "/p/camera", {**CAMERA, "fingerprint": None})


@scenario("camera made", 200)
async def _(bench: PrinterBench) -> None:
    await bench.register()
    _, _, headers = await bench.own("POST", "/p/camera", CAMERA)
    camera = bench.connect.account.cameras[headers["Token"]]
    assert camera.origin is Origin.LINK
    assert camera.info["config"] == CAMERA["config"]


@scenario("file unknown", 404)
async def _(bench: PrinterBench) -> None:
    await bench.register()
    file = bench.connect.account.add_file("cube.gcode", FILE, team_id=7)
    await bench.own("GET", file.path.replace("/7/", "/8/"))


@scenario("file range", 416)
async def _(bench: PrinterBench) -> None:
    bench.connect.behaviour = Behaviour(file_ranges=True)
    await bench.register()
    file = bench.connect.account.add_file("cube.gcode", FILE)
    _, _, headers = await bench.own("GET", file.path, Range="bytes=500-")
    assert headers["Content-Range"] == f"bytes */{len(FILE)}"


@scenario("file", 200)
async def _(bench: PrinterBench) -> None:
    await bench.register()
    file = bench.connect.account.add_file("cube.gcode", FILE)
    _, body, headers = await bench.own("GET", file.path, Range="bytes=5-")
    assert (body, headers["Content-Type"]) == (FILE, "application/octet-stream")


@scenario("elsewhere unknown", 404)
async def _(bench: PrinterBench) -> None:
    file = bench.connect.account.add_file("cube.gcode", FILE)
    await bench.ask("GET", file.path_elsewhere.replace("cube", "sphere"))


@scenario("elsewhere range", 416)
async def _(bench: PrinterBench) -> None:
    bench.connect.behaviour = Behaviour(file_ranges=True)
    file = bench.connect.account.add_file("cube.gcode", FILE)
    await bench.ask("GET", file.path_elsewhere, Range="bytes=500-")


@scenario("elsewhere", 200)
async def _(bench: PrinterBench) -> None:
    file = bench.connect.account.add_file("a cube.gcode", FILE)
    told = await bench.ask("GET", bench.connect.url_elsewhere(file))
    assert told.content == FILE


@scenario("socket handshake", 400)
async def _(bench: PrinterBench) -> None:
    await bench.register()
    await bench.own("GET", "/p/ws")


@scenario("socket protocol", 400)
async def _(bench: PrinterBench) -> None:
    bench.connect.behaviour = Behaviour(require_subprotocol=True)
    await bench.register()
    await bench.own(
        "GET",
        "/p/ws",
        Connection="Upgrade",
        Upgrade="websocket",
        Sec_WebSocket_Key=KEY,
        Sec_WebSocket_Version="13",
    )


@scenario("socket", 101)
async def _(bench: PrinterBench) -> None:
    await bench.register()
    async with bench.http.ws_connect(
        bench.connect.url + "/p/ws", headers=bench.headers, protocols=["prusa-connect"]
    ) as socket:
        assert socket.protocol == "prusa-connect"


@scenario("socket revoked", 0)
async def _(bench: PrinterBench) -> None:
    await bench.register()
    async with bench.http.ws_connect(
        bench.connect.url + "/p/ws", headers=bench.headers
    ) as socket:
        bench.connect.account.remove_printer(bench.printer)
        await socket.send_json({"state": "IDLE"})
        assert (await socket.receive(WAIT_S)).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 1008


@scenario("socket message", 0)
async def _(bench: PrinterBench) -> None:
    await bench.register()
    async with bench.http.ws_connect(
        bench.connect.url + "/p/ws", headers=bench.headers
    ) as socket:
        await socket.send_str("hello")
        assert (await socket.receive(WAIT_S)).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 1008


def test_scenarios_when_compared_with_the_rules_then_each_rule_has_one() -> None:
    assert list(SCENARIOS) == [rule.name for rule in PRINTER_RULES]


@pytest.mark.parametrize("rule", PRINTER_RULES, ids=lambda rule: rule.name)
async def test_rule_when_met_then_its_answer_and_evidence(
    bench: PrinterBench, rule: Rule
) -> None:
    status, play = SCENARIOS[rule.name]
    await play(bench)
    record = bench.connect.requests[-1]
    assert (record.verdict, record.status) == (rule.name, status)
    assert record.evidence == rule.evidence
    assert record.leaks == ()
    assert str(status or 1008) in rule.answer


def test_words_when_compared_with_our_clients_then_the_same() -> None:
    assert set(messages.State) == words.STATES
    assert set(messages.Source) == words.SOURCES
    assert set(messages.EventKind) == words.EVENTS


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"{}",
        b'{"temp_nozzle": 20}',
        b'{"state": null}',
        b'{"state": 5}',
        b'{"state": ["IDLE"]}',
        b'{"state": "idle"}',
        b'{"state": "IDLE", "temp_nozzle": NaN}',
    ],
)
async def test_telemetry_when_it_is_none_then_400_and_nothing_kept(
    bench: PrinterBench, body: bytes
) -> None:
    await bench.introduce()
    assert (await bench.own("POST", "/p/telemetry", body)).status == 400
    assert bench.printer.telemetry_count == 0
    assert (await bench.telemetry()).status == 204


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"event": None}, "event body"),
        ({"source": 5}, "event body"),
        ({"data": []}, "event body"),
        ({"state": None}, "event body"),
        ({"command_id": "1"}, "event body"),
        ({"command_id": True}, "event body"),
        ({"job_id": 1.5}, "event body"),
        ({"reason": {}}, "event body"),
        ({"event": "info"}, "event name"),
        ({"source": "KLIPPER"}, "event name"),
        ({"state": "WORKING"}, "event name"),
        ({"event": "ACCEPTED"}, "answer to nothing"),
        ({"event": "FINISHED"}, "answer to nothing"),
        ({"command_id": 1}, "answer to nothing"),
    ],
    ids=str,
)
async def test_event_when_wrong_then_400_and_nothing_kept(
    bench: PrinterBench, changes: dict[str, Any], verdict: str
) -> None:
    await bench.register()
    told = {"event": "INFO", "source": "USER", "data": INFO, **changes}
    assert (await bench.own("POST", "/p/events", told)).status == 400
    assert bench.connect.requests[-1].verdict == verdict
    assert not bench.printer.events
    assert bench.printer.info is None


@pytest.mark.parametrize("event", ["REJECTED", "FAILED"])
async def test_refusal_when_it_is_of_no_command_then_taken(
    bench: PrinterBench, event: str
) -> None:
    """As the SDK answers a command without a number."""
    await bench.register()
    assert (await bench.event(event, reason="no number")).status == 204


async def test_events_when_leniently_judged_then_taken_and_noted(
    bench: PrinterBench,
) -> None:
    bench.connect.behaviour = Behaviour(strict_events=False)
    await bench.register()
    assert (await bench.event("HELLO", "KLIPPER")).status == 204
    assert (await bench.event("FINISHED", command_id=7)).status == 204
    assert bench.connect.audit_printer(bench.printer).notes == [
        "unknown event HELLO",
        "unknown source KLIPPER",
        "FINISHED to no command",
    ]


@pytest.mark.parametrize(
    ("telemetry", "notes"),
    [
        ({"colour": "red"}, ["unknown key colour"]),
        ({"temp_nozzle": "hot"}, ["temp_nozzle is str"]),
        ({"temp_bed": None}, ["temp_bed is NoneType"]),
        ({"progress": True}, ["progress is bool"]),
        ({"job_id": 1.0}, ["job_id is float"]),
        ({"material": 5}, ["material is int"]),
        ({"chamber": 30}, ["chamber is int"]),
        ({"inaccurate_estimates": "no"}, ["inaccurate_estimates is str"]),
        ({"state": "BUSY"}, ["state BUSY after IDLE"]),
        ({"target_fan_hotend": 5, "odometer_x": 1.5, "chamber": {"temp": 30}}, []),
        ({"inaccurate_estimates": True, "material": "PLA", "command_id": 4}, []),
    ],
    ids=str,
)
async def test_telemetry_when_unusual_then_taken_and_noted(
    bench: PrinterBench, telemetry: dict[str, Any], notes: list[str]
) -> None:
    await bench.introduce()
    told = await bench.own("POST", "/p/telemetry", {"state": "IDLE", **telemetry})
    assert told.status == 204
    assert list(bench.connect.requests[-1].notes) == notes
    assert bench.connect.audit_printer(bench.printer).notes == notes


@pytest.mark.parametrize(
    ("data", "notes"),
    [
        (INFO, []),
        ({}, ["INFO with no sn", "INFO with no fingerprint"]),
        ({**INFO, "sn": "other"}, ["INFO with another sn"]),
        ({**INFO, "fingerprint": "e" * 32}, ["INFO with another fingerprint"]),
    ],
    ids=str,
)
async def test_info_when_it_is_of_another_printer_then_noted(
    bench: PrinterBench, data: dict[str, str], notes: list[str]
) -> None:
    await bench.register()
    assert (await bench.event("INFO", data=data)).status == 204
    assert list(bench.connect.requests[-1].notes) == notes


async def test_printer_when_registered_again_then_informed_anew(
    bench: PrinterBench,
) -> None:
    await bench.introduce()
    old = dict(bench.headers)
    await bench.register()
    assert (await bench.telemetry()).status == 503
    await bench.event("INFO", data=INFO)
    assert (await bench.telemetry()).status == 204
    bench.headers = old
    assert (await bench.telemetry()).status == 401
    assert len(bench.connect.account.printers) == 1


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_token_when_unknown_then_the_status_that_was_set(
    bench: PrinterBench, status: int
) -> None:
    bench.connect.behaviour = Behaviour(unknown_token_status=status)
    await bench.introduce()
    bench.connect.account.remove_printer(bench.printer)
    assert (await bench.telemetry()).status == status
    bench.headers.pop("Token")
    assert (await bench.telemetry()).status == 401


async def test_code_when_the_printer_was_removed_then_unknown(
    bench: PrinterBench,
) -> None:
    asked = await bench.ask("POST", "/p/register", SERIAL)
    bench.connect.account.remove_printer(bench.connect.confirm())
    told = await bench.ask("GET", "/p/register", Code=asked.headers["Code"])
    assert told.status == 404


async def test_clock_when_it_was_adjusted_then_counted(bench: PrinterBench) -> None:
    await bench.introduce()
    await bench.own("POST", "/p/telemetry", {"state": "IDLE"}, Clock_Adjusted="1")
    await bench.telemetry()
    assert bench.printer.clock_adjusted == 1


@pytest.mark.parametrize(
    ("told", "places"),
    [
        ({"data": {**INFO, "note": FINGERPRINT}}, ("body",)),
        ({"data": INFO, "reason": "{token}"}, ("body",)),
        ({"event": "STATE_CHANGED", "data": {"fingerprint": FINGERPRINT}}, ("body",)),
        ({"data": INFO}, ()),
    ],
    ids=str,
)
async def test_secret_when_an_event_tells_it_then_found(
    bench: PrinterBench, told: dict[str, Any], places: tuple[str, ...]
) -> None:
    await bench.register()
    if "reason" in told:
        told = {**told, "reason": bench.headers["Token"]}
    await bench.own("POST", "/p/events", {"event": "INFO", "source": "USER", **told})
    assert bench.connect.requests[-1].leaks == places
    assert bench.headers["Token"] not in str(bench.connect.log_as_json())


async def test_token_when_sent_elsewhere_then_found(bench: PrinterBench) -> None:
    await bench.register()
    file = bench.connect.account.add_file("cube.gcode", FILE)
    url = bench.connect.url_elsewhere(file)
    assert (await bench.own("GET", url)).content == FILE
    assert set(bench.connect.requests[-1].leaks) == {
        "header token",
        "header fingerprint",
    }


async def test_file_when_ranges_are_served_then_the_rest_comes(
    bench: PrinterBench,
) -> None:
    bench.connect.behaviour = Behaviour(file_ranges=True)
    await bench.register()
    file = bench.connect.account.add_file("cube.gcode", FILE)
    whole = await bench.own("GET", file.path)
    resumed = {"Range": "bytes=50-", "If_Range": whole.headers["ETag"]}
    rest = await bench.own("GET", file.path, **resumed)
    assert (whole.status, rest.status) == (200, 206)
    assert whole.content[:50] + rest.content == FILE
    assert (await bench.own("GET", file.path, Token="x" * 20)).status == 401


async def test_behaviour_when_changed_by_request_then_it_holds(
    bench: PrinterBench,
) -> None:
    changes: dict[str, Any] = {"strict_events": False, "resend_after_s": 1.0}
    told = await bench.ask("PATCH", "/_ctl/behaviour", changes)
    assert told.content == attrs.asdict(Behaviour(**changes))
    for wrong in ({"strict_events": 1}, {"resend_after_s": 0}, {"file_ranges": "no"}):
        assert (await bench.ask("PATCH", "/_ctl/behaviour", wrong)).status == 400
