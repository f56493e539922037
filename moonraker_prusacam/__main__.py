# `python -m moonraker_prusacam`.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the command line without its script."""

from __future__ import annotations

from .cli import main

main()
