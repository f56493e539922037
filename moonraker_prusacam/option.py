# Values of configuration options.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parsers that turn an option's text into a checked value.

Each raises ValueError with a sentence that says what was expected. The sentence of a
secret's parser never repeats the text. What a parser takes, ``takes`` tells in words,
which is where docs/configuration.md has them from.
"""

from __future__ import annotations

import ipaddress
import math
import string
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

BOOLEANS = {"true": True, "yes": True, "on": True, "1": True} | {
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def option(
    parse: Callable[[str], T],
    doc: str,
    *,
    default: Any = attrs.NOTHING,
    name: str = "",
    unset: str = "none",
) -> Any:
    """An attrs field that is read from the option ``name`` (else the field's name).

    ``doc`` is what docs/configuration.md says of it, ``unset`` what stands there for a
    default of None.
    """
    return attrs.field(
        default=default,
        metadata={"parse": parse, "doc": doc, "option": name, "unset": unset},
        kw_only=True,
    )


def option_name(field: attrs.Attribute[Any]) -> str:
    """The name of ``field`` in the file, or "" for one that is not read from it."""
    if "parse" not in field.metadata:
        return ""
    return str(field.metadata["option"] or field.name)


@attrs.frozen
class Parser(Generic[T]):
    """A parser that was made to measure, and what it takes, in words."""

    parse: Callable[[str], T]
    takes: str

    def __call__(self, value: str) -> T:
        """The value of the text; raises ValueError."""
        return self.parse(value)


def takes(parse: Callable[[str], object]) -> str:
    """What ``parse`` takes: its own words, else those of its docstring."""
    if isinstance(parse, Parser):
        return parse.takes
    contract = (parse.__doc__ or "").partition("\n\n")[0].replace("``", "`")
    words = " ".join(contract.split()).partition("; raises ")[0]
    return words.rstrip(".") or "Text"


def text(value: str) -> str:
    """Text of one line."""
    if not value:
        raise ValueError("is empty")
    if "\n" in value:
        raise ValueError("has more than one line; is the next one indented?")
    return value


def boolean(value: str) -> bool:
    """``True`` or ``False``."""
    try:
        return BOOLEANS[value.lower()]
    except KeyError:
        raise ValueError(f"{value!r} is neither True nor False") from None


def integer(minimum: int, maximum: int) -> Callable[[str], int]:
    """A whole number from ``minimum`` to ``maximum``."""

    def parse(value: str) -> int:
        try:
            number = int(value)
        except ValueError:
            raise ValueError(f"{value!r} is not a whole number") from None
        if not minimum <= number <= maximum:
            raise ValueError(f"{number} is not from {minimum} to {maximum}")
        return number

    return Parser(parse, f"{minimum} to {maximum}")


def number(minimum: float, maximum: float) -> Callable[[str], float]:
    """A number from ``minimum`` to ``maximum``."""
    bounds = f"{minimum:.10g} to {maximum:.10g}"

    def parse(value: str) -> float:
        try:
            parsed = float(value)
        except ValueError:
            raise ValueError(f"{value!r} is not a number") from None
        if not (math.isfinite(parsed) and minimum <= parsed <= maximum):
            raise ValueError(f"{value} is not from {bounds}")
        return parsed

    return Parser(parse, bounds)


def choice(*values: Any) -> Callable[[str], Any]:
    """One of ``values``, whatever its upper and lower case."""
    spelled = {str(value).lower(): value for value in values}

    def parse(value: str) -> Any:
        try:
            return spelled[value.lower()]
        except KeyError:
            known = ", ".join(map(str, values))
            raise ValueError(f"{value!r} is not one of: {known}") from None

    return Parser(parse, ", ".join(f"`{value}`" for value in values))


def template(*fields: str) -> Callable[[str], str]:
    """A text of one line with ``{field}`` in it; ``{{`` is a brace."""

    def parse(value: str) -> str:
        try:
            parts = list(string.Formatter().parse(text(value)))
        except ValueError as error:
            raise ValueError(f"{error}") from None
        for _, field, form, conversion in parts:
            if field is not None and (field not in fields or form or conversion):
                known = ", ".join(f"{{{name}}}" for name in fields)
                raise ValueError(f"{{{field}}} is not one of: {known}")
        return value

    return Parser(parse, "Text with fields in braces")


def path(value: str) -> Path:
    """Absolute path, or from ``~``."""
    try:
        expanded = Path(text(value)).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{value!r}: {error}") from None
    if not expanded.is_absolute():
        raise ValueError(f"{value!r} is not an absolute path (or one from ~)")
    return expanded


def secret_path(value: str) -> Path:
    """Absolute path, or from ``~``.

    The text is not repeated in a mistake, since some write the secret itself there.
    """
    try:
        return path(value)
    except ValueError:
        raise ValueError("is not the absolute path of a file (or one from ~)") from None


def address(value: str) -> str:
    """IPv4 or IPv6 address, numeric."""
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError(
            f"{value!r} is not an IP address (127.0.0.1 serves this host only)"
        ) from None


def url(*schemes: str) -> Callable[[str], str]:
    """A URL with one of ``schemes``, a host, and a port from 1 to 65535 if any.

    The text is not repeated, since it may hold a password.
    """

    def parse(value: str) -> str:
        known = ", ".join(f"{scheme}://" for scheme in schemes)
        try:
            parts = urlsplit(value)
        except ValueError:
            raise ValueError("is not a URL") from None
        if parts.scheme not in schemes:
            raise ValueError(f"does not start with one of: {known}")
        if not parts.hostname or any(character.isspace() for character in value):
            raise ValueError("has no host, or has blanks in it")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("has more than a host, a port and a path")
        try:
            is_port = parts.port != 0
        except ValueError:
            is_port = False
        if not is_port:
            raise ValueError("has a port that is not from 1 to 65535")
        return value

    return Parser(parse, " or ".join(f"`{scheme}://…`" for scheme in schemes))
