# SPDX-License-Identifier: Apache-2.0
"""Units as a person writes them: what its rules refuse, what only a dry run of the pod can judge, what is taken.

Each bad one says what the message must name: the field, the value that is wrong, and what to do about it."""
from kubeobjects import but  # noqa: F401

API = "db.barewire.dev/v1alpha1"


def unit(name, spec):
    return {"apiVersion": API, "kind": "Unit", "metadata": {"name": name, "namespace": "default"}, "spec": spec}


def claim_template(name, size="1Gi", **spec):
    return {"metadata": {"name": name}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}, **spec}}


def container(name, **more):
    return {"name": name, "image": "%s:1" % name, **more}


UNIT = unit("redis-0", {
    "mainContainerName": "redis",
    "networking": {"network": "lan", "address": "10.99.2.77"},
    "template": {"spec": {"containers": [container("redis", command=["redis-server"], volumeMounts=[{"name": "data", "mountPath": "/data"}])]}},
    "volumeClaimTemplates": [claim_template("data")]})
BARE = unit("redis-0", {"networking": {"network": "lan"}, "template": {"spec": {"containers": [container("redis")]}}})

NET = "networking"
POD = "template.spec"
C0 = "template.spec.containers.0."
FILES = [{"name": "redis.conf", "template": "bind {{unit.address}}\n"}]


def extra(**more):
    return [{"name": "net1", "network": "san", **more}]


