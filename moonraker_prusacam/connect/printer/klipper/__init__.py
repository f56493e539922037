# A printer with Klipper and Moonraker.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Knows how the printer is, and does to it what Prusa Connect may have done."""

from __future__ import annotations

from .klipper import KlipperPrinter
from .settings import GcodePolicy, KlipperSettings

__all__ = ["GcodePolicy", "KlipperPrinter", "KlipperSettings"]
