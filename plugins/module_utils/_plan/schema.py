# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database in a plan: which migrations a deployment applies, and whether its release and those in slots fit.

Touches nothing. A stopped slot counts as one that runs: it is what a rollback returns to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .._common.errors import StateError
from .._inputs.spec import BEFORE_MIGRATIONS, MIGRATE_POINT
from .._inputs.validate import Inputs
from .._migrate.directives import CONTRACT
from .._migrate.fit import Form, forms, misfit, too_new, too_old
from .._migrate.names import Version, version_of
from .._migrate.options import BEFORE_CONTRACT
from . import hooks, undo

STAGE = "migrate"
# What is done before anything of a deployment is in a slot.
BEFORE_SLOTS = frozenset({BEFORE_MIGRATIONS, STAGE})
# Of plans that migrate: versions that know nothing of it refuse the recorded ones.
SCHEMA = 3
WHERE = "slipway_schema_range"
NOT_READ = "the play has not read it"
Judge = Callable[[Mapping[str, int], Form], str]
UNSTATED = f"does not say what it works with (no {WHERE})"
STATE_IT = f"deploy releases that state their {WHERE} until they fill both slots; "
FORCE = "slipway_force=true with a slipway_reason goes on all the same"
REMEDIES = {
    "contract": "deploy releases that work without it until they fill both slots, or state the last migration that is "
    f"due in slipway_migrate_to; {FORCE}",
    "undo": "roll back or deploy until no slot holds one that needs it, or undo to a higher slipway_migrate_to; "
    f"{FORCE}",
}


def placed(committed: Sequence[str]) -> bool:
    """Whether a deployment that has come so far may have something in a slot for sure.

    :param committed: its stages.
    """
    return bool(set(committed) - BEFORE_SLOTS)


def asked(inputs: Inputs) -> dict[str, Any]:
    """What the request says of migrations; nothing where none are applied."""
    if not _applies(inputs) or not inputs.migrations:
        return {}
    return {"migrations": {name: inputs.migrations[name] for name in ("host", "path", "schemas", "table")}}


def planned(inputs: Inputs, database: Mapping[str, Any] | None, *, has_been_asked: bool = False) -> dict[str, Any]:
    """What the plan says of migrations; nothing where none are due and no hook runs at their place.

    :param database: what was read of it; ``None`` where the variables name none.
    :param has_been_asked: whether the run has been here in a region before this one, so that no hook comes twice.
    """
    due = list(database["due"]) if database and _applies(inputs) else []
    at = [hook["name"] for hook in hooks.wanted(inputs) if hook["at"] == MIGRATE_POINT and not has_been_asked]
    if not due and not at:
        return {}
    expected = [part["expected_ms"] for part in (database or {}).get("schemas", [])]
    made = {
        "files": [{name: one[name] for name in ("schema", "version", "name", "phase", "checksum")} for one in due],
        "findings": len((database or {}).get("findings", [])),
        "expected_ms": None if None in expected else sum(expected),
    }
    return {"schema": SCHEMA, "migrations": made}


