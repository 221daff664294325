# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module traffic_meter, run as Ansible runs it but for the transport: arguments on standard input."""

from __future__ import annotations

from typing import Any

import yaml
from ansible_collections.slipway.release.plugins.module_utils._meter.options import Options
from ansible_collections.slipway.release.plugins.modules import traffic_meter

from tests.unit.running import module_result


def run(**arguments: Any) -> dict[str, Any]:
    return module_result(traffic_meter, **arguments)


def test_documented_options_are_the_accepted_ones_and_have_the_meters_defaults() -> None:
    documented = yaml.safe_load(traffic_meter.DOCUMENTATION)["options"]
    assert documented.keys() == traffic_meter.ARGUMENTS.keys()
    for name, specification in traffic_meter.ARGUMENTS.items():
        for aspect in ("type", "default", "required"):
            assert documented[name].get(aspect) == specification.get(aspect), name
    defaults = {field.name: field.default for field in Options.__dataclass_fields__.values()}
    for name in traffic_meter.ARGUMENTS.keys() & defaults.keys() - {"url", "duration"}:
        assert traffic_meter.ARGUMENTS[name].get("default") == defaults[name], name


def test_traffic_without_losses_passes(faulty: Any) -> None:
    with faulty() as server:
        result = run(url=f"http://127.0.0.1:{server.port}/", duration=0.3, rate=100, sticky="cookie:slipway")
    assert (result["changed"], result["verdict"]) == (False, "pass")
    assert result["summary"]["total"]["ok"] == 30
    assert len(server.keys) == 30


def test_losses_beyond_the_budget_fail_the_task(faulty: Any) -> None:
    def fault_of(number: int, kind: str, reused: bool) -> str:
        return "503" if kind == "new" and number < 3 else ""

    with faulty(fault_of) as server:
        result = run(url=f"http://127.0.0.1:{server.port}/", duration=0.3, rate=100, max_lost=2)
    assert result["failed"]
    assert result["msg"] == "The verdict is fail: 3 of 30 requests lost, 2 allowed: 3 status."
    assert result["summary"]["classes"]["new"]["lost_by"]["status"] == 3


def test_a_verdict_may_be_left_to_the_caller(faulty: Any) -> None:
    with faulty(lambda number, kind, reused: "503") as server:
        result = run(url=f"http://127.0.0.1:{server.port}/", duration=0.2, rate=50, fail=False)
    assert (result.get("failed"), result["verdict"]) == (None, "fail")


def test_check_mode_sends_nothing_and_still_validates(faulty: Any) -> None:
    with faulty() as server:
        result = run(url=f"http://127.0.0.1:{server.port}/", duration=1, _ansible_check_mode=True)
    assert (result["changed"], result["verdict"], result["summary"]) == (False, "insufficient", {})
    assert not server.received
    assert run(url="http://8.8.8.8/", duration=1, _ansible_check_mode=True)["failed"]


def test_a_bad_option_is_named(faulty: Any) -> None:
    result = run(url="http://127.0.0.1/", duration=1, sticky="somewhere")
    assert result["failed"]
    assert result["error"]["where"] == "sticky"
