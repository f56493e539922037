# Tests of what is removed, and when.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The oldest videos go, as configured; pinned ones, others' and doubtful ones stay.

A date that cannot be believed removes nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from moonraker_prusacam.boot import boot_id
from moonraker_prusacam.config import TimelapseConfig
from moonraker_prusacam.errors import TimelapseError
from moonraker_prusacam.log import StateLog
from moonraker_prusacam.sidecar import sidecar_path
from moonraker_prusacam.timelapse import retention
from moonraker_prusacam.timelapse.library import Library, read_videos
from moonraker_prusacam.timelapse.retention import Retention, plan, report
from moonraker_prusacam.timelapse.wall_clock import (
    LEAP_S,
    SETTLE_S,
    Moment,
    WallClock,
    is_synchronised,
)
from tests.support.events import Events
from tests.support.library import DAY_S, NOW_S, keep, names, of, stems

if TYPE_CHECKING:
    from pathlib import Path

YEAR_S = 365 * DAY_S
ROOM = 1 << 40
NOW = Moment(NOW_S, 1000.0, boot_id())


class Host:
    """A date and a time since boot that tests move, and whether a server is there."""

    def __init__(self, *, synchronised: bool = True) -> None:
        self.time_s = NOW_S
        self.uptime_s = 1000.0
        self.synchronised = synchronised
        self.clock = WallClock(
            lambda: self.time_s, lambda: self.uptime_s, lambda: self.synchronised
        )

    def live(self, seconds: float, leap_s: float = 0.0) -> None:
        self.time_s += seconds + leap_s
        self.uptime_s += seconds


def gone(
    folder: Path, now: Moment = NOW, free_bytes: int = ROOM, **options: Any
) -> list[str]:
    config = attrs.evolve(TimelapseConfig(), **options)
    found = plan(read_videos(folder), config, now, free_bytes)
    return [expiry.video.path.stem for expiry in found.gone]


# --- limits --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, []),
        ({"keep_days": 5.0}, ["oldest", "old"]),
        ({"keep_days": 15.0}, ["oldest"]),
        ({"keep_videos": 2}, ["oldest", "old"]),
        ({"keep_videos": 9}, []),
        ({"keep_mb": 3}, ["oldest", "old"]),
        ({"keep_mb": 4}, ["oldest"]),
        ({"keep_mb": 1}, ["oldest", "old", "new"]),
        ({"keep_days": 15.0, "keep_videos": 2}, ["oldest", "old"]),
    ],
)
def test_limits_when_videos_are_over_them_then_the_oldest_go(
    tmp_path: Path, options: dict[str, Any], expected: list[str]
) -> None:
    for stem, days in (("new", 1), ("newest", 0.5), ("old", 10), ("oldest", 20)):
        keep(tmp_path, stem, days)
    assert gone(tmp_path, **options) == expected


@pytest.mark.parametrize(
    ("free_mb", "expected"), [(10, []), (9, ["oldest"]), (0, ["oldest", "old"])]
)
def test_free_space_when_it_is_short_then_the_oldest_go_but_the_newest_stays(
    tmp_path: Path, free_mb: int, expected: list[str]
) -> None:
    for stem, days in (("new", 1), ("old", 10), ("oldest", 20)):
        keep(tmp_path, stem, days)
    assert gone(tmp_path, free_bytes=free_mb << 20, keep_free_mb=10) == expected


def test_free_space_when_age_has_made_room_then_no_more_go(tmp_path: Path) -> None:
    for stem, days in (("new", 1), ("old", 10), ("oldest", 20)):
        keep(tmp_path, stem, days)
    limits: dict[str, Any] = {"keep_free_mb": 10, "keep_days": 15.0}
    assert gone(tmp_path, free_bytes=(9 << 20) + 1, **limits) == ["oldest"]


