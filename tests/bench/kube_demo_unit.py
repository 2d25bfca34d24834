# SPDX-License-Identifier: Apache-2.0
"""The Unit of `make demo-kube`: the manifest that a database administrator writes, with a volume and a configuration made
of its address; its process stopped and its memory doubled in place, and the whole moved to the other node."""
import os
import shutil
import tempfile

NAME, ADDRESS = "db-0", "10.99.2.22"
CLAIM = "data-" + NAME
UNIT = """apiVersion: db.barewire.dev/v1alpha1
kind: Unit
metadata: {name: %s}
spec:
  networking: {network: lan, address: %s}
  config:
    templates:
    - name: redis.conf
      template: |
        bind {{unit.address}}
        dir /data
        appendonly yes
        appendfsync always
        protected-mode no
  template:
    spec:
      terminationGracePeriodSeconds: 5
      containers:
      - name: redis
        image: barewire.invalid/redis:1
        imagePullPolicy: Never
        command: [/usr/bin/redis-server, /etc/barewire/redis.conf]
        resources: {requests: {cpu: 50m, memory: 64Mi}, limits: {cpu: 500m, memory: 128Mi}}
        readinessProbe: {tcpSocket: {port: 6379}, periodSeconds: 1}
        volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], storageClassName: "", resources: {requests: {storage: 1Gi}}}
""" % (NAME, ADDRESS)


def volume(folder):
    """A PersistentVolume that both nodes see, bound to the Unit's claim in advance."""
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": CLAIM}, "spec": {
        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "persistentVolumeReclaimPolicy": "Retain", "storageClassName": "",
        "hostPath": {"path": folder}, "claimRef": {"namespace": "default", "name": CLAIM}}}


class UnitSteps:
    """On a Demo: what it runs, shows and expects is the demo's."""

    def __init__(self, demo):
        self.demo, self.api = demo, demo.api
        self.folder = tempfile.mkdtemp(prefix="barewire-unit.")

    def close(self):
        shutil.rmtree(self.folder, True)

    def get(self):
        return self.api.get("/apis/db.barewire.dev/v1alpha1/namespaces/default/units/" + NAME)["status"]

    def pod(self):
        """What a stop must leave as it is: the pod, its container and how often that was started."""
        o = self.api.get("/api/v1/namespaces/default/pods/" + NAME)
        c = o["status"]["containerStatuses"][0]
        return o["metadata"]["uid"], c["containerID"], c["restartCount"]

    def unit(self, *words):
        self.demo.barewire("unit", *words)

    def redis(self, *words):
        return self.demo.redis(*words, address=ADDRESS)

    def declare(self):
        d = self.demo
        d.step("Declare a Unit: what a database administrator writes")
        self.api.create("/api/v1/persistentvolumes", volume(self.folder))
        d.apply("unit.yaml", UNIT)
        self.unit("start", NAME, "--wait")
        d.kubectl("get units")
        file = self.api.get("/api/v1/namespaces/default/configmaps/%s-config" % NAME)["data"]["redis.conf"]
        d.expect(file.startswith("bind %s\n" % ADDRESS), "the file begins %r" % file[:40])
        d.expect(d.answers(ADDRESS), "no answer outside within 20 s after the Unit is Ready")
        d.expect(self.redis("set", "greeting", "kept") == "OK", "Redis does not answer outside")
        d.seen("its address was bound before its pod was made, and was in its configuration before its process started")

    def stop(self):
        d = self.demo
        d.step("Stop its process, and start it, without losing the pod")
        before = self.pod()
        self.unit("stop", NAME, "--wait")
        self.redis("ping")
        d.bed.outside("ip", "neigh", "flush", "to", ADDRESS)
        d.command("ping -c 1 %s            # on the machine outside" % ADDRESS)
        d.expect(d.bed.outside("ping", "-c", "1", "-W", "5", ADDRESS, check=False).returncode == 0, "the address does not answer")
        d.seen("no process listens, and the address answers ARP and ping: nobody else can have it")
        self.unit("start", NAME, "--wait")
        d.expect(d.answers(ADDRESS), "no answer outside within 20 s after the start")
        d.expect(self.redis("get", "greeting") == "kept", "the data is not there")
        d.expect(self.pod() == before, "another pod or container: %s, before %s" % (self.pod(), before))
        d.seen("the same pod, the same container, 0 restarts, and its data")

    def memory(self):
        """The limit that the database's container has, as its kubelet says."""
        o = self.api.get("/api/v1/namespaces/default/pods/" + NAME)
        return o["status"]["containerStatuses"][0].get("resources", {}).get("limits", {}).get("memory")

    def resize(self):
        d = self.demo
        d.step("Give it twice the memory while it runs")
        before, was = self.pod(), self.memory()
        self.unit("resize", NAME, "--limits", "memory=256Mi", "--wait")
        d.expect(self.memory() == "256Mi", "its limit is %s" % self.memory())
        d.expect(self.pod() == before, "another pod or container: %s, before %s" % (self.pod(), before))
        d.expect(self.redis("get", "greeting") == "kept", "Redis does not answer")
        d.seen("%s, then %s: the same pod, the same container, the same process" % (was, self.memory()))

    def migrate(self):
        d = self.demo
        before = self.get()
        d.step("Move it off %s, data and address" % before["nodeName"])
        self.unit("migrate", NAME, "--wait")
        d.expect(d.answers(ADDRESS), "no answer outside within 20 s after the move")
        d.expect(self.redis("get", "greeting") == "kept", "the data is not there")
        after = self.get()
        d.expect(after["nodeName"] != before["nodeName"], "it is where it was, on " + after["nodeName"])
        d.expect(after["claim"] == before["claim"], "its claim is %s, before %s" % (after["claim"], before["claim"]))
        kept = "%s, MAC %s, the same data" % (ADDRESS, after["claim"]["mac"])
        d.seen("from %s to %s: %s" % (before["nodeName"], after["nodeName"], kept))
        d.facts.append(("Unit stopped, resized, moved", kept, "told by barewire unit"))

    def run(self):
        self.declare()
        self.stop()
        self.resize()
        self.migrate()
