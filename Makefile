# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

SHELL := bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
export SLIPWAY_LAB ?= lab
export ANSIBLE_HOME := $(CURDIR)/.cache/ansible

NEWEST_BIN = $(firstword $(wildcard .cache/venv-newest/bin .cache/venv-oldest/bin))
IN_ENVIRONMENT = PATH="$(CURDIR)/$(NEWEST_BIN):$$PATH" ANSIBLE_CONFIG="$(CURDIR)/ansible.cfg"
CHECKOUT := $(shell printf %s '$(CURDIR)' | sha256sum | head -c 4)
TEST_LAB := test-$(CHECKOUT)
SYSTEM_LAB := system-$(CHECKOUT)
CRASH_LAB := crash-$(CHECKOUT)
INTEGRATION_LAB := it-$(CHECKOUT)
SCENARIO ?= canary_haproxy
TEST_STEPS = setup lint sanity unit lab-up integration crash

.PHONY: help setup demo test test-all lint format sanity unit integration system crash molecule molecule-all exhaustive bench \
	docs pins lab-up lab-down lab-ssh clean

help: ## show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup ## deploy, refuse and roll back a sample application under live traffic
	@$(IN_ENVIRONMENT) demo/run

test: ## everything a change must pass
	@SLIPWAY_LAB=$(TEST_LAB) $(PYTHON) -m tools.steps $(TEST_STEPS) --finally lab-down

test-all: ## the same, faults of whole deployments, and many more rounds of each promise
	@SLIPWAY_LAB=$(TEST_LAB) $(PYTHON) -m tools.steps $(TEST_STEPS) molecule-all system exhaustive --finally lab-down

setup: ## install missing packages and make the development environments
	@$(PYTHON) -m tools.setup

lint: setup ## run every linter
	@$(PYTHON) -m tools.lint

format: setup ## let ruff correct what it can
	@$(IN_ENVIRONMENT) ruff check --quiet --fix . ; $(IN_ENVIRONMENT) ruff format --quiet .

sanity: setup ## run ansible-test sanity on the oldest and the newest ansible-core
	@$(PYTHON) -m tools.sanity

unit: setup ## run the unit tests on the oldest and the newest ansible-core
	@$(PYTHON) -m tools.unit $(PYTEST)

integration: setup ## run the integration tests in a lab machine (AREA=... for one area)
	@SLIPWAY_LAB=$(INTEGRATION_LAB) $(PYTHON) -m tools.integration $(PYTEST)

system: setup ## run the tests of whole deployments on a lab of their own (AREA=... for some)
	@SLIPWAY_LAB=$(SYSTEM_LAB) $(PYTHON) -m tools.system $(PYTEST)

crash: setup ## kill controllers at a sample of their writes, on a lab of their own (PYTEST="--seed N" for the same sample)
	@SLIPWAY_LAB=$(CRASH_LAB) $(PYTHON) -m tools.crash $(PYTEST)

molecule: setup ## run a molecule scenario (SCENARIO="..." for others)
	@$(IN_ENVIRONMENT) molecule reset > /dev/null 2>&1
	@$(IN_ENVIRONMENT) molecule test $(addprefix --scenario-name=,$(SCENARIO))

molecule-all: setup ## run every molecule scenario
	@$(IN_ENVIRONMENT) molecule reset > /dev/null 2>&1
	@$(IN_ENVIRONMENT) molecule test --all

exhaustive: setup ## run the tests that are marked exhaustive
	@$(PYTHON) -m tools.unit tests/unit -m exhaustive
	@SLIPWAY_LAB=$(INTEGRATION_LAB) $(PYTHON) -m tools.integration -m exhaustive
	@SLIPWAY_LAB=$(SYSTEM_LAB) $(PYTHON) -m tools.system -m exhaustive
	@SLIPWAY_LAB=$(CRASH_LAB) $(PYTHON) -m tools.crash -m exhaustive

bench: setup ## measure, side by side with the floor (BENCH="--only judge" for one)
	@$(IN_ENVIRONMENT) PYTHONPATH=.cache/collections python -m benchmarks $(BENCH)

docs: setup ## generate the reference documentation
	@$(IN_ENVIRONMENT) PYTHONPATH=.cache/collections python -m tools.docs

pins: setup ## resolve requirements/*.in to exact versions again
	@$(PYTHON) -m tools.pins

lab-up: setup ## start the lab's machines
	@$(PYTHON) -m lab up

lab-down: ## remove the lab's machines
	@$(PYTHON) -m lab down

lab-ssh: ## open a shell on a machine of the lab (HOST=...)
	@$(PYTHON) -m lab ssh $(or $(HOST),$(error say which machine: make lab-ssh HOST=app1))

clean: ## remove this checkout's labs and everything that was generated
	@for record in .cache/lab/*/lab.json; do \
		if [ -e "$$record" ]; then $(PYTHON) -m lab down --name "$$(basename "$$(dirname "$$record")")" || exit 1; fi; \
	done
	rm -rf .cache .ansible
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
