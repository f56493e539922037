# Tests of finding objects in a stream without delimiters.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""However the octets are cut, the same objects come out, and never too much is held."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonraker_prusacam.errors import MultiCamMalformed
from moonraker_prusacam.multicam import CommandMessage, CommandType
from moonraker_prusacam.multicam.protocol import MAX_COMMAND_BYTES, ObjectScanner

if TYPE_CHECKING:
    from collections.abc import Iterable

COMMANDS = [
    CommandMessage.start_recording(1729000003.5),
    CommandMessage.stop_recording(),
    CommandMessage.device_status(),
    CommandMessage.get_video('a"}{\\"', file_name="ü{[\\\\.mp4"),
    CommandMessage.heartbeat(),
    CommandMessage.list_files(),
]
SPACES = [b"", b"\n", b"\r\n", b" \t\r\n\n"]


def scanned(pieces: Iterable[bytes], limit: int = MAX_COMMAND_BYTES) -> list[bytes]:
    scanner = ObjectScanner(limit)
    found = []
    for piece in pieces:
        scanner.feed(piece)
        while (text := scanner.take()) is not None:
            found.append(text)
    assert not scanner.is_within
    return found


def test_commands_when_listed_then_all() -> None:
    assert {message.command for message in COMMANDS} == set(CommandType)


@pytest.mark.parametrize("message", COMMANDS, ids=lambda m: m.command)
def test_command_when_split_at_any_octet_then_found(message: CommandMessage) -> None:
    octets = message.to_bytes()
    for at in range(len(octets) + 1):
        assert scanned([octets[:at], octets[at:]]) == [octets]


@pytest.mark.parametrize("message", COMMANDS, ids=lambda m: m.command)
def test_command_when_octet_by_octet_then_found(message: CommandMessage) -> None:
    octets = message.to_bytes()
    assert scanned(octets[at : at + 1] for at in range(len(octets))) == [octets]


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("joined", [True, False])
def test_commands_when_pipelined_with_space_then_found_in_order(
    space: bytes, joined: bool
) -> None:
    pieces = [part for each in COMMANDS for part in (space, each.to_bytes(), space)]
    found = scanned([b"".join(pieces)] if joined else pieces)
    assert [CommandMessage.from_json(text) for text in found] == COMMANDS


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
OBJECTS = st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=3), max_size=4)


@given(OBJECTS, st.booleans(), st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_objects_when_cut_anyhow_then_all_found(
    values: list[dict[str, Any]], ascii_only: bool, sizes: list[int]
) -> None:
    stream = "\n".join(json.dumps(v, ensure_ascii=ascii_only) for v in values).encode()
    pieces: list[bytes] = []
    at = 0
    while at < len(stream):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(stream[at : at + size])
        at += size
    assert [json.loads(text) for text in scanned(pieces)] == values


@pytest.mark.parametrize(
    "octets",
    [b"x", b"[]", b'"a"', b"7", b"}", b"\0", b"\xff", b"GET / HTTP/1.1\r\n", b"\n]"],
)
def test_stream_when_it_begins_with_no_object_then_told(octets: bytes) -> None:
    with pytest.raises(MultiCamMalformed):
        scanned([octets])


def test_stream_when_garbage_follows_an_object_then_the_object_first() -> None:
    scanner = ObjectScanner(100)
    scanner.feed(b'{"a":1}garbage')
    assert scanner.take() == b'{"a":1}'
    with pytest.raises(MultiCamMalformed):
        scanner.take()


def test_object_when_as_long_as_may_be_then_taken_and_one_longer_not() -> None:
    longest = b'{"a":"' + b"x" * 92 + b'"}'
    assert scanned([longest], 100) == [longest]
    with pytest.raises(MultiCamMalformed):
        scanned([longest.replace(b"x", b"xx", 1)], 100)


def test_object_when_endless_then_told_as_soon_as_too_long() -> None:
    scanner = ObjectScanner(100)
    scanner.feed(b'{"a":"' + b"x" * 94)
    assert scanner.take() is None
    scanner.feed(b"x")
    with pytest.raises(MultiCamMalformed):
        scanner.take()


@pytest.mark.parametrize("opening", [b'{"a":', b"["])
def test_object_when_deep_then_told(opening: bytes) -> None:
    assert scanned([b'{"a":' + b"[" * 15 + b"]" * 15 + b"}"])
    with pytest.raises(MultiCamMalformed):
        scanned([b'{"a":' + opening * 16])


def test_scanner_when_an_object_has_begun_then_is_within_it() -> None:
    scanner = ObjectScanner(100)
    for octets, is_within in ((b" \n", False), (b"{", True), (b"}\n", False)):
        scanner.feed(octets)
        scanner.take()
        assert scanner.is_within is is_within


def test_rest_when_something_follows_then_handed_over() -> None:
    scanner = ObjectScanner(100)
    scanner.feed(b'{"a":1}\0\0\0\7')
    assert scanner.take() == b'{"a":1}'
    assert scanner.rest() == b"\0\0\0\7"
    assert scanner.rest() == b""
