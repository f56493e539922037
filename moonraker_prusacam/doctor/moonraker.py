# Moonraker, as the doctor sees it.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether Moonraker has our component, and tells user interfaces of our cameras.

It is asked on its own socket, ``comms/moonraker.sock`` (Moonraker's API by JSON-RPC
2.0, messages end with ETX), which needs no login.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import attrs

from .finding import Finding, State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from moonraker_prusacam.config import Config

CALL_TIMEOUT_S = 4.0
MAX_MESSAGE_BYTES = 4 << 20
ETX = b"\x03"
RESTART = "sudo systemctl restart moonraker"
ADD_SECTION = (
    "write [prusacam] on a line of its own into moonraker.conf, link the component as "
    f"the README says, then {RESTART}"
)


class NoAnswer(Exception):
    """Moonraker did not answer; the text says why."""


@attrs.frozen
class Client:
    """Who said at the control socket what it is."""

    name: str
    version: str


async def examine_moonraker(
    config: Config,
    clients: Sequence[Client] | None,
    cameras: Sequence[Mapping[str, Any]],
) -> Sequence[Finding]:
    """The way from Moonraker to the engine; ``clients`` is None without an engine.

    ``cameras`` are those of the engine's ``camera.list``.
    """

    def finding(state: State, found: str, remedy: str | None = None) -> Finding:
        return Finding("moonraker", state, found, remedy)

    data_path = config.engine.data_path
    linked = [client for client in clients or () if client.name == "moonraker"]
    try:
        info = await _ask(data_path, "server.info")
    except NoAnswer as error:
        if linked:
            return [finding(State.OK, f"connected, version {linked[0].version}")]
        conf = data_path / "config" / "moonraker.conf"
        if not await asyncio.to_thread(conf.exists):
            found = f"there is none in {data_path}; cameras work without"
            remedy = "when there is one, name its folder in [engine] data_path"
            return [finding(State.SKIPPED, found, remedy)]
        return [
            finding(State.FAILED, str(error), f"{RESTART}; then look at moonraker.log")
        ]
    version = f"version {info.get('moonraker_version')}"
    if "prusacam" in _texts(info.get("failed_components")):
        remedy = f"look for 'prusacam' in moonraker.log, then {RESTART}"
        return [finding(State.FAILED, "it could not load our component", remedy)]
    if "prusacam" not in _texts(info.get("components")):
        return [
            finding(State.FAILED, f"{version} runs without [prusacam]", ADD_SECTION)
        ]
    if linked:
        listed = await _examine_webcams(data_path, cameras)
        return [finding(State.OK, f"connected, {version}"), *listed]
    if clients is None:
        return [finding(State.OK, f"{version}, its component waits for the engine")]
    remedy = (
        f"write socket: {config.engine.socket_path} below [prusacam] in "
        f"moonraker.conf, then {RESTART}"
    )
    return [finding(State.FAILED, f"{version}, its component is not connected", remedy)]


async def _examine_webcams(
    data_path: Path, cameras: Sequence[Mapping[str, Any]]
) -> list[Finding]:
    """Whether user interfaces are told the addresses that the engine has."""
    try:
        answer = await _ask(data_path, "server.webcams.list")
    except NoAnswer:
        return []
    webcams = answer.get("webcams")
    listed = {
        webcam.get("name"): webcam
        for webcam in (webcams if isinstance(webcams, list) else [])
        if isinstance(webcam, dict)
    }
    findings = []
    for camera in cameras:
        webcam = listed.get(camera["name"])
        if webcam is None:
            found = "Moonraker does not list it: user interfaces do not show it"
            remedy = f"{RESTART}; when it stays, look for 'prusacam' in moonraker.log"
        elif webcam.get("stream_url") != camera["stream_url"]:
            found = (
                "Moonraker has a webcam of this name by hand, which leads to "
                f"{_shown(webcam.get('stream_url'))}"
            )
            remedy = (
                "remove that one in the settings of Mainsail or Fluidd, or its "
                f"[webcam] section in moonraker.conf, then {RESTART}"
            )
        else:
            continue
        name = camera["name"]
        findings.append(Finding("webcam", State.WARNING, found, remedy, name))
    return findings


async def _ask(data_path: Path, method: str) -> dict[str, Any]:
    """The result of Moonraker's ``method``; raises NoAnswer."""
    path = data_path / "comms" / "moonraker.sock"
    try:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            reader, writer = await asyncio.open_unix_connection(
                str(path), limit=MAX_MESSAGE_BYTES
            )
            try:
                call = {"jsonrpc": "2.0", "method": method, "id": 1}
                writer.write(json.dumps(call).encode() + ETX)
                return await _answer(reader)
            finally:
                writer.transport.abort()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except TimeoutError:
        raise NoAnswer(f"it does not answer at {path}") from None
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        reason = getattr(error, "strerror", None) or "it closed the connection"
        raise NoAnswer(f"it does not run: {path}: {reason}") from None


async def _answer(reader: asyncio.StreamReader) -> dict[str, Any]:
    while True:
        # Notifications come in between.
        with contextlib.suppress(ValueError):
            message = json.loads((await reader.readuntil(ETX))[:-1])
            if isinstance(message, dict) and message.get("id") == 1:
                result = message.get("result")
                return result if isinstance(result, dict) else {}


def _texts(value: object) -> list[str]:
    listed = value if isinstance(value, list) else []
    return [text for text in listed if isinstance(text, str)]


def _shown(value: object) -> str:
    """An address from elsewhere, without what may hold a password."""
    return str(value).partition("?")[0].rpartition("@")[2][:200]
