# Tests of session descriptions.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The video among the tracks, its URLs, and descriptions without any."""

from __future__ import annotations

import pytest

from moonraker_prusacam.camera.rtsp.sdp import DescriptionError, video_track

TAPO = """\
v=0
o=- 14665860 31787219 1 IN IP4 192.168.1.7
s=Session streamed by "TP-LINK RTSP Server"
t=0 0
m=audio 0 RTP/AVP 8
a=rtpmap:8 PCMA/8000
a=control:track2
m=video 0 RTP/AVP 96
c=IN IP4 0.0.0.0
b=AS:4096
a=range:npt=0-
a=control:track1
a=rtpmap:96 h264/90000
a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z2QAFqzZ,aOvjyyLA
m=application/TP-LINK 0 RTP/AVP smart/1/90000
a=control:track3
"""
BASE = "rtsp://cam/stream1"


def described(*lines: str) -> bytes:
    return "\r\n".join(["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=x", *lines, ""]).encode()


def test_video_track_when_there_are_others_then_it_alone_is_described_again() -> None:
    track = video_track(TAPO.encode(), BASE)
    assert track.codec == "H264"
    assert track.control == "rtsp://cam/stream1/track1"
    assert track.aggregate == BASE
    again = track.described("video").decode().split("\r\n")
    assert [line for line in again if line.startswith("m=")] == ["m=video 0 RTP/AVP 96"]
    assert [line for line in again if "control" in line] == ["a=control:video"]
    assert video_track(track.described("video"), "rtsp://r/t/").control == (
        "rtsp://r/t/video"
    )


@pytest.mark.parametrize(
    ("base", "session", "media", "aggregate", "control"),
    [
        ("rtsp://c/s", "", "t1", "rtsp://c/s", "rtsp://c/s/t1"),
        ("rtsp://c/s/", "*", "t1", "rtsp://c/s/", "rtsp://c/s/t1"),
        (
            "rtsp://c/s?c=1&u=0",
            "*",
            "t=0",
            "rtsp://c/s?c=1&u=0",
            "rtsp://c/s?c=1&u=0/t=0",
        ),
        ("rtsp://c/s/", "*", "rtsp://10.0.0.1/x", "rtsp://c/s/", "rtsp://10.0.0.1/x"),
        ("rtsp://c/s/", "rtsp://d/s", "t1", "rtsp://d/s", "rtsp://d/s/t1"),
        ("rtsp://c/s/", "*", "*", "rtsp://c/s/", "rtsp://c/s/"),
        ("rtsp://c/s/", "*", "", "rtsp://c/s/", "rtsp://c/s/"),
        ("rtsp://c/s/", "*", "/t1", "rtsp://c/s/", "rtsp://c/s/t1"),
    ],
)
def test_control_when_it_is_relative_then_it_follows_the_base(
    base: str, session: str, media: str, aggregate: str, control: str
) -> None:
    lines = [f"a=control:{session}"] * bool(session)
    lines += ["m=video 0 RTP/AVP 26"]
    lines += [f"a=control:{media}"] * bool(media)
    track = video_track(described(*lines), base)
    assert (track.aggregate, track.control) == (aggregate, control)
    assert track.codec == "JPEG"


@pytest.mark.parametrize(
    ("description", "told"),
    [
        (b"", "makes no sense"),
        (b"<html>", "makes no sense"),
        (b"\xff\xfe\x00", "makes no sense"),
        (b"m=video 0 RTP/AVP 26", "makes no sense"),
        (described(), "no video, but nothing"),
        (described("m=audio 0 RTP/AVP 8"), "no video, but audio"),
        (described("m=", "m=audio"), "no video, but audio"),
        (described("m=video 0 RTP/SAVP 96"), "encrypted"),
    ],
)
def test_video_track_when_there_is_none_then_it_says_so(
    description: bytes, told: str
) -> None:
    with pytest.raises(DescriptionError, match=told):
        video_track(description, BASE)


@pytest.mark.parametrize("line", ["m=video", "m=video 0", "m=video 0 RTP/AVP"])
def test_video_track_when_its_line_is_short_then_the_codec_is_unknown(
    line: str,
) -> None:
    assert video_track(described(line), BASE).codec == "?"
