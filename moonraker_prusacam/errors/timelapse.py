# Jobs and videos that cannot be.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a timelapse refuses, and what fails in it."""

from __future__ import annotations

from .base import PrusacamError


class TimelapseError(PrusacamError):
    """A timelapse job cannot do what was asked of it."""

    http_status = 409


class FramesNotFound(TimelapseError, LookupError):
    """There are no frames for what was asked."""

    http_status = 404


class JobNotFound(TimelapseError, LookupError):
    """No job has that id."""

    http_status = 404


class VideoNotFound(TimelapseError, LookupError):
    """No finished video of ours has that name."""

    http_status = 404


class TimelapseOptionError(TimelapseError, ValueError):
    """An option is unknown, its value is, or a name cannot be one."""

    http_status = 400


class RenderError(TimelapseError):
    """ffmpeg failed; ``stderr_tail`` holds its last lines."""

    http_status = 500

    def __init__(
        self, message: str, *, returncode: int | None = None, stderr_tail: str = ""
    ) -> None:
        super().__init__(message)
        self.returncode = returncode
        self.stderr_tail = stderr_tail
