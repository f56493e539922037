# A virtual Prusa camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A camera at the signalling service: answers, obeys, records, and renders.

It keeps to the rules of the service and sends nothing that it was not asked for, but
the progress of its video.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import aiohttp

from moonraker_prusacam.connect.signaling.codec import Codec
from moonraker_prusacam.connect.signaling.messages import (
    Configuration,
    FileList,
    ProtocolVersion,
    Status,
    Switch,
    Trigger,
)
from moonraker_prusacam.emulator.camera import LoopingPrint
from moonraker_prusacam.emulator.connect.plan import FaultPlan
from moonraker_prusacam.emulator.signaling.changes import Changes
from moonraker_prusacam.errors import (
    ClosedError,
    MessageMalformed,
)
from moonraker_prusacam.secret import Secret
from moonraker_prusacam.tasks import TaskOwner

from .answers import Answers
from .connection import Connection
from .eye import Eye
from .faults import FRAME, SNAPSHOT, UPLOAD, CameraFault
from .renderer import Renderer
from .sender import Sender
from .settings import Settings
from .timelapse import Phase, Timelapse, Trouble
from .uplink import Uplink

if TYPE_CHECKING:
    from collections.abc import Callable

    from moonraker_prusacam.emulator.camera import PrinterView

REBOOT_S = 5.0
PAGE_GAP_S = 0.05  # between pages of a list of files (firmware)
MAX_TASKS = 100
FIRMWARE = "3.1.{}-virtual"


