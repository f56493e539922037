# The motion package: where the head of the printer was.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Position and speed of the head at any moment of the last two minutes."""

from __future__ import annotations

from .motion import Motion, Quality
from .printer import Machine
from .trajectory import Position, Sample

__all__ = ["Machine", "Motion", "Position", "Quality", "Sample"]
