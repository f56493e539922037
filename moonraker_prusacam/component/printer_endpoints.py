# Moonraker's endpoints of the printer in Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which endpoint asks the engine for what, and which arguments it takes."""

from __future__ import annotations

from typing import Any

from .video_params import read, switch

REGISTER_TIMEOUT_S = 20.0
"""A registration asks Prusa Connect for a code, for up to 10 s."""


def no_params(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments of an endpoint that takes none; raises ValueError."""
    return read(arguments, {})


def ready_params(arguments: dict[str, Any]) -> dict[str, Any]:
    """Params of ``printer.ready``; without any the printer is ready."""
    return {"ready": True, **read(arguments, {"ready": switch})}


PRINTER_ENDPOINTS = (
    ("GET", "printer", "printer.status", no_params),
    ("POST", "printer/register", "printer.register", no_params),
    ("POST", "printer/unregister", "printer.unregister", no_params),
    ("POST", "printer/ready", "printer.ready", ready_params),
)
"""Type of request, path below ``/server/prusacam``, method, and how to read it."""
