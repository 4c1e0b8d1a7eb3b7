"""The worked example of the pressure page, played against a real server."""

from datetime import UTC, datetime
from pathlib import Path

from engine.api.v1.decisions_pb2 import DecideResponse, Outcome
from engine.client import Client, Plain, request
from tests.docs.pages import ROOT, blocks_of
from tests.servers import serving

PAGE = ROOT / "docs" / "pressure.md"


def moment(text: str) -> datetime:
    """`Mon 2 Mar 10:00` as the moment in 2026; the day of the week has to be right."""
    parsed = datetime.strptime(f"{text} 2026", "%a %d %b %H:%M %Y").replace(tzinfo=UTC)
    assert parsed.strftime("%a") == text[:3]
    return parsed


def in_words(answer: DecideResponse) -> str:
    """The answer in the words of the page's table."""
    words = [
        Outcome.Name(answer.outcome).removeprefix("OUTCOME_"),
        *(offer.campaign for offer in answer.offers),
    ]
    if answer.blocked_by:
        when = answer.next_allowed_at.ToDatetime()
        words.append(f"by {', '.join(answer.blocked_by)}, next {when:%a} {when.day} {when:%b %H:%M}")
    return " ".join(words)


def test_the_worked_example_is_true(tmp_path: Path) -> None:
    """Asked at the moments of the table, the server answers what the table says."""
    (book,) = [block for block in blocks_of(PAGE) if block.value("book") is not None]
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "book.yaml").write_text(book.text, encoding="utf-8")
    table = PAGE.read_text(encoding="utf-8").partition("| asked at |")[2].split("\n\n")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
    assert len(rows) >= 7
    with (
        serving(tmp_path / "book", tmp_path / "tact.db", "--allow-simulated-now") as server,
        Client(server.target, timeout=60) as client,
    ):
        for when, _, expected, _ in rows:
            at, _, late = when.partition(", ")
            profile: dict[str, Plain] = {"phone": "1", "late": True} if late else {"phone": "1"}
            answer = client.decide(request("ada", profile=profile, consents=["sms"], now=moment(at)))
            assert in_words(answer) == expected, when
