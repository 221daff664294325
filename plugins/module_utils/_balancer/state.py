# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of one balancer: slot percents, servers taken out, the armed lease. Pure; touches nothing.

A balancer records this state on disk and brings the running process to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from .._common.errors import InputError, StateError
from .config import SLOTS, BalancerConfig, other_slot

SCHEMA = 1
SERVER_STATES = ("ready", "drain", "quarantine")


@dataclass(frozen=True)
class Lease:
    """The return of traffic that happens when nobody renews: armed by a deployment, carried out by the host's agent.

    :param token: fencing token of the deployment.
    :param deadline_ms: CLOCK_BOOTTIME, milliseconds, of the boot ``boot_id``.
    :param return_to: the slot percents to return to.
    """

    token: int
    deadline_ms: int
    boot_id: str
    return_to: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """The dictionary that ``from_dict`` reads."""
        return {
            "token": self.token,
            "deadline_ms": self.deadline_ms,
            "boot_id": self.boot_id,
            "return_to": dict(self.return_to),
        }

    def expired(self, now_ms: int, boot_id: str) -> bool:
        """Whether the traffic must return: the deadline passed, or the host booted since."""
        return boot_id != self.boot_id or now_ms >= self.deadline_ms


@dataclass(frozen=True)
class State:
    """What a balancer is asked to do for one application.

    :param generation: counts changes.
    :param token: fencing token of the last writer.
    :param stable: the slot to fall back to; the preview address shows the other one.
    :param percents: slot percent of each slot; they sum to 100.
    :param servers: instances a deployment or an operator took out (``drain``, ``quarantine``); all others are ready.
    :param down: instances the health watch found dead.
    :param lease: the armed return of traffic, if any.
    :param override: whether requests that the configuration matches go to the slot that is not stable, at any percents.
    """

    app: str
    generation: int
    token: int
    stable: str
    percents: dict[str, int]
    servers: dict[str, str] = field(default_factory=dict)
    down: tuple[str, ...] = ()
    lease: Lease | None = None
    override: bool = False

    def __post_init__(self) -> None:
        _require(self.generation >= 0 and self.token >= 0, "generation and token must not be negative")
        _require(self.stable in SLOTS, f"stable must be one of {', '.join(SLOTS)}, found {self.stable!r}")
        check_percents(self.percents, "percents")
        _require(isinstance(self.override, bool), f"override must be true or false, found {self.override!r}")
        for name, asked in self.servers.items():
            _require(asked in SERVER_STATES, f"servers.{name} must be one of {', '.join(SERVER_STATES)}")
        if self.lease is not None:
            check_percents(self.lease.return_to, "lease.return_to")
        object.__setattr__(self, "servers", {name: s for name, s in sorted(self.servers.items()) if s != "ready"})
        object.__setattr__(self, "down", tuple(sorted(set(self.down))))

    @classmethod
    def initial(cls, app: str, stable: str = SLOTS[0]) -> State:
        """The state of a balancer that has none yet."""
        return cls(app=app, generation=0, token=0, stable=stable, percents=whole(stable))

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> State:
        """Read a dictionary as ``to_dict`` makes it.

        :raises InputError: a value cannot be used.
        """
        try:
            lease = content["lease"]
            return cls(
                app=content["app"],
                generation=content["generation"],
                token=content["token"],
                stable=content["stable"],
                percents=dict(content["percents"]),
                servers=dict(content["servers"]),
                down=tuple(content["down"]),
                lease=None if lease is None else Lease(**lease),
                override=content.get("override", False),
            )
        except (KeyError, TypeError) as exc:
            raise InputError(
                f"the balancer state is malformed: {exc}", where="balancer state", remedy="write it with lb_switch"
            ) from exc

    def to_dict(self) -> dict[str, Any]:
        """The dictionary form, as recorded on disk and returned by modules."""
        return {
            "schema": SCHEMA,
            "app": self.app,
            "generation": self.generation,
            "token": self.token,
            "stable": self.stable,
            "percents": {slot: self.percents[slot] for slot in SLOTS},
            "servers": dict(self.servers),
            "down": list(self.down),
            "lease": None if self.lease is None else self.lease.to_dict(),
            "override": self.override,
        }

    def routing(self) -> dict[str, Any]:
        """The part that decides where requests go."""
        content = self.to_dict()
        return {key: content[key] for key in ("stable", "percents", "servers", "down", "override")}

    def admitted(self, config: BalancerConfig, slot: str) -> tuple[str, ...]:
        """Instances of ``slot`` that nobody took out on purpose."""
        return tuple(name for name in config.instances(slot) if name not in self.servers)

    def usable(self, config: BalancerConfig, slot: str) -> tuple[str, ...]:
        """Instances of ``slot`` that take traffic: admitted and not dead.

        When the health watch finds all of them dead they are used all the same: a wrong verdict of the watch must
        not turn a working slot off.
        """
        admitted = self.admitted(config, slot)
        return tuple(name for name in admitted if name not in self.down) or admitted

    def reaches(self, slot: str) -> bool:
        """Whether requests are led to ``slot``: all users', or those of the override."""
        return self.percents[slot] > 0 or (self.override and slot != self.stable)

    def overriding(self, config: BalancerConfig) -> tuple[str, ...]:
        """Instances that matched requests go to; none when these go where everyone goes.

        Unlike ``usable``, for there is another slot to go to.
        """
        admitted = self.admitted(config, other_slot(self.stable)) if self.override else ()
        return tuple(name for name in admitted if name not in self.down)

    def fitted(self, config: BalancerConfig) -> State:
        """This state without instances that no longer exist, and without the override where nothing is matched."""
        known = set(config.all_instances())
        return replace(
            self,
            servers={name: asked for name, asked in self.servers.items() if name in known},
            down=tuple(name for name in self.down if name in known),
            override=self.override and bool(config.match),
        )

    def check(self, config: BalancerConfig) -> None:
        """Refuse a state that would leave requests without a server.

        :raises InputError: an instance is unknown.
        :raises StateError: a slot has a percent but no admitted instance.
        """
        for name in (*self.servers, *self.down):
            config.slot_of(name)
        for slot in SLOTS:
            if self.percents[slot] and not self.admitted(config, slot):
                raise StateError(
                    f"slot {slot} would take {self.percents[slot]} % of the traffic without any server",
                    where=f"application {self.app}",
                    remedy=f"move the traffic to the other slot first, or return a server of {slot} to ready",
                )


def whole(slot: str) -> dict[str, int]:
    """All traffic to ``slot``."""
    return {name: 100 if name == slot else 0 for name in SLOTS}


def check_percents(percents: dict[str, int], name: str) -> None:
    """Refuse percents that are not integers of exactly the two slots and sum to 100.

    :param name: names the option in the error.
    :raises InputError: they are not.
    """
    sound = set(percents) == set(SLOTS) and all(
        isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100 for value in percents.values()
    )
    _require(sound, f"{name} must give each of {', '.join(SLOTS)} an integer from 0 to 100, found {percents!r}")
    total = sum(percents.values())
    _require(total == 100, f"{name} must sum to 100, they sum to {total}")


def _require(holds: bool, complaint: str) -> None:
    if not holds:
        raise InputError(complaint, where="balancer state", remedy="correct the value")
