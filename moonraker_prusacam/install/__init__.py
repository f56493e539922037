# Installation on a printer's host.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the engine and its component onto a host, and takes them away again.

It runs before anything is installed, with whatever Python the host has: so this package
needs the standard library only.
"""

from __future__ import annotations
