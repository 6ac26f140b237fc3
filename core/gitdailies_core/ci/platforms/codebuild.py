"""AWS CodeBuild, by itself or in CodePipeline.

Source: its "Environment variables in build environments" page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from gitdailies_core.ci.job.facts import Facts, Start, Starts, Variables, branch_of, tag_of
from gitdailies_core.ci.reporting.platform import Platform

# arn:PARTITION:codebuild:REGION:ACCOUNT:build/PROJECT:ID
_ARN = r"^arn:aws:codebuild:([a-z0-9-]+):([0-9]+):build/([^:]+):"


class CodeBuild(Platform):
    word = "codebuild"
    title = "AWS CodeBuild"
    marker = "CODEBUILD_BUILD_ID"
    # A build that is retried gets a new id.
    run = ("CODEBUILD_BUILD_ID",)
    # A squashed pull request has the first. The last may be a branch, a tag or pr/7.
    sha = (
        "CODEBUILD_WEBHOOK_MERGE_COMMIT",
        "CODEBUILD_RESOLVED_SOURCE_VERSION",
        "CODEBUILD_SOURCE_VERSION",
    )
    # Only builds that a webhook started have it.
    branch = ("CODEBUILD_WEBHOOK_HEAD_REF",)
    # Empty in CodePipeline.
    repo_url = ("CODEBUILD_SOURCE_REPO_URL",)
    before = ("CODEBUILD_WEBHOOK_PREV_COMMIT",)
    started = ("CODEBUILD_WEBHOOK_EVENT",)
    # A retry has the event of its first build. Without a webhook, nothing says what started the build.
    starts: Mapping[str, Start] = {
        "PUSH": Starts.PERHAPS_PUSHED,
        **dict.fromkeys(("RELEASED", "PRERELEASED"), Starts.OF_A_COMMIT),
        **dict.fromkeys(
            (f"PULL_REQUEST_{what}" for what in ("CREATED", "UPDATED", "REOPENED", "MERGED", "CLOSED")),
            Starts.OF_A_COMMIT,
        ),
    }
    agent = "gitdailies-codebuild"
    no_key = "; set GITDAILIES_WEBHOOK_KEY in env: secrets-manager or parameter-store of the buildspec"
    folder = "CODEBUILD_SRC_DIR"

    def read(self, variables: Variables) -> Facts:
        ref = variables.first(*self.branch)
        merged = variables.first("CODEBUILD_WEBHOOK_EVENT") == "PULL_REQUEST_MERGED"
        number = re.match(
            r"^pr/(\d+)$", variables.first("CODEBUILD_WEBHOOK_TRIGGER", "CODEBUILD_SOURCE_VERSION") or ""
        )
        return self.facts(
            variables,
            branch=branch_of(variables.first("CODEBUILD_WEBHOOK_BASE_REF") if merged else ref),
            tag=tag_of(ref),
            pull=f"pull request {number[1]}" if number and not merged else None,
            # No variable tells.
            fork=None,
            # 1 while the build succeeds. In post_build it may be 0.
            status="failed" if variables.first("CODEBUILD_BUILD_SUCCEEDING") == "0" else None,
            status_of="the build so far",
            url=self._url(variables),
        )

    def _url(self, variables: Variables) -> str | None:
        build = variables.first(*self.run)
        found = re.match(_ARN, variables.first("CODEBUILD_BUILD_ARN") or "")
        if not (build and found):
            return None
        console = f"https://{found[1]}.console.aws.amazon.com/codesuite/codebuild/{found[2]}"
        return f"{console}/projects/{quote(found[3])}/build/{quote(build, safe='')}"


CODEBUILD = CodeBuild()
