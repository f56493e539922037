# What a person allows Prusa Connect to do with a Klipper printer.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of ``[printer]`` that concerns what is done, not what is told."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from pathlib import Path


class GcodePolicy(enum.StrEnum):
    """Which G-code is run: what stands on the list, or whatever comes."""

    ALLOWLIST = "allowlist"
    ALL = "all"


@attrs.frozen(kw_only=True)
class KlipperSettings:
    """``state_path`` is a folder of ours for downloads that are under way.

    ``allowed_macros`` may be called as G-code, too. ``allow_lan_downloads``: files may
    come from private addresses. ``reserve_mb`` is what downloads leave free, 0 chooses
    by the size of the disk.
    """

    state_path: Path
    gcode: GcodePolicy = GcodePolicy.ALLOWLIST
    allowed_macros: frozenset[str] = frozenset()
    load_filament: str = ""
    unload_filament: str = ""
    allow_lan_downloads: bool = False
    max_download_mb: int = 2048
    reserve_mb: int = 0
