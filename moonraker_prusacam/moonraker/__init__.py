# Moonraker's API.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of Moonraker on this host, and through it of Klipper."""

from __future__ import annotations

from .client import MoonrakerClient
from .connection import MoonrakerConnection
from .klippy import Klippy

__all__ = ["Klippy", "MoonrakerClient", "MoonrakerConnection"]
