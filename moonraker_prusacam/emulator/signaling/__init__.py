# A local stand-in for the cameras' signalling service.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The signalling service on this machine, and a Prusa camera to talk to."""

from __future__ import annotations

from .audit import Audit
from .behaviour import Behaviour
from .camera import (
    CameraFault,
    CameraFaultKind,
    Phase,
    Trouble,
    VirtualPrusaCamera,
)
from .event_log import Direction, EventRecord
from .faults import Fault, FaultKind
from .rules import RULES
from .server import LocalSignaling
from .session import Role
from .stand import PrusaCameraStand
from .transcript import transcript

__all__ = [
    "RULES",
    "Audit",
    "Behaviour",
    "CameraFault",
    "CameraFaultKind",
    "Direction",
    "EventRecord",
    "Fault",
    "FaultKind",
    "LocalSignaling",
    "Phase",
    "PrusaCameraStand",
    "Role",
    "Trouble",
    "VirtualPrusaCamera",
    "transcript",
]
