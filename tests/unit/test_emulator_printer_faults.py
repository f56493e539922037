# Tests of faults on what printers ask, and of what the log tells of them.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault on every address of printers, and the audit of a printer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from moonraker_prusacam.emulator.connect import (
    KNOWN_ANSWERS,
    Fault,
    FaultKind,
    LocalPrinter,
    PrinterAudit,
    RequestRecord,
)
from tests.support.printer_bench import (
    CAMERA,
    INFO,
    SERIAL,
    PrinterBench,
    printer_bench,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FILE = b"G1 X1 Y1 E.1\n" * 800
WAIT_S = 10.0
TAKES_EFFECT = [
    Fault(FaultKind.LOST_ANSWER, answer="503"),
    Fault(FaultKind.RESET_RESPONSE),
    Fault(FaultKind.RESET_RESPONSE, after_bytes=20),
    Fault(FaultKind.CUT_RESPONSE, after_bytes=20),
    Fault(FaultKind.CLOSE_IDLE),
    Fault(FaultKind.WRONG_LENGTH, extra_bytes=7),
    Fault(FaultKind.GZIP),
    Fault(FaultKind.BODY_WITH_204),
    Fault(FaultKind.CLOCK_SKEW, date_offset_s=-3600.0),
    Fault(FaultKind.SLOW_RESPONSE, bytes_per_s=1e6),
    Fault(FaultKind.SLOW_REQUEST, bytes_per_s=1e6),
    Fault(FaultKind.SILENCE, seconds=0.02),
]
NO_EFFECT = [
    *(Fault(FaultKind.ANSWER, answer=answer) for answer in sorted(KNOWN_ANSWERS)),
    Fault(FaultKind.ANSWER, answer="429", retry_after_s=30, retry_after_as_date=True),
    Fault(FaultKind.REDIRECT, answer="302"),
    Fault(FaultKind.REDIRECT, answer="308", location="other"),
    Fault(FaultKind.REDIRECT, location="https"),
    Fault(FaultKind.RESET_REQUEST, after_bytes=5),
    Fault(FaultKind.RESET_CONNECTION),
]


@pytest.fixture
async def bench() -> AsyncIterator[PrinterBench]:
    async with printer_bench() as opened:
        await opened.introduce()
        yield opened


def place(fault: Fault, endpoint: str) -> dict[str, Any]:
    # A connection has no endpoint yet.
    is_early = fault.kind is FaultKind.RESET_CONNECTION
    return {**fault.as_json(), "endpoint": "/" if is_early else endpoint}


async def attempt(bench: PrinterBench, ask: Any) -> int:
    """The status of an answer, 0 when none came."""
    try:
        return int((await ask).status)
    except (aiohttp.ClientError, OSError):
        return 0


async def met(bench: PrinterBench, path: str, fault: Fault) -> None:
    """Wait until the newest request, to ``path``, is over and has met ``fault``."""

    def is_over() -> bool:
        last = bench.connect.requests[-1]
        return (last.path, last.fault) == (path, fault.kind)

    await bench.connect.wait_for(is_over, WAIT_S)


def shown(fault: Fault) -> str:
    return "-".join(str(value) for value in fault.as_json().values())


@pytest.mark.parametrize("fault", NO_EFFECT, ids=shown)
async def test_report_when_a_fault_comes_first_then_nothing_is_kept(
    bench: PrinterBench, fault: Fault
) -> None:
    for path in ("/p/telemetry", "/p/events"):
        planned = Fault.from_json(place(fault, path))
        await bench.connect.inject(planned)
        tell = bench.telemetry() if path == "/p/telemetry" else bench.event("FAILED")
        status = await attempt(bench, tell)
        assert status == 0 or status >= 300
        assert bench.connect.faults.as_json()[-1]["met"] == 1
    assert bench.printer.telemetry_count == 0
    assert bench.printer.told("FAILED") == []
    assert (await bench.telemetry()).status == 204


@pytest.mark.parametrize("fault", TAKES_EFFECT, ids=shown)
async def test_report_when_the_answer_is_spoilt_then_it_is_kept(
    bench: PrinterBench, fault: Fault
) -> None:
    for path in ("/p/telemetry", "/p/events"):
        await bench.connect.inject(Fault.from_json(place(fault, path)))
        tell = bench.telemetry() if path == "/p/telemetry" else bench.event("FAILED")
        await attempt(bench, tell)
        await met(bench, path, fault)
    assert bench.printer.telemetry_count == 1
    assert len(bench.printer.told("FAILED")) == 1
    assert (await bench.telemetry()).status == 204


async def test_telemetry_when_its_answer_is_lost_then_the_command_comes_again(
    bench: PrinterBench,
) -> None:
    command = bench.printer.commands.add("SEND_INFO")
    await bench.connect.inject(Fault(FaultKind.LOST_ANSWER, endpoint="/p/telemetry"))
    assert (await bench.telemetry()).status == 500
    assert command.state == "sent"
    assert (await bench.telemetry()).status == 204
    bench.printer.commands.repeat(command)
    got = await bench.telemetry()
    await bench.answer(got, "ACCEPTED", "FINISHED")
    assert bench.printer.commands.violations == []


@pytest.mark.parametrize("path", ["/p/telemetry", "/p/events", "/p/camera"])
async def test_report_when_nobody_listens_then_nothing_is_kept_and_soon_it_is(
    bench: PrinterBench, path: str
) -> None:
    await bench.connect.refuse()
    assert await attempt(bench, bench.own("POST", path, {"state": "IDLE"})) == 0
    await bench.connect.accept()
    assert bench.printer.telemetry_count == 0
    assert (await bench.telemetry()).status == 204


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
async def test_registration_when_it_meets_an_answer_then_that_one(
    bench: PrinterBench, status: int
) -> None:
    fault = Fault(FaultKind.ANSWER, endpoint="POST /p/register", answer=str(status))
    await bench.connect.inject(fault)
    assert (await bench.ask("POST", "/p/register", SERIAL)).status == status
    asked = await bench.ask("POST", "/p/register", SERIAL)
    assert asked.status == 200
    bench.connect.confirm()
    lost = Fault(FaultKind.LOST_ANSWER, endpoint="GET /p/register", answer="502")
    await bench.connect.inject(lost)
    code = asked.headers["Code"]
    first = await bench.ask("GET", "/p/register", Code=code)
    again = await bench.ask("GET", "/p/register", Code=code)
    assert (first.status, again.status, "Token" in again.headers) == (502, 200, True)


async def test_camera_when_the_answer_is_lost_then_there_is_one_already(
    bench: PrinterBench,
) -> None:
    before = len(bench.connect.account.cameras)
    await bench.connect.inject(Fault(FaultKind.LOST_ANSWER, endpoint="/p/camera"))
    assert (await bench.own("POST", "/p/camera", CAMERA)).status == 500
    assert len(bench.connect.account.cameras) == before + 1


@pytest.mark.parametrize(
    ("fault", "read"),
    [
        (Fault(FaultKind.CUT_RESPONSE, after_bytes=3000, of_body=True), 3000),
        (Fault(FaultKind.RESET_RESPONSE, after_bytes=3000, of_body=True), 3000),
        (Fault(FaultKind.WRONG_LENGTH, extra_bytes=50), len(FILE)),
        (Fault(FaultKind.SLOW_RESPONSE, bytes_per_s=1e5), len(FILE)),
        (Fault(FaultKind.ANSWER, answer="200", body=b"another"), 7),
    ],
    ids=lambda value: shown(value) if isinstance(value, Fault) else str(value),
)
async def test_download_when_it_meets_a_fault_then_so_much_of_it_comes(
    bench: PrinterBench, fault: Fault, read: int
) -> None:
    file = bench.connect.account.add_file("cube.gcode", FILE)
    await bench.connect.inject(Fault.from_json(place(fault, "/p/teams/")))
    got = bytearray()
    async with bench.http.get(
        bench.connect.url + file.path, headers=bench.headers
    ) as answer:
        try:
            async for part in answer.content.iter_any():
                got += part
        except aiohttp.ClientError:
            assert fault.kind is not FaultKind.SLOW_RESPONSE
    # A reset may throw away what the client has not read yet.
    assert len(got) == read or (
        fault.kind is FaultKind.RESET_RESPONSE and len(got) < read
    )


async def test_download_when_redirected_to_another_host_then_it_is_elsewhere(
    bench: PrinterBench,
) -> None:
    file = bench.connect.account.add_file("cube.gcode", FILE)
    elsewhere = bench.connect.url_elsewhere(file)
    await bench.connect.inject(
        Fault(FaultKind.REDIRECT, endpoint="/p/teams/", location=elsewhere)
    )
    told = await bench.own("GET", file.path)
    assert (told.status, told.headers["Location"]) == (307, elsewhere)
    assert "localhost" in elsewhere


async def test_max_in_flight_when_two_tell_at_once_then_two(
    bench: PrinterBench,
) -> None:
    held = Fault(FaultKind.SILENCE, endpoint="/p/telemetry", seconds=0.3)
    await bench.connect.inject(held)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bench.telemetry())
        tasks.create_task(bench.telemetry())
    audit = bench.connect.audit_printer(bench.printer)
    assert (audit.max_telemetry_in_flight, audit.max_in_flight) == (2, 2)


