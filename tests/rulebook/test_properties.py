"""Properties of the loader: no bytes make it raise, and no order or spelling changes the book."""

import random
from pathlib import Path

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.rulebook.load import LoadedBook, load_files
from engine.rulebook.report.diagnostics import Severity, render

BASE = (Path(__file__).parent / "golden" / "_base.yaml").read_bytes()
RICH = (Path(__file__).parent / "golden" / "_rich.yaml").read_bytes()
DERIVED = (Path(__file__).parent / "golden" / "_derived.yaml").read_bytes()
WORDS = [
    *("book", "attributes", "channels", "placements", "audiences", "offers", "campaigns", "pressure", "caps"),
    *("name", "timezone", "kind", "type", "offer", "when", "content", "default", "variants", "limit", "per"),
    *("all", "any", "none", "audience", "profile.age", "profile.seen", "between", "in", "matches", "within"),
    *("count", "except", "channel", "propensity", "attribute", "active", "hours", "min", "one_of", "boosts"),
    *("patterns", "signals", "places", "events", "pattern", "signal", "behaviour", "near", "event", "where"),
    *("first", "then", "not_after", "same", "expose", "prefer", "sum", "distinct", "of", "place", "latitude"),
    *("gaps", "quiet", "at_least", "from", "until", "days", "dates", "holidays", "country", "clock", "book"),
    *(
        "calendar week",
        "rolling 7d",
        "limits",
        "per_customer",
        "default",
        "week_starts",
        "sun",
        "21:00",
        "CN",
    ),
    *(
        "hold",
        "until",
        "stored",
        "item",
        "value",
        "first.item",
        "then.1.item",
        "pattern.a.item",
        "1h of first",
    ),
]
SECTIONS = [*WORDS[:8], "patterns", "signals", "places", "events"]
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

scalars = st.one_of(
    st.sampled_from(WORDS), st.text(max_size=5), st.integers(), st.floats(), st.booleans(), st.none()
)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=25,
)


def checked(loaded: LoadedBook) -> LoadedBook:
    """The same, after checking that it is either a book or errors, and that the diagnostics can be printed."""
    errors = [entry for entry in loaded.diagnostics if entry.severity is Severity.ERROR]
    assert (loaded.book is None) == bool(errors)
    assert loaded.diagnostics == tuple(sorted(set(loaded.diagnostics)))
    assert all(entry.line >= 1 and entry.column >= 1 for entry in loaded.diagnostics)
    assert "Traceback" not in render(loaded.diagnostics, color=True)
    return loaded


@QUICK
@given(st.binary(max_size=200))
def test_any_bytes_give_a_book_or_a_diagnostic(content: bytes) -> None:
    """Arbitrary bytes never raise."""
    checked(load_files({"base.yaml": BASE, "x.yaml": content}))
    checked(load_files({"x.yaml": content}))


@QUICK
@given(st.integers(0, len(RICH + DERIVED) - 1), st.integers(0, 12), st.binary(max_size=6))
def test_a_damaged_book_gives_a_book_or_a_diagnostic(start: int, length: int, put: bytes) -> None:
    """A sound book with a few bytes replaced never raises."""
    if start < len(RICH):
        checked(load_files({"x.yaml": RICH[:start] + put + RICH[start + length :], "y.yaml": DERIVED}))
    else:
        start -= len(RICH)
        checked(load_files({"x.yaml": RICH, "y.yaml": DERIVED[:start] + put + DERIVED[start + length :]}))


@QUICK
@given(st.sampled_from(WORDS), st.sampled_from(WORDS), st.integers(0, 200))
def test_an_exchanged_word_gives_a_book_or_a_diagnostic(old: str, new: str, which: int) -> None:
    """A sound book with one word exchanged for another of the language never raises."""
    parts = DERIVED.decode().split(old)
    at = which % len(parts)
    text = old.join(parts[: at + 1]) + (new + old.join(parts[at + 1 :]) if parts[at + 1 :] else "")
    checked(load_files({"x.yaml": RICH, "y.yaml": text.encode()}))


@QUICK
@given(
    st.dictionaries(
        st.sampled_from(SECTIONS), st.dictionaries(st.sampled_from(WORDS), trees, max_size=3), max_size=5
    )
)
def test_any_structure_gives_a_book_or_a_diagnostic(tree: dict[str, object]) -> None:
    """Well-formed YAML of any structure never raises."""
    content = yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "replace")
    checked(load_files({"base.yaml": BASE, "x.yaml": content}))


def _shuffled(tree: object, rng: random.Random) -> object:
    if isinstance(tree, dict):
        keys = list(tree)
        rng.shuffle(keys)
        return {key: _shuffled(tree[key], rng) for key in keys}
    return [_shuffled(item, rng) for item in tree] if isinstance(tree, list) else tree


@QUICK
@given(st.randoms(use_true_random=False))
def test_no_order_changes_the_book_or_its_version(rng: random.Random) -> None:
    """Orders of keys, splitting over files, file names and comments leave the book and its version as they are."""
    tree = _both()
    names = [f"{rng.random()}.yaml" for _ in range(3)]
    files: dict[str, dict[str, dict[str, object]]] = {name: {} for name in names}
    for section, entries in tree.items():
        for key, value in entries.items():
            into = files["" or rng.choice(names)].setdefault(section, {})
            into[key] = _shuffled(value, rng)
    plain = {name: _dumped(tree) for name, tree in files.items()}
    loaded = checked(load_files(plain))
    assert loaded.book is not None
    assert loaded.book == load_files({"rich.yaml": RICH, "derived.yaml": DERIVED}).book


def _both() -> dict[str, dict[str, object]]:
    tree: dict[str, dict[str, object]] = yaml.load(RICH, Loader=yaml.BaseLoader)
    for section, entries in yaml.load(DERIVED, Loader=yaml.BaseLoader).items():
        tree.setdefault(section, {}).update(entries)
    return tree


def _dumped(tree: object) -> bytes:
    """YAML in which every scalar is plain, as it was read."""
    if not tree:
        return b""
    return ("# a comment\n" + _flow(tree)).encode()


def _flow(tree: object) -> str:
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{key}: {_flow(value)}" for key, value in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(map(_flow, tree)) + "]"
    return f'"{tree}"' if tree == "9" or "{" in str(tree) else str(tree)


def test_order_within_lists_matters() -> None:
    """Channels are in order of preference, so another order is another version."""
    turned = RICH.replace(b"channels: [sms, app]", b"channels: [app, sms]")
    assert turned != RICH
    first, second = load_files({"a.yaml": RICH}).book, load_files({"a.yaml": turned}).book
    assert first is not None
    assert second is not None
    assert first.version != second.version
