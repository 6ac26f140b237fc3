"""The events of the reference, and what each deploy is, brings and remedies.

Written from docs/figures.md alone, as the figures in reference.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from fractions import Fraction

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = 3600
DAY = 24 * HOUR
VOID = ("merged", "cancelled", "deleted")


# --- The events ------------------------------------------------------------------------------------------
@dataclass
class Commit:
    """One entry of the list of a deploy. `time`, `parents` and `outside` are None if not named."""

    sha: str
    time: Fraction | None
    parents: list[str] | None
    outside: bool | None


@dataclass
class Deploy:
    """A `deployed` event, with what the rules find out about it."""

    id: str
    time: Fraction
    repo: str
    name: str  # the name of its environment as compared
    place: str  # the environment it counts for: `name`, or "" for production
    own_service: str  # the service that it names itself
    sha: str
    commits: list[Commit] | None
    run: str
    attempt: str
    reporter: str
    trigger: str
    said: str  # its `type`, if that is "rollback" or "hotfix"
    on_hotfix_branch: bool
    fixes: bool
    reverts: list[str]
    service: str = ""  # the service that it counts for
    kind: str = ""  # repeat, late, rollback, hotfix, forward or deploy
    rule: str = ""  # its kind before a repeat said what it is
    repeated: Deploy | None = None  # the counted deploy that this one repeats
    repeats: list[Deploy] = field(default_factory=list)
    listed: list[Commit] | None = None  # its list, or that of a repeat
    from_pushes: bool = False  # a relay made this list from pushes
    brought: list[Commit] = field(default_factory=list)  # commits that are new and can have a lead time
    came: list[str] = field(default_factory=list)  # the commits that came to the target with this deploy
    lead: str = ""  # known, unknown or nothing-new
    incidents: list[Incident] = field(default_factory=list)
    remedies: list[Deploy] = field(default_factory=list)  # later deploys that remedied this one
    reverted: list[Deploy] = field(default_factory=list)  # earlier deploys that it remedied by `reverts`
    evidence: str = ""  # "" if it did not fail
    rework: str = ""  # "rework", "inferred" or ""

    @property
    def order(self) -> tuple[Fraction, str]:
        """Deploys are read in the order of time and id."""
        return (self.time, self.id)

    @property
    def mends(self) -> bool:
        """It is a rollback or a hotfix: by its kind, or by its branch."""
        if self.on_hotfix_branch and self.kind in ("deploy", "forward"):
            return True
        return self.kind in ("rollback", "hotfix")

    @property
    def target(self) -> tuple[str, str, str]:
        """A repository, service and environment, with all names of production together."""
        return (self.repo, self.place, self.service)


@dataclass
class Incident:
    """One occurrence of an incident, from a start to an end."""

    id: str  # of the event that starts it
    start: Fraction
    end: Fraction | None
    repo: str
    place: str
    service: str
    caused_by: str
    resolution: str
    deploy: Deploy | None = None
    how: str = ""  # person, named, time or "" if it is unlinked
    guessed: bool = False  # neither a person nor `causedBy` says anything of its cause

    @property
    def target(self) -> tuple[str, str, str]:
        """The repository, environment and service that it names."""
        return (self.repo, self.place, self.service)

    @property
    def void(self) -> bool:
        """It makes its deploy fail, but has no recovery time of its own."""
        return self.resolution in VOID


def moment_at(time: Fraction) -> datetime:
    """The moment of so many seconds."""
    return EPOCH + timedelta(microseconds=int(time * 10**6))


def seconds(text: str) -> Fraction:
    """The seconds since 1970 of an ISO time."""
    return Fraction((datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1), 10**6)


def repo_name(text: str | None) -> str:
    """Repositories are compared without case, and without a trailing .git."""
    return (text or "").strip().lower().removesuffix(".git")


def plain_name(text: str | None) -> str:
    """Environments and services are compared without case and outer spaces."""
    return (text or "").strip().lower()


def place_of(name: str, settings: dict) -> str:
    """No environment and the names of production, which may be globs, all mean production."""
    return "" if name == "" or fits_glob(name, settings["production"]) else name


def fits_glob(name: str, globs: list[str]) -> bool:
    """Names and branches fit a glob without case."""
    return any(fnmatchcase(name, g.lower()) for g in globs)


def fits(one: str, other: str) -> bool:
    """A SHA fits another one if it is the beginning of it, with at least seven digits."""
    if min(len(one), len(other)) < 7:
        return False
    return one.startswith(other) or other.startswith(one)


def among(sha: str, shas: list[str]) -> bool:
    """One of these fits."""
    return any(fits(sha, s) for s in shas)


def read_commit(entry: dict) -> Commit:
    """One entry of `commits`."""
    time = entry.get("time")
    parents = entry.get("parents")
    return Commit(
        sha=entry["sha"].lower(),
        time=None if time is None else seconds(time),
        parents=None if parents is None else [p.lower() for p in parents],
        outside=entry.get("outside"),
    )


def list_of(event: dict) -> list[Commit] | None:
    """The list of a deploy. A `commitTime` alone is a list of its commit."""
    if event.get("commits") is not None:
        return [read_commit(c) for c in event["commits"]]
    if event.get("commitTime") is not None:
        return [Commit(event["commitSHA"].lower(), seconds(event["commitTime"]), None, None)]
    return None


def read_deploy(event: dict, settings: dict) -> Deploy:
    """A deploy with `tier` production is one to production under any name."""
    name = plain_name(event.get("environment"))
    said = event.get("type") or ""
    branch = (event.get("branch") or "").lower()
    return Deploy(
        id=event["id"],
        time=seconds(event["time"]),
        repo=repo_name(event.get("repo")),
        name=name,
        place="" if event.get("tier") == "production" else place_of(name, settings),
        own_service=plain_name(event.get("service")),
        sha=event["commitSHA"].lower(),
        commits=list_of(event),
        run=event.get("run") or "",
        attempt=str(event.get("attempt") or "1"),
        reporter=event.get("reporter") or "",
        trigger=event.get("trigger") or "",
        said=said if said in ("rollback", "hotfix") else "",
        on_hotfix_branch=branch != "" and fits_glob(branch, settings["hotfix"]),
        fixes=bool(event.get("fixes")),
        reverts=[r.lower() for r in event.get("reverts") or []],
    )


# --- What is new in a deploy -----------------------------------------------------------------------------
def find_new(counted: list[Deploy], every: list[Deploy]) -> None:
    """What each deploy of one target brought. `counted` are its deploys in order. A rollback that is not the
    first one, and a deploy of a commit that the target has, brought nothing new."""
    named: list[str] = []  # what earlier deploys were of or listed
    has: list[str] = []  # and all that these lead to
    parents: dict[str, list[str]] = {}  # that the lists named so far
    bringer: Deploy | None = None
    for n, d in enumerate(counted):
        entries = d.listed or []
        for sha, its in parents_of(entries).items():
            parents.setdefault(sha, []).extend(its)
        back = n > 0 and (d.kind == "rollback" or d.rule in ("rollback", "late", "forward"))
        if not back:
            d.came = came_with(d, entries, named, has)
        if n == 0:
            d.lead = "unknown"
        elif back or among(d.sha, has) or (d.listed is not None and all(c.outside for c in entries)):
            d.lead = "nothing-new"
        elif d.listed is None:
            d.lead = "unknown"
        else:
            d.lead, d.brought = new_of_list(entries, has, reachable(has, parents), bringer)
            if d.brought and nobody_says_whose(d, entries, every):
                d.lead, d.brought = "unknown", []
        named += [d.sha] + [c.sha for c in entries]
        has = reachable(has + named, parents)
        if d.lead != "nothing-new":
            bringer = d


def came_with(d: Deploy, entries: list[Commit], named: list[str], has: list[str]) -> list[str]:
    """For `causedBy` and `reverts`, a deploy brought what it is the first to be of or to list, but what is
    outside."""
    shas = [c.sha for c in entries if not c.outside]
    if not among(d.sha, has) and not among(d.sha, [c.sha for c in entries if c.outside]):
        shas.append(d.sha)
    found: list[str] = []
    for sha in shas:
        if not among(sha, named + found):
            found.append(sha)
    return found


def new_of_list(
    entries: list[Commit], has: list[str], reach: list[str], bringer: Deploy | None
) -> tuple[str, list[Commit]]:
    """A commit that a deploy lists is new if the target does not have it. `has` is what it had before,
    `reach` also counts the parents that this list names, and `bringer` is the latest deploy that brought
    something."""
    whole = all(c.parents is not None for c in entries)
    inside = [c for c in entries if not c.outside]
    leads = reachable([c.sha for c in inside], parents_of(inside))
    everything = reachable([c.sha for c in entries], parents_of(entries))
    if not any(among(s, has) for s in leads):  # the list leads to nothing that the target has
        if whole or bringer is None or not bringer.listed:
            return "unknown", []
        new = list(entries)
    elif whole:
        had = [c.sha for c in entries if among(c.sha, reach)]
        new = [c for c in entries if not among(c.sha, reach + had)]
    else:
        # The target has the newest entry that it had before, and every older one.
        newest = next((n for n, c in enumerate(entries) if among(c.sha, has)), len(entries))
        older = [c.sha for c in entries[newest:]]
        new = [c for c in entries if not among(c.sha, has + older)]
    new = [c for c in new if not c.outside]
    if bringer is not None and not bringer.listed and not among(bringer.sha, everything):
        # The latest deploy that brought something may have brought all of it.
        return "unknown", []
    merges = [c for c in new if c.parents is not None and len(c.parents) > 1]
    plain = once([c for c in new if c not in merges])
    if plain:
        return "known", plain
    known = (reach if whole else has) + [c.sha for c in entries]  # only merges are new
    if all(among(p, known) for c in merges for p in c.parents or []):
        return "nothing-new", []
    return "unknown", []


def once(entries: list[Commit]) -> list[Commit]:
    """A commit that a list has twice is one commit: the first entry counts."""
    found: list[Commit] = []
    for c in entries:
        if not among(c.sha, [f.sha for f in found]):
            found.append(c)
    return found


def parents_of(entries: list[Commit]) -> dict[str, list[str]]:
    """The parents that these entries name."""
    found: dict[str, list[str]] = {}
    for c in entries:
        found.setdefault(c.sha, []).extend(c.parents or [])
    return found


def reachable(shas: list[str], parents: dict[str, list[str]]) -> list[str]:
    """These commits and all that they lead to by the parents that are known."""
    found = list(dict.fromkeys(shas))
    for sha in found:  # grows while we read it
        for known, its in parents.items():
            if fits(known, sha):
                found += [known] if known not in found else []
                found += [p for p in its if p not in found]
    return found


def take_lists(deploys: list[Deploy]) -> None:
    """A deploy that lists no commits takes the list of the first of its repeats within the hour that has
    one. An empty list of the deploy is a list; one of a repeat is none. Reports of a relay come from
    pushes."""
    for d in deploys:
        d.listed, d.from_pushes = d.commits, d.reporter.startswith("relay/")
        if d.kind != "repeat" and d.commits is None:
            for r in sorted(d.repeats, key=lambda r: r.order):
                if r.commits and r.time - d.time <= HOUR:
                    d.listed, d.from_pushes = r.commits, r.reporter.startswith("relay/")
                    break


def services_by(d: Deploy, every: list[Deploy]) -> set[str]:
    """The services that deploys of its repository are of by then, in any environment, repeats too."""
    return {o.service for o in every if o.repo == d.repo and o.service and o.order <= d.order}


def nobody_says_whose(d: Deploy, entries: list[Commit], every: list[Deploy]) -> bool:
    """Once deploys of a repository are of two services, pushes cannot tell whose commits they know, unless
    each entry says `outside`."""
    return d.from_pushes and len(services_by(d, every)) > 1 and any(c.outside is None for c in entries)


# --- Reports without a service ---------------------------------------------------------------------------
def name_services(deploys: list[Deploy]) -> None:
    """A deploy that names no service takes one, the first that fits."""
    for d in deploys:
        d.service = d.own_service or service_of_report(d, deploys) or only_service(d, deploys)


def service_of_report(d: Deploy, deploys: list[Deploy]) -> str:
    """1. The service of another reporter's report of the same commit, to the same repository and
    environment, within an hour: of the earliest report before it, else of the first one after it."""
    reports = [
        o
        for o in deploys
        if o is not d
        and o.own_service
        and (o.repo, o.place) == (d.repo, d.place)
        and fits(o.sha, d.sha)
        and abs(o.time - d.time) <= HOUR
        and other_reporter(o, d)
        and not other_run(o, d)
    ]
    before = [o for o in reports if o.order < d.order]  # in order, as all deploys are
    after = [o for o in reports if o.order > d.order]
    return (before + after)[0].own_service if before + after else ""


def platform(d: Deploy) -> str:
    """The platform of a run is what is before the colon."""
    return d.run.split(":")[0] if ":" in d.run else ""


def other_run(a: Deploy, b: Deploy) -> bool:
    """Two different runs of one platform are never one deploy."""
    return platform(a) != "" and platform(a) == platform(b) and a.run != b.run


def other_reporter(a: Deploy, b: Deploy) -> bool:
    """Another reporter's report. No reporter is another one than any that has a name."""
    return a.reporter != b.reporter


