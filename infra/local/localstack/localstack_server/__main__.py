"""`python -m localstack_server` runs a LocalStack until Ctrl-C or SIGTERM."""

import contextlib
import signal
from pathlib import Path

from . import LocalStack


def main() -> None:
    """Run LocalStack, and print the variables that point clients to it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), LocalStack(Path(".local/localstack")) as localstack:
        print(f"ready: {localstack.url}")
        for name, value in localstack.client_environment().items():
            print(f"export {name}={value}", flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
