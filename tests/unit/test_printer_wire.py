# Tests of commands as they arrive.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is a command, what is not, and by which id it is refused then."""

from __future__ import annotations

import pytest

from moonraker_prusacam.connect.printer.messages import Command
from moonraker_prusacam.connect.printer.wire import (
    Unreadable,
    command_in_frame,
    command_in_reply,
)

JSON = {"Command-Id": "5", "Content-Type": "application/json; charset=utf-8"}
GCODE = {"Command-Id": "6", "Content-Type": "text/x.gcode"}


def test_reply_when_json_then_named_command() -> None:
    body = b'{"command": "START_PRINT", "args": ["a"], "kwargs": {"path": "/gcodes/a"}}'
    assert command_in_reply(JSON, body) == Command(
        id=5, name="START_PRINT", args=("a",), kwargs={"path": "/gcodes/a"}
    )


def test_reply_when_json_without_arguments_then_none_are_there() -> None:
    command = command_in_reply(JSON, b'{"command": "SEND_INFO"}')
    assert command == Command(id=5, name="SEND_INFO")


@pytest.mark.parametrize(("force", "is_forced"), [("1", True), ("0", False)])
def test_reply_when_gcode_then_its_text(force: str, is_forced: bool) -> None:
    command = command_in_reply({**GCODE, "Force": force}, b"G28\nM84")
    assert command == Command(
        id=6,
        name="GCODE",
        args=("G28\nM84",),
        kwargs={"gcode": "G28\nM84"},
        gcode="G28\nM84",
        force=is_forced,
    )


def test_reply_when_gcode_stands_in_json_then_its_text() -> None:
    body = b'{"command": "GCODE", "kwargs": {"gcode": "G28"}}'
    command = command_in_reply(JSON, body)
    assert isinstance(command, Command)
    assert command.gcode == "G28"


@pytest.mark.parametrize(
    ("headers", "body", "identity"),
    [
        ({"Content-Type": "application/json"}, b"{}", None),
        ({**JSON, "Command-Id": "-1"}, b"{}", None),
        ({**JSON, "Command-Id": "5e3"}, b"{}", None),
        ({**JSON, "Command-Id": "\u0665"}, b"{}", None),
        ({**JSON, "Command-Id": "9" * 40}, b"{}", None),
        ({**JSON, "Content-Type": "text/html"}, b"<html>", 5),
        ({"Command-Id": "5"}, b"{}", 5),
        (JSON, b"", 5),
        (JSON, b"[" * 100_000, 5),
        (JSON, b"[]", 5),
        (JSON, b'{"command": 5}', 5),
        (JSON, b'{"command": ""}', 5),
        (JSON, b'{"command": "' + b"A" * 65 + b'"}', 5),
        (JSON, b'{"command": "A", "args": {}}', 5),
        (JSON, b'{"command": "A", "kwargs": []}', 5),
        (GCODE, b"G28 \xff", 6),
    ],
)
def test_reply_when_it_makes_no_sense_then_unreadable_with_its_id(
    headers: dict[str, str], body: bytes, identity: int | None
) -> None:
    unreadable = command_in_reply(headers, body)
    assert isinstance(unreadable, Unreadable)
    assert unreadable.id == identity
    assert unreadable.reason


def test_frame_when_json_then_named_command() -> None:
    frame = b'J0000001f{"command": "SEND_INFO"}'
    assert command_in_frame(frame) == Command(id=31, name="SEND_INFO")


@pytest.mark.parametrize(("kind", "is_forced"), [(b"G", False), (b"F", True)])
def test_frame_when_gcode_then_its_text(kind: bytes, is_forced: bool) -> None:
    command = command_in_frame(kind + b"000000FFG28\nM84")
    assert isinstance(command, Command)
    assert (command.id, command.gcode, command.force) == (255, "G28\nM84", is_forced)


@pytest.mark.parametrize(
    ("frame", "identity"),
    [
        (b"", None),
        (b"J", None),
        (b"J0000", None),
        (b"X00000001{}", None),
        (b"J0000000g{}", None),
        (b"T00000001{}", 1),
        (b"J00000001", 1),
        (b"G00000001\xff", 1),
    ],
)
def test_frame_when_it_makes_no_sense_then_unreadable(
    frame: bytes, identity: int | None
) -> None:
    unreadable = command_in_frame(frame)
    assert isinstance(unreadable, Unreadable)
    assert unreadable.id == identity
