# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused, with which message, and that the database is then what it was before."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError
from ansible_collections.slipway.release.plugins.module_utils._migrate.linting import Lint
from ansible_collections.slipway.release.plugins.module_utils._migrate.names import version_of
from ansible_collections.slipway.release.plugins.module_utils._migrate.run import Run
from ansible_collections.slipway.release.plugins.module_utils._migrate.session import Access
from ansible_collections.slipway.release.plugins.modules import pg_migrate

from tests.unit.running import module_output

from .conftest import Writer
from .scene import has, history, migrate, options, picture, refusal
from .server import USER, Database, Server

FIRST = {"001_a.sql": "CREATE TABLE a (id int);"}
NINE = {f"{number:03}_n.sql": f"CREATE TABLE n{number} (id int);\n" for number in range(1, 10)}


def require_untouched(directory: Path, database: Database, where: str, what: str, remedy: str, **more: Any) -> None:
    """The run is refused so, in one line, and the database stays as it is."""
    before = picture(database)
    error = refusal(directory, database, **more)
    assert where in error.where and what in error.what and remedy in error.remedy, error.message()
    assert "\n" not in error.message()
    assert picture(database) == before


@pytest.mark.parametrize(
    ("files", "where", "what", "remedy"),
    [
        ({**NINE, "007_n.sql": "\nCREATE TABEL n7 ();"}, "007_n.sql:2:8", 'near "TABEL"', "correct the statement"),
        ({**NINE, "V7__n.sql": ""}, "V7__n.sql", "also that of 007_n.sql", "give one of them a new number"),
        ({**NINE, "007_n.sql": "\nSELECT '${none}';"}, "007_n.sql:2", "${none} has no value", "placeholders"),
        ({**NINE, "007_n.sql": "SELECT 1;\nCOMMIT;"}, "007_n.sql:2:1", "ends a transaction", "remove it"),
        ({**NINE, "007_n.sql": "\n VACUUM n1;"}, "007_n.sql:2:2", "only outside of a transaction", "transaction off"),
        (
            {**NINE, "007_n.sql": "-- slipway:transaction off\nCREATE INDEX CONCURRENTLY ON n1 (id);"},
            "007_n.sql:2:1",
            "without a name",
            "CONCURRENTLY name",
        ),
        ({**NINE, "007.sql": ""}, "007.sql", "not that of a migration", "001_name.sql"),
        ({**NINE, "007_n.sql": "-- slipway:later\n"}, "007_n.sql:1", "unknown", "known are"),
    ],
)
def test_a_bad_file_stops_all_before_anything_is_touched(
    database: Database, write: Writer, files: dict[str, str], where: str, what: str, remedy: str
) -> None:
    require_untouched(write(files), database, where, what, remedy)
    assert database.one("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == 0


def test_a_statement_that_fails_leaves_the_database_as_before_its_file(database: Database, write: Writer) -> None:
    directory = write({**NINE, "007_n.sql": "CREATE TABLE x ();\nINSERT INTO x\n  SELECT none FROM n1;"})
    error = refusal(directory, database)
    assert error.where.endswith("007_n.sql:3:10"), error.where
    assert "42703" in error.what and "correct the migration" in error.remedy
    assert database.one("SELECT to_regclass('n6') IS NOT NULL AND to_regclass('x') IS NULL")
    assert history(database)[-2:] == [("7", 0, "failed"), ("7", 2, "failed")]
    migrate(write({"007_n.sql": "CREATE TABLE x ();"}), database)
    assert {row[2] for row in history(database)} == {"applied"}
    assert len(history(database)) == 18


def test_the_lint_refuses_warns_and_is_waived(database: Database, write: Writer) -> None:
    migrate(write({"001_a.sql": "CREATE TABLE a AS SELECT generate_series(1, 60000) AS id;"}), database)
    index = "CREATE INDEX a_id ON a (id);"
    directory = write({"002_i.sql": f"\n  {index}"})
    with pytest.raises(InputError) as caught:
        Run(options(directory, database), Lint({"index-create": "error"})).do()
    assert caught.value.where.endswith("002_i.sql:2:3") and "index-create" in caught.value.what
    assert "CREATE INDEX CONCURRENTLY" in caught.value.remedy and "slipway:allow" in caught.value.remedy
    assert database.one("SELECT to_regclass('a_id') IS NULL")
    run = Run(options(directory, database), Lint({"index-create": "warning"}))
    assert [(one["rule"], one["line"]) for one in run.plan().findings if one["rule"] == "index-create"] == [
        ("index-create", 2)
    ]
    write({"002_i.sql": f"-- slipway:allow index-create: the table is empty\n{index}"})
    assert Run(options(directory, database), Lint({"index-create": "error"})).do().done


def test_a_secret_placeholder_is_shown_nowhere(database: Database, write: Writer) -> None:
    text = "CREATE TABLE note_${word} (a int);\nINSERT INTO ${word} VALUES ('${open}');"
    directory = write({"001_s.sql": text})
    arguments = {
        "path": str(directory),
        "dsn": database.dsn(),
        "placeholders": {"open": "seen"},
        "secret_placeholders": {"word": "hunter2"},
    }
    for check in (True, False):
        output = module_output(pg_migrate, **arguments, _ansible_check_mode=check, _ansible_diff=True)
        assert "hunter2" not in output
        assert not check or "INSERT INTO ${word} VALUES ('${open}')" in output
    assert "42P01" in output
    assert "hunter2" not in str(database.sql("SELECT * FROM slipway_migrations"))


def test_the_lint_finds_tables_of_public_behind_those_of_the_tenant(database: Database, write: Writer) -> None:
    database.sql("CREATE SCHEMA tenant; CREATE TABLE shared AS SELECT generate_series(1, 60000) AS id")
    directory = write({"001_i.sql": "CREATE INDEX shared_id ON shared (id);"})
    with pytest.raises(InputError, match="index-create"):
        Run(options(directory, database, schemas=["tenant"]), Lint({})).do()
    assert database.one("SELECT to_regclass('shared_id') IS NULL")


def test_a_file_that_changed_or_went_is_refused(database: Database, write: Writer) -> None:
    directory = write(NINE)
    migrate(directory, database)
    write({"003_n.sql": NINE["003_n.sql"] + "-- changed\n", "010_n.sql": "CREATE TABLE n10 ();"})
    require_untouched(directory, database, "003_n.sql", "with another content", "checksums")
    write({"003_n.sql": NINE["003_n.sql"].replace("\n", "\r\n")})
    (directory / "004_n.sql").rename(directory / "gone")
    require_untouched(directory, database, "004_n.sql", "is missing", "restore the file")


def test_a_lower_version_is_refused_applied_or_ignored(database: Database, write: Writer) -> None:
    directory = write({"001_a.sql": "CREATE TABLE a ();", "003_c.sql": "CREATE TABLE c ();"})
    migrate(directory, database)
    write({"002_b.sql": "CREATE TABLE b ();", "004_d.sql": "CREATE TABLE d ();"})
    require_untouched(directory, database, "002_b.sql", "003_c.sql is applied already", "out_of_order")
    ignored = migrate(directory, database, out_of_order="ignore")
    assert [one["version"] for one in ignored.done] == ["4"]
    applied = migrate(directory, database, out_of_order="apply")
    assert [one["version"] for one in applied.done] == ["2"]


@pytest.mark.parametrize(
    ("more", "what", "remedy"),
    [
        ({"port": "1"}, "", "check host, port and network"),
        ({"dbname": "none"}, "does not exist", "name a database that exists"),
        ({"user": "none"}, 'role "none" does not exist', ""),
        ({"host": "none.invalid"}, "", "check host, port and network"),
    ],
)
def test_a_wrong_address(database: Database, write: Writer, more: dict[str, str], what: str, remedy: str) -> None:
    access = Access(database.dsn(password="hunter2", **more))
    require_untouched(write(FIRST), database, "PostgreSQL", what, remedy, access=access)
    assert "hunter2" not in refusal(write(FIRST), database, access=access).message()


def test_what_is_no_connection_string(database: Database, write: Writer) -> None:
    error = refusal(write(FIRST), database, access=Access("host=x password=hunter2 oops"))
    assert error.where == "dsn" and "hunter2" not in error.message()


def test_a_database_that_takes_no_writes(database: Database, write: Writer) -> None:
    database.sql(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
    require_untouched(write(FIRST), database, "PostgreSQL", "takes no writes", "set it to off")


def test_a_user_without_rights(database: Database, write: Writer) -> None:
    database.sql("DROP ROLE IF EXISTS weak; CREATE ROLE weak LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    access = Access(database.dsn(user="weak"))
    require_untouched(write(FIRST), database, "schema public", "weak may create nothing", "GRANT", access=access)
    access = Access(database.dsn(user="weak"), role=USER)
    require_untouched(write(FIRST), database, "PostgreSQL", "cannot act as the role", "grant it", access=access)
    database.sql("GRANT CREATE ON SCHEMA public TO weak; CREATE TABLE t ()")
    files = {"001_a.sql": "CREATE TABLE a ();\nALTER TABLE t ADD x int;"}
    access = Access(database.dsn(user="weak"))
    require_untouched(
        write(files), database, "001_a.sql:2:1", "must be owner", "grant the database user", access=access
    )


def test_a_role_owns_what_is_made(database: Database, write: Writer) -> None:
    database.sql("DROP ROLE IF EXISTS owner, deployer; CREATE ROLE owner; CREATE ROLE deployer LOGIN IN ROLE owner")
    database.sql("GRANT CREATE ON SCHEMA public TO owner")
    migrate(
        write({"001_a.sql": "CREATE TABLE a (); RESET ROLE;"}),
        database,
        access=Access(database.dsn(user="deployer"), "owner"),
    )
    owners = database.sql("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
    assert owners == [("owner",)]
    assert database.one("SELECT DISTINCT actor FROM slipway_migrations") == "deployer"


def test_a_schema_that_is_not_there(database: Database, write: Writer) -> None:
    require_untouched(write(FIRST), database, "schema other", "does not exist", "create_schemas", schemas=("other",))


def test_a_history_of_a_newer_form_or_of_somebody_else(database: Database, write: Writer) -> None:
    migrate(write(FIRST), database)
    database.sql("COMMENT ON TABLE slipway_migrations IS 'slipway.release: history of migrations, form 2'")
    require_untouched(write(FIRST), database, "public.slipway_migrations", "form 2", "upgrade")
    require_untouched(write(FIRST), database, "public.a", "no history of this runner", "another table", table="a")


def test_an_older_deployment_is_refused(database: Database, write: Writer) -> None:
    migrate(write(FIRST), database, token=5)
    directory = write({"002_b.sql": "CREATE TABLE b ();"})
    require_untouched(directory, database, "slipway_migrations", "token 5", "new deployment", token=4)


def test_a_full_disk(server: Server, database: Database, write: Writer) -> None:
    with small_disk(server, database) as space:
        files = {
            **FIRST,
            "002_b.sql": f"CREATE TABLE b (t text) TABLESPACE {space};\nINSERT INTO b SELECT repeat('x', 2000)"
            " || n FROM generate_series(1, 20000) AS n;",
        }
        directory = write(files)
        migrate(directory, database, target=version_of("1", ""))
        require_untouched(directory, database, "002_b.sql:2:1", "No space left on device", "free space")


@contextmanager
def small_disk(server: Server, database: Database) -> Iterator[str]:
    """A tablespace of 8 MB."""
    place = server.directory / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=0777", "tmpfs", str(place)], check=False)
    if mounted.returncode != 0:
        pytest.skip("this machine mounts nothing")
    try:
        (place / "space").mkdir()
        os.chown(place / "space", server.owner, -1)
        (place / "space").chmod(0o700)
        database.sql(f"CREATE TABLESPACE small LOCATION '{place / 'space'}'")
        yield "small"
        database.sql("DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_pooler(server: Server, database: Database, write: Writer) -> None:
    if not has("pgbouncer"):
        pytest.skip("needs pgbouncer")
    directory = write(FIRST)
    with pooler(server, "transaction") as port:
        dsn = f"host=127.0.0.1 port={port} user={USER} dbname={database.name}"
        require_untouched(directory, database, "PostgreSQL", "a pooler in transaction mode", "5432", access=Access(dsn))
        busy = [psycopg2.connect(dsn) for _number in range(3)]
        for one in busy:
            one.cursor().execute("SELECT 1")
        require_untouched(
            directory, database, "PostgreSQL", "a pooler", "5432", access=Access(dsn), session_pooler=False
        )
        for one in busy:
            one.close()
        require_untouched(
            directory, database, "PostgreSQL", "transaction mode", "5432", access=Access(dsn), session_pooler=True
        )
    with pooler(server, "session") as port:
        dsn = f"host=127.0.0.1 port={port} user={USER} dbname={database.name}"
        require_untouched(
            directory, database, "PostgreSQL", "a pooler is between", "session_pooler", access=Access(dsn)
        )
        migrate(directory, database, access=Access(dsn), session_pooler=True)
    assert history(database) == [("1", 0, "applied"), ("1", 1, "applied")]


@contextmanager
def pooler(server: Server, mode: str) -> Iterator[int]:
    """A PgBouncer before the server; its port."""
    port = server.port + 1
    settings = server.directory / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n* = user={USER} host={server.directory} port={server.port}\n"
        "[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\ndefault_pool_size = 5\n"
        "ignore_startup_parameters = extra_float_digits\n"
    )
    command = ["runuser", "-u", USER, "--", "/usr/sbin/pgbouncer", "--quiet", str(settings)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        for _attempt in range(100):
            try:
                with closing(psycopg2.connect(f"host=127.0.0.1 port={port} user={USER} dbname={USER}")):
                    break
            except psycopg2.OperationalError:
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()
