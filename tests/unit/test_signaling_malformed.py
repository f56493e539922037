# Tests of packets that a server should not send.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever comes, the session lives on: it is counted, told once, and forgotten."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moonraker_prusacam.connect.signaling.messages import Features
from moonraker_prusacam.connect.signaling.session import SessionState
from tests.support.scripted_signaling import signaling
from tests.support.watched_viewer import TOKEN, WAIT_S, Watched, options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from moonraker_prusacam.connect.signaling.viewer import Viewer
    from tests.support.scripted_signaling import Peer, Sent, SignalingServer

ONE = '{"_placeholder":true,"num":0}'
TWO = '{"_placeholder":true,"num":1}'


@pytest.fixture
async def server() -> AsyncIterator[SignalingServer]:
    async with signaling() as running:

        async def answer(peer: Peer, sent: Sent) -> None:
            if sent.name == "trigger":
                await running.tell(peer, "features", Features(firmware="fine"))

        running.on_event = answer
        yield running


@pytest.fixture
async def viewer(server: SignalingServer) -> AsyncIterator[Viewer]:
    async with Watched(options(server.url)) as watched:
        await watched.viewer.wait_ready(WAIT_S)
        yield watched.viewer


# What is sent, and how many faults are in it.
PACKETS: dict[str, tuple[list[str | bytes], int]] = {
    "octets without an event": ([b"\x08\x01"], 1),
    "octets that look like a packet": ([b"0", b"2[]", b"41"], 3),
    "no octets": ([b""], 1),
    "an event without its octets": ([f'451-["status",{ONE}]', '42["status","x"]'], 2),
    "two of them": ([f'451-["status",{ONE}]', f'451-["status",{ONE}]', b""], 1),
    "fewer octets than announced": (
        [f'452-["status",{ONE},{TWO}]', b"\0", '42["webrtc","x"]'],
        1,
    ),
    "two attachments": ([f'452-["status",{ONE},{TWO}]', b"", b""], 1),
    "two of which one is meant": ([f'452-["status",{TWO}]', b"\xff", b""], 0),
    "a hundred attachments": ([f'45100-["status",{ONE}]', b"", b""], 3),
    "a milliard attachments": ([f'451000000000-["status",{ONE}]'], 1),
    "no attachment announced": ([f'450-["status",{ONE}]'], 1),
    "nothing announced": (['45["status"]', '42["webrtc","x"]'], 1),
    "an attachment of a number that is not there": (
        ['451-["status",{"_placeholder":true,"num":7}]', b""],
        1,
    ),
    "of a number that is none": (
        ['451-["status",{"_placeholder":true,"num":"x"}]', b""],
        1,
    ),
    "octets in an object": ([f'451-["status",{{"a":{ONE}}}]', b""], 1),
    "text instead of octets": (['42["status","online"]'], 1),
    "a number instead of octets": (['42["status",5]'], 1),
    "null instead of octets": (['42["status",null]'], 1),
    "no value": (['42["status"]'], 1),
    "three values": (['42["status",1,2,3]'], 1),
    "base64": (["bAAECAw==", "b!!!"], 2),
    "damaged message": ([f'451-["status",{ONE}]', b"\x0a\xff"], 1),
    "long message": ([f'451-["status",{ONE}]', b"\0" * 65_000], 1),
    "longer message": ([f'451-["status",{ONE}]', b"\0" * 70_000], 1),
    "10 MB of octets": ([f'451-["status",{ONE}]', b"\0" * 10_000_000], 1),
    "10 MB of text": (['42["status","' + "x" * 10_000_000 + '"]'], 1),
    "10 MB of brackets": (["42" + "[" * 10_000_000], 1),
    "brackets": (["42" + "[" * 60_000], 1),
    "octets of an error": (['42["error",["list"]]', '42["error",5]'], 2),
    "an unknown kind": (["47[]", "49", "48x", "4x", "4"], 5),
    "an event of no name": (["42[]", "42{}", '42"x"', "42", "425", "42null"], 6),
    "an event of an odd name": (['42[5,"x"]', '42[null,"x"]', '42[["a"],"x"]'], 3),
    "events with the names of the library": (
        [
            '42["connect","x"]',
            '42["disconnect","x"]',
            '42["connect_error","x"]',
            '42["__disconnect_final","x"]',
        ],
        0,
    ),
    "the name of all events": (['42["*"]'], 1),
    "events that are nothing for us": (
        ['42["webrtc","x"]', f'451-["set_webrtc_mode",{ONE}]', b"\x01", '42["é",1]'],
        0,
    ),
    "broken JSON": (['42["status"', "42[", "42]", "42\0", '42["\ud7ff'], 5),
    "long numbers": (["42[" + "9" * 5000 + "]", "4" + "2" * 300 + '["a",1]'], 2),
    "another namespace": (
        ["40/x", '40/x,{"sid":"y"}', '42/x,["status",1]', "41/x", '44/x,{"message":1}'],
        5,
    ),
    "octets for another namespace": ([f'451-/x,["status",{ONE}]', b"\0"], 2),
    "once more let in": (['40{"sid":"another-sid-of-ours"}', "40"], 2),
    "acknowledgements of nothing": (["43[]", "4399[0]", "43x", "461-7[]", b"\0"], 1),
    "a question": (['4217["status",1]', f'451-9["status",{ONE}]', b"\xff"], 2),
    "engine's own": (["6", "3", "3probe", "5", '0{"sid":"x"}', "2probe"], 0),
}


