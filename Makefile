# SPDX-License-Identifier: Apache-2.0
# barewire: `make` builds, `make demo` shows, `make test` proves. `make help` lists the rest.
.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:

include mk/flags.mk
include mk/deps.mk
include mk/lib.mk
include mk/gen.mk
include mk/bpf.mk
include mk/datapath.mk
include mk/programs.mk
include mk/tools.mk
include mk/bench.mk
include mk/test.mk
include mk/vm.mk
include mk/sim.mk
include mk/kube.mk
include mk/quality.mk
include mk/image.mk
include mk/install.mk

.PHONY: all clean help
all: $(PROGRAMS)

clean:
	rm -rf build

help:
	@sed -n 's/^#: //p' $(MAKEFILE_LIST)
