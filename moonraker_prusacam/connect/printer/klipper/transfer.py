# Downloads to the printer, one at a time.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follows one order from Prusa Connect to the file, or to what became of it.

An order is kept on disk until its end was told: after a restart it goes on, with the
octets that are there. Breaks are gone on from, refusals end it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.connect.download import Listener, PartFile, RangedDownload
from moonraker_prusacam.connect.printer.messages import (
    Event,
    EventKind,
    Outcome,
    Source,
)
from moonraker_prusacam.connect.printer.view import Transfer
from moonraker_prusacam.connect.schedule import BackOff
from moonraker_prusacam.disk import DiskGuard
from moonraker_prusacam.errors import (
    CommandRejected,
    ConnectUnavailable,
    FileRejected,
    PrusacamError,
)
from moonraker_prusacam.tasks import TaskOwner

from .delivery import check, clear, deliver
from .hosts import CheckedResolver, Hosts
from .order import load_order, order_of, save_order, transfer_data
from .paths import require_free
from .printer_file import PrinterFile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from yarl import URL

    from moonraker_prusacam.connect.printer.file_server import FileServer
    from moonraker_prusacam.connect.printer.messages import Command

    from .order import Order
    from .paths import Place
    from .settings import KlipperSettings

log = logging.getLogger(__name__)

FIRST_RETRY_S, LAST_RETRY_S = 1.0, 60.0
MAX_RETRIES = 8  # without an octet: about three minutes
MAX_RETRY_AFTER_S = 300.0
TELL_S = 0.5  # the view changes no more often
INFO_S = 10.0  # between events about one file; telemetry has the rest
MB = 1 << 20
TRANSFER = "transfer"
NOTE, PART = f"{TRANSFER}.json", f"{TRANSFER}.part"


@attrs.frozen
class Ears:
    """Who is told of a transfer, and asked.

    ``root``: the gcodes; raises CommandRejected. ``print_file``: raises PrinterError.
    """

    root: Callable[[], Awaitable[Path]]
    tell: Callable[[Event], None]
    changed: Callable[[], None]
    print_file: Callable[[Place], Awaitable[None]]


