# Moonraker's endpoints of recordings by several devices.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which endpoint asks the engine for what, and which arguments it takes."""

from __future__ import annotations

from typing import Any

from .printer_endpoints import no_params
from .video_params import number, read, text

DEVICES_TIMEOUT_S = 30.0
"""Devices are asked side by side, each for 15 s at most."""


def start_params(arguments: dict[str, Any]) -> dict[str, Any]:
    """Params of ``multicam.start``; raises ValueError."""
    return read(arguments, {"delay": number})


def session_params(arguments: dict[str, Any]) -> dict[str, Any]:
    """Params of ``multicam.collect`` and ``multicam.render``; raises ValueError."""
    return read(arguments, {"session": text})


MULTICAM_ENDPOINTS = (
    ("GET", "multicam/status", "multicam.status", no_params),
    ("GET", "multicam/devices", "multicam.devices", no_params),
    ("GET", "multicam/sessions", "multicam.sessions", no_params),
    ("POST", "multicam/start", "multicam.start", start_params),
    ("POST", "multicam/stop", "multicam.stop", no_params),
    ("POST", "multicam/collect", "multicam.collect", session_params),
    ("POST", "multicam/render", "multicam.render", session_params),
)
"""Type of request, path below ``/server/prusacam``, method, and how to read it."""
