# SPDX-License-Identifier: Apache-2.0
# Compilers and their flags; the switches V, STATIC, SAN, DEVELOPER, FUZZ.
#: make V=1           show every command
#: make STATIC=0      link dynamically (distributions, sanitizers)
#: make SAN=1         address and undefined behaviour sanitizers, dynamic
#: make DEVELOPER=1   warnings are errors
CC := gcc
CLANG := clang-14
V ?= 0
STATIC ?= 1
SAN ?= 0
FUZZ ?= 0
COV ?= 0
DEVELOPER ?= 0
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' '$(1)' '$(2)')

B := build
ifeq ($(SAN),1)
B := build/san
endif
ifeq ($(FUZZ),1)
B := build/fuzz
CC := $(CLANG)
endif
ifeq ($(COV),1)
B := build/cov
endif
ifneq ($(B),build)
STATIC := 0
endif

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wvla -Wformat=2 -Wundef -Wwrite-strings -Wpointer-arith -Wcast-align -Wimplicit-fallthrough \
	-Wnull-dereference -Wdouble-promotion -Wframe-larger-than=8192
WARN_GCC := -Wduplicated-cond -Wlogical-op -Wjump-misses-init
HARDEN := -fstack-protector-strong -fstack-clash-protection -fcf-protection
CFLAGS := -std=gnu11 -g -D_GNU_SOURCE -fno-common -MMD -MP -Iinclude -Ibuild $(WARN) \
	$(if $(filter gcc%,$(notdir $(CC))),$(WARN_GCC)) $(if $(filter 1,$(DEVELOPER)),-Werror)
ifeq ($(SAN),1)
CFLAGS += -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -fPIE
LDFLAGS := -fsanitize=address,undefined -pie
else ifeq ($(FUZZ),1)
CFLAGS += -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -fPIE
LDFLAGS := -fsanitize=address,undefined -pie
else ifeq ($(COV),1)
CFLAGS += -O0 --coverage -fprofile-update=atomic -fPIE
LDFLAGS := --coverage -pie
else
CFLAGS += -O2 -D_FORTIFY_SOURCE=3 $(HARDEN) -fPIE
LDFLAGS := $(if $(filter 1,$(STATIC)),-static-pie,-pie) -Wl,-z,relro,-z,now,--as-needed
endif
# The archives that this release's packages lack (mk/deps.mk).
LDLIBS = $(if $(filter 1,$(STATIC)),-L$(BW_CACHE)/lib)

# A change of the flags compiles or links again: these files hold the last ones.
define flags_file
ifneq ($$(strip $(2)),$$(file <$(1)))
$$(shell mkdir -p $$(dir $(1)))
$$(file >$(1),$$(strip $(2)))
endif
$(1):
endef
ifneq ($(filter-out clean help,$(or $(MAKECMDGOALS),all)),)
$(eval $(call flags_file,$(B)/.compile-flags,$$(CC) $$(CFLAGS)))
$(eval $(call flags_file,$(B)/.link-flags,$$(CC) $$(LDFLAGS)))
endif
