# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan, lint, lock, apply, verify. Touches the schemas that it is asked to migrate.

Everything that can be found wrong without a lock is found before one is taken, in all schemas; the plan is made again
under the lock, because another runner may have been first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from .._common.errors import StaleTokenError, StateError
from . import backup, check, foreign
from . import options as asked
from .blockers import Watch
from .contract import contracts, require_age, require_answerable, require_consistent
from .directives import CONTRACT
from .engine import Done, Engine, Settings
from .files import Migration, discover
from .history import APPLIED, BASELINE, FAILED, RUNNING, UNDONE, Entry, History, Writer
from .linting import Lint
from .lock import Lock
from .options import Options
from .plan import Policy, plan, plan_undo, require_fit, standing
from .planned import require_planned
from .preflight import require_fit as require_server
from .session import Access, Session
from .structure import structure
from .text import Section
from .trial import create_schemas, not_applied, refuse_same_database, try_file

TOOL = "slipway.release 0.1.0"
MOST_SHOWN = 100_000
IDLE_SESSION_TIMEOUT_SINCE = 14


@dataclass
class Step:
    """One thing to do in a schema.

    :param applied: numbers of the statements that an earlier run has applied.
    """

    schema: str
    what: str
    migration: Migration | None
    key: str
    sql: str = ""
    applied: frozenset[int] = frozenset()

    def as_result(self) -> dict[str, Any]:
        """For the module's result."""
        one = self.migration
        return {
            "schema": self.schema,
            "action": self.what,
            "version": str(one.version) if one and one.version else "" if one else self.key,
            "name": one.name if one else "",
            "file": str(one.path) if one else "",
            "phase": one.phase if one else "",
            "checksum": one.checksum if one else "",
            "transaction": one.forward.directives.transaction if one else True,
        }


@dataclass
class Outcome:
    """What a run planned, found and did."""

    plan: list[Step] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)
    trial: list[dict[str, Any]] = field(default_factory=list)
    done: list[dict[str, Any]] = field(default_factory=list)
    waits: list[dict[str, Any]] = field(default_factory=list)
    before: str = ""
    after: str = ""

    def as_result(self) -> dict[str, Any]:
        """For the module's result."""
        return {
            "plan": [step.as_result() for step in self.plan],
            "findings": self.findings,
            "trial": self.trial,
            "done": self.done,
            "waits": self.waits,
        }


