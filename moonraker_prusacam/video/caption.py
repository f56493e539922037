# What is written over pictures.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text and a bar of progress, drawn by filters of ffmpeg.

Text reaches ffmpeg in files, and without expansion: whatever is in it is only drawn.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.errors import RenderError

from .staging import workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .ffmpeg import FFmpeg

log = logging.getLogger(__name__)

PROBE_TIMEOUT_S = 30.0
MOST_CHARACTERS = 200
FONT = "font"
FONTS = (
    Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
    Path("/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf"),
    Path("/usr/share/fonts/truetype/freefont/FreeSans.ttf"),
    Path("/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf"),
)
LOOK = "fontcolor=white:fontsize=h/{share}:box=1:boxcolor=black@0.55"
PLACE = "x=h/40:y=h-h/20-th"
BAR = "x=0:y=ih-ih/100:h=ih/100:t=fill"
BAR_COLOUR = "0xFA6831"
TEXT_SHARE = 28  # the height of the picture to that of the text


@attrs.frozen
class Caption:
    """A line of text, and how much of the print is done, 0.0 to 1.0."""

    text: str = ""
    progress: float | None = None


def find_font(configured: Path | None) -> Path | None:
    """A font file, or None: ffmpeg has to find one itself."""
    return next(
        (path for path in (configured, *FONTS) if path and path.is_file()), None
    )


async def can_caption(ffmpeg: FFmpeg, configured: Path | None) -> bool:
    """Whether this ffmpeg draws text with a font it finds; if not, the log says why."""
    font = await asyncio.to_thread(find_font, configured)
    async with workspace({FONT: font} if font else {}, ffmpeg.scratch) as folder:
        filters = await asyncio.to_thread(
            write_captions,
            [Caption("text", 0.5)],
            folder,
            fps=1,
            height=48,
            with_font=font is not None,
        )
        arguments = ["-f", "lavfi", "-i", "color=size=64x48", "-frames:v", "1"]
        arguments += ["-vf", ",".join(filters), "-f", "null", "-"]
        try:
            await ffmpeg.run(arguments, timeout_s=PROBE_TIMEOUT_S, folder=folder)
        except RenderError as error:
            log.warning("Video: no captions: %s", error)
            return False
    return True


def clean(text: str) -> str:
    """``text`` as one line of characters that can be drawn."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(shown.split())[:MOST_CHARACTERS]


def write_captions(
    captions: Sequence[Caption],
    folder: Path,
    *,
    fps: int,
    height: int,
    with_font: bool,
    share: int = TEXT_SHARE,
) -> list[str]:
    """Filters that write ``captions``, one a frame; their texts go to ``folder``.

    Each is switched by time, not by number: numbers start anew where the pictures
    change their size.
    """
    filters = []
    # Before ffmpeg 6 this one has to be a number.
    look = f"{LOOK.format(share=share)}:boxborderw={max(1, height // 100)}"
    for first, end, caption in _runs(captions):
        # The last one goes on for frames that are only held.
        until = f"{(end - 0.5) / fps:g}" if end < len(captions) else "1e9"
        when = f"enable='between(t,{(first - 0.5) / fps:g},{until})'"
        if caption.progress is not None:
            done = min(1.0, max(0.0, caption.progress))
            width = f"w=max(1\\,iw*{done:.4f})"
            filters.append(f"drawbox={BAR}:{width}:color={BAR_COLOUR}:{when}")
        if text := clean(caption.text):
            name = f"text-{first:06d}"
            (folder / name).write_bytes(text.encode(errors="replace"))
            font = f"fontfile={FONT}:" if with_font else ""
            filters.append(
                f"drawtext={font}textfile={name}:expansion=none:{look}:{PLACE}:{when}"
            )
    return filters


def _runs(captions: Sequence[Caption]) -> Iterator[tuple[int, int, Caption]]:
    """First number, number after the last, and the caption of equal neighbours."""
    first = 0
    for number in range(1, len(captions) + 1):
        if number == len(captions) or captions[number] != captions[first]:
            yield first, number, captions[first]
            first = number
