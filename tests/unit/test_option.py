# Tests of the parsers of options.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is taken, what is refused, and that a refusal says what was expected."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonraker_prusacam.option import (
    address,
    boolean,
    choice,
    integer,
    number,
    path,
    secret_path,
    text,
    url,
)
from moonraker_prusacam.timelapse_options import keep_failed

if TYPE_CHECKING:
    from collections.abc import Callable

whole = integer(1, 100)
decimal = number(0.5, 10)
web = url("http", "https")
tcp = url("tcp")

GOOD: list[tuple[Callable[[str], Any], str, Any]] = [
    (text, "a", "a"),
    (text, "100%", "100%"),
    (boolean, "True", True),
    (boolean, "ON", True),
    (boolean, "0", False),
    (boolean, "no", False),
    (whole, "1", 1),
    (whole, "100", 100),
    (whole, " 7 ", 7),
    (decimal, "0.5", 0.5),
    (decimal, "1e1", 10.0),
    (choice("auto", "LAYER"), "layer", "LAYER"),
    (choice(0, 90), "90", 90),
    (path, "/a b", Path("/a b")),
    (path, "~/x", Path.home() / "x"),
    (secret_path, "/token", Path("/token")),
    (address, "127.0.0.1", "127.0.0.1"),
    (address, "::1", "::1"),
    (web, "https://example.org", "https://example.org"),
    (web, "http://[::1]:8080/path", "http://[::1]:8080/path"),
    (tcp, "tcp://camera", "tcp://camera"),
    (tcp, "tcp://camera:65535", "tcp://camera:65535"),
    (keep_failed, "Always", "always"),
    (keep_failed, "like_others", "like_others"),
    (keep_failed, "7.5", 7.5),
]

BAD: list[tuple[Callable[[str], Any], str, str]] = [
    (text, "", "is empty"),
    (text, "a\nb", "more than one line"),
    (boolean, "", "neither True nor False"),
    (boolean, "maybe", "neither True nor False"),
    (boolean, "2", "neither True nor False"),
    (whole, "", "not a whole number"),
    (whole, "1.5", "not a whole number"),
    (whole, "0x10", "not a whole number"),
    (whole, "ten", "not a whole number"),
    (whole, "1" * 5000, "not a whole number"),
    (whole, "0", "not from 1 to 100"),
    (whole, "-1", "not from 1 to 100"),
    (whole, "101", "not from 1 to 100"),
    (decimal, "", "not a number"),
    (decimal, "1,5", "not a number"),
    (decimal, "5 s", "not a number"),
    (decimal, "nan", "not from 0.5 to 10"),
    (decimal, "inf", "not from 0.5 to 10"),
    (decimal, "-inf", "not from 0.5 to 10"),
    (decimal, "0.49", "not from 0.5 to 10"),
    (decimal, "1e999", "not from 0.5 to 10"),
    (choice("auto", "layer"), "", "not one of: auto, layer"),
    (choice(0, 90), "45", "not one of: 0, 90"),
    (path, "", "is empty"),
    (path, "a/b", "not an absolute path"),
    (path, "./a", "not an absolute path"),
    (path, "/a\n/b", "more than one line"),
    (path, "~no-such-user/a", "home"),
    (secret_path, "0123456789abcdefghij", "not the absolute path"),
    (address, "", "not an IP address"),
    (address, "localhost", "not an IP address"),
    (address, "127.0.0.1:80", "not an IP address"),
    (address, "256.0.0.1", "not an IP address"),
    (web, "", "does not start with one of: http://, https://"),
    (web, "example.org", "does not start with"),
    (web, "ftp://example.org", "does not start with"),
    (web, "https://", "has no host"),
    (web, "https:///path", "has no host"),
    (web, "https://a b", "blanks"),
    (web, "https://a\nb", "blanks"),
    (web, "https://[::1", "is not a URL"),
    (web, "https://[no]", "is not a URL"),
    (web, "https://a:port", "port that is not from 1 to 65535"),
    (web, "https://a:0", "port that is not from 1 to 65535"),
    (web, "https://a:65536", "port that is not from 1 to 65535"),
    (web, "https://a:-1", "port that is not from 1 to 65535"),
    (web, "https://user:password@a", "more than a host, a port and a path"),
    (web, "https://user@a", "more than a host, a port and a path"),
    (web, "https://a/?key=1", "more than a host, a port and a path"),
    (web, "https://a/#part", "more than a host, a port and a path"),
    (keep_failed, "", "not one of: like_others, always, or a number of days"),
    (keep_failed, "never", "not one of: like_others, always, or a number of days"),
    (keep_failed, "0", "a number of days from 0.01 to 36500"),
    (keep_failed, "7 days", "a number of days from 0.01 to 36500"),
    (keep_failed, "nan", "a number of days from 0.01 to 36500"),
]


@pytest.mark.parametrize(("parse", "value", "parsed"), GOOD)
def test_value_when_fit_then_parsed(
    parse: Callable[[str], Any], value: str, parsed: Any
) -> None:
    assert parse(value) == parsed


@pytest.mark.parametrize(("parse", "value", "told"), BAD)
def test_value_when_unfit_then_told_what_was_expected(
    parse: Callable[[str], Any], value: str, told: str
) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse(value)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        "tcp://admin:hunter2:9000",
        "tcp://admin:hunter2/9@camera",
        "tcp://admin:hunter2@camera",
        "tcp://[hunter2",
        "hunter2",
    ],
)
def test_url_when_it_holds_a_password_then_not_repeated(value: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        tcp(value)
    assert "hunter2" not in str(caught.value)


PARSERS = (
    *(text, boolean, whole, decimal, path, secret_path, address, web),
    choice("a", "b"),
)


@given(st.sampled_from(PARSERS), st.text())
def test_parser_when_given_any_text_then_value_or_valueerror(
    parse: Callable[[str], Any], value: str
) -> None:
    with suppress(ValueError):
        parse(value)
