# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fence's bar: a token that lost its lease is refused for ever, a later one is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StaleTokenError
from ansible_collections.slipway.release.plugins.module_utils._common.fence import Fence


@pytest.fixture
def fence(tmp_path: Path) -> Fence:
    """The host's own fence, which has barred token 7."""
    own = Fence(tmp_path, 0)
    with own.held():
        own.bar_token(7)
    return own


@pytest.mark.parametrize("token", [1, 6, 7])
def test_a_barred_token_is_refused(fence: Fence, token: int) -> None:
    with pytest.raises(StaleTokenError):
        Fence(fence.directory, token).check()
    with pytest.raises(StaleTokenError), Fence(fence.directory, token).held():
        pytest.fail("let in")
    assert fence.seen() == 0


def test_a_later_token_and_the_hosts_own_agent_are_let_in(fence: Fence) -> None:
    with Fence(fence.directory, 8).held():
        pass
    with fence.held():
        pass
    assert (fence.seen(), fence.barred()) == (8, 7)


def test_a_bar_is_never_lowered(fence: Fence) -> None:
    with fence.held():
        fence.bar_token(3)
    assert fence.barred() == 7


def test_a_token_learnt_elsewhere_refuses_older_ones(tmp_path: Path) -> None:
    own = Fence(tmp_path, 0)
    with own.held():
        own.learn(9)
        own.learn(4)
    assert own.seen() == 9
    with pytest.raises(StaleTokenError):
        Fence(tmp_path, 8).check()
