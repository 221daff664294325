# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of components: turns, circles, what it makes of revision documents and units."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError
from ansible_collections.slipway.release.plugins.module_utils._release import units
from ansible_collections.slipway.release.plugins.module_utils._release.host import View
from ansible_collections.slipway.release.plugins.module_utils._release.layout import Layout
from ansible_collections.slipway.release.plugins.module_utils._release.order import (
    cycle,
    in_turn,
    seconds_to_end,
    seconds_to_hand_over,
)
from ansible_collections.slipway.release.plugins.module_utils._release.record import SlotRecord
from ansible_collections.slipway.release.plugins.module_utils._release.revision import build, read, revision_id
from ansible_collections.slipway.release.plugins.module_utils._release.running import _overlapping
from ansible_collections.slipway.release.plugins.module_utils._release.systemd import UnitState

LAYOUT = Layout("shop")
WEB = {"name": "web", "kind": "http", "command": "serve", "ports": {"blue": 8081, "green": 8082}}
MAILER = {"name": "mailer", "kind": "worker", "command": "mail", "after": ["web", "clock"], "stop_timeout": 10}
INDEXER = {"name": "indexer", "kind": "worker", "command": "index", "after": ["mailer"], "stop_timeout": 20}
CLOCK = {"name": "clock", "kind": "singleton", "command": "tick", "stop_timeout": 5}
REPORT = {"name": "report", "kind": "scheduled", "command": "report", "schedule": "daily", "after": ["clock"]}
ALL = [REPORT, INDEXER, MAILER, WEB, CLOCK]


def document(*components):
    return build(app="shop", version="1.0", artifact_sha256="a" * 64, components=components or ALL)


def names(groups):
    return [sorted(item["name"] for item in group) for group in groups]


def test_each_comes_in_a_later_turn_than_all_that_it_comes_after():
    assert names(in_turn(ALL, ALL)) == [["clock", "web"], ["mailer", "report"], ["indexer"]]
    assert names(in_turn([INDEXER, CLOCK], ALL)) == [["clock"], ["indexer"]]
    assert names(in_turn([WEB, {**CLOCK, "after": []}], [WEB, CLOCK])) == [["clock", "web"]]


@pytest.mark.parametrize(
    ("before", "circle"),
    [
        ({"a": ["b"], "b": ["c"], "c": ["a"]}, ["a", "b", "c", "a"]),
        ({"a": ["a"]}, ["a", "a"]),
        ({"a": ["b"], "b": ["c", "c"], "c": [], "d": ["b", "a"]}, []),
    ],
)
def test_circles(before, circle):
    assert cycle(before) == circle


def test_ends_add_up_along_the_order_and_runs_may_finish_before():
    timed = [{**item, "stop_timeout": item.get("stop_timeout", 30)} for item in ALL]
    assert seconds_to_end(timed) == 30 + 30 + 20
    assert seconds_to_hand_over(timed) == 30 + (5 + 30 + 20), "what answers requests runs on"
    assert seconds_to_hand_over([{**INDEXER, "after": ["indexer"]}]) == 0


def test_what_comes_after_an_http_component_alone_waits_for_nobody_in_a_handover():
    timed = [{**WEB, "stop_timeout": 300}, {**MAILER, "after": ["web"]}, {**INDEXER, "after": []}]
    assert seconds_to_hand_over(timed) == 20
    assert seconds_to_hand_over(timed[:1]) == 0


def test_a_document_without_an_order_is_what_it_was_and_one_with_it_is_another_revision():
    plain, ordered = document(WEB, CLOCK), document(WEB, {**CLOCK, "after": ["web"]})
    assert all("after" not in item for item in plain["components"])
    assert [item.get("after") for item in ordered["components"]] == [["web"], None]
    assert revision_id(plain) != revision_id(ordered) and read(ordered) == ordered
    assert document(WEB, {**CLOCK, "after": []}) == plain


@pytest.mark.parametrize(
    ("components", "what"),
    [
        ([{**WEB, "after": ["clock"]}, CLOCK], "an http component comes after none"),
        ([WEB, {**CLOCK, "after": ["nobody"]}], "nothing can come after 'nobody'"),
        ([WEB, REPORT, {**CLOCK, "after": ["report"]}], "nothing can come after 'report'"),
        ([WEB, MAILER, {**CLOCK, "after": ["mailer"]}], "clock after mailer after clock is a circle"),
    ],
)
def test_what_cannot_be_an_order_is_no_revision(components, what):
    with pytest.raises(InputError, match=what):
        document(*components)


def test_a_boot_keeps_the_order():
    rendered = units.render(document(), "green", LAYOUT)
    earlier = "After=network-online.target slipway-shop-clock@green.service slipway-shop-web@green.service\n"
    assert earlier in rendered["slipway-shop-mailer@green.service"]
    assert "After=slipway-shop-clock@green.service\n" in rendered["slipway-shop-report@green.timer"]
    assert "After=network-online.target\n" in rendered["slipway-shop-clock@green.service"]


def test_units_stop_in_the_opposite_order_and_schedules_first():
    rendered = units.render(document(), "blue", LAYOUT)
    states = {name: UnitState("loaded", "active") for name in rendered}
    view = View("blue", "r", document(), SlotRecord(), rendered, states, frozenset())
    stops = [name.removeprefix("slipway-shop-") for name in view.active_units()]
    assert stops == [
        "report@blue.timer",
        "indexer@blue.service",
        "mailer@blue.service",
        "report@blue.service",
        "clock@blue.service",
        "web@blue.service",
    ]
    assert view.patience == 80


def test_what_may_overlap_still_waits_for_what_may_not():
    def worker(name, overlap, *after):
        return {"name": name, "overlap": overlap, "after": list(after)}

    chosen = [worker("a", True), worker("b", True, "c"), worker("c", False), worker("d", True, "b")]
    assert [item["name"] for item in _overlapping(chosen)] == ["a"]
