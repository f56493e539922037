# A viewer of one Prusa camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks and controls one Prusa camera through the signalling server of Prusa Connect.

A camera answers what it is asked, and applies what it is told without an answer.
docs/prusa-connect.md has the sources, and what is assumed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from moonraker_prusacam.errors import (
    MessageMalformed,
    MessageUnsupported,
    SignalingUnavailable,
)

from . import controls
from .answers import Answers
from .codec import Codec
from .messages import (
    NO_TOKEN,
    CameraMode,
    ClientAuthentication,
    ClientTrigger,
    Configuration,
    Direction,
    Features,
    FileList,
    Message,
    ProtocolVersion,
    Status,
    Switch,
    Trigger,
    VideoQuality,
)
from .session import Endpoint, Role, Session, SessionState, tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from moonraker_prusacam.errors import SignalingError
    from moonraker_prusacam.secret import Secret

    from .messages import TimelapseFile

DEFAULT_SERVER = "https://connect.prusa3d.com"
ANSWER_TIMEOUT_S = 20.0  # a camera may be busy, or behind a slow network
PAGE_TIMEOUT_S = 5.0  # between pages of a list, which cameras send 50 ms apart
NO_FILES_S = 3.0  # a camera that answered the next question has no files

ViewerState = SessionState
"""Where a viewer stands; ``refused`` is tried again, but seldom."""

KINDS: dict[str, type[Message]] = {
    "status": Status,
    "features": Features,
    "client_trigger": ClientTrigger,
    "file_list": FileList,
    "protobuf_version": ProtocolVersion,
}
M = TypeVar("M", bound=Message)


@attrs.frozen(kw_only=True)
class ViewerOptions:
    """One camera, and how its viewer gets to it.

    Without ``url`` the address of the signalling server is read from the
    ``environment.js`` of ``server``. ``profile`` is ``wire`` or ``seed``;
    ``fingerprint`` is sent in ``seed`` alone.
    """

    name: str
    camera_token: Secret
    jwt: Secret = NO_TOKEN
    url: str | None = None
    server: str = DEFAULT_SERVER
    origin: str | None = None
    profile: str = "wire"
    fingerprint: str = ""


