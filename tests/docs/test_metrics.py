"""The page of metrics and the figures that there are."""

import re

from tests.docs.pages import ROOT
from tests.telemetry.shown import every_figure, kind_of, shown_name

_ROW = re.compile(r"^\| `(?P<name>tact_\w+)` \| (?P<kind>\w+) \|(?P<labels>[^|]*)\|", re.MULTILINE)


def test_every_figure_has_a_row() -> None:
    """The page has exactly the figures that there are, each with its kind and its labels."""
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    rows = {
        row["name"]: (row["kind"], tuple(re.findall(r"`(\w+)`", row["labels"])))
        for row in _ROW.finditer(page)
    }
    assert rows == {shown_name(figure): (kind_of(figure), figure.labels) for figure in every_figure()}
