# A recording that a virtual device has.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings of any size that need no memory: each block follows from its number."""

from __future__ import annotations

import hashlib
import random
import struct
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK_BYTES = 64 * 1024
_NUMBER = struct.Struct(">Q")


@attrs.frozen
class Recording:
    """``first_frame_s`` is the true time of the first frame, which no device tells.

    With ``content`` the recording is just that; else its octets follow from ``seed``.
    """

    key: str
    file_name: str
    size_bytes: int
    created_s: float
    first_frame_s: float
    target_s: float
    seed: int = 0
    content: bytes | None = attrs.field(default=None, repr=False)

    def blocks(self) -> Iterator[bytes]:
        """The octets, a block at a time; each of them begins with its number."""
        if self.content is not None:
            yield self.content
            return
        pattern = random.Random(self.seed).randbytes(BLOCK_BYTES - _NUMBER.size)
        left, number = self.size_bytes, 0
        while left > 0:
            yield (_NUMBER.pack(number) + pattern)[:left]
            left -= BLOCK_BYTES
            number += 1

    def sha256(self) -> str:
        """What a true copy has."""
        digest = hashlib.sha256()
        for block in self.blocks():
            digest.update(block)
        return digest.hexdigest()
