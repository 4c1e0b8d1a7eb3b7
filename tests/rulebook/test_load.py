"""Loading of sound books, and of folders and files that are not readable."""

import json
import os
from datetime import date, time
from pathlib import Path
from textwrap import dedent

import pytest

from engine.conditions.model import ALWAYS, All, Any_, Audience, None_, Operator, Test
from engine.model.instant import DAY, SECOND
from engine.rulebook.load import load, load_files, load_text
from engine.rulebook.model.book import Active, Book, Factor, Kind, OnSilence, Placeholder, Template
from engine.rulebook.model.experiments import Attribution, CreditModel
from engine.rulebook.model.policies import (
    Calendar,
    Cap,
    Clock,
    Gap,
    Holidays,
    Period,
    Quiet,
    Quota,
    Rolling,
    Selector,
)
from engine.rulebook.report.diagnostics import Code, Severity
from engine.rulebook.text.yaml_events import MAX_EXPANDED

GOLDEN = Path(__file__).parent / "golden"
RICH = (GOLDEN / "_rich.yaml").read_bytes()


def codes(contents: dict[str, bytes]) -> list[Code]:
    """The codes of the errors in the files."""
    diagnostics = load_files(contents).diagnostics
    return [diagnostic.code for diagnostic in diagnostics if diagnostic.severity is Severity.ERROR]


@pytest.fixture
def book() -> Book:
    """The rich book."""
    loaded = load_files({"rich.yaml": RICH})
    assert loaded.book is not None, loaded.diagnostics
    return loaded.book


def test_a_sound_book_says_nothing(book: Book) -> None:
    """A book without mistakes has no diagnostics and sorted names."""
    assert load_files({"rich.yaml": RICH}).diagnostics == ()
    assert list(book.campaigns) == ["plain", "winter"]
    assert list(book.attributes) == sorted(book.attributes)


def test_conditions_become_trees(book: Book) -> None:
    """Keys of a mapping are joined by All, groups keep their kind, audiences carry their condition."""
    north = All(
        (
            Test("location.country", Operator.IN, ("NO", "CN")),
            All(
                (
                    Test("weather.temperature_c", Operator.GTE, -40),
                    Test("weather.temperature_c", Operator.LT, 10),
                )
            ),
        )
    )
    interests = Test("profile.interests", Operator.HAS_ANY, ("cream", "soap"))
    party = Test("profile.party", Operator.EQ, "x")
    loyal = All((Any_((Audience("north", north), interests)), None_((party,))))
    assert book.audiences["loyal"] == loyal
    assert book.campaigns["winter"].when == All(
        (
            Audience("loyal", loyal),
            Test("profile.age", Operator.BETWEEN, (18, 90)),
            Test("profile.seen", Operator.WITHIN, 7 * DAY),
        )
    )
    assert book.campaigns["plain"].when is ALWAYS


def test_times_are_in_the_books_zone(book: Book) -> None:
    """Days begin in Shanghai, `until` includes its day, a time without offset is Shanghai's."""
    start = 1_772_294_400 * SECOND  # 2026-03-01T00:00+08:00
    active = Active(start, start + 31 * DAY, frozenset({0, 4}), (time(22), time(6)))
    assert book.campaigns["winter"].active == active
    assert book.campaigns["winter"].variants[0].when == Test(
        "profile.seen", Operator.AFTER, 1_767_232_800 * SECOND
    )


def test_the_rest_of_the_model(book: Book) -> None:
    """Channels, factors, caps and contents arrive as written; a price keeps its zeros."""
    assert book.channels["app"].hold == 35 * DAY
    assert book.campaigns["winter"].propensity == Factor(0.1, "profile.score")
    assert book.campaigns["plain"].value == Factor(3.0)
    assert [variant.name for variant in book.campaigns["winter"].variants] == ["a", "b"]
    cap = book.pressure.caps["weekly"]
    assert (cap.limit, cap.window) == (2, Rolling(7 * DAY))
    assert cap.count == Selector(kind=frozenset({Kind.OUTBOUND}))
    assert cap.except_ == Selector(category=frozenset({"service"}))
    content = book.offers["cream"].content
    assert content is not None
    assert content.default["price"] == Template(("1.50",))


