# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text file for Prometheus, read back by a parser that accepts nothing that promtool would complain of."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SystemFailure
from ansible_collections.slipway.release.plugins.module_utils._evidence import prometheus

from tests.unit.evidence.made import gate

VALUE = r'"((?:[^"\\\n]|\\["\\n])*)"'
HELP = re.compile(r"# HELP ([a-z_]+) (\S.*\.)")
TYPE = re.compile(r"# TYPE ([a-z_]+) (gauge|counter)")
SAMPLE = re.compile(rf"([a-z_]+)\{{((?:[a-z]+={VALUE},?)+)\}} (-?[0-9]+(?:\.[0-9]+)?)")
LABEL = re.compile(rf"([a-z]+)={VALUE}")
NOT_BASE = ("_milliseconds", "_ms", "_minutes", "_kilobytes", "_percent")
OF_OTHER_TYPES = ("_total", "_count", "_sum", "_bucket")

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def parsed(text: str) -> Samples:
    """Every sample; families are whole, with one HELP and one TYPE before their samples, and none comes twice."""
    assert text.endswith("\n")
    found: Samples = {}
    known: list[str] = []
    lines = iter(text.splitlines())
    for line in lines:
        help_line = HELP.fullmatch(line)
        if help_line:
            type_line = TYPE.fullmatch(next(lines))
            assert type_line is not None
            known.append(named(help_line[1], known, type_line[2]))
            assert type_line[1] == known[-1]
            continue
        sample = SAMPLE.fullmatch(line)
        assert sample is not None, line
        assert sample[1] == known[-1]
        labels = tuple(sorted(LABEL.findall(sample[2])))
        assert not {"le", "quantile"} & {label for label, _value in labels}
        assert (sample[1], labels) not in found
        found[sample[1], labels] = float(sample[4])
    return found


def named(name: str, known: list[str], kind: str) -> str:
    """The name of a family, as it must be."""
    assert name not in known
    assert name.startswith(("slipway_", "deploy_"))
    assert not name.endswith(NOT_BASE)
    assert name.endswith(OF_OTHER_TYPES) is (kind == "counter")
    return name


def made(**changes: Any) -> dict[str, Any]:
    """A document as far as the metrics read it."""
    smoke = {**gate("fail")["checks"][0], "name": "smoke check 1, /"}
    kept = {"kind": "gate", "checks": [gate()["checks"][0], smoke]}
    return {
        "app": "shop",
        "deployment": "20261121T073000Z-4be1c2",
        "verb": "deploy",
        "rollout": "canary",
        "to": {"version": "1.1"},
        "slot": "green",
        "result": "failed",
        "verdict": "fail",
        "elapsed_ms": 42_012,
        "moves": [{"lost": 2, "sent": 100}, {"lost": 0, "sent": 90}],
        "percents": [],
        "verdicts": [
            {"stage": "place", "took_ms": 8_004, "hosts": {"app1": kept}},
            {"stage": 'a "stage" of \\ mine', "took_ms": 1, "hosts": {}},
        ],
        "profile": {"answered_milli": 49_980, "latency_us": {"p50": 1210, "p95": 12_480, "p99": 2_000_004}},
        "backup": {"size_bytes": 73_400_320},
        "compensation": {"by_hand": []},
        "missing": [],
        "plan": {"options": {"force": True, "skip": ["smoke"]}},
        **changes,
    }


def value_of(found: Samples, name: str, **labels: str) -> float:
    prefix = "" if name.startswith("deploy_") else "slipway_"
    return found[prefix + name, tuple(sorted({"app": "shop", **labels}.items()))]


def test_all_of_it_is_read_back() -> None:
    found = parsed(prometheus.text(made()))
    assert value_of(found, "deploy_duration_seconds") == 42.012
    assert value_of(found, "deploy_exceptions") == 2
    told = {"deployment": "20261121T073000Z-4be1c2", "verb": "deploy", "rollout": "canary", "version": "1.1"}
    assert value_of(found, "deploy_info", **told) == 1
    results = [value_of(found, "deployment_result", result=result) for result in prometheus.RESULTS]
    assert dict(zip(prometheus.RESULTS, results)) == {**dict.fromkeys(prometheus.RESULTS, 0), "failed": 1}
    assert value_of(found, "deployment_stage_duration_seconds", stage="place") == 8.004
    assert value_of(found, "deployment_stage_duration_seconds", stage=r"a \"stage\" of \\ mine") == 0.001
    assert value_of(found, "smoke_tests_failed") == 1
    assert value_of(found, "smoke_tests_duration_seconds") == 1.004
    assert value_of(found, "health_checks_passed") == 1
    assert value_of(found, "health_checks_failed") == 0
    assert value_of(found, "response_time_seconds") == 0.004
    assert value_of(found, "backup_size_bytes") == 73_400_320
    assert value_of(found, "requests_lost") == 2
    assert value_of(found, "requests_measured") == 190
    assert value_of(found, "performance_requests_per_second") == 49.98
    assert value_of(found, "performance_latency_seconds", percentile="p99") == 2.000004
    assert value_of(found, "performance_latency_seconds", percentile="p95") == 0.01248


FREEZE = "freeze year end holds until 2027-01-04 00:00+01:00 (overridden)"


