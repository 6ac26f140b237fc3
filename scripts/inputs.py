"""The meaning of each input of a step, for platforms without a manifest that has it."""

from __future__ import annotations

from gitdailies_core.ci.settings import DEPLOY_INPUTS, STEP_INPUTS

# Name to default and meaning, in the order of the tables.
ABOUT = {
    "webhook-url": ("", "The address of incoming webhooks."),
    "webhook-key": ("", "The webhook key, a secret."),
    "environment": ("", "Where it was deployed, such as production. Else the platform's own."),
    "service": ("", "The service, where a repository holds several."),
    "type": ("", "What kind of deploy it was, one of deploy, rollback, hotfix."),
    "repo": (
        "",
        (
            "The deployed repository, else this one. "
            "Several as OWNER/NAME or OWNER/NAME@SHA, separated by spaces or commas."
        ),
    ),
    "sha": ("", "The deployed commit in full. Else that of the run."),
    "branch": ("", "The branch it was built from. Else that of the run; a tag names none."),
    "time": ("", "When it was deployed, such as 2026-03-04T08:55:12Z. Else now."),
    "id": (
        "",
        (
            "Names the deploy, so that it counts once. "
            "Else made of run, commit, repository, environment, service and type."
        ),
    ),
    "status": ("", "How the deploy went, such as success or failure; only success is reported."),
    "url": ("", "A page about the deploy. Else the run."),
    "fixes": ("", "The id of the incident that this deploy fixes."),
    "receiver": (
        "",
        (
            "documented sends only the fields that GitDailies documents, ours all of them. "
            "By default the key decides."
        ),
    ),
    "timeout": ("10", "Seconds to wait for an answer."),
    "retries": ("3", "How often to try again after no answer, 429 or 5xx; a minute at most in all."),
    "dry-run": ("false", "Say what would be sent and send nothing; needs neither address nor key."),
    "fail-on-error": ("false", "End with an error where the deploy could not be reported."),
}

if set(ABOUT) != {*DEPLOY_INPUTS, *STEP_INPUTS}:
    raise ValueError(f"inputs: expected {sorted({*DEPLOY_INPUTS, *STEP_INPUTS})}, got {sorted(ABOUT)}")
