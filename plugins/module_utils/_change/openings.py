# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the windows of a policy let a change begin at an instant, why not, and when they next do. Touches nothing.

A deny window beats every allow window. Where any allow window concerns the change, one of them must be open.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

from .window import ALLOW, DENY, Span, Window

# What comes once a year is found, wherever in the year one asks.
HORIZON = timedelta(days=2 * 366)
# A window that began before this is taken for one that began then.
BEFORE = timedelta(days=40)


class Matched(NamedTuple):
    """A window that holds at an instant, or within the runway.

    :param span: of this window; the end is the horizon's where it does not end before.
    """

    window: Window
    span: Span


@dataclass(frozen=True)
class Moment:
    """What the windows say about an instant.

    :param denying: freezes that hold.
    :param ahead: freezes that begin before a change would be over.
    :param allowing: allow windows that are open.
    :param outside: whether there are allow windows, and none of them is open.
    """

    denying: tuple[Matched, ...]
    ahead: tuple[Matched, ...]
    allowing: tuple[Matched, ...]
    outside: bool

    @property
    def open(self) -> bool:
        """Whether a change may begin."""
        return not (self.denying or self.ahead or self.outside)


class Calendar:
    """The windows that concern one change, around an instant.

    :param windows: those of the policy.
    :param runway: how long the change takes; it does not begin when a freeze would meet it.
    :param now: the instant that everything is asked from; up to ``HORIZON`` later is looked at.
    """

    def __init__(
        self,
        windows: Sequence[Window],
        zone: ZoneInfo,
        now: datetime,
        *,
        environment: str,
        application: str,
        runway: timedelta = timedelta(0),
    ) -> None:
        self.windows = [window for window in windows if window.concerns(environment, application)]
        self.zone = zone
        self.runway = runway
        self.now = now
        self.limiting = [
            window for window in windows if window.kind == ALLOW and window.may_concern(environment, application)
        ]
        self.limited = bool(self.limiting)

    @cached_property
    def _denied(self) -> list[Matched]:
        return self._matches(DENY)

    @cached_property
    def _closed(self) -> list[Span]:
        """All freezes together, in order, without what touches or overlaps."""
        found: list[Span] = []
        for start, end in sorted(span for _window, span in self._denied):
            if found and start <= found[-1].end:
                found[-1] = Span(found[-1].start, max(end, found[-1].end))
            else:
                found.append(Span(start, end))
        return found

    @cached_property
    def _closed_ends(self) -> list[datetime]:
        return [span.end for span in self._closed]

    @cached_property
    def _allowed(self) -> list[Matched]:
        return self._matches(ALLOW)

    def _matches(self, kind: str) -> list[Matched]:
        first = (self.now - BEFORE).astimezone(self.zone).date()
        last = (self.now + HORIZON).astimezone(self.zone).date()
        return [
            Matched(window, span)
            for window in self.windows
            if window.kind == kind
            for span in window.spans(self.zone, first, last)
        ]

    def at(self, instant: datetime) -> Moment:
        """What holds at an instant."""
        over = instant + self.runway
        allowing = tuple(match for match in self._allowed if match.span.start <= instant < match.span.end)
        return Moment(
            denying=tuple(match for match in self._denied if match.span.start <= instant < match.span.end),
            ahead=tuple(match for match in self._denied if instant < match.span.start < over),
            allowing=allowing,
            outside=self.limited and not allowing,
        )

    def next_open(self, instant: datetime) -> datetime | None:
        """The first instant from this one on at which a change may begin; none before the horizon where nothing."""
        candidate = instant
        while candidate < self.now + HORIZON:
            later = self._not_before(candidate)
            if later == candidate:
                return candidate
            if later is None:
                return None
            candidate = later
        return None

    def _not_before(self, instant: datetime) -> datetime | None:
        """The instant itself where a change may begin, or one before which none may; none where none ever may."""
        over = instant + self.runway
        closed = bisect_right(self._closed_ends, instant)
        if closed < len(self._closed) and (self._closed[closed].start <= instant or self._closed[closed].start < over):
            return self._closed[closed].end
        if not self.limited or any(span.start <= instant < span.end for _window, span in self._allowed):
            return instant
        return min((span.start for _window, span in self._allowed if span.start > instant), default=None)

    def why(self, instant: datetime) -> list[str]:
        """One sentence for each thing that keeps a change from beginning at an instant; nothing when it may."""
        moment = self.at(instant)
        sentences = [f"freeze {window.name} holds {self._until(span)}" for window, span in moment.denying]
        sentences += [
            f"freeze {window.name} begins at {self.shown(span.start)}, within the {round(self.runway.total_seconds())} "
            "s that a deployment takes"
            for window, span in moment.ahead
        ]
        if moment.outside:
            names = ", ".join(window.name for window in self.limiting)
            sentences.append(f"it is outside of every window that allows changes: {names}")
        return sentences

    def _until(self, span: Span) -> str:
        beyond = span.end >= self.now + HORIZON
        return f"for more than {HORIZON.days} days" if beyond else f"until {self.shown(span.end)}"

    def shown(self, instant: datetime) -> str:
        """An instant as the zone's clock shows it, with the offset."""
        return instant.astimezone(self.zone).isoformat(sep=" ", timespec="minutes")
