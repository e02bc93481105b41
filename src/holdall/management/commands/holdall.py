"""`manage.py holdall …`: the same commands, inside a project."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from holdall import cli


class Command(BaseCommand):
    help = "Holdall's commands, inside this project."
    # It must work while nothing else does.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        cli.add_commands(parser)

    def handle(self, *_arguments: Any, **options: Any) -> None:
        # Django ends each piece of a line as if it was one: a question, or a document that is written piece by piece.
        self.stdout.ending = self.stderr.ending = ""
        code = cli.run(argparse.Namespace(**options), out=self.stdout, err=self.stderr, in_project=True)
        if code:
            sys.exit(code)
