"""Content by channel, language and values."""

from datetime import date

import pytest

from engine.decide.compiled import CompiledBook
from engine.model.decision import Decision, Outcome, Reason, ReasonCode
from engine.model.request import Request
from engine.model.texts import as_text
from engine.model.values import Value
from tests.decide.arbitrate.shop import NOW, compiled_book, decided

BOOK = """
book: {name: words, timezone: Europe/Zurich, locale: de-CH}
attributes:
  profile.name: {type: text}
  profile.gift: {type: text}
  profile.phone: {type: text}
channels:
  web: {kind: inbound}
  app: {kind: inbound, format: plain}
  email: {kind: outbound, address: profile.phone, consent: mail}
  post: {kind: outbound, address: profile.phone, consent: mail}
  sms: {kind: outbound, address: profile.phone, consent: mail}
placements:
  hero: {channel: web, fallback: story}
offers:
  pen: {name: Pen}
  story:
    name: Story
    content: {default: {title: "Our story, {profile.name|friend}"}}
    locales: {fr: {title: "Notre histoire, {profile.name|ami}"}}
campaigns:
  pens:
    offer: pen
    channels: [web, app, email, post, sms]
    variants:
      only:
        content:
          default: {title: "A pen & {profile.name|a <friend>}", image: pen.jpg}
          sms: {text: "Pen, {profile.name|friend}"}
        locales:
          de: {title: "Ein Stift, {profile.name|Freund}"}
          zh-Hant: {default: {title: 筆}, sms: {text: "筆 {profile.name|朋友}"}}
          EN-gb: {title: A biro}
"""


@pytest.fixture(scope="module")
def compiled() -> CompiledBook:
    """The book of these tests."""
    return compiled_book(BOOK)


def said(
    compiled: CompiledBook, channel: str, language: str | None = None, **profile: Value
) -> dict[str, str]:
    """The content that the customer gets on the channel."""
    given: dict[str, Value] = {f"profile.{name}": value for name, value in profile.items()}
    given["profile.phone"] = "1"
    if language is not None:
        given["profile.language"] = language
    decision = decided(
        compiled, Request("ann", NOW, given, consents=frozenset({"mail"}), channels=(channel,))
    )
    return dict(decision.offers[0].content)


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("de-CH", "Ein Stift, Freund"),
        ("DE", "Ein Stift, Freund"),
        ("en-GB", "A biro"),
        ("en-GB-oxendict", "A biro"),
        ("en-US", "A biro"),
        ("it-CH", "Ein Stift, Freund"),
        ("zh-Hant-TW", "筆"),
        ("zh-Hant-x-mine", "筆"),
        ("zh", "Ein Stift, Freund"),
        (None, "Ein Stift, Freund"),
        ("", "Ein Stift, Freund"),
        ("-", "Ein Stift, Freund"),
        ("en-" * 2000, "Ein Stift, Freund"),
    ],
)
def test_the_nearest_language(compiled: CompiledBook, language: str | None, title: str) -> None:
    """The exact tag, else a shorter one, else the book's language, shortened too; untranslated fields keep the default."""
    assert said(compiled, "web", language) == {"title": title, "image": "pen.jpg"}


def test_a_channel_with_fields_of_its_own(compiled: CompiledBook) -> None:
    """A language without texts for the channel keeps the default, without fields of other channels."""
    assert said(compiled, "sms", "en-GB") == {"text": "Pen, friend"}
    assert said(compiled, "sms", "zh-Hant") == {"text": "筆 朋友"}


def test_a_language_that_nobody_asks_for_is_the_books() -> None:
    """Without the book's language among them, the content itself is what customers of other languages get."""
    compiled = compiled_book(BOOK.replace("locale: de-CH", "locale: it"))
    assert said(compiled, "web", "it")["title"] == "A pen & a <friend>"


@pytest.mark.parametrize(
    ("channel", "title"),
    [
        ("web", "Ein Stift, &lt;b&gt;O&#x27;Hara &amp; &quot;Co&quot;&lt;/b&gt;"),
        ("email", 'Ein Stift, <b>O\'Hara & "Co"</b>'),
        ("app", 'Ein Stift, <b>O\'Hara & "Co"</b>'),
        ("post", 'Ein Stift, <b>O\'Hara & "Co"</b>'),
    ],
)
def test_values_are_escaped_where_texts_are_html(compiled: CompiledBook, channel: str, title: str) -> None:
    """Inbound channels are HTML unless they say otherwise; everything else is plain, and so is the title of an e-mail."""
    assert said(compiled, channel, name='<b>O\'Hara & "Co"</b>')["title"] == title


