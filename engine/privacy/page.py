"""What is held of a person as one HTML file that they can read: no script, no network, light, dark and on paper."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

import orjson

_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#565e68;--page:#fff;--card:#f5f6f8;--rule:#d3d7dc}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--soft:#aab2bc;--page:#14171a;--card:#1d2126;--rule:#3a414a}}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main,header{max-width:72rem;margin:0 auto;padding:0 1.25rem}header{padding-top:2rem}h1{margin:0 0 .25rem;font-size:1.7rem}
h2{margin:2.5rem 0 .25rem;padding-top:1rem;border-top:1px solid var(--rule);font-size:1.35rem}
h3{margin:0 0 .25rem;font-size:1rem}.soft{color:var(--soft)}nav ul{columns:14rem;padding-left:1.2rem}a{color:inherit}
article{margin:.75rem 0;padding:.75rem 1rem;background:var(--card);border:1px solid var(--rule);border-radius:.5rem}
article ul{margin:.25rem 0;padding-left:1.2rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:.25rem 0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}summary{cursor:pointer}
pre{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.85rem}
@media print{article{break-inside:avoid;background:none}details{display:none}}
"""

_TITLES: Mapping[str, str] = {
    "persons": "First seen",
    "identities": "Your names",
    "consents": "What you agreed to",
    "decisions": "Decisions about you",
    "requests": "Calls",
    "contacts": "Contacts",
    "outcomes": "What was reported of them",
    "events": "What you did",
    "signals": "What was concluded",
    "assignments": "Draws that are kept",
    "challenges": "Rules that are only tried",
    "holdings": "Shares of stock and budgets",
    "trials": "Offers that are being learned from",
    "presend_runs": "Sends to many people",
    "access": "Who had access",
}
"""By section, the heading; another section has its name."""


def person_page(document: Mapping[str, Any]) -> str:
    """The document of an export as HTML."""
    return "".join(_parts(document))


def _parts(document: Mapping[str, Any]) -> Iterator[str]:
    title = f"What is held of {escape(document['customer'])}"
    yield f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    yield '<meta name="viewport" content="width=device-width,initial-scale=1">'
    yield f"<style>{_STYLE}</style></head><body><header><h1>{title}</h1>"
    yield f'<p class="soft">Made at {escape(document["made_at"])}. Names: {escape(", ".join(document["names"]))}.</p>'
    held = [name for name in document["sections"] if document[name]]
    yield '<nav aria-label="Sections"><ul>'
    for name in held:
        yield f'<li><a href="#{name}">{_title(name)}</a> ({len(document[name]):,})</li>'
    yield "</ul></nav></header><main>"
    if held in ([], ["access"]):
        yield "<p>Nothing is held under this name.</p>"
    for name in held:
        meaning = escape(document["sections"][name])
        yield f'<section id="{name}"><h2>{_title(name)}</h2><p class="soft">{meaning}</p>'
        for row in document[name]:
            yield _decision(row) if "reasons" in row else f"<article>{_fields(row)}</article>"
        yield "</section>"
    yield "</main></body></html>\n"


def _decision(row: Mapping[str, Any]) -> str:
    heading = f"<h3>{escape(row['at'])}: {escape(row['summary'])}</h3>"
    reasons = _list(row["reasons"])
    drawn = _list([own["meaning"] for own in row["experiments"]])
    others = {
        name: value for name, value in row.items() if name not in ("summary", "reasons", "experiments", "at")
    }
    details = f"<details><summary>Everything that the log holds of it</summary>{_fields(others)}</details>"
    return f"<article>{heading}{reasons}{drawn}{details}</article>"


def _list(texts: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>" if texts else ""


def _fields(row: Mapping[str, Any]) -> str:
    shown = {name: value for name, value in row.items() if value is not None and value != ""}
    pairs = (
        f"<dt>{escape(name.replace('_', ' '))}</dt><dd>{_value(value)}</dd>" for name, value in shown.items()
    )
    return f"<dl>{''.join(pairs)}</dl>"


def _value(value: Any) -> str:
    if isinstance(value, dict | list):
        return f"<pre>{escape(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())}</pre>"
    return escape(str(value))


def _title(name: str) -> str:
    return escape(_TITLES.get(name, name))