def only_service(d: Deploy, deploys: list[Deploy]) -> str:
    """2. The only service that deploys of this repository and environment name."""
    names = {o.own_service for o in deploys if (o.repo, o.place) == (d.repo, d.place) and o.own_service}
    return names.pop() if len(names) == 1 else ""


# --- Repeats and rollbacks -------------------------------------------------------------------------------
def classify(deploys: list[Deploy], settings: dict) -> None:
    """The deploys of a target are read in the order of time and id. The deploy that a rollback or hotfix
    repeats then counts as one, if it came within the hour before, even with `now` between them."""
    for d in deploys:
        seen = [o for o in deploys if o.target == d.target and o.order < d.order]
        counted = [o for o in seen if o.kind != "repeat"]
        original = repeat_of_said(d, seen, counted) if d.said else repeat_of_plain(d, seen, counted, settings)
        if original is not None:
            d.kind, d.repeated = "repeat", original
            original.repeats.append(d)
            if (
                d.said
                and not original.said
                and original.kind == original.rule
                and d.time - original.time <= HOUR
            ):
                original.kind = d.said
        elif d.said:
            d.kind = d.said
        else:
            d.rule = d.kind = kind_of_plain(d, counted, deploys)


def repeat_of_plain(d: Deploy, seen: list[Deploy], counted: list[Deploy], settings: dict) -> Deploy | None:
    """The deploy that this one repeats by rules 1 to 4. With `count_same_commit`, another run is no repeat
    by 1."""
    same = [o for o in counted if fits(o.sha, d.sha)]
    reports = [o for o in seen if fits(o.sha, d.sha)]
    if counted and fits(counted[-1].sha, d.sha):  # 1
        last = counted[-1]
        if not (settings["count_same_commit"] and d.run and last.run and d.run != last.run):
            return last
    found = same_run(d, same)  # 2
    if found is not None:
        return found
    if same:  # 3
        if all(o.name != d.name for o in reports):
            return same[0]
        if d.time - reports[0].time <= HOUR and all(o.reporter != d.reporter for o in reports):
            return same[0]
    return without_service(d, reports)  # 4


