"""Everything that a book derives, read in the order in which one thing names another."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from engine.rulebook.attributes import Lexicon
from engine.rulebook.conditions import near
from engine.rulebook.conditions.behaviour import BehaviourReader
from engine.rulebook.conditions.event_fields import EventGrammar
from engine.rulebook.conditions.grammar import Grammar
from engine.rulebook.conditions.near import DistanceReader
from engine.rulebook.conditions.operands import Reader
from engine.rulebook.declared import Declared
from engine.rulebook.deriving.patterns import PatternReader, fields_of
from engine.rulebook.deriving.signals import SignalReader
from engine.rulebook.model.derived import Derived, Pattern, Signal
from engine.rulebook.text.merge import Merged

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DerivedReader:
    """Places, patterns and signals, and the grammar of the conditions that use them."""

    grammar: Grammar
    patterns: Declared[Pattern]
    signals: SignalReader

    @classmethod
    def declare(
        cls, merged: Merged, lexicon: Lexicon, reader: Reader, lost: Callable[[str], bool]
    ) -> "DerivedReader":
        """Read places and patterns, and what signals expose, so that conditions and content can name them.

        `lost`: whether part of a section could not be read.
        """
        findings = reader.findings
        events = EventGrammar(reader=reader, findings=findings)
        places = near.read(merged.section("places"), findings, partial=lost("places"))
        patterns = PatternReader(events, findings).read(merged.section("patterns"), partial=lost("patterns"))
        fields = {name: fields_of(pattern) for name, pattern in patterns.found.items()}
        lexicon.concluded["pattern"] = Declared("pattern", dict(fields), patterns.broken, patterns.partial)
        signals = SignalReader(lexicon, findings)
        signals.declare(merged.section("signals"), partial=lost("signals"))
        grammar = Grammar(
            reader=reader,
            findings=findings,
            lexicon=lexicon,
            behaviours=BehaviourReader(events),
            distances=DistanceReader(places, findings),
        )
        return cls(grammar, patterns, signals)

    def derived(self, signals: Mapping[str, Signal]) -> Derived:
        """The model, when all conditions are read."""
        return Derived(
            _sorted(self.grammar.behaviours.found),
            _sorted(self.grammar.distances.found),
            _sorted(self.patterns.found),
            _sorted(signals),
        )


def _sorted(named: Mapping[str, T]) -> dict[str, T]:
    return dict(sorted(named.items()))
