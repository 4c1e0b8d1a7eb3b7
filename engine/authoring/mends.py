"""What mends the remarks of the linter: the changes that each of them names, where it is clear what is to be written."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from engine.authoring.analyse import Analysis
from engine.authoring.edits import BookText, Edit
from engine.authoring.fixes import Fix, fixes, is_sound
from engine.authoring.place import spot_at
from engine.rulebook.lint.content import languages_of_fallback, languages_of_variant, left_out
from engine.rulebook.model.book import Book, Content
from engine.rulebook.report.diagnostics import Code, Diagnostic, Severity, quote
from engine.rulebook.report.findings import Path

_OPPOSITES = {"ne": "eq", "not_in": "in"}
_DISPENSABLE = frozenset(("clock", "until", "hold", "confirm", "max_per_category", "group", "budget"))
"""Keys without which a book says the same, where they are said to have no effect."""
_MEASURED = ("behaviour", "contact", "trend", "near")
"""Keys of conditions whose value is more than a test."""
_CATEGORY = re.compile(r"`sensitive: (\w+)`")
_KEEP = re.compile(r"`keep: (\w+)`.* at most (\w+)")


def sound_fixes(
    analysis: Analysis,
    contents: Mapping[str, bytes],
    diagnostic: Diagnostic,
    analyse_again: Callable[[Mapping[str, bytes]], Analysis],
) -> list[Fix]:
    """The fixes of the diagnostic, the likeliest first and the comment that ignores it last.

    Of a book that loads they are tried: those after which it does not, or has a warning more, are left out.
    """
    words = list(fixes(diagnostic))
    if analysis.book is None or diagnostic.severity is Severity.ERROR:
        return words
    mended = _Mends(analysis, analysis.book, diagnostic, BookText(analysis)).all()
    likely = [fix for fix in words if fix.is_preferred]
    tried = [
        fix for fix in (*likely, *mended) if is_sound(fix, diagnostic, analysis, contents, analyse_again)
    ]
    return [*tried, *(fix for fix in words if not fix.is_preferred)]


@dataclass(frozen=True, slots=True)
class _Mends:
    """Looks for what mends one remark."""

    analysis: Analysis
    book: Book
    diagnostic: Diagnostic
    text: BookText

    def all(self) -> Iterator[Fix]:
        """The mends, the one that changes least first; whether the book loads after them is not known."""
        spot = spot_at(self.analysis, self.diagnostic.file, self.diagnostic.line, self.diagnostic.column)
        by_code: Mapping[Code, Callable[[Path], Iterator[Fix]]] = {
            Code.UNUSED: self._unused,
            Code.DOMINATED: self._dominated,
            Code.NO_EFFECT: self._without_effect,
            Code.PAST: self._past,
            Code.UNREACHABLE_VARIANT: self._unreachable,
            Code.ALWAYS_TRUE: self._always,
            Code.NEVER_TRUE: self._never,
            Code.CONTAINS_EMPTY: self._contains_empty,
            Code.MAY_BE_MISSING: self._may_be_missing,
            Code.NO_END: self._no_end,
            Code.STOCK_BY_VIEWS: self._stock_by_views,
            Code.NOTHING_SCARCE: self._nothing_scarce,
            Code.LAPSES: self._lapses,
            Code.BEYOND_KEPT: self._beyond_kept,
            Code.SENSITIVE_NAME: self._sensitive_name,
            Code.LOCALE_MISSING: self._language_missing,
            Code.LOCALE_FIELD: self._language_incomplete,
        }
        mend = by_code.get(self.diagnostic.code)
        if mend is not None and spot is not None:
            yield from mend(spot.path)

    def _deleted(self, title: str, path: Path, *, above: int = 0, name: bool = False) -> Iterator[Fix]:
        """name: whether the key that the path ends in is a declared name."""
        edit = self.text.deletion(path, above=above)
        if edit is not None:
            yield Fix(title, (edit,), deleted=path if name else ())

    def _added(self, title: str, path: Path, key: str, text: str) -> Iterator[Fix]:
        edit = self.text.addition(path, {key: text})
        if edit is not None:
            yield Fix(title, (edit,))

    def _replaced(self, title: str, path: Path, text: str) -> Iterator[Fix]:
        edit = self.text.replacement(path, text)
        if edit is not None:
            yield Fix(title, (edit,))

    def _unused(self, path: Path) -> Iterator[Fix]:
        if len(path) == 2:
            noun = str(path[0]).removesuffix("s")
            yield from self._deleted(f"Delete the {noun} {quote(str(path[1]))}", path, above=1, name=True)

    def _dominated(self, path: Path) -> Iterator[Fix]:
        if path[0] == "pressure":
            title = f"Delete {quote(str(path[-1]))}, which never blocks"
            yield from self._deleted(title, path, above=2, name=True)
        else:
            yield from self._deleted("Delete the limit, which never blocks", path, above=1)

    def _without_effect(self, path: Path) -> Iterator[Fix]:
        key = str(path[-1])
        if path[0] == "pressure" and len(path) == 3:
            yield from self._deleted(f"Delete {quote(key)}, which counts nothing", path, above=2, name=True)
        elif (
            key in _DISPENSABLE
            or (path[0] == "events" and len(path) == 2)
            or (path[0] == "pressure" and key == "within")
            or path[-2:-1] == ("format",)
        ):
            yield from self._deleted(f"Take out `{key}`, which has no effect", path, above=1)

    def _past(self, path: Path) -> Iterator[Fix]:
        if path[0] == "pressure":
            name = quote(str(path[2]))
            yield from self._deleted(
                f"Delete {name}, which blocks nothing any more", path[:3], above=2, name=True
            )
        else:
            title = f"Delete the {str(path[0]).removesuffix('s')} {quote(str(path[1]))}, which is over"
            yield from self._deleted(title, path[:2], above=1, name=True)

    def _unreachable(self, path: Path) -> Iterator[Fix]:
        yield from self._deleted(f"Delete the variant {quote(str(path[3]))}, which nobody gets", path[:4])

    def _always(self, path: Path) -> Iterator[Fix]:
        if "none" in path:
            return
        if "any" in path:  # as one alternative always holds, so do they together
            path = path[: path.index("any") + 1]
        within = max((index for index, key in enumerate(path) if key in _MEASURED), default=-1)
        is_measure = within >= 0 and path[within + 1 : within + 2] != ("where",)
        if is_measure and len(path) == within + 3 and self.text.deletion(path) is None:
            path = path[: within + 1]  # the only test of what is counted
        title = f"Take out `{path[-1]}`, which always holds"
        yield from self._deleted(title, path, above=len(path) - 3)

    def _never(self, path: Path) -> Iterator[Fix]:
        last = max((index for index, key in enumerate(path) if key in ("any", "none")), default=-1)
        if last < 0 or "none" in path or any(key in (*_MEASURED, "where") for key in path[last:]):
            return
        yield from self._deleted("Take out the alternative, which never holds", path[: last + 2])

    def _contains_empty(self, path: Path) -> Iterator[Fix]:
        yield from self._replaced(f"Write exists: true in place of `{path[-1]}`", path, "exists: true")

    def _may_be_missing(self, path: Path) -> Iterator[Fix]:
        operator, value = str(path[-1]), self.text.written(path)
        if "none" in path or value is None or len(path) < 3 or operator not in _OPPOSITES:
            return
        name = str(path[-2])
        if self.text.deletion(path) is None:  # it is the only operator
            title = f"Let customers without {quote(name)} pass: write it as `none`"
            yield from self._replaced(
                title, path[:-1], f"none: [{{{name}: {{{_OPPOSITES[operator]}: {value}}}}}]"
            )
        title = f"Leave out customers without {quote(name)}, as now: add exists: true"
        yield from self._added(title, path[:-1], "exists", "true")

    def _no_end(self, path: Path) -> Iterator[Fix]:
        yield from self._limited(path, 2)
        title = "Stop for 30 days when they buy: add stop: {converted: 30d}"
        if (*path, "stop") in self.analysis.keys:
            yield from self._added(title, (*path, "stop"), "converted", "30d")
        else:
            yield from self._added(title, path, "stop", "{converted: 30d}")

    def _stock_by_views(self, path: Path) -> Iterator[Fix]:
        yield from self._limited(path[:2], 1)

    def _limited(self, path: Path, limit: int) -> Iterator[Fix]:
        title = f"Limit it to {limit} in 30 days for one customer: add limits"
        text = f"{{limit: {limit}, per: rolling 30d}}"
        if (*path, "limits") in self.analysis.keys:
            yield from self._added(title, (*path, "limits"), "per_customer", text)
        else:
            yield from self._added(title, path, "limits", f"{{per_customer: {text}}}")

    def _nothing_scarce(self, path: Path) -> Iterator[Fix]:
        yield from self._deleted("Take out `scarce`", path, above=1)

    def _lapses(self, _: Path) -> Iterator[Fix]:
        named = [name for name in self.book.channels if f"on {quote(name)} after" in self.diagnostic.message]
        keys = ("on_silence", "hold")
        edits = [edit for name in named for edit in self.text.deletions(("channels", name), keys)]
        if edits:
            title = f"Let contacts on {', '.join(map(quote, named))} count on: take out `on_silence: release`"
            yield Fix(title, tuple(edits))

    def _beyond_kept(self, path: Path) -> Iterator[Fix]:
        spans = _KEEP.search(self.diagnostic.hint)
        if spans is None or path[-1] != "within":
            return
        title = f"Write within: {spans[2]}, which is what is counted"
        yield from self._replaced(title, path, f"within: {spans[2]}")
        title = f"Keep events for {spans[1]}"
        if ("events", "keep") in self.analysis.keys:
            yield from self._replaced(title, ("events", "keep"), f"keep: {spans[1]}")
        else:
            yield from self._added(title, ("events",), "keep", spans[1])

    def _sensitive_name(self, path: Path) -> Iterator[Fix]:
        category = _CATEGORY.search(self.diagnostic.hint)
        if category is not None:
            title = f"Declare it sensitive: {category[1]}"
            yield from self._added(title, path, "sensitive", category[1])

    def _language_missing(self, path: Path) -> Iterator[Fix]:
        if path[0] == "placements":
            placement = self.book.placements[str(path[1])]
            owner: Path = ("offers", str(placement.fallback))
            lacking = languages_of_fallback(placement, self.book)
        else:
            variants = {variant.name: variant for variant in self.book.campaigns[str(path[1])].variants}
            owner, contents = path[:4], [variant.content for variant in variants.values()]
            lacking = languages_of_variant(variants[str(path[3])].content, contents, self.book.locale)
        content = self._content(owner)
        if content is None or not lacking:
            return
        by_channel = {
            key: {name: text for name in fields if (text := self._written(owner, key, name))}
            for key, fields in {"default": content.default, **content.channels}.items()
        }
        texts = {key: _mapping(fields) for key, fields in by_channel.items() if fields}
        text = texts["default"] if list(texts) == ["default"] else _mapping(texts)
        entries = dict.fromkeys(lacking, text)
        languages = ", ".join(lacking)
        title = f"Add {languages} with the texts of the default language, to be translated"
        if (*owner, "locales") in self.analysis.keys:
            edit = self.text.addition((*owner, "locales"), entries)
        else:
            edit = self.text.addition(owner, {"locales": _mapping(entries)})
        if edit is not None and texts:
            yield Fix(title, (edit,))

    def _language_incomplete(self, path: Path) -> Iterator[Fix]:
        owner, locale = path[:-2], str(path[-1])
        content = self._content(owner)
        if content is None:
            return
        edits: list[Edit | None] = []
        names: list[str] = []
        for key, fields in left_out(content, locale).items():
            inside = (*path, key) if (*path, key) in self.analysis.keys else path
            texts = {name: text for name in fields if (text := self._written(owner, key, name))}
            edits.append(self.text.addition(inside, texts) if texts else None)
            names += fields
        if edits and None not in edits:
            title = f"Add {', '.join(dict.fromkeys(names))} in the default language, to be translated"
            yield Fix(title, tuple(edit for edit in edits if edit is not None))

    def _content(self, owner: Path) -> Content | None:
        """The content of an offer, or of a variant of a campaign."""
        if owner[0] == "offers":
            return self.book.offers[str(owner[1])].content
        variants = self.book.campaigns[str(owner[1])].variants
        return next(variant.content for variant in variants if variant.name == owner[3])

    def _written(self, owner: Path, key: str, name: str) -> str:
        """The text of a field, as it can be written on one line; empty where it has none of its own."""
        here: object = self.analysis.data
        for part in (*owner, "content", key, name):
            here = here.get(str(part)) if isinstance(here, dict) else None
        return json.dumps(here, ensure_ascii=False) if isinstance(here, str) else ""


def _mapping(entries: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{key}: {text}" for key, text in entries.items()) + "}"
