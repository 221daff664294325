# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every item of the checklist, with what passes and its twin that does not."""

from __future__ import annotations

import http.server
import io
import json
import os
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._checklist.files import texts
from ansible_collections.slipway.release.plugins.module_utils._checklist.model import Scene
from ansible_collections.slipway.release.plugins.module_utils._checklist.run import LOOKS, gone_through, told
from ansible_collections.slipway.release.plugins.module_utils._checklist.spec import BEFORE, ITEMS, OPTIONS
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError

NOW = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)
SHA = "a" * 64
SARIF = {
    "runs": [
        {
            "tool": {"driver": {"rules": [{"id": "CVE-1", "properties": {"security-severity": "9.8"}}]}},
            "results": [
                {
                    "ruleId": "CVE-1",
                    "locations": [
                        {"physicalLocation": {"artifactLocation": {"uri": "go.sum"}, "region": {"startLine": 7}}}
                    ],
                }
            ],
        }
    ]
}
TRIVY = {
    "SchemaVersion": 2,
    "Results": [{"Vulnerabilities": [{"VulnerabilityID": "C", "Severity": "HIGH", "PkgName": "x"}]}],
}
GRYPE = {"matches": [{"vulnerability": {"id": "C", "severity": "Critical"}, "artifact": {"name": "x"}}]}
JUNIT = '<testsuites><testsuite><testcase classname="a" name="b">{}</testcase></testsuite></testsuites>'
COBERTURA = '<?xml version="1.0" ?><!DOCTYPE coverage SYSTEM "c.dtd"><coverage line-rate="{}"/>'
SECRETS = {
    "a key of AWS": "AKIA" + "ABCDEFGHIJKLMNOP",
    "a token of GitHub": "ghp_" + "a1B2" * 9,
    "a token of Slack": "xoxb-" + "123456789012-abcdef",
    "a webhook of Slack": "https://hooks.slack.com/services/" + "T012/B345/abcDEF",
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "a JSON web token": "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    "a password in a URL": "postgresql://shop:" + "hunter22@db1/shop",
}


def gone(
    directory: Path, files: dict[str, str], variables: dict[str, Any] | None = None, sha256: str = SHA, **options: Any
) -> dict[str, Any]:
    """The checklist of a release with these files."""
    release = directory / "release"
    for name, text in files.items():
        (release / name).parent.mkdir(parents=True, exist_ok=True)
        (release / name).write_text(text, encoding="utf-8")
    required = options.pop("required", [])
    given = {name: option["default"] for name, option in OPTIONS.items() if "default" in option}
    scene = Scene({**given, **options}, texts(str(release) if files else "", []), sha256, NOW, variables or {})
    return gone_through(scene, required)


def item(checklist: dict[str, Any], name: str) -> dict[str, Any]:
    return next(found for found in checklist["entries"] if found["name"] == name)


def reported(directory: Path, name: str, content: Any) -> str:
    """The path of a report with this content."""
    path = directory / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


@contextmanager
def answering(status: int, body: Any = "") -> Iterator[str]:
    """A server that answers so, with a secret in its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_arguments: Any) -> None:
            """Stay quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/record?token=s3cr3t"
    server.shutdown()
    server.server_close()


def test_every_item_is_looked_at() -> None:
    assert tuple(LOOKS[BEFORE]) == ITEMS


@pytest.mark.parametrize(
    ("name", "good", "bad", "line"),
    [
        ("a.yml", "a: 1\nb: !vault x\n", "a: 1\nb: 2\na: 3\n", ":3"),
        ("a.yaml", "a: {b: 1}\n---\nc: [1]\n", "a:\n  b: 1\n  b: 2\n", ":3"),
        ("b.yml", "a: 1\n", "a: [1\n", ":2"),
        ("a.json", '{"a": 1}', '{"a": 1, "a": 2}', ""),
        ("b.json", '{"a": {"a": 1}}', '{"a":\n}', ":2"),
        ("a.toml", "[a]\nb = 1\n", "[a]\nb = 1\nb = 2\n", ":3"),
        ("a.ini", "[a]\nb = 1\n", "[a]\nb = 1\nb = 2\n", ":3"),
        (".env", "# all\nexport A=1\nB=\n", "A=1\nA=2\n", ":2"),
        ("prod.env", "A=1\n", "A 1\n", ":1"),
    ],
)
def test_configuration_is_read(tmp_path: Path, name: str, good: str, bad: str, line: str) -> None:
    assert item(gone(tmp_path / "good", {name: good}), "config_lint")["verdict"] == "pass"
    found = item(gone(tmp_path / "bad", {name: bad}), "config_lint")
    assert (found["verdict"], [it["place"] for it in found["findings"]]) == ("fail", [f"{name}{line}"])


