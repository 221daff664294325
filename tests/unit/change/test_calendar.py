# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calendar of a policy, against a second one made of python-dateutil, and against clocks on the wall."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from ansible_collections.slipway.release.plugins.module_utils._change.openings import HORIZON, Calendar
from ansible_collections.slipway.release.plugins.module_utils._change.windows import read_window
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError

from tests.unit.change import calendar_oracle as oracle

UTC = timezone.utc
# Set back by one hour, by half an hour, at midnight, in the other hemisphere; and never.
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Asia/Kolkata")
YEARS = (2016, 2036)
HOLIDAYS = ["2026-12-25", "2026-12-26", "2027-01-01", "2020-05-29", "2031-10-31"]
RULES = (
    "FREQ=MONTHLY;BYMONTHDAY=-3,-2,-1",
    "FREQ=MONTHLY;BYDAY=3TH",
    "FREQ=MONTHLY;BYDAY=-1FR,1MO",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2,1",
    "FREQ=WEEKLY;BYDAY=TU,SU",
    "FREQ=YEARLY;BYMONTH=3,10;BYDAY=-1SU",
    "FREQ=YEARLY;BYDAY=20MO,-2WE",
    "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24,31",
    "FREQ=YEARLY;BYDAY=SA;BYSETPOS=1,-1",
    "FREQ=DAILY;BYMONTH=11;BYDAY=SU",
    "FREQ=DAILY",
    "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13;UNTIL=20300101",
)
ANCHORED = (
    "FREQ=WEEKLY;INTERVAL=2",
    "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=SU,MO",
    "FREQ=WEEKLY;INTERVAL=3;WKST=TH;BYDAY=WE,TH;BYSETPOS=-1",
    "FREQ=MONTHLY;INTERVAL=5;BYMONTHDAY=31,-31",
    "FREQ=MONTHLY",
    "FREQ=YEARLY",
    "FREQ=YEARLY;BYMONTH=2,6",
    "FREQ=YEARLY;INTERVAL=2;BYDAY=1SU;BYMONTH=11",
    "FREQ=DAILY;INTERVAL=9",
)
TIMES = ("00:00", "00:30", "01:00", "01:30", "02:00", "02:30", "03:00", "08:00", "16:00", "23:30")


def drawn_window(rng: random.Random, number: int) -> dict[str, Any]:
    """Any window, often with an end in an hour that some clock skips or shows twice."""
    window: dict[str, Any] = {"name": f"w{number}", "kind": rng.choice(["allow", "deny"])}
    form = rng.choice(["starts", "days", "rrule", "anchored", "last_days", "last_business_days"])
    if form == "starts":
        start = datetime(
            rng.randint(*YEARS), rng.randint(1, 12), rng.randint(1, 28), *map(int, rng.choice(TIMES).split(":"))
        )
        end = start + timedelta(minutes=rng.choice([30, 60, 1440, 1470, 43200]))
        return {**window, "starts": str(start)[:16], "ends": str(end)[:16]}
    if form == "days":
        window["days"] = rng.sample(list(oracle.WEEKDAYS), rng.randint(1, 7))
    elif form == "anchored":
        first = date(rng.randint(2015, 2020), rng.randint(1, 12), rng.randint(1, 28))
        window |= {"rrule": rng.choice(ANCHORED), "starting": str(max(first, date(2015, 11, 2)))}
    elif form == "rrule":
        window["rrule"] = rng.choice(RULES)
    else:
        window[form] = rng.randint(1, 5)
    if rng.random() < 0.7:
        window |= {"from": rng.choice(TIMES), "to": rng.choice([*TIMES, "24:00"])}
    return window


def calendar(windows: list[dict[str, Any]], zone: str, now: datetime, runway: int = 0) -> Calendar:
    empty = {"environments": [], "applications": []}
    days = frozenset(map(date.fromisoformat, HOLIDAYS))
    return Calendar(
        [read_window({**empty, **window}, days, "windows") for window in windows],
        ZoneInfo(zone),
        now,
        environment="production",
        application="shop",
        runway=timedelta(seconds=runway),
    )


def near_clock_changes(zone: str, year: int) -> list[datetime]:
    """Instants of a year every quarter of an hour around each change of the clock."""
    start = datetime(year, 1, 1, tzinfo=UTC)
    hours = [start + timedelta(hours=count) for count in range(366 * 24)]
    known = ZoneInfo(zone)
    offsets = [hour.astimezone(known).utcoffset() for hour in hours]
    changes = [hours[at] for at in range(1, len(hours)) if offsets[at] != offsets[at - 1]]
    return [change + timedelta(minutes=15 * step) for change in changes for step in range(-110, 110)]


