# SPDX-License-Identifier: Apache-2.0
# BPF objects: the datapath (bpf/) and what its tests compare with (tests/bpf), uapi headers only.
BPF_SRC := $(wildcard bpf/*.bpf.c tests/bpf/*.bpf.c)
BPF_OBJ := $(BPF_SRC:%.bpf.c=build/%.bpf.o)
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -MMD -MP -Iinclude -Ibpf/lib \
	-I/usr/include/$(shell $(CC) -dumpmachine)

build/%.bpf.o: %.bpf.c
	$(call say,BPF,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

-include $(BPF_OBJ:.o=.d)
all: $(BPF_OBJ)
test-bpf: $(BPF_OBJ)
