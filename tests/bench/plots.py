"""Draws what `--only growth` measured: `python -m tests.bench.plots`, from .local/bench.json to docs."""

from __future__ import annotations

import json
from pathlib import Path

import pygal
from pygal.style import CleanStyle

RESULT = Path(".local/bench.json")
FOLDER = Path("docs/plots")


def main() -> None:
    """One picture for each thing that grows."""
    pictures: dict[str, dict[str, dict[int, float]]] = {}
    for line in json.loads(RESULT.read_text()):
        if "curve" in line:
            what, over, size, took = line["curve"]
            pictures.setdefault(over, {}).setdefault(what, {})[size] = took
    FOLDER.mkdir(exist_ok=True)
    for over, curves in pictures.items():
        sizes = sorted({size for curve in curves.values() for size in curve})
        # Drawn without a script, which a page would fetch from elsewhere.
        chart = pygal.Line(
            js=[], style=CleanStyle, width=760, height=360, logarithmic=True, legend_at_bottom=True
        )
        chart.x_title = over
        chart.y_title = "milliseconds"
        chart.x_labels = [f"{size:,}" for size in sizes]
        for what, curve in curves.items():
            chart.add(what, [curve.get(size) for size in sizes])
        chart.render_to_file(str(FOLDER / f"{over.replace(' ', '-')}.svg"))


main()
