# Miniature Enigma.  `make help` lists what there is to do.
#
# One Makefile, not recursive.  V=release|asan|tsan|cov build side by side, sharing no objects.
# Each folder becomes a library that may link only those named after it in LINK.*: what does not
# follow the dependency direction of docs/ARCHITECTURE.md does not link.

V ?= release
B ?= build/$(V)
CC ?= cc
SHELL := /bin/bash

AGENTS := orchestrator data signal risk execution optimizer audit

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
        -Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla -Wformat=2 -Wundef -Werror
FLAGS.release := -O2 -g
FLAGS.asan    := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
FLAGS.tsan    := -O1 -g -fsanitize=thread
FLAGS.cov     := -O0 -g --coverage -fdata-sections -DFAILPOINTS
LINKED.cov    := -Wl,-T,tests/coverage.ld -Wl,--wrap=__gcov_exit
FLAGS.failpoints := -O1 -g -DFAILPOINTS
CPPFLAGS += -I. -D_GNU_SOURCE
CFLAGS   += -std=c11 $(WARN) $(FLAGS.$(V)) -fno-strict-overflow -MMD -MP
LDFLAGS  += $(FLAGS.$(V)) -Wl,--as-needed $(LINKED.$(V))

# What each part may link, itself first.  Intel's decimals have no shared library.
SYS := -lbidgcc000 -lm
LINK.proto    := $(B)/libproto.a
LINK.core     := $(B)/libcore.a $(LINK.proto)
LINK.exchange := $(B)/libexchange.a $(LINK.core)
LINK.agent    := $(B)/libagent.a $(LINK.exchange)
LIBS.proto    := -lmsgpackc -lsodium $(SYS)
LIBS.core     := $(LIBS.proto) -lz
LIBS.exchange := -ljansson $(LIBS.core)
LIBS.agent    := -lczmq -lzmq -luv -lcurl -lwebsockets -lhiredis -lsqlite3 $(LIBS.exchange)

