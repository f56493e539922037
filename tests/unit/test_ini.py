# Tests of the configuration's syntax.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people write into a file with a browser, and what an editor adds to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonraker_prusacam.ini import parse


def values(text: str) -> dict[str, dict[str, str]]:
    """The texts of a file without mistakes."""
    sections, errors = parse(text)
    assert errors == []
    return {
        section.name: {name: option.text for name, option in section.options.items()}
        for section in sections
    }


def mistakes(text: str) -> list[str]:
    return [str(error) for error in parse(text)[1]]


GOOD = {
    "colon": ("[a]\nx: 1", "1"),
    "equals": ("[a]\nx = 1", "1"),
    "no blanks": ("[a]\nx:1", "1"),
    "blank before the sign": ("[a]\nx : 1", "1"),
    "upper case name": ("[a]\nX: 1", "1"),
    "empty": ("[a]\nx:", ""),
    "blanks only": ("[a]\nx:   ", ""),
    "colon in value": ("[a]\nx: tcp://h:1", "tcp://h:1"),
    "equals after colon": ("[a]\nx: = 1", "= 1"),
    "percent": ("[a]\nx: 100%(y)s %", "100%(y)s %"),
    "quotes": ("[a]\nx: \"1\" 'y'", "\"1\" 'y'"),
    "backslash": ("[a]\nx: a\\n", "a\\n"),
    "comment after value": ("[a]\nx: 1 # one", "1"),
    "comment after tab": ("[a]\nx: 1\t# one", "1"),
    "number sign in value": ("[a]\nx: a#b", "a#b"),
    "semicolon in value": ("[a]\nx: a ; b", "a ; b"),
    "comment instead of value": ("[a]\nx: # later", ""),
    "comment after section": ("[a] # first\nx: 1", "1"),
    "comment lines": ("# c\n; c\n[a]\n  # c\n\t; c\nx: 1\n#", "1"),
    "byte order mark": ("\ufeff[a]\nx: 1", "1"),
    "CRLF": ("[a]\r\nx: 1\r\n", "1"),
    "CR": ("[a]\rx: 1\r", "1"),
    "continued": ("[a]\nx: 1\n  2\n\t3", "1\n2\n3"),
    "begun on the next line": ("[a]\nx:\n  1", "1"),
    "continued after a comment": ("[a]\nx: 1\n# c\n\n  2 # c", "1\n2"),
    "continuation like an option": ("[a]\nx: 1\n  y: 2", "1\ny: 2"),
    "not ASCII": ("[a]\nx: Düse 🖨", "Düse 🖨"),
    "other ends of lines": ("[a]\nx: a\u2028b\x85c", "a\u2028b\x85c"),
}


@pytest.mark.parametrize(("text", "value"), GOOD.values(), ids=GOOD)
def test_value_when_written_like_this_then_read(text: str, value: str) -> None:
    assert values(text) == {"a": {"x": value}}


BAD = {
    "text before sections": ("hello", "line 1: neither a [section]"),
    "option before sections": ("x: 1", "line 1: option stands before any [section]"),
    "indented first": ("  x: 1", "line 1: indented line continues nothing"),
    "indented after section": ("[a]\n  x: 1", "line 2: indented line continues"),
    "section without end": ("[a\nx: 1", "line 1: neither a [section]"),
    "section with more": ("[a]b", "line 1: neither a [section]"),
    "empty section": ("[]", "line 1: neither a [section]"),
    "nested brackets": ("[[a]]", "line 1: neither a [section]"),
    "no sign": ("[a]\nx 1", "line 2, [a]: neither a [section] nor an 'option: value'"),
    "no name": ("[a]\n: 1", "line 2, [a]: neither"),
    "number as name": ("[a]\n1x: 1", "line 2, [a]: neither"),
    "NUL": ("[a]\nx: 1\0", "line 2: holds a control character"),
    "escape": ("[a]\nx: \x1b[31m", "line 2: holds a control character"),
    "form feed": ("[a]\nx: a\x0cb", "line 2: holds a control character"),
    "section twice": (
        "[a]\n[b]\n[a]",
        "line 3, [a]: section stands twice (first on line 1)",
    ),
    "section twice, other blanks": (
        "[a  b]\n[ a b ]",
        "line 2, [a b]: section stands twice (first on line 1)",
    ),
    "option twice": (
        "[a]\nx: 1\nX: 2",
        "line 3, [a] x: option stands twice (first on line 2)",
    ),
    "option twice in two sections": (
        "[a]\nx: 1\n[a]\nx: 2",
        "line 4, [a] x: option stands twice (first on line 2)",
    ),
}


@pytest.mark.parametrize(("text", "told"), BAD.values(), ids=BAD)
def test_mistake_when_made_then_told_with_its_line(text: str, told: str) -> None:
    assert any(mistake.startswith(told) for mistake in mistakes(text))


def test_mistakes_when_many_then_all_are_told() -> None:
    lines = ["x: 1", "[a]", "y", "z: 1", "z: 2", "[a]", "\0"]
    assert [error.line for error in parse("\n".join(lines))[1]] == [1, 3, 5, 6, 7]


def test_lines_when_ends_are_mixed_then_counted_like_an_editor() -> None:
    sections, errors = parse("[a]\r\n\r\nx: \u2028\x85 1\r[b]\n\ny: 1")
    assert errors == []
    assert [section.line for section in sections] == [1, 4]
    assert sections[0].options["x"].line == 3
    assert sections[1].options["y"].line == 6


@given(st.text())
def test_parse_when_given_any_text_then_mistakes_and_no_exception(text: str) -> None:
    sections, errors = parse(text)
    assert all(error.line for error in errors)
    assert len({section.name for section in sections}) == len(sections)
