# Reading JSON from strangers.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One object of JSON, and its fields, each checked before anybody believes it."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

import attrs

from moonraker_prusacam.errors import MultiCamMalformed

MAX_TEXT_CHARACTERS = 1024
# 2**53: what every peer's numbers can hold, and more than any file has octets.
MAX_WHOLE = 2**53
MAX_ENTRIES = 10_000


def _refuse_constant(name: str) -> NoReturn:
    raise MultiCamMalformed(f"{name} is no number of JSON")


@attrs.frozen
class Fields:
    """The fields of one JSON object.

    Every method raises MultiCamMalformed if a field is not what it should be. A field
    that is null is one that is absent.
    """

    values: dict[str, Any]

    @classmethod
    def parse(cls, text: str | bytes | bytearray) -> Fields:
        """The object that ``text`` is, and nothing but it."""
        try:
            values = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise MultiCamMalformed(f"no JSON: {error}") from error
        return cls.of(values)

    @classmethod
    def of(cls, value: object) -> Fields:
        """``value``, which has to be an object."""
        if not isinstance(value, dict):
            raise MultiCamMalformed("no JSON object")
        return cls(value)

    def has(self, key: str) -> bool:
        """Whether the field is there and says something."""
        return self.values.get(key) is not None

    def text(self, key: str) -> str | None:
        """A text of bounded length, or None."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            raise MultiCamMalformed(f"{key} is no text")
        if len(value) > MAX_TEXT_CHARACTERS:
            raise MultiCamMalformed(f"{key} is longer than {MAX_TEXT_CHARACTERS}")
        return value

    def needed_text(self, key: str) -> str:
        """A text that must be there."""
        value = self.text(key)
        if value is None:
            raise MultiCamMalformed(f"{key} is missing")
        return value

    def number(self, key: str) -> float | None:
        """A finite number, or None. A truth value is no number."""
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise MultiCamMalformed(f"{key} is no number")
        if not -MAX_WHOLE <= value <= MAX_WHOLE or not math.isfinite(value):
            raise MultiCamMalformed(f"{key} is out of range")
        return float(value)

    def needed_number(self, key: str) -> float:
        """A finite number that must be there."""
        value = self.number(key)
        if value is None:
            raise MultiCamMalformed(f"{key} is missing")
        return value

    def size(self, key: str) -> int | None:
        """A whole number of octets, or None."""
        value = self.number(key)
        if value is None:
            return None
        if value < 0 or not value.is_integer():
            raise MultiCamMalformed(f"{key} is no size")
        return int(value)

    def needed_size(self, key: str) -> int:
        """A whole number of octets that must be there."""
        value = self.size(key)
        if value is None:
            raise MultiCamMalformed(f"{key} is missing")
        return value

    def truth(self, key: str) -> bool | None:
        """A truth value, or None."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, bool):
            raise MultiCamMalformed(f"{key} is neither true nor false")
        return value

    def objects(self, key: str) -> tuple[Fields, ...]:
        """The objects of a list; none if there is no list."""
        value = self.values.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or len(value) > MAX_ENTRIES:
            raise MultiCamMalformed(f"{key} is no list of objects")
        return tuple(Fields.of(entry) for entry in value)
