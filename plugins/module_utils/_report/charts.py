# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Charts as SVG that follows the width of the page while texts keep their size. Touches nothing.

Places along the width are shares of it, so that no script measures anything. Every series differs by the form of its
line and of its points too, not by its colour alone. The figures stand in a table beside each chart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .markup import Markup, element, joined
from .words import clock, cut, number

HEIGHT, TOP, FOOT = 168, 22, 22
WIDE = 1000
ROW = 34
TICKS = 3
PARTS = (0, 0.5, 1)


@dataclass(frozen=True)
class Point:
    """One value.

    :param at: milliseconds since the epoch.
    :param exact: whether the time is known.
    """

    at: int
    value: float
    exact: bool = True


@dataclass(frozen=True)
class Series:
    """One line.

    :param form: ``blue`` (whole line, round points) or ``green`` (dashed, square points).
    """

    name: str
    form: str
    points: Sequence[Point]


@dataclass(frozen=True)
class Bar:
    """One bar of a course.

    :param start: milliseconds since the epoch.
    :param kind: ``good``, ``bad``, ``warn`` or ``plain``.
    """

    name: str
    start: int
    end: int
    kind: str
    word: str


@dataclass(frozen=True)
class Column:
    """One column of a bar chart."""

    name: str
    value: int
    kind: str = "plain"


def lines(
    name: str,
    title: str,
    described: str,
    series: Sequence[Series],
    *,
    unit: str,
    top: float,
    step: bool = False,
    until: int = 0,
) -> Markup:
    """A chart of values over time.

    :param name: identifier in the page.
    :param described: what it shows, for those who do not see it.
    :param top: the largest value of the axis at least.
    :param step: whether a value holds until the next one.
    :param until: where the axis ends, unless a point is later.
    """
    points = [point for one in series for point in one.points]
    first, last = min(point.at for point in points), max([until, *(point.at for point in points)])
    highest = _round_up(max([top, *(point.value for point in points)]))
    scale = _Scale(first, max(last, first + 1000), highest)
    drawn = [_grid(scale), _times(scale), *(_line(one, scale, step=step) for one in series)]
    return _figure(name, title, described, drawn, HEIGHT, _keys(series), _axis(scale, unit))


def course(name: str, title: str, described: str, bars: Sequence[Bar]) -> Markup:
    """What took how long, one below the other; the name stands above its bar, so that there is room for it."""
    first, last = min(piece.start for piece in bars), max(piece.end for piece in bars)
    scale = _Scale(first, max(last, first + 1000), 1)
    height = ROW * len(bars) + FOOT
    drawn = [
        element("line", x1=_percent(0), x2=_percent(0), y1=0, y2=height - FOOT, class_="grid"),
        element("line", x1=_percent(1), x2=_percent(1), y1=0, y2=height - FOOT, class_="grid"),
    ]
    for place, piece in enumerate(bars):
        start, end = scale.share(piece.start), scale.share(piece.end)
        top = place * ROW
        drawn += [
            element("text", cut(piece.name), x=_percent(0), dx=4, y=top + 13, class_="name"),
            element("text", piece.word, x=_percent(1), dx=-4, y=top + 13, text_anchor="end"),
            element(
                "rect",
                x=_percent(start),
                y=top + 18,
                width=_percent(max(0.003, end - start)),
                height=9,
                rx=2,
                class_=f"bar {piece.kind}",
            ),
        ]
    return _figure(name, title, described, [*drawn, _times(scale, height)], height, None)


