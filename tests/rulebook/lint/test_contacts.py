"""Conditions on contacts that never or always hold, and those of which nothing is said."""

from pathlib import Path

import pytest

from tests.rulebook.lint.loading import linted

BOOK = """
book: {name: narrative, timezone: UTC}
attributes: {profile.to: {type: text}}
channels: {sms: {kind: outbound, address: profile.to, consent: ads}}
offers: {tea: {name: Tea, content: {default: {text: Tea}}}}
campaigns:
  welcome: {offer: tea, channels: [sms], when: {customer.is_new: true}, limits: {per_customer: {limit: 1, per: rolling 30d}}}
  quiz: {offer: tea, channels: [sms], when: WHEN, limits: {per_customer: {limit: 1, per: rolling 30d}}}
"""


@pytest.mark.parametrize(
    ("when", "code"),
    [
        ("{contact: {campaign: welcome}, none: [{contact: {campaign: [welcome]}}]}", "never-true"),
        ("{contact: {within: 7d, count: {gte: 2}}, all: [{contact: {within: 1w, count: {lt: 2}}}]}", "never-true"),
        ("{contact: {campaign: welcome, count: {gte: 0}}}", "always-true"),
        ("{any: [{contact: {outcome: clicked}}, {none: [{contact: {outcome: clicked}}]}]}", "always-true"),
        # of windows and outcomes in each other it does not reason
        ("{contact: {campaign: welcome, outcome: clicked}, none: [{contact: {campaign: welcome}}]}", ""),
        ("{contact: {campaign: welcome, within: 7d}, none: [{contact: {campaign: welcome, within: 30d}}]}", ""),
        ("{contact: {campaign: welcome, outcome: clicked}, none: [{contact: {campaign: quiz}}]}", ""),
        ("{contact: {campaign: welcome, outcome: ignored, after: 3d, within: 2w}}", ""),
    ],
)  # fmt: skip
def test_satisfiability(tmp_path: Path, when: str, code: str) -> None:
    """Equal counts are one number, whose comparisons are solved; of different ones nothing is concluded."""
    loaded = linted(tmp_path, BOOK.replace("WHEN", when))
    assert loaded.book is not None, loaded.diagnostics
    line = BOOK.split("WHEN", maxsplit=1)[0].count("\n") + 1
    said = {str(diagnostic.code) for diagnostic in loaded.diagnostics if diagnostic.line == line}
    assert said == ({code} if code else set())
