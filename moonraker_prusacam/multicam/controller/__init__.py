# Recording with other devices.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Has phones, cameras of ours and others record prints from one instant on."""

from __future__ import annotations

from .controller import MultiCamController as MultiCamController
