# Tests of the control socket's messages.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Good lines, bad lines and hostile lines."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonraker_prusacam.control import protocol
from moonraker_prusacam.control.protocol import Call, Reply, decode, encode
from moonraker_prusacam.errors import (
    CameraNotFound,
    FrameUnavailable,
    PrusacamError,
    RpcError,
    TimelapseError,
)

GOOD: dict[str, tuple[bytes, Call | Reply]] = {
    "request": (
        b'{"jsonrpc":"2.0","id":1,"method":"a.b","params":{"x":1}}\n',
        Call("a.b", {"x": 1}, 1),
    ),
    "request with text as id": (
        b'{"jsonrpc":"2.0","id":"x","method":"a"}',
        Call("a", {}, "x"),
    ),
    "notification": (b'{"jsonrpc":"2.0","method":"a","params":{}}', Call("a", {})),
    "id null": (b'{"jsonrpc":"2.0","id":null,"method":"a"}', Call("a", {})),
    "reply": (b'{"jsonrpc":"2.0","id":1,"result":[1]}', Reply(1, [1])),
    "reply of nothing": (b'{"jsonrpc":"2.0","id":1,"result":null}', Reply(1)),
    "more fields": (
        b'{"jsonrpc":"2.0","id":-7,"method":"","x":1}\r\n',
        Call("", {}, -7),
    ),
    "blanks": (b' \t{ "jsonrpc" : "2.0", "method" : "a" } \r\n', Call("a", {})),
    "not ASCII": (
        '{"jsonrpc":"2.0","method":"Düse"}'.encode(),
        Call("Düse", {}),
    ),
    "huge number": (
        b'{"jsonrpc":"2.0","method":"a","params":{"x":1e999}}',
        Call("a", {"x": float("inf")}),
    ),
    "same name twice": (
        b'{"jsonrpc":"2.0","method":"a","method":"b"}',
        Call("b", {}),
    ),
}


@pytest.mark.parametrize(("line", "message"), GOOD.values(), ids=GOOD)
def test_line_when_good_then_decoded(line: bytes, message: Call | Reply) -> None:
    assert decode(line) == message


NOT_JSON = {
    "words": b"hello\n",
    "empty": b"",
    "half": b'{"jsonrpc":"2.0","id":1',
    "two": b'{"jsonrpc":"2.0","method":"a"}{"jsonrpc":"2.0","method":"a"}',
    "single quotes": b"{'jsonrpc':'2.0','method':'a'}",
    "trailing comma": b'{"jsonrpc":"2.0","method":"a",}',
    "comment": b'{"jsonrpc":"2.0","method":"a"} # hi',
    "NUL": b'{"jsonrpc":"2.0","method":"a\0"}',
    "only NUL": b"\0" * 100,
    "binary": bytes(range(256)),
    "JPEG": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "TLS": b"\x16\x03\x01\x02\x00\x01",
    "HTTP": b"GET / HTTP/1.1\r",
    "byte order mark": b'\xef\xbb\xbf{"jsonrpc":"2.0","method":"a"}',
    "UTF-16": '{"jsonrpc":"2.0","method":"a"}'.encode("utf-16"),
    "UTF-32": '{"jsonrpc":"2.0","method":"a"}'.encode("utf-32-le"),
    "surrogate": b'{"jsonrpc":"2.0","method":"\xed\xa0\x80"}',
    "nested lists": b"[" * 100_000,
    "nested and closed": b"[" * 100_000 + b"]" * 100_000,
    "nested objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "endless number": b'{"jsonrpc":"2.0","id":' + b"1" * 10_000 + b"}",
}


@pytest.mark.parametrize("line", NOT_JSON.values(), ids=NOT_JSON)
def test_line_when_no_json_then_parse_error(line: bytes) -> None:
    with pytest.raises(RpcError, match="not JSON") as caught:
        decode(line)
    assert (caught.value.code, caught.value.http_status) == (-32700, 400)


