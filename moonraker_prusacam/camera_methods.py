# What the control socket can do with cameras.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The methods ``camera.stream``, ``camera.stop`` and ``camera.test``.

They mean what the paths of the web address do; docs/api.md describes each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .addresses import base_url, camera_path
from .parameters import Parameters
from .web.routes import USUAL_FPS, clamp_fps, viewer_name

if TYPE_CHECKING:
    from .app import Engine
    from .control.peer import Handler

WAKE_TIMEOUT_S = 3.0  # less than Moonraker's component waits
ANY_FPS = 1e6


class CameraMethods:
    """Handlers over an engine, by the name of their method."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def table(self) -> dict[str, Handler]:
        """All methods by name."""
        return {
            "camera.stream": self.stream,
            "camera.stop": self.stop,
            "camera.test": self.test,
        }

    async def stream(self, params: dict[str, Any]) -> dict[str, Any]:
        """Where a live stream is; refused while there is none, as the stream is."""
        given = Parameters(params, "camera", "fps", "viewer")
        camera = self._engine.camera(given.optional_text("camera"))
        asked = given.number("fps", -ANY_FPS, ANY_FPS)
        fps = clamp_fps(USUAL_FPS if asked is None else asked)
        viewer = _viewer(given)
        await camera.wake(WAKE_TIMEOUT_S)
        camera.latest()  # raises, with the reason, when there is none
        base = base_url(
            self._engine.config.engine, camera.config, self._engine.web_port
        )
        named = "" if viewer is None else f"&viewer={quote(viewer, safe='')}"
        path = camera_path(camera.name, "stream")
        url = f"{base}{path}?fps={fps:g}{named}"
        return {
            "camera": camera.name,
            "stream_url": self._engine.opened(url, camera.name),
            "fps": fps,
        }

    async def stop(self, params: dict[str, Any]) -> dict[str, Any]:
        """End a camera's streams: those of one name, or all."""
        given = Parameters(params, "camera", "viewer")
        camera = self._engine.camera(given.optional_text("camera"))
        feed = self._engine.web.feed(camera)
        return {"stopped": feed.dismiss(_viewer(given))}

    async def test(self, params: dict[str, Any]) -> dict[str, Any]:
        """Whether a camera works, and if not, how far it comes; may take 15 s."""
        given = Parameters(params, "camera")
        camera = self._engine.camera(given.optional_text("camera"))
        return (await self._engine.examiner.examine(camera)).as_dict()


def _viewer(given: Parameters) -> str | None:
    name = given.optional_text("viewer")
    return None if name is None else viewer_name({"viewer": name})
