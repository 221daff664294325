# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each probe against real servers, programs and files of this machine."""

from __future__ import annotations

import os
import socket
import ssl
import sys
import threading
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._gate.model import Answer, Check
from ansible_collections.slipway.release.plugins.module_utils._gate.spec import parse

from .conftest import Reply, Web

Serve = Callable[..., Web]
Raw = Callable[[Callable[[socket.socket], None]], int]
TIMEOUT = 1


def check(**options: Any) -> Check:
    """One check from its options."""
    (parsed,) = parse([{"name": "one", **options}])
    return parsed


def ask(**options: Any) -> Answer:
    """The answer of one attempt."""
    return check(**options).probe.attempt(TIMEOUT)


def ask_http(url: str, **options: Any) -> Answer:
    """The answer of one attempt of type http."""
    return ask(type="http", url=url, **options)


@pytest.mark.parametrize(("status", "ok"), [(200, True), (204, True), (301, False), (404, False), (503, False)])
def test_without_expectation_any_2xx_will_do(serve: Serve, status: int, ok: bool) -> None:
    assert ask_http(serve(Reply(status, b"")).url).ok is ok


def test_an_expected_status_excludes_all_others(serve: Serve) -> None:
    web = serve(Reply(200), Reply(503))
    answers = [ask_http(web.url, status=[503]) for _attempt in range(2)]
    assert [answer.ok for answer in answers] == [False, True]
    assert answers[0].detail == "status 200"


def test_body_must_contain_the_text(serve: Serve) -> None:
    web = serve(Reply(body=b"release 1.4.2"))
    assert ask_http(web.url, body="1.4.2").ok
    assert not ask_http(web.url, body="1.4.3").ok


def test_body_must_match_the_expression(serve: Serve) -> None:
    web = serve(Reply(body=b"release 1.4.2"))
    assert ask_http(web.url, body_regex=r"^release \d").ok
    assert not ask_http(web.url, body_regex=r"^version").ok


@pytest.mark.parametrize(
    ("path", "wanted", "ok"),
    [
        ("status", "ok", True),
        ("status", "bad", False),
        ("checks[1].name", "database", True),
        ("checks[2].name", "database", False),
        ("ready", True, True),
        ("ready", 1, False),
        ("count", 1, True),
        ("count", "1", True),
        ("count", True, False),
        ("nothing.here", "x", False),
        ("checks.name", "x", False),
        ("status[0]", "o", False),
    ],
)
def test_json_value_at_a_path(serve: Serve, path: str, wanted: Any, ok: bool) -> None:
    body = b'{"status": "ok", "checks": [{"name": "disk"}, {"name": "database"}], "ready": true, "count": 1}'
    assert ask_http(serve(Reply(body=body)).url, json={path: wanted}).ok is ok


def test_a_body_that_is_no_json_fails(serve: Serve) -> None:
    assert ask_http(serve(Reply(body=b"<html>")).url, json={"a": 1}).detail == "the body is no JSON"


def test_headers_of_the_answer(serve: Serve) -> None:
    web = serve(Reply(headers={"X-Slot": "green"}))
    assert ask_http(web.url, response_headers={"x-slot": "green"}).ok
    assert not ask_http(web.url, response_headers={"x-slot": "blue"}).ok
    assert not ask_http(web.url, response_headers={"x-missing": ""}).ok


def test_what_is_sent(serve: Serve) -> None:
    web = serve()
    options = {"host": "shop.example", "headers": {"User-Agent": "me"}, "secret_headers": {"Authorization": "x"}}
    assert ask_http(f"{web.url}/a?b=c", method="HEAD", **options).ok
    asked = web.asked[0]
    assert (asked["method"], asked["path"]) == ("HEAD", "/a?b=c")
    assert (asked["Host"], asked["User-Agent"], asked["Authorization"]) == ("shop.example", "me", "x")


def test_connects_to_the_address_and_keeps_the_name_of_the_url(serve: Serve) -> None:
    web = serve()
    assert ask_http("http://shop.example/", address=f"127.0.0.1:{web.port}").ok
    assert web.asked[0]["Host"] == "shop.example"


def test_a_redirect_is_not_followed(serve: Serve) -> None:
    web = serve(Reply(302, headers={"Location": "/elsewhere"}), Reply())
    assert ask_http(web.url, status=[302]).ok
    assert len(web.asked) == 1


def test_refused_connection_is_a_failure(closed_port: int) -> None:
    answer = ask_http(f"http://127.0.0.1:{closed_port}/")
    assert (answer.ok, answer.made, answer.detail) == (False, True, "Connection refused")


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70])
def test_an_unknown_host_is_no_attempt(host: str) -> None:
    assert not ask_http(f"http://{host}/").made
    assert not ask(type="tcp", address=f"{host}:80").made


