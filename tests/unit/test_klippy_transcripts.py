# Replays what real Moonraker and real Klipper said to each other.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each recording in tests/data/klippy, played against the simulated printer.

The test plays Moonraker: it sends what Moonraker sent, in the recorded order, each as
soon as everything that Klipper had said before it in the recording was said again. The
simulated printer is several times faster than the real one was.

Compared with the recording:

* **shape**: keys and types of every reply and of every pushed field, recursively;
  ``info.state``; that no endpoint and no printer object is missing (dump_stepper, which
  the simulated printer does not have, excepted); that the same fields of print_stats
  are ever pushed;
* **order**: of all replies, console lines (numbers normalised), remote calls (with
  their parameters) and broken connections: the same sequence; of the changes of
  ``print_stats.state`` and ``webhooks.state``: the same sequence, and each after the
  reply or console line that it came after;
* **timing**: pushes of status are 250 ms or more apart, and remote calls do not wait
  for them.

Not compared: durations, temperatures and positions; how many pushes and how many
temperature lines there are; where a push stands between remote calls; what the printer
remembered from before the recording; replies that a recording misses.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from moonraker_prusacam.emulator.klippy import simulated
from tests.support.klippy_client import DATA, KlippyClient, running_printer

if TYPE_CHECKING:
    from pathlib import Path

    from moonraker_prusacam.emulator.klippy import SimulatedPrinter

Message = dict[str, Any]
Landmark = tuple[Any, ...]

NOT_SIMULATED = {"motion_report/dump_stepper"}
TEMPERATURES = re.compile(r"B:[\d.]+ /[\d.]+ T0:[\d.]+ /[\d.]+")
NUMBER = re.compile(r"\d+(\.\d+)?")
RETRY_S = 0.02
TICK_S = 0.25
# How much less than a tick two pushes may be apart on a busy machine.
TICK_TOLERANCE_S = 0.01


@attrs.frozen
class Entry:
    """A line of a recording; ``message`` is None where the connection broke."""

    sender: str
    message: Message | None


def read_recording(name: str) -> list[Entry]:
    lines = (DATA / f"{name}.jsonl").read_text().splitlines()
    data = [json.loads(line) for line in lines]
    return [Entry(line["from"], line.get("msg")) for line in data]


def recorded_reply(request_id: int, later: list[Entry]) -> Message | None:
    """Result of a request; None if it is missing, as six are in ``cancel``."""
    for entry in later:
        if entry.message is None or entry.message.get("id") != request_id:
            continue
        result: Message | None = entry.message.get("result")
        return result
    return None


def shape(value: Any) -> Any:
    """Keys and types: all numbers are one type, None is any type."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    if isinstance(value, bool) or value is None:
        return type(value).__name__
    return "number" if isinstance(value, int | float) else "text"


def assert_same_shape(ours: Any, real: Any, where: str) -> None:
    if isinstance(real, dict) and isinstance(ours, dict):
        assert set(ours) == set(real), where
        for key, item in real.items():
            assert_same_shape(ours[key], item, f"{where}.{key}")
    elif ours != "NoneType" and real != "NoneType":
        assert ours == real, where


class Story:
    """One side's account: replies and notifications, reduced to landmarks."""

    def __init__(self) -> None:
        self.landmarks: list[Landmark] = []
        self.replies: list[tuple[str, Message]] = []
        self.pushed: dict[str, dict[str, Any]] = {}
        self._methods: dict[Any, str] = {}

    def note_request(self, request_id: Any, method: str) -> None:
        self._methods[request_id] = method

    def note(self, message: Message | None) -> None:
        if message is None:
            self.landmarks.append(("closed",))
        elif "id" in message:
            method = self._methods.pop(message["id"], None)
            if method is None:
                return
            assert "error" not in message, message
            self.replies.append((method, message["result"]))
            self.landmarks.append(("reply", method))
        elif message["method"] == "process_gcode_response":
            text = message["params"]["response"]
            if not TEMPERATURES.fullmatch(text):
                # The size is part of the file, the file is a little younger.
                self.landmarks.append(("console", NUMBER.sub("#", text)))
        elif message["method"] == "process_status_update":
            self._note_status(message["params"]["status"])
        else:
            params = tuple(sorted(message["params"].items()))
            self.landmarks.append(("remote", message["method"], params))

    def _note_status(self, status: Message) -> None:
        for name, fields in status.items():
            self.pushed.setdefault(name, {}).update(fields)
            if "state" in fields:
                self.landmarks.append(("state", name, fields["state"]))

    def without_states(self) -> list[Landmark]:
        return [mark for mark in self.landmarks if mark[0] != "state"]

    def states(self) -> list[Landmark]:
        return [mark for mark in self.landmarks if mark[0] == "state"]

    def causes(self) -> list[tuple[Landmark, int]]:
        """Each change of state, and how many replies and console lines it follows."""
        causes, count = [], 0
        for mark in self.landmarks:
            if mark[0] == "state":
                causes.append((mark, count))
            elif mark[0] != "remote":
                count += 1
        return causes