PRINTER = LocalPrinter("a-printer")


def record(started_s: float, path: str = "/p/telemetry", **more: Any) -> RequestRecord:
    values: dict[str, Any] = {
        "started_s": started_s,
        "ended_s": started_s + 0.1,
        "method": "POST",
        "path": path,
        "version": "1.1",
        "headers": {},
        "camera": None,
        "camera_id": None,
        "printer": PRINTER.uuid,
        "status": 204,
        "verdict": "telemetry",
        "evidence": None,
        "fault": None,
        "too_soon": False,
        "size_bytes": 2,
        "sha1": None,
        "whole_jpeg": None,
        "content": None,
        "leaks": (),
    }
    return RequestRecord(**(values | more))


def test_audit_when_nothing_was_asked_then_nothing_is_wrong() -> None:
    assert PrinterAudit([], PRINTER).as_json() == {
        "min_telemetry_gap_s": None,
        "max_telemetry_gap_s": None,
        "max_telemetry_in_flight": 0,
        "max_in_flight": 0,
        "max_per_second": 0,
        "backoff_s": [],
        "connection_gaps_s": [],
        "violations": [],
        "unanswered": [],
        "refused": [],
        "notes": [],
        "leaks": [],
    }


def test_audit_when_telemetry_comes_then_its_pace() -> None:
    records = [record(at_s) for at_s in (0.0, 1.0, 1.5, 1.9, 2.4, 7.0)]
    records.append(record(1.2, "/p/events"))
    records.append(record(1.3, printer="another"))
    audit = PrinterAudit(reversed(records), PRINTER)
    assert audit.telemetry_gaps_s == pytest.approx([1.0, 0.5, 0.4, 0.5, 4.6])
    assert audit.max_per_second == 3
    assert audit.max_in_flight == 1


