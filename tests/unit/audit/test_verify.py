# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is done to a log is found, with its place; what nobody has touched is never complained about."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._audit import verify as verifying
from ansible_collections.slipway.release.plugins.module_utils._audit.record import Head, made, read
from ansible_collections.slipway.release.plugins.module_utils._audit.store import Files, blocks, opened
from ansible_collections.slipway.release.plugins.module_utils._audit.verify import Finding, Report, verify

from .made import STREAM, an_event, files, filled, lines, log

RECORDS, SEGMENTS = 21, 3


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Head]:
    """An untouched log of three segments."""
    directory = tmp_path_factory.mktemp("original")
    return directory, filled(directory, RECORDS, SEGMENTS)


@pytest.fixture
def copied(original: tuple[Path, Head], tmp_path: Path) -> Path:
    """A copy that may be changed."""
    shutil.copytree(original[0], tmp_path / "log")
    return tmp_path / "log"


def report(directory: Path, head: Head) -> Report:
    """With a checkpoint at the head."""
    return verify(files(directory), {head.seq: head.hash})


def only(found: Report) -> Finding:
    """The one finding."""
    assert len(found.findings) == 1, found.findings
    return found.findings[0]


def test_an_untouched_log_is_intact(original: tuple[Path, Head]) -> None:
    found = report(*original)
    assert (found.verdict, found.findings) == (verifying.INTACT, [])
    assert (found.records, found.head, found.proven) == (original[1].seq, original[1], original[1].seq)


def test_without_a_checkpoint_nothing_is_proven(original: tuple[Path, Head]) -> None:
    found = verify(files(original[0]), {})
    assert found.verdict == verifying.UNPROVEN
    assert (only(found).kind, only(found).line, only(found).seq) == ("unproven", 1, 1)


def test_a_tail_beyond_the_checkpoint_is_unproven(original: tuple[Path, Head]) -> None:
    second = files(original[0]).plain(2)
    line = read(lines(second)[3][:-1])
    found = verify(files(original[0]), {line.seq: line.hash})
    assert (found.verdict, found.proven) == (verifying.UNPROVEN, line.seq)
    assert (only(found).file, only(found).line, only(found).seq) == (str(second), 5, line.seq + 1)


def test_no_log_at_all(tmp_path: Path) -> None:
    assert verify(files(tmp_path), {}).verdict == verifying.INTACT
    found = verify(files(tmp_path), {5: "ab" * 32})
    assert only(found).kind == "truncated"


def test_an_edit_has_its_place(original: tuple[Path, Head], copied: Path) -> None:
    path = files(copied).plain(2)
    changed = lines(path)
    seq = read(changed[2][:-1]).seq
    changed[2] = changed[2].replace(b'"success"', b'"failure"')
    path.write_bytes(b"".join(changed))
    finding = only(report(copied, original[1]))
    assert (finding.kind, finding.file, finding.line, finding.seq) == ("edited", str(path), 3, seq)


def test_an_edit_whose_hash_was_made_anew_has_its_place(original: tuple[Path, Head], copied: Path) -> None:
    path = files(copied).plain(2)
    changed = lines(path)
    before, victim = read(changed[1][:-1]), read(changed[2][:-1])
    changed[2] = made(STREAM, Head(2, before.seq, before.hash), {**victim.event, "outcome": "failure"})[0]
    path.write_bytes(b"".join(changed))
    finding = only(report(copied, original[1]))
    assert (finding.kind, finding.line, finding.seq) == ("edited", 3, victim.seq)


def test_an_edit_of_the_last_record_is_found_without_a_checkpoint(copied: Path) -> None:
    path = files(copied).current
    changed = lines(path)
    changed[-1] = changed[-1].replace(b'"success"', b'"failure"')
    path.write_bytes(b"".join(changed))
    found = verify(files(copied), {})
    assert (found.verdict, found.counts["edited"], found.findings[0].line) == ("broken", 1, len(changed))


def test_what_is_written_while_it_is_read_is_not_read(copied: Path) -> None:
    path = files(copied).current
    before = path.read_bytes()
    with opened(files(copied), 3) as segments:
        with path.open("ab") as handle:
            handle.write(b"half of a li")
        assert [line for it in segments for block in blocks(it.handle, it.size) for line in block] == (
            before.splitlines()
        )


def test_a_log_that_begins_while_it_is_opened_misses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = Files.closed
    begun: list[int] = []

    def begin(found: Files) -> dict[int, Path]:
        before = closed(found)
        if not begun:
            begun.append(1)
            filled(tmp_path)
        return before

    monkeypatch.setattr(Files, "closed", begin)
    found = verify(files(tmp_path), {})
    assert (found.verdict, found.records) == (verifying.UNPROVEN, log(tmp_path).head().seq)


def test_a_missing_record_has_its_place(original: tuple[Path, Head], copied: Path) -> None:
    path = files(copied).plain(1)
    changed = lines(path)
    gone = [read(line[:-1]).seq for line in changed[3:5]]
    path.write_bytes(b"".join(changed[:3] + changed[5:]))
    finding = only(report(copied, original[1]))
    assert (finding.kind, finding.file, finding.line, finding.seq) == ("missing", str(path), 4, gone[0])
    assert "2 records" in finding.message


