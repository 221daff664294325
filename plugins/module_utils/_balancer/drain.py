# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits until nothing is left in slots or instances. Touches nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .._common.errors import InputError, StateError
from .base import Balancer
from .config import SLOTS, BalancerConfig
from .state import State

INTERVAL = 0.02
ZEROS_TO_BELIEVE = 3


@dataclass(frozen=True)
class Drain:
    """Wait until nothing is left in slots or instances.

    :param names: slots and instances that get no new requests any more.
    :param deadline: seconds to wait.
    :param policy: what becomes of connections left at the deadline: ``fail``, or ``cut`` by whoever stops the slot.
    """

    names: tuple[str, ...]
    deadline: int
    policy: str


def refuse_endless(config: BalancerConfig, after: State, names: Iterable[str]) -> None:
    """Refuse to wait for what still gets requests.

    :raises InputError: a name is unknown, or still takes traffic.
    """
    for name in names:
        slot = name if name in SLOTS else config.slot_of(name)
        if after.reaches(slot) and (name == slot or name in after.usable(config, slot)):
            raise InputError(
                f"{name} still takes traffic, it would never drain",
                where="drain",
                remedy="name only what gets no new requests, or move the traffic in the same call",
            )


def wait_drained(balancer: Balancer, drain: Drain) -> dict[str, dict[str, Any]]:
    """Wait for every name; the result says for each how long it took and what was left."""
    started = time.monotonic()
    zeros = dict.fromkeys(drain.names, 0)
    result: dict[str, dict[str, Any]] = {}
    while len(result) < len(drain.names):
        expired = time.monotonic() - started >= drain.deadline
        for name in drain.names:
            if name not in result:
                left = _connections(balancer, name)
                zeros[name] = 0 if left else zeros[name] + 1
                if zeros[name] >= ZEROS_TO_BELIEVE or expired:
                    elapsed = int((time.monotonic() - started) * 1_000_000)
                    result[name] = {"drained": left == 0, "connections": left, "elapsed_us": elapsed}
        if len(result) < len(drain.names):
            time.sleep(INTERVAL)
    return result


def refuse_undrained(drain: Drain, drained: dict[str, dict[str, Any]], where: str) -> None:
    """Apply the drain policy.

    :raises StateError: the policy is ``fail`` and connections are left.
    """
    left = {name: found["connections"] for name, found in drained.items() if not found["drained"]}
    if left and drain.policy == "fail":
        raise StateError(
            f"connections left after {drain.deadline} s: "
            + ", ".join(f"{name} has {count}" for name, count in sorted(left.items())),
            where=where,
            remedy="wait longer (drain_deadline), or let the stop cut them (drain_policy: cut)",
        )


def _connections(balancer: Balancer, name: str) -> int:
    return balancer.connections(name) if name in SLOTS else balancer.instance_connections(name)
