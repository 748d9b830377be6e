"""What every screen of the pages has to be: readable, reachable, narrow, and pictured."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Page

from tests.generators.conftest import NODE_MODULES
from tests.harness.launch import ROOT

PICTURES = ROOT / ".local/screenshots"
SHOWN: tuple[tuple[int, Literal["light", "dark"]], ...] = ((320, "dark"), (1280, "light"))
"""Contrast depends on the scheme, and room on the width: two looks see both."""
_FINDINGS = """async () => {
  const { violations } = await axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  });
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) =>
    `${id}: ${html} ${failureSummary}`));
}"""
_TOO_WIDE = "() => document.scrollingElement.scrollWidth > document.scrollingElement.clientWidth"


@cache
def _axe() -> str:
    return (NODE_MODULES / "axe-core/axe.min.js").read_text()


def findings(page: Page) -> list[str]:
    """What axe-core finds, as the page is shown now."""
    # Not as a script of the page: its policy forbids any that is not a file of its own.
    page.evaluate(_axe())
    found: list[str] = page.evaluate(_FINDINGS)
    return found


def looked_at(page: Page, name: str, folder: Path = PICTURES) -> None:
    """Check a screen wide and light, and dark at 320 px, and leave its pictures in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    problems: dict[str, Any] = {}
    # The wide one last: the test goes on with it.
    for width, scheme in SHOWN:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=True)
        if found := findings(page):
            problems[f"{width} {scheme}"] = found
        if page.evaluate(_TOO_WIDE):
            problems[f"{width}"] = "it scrolls sideways"
    assert problems == {}, name
