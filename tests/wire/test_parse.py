"""Values of requests, as the live book declares them."""

import unicodedata
from datetime import date

import pytest

from engine.decide.compiled import CompiledBook
from engine.model.values import Value
from engine.wire.messages.requests import request
from engine.wire.messages.values import Plain
from engine.wire.parse import Parser
from engine.wire.violations import InvalidMessage
from tests.decide.arbitrate.shop import NOW, compiled_book

BOOK = """
book: {name: values, timezone: UTC}
attributes:
  profile.größe: {type: integer}
  profile.age: {type: integer, min: 0, max: 130}
  profile.sizes: {type: list of integer}
channels: {web: {kind: inbound}}
placements: {top: {channel: web, fallback: tea}}
offers: {tea: {name: Tea, content: {default: {text: Tea}}}}
campaigns:
  teas: {offer: tea, placements: [top], when: {profile.age: {gte: 18}, profile.sizes: {has: 3}}}
  there: {offer: tea, placements: [top], when: {location.country: CN, profile.language: en-GB, profile.größe: 3}}
"""


@pytest.fixture(scope="module")
def compiled() -> CompiledBook:
    """The book of these tests."""
    return compiled_book(BOOK)


def parsed(compiled: CompiledBook, **profile: Plain) -> dict[str, Value]:
    """The attributes of a request with this profile."""
    return dict(Parser(compiled).parse(request("ann", profile=profile), NOW).attributes)


def violations_of(compiled: CompiledBook, country: str = "", **profile: Plain) -> list[str]:
    """What is wrong with a request with this profile, from this country."""
    message = request("ann", profile=profile, location={"country": country})
    with pytest.raises(InvalidMessage) as caught:
        Parser(compiled).parse(message, NOW)
    return [f"{violation.field}: {violation.description}" for violation in caught.value.violations]


def test_a_whole_number_is_an_integer(compiled: CompiledBook) -> None:
    """31.0 is the integer 31, alone and in a list; what the condition sees, and what is logged, is the integer."""
    attributes = parsed(compiled, age=31.0, sizes=[3.0, 4.0])
    assert attributes == {"profile.age": 31, "profile.sizes": (3, 4)}
    assert type(attributes["profile.age"]) is int
    assert parsed(compiled, age=31) == {"profile.age": 31}
    assert parsed(compiled, sizes=[2.0**53 - 1]) == {"profile.sizes": (2**53 - 1,)}


def test_days_to_an_anniversary_are_not_sent() -> None:
    """They follow from the date; a caller who sends them is told that they were ignored."""
    book = BOOK.replace("{profile.age: {gte: 18},", "{profile.born.days_to_anniversary: 0,").replace(
        "  profile.age:", "  profile.born: {type: date}\n  profile.age:"
    )
    message = request("ann", profile={"born": date(1990, 3, 10), "born.days_to_anniversary": 0})
    parsed_request = Parser(compiled_book(book)).parse(message, NOW)
    assert parsed_request.attributes == {"profile.born": date(1990, 3, 10)}
    assert parsed_request.ignored == ("born.days_to_anniversary",)


def test_other_numbers_are_no_integers(compiled: CompiledBook) -> None:
    """A fraction is refused, and so is a whole number that may have lost digits, and one beyond the bounds."""
    path = "context.profile.attributes"
    assert violations_of(compiled, age=31.5) == [f"{path}[age]: must be a whole number, not 31.5"]
    assert violations_of(compiled, age=131.0) == [f"{path}[age]: must be at most 130, not 131"]
    assert violations_of(compiled, sizes=[3.0, 2.0**53]) == [
        f"{path}[sizes]: must be sent as an integer: from 2^53 on a number is not exact"
    ]
    assert violations_of(compiled, age="31") == [f"{path}[age]: must be of type integer, not text"]


@pytest.mark.parametrize(
    ("sent", "country"), [("CN", "CN"), ("cn", "CN"), ("xk", "XK"), ("ZZ", "ZZ"), ("gB", "GB"), ("xx", "XX")]
)
def test_country_codes_are_written_in_capitals(compiled: CompiledBook, sent: str, country: str) -> None:
    """Codes of ISO 3166-1, and those that it leaves to users, in any case."""
    message = request("ann", location={"country": sent})
    assert Parser(compiled).parse(message, NOW).attributes == {"location.country": country}


