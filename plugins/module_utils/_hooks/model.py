# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of a hook: what it does, and how that ended.

Touches nothing.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """How a hook ended.

    :param ok: the command ended with 0, the server answered with 2xx.
    :param detail: how it ended, in words.
    :param status: exit status or status code; ``None`` where it came to none.
    :param output: the last lines of its output or of the answer.
    """

    ok: bool
    detail: str
    status: int | None = None
    output: list[str] = field(default_factory=list)

    def message(self) -> str:
        """How it ended, with its last lines when it failed."""
        if self.ok or not self.output:
            return self.detail
        return f"{self.detail}; its last lines: {' / '.join(self.output)}"


class Action(abc.ABC):
    """What a hook does, once."""

    @abc.abstractmethod
    def run(self, facts: Mapping[str, Any], timeout: int) -> Outcome:
        """Do it within ``timeout`` seconds."""

    @abc.abstractmethod
    def shown(self) -> str:
        """What would be done, without secrets."""
