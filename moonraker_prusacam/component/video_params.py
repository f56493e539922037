# Arguments of the endpoints for finished videos.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives the engine numbers and switches where a query string has texts only.

The engine checks names and bounds. What it does not know is refused here, so that a
misspelt argument is told of.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .remote_methods import TRUE_TEXTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FALSE_TEXTS = frozenset({"false", "no", "off", "0"})
MAX_TEXT = 255


def text(value: object) -> object:
    """A name; raises ValueError for what is too long to be one."""
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise ValueError("is not a name")
    return value


def number(value: object) -> object:
    """A number, or a text that is one; raises ValueError."""
    try:
        parsed = float("no" if isinstance(value, bool) else str(value))
    except ValueError:
        parsed = math.nan
    if not math.isfinite(parsed):
        raise ValueError("is not a number")
    return int(parsed) if parsed.is_integer() else parsed


def switch(value: object) -> object:
    """True or false, or a text that says so; raises ValueError."""
    said = str(value).strip().lower()
    if said in TRUE_TEXTS:
        return True
    if said in FALSE_TEXTS:
        return False
    raise ValueError("is neither true nor false")


JOB = {"job": text}
VIDEO = {"video": text}
TIMING = {"fps": number, "target_length": number, "hold": number, "copy": switch}
PICTURE = {
    "crf": number,
    "rotation": number,
    "flip_horizontal": switch,
    "flip_vertical": switch,
}


def job_params(arguments: dict[str, Any]) -> dict[str, Any]:
    """Params of ``timelapse.render`` and ``timelapse.discard``; raises ValueError."""
    return read(arguments, JOB)


def pin_params(arguments: dict[str, Any]) -> dict[str, Any]:
    """Params of ``timelapse.pin``; raises ValueError."""
    return read(arguments, {**VIDEO, "pinned": switch})


def remove_params(arguments: dict[str, Any]) -> dict[str, Any]:
    """Params of ``timelapse.remove``; raises ValueError."""
    return read(arguments, VIDEO)


def retime_params(arguments: dict[str, Any]) -> dict[str, Any]:
    """Params of ``timelapse.retime``; raises ValueError."""
    return read(arguments, {**VIDEO, **TIMING})


def rerender_params(arguments: dict[str, Any]) -> dict[str, Any]:
    """Params of ``timelapse.rerender``; raises ValueError."""
    return read(arguments, {**VIDEO, **TIMING, **PICTURE})


def read(
    arguments: dict[str, Any], readers: Mapping[str, Callable[[object], object]]
) -> dict[str, Any]:
    """Each argument as its reader makes it; raises ValueError."""
    params = {}
    for name, value in arguments.items():
        if name not in readers:
            raise ValueError(f"There is no argument '{name[:MAX_TEXT]}'")
        try:
            params[name] = readers[name](value)
        except ValueError as error:
            raise ValueError(f"'{name}' {error}") from None
    return params