def test_audit_when_tellings_fail_then_each_run_has_its_waits() -> None:
    failed: dict[str, Any] = {"status": 503, "verdict": "scripted", "fault": "answer"}
    records = [
        record(0.0),
        record(1.0, **failed),
        record(2.1, "/p/events", **failed),
        record(4.2),
        record(5.0, status=0, fault="silence", verdict="aborted"),
        record(6.1),
    ]
    audit = PrinterAudit(records, PRINTER)
    assert [pytest.approx(run) for run in audit.backoff_s] == [[1.0, 2.0], [1.0]]
    assert audit.refused == []


def test_audit_when_the_rules_refuse_then_their_names() -> None:
    records = [
        record(0.0, status=503, verdict="not informed", notes=("unknown key x",)),
        record(1.0, "/p/ws", method="GET", verdict="socket"),
        record(3.0, "/p/ws", method="GET", verdict="socket", leaks=("path",)),
        record(0.0, "/p/register", method="GET", printer=None),
        record(5.0, "/p/register", method="GET", printer=None),
    ]
    audit = PrinterAudit(records, PRINTER)
    assert audit.refused == ["not informed"]
    assert audit.notes == ["unknown key x"]
    assert audit.leaks == [("path",)]
    assert audit.connection_gaps_s == [2.0]
    assert audit.register_gaps_s == [5.0]


async def test_info_when_a_message_has_it_then_its_fingerprint_is_no_leak(
    bench: PrinterBench,
) -> None:
    await bench.event("INFO", data=INFO)
    assert bench.connect.audit_printer(bench.printer).leaks == []
