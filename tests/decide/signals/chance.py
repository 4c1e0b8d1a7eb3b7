"""Random signals and attributes, and the signals that hold; also for scripts/soak-signals.py."""

from collections.abc import Mapping
from random import Random

from engine.conditions.dnf import clauses_of
from engine.conditions.evaluate import holds
from engine.conditions.model import All, Any_, Audience, Condition, None_, Operand, Operator, Test
from engine.decide.signals.strata import PREFIX, strata
from engine.model.instant import DAY
from engine.model.values import Attributes, Scalar, Value
from engine.rulebook.model.derived import Signal
from engine.server.book.probe import MOMENT, ODD

NAMES = ("a", "b", "c", "profile.age", "é", "")
SCALARS: tuple[Scalar, ...] = (
    *(value for value in ODD if not isinstance(value, tuple)),
    *(2, 3, 4.5, 1e300, 2**53 - 1, "x", "xy"),
    *(MOMENT.now, MOMENT.now - DAY, MOMENT.today),
)
_GROUPS = (All, Any_, None_)


def signals(random: Random, size: int) -> dict[str, Signal]:
    """Random signals; each may refer to those before it, and to one that is never inferred. None has too many alternatives."""
    by_name: dict[str, Signal] = {}
    for number in range(size):
        lower = [*by_name, "remembered"]
        while clauses_of(drawn := condition(random, lower)) is None:
            pass
        by_name[f"s{number}"] = Signal(f"s{number}", drawn)
    return by_name


def condition(random: Random, lower: list[str], depth: int = 3) -> Condition:
    """Tests on attributes and lower signals, in groups of groups."""
    if depth == 0 or random.random() < 0.4:
        if random.random() < 0.2:
            return Test(PREFIX + random.choice(lower), Operator.EQ, True)
        return _test(random)
    parts = tuple(condition(random, lower, depth - 1) for _ in range(random.randint(0, 3)))
    if random.random() < 0.1:
        return Audience("named", All(parts))
    return random.choice(_GROUPS)(parts)


def attributes(random: Random) -> dict[str, Value]:
    """Values of all kinds for all names, some missing."""
    values: dict[str, Value] = {
        name: random.choice(ODD if random.random() < 0.5 else SCALARS)
        for name in NAMES
        if random.random() < 0.8
    }
    if random.random() < 0.3:
        values[PREFIX + "remembered"] = random.choice((True, True, False, 1, "true"))
    return values


def by_reference(written: Mapping[str, Signal], seen: Attributes) -> set[str]:
    """The signals that hold by engine.conditions.evaluate, stratum by stratum."""
    names_holding: set[str] = set()
    for names in strata(written):
        holding = {name for name in names if holds(written[name].when, seen, MOMENT)}
        seen = {**seen, **dict.fromkeys((PREFIX + name for name in holding), True)}
        names_holding |= holding
    return names_holding


def _test(random: Random) -> Test:
    operator = random.choice(list(Operator))
    return Test(random.choice(NAMES), operator, _operand(random, operator))


def _operand(random: Random, operator: Operator) -> Operand:
    match operator:
        case Operator.EXISTS:
            return random.choice((True, False))
        case Operator.MATCHES:
            return random.choice(("^x", "x|1", "(", ""))
        case Operator.WITHIN:
            return random.choice((0, 1, DAY, 2 * DAY))
        case Operator.IN | Operator.NOT_IN | Operator.HAS_ANY | Operator.HAS_ALL:
            return tuple(random.choices(SCALARS, k=random.randint(0, 4)))
        case Operator.BETWEEN:
            return random.choice(SCALARS), random.choice(SCALARS)
    return random.choice(SCALARS)
