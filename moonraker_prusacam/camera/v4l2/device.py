# A V4L2 node and what its driver is asked.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens a node and puts requests to its driver.

Only the structures and numbers of linuxpy are used: its own capture copies each picture
once more, and keeps ten of them in a queue.
"""

from __future__ import annotations

import errno
import fcntl
import os
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import attrs
from linuxpy.video import raw

from .modes import Format, Intervals, Mode, Sizes

if TYPE_CHECKING:
    from collections.abc import Iterator

CAPTURE = raw.BufType.VIDEO_CAPTURE
# A list that a broken driver never ends.
MOST_ITEMS = 256
# The camera has been unplugged.
GONE = (errno.ENODEV, errno.ENXIO, errno.ESHUTDOWN)
# What says that a driver has no such list, or that it ends here.
END_OF_LIST = (errno.EINVAL, errno.ENOTTY, errno.ENODATA)


class CallFailed(Exception):
    """A system call on the node failed; ``call`` is "open" or the request's name."""

    def __init__(self, call: str, error: int) -> None:
        super().__init__(f"{call}: {os.strerror(error)}")
        self.call = call
        self.errno = error

    @property
    def is_gone(self) -> bool:
        """Whether there is no camera at the node any more."""
        return self.errno in GONE


@attrs.frozen
class Identity:
    """What a node says that it is."""

    driver: str
    card: str
    bus: str
    capabilities: int

    def can(self, capability: int) -> bool:
        """Whether the node itself has it, not one beside it."""
        return bool(self.capabilities & capability)


class Device:
    """One node, open or closed."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.fd = -1

    def open(self) -> None:
        """Open the node; raises CallFailed."""
        try:
            self.fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise CallFailed("open", error.errno or 0) from error

    def close(self) -> None:
        """Let go of the node. Idempotent."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def request(self, request: Any, argument: Any) -> None:
        """Put one request to the driver, which changes ``argument``; raises CallFailed.

        ``request`` is one of linuxpy's IOC.
        """
        try:
            fcntl.ioctl(self.fd, request, argument)
        except OSError as error:
            raise CallFailed(request.name, error.errno or 0) from error

    def enumerate(self, request: Any, query: Any) -> Iterator[Any]:
        """``query`` filled in for each item of a list of the driver's."""
        for index in range(MOST_ITEMS):
            query.index = index
            try:
                self.request(request, query)
            except CallFailed as error:
                if error.errno in END_OF_LIST:
                    return
                raise
            yield query

    def identity(self) -> Identity:
        """Who the node belongs to; fails with ENOTTY where it is no V4L2 node."""
        answer = raw.v4l2_capability()
        self.request(raw.IOC.QUERYCAP, answer)
        every = answer.capabilities
        has_own = every & raw.Capability.DEVICE_CAPS
        return Identity(
            driver=_text(answer.driver),
            card=_text(answer.card),
            bus=_text(answer.bus_info),
            capabilities=answer.device_caps if has_own else every,
        )

    def formats(self) -> list[Format]:
        """What it can deliver, in the driver's order."""
        query = raw.v4l2_fmtdesc(type=CAPTURE)
        return [
            Format(name_of(found.pixelformat), _text(found.description))
            for found in self.enumerate(raw.IOC.ENUM_FMT, query)
        ]

    def sizes(self, format_name: str) -> list[Sizes]:
        """The sizes of one format; empty where the driver has no list."""
        query = raw.v4l2_frmsizeenum(pixel_format=code_of(format_name))
        sizes = []
        for found in self.enumerate(raw.IOC.ENUM_FRAMESIZES, query):
            if found.type == raw.Frmsizetypes.DISCRETE:
                size = (found.discrete.width, found.discrete.height)
                sizes.append(Sizes(size, size))
                continue
            steps = found.stepwise
            sizes.append(
                Sizes(
                    (steps.min_width, steps.min_height),
                    (steps.max_width, steps.max_height),
                    (steps.step_width or 1, steps.step_height or 1),
                )
            )
            break  # one range is the whole list
        return sizes

    def intervals(self, format_name: str, size: tuple[int, int]) -> list[Intervals]:
        """The intervals between pictures of one size; empty: there is no list."""
        query = raw.v4l2_frmivalenum(
            pixel_format=code_of(format_name), width=size[0], height=size[1]
        )
        intervals = []
        for found in self.enumerate(raw.IOC.ENUM_FRAMEINTERVALS, query):
            if found.type == raw.Frmivaltypes.DISCRETE:
                bounds = _seconds(found.discrete), _seconds(found.discrete)
            else:
                bounds = _seconds(found.stepwise.min), _seconds(found.stepwise.max)
            # Some cameras list an interval of nothing.
            if bounds[0] and bounds[1]:
                intervals.append(Intervals(bounds[0], bounds[1]))
            if found.type != raw.Frmivaltypes.DISCRETE:
                break
        return intervals

    def set_mode(self, wanted: Mode) -> Mode:
        """Ask for a mode; what the driver made of it."""
        request = raw.v4l2_format(type=CAPTURE)
        pixels = request.fmt.pix
        pixels.width, pixels.height = wanted.size
        pixels.pixelformat = code_of(wanted.format_name)
        pixels.field = raw.Field.ANY
        self.request(raw.IOC.S_FMT, request)
        return Mode(
            name_of(pixels.pixelformat),
            (pixels.width, pixels.height),
            self._set_interval(wanted.interval_s),
        )

    def _set_interval(self, wanted_s: Fraction | None) -> Fraction | None:
        rate = raw.v4l2_streamparm(type=CAPTURE)
        time = rate.parm.capture.timeperframe
        try:
            self.request(raw.IOC.G_PARM, rate)
            if wanted_s is not None:
                time.numerator = wanted_s.numerator
                time.denominator = wanted_s.denominator
                self.request(raw.IOC.S_PARM, rate)
        except CallFailed as error:
            if error.errno in END_OF_LIST:
                return None  # it has one rate, and keeps it to itself
            raise
        return _seconds(time)


def code_of(format_name: str) -> int:
    """The number of a format, by its four letters."""
    return int.from_bytes(format_name.ljust(4).encode("latin-1"), "little")


def name_of(code: int) -> str:
    """The four letters of a format; some end in blanks."""
    return (code & 0x7FFFFFFF).to_bytes(4, "little").decode("latin-1").rstrip()


def _text(octets: bytes) -> str:
    return octets.decode(errors="replace").strip()


def _seconds(fraction: Any) -> Fraction | None:
    if not fraction.numerator or not fraction.denominator:
        return None
    return Fraction(fraction.numerator, fraction.denominator)
