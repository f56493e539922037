# Finished videos, made anew.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives a finished video another speed or end, or renders it from its frames again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from moonraker_prusacam.errors import TimelapseError

from .archived import open_job
from .job import JobState

if TYPE_CHECKING:
    from pathlib import Path

    from .job import Job
    from .jobs import Jobs
    from .library import Library, Video
    from .remake import Remake
    from .renderer import Renderer
    from .retiming import Retimer, Retiming


class Remaker:
    """Works on the videos of ``library``; each remake is a job of its own."""

    def __init__(
        self,
        jobs: Jobs,
        jobs_path: Path,
        library: Library,
        retimer: Retimer,
        renderer: Renderer,
    ) -> None:
        self._jobs = jobs
        self._jobs_path = jobs_path
        self._library = library
        self._retimer = retimer
        self._renderer = renderer
        self._turn = asyncio.Lock()

    async def retime(self, name: str, wanted: Retiming, *, copy: bool) -> Video:
        """Give a finished video, or a copy of it, another speed or end.

        Raises TimelapseError.
        """
        video = await self._retimer.retime(name, wanted, copy=copy)
        for job in self._jobs:
            if job.record.video == video.name:
                job.record.video_bytes = (
                    await asyncio.to_thread(video.path.stat)
                ).st_size
                await self._jobs.save(job)
        return video

    async def rerender(self, remake: Remake) -> Job:
        """Render a finished video again from its archived frames; the new job.

        Raises TimelapseError.
        """
        async with self._turn:
            video = await self._library.find(remake.video)
            for job in self._jobs:
                known = job.record.remake
                is_done = job.record.state is JobState.DONE
                if known and known.video == video.name and not is_done:
                    identity = job.record.id
                    raise TimelapseError(f"job {identity} renders {video.name} already")
            job = await asyncio.to_thread(open_job, self._jobs_path, video, remake)
            self._jobs.add([job])
            self._renderer.submit(job)
            return job
