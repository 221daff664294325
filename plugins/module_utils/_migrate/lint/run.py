# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lint of a migration: one pass over its statements, each forgotten when the next comes. Touches nothing.

Bodies of functions are text to PostgreSQL and to lint: what they hold is not judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from ..._common.errors import InputError
from ..statements import Statement
from .model import ERROR, OFF, SEVERITIES, SMALL, WARNING, Catalog, Finding
from .objects import absorb_objects
from .rules import constraints, definitions, dispatch, transactions
from .seen import Seen, absorb, created
from .subject import File, Hit, Subject
from .table import BY_NAME

MOST_OF_ONE_RULE = 100
_PLAIN_INSERT = re.compile(r"INSERT\s", re.IGNORECASE)
_SELECT = re.compile(r"\bselect\b", re.IGNORECASE)


def lint(
    statements: Iterable[Statement],
    *,
    transactional: bool,
    phase: str,
    waivers: Mapping[str, str],
    severities: Mapping[str, str],
    server_version: int,
    timeouts: bool = True,
    catalog: Catalog | None = None,
    seen: Seen | None = None,
) -> list[Finding]:
    """What of a migration would hurt, by place.

    :param statements: of one file; taken one by one.
    :param phase: expand, migrate or contract.
    :param waivers: reasons by rule.
    :param severities: error, warning or off by rule, where it is not the default.
    :param server_version: the major version.
    :param timeouts: whether whoever runs the file sets lock_timeout and statement_timeout.
    :param catalog: the live database, if there is one.
    :param seen: what the files before this one make, which are of the same change; it learns what this one makes.
    :raises InputError: a severity, or the rule it is for, is unknown.
    :raises SqlSyntaxError: from ``statements``.
    """
    linter = Linter(File(transactional, phase, server_version, timeouts, catalog), seen or Seen(), severities, waivers)
    for statement in statements:
        linter.look(statement)
    return linter.findings()


def refuse_unknown(severities: Mapping[str, str]) -> None:
    """Refuse severities that mean nothing.

    :raises InputError: a severity, or the rule it is for, is unknown.
    """
    for name, severity in severities.items():
        where = f"lint severity of {name}"
        if name not in BY_NAME:
            raise InputError("there is no such rule", where=where, remedy=f"rules are {', '.join(BY_NAME)}")
        if severity not in SEVERITIES:
            raise InputError(f"'{severity}' is no severity", where=where, remedy=f"write {', '.join(SEVERITIES)}")


class Linter:
    """Takes the statements of one file, and gives what it has found at the end."""

    def __init__(self, file: File, seen: Seen, severities: Mapping[str, str], waivers: Mapping[str, str]) -> None:
        refuse_unknown(severities)
        self._file = file
        self._seen = seen
        self._severities = severities
        self._waivers = waivers
        self._used: set[str] = set()
        self._found: dict[str, list[tuple[Hit, Finding]]] = {}
        self._left_out: dict[str, int] = {}
        seen.begin_file(file.catalog)

    def look(self, statement: Statement) -> None:
        """Judge a statement, and take in what it changes."""
        subject = Subject(statement, self._file, self._seen)
        if _PLAIN_INSERT.match(statement.text) and not _SELECT.search(statement.text):
            self._take(subject, definitions.duplicates_of_insert(subject))
            return
        self._take(subject, dispatch.hits(subject))
        self._learn(subject)

    def findings(self) -> list[Finding]:
        """What was found, by place."""
        found = [finding for rule in self._found for finding in self._of_rule(rule)]
        found += [finding for finding in self._of_waivers() if finding.severity != OFF]
        return sorted(found, key=lambda one: (one.line, one.column, one.rule))

    def _learn(self, subject: Subject) -> None:
        transactions.remember(subject)
        if subject.commands:
            constraints.remember(subject)
        tree = subject.tree
        there = self._file.catalog and getattr(tree, "if_not_exists", False) and [*map(self._seen.new, created(tree))]
        if not (there and any(map(subject.existed, there))):
            absorb(self._seen, tree)
            absorb_objects(self._seen, tree)

    def _take(self, subject: Subject, hits: Iterable[Hit]) -> None:
        for hit in hits:
            severity = self._severity(subject, hit)
            kept = self._found.setdefault(hit.rule, [])
            if len(kept) < MOST_OF_ONE_RULE:
                line, column = subject.source.place(hit.offset)
                message = f"{hit.what}: {BY_NAME[hit.rule].why}"
                kept.append((hit, Finding(hit.rule, severity, line, column, message, hit.steps)))
            else:
                self._left_out[hit.rule] = self._left_out.get(hit.rule, 0) + 1

    def _severity(self, subject: Subject, hit: Hit) -> str:
        if hit.rule in self._severities:
            return self._severities[hit.rule]
        rule = BY_NAME[hit.rule]
        facts = subject.facts(hit.table) if rule.by_size and hit.table else None
        return WARNING if rule.severity == ERROR and facts and facts.bytes <= SMALL else rule.severity

    def _of_rule(self, rule: str) -> list[Finding]:
        found = [finding for hit, finding in self._found[rule] if self._stands(hit)]
        if found and self._waived(rule):
            self._used.add(rule)
            return []
        if found and rule in self._left_out:
            found[-1] = replace(
                found[-1], message=f"{found[-1].message} (and {self._left_out[rule]} more of this rule)"
            )
        return [finding for finding in found if finding.severity != OFF]

    def _waived(self, rule: str) -> bool:
        return bool(self._waivers.get(rule, "").strip())

    def _stands(self, hit: Hit) -> bool:
        """Whether the rest of the file has not made it harmless."""
        if hit.beside_ddl and not self._seen.file.ddl:
            return False
        return not hit.unless_made or not self._seen.file.made.issuperset(hit.unless_made)

    def _of_waivers(self) -> Iterable[Finding]:
        for rule, reason in self._waivers.items():
            if not reason.strip():
                yield self._about_waiver("waiver-reason", f"the waiver of {rule} has no reason")
            elif rule not in BY_NAME:
                yield self._about_waiver("waiver-unused", f"a waiver of {rule}, which is no rule")
            elif rule not in self._used:
                yield self._about_waiver("waiver-unused", f"a waiver of {rule}, of which nothing is found")

    def _about_waiver(self, rule: str, what: str) -> Finding:
        severity = self._severities.get(rule, BY_NAME[rule].severity)
        return Finding(rule, severity, 1, 1, f"{what}: {BY_NAME[rule].why}")
