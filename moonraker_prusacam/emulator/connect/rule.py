# A rule of the local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of an answer, and how well.

*Confirmed*: Prusa's camera OpenAPI 0.22.0 says so, the source of an official client
relies on it, or a user showed the real service's answer. *Assumed*: the request or the
limit is known, this answer to it is a guess; ``Behaviour`` switches the doubtful ones.
A test that leans on an assumed rule proves nothing of the real service.
"""

from __future__ import annotations

import enum

import attrs


class Evidence(enum.StrEnum):
    """How a rule is known."""

    CONFIRMED = "confirmed"
    ASSUMED = "assumed"


@attrs.frozen
class Rule:
    """``name`` is the verdict in the log; ``source`` says where the rule is from."""

    name: str
    request: str
    answer: str
    evidence: Evidence
    source: str


class RuleBook:
    """Rules in the order in which they were written down."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All of them."""
        return tuple(self._rules)

    def confirmed(self, name: str, request: str, answer: str, source: str) -> Rule:
        """Write down what is known."""
        return self._add(Rule(name, request, answer, Evidence.CONFIRMED, source))

    def assumed(self, name: str, request: str, answer: str, source: str) -> Rule:
        """Write down what is guessed."""
        return self._add(Rule(name, request, answer, Evidence.ASSUMED, source))

    def _add(self, rule: Rule) -> Rule:
        self._rules.append(rule)
        return rule