@pytest.mark.parametrize(
    ("judged", "expected"),
    [
        ([{"verdict": "pass", "reasons": []}], 2),
        ([{"verdict": "pass", "reasons": [FREEZE]}, {"verdict": "pass", "reasons": [FREEZE]}], 3),
        ([{"verdict": "warn", "reasons": ["no approval by dba", "gate unit_tests: fail"]}], 4),
        ([{"verdict": "pass", "reasons": [FREEZE], "exempt": "a rollback always passes"}], 2),
        ([{"verdict": "pass", "reasons": []}, {"verdict": "block", "reasons": [FREEZE]}], 2),
    ],
)
def test_what_the_change_gate_lets_through_is_an_exception(judged: list[dict[str, Any]], expected: int) -> None:
    verdicts = [
        {"stage": "change control", "took_ms": 1, "hosts": {"db1": {"kind": "change", **one}}} for one in judged
    ]
    assert value_of(parsed(prometheus.text(made(verdicts=verdicts))), "deploy_exceptions") == expected


def test_what_was_not_measured_is_not_there() -> None:
    names = {name for name, _labels in parsed(prometheus.text(made(moves=[], profile=None)))}
    assert "deploy_duration_seconds" in names
    assert not {name for name in names if "requests" in name or "performance" in name}


def test_the_file_is_replaced_and_readable_for_the_collector(tmp_path: Path) -> None:
    prometheus.write(str(tmp_path), made())
    prometheus.write(str(tmp_path), made(result="active"))
    path = tmp_path / "slipway_shop.prom"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert path.stat().st_mode & 0o777 == 0o644
    assert value_of(parsed(path.read_text(encoding="utf-8")), "deployment_result", result="active") == 1


def test_regions_that_share_a_ledger_host_have_files_and_labels_of_their_own(tmp_path: Path) -> None:
    for region in ("eu", "us"):
        prometheus.write(str(tmp_path), made(region=region))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["slipway_shop@eu.prom", "slipway_shop@us.prom"]
    found = parsed((tmp_path / "slipway_shop@us.prom").read_text(encoding="utf-8"))
    assert value_of(found, "deploy_duration_seconds", region="us") == 42.012


def test_a_directory_that_is_not_there_is_refused_with_its_remedy(tmp_path: Path) -> None:
    prometheus.require_directory("")
    prometheus.require_directory(str(tmp_path))
    with pytest.raises(SystemFailure, match="no such directory") as caught:
        prometheus.require_directory(str(tmp_path / "none"))
    assert "site.yml" in caught.value.remedy


FIGURES = {
    "under_way": True,
    "parked": False,
    "began": 1_800_000_000,
    "lease_expires": 1_800_000_300,
    "runs": {"active": 3, "failed": 1, "aborted": 0, "abandoned": 0, "returned": 0},
    "succeeded": 1_799_000_000,
}


def ledger_metrics(directory: Path, region: str = "", **changes: Any) -> Samples:
    prometheus.write_ledger(str(directory), "shop", region, {**FIGURES, **changes})
    place = f"@{region}" if region else ""
    return parsed((directory / f"slipway_shop{place}_ledger.prom").read_text(encoding="utf-8"))


def test_what_the_ledger_knows_is_there_whether_a_deployment_has_ended_or_not(tmp_path: Path) -> None:
    found = ledger_metrics(tmp_path, "eu")
    assert value_of(found, "deploy_runs_total", result="failed", region="eu") == 1
    assert value_of(found, "deploy_under_way", region="eu") == 1 and value_of(found, "deploy_parked", region="eu") == 0
    assert value_of(found, "deploy_started_timestamp_seconds", region="eu") == 1_800_000_000
    assert value_of(found, "deploy_lease_expires_timestamp_seconds", region="eu") == 1_800_000_300
    assert value_of(found, "deploy_last_success_timestamp_seconds", region="eu") == 1_799_000_000


def test_a_time_that_is_not_known_is_not_there(tmp_path: Path) -> None:
    found = ledger_metrics(tmp_path, under_way=False, began=None, lease_expires=None, succeeded=None)
    assert {name for name, _labels in found} == {"deploy_runs_total", "deploy_under_way", "deploy_parked"}


def test_what_the_ledger_knows_keeps_nothing_from_being_done(tmp_path: Path) -> None:
    prometheus.write_ledger(str(tmp_path / "none"), "shop", "", FIGURES)
    assert not list(tmp_path.iterdir())


def test_how_fast_it_answers_is_told_by_health_checks_that_passed() -> None:
    def answers(*checks: tuple[str, str, Any]) -> Samples:
        found = [
            {**gate()["checks"][0], "name": name, "verdict": verdict, "latency_ms": latency}
            for name, verdict, latency in checks
        ]
        stage = {"stage": "gate", "took_ms": 1, "hosts": {"app1": {"kind": "gate", "checks": found}}}
        return parsed(prometheus.text(made(verdicts=[stage])))

    slow, slower = {"p95": 12}, {"p95": 900}
    found = answers(("web", "pass", slow), ("smoke check 1, /", "pass", slower), ("api", "fail", slower))
    assert value_of(found, "response_time_seconds") == 0.012
    assert ("slipway_response_time_seconds", (("app", "shop"),)) not in answers(("web", "pass", None))


def test_a_backup_that_nobody_has_seen_has_no_size() -> None:
    found = parsed(prometheus.text(made(backup=None)))
    assert "slipway_backup_size_bytes" not in {name for name, _labels in found}
