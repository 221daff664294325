# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option ``watch`` of ``lb_switch``: read, judged by what this host can do, and refused before anything changes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, StateError
from ansible_collections.slipway.release.plugins.module_utils._watch import parse as parse_module
from ansible_collections.slipway.release.plugins.modules.lb_switch import watch_request

CHECK = {"name": "public", "type": "http", "url": "http://127.0.0.1/ready"}
ORDERS = {"name": "orders", "type": "sql", "dsn": "dbname=x", "query": "SELECT 1", "failure_condition": "result < 1"}


def given(**changes: Any) -> dict[str, Any]:
    """The option as Ansible gives it."""
    options = {"deployment": "d1", "slot": "green", "return_to": {"blue": "100", "green": "0"}, "seconds": 60}
    more = {"interval": 10, "failures": 3, "on_error": "keep", "at_end": "keep", "facts": {}, "metrics": None}
    return {**options, **more, "checks": json.dumps([CHECK]), "hooks": None, **changes}


def test_lists_are_json_and_percents_may_be_text() -> None:
    request = watch_request(given())
    assert request is not None
    assert (request.return_to, request.checks, request.metrics) == ({"blue": 100, "green": 0}, [CHECK], [])
    assert watch_request(None) is None


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"checks": "[{"}, "watch.checks"),
        ({"checks": '{"name": "public"}'}, "watch.checks"),
        ({"checks": str([CHECK])}, "watch.checks"),
        ({"metrics": '[{"name": "m", "type": "guess"}]'}, "metrics[0].type"),
        ({"checks": '[{"name": "public", "type": "http"}]'}, "checks[0].url"),
        ({"hooks": '[{"name": "tell", "timeout": 5}]'}, "hook tell"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_its_place(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(InputError) as caught:
        watch_request(given(**changes))
    assert where in caught.value.message()


def test_a_source_without_its_driver_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse_module, "has_driver", lambda: False)
    with pytest.raises(StateError, match="orders cannot be judged here"):
        watch_request(given(metrics=json.dumps([ORDERS])))
