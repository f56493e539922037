# Real Moonraker, started for the demo and the tests.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs Moonraker from its own virtual environment, with our component found.

Moonraker loads components from its own package only. Instead of putting a link into an
installed Moonraker, the folder that holds the link is added to the package's path, in
the process that is started; Moonraker's files stay as they are.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import aiohttp

from moonraker_prusacam.errors import EmulatorError

from .child import ChildProcess

if TYPE_CHECKING:
    from collections.abc import Mapping

START_TIMEOUT_S = 60.0
REQUEST_TIMEOUT_S = 60.0
POLL_S = 0.05
QUIET_PORTS = 12_000, 32_000
"""Below those that Linux gives away by itself."""

PORT_TRIES = 100
INTERPRETER_VARIABLE = "PRUSACAM_MOONRAKER_PYTHON"
COMPONENT = Path(__file__).parent.parent / "component"
LAUNCH = """
import sys
import moonraker.components as components
components.__path__.extend(sys.argv[2:])
data_path = sys.argv[1]
sys.argv[1:] = ["-d", data_path, "-n"]
from moonraker.server import main
main()
"""
CONFIG = """
[server]
host: 127.0.0.1
port: {port}
klippy_uds_address: {klippy}

[authorization]
trusted_clients:
    127.0.0.1

[file_manager]
enable_object_processing: False

[machine]
provider: none

# Keeps Moonraker from asking the internet for announcements.
[announcements]
dev_mode: True
"""


def moonraker_python(configured: Path | None = None) -> Path:
    """The interpreter that has Moonraker; raises EmulatorError where there is none."""
    named = os.environ.get(INTERPRETER_VARIABLE)
    python = configured or Path(named or ".venv-moonraker/bin/python")
    if not python.exists():
        raise EmulatorError(
            f"{python}: there is no Moonraker; 'make demo' installs one, and "
            "'prusacam demo --moonraker' takes the Python of yours"
        )
    return python.absolute()


def link_component(folder: Path) -> Path:
    """Make ``folder`` hold our component under the name that Moonraker looks for."""
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "prusacam"
    if not link.is_symlink():
        link.symlink_to(COMPONENT)
    return folder


def link_timelapse(folder: Path) -> Path:
    """Make ``folder`` hold what serves the section ``[timelapse]``, too."""
    link = link_component(folder) / "timelapse.py"
    if not link.is_symlink():
        link.symlink_to(COMPONENT / "shim" / "timelapse.py")
    return folder


def link_environment(python: Path, folder: Path) -> Path:
    """``python``, reached through a link in ``folder``.

    Moonraker 0.11 starts its own interpreter from a line that it splits at blanks.
    """
    environment = python.parent.parent
    link = folder / "moonraker-env"
    if not link.is_symlink():
        link.symlink_to(environment)
    return link / python.relative_to(environment)


def free_port(preferred: int = 0) -> int:
    """A TCP port of 127.0.0.1 that nobody listens on, ``preferred`` if it is free.

    Else none of those that the kernel gives to whoever asks for any, which may be
    another one's before it is used here.
    """
    choice = random.Random()
    others = (choice.randrange(*QUIET_PORTS) for _ in range(PORT_TRIES))
    for port in (preferred or choice.randrange(*QUIET_PORTS), *others):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise EmulatorError("there is no free TCP port on 127.0.0.1")


class MoonrakerProcess:
    """One Moonraker with its data folder at ``data_path``."""

    def __init__(
        self,
        data_path: Path,
        klippy_socket: Path,
        *,
        config: str = "",
        extra_components: Path | None = None,
        python: Path | None = None,
        port: int = 0,
    ) -> None:
        self.data_path = data_path
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._klippy_socket = klippy_socket
        self._config = config
        self._components = [str(extra_components)] if extra_components else []
        self._python = moonraker_python(python)
        self._child: ChildProcess | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    @property
    def log_text(self) -> str:
        """Everything that Moonraker has logged."""
        log = self.data_path / "logs" / "moonraker.log"
        return log.read_text(errors="replace") if log.exists() else ""

    async def start(self) -> None:
        """Start and wait until the API answers; raises EmulatorError with the log."""
        for folder in ("config", "comms", "gcodes", "logs", "database"):
            (self.data_path / folder).mkdir(parents=True, exist_ok=True)
        text = CONFIG.format(port=self.port, klippy=self._klippy_socket) + self._config
        (self.data_path / "config" / "moonraker.conf").write_text(text)
        python = link_environment(self._python, self.data_path)
        self._child = ChildProcess(
            "Moonraker",
            [
                str(python),
                *("-c", LAUNCH, str(self.data_path), *self._components),
            ],
            self.data_path / "logs" / "moonraker.log",
            # Our own environment must not leak into Moonraker's.
            {"PYTHONPATH": "", "VIRTUAL_ENV": ""},
        )
        await self._child.start()
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
            self._session = aiohttp.ClientSession(timeout=timeout)
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                while not await self._answers():
                    self._child.check()
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise EmulatorError(
                f"Moonraker does not answer; the end of its log:\n{self._child.tail()}"
            ) from None

    async def request(
        self,
        method: str,
        path: str,
        json: Mapping[str, Any] | None = None,
        **params: str,
    ) -> Any:
        """The ``result`` of an API call; raises EmulatorError with what it said."""
        async with self.session.request(
            method, f"{self.url}{path}", json=json, params=params
        ) as response:
            body = await response.json(content_type=None)
            if response.status != 200:
                raise EmulatorError(f"{method} {path}: {response.status}, {body}")
            return body["result"]

    @property
    def session(self) -> aiohttp.ClientSession:
        """For what ``request`` cannot do: raw answers, websockets."""
        if self._session is None:
            raise EmulatorError("Moonraker has not been started")
        return self._session

    async def restart(self) -> None:
        """End the process and start it again."""
        if self._child is not None:
            await self._child.aclose()
        await self.start()

    async def kill(self) -> None:
        """SIGKILL."""
        if self._child is not None:
            await self._child.kill()
            await self._child.aclose()

    async def aclose(self) -> None:
        """End the process. Idempotent."""
        if self._child is not None:
            await self._child.aclose()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _answers(self) -> bool:
        try:
            await self.request("GET", "/server/info")
        except (aiohttp.ClientError, EmulatorError, TimeoutError):
            return False
        return True


def engine_command(config: Path) -> list[str]:
    """The command that runs our engine with this interpreter."""
    return [sys.executable, "-m", "moonraker_prusacam", "run", "-c", str(config)]
