# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of a result: figures and samples, within its share, without floats and without secrets."""

from __future__ import annotations

import json

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.canonical import canonical
from ansible_collections.slipway.release.plugins.module_utils._evidence.condense import (
    MOST_BYTES,
    Detail,
    condensed,
    hosts,
)
from ansible_collections.slipway.release.plugins.module_utils._evidence.plain import plain

from tests.unit.evidence.made import SECRET, gate, hook, measured, move, placed

MUCH = Detail(20)


def test_a_gate_keeps_its_samples():
    kept = condensed(gate(attempts=30), MUCH)
    assert (kept["kind"], kept["verdict"], kept["passed"], kept["failed"]) == ("gate", "pass", 1, 0)
    assert [attempt["at_ms"] for attempt in kept["checks"][0]["attempts"]] == [1000 * at for at in range(10, 30)]


def test_a_metric_keeps_what_was_measured_and_what_decided():
    kept = condensed(measured(0.5, 8.25), MUCH)["metrics"][0]
    assert [sample["value"] for sample in kept["measurements"]] == [0.5, 8.25]
    assert "record" not in kept


def test_a_move_keeps_percents_and_what_it_lost():
    kept = condensed(move(0, 10, lost=3, time="2026-11-21T10:01:00.000+00:00"), MUCH)
    assert kept["percents"] == {"blue": 90, "green": 10}
    assert kept["loss"]["lost_by"] == {"reset": 3}
    assert (kept["loss"]["sent"], kept["loss"]["before"]) == (100, {"sent": 50, "lost": 0})


def test_a_move_that_exceeded_its_budget_keeps_what_it_lost():
    failing = {
        "failed": True,
        "msg": "the move exceeded",
        "loss": move(0, 10, lost=3)["loss"],
        "error": {"kind": "state"},
    }
    kept = condensed(failing, MUCH)
    assert (kept["kind"], kept["loss"]["lost"], kept["error"]["kind"]) == ("move", 3, "state")


@pytest.mark.parametrize(
    ("result", "kept"),
    [
        (
            {"unreachable": True, "msg": "ssh: timed out"},
            {"kind": "other", "lost": True, "error": {"what": "ssh: timed out"}},
        ),
        ({"skipped": True}, {"kind": "other", "skipped": True}),
        ({"deployment": "d1", "token": 3}, {"kind": "other"}),
    ],
)
def test_of_other_results_only_how_they_ended(result, kept):
    assert condensed(result, MUCH) == kept


def test_no_secret_is_kept():
    results = {
        "app1": gate(),
        "app2": hook(),
        "app3": placed(),
        "lb1": gate(name=f"smoke check 1, /a?key={SECRET} through"),
    }
    assert SECRET not in json.dumps(hosts(results))


def test_there_is_no_float():
    canonical(hosts({"lb1": measured(0.1, 1e300, float("nan"))}))
    with pytest.raises(ValueError, match="float"):
        canonical(condensed(measured(0.1), MUCH))


@pytest.mark.parametrize("count", [1, 20, 200, 2000])
def test_a_stage_stays_within_its_share(count):
    results = {f"app{number}": gate(attempts=50) for number in range(count)}
    kept = hosts({**results, "bad": gate("fail", attempts=50)})
    assert len(canonical(kept)) <= MOST_BYTES
    assert kept["bad"]["failed"] == 1
    assert kept["bad"]["checks"][0]["reason"] == "status 503"
    if count <= 20:
        assert set(kept) == {*results, "bad"}


def test_what_json_readers_disagree_on_becomes_text():
    assert plain({"a": 1.5, "b": 2**60, "ü": True, "n": None}) == {
        "a": "1.5",
        "b": str(2**60),
        "\\xfc": True,
        "n": None,
    }
    assert len(plain("x" * 5000)) == 600
