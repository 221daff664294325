# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is planned, from files and a history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._migrate.files import Migration, discover
from ansible_collections.slipway.release.plugins.module_utils._migrate.fit import forms, misfit
from ansible_collections.slipway.release.plugins.module_utils._migrate.history import (
    APPLIED,
    BASELINE,
    FAILED,
    OWN,
    RUNNING,
    UNDOING,
    UNDONE,
    Entry,
    StatementRow,
)
from ansible_collections.slipway.release.plugins.module_utils._migrate.names import version_of
from ansible_collections.slipway.release.plugins.module_utils._migrate.plan import Policy, plan, plan_undo, standing
from ansible_collections.slipway.release.plugins.module_utils._migrate.report import expected, schema_report

Writer = Callable[[Mapping[str, "str | bytes"]], Path]
LONG_AGO = datetime(2026, 1, 1, tzinfo=timezone.utc)
SIX = {f"{n}_n.sql": f"SELECT {n};\n-- slipway:undo\nSELECT -{n};" for n in range(1, 7)}


def entry(one: Migration, state: str = APPLIED, **more: Any) -> Entry:
    values = {
        "key": one.key,
        "name": one.name,
        "file": one.path.name,
        "phase": one.phase,
        "checksum": one.checksum,
        "state": state,
        "origin": OWN,
        "started": LONG_AGO,
        "duration": 10,
        "error": "",
        "token": None,
        **more,
    }
    return Entry(**values)


def known(migrations: list[Migration], *versions: str, **states: str) -> dict[str, Entry]:
    applied = {one.key: entry(one) for one in migrations if one.key in versions}
    others = {one.key: entry(one, states[f"v{one.key}"]) for one in migrations if f"v{one.key}" in states}
    return {**applied, **others}


def planned(migrations: list[Migration], history: Mapping[str, Entry], **policy: Any) -> list[str]:
    return [one.key for one in plan(migrations, history, Policy(**policy), "public")]


def refused(migrations: list[Migration], history: Mapping[str, Entry], **policy: Any) -> str:
    with pytest.raises(SlipwayError) as caught:
        plan(migrations, history, Policy(**policy), "public")
    return caught.value.message()


def test_what_is_not_applied_is_planned(write: Writer) -> None:
    found = discover(write(SIX))
    assert planned(found, known(found, "1", "2")) == ["3", "4", "5", "6"]
    assert planned(found, known(found, "1", v2=FAILED, v3=UNDONE)) == ["2", "3", "4", "5", "6"]
    assert planned(found, known(found, "1"), target=version_of("3.5", "")) == ["2", "3"]


def test_a_baseline_covers_what_is_older(write: Writer) -> None:
    found = discover(write(SIX))
    base = entry(found[2], key="3.1", origin=BASELINE, checksum="")
    assert planned(found, {"3.1": base}) == ["4", "5", "6"]


def test_a_changed_file_is_refused_and_one_of_a_baseline_is_not(write: Writer) -> None:
    found = discover(write(SIX))
    changed = {"1": entry(found[0], checksum="f" * 64)}
    assert "1_n.sql: was applied to public with another content (checksum ffffffffffff, now" in refused(found, changed)
    assert planned(found, {"1": entry(found[0], checksum="")})[0] == "2"


def test_a_lost_file_is_refused_and_one_of_the_future_is_not(write: Writer) -> None:
    found = discover(write(SIX))
    history = known(found, "1", "2", "6")
    assert "2_n.sql: was applied to public and its file is missing" in refused(found[:1] + found[2:], history)
    assert planned(found[:2], history) == []
    assert [one.key for one in standing(found[:4], history).future] == ["6"]


def test_a_failure_of_which_nothing_stays_needs_no_file(write: Writer) -> None:
    found = discover(write(SIX))
    failed = entry(found[1], FAILED, statements={1: StatementRow(1, "x", FAILED)})
    assert planned(found[:1] + found[2:], {**known(found, "1"), "2": failed}) == ["3", "4", "5", "6"]


