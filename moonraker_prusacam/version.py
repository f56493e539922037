# The one place that holds the version.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Version of the package, read by the build and by ``prusacam --version``."""

from __future__ import annotations

__version__ = "0.1.0"