@pytest.mark.parametrize(
    "bad",
    [
        "key: CHANGEME",
        "key: change TODO",
        "key: <PASSWORD>",
        "key: <your key>",
        "u: http://shop.example.com/",
        "k: '{{ x }}'",
    ],
)
def test_placeholders_are_found(tmp_path: Path, bad: str) -> None:
    good = {"a.yml": "key: a\nurl: http://shop.test/\nhtml: <b>\nname: exampled\n", "a.py": "# TODO CHANGEME"}
    assert item(gone(tmp_path / "good", good), "placeholder_audit")["verdict"] == "pass"
    found = item(gone(tmp_path / "bad", {"a.yml": f"x: 1\n{bad}\n"}), "placeholder_audit")
    assert (found["verdict"], found["findings"][0]["place"]) == ("fail", "a.yml:2")


def test_an_own_placeholder_is_found(tmp_path: Path) -> None:
    files = {"a.yml": "a: __FILL__\n"}
    assert item(gone(tmp_path, files), "placeholder_audit")["verdict"] == "pass"
    assert item(gone(tmp_path, files, placeholders=["__[A-Z]+__"]), "placeholder_audit")["verdict"] == "fail"


@pytest.mark.parametrize(
    "bad", ["debug: true", '  "DEBUG": "1"', "APP_DEBUG=on", "log_level: DEBUG", "export LOG_LEVEL=trace"]
)
def test_debugging_is_off(tmp_path: Path, bad: str) -> None:
    good = {"a.yml": "debug: false\nlog_level: info\ndebugger: true\n", "a.env": "APP_DEBUG=0\n"}
    assert item(gone(tmp_path / "good", good), "debug_off")["verdict"] == "pass"
    found = item(gone(tmp_path / "bad", {"a.conf": f"x\n{bad}\n"}), "debug_off")
    assert (found["verdict"], found["findings"][0]["place"]) == ("fail", "a.conf:2")


@pytest.mark.parametrize(("value", "verdict"), [("true", "fail"), ("0", "pass")])
def test_debugging_is_off_in_the_environment(tmp_path: Path, value: str, verdict: str) -> None:
    made = gone(tmp_path, {}, {"slipway_config": {"APP_DEBUG": value}})
    assert item(made, "debug_off")["verdict"] == verdict


@pytest.mark.parametrize("kind", sorted(SECRETS))
def test_a_secret_is_told_by_kind_and_place_alone(tmp_path: Path, kind: str) -> None:
    good = {"a.py": "url = 'postgresql://shop:$PASSWORD@db1/shop'\nkey = 'AKIA'\n# http://localhost:80/a@b\n"}
    assert item(gone(tmp_path / "good", good), "secrets")["verdict"] == "pass"
    checklist = gone(tmp_path / "bad", {"src/a.py": f"\n\nx = '{SECRETS[kind]}'\n"})
    found = item(checklist, "secrets")
    assert found["verdict"] == "fail"
    assert (found["findings"][0]["place"], found["findings"][0]["what"]) == ("src/a.py:3", f"{kind} lies there")
    assert SECRETS[kind] not in json.dumps(checklist) + " ".join(told(checklist))


@pytest.mark.parametrize("report", [SARIF, TRIVY, GRYPE])
def test_a_vulnerability_that_is_high_fails(tmp_path: Path, report: Any) -> None:
    path = reported(tmp_path, "scan.json", report)
    found = item(gone(tmp_path, {}, security=[path]), "security_scan")
    assert (found["verdict"], len(found["findings"])) == ("fail", 1)
    text = json.dumps(report).replace("9.8", "5.0").replace("HIGH", "MEDIUM").replace("Critical", "Medium")
    assert item(gone(tmp_path, {}, security=[reported(tmp_path, "b", text)]), "security_scan")["verdict"] == "warn"
    text = json.dumps(report).replace("HIGH", "LOW").replace("Critical", "Low").replace('"results"', '"none"')
    assert item(gone(tmp_path, {}, security=[reported(tmp_path, "c", text)]), "security_scan")["verdict"] == "pass"


