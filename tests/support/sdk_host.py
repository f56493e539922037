# A host of the official printer SDK, as a process of its own.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.support.sdk_host SERVER FOLDER PICTURE``

A printer that ``prusa.connect.sdk.printer`` plays, with the threads that it wants, and
``FOLDER`` for its storage. Each line of its input is an action in JSON, each line of
its output the answer. Whatever is sent is sent by the SDK itself; what a host has to
add (START_PRINT and the like) is here, and as little as the SDK's documentation asks.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

from prusa.connect.printer import Printer, const
from prusa.connect.printer.camera import Camera

from tests.support.sdk_printer import StillCamera

SERIAL_NUMBER = "CZPX0000X004XK00000"
FINGERPRINT = "5d2f0a7e1c9b48365d2f0a7e1c9b4836"
FIRMWARE = "3.11.0"
STORAGE = "local"
CAMERA_NAME = "front"
CAMERA_ID = "camera-of-the-sdk"
WAIT_S = 20.0
TICK_S = 0.02
SLOW = "G4"
CONNECT = const.Source.CONNECT


class Host:
    """The printer and its actions; each is a method that takes the line's values."""

    def __init__(self, server: str, folder: Path, picture: bytes) -> None:
        self.printer: Any = Printer(const.PrinterType.HT90, SERIAL_NUMBER, FINGERPRINT)
        self.printer.firmware = FIRMWARE
        self.printer.server = self.printer.camera_controller.server = server
        self._folder = folder
        self._picture = picture
        self._has_token = threading.Event()
        self._may_go = threading.Event()
        self.printer.register_handler = lambda _token: self._has_token.set()
        self.printer.command.stop_cb = self._may_go.set
        self._supply_handlers()

    def start(self) -> None:
        """The threads that the SDK's documentation asks for."""
        loops = [
            self.printer.loop,
            self.printer.download_mgr.loop,
            self.printer.camera_controller.snapshot_loop,
            lambda: self._for_ever(self.printer.command),
            lambda: self._for_ever(lambda: self.printer.inotify_handler()),
        ]
        for loop in loops:
            threading.Thread(target=loop, daemon=True).start()

    def register(self) -> str:
        """A code, and the SDK asks for the token from now on."""
        self.attach()
        return str(self.printer.register())

    def have_token(self) -> bool:
        """Wait until the user has agreed."""
        return self._has_token.wait(WAIT_S)

    def introduce(self) -> None:
        """INFO, which the SDK sends only when it is asked, so its hosts do it."""
        info = self.printer.get_info()
        self.printer.event_cb(info.pop("event"), info.pop("source"), **info)

    def attach(self) -> None:
        """Tell of the storage."""
        self.printer.attach(str(self._folder), STORAGE)

    def detach(self) -> None:
        """Take it away."""
        self.printer.detach(STORAGE)

    def telemetry(self, **values: Any) -> None:
        """How the printer is."""
        self.printer.telemetry(**values)

    def state(self, state: str, source: str = "FIRMWARE") -> None:
        """Another state, for a reason of its own."""
        self.printer.set_state(const.State(state), const.Source(source))

    def event(self, event: str, source: str, **data: Any) -> None:
        """Any event."""
        self.printer.event_cb(const.Event(event), const.Source(source), **data)

    def camera(self) -> bool:
        """Register a camera, and send its picture."""
        driver = StillCamera(CAMERA_NAME, self._picture)
        camera = self._camera(driver)
        self.printer.camera_controller.add_camera(camera)
        self.printer.camera_controller.register_camera(CAMERA_ID)
        there = driver.registered.wait(WAIT_S)
        camera.trigger_a_photo()
        return there

    @staticmethod
    def _camera(driver: Any) -> Any:
        driver.connect()
        made: Any = Camera
        return made(driver)

    def words(self) -> dict[str, list[str]]:
        """The names that the SDK knows."""
        enums = (const.State, const.Source, const.Event, const.Command)
        named = {each.__name__: [name.value for name in each] for each in enums}
        return {**named, "PrinterType": [str(each) for each in const.PrinterType]}

    def clock(self) -> None:
        """The clock of the host jumps."""
        self.printer.clock_watcher.delta -= 60.0

    def release(self) -> None:
        """What is being done may end."""
        self._may_go.set()

    def _supply_handlers(self) -> None:
        states = {
            const.Command.START_PRINT: const.State.PRINTING,
            const.Command.PAUSE_PRINT: const.State.PAUSED,
            const.Command.RESUME_PRINT: const.State.PRINTING,
            const.Command.STOP_PRINT: const.State.STOPPED,
            const.Command.RESET_PRINTER: const.State.IDLE,
        }
        for command, state in states.items():
            self.printer.set_handler(command, self._becomes(state))
        for command in (const.Command.LOAD_FILAMENT, const.Command.UNLOAD_FILAMENT):
            self.printer.set_handler(command, lambda _caller: {"source": CONNECT})
        self.printer.set_handler(const.Command.GCODE, self._gcode)
        self.printer.set_handler(const.Command.SEND_JOB_INFO, self._job_info)

    def _becomes(self, state: const.State) -> Any:
        def handle(caller: Any) -> dict[str, Any]:
            if caller.command_name == "START_PRINT":
                self.printer.job_id = 1
                self._path = caller.kwargs["path"]
            if state == const.State.IDLE:
                self.printer.job_id = None
            self.printer.set_state(state, CONNECT)
            return {"source": CONNECT}

        return handle

    def _gcode(self, caller: Any) -> dict[str, Any]:
        if SLOW in caller.args[0]:
            if not self._may_go.wait(WAIT_S):
                raise RuntimeError("nobody released it")
            self._may_go.clear()
        return {"source": CONNECT}

    def _job_info(self, _caller: Any) -> dict[str, Any]:
        if self.printer.job_id is None:
            raise ValueError("there is no job")
        return {"source": CONNECT, "event": const.Event.JOB_INFO, "path": self._path}

    @staticmethod
    def _for_ever(work: Any) -> None:
        while True:
            work()
            time.sleep(TICK_S)


def main(server: str, folder: str, picture: str) -> None:
    host = Host(server, Path(folder), Path(picture).read_bytes())
    host.start()
    for line in sys.stdin:
        action = json.loads(line)
        result = getattr(host, action.pop("do"))(**action)
        sys.stdout.write(json.dumps({"result": result}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
