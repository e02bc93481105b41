"""`holdall serve`: run the embedded S3 server."""

from __future__ import annotations

import argparse
from pathlib import Path

import holdall
from holdall import devserver
from holdall.cli.terminal import Session

HELP = "run the embedded S3 server until Ctrl-C"


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", type=Path, help="where it keeps its files (default: .holdall in the project)")
    parser.add_argument("--port", type=int, help="the first of ten ports in a row (default: a free one, kept)")


def run(options: argparse.Namespace, session: Session) -> int:
    devserver.serve(
        options.folder or holdall.default_local_folder(),
        options.port,
        announce=lambda text: (session.out.write(f"{text}\n"), session.out.flush()),
    )
    return 0