def test_a_missing_segment_has_its_place(original: tuple[Path, Head], copied: Path) -> None:
    seq = read(lines(files(copied).plain(2))[0][:-1]).seq
    files(copied).plain(2).unlink()
    finding = only(report(copied, original[1]))
    assert (finding.kind, finding.file, finding.line, finding.seq) == ("missing", str(files(copied).current), 1, seq)


def test_the_first_segment_without_a_tombstone_is_missing(original: tuple[Path, Head], copied: Path) -> None:
    files(copied).plain(1).unlink()
    finding = only(report(copied, original[1]))
    assert (finding.kind, finding.file, finding.seq) == ("missing", str(files(copied).plain(2)), 1)


def test_swapped_records_have_their_place(original: tuple[Path, Head], copied: Path) -> None:
    path = files(copied).current
    changed = lines(path)
    seq = read(changed[4][:-1]).seq
    changed[4], changed[5] = changed[5], changed[4]
    path.write_bytes(b"".join(changed))
    finding = only(report(copied, original[1]))
    assert (finding.kind, finding.line, finding.seq) == ("reordered", 6, seq)


def test_a_cut_tail_has_its_place(original: tuple[Path, Head], copied: Path) -> None:
    path = files(copied).current
    kept = lines(path)[:-2]
    path.write_bytes(b"".join(kept))
    finding = only(report(copied, original[1]))
    assert (finding.kind, finding.line, finding.seq) == ("truncated", len(kept), original[1].seq - 2)


def test_a_cut_segment_has_its_place(original: tuple[Path, Head], copied: Path) -> None:
    path = files(copied).plain(1)
    kept = lines(path)[:-2]
    path.write_bytes(b"".join(kept))
    found = report(copied, original[1])
    assert ("truncated", str(path), len(kept)) in [(it.kind, it.file, it.line) for it in found.findings]
    assert found.counts["missing"] == 1


def test_a_replayed_prefix_is_a_fork(original: tuple[Path, Head], copied: Path) -> None:
    path = files(copied).current
    replayed = lines(path)[1:3]
    with path.open("ab") as handle:
        handle.write(b"".join(replayed))
    found = report(copied, original[1])
    assert found.counts["forked"] == 2 and found.verdict == verifying.BROKEN


def test_a_log_that_was_written_anew_is_a_fork_at_the_checkpoint(original: tuple[Path, Head], copied: Path) -> None:
    shutil.rmtree(copied)
    writer = log(copied)
    for number in range(original[1].seq + 5):
        writer.append([an_event(number)])
    finding = report(copied, original[1]).findings[0]
    assert (finding.kind, finding.seq, finding.line) == ("forked", original[1].seq, original[1].seq)


def test_a_stream_under_the_name_of_another_is_found(original: tuple[Path, Head], copied: Path) -> None:
    top = copied / "other"
    files(copied).top.rename(top)
    other = type(files(copied))(copied, "other")
    assert verify(other, {original[1].seq: original[1].hash}).verdict == verifying.BROKEN


def test_a_crash_of_the_last_write_is_no_alarm(original: tuple[Path, Head], copied: Path) -> None:
    with files(copied).current.open("ab") as handle:
        handle.write(b'{"chain":')
    found = report(copied, original[1])
    assert found.verdict == verifying.UNPROVEN
    assert "torn" in only(found).message


def test_a_packed_segment_that_cannot_be_unpacked_has_its_place(original: tuple[Path, Head], copied: Path) -> None:
    log(copied).rotate()
    packed = files(copied).packed(1)
    data = packed.read_bytes()
    packed.write_bytes(data[: len(data) // 2])
    found = report(copied, original[1])
    assert found.verdict == verifying.BROKEN
    assert str(packed) in {it.file for it in found.findings}


def test_a_line_larger_than_any_record_is_read_in_pieces(original: tuple[Path, Head], copied: Path) -> None:
    with files(copied).current.open("ab") as handle:
        for _block in range(8):
            handle.write(b"x" * (1 << 20))
        handle.write(b"\n")
    found = report(copied, original[1])
    assert found.counts["edited"] == 1 and found.verdict == verifying.BROKEN


def test_the_number_of_findings_is_bounded_and_all_are_counted(original: tuple[Path, Head], copied: Path) -> None:
    with files(copied).current.open("ab") as handle:
        handle.write(b"x\n" * 5000)
    found = report(copied, original[1])
    assert len(found.findings) == verifying.MOST_FINDINGS
    assert found.counts["edited"] == 5000


def test_reading_from_a_later_segment_proves_what_follows(original: tuple[Path, Head], copied: Path) -> None:
    line = read(lines(files(copied).plain(2))[2][:-1])
    files(copied).plain(1).unlink()
    found = verify(files(copied), {line.seq: line.hash, original[1].seq: original[1].hash}, since=2)
    assert (found.verdict, found.proven) == (verifying.INTACT, original[1].seq)
    assert verify(files(copied), {line.seq: "ab" * 32}, since=2).counts["forked"] == 1
