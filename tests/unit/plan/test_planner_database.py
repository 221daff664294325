# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan with a database: what is applied, what a release must fit, and where nothing of it is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError
from ansible_collections.slipway.release.plugins.module_utils._migrate.planned import PLANNED
from ansible_collections.slipway.release.plugins.module_utils._plan.abort import abort
from ansible_collections.slipway.release.plugins.module_utils._plan.planner import Planned, plan

from tests.unit.plan.made import (
    application,
    consuming,
    deploy,
    document,
    fleet_of,
    inputs_for,
    leave_unfinished,
    proven,
)

APPLIED = tuple(f"{number} expand applied" for number in range(1, 8))
REST = {"transaction": True, "checksum": "2c26b46b"}
HOOK = {"name": "alembic", "at": "migrate", "command": "alembic upgrade head"}


def database(*members: str, error: str = "") -> dict[str, Any]:
    """What was read: each member is a version, its phase and its state."""
    rows = [dict(zip(("version", "phase", "state"), member.split())) for member in members]
    due = [
        {**row, "schema": "public", "name": "n", "file": f"/m/{row['version']}_n.sql", **REST}
        for row in rows
        if row["state"] == "pending" and row["phase"] != "contract"
    ]
    schemas = [{"schema": "public", "version": "", "expected_ms": 1500, "token": 9, "migrations": rows}]
    return {"error": error} if error else {"schemas": schemas, "due": due, "findings": [{"rule": "index-create"}]}


def planned(tmp_path: Path, *members: str, least: int = 0, most: int = 99, error: str = "", **changes: Any) -> Planned:
    changes = {"migrations": {"path": str(tmp_path)}, "schema_range": {"min": least, "max": most}, **changes}
    inputs, revision = inputs_for("1.1", **changes), document("1.1", **changes)
    return plan(inputs, revision, fleet_of("1.0", None), database=database(*members, error=error))


def before_and_after() -> dict[str, Any]:
    """A fleet that went from 1.0 to 1.1."""
    return fleet_of("1.1", "1.0", history=(proven("1.0"), proven("1.1")))


def test_without_a_database_nothing_is_said_of_it() -> None:
    made = deploy("1.1", fleet_of("1.0", None)).plan
    assert "migrations" not in made and made["schema"] == 1
    assert made["stages"][0]["name"] == "place"


def test_what_is_due_is_in_the_plan_before_anything_is_placed(tmp_path: Path) -> None:
    made = planned(tmp_path, *APPLIED, "8 expand pending", "9 contract pending", "10 migrate pending").plan
    assert made["migrations"] == {
        "files": [
            {"schema": "public", "version": "8", "name": "n", "phase": "expand", "checksum": "2c26b46b"},
            {"schema": "public", "version": "10", "name": "n", "phase": "migrate", "checksum": "2c26b46b"},
        ],
        "findings": 1,
        "expected_ms": 1500,
    }
    assert [stage["name"] for stage in made["stages"]][:2] == ["migrate", "place"]
    assert made["schema"] == 3, "an older version would fill the slots without it"
    assert all(one.keys() <= PLANNED.keys() for one in made["migrations"]["files"]), "pg_migrate must take them"


def test_the_token_is_above_what_the_database_has_seen(tmp_path: Path) -> None:
    assert planned(tmp_path, *APPLIED).token_above == 9
    assert deploy("1.1", fleet_of("1.0", None)).token_above == 4


def test_where_nothing_is_due_the_plan_has_nothing_of_it(tmp_path: Path) -> None:
    made = planned(tmp_path, *APPLIED, least=7, most=7).plan
    assert "migrations" not in made and made["schema"] == 1
    assert "schema version of the database" not in made["unknown"]


def test_what_is_due_counts_as_applied(tmp_path: Path) -> None:
    assert planned(tmp_path, *APPLIED, "8 expand pending", least=8).plan["changes"]
    with pytest.raises(StateError) as caught:
        planned(tmp_path, *APPLIED, "8 expand pending", least=9)
    assert caught.value.where == "slipway_schema_range"
    assert "1.1 does not fit the database: it needs schema 9, and public is at 8" in caught.value.what
    assert "slipway_migrations.path" in caught.value.remedy


def test_what_was_contracted_is_refused_with_the_way_to_bring_it_back(tmp_path: Path) -> None:
    with pytest.raises(StateError) as caught:
        planned(tmp_path, *APPLIED, "8 contract applied", most=7)
    assert "it works up to schema 7, and public is contracted to 8" in caught.value.what
    assert "slipway_migrate_action=undo" in caught.value.remedy


