"""What `gitdailies check` looks at: the file, what it names, and whether that answers."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlencode

from gitdailies_connection.check import FAULT, OK, WARNING, Finding, check, check_relay
from gitdailies_connection.config.load import load_dora_alone
from gitdailies_connection.config.sections.settings import Configuration, DoraSettings
from gitdailies_connection.config.sections.sign_in import SignInSettings
from gitdailies_connection.config.sections.sources import adapter_of, counts_by_route_alone, is_of_alerts
from gitdailies_connection.config.sections.trusted_ci import TrustedCi
from gitdailies_core import errors
from gitdailies_core.incidents.routing import Routes
from gitdailies_core.values.deploy_target import EXAMPLE
from gitdailies_core.values.renames import folded

from gitdailies_cli import find_config
from gitdailies_cli.receiver.read_server import READ_KEY, find_server, groups_of


def findings_of(file: Path | None) -> list[Finding]:
    """Check a file, by default the one that other commands find."""
    path = find_config.find(file)
    dora = load_dora_alone(path) if path is not None else None
    if dora is not None:
        finding = Finding(OK, f"{path}: valid; it has only dora, so it sends no events")
        return [finding, *_dora(dora), *_names(path, dora)]
    configuration = find_config.load_configuration(path)
    return [
        *check(configuration, os.environ),
        *_store(configuration),
        *_alerts(configuration),
        *_without_route(configuration),
        *_dora(configuration.dora),
        *_names(path, configuration.dora, configuration.routes),
    ]


def _names(path: Path | None, dora: DoraSettings, routes: Routes | None = None) -> list[Finding]:
    """Name the repositories and services in the file that have no events at the DORA server.

    Only a key that may read shows which have: without one, nothing is compared.
    """
    try:
        server = find_server(None, READ_KEY, path)
    except errors.GitDailiesError:
        return []
    from gitdailies_dora.figures.words.unknown_names import KnownNames, alone, in_services, in_teams

    repos: dict[str, str] = {}
    services: dict[str, set[str]] = {}
    deployed: dict[str, set[str]] = {}
    environments: set[str] = set()
    deploying: set[str] = set()
    try:
        for by, deploys in groups_of(server, "by=repo,environment"):
            # The server may not have read yet that a repository was renamed.
            repo = dora.repositories.present(by["repo"])
            repos[folded(repo)] = repo
            deploying |= {repo} if deploys else set()
            environments.add(by["environment"])
        everywhere = urlencode([("environment", name) for name in sorted(environments)])
        for by, deploys in groups_of(server, f"by=repo,service&{everywhere}") if repos else ():
            key = dora.repositories.key(by["repo"])
            services.setdefault(key, set()).add(by["service"])
            if deploys and by["service"]:
                deployed.setdefault(key, set()).add(folded(by["service"]))
    except (errors.GitDailiesError, KeyError, TypeError) as error:
        text = f"teams, services: not compared with the events of {server.url}: {error}"
        return [Finding(WARNING, text, "compare again when it answers")]
    known = KnownNames(repos, services, deployed)
    found = [*in_teams(dora.teams, known), *(in_services(routes, known) if routes is not None else ())]
    # The line that `gitdailies up` writes for `gitdailies demo` has no events before it, nor after --undo.
    found = [text for text in found if f": {find_config.DEMO} has no events" not in text]
    remedy = "leave it if its first event is still to come; else correct the name"
    silent = [repo for repo in repos.values() if repo not in {*deploying, EXAMPLE.repo}]
    unlike = silent if deploying else []
    move = "`gitdailies incident move --from {} --to OWNER/NAME`"
    moved = f"correct the line that names it, if one does, then {move}"
    return [
        *(Finding(WARNING, text, remedy) for text in found if repos),
        *(Finding(WARNING, alone(one, deploying, "incidents and "), moved.format(one)) for one in unlike),
    ]


def _dora(settings: DoraSettings) -> list[Finding]:
    """Check what the DORA server uses: repositories, the provider of accounts, relays."""
    return [
        *_mirrors(settings.mirrors),
        *_sign_in(settings.sign_in),
        *_trusted_ci(settings.trusted_ci),
        *(check_relay(relay, os.environ) for relay in settings.relay),
    ]


def _store(configuration: Configuration) -> list[Finding]:
    """Open the relay's store as the relay does, without making one."""
    where, setting = "relay.store", configuration.relay.store
    if not configuration.sources:
        return []
    try:
        from gitdailies_relay.operations.status import new_names
        from gitdailies_relay.store.store import database_of, reading
        from gitdailies_server.storage.sqlite import file_exists
    except ImportError:
        remedy = "install gitdailies-integrations[relay] where the relay runs, and check there"
        return [Finding(WARNING, f"{where}: not opened, because the relay is not installed here", remedy)]
    try:
        if setting.path is not None and not file_exists(setting.path):
            return [_file_to_be(where, setting.path)]
        database = database_of(setting)
        with reading(database) as session:
            used = database.has_table(session, "quarantine")
            renamed = new_names(session, configuration.routes.renames) if used else ()
    except (errors.StoreUnavailable, errors.UsageError) as error:
        remedy = "look at the database, at its address and its rights, then check again"
        return [Finding(FAULT, f"{where}: {error}", remedy)]
    new = [Finding(WARNING, *text.split("; ", 1)) for text in renamed]
    return [Finding(OK, f"{where}: {setting} opens{'' if used else ', and no relay has used it yet'}"), *new]


