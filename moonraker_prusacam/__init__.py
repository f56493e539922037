# Camera engine for Klipper printers.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One owner for each camera: streams, timelapses and Prusa Connect."""

from __future__ import annotations

from .version import __version__

__all__ = ["__version__"]
