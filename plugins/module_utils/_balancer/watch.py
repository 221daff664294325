# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watch of one balancer as it is recorded: what is judged, until when, and where the traffic returns to.

Reads and writes ``watch.json`` and reads ``watch_outcome.json`` in the balancer's state directory. It is valid only as
long as the traffic is as it was when it was armed: whatever a later run does ends it by itself.
"""

from __future__ import annotations

import fcntl
import importlib.util
import math
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .._common import clock
from .._common.errors import InputError, StateError
from .._common.files import read_state, write_state
from .state import State, check_percents

SCHEMA = 1
LONGEST = 7 * 86400
RETURNED = ("returned", "followed")
KEEP, GIVE_BACK = "keep", "return"
DRIVERS = ("psycopg2",)


@dataclass(frozen=True)
class WatchRequest:
    """What is asked of a watch; durations are seconds.

    :param slot: the slot that is judged.
    :param return_to: slot percents that the traffic returns to, all of it to one slot.
    :param seconds: how long it lasts.
    :param interval: time between two rounds of the checks.
    :param failures: how often in a row a check must fail.
    :param on_error: ``keep``, or ``return`` when a source cannot be asked.
    :param at_end: ``keep``, or ``return`` when the time is over.
    :param metrics: as ``health_gate`` takes them.
    :param checks: as ``health_gate`` takes them.
    :param hooks: name, command or url, headers, timeout and user of what is run after a return.
    :param facts: what these are told.
    """

    deployment: str
    slot: str
    return_to: dict[str, int]
    seconds: int
    interval: int = 10
    failures: int = 3
    on_error: str = KEEP
    at_end: str = KEEP
    metrics: list[dict[str, Any]] = field(default_factory=list)
    checks: list[dict[str, Any]] = field(default_factory=list)
    hooks: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Refuse what no watch can be made of.

        :raises InputError: names the field.
        """
        check_percents(self.return_to, "watch.return_to")
        _require(100 in self.return_to.values(), "return_to", "must give one slot all the traffic")
        _require(1 <= self.seconds <= LONGEST, "seconds", f"must be from 1 to {LONGEST}")
        _require(1 <= self.interval <= 3600, "interval", "must be from 1 to 3600 seconds")
        _require(1 <= self.failures <= 1000, "failures", "must be from 1 to 1000")
        _require(bool(self.metrics or self.checks), "checks", "is empty, and so is metrics: nothing would be judged")


@dataclass(frozen=True)
class Watch:
    """An armed watch.

    :param token: of the deployment, and of the state that the balancer had when it was armed.
    :param percents: the percents then.
    :param deadline_ms: its end, in milliseconds of CLOCK_BOOTTIME of boot ``boot_id``.
    :param ends: its end by the wall clock, in seconds since 1970, which counts after a boot.
    """

    request: WatchRequest
    token: int
    percents: dict[str, int]
    deadline_ms: int
    boot_id: str
    ends: int

    @classmethod
    def armed(cls, request: WatchRequest, state: State, now_ms: int, boot_id: str) -> Watch:
        """The watch of a balancer that is brought to ``state``."""
        lasting = request.seconds
        ends = math.ceil(time.time()) + lasting
        return cls(request, state.token, dict(state.percents), now_ms + lasting * 1000, boot_id, ends)

    @property
    def stable(self) -> str:
        """The slot that the traffic returns to."""
        return next(slot for slot, percent in self.request.return_to.items() if percent == 100)

    def holds(self, state: State | None, seen: int) -> bool:
        """Whether the traffic still is what this watch was armed for.

        :param seen: the highest token that this host has seen; a deployment that has begun may fill the other slot.
        """
        return (
            state is not None
            and state.lease is None
            and state.token == self.token
            and state.percents == self.percents
            and not self.has_returned(state)
            and seen <= self.token
        )

    def has_returned(self, state: State | None) -> bool:
        """Whether the traffic is where this watch would return it, and nobody else has moved it."""
        return (
            state is not None
            and state.token == self.token
            and state.percents == self.request.return_to
            and not state.override
        )

    def left_seconds(self, now_ms: int, boot_id: str, wall: float) -> float:
        """Seconds until its end, never more than its length; 0 or less when it is over."""
        if boot_id == self.boot_id:
            return (self.deadline_ms - now_ms) / 1000
        return min(float(self.request.seconds), self.ends - wall)

    def to_dict(self) -> dict[str, Any]:
        """As it is recorded; holds secrets."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], where: str) -> Watch:
        """The reverse of ``to_dict``.

        :raises StateError: it is none.
        """
        try:
            values = {name: content[name] for name in ("token", "percents", "deadline_ms", "boot_id", "ends")}
            return cls(WatchRequest(**content["request"]), **values)
        except (KeyError, TypeError) as exc:
            raise StateError(
                f"the watch cannot be read: {type(exc).__name__}: {exc}",
                where=where,
                remedy="remove the file; the traffic is watched again after the next deployment",
            ) from exc


def watch_file(directory: Path) -> Path:
    """Where a balancer's watch is recorded; only root may read it."""
    return directory / "watch.json"