def same_run(d: Deploy, same: list[Deploy]) -> Deploy | None:
    """2. An earlier deploy of its commit counted in the target with the same `run` and `attempt`."""
    for o in same:
        if d.run and (o.run, o.attempt) == (d.run, d.attempt):
            return o
    return None


def without_service(d: Deploy, reports: list[Deploy]) -> Deploy | None:
    """4. It comes within an hour of another reporter's report of its commit in the target, and one of the
    two names no service itself. The earliest counts. If it is a repeat, both repeat the same deploy."""
    for o in reports:
        one_names_none = bool(o.own_service) != bool(d.own_service)
        if d.time - o.time <= HOUR and other_reporter(o, d) and one_names_none and not other_run(o, d):
            return o.repeated or o
    return None


def repeat_of_said(d: Deploy, seen: list[Deploy], counted: list[Deploy]) -> Deploy | None:
    """A deploy that says rollback or hotfix is a repeat in three cases: by rule 2, of one that says the
    same; within an hour of another reporter's report of its commit that is 5, 6 or 7; and by rule 4."""
    same = [o for o in counted if fits(o.sha, d.sha)]
    found = same_run(d, [o for o in same if o.said == d.said])
    if found is not None:
        return found
    for o in reversed(same):
        if (
            o.rule in ("late", "rollback", "forward")
            and d.time - o.time <= HOUR
            and other_reporter(o, d)
            and not other_run(o, d)
        ):
            return o
    return without_service(d, [o for o in seen if fits(o.sha, d.sha)])


