# Finds out whether the hardware encodes video well.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tries the hardware encoders of a host before one is trusted with a video.

That ffmpeg was built with one says nothing: there may be no device, somebody else may
own it, or it may make broken pictures. So each has to encode a test, which is decoded
and compared. One that is no better than libx264 is not used.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.errors import RenderError

from .codec import HARDWARE, LIBX264, Codec
from .ffmpeg import file_url
from .staging import workspace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .ffmpeg import FFmpeg

PROBE_FRAMES = 25
PROBE_TIMEOUT_S = 60.0
LEAST_SSIM = 0.9
RATE = 25
# h264_v4l2m2m of the Raspberry Pi wants widths that are multiples of 32.
WIDTH_MULTIPLE = 32


@attrs.frozen
class Trial:
    """How one encoder did; ``reason`` says in words why it is used or not."""

    codec: str
    is_usable: bool
    reason: str
    wall_s: float | None = None
    cpu_s: float | None = None
    ssim: float | None = None


@attrs.frozen
class Choice:
    """The encoder to use, and what all of them did."""

    codec: Codec
    trials: tuple[Trial, ...]


async def choose_codec(
    ffmpeg: FFmpeg,
    *,
    width: int = 1280,
    height: int = 720,
    candidates: Sequence[Codec] = HARDWARE,
) -> Choice:
    """The first of ``candidates`` that passes, else libx264; never raises RenderError.

    To be asked for while nothing prints: it takes some seconds of a small host.
    """
    features = await ffmpeg.features()
    trials: list[Trial] = []
    async with workspace({}, ffmpeg.scratch) as folder:
        prober = _Prober(ffmpeg, folder, f"testsrc2=s={width}x{height}:r={RATE}")
        reference: Trial | None = None
        for codec in candidates:
            if codec.name not in features.encoders:
                trials.append(Trial(codec.name, False, "ffmpeg was built without it"))
                continue
            if codec.name == "h264_v4l2m2m" and width % WIDTH_MULTIPLE:
                reason = f"{width} is no multiple of {WIDTH_MULTIPLE}"
                trials.append(Trial(codec.name, False, reason))
                continue
            reference = reference or await prober.measure(LIBX264)
            trial = _judge(await prober.measure(codec), reference)
            trials.append(trial)
            if trial.is_usable:
                return Choice(codec, tuple(trials))
    return Choice(LIBX264, tuple(trials))


def _judge(trial: Trial, reference: Trial) -> Trial:
    """Whether a measured encoder is worth it, compared to libx264."""
    if trial.ssim is None or trial.wall_s is None:
        return trial
    if trial.ssim <= LEAST_SSIM:
        reason = f"its pictures are wrong: SSIM {trial.ssim:.3f}"
        return attrs.evolve(trial, is_usable=False, reason=reason)
    if reference.wall_s is not None and trial.wall_s >= reference.wall_s:
        reason = f"it takes {trial.wall_s:.2f} s, libx264 {reference.wall_s:.2f} s"
        return attrs.evolve(trial, is_usable=False, reason=reason)
    return trial


@attrs.frozen
class _Prober:
    ffmpeg: FFmpeg
    folder: Path
    source: str

    async def measure(self, codec: Codec) -> Trial:
        """Encode the test, decode it and compare."""
        video = self.folder / f"{codec.name}.mp4"
        picture = ("-f", "lavfi", "-i", self.source)
        filters = ",".join(["format=yuv420p", *codec.filters])
        size = re.search(r"s=(\d+)x(\d+)", self.source)
        pixels_per_s = float(size[1]) * float(size[2]) * RATE if size else 0.0
        try:
            encoded = await self.ffmpeg.run(
                [
                    *(*codec.before, *picture, "-frames:v", str(PROBE_FRAMES)),
                    *("-vf", filters, "-c:v", codec.name, "-threads", "1"),
                    *codec.options(23, RATE, pixels_per_s),
                    *("-f", "mp4", file_url(video)),
                ],
                timeout_s=PROBE_TIMEOUT_S,
            )
            compared = await self.ffmpeg.run(
                [
                    *("-i", file_url(video), *picture, "-frames:v", str(PROBE_FRAMES)),
                    *("-lavfi", "[0:v][1:v]ssim=stats_file=-:shortest=1"),
                    *("-f", "null", "-"),
                ],
                timeout_s=PROBE_TIMEOUT_S,
            )
        except RenderError as error:
            return Trial(codec.name, False, str(error))
        values = [
            float(value) for value in re.findall(r"All:([\d.]+)", compared.stdout)
        ]
        wall_s, cpu_s = encoded.usage.wall_s, encoded.usage.cpu_s
        if len(values) != PROBE_FRAMES:
            reason = f"{len(values)} of {PROBE_FRAMES} frames came out"
            return Trial(codec.name, False, reason, wall_s, cpu_s)
        # The worst frame counts: one that is broken is seen.
        return Trial(codec.name, True, "it works", wall_s, cpu_s, min(values))
