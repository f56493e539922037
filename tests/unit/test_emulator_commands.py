# Tests of the commands of the local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How commands are handed out, what is wrong in their lives, and the hand on them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.emulator.connect import Behaviour, Commands, LocalEvent, Spoilt
from tests.support.printer_bench import INFO, PrinterBench, printer_bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WAIT_S = 10.0
RESEND_S = 5.0
REASON = {"REJECTED": "no", "FAILED": "no"}


@pytest.fixture
async def bench() -> AsyncIterator[PrinterBench]:
    async with printer_bench() as opened:
        await opened.introduce()
        yield opened


def told(kind: str, command_id: int, reason: str | None = None) -> LocalEvent:
    return LocalEvent(
        at_s=0.0,
        kind=kind,
        source="CONNECT",
        data={},
        command_id=command_id,
        reason=reason or REASON.get(kind),
    )


def play(commands: Commands, script: str) -> None:
    """``!`` sends what is due, ``+3`` sends 3 again, ``KIND 3`` is an answer to it."""
    for line in filter(None, (part.strip() for part in script.split(","))):
        if line == "!":
            assert commands.due(0.0, RESEND_S) is not None
        elif line.startswith("+"):
            command = commands.find(int(line[1:]))
            assert command is not None
            commands.repeat(command)
            assert commands.due(0.0, RESEND_S) is command
        else:
            kind, command_id = line.split()
            assert commands.answer(told(kind, int(command_id)))


@pytest.mark.parametrize(
    "script",
    [
        "!, ACCEPTED 1, FINISHED 1",
        "!, ACCEPTED 1, FAILED 1",
        "!, ACCEPTED 1, REJECTED 1",
        "!, ACCEPTED 1, INFO 1",
        "!, REJECTED 1",
        "!, +1, ACCEPTED 1, ACCEPTED 1, FINISHED 1",
        "!, ACCEPTED 1, +1, ACCEPTED 1, FINISHED 1",
        "!, ACCEPTED 1, FINISHED 1, +1, FINISHED 1",
        "!, ACCEPTED 1, INFO 1, +1, FINISHED 1",
        "!, ACCEPTED 1, INFO 1, +1, INFO 1",
        "!, ACCEPTED 1, FAILED 1, +1, FAILED 1",
        "!, ACCEPTED 1, FINISHED 1, !, ACCEPTED 2, FINISHED 2",
        "!, ACCEPTED 1, !, ACCEPTED 3, FAILED 1, FINISHED 3",
    ],
)
def test_life_when_it_is_good_then_nothing_is_said(script: str) -> None:
    commands = Commands()
    commands.add("SEND_INFO")
    commands.add("GCODE", gcode="G28")
    commands.add("RESET_PRINTER")
    if "3" not in script:
        commands.all.pop()
    play(commands, script)
    assert commands.violations == []


@pytest.mark.parametrize(
    ("script", "violation"),
    [
        ("!, FINISHED 1", "1 SEND_INFO: FINISHED without ACCEPTED"),
        ("!, FAILED 1", "1 SEND_INFO: FAILED without ACCEPTED"),
        (
            "!, ACCEPTED 1, ACCEPTED 1",
            "1 SEND_INFO: ACCEPTED more often than it was sent",
        ),
        (
            "!, ACCEPTED 1, FINISHED 1, FINISHED 1",
            "1 SEND_INFO: FINISHED after FINISHED without being asked again",
        ),
        (
            "!, ACCEPTED 1, FINISHED 1, +1, ACCEPTED 1",
            "1 SEND_INFO: ACCEPTED after FINISHED",
        ),
        (
            "!, ACCEPTED 1, FINISHED 1, +1, FAILED 1",
            "1 SEND_INFO: FAILED to its repetition, after FINISHED",
        ),
        (
            "!, ACCEPTED 1, FAILED 1, +1, FINISHED 1",
            "1 SEND_INFO: FINISHED to its repetition, after FAILED",
        ),
        (
            "!, ACCEPTED 1, !, ACCEPTED 2",
            "2 GCODE: ACCEPTED while 1 SEND_INFO ran",
        ),
    ],
)
def test_life_when_it_is_bad_then_said_once(script: str, violation: str) -> None:
    commands = Commands()
    commands.add("SEND_INFO")
    commands.add("GCODE", gcode="G28", overtakes="2" in script)
    play(commands, script)
    assert commands.violations == [violation]


def test_refusal_when_it_has_no_reason_then_said() -> None:
    commands = Commands()
    commands.add("SEND_INFO")
    play(commands, "!")
    commands.answer(told("REJECTED", 1, reason=""))
    refusal = LocalEvent(
        at_s=0.0, kind="REJECTED", source="CONNECT", data={}, command_id=1
    )
    assert commands.violations == []
    again = Commands()
    again.add("SEND_INFO")
    play(again, "!")
    again.answer(refusal)
    assert again.violations == ["1 SEND_INFO: REJECTED without a reason"]


