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
FLAGS.cov     := -O0 -g --coverage
CPPFLAGS += -I. -D_GNU_SOURCE
CFLAGS   += -std=c11 $(WARN) $(FLAGS.$(V)) -fno-strict-overflow -MMD -MP
LDFLAGS  += $(FLAGS.$(V)) -Wl,--as-needed

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
BINS += $(if $(wildcard deploy/cli/main.c),$(B)/bin/enigma)

all: $(BINS)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

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
$(B)/bin/enigma-watch: $(B)/deploy/watch/main.o $(LINK.proto)
$(B)/bin/enigma: $(B)/deploy/cli/main.o $(B)/libcli.a $(LINK.agent)
$(B)/bin/enigma-bus $(B)/bin/enigma-sniff $(B)/bin/enigma-paper $(B)/bin/enigma-watch $(B)/bin/enigma:
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
$(eval $(call test_rule,cli,$(B)/libcli.a $(LINK.agent),$(LIBS.agent)))
define agent_tests
TESTS.agent-$(1) := $(patsubst %.c,$(B)/%,$(wildcard tests/agents/$(1)/test_*.c))
$(eval TESTS.agent-$(1) := $(patsubst %.c,$(B)/%,$(wildcard tests/agents/$(1)/test_*.c)))
$(call test_rule,agent-$(1),$(B)/libagent-$(1).a $(LINK.agent),$(LIBS.agent))
endef
$(foreach a,$(AGENTS),$(eval $(call agent_tests,$(a))))
TESTS := $(TESTS.proto) $(TESTS.core) $(TESTS.exchange) $(TESTS.agent) $(TESTS.broker) \
         $(TESTS.paper) $(TESTS.cli) $(foreach a,$(AGENTS),$(TESTS.agent-$(a)))

tests: $(TESTS)

clean:
	rm -rf build

.PHONY: all tests clean
.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)
