# Tests of the reader of shell-style settings.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of lines as people write them; a shell agrees where it takes them at all."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonraker_prusacam.connect.env_file import Setting, parse_env_file

VALUES = [
    ("A=b", "b"),
    ("export A=b", "b"),
    ("export   A=b", "b"),
    ("  A=b  ", "b"),
    ("A=", ""),
    ("A=''", ""),
    ('A="b c"', "b c"),
    ("A='b c'", "b c"),
    ("A='it is \"b\"'", 'it is "b"'),
    ('A="it\'s"', "it's"),
    (r'A="a\"b\\c\d"', r'a"b\c\d'),
    (r"A='a\b'", r"a\b"),
    (r"A=a\ b", "a b"),
    ("A=a'b'\"c\"", "abc"),
    ("A=b # comment", "b"),
    ("A=b#c", "b#c"),
    ("A=# all of it", ""),
    ("A='b # c'", "b # c"),
    ("A=b=c", "b=c"),
    ("A='$HOME'", "$HOME"),
]
# What only systemd and Docker take, not a shell.
UNQUOTED = [
    ("A=http://h:8081/?a=b&c=d", "http://h:8081/?a=b&c=d"),
    ("A=--resolution 640x480 --no-banner", "--resolution 640x480 --no-banner"),
    ("A=-i 'http://h/' -q:v 1", "-i http://h/ -q:v 1"),
]


@pytest.mark.parametrize(("line", "value"), VALUES + UNQUOTED)
def test_value_when_written_by_hand_then_as_a_shell_has_it(
    line: str, value: str
) -> None:
    assert parse_env_file(line).settings == {"A": Setting(value, 1)}


@pytest.mark.parametrize(("line", "value"), VALUES)
def test_value_when_a_shell_is_asked_then_it_agrees(line: str, value: str) -> None:
    shell = shutil.which("sh")
    assert shell is not None
    said = subprocess.run(
        [shell, "-c", f'{line}\nprintf %s "$A"'],
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    )
    assert said.stdout == value


@pytest.mark.parametrize(
    "line", ["A=$B", 'A="x $B"', "A=$(date)", "A=`date`", 'A="`date`"', "A=${B:-c}"]
)
def test_value_when_a_shell_would_compute_it_then_marked_and_nothing_is_run(
    line: str,
) -> None:
    assert parse_env_file(line).settings["A"].is_computed


@pytest.mark.parametrize(
    "line",
    [
        "oops",
        "A",
        "1A=b",
        "A-B=c",
        "A =b",
        "A='b",
        'A="b',
        "export",
        "source other.env",
        "=b",
        "A=b\x00c",
        "A=\x1b[31m",
        ': "${A:=b}"',
    ],
)
def test_line_when_it_is_no_setting_then_told_by_its_number(line: str) -> None:
    parsed = parse_env_file(f"# first\n{line}\nB=c\n")
    assert parsed.odd_lines == (2,)
    assert parsed.settings == {"B": Setting("c", 3)}


def test_file_when_of_windows_then_read_the_same() -> None:
    parsed = parse_env_file("\ufeffA=b\r\n\r\n# c\r\nexport D='e'\r\n")
    assert parsed.settings == {"A": Setting("b", 1), "D": Setting("e", 4)}
    assert parsed.odd_lines == ()


def test_name_when_given_twice_then_the_last_one_counts() -> None:
    assert parse_env_file("A=b\nA=c\n").settings == {"A": Setting("c", 2)}


@given(st.text(max_size=200))
def test_file_when_it_is_anything_then_never_an_error(content: str) -> None:
    parse_env_file(content)
