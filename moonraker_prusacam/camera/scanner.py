# Picks the compiled scanner or its pure-Python twin.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``Scanner`` and ``Frame``: the compiled twins where built, else the pure-Python ones.

``PRUSACAM_PURE_PYTHON=1`` in the environment asks for the latter.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from .frame import PoolStats, ScannerStats

__all__ = ["IMPLEMENTATION", "Frame", "PoolStats", "Scanner", "ScannerStats"]

IMPLEMENTATION: Literal["c", "python"]

if TYPE_CHECKING:
    from ._scanner_py import Scanner
    from .frame import Frame
elif os.environ.get("PRUSACAM_PURE_PYTHON", "") not in ("", "0"):
    from ._scanner_py import Scanner
    from .frame import Frame

    IMPLEMENTATION = "python"
else:
    try:
        from ._scanner_c import Frame, Scanner
    except ImportError:
        from ._scanner_py import Scanner
        from .frame import Frame

        IMPLEMENTATION = "python"
    else:
        IMPLEMENTATION = "c"
