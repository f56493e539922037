# The official printer SDK's printer at the local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local rules for printers are measured by Prusa's own client, request by request.

Everything that the SDK sends in a printer's life is taken, and nothing of it is
unusual. What it sends is kept in ``tests/data/sdk_printer.txt``, for a comparison with
ours; ``PRUSACAM_RECORD=1`` writes it anew.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.emulator.connect import LocalConnect, PrinterAudit
from moonraker_prusacam.emulator.connect import vocabulary as words
from tests.support.printer_comparison import RECORDED, is_progress
from tests.support.printer_requests import Said, as_text, from_text
from tests.support.printer_scenario import play
from tests.support.sdk_client import sdk_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HEADING = """\
What Prusa's printer SDK 0.8.1 sends in the steps of tests/support/printer_scenario.py,
recorded by tests/integration/test_official_sdk_printer.py.

"""
# How the commands of the scenario end that do not end as they were asked.
REFUSED = {
    "SEND_FILE_INFO of no file: SEND_FILE_INFO": "FAILED",
    "CANCEL_PRINTER_READY of one that is not: CANCEL_PRINTER_READY": "FAILED",
    "another command while one runs: SEND_INFO": "REJECTED",
    "UPGRADE: UPGRADE": "REJECTED",
    "a command that nobody knows: MAKE_COFFEE": "REJECTED",
    "a command that is no JSON: SEND_INFO": "REJECTED",
    "a command of another type: SEND_INFO": "REJECTED",
}


@pytest.fixture
async def connect() -> AsyncIterator[LocalConnect]:
    server = LocalConnect()
    await server.start()
    yield server
    await server.aclose()


async def test_sdk_when_it_lives_then_all_is_taken_and_as_it_was_recorded(
    connect: LocalConnect, tmp_path: Path
) -> None:
    async with sdk_client(connect.url, tmp_path) as client:
        steps, outcomes = await play(connect, client)
    audit = PrinterAudit(
        connect.requests, next(reversed(connect.account.printers.values()))
    )
    # The file that is not there, and the telemetry of a printer that was forgotten.
    assert sorted(audit.refused) == ["file unknown", "not informed"]
    assert (audit.violations, audit.unanswered) == ([], [])
    assert (audit.notes, audit.leaks) == ([], [])
    assert audit.max_in_flight == 1
    refused = {
        command: outcome
        for command, outcome in outcomes.items()
        if outcome in ("FAILED", "REJECTED")
    }
    assert refused == REFUSED
    text = HEADING + as_text(steps)
    assert from_text(text) == steps
    if os.environ.get("PRUSACAM_RECORD"):
        RECORDED.write_text(text)
    recorded = from_text(RECORDED.read_text())
    assert recorded.keys() == steps.keys()
    # In which step the SDK's threads come to it is another matter.
    assert settled(recorded) == settled(steps)


async def test_words_when_compared_with_the_sdk_then_the_same(
    connect: LocalConnect, tmp_path: Path
) -> None:
    async with sdk_client(connect.url, tmp_path) as client:
        known = {name: set(values) for name, values in (await client.words()).items()}
    assert known["State"] == words.STATES
    assert known["Source"] == words.SOURCES
    assert known["Event"] == words.EVENTS
    assert known["Command"] == words.COMMANDS
    assert known["PrinterType"] <= words.PRINTER_TYPES


async def test_events_when_the_recording_is_read_then_each_kind_was_sent() -> None:
    told = {
        said.what.rpartition(" ")[2]
        for step in from_text(RECORDED.read_text()).values()
        for said in step
        if said.what.startswith("POST /p/events")
    }
    assert told == words.EVENTS


def settled(steps: dict[str, list[Said]]) -> set[Said]:
    """All that was said, but what depends on how busy the host is."""
    return {each for said in steps.values() for each in said if not is_progress(each)}