class Viewer:
    """One camera, as its viewer.

    ``start`` connects, and connects again for ever, in the background. A call while the
    viewer is not ready raises SignalingUnavailable or, while it is refused,
    SignalingRefused, at once; wait with ``wait_ready``. A value outside of its range
    raises SignalingOptionError, one that the profile has no place for
    MessageUnsupported, an answer that does not come SignalingUnavailable, one that
    makes no sense MessageMalformed.

    Listeners are called on the loop, in order, and must not block. What they raise is
    logged. An address that is none raises ConfigError here.
    """

    def __init__(self, options: ViewerOptions) -> None:
        self.options = options
        self.on_status: list[Callable[[Status], None]] = []
        self.on_features: list[Callable[[Features], None]] = []
        self.on_client_trigger: list[Callable[[ClientTrigger], None]] = []
        self.on_files: list[Callable[[FileList], None]] = []  # page by page
        self.ignored = 0  # events that are nothing for us
        self._listeners: dict[type[Message], list[Any]] = {
            Status: self.on_status,
            Features: self.on_features,
            ClientTrigger: self.on_client_trigger,
            FileList: self.on_files,
        }
        self._codec = Codec(options.profile)
        self._answers = Answers()
        first_word = ClientAuthentication(
            camera_token=options.camera_token,
            jwt=options.jwt,
            fingerprint=options.fingerprint,
        )
        self._session = Session(
            Endpoint(
                token=options.camera_token,
                url=options.url,
                server=options.server,
                origin=options.origin,
            ),
            Role(
                subject=f"Prusa camera {options.name}",
                event="client_authentication",
                first_word=self._codec.encode(self._codec.fitting(first_word)),
                receive=self._receive,
                left=self._answers.failed,
                secrets=(options.camera_token, options.jwt),
            ),
        )
        self.on_state: list[Callable[[], None]] = self._session.on_state
        self.on_error: list[Callable[[str], None]] = self._session.on_error

    @property
    def state(self) -> ViewerState:
        """Where it stands."""
        return self._session.state

    @property
    def reason(self) -> str:
        """Why it is not ready, in words; empty when it is."""
        return str(self._session.error or "")

    @property
    def advice(self) -> str:
        """What a person can do about ``reason``; may be empty."""
        return self._session.error.advice if self._session.error else ""

    def report(self) -> dict[str, Any]:
        """State, address and counts, for people."""
        return {**self._session.report(), "ignored": self.ignored}

    async def start(self) -> None:
        """Connect, and connect again, in the background; returns at once."""
        await self._session.start()

    async def aclose(self) -> None:
        """End the connection and everything that runs for it. Idempotent."""
        await self._session.aclose()

    async def wait_ready(self, timeout_s: float) -> None:
        """Wait until the server has accepted us.

        Raises SignalingRefused as soon as it has not, SignalingUnavailable after
        ``timeout_s``, ClosedError after ``aclose``.
        """
        await self._session.wait_ready(timeout_s)

    async def status(self) -> Status:
        """Ask for the camera's status; one that was asked for before serves as well."""
        return await self._ask(Status, Trigger(get_status=Switch.ON))

    async def features(self) -> Features:
        """Ask for the camera's features and return them."""
        return await self._ask(Features, Trigger(get_features=Switch.ON))

    async def protocol(self) -> ProtocolVersion:
        """Ask for the version of the protocol; MessageUnsupported in ``seed``."""
        return await self._ask(ProtocolVersion, Trigger(get_protocol=Switch.ON))

    async def files(self) -> tuple[TimelapseFile, ...]:
        """Ask for the timelapse files, all pages; MessageUnsupported in ``seed``.

        A camera that has none sends nothing, so it is asked for its status as well: one
        that answers only that has no files.
        """
        self._must_have(FileList)
        with self._answers.collect() as pages, self._answers.expect(Status) as status:
            status.add_done_callback(lambda _: pages.changed.set())
            await self._send(Trigger(get_files=Switch.ON))
            await self._send(Trigger(get_status=Switch.ON))
            # Both are waited for, lest the status answers the next question.
            while not (pages.is_whole() and status.done()):
                timeout_s = NO_FILES_S if status.done() else ANSWER_TIMEOUT_S
                try:
                    async with asyncio.timeout(PAGE_TIMEOUT_S if pages else timeout_s):
                        await pages.changed.wait()
                except TimeoutError:
                    break
                pages.changed.clear()
            if pages and not pages.is_whole():
                raise SignalingUnavailable(f"of the list of files came {pages}")
            if pages or status.done():
                return pages.files
        raise _silent(FileList)

    async def take_snapshot(self) -> None:
        """Have the camera send a snapshot to Prusa Connect."""
        await self._send(Trigger(get_snapshot=Switch.ON))

    async def enable_snapshots(self, enabled: bool) -> None:
        """Switch regular snapshots on or off."""
        how = controls.switch("regular snapshots", enabled)
        await self._send(Trigger(snapshots=how))

    async def enable_timelapse(self, enabled: bool) -> None:
        """Switch the recording of timelapse frames on or off."""
        how = controls.switch("the timelapse", enabled)
        await self._send(Trigger(timelapse=how))

    async def make_video(self) -> None:
        """Have the camera make a video of its frames."""
        await self._send(Trigger(make_video=Switch.ON))

    async def set_rtsp_server(self, enabled: bool) -> None:
        """Switch the camera's RTSP server on or off."""
        how = controls.switch("the RTSP server", enabled)
        await self._send(Trigger(rtsp_server=how))

    async def reboot(self, *, confirmed: bool) -> None:
        """Restart the camera; SignalingOptionError unless ``confirmed``."""
        controls.confirm("the camera is restarted", confirmed)
        await self._send(Trigger(reboot=Switch.ON))

    async def update_firmware(self, *, confirmed: bool) -> None:
        """Update the camera's firmware; SignalingOptionError unless ``confirmed``."""
        controls.confirm("the camera's firmware is updated", confirmed)
        await self._send(Trigger(update_firmware=Switch.ON))

    async def rotate(self, direction: Direction, angle: int) -> None:
        """Turn the camera by ``angle`` degrees, 1 or more (assumed)."""
        await self._send(controls.rotation(self._codec.profile, direction, angle))

    async def set_light(self, enabled: bool) -> None:
        """Switch the camera's light on or off."""
        how = controls.switch("the light", enabled)
        await self._send(Configuration(light=how))

    async def set_exposure(self, value: int) -> None:
        """Set the exposure, 1 or more (assumed); ``seed`` only."""
        await self._set("exposure", value)

    async def set_mode(self, mode: CameraMode) -> None:
        """Choose how the camera sees."""
        chosen = controls.member(CameraMode, "the mode", mode)
        await self._send(Configuration(mode=chosen))

    async def set_snapshot_interval(self, interval_s: int) -> None:
        """Set the time between snapshots, 10 to 600 s."""
        await self._set("snapshot_interval_s", interval_s)

    async def set_timelapse_interval(self, interval_s: int) -> None:
        """Set the seconds between timelapse frames, 1 or more (assumed); ``wire``."""
        await self._set("timelapse_interval_s", interval_s)

    async def set_timelapse_fps(self, fps: int) -> None:
        """Set the frames a second of a video, 1 or more (assumed); ``wire`` only."""
        await self._set("timelapse_fps", fps)

    async def set_job_name(self, name: str) -> None:
        """Name the job, after which the camera names its video; 1 to 255 octets."""
        await self._send(controls.job_name(name))

    async def set_volume(self, volume: int) -> None:
        """Set the loudness, 5 to 100."""
        await self._set("volume", volume)

    async def set_contrast(self, contrast: int) -> None:
        """Set the contrast, any 32-bit number but 0 (assumed); ``seed`` only."""
        await self._set("contrast", contrast)

    async def set_brightness(self, brightness: int) -> None:
        """Set the brightness, any 32-bit number but 0 (assumed); > 0 in ``wire``."""
        await self._set("brightness", brightness)

    async def set_saturation(self, saturation: int) -> None:
        """Set the saturation, any 32-bit number but 0 (assumed); > 0 in ``wire``."""
        await self._set("saturation", saturation)

    async def set_quality(self, quality: VideoQuality) -> None:
        """Choose the size of the video; ``wire`` only."""
        chosen = controls.member(VideoQuality, "the quality", quality)
        await self._send(Configuration(quality=chosen))

    async def _set(self, name: str, value: object) -> None:
        await self._send(controls.number(self._codec.profile, name, value))

    async def _send(self, message: Trigger | Configuration) -> None:
        event = "trigger" if isinstance(message, Trigger) else "configuration"
        addressed = attrs.evolve(
            message,
            camera_token=self.options.camera_token,
            request_id=self._session.sid,
        )
        await self._session.emit(event, self._codec.encode(addressed))

    async def _ask(self, kind: type[M], trigger: Trigger) -> M:
        self._must_have(kind)
        with self._answers.expect(kind) as answer:
            await self._send(trigger)
            try:
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    return await answer
            except TimeoutError:
                raise _silent(kind) from None

    def _must_have(self, kind: type[Message]) -> None:
        if not self._codec.has(kind):
            profile = self._codec.profile
            raise MessageUnsupported(f"the profile '{profile}' has no {kind.__name__}")

    def _receive(self, event: str, value: object) -> None:
        kind = KINDS.get(event)
        if kind is None or not self._codec.has(kind):
            self.ignored += 1
            return
        try:
            message = self._codec.decode(kind, value)
        except MessageMalformed as error:
            self._session.complain(str(error))
            self._answers.failed(error, kind)
            return
        self._answers.arrived(message, self._session.sid)
        tell(self._listeners.get(kind, ()), message)


def _silent(kind: type[Message]) -> SignalingError:
    return SignalingUnavailable(
        f"the camera did not answer with its {kind.__name__} in {ANSWER_TIMEOUT_S:g} s",
        advice="see in Prusa Connect whether the camera is online",
    )
