# The project's commands; `make help` lists them. What they do is in local/ and tools/.
PYTHON ?= python3
STACK ?= opendata
LOCAL := $(PYTHON) -m local
VENV := .venv/bin
export CONTEXT REGISTRY

.DEFAULT_GOAL := help
.PHONY: help up down clean clean-cache status password pulumi shell images venv policy-venv previews test e2e guides engine check health bench lint render new-stack snapshots generated locks

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ## the whole facility on this machine (CONTEXT=name: in the cluster of that kubeconfig context)
	@$(LOCAL) up

down: ## stop the cluster on this machine; data stays
	@$(LOCAL) down

clean: ## remove the cluster on this machine and its data; downloads and builds stay
	@$(LOCAL) clean

clean-cache: ## the same, and remove downloads and builds
	@$(LOCAL) clean-cache

status: ## what runs on this machine's cluster
	@$(LOCAL) status

password: ## the first user's generated password
	@$(LOCAL) password

pulumi: ## any engine command on the local stack, such as ARGS="preview --diff"
	@$(LOCAL) pulumi -- $(ARGS)

shell: ## a shell that finds pulumi, kubectl and the local stack
	@$(LOCAL) shell

images: ## build the images (REGISTRY=host/path: and push them there)
	@$(PYTHON) -m local.images $(if $(REGISTRY),push --registry $(REGISTRY),build)

venv: ## the Python environment of tests and linters, as .venv
	@$(PYTHON) -m local.venv

policy-venv: ## the Python environment of the policy pack, as .venv-policy
	@$(PYTHON) -m local.venv policy

test: venv ## unit and stack tests
	$(VENV)/python -m pytest tests/unit tests/stacks

e2e: ## bring the facility up and run the end-to-end tests
	@$(LOCAL) e2e

guides: ## what the guides tell their readers to type, on the one-machine facility; it is deleted and restored
	@$(LOCAL) guides

engine: venv ## the policy pack and previews in the real engine, without a cluster
	$(VENV)/python -m pytest tests/engine/policy tests/engine/previews

check: venv ## what can be looked at before an `up` of STACK=name, a line each
	@$(LOCAL) check $(STACK)

health: venv ## an analysis in the running facility STACK=name, step by step
	@$(LOCAL) health $(STACK)

bench: ## measure the running one-machine facility (docs/performance.md)
	@$(LOCAL) bench

lint: venv ## ruff, pyright, and actionlint where Go is
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/pyright --pythonpath $(VENV)/python
	@$(PYTHON) -m local.actionlint

render: venv ## the manifests of STACK=name as YAML, without an engine
	$(VENV)/python -m tools.render $(STACK)

new-stack: venv ## the stack file of a new site (ARGS="NAME --url https://...")
	@$(VENV)/python -m tools.new_stack $(ARGS)

snapshots: venv ## rewrite the snapshots of tests/stacks
	$(VENV)/python -m pytest tests/stacks --update-snapshots

generated: venv ## rewrite what is generated from settings/ and from kept previews
	$(VENV)/python -m tools.generate

previews: venv ## record the previews that reviews are tested with (needs the engine)
	$(VENV)/python -m tests.engine.previews.recorder

locks: ## rewrite requirements/*.txt (needs uv)
	cd requirements && for name in dev hub gateway credentials cache-metrics session policy; do \
	  uv pip compile --quiet --generate-hashes --no-emit-index-url --universal $$name.in -o $$name.txt; done
