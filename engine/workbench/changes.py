"""Whom the changes between two versions of a book concern: the conditions of what changes, before and afterwards."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.conditions.model import ALWAYS, Condition
from engine.conditions.trace import phrase_of
from engine.rulebook.model.book import Book

MOST_CONCERNED = 200
"""Changes whose customers are said; of more, only the first."""


_LONGEST_PHRASE = 500
"""Characters of a condition."""


def concerned_document(
    old: Book | None, new: Book | None, changed: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """`concerned`: for each change that says for whom it holds, the condition in both books.

    changed: section and name of what differs. old, new: None where this program does not load it. `old` and `new` of a row
    are conditions, None where the book has nothing of this name, empty where it holds for everybody. `concerned_cut`:
    whether there are more.
    """
    before, after = _conditions(old), _conditions(new)
    keys = [key for key in changed if key in before or key in after]
    keys += [key for key in _moved(before, after) if key not in keys]
    rows = [
        {
            "section": section,
            "name": name,
            "old": _phrase(before.get((section, name))),
            "new": _phrase(after.get((section, name))),
        }
        for section, name in keys[:MOST_CONCERNED]
    ]
    return {"concerned": rows, "concerned_cut": len(keys) > MOST_CONCERNED}


def _conditions(book: Book | None) -> dict[tuple[str, str], Condition]:
    """The condition of everything that holds for somebody, by section and name."""
    return {} if book is None else dict(_listed(book))


def _listed(book: Book) -> Iterator[tuple[tuple[str, str], Condition]]:
    for name, campaign in book.campaigns.items():
        yield ("campaigns", name), campaign.when
    for name, condition in book.audiences.items():
        yield ("audiences", name), condition
    rules = book.pressure
    for kind, policies in (("caps", rules.caps), ("gaps", rules.gaps), ("pauses", rules.pauses)):
        for name, policy in policies.items():
            yield (f"pressure.{kind}", name), policy.when
    for name, quiet in rules.quiet.items():
        yield ("pressure.quiet", name), quiet.when


def _moved(
    before: Mapping[tuple[str, str], Condition], after: Mapping[tuple[str, str], Condition]
) -> list[tuple[str, str]]:
    """What holds for others by an audience that it names, though its own text is the same."""
    return [key for key, condition in after.items() if key in before and condition != before[key]]


def _phrase(condition: Condition | None) -> str | None:
    if condition is None:
        return None
    if condition == ALWAYS:
        return ""
    phrase = phrase_of(condition)
    return phrase if len(phrase) <= _LONGEST_PHRASE else phrase[: _LONGEST_PHRASE - 1] + "…"
