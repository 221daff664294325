# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run does on a real server: once, beside others, again, back, and from the histories of other runners."""

from __future__ import annotations

import json
import os
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError
from ansible_collections.slipway.release.plugins.module_utils._migrate.files import discover
from ansible_collections.slipway.release.plugins.module_utils._migrate.linting import Lint
from ansible_collections.slipway.release.plugins.module_utils._migrate.names import version_of
from ansible_collections.slipway.release.plugins.module_utils._migrate.report import metrics, report, table
from ansible_collections.slipway.release.plugins.module_utils._migrate.run import Run
from ansible_collections.slipway.release.plugins.module_utils._migrate.session import Access

from .conftest import Writer
from .scene import dump, gives_way, history, in_child, migrate, options, picture, refusal
from .server import Database, Server

RUNNERS = 20
INDEX = "-- slipway:transaction off\nCREATE INDEX CONCURRENTLY {name} ON a (id);\nINSERT INTO done VALUES ('index');"
TABLES = "CREATE TABLE a (id int); INSERT INTO a SELECT generate_series(1, 500); CREATE TABLE done (what text);"


def version(text: str) -> Any:
    return version_of(text, "")


def test_twenty_runners_apply_each_migration_once(database: Database, write: Writer) -> None:
    files = {f"{n:03}_n.sql": f"INSERT INTO done VALUES ('{n}');" for n in range(2, 8)}
    files["004_n.sql"] = INDEX.format(name="a_id")
    directory = write({"001_t.sql": TABLES, **files, "R__v.sql": "INSERT INTO done VALUES ('R');"})
    children = [_forked(directory, database) for _number in range(RUNNERS)]
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * RUNNERS
    counted = database.sql("SELECT what, count(*) FROM done GROUP BY what ORDER BY what")
    assert counted == [(what, 1) for what in ("2", "3", "5", "6", "7", "R", "index")]


def _forked(directory: Path, database: Database) -> int:
    child = os.fork()
    if child == 0:
        ended = in_child(options(directory, database))
        os._exit(os.waitstatus_to_exitcode(ended.status))
    return child


def test_a_second_run_does_nothing(database: Database, write: Writer) -> None:
    directory = write(
        {"001_t.sql": TABLES, "002_i.sql": INDEX.format(name="i"), "R__v.sql": "CREATE VIEW v AS SELECT 1"}
    )
    assert [one["statements"] for one in migrate(directory, database).done] == [3, 2, 1]
    before = database.sql("SELECT * FROM slipway_migrations ORDER BY 1, 2")
    assert migrate(directory, database).done == []
    assert database.sql("SELECT * FROM slipway_migrations ORDER BY 1, 2") == before


def test_a_repeatable_migration_runs_when_it_has_changed(database: Database, write: Writer) -> None:
    text = "CREATE OR REPLACE VIEW v AS SELECT {} AS x;"
    directory = write({"R__v.sql": text.format(1)})
    migrate(directory, database)
    write({"R__v.sql": text.format(2)})
    assert [one["name"] for one in migrate(directory, database).done] == ["v"]
    assert database.one("SELECT x FROM v") == 2
    assert migrate(directory, database).done == []


