"""Which deploys a CI job made: tables of nine platforms, and one way through them.

Pure: environment, event payload, inputs and git facts are handed in. A one-file step imports
`deploy` and its own platform instead of this whole package.
"""

from gitdailies_core.ci.facts import Deploys, GitFacts, Inputs, Skipped
from gitdailies_core.ci.platforms import PLATFORMS, deploys_of, detect

__all__ = ["PLATFORMS", "Deploys", "GitFacts", "Inputs", "Skipped", "deploys_of", "detect"]
