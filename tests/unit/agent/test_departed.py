# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A balancer that is taken out of the inventory while it serves is refused."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.release.plugins.module_utils._agent.departed import refuse_serving
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError

from .conftest import Offer, configured, report, state

STAYS = "192.0.2.12:8470"


def test_a_peer_that_serves_is_not_left_behind(offer: Offer) -> None:
    before = configured(peers=(STAYS, offer(report(state(token=8)))))
    with pytest.raises(StateError, match=r"127\.0\.0\.1 would no longer be switched") as caught:
        refuse_serving(before, configured(peers=(STAYS,)))
    assert "open: false" in caught.value.remedy


def test_a_peer_that_stays_is_not_asked_even_with_another_port(offer: Offer) -> None:
    refuse_serving(configured(peers=(offer(report(state(token=8))),)), configured(peers=("127.0.0.1:1",)))


def test_a_closed_peer_and_a_silent_one_may_go(offer: Offer, closed_port: int) -> None:
    closed = offer(report(state(token=8), is_open=False))
    refuse_serving(configured(peers=(closed, f"127.0.0.1:{closed_port}")), configured(peers=()))
