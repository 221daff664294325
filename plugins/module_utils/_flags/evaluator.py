# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a running evaluator what users get, by the OpenFeature remote evaluation protocol that flagd and others speak.

Touches nothing.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from .http import Service
from .model import STICKY, Flag

USERS = 5


class Evaluator:
    """A program that evaluates flags for applications."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def place(self) -> str:
        """The evaluator, as messages name it."""
        return self.service.shown()

    def complaint(self, flag: Flag) -> str:
        """What is wrong with what it gives; empty when that is right, or is up to the draw of users."""
        for context, expected in _expected(flag):
            status, answer = self.service.ask(
                "POST", f"/ofrep/v1/evaluate/flags/{quote(flag.name, safe='')}", {"context": context}
            )
            value = answer.get("value") if isinstance(answer, dict) else None
            if status != 200:
                return f"the evaluator answers with status {status}"
            if value is not expected:
                return f"the evaluator gives {value} where it must give {expected}"
        return ""


def _expected(flag: Flag) -> list[tuple[dict[str, Any], bool]]:
    """Users for whom no draw decides, and what they must get."""
    cases: list[tuple[dict[str, Any], bool]] = [
        ({**_user(flag, 0), "tenant": tenant}, value) for tenant, value in sorted(flag.tenants.items())
    ]
    if flag.segments:
        cases.append((_user(flag, 0), False))
    if not flag.drawn:
        among = [{"segment": segment} for segment in flag.segments] or [{}]
        on = flag.percentage == 100
        cases += [({**_user(flag, number), **segment}, on) for segment in among for number in range(USERS)]
    return cases


def _user(flag: Flag, number: int) -> dict[str, str]:
    user = f"slipway-probe-{number}"
    return {STICKY: user, flag.sticky: user}
