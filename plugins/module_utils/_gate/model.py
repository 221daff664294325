# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of a gate: checks, probes, answers, attempts and verdicts.

Touches nothing.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass, field
from typing import Any

PASS = "pass"
FAIL = "fail"
INSUFFICIENT = "insufficient"


@dataclass(frozen=True)
class Answer:
    """What one attempt of a probe found.

    :param ok: the answer is the expected one.
    :param detail: why it is not, without secrets; empty when there is nothing to say.
    :param made: ``False`` when no attempt could be made at all, so that nothing is known about the target.
    :param final: ``True`` when trying again cannot help.
    """

    ok: bool
    detail: str = ""
    made: bool = True
    final: bool = False


def impossible(detail: str, *, final: bool = False) -> Answer:
    """An answer for an attempt that could not be made."""
    return Answer(ok=False, detail=detail, made=False, final=final)


class Probe(abc.ABC):
    """One question to a target, asked again at every attempt."""

    @abc.abstractmethod
    def attempt(self, timeout: float) -> Answer:
        """Ask once, within ``timeout`` seconds."""

    @abc.abstractmethod
    def target(self) -> str:
        """What is asked, for results and messages, without secrets."""


@dataclass(frozen=True)
class Timing:
    """When to ask and what to demand; seconds, except ``budget_ms``.

    :param budget_ms: an answer slower than this is a failed attempt; 0 for no budget.
    :param timeout: when an attempt is given up.
    :param interval: from the end of one attempt to the start of the next; 0 for 50 ms.
    :param successes: consecutive good attempts that make a pass.
    :param startup: allowance from the start of the gate in which failures do not count towards ``failures``.
    :param deadline: from the start of the gate; without a pass by then the check has failed.
    :param failures: consecutive failures after ``startup`` that end the check early; 0 to go on until ``deadline``.
    """

    budget_ms: int = 0
    timeout: int = 1
    interval: int = 1
    successes: int = 3
    startup: int = 0
    deadline: int = 60
    failures: int = 0


@dataclass(frozen=True)
class Check:
    """One named probe with its timing."""

    name: str
    type: str
    probe: Probe
    timing: Timing


@dataclass(frozen=True)
class Attempt:
    """One attempt as it is reported; milliseconds since the start of the gate, and its own duration."""

    at_ms: int
    latency_ms: int
    answer: Answer

    def as_result(self) -> dict[str, Any]:
        """The attempt for the result of the module."""
        return {
            "at_ms": self.at_ms,
            "ok": self.answer.ok,
            "latency_ms": self.latency_ms,
            "detail": self.answer.detail,
        }


@dataclass
class Finding:
    """The outcome of one check."""

    check: Check
    verdict: str = ""
    reason: str = ""
    attempts: list[Attempt] = field(default_factory=list)
