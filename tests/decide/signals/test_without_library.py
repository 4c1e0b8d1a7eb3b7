"""PythonEvaluator is used where durable-rules cannot be imported."""

import subprocess
import sys

from engine.decide.signals.evaluator import open_evaluator
from engine.decide.signals.kernel import DurableKernel
from engine.decide.signals.python_evaluator import PythonEvaluator
from tests.decide.signals.books import compiled, gte, needs_library

SCRIPT = """
import sys
from importlib.abc import MetaPathFinder

class Blocker(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"durable", "durable_rules_engine"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Blocker())
from engine.decide.signals.evaluator import open_evaluator
from engine.decide.signals.infer import infer
from engine.server.book.probe import probe
from engine.server.book.probe import MOMENT
from tests.decide.signals.books import compiled, gte

of = compiled({"old": gte("age", 60)})
assert probe(of) is None
evaluator = open_evaluator(of)
print(type(evaluator).__name__, *infer(of, {"age": 60}, MOMENT, evaluator))
"""


def test_the_naive_evaluator_answers_without_the_library() -> None:
    """Everything but the kernel works where the import fails."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["PythonEvaluator", "old"]


def test_a_loader_needs_no_library() -> None:
    """Ordering and compiling signals does not import it."""
    script = "import sys, engine.decide.signals.compile; print([name for name in sys.modules if 'durable' in name])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@needs_library
def test_the_library_answers_where_it_is() -> None:
    """A book without signals uses PythonEvaluator."""
    evaluator = open_evaluator(compiled({"old": gte("age", 60)}))
    assert isinstance(evaluator, DurableKernel)
    evaluator.close()
    empty = open_evaluator(compiled({}))
    assert isinstance(empty, PythonEvaluator)
    empty.close()
