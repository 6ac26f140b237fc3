"""Travis CI. Source: its "Environment Variables" page."""

from __future__ import annotations

from collections.abc import Mapping

from gitdailies_core.ci.job.facts import Facts, Run, Start, Starts, Variables, are_two
from gitdailies_core.ci.reporting.platform import Platform


class Travis(Platform):
    word = "travis"
    title = "Travis CI"
    marker = "TRAVIS"
    turn = 30
    # A restarted job keeps its build's id.
    run = ("TRAVIS_BUILD_ID",)
    # For a pull request TRAVIS_COMMIT is a temporary merge commit, and TRAVIS_BRANCH the target.
    sha = ("TRAVIS_PULL_REQUEST_SHA", "TRAVIS_COMMIT")
    # For a tag TRAVIS_BRANCH is the tag.
    branch = ("TRAVIS_PULL_REQUEST_BRANCH", "TRAVIS_BRANCH")
    tag = ("TRAVIS_TAG",)
    repo = ("TRAVIS_REPO_SLUG",)
    url = ("TRAVIS_BUILD_WEB_URL", "TRAVIS_JOB_WEB_URL")
    # The result of the script phase. No variable has the result of the deploy itself.
    status = ("TRAVIS_TEST_RESULT",)
    message = ("TRAVIS_COMMIT_MESSAGE",)
    pull = ("TRAVIS_PULL_REQUEST",)
    started = ("TRAVIS_EVENT_TYPE",)
    starts: Mapping[str, Start] = {
        "push": Starts.PUSHED,
        "pull_request": Starts.OF_A_COMMIT,
        "cron": Starts.SCHEDULED,
        "api": Starts.BY_HAND,
    }
    agent = "gitdailies-travis"
    no_key = (
        "; set GITDAILIES_WEBHOOK_KEY in the repository's settings or encrypted in .travis.yml "
        "(builds of forks get none)"
    )
    folder = "TRAVIS_BUILD_DIR"

    def read(self, variables: Variables) -> Facts:
        own, origin = variables.first(*self.repo), variables.first("TRAVIS_PULL_REQUEST_SLUG")
        return self.facts(variables, fork=are_two(own, origin), status_of="the script phase")

    def run_of(self, variables: Variables) -> Run | None:
        build = variables.first(*self.run)
        # Nothing counts the restarts of a job. All of them have one name.
        again = "restarted" if variables.first("TRAVIS_JOB_RESTARTED_BY") else None
        return Run(build, again) if build else None


TRAVIS = Travis()