def test_due_when_one_is_not_answered_then_again_after_a_while() -> None:
    commands = Commands()
    first, second = commands.add("SEND_INFO"), commands.add("SEND_JOB_INFO")
    assert commands.due(0.0, RESEND_S) is first
    assert commands.due(4.9, RESEND_S) is None
    assert commands.due(5.0, RESEND_S) is first
    commands.answer(told("ACCEPTED", 1))
    assert commands.due(99.0, RESEND_S) is None
    commands.answer(told("FINISHED", 1))
    assert commands.due(99.0, RESEND_S) is second
    assert (first.sent_s, first.state, second.state) == ([0.0, 5.0], "FINISHED", "sent")


def test_due_when_one_overtakes_then_not_waited_for() -> None:
    commands = Commands()
    for name in ("SEND_INFO", "STOP_PRINT", "RESET_PRINTER"):
        commands.add(name)
    assert [commands.due(0.0, RESEND_S) for _ in range(3)] == [
        commands.all[0],
        commands.all[2],
        None,
    ]


async def test_gcode_when_forced_then_text_and_a_header(bench: PrinterBench) -> None:
    commands = bench.printer.commands
    for is_forced in (True, False):
        commands.add(gcode="G28 X\nM84\n", force=is_forced)
        got = await bench.telemetry()
        assert got.content == b"G28 X\nM84\n"
        assert got.headers["Content-Type"] == "text/x.gcode"
        assert got.headers.get("Force") == ("1" if is_forced else None)
        await bench.answer(got, "ACCEPTED", "FINISHED")
    assert [command.state for command in commands.all] == ["FINISHED", "FINISHED"]
    assert commands.violations == []


async def test_command_when_it_ends_then_whoever_waits_is_told(
    bench: PrinterBench,
) -> None:
    command = bench.printer.commands.add("SEND_INFO")
    waits = asyncio.create_task(bench.connect.finish(command, WAIT_S))
    got = await bench.telemetry()
    await bench.answer(got, "ACCEPTED")
    assert not waits.done()
    await bench.answer(got, "INFO", data={**INFO, "hello": 1})
    outcome = await waits
    assert (outcome.kind, outcome.data["hello"]) == ("INFO", 1)
    with pytest.raises(TimeoutError):
        await bench.connect.finish(bench.printer.commands.add("GCODE"), 0.01)


async def test_command_when_not_answered_then_sent_again(bench: PrinterBench) -> None:
    bench.connect.behaviour = Behaviour(resend_after_s=1e-6)
    bench.printer.commands.add("SEND_INFO", command_id=41)
    got = [await bench.telemetry() for _ in range(3)]
    assert [each.headers["Command-Id"] for each in got] == ["41"] * 3
    audit = bench.connect.audit_printer(bench.printer)
    assert audit.unanswered == ["41 SEND_INFO: sent"]


@pytest.mark.parametrize(
    ("spoilt", "headers", "body"),
    [
        (Spoilt(headers={"Command-Id": "x"}), {"Command-Id": "x"}, b""),
        (Spoilt(body="{"), {"Command-Id": "1"}, b"{"),
        (
            Spoilt(body="<p>", headers={"Content-Type": "text/html"}),
            {"Content-Type": "text/html"},
            b"<p>",
        ),
    ],
    ids=str,
)
async def test_command_when_spoilt_then_sent_as_that_and_the_next_one_comes(
    bench: PrinterBench, spoilt: Spoilt, headers: dict[str, str], body: bytes
) -> None:
    bench.printer.commands.add("SEND_INFO", spoilt=spoilt)
    bench.printer.commands.add("SEND_JOB_INFO")
    got = await bench.telemetry()
    assert got.content == body
    assert {name: got.headers[name] for name in headers} == headers
    assert (await bench.telemetry()).content["command"] == "SEND_JOB_INFO"