def kind_of_plain(d: Deploy, counted: list[Deploy], deploys: list[Deploy]) -> str:
    """Rules 5 to 8. It is a rollback, if its commit came to the target before the commit that it replaces.
    If its commit was there in another way, it goes forward again."""
    first = arrival(d.sha, counted)
    if first is None:
        return "deploy"  # 8
    if first < arrival(counted[-1].sha, counted):
        return "late" if is_late(d, deploys) else "rollback"  # 5, 6
    return "forward"  # 7


def arrival(sha: str, counted: list[Deploy]) -> tuple[Fraction, str] | None:
    """When a commit came to the target: with its first deploy there. A list does not count."""
    for o in counted:
        if fits(o.sha, sha):
            return o.order
    return None


def is_late(d: Deploy, deploys: list[Deploy]) -> bool:
    """5. A push or a tag started its run, and its commit first came to the repository and environment at
    most two hours before. Reports to other services matter if they are at most a day older."""
    if not started_by_push(d, deploys):
        return False
    reports = [
        o
        for o in deploys
        if (o.repo, o.place) == (d.repo, d.place)
        and fits(o.sha, d.sha)
        and o.order < d.order
        and (o.service == d.service or d.time - o.time <= DAY)
    ]
    return all(d.time - o.time <= 2 * HOUR for o in reports)


