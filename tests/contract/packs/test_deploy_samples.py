"""The samples of deploy senders, through their packs and routes: what counts, where, its id."""

import base64
import copy
import json
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from gitdailies_core.ci.job.facts import Variables
from gitdailies_core.ci.platforms.jenkins import JENKINS
from gitdailies_core.deploys.deploy import event_id
from gitdailies_core.deploys.pushes import remembered
from gitdailies_core.deploys.routing import DeployRoute, DeployRoutes
from gitdailies_core.reasons import NO_COMMIT, NO_ROUTE, UNKNOWN_TYPE, Reason
from gitdailies_core.sources import registry
from gitdailies_core.sources.deploy_messages import Deploy, Push
from gitdailies_core.sources.images import of_application
from gitdailies_core.sources.protocol import Change, Ignored, Unreadable
from gitdailies_core.sources.request import FORM, Request
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_sources.shipped import provider

TABLE = json.loads((Path(__file__).parent / "deploy_samples.json").read_text("utf-8"))
# What is so of a sample in which some values are others.
CHANGED = yaml.safe_load((Path(__file__).parent / "deploy_changes.yaml").read_text("utf-8"))
AT = datetime(2026, 11, 24, 10, 7, 30, tzinfo=UTC)
PACKS = files("gitdailies_sources").joinpath("packs")
SAMPLES = [(name, stem) for name, about in TABLE.items() for stem in about["samples"]]
COUNTED = ("deployed", "repeat")
COMMIT, OTHER_COMMIT = "5c634cc3313afcc0490256db8ddd0358238a0d9e", "423683e9499731ed38ecdf939b023aad79468159"


def folder(name):
    return PACKS.joinpath(name, "examples")


def request(name, stem, change=None, headers=None, received_at=AT):
    """Build the delivery of a sample. *change* may mend a copy of its body, or return another one."""
    payload, given = folder(name).joinpath(f"{stem}.payload.json"), {"content-type": "application/json"}
    if not payload.is_file():
        payload, given = folder(name).joinpath(f"{stem}.payload.form"), {"content-type": FORM}
    beside = folder(name).joinpath(f"{stem}.headers.json")
    if beside.is_file():
        given |= {name.lower(): value for name, value in json.loads(beside.read_text("utf-8")).items()}
    body = payload.read_bytes()
    if change is not None:
        mended = copy.deepcopy(json.loads(body))
        body = json.dumps(change(mended) or mended).encode()
    return Request.make(headers=given | (headers or {}), body=body, received_at=received_at)


def read(name, stem, change=None, headers=None):
    return registry.adapter(name).translate(request(name, stem, change, headers), {})


def routes(lines):
    return DeployRoutes.make({word: DeployRoute(**line) for word, line in lines.items()})