class Transfers:
    """Begins, goes on with and stops what is downloaded."""

    def __init__(
        self, server: FileServer, settings: KlipperSettings, ears: Ears
    ) -> None:
        self._server = server
        self._settings = settings
        self._ears = ears
        self._hosts = Hosts(server.url, allow_lan=settings.allow_lan_downloads)
        self._download: RangedDownload | None = None
        self._note = settings.state_path / NOTE
        self._part_path = settings.state_path / PART
        self._order: Order | None = None
        self._work: asyncio.Task[None] | None = None
        self._is_starting = self._is_ending = False
        self._done = self._length = 0
        self._begun_s = self._told_s = 0.0
        self._informed_s = -INFO_S
        self._tasks = TaskOwner("printer transfer")

    @property
    def current(self) -> Transfer | None:
        """What is downloaded now."""
        if (order := self._order) is None:
            return None
        return Transfer(
            id=order.id,
            path=order.place.shown,
            size_bytes=self._length or order.size_bytes or 0,
            done_bytes=self._done,
            elapsed_s=time.monotonic() - self._begun_s,
            from_connect=order.from_connect,
        )

    async def resume(self) -> None:
        """Go on with what an earlier process was ordered."""
        await asyncio.to_thread(self._sweep)
        order = await asyncio.to_thread(load_order, self._note)
        if order is not None:
            log.info("Printer: going on with the download of %s", order.place.shown)
            self._begin(order)

    async def aclose(self) -> None:
        """Stop working; what is there is gone on from. Idempotent."""
        await self._tasks.aclose()
        await self._close_download()

    async def start(self, command: Command) -> Outcome:
        """Begin what ``command`` orders; raises CommandRejected."""
        order = order_of(command)
        if self._order is not None or self._is_starting:
            raise CommandRejected("another transfer is in progress")
        self._is_starting = True
        try:
            root = await self._ears.root()
            PrinterFile(order, self._server, self._hosts, 0).headers(self._url(order))
            await asyncio.to_thread(self._prepare, order, root)
        except PrusacamError as error:
            raise CommandRejected(str(error)) from error
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise CommandRejected(f"the disk: {reason}") from error
        finally:
            self._is_starting = False
        self._begin(order)
        return self.info()

    async def stop(self, transfer_id: object) -> None:
        """End the transfer, and leave nothing of it; raises CommandRejected."""
        order = self._require(transfer_id)
        if order is None:
            raise CommandRejected("no transfer is in progress")
        if self._is_ending:  # a thread moves the file, and cannot be stopped
            raise CommandRejected("the transfer has just come to its end")
        await self._cancel()
        if self._order is not order:
            return  # it has come to its end meanwhile
        await self._leave(order)
        self._tell(order, EventKind.TRANSFER_STOPPED)

    def info(self, transfer_id: object = None) -> Outcome:
        """How far the transfer is; raises CommandRejected for another's id."""
        order, now = self._require(transfer_id), self.current
        if order is None or now is None:
            return Outcome(kind=EventKind.TRANSFER_INFO, data={"type": "NO_TRANSFER"})
        data = transfer_data(order, now, self._url(order))
        return Outcome(kind=EventKind.TRANSFER_INFO, data=data, transfer_id=order.id)

    def _require(self, transfer_id: object) -> Order | None:
        order = self._order
        if transfer_id and (order is None or transfer_id != order.id):
            raise CommandRejected("that is not the current transfer")
        return order

    def _url(self, order: Order) -> URL:
        return order.source(self._server.url)

    def _sweep(self) -> None:
        """Remove what a process that was killed had not put in its place yet."""
        with contextlib.suppress(OSError):
            for path in self._settings.state_path.glob(f".{TRANSFER}.*"):
                path.unlink(missing_ok=True)

    def _prepare(self, order: Order, root: Path) -> None:
        require_free(root, order.place)
        self._settings.state_path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._part(root).discard()
        if order.size_bytes is not None:
            if order.size_bytes > self._settings.max_download_mb * MB:
                raise FileRejected(
                    f"the file has more than {self._settings.max_download_mb} MB"
                )
            self._part(root).require_room(order.size_bytes)
        save_order(order, self._note)

    def _part(self, root: Path) -> PartFile:
        """The file that grows; room is kept where it is, and where it will be."""
        reserve = self._settings.reserve_mb * MB
        places = (self._settings.state_path, root)
        return PartFile(self._part_path, [DiskGuard(p, reserve) for p in places])

    def _begin(self, order: Order) -> None:
        self._order = order
        self._done = self._length = 0
        self._begun_s = time.monotonic()
        self._informed_s = -INFO_S  # the first octets are news
        self._work = self._tasks.start("download", self._run(order))
        self._ears.changed()

    async def _run(self, order: Order) -> None:
        """See the order through, and tell how it ended."""
        try:
            await self._get(order)
        except PrusacamError as error:
            await self._end(order, EventKind.TRANSFER_ABORTED, str(error))
        except Exception as error:  # the disk's, or a bug: the next one may work
            log.exception("Printer: the download of %s failed", order.place.shown)
            reason = error.strerror if isinstance(error, OSError) else None
            words = f"internal error: {reason or type(error).__name__}"
            await self._end(order, EventKind.TRANSFER_ABORTED, words)
        else:
            await self._end(order, EventKind.TRANSFER_FINISHED)
            if order.prints:
                await self._print(order)

    async def _get(self, order: Order) -> None:
        root = await self._until_root()
        if order.delivered_bytes is not None:
            await asyncio.to_thread(clear, root, order.place)
            if await asyncio.to_thread(_is_there, root, order):
                return
        part = self._part(root)
        wanted = PrinterFile(
            order, self._server, self._hosts, self._settings.max_download_mb * MB
        )
        await self._fetch(order, wanted, part)
        if order.size_bytes is not None and part.size != order.size_bytes:
            raise FileRejected(
                f"{part.size} octets came, {order.size_bytes} were announced"
            )
        digests = dict([order.digest] if order.digest else [])
        if wanted.sha256:
            digests["sha256"] = wanted.sha256
        await asyncio.to_thread(part.finish)
        await asyncio.to_thread(check, part.path, digests)
        noted = attrs.evolve(order, delivered_bytes=part.size)
        self._is_ending = True
        await asyncio.to_thread(save_order, noted, self._note)
        guard = DiskGuard(root, self._settings.reserve_mb * MB)
        await asyncio.to_thread(deliver, part.path, root, order.place, guard)

    async def _until_root(self) -> Path:
        """The gcodes, as soon as Moonraker tells: it may start later than we do."""
        waits = BackOff(FIRST_RETRY_S, LAST_RETRY_S)
        for _ in range(MAX_RETRIES):
            with contextlib.suppress(CommandRejected):
                return await self._ears.root()
            await asyncio.sleep(waits.next_s())
        return await self._ears.root()

    async def _fetch(self, order: Order, wanted: PrinterFile, part: PartFile) -> None:
        """Get the whole file, with breaks."""
        waits, idle = BackOff(FIRST_RETRY_S, LAST_RETRY_S), 0
        listener = Listener(self._progress, lambda text: log.info("Printer: %s", text))
        while True:
            had = part.size
            try:
                await self._opened().fetch(self._url(order), wanted, part, listener)
            except ConnectUnavailable as error:
                log.info("Printer: %s", error)
                idle = 0 if part.size > had else idle + 1
                if idle > MAX_RETRIES:
                    raise
                if not idle:
                    waits.reset()
                asked_s = min(error.retry_after_s or 0.0, MAX_RETRY_AFTER_S)
                await asyncio.sleep(max(asked_s, waits.next_s()))
            else:
                return

    def _progress(self, done: int, length: int | None) -> None:
        self._done, self._length = done, length or 0
        now_s = time.monotonic()
        if now_s - self._told_s >= TELL_S:
            self._told_s = now_s
            self._ears.changed()
        if length is not None and now_s - self._informed_s >= INFO_S:
            self._informed_s = now_s
            told = self.info()
            event = Event(
                kind=told.kind,
                source=told.source,
                data=told.data,
                transfer_id=told.transfer_id,
            )
            self._ears.tell(event)

    async def _print(self, order: Order) -> None:
        try:
            await self._ears.print_file(order.place)
        except PrusacamError as error:
            log.warning("Printer: %s is not printed: %s", order.place.shown, error)
            self._ears.tell(
                Event(
                    kind=EventKind.FAILED,
                    source=Source.CONNECT,
                    data={"path": order.place.shown},
                    reason=f"the file is there, but is not printed: {error}",
                )
            )

    async def _end(self, order: Order, kind: EventKind, reason: str = "") -> None:
        self._is_ending = True
        if reason:
            log.warning("Printer: download of %s: %s", order.place.shown, reason)
        await self._leave(order)
        self._tell(order, kind, reason)

    async def _leave(self, order: Order) -> None:
        """Forget the order and what came of it."""
        await self._close_download()
        await asyncio.to_thread(PartFile(self._part_path).discard)
        with contextlib.suppress(OSError):
            await asyncio.to_thread(self._note.unlink, missing_ok=True)
        if self._order is order:
            self._order = self._work = None
            self._is_ending = False

    def _tell(self, order: Order, kind: EventKind, reason: str = "") -> None:
        data = {"path": order.place.shown, "start_cmd_id": order.command_id}
        self._ears.tell(
            Event(
                kind=kind,
                source=Source.CONNECT,
                data=data,
                transfer_id=order.id,
                reason=reason or None,
            )
        )
        self._ears.changed()

    async def _cancel(self) -> None:
        if (work := self._work) is not None:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    def _opened(self) -> RangedDownload:
        if self._download is None:
            self._download = RangedDownload(lambda: CheckedResolver(self._hosts))
        return self._download

    async def _close_download(self) -> None:
        download, self._download = self._download, None
        if download is not None:
            await download.aclose()


def _is_there(root: Path, order: Order) -> bool:
    """Whether an earlier process got as far as the last rename."""
    with contextlib.suppress(OSError):
        found = order.place.under(root).lstat()
        return found.st_size == order.delivered_bytes
    return False
