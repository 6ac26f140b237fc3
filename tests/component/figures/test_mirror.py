"""Questions to a repository about commits: nothing that it contains is run, and only commits count."""

import itertools
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest
from gitdailies_core.deploys.service_paths import checked, touched
from gitdailies_dora.figures.history.ancestry import Between
from gitdailies_dora.mirrors import repository as module
from gitdailies_dora.mirrors.repository import Mirror, MirrorUnreadable

from tests.support.figures.git.repository import Repository

HOSTILE_NAMES = [*["--help", "-h", "HEAD", "main", "HEAD^{commit}"], "a" * 6, "g" * 40, "a" * 65]
HOSTILE_NAMES += ["", "\n", "deadbeef\n"]


@pytest.fixture
def made(repository: Repository, tmp_path: Path) -> Repository:
    """A repository of the week that a test may change."""
    shutil.copytree(repository.path, tmp_path / "work")
    return Repository(tmp_path / "work", dict(repository.shas))


def names(repository: Repository, between: Between) -> tuple[set[str], set[str]]:
    by_sha = {sha: name for name, sha in repository.shas.items()}
    return {by_sha[commit.sha] for commit in between.ahead}, {by_sha[sha] for sha in between.behind}


def check_answers(repository: Repository, path: Path) -> None:
    """Check that the mirror of the repository at *path* gives the right answers."""
    mirror, shas = Mirror(path), repository.shas
    known = {shas["m1"]: shas["m1"], shas["h1"][:7]: shas["h1"], "0" * 40: None}
    assert mirror.commits([*known]) == known
    found = mirror.between(shas["r1"], shas["h1"])
    assert names(repository, found) == ({"h1"}, {"q1", "r1"})
    assert names(repository, mirror.between(shas["c2"], shas["s2"]))[0] == {"p1", "p2", "c3", "s1", "s2"}


@pytest.mark.parametrize("bare", [True, False])
def test_bare_or_with_a_checkout(bare: bool, made: Repository, tmp_path: Path) -> None:
    """A bare mirror, a checkout, a linked worktree and a relative path give the same answers."""
    if bare:
        made.git("clone", "--quiet", "--mirror", ".", str(tmp_path / "mirror.git"))
        check_answers(made, tmp_path / "mirror.git")
        check_answers(made, Path(os.path.relpath(tmp_path / "mirror.git")))
    else:
        made.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"), made.shas["c1"])
        check_answers(made, made.path)
        check_answers(made, tmp_path / "linked")


def test_only_commits_are_found(made: Repository) -> None:
    """Options, names, revisions and SHAs of a wrong length are not passed to git; trees are not found."""
    tree = made.git("rev-parse", "HEAD^{tree}").strip()
    made.git("tag", "--annotate", "--message=v1", "v1", made.shas["q1"])
    tag = made.git("rev-parse", "v1").strip()
    mirror = Mirror(made.path)
    found = mirror.commits([*HOSTILE_NAMES, tree, tag])
    assert found == {tree: None, tag: made.shas["q1"]}
    for name in HOSTILE_NAMES:
        for pair in ((name, made.shas["q1"]), (made.shas["q1"], name)):
            with pytest.raises(ValueError, match="expected a SHA"):
                mirror.between(*pair)


def test_a_branch_cannot_pass_for_a_commit(made: Repository) -> None:
    """A branch with the name of a commit, or of its first digits, is not found in its place."""
    one, other = made.shas["q1"], made.shas["c1"]
    made.git("update-ref", f"refs/heads/{one[:8]}", other)
    made.git("update-ref", f"refs/heads/{one}", other)
    made.git("update-ref", "refs/heads/abcdef1", other)
    found = {one: one, one[:8]: None, one[:9]: one, "abcdef1": None}
    assert Mirror(made.path).commits([*found]) == found


def test_nothing_of_a_hostile_repository_is_run(made: Repository, tmp_path: Path) -> None:
    """Nothing that its configuration, hooks and attributes name is run, and answers stay right."""
    proof, script = tmp_path / "proof", tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {proof}\n")
    script.chmod(0o755)
    config = Path(__file__).with_name("hostile.gitconfig").read_text()
    with (made.path / ".git/config").open("a") as file:
        file.write(config.replace("SCRIPT", str(script)).replace("FOLDER", str(tmp_path)))
    (tmp_path / "more").write_text(f"[core]\n\tfsmonitor = {script}\n")
    (made.path / ".gitattributes").write_text("* diff=x filter=x\n")
    for hook in ("post-checkout", "reference-transaction", "pre-auto-gc", "post-index-change"):
        shutil.copy(script, made.path / ".git/hooks" / hook)
    check_answers(made, made.path)
    assert not proof.exists()
    made.git("status")  # which proves that the traps work
    assert proof.exists()