def test_size_then_archive_preview_and_sidecar_count(tmp_path: Path) -> None:
    video = keep(tmp_path, "a", 2, size_bytes=10)
    video.with_suffix(".zip").write_bytes(b"\0" * (1 << 20))
    keep(tmp_path, "b", 1, size_bytes=10)
    assert gone(tmp_path, keep_mb=1) == ["a"]


@pytest.mark.parametrize("pinned", [True, "yes", 1, None, {}])
def test_pinned_when_all_limits_are_crossed_then_it_stays(
    tmp_path: Path, pinned: Any
) -> None:
    keep(tmp_path, "pinned", 99, pinned=pinned)
    keep(tmp_path, "a", 2)
    keep(tmp_path, "b", 1)
    limits: dict[str, Any] = {
        "keep_days": 1.5,
        "keep_videos": 1,
        "keep_mb": 1,
        "keep_free_mb": 1 << 30,
    }
    assert gone(tmp_path, free_bytes=0, **limits) == ["a"]


@pytest.mark.parametrize(
    ("keep_failed", "expected"),
    [
        ("like_others", ["failed", "old"]),
        ("always", ["old"]),
        (3.0, ["failed", "fresh failure", "old"]),
        (100.0, ["old"]),
    ],
)
@pytest.mark.parametrize("outcome", ["cancelled", "error", "interrupted"])
def test_failed_when_there_is_a_policy_then_it_holds_for_them_alone(
    tmp_path: Path, keep_failed: str | float, expected: list[str], outcome: str
) -> None:
    keep(tmp_path, "failed", 50, outcome=outcome)
    keep(tmp_path, "fresh failure", 5, outcome=outcome)
    keep(tmp_path, "old", 30)
    keep(tmp_path, "new", 5)
    assert sorted(gone(tmp_path, keep_days=20.0, keep_failed=keep_failed)) == expected


def test_failed_when_they_are_kept_always_then_room_does_not_matter(
    tmp_path: Path,
) -> None:
    keep(tmp_path, "failed", 50, outcome="error")
    keep(tmp_path, "old", 30)
    keep(tmp_path, "new", 5)
    limits: dict[str, Any] = {
        "keep_videos": 1,
        "keep_free_mb": 1 << 30,
        "keep_failed": "always",
    }
    assert gone(tmp_path, free_bytes=0, **limits) == ["old"]


# --- whose videos --------------------------------------------------------------------


@pytest.mark.parametrize(
    "sidecar",
    [
        None,
        "",
        "{",
        "[]",
        "{}",
        '{"schema": 1}',
        '{"schema": 1, "made_by": "moonraker-prusacam 0"}',
        '{"schema": 1, "made_by": "another", "job": {"id": "a"}}',
        '{"schema": 2, "made_by": "moonraker-prusacam 9", "job": {"id": "a"}}',
        '{"schema": true, "made_by": "moonraker-prusacam 0", "job": {"id": "a"}}',
        '{"schema": 1, "made_by": "moonraker-prusacam 0", "job": {"id": 7}}',
        '{"schema": 1, "made_by": "moonraker-prusacam 0", "job": ["id"]}',
        "[" * 100_000,
        " " * 70_000 + "{}",
    ],
)
def test_sidecar_when_it_is_damaged_or_foreign_then_the_video_stays(
    tmp_path: Path, sidecar: str | None
) -> None:
    video = keep(tmp_path, "a", 99)
    if sidecar is None:
        sidecar_path(video).unlink()
    else:
        sidecar_path(video).write_text(sidecar)
    assert gone(tmp_path, keep_days=1.0) == []


@pytest.mark.parametrize(
    "made",
    [
        None,
        "now",
        {"time": "x"},
        {"time": True},
        {"time": float("nan")},
        {"time": 1e99},
    ],
)
def test_sidecar_when_its_date_makes_no_sense_then_that_of_the_file_counts(
    tmp_path: Path, made: Any
) -> None:
    keep(tmp_path, "old", 9, made=made)
    keep(tmp_path, "new", 0.5, made=made)
    assert gone(tmp_path, keep_days=1.0) == ["old"]


