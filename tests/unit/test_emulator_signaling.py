# Tests of the rules of the local signalling service.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One conversation for every rule, and what is switched, relayed, and revoked."""

from __future__ import annotations

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
    ProtocolVersion,
    Status,
    Switch,
    Trigger,
    VideoState,
)
from moonraker_prusacam.emulator.connect import LocalConnect
from moonraker_prusacam.emulator.signaling import (
    RULES,
    Behaviour,
    LocalSignaling,
    Role,
)
from moonraker_prusacam.errors import EmulatorError
from moonraker_prusacam.secret import Secret
from tests.support.scenarios import Scenarios
from tests.support.signaling import (
    FINGERPRINT,
    QUERY,
    WAIT_S,
    Ended,
    Event,
    camera_authentication,
    client_authentication,
    connected,
    knocking,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from moonraker_prusacam.connect.signaling.messages import Message
    from moonraker_prusacam.emulator.connect import Rule
    from tests.support.signaling import RawPeer

TOKEN = "AbCdEfGhIjKlMnOpQrSt"
SECRET = Secret(TOKEN)


class Bench:
    """A local signalling service, and those who have come to it."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.connect = LocalConnect()
        self.camera = self.connect.add_camera(TOKEN)
        self.signaling = LocalSignaling(self.connect)
        self._stack = stack

    @property
    def jwt(self) -> str:
        return self.connect.account.session

    @property
    def codec(self) -> Codec:
        return Codec(self.signaling.behaviour.profile)

    async def stranger(self) -> RawPeer:
        """A connection that has not authenticated."""
        return await self._stack.enter_async_context(connected(self.connect.url))

    async def as_camera(self, token: str = TOKEN) -> RawPeer:
        peer = await self.stranger()
        octets = camera_authentication(token)
        assert await peer.send("camera_authentication", octets) == [0]
        return peer

    async def as_viewer(self, token: str = TOKEN) -> RawPeer:
        peer = await self.stranger()
        octets = client_authentication(token, self.jwt)
        assert await peer.send("client_authentication", octets) == [0]
        return peer

    async def get(self, query: dict[str, str], **headers: str) -> int:
        """The status of a request that asks for no WebSocket."""
        url = f"{self.connect.url}/socket.io/"
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.get(url, params=query) as answer,
        ):
            return answer.status

    def encode(self, message: Message) -> bytes:
        return self.codec.encode(message)

    async def ask(self, camera: RawPeer, **wanted: Any) -> None:
        """Have the service ask the camera."""
        await self.signaling.send(TOKEN, Trigger(**wanted))
        await camera.event("trigger")


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        opened = Bench(stack)
        stack.push_async_callback(opened.connect.aclose)
        await opened.connect.start()
        yield opened


SCENARIOS: Scenarios[Bench] = Scenarios()
scenario = SCENARIOS.meets


async def refused(peer: RawPeer, error: str) -> None:
    """The peer is told ``error`` and sent away."""
    told = await peer.event("error")
    assert told.payloads == (error,)
    assert await peer.end() == "41"


@scenario("polling")
async def _(bench: Bench) -> None:
    assert await bench.get({"EIO": "4", "transport": "polling"}) == 400


@scenario("engine version")
async def _(bench: Bench) -> None:
    assert await bench.get({**QUERY, "EIO": "3"}) == 400


@scenario("origin missing")
async def _(bench: Bench) -> None:
    bench.signaling.behaviour = Behaviour(require_origin=True)
    async with connected(bench.connect.url, headers={"Origin": "null"}):
        pass
    assert await bench.get(QUERY) == 403


@scenario("connect token")
async def _(bench: Bench) -> None:
    for auth in (None, {}, {"token": ""}, ["token"]):
        async with knocking(bench.connect.url) as peer:
            answer = await peer.connect(auth)
            assert answer.startswith("44{"), answer


@scenario("connected")
async def _(bench: Bench) -> None:
    peer = await bench.stranger()
    assert peer.sid
    assert peer.opening["upgrades"] == []


@scenario("camera undecodable")
async def _(bench: Bench) -> None:
    peer = await bench.stranger()
    for payload in (b"\xff", "text", 5):
        assert await peer.send("camera_authentication", payload) == [4]
    assert await peer.send("camera_authentication") == [4]


@scenario("camera without token")
async def _(bench: Bench) -> None:
    peer = await bench.stranger()
    assert await peer.send("camera_authentication", camera_authentication("")) == [3]


@scenario("camera refused")
async def _(bench: Bench) -> None:
    peer = await bench.stranger()
    swapped = camera_authentication(FINGERPRINT, TOKEN)
    for octets in (camera_authentication("x" * 20), swapped):
        assert await peer.send("camera_authentication", octets) == [1]


@scenario("camera again")
async def _(bench: Bench) -> None:
    peer = await bench.as_camera()
    octets = camera_authentication(TOKEN)
    assert await peer.send("camera_authentication", octets) == [2]


@scenario("camera fingerprint differs")
async def _(bench: Bench) -> None:
    bench.camera.fingerprint = "another"
    peer = await bench.stranger()
    octets = camera_authentication(TOKEN)
    assert await peer.send("camera_authentication", octets) == [1]


@scenario("camera joined")
async def _(bench: Bench) -> None:
    before = await bench.as_camera()
    await bench.as_camera()
    assert await before.end() == "41"
    assert bench.camera.fingerprint == FINGERPRINT
    assert bench.signaling.is_connected(TOKEN, Role.CAMERA)


@scenario("viewer undecodable")
async def _(bench: Bench) -> None:
    peer = await bench.stranger()
    assert await peer.send("client_authentication", b"\x0a\x05x") == [4]


@scenario("viewer without token")
async def _(bench: Bench) -> None:
    peer = await bench.stranger()
    octets = client_authentication("", bench.jwt)
    assert await peer.send("client_authentication", octets) == [3]


@scenario("viewer again")
async def _(bench: Bench) -> None:
    peer = await bench.as_viewer()
    octets = client_authentication(TOKEN, bench.jwt)
    assert await peer.send("client_authentication", octets) == [2]


@scenario("viewer rejected")
async def _(bench: Bench) -> None:
    peer = await bench.stranger()
    for octets in (
        client_authentication("x" * 20, bench.jwt),
        client_authentication(TOKEN, "of another"),
        client_authentication(TOKEN, ""),
    ):
        assert await peer.send("client_authentication", octets) == [5]


@scenario("viewer type")
async def _(bench: Bench) -> None:
    peer = await bench.stranger()
    octets = client_authentication(TOKEN, bench.jwt, client_type="robot")
    assert await peer.send("client_authentication", octets) == [5]


@scenario("viewer by fingerprint")
async def _(bench: Bench) -> None:
    bench.signaling.behaviour = Behaviour(profile="seed")
    await bench.as_camera()
    peer = await bench.stranger()
    wrong = client_authentication(TOKEN, "", fingerprint="f" * 32)
    assert await peer.send("client_authentication", wrong) == [5]
    octets = client_authentication(TOKEN, "", fingerprint=FINGERPRINT)
    assert await peer.send("client_authentication", octets) == [0]


@scenario("camera absent")
async def _(bench: Bench) -> None:
    bench.signaling.behaviour = Behaviour(absent_camera_code=5)
    peer = await bench.stranger()
    octets = client_authentication(TOKEN, bench.jwt)
    assert await peer.send("client_authentication", octets) == [5]
    bench.signaling.behaviour = Behaviour()
    assert await peer.send("client_authentication", octets) == [0]


@scenario("viewer joined")
async def _(bench: Bench) -> None:
    await bench.as_camera()
    await bench.as_viewer()
    assert bench.signaling.is_connected(TOKEN, Role.VIEWER)


@scenario("protocol from a stranger")
async def _(bench: Bench) -> None:
    peer = await bench.stranger()
    octets = bench.encode(ProtocolVersion(version="4.4"))
    assert await peer.send("protobuf_version", octets) == [1]
    await refused(peer, "CameraIsNotSessionMemberError")


@scenario("camera is no member")
async def _(bench: Bench) -> None:
    viewer = await bench.as_viewer()
    assert await viewer.send("status", bench.encode(Status(name="x"))) == [1]
    await refused(viewer, "CameraIsNotSessionMemberError")


@scenario("event undecodable")
async def _(bench: Bench) -> None:
    camera = await bench.as_camera()
    viewer = await bench.as_viewer()
    assert await camera.send("client_trigger", b"\x0a\x7f") == [4]
    assert await camera.send("client_trigger", "text") == [4]
    assert await camera.send("client_trigger", b"", b"") == [4]
    # None of them has gone further.
    await camera.send("client_trigger", bench.encode(ClientTrigger(text_1="one")))
    assert (await viewer.event("client_trigger")).payloads == (b"\x0a\x03one",)


@scenario("protocol unasked")
async def _(bench: Bench) -> None:
    camera = await bench.as_camera()
    octets = bench.encode(ProtocolVersion(version="4.4"))
    assert await camera.send("protobuf_version", octets) == [1]
    await refused(camera, "CameraIsNotSessionMemberError")


@scenario("unasked")
async def _(bench: Bench) -> None:
    camera = await bench.as_camera()
    viewer = await bench.as_viewer()
    octets = bench.encode(Status(name="x"))
    assert await camera.send("status", octets) == [1001]
    assert (await viewer.event("status")).payloads == (octets,)
    bench.signaling.behaviour = Behaviour(cycle_unasked=True)
    assert await camera.send("file_list", bench.encode(FileList(page_text="1;1"))) == [
        1
    ]
    await refused(camera, "CameraIsNotSessionMemberError")
    assert len(bench.signaling.audit(Role.CAMERA).unasked) == 2


@scenario("reply")
async def _(bench: Bench) -> None:
    camera = await bench.as_camera()
    viewer = await bench.as_viewer()
    wanted = Trigger(get_status=Switch.ON, get_features=Switch.ON, camera_token=SECRET)
    assert await viewer.send("trigger", bench.encode(wanted)) == [0]
    assert (await camera.event("trigger")).payloads == (bench.encode(wanted),)
    for event, message in (
        ("status", Status(name="x")),
        ("features", Features(hardware="x")),
    ):
        octets = bench.encode(message)
        assert await camera.send(event, octets) == [1001]
        assert await viewer.event(event) == Event(event, (octets,))


@scenario("protocol version")
async def _(bench: Bench) -> None:
    camera = await bench.as_camera()
    viewer = await bench.as_viewer()
    await viewer.send("trigger", bench.encode(Trigger(get_protocol=Switch.ON)))
    octets = bench.encode(ProtocolVersion(version="4.4"))
    assert await camera.send("protobuf_version", octets) == [1001]
    assert (await viewer.event("protobuf_version")).payloads == (octets,)


@scenario("client trigger")
async def _(bench: Bench) -> None:
    camera = await bench.as_camera()
    viewer = await bench.as_viewer()
    octets = bench.encode(ClientTrigger(video=VideoState.DONE))
    assert await camera.send("client_trigger", octets) == []
    assert (await viewer.event("client_trigger")).payloads == (octets,)


@scenario("file list")
async def _(bench: Bench) -> None:
    camera = await bench.as_camera()
    await bench.ask(camera, get_files=Switch.ON)
    for page in ("1;2\na;D\n", "2;2\nb;D\n"):
        octets = bench.encode(FileList(page_text=page))
        assert await camera.send("file_list", octets) == []


@scenario("viewer is no member")
async def _(bench: Bench) -> None:
    peer = await bench.stranger()
    octets = bench.encode(Trigger(get_status=Switch.ON))
    assert await peer.send("trigger", octets) == [5]
    await refused(peer, "ClientIsNotSessionMemberError")


@scenario("request undecodable")
async def _(bench: Bench) -> None:
    viewer = await bench.as_viewer()
    assert await viewer.send("configuration", b"\x1a\x05\x08") == [4]


@scenario("other camera")
async def _(bench: Bench) -> None:
    viewer = await bench.as_viewer()
    other = Secret(bench.connect.add_camera().token)
    octets = bench.encode(Trigger(get_status=Switch.ON, camera_token=other))
    assert await viewer.send("trigger", octets) == [5]


@scenario("camera away")
async def _(bench: Bench) -> None:
    viewer = await bench.as_viewer()
    octets = bench.encode(Trigger(get_status=Switch.ON))
    assert await viewer.send("trigger", octets) == [0]
    bench.signaling.behaviour = Behaviour(away_camera_code=5)
    assert await viewer.send("trigger", octets) == [5]


@scenario("relayed")
async def _(bench: Bench) -> None:
    camera = await bench.as_camera()
    viewer = await bench.as_viewer()
    # With a field that nobody knows: number 1000, a varint.
    octets = bench.encode(Configuration(job_name="vase")) + b"\xc0\x3e\x07"
    assert await viewer.send("configuration", octets) == [0]
    assert (await camera.event("configuration")).payloads == (octets,)


@scenario("webrtc")
async def _(bench: Bench) -> None:
    viewer = await bench.as_viewer()
    assert await viewer.send("webrtc", b"") == []
    told = await viewer.event("error")
    assert told.payloads == ("webrtc - Error: Unimplemented type: 0",)


@scenario("unknown event")
async def _(bench: Bench) -> None:
    viewer = await bench.as_viewer()
    await viewer.emit("dance", 5)
    # It would have come first.
    assert await viewer.send("webrtc", b"") == []
    assert bench.signaling.events[-3].event == "dance"


@scenario("token revoked")
async def _(bench: Bench) -> None:
    camera = await bench.as_camera()
    viewer = await bench.as_viewer()
    await bench.signaling.revoke(TOKEN)
    await refused(camera, "CameraIsNotSessionMemberError")
    await refused(viewer, "ClientIsNotSessionMemberError")
    again = await bench.stranger()
    octets = camera_authentication(TOKEN)
    assert await again.send("camera_authentication", octets) == [1]
    octets = client_authentication(TOKEN, bench.jwt)
    assert await again.send("client_authentication", octets) == [5]


def test_scenarios_when_compared_with_the_rules_then_each_rule_has_one() -> None:
    assert list(SCENARIOS) == [rule.name for rule in RULES]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
async def test_rule_when_met_then_its_answer_and_its_name_in_the_log(
    bench: Bench, rule: Rule
) -> None:
    _, play = SCENARIOS[rule.name]
    await play(bench)
    met = [e for e in bench.signaling.events if e.verdict == rule.name]
    assert met
    assert {record.evidence for record in met} == {rule.evidence}
    shown = str([record.as_json() for record in bench.signaling.events])
    for secret in (TOKEN, FINGERPRINT, bench.jwt):
        assert secret not in shown


async def test_camera_when_the_server_expects_swapped_fields_then_they_have_to_be(
    bench: Bench,
) -> None:
    bench.signaling.behaviour = Behaviour(swapped_fields=True)
    peer = await bench.stranger()
    octets = camera_authentication(TOKEN)
    assert await peer.send("camera_authentication", octets) == [1]
    swapped = camera_authentication(FINGERPRINT, TOKEN)
    assert await peer.send("camera_authentication", swapped) == [0]
    assert bench.camera.fingerprint == FINGERPRINT


@pytest.mark.parametrize(
    ("acks", "progress", "trigger"), [("known", [], [0]), ("all", [0], [0])]
)
async def test_acknowledgements_when_switched_then_a_number_for_a_receipt(
    bench: Bench, acks: str, progress: Any, trigger: Any
) -> None:
    bench.signaling.behaviour = Behaviour(acks=acks)
    camera, viewer = await bench.as_camera(), await bench.as_viewer()
    octets = bench.encode(ClientTrigger(text_1="x"))
    assert await camera.send("client_trigger", octets) == progress
    wanted = bench.encode(Trigger(reboot=Switch.ON))
    assert await viewer.send("trigger", wanted) == trigger


async def test_acknowledgements_when_only_of_authentication_then_no_others(
    bench: Bench,
) -> None:
    bench.signaling.behaviour = Behaviour(acks="authentication")
    camera, viewer = await bench.as_camera(), await bench.as_viewer()
    await viewer.emit("trigger", bench.encode(Trigger(get_status=Switch.ON)))
    await camera.event("trigger")
    await camera.emit("status", bench.encode(Status(name="x")))
    # An acknowledgement of the trigger would have come before.
    assert isinstance(await viewer.receive(), Event)


async def test_replies_when_requests_are_stamped_then_to_the_viewer_that_asked(
    bench: Bench,
) -> None:
    bench.signaling.behaviour = Behaviour(stamp_request_id=True)
    camera = await bench.as_camera()
    one, other = await bench.as_viewer(), await bench.as_viewer()
    await other.send("trigger", bench.encode(Trigger(get_status=Switch.ON)))
    stamped = bench.codec.decode(Trigger, (await camera.event("trigger")).payloads[0])
    assert stamped.request_id == other.sid
    await camera.send("status", bench.encode(Status(request_id=stamped.request_id)))
    await other.event("status")
    await camera.send("client_trigger", bench.encode(ClientTrigger(text_1="all")))
    first = await one.receive()
    assert isinstance(first, Event)
    assert first.name == "client_trigger"


async def test_session_when_there_are_two_then_nothing_crosses(bench: Bench) -> None:
    token = bench.connect.add_camera().token
    camera, viewer = await bench.as_camera(), await bench.as_viewer(token)
    await camera.send("client_trigger", bench.encode(ClientTrigger(text_1="mine")))
    other = await bench.as_camera(token)
    await other.send("client_trigger", bench.encode(ClientTrigger(text_1="yours")))
    assert (await viewer.event("client_trigger")).payloads == (b"\x0a\x05yours",)


async def test_seed_profile_when_the_kind_is_none_of_it_then_octets_are_passed_on(
    bench: Bench,
) -> None:
    bench.signaling.behaviour = Behaviour(profile="seed")
    camera, viewer = await bench.as_camera(), await bench.as_viewer()
    await bench.ask(camera, get_files=Switch.ON)
    assert await camera.send("file_list", b"\xff whatever") == []
    assert (await viewer.event("file_list")).payloads == (b"\xff whatever",)


async def test_web_page_when_it_wants_a_picture_then_the_camera_is_told(
    bench: Bench,
) -> None:
    camera = await bench.as_camera()
    headers = {"Authorization": f"Bearer {bench.jwt}"}
    url = f"{bench.connect.url}/app/cameras/{TOKEN}/snapshots"
    async with aiohttp.ClientSession(headers=headers) as http, http.post(url) as answer:
        assert answer.status == 204
    wanted = bench.codec.decode(Trigger, (await camera.event("trigger")).payloads[0])
    assert wanted == Trigger(get_snapshot=Switch.ON, camera_token=SECRET)


async def test_send_when_the_camera_is_away_then_an_error(bench: Bench) -> None:
    with pytest.raises(EmulatorError, match="not connected"):
        await bench.signaling.send(TOKEN, Trigger())


async def test_disconnect_when_one_role_is_meant_then_the_other_stays(
    bench: Bench,
) -> None:
    camera, viewer = await bench.as_camera(), await bench.as_viewer()
    await bench.signaling.disconnect(TOKEN, Role.CAMERA)
    assert await camera.end() == "41"
    await bench.signaling.wait_for(
        lambda: not bench.signaling.is_connected(TOKEN, Role.CAMERA), WAIT_S
    )
    assert await viewer.send("webrtc", b"") == []


async def test_message_when_it_is_larger_than_a_megabyte_then_the_end(
    bench: Bench,
) -> None:
    viewer = await bench.as_viewer()
    assert await viewer.send("trigger", bytes(2_000_000)) == Ended(1009)


async def test_service_when_it_closes_then_everybody_is_gone(bench: Bench) -> None:
    viewer = await bench.as_viewer()
    await bench.connect.aclose()
    assert isinstance(await viewer.end(), Ended)
