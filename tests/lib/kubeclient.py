# SPDX-License-Identifier: Apache-2.0
"""A client of the Kubernetes API in a page, independent of lib/kube on purpose: what judges must not be what is
judged. Objects are dicts, paths are the API's own.

    api = Client("/path/admin.kubeconfig")
    api.create("/api/v1/namespaces/default/configmaps", {"metadata": {"name": "a"}, "data": {}})
    api.patch(path, {"data": {"k": "v"}}); api.get(path); api.items(path); api.delete(path)
    status, body = api.ask("GET", path)          # never raises for a refusal
"""
import base64
import http.client
import json
import re
import select
import ssl
import tempfile
import time

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
BUSY_S = 30


class ApiError(Exception):
    """A refusal: the code, the reason and the message of the Status."""

    def __init__(self, what, code, body):
        body = body if isinstance(body, dict) else {"message": str(body)}
        self.code, self.reason, self.message = code, body.get("reason", ""), body.get("message", "")
        self.body = body
        super().__init__("%s: %d %s: %s" % (what, code, self.reason, self.message))


class Client:
    """One connection, opened when needed. token replaces the certificate of the kubeconfig; headers go with
    every request (Impersonate-User and the like)."""

    def __init__(self, kubeconfig, timeout_s=20, token=None, headers=None):
        with open(kubeconfig) as f:
            text = f.read()
        field = dict(re.findall(r"^\s*(server|[a-z-]+-data): (\S+)$", text, re.M))
        self.host, self.port = re.match(r"https://([^:/]+):(\d+)", field["server"]).groups()
        self.timeout_s, self.token, self.conn, self.headers = timeout_s, token, None, headers or {}
        self.kubeconfig = kubeconfig
        self.answered = {}  # headers of the last answer
        self.tls = ssl.create_default_context(cadata=base64.b64decode(field["certificate-authority-data"]).decode())
        if not token:
            with tempfile.NamedTemporaryFile() as pem:
                pem.write(base64.b64decode(field["client-certificate-data"]) + base64.b64decode(field["client-key-data"]))
                pem.flush()
                self.tls.load_cert_chain(pem.name)

    def close(self):
        if self.conn:
            self.conn.close()
        self.conn = None

    def _send(self, method, path, body, content_type):
        # A connection that the server has ended meanwhile has something to read: its end.
        if self.conn and self.conn.sock and select.select([self.conn.sock], [], [], 0)[0]:
            self.close()
        if not self.conn:
            self.conn = http.client.HTTPSConnection(self.host, int(self.port), timeout=self.timeout_s, context=self.tls)
        headers = {"Accept": "application/json", **self.headers}
        if body is not None:
            headers["Content-Type"] = content_type
        if self.token:
            headers["Authorization"] = "Bearer " + self.token
        self.conn.request(method, path, None if body is None else json.dumps(body), headers)
        r = self.conn.getresponse()
        self.answered = r.headers
        return r.status, r.read()

    def ask(self, method, path, body=None, content_type="application/json"):
        """(HTTP status, decoded body); 0 and the error's text when no answer came."""
        fresh = self.conn is None
        try:
            status, data = self._send(method, path, body, content_type)
        except (OSError, http.client.HTTPException) as e:
            self.close()
            # A connection kept open may have ended long ago; only what repeats safely is asked again.
            if fresh or method != "GET":
                return 0, str(e)
            return self.ask(method, path, body, content_type)
        try:
            return status, json.loads(data)
        except ValueError:
            return status, data.decode(errors="replace")

    def patiently(self, method, path, body=None, content_type="application/json"):
        """ask(), and when the server did nothing but ask for patience (429, as it does for a kind whose cache it still
        fills after a start), again after the time it names, for BUSY_S at most: what client-go does."""
        end = time.monotonic() + BUSY_S
        while True:
            status, answer = self.ask(method, path, body, content_type)
            if status != 429 or time.monotonic() > end:
                return status, answer
            details = answer.get("details") if isinstance(answer, dict) else None
            time.sleep(min((details or {}).get("retryAfterSeconds", 1), 5))

    def do(self, method, path, body=None, content_type="application/json"):
        status, answer = self.patiently(method, path, body, content_type)
        if not 200 <= status < 300:
            raise ApiError("%s %s" % (method, path), status, answer)
        return answer

    def get(self, path):
        return self.do("GET", path)

    def find(self, path):
        """The object, or None when there is none."""
        status, answer = self.patiently("GET", path)
        if status == 404:
            return None
        if status != 200:
            raise ApiError("GET " + path, status, answer)
        return answer

    def items(self, path):
        return self.do("GET", path)["items"]

    def create(self, path, obj):
        return self.do("POST", path, obj)

    def patch(self, path, change, content_type=MERGE):
        return self.do("PATCH", path, change, content_type)

    def apply(self, path, obj, manager="test"):
        """Server-side apply of one object."""
        return self.do("PATCH", "%s?fieldManager=%s&force=true" % (path, manager), obj, APPLY)

    def delete(self, path, options=None):
        """False when there was none."""
        status, answer = self.patiently("DELETE", path, options)
        if status not in (200, 202, 404):
            raise ApiError("DELETE " + path, status, answer)
        return status != 404

    def another(self, timeout_s=None):
        """The same on a connection of its own, for another thread."""
        return Client(self.kubeconfig, timeout_s or self.timeout_s, self.token, self.headers)

    def watch(self, path, seconds=300):
        """First the objects that are (as ADDED), then what happens to them: (type, object), until the server ends
        the watch or an error does. Needs a connection of its own: another().watch()."""
        answer = self.get(path)
        for obj in answer["items"]:
            yield "ADDED", obj
        rv = answer["metadata"]["resourceVersion"]
        joint = "&" if "?" in path else "?"
        self.close()
        self.conn = http.client.HTTPSConnection(self.host, int(self.port), timeout=seconds + 5, context=self.tls)
        headers = {"Accept": "application/json", **self.headers}
        if self.token:
            headers["Authorization"] = "Bearer " + self.token
        try:
            self.conn.request("GET", "%s%swatch=1&resourceVersion=%s&timeoutSeconds=%d" % (path, joint, rv, seconds), headers=headers)
            answer = self.conn.getresponse()
            if answer.status != 200:
                raise ApiError("watch " + path, answer.status, answer.read().decode(errors="replace"))
            for line in answer:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                yield event["type"], event["object"]
        except http.client.IncompleteRead:
            return  # it died within a piece
        finally:
            self.close()

    def wait(self, path, fn, timeout_s=30, what=None):
        """Polls one object (None while absent) until fn(object) is true; returns the object."""
        end = time.monotonic() + timeout_s
        while True:
            obj = self.find(path)
            if fn(obj):
                return obj
            if time.monotonic() > end:
                raise AssertionError("%s of %s: not within %.0f s; last: %s" % (
                    what or "condition", path, timeout_s, json.dumps((obj or {}).get("status"))))
            time.sleep(0.1)

    def wait_gone(self, path, timeout_s=30):
        return self.wait(path, lambda obj: obj is None, timeout_s, "absence")


def token_of(client, namespace, account, bound=None, seconds=3600):
    """A real token of a service account; bound: {"kind": "Pod", "apiVersion": "v1", "name": ..., "uid": ...}, which
    makes the server add the node's name."""
    spec = {"expirationSeconds": seconds}
    if bound:
        spec["boundObjectRef"] = bound
    return client.create("/api/v1/namespaces/%s/serviceaccounts/%s/token" % (namespace, account),
                         {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})["status"]["token"]