def test_video_when_it_is_a_link_or_a_folder_then_it_is_nobodys(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    outside = keep(elsewhere, "outside", 99)
    folder = tmp_path / "videos"
    link = keep(folder, "link", 99)
    link.unlink()
    link.symlink_to(outside)
    directory = keep(folder, "directory", 99)
    directory.unlink()
    directory.mkdir()
    foreign = keep(folder, "foreign", 99)
    told = sidecar_path(foreign).rename(elsewhere / "told.json")
    sidecar_path(foreign).symlink_to(told)
    assert read_videos(folder) == []


def test_folder_when_it_is_not_there_then_nothing_is_kept(tmp_path: Path) -> None:
    assert read_videos(tmp_path / "nowhere") == []


# --- the date ------------------------------------------------------------------------


def test_date_when_it_is_not_believed_then_earlier_boots_are_not_judged(
    tmp_path: Path,
) -> None:
    keep(tmp_path, "old", 99)
    keep(
        tmp_path, "ours", made={"time": 0, "boot_id": boot_id(), "uptime_s": -2 * DAY_S}
    )
    doubtful = attrs.evolve(NOW, is_trusted=False)
    assert gone(tmp_path, doubtful, keep_days=1.0) == ["ours"]
    assert gone(tmp_path, doubtful, keep_videos=1) == ["old"]


def test_date_when_it_leaps_by_a_year_then_no_video_is_removed(tmp_path: Path) -> None:
    host = Host()
    assert host.clock.now().is_trusted
    keep(tmp_path, "before", 3)
    now = {"time": NOW_S, "boot_id": boot_id(), "uptime_s": 1000.0}
    keep(tmp_path, "today", made=now)
    host.live(3600, leap_s=YEAR_S)
    assert gone(tmp_path, host.clock.now(), keep_days=30.0) == []
    host.live(3600, leap_s=-YEAR_S)
    assert gone(tmp_path, host.clock.now(), keep_days=30.0) == []
    host.live(SETTLE_S)
    assert host.clock.now().is_trusted
    assert gone(tmp_path, host.clock.now(), keep_days=30.0) == []
    assert gone(tmp_path, host.clock.now(), keep_days=2.0) == ["before"]


def test_date_when_a_server_corrects_it_after_boot_then_it_is_believed(
    tmp_path: Path,
) -> None:
    host = Host(synchronised=False)
    keep(tmp_path, "a", 3)
    host.live(30)
    assert not host.clock.now().is_trusted
    host.synchronised = True
    host.live(5, leap_s=40 * DAY_S)
    assert gone(tmp_path, host.clock.now(), keep_days=30.0) == ["a"]


def test_date_when_there_is_no_server_then_it_is_believed_after_a_day() -> None:
    host = Host(synchronised=False)
    assert not host.clock.now().is_trusted
    for _ in range(23):
        host.live(3600)
        assert not host.clock.now().is_trusted
    host.live(3600)
    assert host.clock.now().is_trusted
    host.live(60, leap_s=2 * LEAP_S)
    assert not host.clock.now().is_trusted


def test_date_when_it_is_corrected_by_seconds_then_it_is_still_believed() -> None:
    host = Host()
    for _ in range(48):
        assert host.clock.now().is_trusted
        host.live(3600, leap_s=LEAP_S / 2)


def test_date_when_the_host_is_asked_then_it_answers() -> None:
    assert is_synchronised() in (True, False)
    moment = WallClock().now()
    assert moment.time_s > NOW_S / 2
    assert moment.uptime_s > 0


async def test_date_when_it_becomes_right_then_that_of_this_boots_videos_as_well(
    tmp_path: Path,
) -> None:
    host = Host(synchronised=False)
    video = keep(
        tmp_path,
        "a",
        made={"time": NOW_S - YEAR_S, "boot_id": boot_id(), "uptime_s": 400.0},
    )
    library = Library(tmp_path)
    kept = Retention(library, TimelapseConfig(keep_days=30.0), host.clock)
    await kept.expire()
    assert json.loads(sidecar_path(video).read_text())["made"]["time"] < NOW_S - DAY_S
    host.synchronised = True
    await kept.expire()
    assert json.loads(sidecar_path(video).read_text())["made"] == {
        "time": NOW_S - 600.0,
        "boot_id": boot_id(),
        "uptime_s": 400.0,
    }
    await kept.aclose()


# --- removing ------------------------------------------------------------------------


async def test_expire_then_all_files_of_a_video_go_and_nothing_else(
    tmp_path: Path,
) -> None:
    keep(tmp_path, "old", 99)
    keep(tmp_path, "new", 1)
    (tmp_path / "old.txt").write_text("mine")
    (tmp_path / "foreign.mp4").write_bytes(b"")
    kept = Retention(Library(tmp_path), TimelapseConfig(keep_days=9), Host().clock)
    dry = report(await kept.plan())
    assert dry == {
        "removed": [
            {
                "video": "old.mp4",
                "size_bytes": dry["freed_bytes"],
                "reason": "older than 9 days",
            }
        ],
        "freed_bytes": dry["freed_bytes"],
        "kept": 1,
        "pinned": 0,
        "date_is_trusted": True,
        "limits": {
            "keep_days": 9,
            "keep_videos": 0,
            "keep_mb": 0,
            "keep_free_mb": 0,
            "keep_failed": "like_others",
        },
    }
    assert stems(tmp_path) == {"old", "new", "foreign"}
    assert report(await kept.expire()) == dry
    assert set(names(tmp_path)) == of("new") | {"old.txt", "foreign.mp4"}


async def test_expire_when_a_file_cannot_be_removed_then_error_names_it(
    tmp_path: Path,
) -> None:
    video = keep(tmp_path, "old", 99)
    video.with_suffix(".zip").unlink()
    video.with_suffix(".zip").mkdir()
    kept = Retention(Library(tmp_path), TimelapseConfig(keep_days=9), Host().clock)
    with pytest.raises(TimelapseError, match=r"old\.zip: "):
        await kept.expire()
    assert stems(tmp_path) == {"old"}


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Events:
    """What each look reports."""
    events = Events()
    monkeypatch.setattr(StateLog, "report", lambda *said: events({"event": said[1]}))
    return events


async def test_looks_when_time_goes_by_or_one_is_asked_for_then_videos_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: Events
) -> None:
    config = TimelapseConfig(keep_days=9)
    keep(tmp_path, "old", 99)
    kept = Retention(Library(tmp_path), config, Host().clock)
    kept.start()
    kept.look_soon()
    await looks.until(lambda: looks.all)
    assert stems(tmp_path) == set()
    await kept.aclose()
    await kept.aclose()
    looks.all.clear()
    keep(tmp_path, "old", 99)
    monkeypatch.setattr(retention, "LOOK_INTERVAL_S", 0.01)
    kept = Retention(Library(tmp_path), config, Host().clock)
    kept.start()
    await looks.until(lambda: looks.all)
    assert stems(tmp_path) == set()
    await kept.aclose()


async def test_looks_when_the_folder_cannot_be_read_then_they_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: Events
) -> None:
    monkeypatch.setattr(retention, "LOOK_INTERVAL_S", 0.01)
    folder = tmp_path / "videos"
    folder.write_text("")
    kept = Retention(Library(folder), TimelapseConfig(keep_days=9), Host().clock)
    kept.start()
    await looks.until(lambda: looks.of(f"{folder}: Not a directory; videos are kept"))
    folder.unlink()
    await looks.until(lambda: looks.of("videos are kept as configured"))
    await kept.aclose()
