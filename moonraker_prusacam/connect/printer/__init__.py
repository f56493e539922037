# A Klipper printer in Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registers the printer of this host, tells how it is, and does what it is told to."""

from __future__ import annotations