def test_the_environment_changes_nothing(
    made: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables of git in the server's environment change neither which repository is read nor how."""
    other = Repository(tmp_path / "other")
    other.commit("x", "2026-03-02T08:00:00Z")
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(other.path / ".git/objects"))
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "alias.rev-list")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", f"!touch {tmp_path / 'proof'}")
    check_answers(made, made.path)
    assert not (tmp_path / "trace").exists()
    assert not (tmp_path / "proof").exists()


def test_replaced_and_grafted_commits_are_ignored(made: Repository) -> None:
    """A replaced commit, or one with other parents by a graft, counts as it was committed."""
    count = ("rev-list", "--count", made.shas["c6"])
    before = made.git(*count)
    made.git("replace", made.shas["h1"], made.shas["c1"])
    grafts = made.path / ".git/info/grafts"
    grafts.parent.mkdir(exist_ok=True)
    grafts.write_text(f"{made.shas['s2']}\n{made.shas['h1']} {made.shas['c1']}\n")
    assert made.git(*count) != before
    check_answers(made, made.path)


def test_nothing_is_fetched_for_a_partial_clone(made: Repository, tmp_path: Path) -> None:
    """A clone without files gives the same answers, and fetches no missing object."""
    partial = tmp_path / "partial.git"
    made.git("config", "uploadpack.allowFilter", "true")
    made.git("clone", "--quiet", "--mirror", "--filter=tree:0", made.path.as_uri(), str(partial))
    proof = tmp_path / "proof"
    made.git(f"--git-dir={partial}", "config", "remote.origin.url", f"ext::sh -c touch% {proof}")
    made.git(f"--git-dir={partial}", "config", "protocol.ext.allow", "always")
    check_answers(made, partial)
    tree = made.git("rev-parse", "HEAD^{tree}").strip()
    assert Mirror(partial).commits([tree, "0" * 40]) == {tree: None, "0" * 40: None}
    assert not proof.exists()


def test_another_users_repository_is_read(made: Repository) -> None:
    """A mirror that belongs to another user needs no `safe.directory`."""
    if os.geteuid() == 0:
        for folder, _, files in os.walk(made.path):
            for name in (".", *files):
                os.chown(Path(folder, name), 65534, 65534)
    else:
        made.git("config", "core.bare", "false")
    check_answers(made, made.path)


def test_an_unreadable_mirror_is_refused_with_the_remedy(made: Repository, tmp_path: Path) -> None:
    """No folder, no repository, a shallow clone and a broken one are refused, each with its path."""
    (tmp_path / "empty").mkdir()
    shallow = tmp_path / "shallow.git"
    made.git("clone", "--quiet", "--bare", "--depth=3", made.path.as_uri(), str(shallow))
    broken = tmp_path / "broken.git"
    made.git("clone", "--quiet", "--mirror", ".", str(broken))
    (broken / "HEAD").unlink()
    unread = "expected a git repository that this user can read"
    remedy = "expected a full history, got a shallow clone; run git fetch --unshallow in it"
    for path in (tmp_path / "none", tmp_path / "empty", broken, shallow):
        with pytest.raises(MirrorUnreadable, match=remedy if path == shallow else unread) as caught:
            Mirror(path).commits([made.shas["q1"]])
        assert str(caught.value).startswith(f"{path}: ")
    # A folder inside a repository is no repository itself.
    (made.path / "below").mkdir()
    with pytest.raises(MirrorUnreadable):
        Mirror(made.path / "below").commits([made.shas["q1"]])


def test_a_damaged_history_is_unreadable(made: Repository) -> None:
    """If a commit in between is missing, the mirror is unreadable."""
    sha = made.shas["s1"]
    (made.path / ".git/objects" / sha[:2] / sha[2:]).unlink()
    with pytest.raises(MirrorUnreadable):
        Mirror(made.path).between(made.shas["c2"], made.shas["c6"])


