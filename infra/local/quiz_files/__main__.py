"""Runs `quizzes`: `python -m quiz_files --help`."""

import os
import sys

from .command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ, sys.stdout))
