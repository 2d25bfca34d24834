# SPDX-License-Identifier: Apache-2.0
# The vm tier: tests/vm/*.t run inside guests of QEMU with an emulated SR-IOV card. scripts/vm boots them and
# gives each file's TAP to scripts/run-tier as if it ran here; guests are shared by files with equal needs.
#: scripts/vm         run FILE.t, exec -- COMMAND or shell in a guest (tests/vm/README.md); `make vm-deps` once before
VM_NEEDS = $(call need,bed) $(call need,test) $(call need,vm) $(call need,qemu) $(call need,kernel-6.12) \
	$(call need,kernel-6.1) $(call need,go-plugins) $(call need,netdevsim)

VM_FILES ?= $(call tier_files,vm)
VM_FLOOR ?= 510

.PHONY: test-vm vm-deps
# Tests of other tiers that run there again.
VM_TESTS := $(BPF_TEST) $(BPF_TEST_OBJ) $(DRIVES)
test-vm: $(TEST_PROGRAMS) $(TOOLS_VM) $(VM_TESTS) | $(VM_NEEDS)
	$(Q)$(TEST_ENV) scripts/vm tier scripts/run-tier -p $(PASS) -j $(JOBS) -t 900 -m $(VM_FLOOR) -x 'scripts/vm run' \
		vm $(VM_FILES)

vm-deps: $(TEST_PROGRAMS) $(TOOLS_VM) $(VM_TESTS) | $(VM_NEEDS)
