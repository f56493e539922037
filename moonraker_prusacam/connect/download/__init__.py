# Downloads that go on where they broke off.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gets a file by ranges into one that grows, whoever has it and whatever it is for."""

from __future__ import annotations

from .part import PartFile
from .ranged import Listener, RangedDownload, Wanted

__all__ = ["Listener", "PartFile", "RangedDownload", "Wanted"]
