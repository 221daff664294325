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
    return environment.compile_expression(variables[name].removeprefix("{{").removesuffix("}}"))(**known)


def untouched(
    committed: list[str], *, plans: bool = True, migrated: dict[str, str] | None = None, refusal: str = ""
) -> bool:
    known: dict[str, Any] = {
        "rollout_plan": {"migrations": {}} if plans else {},
        "rollout_deployment": "now",
        "rollout_ledger_host": "db1",
        "hostvars": {"db1": {"__rollout_migration": migrated} if migrated else {}},
        "__deployment_plan": {"committed": committed, "resumed": bool(committed)},
        "__rollout_refusal": refusal,
    }
    for name in ("migrated", "migrated_here", "refused", "unplaced", "untouched"):
        known[f"__rollout_{name}"] = expression(f"__rollout_{name}", **known)
    return bool(known["__rollout_untouched"])


@pytest.mark.parametrize("committed", [[], ["before_migrations"]])
def test_nothing_is_in_a_slot_before_the_migrations_are_recorded(committed: list[str]) -> None:
    assert untouched(committed)
    assert untouched(committed, refusal="it failed")
    assert untouched(committed, migrated={"deployment": "now", "refusal": "it failed"})
    assert untouched(committed, migrated={"deployment": "the one before", "refusal": ""})
    assert not untouched(committed, migrated={"deployment": "now", "refusal": ""})


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
    before = "Slots | Before anything is placed"
    block = next(one for one in loaded(ROLE / "tasks" / "slots.yml") if one["name"] == before)
    assert {"not __rollout_placing_begun", "__rollout_refused | length == 0"} <= set(block["when"])


def test_it_parks_calls_others_applies_and_records_in_this_order() -> None:
    (before,), (task,) = loaded(ROLE / "tasks" / "before_migrate.yml"), loaded(ROLE / "tasks" / "migrate.yml")
    assert [one["name"] for one in (*before["block"], *task["block"])] == [
        "Before migrating | Park before it",
        "Migrate | Run the hooks, such as another runner",
        "Migrate | Apply what adds",
        "Migrate | Record that it is done",
        "Migrate | Judge the record",
        "Migrate | Remember that slots may be filled now",
    ]
    assert "__rollout_refusal" in before["rescue"][0]["ansible.builtin.set_fact"]
    assert task["rescue"][0]["ansible.builtin.set_fact"]["__rollout_migration"]["refusal"]


def test_what_fails_on_one_host_takes_no_other_out_of_the_run() -> None:
    """A task that runs once and fails ends the run for every other host of its play, rescued or not."""
    files = [*(TOP / "roles" / "migrate" / "tasks").glob("*.yml"), ROLE / "tasks" / "migrate.yml"]
    assert [path.name for path in files if "run_once" in path.read_text(encoding="utf-8")] == []
    assert loaded(STAGES / "migrate.yml")[1]["hosts"].startswith("{{ 'slipway_ledger' if")


def test_the_database_is_read_before_the_plan_and_migrated_before_the_slots() -> None:
    order = [play["ansible.builtin.import_playbook"] for play in loaded(STAGES / "fleet.yml")]
    assert order == ["database.yml", "plan.yml", "migrate.yml", "slots.yml", "traffic.yml"]
    names = [play["name"].partition(" region")[0] for play in loaded(STAGES / "region.yml")]
    assert names == [
        "Read the database before",
        "Plan",
        "Ask before the database is migrated in",
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
    environment = jinja2.Environment(autoescape=False)
    for play in loaded(STAGES / f"{stage}.yml"):
        hosts = environment.compile_expression(play["hosts"].strip("{} "))
        ledger = {"__deployment_plan": {"migrates": False}}
        local = {"__deployment_inputs": {"migrates": False}}
        known = {"hostvars": {"localhost": local, "db1": ledger}, "__ledger": ledger}
        assert hosts(**known) == []
        local["__deployment_inputs"]["migrates"] = True
        ledger["__deployment_plan"]["migrates"] = True
        assert hosts(**known) in ("slipway_ledger", "application:balancers")
