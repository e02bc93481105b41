# `make demo` and `make test` need git, make and Python 3.11 or newer; everything else they install into .venv.
# Each recipe is one shell line, so that a failure ends in the sentence that explains it.
.PHONY: help demo test quick docs format
.SILENT:

help:
	echo "make demo    a photo gallery on an embedded S3 server (Ctrl-C stops it)"
	echo "make test    everything that CI runs"
	echo "make quick   the tests that need no server"
	echo "make docs    the documentation, into docs/_build/html"
	echo "make format  let ruff tidy the code"

demo:
	python=$$(sh scripts/find-python) && python=$$("$$python" scripts/environment.py demo) && exec "$$python" demo/run.py

test:
	python=$$(sh scripts/find-python) && python=$$("$$python" scripts/environment.py dev) && exec "$$python" scripts/check.py

quick:
	python=$$(sh scripts/find-python) && python=$$("$$python" scripts/environment.py dev) && exec "$$python" -m pytest -q tests/unit

docs:
	python=$$(sh scripts/find-python) && python=$$("$$python" scripts/environment.py dev) && exec "$$python" scripts/check.py docs

format:
	python=$$(sh scripts/find-python) && python=$$("$$python" scripts/environment.py dev) && "$$python" -m ruff check --fix . && exec "$$python" -m ruff format .
