# Where a decoder can begin anew.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leaves out packets of video up to a picture that needs none before it.

For a host that does not keep up: it shall show fewer pictures, and not older and older
ones. Packets are RTP (RFC 3550) with H.264 (RFC 6184), H.265 (RFC 7798) or JPEG (RFC
2435) in them, interleaved in RTSP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX_BYTES = 4
RTP_HEADER_BYTES = 12
# RTCP has types of its own in the same place: RFC 5761, section 4.
RTCP_TYPES = range(192, 224)
# Types of NAL units: a picture of its own, or what describes those that follow.
H264_BEGINS = frozenset({5, 7})
H264_STAP_A, H264_FU_A = 24, 28
H265_BEGINS = frozenset({*range(16, 22), 32, 33})
H265_AP, H265_FU = 48, 49


def from_keyframe(run: bytes, codec: str) -> bytes:
    """The part of a run of packets that a decoder can begin with; may be empty."""
    for begin, end in _packets(run):
        if _is_keyframe(run[begin + PREFIX_BYTES : end], codec):
            return run[begin:]
    return b""


def _packets(run: bytes) -> Iterator[tuple[int, int]]:
    begin = 0
    while begin < len(run):
        size = int.from_bytes(run[begin + 2 : begin + PREFIX_BYTES], "big")
        end = begin + PREFIX_BYTES + size
        yield begin, end
        begin = end


def _is_keyframe(packet: bytes, codec: str) -> bool:
    if len(packet) < RTP_HEADER_BYTES or packet[1] in RTCP_TYPES:
        return False
    begin = RTP_HEADER_BYTES + 4 * (packet[0] & 0x0F)
    if packet[0] & 0x10:  # an extension, which tells its length in words
        begin += 4 + 4 * int.from_bytes(packet[begin + 2 : begin + 4], "big")
    payload = packet[begin : begin + 5].ljust(5, b"\0")
    match codec:
        case "H264":
            return _h264_begins(payload)
        case "H265":
            return _h265_begins(payload)
        case "JPEG":
            return payload[1:4] == b"\0\0\0"  # the first fragment
    return True  # a decoder finds its way in others, sooner or later


def _h264_begins(payload: bytes) -> bool:
    kind = payload[0] & 0x1F
    if kind == H264_FU_A:
        return bool(payload[1] & 0x80) and payload[1] & 0x1F in H264_BEGINS
    if kind == H264_STAP_A:
        kind = payload[3] & 0x1F
    return kind in H264_BEGINS


def _h265_begins(payload: bytes) -> bool:
    kind = payload[0] >> 1 & 0x3F
    if kind == H265_FU:
        return bool(payload[2] & 0x80) and payload[2] & 0x3F in H265_BEGINS
    if kind == H265_AP:
        kind = payload[4] >> 1 & 0x3F
    return kind in H265_BEGINS
