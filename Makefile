# make book     build the site and print the file to open
# make epub     build the book for a reader of e-books
# make pdf      print the book by the browser, one PDF a page
# make lab      open the notebooks in JupyterLab
# make test     run every test and re-execute every notebook (QUICK=1: what changed, in 90 seconds)
# make everywhere  the notebooks and the numeric tests under every setting of this machine (ONLY="lowest whole")
# make faults   plant each known kind of fault in a copy, and see make test turn red
# make bench    measure every loss beside Keras and others (QUICK=1: under 2 minutes)
# make sync     list the losses, execute the notebooks whose .md changed (ALL=1: every notebook)
# make lock     write constraints.txt anew from pyproject.toml
# make clean    remove what was built (.venv stays)
#
# Each makes .venv first if it is missing or out of date. PYTHON=... names the Python to make it with.

.DEFAULT_GOAL := help
.PHONY: help env lab book epub pdf test everywhere faults bench sync lock clean
MAKEFLAGS += --no-print-directory

PY := .venv/bin/python
SITE := book/_build/html
PAGE := $(SITE)/index.html

## The same digits on every run.
export PYTHONHASHSEED := 0
export TF_ENABLE_ONEDNN_OPTS := 0
export TF_CPP_MIN_LOG_LEVEL := 3
test everywhere faults sync: export CUDA_VISIBLE_DEVICES := -1
export PYTHON

help:
	@sed -n 's/^# //p' Makefile

env:
	@sh book/env.sh

lab: env
	@echo "Opening notebooks/index.ipynb in JupyterLab (stop it with Ctrl-C) ..."
	@JUPYTER_CONFIG_PATH="$(CURDIR)/book/lab" $(PY) -m jupyter lab --ServerApp.root_dir="$(CURDIR)" \
		--LabApp.default_url=/lab/tree/notebooks/index.ipynb $(ARGS)

book: env
	@echo "Building the site from notebooks/ ..."
	@[ -d $(SITE) ] || rm -rf book/_build/doctrees  # stills of charts are written where a page is read
	@$(PY) -m sphinx -q -W --keep-going -n -c book -d book/_build/doctrees notebooks $(SITE) \
		|| { rm -rf book/_build/doctrees; exit 1; }
	@echo "Open file://$(CURDIR)/$(PAGE)"

epub: env
	@echo "Building the e-book from notebooks/ ..."
	@$(PY) -m sphinx -q -W --keep-going -n -b epub -c book -d book/_build/doctrees-epub notebooks book/_build/epub \
		|| { rm -rf book/_build/doctrees-epub; exit 1; }
	@echo "Open $(CURDIR)/book/_build/epub/lossbook.epub"

pdf: book
	@echo "Printing every chapter by the browser ..."
	@$(PY) book/paper.py $(SITE) book/_build/pdf $(ARGS)

test: env
	@echo "Running the tests, the doctests and every notebook ..."
	@$(PY) -m pytest -q -n 2 --dist loadfile $(if $(QUICK),--quick) $(ARGS)

everywhere: env
	@echo "Running the notebooks and the numeric tests under each setting ..."
	@$(PY) tests/everywhere.py $(if $(ONLY),--only $(ONLY)) $(ARGS)

faults: env
	@echo "Planting faults, one at a time ..."
	@$(PY) tests/faults.py $(ARGS)

bench: env
	@echo "Measuring every loss beside its peers ..."
	@$(PY) -m benchmarks $(if $(QUICK),--quick) $(if $(PEERS),--peer-python "$(PEERS)") $(ARGS)

sync: env
	@echo "Executing the notebooks whose .md changed ..."
	@$(PY) book/sync.py $(if $(ALL),--all) $(ARGS)

lock:
	@sh book/env.sh uv
	@echo "Resolving pyproject.toml into constraints.txt ..."
	@$(PY) -m uv pip compile pyproject.toml --extra all --extra play --universal --python-version 3.11.7 \
		--no-header --no-annotate --no-emit-index-url --quiet $(if $(ALL),--upgrade) -o constraints.txt

clean:
	@echo "Removing what was built ..."
	@rm -rf book/_build setup.log .pytest_cache .ruff_cache .hypothesis build *.egg-info
	@find lossbook tests book notebooks -name __pycache__ -prune -o -name .ipynb_checkpoints -prune | xargs rm -rf
