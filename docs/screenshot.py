"""
Takes the README's picture: the page of a running backend in a real Chromium.

Run it as `python docs/screenshot.py http://127.0.0.1:12800 docs/picture.png`; `--edge FROM,TO`
chooses an arrow by the names of its ends, otherwise the busiest HTTP edge is taken.
"""

import argparse
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def choose_edge(page: Page, edge: str | None) -> None:
    """Open the panel of the edge and wait until its numbers have arrived."""
    if edge is None:
        page.locator("[data-testid=edges] th button").first.click()
        page.locator("[data-testid=edges] tbody tr").first.click()
    else:
        source, target = edge.split(",")
        page.locator(f'[data-testid=edge][data-source="{source}"][data-target="{target}"]').click()
    page.locator("[data-testid=tile-sent]:not([data-value=''])").wait_for()


def take(url: str, target: Path, *, edge: str | None, scheme: str, size: tuple[int, int]) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = browser.new_page(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if scheme == "dark" else "light",
            device_scale_factor=2,
        )
        page.goto(url)
        page.locator("[data-testid=edge]").first.wait_for()
        page.locator("[data-testid=edges] td[data-value]:not([data-value=''])").first.wait_for()
        choose_edge(page, edge)
        page.mouse.move(1, 1)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=target)
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("target", type=Path)
    parser.add_argument("--edge", metavar="FROM,TO")
    parser.add_argument("--scheme", choices=("dark", "light"), default="dark")
    parser.add_argument("--size", type=int, nargs=2, default=(1440, 900))
    options = parser.parse_args()
    take(
        options.url,
        options.target,
        edge=options.edge,
        scheme=options.scheme,
        size=tuple(options.size),
    )


if __name__ == "__main__":
    main()
