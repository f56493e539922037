# The corpus of adversarial MJPEG streams.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams that real sources send, or broken ones might, and what must come of them."""

from __future__ import annotations

from typing import Any, Final

import attrs

from tests.support import jpeg as j


@attrs.frozen
class Case:
    """A stream, the frames that it holds, and the drops that must be counted."""

    name: str
    stream: bytes = attrs.field(repr=False)
    frames: tuple[bytes, ...] = attrs.field(repr=False)
    drops: dict[str, int] = attrs.field(factory=dict)
    junk_bytes: int = 0
    pending_bytes: int = 0
    options: dict[str, Any] = attrs.field(factory=dict)


A, B, C = (j.picture(seed=seed) for seed in range(3))
SMALL, SMALL_2, SMALL_3 = (j.picture(16, 16, seed=seed) for seed in range(3, 6))
TINY = j.minimal()
HEAD = j.SOI + j.DHT + j.sof(8, 8)
EXIF = j.picture(exif=b"Exif\0\0" + SMALL)
COMMENT = j.picture(comment=b"\xff\xd9 and \xff\xd8\xff\xe0 and \xff\xda")
PROGRESSIVE = j.picture(progressive=True)
RESTARTS = j.picture(restart_marker_blocks=1)
BARE = j.without_dht(A)
TAIL_DHT = j.SOI + j.sof(8, 8) + j.scan() + j.DHT + j.scan() + j.EOI
DNL = j.SOI + j.DHT + j.sof(8, 0) + j.scan() + j.segment(0xDC, b"\0\x08") + j.EOI
TWO_SOF = j.SOI + j.DHT + j.sof(8, 8) + j.sof(4, 4) + j.scan() + j.EOI
STANDALONE = j.SOI + b"\xff\x01\xff\xd0" + TINY[2:]
NESTED = j.SOI + j.segment(0xE2, TINY + j.SOI + b"\xff" + j.EOI) + TINY[2:]
LONGEST_SEGMENT = j.SOI + j.segment(0xEF, b"\xff\xd8\xff" * 21844 + b"\xff") + TINY[2:]


def _multipart(*images: bytes, newline: bytes = b"\r\n", length: int = 0) -> bytes:
    """A multipart body whose Content-Length is off by `length`."""
    parts = (
        newline.join(
            (
                b"--frame",
                b"Content-Type: image/jpeg",
                b"Content-Length: %d" % (len(image) + length),
                b"",
                image,
                b"",
            )
        )
        for image in images
    )
    return b"".join(parts) + b"--frame--"


GOOD: Final = (
    Case("nothing", b"", ()),
    Case("back_to_back", A + B + C, (A, B, C)),
    Case("least_image", TINY * 3, (TINY,) * 3),
    Case("real_camera", j.WEBCAM_MJPEG.read_bytes(), tuple(j.webcam_frames())),
    Case("exif_thumbnail", EXIF * 2, (EXIF,) * 2),
    Case("markers_in_comment", COMMENT * 2, (COMMENT,) * 2),
    Case("image_in_segment", NESTED * 2, (NESTED,) * 2),
    Case("longest_segment", LONGEST_SEGMENT * 2, (LONGEST_SEGMENT,) * 2),
    Case("progressive", PROGRESSIVE * 2, (PROGRESSIVE,) * 2),
    Case("restart_markers", RESTARTS * 2, (RESTARTS,) * 2),
    Case("fill_bytes", j.with_fill(A, 5) * 2, (j.with_fill(A, 5),) * 2),
    Case("long_fill", j.with_fill(TINY, 3000) * 2, (j.with_fill(TINY, 3000),) * 2),
    Case("standalone_markers", STANDALONE, (STANDALONE,)),
    Case("height_by_dnl", DNL, (DNL,)),
    Case("second_sof", TWO_SOF + TINY, (TWO_SOF, TINY)),
    Case("no_dht", BARE * 2, (BARE,) * 2, {"without_dht": 2}),
    Case("dht_after_first_scan", TAIL_DHT, (TAIL_DHT,), {"without_dht": 1}),
    Case("as_large_as_allowed", A, (A,), options={"max_frame_bytes": len(A)}),
)

