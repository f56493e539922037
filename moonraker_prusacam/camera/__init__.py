# The camera package: from a camera's bytes to frames.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One owner for each camera: its source, its newest frame, its consumers."""

from __future__ import annotations

from .camera import Camera
from .scanner import Frame, PoolStats, Scanner, ScannerStats
from .state import CameraState, CameraStatus

__all__ = [
    "Camera",
    "CameraState",
    "CameraStatus",
    "Frame",
    "PoolStats",
    "Scanner",
    "ScannerStats",
]
