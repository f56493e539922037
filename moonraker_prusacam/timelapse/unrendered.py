# Jobs that are over and have no video yet.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a job when its print is over, and the queue of those that wait.

A job stays in the queue until somebody renders or discards it: its frames are there
once, and are never removed because they are old.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.errors import JobNotFound, TimelapseError

from .job import JobState
from .notice import summary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from moonraker_prusacam.config import TimelapseConfig

    from .job import Job

WAITING = (JobState.UNRENDERED, JobState.FAILED)
# Why neither can be done with a job now.
BUSY = {
    JobState.RECORDING: "is being recorded",
    JobState.RENDERING: "is being rendered",
    JobState.DONE: "has been rendered",
}


def ending(config: TimelapseConfig, outcome: str) -> str:
    """``render``, ``keep`` or ``discard`` for a job whose print ended so.

    An interruption may be one of ours, and the print complete: nothing is discarded.
    """
    if outcome == "cancelled":
        chosen = config.render_on_cancel
    elif outcome in ("error", "interrupted"):
        chosen = config.render_on_error
    else:
        chosen = "render"
    if outcome == "interrupted" and chosen == "discard":
        return "keep"
    return "keep" if chosen == "render" and not config.auto_render else chosen


def newest_waiting(jobs: Iterable[Job]) -> Job | None:
    """The last of ``jobs`` that waits; who failed before a later video is passed over.

    A failure of long ago is not what somebody means who presses a button.
    """
    is_newest = True
    for job in reversed(list(jobs)):
        state = job.record.state
        if state is JobState.UNRENDERED or (is_newest and state is JobState.FAILED):
            return job
        is_newest = is_newest and state is not JobState.DONE
    return None


def find_waiting(jobs: Iterable[Job], identity: str) -> Job:
    """The job of that id; raises JobNotFound, or TimelapseError if it does not wait."""
    for job in jobs:
        if job.record.id == identity:
            if job.record.state not in WAITING:
                raise TimelapseError(f"job {identity} {BUSY[job.record.state]}")
            return job
    raise JobNotFound(f"there is no job {identity}")


async def queue(jobs: Iterable[Job]) -> list[dict[str, Any]]:
    """All jobs without a video but what is recorded now, with their sizes."""
    states = (*WAITING, JobState.RENDERING)
    waiting = [job for job in jobs if job.record.state in states]
    sizes = await asyncio.gather(
        *(asyncio.to_thread(_size_bytes, job) for job in waiting)
    )
    return [
        summary(job) | {"size_bytes": size_bytes}
        for job, size_bytes in zip(waiting, sizes, strict=True)
    ]


def _size_bytes(job: Job) -> int:
    total_bytes = 0
    try:
        for path in job.path.iterdir():
            total_bytes += path.lstat().st_size
    except FileNotFoundError:
        pass  # it is being sealed, or removed
    return total_bytes
