# How single values lie in a protobuf message.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and writes one value of a message by the dotted path of its field.

Values are told apart from their absence as far as proto3 can: 0, "" and the first
member of an enumeration are the absent ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import attrs

from moonraker_prusacam.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import IntEnum

    from google.protobuf.message import Message as Packed

    from .messages import VideoState


class Kind(Protocol):
    """A way to turn what protobuf has into ours, and back."""

    def unpack(self, value: Any) -> Any:
        """Ours; None or "" for what is absent or not known."""

    def pack(self, value: Any) -> Any:
        """What protobuf takes; None clears the field."""


class Plain:
    """Numbers; 0 is none."""

    def unpack(self, value: Any) -> Any:
        """See Kind."""
        return value or None

    def pack(self, value: Any) -> Any:
        """See Kind."""
        return value or None


class Text:
    """Text, also where the schema has octets, since nobody promised UTF-8."""

    def __init__(self, *, is_octets: bool = False) -> None:
        self._is_octets = is_octets

    def unpack(self, value: Any) -> Any:
        """See Kind."""
        return value.decode(errors="replace") if self._is_octets else value

    def pack(self, value: Any) -> Any:
        """See Kind."""
        if not value:
            return None
        return value.encode() if self._is_octets else value


class Hidden:
    """Text that is shown to nobody."""

    def unpack(self, value: Any) -> Any:
        """See Kind."""
        return Secret(value)

    def pack(self, value: Any) -> Any:
        """See Kind."""
        return value.reveal() or None


@attrs.frozen
class Choice:
    """Members of an enumeration; a number that it lacks is none."""

    members: type[IntEnum]

    def unpack(self, value: Any) -> Any:
        """See Kind."""
        try:
            return self.members(value)
        except ValueError:
            return None

    def pack(self, value: Any) -> Any:
        """See Kind."""
        return None if value is None else int(value)


@attrs.frozen
class Video:
    """States of a video, whose numbers differ between profiles."""

    numbers: Mapping[int, VideoState]

    def unpack(self, value: Any) -> Any:
        """See Kind."""
        return self.numbers.get(value)

    def pack(self, value: Any) -> Any:
        """See Kind; raises KeyError for a state that the profile lacks."""
        if value is None:
            return None
        return {state: number for number, state in self.numbers.items()}[value]


class Flag:
    """A boolean, of which proto3 can only say True."""

    def unpack(self, value: Any) -> Any:
        """See Kind."""
        return bool(value)

    def pack(self, value: Any) -> Any:
        """See Kind."""
        return True if value else None


@attrs.frozen
class Field:
    """Where a value lies, ``control.rotation.angle``, and of which kind it is."""

    path: str
    kind: Kind

    def read(self, packed: Packed) -> Any:
        """The value in ``packed``, whether its message is there or not."""
        *outer, last = self.path.split(".")
        for name in outer:
            packed = getattr(packed, name)  # reading does not make it be there
        return self.kind.unpack(getattr(packed, last))

    def write(self, packed: Packed, value: Any) -> None:
        """Put ``value`` into ``packed``; raises ValueError, TypeError, KeyError."""
        octets = self.kind.pack(value)
        *outer, last = self.path.split(".")
        for name in outer:
            if octets is None and not packed.HasField(name):
                return
            packed = getattr(packed, name)
        if octets is None:
            packed.ClearField(last)
        else:
            setattr(packed, last, octets)
