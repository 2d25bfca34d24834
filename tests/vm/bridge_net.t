#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# The bridge plugin's own tests where the kernel has VLAN filtering, netkit and tcx beside clsact: Debian's 6.12.
# vm: kernel=6.12 with=go
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from again import again

again("net/uplink.t", ("net/datapath_attach.t", "by tcx", "drift", "others", "sweep"),
      *[["build/tests/bpf/%s_test" % name] for name in ("bucket", "forward", "live", "spoof", "sticky")])