# What the schema and its rules refuse: base, change, then field, value and remedy as the message has them.
BAD = [
    (UNIT, {"metadata.name": "redis.0"}, "name", '"redis.0"', "at most 63 of a-z, 0-9 and -, a letter first"),
    (UNIT, {"metadata.name": "0-redis"}, "name", '"0-redis"', "a letter first"),
    (UNIT, {"metadata.name": "r" * 64}, "name", "r" * 64, "at most 63"),
    (UNIT, {"networking": None}, "spec.networking", "Required", "Required value"),
    (UNIT, {"template": None}, "spec.template", "Required", "Required value"),
    # networking
    (UNIT, {"networking.network": None}, "spec.networking", "network", "exactly one of network (a pool) and networks"),
    (UNIT, {"networking.networks": ["lan6"]}, "spec.networking", "networks", "exactly one of network (a pool) and networks"),
    (UNIT, {"networking.network": "LAN"}, "spec.networking.network", '"LAN"', "should match"),
    (UNIT, {"networking.network": ""}, "spec.networking.network", '""', "at least 1 chars long"),
    (UNIT, {"networking": {"networks": []}}, "spec.networking.networks", "0", "at least 1 items"),
    (UNIT, {"networking": {"networks": ["lan", "lan"]}}, "spec.networking.networks[1]", '"lan"', "Duplicate value"),
    (UNIT, {"networking.mode": "pigeon"}, "spec.networking.mode", '"pigeon"', 'supported values: "bridge", "sriov"'),
    (UNIT, {"networking.type": "upm.networkClaim.internal"}, "spec.networking.type", '"upm.networkClaim.internal"', 'supported values: "networkClaim"'),
    (UNIT, {"networking.address": "10.99.2.77/16"}, "spec.networking.address", '"10.99.2.77/16"', "write one such as 10.99.2.77 or fd00:99::77"),
    (UNIT, {"networking.address": "redis-0.lan"}, "spec.networking.address", '"redis-0.lan"', "write one such as 10.99.2.77"),
    (UNIT, {"networking.address": "10.99.2.300"}, "spec.networking.address", '"10.99.2.300"', "write one such as 10.99.2.77"),
    (UNIT, {"networking.address": "10.99.2.077"}, "spec.networking.address", '"10.99.2.077"', "write one such as 10.99.2.77"),
    (UNIT, {"networking.address": "127.0.0.1"}, "spec.networking.address", "127.0.0.1", "write one of the pool's"),
    (UNIT, {"networking.address": "224.0.0.7"}, "spec.networking.address", "224.0.0.7", "write one of the pool's"),
    (UNIT, {"networking.address": "0.0.0.0"}, "spec.networking.address", "0.0.0.0", "write one of the pool's"),
    (UNIT, {"networking.address": "fe80::1"}, "spec.networking.address", "fe80::1", "write one of the pool's"),
    (UNIT, {"networking.addresses": ["10.99.2.77"]}, "spec.networking", "10.99.2.77", "write all of them in addresses"),
    (BARE, {"networking.addresses": ["10.99.2.77", "10.99.2.78"]}, "spec.networking.addresses", "10.99.2.77 and 10.99.2.78", "declare another interface"),
    (BARE, {"networking.addresses": ["fd00::1", "fd00::2"]}, "spec.networking.addresses", "fd00::1 and fd00::2", "at most one address of each"),
    (BARE, {"networking.addresses": ["10.99.2.77-10.99.2.79"]}, "spec.networking.addresses[0]", '"10.99.2.77-10.99.2.79"', "write one such as"),
    (BARE, {"networking.addresses": ["::1"]}, "spec.networking.addresses[0]", "::1", "write one of the pool's"),
    (BARE, {"networking.addresses": ["10.99.2.1", "10.99.2.2", "10.99.2.3"]}, "spec.networking.addresses", "3", "at most 2 items"),
    (BARE, {"networking.addresses": []}, "spec.networking.addresses", "0", "at least 1 items"),
    (UNIT, {"networking.mac": "03:00:00:00:00:01"}, "spec.networking.mac", '"03:00:00:00:00:01"', "the second digit must be even"),
    (UNIT, {"networking.mac": "00:00:00:00:00:00"}, "spec.networking.mac", '"00:00:00:00:00:00"', "such as 02:00:0a:63:02:4d"),
    (UNIT, {"networking.mac": "02-00-00-00-00-01"}, "spec.networking.mac", '"02-00-00-00-00-01"', "should match"),
    (UNIT, {"networking.bandwidth": {"ingressMbps": 0}}, "spec.networking.bandwidth.ingressMbps", "0", "greater than or equal to 1"),
    (UNIT, {"networking.bandwidth": {"egressMbps": 1000001}}, "spec.networking.bandwidth.egressMbps", "1000001", "less than or equal to 1000000"),
    (UNIT, {"networking.bandwidth": 100}, "spec.networking.bandwidth", "integer", "must be of type object"),
    (UNIT, {"networking.addressType": "fqdn"}, "spec.networking.addressType", '"fqdn"', 'supported values: "pod_ip", "pod_name", "service", "host"'),
    (UNIT, {"networking.serviceInterface": "net1"}, "spec.networking", 'serviceInterface "net1"', "name eth0, the only one"),
    (UNIT, {"networking.serviceInterface": "net2", "networking.interfaces": extra()}, "spec.networking", 'serviceInterface "net2"', "name eth0 or one of"),
    # further interfaces
    (UNIT, {"networking.interfaces": extra(name="eth0")}, "spec.networking.interfaces[0].name", "eth0", "put its network and addresses there"),
    (UNIT, {"networking.interfaces": extra(name="lo")}, "spec.networking.interfaces[0].name", "lo is in each pod", "name the interface otherwise"),
    (UNIT, {"networking.interfaces": extra(name="a/b")}, "spec.networking.interfaces[0].name", '"a/b"', "should match"),
    (UNIT, {"networking.interfaces": extra(name="an-interface-too-long")}, "spec.networking.interfaces[0].name", "Too long", "may not be more than 15"),
    (UNIT, {"networking.interfaces": extra() * 2}, "spec.networking.interfaces[1]", '"name":"net1"', "Duplicate value"),
    (UNIT, {"networking.interfaces": [{"name": "net1"}]}, "spec.networking.interfaces[0]", "interface net1", "exactly one of network"),
    (UNIT, {"networking.interfaces": extra(networks=["san6"])}, "spec.networking.interfaces[0]", "interface net1", "exactly one of network"),
    (UNIT, {"networking.interfaces": extra(addresses=["san-7"])}, "spec.networking.interfaces[0].addresses[0]", '"san-7"', "write one such as"),
    (UNIT, {"networking.interfaces": extra(addresses=["ff02::1"])}, "spec.networking.interfaces[0].addresses[0]", "ff02::1", "write one of the pool's"),
    (UNIT, {"networking.interfaces": extra(addresses=["10.98.0.1", "10.98.0.2"])}, "spec.networking.interfaces[0].addresses", "10.98.0.1 and 10.98.0.2",
     "declare another interface"),
    (UNIT, {"networking.interfaces": extra(mac="01:00:5e:00:00:01")}, "spec.networking.interfaces[0].mac", '"01:00:5e:00:00:01"', "must be even"),
    (UNIT, {"networking.mac": "02:00:00:00:00:aa", "networking.interfaces": extra(mac="02:00:00:00:00:AA")}, "spec.networking",
     "02:00:00:00:00:AA", "change one, or leave mac out"),
    (UNIT, {"networking.interfaces": [{"name": n, "network": n, "mac": "02:00:00:00:00:01"} for n in ("net1", "net2")]}, "spec.networking",
     '"net1", "net2"', "change one, or leave mac out"),
    (UNIT, {"networking.interfaces": [{"name": "net1", "network": "lan", "addresses": ["10.99.2.77"]}]}, "spec.networking", '"net1"',
     "give each interface its own"),
    (UNIT, {"networking.interfaces": [{"name": "net%d" % i, "network": "san"} for i in range(8)]}, "spec.networking.interfaces", "8", "at most 7 items"),
    # the template
    (UNIT, {"mainContainerName": "mysql"}, "mainContainerName", '"mysql"', 'name one of ["redis"]'),
    (BARE, {POD + ".containers": [container("redis"), container("exporter")]}, "mainContainerName", '["redis", "exporter"]', "say which of"),
    (UNIT, {POD + ".containers": []}, "spec.template.spec.containers", "0", "at least 1 items"),
    (UNIT, {POD + ".containers": None}, "spec.template.spec.containers", "Required", "Required value"),
    (UNIT, {C0 + "name": None}, "spec.template.spec.containers[0].name", "Required", "Required value"),
    (BARE, {C0 + "name": "Redis"}, "spec.template.spec.containers[0].name", '"Redis"', "should match"),
    (BARE, {C0 + "name": "barewire-launch"}, "spec.template.spec.containers[0].name", '"barewire-launch"', "name it otherwise"),
    (UNIT, {POD + ".containers": [container("redis")] * 2}, "spec.template.spec.containers[1]", '"name":"redis"', "Duplicate value"),
    (UNIT, {C0 + "image": None}, "spec.template.spec.containers[0]", "container redis", "write one, such as redis:8"),
    (UNIT, {C0 + "image": ""}, "spec.template.spec.containers[0]", "has no image", "write one"),
    (UNIT, {POD + ".initContainers": [{"name": "setup"}]}, "spec.template.spec.initContainers[0]", "container setup", "write one, such as"),
    (UNIT, {POD + ".initContainers": [container("barewire-x")]}, "spec.template.spec.initContainers[0].name", '"barewire-x"', "name it otherwise"),
    (UNIT, {C0 + "ports": [{"containerPort": 0}]}, "spec.template.spec.containers[0].ports[0].containerPort", "0", "greater than or equal to 1"),
    (UNIT, {C0 + "ports": [{"containerPort": 65536}]}, "spec.template.spec.containers[0].ports[0].containerPort", "65536", "less than or equal to 65535"),
    (UNIT, {C0 + "ports": [{"containerPort": 6379, "protocol": "tcp"}]}, "spec.template.spec.containers[0].ports[0].protocol", '"tcp"', 'supported values: "TCP"'),
    (UNIT, {C0 + "ports": [{"containerPort": 6379}] * 2}, "spec.template.spec.containers[0].ports[1]", "6379", "Duplicate value"),
    (UNIT, {C0 + "command": "redis-server --save"}, "spec.template.spec.containers[0].command", "string", "must be of type array"),
    (UNIT, {C0 + "volumeMounts": [{"name": "date", "mountPath": "/data"}]}, "volumeMounts", '"date"', "add them to one of those"),
    (UNIT, {C0 + "volumeMounts.0.mountPath": "data"}, "spec.template.spec.containers[0].volumeMounts[0].mountPath", '"data"', "write one such as /data"),
    (UNIT, {C0 + "volumeMounts": [{"name": "data", "mountPath": "/data"}] * 2}, "spec.template.spec.containers[0].volumeMounts[1]", "/data", "Duplicate value"),
    (UNIT, {C0 + "volumeMounts.0.mountPath": "/etc/barewire/x", "config": {"templates": FILES}}, "volumeMounts", '["redis"]', "mount it elsewhere"),
    (UNIT, {POD + ".volumes": [{"name": "data", "emptyDir": {}}]}, "volumeClaimTemplates and in template.spec.volumes", '["data"]', "take each out of one"),
    (UNIT, {POD + ".volumes": [{"name": "barewire-run", "emptyDir": {}}]}, "spec.template.spec.volumes[0].name", '"barewire-run"', "name it otherwise"),
    (UNIT, {POD + ".volumes": [{"name": "tmp", "emptyDir": {}}] * 2}, "spec.template.spec.volumes[1]", '"name":"tmp"', "Duplicate value"),
    (UNIT, {POD + ".restartPolicy": "Never"}, "spec.template.spec.restartPolicy", '"Never"', "leave it out, or write Always"),
    (UNIT, {POD + ".hostNetwork": True}, "spec.template.spec.hostNetwork", "true", "leave it out"),
    (UNIT, {POD + ".nodeName": "n1"}, "spec.template.spec.nodeName", '"n1"', "nodeSelector or affinity"),
    (UNIT, {POD + ".terminationGracePeriodSeconds": -1}, "spec.template.spec.terminationGracePeriodSeconds", "-1", "greater than or equal to 0"),
    (UNIT, {"template.metadata": {"labels": {"db.barewire.dev/unit": "x"}}}, "spec.template.metadata.labels", '"db.barewire.dev/unit"', "take them out"),
    (UNIT, {"template.metadata": {"annotations": {"net.barewire.dev/address": "10.99.2.1"}}}, "spec.template.metadata.annotations",
     '"net.barewire.dev/address"', "declare network and address in spec.networking"),
    (UNIT, {"template.metadata": {"annotations": {"cni.projectcalico.org/ipAddrs": "[]"}}}, "spec.template.metadata.annotations",
     '"cni.projectcalico.org/ipAddrs"', "declare address and mac in spec.networking"),
    # volumes
    (UNIT, {"volumeClaimTemplates.0.metadata": {}}, "spec.volumeClaimTemplates[0].metadata.name", "Required", "Required value"),
    (BARE, {"volumeClaimTemplates": [claim_template("barewire-data")]}, "spec.volumeClaimTemplates[0].metadata.name", '"barewire-data"', "name it otherwise"),
    (UNIT, {"volumeClaimTemplates": [claim_template("data")] * 2}, "spec.volumeClaimTemplates", '["data", "data"]', "each volume needs its own"),
    (UNIT, {"volumeClaimTemplates.0.kind": "ConfigMap"}, "spec.volumeClaimTemplates[0].kind", '"ConfigMap"', "write PersistentVolumeClaim or leave it out"),
    (UNIT, {"volumeClaimTemplates.0.apiVersion": "v2"}, "spec.volumeClaimTemplates[0].apiVersion", '"v2"', "write v1 or leave it out"),
    (UNIT, {"volumeClaimTemplates.0.spec.accessModes": []}, "spec.volumeClaimTemplates[0].spec.accessModes", "0", "at least 1 items"),
    (UNIT, {"volumeClaimTemplates.0.spec.accessModes": ["RWO"]}, "spec.volumeClaimTemplates[0].spec.accessModes[0]", '"RWO"', 'supported values: "ReadWriteOnce"'),
    (UNIT, {"volumeClaimTemplates.0.spec.accessModes": ["ReadOnlyMany"]}, "spec.volumeClaimTemplates[0].spec.accessModes", "ReadOnlyMany", "write ReadWriteOnce"),
    (UNIT, {"volumeClaimTemplates.0.spec.volumeMode": "File"}, "spec.volumeClaimTemplates[0].spec.volumeMode", '"File"', 'supported values: "Filesystem", "Block"'),
    (UNIT, {"volumeClaimTemplates.0.spec.resources": {"requests": {}}}, "spec.volumeClaimTemplates[0].spec.resources.requests.storage", "Required", "Required value"),
    (UNIT, {"volumeClaimTemplates.0.spec.resources.requests.storage": "big"}, "resources.requests.storage", '"big"', "write one such as 10Gi"),
    (UNIT, {"volumeClaimTemplates.0.spec.resources.requests.storage": "-1Gi"}, "resources.requests.storage", '"-1Gi"', "write one such as 10Gi"),
    (UNIT, {"volumeRetainPolicy": {"whenDeleted": "Keep"}}, "spec.volumeRetainPolicy.whenDeleted", '"Keep"', 'supported values: "Retain", "Delete"'),
    (UNIT, {"volumeRetainPolicy": {"whenRebuilt": "Recycle"}}, "spec.volumeRetainPolicy.whenRebuilt", '"Recycle"', 'supported values: "Retain", "Delete"'),
    # how it is run
    (UNIT, {"startup": "no"}, "spec.startup", "string", "must be of type boolean"),
    (UNIT, {"nodePolicy": "Sometimes"}, "spec.nodePolicy", '"Sometimes"', 'supported values: "Required", "Preferred"'),
    (UNIT, {"failedPodRecoveryPolicy": {"thresholdSeconds": 5}}, "spec.failedPodRecoveryPolicy.thresholdSeconds", "5", "greater than or equal to 10"),
    (UNIT, {"config": {}}, "spec.config.templates", "Required", "Required value"),
    (UNIT, {"config": {"templates": []}}, "spec.config.templates", "0", "at least 1 items"),
    (UNIT, {"config": {"templates": [{"name": "a/b", "template": ""}]}}, "spec.config.templates[0].name", '"a/b"', "should match"),
    (UNIT, {"config": {"templates": [{"name": "..data", "template": ""}]}}, "spec.config.templates[0].name", '"..data"', "write one such as redis.conf"),
    (UNIT, {"config": {"templates": FILES * 2}}, "spec.config.templates[1]", '"name":"redis.conf"', "Duplicate value"),
    (UNIT, {"config": {"templates": FILES, "onChange": "Reload"}}, "spec.config.onChange", '"Reload"', 'supported values: "None", "Signal", "Restart"'),
    (BARE, {"config": {"templates": FILES, "onChange": "Signal"}}, "config.onChange Signal", "container redis", "or onChange: Restart"),
    (UNIT, {"peers": {}}, "spec.peers.selector", "Required", "Required value"),
    (UNIT, {"peers": {"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}}, "spec.peers.selector.matchExpressions[0]", "In of a", "needs values"),
    (UNIT, {"peers": {"selector": {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}}}, "spec.peers.selector.matchExpressions[0]",
     "Exists of a", "takes no values"),
    (UNIT, {"peers": {"selector": {"matchExpressions": [{"key": "a", "operator": "Is", "values": ["b"]}]}}}, "matchExpressions[0].operator", '"Is"',
     'supported values: "In"'),
    # actions
    (UNIT, {"action": {"type": "Restart"}}, "spec.action.id", "Required", "Required value"),
    (UNIT, {"action": {"id": "a b", "type": "Restart"}}, "spec.action.id", '"a b"', "should match"),
    (UNIT, {"action": {"id": "a", "type": "Delete"}}, "spec.action.type", '"Delete"', 'supported values: "Restart", "Rebuild", "Migrate"'),
    (UNIT, {"action": {"id": "a", "type": "Migrate", "inPlace": True}}, "spec.action", "inPlace is of Rebuild, not of Migrate", "write type: Rebuild"),
    (UNIT, {"action": {"id": "a", "type": "Rebuild", "inPlace": True, "nodeName": "n2"}}, "spec.action", 'nodeName "n2"', "take one of them out"),
    (UNIT, {"action": {"id": "a", "type": "Restart", "nodeName": "n2"}}, "spec.action", 'nodeName "n2"', "write type: Migrate"),
    # what the rules of a kind cannot see, a policy does
    (UNIT, {"metadata.annotations": {"config.addr.type": "ip"}}, "config.addr.type", '"ip"', "write pod_ip, pod_name, service or host"),
    (UNIT, {"metadata.annotations": {"config.addr.type": "service"}, "networking.addressType": "pod_ip"}, "spec.networking.addressType", "pod_ip",
     "leave one of them out"),
    # fields that are none: kubectl asks for it
    (UNIT, {"networking.adress": "10.99.2.77"}, "spec.networking.adress", "adress", "unknown field"),
    (UNIT, {"replicas": 3}, "spec.replicas", "replicas", "unknown field"),
]

# What may be written once: first, change of it, field, value, remedy.
GROWN = [claim_template("data", "2Gi"), claim_template("log")]
RUN = {"id": "r1", "type": "Rebuild", "nodeName": "n2"}
FIXED = [
    ({}, {"volumeClaimTemplates": None, C0 + "volumeMounts": []}, "volumeClaimTemplates", '["data"]', "leave them"),
    ({}, {"volumeClaimTemplates": [claim_template("data2")], C0 + "volumeMounts": []}, "volumeClaimTemplates", '["data"]', "cannot be taken out or renamed"),
    ({}, {"volumeClaimTemplates.0.spec.storageClassName": "fast"}, "storageClassName", '["data"]', "add another volume and copy the data"),
    ({}, {"volumeClaimTemplates.0.spec.accessModes": ["ReadWriteMany"]}, "accessModes", '["data"]', "add another volume"),
    ({"volumeClaimTemplates": GROWN}, {"volumeClaimTemplates.0.spec.resources.requests.storage": "1900Mi"}, "volumeClaimTemplates", '"2Gi"', "write at least"),
    ({"action": RUN}, {"action.type": "Migrate"}, "action r1", "Rebuild", "give another action another id"),
    ({"action": RUN}, {"action.nodeName": "n3"}, "action r1", "Rebuild", "only cancel can be set"),
    ({"action": RUN}, {"action.force": True}, "action r1", "Rebuild", "only cancel can be set"),
    ({"action": {**RUN, "cancel": True}}, {"action.cancel": False}, "action r1", "cancelled", "give the action another id"),
]

# The same of a Unit that holds its address.
BOUND = [
    ({"networking.address": "10.99.2.78"}, "network, networks, address, addresses and mac", "10.99.2.77", "make it again"),
    ({"networking.address": None}, "spec.networking", "10.99.2.77", "delete the Unit with volumeRetainPolicy.whenDeleted: Retain"),
    ({"networking.network": "wan"}, "spec.networking", "10.99.2.77", "make it again"),
    ({"networking.mac": "02:00:00:00:00:07"}, "mac of spec.networking", "10.99.2.77", "make it again"),
    ({"networking.interfaces": None}, "interfaces", '["net1"]', "make it again"),
    ({"networking.interfaces": extra(addresses=["10.98.0.8"])}, "interfaces", '["net1"]', "make it again"),
]

# What is taken as a Unit and refused as a pod, with the server's own text: change below the pod's spec, field, text.
DRY = [
    ({C0 + "resources": {"limits": {"cpu": "two"}}}, "quantities", "must match"),
    ({C0 + "resources": {"limits": {"memory": "1Gi"}, "requests": {"memory": "2Gi"}}}, "resources.requests", "must be less than or equal to memory limit"),
    ({C0 + "resources": {"limits": {"memory": "-1Gi"}}}, "resources.limits[memory]", "must be greater than or equal to 0"),
    ({C0 + "resources": {"limits": {"gpus": "1"}}}, "resources.limits[gpus]", "must be a standard resource"),
    ({C0 + "env": [{"name": "A=B", "value": "x"}]}, "env[0].name", "valid environment variable name"),
    ({C0 + "env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podAddress"}}}]}, "fieldPath", "status.podAddress"),
    ({C0 + "env": [{"name": "IP", "value": "1", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]}, "env[0].valueFrom", "may not be specified when `value` is not empty"),
    ({C0 + "env": [{"name": "IP", "valueFrom": {}}]}, "env[0].valueFrom", "must specify one of"),
    ({C0 + "imagePullPolicy": "Sometimes"}, "imagePullPolicy", 'Unsupported value: "Sometimes"'),
    ({C0 + "image": " redis"}, "containers[0].image", "must not have leading or trailing whitespace"),
    ({C0 + "livenessProbe": {}}, "livenessProbe", "must specify a handler type"),
    ({C0 + "readinessProbe": {"tcpSocket": {"port": 0}}}, "readinessProbe.tcpSocket.port", "between 1 and 65535"),
    ({C0 + "livenessProbe": {"tcpSocket": {"port": 1}, "successThreshold": 2}}, "livenessProbe.successThreshold", "must be 1"),
    ({C0 + "lifecycle": {"preStop": {}}}, "lifecycle.preStop", "must specify a handler type"),
    ({C0 + "securityContext": {"runAsUser": -1}}, "securityContext.runAsUser", "between 0 and 2147483647"),
    ({C0 + "resizePolicy": [{"resourceName": "disk", "restartPolicy": "NotRequired"}]}, "resizePolicy", 'Unsupported value: "disk"'),
    ({C0 + "ports": [{"containerPort": 1, "name": "Redis"}]}, "ports[0].name", "must contain only"),
    ({C0 + "ports": [{"containerPort": 1, "hostPort": 70000}]}, "ports[0].hostPort", "between 1 and 65535"),
    ({C0 + "volumeMounts.0.subPath": "../x"}, "volumeMounts.subPath", "must not contain '..'"),
    ({C0 + "volumeMounts.0.mountPropagation": "Up"}, "volumeMounts.mountPropagation", 'Unsupported value: "Up"'),
    ({C0 + "resorces": {}}, "spec.containers[0].resorces", "unknown field"),
    ({POD + ".volumes": [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/x"}}]}, "volumes[0].hostPath", "may not specify more than 1 volume type"),
    ({POD + ".volumes": [{"name": "v", "hostPath": {"path": "/a/../b"}}]}, "volumes[0].hostPath.path", "must not contain '..'"),
    ({POD + ".volumes": [{"name": "v", "configMap": {"defaultMode": 4096}}]}, "volumes[0].configMap", "Required value"),
    ({POD + ".initContainers": [container("redis")]}, "initContainers[0].name", "Duplicate value"),
    ({POD + ".dnsPolicy": "None"}, "spec.dnsConfig", "must provide"),
    ({POD + ".hostAliases": [{"ip": "10.0.0", "hostnames": ["a"]}]}, "hostAliases[0].ip", "must be a valid IP"),
    ({POD + ".tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]}, "tolerations[0].operator", "value must be empty when `operator` is 'Exists'"),
    ({POD + ".nodeSelector": {"a b": "c"}}, "spec.nodeSelector", "name part must consist of"),
    ({POD + ".affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}}, "nodeSelectorTerms", "at least one node selector term"),
    ({POD + ".topologySpreadConstraints": [{"maxSkew": 0, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]}, "maxSkew", "must be greater than zero"),
    ({POD + ".serviceAccountName": "nobody"}, "nobody", "not found"),
    ({POD + ".priorityClassName": "urgent"}, "urgent", "no PriorityClass with name"),
    ({POD + ".ephemeralContainers": [container("debug")]}, "ephemeralContainers", "cannot be set on create"),
    ({POD + ".activeDeadlineSeconds": -1}, "activeDeadlineSeconds", "between 1 and"),
    ({"template.metadata": {"labels": {"app": "a b"}}}, "metadata.labels", "consist of alphanumeric characters"),
    ({"template.metadata": {"annotations": {"a b": "c"}}}, "metadata.annotations", "name part must consist of"),
]

GOOD = [
    (BARE, {}),
    (BARE, {"startup": False}),
    (UNIT, {"networking": {"networks": ["lan", "lan6"], "addresses": ["10.99.2.77", "fd00:99::77"]}}),
    (UNIT, {"networking.mode": "kube-ovn", "metadata.annotations": {"config.addr.type": "pod_ip"}}),
    (UNIT, {"metadata.annotations": {"config.addr.type": "host"}, "networking.addressType": "host"}),
    (UNIT, {"networking.interfaces": [{"name": "net1", "network": "lan", "addresses": ["10.99.2.78"], "mac": "02:00:00:00:00:02"}],
            "networking.serviceInterface": "net1", "networking.mac": "02:00:00:00:00:01"}),
    (UNIT, {"startup": False, "maintenance": True, "nodePolicy": "Preferred"}),
    (BARE, {POD + ".containers": [container("redis"), container("exporter")], "mainContainerName": "redis"}),
    (BARE, {"config": {"templates": FILES, "onChange": "Restart"}, "peers": {"selector": {"matchLabels": {"app": "redis"}}}}),
    (UNIT, {"config": {"templates": FILES, "onChange": "Signal"}}),
    (UNIT, {POD + ".restartPolicy": "Always", POD + ".hostNetwork": False, POD + ".affinity": {}}),
    (UNIT, {"action": {"id": "a", "type": "Migrate", "nodeName": "n2"}}),
    (UNIT, {"action": {"id": "2026-11-21.1", "type": "Rebuild", "inPlace": True, "force": True}}),
    (UNIT, {"volumeClaimTemplates": GROWN}),
]
