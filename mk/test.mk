# SPDX-License-Identifier: Apache-2.0
# Tests: every tests/unit/**/*_test.c and tests/bpf/*_test.c becomes one cmocka program printing TAP; the other
# tiers are the *.t files of their folder. scripts/run-tier runs and judges one tier, scripts/test all of them.
UNIT_SRC := $(wildcard tests/unit/*/*_test.c)
UNIT := $(UNIT_SRC:%.c=$(B)/%)
BPF_TEST_SRC := $(wildcard tests/bpf/*_test.c)
BPF_TEST := $(BPF_TEST_SRC:%.c=$(B)/%)

# The component that tests/unit/X mirrors: its private headers, and for a program its objects without main.
UNIT_DIR_bridge := cni/bridge
UNIT_DIR_common := cni/common
UNIT_DIR_sriov := cni/sriov
UNIT_DIR_ipam := ipam
UNIT_DIR_cli := controller/cli
UNIT_DIR_kubectl := controller/cli
UNIT_DIR_agent := ipam/agent
UNIT_DIR_unitd := controller/unitd
UNIT_OBJ_bridge := $(filter-out %/main.o,$(bridge_SRC:%.c=$(B)/%.o))
UNIT_OBJ_cli := $(filter-out %/main.o,$(cli_SRC:%.c=$(B)/%.o))
UNIT_OBJ_kubectl := $(B)/controller/cli/kube_term.o
UNIT_OBJ_unitd := $(filter-out %/main.o,$(launch_SRC:%.c=$(B)/%.o))
UNIT_OBJ_agent := $(filter-out %/main.o,$(agent_SRC:%.c=$(B)/%.o))
UNIT_DIR_ctl := controller/ipam -iquote tests/sim
UNIT_OBJ_ctl := $(filter-out %/main.o,$(ctl_SRC:%.c=$(B)/%.o)) \
	$(patsubst %.c,$(B)/%.o,$(wildcard $(addprefix tests/sim/,fault.c kinds.c mutant.c rules.c select.c server.c server_read.c server_watch.c store.c store_write.c trace.c)))
UNIT_DIR_dbunit := controller/unit -iquote controller/ipam -iquote tests/sim
UNIT_OBJ_dbunit := $(UNIT_OBJ_ctl)
# Its tests' runtime is driven by the fake server of the library's tests.
UNIT_DIR_page := controller/page -iquote tests/unit/kube
UNIT_OBJ_page := $(page_SRC:%.c=$(B)/%.o) $(PAGE_ASSETS)
unit_dir = $(or $(UNIT_DIR_$(1)),lib/$(1))

# $(1) a test's source, $(2) the folder of tests/unit it is in, or bpf
define test_program
$(1:%.c=$(B)/%.o): CFLAGS += -iquote $(call unit_dir,$(2)) -Itests/unit
$(1:%.c=$(B)/%.o): | $(call need,unit)
$(1:%.c=$(B)/%): $(1:%.c=$(B)/%.o) $(UNIT_OBJ_$(2)) $(LIB) $(B)/.link-flags
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(filter-out -static-pie,$$(LDFLAGS)) -pie -o $$@ $$(filter %.o,$$^) $(LIB) -lcmocka $$(LIBS_CNI) $$(LIBS_KUBE) $$(LIBS_PAGE)
endef
$(foreach t,$(UNIT_SRC),$(eval $(call test_program,$(t),$(notdir $(patsubst %/,%,$(dir $(t)))))))
$(foreach t,$(BPF_TEST_SRC),$(eval $(call test_program,$(t),datapath)))
.SECONDARY: $(UNIT:=.o) $(BPF_TEST:=.o)
-include $(UNIT:=.d) $(BPF_TEST:=.d)

# Where tests find the programs, and what the sanitizers must find. Leak detection does not work under ptrace:
# who starts a program there sets detect_leaks=0 for it. Counts of system calls look at BW_SAN.
TEST_ENV := BW_BUILD=$(B) BW_CACHE=$(BW_CACHE)
ifeq ($(SAN),1)
PASS := san
TEST_ENV += BW_SAN=1 UBSAN_OPTIONS=print_stacktrace=1 \
	ASAN_OPTIONS=handle_segv=2:detect_leaks=1:strict_string_checks=1:abort_on_error=0
else
PASS := $(if $(filter 1,$(COV)),cov,plain)
endif
# The network tests wait for the kernel most of their time, so more of them than processors go side by side.
JOBS ?= 2
NET_JOBS ?= $(if $(filter command line environment,$(origin JOBS)),$(JOBS),4)

# $(1) tier, $(2) seconds for one file, $(3) tests that must really run, $(4) files
tier = $(Q)$(TEST_ENV) scripts/run-tier -p $(PASS) -j $(if $(filter net,$(1)),$(NET_JOBS),$(JOBS)) -t $(2) -m $(3) $(1) $(4)
tier_files = $(sort $(wildcard tests/$(1)/*.t) $(if $(filter net,$(1)),$(wildcard tests/net/*/*.t)))
TEST_PROGRAMS = $(PROGRAMS) $(TOOLS) $(TOOLS_BPF)

#: make test          every tier, then unit, bpf, conformance and net again under the sanitizers
#: make test-TIER     one of unit bpf net conformance differential containerd fuzz kube vm lint install page (SAN=1, JOBS=1)
.PHONY: test test-unit test-bpf test-net test-conformance test-differential test-containerd test-fuzz \
	test-lint test-install test-page
test:
	$(Q)MAKEFLAGS= MFLAGS= MAKELEVEL= scripts/test $(if $(filter 1,$(SAN)),san) -- $(filter-out SAN=%,$(MAKEOVERRIDES))

# Journals that the tests make are synced thousands of times: to memory, where there is some to write to.
test-unit: TEST_ENV += TMPDIR=$(shell test -w /dev/shm && echo /dev/shm || echo /tmp)
test-unit: $(UNIT) | $(call need,unit)
	$(call tier,unit,300,1040,$(UNIT))

test-bpf: $(BPF_TEST) $(TEST_PROGRAMS) | $(call need,unit) $(call need,bed)
	$(call tier,bpf,300,66,$(BPF_TEST) $(call tier_files,bpf))

test-net: $(TEST_PROGRAMS) | $(call need,bed) $(call need,demo) $(call need,test) $(call need,go-plugins)
	$(call tier,net,900,375,$(call tier_files,net))

test-conformance: $(TEST_PROGRAMS) | $(call need,bed) $(call need,test) $(call need,go-plugins)
	$(call tier,conformance,900,940,$(call tier_files,conformance))

test-differential: $(TEST_PROGRAMS) | $(call need,bed) $(call need,go-plugins) $(call need,deb-plugins)
	$(call tier,differential,900,230,$(call tier_files,conformance/differential))

test-containerd: $(TEST_PROGRAMS) | $(call need,bed) $(call need,test) $(call need,go-plugins) $(call need,containerd2)
	$(call tier,containerd,900,28,$(call tier_files,conformance/containerd))

# A real browser, which only this tier needs.
test-page: $(PAGESHOW) | $(call need,unit) $(call need,bed) $(call need,page)
	$(call tier,page,300,12,$(call tier_files,page))

test-install: $(TEST_PROGRAMS) | $(call need,unit) $(call need,bed)
	$(call tier,install,300,98,$(call tier_files,install))
