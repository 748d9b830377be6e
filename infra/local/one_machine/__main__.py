"""`python -m one_machine`: the program `quiz-sessions`, where it is not installed."""

from .command import run

run()
