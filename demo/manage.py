"""Django's commands for the demo, with the same environment as run.py: `python demo/manage.py check`."""

from __future__ import annotations

import os
import sys

from project.environment import fill_in

if __name__ == "__main__":
    fill_in(os.environ)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