@pytest.mark.parametrize(
    "report", ["", "{", "[]", "{}", '{"runs": 1}', '{"matches": [{}]}', '{"SchemaVersion": 2, "Results": 1}']
)
def test_a_report_that_is_not_understood_does_not_pass(tmp_path: Path, report: str) -> None:
    for name in ("security", "tests"):
        path = reported(tmp_path, "report", report)
        made = gone(tmp_path, {}, **{name: [path], "coverage": path})
        assert item(made, {"security": "security_scan", "tests": "unit_tests"}[name])["verdict"] == "fail"
    assert item(gone(tmp_path, {}, security=[str(tmp_path / "nowhere")]), "security_scan")["verdict"] == "fail"


@pytest.mark.parametrize(
    ("case", "coverage", "verdict"),
    [
        ("", COBERTURA.format("0.81"), "pass"),
        ("", json.dumps({"totals": {"percent_covered": 80.5}}), "pass"),
        ("", COBERTURA.format("0.80"), "fail"),
        ("", json.dumps({"totals": {"percent_covered": 12}}), "fail"),
        ("<failure/>", COBERTURA.format("0.81"), "fail"),
        ("<error/>", COBERTURA.format("0.81"), "fail"),
        ("<skipped/>", COBERTURA.format("0.81"), "fail"),
    ],
)
def test_tests_pass_and_cover_enough(tmp_path: Path, case: str, coverage: str, verdict: str) -> None:
    results = reported(tmp_path, "junit.xml", JUNIT.format(case))
    made = gone(tmp_path, {}, tests=[results], coverage=reported(tmp_path, "coverage", coverage))
    assert item(made, "unit_tests")["verdict"] == verdict


def test_results_without_coverage_fail(tmp_path: Path) -> None:
    results = reported(tmp_path, "junit.xml", JUNIT.format(""))
    assert item(gone(tmp_path, {}, tests=[results]), "unit_tests")["verdict"] == "fail"


@pytest.mark.parametrize(
    ("evidence", "sha256", "verdict"),
    [
        ({"sha256": SHA, "verdict": "pass"}, SHA, "pass"),
        ({"sha256": "b" * 64, "verdict": "pass"}, SHA, "fail"),
        ({"sha256": SHA, "verdict": "fail"}, SHA, "fail"),
        ({"sha256": "", "verdict": "pass"}, "", "fail"),
        ([], SHA, "fail"),
    ],
)
def test_staging_has_passed_with_this_artifact(tmp_path: Path, evidence: Any, sha256: str, verdict: str) -> None:
    path = reported(tmp_path, "staging.json", evidence)
    assert item(gone(tmp_path, {}, sha256=sha256, staging=path), "staging_smoke")["verdict"] == verdict
    with answering(200, evidence) as url:
        checklist = gone(tmp_path, {}, sha256=sha256, staging=url)
    assert item(checklist, "staging_smoke")["verdict"] == verdict
    assert "s3cr3t" not in json.dumps(checklist)


def test_flags_are_known(tmp_path: Path) -> None:
    def verdict(**more: Any) -> str:
        variables = {"slipway_flags": [{"name": "search"}], "slipway_flags_schema": [{"name": "search", **more}]}
        return str(item(gone(tmp_path, {}, variables), "flags_known")["verdict"])

    assert verdict() == "pass"
    assert verdict(deprecated=True) == "warn"
    assert verdict(name="other") == "fail"


@pytest.mark.parametrize(("hours", "verdict"), [(23, "pass"), (25, "fail")])
def test_the_backup_is_young(tmp_path: Path, hours: int, verdict: str) -> None:
    record = {"finished": (NOW - timedelta(hours=hours)).isoformat()}
    path = reported(tmp_path, "backup.json", record)
    assert item(gone(tmp_path, {}, backup={"path": path, "max_age": 86400}), "backup")["verdict"] == verdict
    with answering(200, record) as url:
        checklist = gone(tmp_path, {}, backup={"url": url, "max_age": 86400})
    assert item(checklist, "backup")["verdict"] == verdict
    assert "s3cr3t" not in json.dumps(checklist)


