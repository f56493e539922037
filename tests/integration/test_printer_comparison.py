# Our printer and the official SDK's, request by request.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ours lives the same life, on real Moonraker, and differs only as it is meant to.

The SDK's side is the recording that ``test_official_sdk_printer`` keeps true; each
difference has its reason in ``tests/support/printer_comparison.py``, and the table of
both is docs/printer-sdk.md. ``PRUSACAM_RECORD=1`` writes that anew.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.emulator.connect import LocalConnect
from tests.support.our_client import our_client
from tests.support.printer_comparison import (
    REASONS,
    RECORDED,
    compared,
    differences,
    table,
)
from tests.support.printer_requests import Said, from_text
from tests.support.printer_scenario import play

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

pytestmark = pytest.mark.moonraker

PAGE = Path(__file__).parents[2] / "docs" / "printer-sdk.md"
TABLES = "\n| step |"
# Steps that are about headers and answers, which a WebSocket does not have.
OVER_HTTP = (
    "a command without a number",
    "a command that is no JSON",
    "a command of another type",
    "tells that its clock jumped",
    "Prusa Connect has forgotten it",
)


@pytest.fixture
async def connect() -> AsyncIterator[LocalConnect]:
    server = LocalConnect()
    await server.start()
    yield server
    await server.aclose()


async def lived(
    connect: LocalConnect, transport: str, without: Collection[str] = ()
) -> dict[str, list[Said]]:
    """What ours says in each step; nothing of it is wrong."""
    # A short path, for the sockets in it.
    with tempfile.TemporaryDirectory() as folder:
        async with our_client(connect.url, Path(folder), transport=transport) as client:
            steps, _ = await play(connect, client, without=without)
    audit = connect.audit_printer(next(reversed(connect.account.printers.values())))
    assert set(audit.refused) <= {"file unknown", "not informed"}
    assert (audit.violations, audit.unanswered) == ([], [])
    assert (audit.notes, audit.leaks) == ([], [])
    assert audit.max_in_flight <= 1
    return steps


def all_differences(
    theirs: dict[str, list[Said]], ours: dict[str, list[Said]]
) -> set[str]:
    return {
        difference
        for step in ours
        for difference in differences(
            compared(theirs[step], step), compared(ours[step], step)
        )
    }


async def test_ours_when_it_lives_as_the_sdk_did_then_it_differs_as_intended(
    connect: LocalConnect,
) -> None:
    theirs = from_text(RECORDED.read_text())
    ours = await lived(connect, "http")
    assert all_differences(theirs, ours) == REASONS.keys()
    text = table(theirs, ours)
    if os.environ.get("PRUSACAM_RECORD"):
        introduction = PAGE.read_text().partition(TABLES)[0]
        PAGE.write_text(f"{introduction}\n{text}")
    assert PAGE.read_text().partition(TABLES)[2] == text.partition("| step |")[2]


async def test_ours_when_it_lives_over_a_websocket_then_it_says_the_same(
    connect: LocalConnect,
) -> None:
    theirs = from_text(RECORDED.read_text())
    ours = await lived(connect, "websocket", without=OVER_HTTP)
    clock = {each for each in REASONS if each.startswith("telemetry with")}
    expected = (REASONS.keys() - clock) | {"also GET /p/ws"}
    assert all_differences(theirs, ours) == expected


def said(what: str, *body: str, headers: tuple[str, ...] = ("token",)) -> Said:
    return Said(what, headers, body)


FINISHED = said("POST /p/events FINISHED", "event: text")
FAILED = said("POST /p/events FAILED", "event: text", "reason: text")
GET = said("GET /p/register")


@pytest.mark.parametrize(
    ("theirs", "ours", "found"),
    [
        ([], [], []),
        ([FINISHED], [FINISHED], []),
        ([FINISHED], [FAILED], ["FAILED, not FINISHED"]),
        ([FINISHED], [], ["no FINISHED"]),
        ([], [GET], ["also GET /p/register"]),
        (
            [GET, FINISHED],
            [FINISHED, GET],
            ["also FINISHED", "no FINISHED"],
        ),
        (
            [FINISHED],
            [said("POST /p/events FINISHED", "data: object")],
            ["FINISHED -event +data"],
        ),
        ([GET], [said("GET /p/register", headers=())], ["GET /p/register -token"]),
        (
            [FINISHED],
            [said("POST /p/events FINISHED", "event: number")],
            ["FINISHED -event +event"],
        ),
        (
            [said("POST /p/telemetry", "state: text")],
            [said("POST /p/telemetry", "state: text", "temp_bed: number")],
            ["telemetry +values"],
        ),
        (
            [said("POST /p/telemetry", "state: text", "job_id: number")],
            [said("POST /p/telemetry", "state: text")],
            ["telemetry -job_id"],
        ),
    ],
)
def test_differences_when_two_say_something_then_what_is_another(
    theirs: list[Said], ours: list[Said], found: list[str]
) -> None:
    assert differences(theirs, ours) == found
