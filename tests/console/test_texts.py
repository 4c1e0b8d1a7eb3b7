"""The catalogues have the texts of all pages."""

import subprocess
import sys

from tests.docs.pages import ROOT


def test_the_catalogues_have_every_text_of_the_pages() -> None:
    """German and French have words for each, and nothing that is gone; else the script says which."""
    command = [sys.executable, "scripts/console-texts.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
