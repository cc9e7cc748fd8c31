"""The objects of the scripted API server: Pods and events, with history for watches."""

import copy
import datetime
import threading
import uuid


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def running(pod):
    """A status as the kubelet would set it soon."""
    return {
        "phase": "Running", "podIP": "10.0.0.1",
        "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True"}],
        "containerStatuses": [
            {"name": c["name"], "image": c.get("image", ""), "ready": True, "restartCount": 0,
             "containerID": "fake://" + uuid.uuid4().hex, "state": {"running": {"startedAt": now()}}}
            for c in pod["spec"]["containers"]],
    }


def selected(pod, label_selector, field_selector):
    labels = pod["metadata"].get("labels") or {}
    for term in filter(None, (label_selector or "").split(",")):
        key, _, value = term.partition("=")
        if labels.get(key) != value.lstrip("="):
            return False
    for term in filter(None, (field_selector or "").split(",")):
        key, _, value = term.partition("=")
        at = pod
        for part in key.split("."):
            at = (at or {}).get(part)
        if at != value.lstrip("="):
            return False
    return True


class Store:
    def __init__(self):
        self.changed = threading.Condition()  # guards all below
        self.rv = 1000
        self.oldest = 0      # older resourceVersions are answered with 410
        self.pods = {}       # (ns, name) -> Pod
        self.history = []    # (rv, type, Pod)
        self.watch_epoch = 0  # watches begun in an older one end
        self.watch_end = "end"

    def _record(self, kind, pod):
        self.rv += 1
        pod["metadata"]["resourceVersion"] = str(self.rv)
        self.history.append((self.rv, kind, copy.deepcopy(pod)))
        self.changed.notify_all()

    def put(self, pod, keep_status=False):
        """Adds or replaces; returns what is stored."""
        with self.changed:
            meta = pod["metadata"]
            meta.setdefault("namespace", "default")
            key = (meta["namespace"], meta["name"])
            old = self.pods.get(key)
            meta.setdefault("uid", old["metadata"]["uid"] if old else str(uuid.uuid4()))
            meta.setdefault("creationTimestamp", now())
            pod.setdefault("kind", "Pod")
            pod.setdefault("apiVersion", "v1")
            if not keep_status and "status" not in pod:
                pod["status"] = running(pod)
            self.pods[key] = pod
            self._record("MODIFIED" if old else "ADDED", pod)
            return copy.deepcopy(pod)

    def get(self, ns, name):
        with self.changed:
            return copy.deepcopy(self.pods.get((ns, name)))

    def remove(self, ns, name):
        with self.changed:
            pod = self.pods.pop((ns, name), None)
            if pod:
                self._record("DELETED", pod)
            return pod

    def list(self, ns, label_selector, field_selector):
        with self.changed:
            items = [copy.deepcopy(p) for (n, _), p in sorted(self.pods.items())
                     if ns in (None, n) and selected(p, label_selector, field_selector)]
            return self.rv, items

    def compact(self):
        """From now on resourceVersions before this moment are too old."""
        with self.changed:
            self.rv += 1
            self.oldest = self.rv
            self.history = []

    def end_watches(self, how):
        with self.changed:
            self.watch_epoch += 1
            self.watch_end = how
            self.changed.notify_all()
