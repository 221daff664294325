# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a boot a balancer answers 503 until it serves what the others serve; the old state is never served."""

from __future__ import annotations

from functools import partial

from ansible_collections.slipway.release.plugins.module_utils._agent.report import Report
from ansible_collections.slipway.release.plugins.module_utils._balancer.state import State, whole

from tests.integration.machine import get, run, wait_until

from .conftest import UNIT, Machine, answers_until

MISSED = State(app="shop", generation=1, token=50, stable="green", percents=whole("green"))


def told(state: State, *, is_open: bool) -> Report:
    """What a peer reports."""
    return Report("shop", "the peer's boot", is_open, state, 0, 0, peers=("127.0.0.1:8470",))


def restarted(machine: Machine, before: int) -> bool:
    """Whether another process is the agent now."""
    return machine.process() not in (0, before)


def test_the_switch_it_missed_is_served_and_the_old_state_never(balancer_machine: Machine) -> None:
    machine = balancer_machine
    machine.configure(peers=(machine.peer.address,))
    machine.start()
    assert get("/plain")[1]["x-slipway-slot"] == "blue"
    machine.boot()
    closed = answers_until(lambda: True, more=50)
    machine.peer.report = told(MISSED, is_open=True)
    answers = answers_until(machine.host.balancer.open_file.exists)
    assert set(closed) == {"503"}
    assert set(answers) <= {"503", "green"}
    assert answers[-50:] == ["green"] * 50


def test_a_balancer_that_opened_by_itself_would_have_served_the_old_state(balancer_machine: Machine) -> None:
    """The negative control of the test above: the same boot, and somebody opens without asking."""
    machine = balancer_machine
    machine.configure(peers=(machine.peer.address,))
    machine.start()
    machine.boot()
    machine.host.balancer.open()
    assert "blue" in answers_until(lambda: True, more=50)


def test_with_all_peers_closed_and_answering_it_opens_with_the_newest(balancer_machine: Machine) -> None:
    machine = balancer_machine
    machine.peer.report = told(MISSED, is_open=False)
    machine.configure(peers=(machine.peer.address,))
    machine.boot()
    assert answers_until(machine.host.balancer.open_file.exists)[-1] == "green"


def test_alone_it_opens_after_a_time_and_says_so(balancer_machine: Machine) -> None:
    machine = balancer_machine
    machine.configure(peers=(machine.peer.address,), solo_open_after=2)
    machine.boot()
    answers = answers_until(machine.host.balancer.open_file.exists)
    assert answers[0] == "503"
    assert answers[-1] == "blue"
    assert "without an answer" in machine.journal()


def test_without_peers_it_opens_at_once(balancer_machine: Machine) -> None:
    balancer_machine.boot()
    assert answers_until(balancer_machine.host.balancer.open_file.exists)[-1] == "blue"


def test_an_agent_that_starts_again_leaves_an_open_balancer_open(balancer_machine: Machine) -> None:
    machine = balancer_machine
    machine.configure(peers=(machine.peer.address,))
    machine.start()
    for command in (["restart"], ["kill", "--signal=KILL"]):
        before = machine.process()
        run("systemctl", *command, UNIT)
        assert set(answers_until(partial(restarted, machine, before))) == {"blue"}


def test_what_an_operator_closed_stays_closed_when_the_agent_starts_again(balancer_machine: Machine) -> None:
    machine = balancer_machine
    machine.start()
    machine.host.balancer.close()
    run("systemctl", "restart", UNIT)
    wait_until(lambda: machine.process() != 0, 20, "the agent runs")
    assert set(answers_until(lambda: True)) == {"503"}


def test_a_balancer_that_starts_later_than_its_agent_is_waited_for(balancer_machine: Machine) -> None:
    machine = balancer_machine
    machine.boot()
    run("systemctl", "stop", "nginx")
    run("systemctl", "restart", UNIT)
    run("systemctl", "start", "nginx")
    assert answers_until(machine.host.balancer.open_file.exists)[-1] == "blue"
