# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who ends a keep-warm time and who uses the slot again at the same moment: the lock of the host decides.

Whoever uses the slot finds it running afterwards, whichever of the two was first. Real processes and the real lock.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError

from .conftest import SECONDS, TIMER, Machine

ROUNDS = 12


def due(machine: Machine) -> None:
    machine.deployed()
    machine.look()
    machine.now_ms += SECONDS * 1000


def look(machine: Machine, gate: Path, delay: float) -> None:
    """What the timer starts, in a process of its own."""
    while not gate.exists():
        time.sleep(0.0005)
    time.sleep(delay)
    try:
        machine.look()
    except SlipwayError as exc:
        print(exc)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_rollback_and_the_end_of_the_time_at_once(machine: Machine, number: int) -> None:
    due(machine)
    gate = machine.top / "gate"
    other = multiprocessing.get_context("fork").Process(target=look, args=(machine, gate, number * 0.002))
    other.start()
    gate.touch()
    time.sleep((ROUNDS - number) * 0.001)
    outcome = machine.start("blue", 3, keep=True)
    assert outcome.instances["web"]["running"], "the caller gates a slot that does not run"
    other.join(30)
    assert other.exitcode == 0
    assert machine.running("blue") and machine.enabled("blue"), "stopped after it was relied on"
    record = machine.record
    assert record is not None and (record.slot, record.token) == ("green", 3)
    assert (machine.top / "running" / TIMER).exists()


def test_the_lock_is_free_while_a_component_takes_its_time_to_end(machine: Machine) -> None:
    due(machine)
    waited = []

    def slowly() -> None:
        waited.append(machine.status)
        assert not machine.running("blue") and not machine.enabled("blue") and machine.running("green")
        with machine.host(2).fence.held(timeout=0):
            pass
        if len(waited) == 3:
            machine.ended()

    machine.while_ending = slowly
    assert machine.look() == "rest"
    assert waited == ["warm"] * 3 and machine.status == "cold"
    told = [json.loads(line) for line in machine.host().journal.path.read_text(encoding="utf-8").splitlines()]
    assert [entry["event"] for entry in told if entry["action"] == "cold"] == ["intent", "outcome"], "told once"


@pytest.mark.parametrize("placing", [False, True])
def test_a_caller_that_comes_while_it_ends_starts_it_and_nobody_stops_it_again(machine: Machine, placing: bool) -> None:
    due(machine)

    def used() -> None:
        if placing:
            machine.place("blue", "1.0", 3, active_slot="green")
        else:
            machine.start("blue", 3, keep=True)

    machine.while_ending = used
    assert machine.look() == "keep"
    assert machine.running("blue") and machine.enabled("blue")
    record = machine.record
    assert record is not None and (record.slot, record.token) == ("green", 3)


def test_one_that_is_killed_while_it_ends_leaves_the_rest_to_the_next_look(machine: Machine) -> None:
    due(machine)

    def killed() -> None:
        machine.while_ending = lambda: None
        raise KeyboardInterrupt

    machine.while_ending = killed
    with pytest.raises(KeyboardInterrupt):
        machine.look()
    assert machine.status == "warm" and machine.ticking()
    machine.ended()
    assert machine.look() == "rest"
    assert machine.status == "cold" and not machine.ticking()


def test_a_slot_that_has_died_is_not_left_to_a_boot_that_would_start_it(machine: Machine) -> None:
    due(machine)
    (machine.top / "running" / "slipway-shop-web@blue.service").unlink()
    assert machine.look() == "rest"
    assert not machine.enabled("blue") and machine.status == "cold"


@pytest.mark.parametrize("used", [False, True])
def test_one_that_is_killed_as_it_stops_the_slot_is_completed_or_the_slot_is_started(
    machine: Machine, used: bool
) -> None:
    due(machine)

    def killed(_names: Sequence[str]) -> None:
        machine.before_stop = lambda _more: None
        raise KeyboardInterrupt

    machine.before_stop = killed
    with pytest.raises(KeyboardInterrupt):
        machine.look()
    assert machine.running("blue") and not machine.enabled("blue") and machine.status == "warm"
    if used:
        machine.start("blue", 3)
        assert machine.running("blue") and machine.enabled("blue") and machine.record is None
    else:
        assert machine.look() == "rest"
        assert not machine.running("blue") and machine.status == "cold" and not machine.ticking()


def test_a_caller_that_was_first_is_seen_under_the_lock(machine: Machine) -> None:
    """The look has decided to stop without the lock; then the slot is used, with a token that no balancer knows yet."""
    due(machine)

    def used() -> None:
        machine.while_asking = lambda: None
        machine.start("blue", 3)

    machine.while_asking = used
    assert machine.look() == "end"
    assert machine.running("blue") and machine.enabled("blue")


def test_a_balancer_that_has_returned_the_traffic_meanwhile_is_asked_again_under_the_lock(machine: Machine) -> None:
    due(machine)

    def returned() -> None:
        if machine.asked == 2:
            machine.settle("blue", 2)

    machine.asked = 0
    machine.while_asking = returned
    assert machine.look() == "keep"
    assert machine.running("blue") and machine.enabled("blue")
