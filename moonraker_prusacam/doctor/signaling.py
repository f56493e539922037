# Prusa's cameras, and ours that answer like them.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether their sessions with the signalling server stand, and why not."""

from __future__ import annotations

import asyncio
import stat
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.connect.prusa_camera.access import read_jwt
from moonraker_prusacam.errors import ConfigError

from .finding import Finding, State
from .identity import READABLE_BY_OTHERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moonraker_prusacam.config import PrusaCameraConfig

WAIT = "wait: it is tried again by itself"
NO_ENGINE = "only a running engine speaks to it"


async def examine_prusa_camera(
    config: PrusaCameraConfig, brief: Mapping[str, Any] | None
) -> Sequence[Finding]:
    """The session with a Prusa camera, and its files; ``brief`` is the engine's."""
    complaint = await asyncio.to_thread(_complaint, config)
    if complaint is not None:
        return [complaint]
    if brief is None:
        return [_finding(config.name, State.SKIPPED, NO_ENGINE)]
    found = _session("prusa_camera", config.name, brief)
    last = brief["last"]
    if found.state is State.OK and last and last["state"] in ("failed", "missed"):
        words = f"the last print has no video: {last['reason']}"
        remedy = last["advice"] or "'prusacam prusa-camera timelapse list' has more"
        return [_finding(config.name, State.WARNING, words, remedy)]
    return [found]


async def examine_role(name: str, report: Mapping[str, Any]) -> Sequence[Finding]:
    """The session of a camera of ours that answers; ``report`` is the role's."""
    return [_session("role", name, report)]


def _session(title: str, name: str, told: Mapping[str, Any]) -> Finding:
    state, reason = told["state"], told["reason"]
    if state == "ready":
        return Finding(title, State.OK, "in session with Prusa Connect", None, name)
    if state == "refused":
        remedy = told["advice"] or WAIT
        return Finding(title, State.FAILED, f"refused: {reason}", remedy, name)
    found = f"no session: {reason or 'not yet'}"
    return Finding(title, State.WARNING, found, told["advice"] or WAIT, name)


def _complaint(config: PrusaCameraConfig) -> Finding | None:
    """What is wrong with the file of the account's token; None if nothing is."""
    if (path := config.jwt_file) is None:
        return None
    try:
        read_jwt(path)
        mode = stat.S_IMODE(path.stat().st_mode)
    except ConfigError as error:
        remedy = "store a fresh token of your account there; docs/prusa-connect.md"
        return _finding(config.name, State.FAILED, str(error), remedy)
    except OSError as error:
        found = f"{path}: {error.strerror}"
        return _finding(config.name, State.FAILED, found, "see its rights")
    if mode & READABLE_BY_OTHERS:
        found = f"others on this host can open {path} (mode {mode:04o})"
        return _finding(config.name, State.WARNING, found, f"chmod 600 {path}")
    return None


def _finding(name: str, state: State, found: str, remedy: str | None = None) -> Finding:
    return Finding("prusa_camera", state, found, remedy, name)
