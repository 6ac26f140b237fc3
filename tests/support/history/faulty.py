"""Every kind of fault that a file can have: a name, a file that has it, and the options it is read with."""

import gzip
from dataclasses import dataclass

SHA = "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214"
HEADER = "kind,repo,commitSHA,environment,time,incidentId,id\n"
GOOD = f"deployed,a/b,{SHA},production,2025-03-04T08:55:12Z,,\n"
ENDS_BEFORE = (
    "incidentStarted,a/b,,,2025-03-04T10:00:00Z,INC-7,\nincidentResolved,a/b,,,2025-03-04T09:00:00Z,INC-7,\n"
)
TWICE = f"deployed,a/b,{SHA},,2025-03-04T08:55:12Z,,d-1\ndeployed,a/b,{SHA},,2025-03-05T08:55:12Z,,d-1\n"
MAPPING = """
events:
  - {kind: {text: incidentStarted}, incidentId: number, time: opened, repo: {service: team}}
  - {kind: {text: incidentResolved}, incidentId: number, time: closed, repo: {service: team}}
"""
MAPPED = "number,opened,closed,team\n"


@dataclass(frozen=True)
class Case:
    """A file with a fault; *options* of the command, *mapping* the text of a mapping."""

    file: str
    content: bytes
    options: tuple[str, ...] = ()
    mapping: str = ""


def sheet(rows: str, *options: str, header: str = HEADER) -> Case:
    return Case("h.csv", (header + rows).encode(), options)


def mapped(rows: str) -> Case:
    return Case("h.csv", (MAPPED + rows).encode(), (), MAPPING)


VERSIONS = """
events:
  - only: {Result: ok}
    kind: {text: deployed}
    repo: Repository
    time: {date: Date, time: Time}
    commitSHA: {tag: Version}
    environment: {column: Env, values: {prod: production, stage: staging}}
mirrors: {larkspur/search: search.git}
"""


def version(**changes: str) -> Case:
    values = {
        "Repository": "larkspur/search",
        "Date": "2025-03-04",
        "Time": "8:55",
        "Version": SHA,
        "Env": "prod",
        "Result": "ok",
        **changes,
    }
    rows = f"{','.join(values)}\n{','.join(values.values())}\n"
    return Case("h.csv", rows.encode(), ("--timezone", "Europe/Berlin"), VERSIONS)


def deploy(**changes: str) -> str:
    names = HEADER.strip().split(",")
    values = dict(zip(names, GOOD.strip("\n").split(","), strict=True))
    return ",".join({**values, **changes}.values()) + "\n"


BERLIN = ("--timezone", "Europe/Berlin")
CASES = {
    "a commit that is none": sheet(deploy(commitSHA="v1.4.2")),
    "a repository that is none": sheet(deploy(repo="checkout-api")),
    "an empty cell that is needed": sheet(deploy(repo="")),
    "a column that this kind of event needs is missing": sheet(
        "deployed,a/b,2025-03-04T08:55:12Z\n", header="kind,repo,time\n"
    ),
    "an unknown kind": sheet(deploy(kind="deploy")),
    "no kind": sheet(deploy(kind="")),
    "no time": sheet(deploy(time="")),
    "a time without a zone": sheet(deploy(time="2025-03-04 08:55:12")),
    "a time in another form": sheet(deploy(time="last Monday")),
    "a time as a spreadsheet shows it": sheet(deploy(time="3/4/2025 8:55")),
    "a time as a spreadsheet counts it": sheet(deploy(time="45964.3715")),
    "a day that is not in the calendar": sheet(deploy(time="2025-02-30T08:55:12Z")),
    "a number that is no time": sheet(deploy(time="12")),
    "a time ahead of now": sheet(deploy(time="2999-01-01T00:00:00Z")),
    "a time that the clocks skip": sheet(deploy(time="2025-03-30 02:30"), *BERLIN),
    "a time that occurs twice": sheet(deploy(time="2025-10-26 02:30"), *BERLIN),
    "a time out of the calendar, with a zone": sheet(deploy(time="0001-01-01 00:00"), *BERLIN),
    "an end before its start": sheet(ENDS_BEFORE),
    "one id with two contents": sheet(TWICE),
    "a service without a line": mapped("INC-7,2025-03-04T08:55:12Z,,billing\n"),
    "a row without any time": mapped("INC-7,,,billing\n"),
    "a text that values does not translate": version(Env="qa"),
    "a version without a tag": version(Version="1.4.2"),
    "a version of a repository without a mirror": version(Repository="larkspur/shop", Version="1.4.2"),
    "a date in two columns, as a spreadsheet shows it": version(Date="3/4/2025"),
    "bytes that are not UTF-8": Case(
        "h.csv", (HEADER + GOOD).encode().replace(b"production", b"produ\xe7\xe3o")
    ),
    "bytes that are not UTF-8 in the header": Case("h.csv", HEADER.encode().replace(b"time", b"t\xefme")),
    "UTF-16": Case("h.csv", (HEADER + GOOD).encode("utf-16")),
    "a file that gzip packed": Case("h.csv", gzip.compress((HEADER + GOOD).encode())),
    "a workbook": Case("h.csv", b"PK\x03\x04\x14\x00\x06\x00"),
    "a missing column": sheet(f"deployed,a/b,{SHA},\n", header="kind,repository,commitSHA,time\n"),
    "a column twice": sheet("", header="kind,repo,time,time\n"),
    "no header": sheet("", header=""),
    "too many cells": sheet("x," + GOOD),
    "a stray quote": sheet(deploy(repo='"a"/b')),
    "a quote that is never closed": sheet(deploy(repo='"a/b')),
    "a cell that is too large": sheet(deploy(environment="x" * 131_073)),
    "lines that end with CR alone": Case("h.csv", (HEADER + GOOD).replace("\n", "\r").encode()),
    "no JSON": Case("h.ndjson", b'{"kind": "deployed",\n'),
    "no object": Case("h.ndjson", b"[]\n"),
    "a name twice": Case("h.ndjson", b'{"kind": "deployed", "kind": "deployed"}\n'),
    "a line that is not UTF-8": Case("h.ndjson", b'{"kind": "d\xff"}\n'),
    "a byte order mark inside a file": Case("h.ndjson", b"\n\xef\xbb\xbf{}\n"),
    "commits that are no list": Case(
        "h.ndjson",
        f'{{"kind": "deployed", "repo": "a/b", "commitSHA": "{SHA}", "time": 1741078512,'
        ' "commits": [{"sha": "x"}]}\n'.encode(),
    ),
    "a list that breaks off": Case("h.json", b'[\n{"kind": "deployed",\n'),
    "a list that is not UTF-8": Case("h.json", b'[\n{"kind": "d\xff"}]\n'),
    "a list that is too large": Case("h.json", b"[" + b" " * (64 * 1024 * 1024) + b"]"),
}
