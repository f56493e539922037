# Parameters of calls, read and made anew.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a call's parameters goes on to Moonraker.

Where a method's name alone does not decide whether a call is harmless, its parameters
do. Each method names those that it takes; others are left out, since user interfaces
send more than Moonraker reads. A value that is not of its kind refuses the call. Query
strings have texts only, so texts stand for numbers and switches, too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.errors import CallRefused

from .message import INVALID_PARAMS, METHOD_NOT_FOUND

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Reader = Callable[[Any], Any]
    Readers = Callable[[Mapping[str, Any]], dict[str, Any]]

# Configuration, logs, and whatever else Moonraker shows as files, stay where they are.
ROOTS = ("gcodes", "timelapse", "timelapse_frames")
# What the user interfaces keep there is how they look.
NAMESPACES = ("mainsail", "fluidd", "maintenance")
# Beside it, Mobileraker keeps keys to its notifications there.
ITEMS = (("mobileraker", "settings"),)

MAX_TEXT = 256
MAX_PATH = 1024
MAX_OBJECTS = 1024
MAX_FIELDS = 128
MAX_NUMBER = 1 << 53
MAX_PAGE = 1000
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
INTEGER = re.compile(r"-?[0-9]{1,16}")
SWITCHES = {"true": True, "false": False}


def refused(detail: str) -> CallRefused:
    """The error of a call whose parameters are refused."""
    return CallRefused(INVALID_PARAMS, f"read-only gateway: {detail}")


def nothing(_: Mapping[str, Any]) -> dict[str, Any]:
    """No parameter goes on."""
    return {}


def taking(*required: str, **readers: Reader) -> Readers:
    """Reads the parameters that have a reader; those ``required`` must be there."""

    def read(params: Mapping[str, Any]) -> dict[str, Any]:
        for name in required:
            if name not in params:
                raise refused(f"parameter '{name}' is missing")
        found = {}
        for name, reader in readers.items():
            value = params.get(name)
            if value is not None or name in required:
                try:
                    found[name] = reader(value)
                except (TypeError, ValueError) as error:
                    raise refused(f"parameter '{name}' {error}") from None
        return found

    return read


def switch(value: object) -> bool:
    """A switch, or its spelling in a query string."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in SWITCHES:
        return SWITCHES[value.lower()]
    raise ValueError("is neither true nor false")


def number(value: object) -> float:
    """A number of a size that JSON has in common with everybody."""
    if isinstance(value, str) and INTEGER.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError("is not a number")
    if not -MAX_NUMBER <= value <= MAX_NUMBER:
        raise ValueError("is too large")
    return value


def page_size(value: object) -> int:
    """How many entries are wanted, as far as that is a page and not all there are."""
    return max(1, min(int(number(value)), MAX_PAGE))


def text(value: object) -> str:
    """A short text of one line."""
    if not isinstance(value, str):
        raise TypeError("is not a text")
    if len(value) > MAX_TEXT:
        raise ValueError(f"has more than {MAX_TEXT} characters")
    if CONTROL.search(value):
        raise ValueError("holds a control character")
    return value


def one_of(*values: str) -> Reader:
    """One of ``values``, as they are spelt."""

    def read(value: object) -> str:
        if not isinstance(value, str) or value not in values:
            raise ValueError(f"is not one of: {', '.join(values)}")
        return value

    return read


def path(value: object) -> str:
    """A relative path that leads nowhere else, without a slash at its ends."""
    if not isinstance(value, str):
        raise TypeError("is not a path")
    stripped = value.strip("/")
    if len(value) > MAX_PATH or CONTROL.search(value) or "\\" in value:
        raise ValueError("is not a path")
    if any(part in ("", ".", "..") for part in stripped.split("/")):
        raise ValueError("is not a path below its folder")
    return stripped


def folder(value: object) -> str:
    """A folder below one of the roots that are shown."""
    found = path(value)
    if found.partition("/")[0] not in ROOTS:
        raise ValueError(f"does not begin with one of: {', '.join(ROOTS)}")
    return found


def stored(params: Mapping[str, Any]) -> dict[str, Any]:
    """Namespace and key of what is shown of Moonraker's database.

    Of what is not shown, Moonraker's words for what is not there: Mobileraker goes on
    without its settings after those, and only those.
    """
    asked = taking("namespace", namespace=text, key=_key)(params)
    namespace, key = asked["namespace"], asked.get("key")
    if namespace in NAMESPACES or (namespace, key) in ITEMS:
        return asked
    words = f"Namespace '{namespace}' not found"
    if key is not None:
        words = f"Key '{key}' in namespace '{namespace}' not found"
    raise CallRefused(METHOD_NOT_FOUND, words)


def _key(value: object) -> str | list[str]:
    """A key of a database: a text, or the path of one."""
    if isinstance(value, list):
        if len(value) > MAX_FIELDS:
            raise ValueError("has too many parts")
        return [text(part) for part in value]
    return text(value)


def objects(value: object) -> dict[str, list[str] | None]:
    """Klipper's objects, and of each the fields that are wanted, or all (None)."""
    if not isinstance(value, dict) or not value:
        raise ValueError("is not an object that names some")
    if len(value) > MAX_OBJECTS:
        raise ValueError(f"has more than {MAX_OBJECTS} entries")
    return {text(name): _fields(wanted) for name, wanted in value.items()}


def _fields(value: object) -> list[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > MAX_FIELDS:
        raise ValueError("names fields otherwise than in a list")
    return [text(field) for field in value]
