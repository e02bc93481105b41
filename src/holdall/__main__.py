"""`python -m holdall`."""

import sys

from holdall.cli import main

sys.exit(main(prog="python -m holdall"))
