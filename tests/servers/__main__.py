"""Run one of the servers by hand: `python -m tests.servers ceph-https` prints an environment for it; Ctrl-C ends it."""

from __future__ import annotations

import argparse
import contextlib
import shlex
import signal
import sys
import tempfile
import threading
from pathlib import Path

from tests.servers.catalogue import PROVIDERS, running


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.servers", description=__doc__)
    parser.add_argument("provider", choices=PROVIDERS)
    parser.add_argument("--public", action="store_true", help="for files that everybody may read")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with (
        tempfile.TemporaryDirectory(prefix="holdall-") as folder,
        running(arguments.provider, Path(folder)) as provider,
    ):
        environ = provider.environ(provider.create_bucket(), is_public=arguments.public)
        if provider.ca_file:
            environ["AWS_CA_BUNDLE"] = str(provider.ca_file)
        for variable, value in environ.items():
            print(f"export {variable}={shlex.quote(value)}")
        print(
            f"# {provider.name} runs until Ctrl-C; its data are thrown away then.",
            file=sys.stderr,
            flush=True,
        )
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