MAIL = """
book: {name: mail, timezone: Europe/Zurich}
attributes: {profile.name: {type: text}, profile.phone: {type: text}}
channels:
  web: {kind: inbound}
  email: {kind: outbound, address: profile.phone, consent: mail}
  letter: {kind: outbound, address: profile.phone, consent: mail, format: html}
  named: {kind: outbound, address: profile.phone, consent: mail, format: {default: html, title: html, text: plain}}
  most: {kind: outbound, address: profile.phone, consent: mail, format: {body: html}}
  terse: {kind: outbound, address: profile.phone, consent: mail, format: {default: plain, body: html, subject: html}}
  page: {kind: inbound, format: {title: plain}}
offers:
  pen:
    name: Pen
    content:
      default: {subject: "{profile.name}", preheader: "{profile.name}", title: "{profile.name}",
                body: "<p>{profile.name}</p>", text: "{profile.name}"}
    locales: {fr: {subject: "Pour {profile.name}"}}
campaigns: {pens: {offer: pen, channels: [web, email, letter, named, most, terse, page]}}
"""
ZOE, ZOE_IN_HTML = "Zoë O'Neil & Co", "Zoë O&#x27;Neil &amp; Co"


@pytest.mark.parametrize(
    ("channel", "in_html"),
    [
        ("web", {"subject", "preheader", "title", "body", "text"}),
        ("email", {"body", "text"}),
        ("letter", {"body", "text"}),
        ("named", {"body", "title"}),
        ("most", {"body"}),
        ("terse", {"body", "subject"}),
        ("page", {"subject", "preheader", "body", "text"}),
    ],
)
def test_each_field_has_its_format(channel: str, in_html: set[str]) -> None:
    """The head of an e-mail is plain, its body HTML; a format by field goes before both."""
    compiled = compiled_book(MAIL)
    texts = said(compiled, channel, name=ZOE)
    assert {name for name, text in texts.items() if ZOE_IN_HTML in text} == in_html
    assert {name for name, text in texts.items() if ZOE in text} == set(texts) - in_html
    french = said(compiled, channel, "fr", name=ZOE)["subject"]
    assert french == f"Pour {ZOE_IN_HTML if 'subject' in in_html else ZOE}"


def test_only_values_are_escaped() -> None:
    """The template and its fallbacks are the author's own, in HTML too."""
    compiled = compiled_book(BOOK.replace("locale: de-CH", "locale: it"))
    assert said(compiled, "web")["title"] == "A pen & a <friend>"
    assert said(compiled, "web", name="&")["title"] == "A pen & &amp;"


def test_a_fallback_speaks_languages(compiled: CompiledBook) -> None:
    """The placement's fallback is rendered in the customer's language, its values escaped."""

    def shown(language: str) -> Decision:
        given: dict[str, Value] = {"profile.language": language, "profile.name": "<i>"}
        return decided(compiled, Request("ann", NOW, given, placement="hero"))

    assert shown("fr-CA").outcome is Outcome.FALLBACK
    assert shown("fr-CA").offers[0].content == {"title": "Notre histoire, &lt;i&gt;"}
    assert shown("en").offers[0].content == {"title": "Our story, &lt;i&gt;"}


def lacking(variants: str) -> CompiledBook:
    """A book whose campaign has these variants."""
    campaign = f"campaigns: {{gifts: {{offer: pen, channels: [post], variants: {{{variants}}}}}}}"
    return compiled_book(
        BOOK.replace("campaigns:", "audiences: {all: {location.country: CH}}\ncampaigns:"), campaign
    )


