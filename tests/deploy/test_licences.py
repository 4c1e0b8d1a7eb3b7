"""The packages that are needed at run time may be used and passed on."""

import runpy
import subprocess
import sys

import pytest

from tests.docs.pages import ROOT

SCRIPT = ROOT / "scripts" / "list-licences.py"


def test_every_licence_is_allowed() -> None:
    """Each package that is needed, with all extras, declares one; the table names it with its version."""
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    rows = done.stdout.splitlines()[2:]
    assert any(row.startswith("| grpcio | ") for row in rows)
    assert any(row.startswith("| psycopg | ") and "LGPL-3.0-only" in row for row in rows)
    assert len(rows) > 50


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only OR MIT", True),
        ("Apache-2.0 AND BSD-3-Clause", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("GPL-3.0-only", False),
        ("MIT AND GPL-3.0-only", False),
        ("GPL-3.0-only AND (Apache-2.0 OR MIT)", False),
        ("", False),
    ],
)
def test_an_expression_is_read(licence: str, allowed: bool) -> None:
    """One alternative has to be allowed as a whole."""
    assert runpy.run_path(str(SCRIPT))["is_allowed"](licence) is allowed
