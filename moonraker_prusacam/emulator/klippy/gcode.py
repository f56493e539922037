# G-code as Klipper reads it.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One line of G-code: its name, its parameters, and the errors about them.

Traditional commands (``G1 X10``) have one-letter parameters; all others are extended
commands (``SET_X A=1 B="two words"``) whose parameters follow shell quoting. Source:
Klipper docs/G-Codes.md and klippy/gcode.py.
"""

from __future__ import annotations

import operator
import re
import shlex
from typing import TYPE_CHECKING, Self, TypeVar

from moonraker_prusacam.errors import EmulatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_WORD = re.compile(r"([A-Z_]+|\*)")
_TRADITIONAL = re.compile(r"[A-Z][0-9]")

Number = TypeVar("Number", int, float)


class CommandError(EmulatorError):
    """A command failed; the text is what Klipper's console and API report."""


class Coord(tuple[float, ...]):
    """A position that templates read as ``.x``, ``.y``, ``.z`` and ``.e``."""

    __slots__ = ()

    def __new__(cls, values: Iterable[float]) -> Self:
        """Pad ``values`` with zeros to four axes."""
        items = tuple(values)
        return super().__new__(cls, items + (0.0,) * (4 - len(items)))

    x = property(operator.itemgetter(0))
    y = property(operator.itemgetter(1))
    z = property(operator.itemgetter(2))
    e = property(operator.itemgetter(3))


def is_traditional(name: str) -> bool:
    """Whether ``name`` is one letter and a number, such as ``G1`` or ``M117``."""
    if _TRADITIONAL.match(name.upper()) is None:
        return False
    try:
        float(name.split()[0][1:])
    except ValueError:
        return False
    return True


class GCodeCommand:
    """One parsed line. ``params`` has upper-case keys and string values."""

    def __init__(self, name: str, line: str, params: dict[str, str]) -> None:
        self.name = name
        self.line = line
        self.params = params

    @classmethod
    def parse(cls, line: str) -> GCodeCommand:
        """Split ``line`` into name and one-letter parameters."""
        line = line.strip()
        words = _WORD.split(line.partition(";")[0].upper())
        is_numbered = "".join(words[:2]) == "N"
        name = "".join(words[3:5] if is_numbered else words[:3]).strip()
        values = (value.strip() for value in words[2::2])
        return cls(name, line, dict(zip(words[1::2], values, strict=True)))

    @property
    def raw_params(self) -> str:
        """The text after the name, as written (for M117 and ``rawparams``)."""
        upper, end = self.line.upper(), len(self.line)
        start = len(self.name)
        if not upper.startswith(self.name):
            # A line number before the command, perhaps a checksum behind it.
            start += upper.find(self.name)
            star = self.line.rfind("*")
            if star >= 0 and self.line[star + 1 :].isdigit():
                end = star
        if self.line[start : start + 1].isspace():
            start += 1
        return self.line[start:end]

    def read_extended(self) -> None:
        """Replace ``params`` by KEY=VALUE pairs; CommandError if they are not."""
        lexer = shlex.shlex(self.raw_params, posix=True)
        lexer.whitespace_split = True
        lexer.commenters = "#;"
        try:
            pairs = [word.split("=", 1) for word in lexer]
            self.params = {key.upper(): value for key, value in pairs}
        except ValueError as error:
            raise CommandError(f"Malformed command '{self.line}'") from error

    def find(self, name: str) -> str | None:
        """Value of the parameter, or None if it is absent."""
        return self.params.get(name)

    def get(self, name: str, default: str | None = None) -> str:
        """Value of the parameter; CommandError if absent without a default."""
        value = self.find(name)
        if value is not None:
            return value
        return self._absent(name, default)

    def find_float(
        self,
        name: str,
        *,
        minimum: float | None = None,
        maximum: float | None = None,
        above: float | None = None,
        below: float | None = None,
    ) -> float | None:
        """Value as a float within the limits, or None if it is absent."""
        value = self._number(name, float)
        if value is None:
            return None
        if minimum is not None and value < minimum:
            self._refuse(name, f"have minimum of {minimum}")
        if maximum is not None and value > maximum:
            self._refuse(name, f"have maximum of {maximum}")
        if above is not None and value <= above:
            self._refuse(name, f"be above {above}")
        if below is not None and value >= below:
            self._refuse(name, f"be below {below}")
        return value

    def get_float(
        self,
        name: str,
        default: float | None = None,
        *,
        minimum: float | None = None,
        above: float | None = None,
    ) -> float:
        """Value as a float; CommandError if absent without a default."""
        value = self.find_float(name, minimum=minimum, above=above)
        return self._absent(name, default) if value is None else value

    def find_int(self, name: str, *, minimum: int | None = None) -> int | None:
        """Value as an int, or None if it is absent."""
        value = self._number(name, int)
        if value is not None and minimum is not None and value < minimum:
            self._refuse(name, f"have minimum of {minimum}")
        return value

    def get_int(
        self, name: str, default: int | None = None, *, minimum: int | None = None
    ) -> int:
        """Value as an int; CommandError if absent without a default."""
        value = self.find_int(name, minimum=minimum)
        return self._absent(name, default) if value is None else value

    def _number(self, name: str, parse: Callable[[str], Number]) -> Number | None:
        value = self.find(name)
        if value is None:
            return None
        try:
            return parse(value)
        except ValueError as error:
            raise CommandError(
                f"Error on '{self.line}': unable to parse {value}"
            ) from error

    def _refuse(self, name: str, limit: str) -> None:
        raise CommandError(f"Error on '{self.line}': {name} must {limit}")

    def _absent(self, name: str, default: _Default | None) -> _Default:
        if default is None:
            raise CommandError(f"Error on '{self.line}': missing {name}")
        return default


_Default = TypeVar("_Default")
