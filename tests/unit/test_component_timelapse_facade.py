# Tests of the timelapse facade's calls and limits.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What macros ask, and how long they can be kept waiting at most.

The rest is tested with real Moonraker in tests/integration.
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.component import timelapse_facade, timelapse_macros
from moonraker_prusacam.component.errors import EngineAbsent
from moonraker_prusacam.component.remote_methods import RemoteMethods
from moonraker_prusacam.component.timelapse_facade import (
    TimelapseFacade,
    is_parked,
    is_uid,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

WAIT_S = 5.0
NEVER = asyncio.Event


class ServerError(Exception):
    """Stands for Moonraker's."""


class FakeMoonraker:
    """Server, its components and Klippy in one; every macro waits for ever."""

    error = ServerError

    def __init__(self) -> None:
        self.methods: dict[str, Callable[..., None]] = {}
        self.handlers: dict[str, Callable[..., None]] = {}
        self.sent: list[dict[str, Any]] = []
        self.scripts: list[str] = []
        self.stored: dict[tuple[str, ...], Any] = {}
        self.macros = ["gcode_macro _set_timelapse_setup", "gcode_macro HYPERLAPSE"]
        self.hangs = False
        self.changed = asyncio.Condition()

    def lookup_component(self, _name: str) -> FakeMoonraker:
        return self

    def register_endpoint(self, *_: Any) -> None:
        pass

    def register_notification(self, _event: str) -> None:
        pass

    def register_remote_method(self, name: str, method: Callable[..., None]) -> None:
        self.methods[name] = method

    def register_event_handler(self, event: str, handler: Callable[..., None]) -> None:
        self.handlers[event] = handler

    def send_event(self, _event: str, params: dict[str, Any]) -> None:
        self.sent.append(params)

    def get_webcams(self) -> dict[str, Any]:
        return {}

    def is_ready(self) -> bool:
        return True

    async def get_item(self, _namespace: str, _key: str, default: Any) -> Any:
        return default

    async def insert_item(self, namespace: str, key: list[str], value: Any) -> None:
        self.stored[namespace, *key] = value

    async def query_objects(
        self, objects: dict[str, list[str]], _default: Any
    ) -> dict[str, Any]:
        if self.hangs:
            await NEVER().wait()
        return {name: dict.fromkeys(names, True) for name, names in objects.items()}

    async def get_object_list(self, _default: Any) -> list[str]:
        if self.hangs:
            await NEVER().wait()
        return self.macros

    async def run_gcode(self, script: str) -> str:
        async with self.changed:
            self.scripts.append(script)
            self.changed.notify_all()
        return "ok"

    async def wait_script(self, start: str) -> str:
        def found() -> str:
            return next((s for s in self.scripts if s.startswith(start)), "")

        async with asyncio.timeout(WAIT_S), self.changed:
            await self.changed.wait_for(found)
        return found()


class FakeLink:
    """An engine that takes every request and never answers, or that is absent."""

    def __init__(self) -> None:
        self.up = True
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def request(
        self, method: str, params: dict[str, Any], _timeout_s: float = 0.0
    ) -> asyncio.Future[Any]:
        if not self.up:
            raise EngineAbsent("The camera engine is not available: not there")
        self.sent.append((method, params))
        return asyncio.get_running_loop().create_future()

    async def call(self, *arguments: Any) -> Any:
        return await self.request(*arguments)


@pytest.fixture
def moonraker() -> FakeMoonraker:
    return FakeMoonraker()


@pytest.fixture
def link() -> FakeLink:
    return FakeLink()


@pytest.fixture
async def facade(
    moonraker: FakeMoonraker, link: FakeLink
) -> AsyncIterator[TimelapseFacade]:
    config: Any = SimpleNamespace(
        get_server=lambda: moonraker,
        getpath=lambda _option, default: default,
        has_option=lambda _option: False,
    )
    engine: Any = link
    server: Any = moonraker
    it = TimelapseFacade(config, engine, RemoteMethods(server, engine), lambda _: None)
    await it.component_init()
    yield it
    await it.close()


@pytest.mark.parametrize(
    ("value", "parked"),
    [
        ({"enable": True, "pos": "center"}, True),
        ({"enable": "True"}, True),
        ({"enable": False}, False),
        ({}, False),
        (None, False),
        ("True", True),
        ("False", False),
        (1, True),
        ([1], False),
    ],
)
def test_is_parked_when_any_macro_says_then_read(value: object, parked: bool) -> None:
    assert is_parked(value) is parked


def test_is_uid_when_uuid_then_true_else_a_name() -> None:
    assert is_uid("1e608773-c1e4-46f3-ba4e-1bc0d37031c1")
    assert not is_uid("front")
    assert not is_uid("")


@pytest.mark.usefixtures("facade")
async def test_newframe_when_macro_waits_and_engine_is_silent_then_is_released(
    moonraker: FakeMoonraker, link: FakeLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timelapse_facade, "FRAME_WAIT_S", 0.01)
    monkeypatch.setattr(timelapse_macros, "QUERY_TIMEOUT_S", 0.01)
    moonraker.hangs = True
    moonraker.methods["timelapse_newframe"](macropark={"enable": True}, self=1)
    script = await moonraker.wait_script("SET_GCODE_VARIABLE")
    assert script == (
        "SET_GCODE_VARIABLE MACRO=TIMELAPSE_TAKE_FRAME VARIABLE=takingframe VALUE=False"
    )
    assert [(m, p["parked"]) for m, p in link.sent if "frame" in m] == [
        ("timelapse.frame", True)
    ]


@pytest.mark.parametrize(
    ("up", "byrendermacro", "events"), [(True, "True", 0), (False, True, 2)]
)
@pytest.mark.usefixtures("facade")
async def test_render_when_macro_waits_then_is_released_in_any_case(
    moonraker: FakeMoonraker,
    link: FakeLink,
    monkeypatch: pytest.MonkeyPatch,
    up: bool,
    byrendermacro: object,
    events: int,
) -> None:
    monkeypatch.setattr(timelapse_facade, "RENDER_WAIT_S", 0.01)
    link.up = up
    moonraker.methods["timelapse_render"](byrendermacro=byrendermacro)
    script = await moonraker.wait_script("SET_GCODE_VARIABLE MACRO=TIMELAPSE_RENDER")
    assert script.endswith("VARIABLE=render VALUE=False")
    assert len(moonraker.sent) == events


@pytest.mark.parametrize("mode", ["layermacro", "hyperlapse"])
async def test_newframe_when_of_the_other_mode_then_is_passed_over(
    facade: TimelapseFacade, moonraker: FakeMoonraker, link: FakeLink, mode: str
) -> None:
    facade._settings.update({"mode": mode})
    newframe = moonraker.methods["timelapse_newframe"]
    newframe(hyperlapse=mode != "hyperlapse")
    assert [m for m, _ in link.sent if "frame" in m] == []
    newframe(hyperlapse=str(mode == "hyperlapse"))
    assert [m for m, _ in link.sent if "frame" in m] == ["timelapse.frame"]


@pytest.mark.parametrize(
    ("arguments", "params"),
    [
        ({"action": "start", "cycle": "12"}, {"action": "start", "cycle_s": 12}),
        ({"action": "START", "cycle": 0}, {"action": "start", "cycle_s": 30}),
        ({"action": "start"}, {"action": "start", "cycle_s": 30}),
        ({"action": "stop", "cycle": "9"}, {"action": "stop", "cycle_s": None}),
        ({"x": 1}, {"action": "stop", "cycle_s": None}),
    ],
)
@pytest.mark.usefixtures("facade")
async def test_hyperlapse_when_called_then_engine_gets_numbers(
    moonraker: FakeMoonraker,
    link: FakeLink,
    arguments: dict[str, Any],
    params: dict[str, Any],
) -> None:
    moonraker.methods["timelapse_hyperlapse"](**arguments)
    assert [p for m, p in link.sent if m == "timelapse.hyperlapse"] == [params]


async def test_setup_when_klippy_gets_ready_then_macro_gets_every_parameter(
    facade: TimelapseFacade, moonraker: FakeMoonraker
) -> None:
    moonraker.scripts.clear()
    moonraker.handlers["server:klippy_ready"]()
    assert await moonraker.wait_script("_SET") == (
        "_SET_TIMELAPSE_SETUP ENABLE=True VERBOSE=False PARK_ENABLE=False "
        "PARK_POS=back_left CUSTOM_POS_X=10.0 CUSTOM_POS_Y=10.0 CUSTOM_POS_DZ=0.0 "
        "TRAVEL_SPEED=100 RETRACT_SPEED=15 EXTRUDE_SPEED=15 RETRACT_DISTANCE=1.0 "
        "EXTRUDE_DISTANCE=1.0 PARK_TIME=0.1 FW_RETRACT=False MODE=layermacro"
    )


async def test_setup_when_macro_is_missing_then_nothing_is_run(
    facade: TimelapseFacade, moonraker: FakeMoonraker
) -> None:
    await moonraker.wait_script("_SET")
    moonraker.scripts.clear()
    moonraker.macros = ["gcode_macro OTHER"]
    facade._macros.push_settings()
    task = facade._macros._setup._task
    assert task is not None
    await task
    assert moonraker.scripts == []


async def test_print_when_hyperlapse_is_parked_then_loop_starts_and_stops_once(
    facade: TimelapseFacade, moonraker: FakeMoonraker
) -> None:
    said, changed = (
        moonraker.handlers["server:gcode_response"],
        moonraker.handlers["job_state:state_changed"],
    )
    said("File selected")
    facade._settings.update({"mode": "hyperlapse", "parkhead": True})
    said("Done printing file")
    said("File selected\n")
    await moonraker.wait_script("HYPERLAPSE ACTION=START CYCLE=30")
    for event in ("started", "complete", "standby"):
        changed(event, {}, {})
    await moonraker.wait_script("HYPERLAPSE ACTION=STOP")
    loops = [script for script in moonraker.scripts if script.startswith("HYPERLAPSE")]
    assert len(loops) == 2


async def test_settings_when_prusa_connect_switches_one_then_the_panels_show_it(
    facade: TimelapseFacade, moonraker: FakeMoonraker
) -> None:
    facade.engine_event({"event": "settings", "settings": {"enabled": False}})
    assert facade._settings.answer["enabled"] is False
    await moonraker.wait_script("_SET_TIMELAPSE_SETUP ENABLE=False")
    task = facade._storing._task
    assert task is not None
    await task
    assert moonraker.stored == {("timelapse", "config", "enabled"): False}
    odd_ones: tuple[Any, ...] = (None, {"enabled": "maybe"}, {"unknown": 1}, [])
    for odd in odd_ones:
        facade.engine_event({"event": "settings", "settings": odd})
    assert facade._settings.answer["enabled"] is False
