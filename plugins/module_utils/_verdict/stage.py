# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict of one stage over all its hosts, from what each host's task returned.

Touches nothing. A host without a result, or with one that lacks a required value, never passes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class StageVerdict:
    """What one stage came to.

    :param passed: hosts that returned every required value.
    :param lost: hosts that could not be reached, with the connection's message.
    :param failed: hosts that answered otherwise, with the reason.
    :param abstained: hosts that had nothing to say, with the reason; others decide.
    """

    stage: str
    passed: tuple[str, ...]
    lost: dict[str, str]
    failed: dict[str, str]
    abstained: dict[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """``pass``, ``fail``, or ``insufficient`` when no host was judged, or none had something to say."""
        if self.lost or self.failed:
            return "fail"
        return "pass" if self.passed else "insufficient"

    def message(self) -> str:
        """One sentence that names every host which did not pass, and why."""
        if self.verdict == "pass":
            return f"stage {self.stage}: pass on {', '.join(self.passed)}"
        if self.verdict == "insufficient" and self.abstained:
            silent = "; ".join(f"{host} ({reason})" for host, reason in self.abstained.items())
            return f"stage {self.stage}: insufficient on {silent}"
        if self.verdict == "insufficient":
            return f"stage {self.stage}: insufficient, no host took part"
        parts = [f"{host} lost ({reason})" for host, reason in self.lost.items()]
        parts += [f"{host} failed ({reason})" for host, reason in self.failed.items()]
        return f"stage {self.stage}: fail: " + "; ".join(parts)


def judge(
    stage: str,
    hosts: Sequence[str],
    results: Mapping[str, Mapping[str, Any] | None],
    require: Mapping[str, Any],
    *,
    skipped_passes: bool = False,
    abstain: Mapping[str, Any] | None = None,
) -> StageVerdict:
    """Judge a stage.

    :param stage: name of the stage, for the message.
    :param hosts: every host that had to take part.
    :param results: what the task returned on each host; ``None`` where it did not run.
    :param require: values that the result of each host must have.
    :param skipped_passes: whether a host on which the task was skipped passes.
    :param abstain: values of a result that has nothing to say, so that the other hosts decide.
    """
    passed: list[str] = []
    lost: dict[str, str] = {}
    failed: dict[str, str] = {}
    abstained: dict[str, str] = {}
    for host in hosts:
        result = results.get(host)
        if result is None:
            failed[host] = "the stage did not run there"
        elif result.get("unreachable"):
            lost[host] = _one_line(result.get("msg", "unreachable"))
        elif result.get("skipped"):
            if skipped_passes:
                passed.append(host)
            else:
                failed[host] = "the stage was skipped there"
        elif _has(result, require):
            passed.append(host)
        elif abstain and _has(result, abstain):
            abstained[host] = _reason(result, require)
        else:
            failed[host] = _reason(result, require)
    return StageVerdict(stage, tuple(passed), lost, failed, abstained)


def by_host(hosts: Sequence[str], results: Mapping[str, Any]) -> dict[str, Any]:
    """Host to its result.

    :param results: that already, or what a task registered whose loop items were the hosts.
    """
    if isinstance(results.get("results"), list):
        return {entry["item"]: entry for entry in results["results"]}
    loop_failed = "failed" in results and "msg" in results
    return dict.fromkeys(hosts, results) if loop_failed else dict(results)


def _has(result: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    return all(result.get(key) == value for key, value in values.items())


def _reason(result: Mapping[str, Any], require: Mapping[str, Any]) -> str:
    if result.get("msg"):
        return _one_line(result["msg"])
    judged = [*result.get("checks", []), *result.get("metrics", [])]
    complaints = [f"{one['name']}: {one['reason']}" for one in judged if one.get("verdict") != "pass"]
    if complaints:
        return _one_line("; ".join(complaints))
    missing = [f"{key} is {result.get(key)!r}" for key, value in require.items() if result.get(key) != value]
    return ", ".join(missing)


def _one_line(message: Any) -> str:
    return " ".join(str(message).split())
