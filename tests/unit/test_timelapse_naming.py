# Names of finished videos.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""File names from hostile input."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonraker_prusacam.naming import (
    MAX_STEM_BYTES,
    safe_stem,
    unused,
    video_name,
)

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = {
    "benchy.gcode": "benchy",
    "sub/folder/benchy.gcode": "benchy",
    "../../../etc/passwd": "passwd",
    "..": "print",
    "": "print",
    "/": "print",
    ".gcode": "gcode",
    "galile0's telescope.gcode": "galile0_s telescope",
    'a"b%d$(rm -rf ~)`x`.gcode': "a_b_d_(rm -rf _)_x",
    "line\nbreak\ttab\x00nul\x7f.gcode": "line_break_tab_nul",
    "-rf.gcode": "rf",
    ".hidden.gcode": "hidden",
    "été 10%.gcode": "été 10",
    "🚀 rocket.gcode": "rocket",
    "🚀🚀.gcode": "print",
    "v1.2.3 (final).GCODE": "v1.2.3 (final)",
    "a\\b.gcode": "a_b",
    "\ud800broken.gcode": "broken",
}


@pytest.mark.parametrize(("filename", "stem"), HOSTILE.items())
def test_safe_stem_when_input_is_hostile_then_name_is_plain(
    filename: str, stem: str
) -> None:
    assert safe_stem(filename) == stem


@given(st.text(max_size=400))
def test_safe_stem_when_input_is_any_text_then_it_is_one_safe_file_name(
    filename: str,
) -> None:
    stem = safe_stem(filename)
    assert 0 < len(stem.encode()) <= MAX_STEM_BYTES
    assert stem[0] not in "-. "
    assert not set(stem) & set("/\\'\"%$`\n\r\t\0*?<>|:;&")
    assert all(character.isprintable() for character in stem)


@pytest.mark.parametrize("character", ["a", "é", "漢"])
def test_safe_stem_when_name_has_255_bytes_then_it_is_cut_between_characters(
    character: str,
) -> None:
    stem = safe_stem(character * 255 + ".gcode")
    assert set(stem) == {character}
    assert len(stem.encode()) <= MAX_STEM_BYTES


def test_video_name_when_print_was_cancelled_then_name_says_so() -> None:
    assert video_name("a.gcode", "complete", 0.0).startswith("a_19")
    assert video_name("a.gcode", "complete", 0.0).endswith("0.mp4")
    assert video_name("a.gcode", "cancelled", 0.0).endswith("_cancelled.mp4")
    assert video_name("a.gcode", None, 0.0).endswith("0.mp4")


def test_unused_when_name_is_taken_then_it_is_counted_up(tmp_path: Path) -> None:
    assert unused(tmp_path, "v.mp4") == "v.mp4"
    (tmp_path / "v.mp4").touch()
    assert unused(tmp_path, "v.mp4") == "v_2.mp4"
    (tmp_path / "v_2.mp4").touch()
    assert unused(tmp_path, "v.mp4") == "v_3.mp4"


def test_names_use_no_character_that_shells_or_browsers_change() -> None:
    stem = safe_stem(string.printable)
    assert set(stem) <= set(string.ascii_letters + string.digits + " ._-+()")
