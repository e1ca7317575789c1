# Everything a person or a CI job does here. `make` lists it.
#
# What `test` runs builds with one profile (dev) and, but for `fuzz`, one set of features, so that dependencies are
# compiled once. `demo` and `bench` build for speed; `simulate`, `mutants` and `domain-mutants` have profiles of their own.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
STEPS := .ci/steps
# The program that the client tests run. Tests build it as they build themselves.
LEYDEN_BIN ?= $(abspath $(TARGET)/debug/leyden)
# How often things are done in `make kill-test` and its siblings, and on which store: sqlite or postgres; both where none is given.
N ?= 50
STORE ?=
# Simulated worlds: how many, from which number, and of which kind; of all kinds by turns where none is given.
SEEDS ?= 1000
FROM ?= 1
PROFILE ?=
# One program for both: it can plant faults, and plants none unless it is told to. SQLite is built without what takes a
# third of the time in books of a few rows: plans that are made anew for each value, and locks for counting memory.
SIMULATOR := LIBSQLITE3_FLAGS="-DSQLITE_ENABLE_QPSG -DSQLITE_DEFAULT_MEMSTATUS=0 -USQLITE_ENABLE_MEMORY_MANAGEMENT" \
	$(CARGO) build --profile simulate --locked --bin leyden --features planted-faults
CHAOS := $(CARGO) test --workspace --locked --test chaos -- --nocapture

# For how long each fuzz target runs, and how many cases the API's document is tried with.
SECONDS ?= 30
CASES ?= 2000

.PHONY: help demo test deps fmt fmt-check clippy doc tidy deny test-rust test-clients bench simulate mutants fuzz schemathesis kill-test leader-test database-test cache-test soak domain-mutants clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'

demo: ## customers, payments and energy on a chain of its own, until you press Ctrl-C
	$(CARGO) run --release --locked -- demo

test: ## everything that must hold before a change is merged
	@$(STEPS) begin; trap '$(STEPS) summary' EXIT; \
	$(STEPS) run deps         $(MAKE) --no-print-directory deps; \
	$(STEPS) run fmt          $(MAKE) --no-print-directory fmt-check; \
	$(STEPS) run tidy         $(MAKE) --no-print-directory tidy; \
	$(STEPS) run clippy       $(MAKE) --no-print-directory clippy; \
	$(STEPS) run doc          $(MAKE) --no-print-directory doc; \
	$(STEPS) run test-rust    $(MAKE) --no-print-directory test-rust; \
	$(STEPS) run test-clients $(MAKE) --no-print-directory test-clients; \
	$(STEPS) run fuzz         $(MAKE) --no-print-directory fuzz SECONDS=30; \
	$(STEPS) run schemathesis $(MAKE) --no-print-directory schemathesis CASES=2000

deps: ## what must be installed; installs it where it can
	@.ci/deps

fmt: ## formats the code
	$(CARGO) fmt --all

fmt-check:
	$(CARGO) fmt --all --check

clippy: ## lints, warnings are errors
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

doc: ## documentation, broken links are errors
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --locked

tidy: ## the house rules that no other tool checks
	$(CARGO) run --quiet --locked -p xtask -- tidy

deny: ## licences, advisories, bans (needs cargo-deny)
	$(CARGO) deny check

test-rust: ## unit, integration and documentation tests
	@mkdir -p $(TARGET)
	$(CARGO) test --workspace --locked --no-run --message-format=json-render-diagnostics >$(TARGET)/tests.json
	$(CARGO) run --quiet --locked -p xtask -- test $(TARGET)/tests.json 2>&1 | tee $(TARGET)/tests.log
	$(CARGO) test --workspace --locked --doc 2>&1 | tee -a $(TARGET)/tests.log

test-clients: ## other people's clients (tronweb, tronpy) against the built-in chain
	$(CARGO) test --workspace --locked --no-run --quiet
	LEYDEN_BIN='$(LEYDEN_BIN)' tests/clients/run.sh

fuzz: ## what nobody would send, steered by coverage: make fuzz SECONDS=600
	fuzz/run $(SECONDS)

schemathesis: ## everything that /openapi.json allows and forbids: make schemathesis CASES=20000
	$(CARGO) build --locked --quiet
	LEYDEN_BIN='$(LEYDEN_BIN)' tests/schema/run.sh $(CASES)

bench: ## measurements, built for speed; see docs/benchmarks.md
	$(CARGO) bench --workspace --locked --bench '*'

simulate: ## the service in SEEDS simulated worlds, one kind after the other or all of one: make simulate SEEDS=100000 PROFILE=storm
	$(SIMULATOR)
	$(TARGET)/simulate/leyden simulate --seeds $(FROM)..$$(( $(FROM) + $(SEEDS) )) $(if $(PROFILE),--profile $(PROFILE))

mutants: ## plants each fault and counts the simulated worlds until it is found
	$(SIMULATOR)
	$(TARGET)/simulate/leyden simulate --mutants

kill-test: ## kills the service N times under load and audits the chain: make kill-test N=200 STORE=postgres
	LEYDEN_KILL_CYCLES=$(N) $(CHAOS) kills::$(STORE)

leader-test: ## loses the leader of two instances N times, in six ways: make leader-test N=100
	LEYDEN_LEADER_CHANGES=$(N) $(CHAOS) leaders::

database-test: ## stops PostgreSQL N times as in a crash, under load: make database-test N=100
	LEYDEN_DATABASE_STOPS=$(N) $(CHAOS) database::

cache-test: ## makes Redis ill N times under load: make cache-test N=40
	LEYDEN_CACHE_FAULTS=$(N) $(CHAOS) cache::

# A part of all changes (SHARD=0/8 is the first eighth of them, evenly spread), and how many at a time.
SHARD ?= 0/1
JOBS ?= 1
domain-mutants: ## changes the domain crate in every way and asks whether a test notices (needs cargo-mutants): make domain-mutants SHARD=0/8 JOBS=2
	LEYDEN_FEWER_CASES=1 PROPTEST_MAX_SHRINK_ITERS=0 PROPTEST_CASES=32 PROPTEST_RNG_SEED=1 RUST_BACKTRACE=0 CARGO_INCREMENTAL=1 $(CARGO) mutants --package leyden-domain \
		--shard $(SHARD) --sharding round-robin --jobs $(JOBS)

soak: ## hours of what `make test` does a little of: worlds, planted faults, kills, steps, inputs that nobody would send
	$(MAKE) simulate SEEDS=50000
	$(MAKE) simulate SEEDS=5000 PROFILE=fleet
	$(MAKE) mutants
	$(MAKE) kill-test N=100
	$(MAKE) leader-test N=100
	LEYDEN_SOAK=1 $(CARGO) test --workspace --locked --test rental_postgres -- killed::
	$(MAKE) fuzz SECONDS=600

clean: ## removes what was built
	$(CARGO) clean
