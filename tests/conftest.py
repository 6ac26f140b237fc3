"""What holds for every test: in continuous integration nothing is skipped."""

import os
import signal

import pytest


def pytest_configure(config):
    # Tests speak to this machine alone: a proxy of the environment would take that away.
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        os.environ.pop(name, None)
    # A shell that was told to go on meanwhile ("&") has its children ignore Ctrl-C, and theirs: then
    # no test could interrupt a command.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: expected nothing skipped with CI=true, got {reason}"
