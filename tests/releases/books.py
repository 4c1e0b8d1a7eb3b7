"""Books that are released, small so that a check takes little."""

from collections.abc import Mapping

from engine.api.v1 import rulebooks_pb2 as pb

BOOK = """
book: {name: spring, timezone: UTC}
attributes: {profile.age: {type: integer}, profile.phone: {type: text}}
channels: {sms: {kind: outbound, address: profile.phone, consent: not_needed}}
offers:
  cream: {name: Cream, value: 10, content: {default: {text: A cream}}}
  oil: {name: Oil, value: 1, content: {default: {text: An oil}}}
campaigns:
  adults: {offer: cream, channels: [sms], when: {profile.age: {gte: 18}}}
  minors: {offer: oil, channels: [sms], when: {profile.age: {lt: 18}}}
"""
SCENARIO = """
customers: {ann: {profile: {age: 30, phone: "1"}}}
tests: [{name: ann gets the cream, customer: ann, now: 2026-03-10T10:00, expect: {campaign: adults}}]
"""


def files(book: str = BOOK, scenario: str = SCENARIO) -> dict[str, bytes]:
    """The files of a release, with one scenario."""
    return {"book.yaml": book.encode(), "tests/ann.yaml": scenario.encode()}


def edition(number: int) -> str:
    """A book of the same name that says something else."""
    return BOOK.replace("value: 10", f"value: {10 + number}")


def messages(contents: Mapping[str, bytes]) -> list[pb.BookFile]:
    """The files as the contract has them."""
    return [pb.BookFile(name=name, content=content) for name, content in contents.items()]


def publishing(book: str = BOOK, note: str = "", scenario: str = SCENARIO) -> pb.PublishRequest:
    """A request to publish the book."""
    return pb.PublishRequest(files=messages(files(book, scenario)), note=note)
