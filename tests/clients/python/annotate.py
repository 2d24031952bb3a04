"""Annotates an article through grpcio, counting in code points as Python does.

It has no generated code: messages and methods are what the server's reflection says they are.
Run it with the server's address; it prints one line of JSON and exits with 0 when every answer was right.
"""

import hashlib
import json
import sys
import uuid

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

PACKAGE = "spandrel.v1"
SERVICES = ("ProjectService", "ArticleService", "AnnotationService", "ChangeService")
SECONDS_PER_CALL = 10
SECONDS_PER_STREAM = 60

# Every unit counts this differently: accents, curly quotes, no-break spaces, CRLF, a family of seven code
# points, Japanese, a letter with a combining accent, and one outside the basic plane.
FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
TEXT = (
    "«\u00a0Nicolás Maduro\u00a0» said “I have ordered immediate investment” in Huawei, then Huawei again.\r\n"
    f"{FAMILY} read 日本語の記事 in a cafe\u0301; \U0001d518nicode."
)


class Api:
    """The server's services, each method a function of keyword arguments."""

    def __init__(self, channel):
        self._channel = channel
        self._pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        for service in SERVICES:
            for method in self._pool.FindServiceByName(f"{PACKAGE}.{service}").methods:
                setattr(self, method.name, self._call(service, method))

    def message(self, name):
        """A message of the API, empty."""
        return message_factory.GetMessageClass(self._pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))()

    def _call(self, service, method):
        request = message_factory.GetMessageClass(method.input_type)
        answer = message_factory.GetMessageClass(method.output_type)
        kind = self._channel.unary_stream if method.server_streaming else self._channel.unary_unary
        call = kind(
            f"/{PACKAGE}.{service}/{method.name}",
            request_serializer=request.SerializeToString,
            response_deserializer=answer.FromString,
        )
        seconds = SECONDS_PER_STREAM if method.server_streaming else SECONDS_PER_CALL
        return lambda **fields: call(request(**fields), timeout=seconds)


def check(what, actual, expected):
    """Ends the program when an answer is wrong."""
    if actual != expected:
        sys.exit(f"wrong answer: {what}: expected {expected!r}, got {actual!r}")


def refused(what, call, code, reason):
    """Checks that a call is refused as it should be; returns the refusal's metadata and the fields to blame."""
    try:
        answer = call()
    except grpc.RpcError as error:
        check(f"{what}, its code and message", (error.code(), bool(error.details())), (code, True))
        status = rpc_status.from_call(error)
        details = status.details if status else []
        info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        check(f"{what}, that it carries an ErrorInfo", any(detail.Unpack(info) for detail in details), True)
        check(f"{what}, its domain and reason", (info.domain, info.reason), ("spandrel", reason))
        any(detail.Unpack(request) for detail in details)
        return dict(info.metadata), [violation.field for violation in request.field_violations]
    sys.exit(f"wrong answer: {what}: expected {reason}, got {answer!r}")


def check_span(span, quote):
    """A span covers its quote in each of the three units."""
    utf8, utf16 = TEXT.encode("utf-8"), TEXT.encode("utf-16-le")
    check("span.quote", span.quote, quote)
    check("the slice in code points", TEXT[span.code_points.start : span.code_points.end], quote)
    check("the slice in utf8", utf8[span.utf8.start : span.utf8.end], quote.encode("utf-8"))
    check("the slice in utf16", utf16[2 * span.utf16.start : 2 * span.utf16.end], quote.encode("utf-16-le"))


def code_points(quote, nth=1):
    """The range of a quote's nth occurrence, by Python's own indexes."""
    start = -1
    for _ in range(nth):
        start = TEXT.index(quote, start + 1)
    return {"start": start, "end": start + len(quote)}


