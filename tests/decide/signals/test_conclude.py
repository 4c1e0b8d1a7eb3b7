"""Conclusions and stored signals: holding, ending, exposing, stratum by stratum."""

from datetime import date

from engine.conditions.model import All, None_, Operator, Test
from engine.decide.signals.compile import compile_signals
from engine.decide.signals.infer import Conclusions, conclude
from engine.decide.signals.python_evaluator import PythonEvaluator
from engine.model.customer import NO_MEMORY, HeldSignal, Memory
from engine.model.values import Attributes, Moment
from engine.rulebook.model.derived import Signal

NOW, HOLD = 1_000_000, 500
A, END = Test("a", Operator.EQ, 1), Test("end", Operator.EQ, True)
BOOK = compile_signals(
    {
        signal.name: signal
        for signal in (
            Signal("held", A, HOLD, END, {"x": "x", "y": "y"}),
            Signal("brief", Test("signal.held", Operator.EQ, True)),
            Signal("calm", None_((Test("signal.held", Operator.EQ, True),)), HOLD),
        )
    }
)


def at(attributes: Attributes, memory: Memory = NO_MEMORY, now: int = NOW) -> Conclusions:
    """The conclusions from the attributes at a moment."""
    moment = Moment(now, date(2026, 3, 10))
    return conclude(BOOK, attributes, moment, PythonEvaluator(BOOK), memory)


def remembering(*held: HeldSignal) -> Memory:
    """A memory with these stored signals."""
    return Memory(signals={signal.name: signal for signal in held})


BEFORE = HeldSignal("held", NOW - 100, NOW + 400, {"x": "old", "y": "old"})


def test_a_conclusion_is_remembered() -> None:
    """A signal with `hold` is stored with its end and its fields; one without holds for the request only."""
    concluded = at({"a": 1, "x": "new"})
    assert concluded.signals == (HeldSignal("brief", NOW), HeldSignal("held", NOW, NOW + HOLD, {"x": "new"}))
    assert [signal.name for signal in concluded.remember] == ["held"]
    assert concluded.attributes == {"signal.held": True, "signal.held.x": "new", "signal.brief": True}
    assert concluded.forget == ()


def test_what_is_remembered_holds_without_its_condition() -> None:
    """It keeps its `since` and its fields, higher strata depend on it, and it is not stored again."""
    concluded = at({}, remembering(BEFORE))
    assert concluded.signals == (HeldSignal("brief", NOW), BEFORE)
    assert concluded.attributes["signal.held.x"] == "old"
    assert (concluded.remember, concluded.forget) == ((), ())


def test_a_conclusion_anew_keeps_since_and_renews_the_rest() -> None:
    """Its time begins again; each field has the newest value."""
    (held,) = at({"a": 1, "x": "new"}, remembering(BEFORE)).remember
    assert held == HeldSignal("held", BEFORE.since, NOW + HOLD, {"x": "new", "y": "old"})


def test_until_goes_before_all() -> None:
    """While it holds, the stored signal is deleted and none is concluded, even if the condition holds."""
    concluded = at({"a": 1, "end": True}, remembering(BEFORE))
    assert [signal.name for signal in concluded.signals] == ["calm"]
    assert concluded.forget == (BEFORE,)
    assert at({"a": 1, "end": True}).forget == ()


def test_what_has_expired_is_forgotten_unless_concluded_anew() -> None:
    """A new conclusion after the end is a new signal."""
    past = Memory(expired=(BEFORE,))
    assert at({}, past).forget == (BEFORE,)
    again = at({"a": 1}, past)
    assert again.forget == ()
    assert again.remember == (HeldSignal("held", NOW, NOW + HOLD),)


def test_until_may_name_a_signal_of_the_same_request() -> None:
    """A signal that ends another is inferred before it."""
    book = compile_signals(
        {
            "open": Signal("open", A, HOLD, Test("signal.closed", Operator.EQ, True)),
            "closed": Signal("closed", Test("c", Operator.EQ, 1)),
        }
    )
    before = HeldSignal("open", 1, NOW + 1)
    moment = Moment(NOW, date(2026, 3, 10))
    concluded = conclude(book, {"a": 1, "c": 1}, moment, PythonEvaluator(book), remembering(before))
    assert ([signal.name for signal in concluded.signals], concluded.forget) == (["closed"], (before,))


def test_a_signal_that_the_book_holds_no_longer_is_nothing() -> None:
    """A signal that another version of the book stored does not hold in a version without `hold`, and stays stored."""
    other = HeldSignal("brief", 1, NOW + 1)
    gone = HeldSignal("unknown", 1, NOW + 1)
    concluded = at({}, remembering(other, gone))
    assert [signal.name for signal in concluded.signals] == ["calm"]
    assert concluded.forget == ()


def test_all_is_silence_without_signals() -> None:
    """Without concluded and stored signals the conclusions are empty."""
    book = compile_signals({"held": Signal("held", All((A,)), HOLD)})
    concluded = conclude(book, {}, Moment(NOW, date(2026, 3, 10)), PythonEvaluator(book), NO_MEMORY)
    assert concluded == Conclusions({}, (), (), ())
