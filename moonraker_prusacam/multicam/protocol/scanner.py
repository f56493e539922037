# One object of JSON after another, out of a stream without delimiters.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""MultiCam sends JSON with nothing between and nothing around it.

Where an object ends is for its reader to find: in one pass over the octets, however
they are cut, and without ever holding more than a message may be long.
"""

from __future__ import annotations

import re
from typing import Final

from moonraker_prusacam.errors import MultiCamMalformed

MAX_DEPTH: Final = 16

_SPACE: Final = b" \t\r\n"
_BEGIN: Final = ord("{")
_QUOTE: Final = ord('"')
_OPENING: Final = b"{["
_STRUCTURE: Final = re.compile(rb'["{}\[\]]')
_WITHIN_STRING: Final = re.compile(rb'["\\]')


class ObjectScanner:
    """Takes octets with ``feed``; ``take`` gives the texts of whole objects.

    Whether the text is valid JSON is found by who parses it: only its end is found
    here. Once MultiCamMalformed was raised, nobody knows where the next would begin.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._seen = 0
        self._depth = 0
        self._in_string = False

    @property
    def is_within(self) -> bool:
        """Whether ``take`` has seen the begin of an object, and not its end."""
        return self._seen > 0

    def feed(self, octets: bytes) -> None:
        """Add what has come. Take what is whole before more is fed."""
        self._buffer += octets

    def take(self) -> bytes | None:
        """The next whole object; None if there is none yet.

        Raises MultiCamMalformed for what is no object, or a longer or deeper one than
        there may be.
        """
        if self._seen == 0:
            self._skip_space()
        end = self._find_end()
        if end is None:
            if len(self._buffer) > self._max_bytes:
                raise MultiCamMalformed(f"longer than {self._max_bytes} octets")
            return None
        if end > self._max_bytes:
            raise MultiCamMalformed(f"longer than {self._max_bytes} octets")
        text = bytes(self._buffer[:end])
        del self._buffer[:end]
        self._seen = 0
        return text

    def rest(self) -> bytes:
        """Hand over what was fed and not taken: a file follows its header."""
        left = bytes(self._buffer)
        self._buffer.clear()
        self._seen = 0
        return left

    def _skip_space(self) -> None:
        space = len(self._buffer) - len(self._buffer.lstrip(_SPACE))
        del self._buffer[:space]
        if self._buffer and self._buffer[0] != _BEGIN:
            raise MultiCamMalformed("no JSON object")

    def _find_end(self) -> int | None:
        at = self._seen
        while at < len(self._buffer):
            pattern = _WITHIN_STRING if self._in_string else _STRUCTURE
            found = pattern.search(self._buffer, at)
            if found is None:
                at = len(self._buffer)
                break
            at = found.end()
            octet = self._buffer[found.start()]
            if octet == _QUOTE:
                self._in_string = not self._in_string
            elif self._in_string:
                at += 1  # what a backslash escapes, even if it has not come yet
            elif octet in _OPENING:
                self._depth += 1
                if self._depth > MAX_DEPTH:
                    raise MultiCamMalformed(f"nested deeper than {MAX_DEPTH}")
            else:
                self._depth -= 1
                if self._depth == 0:
                    return at
        self._seen = at
        return None
