# Tests of the faults of the local signalling service.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each fault as it looks on the wire, and that it harms nobody else."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from moonraker_prusacam.connect.signaling.codec import Codec
from moonraker_prusacam.connect.signaling.messages import (
    ClientTrigger,
    Configuration,
    Features,
    FileList,
    Message,
    ProtocolVersion,
    Status,
    Switch,
    Trigger,
    VideoState,
)
from moonraker_prusacam.emulator.connect import LocalConnect
from moonraker_prusacam.emulator.signaling import (
    Fault,
    FaultKind,
    LocalSignaling,
    Role,
)
from moonraker_prusacam.emulator.signaling.octets import TEXT_FIELDS, spoil, varint
from moonraker_prusacam.errors import MessageMalformed
from tests.support.signaling import (
    WAIT_S,
    Ended,
    Event,
    RawPeer,
    camera_authentication,
    client_authentication,
    connected,
    knocking,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TOKEN = "AbCdEfGhIjKlMnOpQrSt"
PING_INTERVAL_S = 0.02
CODEC = Codec("wire")
PROGRESS = CODEC.encode(ClientTrigger(video=VideoState.DONE))
STATUS_WANTED = CODEC.encode(Trigger(get_status=Switch.ON))


class Bench:
    """A service that pings often, and those who have come to it."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.connect = LocalConnect()
        self.connect.add_camera(TOKEN)
        self.signaling = LocalSignaling(self.connect, ping_interval_s=PING_INTERVAL_S)
        self.inject = self.signaling.inject
        self._stack = stack

    async def stranger(self) -> RawPeer:
        return await self._stack.enter_async_context(connected(self.connect.url))

    async def knock(self) -> RawPeer:
        return await self._stack.enter_async_context(knocking(self.connect.url))

    async def as_camera(self) -> RawPeer:
        peer = await self.stranger()
        octets = camera_authentication(TOKEN)
        assert await peer.send("camera_authentication", octets) == [0]
        return peer

    async def as_viewer(self) -> RawPeer:
        peer = await self.stranger()
        assert await peer.send("client_authentication", self.viewer_octets) == [0]
        return peer

    @property
    def viewer_octets(self) -> bytes:
        return client_authentication(TOKEN, self.connect.account.session)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        opened = Bench(stack)
        stack.push_async_callback(opened.connect.aclose)
        await opened.connect.start()
        yield opened


async def test_refuse_upgrade_then_its_status(bench: Bench) -> None:
    await bench.inject(Fault("refuse_upgrade", status=502, text="Bad Gateway"))
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await bench.stranger()
    assert caught.value.status == 502
    await bench.as_viewer()


async def test_old_engine_then_connected_unasked_without_sid_and_silent(
    bench: Bench,
) -> None:
    await bench.inject(Fault("old_engine", seconds=0.5))
    peer = await bench.knock()
    assert await peer.connect({"token": TOKEN}) == "40"
    assert peer.opening["pingTimeout"] == 500
    await peer.emit("client_authentication", bench.viewer_octets)
    other = await bench.as_viewer()
    await other.pinged(3)
    assert (peer.pings, peer.sid) == (0, "")


async def test_no_ping_then_none_and_all_else_works(bench: Bench) -> None:
    await bench.inject(Fault("no_ping", seconds=3))
    peer, other = await bench.as_viewer(), await bench.as_viewer()
    assert (peer.opening["pingInterval"], peer.opening["pingTimeout"]) == (0, 3000)
    await other.pinged(3)
    assert await peer.send("webrtc", b"") == []
    assert peer.pings == 0


async def test_slow_ping_then_less_patience_than_the_pings_need(bench: Bench) -> None:
    await bench.inject(Fault("slow_ping", seconds=0.01))
    peer = await bench.as_viewer()
    assert peer.opening["pingTimeout"] == 10 < PING_INTERVAL_S * 1000
    await peer.pinged(2)


async def test_refuse_connect_then_a_connect_error(bench: Bench) -> None:
    await bench.inject(Fault("refuse_connect", text="come later"))
    peer = await bench.knock()
    answer = await peer.connect({"token": TOKEN})
    assert json.loads(answer.removeprefix("44"))["message"] == "come later"
    await bench.as_viewer()


async def test_other_sid_then_the_namespace_is_connected_once_more(
    bench: Bench,
) -> None:
    await bench.inject(Fault("other_sid"))
    peer = await bench.stranger()
    again = await peer.receive()
    assert json.loads(again.removeprefix("40"))["sid"] != peer.sid
    # To the server it is the same one.
    assert await peer.send("client_authentication", bench.viewer_octets) == [0]


@pytest.mark.parametrize(("kind", "end"), [("disconnect", "41"), ("drop", Ended(1006))])
async def test_storm_when_so_many_connections_end_at_once_then_the_next_one_stays(
    bench: Bench, kind: Any, end: object
) -> None:
    await bench.inject(Fault(kind, event="connect", count=5))
    for _ in range(5):
        assert await (await bench.stranger()).end() == end
    await bench.as_viewer()
    knocks = [e for e in bench.signaling.events if e.event == "upgrade"]
    assert len(knocks) == 6


async def test_stall_when_connected_then_neither_pings_nor_acknowledgements(
    bench: Bench,
) -> None:
    await bench.inject(Fault("stall", event="connect"))
    peer, other = await bench.stranger(), await bench.as_viewer()
    await peer.emit("client_authentication", bench.viewer_octets)
    await other.pinged(3)
    assert peer.pings == 0
    assert len(bench.signaling.sessions[TOKEN].members) == 1


async def test_stall_when_an_event_comes_then_it_and_all_later_ones_are_lost(
    bench: Bench,
) -> None:
    camera, viewer = await bench.as_camera(), await bench.as_viewer()
    other = await bench.as_viewer()
    await bench.inject(Fault("stall", event="trigger"))
    await viewer.emit("trigger", STATUS_WANTED)
    await viewer.emit("trigger", STATUS_WANTED)
    await bench.signaling.wait_for(
        lambda: bench.signaling.events[-1].fault == "stall", WAIT_S
    )
    pings = viewer.pings
    await camera.send("client_trigger", PROGRESS)
    await other.event("client_trigger")
    await other.pinged(3)
    assert viewer.pings == pings
    sent = [e.connection for e in bench.signaling.events if e.direction == "out"]
    assert sent == [3]


async def test_stall_when_it_lasts_longer_than_a_ping_may_then_still_connected() -> (
    None
):
    connect = LocalConnect()
    connect.add_camera(TOKEN)
    signaling = LocalSignaling(
        connect, ping_interval_s=PING_INTERVAL_S, ping_timeout_s=0.1
    )
    await signaling.inject(Fault("stall", event="connect"))
    await connect.start()
    try:
        async with connected(connect.url) as peer:
            await signaling.wait_for(
                lambda: signaling.events[-1].event == "disconnect", WAIT_S
            )
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await peer.receive()
    finally:
        await connect.aclose()


async def test_ack_never_then_it_takes_effect_all_the_same(bench: Bench) -> None:
    camera, viewer = await bench.as_camera(), await bench.as_viewer()
    await bench.inject(Fault("ack_never", event="trigger"))
    await viewer.emit("trigger", STATUS_WANTED)
    assert (await camera.event("trigger")).payloads == (STATUS_WANTED,)
    # The first acknowledgement that comes is the next event's.
    assert await viewer.send("client_authentication", bench.viewer_octets) == [2]


async def test_ack_late_when_it_is_of_authentication_then_no_member_before(
    bench: Bench,
) -> None:
    await bench.inject(
        Fault("ack_late", event="client_authentication", seconds=0.2, count=2)
    )
    patient, hasty = await bench.stranger(), await bench.stranger()
    started_s = time.monotonic()
    assert await patient.send("client_authentication", bench.viewer_octets) == [0]
    assert time.monotonic() - started_s >= 0.2
    await hasty.emit("client_authentication", bench.viewer_octets)
    assert await hasty.send("trigger", STATUS_WANTED) == [5]
    assert len(bench.signaling.audit(Role.VIEWER).too_early) == 1


@pytest.mark.parametrize(
    "said", ["0", [0], None, {"code": 0}, 1.5, True, 9, "", [], 1 << 70]
)
async def test_ack_when_it_is_of_another_type_then_that_is_what_comes(
    bench: Bench, said: Any
) -> None:
    await bench.inject(Fault("ack", ack=said))
    peer = await bench.stranger()
    got = await peer.send("client_authentication", bench.viewer_octets)
    assert got == ([] if said is None else [said])


async def test_error_then_a_text_beside_the_acknowledgement(bench: Bench) -> None:
    viewer = await bench.as_viewer()
    await bench.inject(Fault("error", event="trigger", text="InternalError"))
    assert await viewer.send("trigger", STATUS_WANTED) == [0]
    assert (await viewer.event("error")).payloads == ("InternalError",)


async def test_disconnect_when_authenticated_then_after_the_acknowledgement(
    bench: Bench,
) -> None:
    await bench.inject(Fault("disconnect", event="client_authentication"))
    peer = await bench.stranger()
    assert await peer.send("client_authentication", bench.viewer_octets) == [0]
    assert await peer.end() == "41"


async def test_drop_when_an_event_comes_then_it_takes_effect_and_nobody_says_so(
    bench: Bench,
) -> None:
    camera, viewer = await bench.as_camera(), await bench.as_viewer()
    await bench.inject(Fault("drop", event="trigger"))
    assert await viewer.send("trigger", STATUS_WANTED) == Ended(1006)
    await camera.event("trigger")
    await bench.signaling.wait_for(
        lambda: not bench.signaling.is_connected(TOKEN, Role.VIEWER), WAIT_S
    )


async def passed_on(bench: Bench, kind: Any, **measure: Any) -> RawPeer:
    """A viewer to whom the progress of a video is passed on, spoilt."""
    camera, viewer = await bench.as_camera(), await bench.as_viewer()
    await bench.inject(Fault(kind, event="client_trigger", **measure))
    assert await camera.send("client_trigger", PROGRESS) == []
    return viewer


async def test_lose_then_it_is_acknowledged_and_gone(bench: Bench) -> None:
    viewer = await passed_on(bench, "lose")
    assert await viewer.send("webrtc", b"") == []
    assert isinstance(told := await viewer.receive(), Event)
    assert told.name == "error"


async def test_late_then_after_so_long(bench: Bench) -> None:
    started_s = time.monotonic()
    viewer = await passed_on(bench, "late", seconds=0.2)
    assert (await viewer.event("client_trigger")).payloads == (PROGRESS,)
    assert time.monotonic() - started_s >= 0.2


async def test_twice_then_two_of_them(bench: Bench) -> None:
    viewer = await passed_on(bench, "twice")
    one, two = [await viewer.event("client_trigger") for _ in range(2)]
    assert one == two == Event("client_trigger", (PROGRESS,))


async def test_no_attachment_then_what_comes_next_is_taken_for_it(
    bench: Bench,
) -> None:
    viewer = await passed_on(bench, "no_attachment")
    await viewer.emit("webrtc", b"")
    (taken,) = (await viewer.event("client_trigger")).payloads
    assert taken == []  # the acknowledgement of webrtc


async def test_two_attachments_then_one_is_left_over(bench: Bench) -> None:
    viewer = await passed_on(bench, "two_attachments")
    assert (await viewer.event("client_trigger")).payloads == (PROGRESS,)
    assert await viewer.receive() == PROGRESS


async def test_two_payloads_then_both_belong_to_it(bench: Bench) -> None:
    viewer = await passed_on(bench, "two_payloads")
    assert (await viewer.event("client_trigger")).payloads == (PROGRESS, PROGRESS)


async def test_as_text_then_a_text(bench: Bench) -> None:
    viewer = await passed_on(bench, "as_text")
    assert (await viewer.event("client_trigger")).payloads == (PROGRESS.decode(),)


async def test_huge_then_so_many_octets(bench: Bench) -> None:
    viewer = await passed_on(bench, "huge")
    (octets,) = (await viewer.event("client_trigger")).payloads
    assert len(octets) > 10_000_000
    with pytest.raises(MessageMalformed):
        CODEC.decode(ClientTrigger, octets)


MESSAGES: dict[str, Message] = {
    "trigger": Trigger(get_status=Switch.ON, request_id="x"),
    "configuration": Configuration(job_name="vase"),
    "status": Status(temperature_c=41.5, uptime="1 day"),
    "features": Features(firmware="3.1.6"),
    "protobuf_version": ProtocolVersion(version="4.4"),
    "client_trigger": ClientTrigger(video=VideoState.DONE),
    "file_list": FileList(page_text="1;1\na;D\n"),
}
SPOILT = [
    (profile, event)
    for profile in ("seed", "wire")
    for event, message in MESSAGES.items()
    if Codec(profile).has(type(message))
]


def spoilt(kind: FaultKind, profile: str, event: str) -> tuple[bytes, Message]:
    """A message's octets as ``kind`` makes them, and the message."""
    message = MESSAGES[event]
    if (profile, event) == ("seed", "trigger"):
        message = Trigger(get_status=Switch.ON)
    return spoil(kind, event, Codec(profile).encode(message), 100_000), message


def test_messages_when_compared_with_the_fields_of_text_then_all() -> None:
    assert MESSAGES.keys() == TEXT_FIELDS.keys()


@pytest.mark.parametrize(("profile", "event"), SPOILT)
@pytest.mark.parametrize(
    "kind", [FaultKind.TRUNCATED, FaultKind.INVALID_UTF8, FaultKind.HUGE]
)
def test_octets_when_spoilt_beyond_reading_then_no_message(
    kind: FaultKind, profile: str, event: str
) -> None:
    octets, message = spoilt(kind, profile, event)
    with pytest.raises(MessageMalformed):
        Codec(profile).decode(type(message), octets)


@pytest.mark.parametrize(("profile", "event"), SPOILT)
def test_octets_when_there_are_unknown_fields_then_the_known_ones_are_read(
    profile: str, event: str
) -> None:
    octets, message = spoilt(FaultKind.UNKNOWN_FIELDS, profile, event)
    assert Codec(profile).decode(type(message), octets) == message


@pytest.mark.parametrize(("profile", "event"), SPOILT)
@pytest.mark.parametrize("kind", [FaultKind.WRONG_WIRE_TYPE, FaultKind.EMPTY])
def test_octets_when_nothing_in_them_fits_then_a_message_that_says_nothing(
    kind: FaultKind, profile: str, event: str
) -> None:
    octets, message = spoilt(kind, profile, event)
    assert Codec(profile).decode(type(message), octets) == type(message)()


@pytest.mark.parametrize(
    ("value", "octets"),
    [(0, b"\x00"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02")],
)
def test_varint_when_written_then_seven_bits_an_octet(
    value: int, octets: bytes
) -> None:
    assert varint(value) == octets


@pytest.mark.parametrize(
    "nonsense",
    [
        {"kind": "flood"},
        {"kind": "ack", "ack": b"octets"},
        {"kind": "refuse_upgrade", "status": 200},
        {"kind": "refuse_upgrade", "status": "403"},
        {"kind": "late", "seconds": 0},
        {"kind": "huge", "size_bytes": -1},
        {"kind": "lose", "event": 5},
        {"kind": "lose", "colour": "red"},
        ["lose"],
    ],
    ids=str,
)
def test_fault_when_it_makes_no_sense_then_an_error(nonsense: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        Fault.from_json(nonsense)


def test_fault_when_shown_then_only_what_is_said() -> None:
    fault = Fault("ack", event="trigger", ack=[1])
    assert fault.as_json() == {"kind": "ack", "event": "trigger", "ack": [1]}
    assert Fault.from_json(fault.as_json()) == fault
