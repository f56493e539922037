# Which videos have been there long enough.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removes old videos by age, number, total size and free space, as configured.

Only videos of ours are touched, those with a sidecar, and none that is pinned. What
would go and why is decided in one place, ``plan``, for the dry run and the real one.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.errors import TimelapseError
from moonraker_prusacam.log import StateLog
from moonraker_prusacam.sidecar import read_sidecar, save_sidecar
from moonraker_prusacam.tasks import TaskOwner

from .library import Video, read_videos, remove_video

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moonraker_prusacam.config import TimelapseConfig

    from .library import Library
    from .wall_clock import Moment, WallClock

log = logging.getLogger(__name__)

DAY_S = 86400.0
LIMITS = ("keep_days", "keep_videos", "keep_mb", "keep_free_mb", "keep_failed")
LOOK_INTERVAL_S = 3600.0
# A date in a sidecar that is wrong by more is corrected once the right one is known.
WRONG_DATE_S = 60.0


@attrs.frozen
class Expiry:
    """A video that should go, and why."""

    video: Video
    reason: str


@attrs.frozen
class Plan:
    """What a look found: ``gone`` goes, the oldest first; ``kept`` stays.

    ``is_dated`` is False where ages of earlier boots are not judged, because the date
    cannot be believed.
    """

    gone: tuple[Expiry, ...]
    kept: tuple[Video, ...]
    is_dated: bool
    config: TimelapseConfig


def plan(
    videos: Sequence[Video], config: TimelapseConfig, now: Moment, free_bytes: int
) -> Plan:
    """Which of ``videos`` should go.

    Age counts for each alone. Then the oldest go until number, size and free space are
    right; for the latter two the newest stays.
    """
    left = [video for video in videos if _is_removable(video, config)]
    left.sort(key=lambda video: _made(video, now))
    gone = []
    for video in tuple(left):
        days, age_s = _days(video, config), video.age_s(now)
        if days and age_s is not None and age_s > days * DAY_S:
            gone.append(Expiry(video, f"older than {days:g} days"))
            left.remove(video)
    while config.keep_videos and len(left) > config.keep_videos:
        gone.append(Expiry(left.pop(0), f"more than {config.keep_videos} videos"))
    size_bytes = sum(video.size_bytes for video in left)
    while config.keep_mb and len(left) > 1 and size_bytes > config.keep_mb << 20:
        size_bytes -= left[0].size_bytes
        gone.append(Expiry(left.pop(0), f"more than {config.keep_mb} MB of videos"))
    free_bytes += sum(expiry.video.size_bytes for expiry in gone)
    while len(left) > 1 and free_bytes < config.keep_free_mb << 20:
        free_bytes += left[0].size_bytes
        gone.append(Expiry(left.pop(0), f"less than {config.keep_free_mb} MB free"))
    names = {expiry.video.name for expiry in gone}
    kept = tuple(video for video in videos if video.name not in names)
    return Plan(tuple(gone), kept, now.is_trusted, config)


class Retention:
    """Looks every hour, and whenever ``look_soon`` is called."""

    def __init__(
        self, library: Library, config: TimelapseConfig, clock: WallClock
    ) -> None:
        self._library = library
        self._config = config
        self._clock = clock
        self._due = asyncio.Event()
        self._state_log = StateLog(log, "Timelapse retention")
        self._tasks = TaskOwner("retention")

    def start(self) -> None:
        """Begin to look, and at once: a kill may have come before the last look."""
        self._due.set()
        self._tasks.start("looks", self._run())

    async def aclose(self) -> None:
        """Stop looking. Idempotent."""
        await self._tasks.aclose()

    def look_soon(self) -> None:
        """A video was made, or room is short."""
        self._due.set()

    async def plan(self) -> Plan:
        """What would go now; raises TimelapseError."""
        try:
            return await asyncio.to_thread(self._plan)
        except OSError as error:
            raise TimelapseError(f"{self._library.folder}: {error.strerror}") from error

    async def expire(self) -> Plan:
        """Remove what should go; raises TimelapseError."""
        async with self._library.turn:
            found = await self.plan()
            try:
                for expiry in found.gone:
                    await asyncio.to_thread(remove_video, expiry.video)
                    log.info(
                        "Timelapse: %s is removed: %s", expiry.video.name, expiry.reason
                    )
                await asyncio.to_thread(_correct_dates, found.kept, self._clock.now())
            except OSError as error:
                place = error.filename or self._library.folder
                raise TimelapseError(f"{place}: {error.strerror}") from error
        return found

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(LOOK_INTERVAL_S):
                    await self._due.wait()
            except TimeoutError:
                pass
            self._due.clear()
            try:
                await self.expire()
            except TimelapseError as error:
                self._state_log.report(f"{error}; videos are kept", logging.WARNING)
            else:
                self._state_log.report("videos are kept as configured", logging.DEBUG)

    def _plan(self) -> Plan:
        folder = self._library.folder
        videos = read_videos(folder)
        free_bytes = shutil.disk_usage(folder).free if videos else 0
        return plan(videos, self._config, self._clock.now(), free_bytes)


def report(found: Plan) -> dict[str, Any]:
    """A plan as the control socket shows it."""
    return {
        "removed": [
            {
                "video": expiry.video.name,
                "size_bytes": expiry.video.size_bytes,
                "reason": expiry.reason,
            }
            for expiry in found.gone
        ],
        "freed_bytes": sum(expiry.video.size_bytes for expiry in found.gone),
        "kept": len(found.kept),
        "pinned": sum(video.is_pinned for video in found.kept),
        "date_is_trusted": found.is_dated,
        "limits": {name: getattr(found.config, name) for name in LIMITS},
    }


def _is_removable(video: Video, config: TimelapseConfig) -> bool:
    is_kept = config.keep_failed == "always" and not video.is_complete
    return not (video.is_pinned or is_kept)


def _days(video: Video, config: TimelapseConfig) -> float:
    """After how many days ``video`` goes; 0: never."""
    if video.is_complete or isinstance(config.keep_failed, str):
        return config.keep_days
    return config.keep_failed


def _made(video: Video, now: Moment) -> tuple[bool, float]:
    """An order by age that a leap of the date since boot does not change."""
    if video.is_of_this_boot(now):
        return True, video.made.uptime_s
    return False, video.made.time_s


def _correct_dates(videos: Sequence[Video], now: Moment) -> None:
    """Give videos of this boot the date that they would have been given now.

    Some were made before the network told the time; after the next boot the date will
    be all that is known of their age.
    """
    for video in videos if now.is_trusted else ():
        age_s = video.age_s(now) or 0.0
        right_s = now.time_s - age_s
        if (
            video.is_of_this_boot(now)
            and abs(video.made.time_s - right_s) > WRONG_DATE_S
            and (content := read_sidecar(video.path))
        ):
            content["made"] = content["made"] | {"time": right_s}
            save_sidecar(video.path, content)
