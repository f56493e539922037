# The pictures that the benchmarks are fed with.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""1080p JPEGs of the sizes that cameras send, and the tag that finds each one again.

A tagged frame is SOI, a COM segment with sequence, time, size and checksum as ASCII
text, the picture, a COM segment with the sequence again, EOI; loopback.h reads it. With
the sequence at both ends, and neighbours of different pictures, a torn frame shows.
"""

from __future__ import annotations

import io
import itertools
import random
from array import array
from functools import cached_property

import attrs
from PIL import Image, ImageChops

FULL_HD = (1920, 1080)
# As measured with real 1080p streams; the mean is 219 kB.
MIXED_BYTES = (105_000, 107_000, 153_000, 233_000, 499_000)
FANOUT_BYTES = (153_000,) * 4
QUALITY = 85
SEARCH_STEPS = 12
WORD_BYTES = 4
MASK = (1 << 64) - 1


@attrs.frozen
class TaggedFrame:
    """A JPEG with room for its tag."""

    jpeg: bytes = attrs.field(repr=False)

    @cached_property
    def picture(self) -> bytes:
        """All between SOI and EOI."""
        return self.jpeg[2:-2]

    @cached_property
    def sum(self) -> int:
        """Fletcher's two sums over 32-bit words of the picture, folded into one."""
        whole_bytes = len(self.picture) // WORD_BYTES * WORD_BYTES
        words = array("I", self.picture[:whole_bytes])
        first, second = sum(words), sum(itertools.accumulate(words))
        return (first ^ second << 1) & MASK

    def pieces(self, seq: int, sent_ns: int) -> list[bytes]:
        """The frame as it is sent, to be joined by the one who sends it."""
        end = _comment(f"end={seq:010d}") + b"\xff\xd9"
        size_bytes = 2 + len(_comment(_text(0, 0, 0, 0))) + len(self.picture) + len(end)
        head = b"\xff\xd8" + _comment(_text(seq, sent_ns, size_bytes, self.sum))
        return [head, self.picture, end]

    def tagged(self, seq: int, sent_ns: int = 0) -> bytes:
        """The frame as it is sent, in one piece."""
        return b"".join(self.pieces(seq, sent_ns))


def make_frames(
    sizes_bytes: tuple[int, ...], picture_size: tuple[int, int] = FULL_HD
) -> list[TaggedFrame]:
    """Frames of about these sizes, the same ones in every run."""
    scene = _scene(picture_size)
    return [
        TaggedFrame(_fit(scene, _noise(picture_size, seed), size_bytes))
        for seed, size_bytes in enumerate(sizes_bytes)
    ]


def _text(seq: int, sent_ns: int, size_bytes: int, checksum: int) -> str:
    return f"seq={seq:010d} ns={sent_ns:019d} size={size_bytes:08d} sum={checksum:016x}"


def _comment(text: str) -> bytes:
    return b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text.encode("ascii")


def _scene(size: tuple[int, int]) -> Image.Image:
    channels = (
        Image.linear_gradient("L").resize(size),
        Image.radial_gradient("L").resize(size),
        Image.effect_mandelbrot(size, (-2.2, -1.2, 1.0, 1.2), 60),
    )
    return Image.merge("RGB", channels)


def _noise(size: tuple[int, int], seed: int) -> Image.Image:
    """What makes a JPEG large: the noise of a sensor, most of it small."""
    random_bytes = random.Random(seed).randbytes
    count = size[0] * size[1] * 3
    first, second = (
        Image.frombytes("RGB", size, random_bytes(count)) for _ in range(2)
    )
    return ImageChops.add(first, second, scale=2)


def _fit(scene: Image.Image, noise: Image.Image, size_bytes: int) -> bytes:
    """The scene with as much noise as makes a JPEG of about ``size_bytes``."""
    low, high = 0.0, 1.0
    jpeg = b""
    for _ in range(SEARCH_STEPS):
        share = (low + high) / 2
        encoded = io.BytesIO()
        # Tables of its own give a frame as many FF bytes as chance would; the standard
        # ones can double that.
        Image.blend(scene, noise, share).save(
            encoded, "JPEG", quality=QUALITY, optimize=True
        )
        jpeg = encoded.getvalue()
        low, high = (share, high) if len(jpeg) < size_bytes else (low, share)
    return jpeg
