# Virtual MultiCam devices.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins for phones and cameras of every dialect, with all their faults to order."""

from __future__ import annotations

from .device import VirtualDevice as VirtualDevice
from .faults import HARMLESS as HARMLESS
from .faults import HOSTILE_FILE_NAMES as HOSTILE_FILE_NAMES
from .faults import Fault as Fault
from .faults import FaultKind as FaultKind
from .film import Film as Film
from .recording import Recording as Recording
from .shutter import Shutter as Shutter
from .today import KINDS as KINDS
