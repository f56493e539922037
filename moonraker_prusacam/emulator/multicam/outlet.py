# Answers as they go out, sound or spoilt.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of an answer on its way: its octets, and how they are sent."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from typing import TYPE_CHECKING

from .faults import HOSTILE_FILE_NAMES, WITHIN_FILE, Fault, FaultKind

if TYPE_CHECKING:
    from .kinds import Answer
    from .recording import Recording

RESET = struct.pack("ii", 1, 0)
LENGTH = struct.Struct(">I")
HUGE_LENGTH = 0x7B220000  # what a reader sees who takes the begin of JSON for a length
TINY_LENGTH = 1
ENDLESS_PIECE = b'{"x": "' + b"x" * 65536
ENDLESS_BYTES = 4 << 20
DEEP = b'{"x":' * 5000
EXTRA = b"and more than was said" * 100
FAST_OCTETS = 4096  # of one answer; a longer one goes on in one piece


class HungUp(Exception):
    """The device has ended the connection."""


class Outlet:
    """The device's side of one connection."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def answer(self, answer: Answer, fault: Fault | None) -> None:
        """Send an answer, with what goes wrong in it or on the way."""
        kind = fault.kind if fault else None
        octets = _spoilt(answer, kind)
        if kind is FaultKind.ENDLESS:
            await self._endless()
        elif kind is FaultKind.OCTET_BY_OCTET:
            await self._one_by_one(octets)
        else:
            await self.write(octets)
        if kind is FaultKind.HALF_AN_ANSWER:
            raise HungUp

    async def recording(
        self, header: Answer, recording: Recording, fault: Fault | None
    ) -> None:
        """Send a recording, with what goes wrong in it or on the way."""
        kind = fault.kind if fault else None
        octets = _spoilt_header(header, fault)
        if kind is FaultKind.OCTET_BY_OCTET:
            await self._one_by_one(octets)
        else:
            await self.write(octets)
        left: float = fault.after_bytes if fault and kind in WITHIN_FILE else 1e18
        for block in recording.blocks():
            await self.write(block[: int(min(left, len(block)))])
            left -= len(block)
            if left < 0:
                await self._break_off(kind)
        if kind is FaultKind.MORE_THAN_SAID:
            await self.write(EXTRA)

    async def write(self, octets: bytes) -> None:
        """Send octets; raises ConnectionResetError if nobody takes them."""
        if self._writer.is_closing():
            raise ConnectionResetError
        self._writer.write(octets)
        await self._writer.drain()

    async def reset(self) -> None:
        """End the connection as a device does that has lost its power."""
        connection = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._writer.transport.abort()
        raise HungUp

    async def _break_off(self, kind: FaultKind | None) -> None:
        if kind is FaultKind.STALL:
            await asyncio.Event().wait()
        if kind is FaultKind.RESET_WITHIN:
            await self.reset()
        raise HungUp

    async def _one_by_one(self, octets: bytes) -> None:
        for at in range(min(len(octets), FAST_OCTETS)):
            await self.write(octets[at : at + 1])
            await asyncio.sleep(0)
        await self.write(octets[FAST_OCTETS:])

    async def _endless(self) -> None:
        for _ in range(ENDLESS_BYTES // len(ENDLESS_PIECE)):
            await self.write(ENDLESS_PIECE)
        await asyncio.Event().wait()


def _spoilt(answer: Answer, kind: FaultKind | None) -> bytes:
    octets = json.dumps(_changed(answer, kind)).encode()
    match kind:
        case FaultKind.NEWLINE_AFTER:
            return octets + b"\r\n"
        case FaultKind.SPACE_BEFORE:
            return b"\n  " + octets
        case FaultKind.PLAIN_TEXT:
            return b"Command received"
        case FaultKind.NOT_AN_OBJECT:
            return b'["ready"]'
        case FaultKind.HALF_AN_ANSWER:
            return octets[: len(octets) // 2]
        case FaultKind.DEEP:
            return DEEP
    return octets


def _changed(answer: Answer, kind: FaultKind | None) -> Answer:
    match kind:
        case FaultKind.NAN:
            return {**answer, "timestamp": float("nan"), "fileSize": float("inf")}
        case FaultKind.WRONG_TYPES:
            return {**answer, "status": ["ready"], "timestamp": "now", "files": {}}
        case FaultKind.MISSING_STATUS:
            return {key: value for key, value in answer.items() if key != "status"}
        case FaultKind.UNKNOWN_STATUS:
            return {**answer, "status": "on_holiday"}
        case FaultKind.NULL_MESSAGE:
            return {**answer, "message": answer.get("message")}
        case FaultKind.NAMELESS_FILE:
            named = {"fileId", "fileName"}
            return {key: answer[key] for key in answer if key not in named}
        case FaultKind.SIZE_ZERO:
            return {**answer, "fileSize": 0}
        case FaultKind.EMPTY_LIST:
            return {**answer, "files": []}
        case FaultKind.HOSTILE_NAMES:
            return {**answer, "files": [_hostile(name) for name in HOSTILE_FILE_NAMES]}
    return answer


def _hostile(name: str) -> Answer:
    return {
        "fileId": name,
        "fileName": name,
        "fileSize": 1,
        "creationDate": 0.0,
        "modificationDate": 0.0,
    }


def _spoilt_header(header: Answer, fault: Fault | None) -> bytes:
    kind = fault.kind if fault else None
    match kind:
        case FaultKind.HEADER_WITHOUT_NAME:
            header = {key: header[key] for key in header if key != "fileName"}
        case FaultKind.HOSTILE_HEADER if fault:
            header = {**header, "fileName": fault.file_name, "fileId": fault.file_name}
        case FaultKind.OTHER_SIZE:
            header = {**header, "fileSize": header["fileSize"] + 1000}
    text = json.dumps(header).encode()
    lengths = {
        FaultKind.HUGE_HEADER: HUGE_LENGTH,
        FaultKind.TINY_HEADER: TINY_LENGTH,
    }
    length = lengths.get(kind, len(text)) if kind else len(text)
    return LENGTH.pack(length) + text
