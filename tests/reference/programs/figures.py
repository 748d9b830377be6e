"""Print what pingouin computes of tables of points: a list of them comes on stdin, each a row for an attempt.

pandas and pingouin have an environment of their own, `.venv-reference`, which has nothing of the service.
"""

from __future__ import annotations

import json
import sys

import pandas as pd
import pingouin as pg


def figures(rows: list[list[float]]) -> dict[str, object]:
    table = pd.DataFrame(rows)
    scores = table.sum(axis=1)
    alpha, _ = pg.cronbach_alpha(data=table)
    return {
        "mean": scores.mean(),
        "deviation": scores.std(),
        "alpha": alpha,
        "discrimination": [
            pg.corr(table[question], scores - table[question])["r"].iloc[0] for question in table
        ],
    }


print(json.dumps([figures(rows) for rows in json.load(sys.stdin)]))
