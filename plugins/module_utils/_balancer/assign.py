# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which bucket goes to which instance. Pure; touches nothing.

A user's key hashes into one of 1000 buckets. The lower buckets belong to blue, the upper ones to green, so raising a
slot's percent only ever adds users to it. Within a slot a bucket keeps its instance as long as that is usable, and
comes back to it afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence

from .config import SLOTS, BalancerConfig, other_slot
from .state import State

BUCKETS = 1000
_BUCKETS_A_PERCENT = BUCKETS // 100


def slot_of_bucket(bucket: int, percents: dict[str, int]) -> str:
    """The slot a bucket belongs to."""
    return SLOTS[0] if bucket < percents[SLOTS[0]] * _BUCKETS_A_PERCENT else SLOTS[1]


def instance_of_bucket(bucket: int, instances: Sequence[str], usable: Sequence[str]) -> str:
    """The instance a bucket of a slot goes to.

    :param instances: all instances of the slot, in order.
    :param usable: those that take traffic, in order; at least one.
    """
    preferred = instances[bucket % len(instances)]
    return preferred if preferred in usable else usable[(bucket // len(instances)) % len(usable)]


def assignment(config: BalancerConfig, state: State) -> tuple[str, ...]:
    """The instance of every bucket.

    :raises StateError: a slot has a percent but no admitted instance.
    """
    state.check(config)
    instances = {slot: config.instances(slot) for slot in SLOTS}
    usable = {slot: state.usable(config, slot) for slot in SLOTS}
    slots = [slot_of_bucket(bucket, state.percents) for bucket in range(BUCKETS)]
    return tuple(instance_of_bucket(bucket, instances[slot], usable[slot]) for bucket, slot in enumerate(slots))


def overriding_assignment(config: BalancerConfig, state: State) -> tuple[str, ...]:
    """The instance of every bucket for matched requests; empty when these go where everyone goes."""
    usable = state.overriding(config)
    instances = config.instances(other_slot(state.stable))
    return tuple(instance_of_bucket(bucket, instances, usable) for bucket in range(BUCKETS)) if usable else ()
