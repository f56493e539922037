# Makes JPEG images and streams of them, good and bad.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""JPEG material for tests: real images by Pillow, handcrafted ones by the byte."""

from __future__ import annotations

import io
import random
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

SOI = b"\xff\xd8"
EOI = b"\xff\xd9"

WEBCAM_MJPEG = Path(__file__).parent.parent / "data" / "webcam.mjpeg"
"""Three frames of a real camera, 480x640, back to back."""


@cache
def picture(width: int = 32, height: int = 24, *, seed: int = 0, **save: Any) -> bytes:
    """A real JPEG of seeded noise; `save` goes to Pillow."""
    pixels = random.Random(seed).randbytes(width * height * 3)
    out = io.BytesIO()
    Image.frombytes("RGB", (width, height), pixels).save(out, "JPEG", **save)
    return out.getvalue()


def pixels(jpeg: bytes) -> bytes:
    """The decoded image; Pillow's error when it cannot be decoded."""
    with Image.open(io.BytesIO(jpeg)) as image:
        return image.tobytes()


def segment(code: int, payload: bytes = b"") -> bytes:
    """A marker segment with its length."""
    return bytes([0xFF, code]) + (len(payload) + 2).to_bytes(2, "big") + payload


def sof(width: int, height: int, *, code: int = 0xC0) -> bytes:
    """A frame header of one component."""
    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return segment(code, b"\x08" + size + b"\x01\x01\x11\x00")


def scan(entropy: bytes = b"\x12\xff\x00\x34") -> bytes:
    """A scan header of one component, and entropy-coded data."""
    return segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + entropy


DHT = segment(0xC4, b"\x00" + b"\x01" + bytes(15) + b"\x00")


def minimal(
    width: int = 8, height: int = 8, entropy: bytes = b"\x12\xff\x00\x34"
) -> bytes:
    """The least that is one whole image; it need not decode."""
    return SOI + DHT + sof(width, height) + scan(entropy) + EOI


def segments(jpeg: bytes) -> list[tuple[int, int, int]]:
    """Code, begin and end of every segment before the entropy-coded data."""
    found = []
    position = 2
    while True:
        code = jpeg[position + 1]
        length = int.from_bytes(jpeg[position + 2 : position + 4], "big")
        found.append((code, position, position + 2 + length))
        position += 2 + length
        if code == 0xDA:
            return found


def without(jpeg: bytes, *codes: int) -> bytes:
    """`jpeg` without the segments of these codes before the entropy-coded data."""
    kept = [jpeg[begin:end] for code, begin, end in segments(jpeg) if code not in codes]
    return SOI + b"".join(kept) + jpeg[segments(jpeg)[-1][2] :]


def without_dht(jpeg: bytes) -> bytes:
    """`jpeg` as a UVC camera would send it."""
    return without(jpeg, 0xC4)


def huffman_tables(jpeg: bytes) -> bytes:
    """The payloads of all DHT segments."""
    return b"".join(
        jpeg[begin + 4 : end] for code, begin, end in segments(jpeg) if code == 0xC4
    )


def with_fill(jpeg: bytes, count: int) -> bytes:
    """`jpeg` with `count` fill bytes before each marker of its header."""
    kept = [b"\xff" * count + jpeg[begin:end] for _, begin, end in segments(jpeg)]
    rest = jpeg[segments(jpeg)[-1][2] : -2]
    return SOI + b"".join(kept) + rest + b"\xff" * count + EOI


def webcam_frames() -> list[bytes]:
    """The images of WEBCAM_MJPEG; they hold no SOI but their own."""
    return [SOI + rest for rest in WEBCAM_MJPEG.read_bytes().split(SOI)[1:]]


def reads_of(stream: bytes, size: int | str) -> list[bytes]:
    """`stream` in reads of `size` bytes; or "whole"; or "random", 1 to 40 bytes."""
    if size == "whole":
        return [stream]
    rng = random.Random(len(stream))
    reads = []
    position = 0
    while position < len(stream):
        step = rng.randint(1, 40) if size == "random" else int(size)
        reads.append(stream[position : position + step])
        position += step
    return reads
