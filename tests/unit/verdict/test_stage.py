# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stage passes only when every host says so."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.release.plugins.module_utils._verdict.stage import judge

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
