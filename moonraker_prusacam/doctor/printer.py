# The printer in Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether it is registered, reached and taken, and who can read its files."""

from __future__ import annotations

import asyncio
import stat
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.connect.printer.identity import (
    camera_token_path,
    load_token,
    printer_path,
    token_path,
)
from moonraker_prusacam.errors import ConfigError

from .finding import Finding, State
from .identity import READABLE_BY_OTHERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from moonraker_prusacam.config import Config, ConnectConfig

WAIT = "wait: it is tried again by itself"
REGISTER = "prusacam printer register"
FILES = ("token", "fingerprint", "serial")


async def examine_printer(
    config: Config, report: Mapping[str, Any] | None
) -> Sequence[Finding]:
    """The printer's files, and how it stands; ``report`` is the engine's."""
    if config.printer is None or not config.printer.consent:
        return [Finding("printer", State.SKIPPED, "[printer] is off: no consent")]
    folder = printer_path(config.engine.state_path)
    if report is not None and report["state"] == "failed":
        return [_look_at(report)]
    complaint = await asyncio.to_thread(_look_at_files, folder)
    if complaint is not None:
        return [complaint]
    if report is None:
        is_known = await asyncio.to_thread(token_path(folder).exists)
        found = "registered" if is_known else "not registered"
        return [
            Finding("printer", State.SKIPPED, f"{found}; only a running engine tells")
        ]
    return [_look_at(report)]


async def examine_vouched_token(
    config: Config, connect: ConnectConfig
) -> Sequence[Finding]:
    """The token that a camera has, or is to get, through the printer."""
    path = camera_token_path(printer_path(config.engine.state_path), connect.camera)
    try:
        token = await asyncio.to_thread(load_token, path)
    except ConfigError as error:
        remedy = f"remove {path}, and restart the engine: it asks for another one"
        return [Finding("token", State.FAILED, str(error), remedy, connect.camera)]
    if token is None:
        found = "none yet: it comes through the printer"
        return [Finding("token", State.WARNING, found, REGISTER, connect.camera)]
    found = "came through the printer"
    return [Finding("token", State.OK, found, None, connect.camera)]


def _look_at(report: Mapping[str, Any]) -> Finding:
    state, reason = report["state"], report["reason"]
    if state == "online":
        lost = report["dropped_events"] + report["sent"]["refused"]
        told = f"{report['printer_state']} in Prusa Connect"
        return Finding("printer", State.OK, told + (f", {lost} lost" if lost else ""))
    if state in ("unregistered", "waiting"):
        found = "not registered" + (reason and f": {reason}")
        return Finding("printer", State.WARNING, found, report["advice"] or REGISTER)
    if state in ("refused", "failed"):
        remedy = report["advice"] or "as it says"
        return Finding("printer", State.FAILED, reason, remedy)
    return Finding("printer", State.WARNING, f"{state}: {reason or 'not yet'}", WAIT)


def _look_at_files(folder: Path) -> Finding | None:
    """What is wrong with what the printer is known by."""
    for name in FILES:
        path = folder / name
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except FileNotFoundError:
            continue
        except OSError as error:
            found = f"{path}: {error.strerror}"
            return Finding("printer", State.FAILED, found, "see its rights")
        if mode & READABLE_BY_OTHERS:
            found = f"others on this host can open {path} (mode {mode:04o})"
            return Finding("printer", State.WARNING, found, f"chmod 600 {path}")
    try:
        load_token(token_path(folder))
    except ConfigError as error:
        return Finding("printer", State.FAILED, str(error), "as it says")
    return None
