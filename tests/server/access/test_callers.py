"""The callers file, and who is known by it."""

import pytest

from engine.server.access.callers import bearer_of, digest_of
from engine.server.access.callers_file import CallersFile, WrongCallers
from engine.server.access.limits import UNBOUNDED, Limits
from engine.server.access.roles import Role, Unknown
from engine.server.access.tokens import new_token

HASH = "ab" * 32
TOKEN = f'[[tokens]]\nname = "shop"\nroles = ["decide"]\nsha256 = "{HASH}"\n'
CERTIFICATE = '[[certificates]]\nname = "mailer"\nroles = ["record"]\nsubject = "mailer.example"\n'


def test_a_token_says_who_calls_within_its_time() -> None:
    """From not_before until expires the token is its caller's, and a moment earlier or later nobody's."""
    token = new_token()
    text = TOKEN.replace(HASH, digest_of(token).hex())
    text += "not_before = 1970-01-01T00:00:10Z\nexpires = 1970-01-01T00:00:20Z\n"
    callers = CallersFile(Limits()).read(text)
    assert callers.by_token(token, 10.0).name == callers.by_token(token, 19.999).name == "shop"
    for late in (9.999, 20.0):
        with pytest.raises(Unknown):
            callers.by_token(token, late)


def test_every_refusal_sounds_the_same() -> None:
    """Unknown, too early and too late tokens get the same words; only the reason for the log differs."""
    token = new_token()
    text = TOKEN.replace(HASH, digest_of(token).hex())
    text += "not_before = 1970-01-01T00:00:10Z\nexpires = 1970-01-01T00:00:20Z\n"
    callers = CallersFile(Limits()).read(text)
    refusals = []
    for given, now in ((token, 1.0), (token, 30.0), (new_token(), 15.0), ("", 15.0), ("é" * 9, 15.0)):
        with pytest.raises(Unknown) as caught:
            callers.by_token(given, now)
        refusals.append(caught.value)
    assert len({str(refusal) for refusal in refusals}) == 1
    assert len({refusal.reason for refusal in refusals}) == 3


def test_a_certificate_is_known_by_any_of_its_names() -> None:
    """The first of the certificate's names that stands in the file says who calls."""
    callers = CallersFile(Limits()).read(CERTIFICATE)
    assert callers.by_certificate(["other.example", "mailer.example"], 0.0).roles == {Role.RECORD}
    for names in ([], ["other.example"], ["\xff"], ["mailer.example\0.evil.example"], None):
        with pytest.raises(Unknown):
            callers.by_certificate(names, 0.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[tokens\n", "line 1"),
        ("[[tokens]]\n", "tokens[0].name: Field required"),
        (TOKEN.replace("decide", "decid"), "tokens[0].roles: 'decid' is not a role; did you mean 'decide'?"),
        (TOKEN.replace('"decide"', ""), "tokens[0].roles"),
        (TOKEN.replace(HASH, HASH[1:]), "tokens[0].sha256"),
        (TOKEN + "expires = 2027-01-01T00:00:00\n", "tokens[0].expires: Input should have timezone info"),
        (
            TOKEN + "not_before = 2027-01-02T00:00:00Z\nexpires = 2027-01-01T00:00:00Z\n",
            "tokens[0]: expires must come after not_before",
        ),
        (TOKEN + "expire = 1\n", "tokens[0].expire: Extra inputs are not permitted"),
        (TOKEN + TOKEN, "the same sha256"),
        (CERTIFICATE + CERTIFICATE, "the same subject"),
        (TOKEN + "[limits.shoe]\nrate = 1.0\n", "limits.shoe: no token and no certificate has this name"),
        (TOKEN + "[limits.shop]\nrate = -1.0\n", "limits.shop.rate"),
        (TOKEN.replace("shop", "a b"), "tokens[0].name"),
        ("a = " + "[" * 5000, "brackets are nested too deep"),
    ],
)
def test_what_is_wrong_is_said_with_its_path(text: str, words: str) -> None:
    """A wrong file is refused with the place of the mistake, and never with a value that may be a secret."""
    with pytest.raises(WrongCallers) as caught:
        CallersFile(Limits()).read(text)
    assert words in str(caught.value)
    assert HASH[2:] not in str(caught.value)


def test_limits_are_those_of_the_name_over_the_defaults() -> None:
    """Every token of a name shares one allowance, which lives on when the file is read again, unless its limits change."""
    file = CallersFile(Limits(rate=1.0, burst=1))
    two = TOKEN + TOKEN.replace(HASH, "cd" * 32)
    first = file.read(two)
    caller = first._tokens[bytes.fromhex(HASH)][1]
    assert caller.rate_limit is not UNBOUNDED
    assert caller.rate_limit is first._tokens[bytes.fromhex("cd" * 32)][1].rate_limit
    assert file.read(TOKEN)._tokens[bytes.fromhex(HASH)][1].rate_limit is caller.rate_limit
    changed = file.read(TOKEN + "[limits.shop]\nburst = 5\n")._tokens[bytes.fromhex(HASH)][1]
    assert changed.rate_limit is not caller.rate_limit
    free = file.read(TOKEN + "[limits.shop]\nrate = 0.0\n")._tokens[bytes.fromhex(HASH)][1]
    assert free.rate_limit is UNBOUNDED


@pytest.mark.parametrize(
    "metadata",
    [
        [("authorization", "Basic abc")],
        [("authorization", "tact_abc")],
        [("authorization", "Bearer a"), ("authorization", "Bearer a")],
    ],
)
def test_anything_but_one_bearer_token_is_refused(metadata: list[tuple[str, str | bytes]]) -> None:
    """Another scheme, no scheme, and two tokens at once are refused."""
    with pytest.raises(Unknown):
        bearer_of(metadata)


def test_the_scheme_may_be_written_in_any_case() -> None:
    """`bearer` is `Bearer` (RFC 9110); other metadata says nothing."""
    assert bearer_of([("x", "y"), ("authorization", "bEaReR abc ")]) == "abc"
    assert bearer_of([("x", "y")]) is None
