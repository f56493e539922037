# Who the cameras are to Prusa Connect, looked at from outside.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens and fingerprint files: their form and who can read them, never their text."""

from __future__ import annotations

import asyncio
import stat
from typing import TYPE_CHECKING

from moonraker_prusacam.connect.identity import (
    MAX_FILE_BYTES,
    fingerprint_path,
    is_fingerprint,
)

from .finding import Finding, State

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from moonraker_prusacam.config import Config, ConnectConfig

READABLE_BY_OTHERS = stat.S_IRWXG | stat.S_IRWXO
MADE_AT_START = (
    "the engine makes it when it starts; a camera that Prusa Connect knows already "
    "keeps its own by 'prusacam connect import'"
)
RESTORE = (
    "restore it from a backup; or delete it, add the camera in Prusa Connect anew and "
    "configure the new token"
)


async def examine_token(config: Config, connect: ConnectConfig) -> Sequence[Finding]:
    """The token's form, whether it is used once only, and who can read its file."""
    return [await asyncio.to_thread(_look_at_token, config, connect)]


async def examine_fingerprint(
    config: Config, connect: ConnectConfig
) -> Sequence[Finding]:
    """The file that holds the camera's fingerprint."""
    path = fingerprint_path(config.engine.state_path, connect.camera)
    state, found, remedy = await asyncio.to_thread(_look_at_fingerprint, path)
    return [Finding("fingerprint", state, found, remedy, connect.camera)]


def _look_at_token(config: Config, connect: ConnectConfig) -> Finding:
    def finding(state: State, found: str, remedy: str | None = None) -> Finding:
        return Finding("token", state, found, remedy, connect.camera)

    same = [
        other.camera
        for other in config.connect
        if other is not connect and other.token == connect.token
    ]
    if same:
        return finding(
            State.FAILED,
            f"camera '{same[0]}' has the same token: each shows the other's pictures",
            'make one for each camera in Prusa Connect: Camera, "Add new other camera"',
        )
    place = "in prusacam.conf"
    if connect.token_file is not None:
        place = f"in {connect.token_file}"
        try:
            mode = stat.S_IMODE(connect.token_file.stat().st_mode)
        except OSError as error:
            return finding(
                State.FAILED,
                f"{connect.token_file}: {error.strerror}",
                "put the file back before the engine is started again",
            )
        if mode & READABLE_BY_OTHERS:
            return finding(
                State.WARNING,
                f"others on this host can open {connect.token_file} (mode {mode:04o})",
                f"chmod 600 {connect.token_file}",
            )
    return finding(State.OK, f"well formed, {place}")


def _look_at_fingerprint(path: Path) -> tuple[State, str, str | None]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES)
            mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return (
            State.SKIPPED,
            f"there is no {path} yet",
            MADE_AT_START,
        )
    except OSError as error:
        return (
            State.FAILED,
            f"{path}: {error.strerror}",
            f"make it readable for the user of the engine: sudo chown USER {path}",
        )
    if not is_fingerprint(content.strip()):
        return (
            State.FAILED,
            f"{path} is damaged: it should hold 16 to 64 characters without blanks",
            RESTORE,
        )
    if mode & READABLE_BY_OTHERS:
        return (
            State.WARNING,
            f"others on this host can open {path} (mode {mode:04o})",
            f"chmod 600 {path}",
        )
    return State.OK, f"kept in {path}", None
