# SPDX-License-Identifier: Apache-2.0
# What keeps the sources clean: lint, format, coverage, fuzzing, and the try on a fresh machine.
LINT_SRC := $(wildcard lib/*/*.c cni/*/*.c ipam/*.c ipam/*/*.c controller/*/*.c)
LINT_TEST_SRC := $(UNIT_SRC) $(BPF_TEST_SRC) $(wildcard tests/fuzz/*.c)
LINT_HEADERS := $(wildcard include/bw/*.h lib/*/*.h cni/*/*.h ipam/*.h ipam/*/*.h controller/*/*.h tests/unit/*.h)
LINT_OK := $(LINT_SRC:%=build/lint/clang/%.ok) $(LINT_TEST_SRC:%=build/lint/clang/%.ok) \
	$(LINT_SRC:%=build/lint/analyzer/%.ok) $(LINT_SRC:%=build/lint/tidy/%.ok)
LINT_CFLAGS := -std=gnu11 -D_GNU_SOURCE -fno-common -Iinclude -Ibuild $(WARN) -Werror

comma := ,
space := $(subst x,,x x)

# What a file of tests is compiled with beyond that: as in mk/test.mk.
lint_include = $(if $(filter tests/unit/%,$(1)),-Itests/unit -iquote $(call unit_dir,$(notdir $(patsubst %/,%,$(dir $(1))))))

lint_include += $(if $(filter tests/fuzz/reconcile_% tests/fuzz/unit_%,$(1)),-iquote controller/ipam -iquote controller/unit -iquote lib/kube)

lint_include += $(if $(filter controller/unit/%,$(1)),-iquote controller/ipam)$(if $(filter controller/ipam/%,$(1)),-iquote controller/unit -iquote controller/page)

# The checks that tests/lint/exempt takes out for $(2), each behind $(3), for tool $(1).
lint_exempt = $(addprefix $(3),$(shell awk '$$1 == "$(1)" && ($$2 == "$(2)" || $$2 == "*") { print $$3 }' tests/lint/exempt))

# $(1) folder of build/lint, $(2) command that judges $<
define lint_rule
build/lint/$(1)/%.ok: % $(LINT_HEADERS) .clang-tidy mk/quality.mk tests/lint/exempt
	$$(call say,LINT,$(1) $$<)
	@mkdir -p $$(@D); rm -f $$@
	$$(Q)$(2) >$$(@:.ok=.log) 2>&1 && touch $$@
endef
$(eval $(call lint_rule,clang,$$(CLANG) $$(LINT_CFLAGS) -O2 $$(call lint_include,$$<) -c -o /dev/null $$<))
$(eval $(call lint_rule,analyzer,gcc $$(LINT_CFLAGS) $$(WARN_GCC) -O2 -fanalyzer $$(call lint_include,$$<) $$(call lint_exempt,analyzer,$$<,-Wno-) -c -o /dev/null $$<))
$(eval $(call lint_rule,tidy,clang-tidy-14 --quiet --checks=$$(subst $$(space),$$(comma),$$(call lint_exempt,tidy,$$<,-)) $$< -- -std=gnu11 -D_GNU_SOURCE -Iinclude -Ibuild $$(call lint_include,$$<)))

#: make lint          the style's rules, formatting, clang, clang-tidy, cppcheck, gcc -fanalyzer, shellcheck
#: make format        clang-format over all C
.PHONY: lint lint-analysis format
lint: test-lint
lint-analysis: $(LINT_OK)
$(LINT_OK): | $(GEN_H)
test-lint: | $(call need,unit) $(call need,lint)
	@mkdir -p build/lint
	@printf '%s\n' $(LINT_OK) | sed 's,^build/lint/\([^/]*\)/\(.*\)\.ok$$,\1 \2,' >build/lint/list
	@$(MAKE) --no-print-directory -k -j2 lint-analysis >build/lint/make.log 2>&1 || :
	$(call tier,lint,1200,1270,$(call tier_files,lint))
format: | $(call need,lint)
	$(Q)scripts/files '*.c' '*.h' | xargs clang-format-14 -i

# Fuzzing: tests/fuzz/X_fuzz.c with the seeds of tests/fuzz/corpus/X. Everything is compiled once more by clang
# with libFuzzer's instrumentation (FUZZ=1, build/fuzz).
FUZZ_SRC := $(wildcard tests/fuzz/*_fuzz.c)
FUZZERS := $(FUZZ_SRC:tests/fuzz/%.c=$(B)/%)
FUZZ_SECONDS ?= 120
TEST_FUZZ_SECONDS := 10

#: make fuzz          each fuzz target for FUZZ_SECONDS (120); make test runs each for 10, or what it says
.PHONY: fuzz fuzzers
fuzz: | $(call need,fuzz) $(call need,unit)
	@$(MAKE) --no-print-directory -j2 FUZZ=1 fuzzers
	$(Q)tests/fuzz/run.t $(FUZZ_SECONDS)
test-fuzz: | $(call need,fuzz) $(call need,unit)
	@$(MAKE) --no-print-directory -j2 FUZZ=1 fuzzers
	$(Q)BW_FUZZ_SECONDS=$(TEST_FUZZ_SECONDS) scripts/run-tier -p $(PASS) -j 1 -t 1200 -m 19 fuzz tests/fuzz/run.t
ifeq ($(FUZZ),1)
fuzzers: $(FUZZERS)
$(FUZZERS): $(B)/%: $(B)/tests/fuzz/%.o $(UNIT_OBJ_bridge) $(UNIT_OBJ_unitd) $(LIB) $(B)/.link-flags
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $(filter %.o,$^) $(LIB) $(LIBS_CNI) $(LIBS_KUBE)
$(B)/tests/fuzz/reconcile_fuzz.o $(B)/tests/fuzz/unit_fuzz.o: CFLAGS += -iquote controller/ipam -iquote controller/unit -iquote lib/kube
$(B)/reconcile_fuzz $(B)/unit_fuzz: $(SIM_CTL)
-include $(FUZZ_SRC:%.c=$(B)/%.d)
endif

#: make cov           what the tests reach, as build/cov/html/index.html
.PHONY: cov
COV_TIERS := unit bpf conformance net
cov: | $(call need,cov) $(call need,unit)
	@for t in $(COV_TIERS); do $(MAKE) --no-print-directory -j2 COV=1 test-$$t || :; done
	$(Q)lcov -q --capture --directory build/cov --base-directory $(CURDIR) --no-external --output-file build/cov/all.info
	$(Q)lcov -q --remove build/cov/all.info '*/tests/*' '*/build/*' --output-file build/cov/cov.info
	$(Q)genhtml -q --output-directory build/cov/html build/cov/cov.info
	$(Q)lcov --summary build/cov/cov.info 2>&1 | sed -n 's/^ *\(lines\|functions\)/\1/p'

#: make test-fresh    a minimal Debian 12 with nothing but make: does `make demo` work there? (FRESH="GOAL...")
.PHONY: test-fresh
FRESH ?= demo
test-fresh: | $(call need,fresh)
	$(Q)scripts/fresh $(FRESH)
