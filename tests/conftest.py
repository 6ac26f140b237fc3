"""Rules for every test: a clean environment, time limits, and no skipped test in continuous integration."""

import gc
import os
import signal
from collections.abc import Generator

import pytest
from gitdailies_server.logging import setup
from hypothesis import HealthCheck, settings

from tests.support import databases, forms, postgresql
from tests.support.forms import measure

__all__ = ["measure"]

# Variables of a shell that would change a test's addresses, or the certificates that it trusts.
_SETTINGS_OF_A_SHELL = (
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)
_WORKER = "PYTEST_XDIST_WORKER"

# A busy machine is no fault of the code.
settings.register_profile(
    forms.THOROUGH, settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
)
settings.register_profile(forms.USUAL, settings(settings.get_profile(forms.THOROUGH), max_examples=30))
settings.register_profile(forms.QUICK, settings(settings.get_profile(forms.THOROUGH), max_examples=20))
settings.load_profile(forms.USUAL)


def pytest_configure(config: pytest.Config) -> None:
    gc.disable()  # collected tests are no garbage
    for name in _SETTINGS_OF_A_SHELL:
        os.environ.pop(name, None)
    # A shell with "&" makes its children ignore Ctrl-C, and their children too: no test could
    # interrupt a command.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if _WORKER not in os.environ:
        postgresql.begin_run()


@pytest.hookimpl(tryfirst=True)  # before -m looks at the markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    forms.thin_matrices(items)


def pytest_collection_finish() -> None:
    # Thousands of collected tests stay until the end. A collection of garbage need not visit them each time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)
    gc.enable()


def pytest_unconfigure() -> None:
    databases.drop_free_databases()
    if _WORKER not in os.environ:
        postgresql.end_run()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_setup() -> Generator[None, None, None]:
    yield from _lines_written()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    yield from _lines_written()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown() -> Generator[None, None, None]:
    yield from _lines_written()


def _lines_written() -> Generator[None, None, None]:
    """Write the log lines of a phase before it ends: between two phases nothing is captured."""
    try:
        yield
    finally:
        setup._OUT.flush()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: expected nothing skipped with CI=true, got {reason}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print why tests were skipped, a line for each reason, and what the long forms measured."""
    for reason, number in forms.skipped(terminalreporter.stats.get("skipped", [])):
        terminalreporter.line(f"SKIPPED {number}: {reason}")
    lines = forms.measured(terminalreporter.stats.get("passed", []))
    if lines:
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.line(line)
