# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files are migrations, in which order, what they say about themselves, and what is refused, where."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError
from ansible_collections.slipway.release.plugins.module_utils._migrate.files import Migration, discover
from ansible_collections.slipway.release.plugins.module_utils._migrate.names import version_of
from ansible_collections.slipway.release.plugins.module_utils._migrate.statements import Statement, statements_of
from ansible_collections.slipway.release.plugins.module_utils._migrate.text import Section

Writer = Callable[[Mapping[str, "str | bytes"]], Path]


def only(directory: Path) -> Migration:
    (found,) = discover(directory)
    return found


def parsed(section: Section | None, **placeholders: str) -> list[Statement]:
    assert section
    return list(statements_of(section.pieces(placeholders), section.first_line, source=str(section.path)))


def refusal(directory: Path, **options: bool) -> str:
    with pytest.raises(InputError) as caught:
        discover(directory, **options)
    return caught.value.message()


def test_the_order_is_that_of_versions_then_of_names(write: Writer) -> None:
    names = ["V10__a.sql", "V2.1__b.sql", "V2__c.sql", "003_d.sql", "R__b.sql", "R__a.sql", "V2.0.1__e.sql"]
    directory = write({**dict.fromkeys(names, "SELECT 1"), "notes.md": "", ".hidden.sql": ""})
    wanted = ["V2__c.sql", "V2.0.1__e.sql", "V2.1__b.sql", "003_d.sql", "V10__a.sql", "R__a.sql", "R__b.sql"]
    assert [str(one) for one in discover(directory)] == wanted
    assert [one.key for one in discover(directory)] == ["2", "2.0.1", "2.1", "3", "10", "R__a", "R__b"]


def test_a_repeatable_one_that_contracts_is_refused(write: Writer) -> None:
    contracts = "-- slipway:lock_timeout 2s\n-- slipway:phase contract\nDROP VIEW v;"
    message = refusal(write({"1_a.sql": contracts, "R__b.sql": contracts}))
    assert "R__b.sql:2: is repeatable and of the phase contract" in message and "give it a version" in message
    assert len(discover(write({"R__b.sql": "-- slipway:phase migrate\nSELECT 1;"}))) == 2


@pytest.mark.parametrize(("one", "other"), [("1", "001"), ("1.0", "1"), ("1_2", "1.2"), ("2.10", "2.010")])
def test_versions_that_are_the_same(one: str, other: str) -> None:
    assert version_of(one, "") == version_of(other, "")


@pytest.mark.parametrize(
    "name", ["001.sql", "001_.sql", "V1_a.sql", "V__a.sql", "V1__.sql", "R_a.sql", "a.sql", "1__a.sql"]
)
def test_a_name_with_a_part_missing_is_refused(write: Writer, name: str) -> None:
    assert f"{name}: the name is not that of a migration" in refusal(write({name: "SELECT 1"}))


def test_a_version_twice_is_refused(write: Writer) -> None:
    message = refusal(write({"001_a.sql": "", "V1.0__b.sql": ""}))
    assert "V1.0__b.sql: version 1 is also that of 001_a.sql. Remedy: give one of them a new number." in message


def test_a_gap_is_refused_where_none_may_be(write: Writer) -> None:
    directory = write({"001_a.sql": "", "002_b.sql": "", "004_c.sql": ""})
    assert len(discover(directory)) == 3
    assert "004_c.sql: version 3 is missing" in refusal(directory, gaps=False)


def test_line_ends_and_marks_make_no_difference(write: Writer) -> None:
    text = "-- slipway:transaction off\nSELECT 'é';\nSELECT 2;\n"
    forms: dict[str, str | bytes] = {
        "1_a.sql": text,
        "2_a.sql": text.replace("\n", "\r\n"),
        "3_a.sql": b"\xef\xbb\xbf" + text.encode(),
        "4_a.sql": b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(),
    }
    found = discover(write(forms))
    assert len({one.checksum for one in found}) == 1
    assert len({one.crc32 for one in found}) == 1
    assert [parsed(one.forward) for one in found] == [parsed(found[0].forward)] * 4
    assert not any(one.forward.directives.transaction for one in found)


def test_another_line_break_is_another_checksum(write: Writer) -> None:
    one, other = discover(write({"1_a.sql": "SELECT\n1;", "2_a.sql": "SELECT 1;"}))
    assert one.checksum != other.checksum


def test_a_line_longer_than_a_piece_is_read_whole(write: Writer) -> None:
    text = "SELECT 1;" * 80_000
    directory = write({"1_a.sql": text + "\r\nSELECT 2;", "2_a.sql": text + "\nSELECT 2;"})
    one, other = discover(directory)
    assert one.checksum == other.checksum
    found = parsed(one.forward)
    assert (len(found), found[-1].line) == (80_001, 2)


