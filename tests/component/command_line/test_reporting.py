"""`deploy` and `incident`: the events that are sent, the output, and the exit code."""

import json

import pytest

from tests.component.command_line.conftest import SHA
from tests.support.figures.git.repository import Repository
from tests.support.servers import answer, free_port, serving

DEPLOY = ("deploy", "--repo", "larkspur/checkout-api", "--sha", SHA)
INCIDENT = ("incident", "start", "INC-7", "--repo", "larkspur/checkout-api")
JOB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_REPOSITORY": "larkspur/checkout-api",
    "GITHUB_SHA": SHA,
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_RUN_ID": "4711",
    "GITHUB_SERVER_URL": "https://github.com",
}


def sender(dora):
    return {"GITDAILIES_WEBHOOK_URL": dora.url, "GITDAILIES_WEBHOOK_KEY": dora.key}


def test_dry_run_needs_neither_address_nor_key(run):
    """`--dry-run --json` prints the event alone."""
    shown = run(*DEPLOY, "--environment", "production", "--dry-run", "--json")

    known = {"kind": "deployed", "repo": "larkspur/checkout-api", "commitSHA": SHA}
    assert shown.returncode == 0
    assert json.loads(shown.stdout)["event"].items() >= {**known, "environment": "production"}.items()


def test_several_repositories_are_several_events(run):
    """`--repo` that repeats prints a list of events, each at its own commit."""
    other = "a" * 40
    shown = run(*DEPLOY, "--repo", f"larkspur/ledger@{other}", "--dry-run", "--json")

    found = [(event["repo"], event["commitSHA"]) for event in json.loads(shown.stdout)["events"]]
    assert found == [("larkspur/checkout-api", SHA), ("larkspur/ledger", other)]


def test_a_failed_job_is_skipped(run):
    """A deploy that failed by the platform's variables is skipped, with code 0 and the reason."""
    shown = run(*DEPLOY, "--status", "failure", "--dry-run", "--json")

    assert shown.returncode == 0
    assert json.loads(shown.stdout) == {"skipped": "status is failure"}


def test_a_re_run_of_a_ci_job_is_another_attempt(run, dora):
    """Two calls of one attempt are one event; another attempt of the run is an event of its own."""
    job = {**sender(dora), **JOB, "GITHUB_REPOSITORY": "larkspur/rerun", "GITHUB_EVENT_NAME": "push"}
    calls = [run("deploy", **job, GITHUB_RUN_ATTEMPT=attempt) for attempt in ("1", "1", "2")]

    assert [call.returncode for call in calls] == [0, 0, 0]
    again = "the receiver had it already; it counts once"
    assert [again in call.stdout for call in calls] == [False, True, False]
    found = [event for event in dora.events if event["repo"] == "larkspur/rerun"]
    assert sorted(e.get("attempt", "") for e in found) == ["", "2"]
    assert {(e["run"], e["reporter"]) for e in found} == {("github-actions:4711", "step/github-actions")}


@pytest.mark.parametrize("event", ["push", "schedule"])
def test_a_payload_that_is_not_there(run, event):
    """A container often has the variable of the payload and not its file; the variables are enough."""
    job = {**JOB, "GITHUB_EVENT_NAME": event, "GITHUB_EVENT_PATH": "/nowhere/event.json"}
    shown = run("deploy", "--dry-run", "--json", **job)

    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["event"]["branch"] == "main"


PLANTED = "planted-5e1f0a"


@pytest.mark.parametrize(
    "arguments",
    [
        ("deploy", "--repo", f"https://x-access-token:{PLANTED}@github.com/acme/api", "--sha", SHA),
        ("deploy", "--repo", f"bot:{PLANTED}@github.com/acme/api", "--sha", SHA),
        ("deploy", "--repo", f"https://bot:a,{PLANTED}@github.com/acme/api", "--sha", SHA),
        (*DEPLOY, "--page", f"https://me:{PLANTED}@ci.example.com/7"),
        (*DEPLOY, "--page", f"me:{PLANTED}@ci.example.com/7"),
        (*DEPLOY, "--page", f"ftp://me:{PLANTED}@ci.example.com/7"),
        ("incident", "start", "INC-7", "--repo", f"https://bot:{PLANTED}@github.com/acme/api"),
        (*INCIDENT, "--page", f"https://me:{PLANTED}@ci.example.com/7"),
        (*INCIDENT, "--page", f"me:{PLANTED}@ci.example.com/7"),
    ],
)
def test_no_user_of_an_address_is_shown_or_sent(run, arguments):
    """A user and a password in an address leave neither in an event nor in an error."""
    shown = run(*arguments, "--dry-run", "--json")

    assert PLANTED not in shown.stdout + shown.stderr
    assert shown.returncode in (0, 2)
    assert "Traceback" not in shown.stderr


