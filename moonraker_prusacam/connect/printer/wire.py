# Commands as Prusa Connect sends them.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From headers and body, or from a frame, to a ``Command``.

Sources: Prusa's printer SDK 0.8.1 for the replies of ``/p/telemetry``; its unreleased
branch 0.9.0 for the frames of ``/p/ws``. What ``T`` stands for there is not known.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import attrs

from .messages import Command

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_NAME = 64
MAX_ID = (1 << 63) - 1
JSON_TYPE = "application/json"
GCODE_TYPE = "text/x.gcode"
FRAME = re.compile(rb"([JGFT])([0-9A-Fa-f]{8})(.*)", re.DOTALL)


@attrs.frozen
class Unreadable:
    """What came in place of a command; ``id`` is that which it is to be refused by."""

    id: int | None
    reason: str


def command_in_reply(headers: Mapping[str, str], body: bytes) -> Command | Unreadable:
    """The command of a reply with status 200."""
    number = headers.get("Command-Id", "").strip()
    # int() takes more than digits.
    if not (number.isascii() and number.isdecimal()) or int(number) > MAX_ID:
        return Unreadable(None, "Invalid Command-Id header")
    content_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if content_type == GCODE_TYPE:
        is_forced = headers.get("Force", "").strip() == "1"
        return _gcode(int(number), body, force=is_forced)
    if content_type == JSON_TYPE:
        return _named(int(number), body)
    return Unreadable(int(number), "Invalid command content type")


def command_in_frame(frame: bytes) -> Command | Unreadable:
    """The command of a frame of ``/p/ws``."""
    match = FRAME.fullmatch(frame)
    if match is None:
        return Unreadable(None, "Invalid frame")
    kind, identity = match[1], int(match[2], 16)
    if kind == b"J":
        return _named(identity, match[3])
    if kind in b"GF":
        return _gcode(identity, match[3], force=kind == b"F")
    return Unreadable(identity, "Frames of kind T are not known")


def _gcode(identity: int, body: bytes, *, force: bool) -> Command | Unreadable:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return Unreadable(identity, "G-code that is not UTF-8 text")
    kwargs = {"gcode": text}
    return Command(
        id=identity, name="GCODE", args=(text,), kwargs=kwargs, gcode=text, force=force
    )


def _named(identity: int, body: bytes) -> Command | Unreadable:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return Unreadable(identity, "A command that is not JSON")
    if not isinstance(told, dict):
        return Unreadable(identity, "A command that is not a JSON object")
    name, args, kwargs = told.get("command"), told.get("args"), told.get("kwargs")
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
        return Unreadable(identity, "A command without a name")
    if not isinstance(args, list | None) or not isinstance(kwargs, dict | None):
        return Unreadable(identity, "A command with arguments that make no sense")
    gcode = (kwargs or {}).get("gcode")
    return Command(
        id=identity,
        name=name,
        args=tuple(args or ()),
        kwargs=kwargs or {},
        gcode=gcode if name == "GCODE" and isinstance(gcode, str) else None,
    )
