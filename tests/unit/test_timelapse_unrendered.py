# Tests of jobs that wait.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a print that ends early, and the queue of what was not rendered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest

from moonraker_prusacam.config import TimelapseConfig
from moonraker_prusacam.errors import JobNotFound, TimelapseError
from moonraker_prusacam.timelapse import JobState, Timelapse
from moonraker_prusacam.timelapse.unrendered import ending, queue
from tests.support.timelapse import Host, Printer, videos

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    opened = Host(tmp_path)
    yield opened
    await opened.aclose()


async def print_until(host: Host, kind: str, state: str, **options: Any) -> Timelapse:
    """A print of two layers that ends so, and waits."""
    timelapse = await host.boot(**options)
    printer = Printer(timelapse)
    await printer.begin()
    await printer.print_layers(1, 2)
    await host.frames(2)
    await printer.tell(kind, state)
    await host.events.until(lambda: host.events.of("unrendered"))
    return timelapse


@pytest.mark.parametrize(
    ("outcome", "on_cancel", "on_error", "auto_render", "expected"),
    [
        ("complete", "discard", "discard", True, "render"),
        ("complete", "render", "render", False, "keep"),
        ("cancelled", "render", "discard", True, "render"),
        ("cancelled", "render", "discard", False, "keep"),
        ("cancelled", "keep", "discard", True, "keep"),
        ("cancelled", "discard", "render", False, "discard"),
        ("error", "discard", "render", True, "render"),
        ("error", "discard", "keep", True, "keep"),
        ("error", "render", "discard", True, "discard"),
        ("interrupted", "discard", "render", True, "render"),
        ("interrupted", "discard", "discard", True, "keep"),
    ],
)
def test_ending_then_it_is_as_configured(
    outcome: str, on_cancel: str, on_error: str, auto_render: bool, expected: str
) -> None:
    config = attrs.evolve(
        TimelapseConfig(),
        render_on_cancel=on_cancel,
        render_on_error=on_error,
        auto_render=auto_render,
    )
    assert ending(config, outcome) == expected


@pytest.mark.parametrize(
    ("kind", "state", "options"),
    [
        ("cancelled", "cancelled", {"render_on_cancel": "keep"}),
        ("error", "error", {"render_on_error": "keep"}),
        ("shutdown", "printing", {"render_on_error": "keep"}),
        ("disconnected", "printing", {"render_on_error": "discard"}),
        ("complete", "complete", {"auto_render": False}),
    ],
)
async def test_print_when_it_is_to_wait_then_it_is_rendered_when_asked_by_its_id(
    host: Host, kind: str, state: str, options: dict[str, Any]
) -> None:
    await print_until(host, kind, state, **options)
    again = await host.boot(**options)
    (waiting,) = await queue(again.jobs)
    assert (waiting["state"], waiting["frames"]) == ("unrendered", 2)
    assert waiting["size_bytes"] > 1000
    assert (await again.render(waiting["id"])).record.state is JobState.RENDERING
    assert (await host.rendered())["frames"] == 2
    assert await queue(again.jobs) == []
    with pytest.raises(TimelapseError, match="has been rendered"):
        await again.render(waiting["id"])


@pytest.mark.parametrize(
    ("kind", "state", "options"),
    [
        ("cancelled", "cancelled", {"render_on_cancel": "discard"}),
        ("error", "error", {"render_on_error": "discard"}),
        ("shutdown", "printing", {"render_on_error": "discard"}),
    ],
)
async def test_print_when_it_is_to_be_discarded_then_nothing_is_left(
    host: Host, kind: str, state: str, options: dict[str, Any]
) -> None:
    timelapse = await host.boot(**options)
    printer = Printer(timelapse)
    await printer.begin()
    await printer.print_layers(1, 2)
    await host.frames(2)
    await printer.tell(kind, state)
    await host.events.until(lambda: host.events.of("discarded"))
    assert timelapse.jobs == []
    assert list(host.jobs_path.iterdir()) == []
    assert videos(host.videos_path) == []


async def test_print_when_rendering_is_asked_for_then_its_policy_does_not_matter(
    host: Host,
) -> None:
    timelapse = await host.boot(auto_render=False, render_on_cancel="discard")
    printer = Printer(timelapse)
    await printer.begin()
    await printer.print_layers(1, 2)
    await host.frames(2)
    await timelapse.render()
    await printer.tell("cancelled", "cancelled")
    assert (await host.rendered())["frames"] == 2


async def test_discard_when_a_job_waits_then_it_is_gone(host: Host) -> None:
    timelapse = await print_until(
        host, "cancelled", "cancelled", render_on_cancel="keep"
    )
    (job,) = timelapse.jobs
    assert await timelapse.discard(job.record.id) is job
    assert timelapse.jobs == []
    assert list(host.jobs_path.iterdir()) == []
    with pytest.raises(JobNotFound, match=job.record.id):
        await timelapse.discard(job.record.id)


async def test_queue_when_a_job_is_recorded_then_it_is_left_alone(host: Host) -> None:
    timelapse = await host.boot()
    printer = Printer(timelapse)
    await printer.begin()
    await printer.print_layers(1, 2)
    await host.frames(2)
    (job,) = timelapse.jobs
    assert await queue(timelapse.jobs) == []
    for change in (timelapse.discard, timelapse.render):
        with pytest.raises(TimelapseError, match="is being recorded"):
            await change(job.record.id)
