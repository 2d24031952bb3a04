#!/usr/bin/env python3
"""Markdown tables of what speed.sh, size.sh, backup.sh and watch.sh measured: medians over the rounds.

Usage: table.py speed|size|backup|watch RESULTS.jsonl
"""
import json
import statistics
import sys


class Results:
    def __init__(self, path):
        self.rows = [json.loads(line) for line in open(path) if line.strip()]

    def of(self, name, field):
        """The median of a field, or None where nothing was measured."""
        values = [row[field] for row in self.rows if row["name"] == name and field in row]
        return statistics.median(values) if values else None

    def check(self):
        """Says which measurements met refusals: their numbers mean nothing."""
        for row in self.rows:
            if row.get("errors"):
                print(f"{row['name']}: {row['errors']:.0f} calls failed: {row.get('first_error')}", file=sys.stderr)


def number(value):
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"


def table(header, rows):
    print("| " + " | ".join(header) + " |")
    print("| --- |" + " ---: |" * (len(header) - 1))
    for row in rows:
        print("| " + " | ".join(row) + " |")


def ratio(ours, floor):
    return f"{ours / floor:.2f}" if ours is not None and floor else "–"


def against(what, unit, floor, ours):
    return [what, f"{number(floor)} {unit}", f"{number(ours)} {unit}", ratio(ours, floor)]


def speed(results):
    cpu, rate = "server_us_per_call", "rps"

    def of(name, field, times=1):
        value = results.of(name, field)
        return None if value is None else value * times

    def calls(what, ours, floor, unit="µs"):
        return [
            against(f"{what}: server CPU a call", unit, of(floor, cpu), of(ours, cpu)),
            against(f"{what}: rate", "/s", of(floor, rate), of(ours, rate)),
        ]

    rows = []
    rows += calls("GetAnnotation 4×16, Echo per core", "get", "echo")
    rows += calls("… Echo on tonic's default runtime", "get", "echo-multi")
    rows += calls("… each another annotation, Echo per core", "get-random", "echo")
    rows += calls("ListAnnotations of 200 4×4, List per core", "list-200", "list")
    rows += calls("… ListRaw per core", "list-200", "list-raw")
    rows += calls("… List on tonic's default runtime", "list-200", "list-multi")
    rows += calls("… of 20, each another article, List of 200 per core", "list-random", "list")
    group = of("disk-group", rate)
    rows.append(against("CreateAnnotation 1×1: p50, fdatasync alone", "µs", of("disk-alone", "p50_us"), of("create-1", "p50_us")))
    rows.append(against("CreateAnnotation 4×16: rate, group commit of 64 threads", "/s", group, of("create-64", rate)))
    rows.append(against("… each in another article", "/s", group, of("create-random", rate)))
    rows.append(against("CommitAnnotations of 100 4×4: annotations, group commit", "/s", group, of("commit-100", rate, 100)))
    rows.append(against("StreamAnnotations 4×1: messages, Watch", "/s", of("watch", "msgs_in_s"), of("stream", "msgs_in_s")))
    streamed = of("stream", rate, results.of("streamed", "annotations"))
    rows.append(against("… annotations, messages of Watch", "/s", of("watch", "msgs_in_s"), streamed))
    rows.append(against("GetAnnotation open loop at a third: p99, Echo per core", "µs", of("echo-open", "p99_us"), of("get-open", "p99_us")))
    rows.append(against("ListAnnotations of 200 open loop at a third: p99, List per core", "µs", of("list-open", "p99_us"), of("list-200-open", "p99_us")))
    rows.append(["idle and empty: memory", "", f"{number(of('start', 'rss_mib'))} MiB", ""])
    rows.append(["idle and empty: ready after", "", f"{number(of('start', 'ready_ms'))} ms", ""])
    table(["what, and its floor", "floor", "ours", "ratio"], rows)
    print()
    busy = statistics.median(row["other_cpu"] for row in results.rows if "other_cpu" in row)
    print(f"Medians of {sum(row['name'] == 'get' for row in results.rows)} rounds; beside, {busy:.2f} CPUs were busy with other work.")


