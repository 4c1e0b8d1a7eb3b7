"""Reading a text of which a part was changed: the same document as reading all of it, and only where it is sure."""

from random import Random

import pytest
import yaml

from bench.books import book
from engine.authoring.documents import Documents, recompose
from engine.rulebook.text import merge
from engine.rulebook.text.merge import compose_of_book
from engine.rulebook.text.nodes import Document
from engine.rulebook.text.yaml_events import LINE_BREAK

BOOK = """# spring
book: {name: spring, timezone: Europe/Paris}
campaigns:
  # the first
  tea:
    offer: tea
    when: {weather.temperature_c: {lt: 5}}
    tags: [a, b]

  "soup of the day":
    offer: soup
    note: |
      two lines
        of text
    when:
      all:
        - {weather.temperature_c: {lt: 5}}
        - profile.age: {gt: 30}
  soap:
    offer: "a text
      over lines"
    note: a plain text
      over lines
audiences:
  cold: {weather.temperature_c: {lt: 5}}
"""
LINES = LINE_BREAK.split(BOOK)
PIECES = (
    *("", " ", "  ", "    ", "x", ":", ": ", "{", "}", "[", "]", '"', "'", "#", " # a", "- ", "|", ">", ","),
    *(
        "\n",
        "\n  ",
        "\n\n",
        "offer: x",
        "\n  new:\n    offer: y",
        "\n    note:",
        "---",
        "...",
        "\ncampaigns:",
    ),
    *("&a ", "*a", "!x ", "%", "\t", "é", "yes", "1.50"),
)


def same(one: Document, other: Document) -> bool:
    """Whether two documents are equal, the order of problems aside."""
    problems = [sorted(map(repr, document.problems)) for document in (one, other)]
    parts = [
        (document.data, document.values, document.keys, document.lexemes, document.poisoned, document.whole)
        for document in (one, other)
    ]
    return parts[0] == parts[1] and problems[0] == problems[1]


def changed(rng: Random, text: str) -> str:
    """The text with a change as one types, pastes or deletes."""
    at = rng.randrange(len(text))
    match rng.randrange(4):
        case 0:
            return text[:at] + text[at + rng.randint(1, 30) :]
        case 1:
            lines = text.split("\n")
            moved = lines.pop(rng.randrange(len(lines)))
            lines.insert(rng.randrange(len(lines)), moved)
            return "\n".join(lines)
        case _:
            return text[:at] + rng.choice(PIECES) + text[at:]


@pytest.mark.parametrize("seed", range(20))
def test_what_is_read_of_a_change_is_what_is_read_of_all(seed: int) -> None:
    """However the text was changed, whenever reading a part of it is dared."""
    rng, dared = Random(seed), 0
    for number in range(100):
        if number % 10 == 0:
            before, text = compose_of_book(BOOK), BOOK
        new = changed(rng, text)
        after = recompose(before, LINE_BREAK.split(text), LINE_BREAK.split(new))
        whole = compose_of_book(new)
        if after is not None:
            dared += 1
            assert same(after, whole), new
        if whole.whole and isinstance(whole.data, dict) and len(whole.data) >= 3:
            before, text = after or whole, new
    assert dared > 5


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    offer: tea\n", "    offer: tea\n    note: more\n"),
        ("    offer: tea\n", ""),
        ("        of text\n", "      of text, and more\n"),
        ("  tea:\n", "  black-tea:\n"),
        ("gt: 30", "gt: "),
        ("    offer: soup\n", "    offer: soup\n    offer: bread\n"),
    ],
)
def test_changes_of_one_campaign_read_only_that(old: str, new: str) -> None:
    """Also those that move what follows, rename it, or are wrong."""
    text = BOOK.replace(old, new)
    after = recompose(compose_of_book(BOOK), LINES, LINE_BREAK.split(text))
    assert after is not None
    assert same(after, compose_of_book(text))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: spring", "name: autumn"),
        ("    offer: tea\n", "offer: tea\n"),
        ("    offer: tea\n", "    offer: &a tea\n"),
        ("    offer: tea\n", '    offer: "tea\n'),
        ("    offer: tea\n", "...\n"),
        ("  tea:\n", "  soap:\n"),
        ("  tea:\n", " tea:\n"),
        ("cold:", "warm:"),
    ],
)
def test_other_changes_are_read_as_a_whole(old: str, new: str) -> None:
    """What is outside of campaigns, may reach beyond one, or may refer to elsewhere."""
    assert recompose(compose_of_book(BOOK), LINES, LINE_BREAK.split(BOOK.replace(old, new))) is None


def test_large_texts_are_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in a file of hundreds of campaigns composes one of them."""
    text = yaml.safe_dump({"campaigns": book(300)["campaigns"]}, sort_keys=False)
    kept, read = Documents(), list[int]()
    kept.compose(text)

    def composed(part: str) -> Document:
        read.append(len(part))
        return compose_of_book(part)

    monkeypatch.setattr(merge, "compose_of_book", composed)
    wrong = text.replace("offer: ", "offer: x", 1)
    assert same(kept.compose(wrong), compose_of_book(wrong))
    assert len(read) == 1
    assert read[0] < len(text) / 20
