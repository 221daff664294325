# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which slots are in the way of a step of the database."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._plan.schema import slots_in_the_way


def schemas(*members: str) -> list[dict[str, Any]]:
    rows = [dict(zip(("version", "phase", "state"), member.split())) for member in members]
    return [{"schema": "public", "version": "", "migrations": rows}]


def host(**slots: str) -> dict[str, Any]:
    """Each slot holds a release, such as ``1.3 works with 3-7``; no range when it says none."""
    contents, documents = {}, []
    for slot, text in slots.items():
        version, _works, _with, between = f"{text} works with -".split()[:4] if " " not in text else text.split()
        least, _to, most = between.partition("-")
        document = {"schema_range": {"min": int(least), "max": int(most)} if least else None}
        documents.append({"id": f"r{version}", "document": document})
        contents[slot] = {"revision": f"r{version}", "version": version, "running": False}
    return {"release": {"slots": contents, "revisions": documents}}


THREE = ("1 expand applied", "2 expand applied", "3 contract pending", "4 contract pending")
FITS = "1.4 works with 2-9"


def test_a_stopped_slot_that_needs_the_old_form_is_named_with_its_hosts() -> None:
    live = {"web2": host(blue=FITS, green="1.3 works with 1-2"), "web1": host(blue=FITS, green="1.3 works with 1-2")}
    found = slots_in_the_way(live, schemas(*THREE), "contract")
    said = "web1, web2: slot green holds 1.3, and after this it works up to schema 2, and public is contracted to 4"
    assert found.startswith(said)
    assert "Remedy: deploy releases that work without it" in found
    assert "slipway_migrate_to" in found and "slipway_force" in found


def test_only_what_is_due_counts() -> None:
    live = {"web1": host(blue=FITS, green="1.3 works with 1-3")}
    assert slots_in_the_way(live, schemas(*THREE), "contract")
    assert not slots_in_the_way(live, schemas(*THREE), "contract", "3")


def test_nothing_is_asked_of_the_slots_when_nothing_is_due() -> None:
    done = ("1 expand applied", "3 contract applied", "5 expand pending")
    live = {"web1": host(blue="1.3 works with 1-2"), "web2": {"unreachable": True}}
    assert slots_in_the_way(live, schemas(*done), "contract") == ""


def test_a_host_that_says_nothing_is_in_the_way() -> None:
    live = {
        "web1": {"unreachable": True, "msg": "no route"},
        "web2": {"release": {"error": "a file is damaged"}},
        "web3": host(blue=FITS),
    }
    reason = slots_in_the_way(live, schemas(*THREE), "contract")
    assert "web1: what its slots hold is not known (no route)" in reason
    assert "web2: what its slots hold is not known (a file is damaged)" in reason
    assert "web3" not in reason


@pytest.mark.parametrize(("step", "target"), [("contract", ""), ("undo", "1")])
def test_a_release_that_says_nothing_is_in_the_way(step: str, target: str) -> None:
    live = {name: host(blue="1.4 works with 1-9", green="1.2") for name in ("web1", "web2")}
    found = slots_in_the_way(live, schemas(*THREE), step, target)
    said = "web1, web2: slot green holds 1.2, which does not say what it works with (no slipway_schema_range)"
    assert found.startswith(f"{said}. Remedy: ")
    assert "releases that state their slipway_schema_range" in found
    assert "slipway_force=true with a slipway_reason" in found
    named = {"web1": host(blue=FITS, green="1.3 works with 1-2")}
    assert "state their" not in slots_in_the_way(named, schemas(*THREE), step, target)


def test_an_empty_slot_is_in_nobodys_way() -> None:
    live = {"web1": {"release": {"slots": {"blue": {"revision": None, "version": None}}, "revisions": []}}}
    assert slots_in_the_way(live, schemas(*THREE), "contract") == ""


def test_what_a_release_needs_is_not_undone() -> None:
    live = {"web1": host(blue=FITS, green="1.3 works with 1-2")}
    found = slots_in_the_way(live, schemas(*THREE), "undo", "1")
    said = "web1: slot blue holds 1.4, and after this it needs schema 2, and 2 is not applied to public"
    assert found.startswith(said) and "green" not in found
    assert not slots_in_the_way(live, schemas(*THREE), "undo", "2")
