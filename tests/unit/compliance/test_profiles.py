# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compliance profiles: each is read, and several together ask for the strictest of each demand."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError
from ansible_collections.slipway.release.plugins.module_utils._compliance.combine import combine
from ansible_collections.slipway.release.plugins.module_utils._compliance.load import known, load
from ansible_collections.slipway.release.plugins.module_utils._compliance.profile import (
    ENFORCEMENTS,
    METHODS,
    Profile,
    read_profile,
)

UNIONS = ("gates", "redact", "change_request", "approving", "ddl", "separate")


def one(name: str) -> Profile:
    found = load([name])
    assert found
    return found


def made(name: str = "own", **changes: Any) -> Profile:
    return read_profile({"name": name, "title": "of our own", **changes}, name)


def test_the_profiles_that_come_with_the_collection() -> None:
    assert known() == ["gdpr", "hipaa", "iso_27001", "pci_dss", "soc_2", "sox"]
    assert [one(name).name for name in known()] == known()
    assert load([]) is None


def test_retention_is_what_each_asks_for() -> None:
    for name, years in {"sox": 7, "hipaa": 6, "pci_dss": 1}.items():
        assert 0 <= one(name).retention_days - years * 365.25 < 1.5, name
    assert one("gdpr").retention_days == one("gdpr").at_most_days == int(5 * 365.25)
    assert one("pci_dss").at_hand_days == 92


@pytest.mark.parametrize("names", list(itertools.combinations(known(), 3)))
def test_together_they_are_no_laxer_than_each(names: tuple[str, ...]) -> None:
    together = load(names)
    assert together
    for part in map(one, names):
        assert ENFORCEMENTS.index(together.enforcement) >= ENFORCEMENTS.index(part.enforcement)
        assert together.retention_days >= part.retention_days
        assert together.at_hand_days >= part.at_hand_days
        assert together.approval_max_age <= part.approval_max_age
        assert METHODS.index(together.redaction) >= METHODS.index(part.redaction)
        assert together.region_required >= part.region_required
        assert not part.root_cause_hours or 0 < together.root_cause_hours <= part.root_cause_hours
        assert not part.deployers or set(together.deployers) <= set(part.deployers) and together.deployers
        for name in UNIONS:
            assert set(getattr(together, name)) >= set(getattr(part, name)), name
    for name in UNIONS:
        assert set(getattr(together, name)) == {item for part in names for item in getattr(one(part), name)}, name


def test_their_order_does_not_matter() -> None:
    names = known()
    first, second = load(names), load(names[::-1])
    assert first and second
    for name in Profile.__dataclass_fields__:
        left, right = getattr(first, name), getattr(second, name)
        if isinstance(left, tuple):
            assert sorted(left) == sorted(right), name
        elif name not in ("name", "title"):
            assert left == right, name


def test_a_period_that_is_demanded_outlasts_one_that_is_a_default() -> None:
    together = load(["gdpr", "sox"])
    assert together
    assert (together.retention_days, together.at_most_days) == (2557, 2557)
    assert together.notes == (
        "gdpr would delete the audit log after 1826 days; it is kept for 2557, which sox demands",
    )
    alone = load(["gdpr", "pci_dss"])
    assert alone and alone.notes == () and alone.at_most_days == 1826


def test_only_groups_that_all_name_may_deploy() -> None:
    first = made("first", approvals={"deployers": ["operations", "night_shift"]})
    second = made("second", approvals={"deployers": ["night_shift"]})
    assert combine([first, made("any"), second]).deployers == ("night_shift",)
    with pytest.raises(InputError) as raised:
        combine([first, made("other", approvals={"deployers": ["dba"]})])
    assert "first and other have no group in common" in raised.value.message()


def test_the_shorter_time_holds_for_approvals_and_notes() -> None:
    first = made("first", approvals={"max_age": 3600}, root_cause_hours=48)
    second = made("second", root_cause_hours=4)
    for profiles in ([first, second], [second, first]):
        together = combine([*profiles, made("third")])
        assert (together.approval_max_age, together.root_cause_hours) == (3600, 4)


def test_a_profile_of_an_operator(tmp_path: Path) -> None:
    path = tmp_path / "bank.yml"
    path.write_text(yaml.safe_dump({"name": "bank", "title": "Ours", "retention": {"days": 3653}}), encoding="utf-8")
    together = load(["sox", str(path)])
    assert together and together.retention_days == 3653 and together.name == "sox + bank"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("name: bank\n", "title: it is not set"),
        ("name: bank\ntitle: t\nretain: {days: 1}\n", "there is no such variable"),
        ("name: bank\ntitle: t\nretention: {dais: 1}\n", "did you mean slipway_compliance"),
        ("name: bank\ntitle: t\nretention: {days: 10, at_most_days: 9}\n", "longer than it may"),
        ("name: bank\ntitle: t\nredaction: {fields: [pan]}\n", "use mask or hmac"),
        ("name: bank\ntitle: t\nenforcement: maybe\n", "none, warn, block"),
        ("name: bank\ntitle: t\napprovals: {separate: [cat_dog]}\n", "author_approver"),
        ("- a list\n", "holds no mapping"),
        ("a: [\n", "it is no YAML"),
    ],
)
def test_a_wrong_profile_is_refused(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "bank.yml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as raised:
        load([str(path)])
    assert says in raised.value.message()
    assert raised.value.where.startswith("slipway_compliance")


@pytest.mark.parametrize(
    ("names", "says"),
    [(["soks"], "use gdpr, hipaa, iso_27001"), (["sox", "sox"], "twice"), (["/nowhere/x.yml"], "cannot be read")],
)
def test_a_name_that_means_nothing_is_refused(names: list[str], says: str) -> None:
    with pytest.raises(InputError) as raised:
        load(names)
    assert says in raised.value.message()


def test_an_impossible_day_in_a_profile_is_no_yaml(tmp_path: Path) -> None:
    (tmp_path / "own.yml").write_text("name: own\ntitle: 2026-99-99\n", encoding="ascii")
    with pytest.raises(InputError) as raised:
        load([str(tmp_path / "own.yml")])
    assert "it is no YAML" in raised.value.message()


def test_no_age_is_longer_than_a_year() -> None:
    with pytest.raises(InputError) as raised:
        made(approvals={"max_age": 99999999999999})
    assert raised.value.where == "slipway_compliance (own).approvals.max_age"
    assert made(approvals={"max_age": 366 * 86400}).approval_max_age == 366 * 86400