@pytest.mark.parametrize(
    ("said", "measured"), [({"size_bytes": 7}, {"backup": {"size_bytes": 7}}), ({}, {}), ({"size_bytes": "7"}, {})]
)
def test_the_size_of_the_newest_backup_is_kept(tmp_path: Path, said: Any, measured: Any) -> None:
    path = reported(tmp_path, "backup.json", {"finished": NOW.isoformat(), **said})
    assert gone(tmp_path, {}, backup={"path": path, "max_age": 86400})["measured"] == measured
    dumps = tmp_path / "dumps"
    dumps.mkdir()
    for name, size, age in (("old", 9, 60), ("new", 5, 0)):
        (dumps / name).write_bytes(b"x" * size)
        os.utime(dumps / name, times=(NOW.timestamp() - age,) * 2)
    found = gone(tmp_path, {}, backup={"path": str(dumps), "max_age": 86400})
    assert found["measured"] == {"backup": {"size_bytes": 5}}


@pytest.mark.parametrize(
    "record", ["{", "{}", '{"finished": "yesterday"}', '{"finished": "2026-11-21T11:00:00Z", "verified": false}']
)
def test_a_backup_of_which_nothing_is_known_fails(tmp_path: Path, record: str) -> None:
    path = reported(tmp_path, "backup.json", record)
    assert item(gone(tmp_path, {}, backup={"path": path, "max_age": 86400}), "backup")["verdict"] == "fail"
    (tmp_path / "empty").mkdir()
    empty = {"path": str(tmp_path / "empty"), "max_age": 86400}
    assert item(gone(tmp_path, {}, backup=empty), "backup")["verdict"] == "fail"


@pytest.mark.parametrize(("status", "verdict"), [(200, "pass"), (503, "fail"), (302, "fail")])
def test_what_serves_is_healthy(tmp_path: Path, status: int, verdict: str) -> None:
    with answering(status) as url:
        checklist = gone(tmp_path, {}, health=[url])
    assert item(checklist, "health")["verdict"] == verdict
    assert "s3cr3t" not in json.dumps(checklist)


def test_the_change_request_is_whole(tmp_path: Path) -> None:
    whole = {"id": "CR-1", "justification": "a", "risk": "b"}
    assert item(gone(tmp_path, {}, {"slipway_change": whole}), "change_request")["verdict"] == "pass"
    assert item(gone(tmp_path, {}, {"slipway_change": {**whole, "risk": " "}}), "change_request")["verdict"] == "fail"


def test_what_is_not_there_is_skipped_with_a_reason_unless_it_is_required(tmp_path: Path) -> None:
    checklist = gone(tmp_path, {})
    assert {found["verdict"] for found in checklist["entries"]} == {"skipped"}
    assert all(found["reason"] for found in checklist["entries"])
    assert (checklist["verdict"], checklist["gates"]) == ("pass", {})
    checklist = gone(tmp_path, {}, required=["backup"])
    assert (checklist["verdict"], checklist["gates"]) == ("block", {"backup": "fail"})


@pytest.mark.parametrize(("enforcement", "verdict"), [("none", "pass"), ("warn", "warn"), ("block", "block")])
def test_enforcement_says_what_a_failure_does(tmp_path: Path, enforcement: str, verdict: str) -> None:
    checklist = gone(tmp_path, {"a.yml": "debug: true\n"}, enforcement=enforcement)
    assert (checklist["verdict"], checklist["gates"]["debug_off"]) == (verdict, "fail")


def test_what_is_allowed_does_not_count_and_its_reason_is_kept(tmp_path: Path) -> None:
    def verdict(**entry: str) -> tuple[str, list[str]]:
        allowed = {"item": "debug_off", "place": "*", "what": "*", "reason": "a test", **entry}
        found = item(gone(tmp_path, {"conf/a.yml": "debug: true\n"}, allow=[allowed]), "debug_off")
        return found["verdict"], found["allowed"]

    assert verdict(place="conf/*.yml") == ("pass", ["a test"])
    assert verdict(place="other/*") == ("fail", [])
    assert verdict(what="something else") == ("fail", [])
    assert verdict(item="secrets") == ("fail", [])


def test_an_archive_is_read_as_a_directory_is(tmp_path: Path) -> None:
    path = tmp_path / "release.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in {"conf/a.yml": b"debug: true\n", "bin": b"\0debug: true\n"}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    assert [text.name for text in texts(str(path), [])] == ["conf/a.yml"]


def test_a_release_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        texts(str(tmp_path / "nowhere"), [])
