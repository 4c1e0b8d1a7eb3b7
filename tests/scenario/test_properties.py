"""What holds for every scenario file: diagnostics or scenarios, never a traceback."""

from pathlib import Path

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.decide.compiled import CompiledBook
from engine.scenario.play import play
from engine.scenario.read import LoadedScenarios, load_scenario_files

GOLDEN = Path(__file__).parent / "golden"
FILES = [path.read_bytes() for path in sorted(GOLDEN.glob("*.yaml"))]
WORDS = [
    *(
        "customers",
        "tests",
        "name",
        "now",
        "customer",
        "with",
        "expect",
        "story",
        "at",
        "decide",
        "record",
        "not",
    ),
    *(
        "profile",
        "location",
        "weather",
        "consents",
        "channels",
        "placement",
        "max_offers",
        "li-na",
        "hero",
        "sms",
    ),
    *(
        "outcome",
        "offer",
        "campaign",
        "variant",
        "by",
        "reasons",
        "content",
        "score",
        "next_allowed_at",
        "title",
    ),
    *(
        "2026-03-10T10:00",
        "9999-12-31T23:59Z",
        "capped weekly",
        "birthday",
        "age",
        "temperature_c",
        "cream-cold",
    ),
]
QUICK = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))

scalars = st.one_of(
    st.sampled_from(WORDS), st.text(max_size=4), st.integers(), st.floats(), st.booleans(), st.none()
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(WORDS), inner, max_size=4)
    ),
    max_leaves=12,
)


def read(compiled: CompiledBook, content: bytes) -> LoadedScenarios:
    """What comes of the file; a diagnostic has a place in it."""
    loaded = load_scenario_files({"tests/any.yaml": content}, compiled)
    assert all(diagnostic.line >= 1 and diagnostic.column >= 1 for diagnostic in loaded.diagnostics)
    assert not (loaded.scenarios and loaded.diagnostics)
    return loaded


@QUICK
@given(st.binary(max_size=200))
def test_any_bytes(spring: CompiledBook, content: bytes) -> None:
    """Bytes of any kind are diagnosed."""
    read(spring, content)


@QUICK
@given(st.sampled_from(FILES), st.data())
def test_torn_files(spring: CompiledBook, content: bytes, data: st.DataObject) -> None:
    """A file with a piece cut out or put in is diagnosed, or holds scenarios that can be played."""
    at = data.draw(st.integers(0, len(content)))
    cut = data.draw(st.integers(0, 20))
    put = data.draw(
        st.sampled_from(
            [b"", b"\x00", b"\xff", b": ", b"- ", b"[", b"{", b"&a ", b"*a", b"!!int ", b"9" * 30]
        )
    )
    loaded = read(spring, content[:at] + put + content[at + cut :])
    play(spring, loaded.scenarios)


@QUICK
@given(st.dictionaries(st.sampled_from(WORDS[:2]), values, max_size=2))
def test_any_yaml(spring: CompiledBook, document: object) -> None:
    """YAML of any shape is diagnosed, or holds scenarios."""
    read(spring, yaml.safe_dump(document, allow_unicode=True).encode("utf-8", "surrogatepass"))


@QUICK
@given(values, values, values)
def test_any_test(spring: CompiledBook, customer: object, changes: object, expected: object) -> None:
    """A test of any content is diagnosed, or can be played."""
    test = {
        "name": "any",
        "now": "2026-03-10T10:00",
        "customer": customer,
        "with": changes,
        "expect": expected,
    }
    step = {"at": "2026-03-10T10:00", "decide": changes, "expect": expected}
    tests = [test, {"name": "story", "customer": {"profile": changes}, "story": [step, customer]}]
    content = yaml.safe_dump({"tests": tests}, allow_unicode=True).encode("utf-8", "surrogatepass")
    play(spring, read(spring, content).scenarios)
