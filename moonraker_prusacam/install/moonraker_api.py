# Moonraker's own socket.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks Moonraker whether a print runs, and to restart. That needs no root, no login.

Source: Moonraker docs/external_api/introduction.md, "Unix Socket Connection": JSON-RPC
2.0, each message followed by 0x03.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from moonraker_prusacam.errors import InstallError

if TYPE_CHECKING:
    from pathlib import Path

    from .moonraker import Moonraker

CALL_TIMEOUT_S = 10.0
START_TIMEOUT_S = 90.0
POLL_S = 0.5
MAX_ANSWER_BYTES = 8 << 20
END = b"\x03"
BUSY = ("printing", "paused")


@dataclass(frozen=True)
class Report:
    """What a Moonraker says of itself after its start."""

    components: list[str]
    failed: list[str]
    warnings: list[str]


class Connection:
    """One connection to Moonraker; a context manager."""

    def __init__(self, path: Path) -> None:
        """Raises InstallError where nobody listens."""
        self._path = path
        self._buffer = b""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(CALL_TIMEOUT_S)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise self._explained(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    def call(self, method: str, **params: Any) -> Any:
        """The result of a call; raises InstallError."""
        request = {"jsonrpc": "2.0", "method": method, "params": params, "id": 1}
        try:
            self._socket.sendall(json.dumps(request).encode() + END)
            while (answer := self._receive()).get("id") != 1:
                pass  # a notification
        except (OSError, ValueError) as error:
            raise self._explained(error) from error
        if "error" in answer:
            raise InstallError(f"Moonraker: {answer['error'].get('message')}")
        return answer.get("result")

    def _receive(self) -> dict[str, Any]:
        while END not in self._buffer:
            chunk = self._socket.recv(1 << 16)
            if not chunk:
                raise ConnectionError("it has closed the connection")
            self._buffer += chunk
            if len(self._buffer) > MAX_ANSWER_BYTES:
                raise ValueError("its answer is too large")
        message, _, self._buffer = self._buffer.partition(END)
        content = json.loads(message)
        return content if isinstance(content, dict) else {}

    def _explained(self, error: Exception) -> InstallError:
        return InstallError(f"Moonraker does not answer at {self._path}: {error}")


def call(path: Path, method: str, **params: Any) -> Any:
    """The result of a single call; raises InstallError."""
    with Connection(path) as connection:
        return connection.call(method, **params)


def socket_path(moonraker: Moonraker) -> Path:
    """Where that instance is asked."""
    return moonraker.data_path / "comms/moonraker.sock"


def is_printing(moonraker: Moonraker) -> bool:
    """Whether a print is under way; not if nobody knows of one."""
    with contextlib.suppress(InstallError, AttributeError):
        answer = call(
            socket_path(moonraker),
            "printer.objects.query",
            objects={"print_stats": ["state"]},
        )
        status = answer["status"].get("print_stats", {})
        return status.get("state") in BUSY
    return False


def runs(moonraker: Moonraker) -> bool:
    """Whether that instance answers."""
    with contextlib.suppress(InstallError):
        call(socket_path(moonraker), "server.info")
        return True
    return False


def restart(moonraker: Moonraker) -> Report:
    """Restart it and wait until it is there again; raises InstallError."""
    path = socket_path(moonraker)
    with Connection(path) as connection:
        host = connection.call("machine.system_info")["system_info"]
        before = _identity(path)
        try:
            if host.get("provider", "none") == "none":
                raise InstallError("nobody would start it again")
            connection.call("machine.services.restart", service=moonraker.unit)
        except InstallError:
            # In the same process, which is the next best.
            connection.call("server.restart")
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        # Until it has made a new one, the old one answers at its socket.
        if _identity(path) not in (None, before):
            with contextlib.suppress(InstallError):
                return report(moonraker)
        time.sleep(POLL_S)
    raise InstallError(f"Moonraker is not back after {START_TIMEOUT_S:.0f} s")


def report(moonraker: Moonraker) -> Report:
    """What it has loaded, and what it complains about; raises InstallError."""
    info = call(socket_path(moonraker), "server.info")
    return Report(info["components"], info["failed_components"], info["warnings"])


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a socket's file from one of the same name before or after it."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_ctime_ns