def stages(migrating: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The stage of what ``planned`` has found; nothing undoes it, since it only adds."""
    return undo.declared([STAGE] if migrating else [], [], [])


def highest_token(database: Mapping[str, Any] | None) -> int:
    """The highest token that has migrated the database, which is that of another region's ledger perhaps."""
    return max((int(part["token"]) for part in (database or {}).get("schemas", [])), default=0)


def unread(inputs: Inputs, database: Mapping[str, Any] | None) -> list[str]:
    """A warning where the database could not be read, and nothing is to be applied: a way back does without it.

    :raises StateError: it could not be read, or what is pending could not be applied, and is to be; with the reason
        that the module gave, which has the remedy.
    """
    error = database.get("error") if database else NOT_READ if inputs.migrations else inputs.migrations_unread
    if not error:
        return []
    if _applies(inputs):
        raise StateError(
            f"nothing can be planned with it: {error}",
            where="slipway_migrations",
            remedy="see migrate.yml --check; slipway_skip=['migrations'] with a slipway_reason applies nothing",
        )
    return [f"slipway_migrations: only the schema ranges are compared, since nothing was read: {error}"]


def left_pending(inputs: Inputs, database: Mapping[str, Any] | None) -> list[str]:
    """A warning of what a deployment that changes nothing does not apply either."""
    due = len(database["due"]) if database and _applies(inputs) else 0
    return [f"slipway_migrations: pending, with nothing else to do: {due}; migrate.yml applies what is"] if due else []


def refuse_misfit(revision: Mapping[str, Any], inputs: Inputs, database: Mapping[str, Any]) -> None:
    """The release does not work with the database as it will be when the slots are filled.

    :raises StateError: it does not; with what to do.
    """
    now = forms(database["schemas"])
    then = [form.after(BEFORE_CONTRACT) for form in now] if _applies(inputs) else now
    wanted: Mapping[str, int] = revision.get("schema_range") or {}
    why = misfit(wanted, then)
    if why:
        raise StateError(
            f"version {revision['version']} does not fit the database: {why}",
            where=WHERE,
            remedy=_remedy(any(too_new(wanted, form) for form in then), applies=_applies(inputs)),
        )


def _remedy(is_gone: bool, *, applies: bool) -> str:
    if is_gone:
        return (
            "choose a version that works without the old form, or bring that back with migrate.yml, "
            "slipway_migrate_action=undo and slipway_migrate_to"
        )
    first = "add the file to slipway_migrations.path" if applies else "apply it with migrate.yml first"
    return f"{first}, or choose another version"


def _applies(inputs: Inputs) -> bool:
    return inputs.verb == "deploy" and hooks.SKIP_MIGRATIONS not in inputs.skip


def slots_in_the_way(
    live: Mapping[str, Mapping[str, Any]], schemas: Sequence[Mapping[str, Any]], step: str, target: str = ""
) -> str:
    """What forbids a step of the database.

    :param live: application host to what ``host_info`` returned there.
    :param schemas: of ``pg_migrate_info``.
    :param step: ``contract`` or ``undo``.
    :param target: the last migration that is contracted, or that stays.
    :returns: with the remedy; empty when nothing forbids it.
    """
    now = forms(schemas)
    to = version_of(target, "slipway_migrate_to") if target else None
    then = [_after(form, step, to) for form in now]
    if then == now:
        return ""
    judge = too_new if step == CONTRACT else too_old
    found: dict[str, list[str]] = {}
    states_nothing = False
    for host, slot, version, wanted in _held(live):
        if slot is None:
            found.setdefault(version, []).append(host)
        elif not wanted:
            states_nothing = True
            found.setdefault(f"slot {slot} holds {version}, which {UNSTATED}", []).append(host)
        else:
            why = _why(judge, wanted, then)
            if why:
                found.setdefault(f"slot {slot} holds {version}, and after this {why}", []).append(host)
    reasons = [f"{', '.join(hosts)}: {what}" for what, hosts in found.items()]
    remedy = f"{STATE_IT if states_nothing else ''}{REMEDIES[step]}"
    return f"{'; '.join(reasons)}. Remedy: {remedy}." if reasons else ""


def _after(form: Form, step: str, target: Version | None) -> Form:
    if step == CONTRACT:
        return form.after((CONTRACT,), target)
    return form.undone_to(target) if target else form


def _why(judge: Judge, wanted: Mapping[str, int], then: Sequence[Form]) -> str:
    return next(filter(None, (judge(wanted, form) for form in then)), "")


def _held(live: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str | None, str, Mapping[str, int] | None]]:
    """Host, slot, version and schema range of every release in a slot.

    Of a host that says nothing there is no slot, and why in the place of the version.
    """
    for host, facts in sorted(live.items()):
        release = facts.get("release") or {}
        if facts.get("unreachable") or not release or release.get("error"):
            why = release.get("error") or facts.get("msg") or "it cannot be reached"
            yield host, None, f"what its slots hold is not known ({str(why).strip()})", None
            continue
        documents = {item["id"]: item.get("document") or {} for item in release["revisions"]}
        for slot, content in sorted(release["slots"].items()):
            if content.get("revision"):
                document = documents.get(content["revision"], {})
                yield host, slot, str(content.get("version") or content["revision"]), document.get("schema_range")
