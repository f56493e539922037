# Prusa's own cameras.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Prusa camera makes a timelapse of each print, and its video comes over to us."""

from __future__ import annotations

from .camera import PrusaCamera
from .opening import viewer_opener

__all__ = ["PrusaCamera", "viewer_opener"]
