# What can be made to go wrong with a virtual device.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults of real devices and of hostile ones, each by its name."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from moonraker_prusacam.multicam import CommandType


class FaultKind(enum.StrEnum):
    """What goes wrong."""

    # With the connection.
    CLOSE_AT_ONCE = "close at once"
    SILENCE = "silence"
    LATE = "late"
    HANG_UP = "hang up"
    RESET = "reset"
    # With the way an answer is sent; nothing is wrong with it.
    OCTET_BY_OCTET = "octet by octet"
    NEWLINE_AFTER = "newline after"
    SPACE_BEFORE = "space before"
    # With an answer.
    PLAIN_TEXT = "plain text"
    NOT_AN_OBJECT = "not an object"
    HALF_AN_ANSWER = "half an answer"
    ENDLESS = "endless"
    DEEP = "deep"
    NAN = "nan"
    WRONG_TYPES = "wrong types"
    MISSING_STATUS = "missing status"
    UNKNOWN_STATUS = "unknown status"
    NULL_MESSAGE = "null message"
    # With what the device does.
    TIME_NOT_SYNCHRONIZED = "time not synchronized"
    CAMERA_DISCONNECTED = "camera disconnected"
    ONLY_SAYS_SO = "only says so"
    NAMELESS_FILE = "nameless file"
    SIZE_ZERO = "size zero"
    EMPTY_LIST = "empty list"
    HOSTILE_NAMES = "hostile names"
    # With a recording on its way.
    HUGE_HEADER = "huge header"
    TINY_HEADER = "tiny header"
    HEADER_WITHOUT_NAME = "header without name"
    HOSTILE_HEADER = "hostile header"
    OTHER_SIZE = "other size"
    TRUNCATED = "truncated"
    STALL = "stall"
    RESET_WITHIN = "reset within"
    MORE_THAN_SAID = "more than said"


HARMLESS = frozenset(
    {
        FaultKind.OCTET_BY_OCTET,
        FaultKind.NEWLINE_AFTER,
        FaultKind.SPACE_BEFORE,
        FaultKind.NULL_MESSAGE,
    }
)
WITHIN_FILE = frozenset({FaultKind.TRUNCATED, FaultKind.STALL, FaultKind.RESET_WITHIN})
HOSTILE_FILE_NAMES = (
    "../../../etc/passwd",
    "/etc/passwd",
    "..",
    ".",
    "",
    ".hidden",
    "a/b.mp4",
    "..\\..\\windows.mp4",
    "new\nline.mp4",
    "nul\0.mp4",
    "-rf.mp4",
    "ünïcode\u202e4pm.mp4",
    "long" * 80 + ".mp4",
    "script.sh",
)


@attrs.define(eq=False)
class Fault:
    """One fault: at which command, how often, how late, after how many octets.

    ``command`` None is any command, ``times`` None is for ever.
    """

    kind: FaultKind
    command: CommandType | None = None
    times: int | None = None
    delay_s: float = 0.0
    after_bytes: int = 0
    file_name: str = HOSTILE_FILE_NAMES[0]

    def strikes(self, command: CommandType | None) -> bool:
        """Whether it goes wrong now; counts if so."""
        if self.times == 0 or self.command not in (None, command):
            return False
        if self.times is not None:
            self.times -= 1
        return True
