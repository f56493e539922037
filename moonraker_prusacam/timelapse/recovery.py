# What an earlier run left.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the job directories that are there, and clears away what a kill left."""

from __future__ import annotations

import contextlib
import logging
import shutil
from typing import TYPE_CHECKING

from moonraker_prusacam.boot import boot_id
from moonraker_prusacam.errors import TimelapseError
from moonraker_prusacam.video.staging import remove_left

from .job import Job, JobState, remove_stillborn
from .retiming import WORK_PREFIX
from .sealer import drop_leftovers

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)


def load_jobs(jobs_path: Path, work_path: Path, *, keep_frames: bool) -> list[Job]:
    """All jobs, each with what is on disk and no more; raises OSError."""
    boot_id()  # reads a file, so not later on the event loop
    remove_left(work_path)
    jobs_path.mkdir(parents=True, exist_ok=True)
    jobs = []
    for path in sorted(jobs_path.iterdir()):
        if not path.is_dir():
            continue
        if path.name.startswith(WORK_PREFIX):
            shutil.rmtree(path, ignore_errors=True)
            continue
        try:
            job = Job.load(path)
        except TimelapseError as error:
            if not remove_stillborn(path):
                log.warning("Timelapse: left alone: %s", error)
            continue
        jobs.append(job)
        with contextlib.suppress(OSError):  # a kill may have come before it
            if job.record.state is JobState.DONE:
                job.clear()
            else:
                drop_leftovers(job, keep_frames=keep_frames)
                job.record.frames = job.contents().count
    return jobs


def opened(job: Job) -> tuple[bool, float]:
    """Orders jobs by their beginnings; wall clocks are set back now and then."""
    return job.record.boot_id == boot_id(), job.record.opened_s
