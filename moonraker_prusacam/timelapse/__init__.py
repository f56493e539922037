# Timelapses.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One frame a layer, one video a print, and no frame lost to a crash."""

from __future__ import annotations

from .job import Job, JobState
from .notice import summary
from .timelapse import Timelapse

__all__ = ["Job", "JobState", "Timelapse", "summary"]
