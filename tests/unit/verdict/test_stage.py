# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stage passes only when every host says so."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.release.plugins.module_utils._verdict.stage import StageVerdict, by_host, judge

PASS = {"verdict": "pass"}


def test_every_host_passing_is_pass():
    outcome = judge("gate", ["app1", "app2"], {"app1": PASS, "app2": PASS}, PASS)
    assert outcome.verdict == "pass"
    assert outcome.passed == ("app1", "app2")


def test_no_host_is_insufficient_and_never_pass():
    assert judge("gate", [], {}, PASS).verdict == "insufficient"


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (None, "app1 failed (the stage did not run there)"),
        ({"unreachable": True, "msg": "ssh:\n timed out"}, "app1 lost (ssh: timed out)"),
        ({"skipped": True, "verdict": "pass"}, "app1 failed (the stage was skipped there)"),
        ({"verdict": "insufficient"}, "app1 failed (verdict is 'insufficient')"),
        ({"msg": "port 8081 is taken"}, "app1 failed (port 8081 is taken)"),
        ({}, "app1 failed (verdict is None)"),
        (
            {
                "verdict": "fail",
                "checks": [
                    {"name": "web live", "verdict": "pass", "reason": "3 good answers in a row"},
                    {"name": "web ready", "verdict": "fail", "reason": "status 503"},
                ],
            },
            "app1 failed (web ready: status 503)",
        ),
    ],
)
def test_anything_else_fails_and_names_host_and_reason(result, words):
    outcome = judge("gate", ["app1", "app2"], {"app1": result, "app2": PASS}, PASS)
    assert outcome.verdict == "fail"
    assert words in outcome.message()


def test_a_skipped_host_passes_only_where_that_was_said():
    assert judge("place", ["app1"], {"app1": {"skipped": True}}, PASS, skipped_passes=True).verdict == "pass"


def test_a_loop_over_hosts_is_read_by_its_items():
    loop = {"results": [{"item": "app1", "verdict": "pass"}, {"item": "app2", "unreachable": True, "msg": "no route"}]}
    outcome = judge("stop", ["app1", "app2"], by_host(["app1", "app2"], loop), PASS)
    assert outcome.passed == ("app1",)
    assert outcome.lost == {"app2": "no route"}


def test_a_loop_that_failed_as_a_whole_failed_on_every_host():
    outcome = judge("stop", ["app1"], by_host(["app1"], {"failed": True, "msg": "item is undefined"}), PASS)
    assert outcome.failed == {"app1": "item is undefined"}


def test_results_by_host_are_taken_as_they_are():
    assert by_host(["db1"], {"db1": PASS}) == {"db1": PASS}


def test_a_host_with_nothing_to_say_leaves_the_verdict_to_the_others() -> None:
    def judged(**verdicts: str) -> StageVerdict:
        results = {host: {"verdict": verdict, "msg": verdict} for host, verdict in verdicts.items()}
        return judge("analysis", list(results), results, {"verdict": "pass"}, abstain={"verdict": "insufficient"})

    assert judged(lb1="pass", lb2="insufficient").verdict == "pass"
    assert judged(lb1="fail", lb2="insufficient").verdict == "fail"
    assert judged(lb1="pass", lb2="fail").verdict == "fail"
    nobody = judged(lb1="insufficient", lb2="insufficient")
    assert nobody.verdict == "insufficient"
    assert nobody.message() == "stage analysis: insufficient on lb1 (insufficient); lb2 (insufficient)"
