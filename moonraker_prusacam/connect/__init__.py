# The uploader's side of Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras in Prusa Connect: who we are, and what we tell it."""

from __future__ import annotations