def test_a_conflict_about_an_id_that_was_made_here(run):
    """Such an id names one deploy, so the receiver has it, whatever else differs."""
    conflict = answer("409 Conflict", b'{"detail": "id: expected the content first sent, got other"}')
    job = {"BUILDKITE": "true", "BUILDKITE_BUILD_ID": "b-1", "GITDAILIES_WEBHOOK_KEY": "key"}
    with serving(conflict) as server:
        taken = run(*DEPLOY, "--url", server.url, **job)
        refused = run(*DEPLOY, "--url", server.url, "--id", "release-7", **job)

    assert (taken.returncode, refused.returncode) == (0, 3), taken.stderr + refused.stderr
    assert "the receiver has it already, with other content, and keeps the first" in taken.stdout


def test_a_deploy_by_hand_is_new_at_every_call(run, dora):
    """Without a CI run to name it, each call is a deploy of its own."""
    for _ in range(2):
        assert run("deploy", "--repo", "larkspur/hand", "--sha", SHA, **sender(dora)).returncode == 0

    assert len([event for event in dora.events if event["repo"] == "larkspur/hand"]) == 2


def test_an_incident_by_hand_arrives_at_the_dora_server(run, dora):
    """`incident start` and `resolve` give a start and an end of one incident."""
    for word, at in (("start", "2026-03-04T09:00:00Z"), ("resolve", "2026-03-04T09:30:00Z")):
        arguments = ("incident", word, "INC-7", "--repo", "larkspur/checkout-api", "--time", at)
        # With a time, a second call is the same event.
        for _ in range(2):
            assert run(*arguments, **sender(dora)).returncode == 0

    found = [e for e in dora.events if e.get("incidentId") == "INC-7"]
    assert [(e["kind"], e["time"]) for e in found] == [
        ("incidentStarted", "2026-03-04T09:00:00Z"),
        ("incidentResolved", "2026-03-04T09:30:00Z"),
    ]


def test_not_delivered_is_1(run):
    """No receiver at the address ends with code 1, and says which address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/webhooks"
    failed = run(*DEPLOY, "--url", url, "--retries", "1", GITDAILIES_WEBHOOK_KEY="key")

    assert failed.returncode == 1
    assert "not delivered" in failed.stderr
    assert str(port) in failed.stderr
    assert "sent" not in failed.stdout


@pytest.mark.parametrize("sha", ["4f0c2d6", "4F0C2D6B8E1A", "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214"])
def test_a_short_sha_is_taken(run, sha):
    """Seven digits of a commit are enough, as for the API, also behind the name of a repository."""
    for given in (("--repo", "a/b", "--sha", sha), ("--repo", f"a/b@{sha}")):
        ran = run("deploy", *given, "--dry-run")
        assert ran.returncode == 0, ran.stderr
        assert json.loads(ran.stdout)["event"]["commitSHA"] == sha.lower()


def test_a_short_sha_of_the_checkout_is_written_in_full(run, tmp_path):
    """If the checkout is at the commit of a short SHA, the event has its facts: whole SHA and branch."""
    made = Repository(tmp_path / "shop")
    whole = made.commit("c1", "2026-03-02T08:00:00Z")
    ran = run("deploy", "--repo", "a/b", "--sha", whole[:8], "--path", "shop", "--dry-run")
    event = json.loads(ran.stdout)["event"]

    assert (event["commitSHA"], event["branch"]) == (whole, "main")


WRONG_DEPLOY = ("deploy", "--repo", "b", "--sha", "xyz", "--time", "yesterday", "--type", "canary")


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (WRONG_DEPLOY, {"--type", "--time", "--repo"}),
        ((*INCIDENT, "--repo", "b", "--time", "yesterday", "--page", "foo"), {"--time", "--page", "--repo"}),
        (("deploy",), {"--repo", "--sha"}),
    ],
)
def test_every_wrong_value_is_named(run, arguments, options):
    """Each wrong or missing option has a line of its own, with the command's name and that of the option."""
    failed = run(*arguments)
    found = {tuple(line.split(": ")[:2]) for line in failed.stderr.splitlines()}

    assert (failed.returncode, found) == (2, {("gitdailies", option) for option in options})


