"""The meaning of each input of a step, for platforms without a manifest that has it."""

from gitdailies_core.ci.reporting.settings import DEPLOY_INPUTS, STEP_INPUTS

# In the order of the tables.
ABOUT = {
    "path": "The folder of the checkout, if it is neither the job's folder nor one right below it.",
    "webhook-url": "The address of the DORA server.",
    "webhook-key": "The webhook key, a secret.",
    "auth": "key sends the webhook key, oidc an ID token, where the platform makes them for jobs.",
    "environment": "The environment, such as production. By default the one that the platform names.",
    "service": "The service, if the repository holds several.",
    "type": "The kind of deploy, one of deploy, rollback, hotfix.",
    "repo": (
        "The deployed repository. By default this one. "
        "Several as OWNER/NAME or OWNER/NAME@SHA, separated by spaces or commas."
    ),
    "sha": (
        "The deployed commit. `checkout` takes that of the checkout, where a tag and a short SHA "
        "will do, too. By default that of the run or, if the checkout was moved, the checkout's."
    ),
    "branch": "The branch it was built from. By default that of the run; a tag has none.",
    "time": "The time of the deploy, such as 2026-03-04T08:55:12Z. By default now.",
    "id": (
        "Names the deploy, so that it counts once. "
        "By default made from run, attempt, commit, repository, environment, service and type."
    ),
    "status": "The result of the deploy, such as success or failure. Only success is reported.",
    "url": "A page about the deploy. By default the run.",
    "fixes": "The id of the incident that this deploy fixes.",
    "paths": (
        "The paths of the service in a monorepo, as globs, one a line. "
        "Commits that touch none of them count in no lead time."
    ),
    "receiver": (
        "documented sends only the fields that GitDailies documents, ours sends all fields. "
        "By default the key decides."
    ),
    "timeout": "Seconds to wait for an answer.",
    "retries": "The most retries after no answer, 429 or 5xx. By default the step retries for a minute.",
    "dry-run": "Show what would be sent, and send nothing. It needs neither address nor key.",
    "debug": "Show where repository, commit, branch, environment, service, run and commits come from.",
    "fail-on-error": "End with an error if the deploy could not be reported.",
}
# Only for those that have one.
DEFAULTS = {"auth": "key", "timeout": "10", "dry-run": "false", "debug": "false", "fail-on-error": "false"}

if set(ABOUT) != {*DEPLOY_INPUTS, *STEP_INPUTS}:
    raise ValueError(f"inputs: expected {sorted({*DEPLOY_INPUTS, *STEP_INPUTS})}, got {sorted(ABOUT)}")
