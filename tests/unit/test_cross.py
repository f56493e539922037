# Tests of the driver that compares builds of the C core.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make cross` on this host's own processor, and without its tools."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.native import cross
from tests.support.jpeg_streams import CASES

if TYPE_CHECKING:
    from pathlib import Path

HOST = cross.Target("host", os.environ.get("CC", "cc"))
# The long ones are for `make cross`.
SHORT = [case for case in CASES if len(case.stream) < 6000]


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    if HOST.missing():
        pytest.skip("there is no C compiler")
    return cross.build(HOST, tmp_path)


def test_streams_when_compiled_for_this_host_then_the_twins_agree(
    tmp_path: Path, command: list[str]
) -> None:
    assert len(SHORT) > 40
    assert cross.compare(command, cross.answers_of(SHORT), tmp_path) == []


def test_streams_when_something_else_is_told_then_the_first_line_of_it_is_shown(
    tmp_path: Path, command: list[str]
) -> None:
    answers = cross.answers_of(SHORT[:3])
    changed = list(answers)[-1]
    answers[changed][-1] = "bytes_in 0"
    (difference,) = cross.compare(command, answers, tmp_path)
    assert (difference.stream, difference.edit) == changed
    assert difference.expected == "bytes_in 0"
    assert difference.told.startswith("bytes_in ")


def test_streams_when_the_program_ends_early_then_that_is_a_difference(
    tmp_path: Path,
) -> None:
    false = shutil.which("false")
    assert false is not None
    (difference,) = cross.compare(
        [false], {("nothing", "plain"): ["feed by 1"]}, tmp_path
    )
    assert difference.told.startswith("ended with status 1")


def test_main_without_tools_names_them_and_the_packages_of_debian(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cross.main() == 2
    message = capsys.readouterr().err
    assert "aarch64-linux-gnu-gcc, qemu-aarch64, arm-linux-gnueabihf-gcc" in message
    assert "apt install gcc-aarch64-linux-gnu libc6-dev-arm64-cross" in message