INVALID = {
    "null": "null",
    "number": "1",
    "text": '"hello"',
    "NaN": "NaN",
    "batch": '[{"jsonrpc":"2.0","id":1,"method":"a"}]',
    "empty batch": "[]",
    "empty object": "{}",
    "no version": '{"id":1,"method":"a"}',
    "version 1": '{"jsonrpc":"1.0","id":1,"method":"a"}',
    "version as number": '{"jsonrpc":2.0,"id":1,"method":"a"}',
    "nothing to do": '{"jsonrpc":"2.0","id":1}',
    "id true": '{"jsonrpc":"2.0","id":true,"method":"a"}',
    "id with a point": '{"jsonrpc":"2.0","id":1.5,"method":"a"}',
    "id list": '{"jsonrpc":"2.0","id":[1],"method":"a"}',
    "id object": '{"jsonrpc":"2.0","id":{},"method":"a"}',
    "id of a reply": '{"jsonrpc":"2.0","id":[],"result":1}',
    "method null": '{"jsonrpc":"2.0","id":1,"method":null}',
    "method number": '{"jsonrpc":"2.0","id":1,"method":7}',
    "params list": '{"jsonrpc":"2.0","id":1,"method":"a","params":[1]}',
    "params null": '{"jsonrpc":"2.0","id":1,"method":"a","params":null}',
    "params text": '{"jsonrpc":"2.0","id":1,"method":"a","params":"x"}',
}


@pytest.mark.parametrize("line", INVALID.values(), ids=INVALID)
def test_line_when_json_of_other_shape_then_invalid_request(line: str) -> None:
    with pytest.raises(RpcError, match=r".") as caught:
        decode(line.encode())
    assert (caught.value.code, caught.value.http_status) == (-32600, 400)


ERRORS: dict[str, tuple[object, int, int]] = {
    "complete": ({"code": -7, "message": "no", "data": {"http_status": 404}}, -7, 404),
    "no status": ({"code": -7, "message": "no"}, -7, 500),
    "status of text": (
        {"code": -7, "message": "no", "data": {"http_status": "x"}},
        -7,
        500,
    ),
    "data of text": ({"code": -7, "message": "no", "data": "x"}, -7, 500),
    "no code": ({"message": "no"}, -32603, 500),
    "code of text": ({"code": "x"}, -32603, 500),
    "text": ("no", -32603, 500),
    "null": (None, -32603, 500),
    "list": ([1], -32603, 500),
}


@pytest.mark.parametrize(("error", "code", "status"), ERRORS.values(), ids=ERRORS)
def test_error_when_of_any_shape_then_rpcerror(
    error: object, code: int, status: int
) -> None:
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "error": error}).encode()
    reply = decode(line)
    assert isinstance(reply, Reply)
    assert reply.error is not None
    assert (reply.error.code, reply.error.http_status) == (code, status)
    assert str(reply.error)


@given(st.binary())
def test_decode_when_given_any_bytes_then_message_or_rpcerror(line: bytes) -> None:
    try:
        message = decode(line)
    except RpcError:
        return
    assert isinstance(message, Call | Reply)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
FIELDS = st.dictionaries(
    st.sampled_from(["jsonrpc", "id", "method", "params", "result", "error", "code"]),
    st.just("2.0") | JSON,
)


@given(FIELDS, st.booleans())
def test_decode_when_given_any_object_then_message_or_rpcerror(
    fields: dict[str, Any], is_versioned: bool
) -> None:
    if is_versioned:
        fields["jsonrpc"] = "2.0"
    try:
        message = decode(json.dumps(fields).encode())
    except RpcError:
        return
    assert isinstance(message, Call | Reply)


IDS = st.integers() | st.text()
OBJECTS = st.dictionaries(st.text(), st.integers() | st.text(), max_size=3)


@given(
    st.builds(Call, st.text(), OBJECTS, st.none() | IDS)
    | st.builds(Reply, st.none() | IDS, OBJECTS)
)
def test_message_when_encoded_then_one_line_that_decodes_to_it(
    message: Call | Reply,
) -> None:
    line = encode(message)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert decode(line) == message


def test_message_when_it_holds_a_lone_surrogate_then_encoded() -> None:
    call = decode(b'{"jsonrpc":"2.0","method":"\\ud800"}')
    assert decode(encode(call)) == call


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (CameraNotFound("no camera 'x'"), 404),
        (FrameUnavailable("gone"), 503),
        (TimelapseError("busy"), 409),
        (PrusacamError("no"), 500),
        (RpcError(-5, "mine", http_status=418), 418),
    ],
)
def test_error_when_sent_then_message_and_status_arrive(
    error: PrusacamError, status: int
) -> None:
    sent = protocol.as_rpc_error(error)
    reply = decode(encode(Reply(1, error=sent)))
    assert isinstance(reply, Reply)
    assert reply.error is not None
    assert str(reply.error) == str(error)
    assert reply.error.http_status == status
    assert reply.error.code == (-5 if isinstance(error, RpcError) else protocol.FAILED)
