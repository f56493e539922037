# Tests of the examples of docs/api-examples.md.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every printed request is sent to a real Moonraker, and answered as it is printed.

Every endpoint and every route has an example, and every printed notification comes.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

import pytest

from moonraker_prusacam import component
from moonraker_prusacam.component.doctor import Doctor
from moonraker_prusacam.component.endpoints import Endpoints
from moonraker_prusacam.component.timelapse_facade import TimelapseFacade
from moonraker_prusacam.methods import Methods
from moonraker_prusacam.web import routes
from tests.reference.examples import Example, Head, differences, read_examples
from tests.reference.pages import DOCS
from tests.support.api_site import ENGINE_ADDRESS, ApiSite, api_site

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = list(read_examples((DOCS / "api-examples.md").read_text()))
REGISTERING = {"doctor.py", "endpoints.py", "timelapse_facade.py"}


def paths() -> Iterator[tuple[str, str]]:
    """Method and path of every example by HTTP."""
    for example in EXAMPLES:
        if example.request is not None and example.request.path:
            path = example.request.path.removeprefix(ENGINE_ADDRESS)
            yield example.request.method, path.partition("?")[0]


def registered() -> set[tuple[str, str]]:
    """Method and path of every endpoint that the component registers."""
    server = MagicMock()
    Endpoints(server, MagicMock()).register()
    Doctor(server, MagicMock()).register()
    TimelapseFacade._register(MagicMock(_server=server))
    calls = [call.args for call in server.register_endpoint.call_args_list]
    return {(method, path) for path, methods, *_ in calls for method in methods}


def test_endpoints_when_looked_up_then_each_has_an_example() -> None:
    assert registered() - set(paths()) == set()


def rows(chapter: str) -> list[list[str]]:
    """The cells of all tables below a heading of docs/api.md."""
    text = (DOCS / "api.md").read_text().split(f"\n{chapter}\n", 1)[1]
    lines = text.split("\n## ", 1)[0].splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return [row for row in cells if row and "`" in "".join(row)]


def test_tables_when_compared_with_endpoints_then_the_same() -> None:
    told = {
        (method, path.partition("?")[0])
        for methods, paths, *_ in (row for row in rows("## Moonraker") if "/" in row[1])
        for method in methods.split(", ")
        for path in re.findall(r"`(/[^`]+)`", paths)
    }
    assert told == registered()


def test_table_of_the_socket_when_compared_with_methods_then_the_same() -> None:
    told = {method.strip("`") for method, *_ in rows("## The control socket")}
    assert told == Methods(MagicMock()).table.keys()


def test_component_when_searched_then_no_endpoint_is_registered_elsewhere() -> None:
    (folder,) = component.__path__
    files = Path(folder).glob("**/*.py")
    found = {file.name for file in files if "register_endpoint" in file.read_text()}
    assert found == REGISTERING


def test_routes_when_looked_up_then_each_has_an_example() -> None:
    asked = {path for _, path in paths()}
    long = {match[3] for path in asked if (match := routes.LONG.fullmatch(path))}
    assert routes.SHORT.keys() <= asked
    assert routes.OF_CAMERA.keys() <= long


def test_page_when_read_then_examples_are_whole() -> None:
    assert len(EXAMPLES) > 40
    with pytest.raises(ValueError, match="line 1: has no answer"):
        list(read_examples("```http\nGET /\n```\n"))
    with pytest.raises(ValueError, match="requests and answers come by turns"):
        list(read_examples('```json\n{"a": 1}\n```\n'))


SAME: list[tuple[Any, Any]] = [
    ({"a": 1, "b": [1.5, "…"]}, {"a": 2, "b": [3, None, "x"]}),
    ({"a": True, "…": "…"}, {"a": True, "b": 1}),
    ("…", None),
    ("at …:…", "at 127.0.0.1:80"),
    ([], []),
]
OTHER: list[tuple[Any, Any, str]] = [
    ({"a": 1}, {"a": 1, "b": 2}, "answer: 'b' is not printed: 2"),
    ({"a": 1}, {}, "answer: there is no 'a'"),
    ({"a": [{"b": 1}]}, {"a": [{"b": 1.5}]}, "answer.a[0].b: 1.5 where 1 is printed"),
    (1, True, "answer: True where 1 is printed"),
    (1.5, "1.5", "answer: '1.5' where 1.5 is printed"),
    (True, 1, "answer: 1 where True is printed"),
    (None, 0, "answer: 0 where None is printed"),
    ("a…", "ba", "answer: 'ba' where 'a…' is printed"),
    ([1], [1, 2], "answer: 2 items where 1 are printed"),
    ([1, 2, "…"], [1], "answer: 1 items where 2 are printed"),
    ({}, [], "answer: [] is no object"),
    ([], {}, "answer: {} is no list"),
]


@pytest.mark.parametrize(("printed", "real"), SAME)
def test_answer_when_as_printed_then_no_difference(printed: Any, real: Any) -> None:
    assert differences(printed, real) == []


@pytest.mark.parametrize(("printed", "real", "told"), OTHER)
def test_answer_when_not_as_printed_then_place_and_value_are_told(
    printed: Any, real: Any, told: str
) -> None:
    assert differences(printed, real) == [told]


async def compare(site: ApiSite, example: Example) -> list[str]:
    """What differs from the page, each with the line of the example."""
    assert example.request is not None
    real, printed = await site.ask(example.request), example.answer
    if isinstance(printed, Head) and isinstance(real, Head):
        found = differences(printed.status, real.status, "status")
        told = {name.lower(): value for name, value in real.headers.items()}
        for name, value in printed.headers.items():
            found += differences(value, told.get(name.lower()), name)
        if printed.status != real.status:
            found.append(f"status: {real.status} where {printed.status} is printed")
    else:
        found = differences(printed, real)
    return [f"line {example.line}: {text}" for text in found]


@pytest.mark.moonraker
@pytest.mark.timeout(120)
async def test_examples_when_replayed_then_answered_as_printed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    asked = [example for example in EXAMPLES if example.request is not None]
    told = [example for example in EXAMPLES if example.request is None]
    wrong: list[str] = []
    async with api_site(tmp_path_factory.mktemp("s")) as site:
        for example in asked:
            wrong += await compare(site, example)
        await site.lose_camera()
        for example in told:
            method, printed = example.answer["method"], example.answer["params"][0]
            events = [
                differences(printed, event, method)
                for event in site.ui.received(method)
            ]
            nearest = min(events, key=len, default=[f"{method} never came"])
            wrong += [f"line {example.line}: {text}" for text in nearest]
    assert not wrong, "\n".join(wrong)
