# The scanner that ours is measured against.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a frame is often cut out of a byte stream, and why it should not be.

Every read is joined to what is left, and what is left is searched from its start: a
frame of n reads is searched n times. Any FF D9 ends a frame, a thumbnail's as well. One
of the projects that this one learned from did it like this, with reads of 8 KiB.
"""

from __future__ import annotations

SOI = b"\xff\xd8"
EOI = b"\xff\xd9"


class RescanningScanner:
    """``feed`` like ours, without its care."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, read: bytes) -> list[bytes]:
        """The images that end in what was fed until now."""
        self._held += read
        images = []
        while (begin := self._held.find(SOI)) >= 0:
            self._held = self._held[begin:]
            end = self._held.find(EOI, len(SOI))
            if end < 0:
                break
            images.append(self._held[: end + len(EOI)])
            self._held = self._held[end + len(EOI) :]
        else:
            self._held = self._held[-1:]
        return images
