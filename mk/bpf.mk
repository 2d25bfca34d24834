# SPDX-License-Identifier: Apache-2.0
# BPF objects: one per bpf/*.bpf.c, uapi headers only; tests/bpf loads them with BPF_PROG_TEST_RUN.
BPF_SRC := $(wildcard bpf/*.bpf.c)
BPF_OBJ := $(BPF_SRC:%.bpf.c=build/%.bpf.o)
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -MMD -MP -Iinclude -Ibpf/lib \
	-I/usr/include/$(shell $(CC) -dumpmachine)

build/bpf/%.bpf.o: bpf/%.bpf.c
	$(call say,BPF,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

-include $(BPF_OBJ:.o=.d)
all: $(BPF_OBJ)
