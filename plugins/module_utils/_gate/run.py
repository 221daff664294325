# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run all checks of a gate at the same time and gather their findings.

Touches only what the probes touch. One daemon thread a check: a probe that hangs in the resolver cannot keep the
gate from ending.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Any

from .judge import Judge
from .model import FAIL, INSUFFICIENT, PASS, Answer, Attempt, Check, Finding

HANG_GRACE = 2
SHORTEST_PAUSE = 0.05
FIRST_ATTEMPTS = 10
LAST_ATTEMPTS = 40


class Gate:
    """All checks of one call.

    :param checks: what to check.
    :param fail_fast: end the gate as soon as one check has failed.
    """

    def __init__(self, checks: list[Check], *, fail_fast: bool = False) -> None:
        self.findings = [Finding(check) for check in checks]
        self.fail_fast = fail_fast
        self._stop = threading.Event()
        self._failed = ""
        self._started = 0.0

    def run(self) -> list[Finding]:
        """Run every check to its decision."""
        self._started = time.monotonic()
        threads = [threading.Thread(target=self._run_check, args=(one,), daemon=True) for one in self.findings]
        for thread in threads:
            thread.start()
        for thread, finding in zip(threads, self.findings):
            last_end = self._started + finding.check.timing.deadline + HANG_GRACE
            thread.join(max(0.0, last_end - time.monotonic()))
        return [_settled(finding) for finding in self.findings]

    def _run_check(self, finding: Finding) -> None:
        timing = finding.check.timing
        pause = max(timing.interval, SHORTEST_PAUSE)
        judge = Judge(timing)
        while not self._attempt(finding, judge):
            if self._elapsed() + pause >= timing.deadline:
                judge.expired()
                break
            if self._stop.wait(pause):
                judge.abandoned(f"not decided: check '{self._failed}' failed first")
                break
        finding.reason = judge.reason
        finding.verdict = judge.verdict
        if self.fail_fast and finding.verdict == FAIL:
            self._failed = self._failed or finding.check.name
            self._stop.set()

    def _attempt(self, finding: Finding, judge: Judge) -> bool:
        timing = finding.check.timing
        began = self._elapsed()
        answer = finding.check.probe.attempt(min(timing.timeout, max(SHORTEST_PAUSE, timing.deadline - began)))
        ended = self._elapsed()
        attempt = Attempt(int(began * 1000), int((ended - began) * 1000), answer)
        attempt = _within_limits(attempt, finding.check)
        finding.attempts.append(attempt)
        return judge.heard(attempt.answer, ended)

    def _elapsed(self) -> float:
        return time.monotonic() - self._started


def _settled(finding: Finding) -> Finding:
    """A finding that is safe from a thread that still runs, decided even when that thread never came back."""
    attempts = list(finding.attempts)
    if finding.verdict:
        return Finding(finding.check, finding.verdict, finding.reason, attempts)
    made = any(attempt.answer.made for attempt in attempts)
    return Finding(finding.check, FAIL if made else INSUFFICIENT, "an attempt did not come back", attempts)


def _within_limits(attempt: Attempt, check: Check) -> Attempt:
    """Turn a good answer that came too late into a failed one."""
    timing = check.timing
    if attempt.answer.ok and timing.budget_ms and attempt.latency_ms > timing.budget_ms:
        detail = f"answered in {attempt.latency_ms} ms, over the budget of {timing.budget_ms} ms"
    elif attempt.answer.ok and attempt.latency_ms > timing.timeout * 1000:
        detail = f"answered in {attempt.latency_ms} ms, over the timeout of {timing.timeout} s"
    else:
        return attempt
    return Attempt(attempt.at_ms, attempt.latency_ms, Answer(ok=False, detail=detail))


def worst(verdicts: Iterable[str]) -> str:
    """One verdict of several: a failure decides, a pass needs all to pass, and of none nothing is known."""
    found = set(verdicts)
    if FAIL in found:
        return FAIL
    return PASS if found == {PASS} else INSUFFICIENT


def verdict(findings: list[Finding]) -> str:
    """The verdict of the whole gate."""
    return worst(finding.verdict for finding in findings)


def as_results(findings: list[Finding]) -> list[dict[str, Any]]:
    """The findings for the result of the module, long histories shortened in the middle."""
    return [
        {
            "name": finding.check.name,
            "type": finding.check.type,
            "target": finding.check.probe.target(),
            "verdict": finding.verdict,
            "reason": finding.reason,
            "attempts_made": len(finding.attempts),
            "attempts": [attempt.as_result() for attempt in _shortened(finding.attempts)],
            "latency_ms": _latencies(finding.attempts),
        }
        for finding in findings
    ]


def _shortened(attempts: list[Attempt]) -> list[Attempt]:
    if len(attempts) <= FIRST_ATTEMPTS + LAST_ATTEMPTS:
        return attempts
    return attempts[:FIRST_ATTEMPTS] + attempts[-LAST_ATTEMPTS:]


def _latencies(attempts: list[Attempt]) -> dict[str, int] | None:
    values = sorted(attempt.latency_ms for attempt in attempts if attempt.answer.made)
    if not values:
        return None
    return {
        "min": values[0],
        "p50": nearest_rank(values, 50),
        "p95": nearest_rank(values, 95),
        "max": values[-1],
    }


def nearest_rank(values: list[int], percent: int) -> int:
    """The percentile of sorted ``values`` by the nearest-rank method."""
    return values[max(0, -(-len(values) * percent // 100) - 1)]