class Replay:
    """Plays Moonraker's side and keeps both accounts."""

    def __init__(self, printer: SimulatedPrinter, path: Path) -> None:
        self.real, self.ours = Story(), Story()
        self._printer = printer
        self._path = path
        self._client: KlippyClient | None = None
        self._taken = 0
        self.push_times: list[float] = []
        self._exits_by_itself = False

    async def run(self, entries: list[Entry]) -> None:
        for index, entry in enumerate(entries):
            if entry.sender == "moonraker":
                await self._send(entry.message, entries[index + 1 :])
                continue
            if entry.message is None and not self._exits_by_itself:
                # Somebody killed Klippy here.
                await self._catch_up()
                await self._printer.kill()
            self.real.note(entry.message)
        await self._catch_up()

    async def _send(self, request: Message | None, later: list[Entry]) -> None:
        await self._catch_up()
        if request is None:
            # Moonraker closes what Klipper has closed.
            await self.aclose()
            return
        client = await self._connected()
        method, params = request["method"], request["params"]
        if "FIRMWARE_RESTART" in str(params):
            self._exits_by_itself = True
        reply = recorded_reply(request["id"], later)
        if reply is None:
            await client.request(method, **params)
            return
        if method == "info" and reply["state"] == "ready":
            # While Klippy starts, Moonraker asks again: leave out what came too early.
            while (await client.status(webhooks=None))["webhooks"][
                "state"
            ] == "startup":
                pass
        self.real.note_request(request["id"], method)
        self.ours.note_request(client.send(method, params), method)

    async def _connected(self) -> KlippyClient:
        async with asyncio.timeout(10):
            while self._client is None:
                try:
                    self._client = await KlippyClient.connect(self._path)
                except OSError:
                    await asyncio.sleep(RETRY_S)
        return self._client

    async def _catch_up(self) -> None:
        """Wait until the simulated printer has said as much as the real one had."""
        while not self._is_caught_up():
            client = self._client
            assert client is not None
            await client.wait_for_more(self._taken)
            self._take(client)

    def _is_caught_up(self) -> bool:
        return len(self.ours.landmarks) >= len(self.real.landmarks) and all(
            self.ours.landmarks.count(mark) >= self.real.landmarks.count(mark)
            for mark in self.real.landmarks
        )

    def _take(self, client: KlippyClient) -> None:
        for _time, message in client.received[self._taken :]:
            self._taken += 1
            self.ours.note(message)
            if message and message.get("method") == "process_status_update":
                self.push_times.append(message["params"]["eventtime"])

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client, self._taken = None, 0


def assert_replies_alike(ours: Story, real: Story) -> None:
    for (method, our_reply), (_method, real_reply) in zip(
        ours.replies, real.replies, strict=True
    ):
        if method == "list_endpoints":
            missing = set(real_reply["endpoints"]) - set(our_reply["endpoints"])
            assert missing <= NOT_SIMULATED
        elif method == "objects/list":
            assert set(real_reply["objects"]) <= set(our_reply["objects"])
        else:
            assert_same_shape(shape(our_reply), shape(real_reply), method)
        if method == "info":
            assert our_reply["state"] == real_reply["state"]
            assert our_reply["state_message"] == real_reply["state_message"]


def assert_order_alike(ours: Story, real: Story) -> None:
    assert ours.without_states() == real.without_states()
    assert ours.states() == real.states()
    for (mark, our_count), (_mark, real_count) in zip(
        ours.causes(), real.causes(), strict=True
    ):
        assert our_count >= real_count, mark


def assert_pushes_alike(ours: Story, real: Story) -> None:
    # Idle heaters of the real printer push noise that the simulated ones do not have.
    assert set(ours.pushed) <= set(real.pushed) | {"heater_bed"}
    for name, fields in ours.pushed.items():
        known = real.pushed.get(name, {})
        for field, value in fields.items():
            if field in known:
                assert_same_shape(shape(value), shape(known[field]), f"{name}.{field}")
    # The file name is pushed only if it is not the one of the print before.
    never_or_always = {"filename"}
    assert (
        set(ours.pushed["print_stats"]) | never_or_always
        == set(real.pushed["print_stats"]) | never_or_always
    )


@pytest.mark.parametrize(
    ("name", "speed"),
    [
        ("print", 80.0),
        ("pause-resume", 10.0),
        ("cancel", 10.0),
        ("emergency-stop", 10.0),
        ("klippy-killed", 10.0),
    ],
)
async def test_replay_when_recording_is_played_then_printer_answers_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, speed: float
) -> None:
    monkeypatch.setattr(simulated, "RESTART_PAUSE_S", 0.1)
    files = {
        path.name: path.read_text(encoding="utf-8") for path in DATA.glob("*.gcode")
    }
    async with running_printer(
        tmp_path,
        config=f"[save_variables]\nfilename: {tmp_path}/variables.cfg\n",
        config_paths=[DATA / "macros.cfg", DATA / "demo_frame.cfg"],
        speed=speed,
        files=files,
    ) as (printer, _client):
        replay = Replay(printer, tmp_path / "klippy.sock")
        try:
            async with asyncio.timeout(20):
                await replay.run(read_recording(name))
        finally:
            await replay.aclose()
    assert_replies_alike(replay.ours, replay.real)
    assert_order_alike(replay.ours, replay.real)
    assert_pushes_alike(replay.ours, replay.real)
    times = replay.push_times
    gaps_s = [b - a for a, b in itertools.pairwise(times)]
    assert all(gap_s > TICK_S - TICK_TOLERANCE_S for gap_s in gaps_s)


async def test_remote_call_when_made_then_not_delayed_to_the_tick(
    tmp_path: Path,
) -> None:
    async with running_printer(tmp_path, config_paths=[DATA / "macros.cfg"]) as (
        _printer,
        client,
    ):
        await client.register("demo_ping")
        await client.request("objects/subscribe", objects={"toolhead": None})
        for layer in range(20):
            started = asyncio.get_running_loop().time()
            await client.gcode(f"DEMO_PING MSG=x LAYER={layer}")
            # The call comes before the reply, and both at once.
            assert client.named("demo_ping")[-1] == {"msg": "x", "layer": layer}
            assert asyncio.get_running_loop().time() - started < 0.1
