# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A collector of OpenTelemetry: a deployment as a trace with a span for each stage, and its figures as metrics.

Speaks OTLP over HTTP with JSON. Identifiers are made of the deployment's, so that what is sent twice is the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from .._evidence.summary import summary
from .._gate.http import url_of
from .._gate.options import Options
from .._gate.tls import Tls
from .model import ABORTED, FAILED, SUCCEEDED, UNDONE, Capabilities, Channel, Facts, Message
from .post import post

ENDS = (SUCCEEDED, ABORTED, UNDONE, FAILED)
SCOPE = {"name": "slipway.release"}
INTERNAL, OK, ERROR = 1, 1, 2
A_MILLISECOND = 1_000_000


class Otlp(Channel):
    """Traces and metrics below one address.

    :param headers: with credentials; secret.
    """

    capabilities = Capabilities(events=ENDS, default=ENDS)

    def __init__(self, url: str, headers: dict[str, str], tls: Tls) -> None:
        self._url = url
        self._headers = headers
        self._tls = tls

    def send(self, message: Message, timeout: float) -> None:
        resource = {"attributes": _attributes(_resource(message.facts))}
        traces = {"resource": resource, "scopeSpans": [{"scope": SCOPE, "spans": spans(message.facts)}]}
        self._post("/v1/traces", {"resourceSpans": [traces]}, timeout / 2)
        found = metrics(message.facts)
        if found:
            content = {"resource": resource, "scopeMetrics": [{"scope": SCOPE, "metrics": found}]}
            self._post("/v1/metrics", {"resourceMetrics": [content]}, timeout / 2)

    def shown(self) -> str:
        return "a collector of OpenTelemetry"

    def _post(self, path: str, document: Mapping[str, Any], timeout: float) -> None:
        post(self._url + path, json.dumps(document).encode("utf-8"), self._headers, timeout, self._tls)


def spans(facts: Facts) -> list[dict[str, Any]]:
    """The deployment, and within it each stage as the controllers judged it."""
    document = facts.document
    end = _milliseconds(document.get("finished", "")) or facts.at * 1000
    begin = _milliseconds(document.get("began", "")) or end
    trace = _identifier(facts.deployment, 32)
    whole = _span(trace, _identifier(f"{facts.deployment}/", 16), facts.verb or "deploy", begin, end)
    good = facts.event == SUCCEEDED
    whole["status"] = {"code": OK} if good else {"code": ERROR, "message": facts.reason}
    whole["attributes"] = _attributes({**_of_deployment(facts), "deployment.operator": facts.operator})
    return [whole, *(_stage(whole, number, entry) for number, entry in enumerate(document.get("verdicts", [])))]


def _stage(whole: Mapping[str, Any], number: int, entry: Mapping[str, Any]) -> dict[str, Any]:
    end = _milliseconds(entry["time"])
    own = _identifier(f"{whole['spanId']}/{number}", 16)
    span = _span(whole["traceId"], own, entry["stage"], end - entry["took_ms"], end)
    span["parentSpanId"] = whole["spanId"]
    span["status"] = {"code": OK if entry["verdict"] == "pass" else ERROR}
    span["attributes"] = _attributes({"slipway.verdict": entry["verdict"]})
    return span


def _span(trace: str, own: str, name: str, begin: int, end: int) -> dict[str, Any]:
    return {
        "traceId": trace,
        "spanId": own,
        "name": name,
        "kind": INTERNAL,
        "startTimeUnixNano": str(min(begin, end) * A_MILLISECOND),
        "endTimeUnixNano": str(end * A_MILLISECOND),
    }


def metrics(facts: Facts) -> list[dict[str, Any]]:
    """Figures of the deployment; none where its document is not there."""
    if not facts.document:
        return []
    made = summary(facts.document)
    profile = made["profile"] or {}
    found = [
        ("deployment.duration", "s", made["elapsed_ms"] / 1000),
        ("tests.duration", "s", made["smoke_tests"]["elapsed_ms"] / 1000),
        ("tests.failures", "{test}", made["smoke_tests"]["failed"]),
        ("health_checks.passed", "{check}", made["health_checks"]["passed"]),
        ("response_time", "s", None if made["response_ms"] is None else made["response_ms"] / 1000),
        ("backup.size_bytes", "By", (made["backup"] or {}).get("size_bytes")),
        ("performance.rps", "{request}/s", profile["answered_milli"] / 1000 if profile else None),
        ("performance.latency", "s", profile["latency_us"]["p95"] / 1_000_000 if profile else None),
    ]
    at = str(facts.at * 1000 * A_MILLISECOND)
    attributes = _attributes(_of_deployment(facts))
    return [
        {
            "name": name,
            "unit": unit,
            "gauge": {"dataPoints": [{"timeUnixNano": at, "attributes": attributes, **_number(value)}]},
        }
        for name, unit, value in found
        if value is not None
    ]


def _number(value: float) -> dict[str, Any]:
    return {"asInt": str(value)} if isinstance(value, int) else {"asDouble": value}


def _resource(facts: Facts) -> dict[str, str]:
    return {"service.name": facts.app, "deployment.environment.name": facts.environment, "cloud.region": facts.region}


def _of_deployment(facts: Facts) -> dict[str, str]:
    return {
        "deployment.id": facts.deployment,
        "deployment.status": facts.event,
        "service.version": facts.version,
        "slipway.from_version": facts.from_version,
    }


def _attributes(found: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in found.items() if value]


def _identifier(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:digits]


def _milliseconds(moment: str) -> int:
    """A time of a document; 0 where there is none."""
    if not moment:
        return 0
    form = "%Y-%m-%dT%H:%M:%S.%fZ" if "." in moment else "%Y-%m-%dT%H:%M:%SZ"
    return int(datetime.strptime(moment, form).replace(tzinfo=timezone.utc).timestamp() * 1000)


def make(options: Options) -> Otlp:
    """Read ``url`` and ``headers``."""
    url = url_of(options, credentials="headers")
    if "?" in url or "#" in url:
        raise options.refuse("url", "has a query", "give the address of the collector, without /v1/traces")
    return Otlp(url.rstrip("/"), options.text_mapping("headers"), Tls(ca=options.text("ca", "")))
