"""The page of each source pack, and the page that lists them all.

A page has parts by hand and generated parts. A pack without a page gets one with every part.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from scripts.generators import replace, table

PACKS = "sources/gitdailies_sources/packs"
LISTING = "docs/source-packs.md"
CLASSES = {
    "incident": "incidents",
    "alert": "alerts; they count only where `only` or `count: all` in the source says so",
    "deploy": "deploys",
}
VERIFIED = {
    "documented": (
        "This pack was written from the vendor's documents and from deliveries that others published. "
        "Its examples were made here after them. Nobody has tried it with the vendor itself yet."
    ),
    "source": (
        "The times and ids that this pack reads were checked against the sender's source code. "
        "Its examples were made here after it. Nobody has tried it with the vendor itself yet."
    ),
    "recorded": "This pack was tried with recorded deliveries of the vendor.",
    "live": "This pack was tried with the vendor itself.",
}
STATES = {
    "started": "**starts** an incident",
    "resolved": "**ends** an incident",
    "updated": "nothing by itself",
    "reopened": "**starts** an incident **again**",
    "cancelled": "**ends** an incident without a recovery: it was none",
    "deleted": "**ends** an incident without a recovery: it was deleted",
    "merged": "**ends** an incident: it was merged into another one",
    "deployed": "**is** a deploy",
    "pushed": "remembered for lead time, no event",
    "renamed": "the line of `repositories` to write is shown, no event",
    "ping": "a test of the address",
}
_PRESETS = {
    "standard-webhooks": (
        "the signature of Standard Webhooks "
        "(headers `webhook-id`, `webhook-timestamp` and `webhook-signature`), at most five minutes old"
    ),
    "github": "the signature in the header `X-Hub-Signature-256`",
    "stripe": "a signature with its timestamp in one header, as Stripe writes it",
    "slack": "a signature with its timestamp in a header of its own, as Slack writes it",
    "grafana": (
        "the signature in the header `X-Grafana-Alerting-Signature`, and the timestamp in "
        "`X-Grafana-Timestamp` where there is one"
    ),
}
_PARTS = (
    ("about", ""),
    ("settings", "## Set up"),
    ("setup", "### At the vendor"),
    ("words", "## What counts"),
    ("proof", "## Proof"),
    ("limits", "## Limits"),
    ("verified", "## Verified, and not"),
)

# Where a secret may be. A running relay gets no new variables.
SECRET = (
    "`{env: NAME}` is a variable that the relay has at its start. After `gitdailies up`, write"
    " `{file: NAME}` in its place, and\nthe secret into a file `NAME` of mode 600 in `gitdailies-data`."
    " Then `gitdailies reload` is enough."
)


def texts(root: Path) -> Mapping[str, str]:
    """Return the README.md of every pack, and the page that lists them."""
    packs = [
        (file.parent, yaml.safe_load(file.read_text("utf-8"))) for file in root.glob(f"{PACKS}/*/source.yaml")
    ]
    packs.sort(key=lambda pack: str(pack[1]["title"]).casefold())
    found = {}
    for folder, pack in packs:
        page = folder / "README.md"
        text = page.read_text("utf-8") if page.is_file() else _skeleton(pack)
        for part, body in _bodies(folder, pack).items():
            text = replace(text, part, body)
        found[str(page.relative_to(root))] = text
    listing = (root / LISTING).read_text("utf-8")
    found[LISTING] = replace(listing, "packs", _listing([pack for _, pack in packs]))
    return found


def _skeleton(pack: Mapping[str, Any]) -> str:
    parts = [f"# {pack['title']}\n"]
    for name, heading in _PARTS:
        parts.append(
            (f"{heading}\n\n" if heading else "") + f"<!-- generated: {name} -->\n<!-- end: {name} -->\n"
        )
    return "\n".join(parts)


def _bodies(folder: Path, pack: Mapping[str, Any]) -> dict[str, str]:
    return {
        "about": (
            f"The source pack `{pack['name']}` reads {CLASSES[pack['class']]}.\n\n"
            + _sentence(pack["on_failure"])
        ),
        "settings": _settings(folder, pack),
        "setup": str(pack["setup"]).strip(),
        "words": "\n\n".join(_words(pack)),
        "proof": "\n".join(f"* {_sentence(proof)}" for proof in _proofs(pack["proof"])),
        "limits": "\n".join(f"* {_sentence(limit)}" for limit in _limits(pack)),
        "verified": f"{VERIFIED[pack['verified']]}\n\nIt was written from <{pack['docs']}>."
        + (f"\n\nThe source code: {pack['source_code']}." if "source_code" in pack else ""),
    }


def _limits(pack: Mapping[str, Any]) -> Iterator[str]:
    yield from pack.get("limits", ())
    if "body_mebibytes" in pack:
        yield (
            f"A delivery may have {pack['body_mebibytes']} MiB, or `relay.queue_bytes` if that is less. "
            "A larger one is answered 413"
        )


def _settings(folder: Path, pack: Mapping[str, Any]) -> str:
    # A deploy's lines need its `route`, which only the pack's own words can explain.
    if pack["class"] == "deploy":
        needs = "The relay needs lines in `gitdailies.yml`, and the vendor a webhook to it. Both are below."
        return f"{needs}\n\n{SECRET}"
    name, proofs = pack["name"], _listed(pack["proof"])
    variable = name.upper().replace("-", "_") + "_SECRET"
    lines = ["sources:", f"  {name}:", f"    adapter: {name}"]
    lines.append(f"    secrets: [{{env: {variable}}}]")
    if any(isinstance(proof, Mapping) and "sns" in proof for proof in proofs):
        lines.append(
            "    allowed: [arn:aws:sns:eu-central-1:123456789012:alarms]   # the topics that may send"
        )
    if any(isinstance(proof, Mapping) and "any_header" in proof for proof in proofs):
        lines.append("    header: X-Relay-Token")
    if pack["class"] == "alert":
        severity = _severity(folder)
        wanted = f"only: {{severity: [{severity}]}}   # or count: all" if severity else "count: all"
        lines.append(f"    {wanted}")
    lines += ["services:", "  checkout-api: {repo: larkspur/checkout-api}"]
    return "In `gitdailies.yml`:\n\n```yaml\n" + "\n".join(lines) + f"\n```\n\n{SECRET}"


def _severity(folder: Path) -> str:
    """Return the severity of the first example that starts something and names one."""
    for file in sorted((folder / "examples").glob("*.expected.json")):
        for message in json.loads(file.read_text("utf-8")).get("messages", ()):
            if message.get("state") == "started" and message.get("severity"):
                return str(message["severity"])
    return ""


def _words(pack: Mapping[str, Any]) -> Iterator[str]:
    entries = pack["messages"]
    for name, entry in entries.items():
        rows = [(f"`{word}`", _meaning(meaning)) for word, meaning in entry.get("states", {}).items()]
        state = entry.get("state")
        constant = state.get("text") if isinstance(state, Mapping) else None
        if not rows and constant is not None:
            rows = [("every delivery", _meaning(constant))]
        heading = f"Deliveries read as `{name}`:\n\n" if len(entries) > 1 else ""
        yield heading + table(("word", "what it means here"), rows)
        if entry.get("route_required"):
            yield "Such a deploy counts only where a line of `route` in the source names its word."
    if pack["class"] == "deploy":
        written = any("service" in entry for entry in entries.values() if "sha" in entry)
        own = "its own field names, or that " if written else ""
        yield (
            f"A deploy belongs to the service that {own}a line of `route` gives it. "
            "What the tool calls an application, a project or a pipeline is no service: "
            "see *Monorepos* in `docs/source-packs.md`."
        )
    held = [held for scope in (pack, *entries.values()) for held in scope.get("skip_if", ())]
    required = [held for scope in (pack, *entries.values()) for held in scope.get("only_if", ())]
    reasons = dict.fromkeys(str(one["because"]) for one in (*held, *required))
    if reasons:
        yield "Not counted, whatever the word is:\n\n" + "\n".join(
            f"* {_sentence(reason)}" for reason in reasons
        )
    unknown = pack.get("otherwise")
    yield (
        "A word that is not in the table is quarantined, so that it counts after an upgrade or an override."
        + (f" Any other delivery is ignored: {_sentence(str(unknown), capital=False)}" if unknown else "")
    )


def _meaning(word: Any) -> str:
    return STATES.get(str(word), f"ignored: {word}")


def _listed(proof: Any) -> list[Any]:
    return proof if isinstance(proof, list) else [proof]


def _proofs(proof: Any) -> Iterator[str]:
    proofs = _listed(proof)
    if len(proofs) > 1:
        yield "The first of these that the delivery carries decides"
    for one in proofs:
        yield _proof(one)
    if not any(isinstance(one, Mapping) and "any_header" in one for one in proofs):
        yield "With `header` in the source, a token in that header is the proof in place of these"


def _proof(proof: Any) -> str:
    if isinstance(proof, str):
        return _PRESETS[proof]
    kind, given = next(iter(proof.items()))
    if kind == "hmac" and isinstance(given, Mapping):
        times = (
            " and its timestamp, at most five minutes old"
            if "{timestamp}" in str(given.get("signed"))
            else ""
        )
        return f"the signature in the header `{given['header']}`{times}"
    if kind == "token":
        prefix = f", after `{given['prefix'].strip()}`" if given.get("prefix") else ""
        return f"the secret in the header `{given['header']}`{prefix}"
    if kind == "query":
        return f"the secret in the address, as `?{given}=…`. It is not logged by the relay"
    return {
        "basic": "basic authentication, with the secret as the password",
        "field": f"the secret in the field `{given}` of the body",
        "jws": f"the signed token in the header `{given['header'] if kind == 'jws' else ''}`",
        "sns": "the signature of Amazon SNS and its certificate",
        "any_header": "the secret in a header that you choose, and name with `header` in the source",
    }[kind]


def _sentence(text: str, *, capital: bool = True) -> str:
    text = text.strip()
    first = text[:1].upper() if capital else text[:1]
    return first + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def _listing(packs: list[Mapping[str, Any]]) -> str:
    parts = []
    for word in CLASSES:
        lines = []
        for pack in packs:
            if pack["class"] == word:
                mark = "" if pack["verified"] == "documented" else f" (*{pack['verified']}*)"
                page = f"../{PACKS}/{pack['name']}/README.md"
                lines.append(f"* [{pack['title']}]({page}) `{pack['name']}`{mark}")
        if lines:
            parts.append(f"### {word.capitalize()}s\n\n" + "\n".join(lines))
    return "\n\n".join(parts)