def test_the_policies_of_pressure(book: Book) -> None:
    """Caps, gaps, quiet rules and a campaign's limit arrive as written."""
    pressure, week = book.pressure, Calendar(Period.WEEK, Clock.BOOK, week_starts=6)
    assert pressure.caps["as-wished"] == Cap("as-wished", 3, week, customer_limit="profile.age")
    service = Selector(category=frozenset({"service"}))
    assert pressure.gaps == {"breath": Gap("breath", 2 * DAY, Selector(channel=frozenset({"sms"})), service)}
    nights = Quiet("nights", (time(21), time(8)), select=Selector(channel=frozenset({"sms"})))
    feasts = Quiet(
        "feasts",
        days=frozenset({5, 6}),
        dates=frozenset({date(2026, 12, 24)}),
        holidays=Holidays("DE", "BY"),
        clock=Clock.BOOK,
        except_=Selector(tag=frozenset({"winter"})),
    )
    assert pressure.quiet == {"feasts": feasts, "nights": nights}
    shown = Selector(kind=frozenset({"inbound"}), campaign=frozenset({"plain"}))
    assert book.campaigns["plain"].per_customer == Cap("plain/per_customer", 2, Rolling(30 * DAY), shown)
    assert book.campaigns["winter"].per_customer is None


def test_the_limit_of_a_campaign_that_goes_out_counts_what_went_out() -> None:
    """With an outbound channel beside a placement, only outbound contacts are counted."""
    limits = b"limits: {per_customer: {limit: 1, per: calendar day}}"
    extra = b"campaigns: {c: {offer: cream, channels: [app, sms], placements: [hero], " + limits + b"}}"
    book = load_files({"rich.yaml": RICH, "c.yaml": extra}).book
    assert book is not None
    own = book.campaigns["c"].per_customer
    assert own is not None
    assert own.count == Selector(kind=frozenset({"outbound"}), campaign=frozenset({"c"}))
    assert own.window == Calendar(Period.DAY, Clock.CUSTOMER, week_starts=6)


def test_what_all_customers_share() -> None:
    """Stock, total and capacity arrive with the names that answers give them, on the book's clock."""
    extra = b"""
      channels: {phone: {kind: outbound, address: profile.name, consent: not_needed, capacity: {limit: 9, per: calendar week}}}
      offers: {rare: {name: Rare, stock: 3, content: {default: {text: Rare}}}}
      campaigns: {c: {offer: rare, channels: [phone], limits: {total: 7}}}"""
    book = load_files({"rich.yaml": RICH, "c.yaml": extra}).book
    assert book is not None
    week = Calendar(Period.WEEK, Clock.BOOK, week_starts=6)
    assert book.channels["phone"].capacity == Quota("phone/capacity", 9, week)
    assert book.offers["rare"].stock == Quota("rare/stock", 3)
    assert (book.campaigns["c"].total, book.campaigns["c"].per_customer) == (Quota("c/total", 7), None)
    assert {"phone/capacity", "rare/stock", "c/total", "plain/per_customer", "weekly"} <= set(book.rules)


def test_placeholders() -> None:
    """Placeholders, fallbacks and doubled braces become parts of a template."""
    text = b'offers: {o: {name: O, content: {default: {t: "{{a}} {profile.name|you}, {profile.age}!"}}}}'
    book = load_files({"rich.yaml": RICH, "o.yaml": text}).book
    assert book is not None
    content = book.offers["o"].content
    assert content is not None
    parts = ("{a} ", Placeholder("profile.name", "you"), ", ", Placeholder("profile.age", None), "!")
    assert content.default["t"] == Template(parts)


def test_a_factor_without_default() -> None:
    """Without a default, customers without the attribute have propensity 0 and the offer's value."""
    extra = b"campaigns: {c: {offer: cream, channels: [app], propensity: profile.score, value: profile.age}}"
    book = load_files({"rich.yaml": RICH, "c.yaml": extra}).book
    assert book is not None
    assert book.campaigns["c"].propensity == Factor(0.0, "profile.score")
    assert book.campaigns["c"].value == Factor(12.5, "profile.age")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\xff\xfea\x00", Code.ENCODING),
        (b"a: \xff", Code.ENCODING),
        (b"a: \x00", Code.ENCODING),
        (b"a: \x1b[31m", Code.ENCODING),
        (b"\x7fELF\x02\x01\x01\x00", Code.ENCODING),
        (b"#" * (1 << 20) + b"#", Code.TOO_LARGE),
        (b"audiences: " + b"[" * 200, Code.TOO_LARGE),
        (b"a: *nothing", Code.SYNTAX),
        (b"? [a]\n: b", Code.SYNTAX),
        (b"a: &a [x, x, x, x, x, x, x, x, x, x]\n" + b"".join(
            b"%s: &%s [%s]\n" % (new, new, b", ".join([b"*" + old] * 10))
            for old, new in ((b"a", b"b"), (b"b", b"c"), (b"c", b"d"), (b"d", b"e"), (b"e", b"f"), (b"f", b"g"))
        ), Code.TOO_LARGE),
    ],
)  # fmt: skip
def test_hostile_files_give_one_diagnostic(content: bytes, code: Code) -> None:
    """A file that is not readable gives one error with its code, and no further errors about its content."""
    assert codes({"rich.yaml": RICH, "x.yaml": content}) == [code]