def outcome_file(directory: Path) -> Path:
    """Where it is recorded what came of the last watch."""
    return directory / "watch_outcome.json"


def load(directory: Path) -> Watch | None:
    """The recorded watch.

    :raises StateError: the file cannot be read.
    """
    path = watch_file(directory)
    content = read_state(path, SCHEMA)
    return None if content is None else Watch.from_dict(content, str(path))


def save(directory: Path, watch: Watch) -> None:
    """Record a watch; called with the fence's lock held."""
    write_state(watch_file(directory), SCHEMA, watch.to_dict(), mode=0o600)


def load_outcome(directory: Path) -> dict[str, Any] | None:
    """What came of the last watch; ``None`` before the first.

    :raises StateError: the file cannot be read.
    """
    return read_state(outcome_file(directory), SCHEMA)


def returned_token(directory: Path, state: State | None) -> int:
    """Token of the deployment whose traffic the watch of this host has returned; 0 where it is not so."""
    outcome = load_outcome(directory) or {}
    is_so = (
        state is not None
        and outcome.get("result") in RETURNED
        and outcome.get("token") == state.token
        and outcome.get("percents") == state.percents
    )
    return int(outcome["token"]) if is_so else 0


def kept(directory: Path) -> Watch | None:
    """The recorded watch; none where it cannot be read, since nobody can keep it either."""
    try:
        return load(directory)
    except StateError:
        return None


def watching_token(watches: Iterable[Watch | None], state: State | None, seen: int) -> int:
    """Token of the deployment whose traffic a watch of this host may still return; 0 where none may.

    :param watches: what was recorded before ``state`` was, and after it.
    :param seen: the highest token that this host has seen.
    """
    return next((watch.token for watch in watches if watch and watch.holds(state, seen)), 0)


def is_kept(run_directory: Path) -> bool:
    """Whether the service runs that keeps watches on this host: it holds a lock as long as it lives."""
    try:
        descriptor = os.open(lock_file(run_directory), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def lock_file(run_directory: Path) -> Path:
    """What the service that keeps watches locks."""
    return run_directory / "watch.lock"


def standing_file(run_directory: Path) -> Path:
    """Where that service says what it has judged so far."""
    return run_directory / "watch_standing.json"


def described(directory: Path, run_directory: Path, state: State | None, seen: int) -> dict[str, Any]:
    """What an operator may know of the watch of a balancer: nothing of it is secret.

    :param seen: the highest token that this host has seen.
    """
    watch = load(directory)
    outcome = load_outcome(directory)
    return {
        "can_ask": [name for name in DRIVERS if importlib.util.find_spec(name)],
        "armed": _armed(watch, run_directory) if watch and watch.holds(state, seen) else None,
        "outcome": outcome if outcome and state and outcome.get("token") == state.token else None,
    }


def _armed(watch: Watch, run_directory: Path) -> dict[str, Any]:
    standing = read_state(standing_file(run_directory), SCHEMA) or {}
    left = watch.left_seconds(int(clock.boottime() * 1000), clock.boot_id(), time.time())
    request = watch.request
    return {
        "deployment": request.deployment,
        "token": watch.token,
        "slot": request.slot,
        "percents": watch.percents,
        "return_to": request.return_to,
        "seconds": request.seconds,
        "left_seconds": max(0, math.ceil(left)),
        "ends": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(watch.ends)),
        "judged": standing.get("judged", []) if standing.get("token") == watch.token else [],
    }


def returning(watch: Watch) -> dict[str, Any]:
    """The part of a state that a return changes."""
    return {"percents": dict(watch.request.return_to), "stable": watch.stable, "lease": None, "override": False}


def _require(holds: bool, name: str, complaint: str) -> None:
    if not holds:
        raise InputError(f"{name} {complaint}", where=f"watch.{name}", remedy=f"correct {name}")