async def test_control_when_a_command_is_queued_then_it_can_be_waited_for(
    bench: PrinterBench,
) -> None:
    its = "/_ctl/printers/last/commands"
    queued = {"command": "GCODE", "gcode": "G28", "force": True, "id": 9}
    waits = asyncio.create_task(bench.ask("POST", f"{its}?wait_s=10", queued))
    await bench.connect.wait_for(lambda: bool(bench.printer.commands.all), WAIT_S)
    await bench.answer(await bench.telemetry(), "ACCEPTED", "FINISHED")
    ended = await waits
    assert (ended.status, ended.content["state"]) == (201, "FINISHED")
    assert (await bench.ask("GET", f"{its}/9")).content == ended.content
    again = await bench.ask("POST", f"{its}/9/repeat")
    assert (again.status, (await bench.telemetry()).content) == (200, b"G28")
    late = await bench.ask("POST", f"{its}?wait_s=0.01", {"command": "SEND_INFO"})
    assert (late.status, late.content["state"]) == (504, "waiting")
    assert [each["id"] for each in (await bench.ask("GET", its)).content] == [9, 10]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"command": 5},
        {"gcode": ["G28"]},
        {"command": "GCODE", "args": {}},
        {"command": "GCODE", "kwargs": []},
        {"command": "GCODE", "force": "yes"},
        {"command": "GCODE", "id": "1"},
        {"command": "GCODE", "colour": "red"},
        {"command": "GCODE", "spoilt": {"color": "red"}},
        [],
        b"{",
    ],
    ids=str,
)
async def test_control_when_a_command_makes_no_sense_then_400(
    bench: PrinterBench, wrong: Any
) -> None:
    told = await bench.ask("POST", "/_ctl/printers/last/commands", wrong)
    assert told.status == 400
    assert told.content
    assert bench.printer.commands.all == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/_ctl/printers/x", 404),
        ("POST", "/_ctl/printers/x/commands", 404),
        ("GET", "/_ctl/printers/last/commands/1", 404),
        ("GET", "/_ctl/printers/last/commands/x", 404),
        ("POST", "/_ctl/files/a.gcode?team_id=x", 400),
        ("POST", "/_ctl/printers/last/commands?wait_s=soon", 400),
    ],
)
async def test_control_when_the_address_is_wrong_then_refused(
    bench: PrinterBench, method: str, path: str, status: int
) -> None:
    assert (await bench.ask(method, path, {"command": "SEND_INFO"})).status == status


async def test_control_when_asked_for_a_printer_then_all_but_its_secrets(
    bench: PrinterBench,
) -> None:
    await bench.telemetry(temp_bed=20)
    (listed,) = (
        each
        for each in (await bench.ask("GET", "/_ctl/printers")).content
        if each["serial_number"]
    )
    one = (await bench.ask("GET", f"/_ctl/printers/{listed['uuid']}")).content
    assert one["audit"]["violations"] == []
    assert (listed["informed"], listed["telemetry_count"]) == (True, 1)
    path = "/_ctl/printers/last"
    telemetry = (await bench.ask("GET", f"{path}/telemetry")).content
    assert telemetry == {"count": 1, "telemetry": {"state": "IDLE", "temp_bed": 20}}
    (event,) = (await bench.ask("GET", f"{path}/events?kind=INFO")).content
    assert event["data"] == {**INFO, "fingerprint": "ff***"} == one["info"]
    assert (await bench.ask("GET", f"{path}/events?kind=FAILED")).content == []
    assert bench.headers["Token"] not in str((listed, one))
    assert (await bench.ask("POST", f"{path}/forget")).status == 204
    assert (await bench.telemetry()).status == 503
    assert (await bench.ask("DELETE", path)).status == 204
    assert (await bench.telemetry()).status == 401


async def test_transcript_when_asked_for_then_what_both_said_without_secrets(
    bench: PrinterBench,
) -> None:
    bench.printer.commands.add("START_PRINT", kwargs={"path": "/local/a.gcode"})
    await bench.telemetry(progress=5)
    bench.printer.commands.add(gcode="G28 " + "X" * 90, force=True, overtakes=True)
    await bench.telemetry()
    refused = {"command_id": 1, "reason": "no", "data": {"path": "/local/a.gcode"}}
    await bench.event("REJECTED", **refused)
    for _ in range(3):
        await bench.telemetry()
    await bench.event("HELLO")
    await bench.event("INFO", data=INFO, reason=bench.headers["Token"])
    told = await bench.ask("GET", "/_ctl/printers/last/transcript")
    text = told.content.decode()
    lines = [line.partition(" s  ")[2] for line in text.splitlines()]
    assert lines == [
        "> POST /p/register",
        "> GET /p/register",
        "> INFO state=IDLE",
        "> telemetry state=IDLE progress=5",
        '< START_PRINT #1 {"path": "/local/a.gcode"}',
        "> telemetry state=IDLE",
        f"< GCODE #2 G28 {'X' * 56}… forced",
        "> REJECTED #1 reason=no path=/local/a.gcode",
        "> telemetry state=IDLE (3 times)",
        "> HELLO (event name, HTTP 400)",
        f"> INFO reason={bench.headers['Token'][:2]}***",
    ]
    assert text.startswith("     0.00 s  ")


async def test_control_when_a_file_is_uploaded_then_a_printer_gets_it(
    bench: PrinterBench,
) -> None:
    told = await bench.ask("POST", "/_ctl/files/a%20b.gcode?team_id=7", b"G28\n")
    assert told.status == 201
    assert (await bench.ask("GET", "/_ctl/files")).content == [told.content]
    assert (told.content["name"], told.content["size_bytes"]) == ("a b.gcode", 4)
    assert (await bench.own("GET", told.content["url"])).content == b"G28\n"
    assert (await bench.ask("GET", told.content["url_elsewhere"])).content == b"G28\n"
