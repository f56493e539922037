# How ffmpeg is told to decode.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments of an ffmpeg that makes MJPEG of a relay's track.

They suit every ffmpeg from 4.2 on. What differs between versions is done without:
``-timeout`` (the engine has timeouts of its own) and ``-fps_mode``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from moonraker_prusacam.camera_options import CameraConfig

FPS = 10.0
# Least and most quantiser of ffmpeg's MJPEG encoder.
BEST_Q, WORST_Q = 2, 31
# How many intervals too early a picture may come: some come two or three at once.
EARLY_INTERVALS = 1.5
# When this host's clock was set back by so much, counting begins anew.
LEAP_S = 2.0
# So many pictures are left out at most until there is a keyframe.
MOST_BEFORE_KEYFRAME = 300
_FROM_KEYFRAME = f"if(ld(0)+key,st(0,1),gte(n,{MOST_BEFORE_KEYFRAME}))"


@attrs.frozen
class Profile:
    """How much ffmpeg looks at before it decodes.

    The description has what it needs, and a look costs the first pictures; but some
    cameras describe themselves badly.
    """

    probe_bytes: int = 32
    analyze_us: int = 0


def decoder(
    ffmpeg: str, url: str, codec: str, config: CameraConfig, profile: Profile
) -> list[str]:
    """The command that writes what is at ``url`` as MJPEG to its output."""
    is_mjpeg = codec == "JPEG"
    return [
        *(ffmpeg, "-hide_banner", "-nostdin", "-nostats", "-loglevel", "error"),
        *("-rtsp_transport", "tcp", "-allowed_media_types", "video"),
        *("-probesize", str(profile.probe_bytes)),
        *("-analyzeduration", str(profile.analyze_us)),
        *(() if is_mjpeg else _decoding(config)),
        *("-i", url, "-map", "0:v:0"),
        *(("-c:v", "copy") if is_mjpeg else _encoding(config, codec)),
        *("-f", "mjpeg", "-flush_packets", "1", "pipe:1"),
    ]


def quantiser(quality: int) -> int:
    """Ffmpeg's scale for a JPEG quality of 1 to 100."""
    return round(WORST_Q - (WORST_Q - BEST_Q) * (quality - 1) / 99)


def _decoding(config: CameraConfig) -> tuple[str, ...]:
    # More threads would hold as many pictures back.
    threads = ("-threads", "1", "-flags", "low_delay")
    if config.decode == "keyframes":
        return (*threads, "-skip_frame", "nokey")
    return threads


def _encoding(config: CameraConfig, codec: str) -> tuple[str, ...]:
    fps = config.fps or FPS
    chosen = f"select='{_due(fps)}'"
    if codec == "H265":
        # Unlike that of H.264, this decoder begins in the middle, with grey pictures.
        chosen = f"select='{_FROM_KEYFRAME}',{chosen}"
    return (
        # The encoder is given the pictures that are due, evenly numbered, so it neither
        # doubles nor drops any. What the camera says of their times is not looked at:
        # that stands still, leaps and wraps.
        *("-vf", f"{chosen},setpts=N/{fps:g}/TB", "-r", f"{fps:g}"),
        *("-c:v", "mjpeg", "-q:v", str(quantiser(config.quality)), "-threads", "1"),
        # Huffman tables fitted to each picture cost more than they save here.
        *("-huffman", "default"),
    )


def _due(fps: float) -> str:
    """A filter's expression that is true for so many pictures a second at most.

    Variable 0 is when the next picture is due if they come evenly, by this host's
    clock; 1 is now.
    """
    interval_s = 1 / fps
    ahead_s = (1 + EARLY_INTERVALS) * interval_s
    leapt = f"lt(ld(1),ld(0)-{ahead_s + LEAP_S:.6f})"
    is_due = f"gte(st(1,time(0)),ld(0)-{interval_s * EARLY_INTERVALS:.6f})"
    since = f"if({leapt},ld(1),max(ld(1),ld(0)))"
    return f"if({is_due}+{leapt},st(0,{since}+{interval_s:.6f}),0)"
