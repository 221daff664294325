# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tasks that migrate a database: their order, and what is taken for untouched when they fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

TOP = Path(__file__).resolve().parents[3]
ROLE = TOP / "roles" / "rollout"
STAGES = TOP / "playbooks" / "stages"


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def expression(name: str, **known: Any) -> Any:
    """What Ansible makes of a variable of the role."""
    environment = jinja2.Environment(autoescape=False)
    environment.filters["difference"] = lambda one, other: [item for item in one if item not in other]
    variables = loaded(ROLE / "vars" / "main.yml")
    return environment.compile_expression(variables[name].strip("{} "))(**known)


def untouched(committed: list[str], *, plans: bool = True, migrated: bool = False, refusal: str = "") -> bool:
    known = {
        "rollout_plan": {"migrations": {}} if plans else {},
        "__deployment_plan": {"committed": committed, "resumed": bool(committed)},
        "__rollout_migrated": migrated,
        "__rollout_refusal": refusal,
    }
    return bool(
        expression("__rollout_untouched", __rollout_unplaced=expression("__rollout_unplaced", **known), **known)
    )


@pytest.mark.parametrize("committed", [[], ["before_migrations"]])
def test_nothing_is_in_a_slot_before_the_migrations_are_recorded(committed: list[str]) -> None:
    assert untouched(committed)
    assert untouched(committed, refusal="it failed")
    assert not untouched(committed, migrated=True)


def test_a_slot_may_be_filled_once_they_are_or_where_there_are_none() -> None:
    assert not untouched(["migrate"])
    assert not untouched(["before_migrations", "migrate", "gate"], refusal="a hook failed")
    assert not untouched(["gate"], plans=False)
    assert untouched([], plans=False, refusal="a hook failed")


@pytest.mark.parametrize(
    ("committed", "begun"), [([], False), (["before_migrations", "migrate"], False), (["gate"], True)]
)
def test_hooks_before_the_slots_run_while_nothing_is_placed(committed: list[str], begun: bool) -> None:
    assert bool(expression("__rollout_placing_begun", __deployment_plan={"committed": committed})) is begun
    block = loaded(ROLE / "tasks" / "slots.yml")[0]
    assert {"not __rollout_placing_begun", "__rollout_refusal | length == 0"} <= set(block["when"])


def test_it_parks_calls_others_applies_and_records_in_this_order() -> None:
    (task,) = loaded(ROLE / "tasks" / "migrate.yml")
    assert [one["name"] for one in task["block"]] == [
        "Migrate | Park before it",
        "Migrate | Run the hooks, such as another runner",
        "Migrate | Apply what adds",
        "Migrate | Record that it is done",
        "Migrate | Judge the record",
        "Migrate | Remember that slots may be filled now",
    ]
    assert "__rollout_refusal" in task["rescue"][0]["ansible.builtin.set_fact"]


def test_the_database_is_read_before_the_plan_and_migrated_before_the_slots() -> None:
    order = [play["ansible.builtin.import_playbook"] for play in loaded(STAGES / "fleet.yml")]
    assert order == ["database.yml", "plan.yml", "migrate.yml", "slots.yml", "traffic.yml"]
    names = [play["name"].partition(" region")[0] for play in loaded(STAGES / "region.yml")]
    assert names == [
        "Read the database before",
        "Plan",
        "Migrate the database in",
        "Place the revision on every application host of",
        "Move the traffic of",
    ]


@pytest.mark.parametrize("stage", ["slots", "traffic"])
def test_nothing_follows_where_it_has_parked(stage: str) -> None:
    (play,) = loaded(STAGES / f"{stage}.yml")
    assert "(__rollout_parked | default({}, true)).deployment is not defined" in play["tasks"][0]["when"]


@pytest.mark.parametrize("stage", ["database", "migrate"])
def test_without_a_database_these_plays_have_no_hosts(stage: str) -> None:
    (play,) = loaded(STAGES / f"{stage}.yml")
    environment = jinja2.Environment(autoescape=False)
    hosts = environment.compile_expression(play["hosts"].strip("{} "))
    ledger = {"__deployment_plan": {"migrates": False}}
    known = {"hostvars": {"localhost": {"__deployment_inputs": {"migrates": False}}, "db1": ledger}, "__ledger": ledger}
    assert hosts(**known) == []
    known["hostvars"]["localhost"]["__deployment_inputs"]["migrates"] = True
    ledger["__deployment_plan"]["migrates"] = True
    assert hosts(**known) in ("slipway_ledger", "application:balancers")