@pytest.mark.parametrize("state", [RUNNING, FAILED, UNDOING])
def test_what_has_begun_and_lost_its_file_is_refused_as_that(write: Writer, state: str) -> None:
    found = discover(write(SIX))
    begun = entry(found[1], state, statements={1: StatementRow(1, "x", APPLIED)})
    message = refused(found[:1] + found[2:], {**known(found, "1"), "2": begun})
    assert "2_n.sql: has begun in public and not ended, and its file is missing" in message
    assert ("'repair'" in message) is (state != UNDOING)


def test_a_baseline_stands_for_what_was_applied(write: Writer) -> None:
    found = discover(write(SIX))
    history = {**known(found, "1", "2", "4"), "3": entry(found[2], origin=BASELINE, checksum="")}
    history["2"] = entry(found[1], checksum="f")
    assert planned(found[1:], history) == ["5", "6"]


def test_out_of_order_is_judged_within_a_phase(write: Writer) -> None:
    files = {"2_b.sql": "-- slipway:phase contract\nSELECT 1;", "1_a.sql": "SELECT 1;", "3_c.sql": "SELECT 1;"}
    found = discover(write(files))
    assert planned(found, known(found, "1", "3")) == ["2"]
    assert "1_a.sql: is out of order: 3_c.sql is applied already" in refused(found, known(found, "3"))
    assert planned(found, known(found, "3"), out_of_order="ignore", phases=("expand",)) == []
    assert planned(found, known(found, "3"), out_of_order="apply") == ["1", "2"]


def test_what_the_future_has_applied_counts_for_the_order(write: Writer) -> None:
    found = discover(write(SIX))
    history = known(found, "1", "2", "6")
    assert "3_n.sql: is out of order: 6_n.sql is applied already" in refused(found[:4], history)
    assert planned(found[:4], history, out_of_order="apply") == ["3", "4"]
    of_another_phase = {**history, "6": entry(found[5], phase="contract")}
    assert planned(found[:4], of_another_phase) == ["3", "4"]


def test_what_has_begun_is_never_out_of_order(write: Writer) -> None:
    found = discover(write({"1_a.sql": "-- slipway:transaction off\nSELECT 1;", "2_b.sql": "SELECT 1;"}))
    begun = entry(found[0], RUNNING, statements={1: StatementRow(1, "x", APPLIED)})
    assert planned(found, {**known(found, "2"), "1": begun}) == ["1"]
    assert "out of order" in refused(found, {**known(found, "2"), "1": entry(found[0], RUNNING)})


def test_a_later_phase_waits_for_the_earlier_one(write: Writer) -> None:
    files = {"1_a.sql": "SELECT 1;", "2_b.sql": "-- slipway:phase contract\nSELECT 1;"}
    found = discover(write(files))
    assert "2_b.sql: is of phase contract, and 1_a.sql of phase expand" in refused(found, {}, phases=("contract",))
    assert planned(found, {}, phases=("expand",)) == ["1"]


def test_a_repeatable_one_is_planned_when_it_is_new_or_has_changed(write: Writer) -> None:
    found = discover(write({"R__a.sql": "SELECT 1;", "R__b.sql": "SELECT 1;", "R__c.sql": "SELECT 1;"}))
    history = {"R__a": entry(found[0]), "R__b": entry(found[1], checksum="f")}
    assert planned(found, history) == ["R__b", "R__c"]


def test_an_undo_goes_from_the_newest_down(write: Writer) -> None:
    found = discover(write(SIX))
    history = known(found, "1", "2", "3", "4", v5=UNDOING)
    steps = plan_undo(found, history, version_of("2", ""), "public")
    assert [one.key for one in steps] == ["5", "4", "3"]
    assert "its undo in public was interrupted" in refused(found, history)


def test_an_undo_without_a_way_or_below_the_baseline_is_refused(write: Writer) -> None:
    found = discover(write({**SIX, "3_n.sql": "SELECT 3;"}))
    with pytest.raises(SlipwayError, match="has no way back"):
        plan_undo(found, known(found, "1", "2", "3", "4"), version_of("1", ""), "public")
    base = {"2": entry(found[1], origin=BASELINE, checksum="")}
    with pytest.raises(SlipwayError, match="is part of the baseline 2"):
        plan_undo(found, base, version_of("1", ""), "public")
    with pytest.raises(SlipwayError, match="its file is missing"):
        plan_undo(found[:4], known(found, "1", "6"), version_of("1", ""), "public")


