# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every balancer provider does. Touches nothing itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .config import SLOTS, BalancerConfig
from .state import State

STATE_DIRECTORY = Path("/var/lib/slipway/balancer")
RUN_DIRECTORY = Path("/run/slipway/balancer")


@dataclass(frozen=True)
class Capabilities:
    """What a provider can do.

    :param sticky: users stay in their slot, and raising a percent never moves one back.
    :param native_health: the balancer itself takes dead instances out; otherwise the host's agent does.
    :param connections: what is still in a slot can be counted.
    """

    sticky: bool
    native_health: bool
    connections: bool


@dataclass(frozen=True)
class Live:
    """What the running process does.

    :param usable: instances per slot that were neither taken out nor found dead by the health watch, in the order
        of ``BalancerConfig.instances``; what a provider's own health checks found is not in it.
    :param open: whether this balancer serves at all.
    :param override: whether matched requests are led to the slot that is not stable while that has a usable instance.
    """

    generation: int
    stable: str
    percents: dict[str, int]
    usable: dict[str, tuple[str, ...]]
    open: bool
    override: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The dictionary form, as returned by modules."""
        return {
            "generation": self.generation,
            "stable": self.stable,
            "percents": dict(self.percents),
            "usable": {slot: list(names) for slot, names in self.usable.items()},
            "open": self.open,
            "override": self.override,
        }


class Balancer(ABC):
    """One application on this balancer host.

    :param config: the structure the running process was set up with.
    :param directory: where the state is recorded; also the directory of the fence.
    :param run_directory: a directory that a boot empties; ``open`` in it lets this balancer serve.
    """

    capabilities: Capabilities

    def __init__(
        self, config: BalancerConfig, directory: Path | None = None, run_directory: Path | None = None
    ) -> None:
        self.config = config
        self.directory = directory or STATE_DIRECTORY / config.app
        self.run_directory = run_directory or RUN_DIRECTORY / config.app

    @property
    def open_file(self) -> Path:
        """Exists when this balancer may serve."""
        return self.run_directory / "open"

    @abstractmethod
    def recorded(self) -> State | None:
        """The state on disk; ``None`` before the first ``apply``."""

    @abstractmethod
    def live(self) -> Live:
        """What the running process does, asked of it.

        :raises SystemFailure: it does not run, or something else answers in its place.
        """

    @abstractmethod
    def apply(self, state: State) -> None:
        """Record ``state`` durably, then bring the running process to it, the new side up before the old goes down.

        Idempotent, and safe to be killed at any point: running it again completes it.
        """

    def agrees(self, state: State, live: Live) -> bool:
        """Whether the running process does exactly what ``state`` asks for; opening and closing aside."""
        usable = {slot: state.usable(self.config, slot) for slot in SLOTS}
        asked = (state.generation, state.stable, state.percents, usable)
        return asked == (live.generation, live.stable, live.percents, live.usable)

    @abstractmethod
    def instance_connections(self, instance: str) -> int:
        """Requests and long-lived connections that this balancer still has in an instance."""

    def connections(self, slot: str) -> int:
        """Requests and long-lived connections that this balancer still has in a slot."""
        return sum(self.instance_connections(name) for name in self.config.instances(slot))

    @abstractmethod
    def open(self) -> None:
        """Serve. Idempotent."""

    @abstractmethod
    def close(self) -> None:
        """Answer 503, and fail keepalived's check. Idempotent."""
