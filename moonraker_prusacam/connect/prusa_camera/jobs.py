# The jobs of one camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All jobs that are known, in the order of their prints, and on disk."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.errors import JobNotFound, TimelapseError

from .job import OVER, Job, Phase, load_jobs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from moonraker_prusacam.connect.clock import Clock

log = logging.getLogger(__name__)

KEPT_JOBS = 50  # that are over


class Jobs:
    """Makes, keeps and finds jobs; iterates over them, the oldest first."""

    def __init__(self, camera: str, path: Path, clock: Clock) -> None:
        self._camera = camera
        self._path = path
        self._clock = clock
        self._jobs: list[Job] = []

    def __iter__(self) -> Iterator[Job]:
        return iter(tuple(self._jobs))

    async def load(self) -> None:
        """Read what an earlier run left; raises TimelapseError."""
        try:
            self._jobs, odd = await asyncio.to_thread(
                load_jobs, self._path, self._clock.monotonic_s()
            )
        except OSError as error:
            place = error.filename or self._path
            raise TimelapseError(f"{place}: {error.strerror}") from error
        for words in odd:
            log.warning("Prusa camera %s: left alone: %s", self._camera, words)

    async def create(self, **known: Any) -> Job:
        """A new job; raises TimelapseError. The oldest that are over go."""
        job = await asyncio.to_thread(
            Job.create, self._path, self._clock.monotonic_s(), **known
        )
        self._jobs.append(job)
        for old in self.over[:-KEPT_JOBS]:
            self._jobs.remove(old)
            await asyncio.to_thread(old.remove)
        return job

    async def save(self, job: Job) -> None:
        """Keep its record; a disk that does not take it must not stop anything."""
        try:
            await asyncio.to_thread(job.save)
        except OSError as error:
            log.error("Prusa camera: %s: %s", job.path, error.strerror)  # noqa: TRY400

    async def save_open(self) -> None:
        """Keep how long those that are not over have waited."""
        for job in self.open:
            job.note_wait(self._clock.monotonic_s())
            await self.save(job)

    @property
    def open(self) -> list[Job]:
        """Those that are not over."""
        return [job for job in self._jobs if job.phase not in OVER]

    @property
    def over(self) -> list[Job]:
        """Those that are."""
        return [job for job in self._jobs if job.phase in OVER]

    @property
    def recording(self) -> Job | None:
        """The job of the print that runs."""
        return next((job for job in self._jobs if job.phase is Phase.RECORDING), None)

    def find(self, identity: str | None, *phases: Phase) -> Job:
        """The job of that id, else the newest in one of ``phases``.

        Raises JobNotFound.
        """
        for job in reversed(self._jobs):
            if job.record.id == identity or (identity is None and job.phase in phases):
                return job
        wanted = "for that" if identity is None else identity
        raise JobNotFound(f"there is no job {wanted}")
