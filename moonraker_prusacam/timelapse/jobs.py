# The jobs of a timelapse.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All jobs that are known, and what is asked of them as a whole."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from moonraker_prusacam.errors import FramesNotFound, TimelapseError

from .job import JobState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .job import Job

log = logging.getLogger(__name__)

KEPT_JOBS = 50
RENDER_TIMEOUT_S = 7 * 86400.0


class Jobs:
    """The jobs of all prints that have a directory, the oldest first."""

    def __init__(self) -> None:
        self._jobs: list[Job] = []
        self._changed = asyncio.Event()

    def __iter__(self) -> Iterator[Job]:
        return iter(list(self._jobs))

    def in_state(self, state: JobState) -> list[Job]:
        """Those in ``state``."""
        return [job for job in self._jobs if job.record.state is state]

    @property
    def newest(self) -> Job | None:
        """The last print's job, of the first track."""
        for job in reversed(self._jobs):
            if not job.record.track and job.record.remake is None:
                return job
        return None

    def add(self, jobs: Iterable[Job]) -> None:
        """Know ``jobs``, too."""
        self._jobs += jobs

    async def save(self, job: Job) -> None:
        """Write the record; a disk that does not take it must not stop anything."""
        try:
            await asyncio.to_thread(job.save)
        except OSError as error:
            log.error("Timelapse: %s: %s", job.path, error.strerror)  # noqa: TRY400

    async def remove(self, job: Job) -> None:
        """Forget a job, and remove its directory."""
        self._jobs.remove(job)
        self.note_change()
        await asyncio.to_thread(job.remove)

    def note_change(self) -> None:
        """A job has another state; whoever waits for that looks again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_rendered(self, job: Job) -> None:
        """Return when ``job`` is done; raises TimelapseError if it will not be.

        A running print may hold its video up for hours.
        """
        async with asyncio.timeout(RENDER_TIMEOUT_S):
            while job.record.state is not JobState.DONE:
                if job not in self._jobs:
                    raise FramesNotFound("no frame was recorded")
                if job.record.state is JobState.FAILED:
                    raise TimelapseError(job.record.error or "it was not rendered")
                await self._changed.wait()

    async def forget_old(self) -> None:
        """Keep the last ones of those that are done."""
        for job in self.in_state(JobState.DONE)[:-KEPT_JOBS]:
            await self.remove(job)
