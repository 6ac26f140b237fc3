"""`gitdailies sources test`: what a pack lacks, at once, because it is tried after each change of a line."""

from click.testing import CliRunner
from gitdailies_cli.main import gitdailies
from gitdailies_core.contract import checks

from tests.support.machine import command


def test_an_adapter_in_code_is_checked_by_its_name(tmp_path):
    """One that keeps the contract gives one line; an unknown name ends with the nearest one."""
    done = command("sources", "test", "datadog", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "datadog: keeps the contract\n", "")
    wrong = command("sources", "test", "pagerdutty", cwd=tmp_path)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "no adapter named 'pagerdutty'; did you mean pagerduty" in wrong.stderr


def test_what_no_example_has_is_a_hint_with_its_line(tmp_path):
    """A pack in a file has no examples: `translate` checks it."""
    done = command("sources", "test", "grafana-alerting", cwd=tmp_path)
    assert done.returncode == 0
    assert "hint: packs/grafana-alerting/source.yaml:" in done.stdout
    assert "messages.incident.priority: labels.priority: found nothing; labels has alertname" in done.stdout
    own = command("sources", "test", "packs/lantern.yaml", cwd=tmp_path)
    assert "`gitdailies translate packs/lantern.yaml DELIVERY.json` checks a pack in a file" in own.stderr


def test_faults_that_are_alike_are_counted(monkeypatch):
    """Three of them are shown, with the number of the others; the last line counts all."""
    alike = [f"examples/lit with title {n}: AttributeError" for n in range(5)]
    monkeypatch.setattr(checks, "faults", lambda _adapter: [*alike, "examples/out.expected.json: missing"])
    done = CliRunner().invoke(gitdailies, ["sources", "test", "datadog"])
    assert done.exit_code == 1
    assert done.output.splitlines() == [
        *alike[:3],
        "examples/out.expected.json: missing",
        "examples/lit: 2 more faults like these",
        "datadog: 6 faults",
    ]


def test_the_page_of_a_pack_is_that_of_its_folder(tmp_path):
    """It has what to set up and what counts, without the marks of what is generated."""
    shown = command("sources", "show", "opsgenie", cwd=tmp_path)
    assert shown.stdout.startswith("# Opsgenie and Jira Service Management\n\nThe source pack")
    assert "\n| `Close` | **ends** an incident |\n" in shown.stdout
    assert "<!--" not in shown.stdout
