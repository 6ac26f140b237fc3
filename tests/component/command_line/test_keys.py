"""`gitdailies keys`: made once, listed without the key, deleted for good."""

import json

from tests.component.command_line.conftest import SHA


def test_quiet_prints_the_raw_key_alone(run, dora):
    """`keys create --quiet` prints one line, which is the key."""
    made = run("keys", "create", "quiet", "--store", dora.store, "--quiet")

    assert made.returncode == 0
    assert made.stdout.startswith("gdk_")
    assert made.stdout.count("\n") == 1


def test_a_key_is_limited_and_replaced(run, dora):
    """A limited key reports for its repository alone; `keys replace` gives another one like it."""
    key = dora.new_key("limited", "--repo", "larkspur/pay-*", "--environment", "staging")
    made = run("keys", "replace", "limited", "--store", dora.store, "--json")
    new = json.loads(made.stdout)
    rows = json.loads(run("keys", "list", "--store", dora.store, "--json").stdout)["keys"]
    old, listed = [row for row in rows if row["name"].startswith("limited")]
    assert (new["name"], new["repos"], new["environments"]) == ("limited", ["larkspur/pay-*"], ["staging"])
    assert (listed["name"], listed["limits"]) == ("limited", "larkspur/pay-*, staging")
    assert old["name"] == f"limited (old {key[-4:]})"
    for secret in (key, new["key"]):
        sent = [
            run("deploy", "--repo", repo, "--sha", SHA, "--environment", "staging", "--url", dora.url,
                GITDAILIES_WEBHOOK_KEY=secret)
            for repo in ("larkspur/pay-api", "larkspur/web")
        ]  # fmt: skip
        assert [one.returncode for one in sent] == [0, 3]
        assert "may send events of larkspur/pay-* alone" in sent[1].stderr


def test_a_piped_table_folds_nothing(run, dora):
    """In a pipe, `keys list` prints a long name in one piece."""
    name = "a-name-" + "x" * 90
    dora.new_key(name)

    assert name in run("keys", "list", "--store", dora.store).stdout