def columns(name: str, title: str, described: str, found: Sequence[Column]) -> Markup:
    """Counts side by side."""
    highest = _round_up(max(1, *(column.value for column in found)))
    scale = _Scale(0, 1, highest)
    wide = 1 / len(found)
    drawn = [_grid(scale)]
    for place, column in enumerate(found):
        top = scale.height(column.value)
        middle = _percent((place + 0.5) * wide)
        drawn.append(
            element(
                "rect",
                x=_percent((place + 0.2) * wide),
                y=top,
                width=_percent(0.6 * wide),
                height=round(HEIGHT - FOOT - top, 1),
                class_=f"bar {column.kind}",
            )
        )
        drawn.append(element("text", column.value, x=middle, y=round(top - 4, 1), text_anchor="middle", class_="name"))
        if len(found) <= 16 and (place % (1 + len(found) // 7) == 0):
            drawn.append(element("text", column.name, x=middle, y=HEIGHT - 6, text_anchor="middle"))
    return _figure(name, title, described, drawn, HEIGHT, None, _axis(scale, ""))


@dataclass(frozen=True)
class _Scale:
    first: int
    last: int
    highest: float

    def share(self, at: int) -> float:
        return (at - self.first) / (self.last - self.first)

    def height(self, value: float) -> float:
        """Pixels from the top."""
        return round(HEIGHT - FOOT - (HEIGHT - FOOT - TOP) * value / self.highest, 1)


def _line(series: Series, scale: _Scale, *, step: bool) -> Markup:
    """The line in a box of its own, which is stretched, and its points, which are not."""
    places = [(scale.share(point.at) * WIDE, scale.height(point.value)) for point in series.points]
    path = [f"M{_short(places[0][0])} {_short(places[0][1])}"]
    for across, down in places[1:]:
        path.append(f"H{_short(across)}V{_short(down)}" if step else f"L{_short(across)} {_short(down)}")
    if step:
        path.append(f"H{WIDE}")
    drawn = [element("path", d="".join(path), class_=f"stroke {series.form}")]
    if step:
        bottom = HEIGHT - FOOT
        area = f"M{_short(places[0][0])} {bottom}V{_short(places[0][1])}{''.join(path[1:])}V{bottom}Z"
        drawn.insert(0, element("path", d=area, class_=f"area {series.form}"))
    box = element(
        "svg", drawn, x=0, y=0, width="100%", height=HEIGHT, viewBox=f"0 0 {WIDE} {HEIGHT}", preserveAspectRatio="none"
    )
    return joined([box, *(_dot(series.form, point, scale) for point in series.points)])


def _dot(form: str, point: Point, scale: _Scale) -> Markup:
    across, down = _percent(scale.share(point.at)), scale.height(point.value)
    look = f"{'dot' if point.exact else 'hollow'} {form}"
    if form == "green":
        return element(
            "svg", element("rect", x=-3.5, y=-3.5, width=7, height=7, class_=look), x=across, y=down, overflow="visible"
        )
    return element("circle", cx=across, cy=down, r=3.75, class_=look)


def _grid(scale: _Scale) -> Markup:
    """Lines at the bottom, in the middle and at the top."""
    heights = [scale.height(scale.highest * part) for part in PARTS]
    return joined(element("line", x1=_percent(0), x2=_percent(1), y1=down, y2=down, class_="grid") for down in heights)


def _axis(scale: _Scale, unit: str) -> Markup:
    """The values of these lines, beside the chart, so that they have the same room at every width."""
    drawn = []
    for part in PARTS:
        value = scale.highest * part
        text = f"{number(value)}{unit}"
        drawn.append(element("text", text, x="100%", dx=-8, y=round(scale.height(value) + 4, 1), text_anchor="end"))
    return element("svg", drawn, class_="axis", width="100%", height=HEIGHT, aria_hidden="true")


def _times(scale: _Scale, height: int = HEIGHT) -> Markup:
    """The hours at both ends and between."""
    drawn = []
    for tick in range(TICKS):
        share = tick / (TICKS - 1)
        anchor = "start" if tick == 0 else "end" if tick == TICKS - 1 else "middle"
        at = scale.first + round((scale.last - scale.first) * share)
        drawn.append(element("text", clock(at), x=_percent(share), y=height - 6, text_anchor=anchor))
    return joined(drawn)


def _keys(series: Sequence[Series]) -> Markup:
    items = []
    for one in series:
        mark = (
            element("rect", x=10.5, y=2.5, width=7, height=7, class_=f"dot {one.form}")
            if one.form == "green"
            else element("circle", cx=14, cy=6, r=3.75, class_=f"dot {one.form}")
        )
        line = element("line", x1=0, x2=28, y1=6, y2=6, class_=f"stroke {one.form}")
        items.append(element("li", element("svg", line, mark, viewBox="0 0 28 12", aria_hidden="true"), one.name))
    return element("ul", items, class_="keys")


def _figure(
    name: str,
    title: str,
    described: str,
    drawn: Sequence[Markup],
    height: int,
    keys: Markup | None,
    axis: Markup | None = None,
) -> Markup:
    svg = element(
        "svg",
        element("title", title, id=f"{name}-title"),
        element("desc", described, id=f"{name}-desc"),
        drawn,
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
        width="100%",
        height=height,
    )
    plot = element("div", axis, svg, class_="plot") if axis else svg
    return element("figure", element("figcaption", title), keys, plot)


def _percent(share: float) -> str:
    return f"{_short(share * 100)}%"


def _short(value: float) -> str:
    """At most two places, the same on every machine."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _round_up(value: float) -> float:
    """The next number that is good to read."""
    size = 1.0
    while size * 10 <= value:
        size *= 10
    while size > value and size > 0.001:
        size /= 10
    return next((size * step for step in (1, 2, 4, 5, 8) if size * step >= value), size * 10)