def test_the_ranges_of_two_releases_need_not_overlap_where_the_database_is_known(tmp_path: Path) -> None:
    live = fleet_of("1.0", None)
    live["db1"]["ledger"]["state"]["proven"][0]["document"]["schema_range"] = {"min": 1, "max": 2}
    changes = {"schema_range": {"min": 7, "max": 9}}
    with pytest.raises(StateError, match="works with database schema 7 to 9"):
        plan(inputs_for("1.1", **changes), document("1.1", **changes), live)
    inputs = inputs_for("1.1", migrations={"path": str(tmp_path)}, **changes)
    assert plan(inputs, document("1.1", **changes), live, database=database(*APPLIED)).plan["changes"]


def test_a_rollback_applies_nothing_and_must_fit_what_is_there(tmp_path: Path) -> None:
    live = before_and_after()
    live["db1"]["ledger"]["state"]["proven"][0]["document"]["schema_range"] = {"min": 8, "max": 9}
    inputs = inputs_for(verb="rollback", rollback_to="1.0", migrations={"path": str(tmp_path)})
    with pytest.raises(StateError) as caught:
        plan(inputs, None, live, database=database(*APPLIED, "8 expand pending"))
    assert "it needs schema 8, and 8 is not applied to public" in caught.value.what
    assert "apply it with migrate.yml first" in caught.value.remedy
    made = plan(inputs, None, live, database=database(*APPLIED, "8 expand applied", "9 expand pending")).plan
    assert "migrations" not in made


def test_a_skip_applies_nothing_and_is_recorded_with_its_reason(tmp_path: Path) -> None:
    skipping = {"skip": ["migrations"], "reason": "by hand today", "hooks": [HOOK]}
    made = planned(tmp_path, *APPLIED, "8 expand pending", least=7, **skipping).plan
    assert "migrations" not in made and "hooks" not in made
    assert (made["options"]["skip"], made["options"]["reason"]) == (["migrations"], "by hand today")
    with pytest.raises(StateError, match="8 is not applied"):
        planned(tmp_path, *APPLIED, "8 expand pending", least=8, **skipping)


def test_what_cannot_be_read_refuses_the_plan(tmp_path: Path) -> None:
    with pytest.raises(StateError) as caught:
        planned(tmp_path, error="7_n.sql:2:8: syntax error. Remedy: correct the statement.")
    assert "7_n.sql:2:8: syntax error" in caught.value.what and caught.value.where == "slipway_migrations"


def test_a_play_that_has_not_read_it_does_not_go_on_without(tmp_path: Path) -> None:
    changes = {"migrations": {"path": str(tmp_path)}}
    with pytest.raises(StateError, match="the play has not read it"):
        deploy("1.1", fleet_of("1.0", None), **changes)


def test_a_way_back_does_without_what_cannot_be_read(tmp_path: Path) -> None:
    inputs = inputs_for(verb="rollback", rollback_to="1.0", migrations={"path": str(tmp_path)})
    back = plan(inputs, None, before_and_after(), database=database(error="connection refused"))
    assert back.plan["to"]["version"] == "1.0"
    assert any("connection refused" in warning for warning in back.warnings)
    skipping = planned(tmp_path, error="connection refused", skip=["migrations"], reason="it is down")
    assert "only the schema ranges are compared" in skipping.warnings[0]


def test_a_way_back_says_that_it_knows_nothing_of_the_files() -> None:
    inputs = inputs_for(verb="rollback", rollback_to="1.0", migrations={"path": "/nowhere"})
    back = plan(inputs, None, before_and_after())
    assert back.plan["to"]["version"] == "1.0"
    assert len(back.warnings) == 1
    assert back.warnings[0].startswith(
        "slipway_migrations: only the schema ranges are compared, since nothing was read"
    )
    assert back.warnings[0].endswith("there is no directory /nowhere on the controller")


def test_what_a_deployment_that_changes_nothing_leaves_pending_is_said(tmp_path: Path) -> None:
    changes = {"migrations": {"path": str(tmp_path)}}
    read = database(*APPLIED, "8 expand pending")
    done = plan(inputs_for("1.0", **changes), document("1.0"), fleet_of("1.0", None), database=read)
    assert not done.plan["changes"] and "migrations" not in done.plan
    assert done.warnings == ["slipway_migrations: pending, with nothing else to do: 1; migrate.yml applies what is"]


def test_another_runner_has_the_same_place_and_not_in_a_rollback() -> None:
    made = deploy("1.1", fleet_of("1.0", None), hooks=[HOOK]).plan
    assert made["migrations"]["files"] == [] and made["hooks"][0]["name"] == "alembic"
    assert made["stages"][0]["name"] == "migrate"
    inputs = inputs_for("1.1", hooks=[HOOK])
    later = plan(inputs, document("1.1", hooks=[HOOK]), fleet_of("1.0", None), changed_regions=[{"region": "eu"}]).plan
    assert "migrations" not in later, "a region before it has run it"
    inputs = inputs_for(verb="rollback", rollback_to="1.0", hooks=[HOOK])
    back = plan(inputs, None, before_and_after()).plan
    assert "migrations" not in back and "hooks" not in back


