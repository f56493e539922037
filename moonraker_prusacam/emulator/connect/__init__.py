# A local stand-in for Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prusa Connect on this machine: its rules, faults to order, and a log to judge by."""

from __future__ import annotations

from .audit import Audit
from .behaviour import Behaviour
from .camera import LocalCamera, LocalPrinter, Origin
from .faults import KNOWN_ANSWERS, Fault, FaultKind
from .request_log import RequestRecord
from .rules import RULES, Evidence, Rule
from .server import LocalConnect

__all__ = [
    "KNOWN_ANSWERS",
    "RULES",
    "Audit",
    "Behaviour",
    "Evidence",
    "Fault",
    "FaultKind",
    "LocalCamera",
    "LocalConnect",
    "LocalPrinter",
    "Origin",
    "RequestRecord",
    "Rule",
]
