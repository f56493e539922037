# Which answer belongs to which question.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions that wait for their answers, and lists of files that come in pages.

A camera's answer is an event of its own. Where the profile has a field for it, the
answer names whom it is for, by our id in the namespace (seen on the wire, in a status);
others belong to other viewers of the same camera. An answer without it, or of a kind
that has no such field, is taken as ours.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar, cast

from moonraker_prusacam.errors import MessageMalformed, SignalingUnavailable

from .messages import FileList, Message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moonraker_prusacam.errors import SignalingError

    from .messages import TimelapseFile

MAX_WAITING = 32  # questions at a time
MAX_PAGES = 1000
MAX_LIST_BYTES = 1 << 20

M = TypeVar("M", bound=Message)


class Pages:
    """The pages of one list, which may come in any order.

    ``changed`` is set whenever there is news.
    """

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self._error: SignalingError | None = None
        self._pages: dict[int, tuple[TimelapseFile, ...]] = {}
        self._count = 0
        self._size_bytes = 0

    def add(self, page: FileList) -> None:
        """Take ``page``, unless it makes no sense."""
        self.changed.set()
        number, count = page.page
        if count != self._count:  # another list begins
            self._pages, self._count, self._size_bytes = {}, count, 0
        self._size_bytes += len(page.page_text)
        if not 0 < count <= MAX_PAGES or not 0 <= number <= count:
            self._error = MessageMalformed(
                "the list of files has a page of a number that makes no sense"
            )
        elif self._size_bytes > MAX_LIST_BYTES:
            self._error = MessageMalformed("the list of files is too long to be one")
        else:
            self._pages[number] = page.files

    def fail(self, error: SignalingError) -> None:
        """Nothing more will come."""
        self._error = error
        self.changed.set()

    def is_whole(self) -> bool:
        """Whether all pages are there, counted from 0 or from 1; raises what failed."""
        if self._error is not None:
            raise self._error
        return 0 < self._count <= len(self._pages)

    @property
    def files(self) -> tuple[TimelapseFile, ...]:
        """The files, in the order of the pages."""
        return tuple(
            file for number in sorted(self._pages) for file in self._pages[number]
        )

    def __bool__(self) -> bool:
        return bool(self._pages)

    def __str__(self) -> str:
        return f"{len(self._pages)} of {self._count} pages"


class Answers:
    """The questions of one viewer."""

    def __init__(self) -> None:
        self._waiting: dict[type[Message], list[asyncio.Future[Message]]] = {}
        self._lists: list[Pages] = []

    @contextmanager
    def expect(self, kind: type[M]) -> Iterator[asyncio.Future[M]]:
        """A future for the next answer of ``kind``, in this block.

        Raises SignalingUnavailable when too many wait.
        """
        if sum(map(len, self._waiting.values())) >= MAX_WAITING:
            raise SignalingUnavailable("too many questions wait for an answer")
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        futures = self._waiting.setdefault(kind, [])
        futures.append(future)
        try:
            yield cast("asyncio.Future[M]", future)
        finally:
            futures.remove(future)
            if future.done() and not future.cancelled():
                future.exception()  # asked for or not, it was told
            future.cancel()

    @contextmanager
    def collect(self) -> Iterator[Pages]:
        """The pages of the list that comes in this block."""
        pages = Pages()
        self._lists.append(pages)
        try:
            yield pages
        finally:
            self._lists.remove(pages)

    def arrived(self, message: Message, sid: str) -> None:
        """Give ``message`` to whoever asked for it, if it is for us."""
        whose = getattr(message, "request_id", "")
        if whose and whose != sid:
            return
        if isinstance(message, FileList):
            for pages in self._lists:
                pages.add(message)
        for future in self._waiting.get(type(message), ()):
            if not future.done():
                future.set_result(message)

    def failed(self, error: SignalingError, kind: type[Message] | None = None) -> None:
        """Have all questions, or those of ``kind``, fail."""
        kinds = self._waiting if kind is None else (kind,)
        for futures in [self._waiting.get(each, ()) for each in kinds]:
            for future in futures:
                if not future.done():
                    future.set_exception(error)
        if kind in (None, FileList):
            for pages in self._lists:
                pages.fail(error)