def test_a_missing_value_drops_the_variant() -> None:
    """A variant whose text lacks a value is left out of the draw; with none left the reason names the value."""
    compiled = lacking(
        "a: {content: {default: {t: 'for {profile.gift}'}}}, "
        "b: {when: {location.country: CH}, content: {default: {t: 'to {profile.name} and {profile.gift}'}}}"
    )

    def decide(**profile: Value) -> Decision:
        given: dict[str, Value] = {f"profile.{name}": value for name, value in profile.items()}
        request = Request(
            "ann", NOW, {"profile.phone": "1", **given}, consents=frozenset({"mail"}), channels=("post",)
        )
        return decided(compiled, request)

    reasons = {outcome.campaign: outcome.reason for outcome in decide().candidate_outcomes}
    assert reasons["gifts"] == Reason(ReasonCode.NO_VARIANT, "profile.gift")
    ((fate),) = [outcome for outcome in decide(name="Ann").candidate_outcomes if outcome.campaign == "gifts"]
    assert fate.details == (Reason(ReasonCode.NO_VARIANT, "profile.gift"),)
    assert {
        outcome.campaign
        for outcome in decide(gift="ink").candidate_outcomes
        if outcome.reason.code is ReasonCode.CHOSEN
    }


@pytest.mark.parametrize("blank", ["", " ", "\t\n", "\u3000\xa0"])
def test_a_blank_value_counts_as_missing(compiled: CompiledBook, blank: str) -> None:
    """A text without anything to read takes the fallback; a variant that needs it is left out, and the reason names it."""
    assert said(compiled, "web", name=blank)["title"] == "Ein Stift, Freund"
    needy = lacking("a: {content: {default: {t: 'for {profile.gift}'}}}")
    given: dict[str, Value] = {"profile.phone": "1", "profile.gift": blank}
    decision = decided(needy, Request("ann", NOW, given, consents=frozenset({"mail"}), channels=("post",)))
    reasons = {outcome.campaign: outcome.reason for outcome in decision.candidate_outcomes}
    assert reasons["gifts"] == Reason(ReasonCode.NO_VARIANT, "profile.gift")


def test_a_fallback_that_lacks_a_value_is_not_shown() -> None:
    """A placement's fallback whose text needs a value that is blank does not fill the placement."""
    compiled = compiled_book(BOOK.replace("Our story, {profile.name|friend}", "Our story, {profile.name}"))
    for name, outcome in ((" ", Outcome.NOTHING), ("Ann", Outcome.FALLBACK)):
        given: dict[str, Value] = {"profile.name": name, "profile.language": "en"}
        assert decided(compiled, Request("ann", NOW, given, placement="hero")).outcome is outcome


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (31, "31"),
        (31.0, "31"),
        (-0.0, "0"),
        (30.3, "30.3"),
        (0.1 + 0.2, "0.3"),
        (10.1 * 3, "30.3"),
        (-1.5, "-1.5"),
        (0.00001, "0.00001"),
        (1.25e-9, "0.00000000125"),
        (4006381333932, "4006381333932"),
        (1e22, "10000000000000000000000"),
        (123456789012.25, "123456789012.25"),
        (123456789012345.6, "123456789012345.6"),
        (100.0, "100"),
        (1e6 + 0.5, "1000000.5"),
        (False, "false"),
        (date(2026, 3, 1), "2026-03-01"),
    ],
)
def test_values_are_written_as_people_write_them(value: Value, text: str) -> None:
    """Numbers have neither an exponent nor what only rounding leaves."""
    assert as_text(value) == text


def test_no_variant_for_the_customer_names_the_channel() -> None:
    """Where no variant's condition holds, the reason is about the channel."""
    compiled = lacking("a: {when: {location.country: CH}, content: {default: {t: x}}}")
    given: dict[str, Value] = {"profile.phone": "1"}
    request = Request("ann", NOW, given, consents=frozenset({"mail"}), channels=("post",))
    candidate_outcomes = {
        outcome.campaign: outcome.reason for outcome in decided(compiled, request).candidate_outcomes
    }
    assert candidate_outcomes["gifts"] == Reason(ReasonCode.NO_VARIANT, "post")


def test_a_language_can_lack_a_value() -> None:
    """Only customers who get the text with the placeholder need its value."""
    compiled = lacking("a: {content: {default: {t: hello}}, locales: {fr: {t: 'bonjour {profile.gift}'}}}")

    def code(language: str) -> ReasonCode:
        given: dict[str, Value] = {"profile.phone": "1", "profile.language": language}
        request = Request("ann", NOW, given, consents=frozenset({"mail"}), channels=("post",))
        return {
            outcome.campaign: outcome.reason for outcome in decided(compiled, request).candidate_outcomes
        }["gifts"].code

    assert code("fr") is ReasonCode.NO_VARIANT
    assert code("de") is not ReasonCode.NO_VARIANT