# What is marked: the label, the quotes it must cover, and how its spans are sent.
MARKS = [
    ("PERSON", ["Nicolás Maduro"], [{"code_points": code_points("Nicolás Maduro")}]),
    ("QUOTATION", ["“I have ordered immediate investment”"], [{"quote": "“I have ordered immediate investment”"}]),
    ("COMPANY", ["Huawei"], [{"code_points": code_points("Huawei"), "quote": "Huawei"}]),
    ("COMPANY", ["Huawei"], [{"quote": "Huawei", "prefix": "then "}]),
    ("EMOJI", [FAMILY], [{"code_points": code_points(FAMILY)}]),
    ("LANGUAGE", ["日本語"], [{"quote": "日本語", "suffix": "の"}]),
    ("PLACE", ["cafe\u0301"], [{"code_points": code_points("cafe\u0301"), "quote": "cafe\u0301"}]),
    ("LETTER", ["\U0001d518"], [{"code_points": code_points("\U0001d518")}]),
    ("READING", ["read", "記事"], [{"code_points": code_points("read")}, {"quote": "記事"}]),
]


def create(api, article):
    """Creates every mark, and returns the annotations by name with the quotes that they must cover."""
    created = {}
    for label, quotes, spans in MARKS:
        annotation = api.CreateAnnotation(parent=article, annotation={"label": label, "anchor": {"spans": spans}})
        check(f"{label}, its label and layer", (annotation.label, annotation.layer), (label, "default"))
        check(f"{label}, how many spans", len(annotation.anchor.spans), len(quotes))
        for span, quote in zip(annotation.anchor.spans, quotes):
            check_span(span, quote)
        created[annotation.name] = annotation
    second = created[list(created)[3]].anchor.spans[0].code_points
    check("which Huawei the prefix chose", second.start, code_points("Huawei", 2)["start"])
    return created


def pages(api, **fields):
    """All annotations of all pages."""
    found, token = [], ""
    while True:
        page = api.ListAnnotations(page_size=4, page_token=token, **fields)
        found.extend(page.annotations)
        token = page.next_page_token
        if not token:
            return found


def read_back(api, project, article, created):
    """Lists and streams hold exactly what was created, in document order."""

    def place(annotation):
        spans = annotation.anchor.spans
        return (spans[0].utf8.start, -spans[-1].utf8.end, annotation.name)

    listed = pages(api, parent=article)
    check("the list", {annotation.name: annotation for annotation in listed}, created)
    check("its order", [a.name for a in listed], [a.name for a in sorted(created.values(), key=place)])
    for annotation in listed:
        for span in annotation.anchor.spans:
            check_span(span, TEXT[span.code_points.start : span.code_points.end])

    companies = pages(api, parent=article, label="COMPANY")
    check("the list of one label", [a.label for a in companies], ["COMPANY", "COMPANY"])
    window = {"code_points": code_points(FAMILY)}
    check("the window of the emoji", [a.label for a in pages(api, parent=article, overlaps=window)], ["EMOJI"])

    streamed = [a for message in api.StreamAnnotations(parent=project) for a in message.annotations]
    check("the stream", {annotation.name: annotation for annotation in streamed}, created)
    check("how much is streamed", len(streamed), len(created))
    return len(streamed)


def update(api, annotation):
    """An etag is good for one change."""
    changed = {"name": annotation.name, "label": "POLITICIAN", "etag": annotation.etag}
    updated = api.UpdateAnnotation(annotation=changed, update_mask={"paths": ["label"]})
    check("the updated label", updated.label, "POLITICIAN")
    check("the updated spans", updated.anchor, annotation.anchor)
    check("whether the etag changed", updated.etag != annotation.etag, True)
    metadata, _ = refused(
        "a stale etag",
        lambda: api.UpdateAnnotation(annotation=changed, update_mask={"paths": ["label"]}),
        grpc.StatusCode.ABORTED,
        "ETAG_MISMATCH",
    )
    check("the current etag in the refusal", metadata.get("current_etag"), updated.etag)


