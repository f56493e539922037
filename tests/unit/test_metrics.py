# Tests of the metrics for Prometheus.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that ``/status.json`` shows is a metric, or is named as none."""

from __future__ import annotations

import asyncio
import copy
import json
import math
import re
import shutil
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_plain

from moonraker_prusacam.app import Engine
from moonraker_prusacam.config import loads
from moonraker_prusacam.control import connect
from moonraker_prusacam.metrics import expose, leaves
from moonraker_prusacam.metrics.omitted import NOT_METRICS
from moonraker_prusacam.metrics.row import Kind
from moonraker_prusacam.metrics.table import TABLE
from tests.support.prusa_engine import print_event
from tests.support.viewers import HttpClient, StrictParser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from moonraker_prusacam.metrics import Leaf

REPOSITORY = Path(__file__).parents[2]
DASHBOARD = REPOSITORY / "docs" / "grafana" / "prusacam.json"
PAGE = REPOSITORY / "docs" / "monitoring.md"
WAIT_S = 15.0
TOKEN = "aB3_-6789012345678xY"
CONFIG = """\
[engine]
data_path: {folder}
port: 0
[camera front]
source: test:
[camera side]
source: tcp://127.0.0.1:9
[timelapse]
[connect front]
token: {token}
server: http://127.0.0.1:9
answer_as_camera: True
[prusa_camera buddy]
token: {token}
fingerprint: 0123456789abcdef
server: http://127.0.0.1:9
[multicam]
discover: False
[multicam_device tripod]
address: 127.0.0.1:9
[multicam_camera front]
port: 0
"""

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
# What may be null in a status, and has fields only while something goes on.
JOB = {
    "id": "20260101-000000-aaaaaaaa",
    "filename": "cube.gcode",
    "outcome": "complete",
    "created": 1.8e9,
    "finished": 1.8e9 + 60,
    "video": "cube.mp4",
    "video_bytes": 1234,
}
PRUSA_JOB = {
    **JOB,
    "camera": "buddy",
    "state": "downloading",
    "job_name": "cube",
    "prepared": True,
    "late_s": 1.5,
    "reason": "",
    "advice": "",
    "warning": "",
}
DOWNLOAD = {
    "url": "http://127.0.0.1/",
    "received_bytes": 10,
    "length_bytes": 100,
    "next_in_s": 3.0,
}


def samples(text: str) -> Samples:
    """Every sample of an exposition, each of them once."""
    found: Samples = {}
    for family in parse_plain(text):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, key
            found[key] = sample.value
    return found


def is_place(path: str) -> bool:
    """Whether known paths lie below ``path``."""
    return any(known.startswith(f"{path}.") for known in (*TABLE, *NOT_METRICS))


def unknown(status: dict[str, Any]) -> set[str]:
    """Paths that the table does not know, and that do not stand for known ones."""
    known = set(TABLE) | set(NOT_METRICS)
    return {
        leaf.path
        for leaf in leaves(status)
        if leaf.path not in known
        and not (
            leaf.value is None and any(k.startswith(leaf.path + ".") for k in known)
        )
    }


def expected_name(leaf: Leaf) -> str:
    row = TABLE[leaf.path]
    return f"{row.name}_total" if row.kind is Kind.COUNTER else row.name


def plausible(value: Any, path: str) -> Any:
    """Nulls filled in, so that each field has a number to compare."""
    if isinstance(value, dict):
        return {k: plausible(v, f"{path}.{k}" if path else k) for k, v in value.items()}
    if isinstance(value, list):
        return [plausible(item, f"{path}.*") for item in value]
    if value is None and path in TABLE:
        return 17.0
    return value


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Engine]:
    """An engine with a bit of everything, and a frame."""
    text = CONFIG.format(folder=folder, token=TOKEN)
    async with Engine(loads(text)) as it:
        await it.cameras["front"].wait_newer(0, WAIT_S)
        yield it


async def record(engine: Engine) -> None:
    """Have the camera record, and a device that is away told to."""
    (service,) = engine.multicam.devices
    await service.ready.wait()
    assert service.device is not None
    await service.device.record(0.0)
    await engine.multicam.required().start_recording()


