# One recording by several devices.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A session: who records from which instant on, and what became of each, on disk.

Devices record without us, so a session outlives the engine and the host: whoever comes
next finds here whom to stop, and what to fetch from whom. Each step can be done again.
"""

from __future__ import annotations

import enum
import re
import time
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.boot import boot_id
from moonraker_prusacam.errors import MultiCamError
from moonraker_prusacam.multicam_options import Address
from moonraker_prusacam.records import RecordFolder, load_folders, new_identity

from .download import Recording
from .rendering.work import Work  # noqa: TC001 - attrs resolves it

if TYPE_CHECKING:
    from pathlib import Path

    from moonraker_prusacam.print_job import PrintState

RECORD = "session.json"
OUR_TYPE = "Linux:Klipper"
FIRST_FRAME = re.compile(r"_(\d{13})$")


class Phase(enum.StrEnum):
    """What is to come; the last is the end."""

    RECORDING = "recording"
    COLLECTING = "collecting"
    DONE = "done"


class TakeState(enum.StrEnum):
    """How far a device's part is; the last three are ends."""

    ORDERED = "ordered"  # it may record, or not know of it
    RECORDING = "recording"  # it said so after the instant
    STOPPED = "stopped"  # its file is final, and is to be fetched
    COLLECTED = "collected"
    FAILED = "failed"
    TWIN = "twin"  # of another one: the same device has two names


ENDS = frozenset({TakeState.COLLECTED, TakeState.FAILED, TakeState.TWIN})


@attrs.define(kw_only=True)
class Take:
    """A device's part in a session; times are unix seconds of this host."""

    name: str
    known_as: str = ""  # to the roster, where that is another name
    camera: str = ""  # of ours, if it is one
    host: str
    port: int
    file_key: str = "auto"
    state: TakeState = TakeState.ORDERED
    device_id: str = ""
    device_type: str = ""
    dialect: str = ""
    clock_offset_s: float | None = None  # the device's clock minus ours
    clock_uncertainty_s: float | None = None
    keeps_time: bool = False  # begins by the time of the network, as we do
    is_ordered: bool = False  # START was said, whether or not it was heard
    accepted: float | None = None
    begins: float | None = None  # when it should
    begins_uncertainty_s: float = 0.0  # where nobody knows when it heard of it
    late_s: float = 0.0  # its start was accepted after the instant
    is_offset_unknown: bool = False  # nobody knows when it began
    warning: str = ""
    stopped: float | None = None
    file_id: str | None = None
    file_name: str | None = None
    told_bytes: int | None = None
    received_bytes: int = 0
    size_bytes: int | None = None
    sha256: str = ""
    suffix: str = ""
    video: str | None = None
    encoding: Work | None = None  # of a video that browsers do not play
    recorded_bytes: int | None = None  # before it was encoded
    recorded_sha256: str = ""
    preview: Work | None = None  # the picture beside the video
    reason: str = ""

    @property
    def address(self) -> Address:
        """Where the device listens."""
        return Address(self.host, self.port)

    @property
    def device_name(self) -> str:
        """By which the roster knows the device."""
        return self.known_as or self.name

    def is_of_device(self, other: Take) -> bool:
        """Whether ``other`` is of the same device, which may have moved between."""
        ids = {self.device_id, other.device_id} - {""}
        has_its_name = self.device_name == other.device_name and len(ids) < 2
        return has_its_name or self.address == other.address

    @property
    def is_over(self) -> bool:
        """Whether there is no more to be done."""
        return self.state in ENDS

    @property
    def recording(self) -> Recording | None:
        """What to ask for, None before it is known."""
        if self.file_id is None and self.file_name is None:
            return None
        by_id, by_name = self.file_id, self.file_name
        if self.file_key == "fileName":
            return Recording(None, by_name or by_id)
        if self.file_key == "fileId":
            return Recording(by_id or by_name, None)
        return Recording(by_id or by_name, by_name or by_id)

    @property
    def uncertainty_s(self) -> float | None:
        """By how much ``offset_s`` may be wrong."""
        if self.clock_uncertainty_s is None or self.device_type == OUR_TYPE:
            return self.clock_uncertainty_s
        return max(self.clock_uncertainty_s, self.begins_uncertainty_s)

    def offset_s(self, target: float | None) -> float | None:
        """When the video begins, after the instant ``target``, by our clock.

        A camera of ours names its files by the moment of the first frame. None where
        nobody knows.
        """
        if self.clock_offset_s is None or target is None:
            return None
        named = FIRST_FRAME.search(self.file_id or "")
        if self.device_type == OUR_TYPE and named:
            return round(int(named[1]) / 1e3 - self.clock_offset_s - target, 4)
        if self.is_offset_unknown or self.begins is None:
            return None
        return round(self.begins - target, 4)

    def fail(self, reason: str) -> None:
        """It gives no video."""
        self.state, self.reason = TakeState.FAILED, reason

    def leave_to(self, other: Take) -> None:
        """It is of the same device as ``other``, which gives the video."""
        self.state = TakeState.TWIN
        self.reason = f"it is '{other.name}' under another name"


