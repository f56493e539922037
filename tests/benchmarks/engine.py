# The engine under test.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts an engine with the feeder as its camera, and waits until it is live."""

from __future__ import annotations

import json
import socket
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .processes import Child, ChildFailed

if TYPE_CHECKING:
    from pathlib import Path

LIVE_TIMEOUT_S = 20.0
CALL_TIMEOUT_S = 5.0
POLL_S = 0.05
MAX_VIEWERS = 128
CONFIG = """\
[engine]
data_path: {folder}
socket: {folder}/engine.sock
port: 0
max_viewers: {max_viewers}

[camera bench]
source: tcp://127.0.0.1:{port}
"""
COMMAND = ("-m", "moonraker_prusacam", "run", "-c")
STALLED_COMMAND = ("-m", "tests.benchmarks.stalled_engine")


class Engine(Child):
    """An engine process; with ``library`` it can be stalled by signals.

    ``options`` are further sections of its configuration.
    """

    def __init__(
        self,
        folder: Path,
        feeder_port: int,
        library: Path | None = None,
        *,
        options: str = "",
    ) -> None:
        folder.mkdir()
        self._socket = folder / "engine.sock"
        file = folder / "prusacam.conf"
        file.write_text(
            CONFIG.format(folder=folder, port=feeder_port, max_viewers=MAX_VIEWERS)
            + options
        )
        command: list[str | Path] = [sys.executable, *COMMAND, file]
        if library is not None:
            command = [sys.executable, *STALLED_COMMAND, file, library]
        super().__init__(command, folder / "engine.log")
        try:
            self.port = self._wait_live()
        except BaseException:
            self.close()
            raise

    def call(self, method: str) -> Any:
        """Ask the engine by its control socket; raises OSError when it is not up."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {}}
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(CALL_TIMEOUT_S)
            connection.connect(str(self._socket))
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as lines:
                for line in lines:
                    answer = json.loads(line)
                    if answer.get("id") == 1:
                        return answer["result"]
        raise ChildFailed(f"the engine does not answer {method}")

    def _wait_live(self) -> int:
        """Wait for the first frame; the port of the streams."""
        until = time.monotonic() + LIVE_TIMEOUT_S
        while time.monotonic() < until:
            self.check()
            try:
                camera = self.call("camera.list")["cameras"][0]
            except OSError:
                camera = None
            if camera is not None and camera["state"] == "live":
                port = urlsplit(str(camera["stream_url"])).port
                assert port is not None
                return port
            time.sleep(POLL_S)
        raise ChildFailed(f"the engine was not live within {LIVE_TIMEOUT_S:g} s")