def agrees(rng: random.Random, zone: str, year: int) -> int:
    """A policy that is drawn, over one year, at every change of the clock, at every edge, and elsewhere."""
    windows = [drawn_window(rng, number) for number in range(rng.randint(1, 4))]
    runway = rng.choice([0, 0, 900, 3600, 90000])
    begin = datetime(year, 1, 1, tzinfo=UTC)
    ours = calendar(windows, zone, begin, runway)
    theirs = oracle.Oracle(windows, zone, HOLIDAYS, runway)
    drawn = [begin + timedelta(seconds=rng.randrange(366 * 86400)) for _time in range(100)]
    spans = theirs.denied + theirs.allowed
    edges = [
        edge.replace(tzinfo=UTC) + timedelta(seconds=beside)
        for span in rng.sample(spans, min(len(spans), 200))
        for edge in span
        for beside in (-1, 0, 1)
        if edge.year == year
    ]
    asked = [*near_clock_changes(zone, year), *drawn, *edges]
    for at in asked:
        said = (windows, zone, runway, str(at))
        assert ours.at(at).open == theirs.open(at.replace(tzinfo=None)), said
        assert bool(ours.why(at)) != ours.at(at).open, said
    for at in rng.sample(asked, 12):
        horizon = (begin + HORIZON).replace(tzinfo=None)
        expected = theirs.next_open(at.replace(tzinfo=None), horizon)
        assert ours.next_open(at) == (expected and expected.replace(tzinfo=UTC)), (windows, zone, runway, str(at))
    return len(asked)


@pytest.mark.parametrize("zone", ZONES)
def test_agrees_with_dateutil(zone: str) -> None:
    rng = random.Random(f"sample {zone}")
    for _policy in range(6):
        agrees(rng, zone, rng.randint(*YEARS))


@pytest.mark.exhaustive
@pytest.mark.parametrize("zone", ZONES)
def test_agrees_with_dateutil_over_twenty_years(zone: str) -> None:
    rng = random.Random(f"all {zone}")
    asked = sum(agrees(rng, zone, year) for year in range(*YEARS) for _policy in range(4))
    assert asked > 20 * 4 * 100


@pytest.mark.parametrize("zone", ZONES)
def test_agrees_with_the_clock_on_the_wall(zone: str) -> None:
    """Wherever the clock shows each time once, a window is exactly when the clock shows a time in it."""
    rng = random.Random(f"wall {zone}")
    known = ZoneInfo(zone)
    for opens, closes in (("09:00", "16:30"), ("22:00", "04:00"), ("01:30", "02:30")):
        begin = datetime(rng.randint(*YEARS), 1, 1, tzinfo=UTC)
        ours = calendar(
            [{"name": "w", "kind": "allow", "days": ["mon", "sat", "sun"], "from": opens, "to": closes}], zone, begin
        )
        for quarter in range(0, 366 * 96, 5):
            at = begin + timedelta(minutes=15 * quarter + 7)
            shown = at.astimezone(known)
            if shown.replace(fold=0).utcoffset() != shown.replace(fold=1).utcoffset():
                continue
            clock, day, before = shown.strftime("%H:%M"), shown.weekday(), (shown.weekday() - 1) % 7
            if opens < closes:
                inside = day in (0, 5, 6) and opens <= clock < closes
            else:
                inside = (day in (0, 5, 6) and clock >= opens) or (before in (0, 5, 6) and clock < closes)
            assert ours.at(at).open == inside, (zone, str(shown))


def open_at(windows: list[dict[str, Any]], clock: str, zone: str = "Europe/Berlin", runway: int = 0) -> bool:
    at = datetime.fromisoformat(clock).replace(tzinfo=ZoneInfo(zone))
    return calendar(windows, zone, at.astimezone(UTC), runway).at(at.astimezone(UTC)).open


WORKING = {
    "name": "working hours",
    "kind": "allow",
    "days": ["mon", "tue", "wed", "thu"],
    "from": "09:00",
    "to": "16:00",
}
CLOSING = {"name": "period close", "kind": "deny", "last_days": 3}


def test_a_freeze_beats_what_allows() -> None:
    assert open_at([WORKING, CLOSING], "2026-11-24 10:00")
    assert not open_at([WORKING, CLOSING], "2026-11-30 10:00")
    assert not open_at([CLOSING, WORKING], "2026-11-30 10:00")


def test_one_window_that_allows_is_enough_and_none_is_closed() -> None:
    evening = {"name": "evening", "kind": "allow", "days": ["fri"], "from": "20:00", "to": "22:00"}
    assert open_at([WORKING, evening], "2026-11-27 21:00")
    assert not open_at([WORKING, evening], "2026-11-27 10:00")
    assert open_at([], "2026-11-27 10:00")


def test_the_runway_ends_before_a_freeze() -> None:
    assert open_at([CLOSING], "2026-11-27 23:00", runway=3600)
    assert not open_at([CLOSING], "2026-11-27 23:01", runway=3600)
    assert open_at([WORKING], "2026-11-24 15:59", runway=3600), "work that goes on after a window is allowed"


def test_where_the_clock_is_set_back_a_freeze_is_long_and_an_allowance_short() -> None:
    night = {"name": "night", "kind": "deny", "days": ["sun"], "from": "02:00", "to": "02:30"}
    moments = [datetime(2026, 10, 25, 0, 0, tzinfo=UTC) + timedelta(minutes=minutes) for minutes in (0, 45, 75, 90)]
    denied = calendar([night], "Europe/Berlin", moments[0])
    assert [denied.at(moment).open for moment in moments] == [False, False, False, True]
    allowed = calendar([{**night, "kind": "allow"}], "Europe/Berlin", moments[0])
    assert [allowed.at(moment).open for moment in moments] == [False, False, False, False]


