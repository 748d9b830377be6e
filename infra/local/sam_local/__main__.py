"""`python -m sam_local` gets the image that `sam local` needs, `python -m sam_local remove` drops a stand-in.

Only hosts that can't pull Lambda's image need this; elsewhere SAM CLI pulls it itself.
"""

import sys

from . import HOW_TO_INSTALL, ImageError, docker_answers, obtain, remove_stand_in


def main(arguments: list[str]) -> str | None:
    """Returns what went wrong."""
    if arguments not in ([], ["remove"]):
        return __doc__
    if not docker_answers():
        return "no Docker here"
    try:
        if arguments:
            remove_stand_in()
        else:
            image = obtain()
            print("a stand-in made of this machine's Python 3.13" if image.is_stand_in else "AWS's own image")
    except ImageError as error:
        return f"{error} ({HOW_TO_INSTALL})"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
