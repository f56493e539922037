# The stream pump: compiled where it can be, pure Python elsewhere.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chooses the twin. ``PRUSACAM_PURE_PYTHON=1`` chooses the Python one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

IMPLEMENTATION: Literal["c", "python"]

if TYPE_CHECKING:
    from ._pump_py import Channel, StreamPump
elif os.environ.get("PRUSACAM_PURE_PYTHON", "") not in ("", "0"):
    from ._pump_py import Channel, StreamPump

    IMPLEMENTATION = "python"
else:
    try:
        from ._pump_c import Channel, StreamPump
    except ImportError:
        from ._pump_py import Channel, StreamPump

        IMPLEMENTATION = "python"
    else:
        IMPLEMENTATION = "c"

__all__ = ["IMPLEMENTATION", "Channel", "StreamPump"]
