# Which boot of the host this is.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Monotonic times of two boots do not compare; those of two processes do."""

from __future__ import annotations

import functools
import time
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@functools.cache
def boot_id() -> str:
    """Changes with every boot; empty where the kernel does not tell. Reads a file."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""


def uptime_s() -> float:
    """Seconds since boot, with those in which the host slept."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
