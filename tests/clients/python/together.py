"""Annotates an article through grpcio while a browser's client does the same: each follows it and sees the other.

Run it with the server's address, while web/together.mjs runs with the same server; it prints one line of JSON and exits
with 0 when every answer was right.
"""

import json
import sys
import uuid

import grpc
from grpc_status import rpc_status

from annotate import FAMILY, TEXT, Api, check, code_points, connected

ME, OTHER = "python", "web"
PROJECT = "projects/together"
ARTICLE = f"{PROJECT}/articles/shared"
CONTESTED = f"{ARTICLE}/annotations/0190163d-8694-739b-aea5-000000000003"
ROUNDS = 3
INCREMENTS = 10
# Each client creates these by the same requests, of which one does it and the other is answered the same.
TWINS = [f"0190163d-8694-739b-aea5-00000000000{number}" for number in range(3)]


class Follower:
    """Follows the article, and keeps what it is told."""

    def __init__(self, api):
        self._stream = api.WatchChanges(parent=PROJECT, article="shared", snapshot={})
        check("the first message", self._event(), "opened")
        self.held, self.seen, self._parts = {}, [], []
        while self._event() == "snapshot":
            for resource in self._message.snapshot.resources:
                self._put(resource)
            if self._message.snapshot.last:
                return
        sys.exit(f"wrong answer: in the midst of a snapshot: {self._message!r}")

    def _event(self):
        self._message = next(self._stream)
        return self._message.WhichOneof("event")

    def _put(self, resource):
        found = getattr(resource, resource.WhichOneof("kind"))
        if found.name not in self.held or self.held[found.name].revision <= found.revision:
            self.held[found.name] = found

    def _read(self):
        if self._event() != "changes":
            check("what comes between changes", self._message.WhichOneof("event"), "checkpoint")
            return
        commit = self._message.changes
        self._parts.extend(commit.changes)
        if commit.continued:
            return
        for change in self._parts:
            if change.HasField("after"):
                self._put(change.after)
            elif self.held[change.name].revision < commit.revision:
                del self.held[change.name]
            self.seen.append((commit.request_id, change))
        self._parts = []

    def until(self, layer, label):
        """Reads on until there is an annotation with this label in this layer."""
        while not any(of(found) == (layer, label) for found in self.held.values()):
            self._read()

    def close(self):
        self._stream.cancel()


def of(resource):
    return (getattr(resource, "layer", None), getattr(resource, "label", None))


def begin(api):
    """What both need, made once by whoever comes first."""
    api.CreateProject(project_id="together", request_id=TWINS[0])
    api.CreateArticle(parent=PROJECT, article_id="shared", article={"text": TEXT}, request_id=TWINS[1])
    span = {"quote": "Huawei", "prefix": "then "}
    contested = api.CreateAnnotation(
        parent=ARTICLE,
        annotation_id=CONTESTED.rpartition("/")[2],
        annotation={"layer": "both", "label": "0", "anchor": {"spans": [span]}},
        request_id=TWINS[2],
    )
    check("the name of what both change", contested.name, CONTESTED)
    return contested


def mark(api, label, quote, requests):
    """Creates an annotation by code points, and keeps the id of the request."""
    requests.append(str(uuid.uuid4()))
    annotation = {"layer": ME, "label": label, "anchor": {"spans": [{"code_points": code_points(quote)}]}}
    return api.CreateAnnotation(parent=ARTICLE, annotation=annotation, request_id=requests[-1])


def rounds(api):
    """Creates, changes and deletes; returns the ids of the requests."""
    requests = []
    for number in range(ROUNDS):
        made = mark(api, f"ROUND {number}", FAMILY, requests)
        requests.append(str(uuid.uuid4()))
        changed = {"name": made.name, "label": f"ROUND {number} CHANGED", "etag": made.etag}
        changed = api.UpdateAnnotation(
            annotation=changed, update_mask={"paths": ["label"]}, request_id=requests[-1]
        )
        requests.append(str(uuid.uuid4()))
        api.DeleteAnnotation(name=made.name, etag=changed.etag, request_id=requests[-1])
    return requests


def current(api, error):
    """What is there now, which a refusal for an etag that is out of date brings along."""
    check("the code of a stale etag", error.code(), grpc.StatusCode.ABORTED)
    annotation = api.message("Annotation")
    found = [detail for detail in rpc_status.from_call(error).details if detail.Is(annotation.DESCRIPTOR)]
    check("how many annotations a stale etag brings along", len(found), 1)
    found[0].Unpack(annotation)
    check("which one", (annotation.name, annotation.anchor.spans[0].quote), (CONTESTED, "Huawei"))
    return annotation


def contend(api, state):
    """Counts up what the other counts up, too, and never reads it but from refusals; returns how often it was late."""
    first, done, late = state.etag, 0, 0
    while done < INCREMENTS:
        # The first etag is out of date once anybody has counted.
        etag = first if done == INCREMENTS - 1 and late == 0 else state.etag
        counted = {"name": CONTESTED, "label": str(int(state.label) + 1), "etag": etag}
        try:
            state = api.UpdateAnnotation(
                annotation=counted, update_mask={"paths": ["label"]}, request_id=str(uuid.uuid4())
            )
            done += 1
        except grpc.RpcError as error:
            state = current(api, error)
            late += 1
    return late


def check_seen(follower, requests):
    """Each change of the other has what was before and what is after, and each of our own is of its request."""
    own = [request for request, change in follower.seen if layer(change) == ME]
    check("the requests of our own changes", own, requests)
    told = []
    for _, change in follower.seen:
        if layer(change) == OTHER:
            for side in sides(change):
                span = side.anchor.spans[0]
                check("the slice in code points", TEXT[span.code_points.start : span.code_points.end], span.quote)
            told.append((change.before.annotation.label, change.after.annotation.label))
    expected = []
    for number in range(ROUNDS):
        made, changed = f"ROUND {number}", f"ROUND {number} CHANGED"
        expected += [("", made), (made, changed), (changed, "")]
    # It may have been ready before we followed.
    check("what the other did", [labels for labels in told if labels != ("", "READY")], expected + [("", "DONE")])
    return len(follower.seen)


def sides(change):
    return [side.annotation for side in (change.before, change.after) if side.HasField("annotation")]


def layer(change):
    return next((side.layer for side in sides(change)), None)


def main():
    if len(sys.argv) != 2:
        print("usage: together.py HOST:PORT", file=sys.stderr)
        sys.exit(2)
    with connected(sys.argv[1]) as channel:
        api = Api(channel)
        contested = begin(api)
        follower, requests = Follower(api), []
        mark(api, "READY", "日本語", requests)
        follower.until(OTHER, "READY")
        requests += rounds(api)
        late = contend(api, contested)
        check("whether it was ever late", late > 0, True)
        mark(api, "DONE", "\U0001d518", requests)
        follower.until(OTHER, "DONE")
        follower.until(ME, "DONE")
        seen = check_seen(follower, requests)
        check("what both counted", follower.held[CONTESTED].label, str(2 * INCREMENTS))
        listed = {found.name: found for found in api.ListAnnotations(parent=ARTICLE).annotations}
        held = {name: found for name, found in follower.held.items() if name != ARTICLE}
        check("what is held of what is told", held, listed)
        follower.close()
    print(json.dumps({"client": ME, "unit": "code_points", "seen": seen, "late": late}))


if __name__ == "__main__":
    try:
        main()
    except grpc.RpcError as error:
        sys.exit(f"the server refused what it should have taken: {error.code()}: {error.details()}")
