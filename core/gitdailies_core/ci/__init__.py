"""Which deploys a CI job made: a table for each platform, and one way through them.

Pure: environment, event payload, inputs and git facts are handed in. `platforms` holds the tables;
`__main__` is the step that `ci-steps/report_deploy.py` is joined from.
"""

from gitdailies_core.ci.detection import deploys_of, detect
from gitdailies_core.ci.facts import Deploys, GitFacts, Inputs, Skipped
from gitdailies_core.ci.platforms import PLATFORMS

__all__ = ["PLATFORMS", "Deploys", "GitFacts", "Inputs", "Skipped", "deploys_of", "detect"]
