# Reading what a device answers.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's end of a connection: answers of any dialect, read strictly.

Nothing is waited for until the end of the connection, which no device closes. Only
bounded pieces are held: a recording passes through in chunks.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from moonraker_prusacam.errors import MultiCamMalformed, MultiCamUnavailable

from .constants import COMMAND_TIMEOUT, DOWNLOAD_STALL_TIMEOUT
from .fields import Fields
from .framing import ERROR_BEGINS, LENGTH, header_length
from .responses import FileResponse, ListFilesResponse, StatusResponse
from .scanner import ObjectScanner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# The list of a phone that nobody has ever tidied up.
MAX_ANSWER_BYTES: Final = 1024 * 1024
CHUNK_BYTES: Final = 64 * 1024


class AnswerReader:
    """Answers out of a stream, in the order of the commands.

    Every method raises MultiCamUnavailable if the device is silent for too long or
    goes away, and MultiCamMalformed if it sends what no device should.
    """

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self._stream = stream
        self._scanner = ObjectScanner(MAX_ANSWER_BYTES)
        self._ahead = b""  # read together with what was before it

    async def status(self, timeout_s: float = COMMAND_TIMEOUT) -> StatusResponse:
        """The answer to a command; whether it is an error is the caller's to check."""
        return StatusResponse.from_json(await self._object(timeout_s))

    async def files(self, timeout_s: float = COMMAND_TIMEOUT) -> ListFilesResponse:
        """The answer to LIST_FILES.

        Raises MultiCamRefused, or a kind of it, for an answer that is an error.
        """
        fields = Fields.parse(await self._object(timeout_s))
        if not fields.has("files"):
            StatusResponse.from_fields(fields).check()
            raise MultiCamMalformed("an answer without files")
        return ListFilesResponse.from_fields(fields)

    async def file_header(self, timeout_s: float = COMMAND_TIMEOUT) -> FileResponse:
        """The header of a recording; ``chunks`` gives what follows it.

        Raises MultiCamRefused, or a kind of it, for an answer that is an error.
        """
        async with _patience(timeout_s, "answer to GET_VIDEO"):
            self._ahead = self._scanner.rest()
            while (begin := await self._exactly(1)).isspace():
                pass
            if begin == ERROR_BEGINS:
                self._scanner.feed(begin)
                StatusResponse.from_json(await self._object(timeout_s)).check()
                raise MultiCamMalformed("a status instead of a recording")
            begin += await self._exactly(LENGTH.size - 1)
            text = await self._exactly(header_length(begin))
        return FileResponse.from_json(text)

    async def chunks(
        self, size_bytes: int, timeout_s: float = DOWNLOAD_STALL_TIMEOUT
    ) -> AsyncIterator[bytes]:
        """The octets of the recording, ``size_bytes`` of them; each waits so long."""
        left = size_bytes
        while left:
            async with _patience(timeout_s, "more of a recording"):
                chunk = await self._some(min(left, CHUNK_BYTES))
            if not chunk:
                raise MultiCamUnavailable(f"gone with {left} octets still to come")
            left -= len(chunk)
            yield chunk

    async def _object(self, timeout_s: float) -> bytes:
        self._scanner.feed(self._ahead)
        self._ahead = b""
        async with _patience(timeout_s, "answer"):
            while (text := self._scanner.take()) is None:
                chunk = await self._stream.read(CHUNK_BYTES)
                if not chunk:
                    raise MultiCamUnavailable("gone without an answer")
                self._scanner.feed(chunk)
            return text

    async def _some(self, size_bytes: int) -> bytes:
        if not self._ahead:
            return await self._stream.read(size_bytes)
        taken, self._ahead = self._ahead[:size_bytes], self._ahead[size_bytes:]
        return taken

    async def _exactly(self, size_bytes: int) -> bytes:
        octets = b""
        while len(octets) < size_bytes:
            some = await self._some(size_bytes - len(octets))
            if not some:
                raise MultiCamUnavailable("gone within an answer")
            octets += some
        return octets


@asynccontextmanager
async def _patience(timeout_s: float, awaited: str) -> AsyncIterator[None]:
    """Name what did not come in time, and what ended the connection."""
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError as error:
        raise MultiCamUnavailable(f"no {awaited} for {timeout_s:g} s") from error
    except MultiCamUnavailable:
        raise
    except OSError as error:
        raise MultiCamUnavailable(f"the connection broke: {error}") from error
