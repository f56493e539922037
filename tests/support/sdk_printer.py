# A printer of the official printer SDK, as a process of its own.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.support.sdk_printer SERVER PICTURE SERIAL_NUMBER FIRMWARE NAME``

Registers a printer at SERVER, whose ``/_ctl/confirm`` stands for the user, registers a
camera through it, uploads the file PICTURE once, and stays until it is ended. All that
is sent is sent by ``prusa.connect.sdk.printer`` itself, in the threads that it wants.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import requests
from prusa.connect.printer import Printer, const
from prusa.connect.printer.camera import Camera, Resolution
from prusa.connect.printer.camera_driver import CameraDriver

FINGERPRINT = "5d2f0a7e1c9b4836"
CAMERA_ID = "camera-of-the-sdk"
SIZE = Resolution(640, 480)
WAIT_S = 30.0


class StillCamera(CameraDriver):
    """A camera that always takes the same picture."""

    name = "still"

    def __init__(self, name: str, picture: bytes) -> None:
        config = {
            "name": name,
            "driver": self.name,
            "trigger_scheme": "MANUAL",
            "resolution": f"{SIZE.width}x{SIZE.height}",
        }
        super().__init__(CAMERA_ID, config, lambda _driver: None)
        self._picture = picture
        self.registered = threading.Event()
        self.store_cb = lambda _camera_id: self.registered.set()

    def _connect(self) -> None:
        self._capabilities = {
            const.CapabilityType.TRIGGER_SCHEME,
            const.CapabilityType.IMAGING,
            const.CapabilityType.RESOLUTION,
        }
        self._available_resolutions = {SIZE}

    def set_resolution(self, resolution: Resolution) -> None:
        """There is only one."""

    def take_a_photo(self) -> bytes:
        return self._picture


def _wait(event: threading.Event, what: str) -> None:
    if not event.wait(WAIT_S):
        raise SystemExit(f"{what} did not come")


def main(
    server: str, picture: str, serial_number: str, firmware: str, name: str
) -> None:
    printer = Printer(const.PrinterType.I3MK3, serial_number, FINGERPRINT)
    printer.firmware = firmware
    printer.server = printer.camera_controller.server = server
    has_token = threading.Event()
    printer.register_handler = lambda _token: has_token.set()
    code = printer.register()
    requests.post(f"{server}/_ctl/confirm", json={"code": code}, timeout=WAIT_S)
    for work in (printer.loop, printer.camera_controller.snapshot_loop):
        threading.Thread(target=work, daemon=True).start()
    _wait(has_token, "the printer's token")

    driver = StillCamera(name, Path(picture).read_bytes())
    driver.connect()
    camera = Camera(driver)
    printer.camera_controller.add_camera(camera)
    printer.camera_controller.register_camera(CAMERA_ID)
    _wait(driver.registered, "the camera's token")
    camera.trigger_a_photo()
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