@pytest.mark.parametrize(
    ("sent", "hint"),
    [
        ("UK", "did you mean 'GB' (Britain (UK))?"),
        ("Norway", "did you mean 'NO' (Norway)?"),
        ("EU", "a code of two letters, such as CN"),
        ("ß", "a code of two letters, such as CN"),
    ],
)
def test_what_is_no_country_is_refused(compiled: CompiledBook, sent: str, hint: str) -> None:
    """With the code that was meant, if that is likely."""
    message = f"context.location.country: must be a country code of ISO 3166-1, not {sent!r}: {hint}"
    assert violations_of(compiled, country=sent) == [message]


@pytest.mark.parametrize(
    ("sent", "language"),
    [
        ("en-GB", "en-GB"),
        ("EN-gb", "en-GB"),
        ("en_gb", "en-GB"),
        ("pt_BR.UTF-8", "pt-BR"),
        ("ZH-HANT-tw", "zh-Hant-TW"),
        ("de-CH-1996", "de-CH-1996"),
        ("sr-latn-x-AB-latn", "sr-Latn-x-ab-latn"),
        ("yue", "yue"),
    ],
)
def test_language_tags_are_written_as_the_standard_does(
    compiled: CompiledBook, sent: str, language: str
) -> None:
    """Case does not matter, and `_` stands for `-`."""
    assert parsed(compiled, language=sent) == {"profile.language": language}
    message = request("ann")
    message.context.profile.attributes["language"].text = sent
    assert Parser(compiled).parse(message, NOW).attributes == {"profile.language": language}


@pytest.mark.parametrize(
    ("sent", "hint"),
    [
        ("german", "did you mean 'de'?"),
        ("en-UK", "did you mean 'en-GB'?"),
        ("jp-JP", "did you mean 'ja-JP'?"),
        ("qq", "a BCP 47 tag, for example zh-CN or fr"),
        ("*", "a BCP 47 tag, for example zh-CN or fr"),
        ("en-" * 2000, "a BCP 47 tag, for example zh-CN or fr"),
    ],
)
def test_what_is_no_language_is_refused(compiled: CompiledBook, sent: str, hint: str) -> None:
    """With the tag that was meant, if that is likely."""
    (violation,) = violations_of(compiled, language=sent)
    assert violation.startswith("context.profile.language: must be a language tag of BCP 47, not ")
    assert violation.endswith(hint)
    assert len(violation) < 200


def test_each_of_several_languages_is_a_language() -> None:
    """They are written as the standard does; one that is none is refused, and a browser's header never is."""
    compiled = compiled_book(
        """
        book: {name: languages, timezone: UTC}
        channels: {web: {kind: inbound}}
        placements: {top: {channel: web}}
        offers: {tea: {name: Tea, content: {default: {title: Tea}}, locales: {fr: {title: Thé}}}}
        campaigns: {there: {offer: tea, placements: [top]}}
        """
    )
    message = request("ann")
    profile = message.context.profile.attributes
    profile["languages"].texts.values.extend(["fr_ch", "EN"])
    profile["accept_language"].text = "fr-CH, ;;;q=x"
    assert Parser(compiled).parse(message, NOW).attributes == {
        "profile.languages": ("fr-CH", "en"),
        "profile.accept_language": "fr-CH, ;;;q=x",
    }
    profile["languages"].texts.values.append("english")
    with pytest.raises(InvalidMessage, match="must be a language tag of BCP 47, not 'english'"):
        Parser(compiled).parse(message, NOW)


def test_names_are_compared_in_one_form(compiled: CompiledBook) -> None:
    """A name in Unicode's form NFD is the book's name; both forms at once are refused."""
    decomposed = unicodedata.normalize("NFD", "größe")
    assert parsed(compiled, **{decomposed: 40}) == {"profile.größe": 40}
    both: dict[str, Plain] = {decomposed: 40, "größe": 41}
    with pytest.raises(InvalidMessage) as caught:
        parsed(compiled, **both)
    assert [f"{violation.field}: {violation.description}" for violation in caught.value.violations] == [
        "context.profile.attributes[größe]: is sent twice, in two forms of Unicode"
    ]
