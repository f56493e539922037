# The command line as a user runs it.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ``python -m moonraker_prusacam``, engines among others, with a local feed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import moonraker_prusacam
from moonraker_prusacam.version import __version__
from tests.support.jpeg import picture

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

COMMAND = [sys.executable, "-m", "moonraker_prusacam"]
ROOT = Path(moonraker_prusacam.__file__).parents[1]
TIMEOUT_S = 20.0
STOP_S = 5.0
TOKEN = "aZ09_-aZ09_-aZ09_-aZ"
JPEG = picture(64, 48)


def environment(home: Path) -> dict[str, str]:
    return {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "80",
    }


def prusacam(
    home: Path, *arguments: str | Path, stdout: int = subprocess.PIPE, types: str = ""
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=environment(home),
        input=types.encode(),
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=TIMEOUT_S,
        check=False,
    )


def said(done: subprocess.CompletedProcess[bytes]) -> str:
    """What stands on standard error; never a traceback."""
    text = done.stderr.decode()
    assert "Traceback" not in text
    return text


def configure(folder: Path, source_port: int = 9, more: str = "") -> Path:
    file = folder / "prusacam.conf"
    camera = f"[camera front]\nsource: tcp://127.0.0.1:{source_port}\n"
    file.write_text(
        f"[engine]\ndata_path: {folder}\nport: 0\nlog_level: debug\n"
        f"{camera}stale_after: 600\n{more}"
    )
    return file


class Feed:
    """Sends a JPEG to whoever is connected, twice a second."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.5)
        self._clients: list[socket.socket] = []
        self.accepted = 0
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, name="feed")
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                self._clients.append(self._listener.accept()[0])
                self.accepted += 1
            except TimeoutError:
                pass
            except OSError:
                return
            for client in tuple(self._clients):
                self._send(client)

    def _send(self, client: socket.socket) -> None:
        try:
            client.sendall(JPEG)
        except OSError:
            self._clients.remove(client)
            client.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(TIMEOUT_S)
        for client in self._clients:
            client.close()


class RunningEngine:
    """``prusacam run``, and its log as it is written."""

    def __init__(self, home: Path, file: Path, more: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "run", "-c", str(file)],
            env=environment(home) | dict(more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log = ""

    def wait_for(self, *parts: str) -> None:
        """Read the log until it has all ``parts``."""
        assert self.process.stderr is not None
        while not all(part in self.log for part in parts):
            line = self.process.stderr.readline()
            assert line, f"not in the log: {parts}\n{self.log}"
            self.log += line

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> int:
        """Send ``sign``; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(sign)
        _, rest = self.process.communicate(timeout=STOP_S)
        self.log += rest
        return self.process.returncode


@contextmanager
def running(
    home: Path, file: Path, more: Mapping[str, str] = {}
) -> Iterator[RunningEngine]:
    """An engine, with ``more`` in its environment."""
    engine = RunningEngine(home, file, more)
    try:
        engine.wait_for(f"prusacam {__version__}: ")
        yield engine
    finally:
        if engine.process.poll() is None:
            engine.process.kill()
        engine.process.communicate(timeout=STOP_S)
