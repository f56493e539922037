# A stand-in for a Prusa camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A camera that needs no camera: it speaks the protocol, records and renders."""

from __future__ import annotations

from .camera import VirtualPrusaCamera
from .faults import CameraFault, CameraFaultKind
from .timelapse import Phase, Trouble

__all__ = [
    "CameraFault",
    "CameraFaultKind",
    "Phase",
    "Trouble",
    "VirtualPrusaCamera",
]
