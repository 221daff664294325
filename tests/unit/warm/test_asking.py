# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agents that a host asks before it stops a slot: real endpoints, also of balancers that it was not told of."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from ansible_collections.slipway.release.plugins.module_utils._agent.log import Log
from ansible_collections.slipway.release.plugins.module_utils._agent.report import Report
from ansible_collections.slipway.release.plugins.module_utils._agent.server import StateServer
from ansible_collections.slipway.release.plugins.module_utils._warm.keeper import asking

from .conftest import APP, report

Offer = Callable[[Report], str]


@pytest.fixture
def offer() -> Iterator[Offer]:
    """Start an agent that answers with a report; its address."""
    servers: list[StateServer] = []

    def started(told: Report) -> str:
        server = StateServer("127.0.0.1", 0, told.to_dict)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(server)
        return f"127.0.0.1:{server.server_address[1]}"

    yield started
    for server in servers:
        server.shutdown()
        server.server_close()


def test_balancers_that_only_others_name_are_asked_too(offer: Offer) -> None:
    added = offer(report("blue", 2))
    known = offer(replace(report("green", 2, watching=2), peers=(added,)))
    answers = asking(APP, Log())([known])
    assert {address: told and told.state and told.state.stable for address, told in answers.items()} == {
        known: "green",
        added: "blue",
    }
    first = answers[known]
    assert first is not None and first.watching == 2


def test_one_that_is_gone_and_one_of_another_application_have_no_answer(offer: Offer) -> None:
    other = offer(replace(report("green", 2), app="cart"))
    gone = "127.0.0.1:1"
    assert asking(APP, Log())([other, gone]) == {other: None, gone: None}