def test_directives_of_the_top(write: Writer) -> None:
    text = """/* What
-- it does */
-- slipway:phase contract
--slipway:transaction off
-- slipway:lock_timeout 2s

-- slipway:statement_timeout 10min
-- slipway:allow drop-column: nobody reads it since 1.4
ALTER TABLE t DROP a;
"""
    directives = only(write({"1_a.sql": text})).forward.directives
    assert (directives.phase, directives.transaction) == ("contract", False)
    assert (directives.lock_timeout, directives.statement_timeout) == (2_000, 600_000)
    assert directives.waivers == {"drop-column": "nobody reads it since 1.4"}


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("\n-- slipway:fase expand", 2, "slipway:fase' is unknown"),
        ("-- slipway:phase later", 1, "not one of expand, migrate, contract"),
        ("-- slipway:transaction", 1, "not one of on, off"),
        ("-- slipway:lock_timeout 0ms", 1, "is no duration"),
        ("-- slipway:lock_timeout 5", 1, "is no duration"),
        ("-- slipway:allow drop-table", 1, "needs a rule and a reason"),
        ("SELECT 1;\n-- slipway:phase expand", 2, "behind the first statement"),
        ("SELECT 1;\n-- slipway:undo\nSELECT 2;\n-- slipway:undo", 4, "a second way back"),
        (b"SELECT 1;\nSELECT '\xff';", 1, "not UTF-8"),
    ],
)
def test_what_a_file_must_not_say(write: Writer, text: str | bytes, line: int, says: str) -> None:
    message = refusal(write({"1_a.sql": text}))
    assert f"1_a.sql:{line}:" in message and says in message and "Remedy: " in message


def test_the_way_back_in_the_file(write: Writer) -> None:
    text = "CREATE TABLE t ();\n-- slipway:undo\n-- slipway:lock_timeout 1s\nDROP TABLE t;\n"
    found = only(write({"1_a.sql": text}))
    assert [one.text for one in parsed(found.forward)] == ["CREATE TABLE t ()"]
    assert [(one.text, one.line) for one in parsed(found.undo)] == [("DROP TABLE t", 4)]
    assert found.undo and found.undo.directives.lock_timeout == 1_000
    assert found.forward.directives.lock_timeout is None


def test_the_way_back_in_comments(write: Writer) -> None:
    text = "CREATE TABLE t ();\n-- slipway:undo\n-- DROP TABLE t;\n--   SELECT\n-- 2;\n"
    found = parsed(only(write({"1_a.sql": text})).undo)
    assert [(one.text.split()[0], one.line) for one in found] == [("DROP", 3), ("SELECT", 4)]


def test_an_empty_way_back_is_none(write: Writer) -> None:
    assert only(write({"1_a.sql": "SELECT 1;\n-- slipway:undo\n\n"})).undo is None


@pytest.mark.parametrize(
    ("forward", "undo"),
    [("001_a.sql", "001_a.undo.sql"), ("V1__a.sql", "U1__a.sql"), ("1_a.up.sql", "1_a.down.sql")],
)
def test_the_way_back_beside_the_file(write: Writer, forward: str, undo: str) -> None:
    found = only(write({forward: "SELECT 1;", undo: "SELECT 2;"}))
    assert (found.path.name, found.name) == (forward, "a")
    assert [one.text for one in parsed(found.undo)] == ["SELECT 2"]


def test_two_ways_back_and_one_of_nothing_are_refused(write: Writer) -> None:
    both = write({"1_a.sql": "SELECT 1;\n-- slipway:undo\nSELECT 2;", "1_a.undo.sql": "SELECT 2;"})
    assert "1_a.undo.sql: has a second way back" in refusal(both)
    (both / "1_a.sql").unlink()
    assert "1_a.undo.sql: undoes nothing" in refusal(both)


def test_placeholders_are_replaced_and_missing_ones_refused(write: Writer) -> None:
    directory = write({"1_a.sql": "-- ${ignored}\nSELECT '${a}${b.c}';\nSELECT '${none}';"})
    section = only(directory).forward
    with pytest.raises(InputError, match=r"\$\{none\} has no value") as caught:
        parsed(section, **{"a": "1", "b.c": "2"})
    assert caught.value.where == f"{directory}/1_a.sql:3"
    values = {"a": "1", "b.c": "2", "none": "4"}
    assert [one.text for one in parsed(section, **values)] == ["SELECT '12'", "SELECT '4'"]


def test_placeholders_can_be_off(write: Writer) -> None:
    text = "-- slipway:placeholders off\nSELECT '${a}';"
    assert [one.text for one in parsed(only(write({"1_a.sql": text})).forward)] == ["SELECT '${a}'"]


def test_what_cannot_be_read_is_refused(write: Writer) -> None:
    directory = write({"1_a.sql": "SELECT 1;"})
    os.symlink("nowhere", directory / "2_b.sql")
    assert "2_b.sql: the file cannot be read (No such file or directory)" in refusal(directory)
    assert "none: the directory cannot be read" in refusal(directory / "none")
