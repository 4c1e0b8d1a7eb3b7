"""Makes docs/measuring.png: the head of the demo's report as Chromium shows it.

CHROMIUM=/usr/bin/chromium .venv/bin/python scripts/picture-report.py build/demo/report.html, after `make demo` and
`make test-browser`, which installs what this needs.
"""

import os
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).parents[1] / "docs" / "measuring.png"
LARGEST = 200_000
WIDTH, HEIGHT = 1000, 988


def main() -> None:
    """Write the picture of the page that is named."""
    page = Path(sys.argv[1]).resolve().as_uri()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox"]
        )
        tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        tab.goto(page)
        picture = tab.screenshot()
        browser.close()
    if len(picture) > LARGEST:
        sys.exit(f"the picture has {len(picture):,} bytes, more than {LARGEST:,}")
    PICTURE.write_bytes(picture)


if __name__ == "__main__":
    main()
