# Where frames come from.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One module a kind of source, chosen by the scheme of the configured URL.

A source delivers bytes; what is a frame in them is the scanner's business, and when
to try again the camera's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from .tcp import TcpSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from moonraker_prusacam.camera.receiver import Receiver


class Source(Protocol):
    """A place that a camera's bytes come from."""

    async def run(self, receiver: Receiver) -> None:
        """Connect, and let bytes be received until that fails; raises SourceError.

        What ``receiver`` raises that is not about the connection is raised as it is.
        The connection is closed when this raises or is cancelled.
        """


SCHEMES: dict[str, Callable[[str], Source]] = {"tcp": TcpSource}


def open_source(url: str) -> Source:
    """The source for ``url``, whose scheme the configuration has checked."""
    return SCHEMES[urlsplit(url).scheme](url)
