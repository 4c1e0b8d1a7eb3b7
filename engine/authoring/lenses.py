"""What stands above each campaign: how much of the log it reached, and how many scenarios expect it.

It comes from a summary that a command wrote, never from a query: an editor asks with every key.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.authoring.analyse import Analysis, analyse
from engine.authoring.names import Occurrence, declaration
from engine.rulebook.text import nodes
from engine.rulebook.text.nodes import PlainData

FILE = Path(".tact") / "reach.json"
"""The summary, in the folder of the book."""

_MOST_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Reach:
    """What is known of one campaign."""

    persons: int
    """Whom it was offered to in the period."""
    scenarios: int
    """Scenarios that expect it."""


@dataclass(frozen=True, slots=True)
class ReachSummary:
    """What is known of the campaigns of a book."""

    days: int
    """The length of the period."""
    persons: int
    """Persons of whom the log has a decision in the period."""
    campaigns: Mapping[str, Reach]


def summary_of(
    contents: Mapping[str, bytes],
    scenarios: Mapping[str, bytes],
    *,
    days: int,
    persons: int,
    reached: Mapping[str, int],
) -> ReachSummary:
    """What is known of every campaign in the files of a book, also of those that reached nobody.

    scenarios: the scenario files. persons, reached: those of a log, all and by campaign, in so many days.
    """
    campaigns = analyse(contents).data.get("campaigns")
    expected = _count_scenarios(scenarios)
    known = {
        name: Reach(reached.get(name, 0), expected[name])
        for name in (campaigns if isinstance(campaigns, dict) else ())
    }
    return ReachSummary(days, persons, known)


def summary_text(summary: ReachSummary) -> str:
    """The summary as its file has it."""
    return f"{json.dumps(asdict(summary), indent=1, ensure_ascii=False)}\n"


def write_summary(folder: Path, text: str) -> Path:
    """Write the text of a summary into the folder of the book; raises OSError."""
    path = folder / FILE
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def read_summary(folder: Path) -> ReachSummary | None:
    """The summary in the folder of the book; None if there is none, or something else in its place."""
    path = folder / FILE
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        if path.stat().st_size <= _MOST_BYTES:
            data = json.loads(path.read_text(encoding="utf-8"))
            campaigns = {
                str(name): Reach(int(entry["persons"]), int(entry["scenarios"]))
                for name, entry in data["campaigns"].items()
            }
            return ReachSummary(int(data["days"]), int(data["persons"]), campaigns)
    return None


def _count_scenarios(contents: Mapping[str, bytes]) -> Counter[str]:
    """By campaign, how many scenarios of the files expect it; files that cannot be read count as empty."""
    counts: Counter[str] = Counter()
    for content in contents.values():
        with suppress(UnicodeDecodeError):
            data = nodes.compose(content.decode()).data
            scenarios = data.get("tests") if isinstance(data, dict) else None
            for scenario in scenarios if isinstance(scenarios, list) else ():
                counts.update(set(_expected(scenario)))
    return counts


def _expected(data: PlainData) -> Iterator[str]:
    """The campaigns that a part of a scenario expects."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key == "campaign" and isinstance(value, str):
                yield value
            else:
                yield from _expected(value)
    elif isinstance(data, list):
        for item in data:
            yield from _expected(item)


def lenses(analysis: Analysis, file: str, summary: ReachSummary) -> Iterator[tuple[Occurrence, str]]:
    """The lines of the file at which a campaign begins, and what stands above each."""
    campaigns = analysis.data.get("campaigns")
    for name in campaigns if isinstance(campaigns, dict) else ():
        own, known = declaration(analysis, ("campaigns", name)), summary.campaigns.get(name)
        if own is not None and own.file == file and known is not None:
            yield own, _words(known, summary)


def _words(reach: Reach, summary: ReachSummary) -> str:
    share = (
        f"reach {100 * reach.persons / summary.persons:.2g} % of" if summary.persons else "no decisions in"
    )
    noun = "scenario" if reach.scenarios == 1 else "scenarios"
    return f"{share} {summary.days} days, {reach.scenarios:,} {noun}"
