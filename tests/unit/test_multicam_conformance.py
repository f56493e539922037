# Tests of MultiCam's messages in every dialect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever reads a message of ours takes it for what it is, and we read everybody's.

docs/multicam-protocol.md shows the same outcomes as tables.
"""

from __future__ import annotations

import json

import pytest

from moonraker_prusacam.emulator.multicam import KINDS
from moonraker_prusacam.multicam.protocol import framed
from tests.reference.multicam import HEADER, SAID, read_by_us, written_by_us
from tests.support.multicam_readers import READERS, today_python

WRITTEN = written_by_us()


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("message", SAID)
def test_answer_when_read_by_others_then_taken_for_what_it_is(
    message: str, reader: str
) -> None:
    meant, _ = SAID[message]
    assert WRITTEN[message][reader] == meant


@pytest.mark.parametrize("reader", READERS)
def test_header_when_read_by_others_then_a_header(reader: str) -> None:
    assert WRITTEN["GET_VIDEO"][reader] == "header"


def test_header_when_framed_then_its_length_and_it() -> None:
    octets = framed(HEADER)
    length = int.from_bytes(octets[:4], "big")
    assert octets[4:] == HEADER.to_json().encode()
    assert length == len(octets) - 4


@pytest.mark.parametrize("key", ["message", "fileName"])
def test_reader_of_today_when_a_key_is_null_then_is_as_easily_misled(key: str) -> None:
    """The reason for leaving keys out; a reader that takes anything proves nothing."""
    _, ready = SAID["DEVICE_STATUS, HEARTBEAT"]
    said = {**json.loads(ready.to_json()), key: None, "fileSize": None}
    with pytest.raises(TypeError):
        today_python(json.dumps(said).encode())


async def test_answers_when_of_any_kind_then_read_as_they_are_meant() -> None:
    found = await read_by_us()
    stopped, error = "`recording_stopped` with a file", "`error`"
    silent = {"iphone": "silence"}
    scheduled = dict.fromkeys(KINDS, "`scheduled_recording_accepted`")
    at_once = {
        "first phone": "`command_received`",
        "published": "`recording`",
        "iphone": "`scheduled_recording_accepted`",
        "android": "`scheduled_recording_accepted`",
        "oak": "`command_received`",
    }
    beats = dict.fromkeys(("first phone", "android", "oak"), "`command_received`")
    not_there = dict.fromkeys(("iphone", "oak"), "MultiCamRefused")
    assert found == {
        "DEVICE_STATUS": dict.fromkeys(KINDS, "`ready`"),
        "HEARTBEAT": dict.fromkeys(KINDS, "`ready`") | beats,
        "STOP_RECORDING with nothing to stop": dict.fromkeys(KINDS, error) | silent,
        "START_RECORDING in future": scheduled,
        "START_RECORDING now": at_once,
        "START_RECORDING twice": dict.fromkeys(KINDS, "`recording`"),
        "DEVICE_STATUS while it records": dict.fromkeys(KINDS, "`recording`"),
        "STOP_RECORDING": dict.fromkeys(KINDS, stopped),
        "LIST_FILES": dict.fromkeys(KINDS, "list of 1"),
        "GET_VIDEO": dict.fromkeys(KINDS, "header, whole"),
        "GET_VIDEO of what is not there": (
            dict.fromkeys(KINDS, "RecordingNotFound") | not_there
        ),
        "complaints": dict.fromkeys(KINDS, "none"),
    }
