"""The commented gitdailies.yml that `gitdailies init` and `gitdailies up` write."""

from collections.abc import Mapping, Sequence

# The header for vendors that do not sign; the documentation uses this name everywhere.
TOKEN_HEADER = "X-Relay-Token"  # noqa: S105  the name of a header

_EDITORS = "# yaml-language-server: $schema={}\n"
_HEAD = """\
# The receiver of events, the relay, the repository of each service, and the tools that send webhooks.
# `gitdailies check` checks this file.
# Never write a key or secret here: {env: NAME} names a variable, {file: PATH} a file next to this one.

gitdailies:
  # Events are sent to this address: https, or http on this machine.
"""
_PROXY = """\
  # Without these, the variables HTTPS_PROXY, HTTP_PROXY, NO_PROXY and SSL_CERT_FILE apply.
  # proxy: http://proxy:3128
  # ca_file: /etc/ssl/corp.pem
"""
_SERVICES = """\

# Each service of the vendor, by id or name, with the repository that its incidents count for.
services:
"""
_EXAMPLE = "checkout-api: {repo: larkspur/checkout-api, environment: production}"
_OTHER_SERVICES = """\
  # P1SVC42: [{repo: larkspur/ledger}, {repo: larkspur/ledger-web}]
  # "*" is for every other service; without it, deliveries of other services wait, unmapped.
  # "*": {repo: "larkspur/{service}"}
"""
_EVERY_SERVICE = """\
  # "*" is for every service without a line of its own.
  "*": {{repo: {}}}
"""
_SOURCES_HEAD = "\n# Each source receives its deliveries at POST /hooks/NAME.\nsources:"
_DORA = """
# How the DORA server computes its figures, if you run it on this machine.
dora:
  # window_hours: 24    # how long after a deploy incidents are attributed to it
  # timezone: Europe/Berlin
  # production: [production, prod, prod-*]
  # mirrors: {larkspur/checkout-api: mirrors/checkout-api.git}    # git clone --mirror, for lead times
"""


def first_file(
    *,
    url: str,
    key: Mapping[str, str],
    receiver: str | None = None,
    listen: str = "127.0.0.1:8701",
    status: str = "127.0.0.1:8702",
    store: str = "sqlite:gitdailies-data/relay.db",
    secrets: Mapping[str, Mapping[str, str]] | None = None,
    example: bool = False,
    schema: str = "",
    chosen: Mapping[str, Sequence[str]] | None = None,
    repo: str = "",
) -> str:
    """Return the text of a first file, which loads without a change.

    *key* and each of *secrets*, by source, are `{"env": NAME}` or `{"file": PATH}`, relative to
    the file; a source without secret becomes a comment. With *example*, the service of `gitdailies demo`
    has a repository. No other service ever has one that its owner did not write. Editors read the schema at
    the address *schema*. They complete and check the file with it. *chosen* are sources with the lines of
    their settings, in place of the comments, and *repo* is the repository of every service.
    """
    editors = _EDITORS.format(schema) if schema else ""
    lines = [editors + _HEAD + f"  url: {plain_or_quoted(url)}", f"  key: {_flow(key)}"]
    if receiver is not None:
        lines.append(f"  receiver: {receiver}    # documented: only documented fields; ours: all fields")
    else:
        lines.append("  # receiver: documented    # or ours; without it, the sender asks the receiver")
    lines += [
        _PROXY,
        "relay:",
        f"  listen: {plain_or_quoted(listen)}    # for webhooks at /hooks/NAME, and for /healthz and /readyz",
        f"  status: {plain_or_quoted(status)}    # for /metrics and status; do not make it public",
        f"  store: {plain_or_quoted(store)}    # relative to this file, or postgresql://HOST/DATABASE",
        _SERVICES + f"  {_comment(not example)}{_EXAMPLE}{'    # of gitdailies demo' if example else ''}",
        (_EVERY_SERVICE.format(plain_or_quoted(repo)) if repo else _OTHER_SERVICES) + _SOURCES_HEAD,
        *(
            (_source(name, keys, (secrets or {}).get(name)) for name, keys in _SOURCES.items())
            if chosen is None
            else (_chosen(name, settings) for name, settings in chosen.items())
        ),
    ]
    return "\n".join(lines) + "\n" + _DORA


# For each source, the variable of its secret and the settings other than adapter and secrets.
_SOURCES: Mapping[str, tuple[str, Sequence[str]]] = {
    "pagerduty": (
        "PAGERDUTY_SECRET",
        ("# only: {urgency: high, priority: [P1, P2, none]}    # none: incidents without a priority",),
    ),
    "datadog": (
        "DATADOG_TOKEN",
        (f"header: {TOKEN_HEADER}", "# only: {tags: {env: [prod, production]}}"),
    ),
    "squadcast": ("SQUADCAST_TOKEN", (f"header: {TOKEN_HEADER}",)),
}


def _source(name: str, keys: tuple[str, Sequence[str]], secret: Mapping[str, str] | None) -> str:
    variable, settings = keys
    mark = _comment(secret is None)
    given = secret if secret is not None else {"env": variable}
    inner = [f"adapter: {name}", f"secrets: [{_flow(given)}]", *settings]
    return "\n".join([f"  {mark}{name}:", *(f"  {mark}  {line}" for line in inner)])


def _chosen(name: str, settings: Sequence[str]) -> str:
    return "\n".join([f"  {name}:", *(f"    {line}" for line in settings)])


def _comment(absent: bool) -> str:
    return "# " if absent else ""


def _flow(values: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{name}: {plain_or_quoted(value)}" for name, value in values.items()) + "}"


def quoted(text: str) -> str:
    """Write a text in double quotes for YAML, whatever is in it."""
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return '"' + "".join(c if c.isprintable() else rf"\U{ord(c):08x}" for c in escaped) + '"'


def plain_or_quoted(text: str) -> str:
    """Write a text for YAML: plain if that is safe even in braces, else in double quotes."""
    # A colon is safe only inside a word; text with other special characters is quoted.
    safe = text.replace(":", "").replace("/", "").replace(".", "").replace("-", "").replace("_", "")
    plain = safe.isascii() and safe.isalnum() and text[:1].isalpha() and not text.endswith(":")
    word = text.lower() in ("true", "false", "null")
    return text if plain and not word else quoted(text)