def test_a_server_that_drips_its_answer_is_given_up(raw: Raw) -> None:
    stop = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.recv(65536)
        for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000:
            if stop.wait(0.05):
                return
            connection.sendall(bytes([byte]))

    port = raw(drip)
    began = time.monotonic()
    answer = ask_http(f"http://127.0.0.1:{port}/")
    stop.set()
    assert (answer.ok, answer.detail) == (False, "timed out")
    assert time.monotonic() - began < 20


def test_a_server_that_never_answers_is_given_up(raw: Raw) -> None:
    release = threading.Event()

    def keep_silent(_connection: socket.socket) -> None:
        release.wait(20)

    port = raw(keep_silent)
    assert ask_http(f"http://127.0.0.1:{port}/").detail == "timed out"
    release.set()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf",
        b"no such protocol\r\n\r\n",
    ],
)
def test_a_truncated_or_foreign_answer_fails(raw: Raw, answer: bytes) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    found = ask_http(f"http://127.0.0.1:{raw(talk)}/")
    assert (found.ok, found.made) == (False, True)


def test_a_body_beyond_the_limit_fails(serve: Serve) -> None:
    assert "longer than" in ask_http(serve(Reply(body=b"x" * 1024 * 1024 + b"yz")).url).detail


def test_a_self_signed_certificate_is_refused(serve: Serve, tls: ssl.SSLContext) -> None:
    answer = ask_http(serve(tls=tls).url)
    assert (answer.ok, answer.made) == (False, True)
    assert answer.detail.startswith("the certificate is refused: self")


def test_a_certificate_is_accepted_with_its_ca_and_name(serve: Serve, tls: ssl.SSLContext, certificate: Path) -> None:
    url = serve(tls=tls).url
    assert ask_http(url, tls={"ca": str(certificate), "server_name": "shop.example"}).ok
    refused = ask_http(url, tls={"ca": str(certificate), "server_name": "other.example"})
    assert "Hostname mismatch" in refused.detail


def test_without_verification_any_certificate_will_do(serve: Serve, tls: ssl.SSLContext) -> None:
    assert ask_http(serve(tls=tls).url, tls={"verify": False}).ok


def test_a_certificate_that_expires_too_soon_fails(serve: Serve, tls: ssl.SSLContext, certificate: Path) -> None:
    url = serve(tls=tls).url
    trusted = {"ca": str(certificate), "server_name": "shop.example"}
    assert ask_http(url, tls={**trusted, "min_days": 9}).ok
    assert ask_http(url, tls={**trusted, "min_days": 30}).detail == "the certificate expires in 9 days, 30 are wanted"


def test_a_missing_ca_file_is_no_attempt(serve: Serve, tls: ssl.SSLContext) -> None:
    answer = ask_http(serve(tls=tls).url, tls={"ca": "/no/such/file.pem"})
    assert (answer.made, answer.final) == (False, True)


def test_plain_http_on_a_tls_port_fails(serve: Serve) -> None:
    answer = ask_http(serve().url.replace("http:", "https:"))
    assert (answer.ok, answer.made) == (False, True)


def test_tcp(serve: Serve, closed_port: int) -> None:
    assert ask(type="tcp", address=f"127.0.0.1:{serve().port}").ok
    assert ask(type="tcp", address=f"127.0.0.1:{closed_port}").detail == "Connection refused"


PYTHON = sys.executable


@pytest.mark.parametrize(
    ("options", "ok", "detail"),
    [
        ({"argv": ["true"]}, True, ""),
        ({"argv": ["false"]}, False, "exit status 1"),
        ({"argv": ["false"], "rc": [0, 1]}, True, ""),
        ({"argv": ["echo", "all is well"], "stdout": "is well"}, True, ""),
        (
            {"argv": ["sh", "-c", "echo $A $HOME"], "environment": {"A": 1}, "stdout": f"1 {os.environ['HOME']}"},
            True,
            "",
        ),
        ({"argv": ["echo", "all is well"], "stdout": "bad"}, False, "the expected text is not in the output"),
        ({"argv": ["sh", "-c", "kill -9 $$"]}, False, "ended by signal 9"),
        ({"argv": ["sleep", "60"]}, False, "did not end within 1 s"),
        ({"argv": ["sh", "-c", "exec >&-; sleep 60"]}, False, "did not end within 1 s"),
        ({"argv": ["yes"]}, False, "printed more than 1048576 bytes"),
    ],
)
def test_command(options: dict[str, Any], ok: bool, detail: str) -> None:
    answer = ask(type="command", **options)
    assert (answer.ok, answer.made, answer.detail) == (ok, True, detail)


def test_a_command_that_does_not_exist_is_no_attempt() -> None:
    answer = ask(type="command", argv=["/no/such/program"])
    assert (answer.made, answer.final) == (False, True)


