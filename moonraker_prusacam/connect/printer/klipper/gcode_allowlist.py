# Which G-code Prusa Connect may have run.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads G-code more narrowly than Klipper does, and writes what is run anew.

Klipper takes any case, line numbers, checksums, comments, blanks within a word, and
letters that only become Latin when they are made upper case. Here a line is one known
word and its known parameters, each a number in its range, or all of it is refused.
What is sent to Klipper is composed of what was understood, never what came.
Source: Klipper klippy/gcode.py and docs/G-Codes.md.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.errors import CommandRejected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_SCRIPT_BYTES = 4096
MAX_LINES = 32
MAX_SHOWN = 40
SPEED_PERCENT = (10.0, 300.0)
FLOW_PERCENT = (50.0, 150.0)
WORD = re.compile(r"[A-Z][A-Z0-9_]*", re.ASCII)
SHORT = re.compile(r"([A-Z])(-?\d{1,6}(?:\.\d{1,6})?)?", re.ASCII)
LONG = re.compile(r"([A-Z][A-Z0-9_]*)=([A-Za-z0-9_.+-]{1,64})", re.ASCII)
NUMBER = re.compile(r"-?\d{1,6}(?:\.\d{1,6})?", re.ASCII)

Range = tuple[float, float]


@attrs.frozen
class Limits:
    """What the printer's own configuration tells; None is what it has not."""

    nozzle_max_c: float | None = None
    bed_max_c: float | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Limits:
        """From ``configfile.settings``."""
        return cls(
            _number(settings.get("extruder"), "max_temp"),
            _number(settings.get("heater_bed"), "max_temp"),
        )


@attrs.frozen
class Rule:
    """One word: ``ranges`` by parameter, None where it has no value (a mere letter).

    ``only_idle``: not while something is printed, or is paused.
    """

    help: str
    ranges: Callable[[Limits], dict[str, Range | None] | str]
    required: frozenset[str] = frozenset()
    only_idle: bool = False


def _fixed(**ranges: Range | None) -> Callable[[Limits], dict[str, Range | None]]:
    return lambda _limits: dict(ranges)


def _nozzle(limits: Limits) -> dict[str, Range | None] | str:
    if limits.nozzle_max_c is None:
        return "this printer has no extruder"
    return {"S": (0.0, limits.nozzle_max_c), "T": (0.0, 0.0)}


def _bed(limits: Limits) -> dict[str, Range | None] | str:
    if limits.bed_max_c is None:
        return "this printer has no heated bed"
    return {"S": (0.0, limits.bed_max_c)}


S = frozenset({"S"})
AXES = _fixed(X=None, Y=None, Z=None)
MOTORS = _fixed(X=None, Y=None, Z=None, E=None)
RULES: Mapping[str, Rule] = {
    "M104": Rule("nozzle temperature, up to max_temp", _nozzle, S),
    "M140": Rule("bed temperature, up to max_temp", _bed, S),
    "TURN_OFF_HEATERS": Rule("all heaters off", _fixed(), only_idle=True),
    "M106": Rule("part fan, 0 to 255", _fixed(S=(0.0, 255.0))),
    "M107": Rule("part fan off", _fixed()),
    "G28": Rule("homing", AXES, only_idle=True),
    "M84": Rule("motors off", MOTORS, only_idle=True),
    "M18": Rule("motors off", MOTORS, only_idle=True),
    "M220": Rule("speed, 10 to 300 %", _fixed(S=SPEED_PERCENT), S),
    "M221": Rule("flow, 50 to 150 %", _fixed(S=FLOW_PERCENT), S),
    "M105": Rule("report of temperatures", _fixed()),
    "M114": Rule("report of the position", _fixed()),
    "M115": Rule("report of the firmware", _fixed()),
    "M119": Rule("report of the endstops", _fixed(), only_idle=True),
}
# What people would look for, and why it is not there.
ABSENT = {
    "M109": "it would block the printer until the nozzle is hot; M104 does not wait",
    "M190": "it would block the printer until the bed is hot; M140 does not wait",
    "SET_GCODE_OFFSET": "small steps add up, and the bed is in the way; it belongs to "
    "who sees the nozzle",
    "M112": "an emergency stop belongs to who stands beside the printer",
}


