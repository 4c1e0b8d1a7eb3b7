"""The console's scripts, bundled again: the committed files are what the committed versions give."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

BUNDLED = ("LICENCES.txt", "charts.js", "editor.js")


@pytest.mark.skipif(not os.environ.get("NODE_EXAMPLE"), reason="make test-node has Node and runs this")
def test_the_bundles_are_what_the_lock_gives(tmp_path: Path) -> None:
    """Byte by byte, with the licences of what is in them; nothing in the lock names a host."""
    subprocess.run([ROOT / "scripts" / "vendor-web.sh", tmp_path], check=True, timeout=300)
    committed = ROOT / "engine" / "console" / "static"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(BUNDLED)
    for name in BUNDLED:
        assert (tmp_path / name).read_bytes() == (committed / name).read_bytes(), (
            f"run scripts/vendor-web.sh: {name}"
        )


def test_the_lock_names_no_registry() -> None:
    """The packages come from whichever one npm is configured with; each is checked by its hash."""
    packages = json.loads((ROOT / "web" / "package-lock.json").read_text())["packages"]
    fetched = {name: package for name, package in packages.items() if name}
    assert fetched
    assert not any("resolved" in package for package in fetched.values())
    assert all("integrity" in package for package in fetched.values())
