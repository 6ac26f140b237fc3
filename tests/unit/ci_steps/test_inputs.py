"""The inputs of a step by their variables: those of the platform first, then GITDAILIES_* as everywhere."""

import pytest
from gitdailies_core.ci.platforms import PLATFORMS
from gitdailies_core.ci.reporting.settings import INPUTS

# Octopus hands over the parameters of its step, not the environment of a job.
JOBS = [one for one in PLATFORMS if not one.lends]
# A script that somebody runs in a job knows nothing of the platform's own names.
OWN = {f"GITDAILIES_{name.upper().replace('-', '_')}": f"value of {name}" for name in INPUTS}


@pytest.mark.parametrize("platform", JOBS, ids=lambda one: one.word)
def test_the_names_that_work_everywhere_work_on_each_platform(platform) -> None:
    """No variable GITDAILIES_* is ignored where the platform's own name holds nothing."""
    assert platform.inputs(OWN) == {name: f"value of {name}" for name in INPUTS}


@pytest.mark.parametrize("prefix", ["INPUT", "PARAM"])
def test_the_platform_s_own_name_goes_first(prefix: str) -> None:
    """What the Action, the component and the orb pass is not replaced by a variable of the job."""
    passed = {f"{prefix}_ENVIRONMENT": "production", f"{prefix}_SERVICE": " "}
    read = [one.inputs({**OWN, **passed}) for one in JOBS]
    assert {texts["environment"] for texts in read} == {"production", "value of environment"}
    assert {texts["service"] for texts in read} == {"value of service"}
