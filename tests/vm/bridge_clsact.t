#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# A kernel without tcx: everything is attached by clsact, by an ADD and after a reload. The programs themselves pass
# this kernel's verifier and give the same verdicts.
# vm: kernel=6.1 with=redis
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from again import again

again("net/datapath_cli.t", ("net/segments.t", "accel ebpf"),
      ("net/datapath_attach.t", "by clsact", "warm add", "filter", "slow takes"),
      ("net/bridge_keys.t", "limits", "ipmasq"),
      ("net/budget.t", "from outside to a pod", "same node"),
      *[["build/tests/bpf/%s_test" % name] for name in ("bucket", "forward", "live", "spoof", "sticky")], BW_ROUNDS="2000")
