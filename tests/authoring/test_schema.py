"""The JSON Schema of books accepts whatever the loader accepts, and completes and refuses what it can."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from engine.authoring.analyse import analyse
from engine.authoring.schema import below, schema
from engine.cli import app
from engine.rulebook.text import merge
from tests.authoring.books import BOOKS, RULES, contents

GOLDEN = Path(__file__).parents[1] / "rulebook" / "golden"
QUICK = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@cache
def generic() -> Draft202012Validator:
    """The schema of any book."""
    Draft202012Validator.check_schema(schema())
    return Draft202012Validator(schema())


def refusals(files: dict[str, bytes]) -> list[str] | None:
    """What the generic schema and the book's own refuse; None for a book that the loader refuses."""
    result = analyse(files)
    if result.book is None:
        return None
    own = schema(result.data)
    return [
        f"{name}: {error.json_path}: {error.message}"
        for validator in (generic(), Draft202012Validator(own))
        for name, content in files.items()
        if name.endswith(".yaml")
        for error in validator.iter_errors(merge.compose_of_book(content.decode()).data)
    ]


@pytest.mark.parametrize("book", BOOKS)
def test_no_shipped_book_is_refused(book: str) -> None:
    """Neither by the generic schema nor by its own."""
    assert refusals(contents(book)) == []


def test_the_schema_of_a_book_is_a_schema() -> None:
    """Its own keywords are used as the standard says."""
    Draft202012Validator.check_schema(schema(analyse(contents("cosmetics-cn")).data))


def test_no_good_golden_book_is_refused() -> None:
    """What the loader's own examples write, the schema accepts."""
    examples = Path(__file__).parents[1] / "rulebook" / "lint" / "examples"
    loaded = 0
    for path in sorted([*GOLDEN.glob("*.yaml"), *examples.rglob("*.yaml")]):
        refused = refusals({"book.yaml": path.read_bytes()})
        assert not refused, path
        loaded += refused is not None
    assert loaded > 30


WORDS = st.sampled_from(
    [
        *("profile.age", "profile.city", "profile.born", "profile.likes", "profile.app", "weather.condition"),
        *("audience", "all", "any", "none", "gte", "between", "in", "has", "size", "exists", "within", "eq"),
        *(
            "ignore_case",
            "before",
            "anniversary",
            "attribute",
            "contact",
            "behaviour",
            "near",
            "count",
            "event",
        ),
        *("outcome", "clicked", "within_km", "latitude", "longitude", "starts_with", "matches", "not_in"),
    ]
)
SCALARS = st.sampled_from(
    [
        1,
        31.0,
        0.5,
        "x",
        "young",
        "7d",
        "1.2",
        "now",
        "today",
        "2026-03-01",
        True,
        "web",
        "purchase",
        "clicked",
    ]
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2),
    max_leaves=8,
)
TESTS: tuple[Any, ...] = (
    {"profile.age": {"gte": 31.0}},
    {"profile.born": {"anniversary": {"within": "7d"}}},
    {"profile.likes": {"size": {"gte": 2}}},
    {"profile.app": {"gte": 1.2}},
    {"any": [{"audience": ["young"]}, {"contact": {"outcome": "clicked"}}]},
    {"behaviour": {"event": "purchase", "sum": {"of": "value", "gte": 3}, "where": {"item": {"in": ["a"]}}}},
    {"near": {"latitude": 1, "longitude": 2, "within_km": 3}},
    {"profile.born.days_to_anniversary": {"lte": 3}},
)
BASE: dict[str, Any] = {
    "book": {"name": "b", "timezone": "UTC"},
    "attributes": {
        "profile.age": {"type": "integer"},
        "profile.city": {"type": "text", "one_of": ["x", "y"]},
        "profile.born": {"type": "date"},
        "profile.likes": {"type": "list of text"},
        "profile.app": {"type": "version"},
    },
    "channels": {"web": {"kind": "inbound"}},
    "placements": {"hero": {"channel": "web"}},
    "audiences": {"young": {"profile.age": {"lt": 30}}},
    "offers": {"socks": {"name": "Socks", "content": {"default": {"title": 1.50}}}},
}


@QUICK
@given(st.lists(st.sampled_from(TESTS), min_size=1, max_size=3), TREES)
def test_no_generated_book_that_loads_is_refused(tests: list[Any], tree: Any) -> None:
    """Whatever condition a campaign has: if the loader accepts it, so do both schemas."""
    for when in ({"all": tests}, {"any": [*tests, tree]}, tree):
        campaign = {"offer": "socks", "placements": ["hero"], "when": when, "propensity": 0.5}
        text = json.dumps({**BASE, "campaigns": {"c": campaign}}).encode()
        assert not refusals({"book.yaml": text})


def test_names_that_the_book_does_not_have_are_refused() -> None:
    """In an audience, an offer, an attribute and a channel of content; also inside of braces."""
    own = Draft202012Validator(schema(BASE))
    mistakes: tuple[dict[str, Any], ...] = (
        {"campaigns": {"c": {"offer": "shoes", "placements": ["hero"]}}},
        {"campaigns": {"c": {"offer": "socks", "placements": ["top"]}}},
        {"campaigns": {"c": {"offer": "socks", "when": {"profile.agee": 3}}}},
        {"campaigns": {"c": {"offer": "socks", "when": {"any": [{"audience": "old"}]}}}},
        {"offers": {"s": {"name": "S", "content": {"email": {"title": "x"}}}}},
        {"ofers": {}},
    )
    for wrong in mistakes:
        assert not own.is_valid(wrong)


def test_every_key_has_a_description() -> None:
    """Editors show it beside the key; it is what the shape says of its field."""
    whole = schema()
    for name, definition in whole["$defs"].items():
        if name.endswith("Shape"):
            assert definition["description"]
            for key, inner in definition["properties"].items():
                assert inner["description"], (name, key)
    (offer,) = below(whole, ("campaigns", "c", "offer"))
    assert offer["description"] == "The offer."


def test_the_command_writes_the_schema_and_the_setting(tmp_path: Path) -> None:
    """Other settings stay; settings with comments are left alone, and the command says what to add."""
    book = tmp_path / "book"
    (book / ".vscode").mkdir(parents=True)
    (book / "book.yaml").write_bytes((RULES / "town-hall" / "channels.yaml").read_bytes())
    settings_file = book / ".vscode" / "settings.json"
    settings_file.write_text('{"editor.tabSize": 2}', encoding="utf-8")
    result = CliRunner().invoke(app, ["schema", str(book), "--write"])
    assert result.exit_code == 0, result.output
    written = json.loads((book / ".tact" / "book.schema.json").read_text(encoding="utf-8"))
    assert written == schema(analyse({"book.yaml": (book / "book.yaml").read_bytes()}).data)
    kept = json.loads(settings_file.read_text(encoding="utf-8"))
    assert kept["editor.tabSize"] == 2
    assert "./.tact/book.schema.json" in kept["yaml.schemas"]
    settings_file.write_text("{ // mine\n}", encoding="utf-8")
    result = CliRunner().invoke(app, ["schema", str(book), "--write"])
    assert "add to it" in result.output
    assert settings_file.read_text(encoding="utf-8") == "{ // mine\n}"


def test_the_command_refuses_what_is_no_folder(tmp_path: Path) -> None:
    """And --write without a folder; without a folder it prints the schema of any book."""
    runner = CliRunner()
    assert runner.invoke(app, ["schema", str(tmp_path / "no")]).exit_code == 3
    assert runner.invoke(app, ["schema", "--write"]).exit_code == 2
    assert json.loads(runner.invoke(app, ["schema"]).output) == schema()
