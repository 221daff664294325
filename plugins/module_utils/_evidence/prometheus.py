# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics of a deployment in the text format of Prometheus, for the textfile collector of its node exporter.

Touches <directory>/slipway_<app>[@<region>].prom, the last deployment that has ended, and
slipway_<app>[@<region>]_ledger.prom, what the ledger knows at any time; each is replaced as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .._common.errors import SystemFailure
from .._common.files import write_atomic
from .summary import summary

CHANGE, BLOCK = "change", "block"
RESULTS = ("active", "failed", "aborted", "abandoned", "returned")
Labels = dict[str, str]


class Family(NamedTuple):
    """One metric with its samples; a value is text, so that milliseconds become exact seconds."""

    name: str
    help: str
    samples: list[tuple[Labels, str]]
    type: str = "gauge"


def require_directory(directory: str) -> None:
    """Refuse a directory that is not there, before anything is begun.

    :raises SystemFailure: it is none.
    """
    if directory and not Path(directory).is_dir():
        raise SystemFailure(
            "there is no such directory on the ledger host",
            where=f"slipway_metrics_directory: {directory}",
            remedy="run site.yml, which makes it, or leave slipway_metrics_directory empty",
        )


def write(directory: str, document: Mapping[str, Any]) -> None:
    """Replace the file of the application, or of its region.

    :raises OSError: it cannot be written.
    """
    name = _name(document["app"], document.get("region", ""))
    write_atomic(Path(directory) / f"{name}.prom", text(document).encode("utf-8"))


def write_ledger(directory: str, app: str, region: str, figures: Mapping[str, Any]) -> None:
    """Replace the file of what the ledger knows. A directory that is not there gets none.

    :param figures: as ``Ledger.figures`` has them.
    :raises OSError: it cannot be written.
    """
    if Path(directory).is_dir():
        found = families_text(_ledger_families({"app": app, **({"region": region} if region else {})}, figures))
        write_atomic(Path(directory) / f"{_name(app, region)}_ledger.prom", found.encode("utf-8"))


def text(document: Mapping[str, Any]) -> str:
    """All metrics of the last deployment of an application."""
    return families_text(_families(document))


def families_text(families: Iterable[Family]) -> str:
    """Metrics, without those that have no sample."""
    return "".join(_family_text(family) for family in families if family.samples)


def _name(app: str, region: str) -> str:
    return f"slipway_{app}@{region}" if region else f"slipway_{app}"


def _ledger_families(app: Labels, figures: Mapping[str, Any]) -> Iterator[Family]:
    runs = [({**app, "result": result}, str(count)) for result, count in figures["runs"].items()]
    yield Family("deploy_runs_total", "Deployments that have ended, by result.", runs, "counter")
    yield Family("deploy_under_way", "Whether a deployment is under way.", [(app, str(int(figures["under_way"])))])
    yield Family("deploy_parked", "Whether it is parked.", [(app, str(int(figures["parked"])))])
    times = {
        "deploy_last_success_timestamp_seconds": ("succeeded", "When a deployment has last become active."),
        "deploy_started_timestamp_seconds": ("began", "When the deployment has begun that is under way."),
        "deploy_lease_expires_timestamp_seconds": ("lease_expires", "When its lease runs out without a sign of life."),
    }
    for name, (figure, meaning) in times.items():
        known = figures[figure] is not None
        yield Family(name, meaning, [(app, str(figures[figure]))] if known else [])


def _families(document: Mapping[str, Any]) -> Iterator[Family]:
    made = summary(document)
    app = {key: document[key] for key in ("app", "region") if document.get(key)}
    told = {**app, "deployment": document["deployment"], "verb": document["verb"], "rollout": document["rollout"]}
    version = document["to"]["version"]
    yield Family("deploy_info", "The last deployment, always 1.", [({**told, "version": version}, "1")])
    yield Family("deploy_exceptions", "Rules that it went around.", [(app, str(_exceptions(document)))])
    results = [({**app, "result": result}, str(int(result == document["result"]))) for result in RESULTS]
    yield _gauge("deployment_result", "How the last deployment ended; 1 for that result, 0 for the others.", results)
    length = _thousandths(made["elapsed_ms"])
    yield Family("deploy_duration_seconds", "Length of the last deployment.", [(app, length)])
    yield _gauge(
        "deployment_stage_duration_seconds",
        "Length of each stage of the last deployment.",
        [({**app, "stage": stage}, _thousandths(took)) for stage, took in made["stages"].items()],
    )
    smoke, health = made["smoke_tests"], made["health_checks"]
    yield _gauge(
        "smoke_tests_duration_seconds", "Time that smoke tests took.", [(app, _thousandths(smoke["elapsed_ms"]))]
    )
    yield _gauge("smoke_tests_failed", "Smoke tests that did not pass.", [(app, str(smoke["failed"]))])
    yield _gauge("health_checks_passed", "Health checks that passed.", [(app, str(health["passed"]))])
    yield _gauge("health_checks_failed", "Health checks that did not pass.", [(app, str(health["failed"]))])
    if made["response_ms"] is not None:
        response = [(app, _thousandths(made["response_ms"]))]
        yield _gauge("response_time_seconds", "Longest p95 of its health checks over HTTP that passed.", response)
    if made["backup"]:
        size = [(app, str(made["backup"]["size_bytes"]))]
        yield _gauge("backup_size_bytes", "Size of the newest backup before the last deployment.", size)
    if made["sent"] is not None:
        yield _gauge("requests_measured", "Requests that were measured during moves.", [(app, str(made["sent"]))])
        yield _gauge("requests_lost", "Requests that moves of the traffic have lost.", [(app, str(made["lost"]))])
    yield from _performance(app, made["profile"])


def _exceptions(document: Mapping[str, Any]) -> int:
    """What was forced or skipped, and what the change gate has found and let through, overridden or not."""
    options = document["plan"].get("options", {})
    return int(bool(options.get("force"))) + len(options.get("skip", [])) + len(_let_through(document))


def _let_through(document: Mapping[str, Any]) -> set[str]:
    """What stood against the change, once, however often the gate was asked. A way back goes around nothing."""
    judged = [kept for stage in document["verdicts"] for kept in stage["hosts"].values() if kept.get("kind") == CHANGE]
    passed = [kept for kept in judged if kept.get("verdict") != BLOCK and not kept.get("exempt")]
    return {reason for kept in passed for reason in kept.get("reasons") or ()}


def _performance(app: Labels, profile: Mapping[str, Any] | None) -> Iterator[Family]:
    if not profile:
        return
    rate = _thousandths(profile["answered_milli"])
    yield _gauge(
        "performance_requests_per_second", "Requests answered a second, as the profile found it.", [(app, rate)]
    )
    latencies = [
        ({**app, "percentile": name}, f"{value // 1_000_000}.{value % 1_000_000:06}")
        for name, value in profile["latency_us"].items()
    ]
    yield _gauge("performance_latency_seconds", "Latency of the active revision, as the profile found it.", latencies)


def _gauge(name: str, meaning: str, samples: list[tuple[Labels, str]]) -> Family:
    return Family(f"slipway_{name}", meaning, samples)


def _family_text(family: Family) -> str:
    lines = [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.type}"]
    lines += [f"{family.name}{{{_labels(labels)}}} {value}" for labels, value in family.samples]
    return "\n".join(lines) + "\n"


def _labels(labels: Labels) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _thousandths(value: int) -> str:
    return f"{value // 1000}.{value % 1000:03}"