def test_a_contract_that_is_half_done_has_contracted(write: Writer) -> None:
    off = "-- slipway:phase contract\n-- slipway:transaction off\nSELECT 1;\nSELECT none;"
    found = discover(write({"1_a.sql": "SELECT 1;", "2_b.sql": off}))
    half = {1: StatementRow(1, "x", APPLIED), 2: StatementRow(2, "x", FAILED)}
    for state, statements, contracted in [
        (FAILED, half, "2"),
        (RUNNING, half, "2"),
        (UNDOING, half, "2"),
        (FAILED, {1: StatementRow(1, "x", FAILED)}, ""),
        (UNDONE, {}, ""),
    ]:
        history = {**known(found, "1"), "2": entry(found[1], state, statements=statements)}
        told = schema_report("public", found, history, [], LONG_AGO)
        assert told["contracted"] == contracted, state
        assert [row["stays"] for row in told["migrations"]] == [True, bool(contracted)]
        fits = misfit({"min": 1, "max": 1}, forms([told]))
        assert fits == ("it works up to schema 1, and public is contracted to 2" if contracted else "")
        assert "2 is not applied" in misfit({"min": 2, "max": 2}, forms([told]))


def test_what_a_baseline_stands_for_stays(write: Writer) -> None:
    found = discover(write(SIX))
    told = rows_of(found, {"3": entry(found[2], origin=BASELINE, checksum=""), "6": entry(found[5])})
    assert [row["stays"] for row in told] == [True, True, True, False, False, True]
    assert [row["stays"] for row in rows_of(found[:5], known(found, "1", "6"))] == [True, *[False] * 4, True]


def test_the_expected_time(write: Writer) -> None:
    found = discover(write(SIX))
    entries = [entry(one, duration=n * 10) for n, one in enumerate(found[:4], 1)]
    assert expected("2", entries) == 20
    assert expected("6", entries) == 25
    assert expected("6", [entry(found[0], origin=BASELINE, duration=None)]) is None


def test_planning_many_files_compares_none_with_another(write: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 3,000 files that took 0.7 s of processor time for each plan, and a run makes two."""
    found = discover(write({**SIX, "7_c.sql": "-- slipway:phase contract\nSELECT 7;"}))

    def compared(_one: Migration, _other: object) -> bool:
        raise AssertionError("two migrations were compared")

    monkeypatch.setattr(Migration, "__eq__", compared)
    history = known(found, "1", "2")
    assert planned(found, history, phases=("expand",)) == ["3", "4", "5", "6"]
    states = [row["state"] for row in rows_of(found, history)]
    assert states == ["applied"] * 2 + ["pending"] * 5


def rows_of(migrations: list[Migration], history: Mapping[str, Entry]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = schema_report("public", migrations, history, [], LONG_AGO)["migrations"]
    return rows


def test_the_lowest_of_what_is_held_back_is_named(write: Writer) -> None:
    files = {"1_n.sql": "SELECT 1;", "2_n.sql": "SELECT 2;", "3_c.sql": "-- slipway:phase contract\nSELECT 3;"}
    found = discover(write(files))
    assert "1_n.sql of phase expand has not been applied" in refused(found, {}, phases=("contract",))
    assert planned(found[1:], {}, phases=("expand",)) == ["2"]


def test_what_was_applied_last_is_named_and_only_of_the_same_phase(write: Writer) -> None:
    files = {f"{number}_n.sql": "SELECT 1;" for number in range(1, 5)}
    found = discover(write({**files, "5_c.sql": "-- slipway:phase contract\nSELECT 5;"}))
    assert "1_n.sql: is out of order: 3_n.sql is applied" in refused(found, known(found, "2", "3", "5"))
    assert planned(found, known(found, "1", "2", "3", "5")) == ["4"]