def started_by_push(d: Deploy, deploys: list[Deploy]) -> bool:
    """Any report of the same run and attempt tells it, in any environment, from a day before the deploy to
    an hour after it, also where another one says otherwise."""
    of_run = [
        o
        for o in deploys
        if d.run
        and o.repo == d.repo
        and (o.run, o.attempt) == (d.run, d.attempt)
        and -HOUR <= d.time - o.time <= DAY
    ]
    return any(o.trigger in ("push", "tag") for o in [d, *of_run])


# --- Remedies --------------------------------------------------------------------------------------------
def find_remedies(counted: list[Deploy], every: list[Deploy], window: int) -> None:
    """What each deploy remedied. Both must be of the same repository, environment and service."""
    for d in counted:
        earlier = [o for o in counted if o.target == d.target and o.order < d.order]
        for found in reverted_by(d, earlier, every) + mended_by(d, earlier, window):
            if d not in found.remedies:
                found.remedies.append(d)


def reverted_by(d: Deploy, earlier: list[Deploy], every: list[Deploy]) -> list[Deploy]:
    """A deploy with `reverts` remedies the earlier deploy that brought that commit. Once two services have
    been named, a list that lacks `outside` on an entry remedies nothing. Neither does the revert of a
    revert."""
    if len(services_by(d, every)) > 1 and any(c.outside is None for c in d.listed or []):
        return []
    for sha in d.reverts:
        found = next((o for o in earlier if among(sha, o.came)), None)
        if found is not None and not found.reverted and found not in d.reverted:
            d.reverted.append(found)
    return d.reverted


def mended_by(d: Deploy, earlier: list[Deploy], window: int) -> list[Deploy]:
    """A rollback or a hotfix remedies the latest earlier deploy that is no rollback and is of another
    commit, if it is less than a window old."""
    others = [o for o in earlier if o.kind != "rollback" and not fits(o.sha, d.sha)]
    return others[-1:] if d.mends and others and d.time - others[-1].time < window else []