@pytest.mark.parametrize("name", PACKETS)
async def test_packet_when_it_makes_no_sense_then_counted_and_the_session_lives(
    server: SignalingServer,
    viewer: Viewer,
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    packets, faults = PACKETS[name]
    caplog.clear()
    peer = server.peers[0]
    await peer.say(*packets)
    # They are looked at in turn, so when this is answered all were.
    assert (await viewer.features()).firmware == "fine"
    report = viewer.report()
    assert viewer.state is SessionState.READY
    assert report["malformed"] == faults, report
    assert len(server.peers) == 1
    assert len(caplog.records) == min(faults, 1), "told once"
    if name.startswith("10 MB"):
        assert report["last_malformed"].startswith("a packet has 100000"), "not parsed"
    assert "Traceback" not in caplog.text
    assert TOKEN not in caplog.text
    assert viewer.ignored == (3 if name == "events that are nothing for us" else 0) or (
        "webrtc" in str(packets)
    )


async def test_packets_when_all_come_at_once_then_the_session_lives(
    server: SignalingServer, viewer: Viewer
) -> None:
    peer = server.peers[0]
    for packets, _ in PACKETS.values():
        await peer.say(*packets)
    assert (await viewer.features()).firmware == "fine"
    assert len(server.peers) == 1


async def test_messages_when_very_many_are_wrong_then_they_are_only_counted(
    server: SignalingServer, viewer: Viewer, caplog: pytest.LogCaptureFixture
) -> None:
    peer = server.peers[0]
    for _ in range(300):
        await peer.emit("status", b"\x0a\xff")
        await peer.emit_text("\x1b[31m" + "n" * 10_000, 1, 2)
    assert (await viewer.features()).firmware == "fine"
    report = viewer.report()
    assert report["malformed"] == 600
    assert len(report["last_malformed"]) < 300
    assert report["last_malformed"].isprintable()
    assert len([line for line in caplog.messages if "ignored" in line]) == 1


async def test_listener_when_it_raises_then_the_session_lives(
    server: SignalingServer, viewer: Viewer, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_status: object) -> None:
        raise TypeError("mine")

    viewer.on_features.append(broken)
    assert (await viewer.features()).firmware == "fine"
    assert viewer.report()["malformed"] == 0
    assert "a listener failed" in caplog.text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["_placeholder", "num", "sid", "message"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
events = st.sampled_from(
    ["status", "client_trigger", "file_list", "error", "*", "connect"]
)
# Kinds of packets but those that end the session: 1 of both, and 4 of Socket.IO.
texts = st.one_of(
    st.builds("42{}".format, json_values.map(json.dumps)),
    st.builds(
        lambda head, event, rest: head + json.dumps([event, *rest]),
        st.sampled_from(["42", "451-", "452-", "450-", "45", "423", "461-", "431"]),
        events,
        st.lists(st.just(json.loads(ONE)) | json_values, max_size=3),
    ),
    st.builds(
        lambda kind, rest: "4" + kind + rest,
        st.sampled_from("02356789/-x"),
        st.text(max_size=20),
    ),
    st.sampled_from(["2", "3", "6", "0{}", "3x"]),
)
packets_lists = st.lists(texts | st.binary(max_size=40), max_size=12)


@settings(
    max_examples=60,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
    ],
)
@given(packets=packets_lists)
def test_packets_when_any_come_in_any_order_then_the_session_lives(
    packets: list[str | bytes],
) -> None:
    async def run() -> None:
        async with signaling() as server:

            async def answer(peer: Peer, _sent: Sent) -> None:
                await server.tell(peer, "features", Features(firmware="fine"))

            server.on_event = answer
            async with Watched(options(server.url)) as watched:
                await watched.viewer.wait_ready(WAIT_S)
                await server.peers[0].say(*packets)
                async with asyncio.timeout(WAIT_S):
                    assert (await watched.viewer.features()).firmware == "fine"
                assert len(server.peers) == 1

    asyncio.run(run())
