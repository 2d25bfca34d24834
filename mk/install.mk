# SPDX-License-Identifier: Apache-2.0
# Installing: CNI programs where runtimes look for them, the command, man pages, documents and examples.
#: make install       into DESTDIR: barewire-* to CNI_BIN_DIR (/opt/cni/bin), barewire to PREFIX/bin (/usr/local/bin),
#:                    man pages, documents and what a cluster is given (barewire/deploy) below PREFIX/share
#: make uninstall     removes what install put there
PREFIX ?= /usr/local
CNI_BIN_DIR ?= /opt/cni/bin
BIN_DIR ?= $(PREFIX)/bin
MAN_DIR ?= $(PREFIX)/share/man
DOC_DIR ?= $(PREFIX)/share/doc/barewire
DATA_DIR ?= $(PREFIX)/share/barewire

# barewire-launch is for the inside of pods: the image brings it.
INSTALL_CNI := $(filter-out $(B)/barewire-launch,$(filter $(B)/barewire-%,$(PROGRAMS)))
INSTALL_BIN := $(filter $(B)/barewire $(B)/kubectl-barewire,$(PROGRAMS))
INSTALL_MAN := $(wildcard docs/man/*.[1-8])
INSTALL_DOC := README.md LICENSE $(wildcard docs/*.md docs/*/*.md)
INSTALL_CONF := $(wildcard conf/cni/*)
# As they lie in conf: the kustomizations name each other.
INSTALL_DATA := $(foreach d,crds rbac policies deploy examples,$(shell find conf/$(d) -name '*.yaml'))

.PHONY: install uninstall
install: all
	$(Q)for f in $(INSTALL_CNI); do install -D -s -m 755 $$f "$(DESTDIR)$(CNI_BIN_DIR)/$${f##*/}" || exit 1; done
	$(Q)for f in $(INSTALL_BIN); do install -D -s -m 755 $$f "$(DESTDIR)$(BIN_DIR)/$${f##*/}" || exit 1; done
	$(Q)for f in $(INSTALL_MAN); do install -D -m 644 $$f "$(DESTDIR)$(MAN_DIR)/man$${f##*.}/$${f##*/}" || exit 1; done
	$(Q)for f in $(INSTALL_DOC); do install -D -m 644 $$f "$(DESTDIR)$(DOC_DIR)/$${f#docs/}" || exit 1; done
	$(Q)for f in $(INSTALL_CONF); do install -D -m 644 $$f "$(DESTDIR)$(DOC_DIR)/examples/$${f##*/}" || exit 1; done
	$(Q)for f in $(INSTALL_DATA); do install -D -m 644 $$f "$(DESTDIR)$(DATA_DIR)/$${f#conf/}" || exit 1; done

uninstall:
	$(Q)rm -f $(foreach f,$(INSTALL_CNI),"$(DESTDIR)$(CNI_BIN_DIR)/$(notdir $(f))") \
		$(foreach f,$(INSTALL_BIN),"$(DESTDIR)$(BIN_DIR)/$(notdir $(f))") \
		$(foreach f,$(INSTALL_MAN),"$(DESTDIR)$(MAN_DIR)/man$(subst .,,$(suffix $(f)))/$(notdir $(f))")
	$(Q)rm -rf "$(DESTDIR)$(DOC_DIR)" "$(DESTDIR)$(DATA_DIR)"
