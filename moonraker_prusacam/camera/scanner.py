# Picks the compiled scanner or its pure-Python twin.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``Scanner``: the compiled twin where it was built, else the pure-Python one.

``PRUSACAM_PURE_PYTHON=1`` in the environment asks for the latter.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from .frame import ScannerStats

__all__ = ["IMPLEMENTATION", "Scanner", "ScannerStats"]

IMPLEMENTATION: Literal["c", "python"]

if TYPE_CHECKING:
    from ._scanner_py import Scanner
elif os.environ.get("PRUSACAM_PURE_PYTHON", "") not in ("", "0"):
    from ._scanner_py import Scanner

    IMPLEMENTATION = "python"
else:
    try:
        from ._scanner_c import Scanner
    except ImportError:
        from ._scanner_py import Scanner

        IMPLEMENTATION = "python"
    else:
        IMPLEMENTATION = "c"
