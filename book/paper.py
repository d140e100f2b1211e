"""Print pages of the built site by Chromium, one PDF a page: ``python book/paper.py SITE FOLDER [page]``."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MARGIN = {side: "16mm" for side in ("top", "right", "bottom", "left")}


def pages(site: Path) -> list[str]:
    """Return what is read: every page but the names of the package, and what search and the index need."""
    found = (path.relative_to(site) for path in sorted(site.rglob("*.html")))
    left_out = {"search", "genindex", "404"}
    return [
        str(p) for p in found if p.parts[0] != "_static" and "api" not in p.parts and p.stem not in left_out
    ]


def main() -> int:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("pages", nargs="*", help="such as losses/huber.html (default: every one)")
    options = parser.parse_args()
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print("No browser was found; expected Chromium or Chrome. Install one.", file=sys.stderr)
        return 1
    site = options.site.resolve()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(color_scheme="light")
        for name in options.pages or pages(site):
            target = (options.folder / name).with_suffix(".pdf")
            target.parent.mkdir(parents=True, exist_ok=True)
            page.goto((site / name).as_uri())
            page.pdf(path=target, format="A4", margin=MARGIN, print_background=True)
        chromium.close()
    print(f"Open {options.folder.resolve()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
