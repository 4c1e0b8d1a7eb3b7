"""Linting never raises, whatever the book that loads."""

from hypothesis import given
from hypothesis import strategies as st

from engine.rulebook.load import LoadedBook, load_sources
from engine.rulebook.text.files import Sources
from tests.rulebook.lint.loading import NOW
from tests.rulebook.test_properties import DERIVED, QUICK, RICH, WORDS, checked

BOOK = {"x.yaml": RICH, "y.yaml": DERIVED}


def lint_files(contents: dict[str, bytes]) -> LoadedBook:
    """The book in the files, linted if it is sound."""
    return checked(load_sources(Sources(contents), linted_at=lambda _: NOW))


def test_the_books_that_are_changed_are_sound() -> None:
    """They load, so that most of what is tried below is linted."""
    assert lint_files(BOOK).book is not None


@QUICK
@given(st.sampled_from(sorted(BOOK)), st.sampled_from(WORDS), st.sampled_from(WORDS), st.integers(0, 200))
def test_an_exchanged_word(name: str, old: str, new: str, which: int) -> None:
    """A book with one word exchanged for another of the language is linted or does not load."""
    parts = BOOK[name].decode().split(old)
    at = which % len(parts)
    text = old.join(parts[: at + 1]) + (new + old.join(parts[at + 1 :]) if parts[at + 1 :] else "")
    lint_files({**BOOK, name: text.encode()})


@QUICK
@given(
    st.sampled_from(sorted(BOOK)),
    st.integers(0, 4000),
    st.integers(0, 12),
    st.text("0123456789,[]x ", max_size=4),
)
def test_a_damaged_book(name: str, start: int, length: int, put: str) -> None:
    """A book with a few characters replaced, mostly in its numbers, is linted or does not load."""
    content = BOOK[name]
    start %= len(content)
    lint_files({**BOOK, name: content[:start] + put.encode() + content[start + length :]})