def test_nested_conditions_are_limited() -> None:
    """Thirty nested groups load; more are one error, also when audiences are expanded."""
    deep = b"any: [{" * 29 + b"profile.age: 3" + b"}]" * 29
    assert codes({"rich.yaml": RICH, "x.yaml": b"audiences: {deep: {" + deep + b"}}"}) == []
    deeper = b"any: [{" * 31 + b"profile.age: 3" + b"}]" * 31
    assert codes({"rich.yaml": RICH, "x.yaml": b"audiences: {deep: {" + deeper + b"}}"}) == [Code.TOO_LARGE]
    chain = "".join(f"  a{i}: {{audience: a{i + 1}}}\n" for i in range(500))
    text = f"audiences:\n{chain}  a500: {{profile.age: 3}}\n".encode()
    assert codes({"rich.yaml": RICH, "x.yaml": text}) == [Code.TOO_LARGE]


def test_a_lost_file_explains_unknown_names() -> None:
    """If a file cannot be read, names that it may declare are not reported as unknown."""
    assert codes({"a.yaml": RICH, "b.yaml": b"audiences: {a: {profile.aeg: 3}}", "c.yaml": b"["}) == [
        Code.SYNTAX
    ]


@pytest.mark.parametrize(
    ("keys", "on_silence"),
    [
        ("kind: outbound, address: profile.phone, consent: x", OnSilence.CONFIRM),
        ("kind: outbound, address: profile.phone, consent: x, on_silence: confirm", OnSilence.CONFIRM),
        ("kind: outbound, address: profile.phone, consent: x, on_silence: release", OnSilence.RELEASE),
        ("kind: inbound, confirm: on_impression", OnSilence.RELEASE),
        ("kind: inbound, confirm: on_impression, on_silence: confirm", OnSilence.CONFIRM),
    ],
)
def test_silence_confirms_what_was_sent(keys: str, on_silence: OnSilence) -> None:
    """A message counts unless the book says that it lapses; what a page may not have shown lapses unless it says otherwise."""
    loaded = load_files({"rich.yaml": RICH, "more.yaml": f"channels: {{x: {{{keys}}}}}".encode()})
    assert loaded.book is not None
    assert loaded.book.channels["x"].on_silence is on_silence