def test_business_days_leave_out_holidays_and_a_freeze_holds_between_them() -> None:
    close = {"name": "close", "kind": "deny", "last_business_days": 4}
    # 2026-12-25 is a holiday; the last four are 28, 29, 30 and 31 December.
    assert open_at([close], "2026-12-27 12:00")
    assert not open_at([close], "2026-12-28 00:00")
    # The last four of January 2027 are 26 to 29; the 30th and 31st are a weekend.
    assert not open_at([close], "2027-01-31 12:00")
    assert not open_at([{**close, "kind": "allow"}], "2027-01-31 12:00")


def test_why_names_each_window_and_when_it_ends() -> None:
    at = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
    ours = calendar([WORKING, CLOSING], "Europe/Berlin", at)
    assert ours.why(at) == [
        "freeze period close holds until 2026-12-01 00:00+01:00",
        "it is outside of every window that allows changes: working hours",
    ]
    assert ours.next_open(at) == datetime(2026, 12, 1, 8, 0, tzinfo=UTC)


def test_what_never_opens_says_so() -> None:
    at = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
    ours = calendar([{"name": "shut", "kind": "deny", "rrule": "FREQ=DAILY"}], "UTC", at)
    assert ours.next_open(at) is None
    assert ours.why(at) == ["freeze shut holds for more than 732 days"]


@pytest.mark.parametrize(
    ("changes", "where", "says"),
    [
        ({"days": None}, "w", "either starts and ends"),
        ({"last_days": 3}, "w", "days and last_days"),
        ({"days": ["monday"]}, "w.days", "monday is no weekday"),
        ({"days": []}, "w.days", "no weekday"),
        ({"from": "960"}, "w.from", "in quotes"),
        ({"to": "25:00"}, "w.to", "no time of day"),
        ({"days": None, "last_days": 32}, "w.last_days", "from 1 to 31"),
        ({"days": None, "last_business_days": 0}, "w.last_business_days", "from 1 to 15"),
        ({"days": None, "starts": "2026-12-18"}, "w.ends", "not set"),
        ({"days": None, "starts": "2026-12-18", "ends": "2026-12-17"}, "w.ends", "after it starts"),
        ({"days": None, "starts": "18.12.2026", "ends": "2026-12-19"}, "w.starts", "YYYY-MM-DD"),
        ({"days": None, "starts": "2026-12-18", "ends": "2026-12-19", "from": "09:00"}, "w.from", "no meaning"),
        ({"starting": "2026-01-01"}, "w.starting", "belongs to rrule"),
        ({"days": None, "rrule": "FREQ=HOURLY"}, "w.rrule", "FREQ is HOURLY"),
        ({"days": None, "rrule": "FREQ=DAILY;COUNT=3"}, "w.rrule", "UNTIL=YYYYMMDD"),
        ({"days": None, "rrule": "FREQ=DAILY;BYHOUR=3"}, "w.rrule", "BYHOUR is not understood"),
        ({"days": None, "rrule": "FREQ=WEEKLY"}, "w.rrule", "set starting"),
        ({"days": None, "rrule": "FREQ=DAILY;INTERVAL=2"}, "w.rrule", "set starting"),
        ({"days": None, "rrule": "FREQ=WEEKLY;BYDAY=2MO"}, "w.rrule", "'2MO' in BYDAY"),
        ({"days": None, "rrule": "FREQ=MONTHLY;BYMONTHDAY=32"}, "w.rrule", "'32' in BYMONTHDAY"),
        ({"days": None, "rrule": "FREQ=DAILY;UNTIL=20260230"}, "w.rrule", "is no day"),
        ({"days": None, "rrule": "FREQ=DAILY;UNTIL=202711"}, "w.rrule", "is no day"),
        ({"days": None, "rrule": "FREQ=MONTHLY;BYDAY=9FR"}, "w.rrule", "selects no day"),
        ({"days": None, "rrule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}, "w.rrule", "selects no day"),
        ({"days": None, "rrule": "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=-6"}, "w.rrule", "selects no day"),
    ],
)
def test_a_wrong_window_is_refused_with_its_option(changes: dict[str, Any], where: str, says: str) -> None:
    given = {"name": "w", "kind": "deny", "days": ["mon"], "environments": [], "applications": [], **changes}
    with pytest.raises(InputError) as raised:
        read_window(given, frozenset(), "w")
    assert raised.value.where == where
    assert says in raised.value.message()


@pytest.mark.parametrize("rule", [*RULES, "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "FREQ=DAILY;UNTIL=20000101"])
def test_a_rule_that_is_over_or_rare_is_one(rule: str) -> None:
    read_window({"name": "w", "kind": "deny", "rrule": rule, "environments": [], "applications": []}, frozenset(), "w")
