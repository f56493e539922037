# What comes of a question to a camera of ours.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does or answers what one trigger or configuration asks for, field by field.

Whatever a camera has no ability for is refused, and so is what makes no sense. What is
short is done in turn, so that off follows on; a snapshot and a video are made beside.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.errors import (
    PrusacamError,
    SignalingError,
    SignalingOptionError,
)
from moonraker_prusacam.tasks import TaskOwner

from . import controls
from .camera_actions import Ability
from .camera_answers import PROTOCOL, features, pages
from .messages import (
    ClientTrigger,
    Configuration,
    FileList,
    ProtocolVersion,
    Switch,
    Trigger,
    VideoState,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from moonraker_prusacam.secret import Secret

    from .camera_actions import CameraActions
    from .messages import Message

ACTION_TIMEOUT_S = 30.0  # of one that answers and settings wait for
PAGE_GAP_S = 0.05  # as cameras leave between pages
VIDEO_FAILED = 1  # an error code of our own; those of cameras are not known
ADDRESS = ("camera_token", "request_id", "raw")


@attrs.frozen
class Asked:
    """A question, and the number of the session in which it came."""

    message: Trigger | Configuration
    session: int


@attrs.frozen
class Reaction:
    """What comes of one field of a trigger or a configuration.

    Without an ``ability``, of every camera of ours.
    """

    react: Callable[[Asked, Any], Coroutine[Any, Any, None]]
    ability: Ability | None = None
    may_be_off: bool = False


@attrs.frozen(kw_only=True)
class Identity:
    """As whom a camera answers."""

    name: str
    token: Secret
    firmware: str
    hardware: str
    profile: str


class Reactions:
    """What one camera does; ``emit`` answers, ``refuse`` counts what is not done."""

    def __init__(
        self,
        identity: Identity,
        actions: CameraActions,
        emit: Callable[[Asked, str, Message], Awaitable[None]],
        refuse: Callable[[str], None],
    ) -> None:
        self.answered = 0
        self._identity = identity
        self._actions = actions
        self._emit = emit
        self._refuse = refuse
        self._under_way: set[str] = set()
        self._tasks = TaskOwner(f"camera role:{identity.name}")
        # What is not here is done by no camera of ours, whoever asks for it.
        self._reactions = {
            "get_status": Reaction(self._tell_status),
            "get_features": Reaction(self._tell_features),
            "get_protocol": Reaction(self._tell_protocol),
            "get_snapshot": Reaction(self._take_snapshot, Ability.SNAPSHOT),
            "snapshots": Reaction(
                self._switch_snapshots, Ability.INTERVAL, may_be_off=True
            ),
            "timelapse": Reaction(
                self._switch_timelapse, Ability.TIMELAPSE, may_be_off=True
            ),
            "make_video": Reaction(self._begin_video, Ability.VIDEO),
            "get_files": Reaction(self._tell_files, Ability.FILES),
            "snapshot_interval_s": Reaction(self._set_interval, Ability.INTERVAL),
            "job_name": Reaction(self._set_job_name, Ability.TIMELAPSE),
        }

    async def aclose(self) -> None:
        """Abandon what is under way. Idempotent."""
        await self._tasks.aclose()

    async def react(self, asked: Asked) -> None:
        """All that comes of one question, in the order of its fields."""
        values = {
            attribute.name: getattr(asked.message, attribute.name)
            for attribute in attrs.fields(type(asked.message))
            if attribute.name not in ADDRESS
        }
        wanted = {name: value for name, value in values.items() if value}
        if not wanted:
            self._refuse("a question for nothing")
        for name, value in wanted.items():
            reaction = self._reactions.get(name)
            if reaction is None or (
                reaction.ability and reaction.ability not in self._actions.abilities
            ):
                self._refuse(f"{name}, which this camera does not do")
            elif value is Switch.OFF and not reaction.may_be_off:
                self._refuse(f"{name}, which cannot be switched off")
            else:
                await self._attempt(name, reaction.react(asked, value))

    async def _attempt(self, name: str, work: Awaitable[None]) -> None:
        """Do ``work``; raises only what tells that the session is over."""
        try:
            async with asyncio.timeout(ACTION_TIMEOUT_S):
                await work
        except SignalingOptionError as error:
            self._refuse(str(error))
        except SignalingError:
            raise
        except PrusacamError as error:
            self._refuse(f"{name}, which failed ({error})")
        except TimeoutError:
            self._refuse(f"{name}, which took more than {ACTION_TIMEOUT_S:g} s")
        else:
            self.answered += 1

    async def _tell_status(self, asked: Asked, _value: object) -> None:
        status = await self._actions.status()
        await self._emit(
            asked,
            "status",
            attrs.evolve(
                status,
                firmware=status.firmware or self._identity.firmware,
                hardware=status.hardware or self._identity.hardware,
                name=status.name or self._identity.name,
                camera_token=self._identity.token,
                request_id=asked.message.request_id,
            ),
        )

    async def _tell_features(self, asked: Asked, _value: object) -> None:
        claimed = features(
            self._actions.abilities,
            firmware=self._identity.firmware,
            hardware=self._identity.hardware,
        )
        claimed = attrs.evolve(claimed, camera_token=self._identity.token)
        await self._emit(asked, "features", claimed)

    async def _tell_protocol(self, asked: Asked, _value: object) -> None:
        version = ProtocolVersion(
            version=PROTOCOL,
            camera_token=self._identity.token,
            request_id=asked.message.request_id,
        )
        await self._emit(asked, "protobuf_version", version)

    async def _tell_files(self, asked: Asked, _value: object) -> None:
        """Page by page; nothing at all without files."""
        for number, text in enumerate(pages(await self._actions.files())):
            if number:
                await asyncio.sleep(PAGE_GAP_S)
            page = FileList(
                page_text=text,
                camera_token=self._identity.token,
                request_id=asked.message.request_id,
            )
            await self._emit(asked, "file_list", page)

    async def _take_snapshot(self, _asked: Asked, _value: object) -> None:
        self._begin("a snapshot", self._actions.take_snapshot())

    async def _switch_snapshots(self, _asked: Asked, value: Switch) -> None:
        await self._actions.enable_snapshots(value is Switch.ON)

    async def _switch_timelapse(self, _asked: Asked, value: Switch) -> None:
        await self._actions.enable_timelapse(value is Switch.ON)

    async def _set_interval(self, _asked: Asked, interval_s: int) -> None:
        controls.RANGES["wire"]["snapshot_interval_s"].check(interval_s)
        await self._actions.set_snapshot_interval(interval_s)

    async def _set_job_name(self, _asked: Asked, name: str) -> None:
        controls.job_name(name)
        await self._actions.set_job_name(name)

    async def _begin_video(self, asked: Asked, _value: object) -> None:
        self._begin("a video", self._make_video(asked))

    async def _make_video(self, asked: Asked) -> None:
        """Make it, and tell the session that asked for it how it goes."""
        await self._tell_video(asked, ClientTrigger(video=VideoState.IN_PROGRESS))
        try:
            await self._actions.make_video()
        except PrusacamError:
            failed = ClientTrigger(video=VideoState.FAILED)
            if self._identity.profile == "wire":  # which has no number for it
                failed = ClientTrigger(error_code=VIDEO_FAILED)
            await self._tell_video(asked, failed)
            raise
        done = ClientTrigger(video=VideoState.DONE, progress_percent=100)
        await self._tell_video(asked, done)

    async def _tell_video(self, asked: Asked, news: ClientTrigger) -> None:
        with suppress(SignalingError):  # the video is made all the same
            await self._emit(asked, "client_trigger", news)

    def _begin(self, what: str, work: Coroutine[Any, Any, None]) -> None:
        """Something long, of which one at a time is enough."""
        if what in self._under_way:
            work.close()
            self._refuse(f"{what} while one is made")
            return
        self._under_way.add(what)
        self._tasks.start(what, self._finish(what, work))

    async def _finish(self, what: str, work: Awaitable[None]) -> None:
        try:
            await work
        except PrusacamError as error:
            self._refuse(f"{what}, which failed ({error})")
        finally:
            self._under_way.discard(what)