def test_check_mode_touches_nothing(database: Database, write: Writer) -> None:
    run = Run(options(write({"001_t.sql": TABLES}), database))
    assert [step.key for step in run.plan().plan] == ["1"]
    assert "CREATE TABLE a (id int)" in run.sql()
    assert database.one("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == 0


def test_the_difference_of_the_structure(database: Database, write: Writer) -> None:
    migrate(write({"001_t.sql": TABLES}), database)
    directory = write({"002_c.sql": "ALTER TABLE a ADD note text DEFAULT 'x'; CREATE INDEX i ON a (note);"})
    outcome = Run(options(directory, database), compares=True).do()
    added = set(outcome.after.splitlines()) - set(outcome.before.splitlines())
    assert added == {
        "column public.a.note text DEFAULT 'x'::text",
        "index CREATE INDEX i ON public.a USING btree (note)",
    }


def test_the_structure_leaves_out_the_history_and_nothing_that_names_it(database: Database, write: Writer) -> None:
    migrate(write({"001_t.sql": "SELECT 1;"}), database)
    directory = write({"002_v.sql": "CREATE VIEW slipway_migrations_seen AS SELECT migration FROM slipway_migrations;"})
    outcome = Run(options(directory, database), compares=True).do()
    assert outcome.before == "" and "view public.slipway_migrations_seen" in outcome.after


def test_a_file_that_gets_no_lock_is_tried_again_as_a_whole(database: Database, write: Writer) -> None:
    directory = write({"001_t.sql": TABLES})
    migrate(directory, database)
    write({"002_c.sql": "INSERT INTO done VALUES ('before'); ALTER TABLE a ADD x int;"})
    with closing(psycopg2.connect(database.dsn())) as other:
        other.cursor().execute("SELECT count(*) FROM a")
        giving = gives_way(database, other)
        outcome = migrate(directory, database, lock_timeout_ms=200)
        giving.join()
    assert outcome.done[0]["attempts"] > 1
    assert database.one("SELECT count(*) FROM done") == 1


@pytest.mark.parametrize("sql", ["ALTER TABLE a ADD x int;", "-- slipway:transaction off\nVACUUM FULL a;"])
def test_nobody_waits_long_behind_a_migration(database: Database, write: Writer, sql: str) -> None:
    directory = write({"001_t.sql": TABLES})
    migrate(directory, database)
    write({"002_c.sql": sql})
    longest = 0.0
    with closing(psycopg2.connect(database.dsn())) as other:
        other.cursor().execute("SELECT count(*) FROM a")
        ended: list[str] = []
        runner = threading.Thread(
            target=lambda: ended.append(refusal(directory, database, lock_timeout_ms=100, retry_deadline=3).message())
        )
        runner.start()
        while runner.is_alive():
            began = time.monotonic()
            database.sql("SET statement_timeout = '5s'; SELECT count(*) FROM a")
            longest = max(longest, time.monotonic() - began)
    assert "55P03" in ended[0] and "end the transaction that holds the lock" in ended[0]
    assert 0.05 < longest < 0.6, longest


def test_an_invalid_index_is_dropped_and_built_again(database: Database, write: Writer) -> None:
    directory = write({"001_t.sql": TABLES + "INSERT INTO a VALUES (1);"})
    migrate(directory, database)
    write({"002_i.sql": "-- slipway:transaction off\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS a_id ON a (id);"})
    error = refusal(directory, database)
    assert "23505" in error.what and error.where.endswith("002_i.sql:2:1") and "duplicates" in error.remedy
    assert database.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_id'::regclass") == [(False,)]
    database.sql("DELETE FROM a WHERE ctid IN (SELECT max(ctid) FROM a WHERE id = 1)")
    assert migrate(directory, database).done[0]["resumed"]
    assert database.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_id'::regclass") == [(True,)]
    write({"003_i.sql": "-- slipway:transaction off\nCREATE INDEX CONCURRENTLY a_inverse ON a ((1 / (id - 1)));"})
    assert "an invalid index may have stayed" in refusal(directory, database).remedy
    assert database.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_inverse'::regclass") == [(False,)]


def test_an_index_of_somebody_else_is_not_taken_for_ours(database: Database, write: Writer) -> None:
    directory = write({"001_t.sql": TABLES + "CREATE INDEX a_id ON a ((id + 1));"})
    migrate(directory, database)
    write({"002_i.sql": "-- slipway:transaction off\nCREATE INDEX CONCURRENTLY a_id ON a (id);"})
    for _attempt in range(2):
        assert "42P07" in refusal(directory, database).what
    database.sql("DROP INDEX a_id")
    migrate(directory, database)
    assert database.one("SELECT pg_get_indexdef('a_id'::regclass)").endswith("(id)")


def test_a_file_goes_on_at_the_statement_that_failed(database: Database, write: Writer) -> None:
    head = "-- slipway:transaction off\nCREATE TABLE t (x int);\nINSERT INTO t VALUES (1);\n"
    directory = write({"001_t.sql": head + "INSERT INTO none VALUES (1);\nINSERT INTO t VALUES (3);"})
    assert refusal(directory, database).where.endswith("001_t.sql:4:13")
    write({"001_t.sql": head + "INSERT INTO t VALUES (2);\nINSERT INTO t VALUES (3);"})
    done = migrate(directory, database).done[0]
    assert (done["statements"], done["resumed"]) == (4, True)
    assert database.sql("SELECT x FROM t ORDER BY x") == [(1,), (2,), (3,)]


def test_what_is_applied_of_a_file_must_not_change(database: Database, write: Writer) -> None:
    directory = write({"001_t.sql": "-- slipway:transaction off\nCREATE TABLE t ();\nCREATE TABLE t ();"})
    refusal(directory, database)
    write({"001_t.sql": "-- slipway:transaction off\nCREATE TABLE u ();\nCREATE TABLE w ();"})
    error = refusal(directory, database)
    assert error.where.endswith("001_t.sql:2:1") and "applied already, with another text" in error.what


COMMITTING = """-- slipway:transaction off
CREATE PROCEDURE fill() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO a VALUES (0); COMMIT; END $$;
CALL fill();
DO $$ BEGIN INSERT INTO a VALUES (0); COMMIT; END $$;
CREATE TABLE parts (id int) PARTITION BY RANGE (id);
CREATE INDEX parts_id ON parts (id);
REINDEX TABLE parts;
CLUSTER parts USING parts_id;"""


def test_what_only_the_server_knows_to_run_outside_of_a_transaction(
    server: Server, database: Database, write: Writer
) -> None:
    migrate(write({"001_t.sql": TABLES}), database)
    scratch = server.create(f"{database.name}_scratch")
    scratch.sql(TABLES)
    newest = database.one("SHOW server_version_num") >= "150000"
    directory = write({"002_c.sql": COMMITTING if newest else COMMITTING.partition("CREATE TABLE")[0]})
    migrate(directory, database, scratch=Access(scratch.dsn()))
    assert [one.one("SELECT count(*) FROM a WHERE id = 0") for one in (database, scratch)] == [2, 2]
    write({"003_c.sql": "CALL fill();"})
    assert "slipway:transaction off" in refusal(directory, database).remedy


@pytest.mark.parametrize("head", ["-- slipway:transaction off", ""])
@pytest.mark.parametrize("role", ["", "runner_role"])
def test_the_role_that_a_file_sets_stays_until_its_end(database: Database, write: Writer, head: str, role: str) -> None:
    database.sql("DROP ROLE IF EXISTS runner_role; DROP ROLE IF EXISTS file_role; CREATE ROLE file_role")
    database.sql("CREATE ROLE runner_role; GRANT file_role TO runner_role")
    database.sql("GRANT CREATE ON SCHEMA public TO file_role, runner_role")
    many = "SELECT 1;\n" * 700 if not head else ""
    text = f"{head}\nSET ROLE file_role;\nCREATE TABLE mine ();\n{many}CREATE TABLE mine_too ();"
    directory = write({"001_r.sql": text, "002_n.sql": "CREATE TABLE next ();"})
    migrate(directory, database, access=Access(database.dsn(), role))
    owners = dict(
        database.sql("SELECT relname, relowner::regrole::text FROM pg_class WHERE relkind = 'r' AND oid > 16384")
    )
    runner = role or "postgres"
    assert owners == {"mine": "file_role", "mine_too": "file_role", "next": runner, "slipway_migrations": runner}
    database.sql("DROP OWNED BY file_role, runner_role; DROP ROLE file_role, runner_role")


def test_encodings_and_styles_of_dates_make_no_difference(server: Server, database: Database, write: Writer) -> None:
    directory = write(
        {
            "001_t.sql": "CREATE TABLE t (x text, at date); INSERT INTO t VALUES ('漢', '2026-03-04');",
            "002_d.sql": "-- slipway:transaction off\nRESET ALL;\nSET DateStyle = 'SQL, DMY';\nSELECT now();",
            "003_d.sql": "INSERT INTO t VALUES ('é', '2026-03-05'); SET DateStyle = 'SQL, DMY';",
        }
    )
    database.sql(f"ALTER DATABASE {database.name} SET DateStyle = 'German'")
    access = Access(database.dsn(client_encoding="LATIN1", options="'-c work_mem=5MB'"))
    assert len(migrate(directory, database, access=access).done) == 3
    assert migrate(directory, database, access=access).done == []
    assert database.sql("SELECT x FROM t ORDER BY at") == [("漢",), ("é",)]
    report(options(directory, database, access=access))
    Database(server, "postgres").sql(f"CREATE DATABASE {database.name}_l ENCODING LATIN1 LOCALE 'C' TEMPLATE template0")
    latin = Database(server, f"{database.name}_l")
    error = refusal(directory, latin)
    assert "22P05" in error.what and error.where.endswith("001_t.sql:1:35")
    write({"001_t.sql": "CREATE TABLE t (x text, at date); INSERT INTO t VALUES ('ü', '2026-03-04');"})
    migrate(directory, latin)
    assert latin.sql("SELECT x FROM t ORDER BY at") == [("ü",), ("é",)]


def test_tenants_have_histories_of_their_own(database: Database, write: Writer) -> None:
    directory = write({"001_t.sql": "CREATE TABLE t AS SELECT '${schema} ${currency}' AS x;"})
    given = {"create_schemas": True, "placeholders": {"currency": "EUR"}}
    migrate(directory, database, schemas=("one",), **given)
    outcome = migrate(directory, database, schemas=("one", "two"), **given)
    assert [one["schema"] for one in outcome.done] == ["two"]
    assert [database.one(f"SELECT x FROM {schema}.t") for schema in ("one", "two")] == ["one EUR", "two EUR"]
    assert history(database, "one") == history(database, "two")


def test_each_tenant_is_linted_for_itself(database: Database, write: Writer) -> None:
    database.sql("CREATE SCHEMA one; CREATE SCHEMA two; CREATE TABLE two.a (id int); INSERT INTO two.a VALUES (1)")
    directory = write({"001_t.sql": "CREATE TABLE IF NOT EXISTS a (id int);", "002_i.sql": "CREATE INDEX i ON a (id);"})
    given = {"lint": {"index-create": "error"}, "schemas": ("one", "two")}
    wanted = options(directory, database, **given)
    found = Run(wanted, Lint({})).plan().findings
    assert [(one["schema"], one["rule"]) for one in found] == [("two", "index-create")]
    with pytest.raises(InputError, match="index-create in two"):
        Run(wanted, Lint(wanted.lint)).do()


def test_phases_are_held_back(database: Database, write: Writer) -> None:
    directory = write(
        {
            "001_e.sql": "CREATE TABLE t (a int, b int);",
            "002_c.sql": "-- slipway:phase contract\nALTER TABLE t DROP a;",
            "003_e.sql": "ALTER TABLE t ADD c int;",
        }
    )
    error = refusal(directory, database, phases=("contract",))
    assert "001_e.sql of phase expand has not been applied" in error.what
    assert [one["version"] for one in migrate(directory, database, phases=("expand", "migrate")).done] == ["1", "3"]
    assert [one["version"] for one in migrate(directory, database, phases=("contract",)).done] == ["2"]


def test_back_to_a_version_and_forth_again(database: Database, write: Writer) -> None:
    directory = write(
        {
            "001_t.sql": "CREATE TABLE a (id int);",
            "002_u.sql": "CREATE TABLE u ();\n-- slipway:undo\nDROP TABLE u;",
            "003_i.sql": "-- slipway:transaction off\nCREATE INDEX CONCURRENTLY i ON a (id);",
            "003_i.undo.sql": "-- slipway:transaction off\nDROP INDEX CONCURRENTLY i;",
        }
    )
    migrate(directory, database, target=version("1"))
    first = picture(database)
    migrate(directory, database)
    whole = picture(database)
    error = refusal(directory, database, action="undo", target=version("0"))
    assert "001_t.sql" in error.where and "has no way back" in error.what
    assert picture(database) == whole
    undone = migrate(directory, database, action="undo", target=version("1"))
    assert [one["version"] for one in undone.done] == ["3", "2"]
    assert picture(database) == first
    migrate(directory, database)
    assert picture(database) == whole


def test_a_baseline(database: Database, write: Writer) -> None:
    directory = write({"001_t.sql": "CREATE TABLE t ();", "002_u.sql": "CREATE TABLE u ();"})
    database.sql("CREATE TABLE t ()")
    migrate(directory, database, action="baseline", target=version("1"))
    assert migrate(directory, database, action="baseline", target=version("1")).done == []
    assert [one["version"] for one in migrate(directory, database).done] == ["2"]
    assert "cannot become its baseline" in refusal(directory, database, action="baseline", target=version("1.5")).what
    write({"003_w.sql": "CREATE TABLE w ();"})
    assert "is not applied" in refusal(directory, database, action="baseline", target=version("3")).what
    migrate(directory, database)
    for path in directory.iterdir():
        path.unlink()
    write(
        {"003_all.sql": "CREATE TABLE t (); CREATE TABLE u (); CREATE TABLE w ();", "004_x.sql": "CREATE TABLE x ();"}
    )
    assert "was applied to public with another" in refusal(directory, database).what
    migrate(directory, database, action="baseline", target=version("3"))
    assert [one["version"] for one in migrate(directory, database).done] == ["4"]


def test_what_has_begun_and_lost_its_file_is_forgotten_by_repair(database: Database, write: Writer) -> None:
    write({"001_t.sql": "CREATE TABLE t ();", "002_u.sql": "-- slipway:transaction off\nSELECT 1;\nSELECT none;"})
    directory = write({"003_x.sql": "SELECT 1;"})
    refusal(directory, database)
    (directory / "002_u.sql").unlink()
    assert "action 'repair'" in refusal(directory, database).remedy
    assert [one["action"] for one in migrate(directory, database, action="repair").done] == ["forget failure"]
    assert [one["version"] for one in migrate(directory, database).done] == ["3"]


def test_repair(database: Database, write: Writer) -> None:
    directory = write({"001_t.sql": "CREATE TABLE t ();", "002_u.sql": "SELECT none;"})
    refusal(directory, database)
    write({"001_t.sql": "CREATE TABLE t (); -- changed"})
    assert [one["action"] for one in migrate(directory, database, action="repair").done] == ["forget failure"]
    assert "another content" in refusal(directory, database).what
    assert [one["action"] for one in migrate(directory, database, action="repair", checksums=True).done] == [
        "accept checksum"
    ]
    (directory / "002_u.sql").unlink()
    assert migrate(directory, database).done == []


FLYWAY = """CREATE TABLE flyway_schema_history (installed_rank int PRIMARY KEY, version varchar(50),
description varchar(200), type varchar(20), script varchar(1000), checksum int, installed_by varchar(100),
installed_on timestamp DEFAULT now(), execution_time int, success boolean);
CREATE TABLE t ()"""
FLYWAY_ROW = "INSERT INTO flyway_schema_history VALUES ({}, {}, '{}', '{}', '{}', {}, 'x', now(), 1, {})"


def test_the_history_of_flyway(database: Database, write: Writer) -> None:
    directory = write(
        {
            "V1__first.sql": "SELECT 1;",
            "V2__make_t.sql": "CREATE TABLE t ();\r\n",
            "V3__make_u.sql": "CREATE TABLE u ();",
            "R__a_view.sql": "CREATE VIEW v AS SELECT 1;",
        }
    )
    checksums = {one.key: one.crc32 for one in discover(directory)}
    database.sql(FLYWAY)
    database.sql(FLYWAY_ROW.format(1, "'1'", "<< Flyway Baseline >>", "BASELINE", "x", "NULL", "true"))
    database.sql(FLYWAY_ROW.format(2, "'2'", "make t", "SQL", "V2__make_t.sql", checksums["2"], "true"))
    database.sql(FLYWAY_ROW.format(3, "NULL", "a view", "SQL", "R__a_view.sql", 7, "true"))
    wanted = {"action": "import", "import_from": "flyway"}
    outcome = migrate(directory, database, **wanted)
    assert sorted(one["version"] for one in outcome.done) == ["1", "2"]
    assert migrate(directory, database, **wanted).done == []
    assert [one["file"].rsplit("/")[-1] for one in migrate(directory, database).done] == [
        "V3__make_u.sql",
        "R__a_view.sql",
    ]


def test_the_last_row_of_flyway_decides(database: Database, write: Writer) -> None:
    files = {f"V{n}__m{n}.sql": f"CREATE TABLE t{n} ();" for n in range(1, 7)}
    directory = write(files)
    checksums = {one.key: one.crc32 for one in discover(directory)}
    database.sql(FLYWAY)
    rows = [
        ("'2'", "m2", "SQL", 7),
        ("'2'", "m2", "UNDO_SQL", "NULL"),
        ("'2'", "m2", "SQL", checksums["2"]),
        ("'3'", "m3", "SQL", checksums["3"]),
        ("'3'", "m3", "UNDO_SQL", "NULL"),
        ("'4'", "m4", "JDBC", "NULL"),
        ("'5'", "gone", "SQL", 7),
        ("'5'", "gone", "DELETE", "NULL"),
        ("'1'", "m1", "SQL_BASELINE", 7),
        ("NULL", "x", "SCHEMA", "NULL"),
    ]
    database.sql(FLYWAY_ROW.format(-1, "'2'", "m2", "SQL", "script", 7, "false"))
    for rank, (key, name, kind, checksum) in enumerate(rows):
        database.sql(FLYWAY_ROW.format(rank, key, name, kind, "script", checksum, "true"))
    outcome = migrate(directory, database, action="import", import_from="flyway")
    assert sorted(one["version"] for one in outcome.done) == ["1", "2", "4"]
    assert dict(database.sql("SELECT migration, origin FROM slipway_migrations")) == {
        "1": "baseline",
        "2": "flyway",
        "4": "flyway",
    }
    assert [one["version"] for one in migrate(directory, database, out_of_order="apply").done] == ["3", "5", "6"]
    database.sql(FLYWAY_ROW.format(90, "'9'", "java", "JDBC", "com.example.V9", "NULL", "true"))
    assert "com.example.V9 has no file" in refusal(directory, database, action="import", import_from="flyway").what


def test_what_flyway_says_must_fit(database: Database, write: Writer) -> None:
    directory = write({"V2__make_t.sql": "CREATE TABLE t ();"})
    database.sql(FLYWAY)
    wanted = {"action": "import", "import_from": "flyway"}
    database.sql(FLYWAY_ROW.format(2, "'2'", "make t", "SQL", "V2__make_t.sql", 7, "true"))
    assert "another content (checksum 7" in refusal(directory, database, **wanted).what
    database.sql("UPDATE flyway_schema_history SET success = false")
    assert "failed under Flyway" in refusal(directory, database, **wanted).what
    database.sql("UPDATE flyway_schema_history SET success = true, version = '9'")
    assert "has no file" in refusal(directory, database, **wanted).what
    assert "does not exist" in refusal(directory, database, import_table="none", **wanted).what


def test_the_history_of_golang_migrate(database: Database, write: Writer) -> None:
    files = {f"00000{n}_t.up.sql": f"CREATE TABLE t{n} ();" for n in (1, 2, 3)}
    directory = write({**files, "000003_t.down.sql": "DROP TABLE t3;"})
    database.sql("CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)")
    database.sql("INSERT INTO schema_migrations VALUES (2, true); CREATE TABLE t1 (); CREATE TABLE t2 ()")
    wanted = {"action": "import", "import_from": "golang-migrate"}
    assert "version 2 is dirty" in refusal(directory, database, **wanted).what
    database.sql("UPDATE schema_migrations SET dirty = false")
    assert [one["version"] for one in migrate(directory, database, **wanted).done] == ["1", "2"]
    assert [one["version"] for one in migrate(directory, database).done] == ["3"]
    assert [one["version"] for one in migrate(directory, database, action="undo", target=version("2")).done] == ["3"]


def test_the_report(database: Database, write: Writer) -> None:
    directory = write({"001_t.sql": "CREATE TABLE t ();", "002_u.sql": "SELECT none;", "003_w.sql": "SELECT 1;"})
    (before,) = report(options(directory, database))
    assert (before["version"], before["expected_ms"], before["counts"]["pending"]) == ("", None, 3)
    refusal(directory, database)
    write({"001_t.sql": "CREATE TABLE t (); -- changed"})
    (part,) = found = report(options(directory, database))
    assert [row["state"] for row in part["migrations"]] == ["drifted", "failed", "pending"]
    assert "42703" in part["migrations"][1]["error"]
    assert part["version"] == "1" and part["expected_ms"] is not None
    assert "| public | 2       | u    | expand | failed" in table(found)
    assert 'slipway_migrations{database="shop",schema="public",state="drifted"} 1\n' in metrics(found, "shop")
    json.dumps(found)


def test_the_dump_of_the_server_agrees_with_ours(database: Database, write: Writer) -> None:
    migrate(write({"001_t.sql": TABLES}), database)
    theirs = dump(database, "public")
    assert not theirs or "CREATE TABLE public.a" in theirs
    assert "column public.a.id integer" in picture(database)