class Run:
    """One run of a module.

    :param lint: makes the findings; ``None`` for none.
    :param compares: the structure before and after is wanted.
    """

    def __init__(self, options: Options, lint: Lint | None = None, *, compares: bool = False) -> None:
        self._options = options
        self._lint = lint
        self._compares = compares
        self._examined: set[tuple[str, str, int]] = set()
        self._migrations: list[Migration] = []
        self._server_version = 0
        self.outcome = Outcome()

    def plan(self) -> Outcome:
        """Everything but the doing; nothing is touched.

        :raises SlipwayError: it could not be done.
        """
        self._migrations = discover(self._options.path, gaps=self._options.gaps)
        with self._session("plan") as session:
            self._server_version = session.connection.server_version // 10_000
            for schema in self._options.schemas:
                self.outcome.plan += self._plan_schema(session, schema, self._migrations)
        check.refuse_errors(self.outcome.findings)
        self._require_backup(self.outcome.plan)
        if self._options.scratch:
            self._try(self._options.scratch)
        return self.outcome

    def do(self) -> Outcome:
        """Plan, and do it.

        :raises SlipwayError: it was refused, or ended early; what is done is done wholly.
        """
        self.plan()
        if not self.outcome.plan and not self._compares:
            return self.outcome
        with self._session("work") as session:
            self.outcome.before = self._structure(session)
            for schema in dict.fromkeys(step.schema for step in self.outcome.plan):
                with self._locked(session, schema) as watch:
                    self._do_schema(session, schema, self._migrations, watch)
            self.outcome.after = self._structure(session)
        return self.outcome

    def _require_backup(self, steps: list[Step]) -> None:
        """Refuse to change a schema without the backup that is asked for."""
        if steps and self._options.backup_record and self._options.action in asked.ON_THE_SCHEMA:
            backup.require_verified(self._options.backup_record, self._options.backup_max_age)

    def _try(self, scratch: Access) -> None:
        """Execute what is due in the scratch database, up to what fails there."""
        refuse_same_database(scratch, self._options.access)
        if self._options.create_schemas:
            create_schemas(scratch, self._options.schemas)
        for step in self.outcome.plan:
            if step.what != asked.MIGRATE or not step.migration:
                continue
            section = step.migration.forward
            tried = try_file(
                scratch,
                not_applied(check.required(section, self._options.placeholders_of(step.schema)), step.applied),
                transactional=section.directives.transaction,
                search_path=self._options.search_path(step.schema),
                source=str(section.path),
                secrets=self._options.secrets(),
            )
            self.outcome.trial.append({"schema": step.schema, "file": str(section.path), **tried.as_result()})

    def sql(self) -> str:
        """The SQL of the plan, placeholders as written, as far as it is not too much to look at."""
        shown = ""
        for step in self.outcome.plan:
            shown += f"-- {step.schema}: {step.what} {step.migration or step.key}\n"
            section = step.migration and (step.migration.undo if step.what == asked.UNDO else step.migration.forward)
            pieces = iter([step.sql + "\n"]) if step.sql or not section else section.pieces(None)
            for piece in pieces:
                shown += piece
                if len(shown) > MOST_SHOWN:
                    return shown + "\n-- ... and more\n"
            shown += "\n"
        return shown

    @contextmanager
    def _session(self, purpose: str) -> Iterator[Session]:
        with Session(self._options.access, purpose) as session:
            require_server(session, session_pooler=self._options.session_pooler)
            if self._options.access.role:
                session.order(f"SET ROLE {session.quoted(self._options.access.role)}")
            yield session

    def _structure(self, session: Session) -> str:
        return structure(session, list(self._options.schemas), self._options.table) if self._compares else ""

    def _history(self, session: Session, schema: str) -> History:
        writer = Writer(TOOL, self._options.deployment, self._options.token)
        return History(session, schema, self._options.table, writer)

    def _plan_schema(self, session: Session, schema: str, migrations: list[Migration]) -> list[Step]:
        self._require_schema(session, schema)
        history = self._history(session, schema)
        known = history.read() if history.exists() else {}
        _require_token(known, self._options.token, f"{schema}.{self._options.table}")
        return self._steps(session, schema, migrations, known, history)

    def _require_schema(self, session: Session, schema: str) -> None:
        """Refuse a schema that is missing or that this user may not use.

        :raises StateError: it is so.
        """
        rows = session.ask("SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = %s", (schema,))
        where = f"schema {schema}"
        if not rows:
            if self._options.create_schemas:
                return
            raise StateError("does not exist", where=where, remedy="create it, or set 'create_schemas'")
        if not rows[0][0]:
            user = session.ask("SELECT current_user")[0][0]
            raise StateError(
                f"the user {user} may create nothing in it",
                where=where,
                remedy=f"GRANT USAGE, CREATE ON SCHEMA {session.quoted(schema)} TO {session.quoted(user)}, or name the"
                " owner in 'role'",
            )

    def _steps(
        self,
        session: Session,
        schema: str,
        migrations: list[Migration],
        known: dict[str, Entry],
        history: History,
    ) -> list[Step]:
        make: dict[str, Callable[[], list[Step]]] = {
            asked.MIGRATE: lambda: self._forward(session, schema, migrations, known),
            asked.UNDO: lambda: self._back(session, schema, migrations, known),
            asked.BASELINE: lambda: self._baseline(schema, migrations, known, history),
            asked.REPAIR: lambda: self._repair(schema, migrations, known, history),
            asked.IMPORT: lambda: self._import(session, schema, migrations, known, history),
        }
        return make[self._options.action]()

    def _forward(
        self, session: Session, schema: str, migrations: list[Migration], known: dict[str, Entry]
    ) -> list[Step]:
        policy = Policy(self._options.phases, self._options.target, self._options.out_of_order)
        due = plan(migrations, known, policy, schema)
        require_planned(due, self._options.planned, schema)
        if CONTRACT in self._options.phases:
            require_answerable(self._options.contract_checks, migrations, known, "contract_checks")
        self._require_contractable(session, schema, contracts(due, known), migrations, known)
        steps = [Step(schema, asked.MIGRATE, one, one.key, applied=_applied(one, known.get(one.key))) for one in due]
        for step in steps:
            if step.migration:
                self._examine(session, schema, step.migration.forward)
        return steps

    def _require_contractable(
        self,
        session: Session,
        schema: str,
        due: list[Migration],
        migrations: list[Migration],
        known: dict[str, Entry],
    ) -> None:
        if not due:
            return
        require_age(due, migrations, known, session.now(), self._options.contract_after, schema)
        settings = {
            "search_path": ", ".join(map(session.quoted, self._options.search_path(schema))),
            "lock_timeout": f"'{self._options.lock_timeout_ms}ms'",
            "statement_timeout": f"'{self._options.statement_timeout_ms}ms'",
        }
        require_consistent(self._options.contract_checks, due, session, schema, settings)

    def _back(self, session: Session, schema: str, migrations: list[Migration], known: dict[str, Entry]) -> list[Step]:
        target = self._options.target
        if target is None:
            return []
        steps = [Step(schema, asked.UNDO, one, one.key) for one in plan_undo(migrations, known, target, schema)]
        for step in steps:
            if step.migration and step.migration.undo:
                self._examine(session, schema, step.migration.undo, lint=False)
        return steps

    def _examine(self, session: Session, schema: str, section: Section, *, lint: bool = True) -> None:
        """Check a section for a schema, once."""
        key = (schema, str(section.path), section.first_line)
        if key in self._examined:
            return
        self._examined.add(key)
        placeholders = self._options.placeholders_of(schema)
        path = self._options.search_path(schema)
        self.outcome.findings += check.examine(section, placeholders, self._lint if lint else None, session, path)

    def _baseline(
        self, schema: str, migrations: list[Migration], known: dict[str, Entry], history: History
    ) -> list[Step]:
        target = self._options.target
        if target is None or (str(target) in known and known[str(target)].origin == BASELINE):
            return []
        foreign.require_baseline_fits(known, migrations, target, f"{schema}.{self._options.table}")
        return [Step(schema, asked.BASELINE, None, str(target), foreign.baseline_sql(history, str(target)))]

    def _repair(
        self, schema: str, migrations: list[Migration], known: dict[str, Entry], history: History
    ) -> list[Step]:
        by_key = {one.key: one for one in migrations}
        missing = [entry.key for entry in standing(migrations, known).missing]
        steps = []
        for key, entry in known.items():
            one = by_key.get(key)
            rolled_back = entry.state == FAILED and (one.forward.directives.transaction if one else not entry.stays())
            if rolled_back or (key in missing and entry.state in (RUNNING, FAILED)):
                steps.append(Step(schema, "forget failure", one, key, history.forget([key])))
            if self._options.checksums and one and entry.state == APPLIED and entry.checksum not in ("", one.checksum):
                steps.append(Step(schema, "accept checksum", one, key, history.set_checksum(key, one.checksum)))
        return steps

    def _import(
        self, session: Session, schema: str, migrations: list[Migration], known: dict[str, Entry], history: History
    ) -> list[Step]:
        source = foreign.Import(session, schema, self._options.import_from or "", self._options.import_table)
        by_key = {one.key: one for one in migrations}
        taken = source.sql(migrations, known, history)
        return [Step(schema, asked.IMPORT, by_key.get(key), key, sql) for key, sql in taken]

    @contextmanager
    def _locked(self, session: Session, schema: str) -> Iterator[Watch]:
        """Hold the locks of a schema, and that against backups; the one session also looks whom the other waits for.

        Both hold the latter: a file may give away what the working session holds (DISCARD ALL), and the server may go
        on with its statement after the end of the other one.
        """
        database = str(session.ask("SELECT current_database()")[0][0])
        parts = (database, schema, self._options.table)
        with Session(self._options.access, "lock") as keeper:
            if self._server_version >= IDLE_SESSION_TIMEOUT_SINCE:
                keeper.order("SET idle_session_timeout = 0")
            self._lock = Lock(keeper, *parts)
            self._lock.take(self._options.lock_deadline)
            working = Lock(session, *parts, "work")
            working.take(self._options.lock_deadline)
            without_backup = backup.shared_with_migrations(keeper)
            without_backup.take(self._options.lock_deadline)
            backup.shared_with_migrations(session).take(self._options.lock_deadline)
            with Watch(keeper, int(session.ask("SELECT pg_backend_pid()")[0][0])) as watch:
                yield watch
            if not session.lost:
                session.ask("SELECT pg_advisory_unlock_all()")
            without_backup.give_back()
            self._lock.give_back()

    def _do_schema(self, session: Session, schema: str, migrations: list[Migration], watch: Watch) -> None:
        history = self._history(session, schema)
        engine = self._engine(session, history, schema, watch)
        self._prepare(session, schema, history, engine)
        known = history.read()
        _require_token(known, self._options.token, f"{schema}.{self._options.table}")
        steps = self._steps(session, schema, migrations, known, history)
        check.refuse_errors(self.outcome.findings)
        self._require_backup(steps)
        try:
            for step in steps:
                self._lock.require()
                self.outcome.done.append(self._do(session, engine, step, known))
        finally:
            self.outcome.waits += [{"schema": schema, **asdict(wait)} for wait in engine.waits]
        self._verify(schema, history, migrations, steps)

    def _prepare(self, session: Session, schema: str, history: History, engine: Engine) -> None:
        """Make the schema and the history where they are missing, and the session what it should be."""
        session.order(engine.identity())
        if self._options.create_schemas:
            session.order(f"CREATE SCHEMA IF NOT EXISTS {session.quoted(schema)}")
        if not history.exists():
            history.create()

    def _engine(self, session: Session, history: History, schema: str, watch: Watch) -> Engine:
        settings = Settings(
            search_path=self._options.search_path(schema),
            role=self._options.access.role,
            lock_timeout=self._options.lock_timeout_ms,
            statement_timeout=self._options.statement_timeout_ms,
            retry_seconds=self._options.retry_deadline,
        )
        placeholders = self._options.placeholders_of(schema)
        return Engine(session, history, settings, placeholders, watch, self._options.secrets())

    def _do(self, session: Session, engine: Engine, step: Step, known: dict[str, Entry]) -> dict[str, Any]:
        done = Done()
        if step.sql:
            session.order(step.sql)
        elif step.migration and step.what == asked.UNDO and step.migration.undo:
            done = engine.undo(step.migration, step.migration.undo, known.get(step.key))
        elif step.migration:
            done = engine.apply(step.migration, known.get(step.key))
        return {**step.as_result(), **asdict(done)}

    def _verify(self, schema: str, history: History, migrations: list[Migration], steps: list[Step]) -> None:
        """Read back what was done.

        :raises StateError: the history does not say so.
        """
        known = history.read()
        wanted = UNDONE if self._options.action == asked.UNDO else APPLIED
        for step in steps:
            entry = known.get(step.key)
            if step.what != "forget failure" and (entry is None or entry.state != wanted):
                raise StateError(
                    f"is {entry.state if entry else 'unknown'} after the run, and not {wanted}",
                    where=f"{schema}: {step.migration or step.key}",
                    remedy="see who else writes to the history, and run it again",
                )
        if self._options.action == asked.MIGRATE:
            require_fit(standing(migrations, known), known, schema)


def _applied(one: Migration, entry: Entry | None) -> frozenset[int]:
    """The statements of a file without a transaction that need not run again."""
    if one.forward.directives.transaction or not entry:
        return frozenset()
    return frozenset(row.number for row in entry.statements.values() if row.state == APPLIED)


def _require_token(known: dict[str, Entry], token: int | None, where: str) -> None:
    """Refuse to act for a deployment when a newer one has acted.

    :raises StaleTokenError: it has.
    """
    newest = max((entry.token for entry in known.values() if entry.token is not None), default=None)
    if token is not None and newest is not None and newest > token:
        raise StaleTokenError(
            f"a deployment with token {newest} has migrated it, this one has {token}",
            where=where,
            remedy="start a new deployment",
        )
