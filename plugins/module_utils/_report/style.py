# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The style of every report: light and dark, narrow and wide, and on paper (A4). Touches nothing."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark;
  --paper: #ffffff; --ink: #1b1f24; --quiet: #57606a; --line: #d0d7de; --soft: #f6f8fa;
  --blue: #0b57d0; --green: #1a7f37; --bad: #b3261e; --warn: #8a5300; --good: #1a7f37;
  --bad-soft: #fdecea; --warn-soft: #fff4dc; --good-soft: #e6f6ea; }
@media screen and (prefers-color-scheme: dark) { :root {
  --paper: #12161b; --ink: #e6edf3; --quiet: #9da7b3; --line: #39424d; --soft: #1b2129;
  --blue: #79b0ff; --green: #56d364; --bad: #ff8f86; --warn: #f0b648; --good: #56d364;
  --bad-soft: #3a1a19; --warn-soft: #352710; --good-soft: #12301c; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; background: var(--paper); }
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1.25rem 3rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", "DejaVu Sans", sans-serif;
  overflow-wrap: anywhere; }
h1 { margin: 0 0 .25rem; font-size: 1.9rem; line-height: 1.2; letter-spacing: -.01em; }
h2 { margin: 2.5rem 0 .75rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: 1.3rem;
  line-height: 1.3; }
h3 { margin: 1.5rem 0 .25rem; font-size: 1rem; }
p { margin: .5rem 0; max-width: 46rem; }
ul { margin: .5rem 0; padding-left: 1.25rem; max-width: 46rem; }
code { font: .85em/1.4 ui-monospace, "DejaVu Sans Mono", "Liberation Mono", monospace; }
.kind { margin: 0 0 .25rem; color: var(--quiet); font-size: .8rem; letter-spacing: .08em; text-transform: uppercase; }
.lead, .quiet, footer { color: var(--quiet); }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: .85rem; }
.notice { margin: 1.25rem 0; padding: .75rem 1rem; border: 1px solid; border-left-width: 6px; border-radius: 6px; }
.notice p { margin: .25rem 0; }
.notice .heading { font-weight: 700; }
.notice.bad { border-color: var(--bad); background: var(--bad-soft); }
.notice.warn { border-color: var(--warn); background: var(--warn-soft); }
.notice.good { border-color: var(--good); background: var(--good-soft); }
.badge { display: inline-block; padding: 0 .55em; border: 1px solid; border-radius: 1em;
  font-size: .85em; font-weight: 600; }
.badge.bad { color: var(--bad); background: var(--bad-soft); }
.badge.warn { color: var(--warn); background: var(--warn-soft); }
.badge.good { color: var(--good); background: var(--good-soft); }
.badge.plain { color: var(--quiet); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .75rem; margin: 1.25rem 0; }
.tiles > div { padding: .75rem 1rem; border: 1px solid var(--line); border-radius: 8px; background: var(--soft); }
.tiles dt { color: var(--quiet); font-size: .85rem; }
.tiles dd { margin: 0; }
.tiles .figure { font-size: 1.35rem; font-weight: 650; line-height: 1.3; font-variant-numeric: tabular-nums; }
.tiles .note { color: var(--quiet); font-size: .85rem; line-height: 1.4; }
.facts { margin: .75rem 0; }
.facts > div { display: grid; grid-template-columns: 11rem 1fr; gap: 1rem; padding: .35rem 0;
  border-bottom: 1px solid var(--line); }
.facts dt { color: var(--quiet); }
.facts dd { margin: 0; min-width: 0; }
table { width: 100%; margin: .75rem 0 1.25rem; border-collapse: collapse; font-size: .9rem;
  font-variant-numeric: tabular-nums; }
caption { padding: .25rem 0; color: var(--quiet); font-size: .85rem; text-align: left; }
th, td { padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { color: var(--quiet); font-weight: 600; overflow-wrap: normal; }
th:last-child, td:last-child { padding-right: 0; }
.short, .number { white-space: nowrap; }
td:not(.short):not(.number) > span { display: inline-block; min-width: 5.5em; }
.number { text-align: right; }
.number + td:not(.number), .number + th:not(.number) { padding-left: .75rem; }
figure { margin: 1rem 0; }
figcaption { font-weight: 600; }
figure svg { display: block; width: 100%; overflow: visible; }
.plot { display: grid; grid-template-columns: 3.75rem 1fr; padding-right: .25rem; }
svg text { fill: var(--quiet); font-size: 12px; }
svg text.name { fill: var(--ink); }
.grid { stroke: var(--line); stroke-width: 1; }
.stroke { fill: none; stroke-width: 2.25; vector-effect: non-scaling-stroke; stroke-linejoin: round; }
.stroke.blue { stroke: var(--blue); }
.stroke.green { stroke: var(--green); stroke-dasharray: 7 4; }
.area.blue, .dot.blue { fill: var(--blue); }
.area.green, .dot.green { fill: var(--green); }
.area { opacity: .14; }
.hollow { fill: var(--paper); stroke-width: 2; }
.hollow.blue { stroke: var(--blue); }
.hollow.green { stroke: var(--green); }
.bar { stroke-width: 1; }
.bar.good { fill: var(--good); } .bar.bad { fill: var(--bad); } .bar.warn { fill: var(--warn); }
.bar.plain { fill: var(--blue); }
.keys { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: .25rem 0; padding: 0; list-style: none;
  color: var(--quiet); font-size: .85rem; }
.keys svg { display: inline-block; width: 28px; height: 12px; margin-right: .4rem; vertical-align: middle; }
@media screen and (max-width: 40rem) {
  body { padding: 1.25rem 1rem 2rem; }
  h1 { font-size: 1.5rem; }
  .tiles { grid-template-columns: 1fr 1fr; }
  .tiles > div { padding: .6rem .75rem; }
  .tiles .figure { font-size: 1.1rem; }
  .facts > div { grid-template-columns: 1fr; gap: 0; }
  table, tbody, tr, td, caption { display: block; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tr { margin: .5rem 0; padding: .4rem .75rem; border: 1px solid var(--line); border-radius: 8px; }
  td { display: grid; grid-template-columns: 7.5rem 1fr; gap: .75rem; padding: .2rem 0; border: 0; text-align: left; }
  td:not(.short):not(.number) > span { display: inline; min-width: 0; }
  td::before { content: attr(data-name); color: var(--quiet); }
  .short, .number { white-space: normal; }
  .number { text-align: left; }
  .number + td:not(.number) { padding-left: 0; }
}
@media print {
  @page { size: A4; margin: 16mm 15mm 18mm; }
  html { background: none; font-size: 9.5pt; }
  body { max-width: none; padding: 0; background: none; }
  svg text { font-size: 8pt; }
  h1 { font-size: 18pt; } h2 { margin-top: 1.4rem; font-size: 13pt; }
  h2, h3, caption, figcaption { break-after: avoid; }
  figure, .tiles > div, .notice, .facts > div, tr { break-inside: avoid; }
  thead { display: table-header-group; break-after: avoid; }
  tbody tr:first-child, tbody tr:nth-child(2) { break-before: avoid; }
  .tiles { grid-template-columns: repeat(4, 1fr); }
  .tiles .figure { font-size: 12.5pt; }
  table { font-size: 8.5pt; }
  p, li { orphans: 3; widows: 3; }
  .notice, .badge, .area, .bar, .dot { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
"""
