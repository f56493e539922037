# A host that lacks something.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs, rights and stand-ins."""

from __future__ import annotations

from .base import PrusacamError


class FfmpegMissing(PrusacamError):
    """There is no ffmpeg, or the configured one cannot be run."""

    http_status = 503


class InstallError(PrusacamError):
    """A host is not as the installer needs it; the text says what helps."""


class FileReadOnly(InstallError, PermissionError):
    """A file is not to be written, and is left as it is."""


class RootNeeded(InstallError, PermissionError):
    """A step needs root, and there is no way to become it."""


class EmulatorError(PrusacamError):
    """A local stand-in could not do its part of the demo."""
