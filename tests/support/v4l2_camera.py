# A USB camera for tests.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The other end of v4l2_camera/: a camera that can be unplugged, frozen and crowded.

A child that is started with ``environment`` finds the camera by LD_PRELOAD. In the
process of the tests it takes the place of what Python has for system calls: functions
of ``os``, ``fcntl`` and ``mmap``.
"""

from __future__ import annotations

import array
import asyncio
import atexit
import contextlib
import ctypes
import enum
import fcntl
import functools
import mmap
import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from linuxpy.video import raw

from tests.support import jpeg

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).with_name("v4l2_camera") / "camera.c"
COMPILER = shutil.which(os.environ.get("CC", "cc"))
BUILD_TIMEOUT_S = 60.0
needs_compiler = pytest.mark.skipif(
    COMPILER is None, reason="there is no C compiler, which makes the camera"
)

DEVICE = "/dev/v4l/by-id/usb-Emulated_HD_Camera-video-index0"
PICTURE = jpeg.picture(64, 48)
NONE, OPEN = -1, -2
NOT_OURS = -2
# Of all calls, these alone are quick.
QUICK = (raw.IOC.DQBUF, raw.IOC.QBUF)


class State(enum.IntEnum):
    """The numbers of CAMERA_STATE, as in state.h."""

    GENERATION = 0
    IS_PLUGGED = enum.auto()
    IS_BUSY = enum.auto()
    KIND = enum.auto()
    HAS_OLD_NAMES = enum.auto()
    IS_FROZEN = enum.auto()
    DAMAGED_EACH = enum.auto()
    EMPTY_EACH = enum.auto()
    FAILING_CALL = enum.auto()
    FAILING_ERRNO = enum.auto()
    DELAY_MS = enum.auto()
    OPENED = enum.auto()
    CLOSED = enum.auto()
    STARTED = enum.auto()
    STOPPED = enum.auto()
    GIVEN = enum.auto()
    LOST = enum.auto()
    WIDTH = enum.auto()
    HEIGHT = enum.auto()
    FPS = enum.auto()
    VALUES_GENERATION = enum.auto()
    VALUES = enum.auto()


class Kind(enum.IntEnum):
    """What a camera is, as in state.h."""

    WEBCAM = 0
    RAW_ONLY = enum.auto()
    H264_ONLY = enum.auto()
    STEPWISE = enum.auto()
    DEPTH = enum.auto()
    METADATA = enum.auto()
    DISPLAY = enum.auto()
    SENSOR = enum.auto()
    MULTIPLANAR = enum.auto()


CONTROLS = (
    "",  # the name of the class
    "brightness",
    "white_balance_automatic",
    "power_line_frequency",
    "white_balance_temperature",
    "do_white_balance",
    "",
    "auto_exposure",
    "exposure_time_absolute",
    "focus_absolute",
    "focus_automatic_continuous",
    "privacy",
    "serial_number",
)
STATES = State.VALUES + len(CONTROLS)


@functools.cache
def library() -> Path:
    """The camera, built once."""
    assert COMPILER is not None
    folder = Path(tempfile.mkdtemp(prefix="prusacam-camera-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    target = folder / "v4l2_camera.so"
    options = ("-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread")
    subprocess.run(
        [COMPILER, *options, "-o", str(target), str(SOURCE)],
        timeout=BUILD_TIMEOUT_S,
        check=True,
    )
    return target


class V4l2Camera:
    """A camera at DEVICE, plugged in; its ``state`` can be read and written."""

    def __init__(self, folder: Path, picture: bytes = PICTURE, **state: int) -> None:
        numbers = array.array("i", bytes(4 * STATES))
        path, picture_path = folder / "camera.state", folder / "camera.jpg"
        path.write_bytes(numbers.tobytes())
        picture_path.write_bytes(picture)
        with path.open("r+b") as file:
            self._state = memoryview(mmap.mmap(file.fileno(), 4 * STATES)).cast("i")
        self.set(IS_PLUGGED=1, FAILING_CALL=NONE)
        self.set(**state)
        # A copy of its own is a camera of its own.
        self._library = Path(shutil.copy(library(), folder / "camera.so"))
        self.environment = {
            "LD_PRELOAD": str(self._library),
            "CAMERA_DEVICE": DEVICE,
            "CAMERA_STATE": str(path),
            "CAMERA_JPEG": str(picture_path),
        }

    def set(self, **state: int) -> None:
        """Let things happen to the camera."""
        for name, number in state.items():
            self._state[State[name]] = number

    def get(self, state: State) -> int:
        """One of its numbers."""
        return self._state[state]

    def value(self, control: str) -> int:
        """What a control is set to."""
        return self._state[State.VALUES + CONTROLS.index(control)]

    def fail(self, call: int, error: int) -> None:
        """Let a request of the driver fail, by its IOC; or OPEN; or NONE."""
        number = call if call in (NONE, OPEN) else call & 0xFF
        self.set(FAILING_ERRNO=error, FAILING_CALL=number)

    def unplug(self) -> None:
        """Whoever has it open has nothing any more."""
        self.set(IS_PLUGGED=0, GENERATION=self.get(State.GENERATION) + 1)

    def plug_in(self) -> None:
        """The next one who opens it has a new camera."""
        self.set(IS_PLUGGED=1)

    @property
    def is_released(self) -> bool:
        """Whether nobody in this process holds anything of it."""
        return (
            self.get(State.OPENED) == self.get(State.CLOSED)
            and self.get(State.STARTED) == self.get(State.STOPPED)
            and self.mapped_buffers == 0
        )

    @property
    def mapped_buffers(self) -> int:
        """Buffers that this process has mapped."""
        maps = Path("/proc/self/maps").read_text().splitlines()
        # Each camera that was ever used in this process keeps all of its own mapped.
        return sum("memfd:camera" in line and _size(line) < 32 << 20 for line in maps)

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Let this process find it; whatever waits for it on a loop is a mistake."""
        calls = _Calls(self._library)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                if name != "LD_PRELOAD":
                    patch.setenv(name, value)
            patch.setattr(os, "open", calls.open)
            patch.setattr(os, "close", calls.close)
            patch.setattr(fcntl, "ioctl", calls.ioctl)
            patch.setattr(mmap, "mmap", calls.mmap)
            try:
                yield
            finally:
                calls.forget()


