# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A slot that is stopped has first finished what it was doing, or has had its time."""

from __future__ import annotations

import socket

from ansible_collections.slipway.release.plugins.module_utils._release.drain import established, wait_until_drained


def waiting(counts: list[int], deadline: float = 60) -> tuple[int, int]:
    left = iter(counts)
    slept: list[float] = []
    return wait_until_drained([8081], deadline, count=lambda ports: next(left), sleep=slept.append), len(slept)


def test_it_waits_until_nothing_is_connected() -> None:
    assert waiting([3, 2, 1, 0, 0]) == (0, 4)


def test_one_zero_between_two_checks_is_not_believed() -> None:
    assert waiting([0, 1, 0, 0]) == (0, 3)


def test_what_does_not_end_is_left_at_the_deadline() -> None:
    assert waiting([50], deadline=0) == (50, 0)


def test_without_ports_there_is_nothing_to_wait_for() -> None:
    assert wait_until_drained([], 60) == 0


def test_a_real_connection_is_counted_on_the_side_that_serves() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert established([port]) == 0
        with socket.create_connection(("127.0.0.1", port)) as client:
            served, _address = listener.accept()
            with served:
                assert established([port]) == 1
                assert established([client.getsockname()[1]]) == 1
