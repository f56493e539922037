# The text that Prometheus reads.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One collector, which reads the status when it is asked for.

There is nothing to keep in step: whoever adds a figure to the status adds a row to the
table, or a test fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from .row import Kind
from .table import KEYS, LABELS, TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from .row import Row

OPENMETRICS = "application/openmetrics-text"
PLAIN_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[tuple[str, str], ...]


@attrs.frozen
class Leaf:
    """A value of the status, the path that the table knows, and its labels."""

    path: str
    labels: dict[str, str]
    value: Any


def leaves(status: dict[str, Any]) -> Iterator[Leaf]:
    """All values of ``status``."""
    for key, value in status.items():
        yield from _leaves(value, key, {})


def _leaves(value: Any, path: str, labels: dict[str, str]) -> Iterator[Leaf]:
    if isinstance(value, dict):
        if tell := LABELS.get(path):
            labels = labels | tell(value)
        for key, inner in value.items():
            if label := KEYS.get(path):
                yield from _leaves(inner, f"{path}.*", labels | {label: key})
            else:
                yield from _leaves(inner, f"{path}.{key}", labels)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, f"{path}.*", labels)
    else:
        yield Leaf(path, labels, value)


class _Status(Collector):
    """The metrics of one status."""

    def __init__(self, status: dict[str, Any]) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """All families, as the registry wants them."""
        families: dict[str, _Family] = {}
        for leaf in leaves(self._status):
            row = TABLE.get(leaf.path)
            if row is None or leaf.value is None:
                continue
            families.setdefault(row.name, _Family(row)).add(row, leaf)
        for family in families.values():
            yield family.metric()


class _Family:
    """Samples of one name."""

    def __init__(self, row: Row) -> None:
        self._row = row
        self._samples: dict[Labels, float] = {}
        self._info: dict[Labels, dict[str, str]] = {}

    def add(self, row: Row, leaf: Leaf) -> None:
        """Take a value in."""
        labels = leaf.labels | dict(row.labels)
        if row.kind is Kind.INFO:
            name = leaf.path.rpartition(".")[2]
            self._info.setdefault(_key(labels), {})[name] = str(leaf.value)
        elif row.kind is Kind.STATE:
            for state in dict.fromkeys((*row.states, str(leaf.value))):
                self._count(labels | {"state": state}, float(state == leaf.value))
        elif row.largest:
            key = _key(labels)
            value = float(leaf.value) * row.scale
            self._samples[key] = max(value, self._samples.get(key, value))
        else:
            self._count(labels, float(leaf.value) * row.scale)

    def metric(self) -> Metric:
        """What the library writes out."""
        for labels, told in self._info.items():
            self._samples[_key(dict(labels) | told)] = 1.0
        names = [name for name, _ in next(iter(self._samples))]
        make = (
            CounterMetricFamily if self._row.kind is Kind.COUNTER else GaugeMetricFamily
        )
        family = make(self._row.name, self._row.help, labels=names)
        for key, value in self._samples.items():
            family.add_metric([text for _, text in key], value)
        return family

    def _count(self, labels: dict[str, str], value: float) -> None:
        key = _key(labels)
        self._samples[key] = self._samples.get(key, 0.0) + value


def expose(status: dict[str, Any], accept: str) -> tuple[bytes, str]:
    """Text and its type, in the format that the header ``accept`` asks for."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Status(status))
    ProcessCollector(registry=registry)  # processor time, memory, descriptors
    if OPENMETRICS in accept:
        text: bytes = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]
        return text, openmetrics.CONTENT_TYPE_LATEST
    return generate_latest(registry), PLAIN_TYPE


def _key(labels: dict[str, str]) -> Labels:
    return tuple(sorted(labels.items()))
