"""Records of decisions are named by numbers, each of which names one."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

RECORDS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))


def test_numbers_name_one_record_each() -> None:
    """No two files begin with the same number."""
    numbers = [record.name[:4] for record in RECORDS]
    assert len(numbers) > 30
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: str(path.name))
def test_a_record_says_its_number_and_how_it_stands(record: Path) -> None:
    """The title has the file's number; below it stands since when the decision holds, or what took its place."""
    title, _, status, *_ = record.read_text(encoding="utf-8").split("\n")
    assert title.startswith(f"# {record.name[:4]}. ")
    assert re.match(r"(Accepted|Superseded by \[\d{4}\]\(\S+\)), \w+ \d{4}\.", status), status