objs = $(patsubst %.c,$(B)/%.o,$(wildcard $(1)/*.c))
notmain = $(filter-out %/main.o,$(call objs,$(1)))

BINS := $(addprefix $(B)/bin/enigma-,$(foreach a,$(AGENTS),$(if $(wildcard agents/$(a)/main.c),$(a))))
BINS += $(foreach p,bus sniff,$(if $(wildcard broker/$(p)/main.c),$(B)/bin/enigma-$(p)))
BINS += $(if $(wildcard deploy/paper/main.c),$(B)/bin/enigma-paper)
BINS += $(if $(wildcard deploy/watch/main.c),$(B)/bin/enigma-watch)
BINS += $(if $(wildcard deploy/kill/main.c),$(B)/bin/enigma-kill)
BINS += $(if $(wildcard deploy/cli/main.c),$(B)/bin/enigma)

all: $(BINS)

# Nothing compiles before what it needs is installed, whatever was typed.
$(B)/%.o: %.c | build/.deps
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

# Heartbeats carry the commit: agents of different ones do not trade together.
BUILD := $(or $(shell git rev-parse --short=12 HEAD 2>/dev/null),dev)
$(shell mkdir -p $(B); [ -e $(B)/build.$(BUILD) ] || { rm -f $(B)/build.*; touch $(B)/build.$(BUILD); })
$(B)/libagent/agent.o: $(B)/build.$(BUILD)
$(B)/libagent/agent.o: CPPFLAGS += -DENIGMA_BUILD='"$(BUILD)"'

define archive
$(B)/lib$(1).a: $(2)
	@mkdir -p $$(@D)
	@rm -f $$@
	ar rcs $$@ $$^
endef
$(eval $(call archive,proto,$(call objs,proto)))
$(eval $(call archive,core,$(call objs,libagent/core)))
$(eval $(call archive,exchange,$(call objs,libagent/exchange)))
$(eval $(call archive,agent,$(call objs,libagent)))
$(eval $(call archive,broker,$(call notmain,broker) $(call notmain,broker/bus) $(call notmain,broker/sniff)))
$(eval $(call archive,paper,$(call notmain,deploy/paper)))
$(eval $(call archive,cli,$(call notmain,deploy/cli)))
$(eval $(call archive,watch,$(call notmain,deploy/watch)))
$(eval $(call archive,kill,$(call notmain,deploy/kill)))
define agent_rules
$(eval $(call archive,agent-$(1),$(call notmain,agents/$(1))))
$(B)/bin/enigma-$(1): $(B)/agents/$(1)/main.o $(B)/libagent-$(1).a $(LINK.agent)
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS) $$^ $(LIBS.agent) -o $$@
endef
$(foreach a,$(AGENTS),$(eval $(call agent_rules,$(a))))

$(B)/bin/enigma-bus: $(B)/broker/bus/main.o $(B)/libbroker.a $(LINK.agent)
$(B)/bin/enigma-sniff: $(B)/broker/sniff/main.o $(B)/libbroker.a $(LINK.agent)
$(B)/bin/enigma-paper: $(B)/deploy/paper/main.o $(B)/libpaper.a $(LINK.agent)
$(B)/bin/enigma-watch: $(patsubst %.c,$(B)/%.o,$(wildcard deploy/watch/*.c)) $(LINK.proto)
$(B)/bin/enigma-kill: $(B)/deploy/kill/main.o $(B)/libkill.a $(LINK.agent)
$(B)/bin/enigma: $(B)/deploy/cli/main.o $(B)/libcli.a $(B)/libpaper.a $(LINK.agent)
$(B)/bin/enigma-bus $(B)/bin/enigma-sniff $(B)/bin/enigma-paper $(B)/bin/enigma-watch $(B)/bin/enigma-kill $(B)/bin/enigma:
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $^ $(LIBS.agent) -o $@

# Programs that scenario tests need.
SCENARIO_BINS := $(patsubst tests/scenario/%.c,$(B)/bin/test-%,$(wildcard tests/scenario/*.c))
$(SCENARIO_BINS): $(B)/bin/test-%: $(B)/tests/scenario/%.o $(LINK.agent)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $^ $(LIBS.agent) -o $@

# Unit tests: tests/<folder>/test_x.c tests <folder>/x.c, one program each, with check.
CHECK_LIBS := -lcheck -lsubunit -lrt -lpthread
TESTS.proto    := $(patsubst %.c,$(B)/%,$(wildcard tests/proto/test_*.c))
TESTS.core     := $(patsubst %.c,$(B)/%,$(wildcard tests/libagent/core/test_*.c))
TESTS.exchange := $(patsubst %.c,$(B)/%,$(wildcard tests/libagent/exchange/test_*.c))
TESTS.agent    := $(patsubst %.c,$(B)/%,$(wildcard tests/libagent/test_*.c))
TESTS.broker   := $(patsubst %.c,$(B)/%,$(wildcard tests/broker/test_*.c))
TESTS.paper    := $(patsubst %.c,$(B)/%,$(wildcard tests/deploy/paper/test_*.c))
TESTS.watch    := $(patsubst %.c,$(B)/%,$(wildcard tests/deploy/watch/test_*.c))
TESTS.kill     := $(patsubst %.c,$(B)/%,$(wildcard tests/deploy/kill/test_*.c))
TESTS.cli      := $(patsubst %.c,$(B)/%,$(wildcard tests/deploy/cli/test_*.c))
define test_rule
$$(TESTS.$(1)): %: %.o $(2)
	$$(CC) $$(LDFLAGS) $$^ $$(CHECK_LIBS) $(3) -o $$@
endef
$(eval $(call test_rule,proto,$(LINK.proto),$(LIBS.proto)))
$(eval $(call test_rule,core,$(LINK.core),$(LIBS.core)))
$(eval $(call test_rule,exchange,$(LINK.exchange),$(LIBS.exchange)))
$(eval $(call test_rule,agent,$(LINK.agent),$(LIBS.agent)))
$(eval $(call test_rule,broker,$(B)/libbroker.a $(LINK.agent),$(LIBS.agent)))
$(eval $(call test_rule,paper,$(B)/libpaper.a $(LINK.agent),$(LIBS.agent)))
$(eval $(call test_rule,watch,$(B)/libwatch.a $(LINK.proto),$(LIBS.proto)))
$(eval $(call test_rule,kill,$(B)/libkill.a $(LINK.agent),$(LIBS.agent)))
$(eval $(call test_rule,cli,$(B)/libcli.a $(B)/libpaper.a $(LINK.agent),$(LIBS.agent)))
define agent_tests
TESTS.agent-$(1) := $$(patsubst %.c,$$(B)/%,$$(wildcard tests/agents/$(1)/test_*.c))
$$(eval $$(call test_rule,agent-$(1),$(B)/libagent-$(1).a $(LINK.agent),$(LIBS.agent)))
endef
$(foreach a,$(AGENTS),$(eval $(call agent_tests,$(a))))
# Tests of failpoints: the objects that have some are compiled again with them, and stand before the archives.
FAIL_DIR := $(if $(findstring -DFAILPOINTS,$(FLAGS.$(V))),$(B),$(B)/failpoint)
FAIL_OBJS := $(patsubst %.c,$(FAIL_DIR)/%.o,$(shell grep -lw FAILPOINT libagent/*.c agents/execution/*.c))
TESTS.order_path := $(addprefix $(B)/tests/failpoint/,test_order_path test_by_hand test_elsewhere)
TESTS.failpoint := $(filter-out $(TESTS.order_path),$(patsubst %.c,$(B)/%,$(wildcard tests/failpoint/test_*.c)))
$(B)/failpoint/%.o: %.c | build/.deps
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -DFAILPOINTS $(CFLAGS) -c $< -o $@
$(B)/tests/failpoint/%.o: CPPFLAGS += -DFAILPOINTS
$(eval $(call test_rule,order_path,$(B)/tests/failpoint/exchange.o $(filter $(FAIL_DIR)/agents/%,$(FAIL_OBJS)) \
  $(B)/libagent-execution.a $(B)/libpaper.a $(LINK.agent),$(LIBS.agent)))
$(eval $(call test_rule,failpoint,$(filter $(FAIL_DIR)/libagent/%,$(FAIL_OBJS)) $(B)/libpaper.a $(LINK.agent),$(LIBS.agent)))
SCENARIO_BINS += $(B)/bin/test-execution-failpoints
$(B)/bin/test-execution-failpoints: $(B)/agents/execution/main.o $(FAIL_OBJS) $(B)/libagent-execution.a $(LINK.agent)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $^ $(LIBS.agent) -o $@

TESTS := $(TESTS.proto) $(TESTS.core) $(TESTS.exchange) $(TESTS.agent) $(TESTS.broker) \
         $(TESTS.paper) $(TESTS.kill) $(TESTS.watch) $(TESTS.cli) $(TESTS.order_path) $(TESTS.failpoint) \
         $(foreach a,$(AGENTS),$(TESTS.agent-$(a)))

tests: $(TESTS) $(SCENARIO_BINS)

ifeq ($(V),cov)
$(TESTS) $(SCENARIO_BINS) $(BINS): $(B)/tests/coverage.o
endif

# ---- what to type ----

# Missing Debian packages are installed once; the stamp is newer than the list.
build/.deps: deploy/deps.sh
	@deploy/deps.sh build run test
	@mkdir -p build && touch $@

deps: build/.deps

# Unit and protocol tests; V=asan, tsan, cov for the variants.
check: $(TESTS)
	@$(if $(filter cov,$(V)),find $(B) -name '*.gcda' -delete)
	@tests/run.sh $(sort $(TESTS))
	@$(if $(filter cov,$(V)),tests/coverage.sh $(B))

# Unit tests under valgrind's memcheck: minutes.  ONLY="proto/" for those whose path has it.
valgrind: $(TESTS)
	@deploy/deps.sh valgrind
	@tests/valgrind.sh $(foreach t,$(sort $(TESTS)),$(if $(ONLY),$(if $(findstring $(ONLY),$t),$t),$t))

# Scenario tests start the real processes.
scenario: all $(SCENARIO_BINS)
	@tests/run.sh $(sort $(wildcard tests/scenario/test_*.sh)) -- $(B)/bin

test: tests all
	@tests/run.sh $(sort $(TESTS)) $(sort $(wildcard tests/scenario/test_*.sh)) tests/scenario/chaos_everything.sh -- $(B)/bin

paper: all
	@$(B)/bin/enigma up --paper --fresh-if-changed $(if $(FOR),--for $(FOR)) $(if $(SPEED),--speed $(SPEED)) \
	  $(if $(SEED),--seed $(SEED)) $(if $(MARKET),--market '$(MARKET)') $(if $(START),--start $(START)) \
	  $(if $(BALANCE),--balance $(BALANCE))

dev: all
	@$(B)/bin/enigma up --dev

# Random kills under trading, and what must never be counted.
chaos: all
	@KILLS=$(or $(KILLS),150) SEED=$(or $(SEED),1) tests/scenario/chaos_everything.sh $(B)/bin

# Before a release, an hour: 2,000 kills in four instances side by side, every process 20 times, execution 60 times
# after 10,000 orders, the recorded crash of August 2024, a market day.
release-check: tests all
	@for s in 1 2 3 4; do \
	   KILLS=500 SEED=$$s tests/scenario/chaos_everything.sh $(B)/bin >$(B)/chaos.$$s 2>&1 & of="$$of $$!"; \
	 done; rc=0; for p in $$of; do wait $$p || rc=1; done; cat $(B)/chaos.?; [ $$rc = 0 ]
	@tests/run.sh $(sort $(wildcard tests/scenario/long_*.sh)) -- $(B)/bin

# Every failpoint of the order path x every outcome of every request, against the exchange's truth: minutes.
failpoints: $(TESTS.order_path) $(TESTS.failpoint) all $(SCENARIO_BINS)
	@for t in $(TESTS.order_path) $(TESTS.failpoint); do FAILPOINT_ALL=1 $$t 2>/dev/null || exit 1; done
	@FAILPOINT_ALL=1 tests/run.sh tests/scenario/test_failpoints.sh -- $(B)/bin

# Every naive variant of tests/planted/planted.def is built and has to be caught; PLANT=name for one.
planted: $(TESTS)
	@B='$(B)' CC='$(CC)' CFLAGS_ALL='$(CPPFLAGS) $(filter-out -MMD -MP,$(CFLAGS))' LDFLAGS_ALL='$(LDFLAGS)' \
	  LIBS_ALL='$(CHECK_LIBS) $(LIBS.agent)' tests/planted/run.sh $(PLANT)

bench: all
	@tests/bench/run.sh $(B)/bin

interop: all
	@deploy/deps.sh interop
	@tests/run.sh $(sort $(wildcard tests/interop/*/test.sh)) -- $(B)/bin

