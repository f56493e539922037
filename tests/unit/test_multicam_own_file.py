# Tests of recordings that are on this host already.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from moonraker_prusacam.multicam.controller.download import Pace
from moonraker_prusacam.multicam.controller.own_file import take_over
from moonraker_prusacam.multicam.controller.part_file import broken_part

VIDEO = b"\0\0\0\x10ftypisom\0\0\0\0" + os.urandom(3 << 20)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "Prusa-1A2B3C4D_1795304471032.mp4"
    path.write_bytes(VIDEO)
    return path


async def test_file_when_links_can_be_made_then_it_has_two_names_and_one_copy(
    tmp_path: Path, source: Path
) -> None:
    part, told = tmp_path / "0.part", []
    broken_part(part).write_bytes(b"of an earlier try")
    part.write_bytes(b"of another one")
    fetched = await take_over(
        source, part, lambda: 0.0, lambda *sizes: told.append(sizes)
    )
    assert fetched is not None
    assert part.samefile(source)
    assert fetched.size_bytes == len(VIDEO)
    assert fetched.sha256 == hashlib.sha256(VIDEO).hexdigest()
    assert (fetched.suffix, fetched.told_name) == (".mp4", source.name)
    assert told[-1] == (len(VIDEO), len(VIDEO))
    assert len(told) > 2
    assert not broken_part(part).exists()


async def test_file_when_a_print_runs_then_it_is_read_at_the_pace_of_a_download(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[float] = []

    async def keep(_: Pace, bytes_s: float) -> None:
        kept.append(bytes_s)

    monkeypatch.setattr(Pace, "keep", keep)
    await take_over(source, tmp_path / "0.part", lambda: 2e6, lambda *_: None)
    assert kept
    assert set(kept) == {2e6}


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EPERM, errno.EMLINK])
async def test_file_when_no_link_can_be_made_then_it_has_to_be_fetched(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(path: Path, target: Path) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    part = tmp_path / "0.part"
    assert await take_over(source, part, lambda: 0.0, lambda *_: None) is None
    assert not part.exists()


async def test_file_when_it_has_been_removed_meanwhile_then_it_has_to_be_fetched(
    tmp_path: Path,
) -> None:
    source = tmp_path / "gone.mp4"
    part = tmp_path / "0.part"
    assert await take_over(source, part, lambda: 0.0, lambda *_: None) is None
