# SPDX-License-Identifier: Apache-2.0
# What the build needs from outside: packages by apt, only those that are missing, and what is fetched or
# built once in BW_CACHE, outside the checkout. Before any other rule runs, make brings the files included
# here up to date, so no rule has to name the compiler or the libraries as prerequisites. What only some
# targets need is an order-only prerequisite there: `| $(call need,GROUP)`, a name that scripts/deps knows.
#: make BW_CACHE=DIR  where fetched and built dependencies live (/var/cache/barewire)
#: make BW_MIRROR=URL a Debian mirror for suites that the machine's own apt sources lack
BW_CACHE ?= /var/cache/barewire
export BW_CACHE BW_MIRROR

need = $(addprefix build/.deps/,$(1))

ifneq ($(filter-out clean help,$(or $(MAKECMDGOALS),all)),)
include build/.deps/build.mk
ifeq ($(STATIC),1)
include build/.deps/static.mk
endif
endif

build/.deps/%.mk: scripts/deps scripts/packages
	@mkdir -p $(@D)
	@scripts/deps $*
	@touch $@
build/.deps/static.mk: | build/.deps/build.mk

build/.deps/%: scripts/deps scripts/packages
	@mkdir -p $(@D)
	@scripts/deps $*
	@touch $@
