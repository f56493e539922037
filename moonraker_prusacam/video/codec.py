# What makes H.264 of pictures.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encoders of ffmpeg, and the options that suit pictures of a printer.

libx264 is made small and quick: hardly any lookahead, one reference, one thread. What
it saves on that, most of it is got back by options that suit a still camera; they are
chosen by ``make bench-timelapse``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

# stitchable: every segment gets the same headers, whatever is in its pictures.
X264_PARAMS = (
    "rc-lookahead=2:bframes=2:b-adapt=0:b-pyramid=0:ref=1:scenecut=0"
    ":aq-mode=2:trellis=2:stitchable=1"
)
X264_IN_ORDER = X264_PARAMS.replace("bframes=2", "bframes=0")
# What H.264 of a quality like CRF 23 takes; hardware knows no CRF.
BITS_PER_PIXEL = 0.12


@attrs.frozen
class Codec:
    """An encoder of ffmpeg.

    ``before`` are options that come first, ``filters`` what the encoder wants done to
    a yuv420p picture, ``options(crf, keyint, pixels_per_s)`` its own.
    """

    name: str
    options: Callable[[float, int, float], list[str]]
    before: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()


def _x264(crf: float, keyint: int, pixels_per_s: float) -> list[str]:
    del pixels_per_s
    params = f"{X264_PARAMS}:keyint={keyint}"
    return ["-preset", "veryfast", "-crf", f"{crf:g}", "-x264-params", params]


def _x264_in_order(crf: float, keyint: int, pixels_per_s: float) -> list[str]:
    del pixels_per_s
    params = f"{X264_IN_ORDER}:keyint={keyint}"
    return ["-preset", "veryfast", "-crf", f"{crf:g}", "-x264-params", params]


def _by_bitrate(crf: float, keyint: int, pixels_per_s: float) -> list[str]:
    # Six steps of CRF are twice the bits.
    bits_per_s = pixels_per_s * BITS_PER_PIXEL * 2 ** ((23 - crf) / 6)
    return ["-b:v", str(round(bits_per_s)), "-g", str(keyint), "-bf", "0"]


LIBX264 = Codec("libx264", _x264)
VAAPI_DEVICE = "/dev/dri/renderD128"
HARDWARE = (
    Codec("h264_nvenc", _by_bitrate),
    Codec("h264_qsv", _by_bitrate, filters=("format=nv12",)),
    Codec(
        "h264_vaapi",
        _by_bitrate,
        before=("-vaapi_device", VAAPI_DEVICE),
        filters=("format=nv12", "hwupload"),
    ),
    Codec("h264_v4l2m2m", _by_bitrate),
)


def codec_named(name: str | None) -> Codec:
    """A codec by ffmpeg's name for it; libx264 for one that is not known."""
    return next((codec for codec in HARDWARE if codec.name == name), LIBX264)


def in_order(codec: Codec) -> Codec:
    """``codec`` so that frames are decoded in the order in which they are shown."""
    if codec is LIBX264:
        return attrs.evolve(codec, options=_x264_in_order)
    return codec  # hardware is told so anyway