def test_a_folder(tmp_path: Path) -> None:
    """Folders are read with their sub-folders, without hidden files, other files and tests/."""
    for name in ("a.yaml", "sub/b.yml", ".hidden.yaml", ".git/c.yaml", "tests/story.yaml", "read.me"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("nonsense: 1\n")
    (tmp_path / "a.yaml").write_bytes(RICH)
    (tmp_path / "sub/b.yml").write_text("audiences: {old: {profile.age: {gt: 80}}}\n")
    loaded = load(tmp_path)
    assert loaded.book is not None
    assert "old" in loaded.book.audiences
    assert [diagnostic.file for diagnostic in loaded.diagnostics] == ["sub/b.yml"]
    same = load_files({"x.yaml": RICH, "y.yaml": b"audiences: {old: {profile.age: {gt: 80}}}"}).book
    assert loaded.book == same


def test_what_is_no_folder(tmp_path: Path) -> None:
    """A missing folder, a file and an empty folder are diagnostics."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    for name in ("missing", "file", "empty"):
        loaded = load(tmp_path / name)
        assert loaded.book is None
        assert [diagnostic.code for diagnostic in loaded.diagnostics] == [Code.FILE]


def test_links_and_pipes(tmp_path: Path) -> None:
    """Links out of the folder and files that are not regular are diagnostics, and are not opened."""
    inside = tmp_path / "book"
    inside.mkdir()
    (tmp_path / "secret.yaml").write_bytes(RICH)
    (inside / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    (inside / "loop.yaml").symlink_to(inside / "loop.yaml")
    (inside / "folder").symlink_to(tmp_path)
    os.mkfifo(inside / "pipe.yaml")
    loaded = load(inside)
    assert loaded.book is None
    assert sorted(diagnostic.file for diagnostic in loaded.diagnostics) == [
        "folder",
        "link.yaml",
        "loop.yaml",
        "pipe.yaml",
    ]
    assert {diagnostic.code for diagnostic in loaded.diagnostics} == {Code.FILE}


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    """Of a file of 50 MB, only enough is read to see that it is too large."""
    with (tmp_path / "huge.yaml").open("wb") as file:
        file.truncate(50 << 20)
    assert [diagnostic.code for diagnostic in load(tmp_path).diagnostics] == [Code.TOO_LARGE]


def test_aliases_are_copies() -> None:
    """An alias stands for its node; ordinary books stay far below the budget."""
    assert MAX_EXPANDED >= 10_000
    text = b"campaigns: {a: &a {offer: cream, channels: [app]}, b: *a}"
    book = load_files({"rich.yaml": RICH, "x.yaml": text}).book
    assert book is not None
    assert book.campaigns["b"].offer == "cream"


@pytest.mark.parametrize(("value", "boost"), [("1e200", "1e200"), ("1e308", "1"), ("profile.worth", "1e250")])
def test_a_score_without_bounds_is_refused(value: str, boost: str) -> None:
    """A campaign whose score may become infinite is an error of the book."""
    text = f"""
book: {{name: shop, timezone: UTC}}
attributes: {{profile.worth: {{type: number, min: 0}}}}
channels: {{web: {{kind: inbound}}}}
placements: {{hero: {{channel: web}}}}
offers: {{pen: {{name: Pen, content: {{default: {{text: Pen}}}}}}}}
campaigns:
  x: {{offer: pen, placements: [hero], value: {value}, boosts: [{{when: {{profile.worth: {{gt: 1}}}}, by: {boost}}}]}}
"""
    assert codes({"book.yaml": text.encode()}) == [Code.VALUE]
    sound = text.replace(f"by: {boost}", "by: 1e50").replace(f"value: {value}", "value: 1e100")
    assert codes({"book.yaml": sound.encode()}) == []


def test_attribution_is_the_campaigns_then_the_books_then_the_default() -> None:
    """Each key that a campaign leaves out is as the book says, or else 7d, 30d and last_touch; it is part of the version."""

    def with_attribution(book: str, campaign: str) -> Book:
        text = RICH.decode().replace("book: {", f"book: {{{book}", 1)
        text = text.replace("  plain: {", f"  plain: {{{campaign}, ", 1)
        loaded = load_files({"rich.yaml": text.encode()})
        assert loaded.book is not None, loaded.diagnostics
        return loaded.book

    plain = with_attribution("", "description: ''")
    assert plain.campaigns["plain"].attribution == plain.attribution == Attribution()
    assert Attribution() == Attribution(7 * DAY, 30 * DAY, CreditModel.LAST_TOUCH)
    own = with_attribution("attribution: {window: 5d, model: linear}, ", "attribution: {click: 36h}")
    assert own.attribution == Attribution(5 * DAY, 30 * DAY, CreditModel.LINEAR)
    assert own.campaigns["plain"].attribution == Attribution(5 * DAY, 36 * 3600 * SECOND, CreditModel.LINEAR)
    assert own.campaigns["winter"].attribution == own.attribution
    assert own.version != plain.version


def test_a_book_of_the_log_keeps_its_languages() -> None:
    """What an earlier version let pass is an error in a new book, and still loads for a replay."""
    book = """
        book: {name: earlier, timezone: UTC, locale: xx}
        channels: {web: {kind: inbound}}
        offers: {tea: {name: Tea, content: {default: {text: Tea}}, locales: {jp: {text: Thé}}}}
        campaigns: {teas: {offer: tea, channels: [web], when: {profile.language: qq}}}
        """
    loaded = load_files({"book.yaml": dedent(book).encode()})
    assert [diagnostic.line for diagnostic in loaded.diagnostics if diagnostic.code in ("name", "value")] == [
        2,
        4,
        5,
    ]
    assert load_text(json.dumps({"book.yaml": dedent(book)})).book is not None