def test_it_parks_for_an_approval_only_when_files_are_due(tmp_path: Path) -> None:
    parks = planned(tmp_path, *APPLIED, "8 expand pending", approvals=["before_migrations"]).plan["parks"]
    assert [(park["stage"], park["approval"], park["hold"]) for park in parks] == [("before_migrations", True, None)]
    assert "parks" not in planned(tmp_path, *APPLIED, approvals=["before_migrations"]).plan


def refilled(tmp_path: Path, live: dict[str, Any], *members: str, **changes: Any) -> Planned:
    """1.0, where 1.0 is active already or nothing is."""
    changes = {"migrations": {"path": str(tmp_path)}, "approvals": ["before_migrations", "before_traffic"], **changes}
    return plan(inputs_for("1.0", **changes), document("1.0"), live, database=database(*members))


def a_host_came_back() -> dict[str, Any]:
    live = fleet_of("1.0", None)
    live["app2"] = application(None, None)
    return live


def a_worker_is_astray() -> dict[str, Any]:
    live = fleet_of("1.0", None)
    consuming(live, "app2", "blue", "mailer", False)
    return live


MOVING_NOTHING = pytest.mark.parametrize(
    "fleet", [a_host_came_back, a_worker_is_astray, lambda: fleet_of(None, None)], ids=["refill", "astray", "first"]
)


@MOVING_NOTHING
def test_it_parks_before_migrations_also_where_no_traffic_moves(
    tmp_path: Path, fleet: Callable[[], dict[str, Any]]
) -> None:
    due = (*APPLIED, "8 expand pending")
    made = refilled(tmp_path, fleet(), *due).plan
    assert made["slot"] == made["stable_slot"] and made["migrations"]["files"]
    assert [(park["stage"], park["approval"], park["hold"]) for park in made["parks"]] == [
        ("before_migrations", True, None)
    ]
    assert "parks" not in refilled(tmp_path, fleet(), *APPLIED).plan
    assert "parks" not in refilled(tmp_path, fleet(), *due, approvals=["before_traffic"]).plan


@MOVING_NOTHING
def test_what_moves_no_traffic_and_is_parked_there_goes_on_or_is_aborted(
    tmp_path: Path, fleet: Callable[[], dict[str, Any]]
) -> None:
    live, due = fleet(), (*APPLIED, "8 expand pending")
    leave_unfinished(live, refilled(tmp_path, live, *due))
    waiting = {"stage": "before_migrations", "waits_for": "until it is approved (approve.yml)"}
    live["db1"]["ledger"]["unfinished"].update({"committed": ["before_migrations"], "parked": waiting})
    found = refilled(tmp_path, live, *due)
    assert (found.resume, found.parked["stage"], found.way_back) == ("d1", "before_migrations", "")
    assert abort(inputs_for(verb="abort", reason="not like this"), live).resume == "d1"
    waiting["waits_for"] = ""
    due_now = refilled(tmp_path, live, *due)
    assert (due_now.resume, due_now.parked, due_now.way_back, due_now.settled) == ("d1", {}, "", False)


def test_the_same_request_is_taken_up_when_a_part_is_applied(tmp_path: Path) -> None:
    changes = {"migrations": {"path": str(tmp_path)}}
    inputs, revision = inputs_for("1.1", **changes), document("1.1", **changes)
    live = fleet_of("1.0", None)
    first = plan(inputs, revision, live, database=database(*APPLIED, "8 expand pending", "9 expand pending"))
    leave_unfinished(live, first)
    again = plan(inputs, revision, live, database=database(*APPLIED, "8 expand applied", "9 expand pending"))
    assert again.resume and again.digest == first.digest
    assert again.token_above == 9, "another region may have migrated meanwhile"
    unread = plan(inputs, revision, live, database=database(error="connection refused"))
    assert (unread.resume, unread.token_above) == (again.resume, 4)
    elsewhere = inputs_for("1.1", migrations={"path": "/tmp"})
    with pytest.raises(StateError):
        plan(elsewhere, revision, moving(live), database=database(*APPLIED))


def moving(live: dict[str, Any]) -> dict[str, Any]:
    """The fleet while traffic moves."""
    for name in ("lb1", "lb2"):
        live[name]["balancer"]["recorded"]["percents"] = {"blue": 50, "green": 50}
    return live