@pytest.mark.parametrize(
    ("arguments", "env", "message"),
    [
        (("deploy",), {}, "--repo: expected the repository, as owner/name, got nothing"),
        (("deploy", "--repo", "checkout"), {}, "--repo: expected a repository like"),
        ((*DEPLOY, "--sha", "xyz"), {}, "--sha: expected a commit of 40 or 64 hexadecimal digits"),
        ((*DEPLOY, "--time", "yesterday"), {}, "--time: expected a time like"),
        ((*DEPLOY, "--page", "foo"), {}, "--page: expected an http or https address, got 'foo'"),
        ((*INCIDENT, "--page", "foo"), {}, "--page: expected an http or https address, got 'foo'"),
        ((*INCIDENT, "--caused-by", "v1"), {}, "--caused-by: expected 7 to 64 hexadecimal digits"),
        (DEPLOY, {}, "no receiver is set: use --url, GITDAILIES_WEBHOOK_URL or a gitdailies.yml"),
        ((*DEPLOY, "--url", "http://x:9/x"), {}, "env GITDAILIES_WEBHOOK_KEY: this variable is not set"),
        (
            (*DEPLOY, "--url", "ftp://x/y"),
            {"GITDAILIES_WEBHOOK_KEY": "k"},
            "--url: expected an http or https",
        ),
        (
            (*INCIDENT, "--time", "yesterday", "--page", "foo"),
            {},
            ", got 'yesterday'\ngitdailies: --page: expected an http or https address, got 'foo'\n",
        ),
        ((*DEPLOY, "--path", "no"), {}, "--path: expected a folder with a git checkout, got 'no'"),
        (("deploy", "--nonsense"), {}, "No such option"),
        (("incident", "start", "x\n", "--repo", "a/b"), {}, "gitdailies: ID: expected text on one line"),
    ],
)
def test_usage_is_2(run, arguments, env, message):
    """A wrong or missing argument ends with code 2 and says by the name of the option what was expected."""
    failed = run(*arguments, **env)

    assert failed.returncode == 2
    assert message in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_missing_key_leads_to_the_file_of_the_folder(run, tmp_path):
    """With an address and no key, the error names the gitdailies.yml of the folder, and the way to use it."""
    (tmp_path / "gitdailies.yml").write_text("gitdailies: {}\n")
    failed = run(*DEPLOY, "--url", "http://127.0.0.1:9/x")
    assert failed.stderr.endswith("the address and the key of gitdailies.yml, leave out --url\n")
    failed = run(*DEPLOY, GITDAILIES_WEBHOOK_URL="http://127.0.0.1:9/x")
    assert failed.stderr.endswith(" of gitdailies.yml, unset GITDAILIES_WEBHOOK_URL\n")


def test_refused_by_the_receiver_is_3(run, dora):
    """A key that the receiver does not know ends with code 3, without printing it."""
    failed = run(*DEPLOY, GITDAILIES_WEBHOOK_URL=dora.url, GITDAILIES_WEBHOOK_KEY="a-planted-wrong-key")

    assert failed.returncode == 3
    assert "refused" in failed.stderr
    assert "a-planted-wrong-key" not in failed.stdout + failed.stderr


def test_partly_done_is_4(run, dora):
    """If one of two repositories is refused, since its id was used before, the exit code is 4."""
    first = run("deploy", "--repo", "larkspur/one", "--sha", SHA, "--id", "partly-1", **sender(dora))
    event = next(e for e in dora.events if e["repo"] == "larkspur/one")
    both = run(
        *("incident", "start", "PARTLY", "--repo", "larkspur/a", "--repo", "larkspur/b"),
        *("--id", "partly-2"),
        **sender(dora),
    )

    assert first.returncode == 0
    assert event["id"] == "partly-1"
    assert both.returncode == 4
    assert "sent" in both.stdout
    assert "409" in both.stderr
