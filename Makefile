# Two commands carry a newcomer: `make demo` and `make test`. The rest is for daily work.
PYTHON ?= python3
RUN = .venv/bin/python
STACK = $(RUN) -m stack
TEST_SERVICES = postgres,valkey,kafka,s3
COMPILE = $(RUN) -m uv pip compile --quiet --generate-hashes --no-emit-index-url --python-version 3.11 --no-strip-extras

.DEFAULT_GOAL := help
.PHONY: help install up down status env demo demo-down test test-fast test-outside test-mutations test-tutorial browser lint format bench history-questions requirements clean

help: ## show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: ## install Python packages, Java, PostgreSQL, Kafka and Spark files (idempotent)
	@$(PYTHON) -m stack.bootstrap

up: install ## start every service and wait until all are ready
	@$(STACK) up

down: ## stop every service
	@$(STACK) down

status: ## show what runs, where, and how much memory it takes
	@$(STACK) status

env: ## print shell exports for scripts (they contain the generated passwords): eval "$(make -s env)"
	@$(STACK) env

demo: install ## the whole product on real input, in one go (RESET=1: from nothing)
	@if [ "$(RESET)" = 1 ]; then $(STACK) reset --yes; fi
	@$(STACK) up
	@$(STACK) exec -- $(RUN) -m demo

demo-down: ## stop what `make demo` left running
	@$(STACK) down

test: install browser ## all tests, against real services of their own
	@LAKEWARDEN_ENV=test $(STACK) exec --ephemeral --only $(TEST_SERVICES) -- $(RUN) -m pytest -n 2

test-fast: install ## the tests without Spark, browser, crashes and outside services
	@LAKEWARDEN_ENV=test $(STACK) exec --ephemeral --only $(TEST_SERVICES) -- $(RUN) -m pytest -n 2 -m "not spark and not browser and not crash and not outside"

test-outside: install ## the product against PostgreSQL, Valkey and Kafka with TLS and passwords
	@LAKEWARDEN_ENV=test $(STACK) exec --ephemeral --only $(TEST_SERVICES) -- $(RUN) -m pytest tests/outside

# A piece of it: `make test-mutations MUTATIONS=2/8`.
MUTATIONS ?= 1/1
test-mutations: install ## every filter taken away once: the walk over all URLs must notice (long; in pieces)
	@LAKEWARDEN_ENV=test LAKEWARDEN_MUTATIONS=$(MUTATIONS) $(STACK) exec --ephemeral --only $(TEST_SERVICES) -- $(RUN) -m pytest --timeout=0 tests/walk/test_mutations.py

test-tutorial: install ## the tutorial's commands, against what `make demo` left running
	@LAKEWARDEN_TUTORIAL=1 $(STACK) exec -- $(RUN) -m pytest tests/docs/test_tutorial.py

# Root (CI) gets the browser installed; for everybody else tests that need it skip with a reason.
browser:
	@if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing Chromium for the browser tests ..."; \
	    export DEBIAN_FRONTEND=noninteractive; \
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium chromium-driver >/dev/null; \
	  else \
	    echo "Chromium is missing: tests marked 'browser' will be skipped. Install the packages chromium and chromium-driver."; \
	  fi; \
	fi

lint: install ## ruff, mypy, the import contract
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy .
	@.venv/bin/lint-imports

format: install ## let ruff format and fix what it can
	@$(RUN) -m ruff format .
	@$(RUN) -m ruff check --fix .

history-questions: install ## ask 10,000 random questions about the past and compare with a rebuild
	@LAKEWARDEN_ENV=test LAKEWARDEN_HISTORY_QUESTIONS=10000 $(STACK) exec --ephemeral --only postgres,valkey -- $(RUN) -m pytest tests/governance/history/test_as_of.py -q -n 0

bench: install ## run the benchmarks beside their peers and write their figures
	@$(STACK) exec -- $(RUN) -m bench

requirements: install ## compile requirements/*.in to hashed *.txt
	@$(COMPILE) requirements/bootstrap.in -o requirements/bootstrap.txt
	@$(COMPILE) requirements/base.in -o requirements/base.txt
	@$(COMPILE) requirements/stack.in -o requirements/stack.txt
	@$(COMPILE) requirements/dev.in -o requirements/dev.txt
	@$(COMPILE) --no-deps requirements/demo.in -o requirements/demo.txt

clean: ## stop everything; remove data, the virtual environment and caches (downloads stay)
	@if [ -x $(RUN) ]; then $(STACK) reset --yes; fi
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