class VirtualPrusaCamera:
    """One camera; ``start`` connects it, ``aclose`` ends it.

    ``speed`` shortens its intervals and its work, but the interval of its snapshots.
    """

    def __init__(
        self,
        *,
        token: str,
        fingerprint: str,
        profile: str = "wire",
        printer: PrinterView | None = None,
        layer_height_mm: float = LoopingPrint.LAYER_HEIGHT_MM,
        speed: float = 1.0,
    ) -> None:
        self.settings = Settings()
        self.timelapse = Timelapse()
        self.faults: FaultPlan[CameraFault] = FaultPlan()
        self.firmware = FIRMWARE.format(6)
        self.reboots = 0
        self.snapshots_sent = 0
        self.malformed = 0
        self._token = Secret(token)
        self._fingerprint = fingerprint
        self._speed = speed
        self._codec = Codec(profile)
        self._answers = Answers(profile, self._token)
        self._eye = Eye(printer or LoopingPrint(), layer_height_mm)
        self._changes = Changes()
        self._tasks = TaskOwner("prusa-camera")
        self._started_s = time.monotonic()
        self._recorder: asyncio.Task[None] | None = None
        self._recorder_interval_s: int | None = None
        self._rendering: asyncio.Task[None] | None = None
        self._sender = Sender(self._codec, self._answers, self.faults)
        self._renderer = Renderer(
            self._sender, self.faults, speed, self._changes.notify
        )
        self._closed = False
        self._http: aiohttp.ClientSession | None = None
        self._uplink: Uplink | None = None
        self._connection: Connection | None = None

    @property
    def is_joined(self) -> bool:
        """Whether the service has accepted it."""
        return self._connection is not None and self._connection.is_joined

    @property
    def phase(self) -> Phase:
        """What its timelapse is at."""
        return self.timelapse.phase

    @property
    def last_picture(self) -> bytes:
        """The newest picture that it took, empty before the first."""
        return self._eye.last

    @property
    def errors(self) -> list[str]:
        """The newest texts of the event ``error``."""
        return list(self._connection.errors) if self._connection else []

    async def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> None:
        """Wait until ``condition`` holds, asked after each change, or TimeoutError."""
        await self._changes.wait_for(condition, timeout_s)

    def inject(self, *faults: CameraFault) -> None:
        """Plan faults."""
        self.faults.add(faults)

    def release(self) -> None:
        """Let a video go on that is stuck, or the next one that gets stuck."""
        self._renderer.release()

    async def take_picture(self) -> bytes:
        """What it sees now."""
        return await self._eye.take(self.settings)

    async def leave(self, seconds: float | None = None) -> None:
        """Leave the service, for ``seconds`` or until ``come_back``.

        All else goes on.
        """
        if self._connection is not None:
            await self._connection.leave(seconds)

    def come_back(self) -> None:
        """Connect again after ``leave``."""
        if self._connection is not None:
            self._connection.come_back()

    def set_storage(self, present: bool) -> None:
        """Put the card in, or take it out."""
        self.timelapse.has_storage = present
        self._update_recorder()

    async def start(self, server: str, url: str | None = None) -> None:
        """Connect, in the background.

        ``server`` is Prusa Connect, and the signalling service unless ``url`` is given.
        """
        if self._closed:
            raise ClosedError("the virtual Prusa camera is closed")
        self._http = aiohttp.ClientSession()
        self._uplink = Uplink(self._http, server, self._token, self._fingerprint)
        self._connection = Connection(
            self._http,
            url or server,
            self._codec,
            self._token,
            self._fingerprint,
            received=self._received,
            changed=self._changes.notify,
        )
        self._sender.connection = self._connection
        self._connection.start()
        self._tasks.start("snapshots", self._send_snapshots())

    async def aclose(self) -> None:
        """Leave, and end all that goes on. Idempotent."""
        self._closed = True
        if self._connection is not None:
            await self._connection.aclose()
        await self._tasks.aclose()
        if self._http is not None:
            await self._http.close()

    def _received(self, event: str, octets: object) -> None:
        """An event has come; what it asks for is done in a task."""
        work: Any
        try:
            if event == "trigger":
                work = self._obey(self._codec.decode(Trigger, octets))
            elif event == "configuration":
                work = self._adjust(self._codec.decode(Configuration, octets))
            else:
                work = self._send_files("")
        except MessageMalformed:
            self.malformed += 1
            self._changes.notify()
            return
        if len(self._tasks) >= MAX_TASKS:
            work.close()
            return
        self._tasks.start(event, work)

    async def _obey(self, trigger: Trigger) -> None:
        if trigger.camera_token.reveal() not in ("", self._token.reveal()):
            return
        request_id = trigger.request_id
        self.settings = self.settings.triggered(trigger)
        if trigger.timelapse is not None:
            trouble = self.timelapse.enable(trigger.timelapse is Switch.ON)
            if trouble is not None:
                await self._sender.tell(self.phase, 0, trouble)
        self._update_recorder()
        if trigger.get_status is Switch.ON:
            await self._sender.send("status", self._status(request_id))
        if trigger.get_features is Switch.ON:
            await self._sender.send("features", self._answers.features(self.firmware))
        if trigger.get_protocol is Switch.ON and self._codec.has(ProtocolVersion):
            answer = self._answers.protocol(request_id)
            await self._sender.send("protobuf_version", answer)
        if trigger.get_snapshot is Switch.ON:
            await self._send_snapshot()
        if trigger.make_video is Switch.ON:
            await self._make_video()
        if trigger.get_files is Switch.ON:
            await self._send_files(request_id)
        if trigger.update_firmware is Switch.ON:
            self.firmware = FIRMWARE.format(7)
        if Switch.ON in (trigger.reboot, trigger.update_firmware):
            await self._reboot()

    async def _adjust(self, wanted: Configuration) -> None:
        if wanted.camera_token.reveal() not in ("", self._token.reveal()):
            return
        self.settings = self.settings.configured(wanted)
        if wanted.job_name:
            self.timelapse.begin_job(wanted.job_name)
        self._update_recorder()

    def _status(self, request_id: str) -> Status:
        uptime_s = time.monotonic() - self._started_s
        return self._answers.status(
            self.settings, self.timelapse, self.firmware, uptime_s, request_id
        )

    def _update_recorder(self) -> None:
        """Record while there is something to record, at the pace that is set."""
        interval_s = self.settings.timelapse_interval_s
        wanted = interval_s if self.phase is Phase.RECORDING else None
        if wanted != self._recorder_interval_s:
            if self._recorder is not None:
                self._recorder.cancel()
            self._recorder = self._tasks.start("record", self._record(wanted))
            self._recorder_interval_s = wanted
        self._changes.notify()

    async def _record(self, interval_s: int | None) -> None:
        while interval_s is not None:
            if await self._sender.may(FRAME):
                self.timelapse.add_frame(await self.take_picture())
                self._changes.notify()
            await asyncio.sleep(interval_s / self._speed)

    async def _send_snapshots(self) -> None:
        while True:
            await asyncio.sleep(self.settings.snapshot_interval_s)
            if self.settings.snapshots:
                await self._send_snapshot()

    async def _send_snapshot(self) -> None:
        if self._uplink is None or not await self._sender.may(SNAPSHOT):
            return
        sent = await self._uplink.send_snapshot(await self.take_picture())
        self.snapshots_sent += sent
        self._changes.notify()

    async def _send_files(self, request_id: str) -> None:
        """All pages; nothing when there are no files (firmware)."""
        if not self._codec.has(FileList):
            return
        for number, page in enumerate(self.timelapse.pages()):
            if number:
                await asyncio.sleep(PAGE_GAP_S / self._speed)
            await self._sender.send("file_list", self._answers.files(page, request_id))

    async def _make_video(self) -> None:
        trouble = self.timelapse.begin_video()
        self._update_recorder()
        if trouble is not None:
            await self._sender.tell(self.phase, 0, trouble)
            return
        self._rendering = self._tasks.start("render", self._render())

    async def _render(self) -> None:
        name = self.timelapse.job_name
        video = await self._renderer.render(self.timelapse, self.settings.timelapse_fps)
        # After it has said that it is done, as the first description has it.
        if video and self._uplink and await self._sender.may(UPLOAD):
            await self._uplink.send_video(name, video)

    async def _reboot(self) -> None:
        """Be away for a while; what was being made comes to nothing."""
        self.reboots += 1
        if self._rendering is not None and self.phase is Phase.IN_PROGRESS:
            self._rendering.cancel()
            self.timelapse.fail(Trouble.ENCODER)
        await self.leave(REBOOT_S / self._speed)
        self._started_s = time.monotonic()
