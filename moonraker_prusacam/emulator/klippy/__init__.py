# A simulated printer that Moonraker takes for Klipper.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for Klipper: its API socket, G-code, macros, motion and prints."""

from __future__ import annotations

from .gcode import CommandError
from .simulated import SimulatedPrinter

__all__ = ["CommandError", "SimulatedPrinter"]
