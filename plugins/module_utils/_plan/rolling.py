# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rolling: host by host, the old instance leaves before the new one starts, so no host runs two at once.

Touches nothing.
"""

from __future__ import annotations

from .._common.errors import InputError
from .._inputs.batches import sizes
from .._inputs.validate import Inputs
from .blue_green import BlueGreen
from .fleet import OTHER
from .rollout import Batch, Course


class Rolling(BlueGreen):
    """The spare slot takes over batch by batch; its share of the traffic is its share of the hosts that serve."""

    def batches(self, course: Course, inputs: Inputs) -> list[Batch]:
        """The batches; none where nothing is to be switched, or where a rollback has too few hosts for two of them.

        :raises InputError: the first batch would leave nobody to serve.
        """
        if course.slot == course.stable_slot:
            return []
        groups = _grouped(sorted(course.place), inputs.batches)
        if len(groups) == 1 and inputs.verb == "rollback":
            return []
        if len(groups) == 1:
            raise InputError(
                f"one batch takes all of {', '.join(groups[0])}, and nobody would serve meanwhile",
                where="slipway_batches",
                remedy="begin with a smaller batch; with one host use slipway_rollout: blue_green, or simple",
            )
        pauses = [inputs.batch_pause] * (len(groups) - 1) + [inputs.bake]
        return [_batch(course, groups, number, pause) for number, pause in enumerate(pauses)]


class Simple(BlueGreen):
    """All hosts at once: everything stops, everything starts; requests fail in between."""

    def batches(self, course: Course, inputs: Inputs) -> list[Batch]:
        """One batch; none where nothing is to be switched."""
        if course.slot == course.stable_slot:
            return []
        into = {"percents": course.percents_after, "servers": {}}
        return [Batch("restart", sorted(course.place), None, into, inputs.bake)]


def _grouped(hosts: list[str], batches: list[str]) -> list[list[str]]:
    groups, taken = [], 0
    for size in sizes(batches, len(hosts)):
        groups.append(hosts[taken : taken + size])
        taken += size
    return groups


def _batch(course: Course, groups: list[list[str]], number: int, pause: int) -> Batch:
    old, new = course.stable_slot, course.slot
    done = [host for group in groups[:number] for host in group]
    later = [host for group in groups[number + 1 :] for host in group]
    leaving = groups[number]
    last = number == len(groups) - 1
    return Batch(
        name=f"batch {number + 1} of {len(groups)}",
        hosts=leaving,
        out={
            "percents": _percents(course, len(done), len(later)),
            "servers": {
                **{f"{old}-{host}": "drain" for host in leaving},
                **{f"{new}-{host}": "quarantine" for host in leaving},
            },
            "drain": [f"{old}-{host}" for host in leaving],
        },
        into={
            "percents": _percents(course, len(done) + len(leaving), len(later)),
            "servers": {
                **{f"{new}-{host}": "ready" for host in leaving},
                **{f"{new}-{host}": "quarantine" for host in later},
                **({f"{old}-{host}": "ready" for group in groups for host in group} if last else {}),
            },
        },
        seconds=pause,
    )


def _percents(course: Course, new: int, old: int) -> dict[str, int]:
    share = 100 * new // (new + old)
    return {course.slot: share, OTHER[course.slot]: 100 - share}
