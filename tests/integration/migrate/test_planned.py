# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was planned, and perhaps approved, is all that is applied."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._migrate import options as asked
from ansible_collections.slipway.release.plugins.module_utils._migrate.engine import Engine
from ansible_collections.slipway.release.plugins.module_utils._migrate.planned import planned
from ansible_collections.slipway.release.plugins.module_utils._migrate.run import Run

from .conftest import Writer
from .scene import migrate, options, picture, refusal
from .server import Database

FILES = {
    "1_a.sql": "CREATE TABLE a (n int);",
    "2_b.sql": "CREATE TABLE b (n int);",
    "R__view.sql": "CREATE OR REPLACE VIEW v AS SELECT n FROM a;",
}


def read(directory: Path, database: Database, **more: Any) -> list[dict[str, Any]]:
    """What a plan has of the files that are due."""
    rows = Run(options(directory, database, **more)).plan().as_result()["plan"]
    return [{name: row[name] for name in ("schema", "version", "name", "phase", "checksum")} for row in rows]


def changed(directory: Path) -> str:
    (directory / "2_b.sql").write_text("CREATE TABLE b (n bigint);")
    return "2_b.sql: has changed since it was planned for public"


def changed_repeatable(directory: Path) -> str:
    (directory / "R__view.sql").write_text("CREATE OR REPLACE VIEW v AS SELECT n + 1 AS n FROM a;")
    return "R__view.sql: has changed since it was planned for public"


def added(directory: Path) -> str:
    (directory / "3_c.sql").write_text("CREATE TABLE c (n int);")
    return "3_c.sql: is due in public and was not planned"


def added_repeatable(directory: Path) -> str:
    (directory / "R__other.sql").write_text("CREATE OR REPLACE VIEW w AS SELECT n FROM a;")
    return "R__other.sql: is due in public and was not planned"


def renamed(directory: Path) -> str:
    (directory / "2_b.sql").rename(directory / "2_other.sql")
    return "2_other.sql: is due in public and was not planned"


@pytest.mark.parametrize("meanwhile", [changed, changed_repeatable, added, added_repeatable, renamed])
def test_what_was_not_planned_is_refused_before_anything_is_applied(
    database: Database, write: Writer, meanwhile: Callable[[Path], str]
) -> None:
    directory = write(FILES)
    before = read(directory, database)
    said = meanwhile(directory)
    empty = picture(database)
    error = refusal(directory, database, planned=planned(before))
    assert error.message().startswith(f"{directory}/{said}"), error.message()
    assert "end the deployment with abort.yml" in error.remedy and "deploy again" in error.remedy
    assert picture(database) == empty
    assert len(migrate(directory, database).done) >= len(FILES)


def test_what_was_planned_is_applied_and_the_rest_of_it_after_a_part(database: Database, write: Writer) -> None:
    directory = write(FILES)
    before = planned(read(directory, database))
    migrate(directory, database, target=asked.version_of("1", "target"))
    done = migrate(directory, database, planned=before).done
    assert [one["version"] for one in done] == ["2"]
    assert migrate(directory, database, planned=before).done == []


def test_a_file_of_another_schema_is_not_planned(database: Database, write: Writer) -> None:
    directory = write(FILES)
    database.sql("CREATE SCHEMA other")
    before = planned(read(directory, database))
    error = refusal(directory, database, planned=before, schemas=("public", "other"))
    assert "is due in other and was not planned" in error.what
    assert not database.sql("SELECT 1 FROM pg_class WHERE relname IN ('a', 'b', 'v')")


def test_it_is_looked_at_again_under_the_lock(
    database: Database, write: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = write({"1_a.sql": FILES["1_a.sql"], "2_b.sql": FILES["2_b.sql"]})
    migrate(directory, database)
    (directory / "3_c.sql").write_text("CREATE TABLE c (n int);")
    before = planned(read(directory, database))
    identity = Engine.identity

    def and_another_runner_has_undone(self: Engine) -> str:
        database.sql("UPDATE slipway_migrations SET state = 'undone' WHERE migration = '2'")
        return identity(self)

    monkeypatch.setattr(Engine, "identity", and_another_runner_has_undone)
    error = refusal(directory, database, planned=before)
    assert "2_b.sql" in (error.where or "") and "is due in public and was not planned" in error.what
    assert not database.sql("SELECT 1 FROM pg_class WHERE relname = 'c'")


def test_a_file_that_changes_while_the_lock_is_waited_for_is_not_applied(
    database: Database, write: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = write(FILES)
    before = planned(read(directory, database))
    identity = Engine.identity

    def and_somebody_has_edited(self: Engine) -> str:
        changed(directory)
        return identity(self)

    monkeypatch.setattr(Engine, "identity", and_somebody_has_edited)
    assert "has changed since it was planned for public" in refusal(directory, database, planned=before).what
    assert not database.sql("SELECT 1 FROM pg_class WHERE relname IN ('a', 'b', 'v')")


def test_nothing_planned_is_nothing_due_and_a_plan_without_checksums_binds_nothing(
    database: Database, write: Writer
) -> None:
    directory = write(FILES)
    assert "was not planned" in refusal(directory, database, planned=planned([])).what
    older = [{name: value for name, value in row.items() if name != "checksum"} for row in read(directory, database)]
    added(directory)
    assert len(migrate(directory, database, planned=planned(older)).done) == len(FILES) + 1
