# What nginx has to know of the engine.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snippets of nginx's configuration, and whether an installed nginx takes them."""

from __future__ import annotations

from .program import NginxMissing, NginxRefused, check, find_nginx, whole
from .snippet import location, server, usual_path

__all__ = [
    "NginxMissing",
    "NginxRefused",
    "check",
    "find_nginx",
    "location",
    "server",
    "usual_path",
    "whole",
]
