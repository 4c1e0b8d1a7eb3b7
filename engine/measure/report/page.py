"""A report as one HTML file: no script, no network, charts as SVG, a table behind each chart, light, dark and on paper."""

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from engine.measure.report.build import Report
from engine.measure.report.figures import Chart, Figure, Grid, GridCell, Section
from engine.measure.report.svg import draw
from engine.measure.report.words import sentences, shown_columns, summary, written

LARGEST = 300_000
"""Bytes of a page; beyond them tables show fewer rows and name the other forms."""

_MOST_LEADS = 6
"""Campaigns in the headline."""

_OPEN_ROWS = 16
"""Longer tables are folded; on paper they are not."""

_LIMITS = re.compile(r"(?P<value>.+?) (?P<limits>\[.*\])(?P<unit>.*)")
_NAME = re.compile(r"`([^`]+)`")

_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#565e68;--page:#fff;--card:#f5f6f8;--rule:#d3d7dc;--mark:#0b62b8;
--good:#0b62b8;--grey:#6b7480;--band:#c9dff5;--alarm:#a4161a;--alarm-page:#fdecec}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--soft:#aab2bc;--page:#14171a;--card:#1d2126;--rule:#3a414a;
--mark:#7cb8f5;--good:#7cb8f5;--grey:#9aa3ad;--band:#23415f;--alarm:#ff9a9a;--alarm-page:#3a1d1f}}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main,header{max-width:72rem;margin:0 auto;padding:0 1.25rem}header{padding-top:2rem}h1{margin:0 0 .25rem;font-size:1.7rem}
h2{margin:3rem 0 .25rem;padding-top:1.25rem;border-top:1px solid var(--rule);font-size:1.35rem}
h3{margin:1.75rem 0 .5rem;font-size:1.05rem}
p{margin:.35rem 0}.soft,caption{color:var(--soft)}nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;
list-style:none;padding:0}
a{color:var(--mark)}.table,.drawing{overflow-x:auto}
.table:focus-visible,.drawing:focus-visible,summary:focus-visible,
a:focus-visible{outline:2px solid var(--mark);outline-offset:2px}
table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}caption{text-align:left;padding:.25rem 0}
th,td{padding:.3rem .75rem .3rem 0;border-bottom:1px solid var(--rule);text-align:left;vertical-align:top;white-space:nowrap}
th.n,td.n{text-align:right}.unseen{position:absolute;width:1px;height:1px;padding:0;overflow:hidden;clip-path:inset(50%)}
thead th{color:var(--soft);font-weight:600}tbody th{font-weight:400}details{margin:.5rem 0}
summary{cursor:pointer;color:var(--mark)}.says{display:inline-block;padding:.05rem .5rem;
border:1px solid var(--rule);border-radius:1rem;
font-size:.8rem;color:var(--soft)}.warned{padding:.4rem .75rem;background:var(--card);border-left:3px solid var(--grey)}
.problem{background:var(--alarm-page);border-left-color:var(--alarm);color:var(--alarm);font-weight:600}
.refused{padding-left:.75rem;border-left:3px solid var(--rule);color:var(--soft)}dl{margin:.5rem 0}
dt{font-weight:600;margin-top:.5rem}
dd{margin:0 0 0 1rem}svg.chart{display:block;width:100%;min-width:620px;max-width:760px;height:auto;margin:.75rem 0}
.limits{display:block;color:var(--soft);font-size:.8rem}.lead{list-style:none;display:flex;flex-wrap:wrap;gap:.75rem;padding:0}
.lead li{flex:1 1 15rem;max-width:26rem;padding:.75rem 1rem;background:var(--card);
border:1px solid var(--rule);border-radius:.5rem}
.lead strong{display:block;font-size:1.9rem;line-height:1.2;font-variant-numeric:tabular-nums}.lead span{display:block}
svg text{fill:var(--ink);font:12px system-ui,sans-serif}
svg .heading{font-weight:600}svg .small{fill:var(--soft);font-size:11px}
.zero{stroke:var(--grey);stroke-dasharray:3 3}
.bar{stroke-width:6;stroke-linecap:round;stroke:var(--grey)}.bar.clear{stroke:var(--good)}.dot{fill:var(--page);stroke:var(--grey);stroke-width:3}
.dot.clear{stroke:var(--good)}.band{fill:var(--band)}.line{fill:none;stroke:var(--good);stroke-width:2}.fill{fill:var(--good)}
footer{max-width:72rem;margin:3rem auto 2rem;padding:1rem 1.25rem;border-top:1px solid var(--rule);
color:var(--soft);font-size:.875rem}
@media print{:root{color-scheme:light;--ink:#000;--soft:#333;--page:#fff;--card:#fff;--rule:#999;--mark:#000;
--good:#000;--grey:#555;--band:#ddd;
--alarm:#000;--alarm-page:#fff}nav{display:none}h2,h3{break-after:avoid}svg,tr,.lead li{break-inside:avoid}
main,header,footer{padding-left:0;padding-right:0}.table,.drawing{overflow:visible}svg.chart{min-width:0;max-width:100%}
details.rows::details-content{content-visibility:visible;display:block;height:auto}
.rows summary,details:not(.rows){display:none}
body{font-size:10pt}table{font-size:7.5pt}th,td{white-space:normal;padding-right:.4rem}.limits{font-size:6.5pt}@page{size:A4;margin:1.5cm}}
"""

_SAYS: Mapping[str, str] = {
    "credit": "Credit: which contact an order is attributed to. Not what caused it.",
    "effect": "Effect: what randomisation shows to be caused. Not who gets the credit.",
}


def page(report: Report) -> bytes:
    """The report as HTML in UTF-8, of at most LARGEST bytes unless the charts alone are more."""
    for most in (200, 100, 50, 25, 12, 5):
        text = _page(report, most).encode()
        if len(text) <= LARGEST:
            break
    return text


def _page(report: Report, most: int) -> str:
    title = f"{report.head.book}: {report.title}"
    links = "".join(
        f'<li><a href="#{escape(part.name)}">{escape(part.title)}</a></li>' for part in report.sections
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f"<header><h1>{escape(title)}</h1><p>{escape(summary(report.head))}</p>{_options(report)}"
        f'{_lead(report)}<nav aria-label="Sections"><ul>{links}</ul></nav></header>'
        f"<main>{''.join(_section(part, number, most) for number, part in enumerate(report.sections))}</main>"
        f"<footer>{_provenance(report)} [low, high] are limits at a level of"
        f" {escape(report.head.options.get('level', ''))}.</footer></body></html>\n"
    )


def _provenance(report: Report) -> str:
    """Of what the bytes of the page are made."""
    as_of = f"{report.head.as_of:%Y-%m-%d %H:%M} UTC"
    if report.head.counted == "decisions":
        return f"The same log up to {as_of}, book and options give the same bytes."
    return f"Decisions and outcomes up to {as_of}; events and remembered signals as the log had them when it was read."


def _options(report: Report) -> str:
    shown = {name: value for name, value in report.head.options.items() if value}
    texts = [f"{name}: {value}" for name, value in shown.items()]
    if report.head.counted == "decisions":
        texts.insert(0, f"campaigns: {', '.join(report.head.campaigns) or 'all'}")
    return f'<p class="soft">{escape("; ".join(texts))}</p>'


def _lead(report: Report) -> str:
    """The headline effects: what a reader came for. A refused one says that there is none, and why stands below."""
    cards = []
    for name, effect in [*report.figures.items()][:_MOST_LEADS]:
        if effect.refused:
            text = "<strong>no answer</strong><span>see below why</span>"
        else:
            value, limits = _divided(written(effect.uplift))
            rates = f"{written(effect.treated_rate, limits=False)} against {written(effect.control_rate, limits=False)}"
            low, high = effect.uplift.low, effect.uplift.high
            clear = "clear" if (low or 0) > 0 or (high or 0) < 0 else "not clear"
            text = (
                f'<strong>{escape(value)}</strong><span class="soft">{escape(limits)}, {clear} of 0</span>'
                f"<span>{escape(effect.metric)}: {escape(rates)} in the control</span>"
            )
        cards.append(f"<li><span>{escape(name)}</span>{text}</li>")
    return f'<ul class="lead" aria-label="Effects of the campaigns">{"".join(cards)}</ul>' if cards else ""


def _divided(text: str) -> tuple[str, str]:
    """The value with its unit, and the limits: `+7.66 pts` and `[7.00, 8.32]`."""
    match = _LIMITS.fullmatch(text)
    return (f"{match['value']}{match['unit']}", match["limits"]) if match else (text, "")


def _section(section: Section, number: int, most: int) -> str:
    charts: dict[str, list[Chart]] = {}
    for chart in section.charts:
        charts.setdefault(chart.grid, []).append(chart)
    parts = [
        f'<section id="{escape(section.name)}" aria-labelledby="h{number}"><h2 id="h{number}">{escape(section.title)}</h2>'
    ]
    parts.append(f"<p>{escape(section.question)}</p>")
    if section.says:
        parts.append(f'<p class="says">{escape(_SAYS[section.says])}</p>')
    parts += [
        f'<p class="{"warned problem" if warned.problem else "warned"}">{escape(warned.text)}</p>'
        for warned in section.warnings
    ]
    for index, grid in enumerate(section.grids):
        if grid.rows:
            parts += _grid(grid, charts.get(grid.name, ()), 100 * number + 10 * index, most)
    parts += [
        f'<p class="refused">Not shown: {_prose(sentence)}</p>' for sentence in _merged(section.refusals)
    ]
    return "".join([*parts, _computed(section), "</section>"])


def _merged(refusals: Sequence[str]) -> list[str]:
    """The sentences, with those that are the same of several subjects as one that names them all."""
    subjects: dict[str, list[str]] = {}
    for sentence in refusals:
        subject, separator, reason = sentence.partition(": ")
        key, name = (reason, subject) if separator and " " not in subject else (sentence, "")
        subjects.setdefault(key, []).append(name)
    return [f"{', '.join(names)}: {reason}" if any(names) else reason for reason, names in subjects.items()]


def _prose(text: str) -> str:
    """The text as HTML; what stands in backquotes is a name."""
    return _NAME.sub(r"<code>\1</code>", escape(text))


def _grid(grid: Grid, charts: "list[Chart] | tuple[Chart, ...]", number: int, most: int) -> Iterator[str]:
    yield f"<h3>{escape(grid.title)}</h3>"
    drawn = [draw(chart, grid, number + index) for index, chart in enumerate(charts)]
    for chart, svg in zip(charts, drawn, strict=True):
        if svg:
            name = escape(chart.title)
            yield f'<p>{name}</p><div class="drawing" role="region" tabindex="0" aria-label="{name}, drawn">{svg}</div>'
    table = _table(grid, most)
    if any(drawn) and not grid.compact:
        yield f'<details class="rows"><summary>The numbers behind it</summary>{table}</details>'
    elif len(grid.rows) > _OPEN_ROWS:
        yield f'<details class="rows"><summary>{len(grid.rows):,} rows</summary>{table}</details>'
    else:
        yield table
    notes = ([grid.note] if grid.note else []) + sentences(grid)
    yield from (f'<p class="soft">{_prose(note)}</p>' for note in notes)
    if grid.compact:
        yield f"<details><summary>All columns</summary>{_table(grid, most, whole=True)}</details>"


def _table(grid: Grid, most: int, *, whole: bool = False) -> str:
    labels = [name for name in grid.labels if any(row.get(name) for row in grid.rows)]
    columns = shown_columns(grid, whole=whole or not grid.compact)
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in labels)
    heads += "".join(f'<th scope="col" class="n">{escape(name)}</th>' for name in columns)
    rows = "".join(
        _row(row, labels, columns, narrow=bool(grid.compact) and not whole) for row in grid.rows[:most]
    )
    hidden = len(grid.rows) - most
    caption = f"{hidden:,} further rows are in JSON, CSV and Parquet" if hidden > 0 else grid.title
    of_class = "" if hidden > 0 else ' class="unseen"'
    return (
        f'<div class="table" role="region" tabindex="0"'
        f' aria-label="{escape(grid.title)}{", all columns" if whole else ""}"><table><caption{of_class}>'
        f"{escape(caption)}</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _row(row: Mapping[str, GridCell], labels: list[str], columns: list[str], *, narrow: bool) -> str:
    heads = "".join(
        f'<th scope="row">{escape(written(row.get(name)))}</th>'
        if index == 0
        else f"<td>{escape(written(row.get(name)))}</td>"
        for index, name in enumerate(labels)
    )
    texts = [
        (row.get(name), written(row.get(name), limits=not (narrow and name.endswith(" rate"))))
        for name in columns
    ]
    cells = "".join(f'<td class="n"{_hint(cell)}>{_number(text)}</td>' for cell, text in texts)
    return f"<tr>{heads}{cells}</tr>"


def _number(text: str) -> str:
    """A number, its limits below it."""
    value, limits = _divided(text)
    return f'{escape(value)} <span class="limits">{escape(limits)}</span>' if limits else escape(text)


def _hint(cell: GridCell | None) -> str:
    """What a pointer shows of a figure that is refused; the sentence stands below the table too."""
    return f' title="{escape(cell.refused)}"' if isinstance(cell, Figure) and cell.refused else ""


def _computed(section: Section) -> str:
    if not section.computations:
        return ""
    entries = []
    for how in section.computations:
        entries.append(f"<dt>{escape(how.what)}</dt><dd>{escape(how.formula)}</dd>")
        if how.n:
            entries.append(f"<dd>n: {escape(how.n)}</dd>")
        if how.exclusions:
            entries.append(f"<dd>left out: {escape(how.exclusions)}</dd>")
    return f"<details><summary>How this was computed</summary><dl>{''.join(entries)}</dl></details>"