FUZZ_SECONDS ?= 60
fuzz:
	@deploy/deps.sh build clang
	@tests/fuzz/run.sh $(FUZZ_SECONDS)

# The protocols themselves, in Spin: every order of crashes and losses, and the mutants that must be caught.
model:
	@deploy/deps.sh model
	@tests/model/run.sh build/model

format:
	@deploy/deps.sh clang
	clang-format -i $$(git ls-files '*.c' '*.h')

help:
	@echo 'make paper            install what is missing, build, run the whole system on the paper exchange'
	@echo 'make paper FOR=90     the same unattended for 90 s, with a summary; exit 0 only if healthy'
	@echo '                      also SPEED=60 SEED=1 MARKET=synthetic START=2024-08-04T22:00Z BALANCE=10000'
	@echo 'make test             install what is missing, build, run unit, protocol and scenario tests'
	@echo 'make check [V=asan]   unit and protocol tests alone; V=release asan tsan cov'
	@echo 'make valgrind         unit tests under memcheck: minutes'
	@echo 'make scenario         scenario tests alone'
	@echo 'make chaos KILLS=150  random kills, halts and faults under trading from SEED=1: some minutes'
	@echo 'make release-check    2,000 kills, the replayed crash of 5 August 2024 and all long ones: an hour'
	@echo 'make failpoints       the order path killed everywhere, with every answer of the exchange: minutes'
	@echo 'make planted          bugs that tests must find are built in, one after the other, and found'
	@echo 'make bench            memory, idle cost, the core, bus latency and wire to order beside peers'
	@echo 'make interop          real clients of other languages (Node.js) against the bus and the exchange'
	@echo 'make fuzz             every fuzz target for FUZZ_SECONDS seconds; RUNS=1000000 ONLY="server orders"'
	@echo 'make model            the order and the bus protocol checked by Spin, with the mutants that must be caught'
	@echo 'make dev              Redis, bus and paper exchange alone, for work on one agent'
	@echo 'make all deps clean format'

clean:
	rm -rf build

.DEFAULT_GOAL := all
.PHONY: all deps tests check valgrind scenario chaos release-check failpoints planted bench test paper dev interop fuzz model format help clean
.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)