def refuse(api, article, taken):
    """What must not be stored is not."""
    anchor = {"spans": [{"quote": "Maduro"}]}
    refused(
        "an id that is taken",
        lambda: api.CreateAnnotation(
            parent=article,
            annotation_id=taken.rpartition("/")[2],
            annotation={"label": "PERSON", "anchor": anchor},
        ),
        grpc.StatusCode.ALREADY_EXISTS,
        "RESOURCE_EXISTS",
    )
    cases = [
        ("a quote that stands twice", {"quote": "Huawei"}, "QUOTE_AMBIGUOUS", {"count": "2"}),
        ("a quote that stands nowhere", {"quote": "Caracas"}, "QUOTE_NOT_FOUND", {}),
        ("a range past the end", {"code_points": {"start": 0, "end": len(TEXT) + 1}}, "SPAN_OUT_OF_BOUNDS",
         {"length": str(len(TEXT))}),
        ("half of a «", {"utf8": {"start": 0, "end": 1}}, "OFFSET_NOT_ON_BOUNDARY", {"floor": "0", "ceiling": "2"}),
    ]
    for what, span, reason, expected in cases:
        metadata, fields = refused(
            what,
            lambda span=span: api.CreateAnnotation(
                parent=article, annotation={"label": "PERSON", "anchor": {"spans": [span]}}
            ),
            grpc.StatusCode.INVALID_ARGUMENT,
            reason,
        )
        check(f"{what}, its metadata", {key: metadata.get(key) for key in expected}, expected)
        blamed = [field.startswith("annotation.anchor.spans[0]") for field in fields]
        check(f"{what}, that it names the span in {fields}", blamed, [True])


def delete(api, project):
    """A project with articles is deleted by force alone, and then it is gone."""
    refused(
        "a project with articles, without force",
        lambda: api.DeleteProject(name=project),
        grpc.StatusCode.FAILED_PRECONDITION,
        "HAS_CHILDREN",
    )
    api.DeleteProject(name=project, force=True)
    refused(
        "a deleted project",
        lambda: api.GetProject(name=project),
        grpc.StatusCode.NOT_FOUND,
        "RESOURCE_NOT_FOUND",
    )


def connected(address):
    """A channel to a server that answers."""
    channel = grpc.insecure_channel(address)
    try:
        grpc.channel_ready_future(channel).result(timeout=SECONDS_PER_CALL)
    except grpc.FutureTimeoutError:
        sys.exit(f"no server answers at {address}")
    return channel


def main():
    if len(sys.argv) != 2:
        print("usage: annotate.py HOST:PORT", file=sys.stderr)
        sys.exit(2)
    with connected(sys.argv[1]) as channel:
        api = Api(channel)

        project = api.CreateProject(project_id=f"python-{uuid.uuid4()}", project={"display_name": "Python"}).name
        article = api.CreateArticle(parent=project, article_id="units", article={"text": TEXT, "language": "en"})
        check("the article's name", article.name, f"{project}/articles/units")
        check("its hash", article.text_sha256, hashlib.sha256(TEXT.encode()).hexdigest())
        lengths = (article.length.utf8, article.length.utf16, article.length.code_points)
        check("its lengths", lengths, (len(TEXT.encode()), len(TEXT.encode("utf-16-le")) // 2, len(TEXT)))
        check("its text, read back", api.GetArticle(name=article.name).text, TEXT)

        created = create(api, article.name)
        streamed = read_back(api, project, article.name, created)
        update(api, next(iter(created.values())))
        refuse(api, article.name, next(iter(created)))
        check("how many there are after refusals", len(pages(api, parent=article.name)), len(created))
        delete(api, project)
    print(json.dumps({"client": "python", "unit": "code_points", "annotations": len(created), "streamed": streamed}))


if __name__ == "__main__":
    try:
        main()
    except grpc.RpcError as error:
        sys.exit(f"the server refused what it should have taken: {error.code()}: {error.details()}")