class _Calls:
    """What Python calls, with the camera among the devices."""

    def __init__(self, library_path: Path) -> None:
        self._camera = ctypes.CDLL(str(library_path), use_errno=True)
        self._open, self._close = os.open, os.close
        self._ioctl, self._mmap = fcntl.ioctl, mmap.mmap
        self._known: set[int] = set()

    def open(self, path: Any, *arguments: Any, **options: Any) -> int:
        if path != DEVICE:
            return self._open(path, *arguments, **options)
        _blocks("open")
        descriptor = int(self._camera.camera_open())
        if descriptor < 0:
            raise _error()
        self._known.add(descriptor)
        return descriptor

    def close(self, descriptor: int) -> None:
        if descriptor not in self._known:
            self._close(descriptor)
            return
        _blocks("close")
        self._known.remove(descriptor)
        self._camera.camera_close(descriptor)

    def forget(self) -> None:
        """Close what was left open, before the camera is found no more."""
        for descriptor in tuple(self._known):
            self.close(descriptor)

    def ioctl(self, descriptor: int, request: int, *arguments: Any) -> Any:
        if descriptor not in self._known:
            return self._ioctl(descriptor, request, *arguments)
        if request not in QUICK:
            _blocks(str(request))
        answer = self._camera.camera_ioctl(
            descriptor, ctypes.c_uint(request), ctypes.byref(arguments[0])
        )
        if answer < 0:
            raise _error()
        return answer

    def mmap(self, descriptor: int, *arguments: Any, **options: Any) -> mmap.mmap:
        if descriptor in self._known:
            _blocks("mmap")
            descriptor = self._camera.camera_memory(descriptor)
        return self._mmap(descriptor, *arguments, **options)


def _blocks(call: str) -> None:
    """A real camera may take seconds for ``call``."""
    with contextlib.suppress(RuntimeError):
        asyncio.get_running_loop()
        raise AssertionError(f"{call} blocks the loop in {threading.current_thread()}")


def _error() -> OSError:
    error = ctypes.get_errno()
    return OSError(error, os.strerror(error))


def _size(line: str) -> int:
    """Bytes of a line of /proc/self/maps."""
    begin, end = (int(part, 16) for part in line.split(" ", 1)[0].split("-"))
    return end - begin
