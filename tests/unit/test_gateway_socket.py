# Tests of the gateway's WebSocket.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What passes in either direction, and what becomes of those who send nonsense."""

from __future__ import annotations

import asyncio
import json
import os
import socket as sockets
import struct
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moonraker_prusacam.gateway import moonraker as upstream
from moonraker_prusacam.gateway import server, viewer
from moonraker_prusacam.gateway.message import MAX_CALLS, MAX_MESSAGE_BYTES
from moonraker_prusacam.gateway.methods import METHODS
from tests.support.gateway import FakeMoonraker, Watcher, gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

IDENTIFY = {
    "client_name": "mainsail",
    "version": "2.18",
    "type": "web",
    "url": "https://example.org",
}
SAFE = "server.websocket.id"
DENIED = "printer.gcode.script"


@pytest.fixture
async def moonraker() -> AsyncIterator[FakeMoonraker]:
    async with FakeMoonraker() as made:
        yield made


@pytest.fixture
async def watcher(moonraker: FakeMoonraker) -> AsyncIterator[Watcher]:
    async with gateway(moonraker.url) as door, Watcher(door.port) as made:
        yield made


def call(method: Any, id_: Any = 1, **more: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": method, "id": id_, **more}


async def test_call_when_allowed_then_answered_under_its_own_id(
    moonraker: FakeMoonraker, watcher: Watcher
) -> None:
    moonraker.answers[SAFE] = {"websocket_id": 7}
    answer = await watcher.ask(SAFE, id_="mine")
    assert answer == {"jsonrpc": "2.0", "result": {"websocket_id": 7}, "id": "mine"}
    assert moonraker.calls == [{"jsonrpc": "2.0", "method": SAFE, "id": 1}]


async def test_call_when_denied_then_words_and_nothing_passes(
    moonraker: FakeMoonraker, watcher: Watcher
) -> None:
    answer = await watcher.ask(DENIED, {"script": "M112"})
    assert answer["id"] == 1
    assert answer["error"]["code"] == 403
    assert (
        "read-only gateway: printer.gcode.script is refused"
        in answer["error"]["message"]
    )
    assert "error" not in await watcher.ask(SAFE)
    assert moonraker.methods == [SAFE]


SPELLINGS = [
    "PRINTER.GCODE.SCRIPT",
    "Printer.Info",
    "printer.info ",
    " printer.info",
    "printer.info\u0000",
    "printer.info\n",
    "printer.inf\u043e",  # a Cyrillic letter
    "\uff50rinter.info",  # a fullwidth letter, which NFKC makes a p
    "printer\u2024info",  # a one dot leader, which NFKC makes a dot
    "printer/info",
    "printer..info",
    "printer.info.",
    "\ufeffprinter.info",
    "",
    "x" * 100_000,
    *("__class__", "printer.register_remote_method", "printer.list_endpoints"),
]


@pytest.mark.parametrize("method", SPELLINGS, ids=range(len(SPELLINGS)))
async def test_method_when_spelt_otherwise_then_is_none(
    moonraker: FakeMoonraker, watcher: Watcher, method: str
) -> None:
    answer = await watcher.ask(method)
    assert answer["error"]["code"] == -32601
    assert len(answer["error"]["message"]) < 200
    await watcher.ask(SAFE)
    assert moonraker.methods == [SAFE]


NONSENSE = [
    ("", -32700),
    ("\x00", -32700),
    ("{", -32700),
    ("NaN", -32700),
    ("[" * 100_000, -32700),
    ('{"a":' * 50_000, -32700),
    ('{"jsonrpc":"2.0","method":"server.info","id":1,"params":{"a":Infinity}}', -32700),
    (f'{{"jsonrpc":"2.0","method":"{SAFE}","method":"{DENIED}","id":1}}', -32700),
    (f'{{"jsonrpc":"2.0","method":"{DENIED}","method":"{SAFE}","id":1}}', -32700),
    (
        f'{{"jsonrpc":"2.0","method":"{SAFE}","meth\\u006fd":"{DENIED}","id":1}}',
        -32700,
    ),
    (f'{{"jsonrpc":"2.0","method":"{SAFE}","id":{"9" * 5000}}}', -32700),
    ("null", -32600),
    ("1", -32600),
    ('"server.info"', -32600),
    ("[]", -32600),
    (json.dumps([call(SAFE)] * (MAX_CALLS + 1)), -32600),
    (json.dumps({"method": SAFE, "id": 1}), -32600),
    (json.dumps({"jsonrpc": 2.0, "method": SAFE, "id": 1}), -32600),
    (json.dumps({"jsonrpc": "2.0", "id": 1, "result": {}}), -32600),
    (json.dumps({"jsonrpc": "2.0", "id": 1}), -32600),
    (json.dumps(call([SAFE])), -32600),
    (json.dumps(call({"method": SAFE})), -32600),
    (json.dumps(call(None)), -32600),
    (json.dumps(call(1)), -32600),
    (json.dumps(call(SAFE, id_=True)), -32600),
    (json.dumps(call(SAFE, id_=1.5)), -32600),
    (json.dumps(call(SAFE, id_=2**60)), -32600),
    (json.dumps(call(SAFE, id_="x" * 65)), -32600),
    (json.dumps(call(SAFE, id_=[1])), -32600),
    (json.dumps(call(SAFE, params=[1])), -32602),
    (json.dumps(call(SAFE, params="a")), -32602),
    (json.dumps(call("printer.objects.query", params={"objects": []})), -32602),
    (json.dumps(call("printer.objects.query", params={})), -32602),
    (
        json.dumps(call("printer.objects.query", params={"objects": {"a": "b"}})),
        -32602,
    ),
    (json.dumps(call("server.files.list", params={"root": "config"})), -32602),
    (json.dumps(call("server.files.list", params={"root": ["gcodes"]})), -32602),
    (json.dumps(call("server.files.get_directory", params={"path": "logs"})), -32602),
    (
        json.dumps(
            call("server.files.get_directory", params={"path": "gcodes/../config"})
        ),
        -32602,
    ),
    (
        json.dumps(call("server.files.metadata", params={"filename": "../config/a"})),
        -32602,
    ),
    (
        json.dumps(
            call("server.connection.identify", params={**IDENTIFY, "type": "agent"})
        ),
        -32602,
    ),
]


@pytest.mark.parametrize(("text", "code"), NONSENSE, ids=range(len(NONSENSE)))
async def test_message_when_nonsense_then_error_and_connection_lives(
    moonraker: FakeMoonraker, watcher: Watcher, text: str, code: int
) -> None:
    answer = await watcher.ask_text(text)
    assert answer["error"]["code"] == code
    assert "result" in await watcher.ask(SAFE)
    assert moonraker.methods == [SAFE]


async def test_call_when_nobody_wants_an_answer_then_it_goes_nowhere(
    moonraker: FakeMoonraker, watcher: Watcher
) -> None:
    for method in (SAFE, DENIED):
        text = json.dumps({"jsonrpc": "2.0", "method": method})
        await watcher.socket.send_str(text)
    assert "result" in await watcher.ask("printer.info")
    assert moonraker.methods == ["printer.info"]


async def test_identify_when_it_holds_keys_then_they_stay_here(
    moonraker: FakeMoonraker, watcher: Watcher
) -> None:
    secrets = {"api_key": "hunter2", "access_token": "hunter2", "x": "hunter2"}
    await watcher.ask("server.connection.identify", {**IDENTIFY, **secrets})
    assert moonraker.calls[0]["params"] == IDENTIFY
    assert "hunter2" not in moonraker.texts[0]


async def test_batch_when_mixed_then_answered_as_one_and_filtered_each(
    moonraker: FakeMoonraker, watcher: Watcher
) -> None:
    batch = [
        call(SAFE, "a"),
        call(DENIED, "b"),
        {"jsonrpc": "2.0", "method": SAFE},
        [call(DENIED, "c")],
        call("access.info", "d"),
        call("server.info", True),
    ]
    await watcher.socket.send_str(json.dumps(batch))
    answers = await watcher.receive()
    by_id = {answer["id"]: answer for answer in answers if answer["id"]}
    assert len(answers) == 5
    assert by_id["a"]["result"] == {}
    assert by_id["b"]["error"]["code"] == 403
    assert by_id["d"]["result"]["login_required"] is False
    assert moonraker.methods == [SAFE]


async def test_binary_frame_when_sent_then_the_connection_ends(
    moonraker: FakeMoonraker, watcher: Watcher
) -> None:
    await watcher.socket.send_bytes(json.dumps(call(SAFE)).encode())
    with pytest.raises(ConnectionError, match="1003"):
        await watcher.receive()
    assert moonraker.calls == []


async def test_message_when_too_large_then_the_connection_ends(
    moonraker: FakeMoonraker, watcher: Watcher
) -> None:
    await watcher.socket.send_str(" " * (MAX_MESSAGE_BYTES + 1))
    with pytest.raises(ConnectionError, match="1009"):
        await watcher.receive()
    assert moonraker.calls == []


def frame(
    opcode: int, payload: bytes, *, final: bool = True, rsv1: bool = False
) -> bytes:
    """A masked frame (RFC 6455, 5.2)."""
    mask = os.urandom(4)
    head = bytes([(final << 7) | (rsv1 << 6) | opcode])
    if len(payload) < 126:
        head += bytes([0x80 | len(payload)])
    elif len(payload) < 1 << 16:
        head += bytes([0x80 | 126]) + struct.pack("!H", len(payload))
    else:
        head += bytes([0x80 | 127]) + struct.pack("!Q", len(payload))
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return head + mask + masked


async def shake_hands(
    port: int, extra: str = ""
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    key = b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET /websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        f"Sec-WebSocket-Version: 13\r\n{extra}\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101")
    return reader, writer, head


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Opcode and payload of the next frame; (8, b"") where there is none any more."""
    async with asyncio.timeout(10):
        if not (head := await reader.read(2)):
            return 8, b""
        size = head[1] & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", await reader.readexactly(2))
        return head[0] & 0xF, await reader.readexactly(size)


async def test_message_when_in_fragments_then_filtered_as_a_whole(
    moonraker: FakeMoonraker,
) -> None:
    text = json.dumps(call(DENIED)).encode()
    async with gateway(moonraker.url) as door:
        reader, writer, _ = await shake_hands(door.port)
        writer.write(frame(1, text[:20], final=False))
        writer.write(frame(9, b"ping between"))
        for at in range(20, len(text)):
            writer.write(frame(0, text[at : at + 1], final=at == len(text) - 1))
        # The pong to the ping between comes first, then the answer.
        assert await read_frame(reader) == (10, b"ping between")
        opcode, answer = await read_frame(reader)
        writer.close()
    assert opcode == 1
    assert json.loads(answer)["error"]["code"] == 403
    assert moonraker.calls == []


BAD_FRAMES = {
    "compressed without agreement": frame(1, b"\x00" * 8, rsv1=True),
    "not UTF-8": frame(1, b'{"method":"\xff\xfe"}'),
    "overlong UTF-8": frame(1, b'{"method":"\xc0\xae"}'),
    "fragments too large": frame(1, b" " * 200_000, final=False)
    + frame(0, b" " * 200_000),
    "continuation of nothing": frame(0, b"{}"),
    "unknown opcode": frame(3, b"{}"),
    "unmasked size of 8 EiB": b"\x81\xff" + b"\x7f" * 8,
}


@pytest.mark.parametrize("name", BAD_FRAMES)
async def test_frame_when_bad_then_the_connection_ends(
    moonraker: FakeMoonraker, name: str
) -> None:
    async with gateway(moonraker.url) as door:
        reader, writer, _ = await shake_hands(door.port)
        writer.write(BAD_FRAMES[name])
        opcode, _ = await read_frame(reader)
        writer.close()
    assert opcode == 8
    assert moonraker.calls == []


async def test_compression_when_offered_then_not_taken(
    moonraker: FakeMoonraker,
) -> None:
    offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
    async with gateway(moonraker.url) as door:
        _, writer, head = await shake_hands(door.port, offer)
        writer.close()
    assert b"extensions" not in head.lower()


async def test_answer_when_nobody_asked_then_dropped(
    moonraker: FakeMoonraker, watcher: Watcher
) -> None:
    for id_ in (1, 0, True, 99, "mine", None, [1]):
        told = {"jsonrpc": "2.0", "result": "secret", "id": id_}
        await moonraker.notify(json.dumps(told))
    for text in ("[1]", '"a"', '{"jsonrpc":"2.0","method":5,"params":[]}'):
        await moonraker.notify(text)
    assert (await watcher.ask(SAFE))["result"] == {}
    assert watcher.notices == []


async def test_notice_when_known_then_passes_and_others_are_dropped(
    moonraker: FakeMoonraker, watcher: Watcher
) -> None:
    told: list[dict[str, Any]] = [
        {"method": "notify_klippy_ready"},
        {"method": "notify_gcode_response", "params": ["ok"]},
        {"method": "notify_user_created", "params": [{"username": "bob"}]},
        {"method": "notify_update_response", "params": [{}]},
        {"method": "notify_new_in_a_later_release", "params": ["secret"]},
        {"method": "Notify_Gcode_Response", "params": ["secret"]},
        # An agent would be asked like this.
        {"method": "notify_gcode_response", "params": ["secret"], "id": 4},
        # Of another shape than it is known to have.
        {"method": "notify_filelist_changed", "params": [5]},
        {
            "method": "notify_filelist_changed",
            "params": [{"action": "create_file", "item": {"root": "config"}}],
        },
        {
            "method": "notify_filelist_changed",
            "params": [
                {
                    "action": "move_file",
                    "item": {"root": "gcodes", "path": "a"},
                    "source_item": {"root": "config", "path": "secret"},
                }
            ],
        },
    ]
    for notice in told:
        await moonraker.notify(json.dumps({"jsonrpc": "2.0", **notice}))
    await watcher.ask(SAFE)
    assert [notice["method"] for notice in watcher.notices] == [
        "notify_klippy_ready",
        "notify_gcode_response",
    ]


async def test_answer_when_of_an_unknown_shape_then_an_error(
    moonraker: FakeMoonraker, watcher: Watcher
) -> None:
    moonraker.answers["server.info"] = ["not", "a", "dict"]
    assert (await watcher.ask("server.info"))["error"]["code"] == -32603
    assert "result" in await watcher.ask(SAFE)


async def test_flood_when_sent_then_read_at_a_pace(
    moonraker: FakeMoonraker, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = int(server.CALLS_AT_ONCE) + 10
    began = asyncio.get_running_loop().time()
    for number in range(count):
        await watcher.socket.send_str(json.dumps(call(DENIED, number)))
    for _ in range(count):
        await watcher.answer()
    took_s = asyncio.get_running_loop().time() - began
    # The last ten are behind what may be asked at once.
    assert took_s > 0.8 * 10 / server.CALLS_PER_SECOND


async def test_call_when_moonraker_is_silent_then_told_so(
    moonraker: FakeMoonraker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewer, "ANSWER_TIMEOUT_S", 0.1)
    moonraker.silent.add(SAFE)
    async with gateway(moonraker.url) as door, Watcher(door.port) as watcher:
        for _ in range(viewer.MAX_PENDING + 1):
            await watcher.socket.send_str(json.dumps(call(SAFE)))
        for _ in range(viewer.MAX_PENDING + 1):
            answer = await watcher.answer()
            assert answer["error"]["message"] == "Moonraker does not answer"


async def test_viewer_when_it_reads_nothing_then_dropped_and_others_go_on(
    moonraker: FakeMoonraker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewer, "MAX_QUEUED_BYTES", 1 << 20)
    line = "x" * 100_000
    text = json.dumps(
        {"jsonrpc": "2.0", "method": "notify_gcode_response", "params": [line]}
    )
    async with gateway(moonraker.url) as door, Watcher(door.port) as watcher:
        slow = sockets.socket()
        slow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        slow.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(slow, ("127.0.0.1", door.port))
        reader, writer = await asyncio.open_connection(sock=slow, limit=1024)
        writer.write(
            b"GET /websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            b"Sec-WebSocket-Version: 13\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        await moonraker.wait_for(lambda: len(moonraker.sockets) == 2)
        told = 0
        async with asyncio.timeout(20):
            while len(moonraker.sockets) == 2:
                await moonraker.notify(text)
                told += 1
                await watcher.receive()
        assert told < 300
        assert "result" in await watcher.ask(SAFE)
        writer.close()


async def test_moonraker_when_it_leaves_then_the_end_is_no_proper_one(
    moonraker: FakeMoonraker,
) -> None:
    async with gateway(moonraker.url) as door, Watcher(door.port) as watcher:
        await watcher.ask(SAFE)
        await moonraker.sockets[0].close()
        message = await watcher.socket.receive(timeout=10)
        assert message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        # Mainsail takes 1006 for a reason to connect again.
        assert watcher.socket.close_code in (1006, None)


async def test_moonraker_when_it_comes_back_in_time_then_waited_for(
    moonraker: FakeMoonraker,
) -> None:
    port = moonraker.port
    await moonraker.aclose()
    async with gateway(f"http://127.0.0.1:{port}") as door:
        connecting = asyncio.create_task(Watcher(door.port).__aenter__())
        await asyncio.wait([connecting], timeout=2 * upstream.RETURN_POLL_S)
        assert not connecting.done()
        await moonraker.start(port)
        watcher = await connecting
        assert "result" in await watcher.ask(SAFE)
        await watcher.__aexit__()


async def test_moonraker_when_absent_then_502_in_words(
    moonraker: FakeMoonraker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream, "RETURN_TIMEOUT_S", 0.0)
    await moonraker.aclose()
    async with gateway(moonraker.url) as door:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await Watcher(door.port).__aenter__()
    assert caught.value.status == 502


async def test_moonraker_when_it_does_not_trust_the_gateway_then_the_log_helps(
    moonraker: FakeMoonraker, watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    moonraker.errors[SAFE] = (-32602, "Unauthorized")
    answer = await watcher.ask(SAFE)
    assert answer["error"]["message"] == "Unauthorized"
    assert "api_key_file" in caplog.text


@pytest.mark.parametrize("namespace", ["mainsail", "fluidd"])
async def test_namespace_when_nothing_is_stored_then_empty(
    moonraker: FakeMoonraker, watcher: Watcher, namespace: str
) -> None:
    moonraker.errors["server.database.get_item"] = (-32601, "Namespace not found")
    params = {"namespace": namespace}
    answer = await watcher.ask("server.database.get_item", params)
    assert answer["result"]["value"] == {}
    answer = await watcher.ask("server.database.get_item", {**params, "key": "a"})
    assert answer["error"]["code"] == -32601


HIDDEN_ITEMS: list[tuple[dict[str, Any], str]] = [
    ({"namespace": "moonraker"}, "Namespace 'moonraker' not found"),
    ({"namespace": "Mainsail"}, "Namespace 'Mainsail' not found"),
    ({"namespace": "mobileraker"}, "Namespace 'mobileraker' not found"),
    (
        {"namespace": "mobileraker", "key": "fcm"},
        "Key 'fcm' in namespace 'mobileraker' not found",
    ),
    (
        {"namespace": "mobileraker", "key": ["settings"]},
        "Key '['settings']' in namespace 'mobileraker' not found",
    ),
]


@pytest.mark.parametrize(("params", "words"), HIDDEN_ITEMS)
async def test_item_when_not_shown_then_moonrakers_words_for_none(
    moonraker: FakeMoonraker, watcher: Watcher, params: dict[str, Any], words: str
) -> None:
    answer = await watcher.ask("server.database.get_item", params)
    assert answer["error"] == {"code": -32601, "message": words}
    shown = {"namespace": "mobileraker", "key": "settings"}
    assert "result" in await watcher.ask("server.database.get_item", shown)
    assert len(moonraker.calls) == 1


@pytest.mark.parametrize(("limit", "asked"), [(50, 50), ("5", 5), (0, 1), (1e9, 1000)])
async def test_history_when_all_of_it_is_asked_for_then_a_page(
    moonraker: FakeMoonraker, watcher: Watcher, limit: object, asked: int
) -> None:
    await watcher.ask("server.history.list", {"limit": limit, "order": "asc"})
    assert moonraker.calls[0]["params"] == {"limit": asked, "order": "asc"}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([*METHODS, DENIED, "2.0", "gcodes", "config", "../config"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["jsonrpc", "method", "params", "id", "objects", "path"])
            | st.text(max_size=6),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)
CALLS = st.fixed_dictionaries(
    {
        "jsonrpc": st.just("2.0") | JSON,
        "method": st.sampled_from([*METHODS, DENIED, "server.restart"]) | JSON,
        "id": st.integers() | st.text(max_size=5) | JSON,
    },
    optional={"params": JSON, "method ": JSON, "result": JSON},
)


@settings(
    max_examples=8,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
    ],
)
@given(messages=st.lists(CALLS | st.lists(CALLS, max_size=3) | JSON, max_size=12))
async def test_messages_when_invented_then_only_allowed_methods_pass(
    messages: list[Any],
) -> None:
    async with (
        FakeMoonraker() as moonraker,
        gateway(moonraker.url) as door,
        Watcher(door.port) as watcher,
    ):
        for message in messages:
            await watcher.socket.send_str(json.dumps(message))
        # The end of the connection, or an answer to this, says that all was read.
        await watcher.socket.send_str(json.dumps(call("access.info", "last")))
        while True:
            answer = await watcher.receive()
            if isinstance(answer, dict) and answer.get("id") == "last":
                break
        for passed in moonraker.calls:
            assert passed["method"] in METHODS
            assert set(passed) <= {"jsonrpc", "method", "id", "params"}
            params = passed.get("params", {})
            # What was understood is understood again, as the same.
            assert METHODS[passed["method"]].read(params) == params
        assert {path for _, path in moonraker.requests} == {"/websocket"}