def test_a_command_leaves_no_process_behind(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    ask(type="command", argv=["sh", "-c", f"(sleep 2; touch {mark}) & echo started; sleep 60"])
    time.sleep(2.5)
    assert not mark.exists()


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A systemctl that prints a file; gives that file."""
    shown = tmp_path / "shown"
    program = tmp_path / "systemctl"
    program.write_text(f"#!/bin/sh\ncat {shown}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return shown


def show(shown: Path, active: str, invocation: str, load: str = "loaded") -> None:
    """What systemctl shows from now on."""
    shown.write_text(f"LoadState={load}\nActiveState={active}\nSubState=sub\nInvocationID={invocation}\n")


def test_unit_states(systemctl: Path) -> None:
    probe = check(type="unit", unit="shop.service").probe
    found = []
    for active in ("activating", "active", "active", "failed", "inactive"):
        show(systemctl, active, "one")
        found.append(probe.attempt(TIMEOUT).ok)
    assert found == [False, True, True, False, False]


def test_a_unit_restarted_between_attempts_fails_once(systemctl: Path) -> None:
    probe = check(type="unit", unit="shop.service").probe
    found = []
    for invocation in ("one", "two", "two"):
        show(systemctl, "active", invocation)
        found.append(probe.attempt(TIMEOUT).ok)
    assert found == [True, False, True]


def test_a_missing_unit_is_a_failure(systemctl: Path) -> None:
    show(systemctl, "inactive", "", load="not-found")
    assert ask(type="unit", unit="shop.service") == Answer(ok=False, detail="there is no such unit")


def test_a_host_without_systemctl_is_no_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    answer = ask(type="unit", unit="shop.service")
    assert (answer.made, answer.final) == (False, True)


class FakeDatabase(types.ModuleType):
    """Stands in for psycopg2: one row, or an error when connecting."""

    class Error(Exception):
        """Root of its errors."""

        pgcode = None

    class ProgrammingError(Error):
        """A connection string that is none."""

    def __init__(self, row: Any = None, error: str = "") -> None:
        super().__init__("psycopg2")
        self.row = row
        self.error = error
        self.statements: list[str] = []
        self.session: dict[str, bool] = {}
        self.description = ["a column"]
        self.extensions = types.SimpleNamespace(parse_dsn=self._parse)

    def _parse(self, dsn: str) -> dict[str, str]:
        if "=" not in dsn:
            raise self.ProgrammingError(f'missing "=" after "{dsn}"')
        return dict(part.split("=") for part in dsn.split())

    def connect(self, _dsn: str, connect_timeout: int) -> FakeDatabase:
        assert connect_timeout == TIMEOUT
        if self.error:
            raise self.Error(self.error)
        return self

    def set_session(self, **options: bool) -> None:
        self.session = options

    def cursor(self) -> FakeDatabase:
        return self

    def __enter__(self) -> FakeDatabase:
        return self

    def __exit__(self, *_exc: object) -> None:
        """Nothing to release."""

    def execute(self, statement: str, _values: object = None) -> None:
        self.statements.append(statement)

    def fetchone(self) -> Any:
        return self.row

    def close(self) -> None:
        """Nothing to close."""


def ask_sql(monkeypatch: pytest.MonkeyPatch, database: FakeDatabase | None, **options: Any) -> Answer:
    """The answer of one attempt of type sql with this driver."""
    monkeypatch.setitem(sys.modules, "psycopg2", database)
    return ask(type="sql", **{"dsn": "dbname=shop password=hunter2", "query": "SELECT 1", **options})


def test_sql_value(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask_sql(monkeypatch, FakeDatabase((1,))).ok
    assert ask_sql(monkeypatch, FakeDatabase((1,)), expect="1").ok
    assert ask_sql(monkeypatch, FakeDatabase((2,)), expect="1").detail == "returned '2', expected '1'"
    assert ask_sql(monkeypatch, FakeDatabase(None)).detail == "the query returned no row"


def test_sql_is_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    database = FakeDatabase((1,))
    ask_sql(monkeypatch, database)
    assert database.session == {"readonly": True, "autocommit": True}
    assert "statement_timeout" in database.statements[0]


def test_sql_without_driver_is_no_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = ask_sql(monkeypatch, None)
    assert (answer.made, answer.final) == (False, True)


@pytest.mark.parametrize(
    "database",
    [FakeDatabase(error="connection to server failed: password hunter2 is wrong"), FakeDatabase((1,))],
)
def test_sql_never_shows_the_password(monkeypatch: pytest.MonkeyPatch, database: FakeDatabase) -> None:
    assert "hunter2" not in ask_sql(monkeypatch, database, expect="x").detail


def test_sql_never_shows_a_dsn_that_cannot_be_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = ask_sql(monkeypatch, FakeDatabase(), dsn="hunter2")
    assert (answer.made, answer.detail) == (False, "the dsn cannot be parsed")
