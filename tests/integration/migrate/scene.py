# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs migrations as the module does, kills them at a stated step, and looks at what has become of the database.

Touches the databases that it is given.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._migrate.options import Options
from ansible_collections.slipway.release.plugins.module_utils._migrate.run import Outcome, Run
from ansible_collections.slipway.release.plugins.module_utils._migrate.session import Access, Session
from ansible_collections.slipway.release.plugins.module_utils._migrate.structure import structure
from ansible_collections.slipway.release.plugins.module_utils._migrate.trial import Trial

from .server import Database

HISTORY = "slipway_migrations"
STRENGTH = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)


def options(directory: Path, database: Database, **more: Any) -> Options:
    """The options of a run."""
    access = more.pop("access", None) or Access(database.dsn())
    return Options(path=directory, access=access, **more)


def migrate(directory: Path, database: Database, **more: Any) -> Outcome:
    """One run, in this process."""
    return Run(options(directory, database, **more)).do()


def refusal(directory: Path, database: Database, **more: Any) -> SlipwayError:
    """The error of a run that must be refused."""
    try:
        outcome = migrate(directory, database, **more)
    except SlipwayError as exc:
        return exc
    raise AssertionError(f"not refused: {outcome.done}")


def picture(database: Database, schema: str = "public") -> str:
    """Everything in a schema but the history: structure and data."""
    with Session(Access(database.dsn()), "test") as session:
        shown = structure(session, [schema], HISTORY)
        tables = session.rows(
            "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = %s::regnamespace"
            " AND relkind IN ('r', 'm', 'S') AND relname <> %s ORDER BY 1",
            (schema, HISTORY),
        )
        for (table,) in tables:
            rows = session.rows(f"SELECT one::text FROM {table} AS one ORDER BY 1")
            shown += f"{table}: {rows}\n"
    return shown + dump(database, schema)


def dump(database: Database, schema: str) -> str:
    """The structure by pg_dump; empty where the server came without it."""
    program = database.server.programs / "pg_dump"
    if not program.exists():
        return ""
    command = [
        str(program),
        "--dbname",
        database.dsn(),
        "--schema-only",
        "--schema",
        schema,
        "--exclude-table",
        f"*.{HISTORY}",
    ]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return re.sub(r"(?m)^\\(un)?restrict .*$", "", text)


def strongest(trial: Trial) -> dict[str, str]:
    """The strongest mode by relation."""
    found: dict[str, str] = {}
    for lock in trial.locks:
        if STRENGTH.index(lock.mode) >= STRENGTH.index(found.get(lock.relation, STRENGTH[0])):
            found[lock.relation] = lock.mode
    return found


def history(database: Database, schema: str = "public") -> list[tuple[Any, ...]]:
    """Migration, statement number and state of every row."""
    return database.sql(f"SELECT migration, statement, state FROM {schema}.{HISTORY} ORDER BY migration, statement")


@dataclass(frozen=True)
class Ended:
    """How a run in a process of its own has ended.

    :param steps: steps between which it can be interrupted, as far as it came.
    :param struck: it came to the step at which it was to be struck.
    """

    status: int
    steps: int
    error: str
    struck: bool

    @property
    def killed(self) -> bool:
        """Whether a signal ended it."""
        return os.WIFSIGNALED(self.status)


def in_child(wanted: Options, at: int = -1, strike: Callable[[Session], None] | None = None) -> Ended:
    """One run in a process of its own.

    :param at: the step, from 0, at which it is struck; before and after each conversation with the server is one,
        but for what looks on from a thread.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _run_in_child(wanted, at, strike, writing)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as told:
        lines = told.read().split("\0")
    _pid, status = os.waitpid(child, 0)
    return Ended(status, lines.count("step"), lines[-1] if lines else "", "struck" in lines)


def _run_in_child(wanted: Options, at: int, strike: Callable[[Session], None] | None, writing: int) -> None:
    count = 0

    def step(session: Session) -> None:
        nonlocal count
        if count == at and strike:
            os.write(writing, b"struck\0")
            strike(session)
        count += 1
        os.write(writing, b"step\0")

    def around(method: Callable[..., Any]) -> Callable[..., Any]:
        def called(session: Session, *arguments: Any) -> Any:
            if threading.current_thread() is not threading.main_thread():
                return method(session, *arguments)
            step(session)
            answer = method(session, *arguments)
            step(session)
            return answer

        return called

    Session.run = around(Session.run)  # type: ignore[method-assign]
    Session.rows = around(Session.rows)  # type: ignore[method-assign]
    status = 70
    try:
        Run(wanted).do()
        status = 0
    except SlipwayError as exc:
        os.write(writing, exc.message().encode())
        status = 1
    except BaseException as exc:  # noqa: BLE001
        os.write(writing, repr(exc).encode())
    finally:
        os._exit(status)


def kill_module(_session: Session) -> None:
    """SIGKILL of the process itself."""
    os.kill(os.getpid(), signal.SIGKILL)


def module_process(directory: Path, database: Database, python: str = sys.executable) -> subprocess.Popen[bytes]:
    """The module in a process of its own, as Ansible runs it."""
    module = Path(__file__).resolve().parents[3] / ".cache/collections/ansible_collections/slipway/release/plugins"
    arguments = {"ANSIBLE_MODULE_ARGS": {"path": str(directory), "dsn": database.dsn()}}
    with tempfile.TemporaryFile() as given:
        given.write(json.dumps(arguments).encode())
        given.seek(0)
        return subprocess.Popen(
            [python, str(module / "modules/pg_migrate.py")],
            stdin=given,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(module.parents[3])])},
        )


def has(program: str) -> bool:
    """Whether a program is installed."""
    return bool(shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"))


def gives_way(database: Database, holder: Any) -> threading.Thread:
    """Ends the transaction of a connection as soon as somebody has waited for a lock and given it up; started."""

    def waited_for() -> bool:
        return bool(database.one("SELECT count(*) FROM pg_locks WHERE NOT granted"))

    def watch() -> None:
        until(waited_for)
        until(lambda: not waited_for())
        holder.rollback()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def until(condition: Callable[[], Any], seconds: float = 30) -> None:
    """Wait for something."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)
