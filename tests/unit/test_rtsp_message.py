# Tests of RTSP's messages.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages and packets in reads of any size, and what is no RTSP at all."""

from __future__ import annotations

import random

import pytest

from moonraker_prusacam.camera.rtsp.message import (
    MOST_BODY_BYTES,
    MOST_HEADER_BYTES,
    Headers,
    MessageError,
    Request,
    Response,
    Splitter,
    WebServerError,
)


def packet(size: int, channel: int = 0) -> bytes:
    body = random.Random(size).randbytes(size)
    return b"$" + bytes([channel]) + size.to_bytes(2, "big") + body


ANSWER = Response(
    200, "OK", Headers((("CSeq", "2"), ("Public", "PLAY"))), b"v=0\r\n$RTSP/1.0\r\n"
)
ASKED = Request("OPTIONS", "rtsp://h/p?q", Headers((("CSeq", "7"),)))
PACKETS = packet(1400) + packet(0, 1) + packet(65535) + packet(3)
STREAM = (
    PACKETS + ANSWER.encode() + packet(20) + b"\r\n" + ASKED.encode() + PACKETS[:1500]
)


def taken(stream: bytes, sizes: int) -> list[Request | Response | bytes]:
    """What came of a stream in reads of a size; runs of packets are joined."""
    splitter = Splitter()
    pieces: list[Request | Response | bytes] = []
    for begin in range(0, len(stream), sizes):
        for piece in splitter.feed(stream[begin : begin + sizes]):
            last = pieces[-1] if pieces else None
            if isinstance(piece, bytes) and isinstance(last, bytes):
                pieces[-1] = last + piece
            else:
                pieces.append(piece)
    return pieces


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1399, 4096, 1 << 20])
def test_feed_when_reads_are_of_any_size_then_the_pieces_are_the_same(
    size: int,
) -> None:
    runs, answer, more, asked, rest = taken(STREAM, size)
    assert runs == PACKETS
    assert isinstance(answer, Response)
    assert (answer.status, answer.reason, answer.body) == (200, "OK", ANSWER.body)
    assert answer.headers.get("public") == "PLAY"
    assert more == packet(20)
    assert isinstance(asked, Request)
    assert (asked.method, asked.url) == ("OPTIONS", "rtsp://h/p?q")
    assert rest == PACKETS[: 1404 + 4]


def test_feed_when_lines_end_sloppily_then_the_message_is_understood() -> None:
    (answer,) = taken(
        b"\r\n\nRTSP/1.0 401\nWWW-Authenticate:a\nwww-authenticate: b\n\n", 9
    )
    assert isinstance(answer, Response)
    assert answer.status == 401
    assert answer.headers.all("WWW-Authenticate") == ["a", "b"]


@pytest.mark.parametrize(
    "stream",
    [
        b"\x15\x03\x03\x00\x02\x02\x46",
        b"<html>",
        b"220 ftp ready\r\n",
        b"RTSP/one\r\n\r\n",
        b"GET without an end\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nX: " + b"x" * MOST_HEADER_BYTES,
        b"RTSP/1.0 200 OK\r\nContent-Length: 10000000000\r\n\r\n",
        f"RTSP/1.0 200 OK\r\nContent-Length: {MOST_BODY_BYTES + 1}\r\n\r\n".encode(),
        b"\x00",
        b"A" * 64,
    ],
)
def test_feed_when_it_is_no_rtsp_then_that_is_told_at_once(stream: bytes) -> None:
    with pytest.raises(MessageError):
        taken(stream, 5000)


def test_feed_when_a_web_server_answers_then_that_is_told() -> None:
    with pytest.raises(WebServerError):
        taken(b"HTTP/1.1 400 Bad Request\r\n", 8)


@pytest.mark.parametrize("length", ["", "-1", "x", "²", "1e3"])
def test_feed_when_the_length_is_nonsense_then_there_is_no_body(length: str) -> None:
    stream = f"RTSP/1.0 200 OK\r\nContent-Length: {length}\r\n\r\n".encode()
    (answer,) = taken(stream, 4)
    assert isinstance(answer, Response)
    assert answer.body == b""


def test_feed_when_anything_comes_then_nothing_else_is_raised() -> None:
    chance = random.Random(9)
    alphabet = [b"$", b"\0", b"RTSP/1.0 ", b"200 OK\r\n", b"\r\n", b":", b"\xff", b"A"]
    for _ in range(2000):
        splitter = Splitter()
        try:
            for _ in range(6):
                splitter.feed(
                    b"".join(chance.choices(alphabet, k=chance.randint(1, 9)))
                )
        except MessageError:
            pass