def size(results):
    sizes = [row["annotations"] for row in results.rows if row["name"] == "size"]

    def row(what, unit, value):
        return [what, *(f"{number(value(size))} {unit}".strip() for size in sizes)]

    def at(name, field):
        return lambda size: next((r[field] for r in results.rows if r["name"] == name and r["annotations"] == size), None)

    def latency(call, streams, field):
        return lambda size: results.of(f"{call}-{streams}-{size}", field)

    rows = [
        row("filled at, in commits of 500", "annotations/s", at("fill", "annotations_per_second")),
        row("disk", "MiB", at("size", "disk_mib")),
        row("disk an annotation, with its share of the text and the log", "B", lambda s: at("size", "disk_mib")(s) * 2**20 / s),
        row("memory after filling", "MiB", at("size", "loaded_mib")),
        row("memory after opening again", "MiB", at("size", "reopened_mib")),
        row("memory after the calls below", "MiB", at("served", "rss_mib")),
        row("ready after opening again", "ms", at("size", "ready_ms")),
    ]
    for call, what in [("get", "get"), ("list", "list of 20"), ("create", "create")]:
        for streams in [1, 64]:
            rows.append(row(f"{what}, {streams} at once: p50", "µs", latency(call, streams, "p50_us")))
            rows.append(row(f"{what}, {streams} at once: p99", "µs", latency(call, streams, "p99_us")))
            rows.append(row(f"{what}, {streams} at once: rate", "/s", latency(call, streams, "rps")))
    table(["articles of 20 annotations", *(f"{size:,}" for size in sizes)], rows)

    print()
    rows = []
    for call, what in [("window", "window of 1,000 bytes or so"), ("middle", "page of 50 or so, anywhere")]:
        for field, named, unit in [
            ("items_per_reply", "annotations of an answer", ""),
            ("server_us_per_call", "server CPU a call", "µs"),
            ("p50_us", "p50", "µs"),
            ("p99_us", "p99", "µs"),
        ]:
            page, book = results.of(f"{call}-page", field), results.of(f"{call}-book", field)
            rows.append([f"{what}: {named}", f"{number(page)} {unit}".strip(), f"{number(book)} {unit}".strip(), ratio(book, page)])
    rows.append(["DeleteArticle", "", f"{number(results.of('delete-book', 'us') / 1000)} ms", ""])
    table(["an article of", "200", "100,000", "ratio"], rows)


def backup(results):
    wheres = [("alone", "none", "backup"), ("elsewhere", "to another disk", "backup-elsewhere"), ("beside", "to the server's own disk", "backup-beside")]
    rows = []
    for name, what, taken in wheres:
        p99 = results.of(name, "p99_us")
        seconds = None if name == "alone" else results.of(taken, "seconds")
        rows.append([
            what,
            "–" if seconds is None else f"{seconds:.1f} s",
            f"{results.of(name, 'p50_us') / 1000:.1f} ms",
            f"{p99 / 1000:.1f} ms",
            ratio(p99, results.of("alone", "p99_us")),
        ])
    table(["backup while annotations are created", "takes", "creating, p50", "p99", "p99, ratio"], rows)
    print()
    rows = [
        ["backup, nobody writes", f"{results.of('backup', 'seconds'):.1f} s", f"{number(results.of('sizes', 'folder_mib'))} MiB of folder"],
        ["restore, with its check", f"{results.of('restore', 'seconds'):.1f} s", f"{number(results.of('sizes', 'file_mib'))} MiB of file"],
        ["verify", f"{results.of('verify', 'seconds'):.1f} s", f"{number(results.of('sizes', 'restored_mib'))} MiB of restored folder"],
    ]
    table(["", "takes", "of or into"], rows)


def watch(results):
    ms = lambda name, field: f"{results.of(name, field) / 1000:.1f} ms"
    rows = []
    for watchers in [1, 100, 1000]:
        name = f"seen-{watchers}"
        rows.append([f"{watchers:,}", ms(name, "seen_p50_us"), ms(name, "seen_p99_us"), ms(name, "p50_us"), ms(name, "p99_us")])
    table(["watchers, 50 creations a second", "seen after, p50", "p99", "acknowledged after, p50", "p99"], rows)
    print()
    alone = results.of("beside-0", "rps")
    rows = []
    for watchers in [0, 100, 1000]:
        name = f"beside-{watchers}"
        rps = results.of(name, "rps")
        rows.append([f"{watchers:,}", f"{number(rps)}/s", ratio(rps, alone), f"{number(rps * watchers)}/s", f"{number(results.of(name, 'server_us_per_call'))} µs"])
    table(["watchers, 64 writers", "creations", "ratio", "messages told", "server CPU a creation"], rows)
    print()
    rows = []
    for articles, what in [(1, "64 writers on one article"), (1000, "on 1,000 articles")]:
        plain, ids = f"articles-{articles}", f"ids-{articles}"
        rows.append([what, f"{number(results.of(plain, 'rps'))}/s", f"{number(results.of(ids, 'rps'))}/s",
                     ratio(results.of(ids, "server_us_per_call"), results.of(plain, "server_us_per_call"))])
    table(["creations", "without request ids", "with", "server CPU, ratio"], rows)
    print()
    rows = []
    for writers in [2, 64]:
        name = f"contend-{writers}"
        of = lambda field: results.of(name, field)
        rows.append([f"{writers} writers", f"{number(of('won_per_second'))}/s", f"{of('tries_per_win'):.1f}"])
    table(["one annotation, each with the etag it saw last", "updates that won", "tries a win"], rows)


if __name__ == "__main__":
    _, kind, path = sys.argv
    measured = Results(path)
    measured.check()
    {"speed": speed, "size": size, "backup": backup, "watch": watch}[kind](measured)
