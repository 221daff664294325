# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the database's migrations. Reads the controller's file system only to see whether the files exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..._common.errors import InputError
from ..._migrate.contract import checks
from ..._migrate.dual_write.change import parse
from ..._migrate.history import FLYWAY, GOLANG
from ..._migrate.lint.run import refuse_unknown
from ..._migrate.names import version_of
from ..._migrate.options import BASELINE, IMPORT, MIGRATE, MIGRATING, ON_THE_SCHEMA, UNDO, from_params
from ..migrations import CONTRACT, CONTROLLER
from ..spec import BEFORE_MIGRATIONS
from .base import A_DAY, USER, Context, problem

PURPOSE = "migrate"
# Verbs that apply files; the others do without them.
APPLYING = ("deploy", PURPOSE)
WHERE = "slipway_migrations"
LONGEST_AGE = 366 * A_DAY


def migrations(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """The files are where they are said to be, and the options are such that the module takes them."""
    given = values[WHERE]
    if not given:
        if context.verb == PURPOSE:
            yield problem("it is not set", WHERE, "say where the SQL files are and how the database is reached")
        return
    yield from _place(given, context)
    try:
        from_params({**_defaults(), **{name: value for name, value in given.items() if name in MIGRATING}})
    except InputError as exc:
        yield problem(exc.what, f"{WHERE}.{exc.where}", exc.remedy)
    for rule, level in given["lint"].items():
        try:
            refuse_unknown({rule: "off" if level is False else str(level)})
        except InputError as exc:
            yield problem(exc.what, f"{WHERE}.lint.{rule}", exc.remedy)
    backup = given["backup"] or {"record": "/", "max_age": 1}
    if not Path(backup["record"]).is_absolute():
        yield problem(f"{backup['record']!r} is not absolute", f"{WHERE}.backup.record", "begin it with /")
    if backup["max_age"] < 1:
        yield problem(f"{backup['max_age']} is not positive", f"{WHERE}.backup.max_age", "give at least 1 second")
    if given["expected_most"] < 1:
        yield problem(f"{given['expected_most']} is not positive", f"{WHERE}.expected_most", "give at least 1 second")


def _defaults() -> dict[str, Any]:
    return {name: declared.get("default") for name, declared in MIGRATING.items()}


def _place(given: Mapping[str, Any], context: Context) -> Iterator[InputError]:
    path, host = Path(given["path"]), given["host"]
    if host != CONTROLLER and host not in context.groups["all"]:
        yield problem(
            f"{host!r} is not a host of the inventory",
            f"{WHERE}.host",
            f"name one, or {CONTROLLER} for the controller",
        )
    elif not path.is_absolute():
        yield problem(f"{given['path']!r} is not absolute", f"{WHERE}.path", "begin it with /")
    elif _is_missing(given) and context.verb in APPLYING:
        yield problem(_missing(given), f"{WHERE}.path", f"correct it, or set {WHERE}.host")
    if given["user"] and not USER.fullmatch(given["user"]):
        yield problem(
            f"{given['user']!r} is not a name of a system user",
            f"{WHERE}.user",
            "use at most 32 characters a-z 0-9 _ -",
        )


def unread(given: Mapping[str, Any] | None, verb: str, undefined: str) -> str:
    """Why a verb that applies nothing does without the files; empty where they are there, or none are named.

    :param undefined: why the variable cannot be evaluated; empty when it can.
    """
    if verb in APPLYING:
        return ""
    if undefined:
        return f"it cannot be evaluated: {undefined}"
    return _missing(given) if given and _is_missing(given) else ""


def _is_missing(given: Mapping[str, Any]) -> bool:
    return given["host"] == CONTROLLER and not Path(given["path"]).is_dir()


def _missing(given: Mapping[str, Any]) -> str:
    return f"there is no directory {given['path']} on the controller"


def action(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """What migrate.yml is asked to do makes sense."""
    wanted, target = values["slipway_migrate_action"], values["slipway_migrate_to"]
    if target:
        try:
            version_of(target, "slipway_migrate_to")
        except InputError as exc:
            yield exc
    elif wanted in (UNDO, BASELINE):
        yield problem(
            f"it is needed to {wanted}", "slipway_migrate_to", "name the version that is the last one afterwards"
        )
    if wanted != MIGRATE and values["slipway_migrate_phase"] == CONTRACT:
        yield problem(f"{wanted} has no phase", "slipway_migrate_phase", "remove it, or slipway_migrate_action")
    source = values["slipway_migrate_from"]
    if (wanted == IMPORT or source) and source not in (FLYWAY, GOLANG):
        yield problem(f"{source!r} is no history that is known", "slipway_migrate_from", f"use {FLYWAY} or {GOLANG}")


def approval(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """What a deployment waits for an approval with is not applied by migrate.yml without one, which knows of none."""
    unapproved = context.verb == PURPOSE and values["slipway_migrate_action"] in ON_THE_SCHEMA
    if context.check_mode or values["slipway_force"] or not unapproved:
        return
    if BEFORE_MIGRATIONS in values["slipway_approvals"]:
        yield problem(
            f"it has {BEFORE_MIGRATIONS}, and migrate.yml asks for no approval",
            "slipway_approvals",
            "deploy.yml asks for the approval of what adds; slipway_force=true with a slipway_reason does it without",
        )


def contract(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """What is asked before something is contracted can be asked."""
    if not 0 <= values["slipway_contract_after"] <= LONGEST_AGE:
        yield problem(
            f"{values['slipway_contract_after']} is out of range",
            "slipway_contract_after",
            f"use 0 to {LONGEST_AGE} seconds",
        )
    try:
        checks(values["slipway_contract_checks"], "slipway_contract_checks")
    except InputError as exc:
        yield exc
    for index, change in enumerate(values["slipway_dual_writes"]):
        try:
            parse(change)
        except InputError as exc:
            yield problem(exc.what, f"slipway_dual_writes[{index}].{exc.where}", exc.remedy)
