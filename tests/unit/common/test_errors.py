# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An error tells what, where and the remedy, in one line and as a module's result."""

from __future__ import annotations

from ansible_collections.slipway.release.plugins.module_utils._common import errors


def test_one_line_with_one_full_stop_each() -> None:
    error = errors.InputError("it is empty.", where="slipway_version", remedy="set it, quoted.")
    assert error.message() == "slipway_version: it is empty. Remedy: set it, quoted."


def test_the_result_of_a_module() -> None:
    error = errors.StaleTokenError("token 3 is stale", where="/var/lib/x", remedy="nothing to do")
    assert error.as_result() == {
        "msg": error.message(),
        "error": {"kind": "stale_token", "what": "token 3 is stale", "where": "/var/lib/x", "remedy": "nothing to do"},
    }


def test_every_kind_is_its_own() -> None:
    kinds = [kind.kind for kind in errors.SlipwayError.__subclasses__()]
    assert len(kinds) == len(set(kinds))
    assert errors.SlipwayError.kind not in kinds
