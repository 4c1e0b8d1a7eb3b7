"""The synchronous clients are what scripts/generate-client.py makes of the asynchronous ones."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from engine.client import AsyncClient, AsyncPrivacyClient, Client, PrivacyClient

ROOT = Path(__file__).parents[2]
DERIVED = (Path("engine/client/sync.py"), Path("engine/client/privacy.py"))


def test_the_committed_clients_are_derived(tmp_path: Path) -> None:
    """The files in the tree are up to date."""
    subprocess.run([sys.executable, "scripts/generate-client.py", str(tmp_path)], check=True, cwd=ROOT)
    for made in DERIVED:
        assert (ROOT / made).read_text(encoding="utf-8") == (tmp_path / made).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("waiting", "asynchronous"), [(Client, AsyncClient), (PrivacyClient, AsyncPrivacyClient)]
)
def test_both_clients_have_the_same_methods(waiting: type, asynchronous: type) -> None:
    """Both clients have the same methods with the same parameters."""
    assert parameters(waiting) == parameters(asynchronous)
    assert "close" in parameters(waiting)


def parameters(client: type) -> dict[str, list[str]]:
    """The parameters' names of each public method."""
    methods = inspect.getmembers(client, inspect.isfunction)
    return {name: [*inspect.signature(method).parameters] for name, method in methods if name[0] != "_"}
