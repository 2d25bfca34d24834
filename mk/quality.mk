
#: make test-fresh    a minimal Debian 12 with nothing but make: does `make demo` work there? (FRESH="GOAL..." for other goals)
.PHONY: test-fresh
FRESH ?= demo
test-fresh: | $(call need,fresh)
	$(Q)scripts/fresh $(FRESH)
