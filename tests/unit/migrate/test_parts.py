# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tries, locks, options, errors and the fitness of servers, without a server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import yaml
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._migrate import preflight
from ansible_collections.slipway.release.plugins.module_utils._migrate.errors import explained, of_unprotected, place
from ansible_collections.slipway.release.plugins.module_utils._migrate.files import discover
from ansible_collections.slipway.release.plugins.module_utils._migrate.linting import Lint
from ansible_collections.slipway.release.plugins.module_utils._migrate.lock import Lock, key_of
from ansible_collections.slipway.release.plugins.module_utils._migrate.options import MIGRATING, from_params
from ansible_collections.slipway.release.plugins.module_utils._migrate.retry import BackOff
from ansible_collections.slipway.release.plugins.module_utils._migrate.run import TOOL
from ansible_collections.slipway.release.plugins.module_utils._migrate.session import Access
from ansible_collections.slipway.release.plugins.module_utils._migrate.statements import statements
from ansible_collections.slipway.release.plugins.modules import pg_migrate, pg_migrate_info

from tests.unit.running import module_output, module_result


class Time:
    """A clock that goes on when one sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def back_off(seconds: float, vary: float) -> tuple[BackOff, Time]:
    time = Time()
    return BackOff(
        seconds, clock=lambda: time.now, sleep=time.sleep, vary=lambda low, high: low + (high - low) * vary
    ), time


def test_pauses_grow_to_a_most_and_end_before_the_deadline() -> None:
    again, time = back_off(120, vary=1)
    while again.pause():
        pass
    assert time.slept == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert again.attempts == 9 and time.now < 120


def test_pauses_vary() -> None:
    again, time = back_off(3, vary=0)
    assert again.pause() and again.pause()
    assert time.slept == [0.25, 0.5]


def test_no_time_is_one_attempt() -> None:
    again, time = back_off(0, vary=0)
    assert not again.pause() and time.slept == [] and again.remaining() == 0


def test_locks_of_different_things_are_different() -> None:
    keys = {key_of("d", "s", "t"), key_of("d", "st", ""), key_of("ds", "", "t"), key_of("d", "s", "t", "work")}
    assert len(keys) == 4
    assert key_of("d", "s", "t") == key_of("d", "s", "t")
    assert all(-(2**63) <= key < 2**63 for key in keys)


def params(**given: Any) -> dict[str, Any]:
    defaults = {name: spec.get("default") for name, spec in MIGRATING.items()}
    return {**defaults, "path": "/x", **given}


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"schemas": []}, "schemas"),
        ({"schemas": ["a", "a"]}, "schemas"),
        ({"schemas": [""]}, "schemas"),
        ({"target": "soon"}, "target"),
        ({"action": "undo"}, "target"),
        ({"action": "baseline"}, "target"),
        ({"action": "import"}, "import_from"),
        ({"lock_timeout_ms": 0}, "lock_timeout_ms"),
        ({"retry_deadline": -1}, "retry_deadline"),
        ({"placeholders": {"schema": "x"}}, "placeholders"),
        ({"placeholders": {"a": "one\ntwo"}}, "placeholders"),
        ({"placeholders": {"a": ["x"]}}, "placeholders"),
        ({"secret_placeholders": {"a": ["x"]}}, "secret_placeholders"),
        ({"placeholders": {"a": "1"}, "secret_placeholders": {"a": "1"}}, "secret_placeholders"),
    ],
)
def test_options_that_are_refused(given: dict[str, Any], where: str) -> None:
    with pytest.raises(InputError) as caught:
        from_params(params(**given))
    assert caught.value.where == where


def test_options_that_are_taken() -> None:
    options = from_params(params(schemas=["a", "public"], target="1.0", placeholders={"on": True, "n": 4}))
    assert options.path == Path("/x") and str(options.target) == "1"
    assert options.placeholders_of("a") == {"on": "true", "n": "4", "schema": "a"}
    assert [options.search_path(schema) for schema in options.schemas] == [("a", "public"), ("public",)]
    assert options.scratch is None


def test_what_an_older_release_needs_is_taken_away_only_when_asked() -> None:
    assert from_params(params()).phases == ("expand", "migrate")
    assert from_params(params(phases=["contract"])).phases == ("contract",)
    assert pg_migrate_info.ARGUMENTS["phases"]["default"] == ["expand", "migrate", "contract"]


def test_the_scratch_database_is_reached_as_the_real_one_but_for_its_address() -> None:
    options = from_params(
        params(dsn="host=real password=one", scratch_dsn="host=spare password=two", role="owner", connect_timeout=3)
    )
    assert options.scratch == Access("host=spare password=two", "owner", 3, "scratch_dsn")
    assert options.secrets() == {"one", "two"}


def test_the_history_names_the_version_of_this_collection() -> None:
    galaxy = yaml.safe_load((Path(__file__).parents[3] / "galaxy.yml").read_text(encoding="utf-8"))
    assert f"slipway.release {galaxy['version']}" == TOOL


class Refusal(Exception):
    """What psycopg2 raises."""

    pgcode: str | None

    def __init__(self, text: str, pgcode: str | None, position: str | None = None) -> None:
        super().__init__(text)
        self.pgcode = pgcode
        self.diag = type("Diag", (), {"statement_position": position})


def test_an_error_says_what_where_and_the_remedy() -> None:
    error = explained(Refusal("no hunter2 here\nDETAIL: x", "42501"), "a.sql:1:1", {"password": "hunter2"})
    assert "hunter2" not in error.message() and "SQLSTATE 42501" in error.message() and error.sqlstate == "42501"
    assert "grant the database user" in error.remedy
    lost = explained(Refusal("could not connect", None), "PostgreSQL", {})
    assert "check host, port and network" in lost.remedy
    assert "correct the migration" in explained(Refusal("x", "42P01"), "a.sql", {}).remedy


def test_an_error_promises_only_what_no_transaction_leaves() -> None:
    said = {}
    for sql in ("CREATE INDEX CONCURRENTLY i ON t (x)", "VACUUM t"):
        (statement,) = statements(sql)
        said[sql[:6]] = of_unprotected(explained(Refusal("x", "XX000"), "a.sql", {}), statement).remedy
    assert "invalid index may have stayed" in said["CREATE"] and "may have stayed" in said["VACUUM"]
    (statement,) = statements("VACUUM t")
    assert "grant" in of_unprotected(explained(Refusal("x", "42501"), "a.sql", {}), statement).remedy


def test_the_place_of_an_error_is_that_of_the_word() -> None:
    (statement,) = statements("\n  SELECT 1,\n   none;")
    assert place("a.sql", statement, Refusal("", "42703", "14")) == "a.sql:3:4"
    assert place("a.sql", statement, Refusal("", "42703", "8")) == "a.sql:2:10"
    assert place("a.sql", statement, Refusal("", "23505")) == "a.sql:2:3"


class FakeSession:
    """A server with certain answers."""

    def __init__(
        self, version: int = 150000, greeted: int = 7, answer: tuple[bool, ...] = (False, False, True)
    ) -> None:
        self.access = Access()
        self.connection = type(
            "C", (), {"server_version": version, "get_backend_pid": lambda _self: greeted, "closed": 0}
        )()
        self._answer = answer

    def ask(self, sql: str, _values: object = None) -> list[tuple[Any, ...]]:
        return [(7,)] if "pg_backend_pid" in sql else [self._answer]


@pytest.mark.parametrize(
    ("session", "says"),
    [
        (FakeSession(version=110022), "version 11"),
        (FakeSession(answer=(True, True, True)), "is a standby"),
        (FakeSession(answer=(False, True, True)), "takes no writes"),
        (FakeSession(answer=(False, False, False)), "cannot act as the role"),
    ],
)
def test_servers_that_are_refused(session: Any, says: str) -> None:
    with pytest.raises(SlipwayError, match=says):
        preflight.require_fit(session, session_pooler=False)


def test_a_pooler_is_known_by_its_greeting(monkeypatch: pytest.MonkeyPatch) -> None:
    session: Any = FakeSession(greeted=99)
    monkeypatch.setattr(preflight, "_swaps_backends", lambda *_given: True)
    with pytest.raises(SlipwayError, match="transaction mode"):
        preflight.require_fit(session, session_pooler=True)
    monkeypatch.setattr(preflight, "_swaps_backends", lambda *_given: False)
    with pytest.raises(SlipwayError, match="a pooler is between"):
        preflight.require_fit(session, session_pooler=False)
    preflight.require_fit(session, session_pooler=True)


def test_severities_that_mean_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="there is no such rule"):
        Lint({"drop-colum": "error"})
    with pytest.raises(InputError, match="is no severity"):
        Lint({"drop-column": "bad"})
    Lint({"drop-column": False})


@pytest.mark.parametrize("module", [pg_migrate, pg_migrate_info])
def test_a_module_that_reaches_nobody_says_so_without_the_password(module: Any, tmp_path: Path) -> None:
    (tmp_path / "1_a.sql").write_text("SELECT 1;", encoding="utf-8")
    dsn = f"host={tmp_path} dbname=x password=hunter2"
    output = module_output(module, path=str(tmp_path), dsn=dsn)
    assert '"failed": true' in output and "hunter2" not in output and "Traceback" not in output
    assert "check host, port and network" in output


def test_a_secret_placeholder_stays_secret(tmp_path: Path) -> None:
    (tmp_path / "1_a.sql").write_text("ALTER ROLE r PASSWRD '${word}';", encoding="utf-8")
    options = from_params(params(secret_placeholders={"word": "hunter2", "none": ""}))
    assert options.secrets() == {"hunter2"}
    assert options.placeholders_of("a") == {"word": "hunter2", "none": "", "schema": "a"}
    raised = explained(Refusal("no hunter2 here", "42601"), "a.sql", {}, options.secrets())
    assert "hunter2" not in raised.message()
    section = discover(tmp_path)[0].forward
    assert "".join(section.pieces(None)) == "ALTER ROLE r PASSWRD '${word}';"
    output = module_output(
        pg_migrate, path=str(tmp_path), dsn=f"host={tmp_path}", secret_placeholders={"word": "hunter2"}
    )
    assert "hunter2" not in output


def test_a_bad_connection_string_is_named_by_its_option(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        from_params(params(scratch_dsn="nonsense")).secrets()
    assert caught.value.where == "scratch_dsn"


def test_a_module_refuses_a_bad_file_without_a_server(tmp_path: Path) -> None:
    (tmp_path / "1_a.sql").write_text("-- slipway:fase expand", encoding="utf-8")
    result = module_result(pg_migrate, path=str(tmp_path), dsn="host=/none")
    assert result["error"]["where"] == f"{tmp_path}/1_a.sql:1" and result["changed"] is False


def test_a_run_without_anything_to_do_does_not_load_the_rules() -> None:
    """They take a fifth of the processor time of such a run."""
    package = Lint.__module__.rpartition(".")[0]
    program = f"import sys; sys.path = {sys.path!r}\nfrom {package} import run\nrun.Lint({{}})\n"
    program += f"print([name for name in sys.modules if name.startswith('{package}.lint.rules')])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


class Backends:
    """A session whose backend changes, as behind a pooler that nobody has noticed."""

    driver = psycopg2
    parsed: dict[str, str] = {}

    def __init__(self, *backends: int) -> None:
        self._backends = iter(backends)

    def ask(self, _query: str, _values: object) -> list[tuple[bool]]:
        return [(True,)]

    def one(self, query: str) -> int:
        assert query == "SELECT pg_backend_pid()"
        return next(self._backends)


def test_a_lock_is_held_as_long_as_the_backend_is_the_one_that_took_it() -> None:
    lock = Lock(Backends(7, 7, 8), "shop", "public", "history")  # type: ignore[arg-type]
    lock.take(1)
    lock.require()
    with pytest.raises(SlipwayError, match="the lock was lost on the way"):
        lock.require()
