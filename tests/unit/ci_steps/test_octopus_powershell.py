"""The PowerShell body, which no test can run: it parses, and it names deploys as core does.

There is no PowerShell in a package registry that does not download one. The rules below are read
out of the body's syntax tree and carried out here, so that a change on one side alone fails.
"""

import hashlib
import json
import re

import pytest
from gitdailies_core.ci.job.facts import SUCCEEDED, UNSUCCESSFUL
from gitdailies_core.ci.job.git_url import slug
from gitdailies_core.events.events import KINDS
from gitdailies_core.events.field_types import DEPLOY_TYPES
from gitdailies_core.events.ids import deploy_id
from gitdailies_core.values.http_answers import ADDRESS_STATUSES, AGAIN_STATUSES, KEY_STATUSES

from tests.support import powershell
from tests.support.octopus_agent import ROOM, body

SOURCE = body("PowerShell")
TREE = powershell.parsed(SOURCE)
FUNCTIONS = powershell.functions(TREE)


def words(name: str) -> set[str]:
    """Return the texts of `$name = 'a', 'b'`."""
    [line] = re.findall(rf"^\${name} = (.+)$", SOURCE, re.MULTILINE)
    return set(re.findall(r"'([^']*)'", line))


def described_id(**parts: str | None) -> str:
    """Name a deploy as the body describes it: its list of parts, its rule for each letter, its digest."""
    text = FUNCTIONS["Get-DeployId"]
    [listed] = re.findall(r"ConvertTo-JsonList @\((.+?)\)", text)
    order = [name.strip().lstrip("$").lower() for name in listed.split(",")]
    [prefix, length] = re.search(r"'([a-z]+-)' \+ .*Substring\(0, (\d+)\)", text).groups()
    rule = FUNCTIONS["ConvertTo-JsonList"]
    named = {int(code): escape for code, escape in re.findall(r"(\d+) \{ '(.+?)'; break \}", rule)}
    low, high = map(int, re.search(r"-lt (\d+) -or \$_ -gt (\d+)", rule).groups())
    assert r"'\u{0:x4}' -f $_" in rule
    assert "SHA256" in text
    assert "'x2'" in text

    def written(part: str | None) -> str:
        if part is None:
            return "null"
        units = part.encode("utf-16-be")
        codes = [int.from_bytes(units[i : i + 2], "big") for i in range(0, len(units), 2)]
        letters = (
            named.get(code) or (chr(code) if low <= code <= high else f"\\u{code:04x}") for code in codes
        )
        return f'"{"".join(letters)}"'

    listing = "[" + ",".join(written(parts[name]) for name in order) + "]"
    return prefix + hashlib.sha256(listing.encode("ascii")).hexdigest()[: int(length)]


@pytest.mark.parametrize(
    "texts",
    [
        {"environment": "Production", "service": None},
        {"environment": None, "service": "checkout"},
        {"environment": "Zürich — Prüfung 🚀", "service": 'a "quoted" \\ one'},
        {"environment": "tab\tline\nreturn\rback\bfeed\f\x01\x7f", "service": ""},
    ],
)
def test_the_deploy_id(texts: dict[str, str | None]) -> None:
    """The id that the body describes, carried out here, is core's for the same deploy, in any letters."""
    given = {
        "platform": "octopus",
        "run": "Deployments-1202",
        "sha": "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214",
        "repo": "larkspur/checkout-api",
        "type": "rollback",
        **texts,
    }
    assert described_id(**given) == deploy_id(**given)


def test_words_are_those_of_core() -> None:
    """Words for success and failure, the statuses that decide, fields and types are those of core."""
    assert words("FailedWords") == UNSUCCESSFUL
    assert words("GoodWords") == SUCCEEDED
    [deployed] = [kind for kind in KINDS if kind.word == "deployed"]
    documented = {field.name for field in deployed.fields if field.documented}
    assert words("Documented") == {"kind", *documented}
    text = FUNCTIONS["Send-Deploy"]
    statuses = [
        {int(number) for number in re.findall(r"\d+", listed)}
        for listed in re.findall(r"\$status -(?:not)?in ([\d, ]+)", text)
    ]
    assert statuses == [set(KEY_STATUSES), set(ADDRESS_STATUSES), set(AGAIN_STATUSES)]
    [types] = re.findall(r"if \(\$type -and (.+?) -cnotcontains", FUNCTIONS["Get-Deploys"])
    assert set(re.findall(r"\w+", types)) == set(DEPLOY_TYPES)


def test_every_field_of_a_deploy_is_written() -> None:
    """The body writes every field of core's table but those that Octopus cannot know."""
    [deployed] = [kind for kind in KINDS if kind.word == "deployed"]
    [line] = re.findall(r"\$fields = \[ordered\]@\{ (.+?) \}\n", FUNCTIONS["Get-Deploys"])
    written = set(re.findall(r"(\w+) = ", line)) | set(
        re.findall(r"\$body\['(\w+)'\]", FUNCTIONS["Get-Deploys"])
    )

    assert written == {"kind", *(field.name for field in deployed.fields)} - {"commitTime", "tier", "trigger"}


def test_the_slug_pattern_reads_what_core_reads() -> None:
    """The body's pattern for addresses finds the same slugs as core in the usual forms."""
    [pattern] = re.findall(r"-notmatch '(\^\(\?:\[A-Za-z\].+?)'\)", FUNCTIONS["Get-Slug"])
    for address in (
        "https://github.com/larkspur/checkout-api.git",
        "https://user:token@git.example:8443/group/sub/name.git/",
        "ssh://git@github.com:22/larkspur/checkout-api.git",
        "git@github.com:larkspur/checkout-api.git",
        "https://github.com/larkspur/checkout-api?tab=readme",
        "https://bot:to@ken@github.com/larkspur/checkout-api.git",
        "bot:token@github.com/larkspur/checkout-api",
        "ssh://git@[2001:db8::1]:2222/larkspur/checkout-api.git",
    ):
        found = re.match(pattern, address)
        assert found is not None, address
        path = re.sub(r"\.git$", "", found[1].strip("/"))
        assert path == slug(address)
    assert re.match(pattern, "C:\\work\\name") is None


def test_no_body_on_disk_differs() -> None:
    """The body in the template equals the file in `bodies`, byte for byte."""
    assert json.dumps(SOURCE) == json.dumps((ROOM / "bodies/report_deploy.ps1").read_text("utf-8"))
