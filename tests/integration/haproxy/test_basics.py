# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routing, preview, stickiness, opening and closing on a real HAProxy."""

from __future__ import annotations

from .conftest import CONFIG, PREVIEW_PORT, Host, ask, runtime, slot_of


def test_the_running_process_tells_its_structure(host: Host) -> None:
    assert host.balancer.structure() == host.structure().digest()


def test_all_traffic_moves_and_the_preview_shows_the_other_slot(host: Host) -> None:
    assert {slot_of(ask()) for _round in range(20)} == {"blue"}
    assert slot_of(ask(port=PREVIEW_PORT)) == "green"
    outcome = host.switch(percents={"blue": 0, "green": 100})
    assert outcome.changed and outcome.verified
    assert {slot_of(ask()) for _round in range(20)} == {"green"}
    assert slot_of(ask(port=PREVIEW_PORT)) == "green", "the preview follows the stable slot, not the percents"
    host.switch(stable="green", settle=True)
    assert slot_of(ask(port=PREVIEW_PORT)) == "blue"


def test_the_same_change_again_changes_nothing(host: Host) -> None:
    assert host.switch(percents={"blue": 30, "green": 70}).changed
    before = runtime(CONFIG.socket, f"show map {host.balancer.slots_map}")
    assert not host.switch(percents={"blue": 30, "green": 70}).changed
    assert runtime(CONFIG.socket, f"show map {host.balancer.slots_map}") == before


def test_a_new_user_gets_a_cookie_that_keeps_the_slot(host: Host) -> None:
    host.switch(percents={"blue": 50, "green": 50})
    for _round in range(20):
        first = ask()
        cookie = first[2]["set-cookie"].split(";")[0]
        again = [ask(cookie=cookie) for _round in range(5)]
        assert {slot_of(answer) for answer in again} == {slot_of(first)}
        assert all("set-cookie" not in answer[2] for answer in again)


def test_closed_answers_503_and_leaves_the_preview(host: Host) -> None:
    host.switch(open=False)
    assert not host.balancer.live().open and not host.balancer.open_file.exists()
    status, body, headers = ask()
    assert (status, body, headers["connection"]) == (503, "closed", "close")
    assert ask(port=PREVIEW_PORT)[0] == 200
    host.switch(open=True)
    assert host.balancer.live().open and host.balancer.open_file.exists()
    assert ask()[0] == 200