async def busy_status(folder: Path) -> dict[str, Any]:
    """The status of an engine that does everything at once.

    What takes hours in truth, the end of a job or a Prusa camera's download, is added.
    """
    async with (
        asyncio.timeout(WAIT_S),
        running(folder) as engine,
        HttpClient("127.0.0.1", engine.web.port) as viewer,
        HttpClient("127.0.0.1", engine.web.port) as other,
        connect(engine.config.engine.socket_path) as client,
    ):
        for one in (viewer, other):
            head = await one.ask("/cameras/front/stream?viewer=wall")
            await one.read_frames(StrictParser(head.content_type), 2)
        await print_event(client, "started", "printing", 1.0)
        await record(engine)
        told: dict[str, Any] = json.loads(json.dumps(engine.status()))
    active = told["timelapse"]["active"]
    assert active is not None
    told["timelapse"]["last"] = {**active, **JOB, "state": "done"}
    (prusa,) = told["prusa_cameras"]
    second = {**PRUSA_JOB, "state": "recording", "late_s": 0.5}
    prusa["jobs"] = [PRUSA_JOB | DOWNLOAD, second]
    prusa["last"] = {**PRUSA_JOB, "state": "done"}
    multicam = told["multicam"]
    work = {"state": "rendering", "progress": 0.5, "reason": "", "video": None}
    multicam["sessions"][0]["video"] = work
    for device in multicam["sessions"][0]["devices"]:
        device["encoding"] = work
    multicam["last"] = {**multicam["sessions"][0], "state": "done"}
    multicam["cameras"][0]["announced_at"] = ["192.168.1.2"]
    told["connect"][0]["failures"] = {"network": 3, "server": 4}
    full: dict[str, Any] = plausible(told, "")
    return full


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return asyncio.run(busy_status(tmp_path_factory.mktemp("busy")))


@pytest.fixture
def status(told: dict[str, Any]) -> dict[str, Any]:
    """A copy that the test may change."""
    return copy.deepcopy(told)


