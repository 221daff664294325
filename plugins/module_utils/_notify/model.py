# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of notifications: events, severities, messages and channels. Touches nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, NamedTuple

from .._common.canonical import digest

STARTED, SUCCEEDED, PARKED, ABORTED, UNDONE, FAILED = "started", "succeeded", "parked", "aborted", "undone", "failed"
REFUSED = "refused"
INCIDENT, UPDATE, RESOLUTION = "incident", "update", "resolution"
OF_DEPLOYMENTS = (REFUSED, STARTED, SUCCEEDED, PARKED, ABORTED, UNDONE, FAILED)
BY_HAND = (INCIDENT, UPDATE, RESOLUTION)
EVENTS = (*OF_DEPLOYMENTS, *BY_HAND)
OPENING = (UNDONE, FAILED, INCIDENT)
CONCLUDING = (SUCCEEDED, RESOLUTION)

TRIGGER, ACKNOWLEDGE, RESOLVE = "trigger", "acknowledge", "resolve"
ACTIONS = {
    **dict.fromkeys(OPENING, TRIGGER),
    UPDATE: ACKNOWLEDGE,
    **dict.fromkeys(CONCLUDING, RESOLVE),
}

# Severity to the seconds within which somebody must answer.
ANSWER_WITHIN = {"P0": 15 * 60, "P1": 30 * 60, "P2": 2 * 3600, "P3": 24 * 3600}
SEVERITIES = tuple(ANSWER_WITHIN)
UPDATE_EVERY = 15 * 60
POST_MORTEM_WITHIN = 48 * 3600
# A deployment that is back where it was has hurt nobody; one that is not may do so now.
SEVERITY_OF = {UNDONE: "P2", FAILED: "P1", INCIDENT: "P2", UPDATE: "P2"}


@dataclass(frozen=True)
class Facts:
    """What has happened, and to what.

    :ivar event: one of ``EVENTS``.
    :ivar severity: one of ``SEVERITIES``; empty where nothing is wrong.
    :ivar at: seconds since the epoch.
    :ivar incident: name of an incident that was opened by hand; empty for that of deployments.
    :ivar reason: why, or what is known of it.
    :ivar document: the evidence of the deployment; empty where there is none.
    """

    event: str
    app: str
    at: int
    severity: str = ""
    environment: str = ""
    region: str = ""
    version: str = ""
    from_version: str = ""
    deployment: str = ""
    verb: str = ""
    operator: str = ""
    reason: str = ""
    incident: str = ""
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def key(self) -> str:
        """Under which incidents are kept: the same for all deployments of an application, so that one that succeeds
        resolves what one before it has opened, without anybody remembering that.
        """
        place = [part for part in (self.environment, self.region) if part]
        return "/".join(["slipway", *place, self.app, *([self.incident] if self.incident else [])])

    @property
    def identifier(self) -> str:
        """The same where the same is told twice, as by a run that goes on with a killed one."""
        once = self.deployment or str(self.at)
        return digest([self.key, once, self.event, self.reason])[:32]


@dataclass(frozen=True)
class Message:
    """The facts, and their words.

    :ivar title: one line.
    """

    facts: Facts
    title: str
    text: str

    def as_document(self) -> dict[str, Any]:
        """The message as JSON has it; times in UTC."""
        facts = self.facts
        return {
            "id": facts.identifier,
            "event": facts.event,
            "title": self.title,
            "text": self.text,
            **told(facts),
            "incident": {"key": facts.key, "action": ACTIONS.get(facts.event, "")},
        }


def told(facts: Facts) -> dict[str, str]:
    """The facts as templates and documents have them, with the times by which somebody must do something."""
    found = {
        name: getattr(facts, name)
        for name in (
            "app",
            "environment",
            "region",
            "version",
            "from_version",
            "deployment",
            "verb",
            "operator",
            "severity",
            "reason",
        )
    }
    opens, goes_on = facts.event in OPENING, facts.event in (*OPENING, UPDATE)
    return {
        **found,
        "at": utc(facts.at),
        "answer_by": utc(facts.at + ANSWER_WITHIN[facts.severity]) if opens else "",
        "next_update_by": utc(facts.at + UPDATE_EVERY) if goes_on else "",
        "post_mortem_by": utc(facts.at + POST_MORTEM_WITHIN) if facts.event in (*OPENING, RESOLUTION) else "",
    }


def utc(seconds: int) -> str:
    """A time as people and machines read it."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class NotSent(Exception):
    """A channel has not taken a message.

    :ivar again: trying once more may help.
    :ivar after: seconds that the other side wants to be left alone; 0 where it says nothing.
    """

    def __init__(self, detail: str, *, again: bool, after: int = 0) -> None:
        super().__init__(detail)
        self.again = again
        self.after = after


class Wanted(NamedTuple):
    """What a channel is for.

    :ivar events: it is told of.
    :ivar least: severity that an incident must have; empty for any.
    """

    events: tuple[str, ...]
    least: str = ""

    def has(self, facts: Facts) -> bool:
        """Whether the channel is told. What resolves an incident always is, as nobody knows how severe that was."""
        if facts.event not in self.events:
            return False
        return not (self.least and facts.severity) or facts.event in CONCLUDING or facts.severity <= self.least


@dataclass(frozen=True)
class Capabilities:
    """What a channel can do.

    :ivar events: that mean something to it.
    :ivar default: of which it is told unless the operator says otherwise.
    """

    events: tuple[str, ...] = EVENTS
    default: tuple[str, ...] = field(default=tuple(event for event in EVENTS if event != STARTED))


class Channel(ABC):
    """A place that takes messages."""

    capabilities = Capabilities()

    @abstractmethod
    def send(self, message: Message, timeout: float) -> None:
        """Hand over the message, once, within ``timeout`` seconds.

        :raises NotSent: it was not taken; the reason has no secret.
        """

    @abstractmethod
    def shown(self) -> str:
        """Where it is, without secrets."""