BETWEEN: Final = (
    Case("zero_padding", (A + bytes(512)) * 2, (A, A), junk_bytes=1024),
    Case("soi_in_garbage", b"x\xff\xd8y" + A + b"\xff\xd8\0" + B, (A, B), {}, 7),
    Case("ff_in_garbage", b"\xff" * 9 + A + b"\xff\0\xff" * 5 + B, (A, B), {}, 24),
    Case("d8_after_ff_run", b"\xff" * 9 + TINY[1:], (TINY,), {}, 8),
    Case("garbage_only", bytes(256) + bytes(range(255)) * 20, (), {}, 5356),
    Case("joined_inside", A[len(A) // 2 :] + B, (B,), {}, len(A) - len(A) // 2),
    Case("multipart", _multipart(A, B), (A, B), {}, 131),
    Case("multipart_lf", _multipart(A, B, newline=b"\n"), (A, B), {}, 121),
    Case("multipart_too_short", _multipart(A, B, length=-7), (A, B), {}, 131),
    Case("multipart_too_long", _multipart(A, B, length=99), (A, B), {}, 131),
    Case("text_part", b"--b\r\n\r\nno camera\r\n--b\r\n\r\n" + A, (A,), {}, 25),
    Case("soi_cut_at_end", A + b"\xff\xd8", (A,), pending_bytes=2),
    Case("ff_at_end", A + b"zz\xff", (A,), junk_bytes=2, pending_bytes=1),
    Case("image_cut_at_end", A + B[:-1], (A,), pending_bytes=len(B) - 1),
)

BROKEN: Final = (
    Case("cut_in_scan", A + B[:-9] + C, (A, C), {"truncated": 1}),
    Case("no_eoi", A[:-2] + B, (B,), {"truncated": 1}),
    Case("cut_at_ff", A[:-1] + B, (B,), {"truncated": 1}),
    Case("cut_between_segments", HEAD + A, (A,), {"truncated": 1}),
    Case("cut_and_filled", HEAD + b"\xff\xff" + A, (A,), {"truncated": 1}),
    Case("soi_twice", j.SOI + A, (A,), {"truncated": 1}),
    Case("false_soi_in_scan", A[:-9] + b"\xff\xd8\0" + B, (B,), {"truncated": 1}, 3),
    # The length of the cut segment swallows the head of the next image.
    Case("cut_in_segment", A[:60] + B + C, (C,), {"malformed": 1}, len(B) - 29),
    Case("soi_eoi", j.SOI + j.EOI + A, (A,), {"malformed": 1}),
    Case("no_scan", HEAD + j.EOI + A, (A,), {"malformed": 1}),
    Case("empty_scan", HEAD + j.scan(b"") + j.EOI + A, (A,), {"malformed": 1}),
    Case("no_sof", j.SOI + j.scan() + j.EOI + A, (A,), {"malformed": 1}, 16),
    Case("no_width", j.minimal(0, 8) + A, (A,), {"malformed": 1}, 16),
    Case("no_height", j.minimal(8, 0) + A, (A,), {"malformed": 1}),
    Case("length_zero", j.SOI + b"\xff\xe0\0\0" + A, (A,), {"malformed": 1}, 4),
    Case("length_one", j.SOI + b"\xff\xe0\0\1" + A, (A,), {"malformed": 1}, 4),
    Case("short_sof", j.SOI + b"\xff\xc0\0\7" + A, (A,), {"malformed": 1}, 4),
    Case("short_dnl", TINY[:-2] + b"\xff\xdc\0\3" + A, (A,), {"malformed": 1}, 4),
    Case("zero_at_marker", j.SOI + b"\xff\0" + A, (A,), {"malformed": 1}, 2),
    Case("no_marker", HEAD + b"text" + A, (A,), {"malformed": 1}, 4),
    Case(
        "oversize",
        TINY + HEAD + j.scan(b"\x12" * 9000) + TINY,
        (TINY, TINY),
        {"oversize": 1},
        len(HEAD) + 10 + 9000 - 4000,
        options={"max_frame_bytes": 4000},
    ),
    Case(
        "oversize_by_one_byte",
        A + TINY,
        (TINY,),
        {"oversize": 1},
        2,
        options={"max_frame_bytes": len(A) - 1},
    ),
    Case(
        "oversize_in_segment",
        j.SOI + j.segment(0xE1, bytes(9000)) + HEAD[2:] + TINY,
        (TINY,),
        {"oversize": 1},
        len(HEAD) + 9004 - 4000,
        options={"max_frame_bytes": 4000},
    ),
    Case(
        "soi_across_limit",
        HEAD + j.scan(bytes(100)) + TINY,
        (TINY,),
        {"oversize": 1},
        options={"max_frame_bytes": len(HEAD) + 10 + 101},
    ),
    Case(
        "nothing_allowed", A, (), {"oversize": 1}, len(A) - 1, 0, {"max_frame_bytes": 1}
    ),
)

SIZES: Final = (
    Case("mpf_preview", (A + SMALL) * 3, (A, A, A), {"secondary": 3}),
    Case("mpf_two_previews", (A + SMALL + TINY) * 2, (A, A), {"secondary": 4}),
    Case(
        "mpf_in_multipart",
        _multipart(A + SMALL, B + SMALL),
        (A, B),
        {"secondary": 2},
        131,
    ),
    Case(
        "size_change_raw",
        A + SMALL + SMALL_2 + SMALL_3,
        (A, SMALL_2, SMALL_3),
        {"secondary": 1},
    ),
    Case("size_change_multipart", _multipart(A, SMALL), (A, SMALL), {}, 130),
    Case("size_change_padded", A + b"\0" + SMALL + A, (A, SMALL), {"secondary": 1}, 1),
    Case("other_size_after_cut", A + B[:-9] + SMALL, (A, SMALL), {"truncated": 1}),
)

CASES: Final = (*GOOD, *BETWEEN, *BROKEN, *SIZES)
