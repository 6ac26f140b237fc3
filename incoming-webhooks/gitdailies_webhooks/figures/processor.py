"""What NumPy has to know of the processor before it is imported."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# NumPy's linear algebra, which nothing here needs, would start a thread for each core of the machine.
_NO_THREADS = "OPENBLAS_NUM_THREADS"
_WITHOUT = "NPY_DISABLE_CPU_FEATURES"
# NumPy's name of AVX-512.
_AVX512 = "X86_V4"


def settings(cpuinfo: str) -> Mapping[str, str]:
    """Return the environment variables that NumPy shall find. *cpuinfo* begins as /proc/cpuinfo does.

    On processors of AMD, NumPy shall not use AVX-512. With it, Zen 4 finds a percentile nine times as slowly
    as with AVX2, because it stores selected numbers in microcode. Later processors lose little.
    """
    # One processor is like the others.
    first = cpuinfo.partition("\n\n")[0]
    fields = {name.strip(): value for name, _, value in (line.partition(":") for line in first.splitlines())}
    found = {_NO_THREADS: "1"}
    if (
        fields.get("vendor_id", "").strip() == "AuthenticAMD"
        and "avx512vl" in fields.get("flags", "").split()
    ):
        found[_WITHOUT] = _AVX512
    return MappingProxyType(found)
