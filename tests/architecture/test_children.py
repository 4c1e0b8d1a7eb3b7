"""Child processes of our own code start in one way, and import nothing from where they are started."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.children import child_command, child_environment
from tests.architecture.source import ROOT, modules


def test_only_one_module_says_how_children_start() -> None:
    """No other module makes an environment for children, or a command for code."""
    spelt = [module.name for module in modules("engine") if "PYTHONPATH" in (ROOT / module.path).read_text()]
    assert spelt == ["engine.children"]


def test_no_child_is_started_by_uvloop() -> None:
    """Only processes on asyncio's own loop ask it for children: beside gRPC's threads those of uvloop crash at times."""
    asking = {
        ".".join(module.name.split(".")[:2])
        for module in modules("engine")
        if "create_subprocess" in (ROOT / module.path).read_text()
    }
    assert asking == {"engine.console", "engine.workers"}


def test_a_child_imports_from_its_parent_and_not_from_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative and empty entries of the parent's path mean the parent's folder; where the child runs nothing is imported."""
    (tmp_path / "json.py").write_text("raise SystemExit('imported from the folder')")
    monkeypatch.setattr(sys, "path", ["", os.path.relpath(sys.path[-1]), *sys.path])
    done = subprocess.run(
        child_command("import json, sys; import engine.children; print(json.dumps(sys.path))"),
        env=child_environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f'"{Path.cwd()}"' in done.stdout
    assert str(tmp_path) not in done.stdout
