# Whether this host's clock is set by others.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the kernel whether somebody keeps its clock right, and how wrong it may be.

Whatever sets the clock (chrony, ntpd, systemd-timesyncd, a PTP daemon) tells the
kernel, so there is one place to ask, without a question to a server. A clock that only
chrony follows counts as not set unless its configuration has ``rtcsync``. Source:
adjtimex(2).
"""

from __future__ import annotations

import ctypes
import functools
import os

import attrs

# From linux/timex.h.
STA_UNSYNC = 0x0040
TIME_ERROR = 5
MICROSECONDS = 1e-6
# More than any layout of the structure: 208 bytes on 64 bits.
REST_BYTES = 256


class _Timex(ctypes.Structure):
    """The begin of ``struct timex``; nothing behind it is read here."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * REST_BYTES),
    )


@attrs.frozen
class ClockState:
    """What the kernel knows of its clock; ``reason`` says why it is not to be believed.

    ``max_error_s`` is the kernel's own bound, which grows until the clock is set again.
    """

    is_synchronized: bool
    max_error_s: float | None = None
    reason: str = ""


def read_clock() -> ClockState:
    """What the kernel says now. One system call, which changes nothing; never fails."""
    timex = _Timex()
    try:
        result = _adjtimex()(ctypes.byref(timex))
    except (AttributeError, OSError):
        return ClockState(
            False, reason="this system cannot tell whether its clock is set"
        )
    if result < 0:
        # Sandboxes forbid the call, even where it only reads.
        why = os.strerror(ctypes.get_errno())
        return ClockState(False, reason=f"the kernel does not tell of its clock: {why}")
    return state_of(result, timex.status, timex.maxerror)


def state_of(result: int, status: int, maxerror_us: int) -> ClockState:
    """What adjtimex(2) means that returned ``result`` and filled in the others."""
    max_error_s = maxerror_us * MICROSECONDS
    if result == TIME_ERROR or status & STA_UNSYNC:
        return ClockState(
            False, max_error_s, "nothing has set this host's clock by the network"
        )
    return ClockState(True, max_error_s)


@functools.cache
def _adjtimex() -> ctypes._NamedFuncPointer:
    """The C library's function; raises AttributeError, OSError where there is none."""
    function = ctypes.CDLL(None, use_errno=True).adjtimex
    function.argtypes = (ctypes.c_void_p,)
    function.restype = ctypes.c_int
    return function
