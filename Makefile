# `make demo` and `make test` need git, make and Python 3.11 or newer; everything else they install into .venv.
# Each recipe is one shell line, so that a failure ends in the sentence that explains it.
.PHONY: help demo demo-fork test quick bench docs drawings format
.SILENT:

help:
	echo "make demo       start a photo gallery on an embedded S3 server (Ctrl-C stops it)"
	echo "make demo-fork  start the gallery and, side by side, a copy that cannot change it"
	echo "make test       run everything that CI runs"
	echo "make quick      run the tests that need no server"
	echo "make bench      compare with django-storages and others, and write docs/explanation/benchmarks.md"
	echo "make docs       build the documentation into docs/_build/html"
	echo "make drawings   draw the diagrams of the documentation, with Graphviz"
	echo "make format     format the code with ruff"

demo:
	python=$$(sh scripts/find-python) && python=$$("$$python" scripts/environment.py demo) && exec "$$python" demo/run.py

demo-fork:
	python=$$(sh scripts/find-python) && python=$$("$$python" scripts/environment.py demo) && exec "$$python" demo/fork.py

test:
	python=$$(sh scripts/find-python) && python=$$("$$python" scripts/environment.py dev) && exec "$$python" scripts/check.py

quick:
	python=$$(sh scripts/find-python) && python=$$("$$python" scripts/environment.py dev) && exec "$$python" -m pytest -q -n auto tests/unit

# BENCH="--keys 100000 --rounds 20" measures more, BENCH="--only links" less.
bench:
	python=$$(sh scripts/find-python) && python=$$("$$python" scripts/environment.py bench) && exec "$$python" -m benchmarks $(BENCH)

docs:
	python=$$(sh scripts/find-python) && python=$$("$$python" scripts/environment.py dev) && exec "$$python" scripts/check.py docs

drawings:
	python=$$(sh scripts/find-python) && exec "$$python" scripts/draw.py

format:
	python=$$(sh scripts/find-python) && python=$$("$$python" scripts/environment.py dev) && "$$python" -m ruff check --fix . && exec "$$python" -m ruff format .
