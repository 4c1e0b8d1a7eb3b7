"""The synchronous client is what scripts/generate-client.py makes of the asynchronous one."""

import inspect
import subprocess
import sys
from pathlib import Path

from engine.client import AsyncClient, Client

ROOT = Path(__file__).parents[2]
SYNC = Path("engine/client/sync.py")


def test_the_committed_client_is_derived(tmp_path: Path) -> None:
    """engine/client/sync.py is up to date."""
    subprocess.run([sys.executable, "scripts/generate-client.py", str(tmp_path)], check=True, cwd=ROOT)
    assert (ROOT / SYNC).read_text(encoding="utf-8") == (tmp_path / SYNC).read_text(encoding="utf-8")


def test_both_clients_have_the_same_methods() -> None:
    """Both clients have the same methods with the same parameters."""
    assert parameters(Client) == parameters(AsyncClient)


def parameters(client: type) -> dict[str, list[str]]:
    """The parameters' names of each public method."""
    methods = inspect.getmembers(client, inspect.isfunction)
    return {name: [*inspect.signature(method).parameters] for name, method in methods if name[0] != "_"}