@attrs.define(kw_only=True)
class SessionRecord:
    """What ``session.json`` holds; times are unix seconds but ``print_started_s``."""

    schema: int = 1
    id: str
    phase: Phase = Phase.RECORDING
    created: float
    boot_id: str
    is_manual: bool = False  # ends when somebody says so, not with a print
    filename: str = ""
    print_started_s: float | None = None  # monotonic, of that boot
    slicer: dict[str, Any] = attrs.field(factory=dict)
    target: float | None = None  # the instant
    is_clock_set: bool | None = None  # of this host, when the order was given
    outcome: str | None = None
    over: float | None = None
    asked: float | None = None  # again for what is missing
    finished: float | None = None
    takes: list[Take] = attrs.field(factory=list)
    sidecar: str | None = None
    video: Work | None = None  # of all angles
    warning: str = ""


class Session(RecordFolder[SessionRecord]):
    """The directory of one session."""

    record_class = SessionRecord
    record_name = RECORD
    error = MultiCamError

    def __init__(self, path: Path, record: SessionRecord) -> None:
        super().__init__(path, record)
        self.told_missing: set[str] = set()  # whom the log has named

    @classmethod
    def create(cls, sessions_path: Path, **known: Any) -> Session:
        """Make a new directory; raises MultiCamError."""
        identity = new_identity()
        record = SessionRecord(
            id=identity, created=time.time(), boot_id=boot_id(), **known
        )
        session = cls(sessions_path / identity, record)
        session.make()
        return session

    @classmethod
    def load(cls, path: Path) -> Session:
        """Read a directory; raises MultiCamError when it is none of ours."""
        return cls(path, cls.read(path))

    @property
    def works(self) -> list[Work]:
        """What is, or was, made of the videos that were collected."""
        works = [self.record.video]
        for take in self.record.takes:
            works += take.encoding, take.preview
        return [work for work in works if work is not None]

    @property
    def is_in_work(self) -> bool:
        """Whether some of that is still to be made."""
        return any(work.is_open for work in self.works)

    def part(self, take: Take) -> Path:
        """Where the video of ``take`` is while it comes."""
        return self.path / f"{self.record.takes.index(take)}.part"

    def ask_again(self) -> bool:
        """Have the videos fetched that did not come; whether there are any."""
        missing = [
            take
            for take in self.record.takes
            if take.state is TakeState.FAILED
            and (take.is_ordered or take.recording is not None)
        ]
        for take in missing:
            is_known = take.recording is not None
            take.state = TakeState.STOPPED if is_known else TakeState.ORDERED
            take.reason = ""
        return bool(missing)

    def note_print(self, state: PrintState, started_s: float) -> bool:
        """Take over what is known of the print; whether that is more than before."""
        record = self.record
        before = (record.filename, record.print_started_s, record.slicer)
        record.filename = record.filename or state.filename
        if record.print_started_s is None:
            record.print_started_s = started_s
        record.slicer = state.file or record.slicer
        return before != (record.filename, record.print_started_s, record.slicer)


def load_sessions(sessions_path: Path) -> tuple[list[Session], list[str]]:
    """All sessions, the oldest first, and what is wrong with others; raises OSError."""
    return load_folders(sessions_path, Session, Session.load)