def counted(name, message, lines=None):
    """Return where and as what a deploy counts, in the table's words, or the reason why it does not."""
    place = routes(TABLE[name]["route"] if lines is None else lines).route(message)
    if isinstance(place, Reason):
        return place
    return {
        "repo": place.repo,
        "commitSHA": message.sha,
        "branch": message.branch,
        "environment": place.environment,
        "service": place.service,
        "time": "received" if message.at_receipt else message.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def id_of(name, message):
    return event_id(message, routes(TABLE[name]["route"]).route(message), "a message's key")


def outcome(name, message):
    """Return what becomes of a message, in the table's words."""
    if isinstance(message, Unreadable):
        assert message.code == NO_COMMIT
        return "no commit"
    if isinstance(message, Ignored):
        assert message.code != UNKNOWN_TYPE, message.reason
        return "ping" if message.word in ("ping", "verification") else "ignored"
    if isinstance(message, Push):
        return "pushed"
    if isinstance(message, Change):
        return message.state
    found = counted(name, message)
    if isinstance(found, Reason):
        assert found.code == NO_ROUTE
        return "ignored"
    return "deployed"


def test_every_deploy_pack_has_its_samples_in_the_table():
    """No sample is forgotten: neither a pack, nor an example of one."""
    packs = [name for name in provider.names() if provider.load(name).kind == "deploy"]
    assert sorted(packs) == sorted(TABLE)
    for name in packs:
        stems = {
            item.name.split(".payload.")[0] for item in folder(name).iterdir() if ".payload." in item.name
        }
        assert stems == set(TABLE[name]["samples"]), name


@pytest.mark.parametrize(("name", "stem"), SAMPLES)
def test_a_sample_becomes_what_the_table_says(name, stem):
    """With the routes of the table: repository, commit, branch, environment, service and time."""
    row = dict(TABLE[name]["samples"][stem])
    message, *others = read(name, stem)

    assert outcome(name, message) == {"repeat": "deployed"}.get(row["outcome"], row["outcome"])
    # A push may also be a deploy, where a route names its branch.
    assert {outcome(name, other) for other in others} <= {"ignored"}
    if row["outcome"] in COUNTED:
        found = counted(name, message)
        compared = found.keys() - ({"time"} if row["outcome"] == "repeat" else set())
        assert {field: found[field] for field in compared} == {field: row[field] for field in compared}
        if "like" in row:
            assert id_of(name, message) == id_of(name, read(name, row["like"])[0])
    elif row["outcome"] in ("started", "resolved"):
        assert (message.incident, message.environment) == (row["incident"], row["environment"])
        assert [service.name for service in message.services] == [row["service"]]
        assert message.at.strftime("%Y-%m-%dT%H:%M:%SZ") == row["time"]
    elif row["outcome"] == "pushed":
        assert len(message.commits) == row["commits"]
        assert message.commits[-1].sha == message.after
        assert all(commit.time for commit in message.commits)


ROUTED = [(name, stem) for name, stem in SAMPLES if "where_routed" in TABLE[name]["samples"][stem]]


@pytest.mark.parametrize(("name", "stem"), ROUTED)
def test_a_whole_pipeline_counts_where_a_route_names_it(name, stem):
    """A workflow, a pipeline or a run that no route names by default."""
    wanted = dict(TABLE[name]["samples"][stem]["where_routed"])
    lines = wanted.pop("route")

    assert counted(name, read(name, stem)[0], lines) == wanted


def test_the_ids_of_deploys_never_change():
    """The file has those of the first release: what a pack no longer says of a deploy stays in its id."""
    place = DeployTarget("larkspur/platform", "production")
    found = {}
    for name, stem in SAMPLES:
        ids = [event_id(one, place, "a key") for one in read(name, stem) if isinstance(one, Deploy)]
        if ids:
            found.setdefault(name, {})[stem] = ids

    assert found == json.loads((Path(__file__).parent / "deploy_ids.json").read_text("utf-8"))


def test_a_tools_own_name_is_no_service():
    """A service is what a person wrote for it. The samples with one have an annotation or a field for it."""
    written = {'annotations."gitdailies.com/service"', "metadata.service", "customData.service",
               "data.customData.service"}  # fmt: skip
    for name in TABLE:
        entries = yaml.safe_load(PACKS.joinpath(name, "source.yaml").read_text("utf-8"))["messages"].values()
        services = {one["service"] for one in entries if "sha" in one and "service" in one}
        assert services <= written, name


@pytest.mark.parametrize(
    ("name", "stem", "word"),
    [
        ("github", "deployment_status.success.actions", "production"),
        ("github", "deployment_status.success.actions", ".github/workflows/deploy.yml"),
        ("github", "deployment_status.success.actions", "Deploy Production"),
        ("github", "deployment_status.success.api-made", "production"),
        ("gitlab", "build.success.production", "production"),
        ("gitlab", "build.success.production", "deploy-production"),
        ("gitlab", "deployment.success", "production"),
        ("vercel", "deployment.succeeded.production", "labels-web"),
        ("netlify", "deploy.ready.production", "larkspur-docs"),
        ("honeybadger", "deployed", "quotes"),
        ("argocd", "deploy.succeeded.annotated", "checkout-production"),
    ],
)
def test_a_line_gives_a_deploy_its_service(name, stem, word):
    """By environment, workflow or job, and by what the tool calls it. The rest stays, and so does the id."""
    (message,) = read(name, stem)
    lines = {word: {"service": "api"}}

    assert counted(name, message, lines) == {**counted(name, message, {}), "service": "api"}
    assert event_id(message, routes(lines).route(message), "k") == event_id(
        message, routes({}).route(message), "k"
    )


def test_a_workflow_counts_by_its_file_alone_and_by_its_whole_path():
    (run,) = read("github", "workflow_run.completed.success")

    for word in ("deploy.yml", ".github/workflows/deploy.yml"):
        assert counted("github", run, {word: {"environment": "live"}})["environment"] == "live"
        assert counted("github", run, {word: {"service": "api"}}).code == NO_ROUTE


def test_an_override_takes_a_service_away():
    """An empty text; the id stays as it is without the override."""
    texts = {"commit": COMMIT, "repo": "larkspur/x", "service": "x-eu"}
    annotations = {f"gitdailies.com/{name}": text for name, text in texts.items()}
    delivery = request("argocd", "deploy.succeeded.annotated", at("annotations", annotations))

    def told(override):
        return registry.compile_source("argocd", override=override).translate(delivery, {})[0]

    own, without = told({}), told({"deploy": {"service": ""}})

    assert (own.service, without.service) == ("x-eu", None)
    assert id_of("argocd", own) == id_of("argocd", without)


def test_deploys_of_one_run_to_two_environments_have_two_ids():
    production = read("github", "deployment_status.success.actions")[0]
    staging = read("github", "deployment_status.success.staging")[0]

    assert production.run == staging.run == "9912004455"
    assert id_of("github", production) != id_of("github", staging)


ABSENT = "ABSENT"


def at(path, value):
    """Return a change of a body: *value* at the dotted *path*, or nothing if it is ABSENT."""

    def change(body):
        *steps, last = path.split(".")
        for step in steps:
            body = body[int(step) if isinstance(body, list) else step]
        if value == ABSENT:
            del body[last]
        else:
            body[int(last) if isinstance(body, list) else last] = value

    return change


def mended(values):
    """Return a change of a body at several paths."""

    def change(body):
        for path, value in values.items():
            at(path, value)(body)

    return change


def changed(what):
    """Return the cases about something: pack, sample, the change of its body, and what then is so."""
    return [
        pytest.param(*one["sample"].split(), mended(one.get("changed", {})), one["is"], id=one.get("about"))
        for one in CHANGED[what]
    ]


@pytest.mark.parametrize(("name", "stem", "change", "trigger"), changed("triggers"))
def test_a_deploy_tells_what_started_its_run_where_the_vendor_does(name, stem, change, trigger):
    """A push or a tag is that of a first attempt alone, so that a job that runs again may be a rollback."""
    found = next(one for one in read(name, stem, change) if isinstance(one, Deploy))

    assert found.trigger == trigger


def test_a_run_that_deploys_again_has_another_id():
    """Re-run jobs, and an environment's Rollback: the old run, a new deployment or job."""
    for name, stem, values in (
        ("github", "deployment_status.success.actions", {"deployment.id": 9, "workflow_run.run_attempt": 2}),
        ("gitlab", "build.success.production", {"build_id": 9}),
    ):
        first, second = read(name, stem)[0], read(name, stem, mended(values))[0]
        assert first.run == second.run
        assert id_of(name, first) != id_of(name, second)


def with_pull_request(body):
    """A build of Cloud Build, whose trigger is for pull requests."""
    build = json.loads(base64.b64decode(body["message"]["data"]))
    build["substitutions"]["_PR_NUMBER"] = "12"
    body["message"]["data"] = base64.b64encode(json.dumps(build).encode()).decode()


@pytest.mark.parametrize(
    ("name", "stem", "change", "reason"),
    [*changed("ignored"), ("gcp", "cloudbuild.success", with_pull_request, "a build of a pull request")],
)
def test_what_is_no_deploy_is_ignored_with_its_reason(name, stem, change, reason):
    assert [message.reason for message in read(name, stem, change) if isinstance(message, Ignored)] == [
        reason
    ]


def many_commits(body):
    """Two thousand commits. The last one is the push's."""
    body["commits"] = [{**body["commits"][-1], "id": f"{n:040x}"} for n in range(1, 2000)] + body["commits"][
        -1:
    ]


@pytest.mark.parametrize(
    ("name", "stem", "change"),
    [
        ("bitbucket", "repo.push", at("push.changes.0.truncated", True)),
        ("gitlab", "push", at("total_commits_count", 21)),
        (
            "azure-devops",
            "git.push",
            lambda body: body["resource"].update(commits=body["resource"]["commits"] * 13),
        ),
        ("github", "push.main", many_commits),
    ],
)
def test_a_push_whose_list_is_cut_says_so(name, stem, change):
    """The vendor's count, or its word that there are more, makes the list a gap."""
    (whole,) = (message for message in read(name, stem) if isinstance(message, Push))
    (cut,) = (message for message in read(name, stem, change) if isinstance(message, Push))

    assert remembered(whole)[0].parent == whole.before != ""
    assert cut.total is not None
    assert cut.total > len(cut.commits)
    assert remembered(cut)[0].parent == ""


@pytest.mark.parametrize(("name", "stem", "change", "expected"), changed("fields"))
def test_a_delivery_says(name, stem, change, expected):
    (message,) = read(name, stem, change)

    assert {field: getattr(message, field) for field in expected} == expected


ARGO = "deploy.succeeded.single-source"


def test_argo_deployment_repository_needs_a_route_that_accepts_it():
    """The revision of a deployment repository is not the application's commit."""
    (message,) = read("argocd", ARGO)

    for lines in (
        {},
        {"checkout-*": {"environment": "production"}},
        {"*": {"repo": "larkspur/checkout-api"}},
    ):
        reason = counted("argocd", message, lines)
        assert reason.code == NO_COMMIT
        assert reason.text.startswith("no application commit")
    assert counted("argocd", message, {"checkout-*": {"repo": "same"}})["repo"] == "larkspur/fleet"


SIDECAR = "registry.example:5000/mesh/auth-proxy:"


@pytest.mark.parametrize(
    ("images", "line", "found"),
    [
        ([SIDECAR + OTHER_COMMIT, f"x/checkout-api:{COMMIT}"], {}, COMMIT),
        ([f"x/checkout-api:{COMMIT}@sha256:{'ab' * 32}", SIDECAR + OTHER_COMMIT], {}, COMMIT),
        ([SIDECAR + OTHER_COMMIT, f"x/{{}}:{COMMIT}"], {}, COMMIT),
        ([f"x/checkout-api:{OTHER_COMMIT}", f"x/web:{COMMIT}"], {"service": "Web"}, COMMIT),
        ([f"x/web:{COMMIT}", SIDECAR + "v3"], {}, COMMIT),
        ([SIDECAR + OTHER_COMMIT, "x/checkout-api:v7"], {}, "hold no commit"),
        (
            [SIDECAR + OTHER_COMMIT, f"x/checkout-api:{COMMIT[:7]}"],
            {},
            f"'{COMMIT[:7]}' is seen, and too short",
        ),
        ([SIDECAR + OTHER_COMMIT, f"x/web:{COMMIT}"], {}, "hold different commits"),
    ],
)
@pytest.mark.parametrize(
    ("name", "stem", "app"),
    [
        ("argocd", ARGO, "checkout-production"),
        ("kubernetes", "argo-rollouts.completed.no-annotations", "checkout"),
    ],
)
def test_the_image_of_the_application_has_the_commit(name, stem, app, images, line, found):
    """It is called like the service, the application or the repository. A sidecar's commit never counts."""
    (message,) = read(name, stem, at("images", [one.format(app) for one in images]))
    (word,) = {message.route}
    place = routes({word: {"repo": "larkspur/checkout-api", **line}}).route(message)
    deploy = of_application(replace(message, application=app), place)
    if isinstance(deploy, Reason):
        assert deploy.code == NO_COMMIT
        assert found in deploy.text
    else:
        assert deploy.sha == found


def test_a_short_image_tag_is_named():
    """What was seen and why it is no commit is said, also where no image has a whole one."""
    short = [f"x/checkout-api:main-{COMMIT[:12]}-17", "x/cache:20260304"]
    (message,) = read("argocd", ARGO, at("images", short))
    assert f"'{COMMIT[:12]}' is seen, and too short" in counted("argocd", message, {}).text
    (unreadable,) = read("kubernetes", "argo-rollouts.completed.no-annotations", at("images", short))
    assert f"'{COMMIT[:12]}' is seen, and too short" in unreadable.reason
    (plain,) = read("argocd", ARGO, at("images", ["x/checkout-api:20260304", "x/facade:decade"]))
    assert "too short" not in counted("argocd", plain, {}).text


def test_flux_prefixed_keys_and_old_revisions():
    """The documents show keys with a prefix; before Flux 2.0 a revision was `main/…`."""

    def change(body):
        revision = body["metadata"].pop("revision")
        body["metadata"]["kustomize.toolkit.fluxcd.io/revision"] = revision.replace("@sha1:", "/")

    plain, prefixed = (read("flux", "kustomization.reconciled", each)[0] for each in (None, change))

    assert (prefixed.sha, prefixed.branch) == (plain.sha, "main")


def test_octopus_names_are_cut_by_references_and_a_release_may_hold_the_commit():
    """Names hold the words of the sentence."""
    environment, project, release = "to Production release", "release for to", f"3.17.2+{COMMIT}"
    message = f"Deploy to {environment} succeeded for {project} release {release} to {environment}"

    def change(body):
        event = body["Payload"]["Event"]
        event["Message"] = message
        event["MessageReferences"] = [
            {"ReferencedDocumentId": id_, "StartIndex": message.index(text), "Length": len(text)}
            for id_, text in (
                ("Releases-902", release),
                ("Projects-31", project),
                ("Environments-3", environment),
            )
        ]
        event["RelatedDocumentIds"].reverse()

    (found,) = read("octopus", "DeploymentSucceeded", change)

    assert counted("octopus", found) == {
        "repo": "larkspur/checkout-api", "commitSHA": COMMIT, "branch": None, "environment": environment,
        "service": None, "time": "2026-11-24T10:06:38Z",
    }  # fmt: skip
    assert found.application == project
    assert (found.run, found.attempt) == ("Releases-902", "Deployments-4410")


def test_a_jenkins_build_counts_at_the_time_of_its_phase_however_long_it_took():
    """The plugin sends an end as the time of COMPLETED and FINALIZED: its source says so."""
    whole = read("jenkins", "finalized.success")[0]
    long = read("jenkins", "finalized.success", at("build.duration", 5_400_000))[0]

    assert long.at == whole.at
    assert read("jenkins", "completed.success")[0].at < whole.at


@pytest.mark.parametrize(
    ("url", "name", "word"),
    [
        ("job/freight/job/checkout-api/job/main/", "main", "freight/checkout-api/main"),
        ("job/checkout-api/job/feature%252Fweights/", "feature%2Fweights", "checkout-api/feature%2Fweights"),
        ("job/job/job/ship/", "ship", "job/ship"),
        (None, "ship", "ship"),
    ],
)
def test_a_jenkins_job_goes_by_its_full_name(url, name, word):
    """Its run is BUILD_TAG, which Jenkins makes of the full name, and which the step reports."""
    (message,) = read("jenkins", "finalized.success", lambda body: body.update(url=url, name=name))

    assert message.route == word
    environ = Variables({"BUILD_TAG": f"jenkins-{word.replace('/', '-')}-77"})
    assert message.run == JENKINS.read(environ).run.id


def test_kargo_freight_of_two_repositories_is_two_deploys():
    def change(body):
        body["event"]["rollback"] = True
        body["event"]["freight"]["commits"].append(
            {"repoURL": "https://github.com/larkspur/labels.git", "id": OTHER_COMMIT, "branch": "main"}
        )

    messages = read("kubernetes", "kargo.promotion-succeeded", change)

    assert [message.repo for message in messages] == ["larkspur/checkout-api", "larkspur/labels"]
    assert {message.type for message in messages} == {"rollback"}
    assert len({message.key for message in messages}) == len(messages)


def test_aws_by_sns():
    """The event is JSON in the text of a notification."""

    def wrapped(body):
        return {"Type": "Notification", "MessageId": "m-1", "Message": json.dumps({**body, "commit": COMMIT})}

    (message,) = read("aws", "codedeploy.success", wrapped)

    assert (message.sha, message.route, message.key) == (COMMIT, "quotes/production", "m-1")