def test_git_that_is_missing_or_hangs(
    made: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without git, or if git hangs, the mirror is unreadable; `stop` ends a git process that runs."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    monkeypatch.setenv("PATH", str(bin_))
    with pytest.raises(MirrorUnreadable, match=r"git: cannot be started \(no such file"):
        Mirror(made.path).commits([])
    (bin_ / "git").write_text("#!/bin/sh\nexec /bin/sleep 30\n")
    (bin_ / "git").chmod(0o755)
    monkeypatch.setattr(module, "_LONGEST_SECONDS", 0.2)
    with pytest.raises(MirrorUnreadable, match=r"git did not finish within 0\.2 s"):
        Mirror(made.path).commits([])
    monkeypatch.setattr(module, "_LONGEST_SECONDS", 20.0)
    mirror = Mirror(made.path)
    threading.Timer(0.3, mirror.stop).start()
    began = time.monotonic()
    with pytest.raises(MirrorUnreadable):
        mirror.commits([])
    assert time.monotonic() - began < 20
    with pytest.raises(MirrorUnreadable, match="the server is stopping"):
        mirror.commits([])


GLOBS = ["a", "a/", "a/*", "a/**", "**/c", "**", "*", "a*", "a/**/c", "**/b/**", "?/c", "a/b*", "!**/c", "!a"]


def test_the_mirror_and_pushes_read_globs_alike(tmp_path: Path) -> None:
    """Which commits git holds to touch a service is what their files say, for each pair of globs."""
    files = ["a", "c", "ab", "b/c", "b/a/c", "b/b/b/c", "a.c", "b/ab", "b/ca", "d/a/c/e"]
    lines = ["commit refs/heads/main\ncommitter A <a@b.c> 1 +0000\ndata 0\nM 100644 inline x\ndata 0\n"]
    for number, file in enumerate([*files, "a/c", "a/b/c", "a/ba/c", "a/bx"], 2):
        # A file cannot be a folder, too.
        gone = "D a\n" if file == "a/c" else ""
        lines.append(f"commit refs/heads/main\ncommitter A <a@b.c> {number} +0000\ndata 0\n{gone}")
        lines.append(f"M 100644 inline {file}\ndata 0\n")
    subprocess.run(["git", "init", "--quiet", "--bare", tmp_path], check=True)
    git = ["git", f"--git-dir={tmp_path}"]
    subprocess.run([*git, "fast-import", "--quiet"], input="".join(lines).encode(), check=True)

    def asked(*words: str) -> list[str]:
        return subprocess.run([*git, *words], check=True, capture_output=True, text=True).stdout.split()

    shas = asked("rev-list", "main")
    told = {one: asked("show", "--format=", "--name-only", "--no-renames", one) for one in shas[:-1]}
    for pair in itertools.product(GLOBS, GLOBS):
        globs = tuple(map(checked, dict.fromkeys(pair)))
        ahead = Mirror(tmp_path).between(shas[-1], shas[0], *globs).ahead
        inside = {one.sha for one in ahead if one.outside is False}
        of_push = {one for one, of in told.items() if touched({"s": globs}, of)["s"]}
        assert {one.sha for one in ahead} == told.keys()
        assert inside == of_push, (globs, [told[one] for one in inside ^ of_push])


def test_too_many_commits_are_cut(made: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """With more commits than the limit between two, none is listed; with exactly the limit, all are."""
    earlier, later = made.shas["c2"], made.shas["s2"]
    monkeypatch.setattr(module, "MOST_COMMITS", 5)
    assert len(Mirror(made.path).between(earlier, later).ahead) == 5
    monkeypatch.setattr(module, "MOST_COMMITS", 4)
    assert Mirror(made.path).between(earlier, later) == Between((), (), cut=True)


def test_an_impossible_commit_date_is_no_time(made: Repository) -> None:
    """A commit with a date of 1970 or of the year 10000, or with an unreadable one, has no time."""
    tree = made.git("rev-parse", "HEAD^{tree}").strip()
    parent = first = made.shas["c6"]
    for date in ("0 +0000", "253402300800 +0000", "99999999999999999999 +0000", "soon +0000"):
        text = f"tree {tree}\nparent {parent}\nauthor L <l@e> 1 +0000\ncommitter L <l@e> {date}\n\nx\n"
        file = made.path / "raw"
        file.write_text(text)
        parent = made.git("hash-object", "-t", "commit", "-w", "--literally", str(file)).strip()
    found = Mirror(made.path).between(first, parent)
    assert [commit.at for commit in found.ahead] == [None] * 4