def lists(value: Any, path: str = "") -> Iterator[tuple[str, int]]:
    """Every list of a status, with how many items it has."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from lists(inner, f"{path}.{key}")
    elif isinstance(value, list):
        yield path, len(value)
        for inner in value:
            yield from lists(inner, f"{path}.*")


def test_status_when_it_is_examined_then_no_list_hides_its_fields(
    status: dict[str, Any],
) -> None:
    most: dict[str, int] = {}
    for path, length in lists(status):
        most[path] = max(length, most.get(path, 0))
    assert [path for path, length in most.items() if not length] == []


def test_status_when_it_has_a_field_then_a_metric_or_named_as_none(
    status: dict[str, Any],
) -> None:
    assert unknown(status) == set(), (
        "give each a row in metrics/table.py, or a place in metrics/omitted.py"
    )


def test_table_when_compared_with_the_status_then_nothing_that_is_not_there(
    status: dict[str, Any],
) -> None:
    told = {leaf.path for leaf in leaves(status)}
    assert set(TABLE) - told == set()
    assert set(NOT_METRICS) - told == set()
    assert not set(TABLE) & set(NOT_METRICS)


def test_status_when_a_field_is_new_then_it_is_noticed(status: dict[str, Any]) -> None:
    status["cameras"][0]["novel"] = 1
    status["novel"] = {"inner": 2}
    assert unknown(status) == {"cameras.*.novel", "novel.inner"}


def test_numbers_when_compared_with_the_metrics_then_the_same_in_base_units(
    status: dict[str, Any],
) -> None:
    found = samples(expose(status, "")[0].decode())
    sums: dict[tuple[str, tuple[tuple[str, str], ...]], list[float]] = {}
    compared = set()
    for leaf in leaves(status):
        row = TABLE.get(leaf.path)
        if row is None or row.kind in (Kind.INFO, Kind.STATE):
            continue
        assert isinstance(leaf.value, int | float), leaf
        labels = tuple(sorted({**leaf.labels, **row.labels}.items()))
        sums.setdefault((expected_name(leaf), labels), []).append(
            float(leaf.value) * row.scale
        )
        compared.add(leaf.path)
    largest = {row.name for row in TABLE.values() if row.largest}
    for (name, labels), values in sums.items():
        expected = max(values) if name in largest else sum(values)
        assert math.isclose(found[name, labels], expected, rel_tol=1e-9), name
    assert len(compared) > 60


def test_states_when_shown_then_one_of_all_is_1(status: dict[str, Any]) -> None:
    found = samples(expose(status, "")[0].decode())
    shown = {
        dict(labels)["state"]: value
        for (name, labels), value in found.items()
        if name == "prusacam_camera_state" and dict(labels)["camera"] == "front"
    }
    assert shown == {
        "idle": 0,
        "connecting": 0,
        "live": 1,
        "stalled": 0,
        "failed": 0,
    }
    jobs = {
        dict(labels)["state"]: value
        for (name, labels), value in found.items()
        if name == "prusacam_prusa_camera_jobs"
    }
    assert (jobs["downloading"], jobs["recording"], jobs["done"]) == (1, 1, 0)


def test_texts_when_shown_then_as_labels_of_an_info(status: dict[str, Any]) -> None:
    found = samples(expose(status, "")[0].decode())
    info = [dict(labels) for name, labels in found if name == "prusacam_info"]
    assert [sorted(labels) for labels in info] == [
        ["intake", "pump", "scanner", "version"]
    ]
    assert info[0]["version"] == status["version"]


def test_names_when_read_then_they_follow_the_conventions(
    status: dict[str, Any],
) -> None:
    for family in parse_plain(expose(status, "")[0].decode()):
        if family.name.startswith("process_"):
            continue
        assert re.fullmatch(r"prusacam(_[a-z]+)+", family.name)
        assert not re.search(r"_(ms|s|mb|kb|fps|count)(_|$)", family.name)
        assert family.documentation
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter")
            # Prometheus gives every sample these two itself.
            assert not sample.labels.keys() & {"job", "instance"}


def test_openmetrics_when_asked_for_then_its_parser_takes_it(
    status: dict[str, Any],
) -> None:
    text, kind = expose(status, "application/openmetrics-text;version=1.0.0,*/*;q=0.1")
    assert kind.startswith("application/openmetrics-text; version=1.0.0")
    parsed = parse_openmetrics(text.decode())  # type: ignore[no-untyped-call]
    families = {family.name for family in parsed}
    assert "prusacam_camera_frames" in families


def test_labels_when_they_hold_anything_then_escaped(status: dict[str, Any]) -> None:
    name = 'a "b" \\ \n c'
    status["cameras"][0]["streams"][0]["viewer"] = name
    found = samples(expose(status, "")[0].decode())
    viewers = {dict(labels).get("viewer") for _, labels in found}
    assert name in viewers


def test_counters_when_read_twice_then_they_never_fall(
    status: dict[str, Any],
) -> None:
    before = samples(expose(status, "")[0].decode())
    status["cameras"][0]["frames"] += 5
    after = samples(expose(status, "")[0].decode())
    key = ("prusacam_camera_frames_total", (("camera", "front"),))
    assert after[key] == before[key] + 5


async def test_metrics_when_scraped_then_the_figures_of_the_status(
    tmp_path: Path,
) -> None:
    async with (
        running(tmp_path) as engine,
        HttpClient("127.0.0.1", engine.web.port) as client,
    ):
        answer = await client.read_answer("/metrics")
        again = await client.read_answer("/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = samples(answer.body.decode())
    assert found["prusacam_viewers_limit", ()] == 64
    assert found["process_resident_memory_bytes", ()] > 1e6
    later = samples(again.body.decode())
    assert (
        later["process_cpu_seconds_total", ()] >= found["process_cpu_seconds_total", ()]
    )


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text; version=abc",
        "application/openmetrics-text; version=9" * 200,
        ",;,;q=;=",
        "*/*",
    ],
)
def test_accept_when_it_makes_no_sense_then_an_answer(
    status: dict[str, Any], accept: str
) -> None:
    text, _ = expose(status, accept)
    assert b"prusacam_info" in text


def test_secrets_when_configured_then_not_among_the_metrics(
    status: dict[str, Any],
) -> None:
    assert TOKEN not in expose(status, "")[0].decode()


def test_dashboard_when_read_then_every_metric_in_it_exists(
    status: dict[str, Any],
) -> None:
    known = {name for name, _ in samples(expose(status, "")[0].decode())}
    dashboard = json.loads(DASHBOARD.read_text())
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    queries += [
        variable["query"]["query"]
        for variable in dashboard["templating"]["list"]
        if variable["type"] == "query"
    ]
    used = set()
    for query in queries:
        names = set(re.findall(r"\b(?:prusacam|process)_[a-z_]+", query))
        assert names, query
        used |= names
    assert used - known == set()
    assert len(used) > 20


def test_dashboard_when_imported_then_complete_and_of_no_certain_host() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    assert dashboard["id"] is None
    assert dashboard["uid"] == "prusacam"
    for panel in dashboard["panels"]:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == "${datasource}"


def test_page_when_read_then_it_tells_of_every_metric(status: dict[str, Any]) -> None:
    page = PAGE.read_text()
    told = set(re.findall(r"^\| `(prusacam_[a-z_]+)`", page, flags=re.MULTILINE))
    families = {
        f"{row.name}_total" if row.kind is Kind.COUNTER else row.name
        for row in TABLE.values()
    }
    assert told == families


PROMTOOL = shutil.which("promtool")


@pytest.mark.skipif(PROMTOOL is None, reason="Debian's package prometheus has promtool")
def test_metrics_when_promtool_reads_them_then_no_complaint(
    status: dict[str, Any],
) -> None:
    text = expose(status, "")[0]
    done = subprocess.run(
        [str(PROMTOOL), "check", "metrics"],
        input=text,
        capture_output=True,
        timeout=WAIT_S,
        check=False,
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")


@pytest.mark.skipif(PROMTOOL is None, reason="Debian's package prometheus has promtool")
def test_rules_of_the_page_when_promtool_reads_them_then_success(
    tmp_path: Path,
) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    (rules,) = [block for block in blocks if block.startswith("groups:")]
    file = tmp_path / "rules.yml"
    file.write_text(rules)
    done = subprocess.run(
        [str(PROMTOOL), "check", "rules", str(file)],
        capture_output=True,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_rules_of_the_page_when_read_then_their_metrics_exist(
    status: dict[str, Any],
) -> None:
    known = {name for name, _ in samples(expose(status, "")[0].decode())}
    used = set(re.findall(r"expr: .*?(prusacam_[a-z_]+)", PAGE.read_text()))
    assert used
    assert used - known == set()
