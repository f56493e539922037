# A local stand-in for Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prusa Connect on this machine: its rules, faults to order, and a log to judge by."""

from __future__ import annotations

from .audit import Audit
from .behaviour import Behaviour
from .camera import LocalCamera, Origin
from .commands import Commands, LocalCommand, LocalEvent, Spoilt
from .faults import KNOWN_ANSWERS, Fault, FaultKind
from .files import LocalFile
from .printer import LocalPrinter
from .printer_audit import PrinterAudit
from .printer_rules import PRINTER_RULES
from .request_log import RequestRecord
from .rule import Evidence, Rule
from .rules import RULES
from .server import LocalConnect

__all__ = [
    "KNOWN_ANSWERS",
    "PRINTER_RULES",
    "RULES",
    "Audit",
    "Behaviour",
    "Commands",
    "Evidence",
    "Fault",
    "FaultKind",
    "LocalCamera",
    "LocalCommand",
    "LocalConnect",
    "LocalEvent",
    "LocalFile",
    "LocalPrinter",
    "Origin",
    "PrinterAudit",
    "RequestRecord",
    "Rule",
    "Spoilt",
]
