# Tests of the folder of finished videos.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names from elsewhere reach videos of ours, and nothing else."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.errors import (
    TimelapseError,
    TimelapseOptionError,
    VideoNotFound,
)
from moonraker_prusacam.sidecar import sidecar_path
from moonraker_prusacam.timelapse.library import Library, read_videos, summary
from tests.support.library import NOW_S, keep, names, of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "/",
        "../a.mp4",
        "sub/a.mp4",
        "/a.mp4",
        "a.mp4/",
        "a.mp4/.",
        "./a.mp4",
        ".a.mp4",
        ".a.json",
        "a\0.mp4",
        "a\n.mp4",
        "\udcff.mp4",
        "x" * 256,
        "\u202egpj.mp4",
    ],
)
async def test_name_when_it_is_none_then_error_whatever_is_asked(
    tmp_path: Path, name: str
) -> None:
    keep(tmp_path, "a")
    before = names(tmp_path)
    library = Library(tmp_path)
    for work in (
        library.find(name),
        library.pin(name, pinned=True),
        library.remove(name),
    ):
        with pytest.raises(TimelapseOptionError, match="is not the name of a video"):
            await work
    assert names(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("b.mp4", "there is no video b.mp4"),
        ("a", "did you mean a.mp4"),
        ("A.mp4", "did you mean a.mp4"),
        ("a.zip", "there is no video a.zip"),
        ("foreign.mp4", "is no video of prusacam"),
        ("folder.mp4", "is no video of prusacam"),
        ("x" * 255, "there is no video"),
    ],
)
async def test_name_when_there_is_no_such_video_then_error_says_what_is_near(
    tmp_path: Path, name: str, said: str
) -> None:
    keep(tmp_path, "a")
    (tmp_path / "foreign.mp4").write_bytes(b"")
    (tmp_path / "folder.mp4").mkdir()
    before = names(tmp_path)
    library = Library(tmp_path)
    with pytest.raises(VideoNotFound, match=said):
        await library.remove(name)
    assert names(tmp_path) == before


@pytest.mark.parametrize(
    "stem", ['galile0\'s 100% "cube"', "-rf", "🚀 Küche", "a.b.c", "$(reboot)"]
)
async def test_name_when_it_is_odd_then_it_is_a_name_all_the_same(
    tmp_path: Path, stem: str
) -> None:
    keep(tmp_path, stem)
    library = Library(tmp_path)
    assert (await library.pin(f"{stem}.mp4", pinned=True)).is_pinned
    assert (await library.find(f"{stem}.mp4")).is_pinned
    await library.pin(f"{stem}.mp4", pinned=False)
    await library.remove(f"{stem}.mp4")
    assert names(tmp_path) == []


async def test_pin_then_the_rest_of_the_sidecar_stays_as_it_was(tmp_path: Path) -> None:
    video = keep(tmp_path, "a", added_by_hand=[1, 2])
    before = json.loads(sidecar_path(video).read_bytes())
    library = Library(tmp_path)
    await asyncio.gather(*(library.pin("a.mp4", pinned=True) for _ in range(5)))
    after = json.loads(sidecar_path(video).read_bytes())
    assert after == before | {"pinned": True}
    assert sidecar_path(video).stat().st_mode & 0o777 == 0o644


async def test_remove_when_it_is_pinned_then_it_stays(tmp_path: Path) -> None:
    keep(tmp_path, "a", pinned=True)
    keep(tmp_path, "b")
    library = Library(tmp_path)
    with pytest.raises(TimelapseError, match="unpin it first"):
        await library.remove("a.mp4")
    await library.remove("b.mp4")
    assert set(names(tmp_path)) == of("a")


def test_videos_then_all_that_is_known_is_plain_json(tmp_path: Path) -> None:
    keep(tmp_path, "a", size_bytes=100, outcome="cancelled")
    keep(tmp_path, "b", video={"frames": -1, "fps": "x"}, job={"id": "j", "file": 3})
    first, second = map(summary, read_videos(tmp_path))
    sidecar_bytes = (tmp_path / ".a.json").stat().st_size
    assert json.loads(json.dumps(first)) == {
        "video": "a.mp4",
        "filename": "a.gcode",
        "outcome": "cancelled",
        "made": NOW_S,
        "size_bytes": 100 + 4 + 3 + sidecar_bytes,
        "frames": 100,
        "fps": 25.0,
        "duration_s": 4.0,
        "pinned": False,
        "has_frames": True,
        "job": "id-a",
    }
    assert (second["frames"], second["fps"], second["duration_s"]) == (None, None, None)
    assert (second["filename"], second["outcome"]) == ("", None)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write every folder")
def test_pin_when_the_folder_is_read_only_then_error_says_so(tmp_path: Path) -> None:
    keep(tmp_path, "a")
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(TimelapseError, match="Permission denied"):
            asyncio.run(Library(tmp_path).pin("a.mp4", pinned=True))
    finally:
        tmp_path.chmod(0o700)
