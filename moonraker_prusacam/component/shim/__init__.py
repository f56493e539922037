# Files that Moonraker loads under other names.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each module is linked into ``moonraker/components`` and hands over to prusacam."""

from __future__ import annotations
