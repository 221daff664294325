# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every place that gets a copy of the audit log can do. Touches nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._common.errors import InputError, SlipwayError
from ..record import Record


class SinkError(SlipwayError):
    """The sink has not taken a batch; it will be sent again."""

    kind = "sink"


@dataclass(frozen=True)
class Capabilities:
    """What a sink promises.

    :ivar acknowledges: the other side says that it has a batch; otherwise it was handed over, and no more is known.
    :ivar idempotent: a batch that is sent twice is kept once.
    :ivar immutable: what it has cannot be changed with the rights by which it is written.
    """

    acknowledges: bool
    idempotent: bool
    immutable: bool = False


class Sink(ABC):
    """A place that gets a copy of every record, at least once."""

    capabilities: Capabilities

    @abstractmethod
    def deliver(self, batch: Sequence[Record], timeout: float) -> None:
        """Hand over records in their order; when this returns, the sink has them.

        :raises SinkError: it has not, or has some of them only.
        """

    def secrets(self) -> set[str]:
        """What no message may have."""
        return set()

    @abstractmethod
    def close(self) -> None:
        """Let go of connections."""


class Options:
    """The options of one sink, of which each is read once, and none may be left over."""

    def __init__(self, given: Mapping[str, Any], name: str) -> None:
        self.left = {key: value for key, value in given.items() if value is not None}
        self.name = name

    def text(self, key: str, default: str | None = None) -> str:
        """A text, which is required without a default."""
        value = self.left.pop(key, default)
        if not isinstance(value, str) or (default is None and not value):
            raise self.refused(key, "is required, and must be text")
        return value

    def number(self, key: str, default: int) -> int:
        """A whole number, also as text."""
        value = self.left.pop(key, default)
        try:
            return int(value)
        except (TypeError, ValueError):
            raise self.refused(key, "must be a whole number") from None

    def texts(self, key: str) -> dict[str, str]:
        """Texts by name."""
        value = self.left.pop(key, {})
        if not isinstance(value, Mapping) or not all(isinstance(it, str) for it in (*value, *value.values())):
            raise self.refused(key, "must be a mapping of texts")
        return dict(value)

    def end(self) -> None:
        """Refuse what nobody has read."""
        for key in self.left:
            raise self.refused(key, "is no option of this sink")

    def refused(self, key: str, what: str) -> InputError:
        """An error about an option; its value is not part of it."""
        return InputError(what, where=f"sinks: {self.name}: {key}", remedy="see the options of each sink in audit_emit")
