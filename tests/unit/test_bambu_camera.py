# Tests of a camera whose source is a printer's.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people are told of it, and that they are never told the access code."""

from __future__ import annotations

import asyncio
import logging
import traceback
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.camera import Camera, tls
from moonraker_prusacam.camera import camera as camera_module
from moonraker_prusacam.camera.sources import Host, bambu, open_source
from moonraker_prusacam.config import loads
from moonraker_prusacam.emulator.bambu import Fault, FaultKind
from moonraker_prusacam.errors import SourceRefused, SourceUnfit
from tests.support.bambu import CODE, WAIT_S, chamber_camera, printer_context

if TYPE_CHECKING:
    from pathlib import Path

    from moonraker_prusacam.emulator.bambu import Viewer

SHORT_S = 0.1
WRONG_CODE = "wr0ngc0d"


def opened(folder: Path, code: str = CODE) -> Camera:
    config = loads(
        "[camera bed]\n"
        "source: bambu://127.0.0.1?model=A1MINI\n"
        f"access_code: {code}\nstale_after: 0.5"
    )
    (camera,) = config.cameras
    return Camera(camera, open_source(camera, Host(folder / "state")))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_module, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(camera_module, "LAST_DELAY_S", 0.02)
    for error in (SourceRefused, SourceUnfit):
        monkeypatch.setattr(error, "least_delay_s", 0.05)
    monkeypatch.setattr(bambu, "READ_TIMEOUT_S", SHORT_S)
    monkeypatch.setattr(tls, "HANDSHAKE_TIMEOUT_S", SHORT_S)


class Told:
    """Waits for what a camera tells."""

    def __init__(self, camera: Camera) -> None:
        self._changed = asyncio.Event()
        camera.on_status.append(lambda _: self._changed.set())
        self._camera = camera
        self.all: list[str] = []

    async def until(self, text: str) -> None:
        """Wait until the status, or its advice, has this in it."""
        async with asyncio.timeout(WAIT_S):
            while text not in str(self._camera.status):
                self._changed.clear()
                await self._changed.wait()
                self.all.append(f"{self._camera.status} {self._camera.status!r}")


async def test_camera_when_all_goes_wrong_one_by_one_then_the_code_is_never_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with chamber_camera(monkeypatch) as printer:
        camera = opened(tmp_path)
        told = Told(camera)
        camera.start()
        try:
            await told.until("frames arrive")
            printer.access_code = "renewed1"
            printer.fault = Fault(FaultKind.CLOSE, 0)
            await drop(printer.viewers)
            await told.until("compare 'access_code'")
            printer.closes_on_wrong_code = False
            printer.fault = None
            await told.until("either the code is wrong")
            printer.fault = Fault(FaultKind.NO_HANDSHAKE)
            await told.until("does not answer in TLS")
            printer.access_code = CODE
            for kind, text in (
                (FaultKind.GARBAGE, "something else than JPEGs"),
                (FaultKind.WRONG_SIZE, "a picture of 0 bytes"),
                (FaultKind.DAMAGED, "break off or are damaged"),
            ):
                printer.fault = Fault(kind)
                await told.until(text)
            first_context, printer.context = printer.context, printer_context()
            await told.until("prusacam camera trust bed")
            printer.context, printer.fault = first_context, None
            await told.until("frames arrive")
        finally:
            await camera.aclose()
        await printer.wait_for(lambda: printer.open == 0, WAIT_S)
    texts = [*told.all, repr(camera.config), caplog.text]
    texts += [path.read_text() for path in (tmp_path / "state/cameras").iterdir()]
    assert not [text for text in texts if CODE in text or "renewed1" in text]
    assert printer.most_open == 1


async def drop(viewers: list[Viewer]) -> None:
    """Drop who is watching."""
    for viewer in viewers:
        if viewer.task is not None and not viewer.task.done():
            viewer.task.cancel()
            await asyncio.wait({viewer.task})


async def test_run_when_it_fails_then_no_traceback_has_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with chamber_camera(monkeypatch) as printer:
        camera = opened(tmp_path, WRONG_CODE)
        source = open_source(camera.config, Host(tmp_path))
        with pytest.raises(SourceRefused) as caught:
            await source.run(camera._receiver)
        await camera.aclose()
        await printer.wait_for(lambda: printer.open == 0, WAIT_S)
    shown = "".join(
        traceback.TracebackException.from_exception(
            caught.value, capture_locals=True
        ).format()
    )
    assert WRONG_CODE not in shown
    assert WRONG_CODE not in repr(source)
