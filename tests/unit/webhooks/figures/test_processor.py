"""Settings of NumPy for the processor: AVX-512 only where it is fast."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from gitdailies_webhooks.figures import processor

ZEN = "processor\t: 0\nvendor_id\t: AuthenticAMD\nflags\t\t: fpu avx2 avx512f avx512vl\n\nprocessor\t: 1\n"


@pytest.mark.parametrize(
    ("cpuinfo", "disabled"),
    [
        (ZEN, "X86_V4"),
        (ZEN.replace("AuthenticAMD", "GenuineIntel"), None),
        (ZEN.replace(" avx512f avx512vl", ""), None),
        ("processor\t: 0\nBogoMIPS\t: 48.00\nFeatures\t: fp asimd\n", None),
        ("", None),
    ],
    ids=["AMD with AVX-512", "Intel with AVX-512", "AMD without", "ARM", "unknown"],
)
def test_avx512_is_disabled_on_processors_of_amd_alone(cpuinfo: str, disabled: str | None) -> None:
    """NumPy warns of a name that the processor does not have, so it is given only where it has it."""
    found = processor.settings(cpuinfo)
    assert found.get("NPY_DISABLE_CPU_FEATURES") == disabled
    assert found["OPENBLAS_NUM_THREADS"] == "1"


def test_numpy_finds_the_settings_of_this_machine() -> None:
    """A process that computes figures imports NumPy without a warning, and with the settings."""
    read = "import numpy as np; print('X86_V4' in np.show_config(mode='dicts')['SIMD Extensions']['found'])"
    here = {name: text for name, text in os.environ.items() if name != "NPY_DISABLE_CPU_FEATURES"}
    plain, ours = (
        subprocess.run(
            [sys.executable, "-W", "error", "-c", before + read],
            env=here,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for before in ("", "import gitdailies_webhooks.figures; ")
    )

    is_disabled = "NPY_DISABLE_CPU_FEATURES" in processor.settings(Path("/proc/cpuinfo").read_text())
    assert ours == ("False" if is_disabled else plain)


def test_a_setting_of_the_user_stays() -> None:
    """What the environment says already is not changed."""
    listed = "import os, gitdailies_webhooks.figures; print(os.environ['NPY_DISABLE_CPU_FEATURES'])"
    given = {**os.environ, "NPY_DISABLE_CPU_FEATURES": ""}
    done = subprocess.run(
        [sys.executable, "-c", listed], env=given, capture_output=True, text=True, check=True
    )
    assert done.stdout == "\n"
