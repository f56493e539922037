# JSON-RPC 2.0 messages, one a line.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may stand on a line of the control socket (https://www.jsonrpc.org).

Lines come from other processes and are not trusted: a bad one raises RpcError, and
nothing else, and the connection lives on. Batches are not used.
"""

from __future__ import annotations

import json
from typing import Any

import attrs

from moonraker_prusacam.errors import PrusacamError, RpcError

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
BUSY = -32000
FAILED = -32001

MAX_REQUEST_BYTES = 1 << 20
MAX_REPLY_BYTES = 8 << 20

RequestId = int | str


@attrs.frozen
class Call:
    """A request, or a notification where ``id`` is None."""

    method: str
    params: dict[str, Any]
    id: RequestId | None = None


@attrs.frozen
class Reply:
    """The answer to the request ``id``: a result, or an error."""

    id: RequestId | None
    result: Any = None
    error: RpcError | None = None


def decode(line: bytes) -> Call | Reply:
    """The message on ``line``; raises RpcError for anything else."""
    try:
        message = json.loads(line.decode())
    except (ValueError, RecursionError):
        raise RpcError(PARSE_ERROR, "the line is not JSON", http_status=400) from None
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise _invalid("not a JSON-RPC 2.0 object")
    identity = message.get("id")
    if isinstance(identity, bool) or not isinstance(identity, int | str | None):
        raise _invalid("'id' is neither a whole number nor text")
    if "method" in message:
        params = message.get("params", {})
        if not isinstance(message["method"], str) or not isinstance(params, dict):
            raise _invalid("'method' is not text, or 'params' is not an object")
        return Call(message["method"], params, identity)
    if "error" in message:
        return Reply(identity, error=_error(message["error"]))
    if "result" in message:
        return Reply(identity, result=message["result"])
    raise _invalid("neither 'method' nor 'result' nor 'error'")


def encode(message: Call | Reply) -> bytes:
    """One line, with its newline."""
    fields: dict[str, Any] = {"jsonrpc": "2.0"}
    if isinstance(message, Call):
        fields |= {"method": message.method, "params": message.params}
        if message.id is not None:
            fields["id"] = message.id
    else:
        fields["id"] = message.id
        if message.error is None:
            fields["result"] = message.result
        else:
            fields["error"] = {
                "code": message.error.code,
                "message": message.error.message,
                "data": {"http_status": message.error.http_status},
            }
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def as_rpc_error(error: PrusacamError) -> RpcError:
    """Any of our errors as one that can be sent."""
    if isinstance(error, RpcError):
        return error
    return RpcError(FAILED, str(error), http_status=error.http_status)


def _invalid(message: str) -> RpcError:
    return RpcError(INVALID_REQUEST, message, http_status=400)


def _error(value: object) -> RpcError:
    fields = value if isinstance(value, dict) else {}
    code, message = fields.get("code"), fields.get("message")
    data = fields.get("data")
    status = data.get("http_status") if isinstance(data, dict) else None
    return RpcError(
        code if isinstance(code, int) else INTERNAL_ERROR,
        message if isinstance(message, str) else "the peer reported an error",
        http_status=status if isinstance(status, int) else 500,
    )
