# The buffers that pictures come in.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory of the driver's, mapped here: pictures are looked at where they arrive.

The driver fills free buffers by turns. One that was taken is given back at once, so the
driver always has room for the next picture, unless nobody comes for as long as it takes
to fill all: then pictures are lost, and none is late.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
from contextlib import suppress
from ctypes import c_int
from typing import TYPE_CHECKING

import attrs
from linuxpy.video import raw

from .device import CAPTURE, CallFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from .device import Device

BUFFERS = 4
MAPPED = raw.Memory.MMAP


@attrs.frozen
class Counts:
    """Pictures that came: whole ones, and damaged ones."""

    pictures: int = 0
    damaged: int = 0

    def since(self, before: Counts) -> Counts:
        """How many came after ``before``."""
        return Counts(self.pictures - before.pictures, self.damaged - before.damaged)


class Ring:
    """A device's stream of pictures."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._maps: list[mmap.mmap] = []
        self._views: list[memoryview] = []
        self._buffer = raw.v4l2_buffer(type=CAPTURE, memory=MAPPED)
        self._has_buffers = False
        self._pictures = self._damaged = 0

    @property
    def fd(self) -> int:
        """Readable when a picture is there, or something is wrong."""
        return self._device.fd

    @property
    def counts(self) -> Counts:
        """What came until now."""
        return Counts(self._pictures, self._damaged)

    def start(self) -> None:
        """Let pictures come; raises CallFailed, and ``stop`` undoes what was done."""
        request = raw.v4l2_requestbuffers(count=BUFFERS, type=CAPTURE, memory=MAPPED)
        self._device.request(raw.IOC.REQBUFS, request)
        self._has_buffers = True
        for index in range(request.count):
            buffer = raw.v4l2_buffer(index=index, type=CAPTURE, memory=MAPPED)
            self._device.request(raw.IOC.QUERYBUF, buffer)
            self._map(buffer.length, buffer.m.offset)
            self._device.request(raw.IOC.QBUF, buffer)
        self._device.request(raw.IOC.STREAMON, c_int(CAPTURE))

    def take(self, feed: Callable[[memoryview], None]) -> None:
        """Feed the next picture, if one is there, and give its buffer back.

        ``feed`` must not keep it. Damaged and empty ones are left out: what the camera
        lost on its way is no picture. Raises CallFailed, or what ``feed`` raised.
        """
        buffer = self._buffer
        try:
            fcntl.ioctl(self._device.fd, raw.IOC.DQBUF, buffer)
        except BlockingIOError:
            return
        except OSError as error:
            raise CallFailed("DQBUF", error.errno or 0) from error
        if buffer.flags & raw.BufferFlag.ERROR:
            self._damaged += 1
        elif buffer.bytesused:
            self._pictures += 1
            with self._views[buffer.index][: buffer.bytesused] as picture:
                feed(picture)
        self._device.request(raw.IOC.QBUF, buffer)

    def stop(self) -> None:
        """Let no more pictures come, and give all memory back. Idempotent.

        A device that is gone refuses what has to be told it, and needs none of it.
        """
        with suppress(CallFailed):
            self._device.request(raw.IOC.STREAMOFF, c_int(CAPTURE))
        for view in self._views:
            view.release()
        for mapped in self._maps:
            mapped.close()
        self._views.clear()
        self._maps.clear()
        if self._has_buffers:
            self._has_buffers = False
            request = raw.v4l2_requestbuffers(count=0, type=CAPTURE, memory=MAPPED)
            with suppress(CallFailed):
                self._device.request(raw.IOC.REQBUFS, request)

    def _map(self, length: int, offset: int) -> None:
        try:
            mapped = mmap.mmap(self._device.fd, length, offset=offset)
        except OSError as error:
            raise CallFailed("mmap", error.errno or errno.ENOMEM) from error
        self._maps.append(mapped)
        self._views.append(memoryview(mapped))
