"""docs/problems.md, written from the service's own table.

python -m tests.harness.problem_document
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from session_api.problem_kinds import KINDS

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "problems.md"
_HEAD: Final = """# Problems

What each `code` of a problem means, why it comes, and what to do. The service shows the same at
`/docs/problems`, where the `type` of every problem leads. Which members a problem has is told with
[the API](api.md#browsers-and-other-clients).
"""


def written() -> str:
    """The page as the table has it."""
    sections = (
        f"\n## {code}\n\n**{kind.title}.** {kind.cause}\n\n{kind.remedy}\n" for code, kind in KINDS.items()
    )
    return _HEAD + "".join(sections)


if __name__ == "__main__":
    DOCUMENT.write_text(written())
