# SPDX-License-Identifier: Apache-2.0
# build/tools: what tests and benches need in C. Plain dynamic programs, never sanitized: they drive
# the programs under test and must not slow or change them.
#: make tools          the test tools (build/tools)
TOOLS_DIR := build/tools
TOOLS := $(patsubst tests/tools/%.c,$(TOOLS_DIR)/%,$(filter-out %.bpf.c,$(wildcard tests/tools/*.c)))
TOOLS_BPF := $(patsubst tests/tools/%.bpf.c,$(TOOLS_DIR)/%.bpf.o,$(wildcard tests/tools/*.bpf.c))
TOOLS_CFLAGS := -std=gnu11 -O2 -g -D_GNU_SOURCE -Iinclude -I$(TOOLS_DIR) -Itests/tools $(WARN) \
	$(if $(filter 1,$(DEVELOPER)),-Werror) -MMD -MP
TOOLS_LIBS_rxcount := -lbpf
TOOLS_LIBS_floor := -lbpf
TOOLS_LIBS_vfmoves := -lmnl

.PHONY: tools
tools: $(TOOLS) $(TOOLS_BPF)

# {"name", number} of every system call of this machine.
$(TOOLS_DIR)/syscalls.inc:
	@mkdir -p $(@D)
	$(Q)echo '#include <sys/syscall.h>' | $(CC) -E -dM - | \
		sed -n 's/^#define __NR_\([a-z0-9_]*\) [0-9]*$$/[__NR_\1] = "\1",/p' | sort >$@

$(TOOLS_DIR)/%: tests/tools/%.c $(TOOLS_DIR)/syscalls.inc
	$(call say,TOOL,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TOOLS_CFLAGS) -MF $@.d -o $@ $< $(TOOLS_LIBS_$*)

$(TOOLS_DIR)/%.bpf.o: tests/tools/%.bpf.c
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -target bpf -O2 -g -Wall -Wextra -Werror -I/usr/include/$(shell uname -m)-linux-gnu -c $< -o $@

-include $(TOOLS:=.d)

# What calls the library as a plugin does.
TOOLS_VM := $(B)/tools/vfdrive $(B)/tools/pcidrive
$(TOOLS_VM): $(B)/tools/%: $(B)/tests/vm/%.o $(LIB) $(B)/.link-flags
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIB) $(LDLIBS) -lmnl
-include $(TOOLS_VM:$(B)/tools/%=$(B)/tests/vm/%.d)

# What calls lib/kube as a daemon does.
TOOLS_KUBE := $(B)/tools/kubecall $(B)/tools/kuberun $(B)/tools/kubeexec
$(TOOLS_KUBE): $(B)/tools/%: $(B)/tests/kube/%.o $(LIB) $(B)/.link-flags
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -static-pie -pie,$(LDFLAGS)) -pie -o $@ $(filter %.o,$^) $(LIB) $(LDLIBS) $(LIBS_CNI) $(LIBS_KUBE)
-include $(TOOLS_KUBE:$(B)/tools/%=$(B)/tests/kube/%.d)
test-kube: $(TOOLS_KUBE)

# The controller's page without a controller.
PAGESHOW := $(B)/tools/pageshow
$(B)/tests/page/show.o: CFLAGS += -iquote controller/page
$(PAGESHOW): $(B)/tests/page/show.o $(page_SRC:%.c=$(B)/%.o) $(PAGE_ASSETS) $(LIB) $(B)/.link-flags
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -static-pie -pie,$(LDFLAGS)) -pie -o $@ $(filter %.o,$^) $(LIB) $(LDLIBS) $(LIBS_CNI) $(LIBS_KUBE) $(LIBS_PAGE)
-include $(B)/tests/page/show.d
