# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole gate: many checks at the same time against local servers, and what is reported."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._gate import run as gate_run
from ansible_collections.slipway.release.plugins.module_utils._gate.model import (
    FAIL,
    INSUFFICIENT,
    PASS,
    Answer,
    Attempt,
    Check,
    Finding,
    Probe,
    Timing,
)
from ansible_collections.slipway.release.plugins.module_utils._gate.run import Gate, as_results, verdict
from ansible_collections.slipway.release.plugins.module_utils._gate.spec import parse

from .conftest import Reply, Web

Serve = Callable[..., Web]


def gate(*checks: dict[str, Any], fail_fast: bool = False) -> tuple[str, list[dict[str, Any]]]:
    """Run a gate whose checks are as quick as allowed; gives the verdict and the results."""
    quick = {"type": "http", "interval": 0, "deadline": 2}
    findings = Gate(parse([{**quick, **one} for one in checks]), fail_fast=fail_fast).run()
    return verdict(findings), as_results(findings)


def test_a_ready_endpoint_passes_with_three_attempts(serve: Serve) -> None:
    web = serve()
    found, (result,) = gate({"name": "one", "url": web.url})
    assert (found, result["verdict"], result["attempts_made"], len(web.asked)) == (PASS, PASS, 3, 3)
    assert all(isinstance(value, int) for value in result["latency_ms"].values())
    assert [attempt["ok"] for attempt in result["attempts"]] == [True] * 3


def test_a_flapping_endpoint_does_not_pass(serve: Serve) -> None:
    web = serve(*[Reply(200), Reply(200), Reply(503)] * 100)
    found, (result,) = gate({"name": "one", "url": web.url, "successes": 3})
    assert found == FAIL
    assert result["attempts_made"] > 3


def test_an_endpoint_that_becomes_ready_in_time_passes(serve: Serve) -> None:
    web = serve(*[Reply(503)] * 4, Reply(200))
    found, _results = gate({"name": "one", "url": web.url, "startup": 1, "failures": 1, "deadline": 10})
    assert found == PASS


def test_an_answer_slower_than_the_budget_fails_and_a_quick_one_passes(serve: Serve) -> None:
    slow, quick = serve(Reply(delay=0.4)), serve()
    limits = {"budget_ms": 300, "successes": 2}
    found, results = gate({"name": "slow", "url": slow.url, **limits}, {"name": "quick", "url": quick.url, **limits})
    assert found == FAIL
    assert [result["verdict"] for result in results] == [FAIL, PASS]
    assert "over the budget of 300 ms" in results[0]["attempts"][0]["detail"]


def test_no_check_is_no_pass() -> None:
    assert gate() == (INSUFFICIENT, [])


def test_an_unknown_host_is_insufficient(serve: Serve) -> None:
    found, results = gate(
        {"name": "known", "url": serve().url}, {"name": "unknown", "url": "http://no-such-host.invalid/"}
    )
    assert found == INSUFFICIENT
    assert results[1]["latency_ms"] is None


def test_a_failure_outweighs_missing_data(closed_port: int) -> None:
    found, _results = gate(
        {"name": "unknown", "url": "http://no-such-host.invalid/"},
        {"name": "refused", "url": f"http://127.0.0.1:{closed_port}/"},
    )
    assert found == FAIL


def test_checks_run_at_the_same_time(serve: Serve) -> None:
    together = threading.Barrier(20, timeout=10)

    class Meeting(Probe):
        """Comes back only when all others are asking too."""

        def attempt(self, timeout: float) -> Answer:
            together.wait()
            return Answer(ok=True)

        def target(self) -> str:
            return "the others"

    checks = [Check(str(number), "meeting", Meeting(), Timing(successes=1)) for number in range(20)]
    assert verdict(Gate(checks).run()) == PASS


def test_fail_fast_ends_the_others(serve: Serve, closed_port: int) -> None:
    found, results = gate(
        {"name": "refused", "url": f"http://127.0.0.1:{closed_port}/", "failures": 2},
        {"name": "starting", "url": serve(Reply(503)).url, "deadline": 20},
        fail_fast=True,
    )
    assert found == FAIL
    assert [result["verdict"] for result in results] == [FAIL, INSUFFICIENT]
    assert results[1]["reason"] == "not decided: check 'refused' failed first"


def test_without_fail_fast_every_check_is_decided(serve: Serve, closed_port: int) -> None:
    _found, results = gate(
        {"name": "refused", "url": f"http://127.0.0.1:{closed_port}/", "failures": 1},
        {"name": "late", "url": serve(*[Reply(503)] * 6, Reply(200)).url},
    )
    assert [result["verdict"] for result in results] == [FAIL, PASS]


def test_a_probe_that_hangs_does_not_keep_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_run, "HANG_GRACE", 0)
    release = threading.Event()

    class Hanging(Probe):
        """Ignores its timeout, as a resolver does."""

        def attempt(self, timeout: float) -> Answer:
            release.wait(60)
            return Answer(ok=True)

        def target(self) -> str:
            return "nobody"

    findings = Gate([Check("one", "hanging", Hanging(), Timing(deadline=1))]).run()
    release.set()
    assert findings[0].reason == "an attempt did not come back"
    assert verdict(findings) == INSUFFICIENT


def test_the_deadline_bounds_an_attempt(serve: Serve) -> None:
    began = time.monotonic()
    found, _results = gate({"name": "one", "url": serve(Reply(delay=30)).url, "timeout": 60, "deadline": 1})
    assert found == FAIL
    assert time.monotonic() - began < 20


def test_a_good_answer_after_the_timeout_is_a_failure() -> None:
    class Late(Probe):
        """Cannot be interrupted."""

        def attempt(self, timeout: float) -> Answer:
            time.sleep(1.2)
            return Answer(ok=True)

        def target(self) -> str:
            return "somebody slow"

    (finding,) = Gate([Check("one", "late", Late(), Timing(successes=1, timeout=1, deadline=2))]).run()
    assert finding.verdict == FAIL
    assert "over the timeout of 1 s" in finding.attempts[0].answer.detail


def test_long_histories_are_shortened_in_the_middle(serve: Serve) -> None:
    (check,) = parse([{"name": "one", "type": "http", "url": "http://a/"}])
    finding = Finding(check, FAIL, "long")
    finding.attempts = [Attempt(number, 1, Answer(ok=False)) for number in range(500)]
    (result,) = as_results([finding])
    assert result["attempts_made"] == 500
    assert [one["at_ms"] for one in result["attempts"]] == [*range(10), *range(460, 500)]