def allowed_script(
    text: str,
    limits: Limits,
    *,
    macros: frozenset[str] = frozenset(),
    user_macros: frozenset[str] = frozenset(),
    is_idle: bool,
) -> str:
    """What may be run of ``text``: all of it, newly written; or CommandRejected.

    ``macros`` are the printer's own, in upper case: one with the name of a command of
    Klipper's does whatever it was written for, so it runs only if it is one of
    ``user_macros``, which the configuration allows.
    """
    if len(text) > MAX_SCRIPT_BYTES:
        raise CommandRejected(f"more than {MAX_SCRIPT_BYTES} characters of G-code")
    lines = [line for line in map(_bare, _lines(text)) if line]
    if not lines:
        raise CommandRejected("there is no G-code in the command")
    if len(lines) > MAX_LINES:
        raise CommandRejected(f"more than {MAX_LINES} lines of G-code")
    return "\n".join(
        _allowed(line, limits, macros, user_macros, is_idle) for line in lines
    )


def _allowed(
    line: str,
    limits: Limits,
    macros: frozenset[str],
    user_macros: frozenset[str],
    is_idle: bool,
) -> str:
    word, *parameters = line.split()
    word = word.upper()
    if not WORD.fullmatch(word):
        raise CommandRejected(f"this is not understood: {_shown(line)}")
    if word in user_macros:
        return _macro_call(word, parameters)
    rule = RULES.get(word)
    if rule is None:
        why = ABSENT.get(word, "see 'gcode' in prusacam.conf")
        raise CommandRejected(f"{_shown(word)} is not on the list: {why}")
    if word in macros:
        raise CommandRejected(
            f"{word} is a macro on this printer; name it in 'allowed_macros' in "
            "prusacam.conf if it may be run"
        )
    if rule.only_idle and not is_idle:
        raise CommandRejected(f"{word} is refused while something is printed")
    ranges = rule.ranges(limits)
    if isinstance(ranges, str):
        raise CommandRejected(f"{word}: {ranges}")
    return _composed(word, parameters, ranges, rule.required)


def _composed(
    word: str,
    parameters: list[str],
    ranges: Mapping[str, Range | None],
    required: frozenset[str],
) -> str:
    seen: dict[str, str] = {}
    for parameter in parameters:
        name, value = _parsed(word, parameter)
        if name not in ranges or name in seen:
            raise CommandRejected(f"{word} is not allowed with {_shown(parameter)}")
        limits = ranges[name]
        if limits is None:
            value = "" if float(value or 0) == 0 else value
            if value:
                raise CommandRejected(f"{word} takes no value for {name}")
        elif not value or not limits[0] <= float(value) <= limits[1]:
            raise CommandRejected(
                f"{word} {name} is {limits[0]:g} to {limits[1]:g} on this printer"
            )
        seen[name] = value
    if missing := required - seen.keys():
        raise CommandRejected(f"{word} needs {', '.join(sorted(missing))}")
    joint = "=" if "_" in word else ""
    return " ".join([word, *(f"{name}{joint}{value}" for name, value in seen.items())])


def _parsed(word: str, parameter: str) -> tuple[str, str]:
    """Name and value of ``S200`` or, for a command in words, ``Z_ADJUST=0.05``."""
    if "_" in word:
        long = LONG.fullmatch(parameter.upper())
        if long is not None and NUMBER.fullmatch(long[2]):
            return long[1], long[2]
    elif (short := SHORT.fullmatch(parameter.upper())) is not None:
        return short[1], short[2] or ""
    raise CommandRejected(f"this is not understood: {_shown(parameter)}")


def _macro_call(word: str, parameters: list[str]) -> str:
    """A macro puts its parameters into G-code: none may end a line or a word of it."""
    for parameter in parameters:
        if not (LONG.fullmatch(parameter) or SHORT.fullmatch(parameter)):
            raise CommandRejected(f"{word}: not understood: {_shown(parameter)}")
    return " ".join([word, *parameters])


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").split("\n")


def _bare(line: str) -> str:
    """``line`` without comment and outer blanks; CommandRejected for odd letters."""
    line = line.partition(";")[0].replace("\t", " ").strip(" ")
    if not line.isascii() or not line.isprintable():
        raise CommandRejected("G-code has letters, digits and blanks, nothing else")
    return line


def _shown(text: str) -> str:
    return text[:MAX_SHOWN]


def _number(section: object, option: str) -> float | None:
    value = section.get(option) if isinstance(section, dict) else None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None  # type: ignore[arg-type]