def _file_to_be(where: str, path: Path) -> Finding:
    """Look whether the relay can make the file of its store; it makes the folder, too."""
    folder = next((one for one in path.absolute().parents if one.exists()), path.parent)
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        return Finding(OK, f"{where}: the start of the relay makes {path}")
    return Finding(
        FAULT,
        f"{where}: {folder} is no folder that this user may write to",
        "change the folder or its rights",
    )


def _alerts(configuration: Configuration) -> list[Finding]:
    """Say how many of the last alerts of each source would count, if a relay has used the store."""
    sources = [source for source in configuration.sources.values() if is_of_alerts(adapter_of(source))]
    if not sources:
        return []
    from gitdailies_relay.operations.stored_bodies import last_alerts

    from gitdailies_cli.relay import options

    findings = []
    try:
        database = options.store(configuration)
        for source in sources:
            found = last_alerts(database, source, configuration.routes)
            text = f"sources.{source.name}: {found.counting} of the last {found.seen} alerts would count"
            if not found.seen:
                text = f"sources.{source.name}: the relay has stored no alert of it so far"
            if found.counting or not found.seen:
                findings.append(Finding(OK, text))
            else:
                remedy = f"`gitdailies sources preview {source.name}` says why; see only, and services"
                findings.append(Finding(WARNING, text, remedy))
    except errors.UsageError:
        return []
    except errors.StoreUnavailable as error:
        return [Finding(FAULT, f"relay.store: {error}", "look at the database, then check again")]
    return findings


def _without_route(configuration: Configuration) -> list[Finding]:
    """Name each source that needs a line of `route` and has none: no deploy of it counts."""
    remedy = "add a line for each word that deploys; `gitdailies sources preview {}` lists those that came"
    return [
        Finding(WARNING, f"sources.{name}.route: none, so no deploy counts", remedy.format(name))
        for name, source in configuration.sources.items()
        if counts_by_route_alone(source) and not (source.route.lines or source.route.globs)
    ]


def _mirrors(mirrors: Mapping[str, Path]) -> list[Finding]:
    """Check the repositories that figures use, in the same way as the server."""
    if not mirrors:
        return []
    from gitdailies_dora.mirrors.repository import Mirror

    findings = []
    for repo, path in mirrors.items():
        where, fault = f"dora.mirrors.{repo}", Mirror(path).fault()
        remedy = "create it with `git clone --mirror`; without it, the commits of its deploys are unknown"
        findings.append(
            Finding(FAULT, f"{where}: {fault}", remedy)
            if fault
            else Finding(OK, f"{where}: {path} is a git repository with full history")
        )
    return findings


def _sign_in(settings: SignInSettings) -> list[Finding]:
    """Ask the provider what a sign-in asks it; one that does not answer now may answer later."""
    if settings.openid is None:
        return []
    from gitdailies_dora.accounts.single_sign_on.account import SignInRefused
    from gitdailies_dora.accounts.single_sign_on.provider import OpenIdProvider

    where = "dora.sign_in.openid"
    try:
        OpenIdProvider(settings.openid).check()
    except errors.DeliveryError as error:
        remedy = "until it answers, people sign in with passwords alone"
        return [Finding(WARNING, f"{where}: {error}", remedy)]
    except errors.ConfigurationError as error:
        return [Finding(FAULT, f"{where}.client_secret: {error}", "write the secret, alone, into that file")]
    except SignInRefused as error:
        return [Finding(FAULT, f"{where}: {error}", "compare issuer with what the provider says")]
    return [Finding(OK, f"{where}: {settings.openid.issuer} publishes what a sign-in needs")]


def _trusted_ci(trusted: Sequence[TrustedCi]) -> list[Finding]:
    """Ask each issuer of ID tokens for its keys, as the DORA server does at the first token."""
    if not trusted:
        return []
    from gitdailies_dora.accounts.single_sign_on.provider import published_keys

    findings = []
    for issuer in dict.fromkeys(one.issuer for one in trusted):
        where = f"dora.trusted_ci: {issuer}"
        try:
            published_keys(issuer)
            findings.append(Finding(OK, f"{where} publishes its keys"))
        except errors.GitDailiesError as error:
            remedy = "correct the issuer, or try again; until it answers, its jobs cannot report"
            if "certificate not trusted" in str(error):
                remedy = (
                    "name the file of its certificate authority in SSL_CERT_FILE, here and for the server"
                )
            findings.append(Finding(WARNING, f"{where}: {error}", remedy))
    return findings
