# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How each stage is undone, in which order, and what an operator is told of it.

Touches nothing. Users come first: the traffic returns before anything else is taken back, and what batches have stopped
starts before that. The rest is undone in the reverse of the order in which it was done. Each part goes on past a
failure of another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .flags import turned_back

RESTART, RETURN, HAND_BACK, STOP = "restart", "return", "hand_back", "stop"
# What roles/rollout/tasks/undo.yml does, in this order.
ORDER = (RESTART, RETURN, HAND_BACK, STOP)
OF_STAGES = {"place": [STOP], "handover": [HAND_BACK]}


def declared(names: Iterable[str], steps: Iterable[str], batches: Iterable[str]) -> list[dict[str, Any]]:
    """Each stage with how it is undone; what only looks has nothing to undo, and what is settled stays.

    :param names: of all stages.
    :param steps: those that move traffic.
    :param batches: those that stop the old slot of hosts as well.
    """
    undo = {**OF_STAGES, **dict.fromkeys(steps, [RETURN]), **dict.fromkeys(batches, [RESTART, RETURN])}
    return [{"name": name, "undo": undo.get(name, [])} for name in names]


def way_back(plan: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, list[str]]:
    """What was undone, and what is left to do by hand, a sentence each.

    :param found: ``result``; hosts that are ``unreturned`` (balancers), ``not_back``, ``stopped``, ``unstopped`` and
        ``not_handed_back``; whether anything was to be stopped (``stops``); whether it is only ``half`` undone;
        what ``hooks`` have failed; and the results of the ``flags`` that were turned back.
    """
    failed = found["result"] == "failed"
    done, by_hand = turned_back(found.get("flags", []))
    return {"done": [*_done(plan, found, failed), *done], "by_hand": [*_by_hand(plan, found, failed), *by_hand]}


def _done(plan: Mapping[str, Any], found: Mapping[str, Any], failed: bool) -> Iterable[str]:
    if not found["unreturned"]:
        yield f"The traffic is on slot {plan['stable_slot']}."
    unmarked = [host for host in found["stopped"] if not failed or plan["hosts"][host].get("found")]
    marked = [host for host in found["stopped"] if host not in unmarked]
    if marked:
        yield f"Slot {plan['slot']} is stopped and marked failed on {_named(marked)}."
    if unmarked:
        yield f"Slot {plan['slot']} is stopped on {_named(unmarked)}."
    if unmarked and failed:
        yield "It was cold, and the next rollback chooses it again unless slipway_rollback_to names another one."


def _by_hand(plan: Mapping[str, Any], found: Mapping[str, Any], failed: bool) -> Iterable[str]:
    if found["unreturned"]:
        yield f"The traffic could not be read back from {_named(found['unreturned'])}."
    if found["not_back"]:
        yield f"Hosts {_named(found['not_back'])} do not serve, slot {plan['stable_slot']} is not ready there."
    if found["half"]:
        yield (
            "Nothing returns by itself: run the same again, it goes on with the way back."
            if failed
            else "Run abort.yml again: it goes on with the way back."
        )
    if found["unreturned"] and not found["stops"] and not found["half"]:
        yield f"Slot {plan['slot']} keeps running until they return by their own lease."
    if found["unstopped"]:
        yield f"It was not stopped on {_named(found['unstopped'])}; the next deployment overwrites it."
    if found["not_handed_back"]:
        yield f"Workers were not handed back on {_named(found['not_handed_back'])}."
    if found["hooks"]:
        yield f"Hooks failed: {'; '.join(found['hooks'])}."


def _named(hosts: Iterable[str]) -> str:
    return ", ".join(hosts)
