"""Without Python the scripts send the documented fields, by curl, wget or BusyBox, or say why not."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts.builders.launchers.variables import known
from scripts.builders.script import script_of
from scripts.platforms import folder_of
from tests.component.ci_steps.test_github_interpreters import FOUND
from tests.support.programs import planted, program, ran
from tests.support.servers import Received, Server, answer, certificate, free_port, serving
from tests.support.shell_scripts import KEY, ROOT, SCRIPTS, case_of, mark, repository, run

pytestmark = pytest.mark.matrix
each = pytest.mark.parametrize("room", SCRIPTS)
TAKEN = answer("202 Accepted", b"{}")
SENDERS = ("curl", "wget", "busybox")
by_each = pytest.mark.parametrize("sender", SENDERS)
# The parts of BusyBox that a script without curl uses.
APPLETS = ("nc", "wget", "timeout", "cat", "wc", "sh")


def environ_of(room: str, url: str, name: str = "", **more: str) -> dict[str, str]:
    known = {
        "GITDAILIES_WEBHOOK_URL": url,
        "GITDAILIES_WEBHOOK_KEY": KEY,
        "GITDAILIES_ENVIRONMENT": "production",
    }
    return {**case_of(room, name)["environ"], **known, **more}


def with_sender(folder: Path, *senders: str) -> Path:
    """Put programs that send into the script's PATH. Each writes its arguments to the file `arguments`."""
    for sender in senders:
        parts = {name: f"{program(sender)} {name}" for name in APPLETS if sender == "busybox"}
        if sender == "wget":
            parts["rm"] = program("rm")
        for name, called in {sender: program(sender), **parts}.items():
            text = f"""#!/bin/sh\nprintf '%s\\n' {name} "$@" >>{folder}/arguments\nexec {called} "$@"\n"""
            planted(folder / "bin" / name, text)
    return folder


def shell_of(folder: Path, name: str, options: str) -> str:
    """Write a program that starts a shell with options."""
    called = f"{program(name)} {'sh' * (name == 'busybox')} {options}"
    return str(planted(folder / "start", f'#!/bin/sh\nexec {called} "$@"\n'))


@contextmanager
def once(reply: bytes = TAKEN) -> Iterator[Server]:
    """Serve, and end each connection after its answer, as the request asks."""
    with serving(lambda connection, _: connection.sendall(reply)) as server:
        yield server


def report(
    room: str,
    folder: Path,
    more: Mapping[str, str] | None = None,
    *,
    sender: str = "curl",
    name: str = "",
    reply: bytes = TAKEN,
) -> tuple[subprocess.CompletedProcess[str], list[Received]]:
    """Run the room's script with one program that sends; return its exit and the request that it sent."""
    with_sender(folder, sender)
    with once(reply) as server:
        done = run(room, folder, environ=environ_of(room, server.url, name, **(more or {})), python=None)
    return done, server.requests


@each
@by_each
def test_the_documented_fields_are_sent(room: str, sender: str, tmp_path: Path) -> None:
    """The deploy arrives with the fields that GitDailies documents, and the log says that these are all."""
    [event] = case_of(room)["expected"]["events"]
    done, [request] = report(room, tmp_path, sender=sender)

    assert done.returncode == 0
    assert done.stdout == (
        f"GitDailies: reported: deploy of {event['repo']} at 4f0c2d6 to production\n"
        "GitDailies: without Python 3.9, only the documented fields are sent\n"
    )
    body = json.loads(request.body)
    known = {"kind": "deployed", "environment": "production"}
    assert {**body, **known, "repo": event["repo"], "commitSHA": event["commitSHA"]} == body
    assert set(body) <= {"kind", "repo", "commitSHA", "environment", "branch"}
    assert body.get("branch") in (None, event["branch"])
    assert request.headers["webhook-key"] == KEY
    assert request.headers["content-type"] == "application/json"
    assert KEY not in done.stdout + done.stderr


@by_each
def test_the_key_is_in_no_argument(sender: str, tmp_path: Path) -> None:
    """A list of processes shows arguments. No program that the script starts gets the key as one."""
    _, requests = report("gitlab", tmp_path, sender=sender)
    arguments = (tmp_path / "arguments").read_text("utf-8")

    assert len(requests) == 1
    assert ("nc" if sender == "busybox" else sender) in arguments.splitlines()
    assert KEY not in arguments


def test_no_file_keeps_the_key(tmp_path: Path) -> None:
    """The file from which wget reads the key has no name while wget runs. Only its owner may read it."""
    with_sender(tmp_path, "wget")
    (tmp_path / "temporary").mkdir()
    wget = tmp_path / "bin/wget"
    look = f'{program("ls")} -lL /dev/stdin >"$TMPDIR/../seen"\nexec '
    wget.write_text(wget.read_text("utf-8").replace("exec ", look))
    with once() as server:
        environ = environ_of("gitlab", server.url, TMPDIR=str(tmp_path / "temporary"))
        run("gitlab", tmp_path, environ=environ, python=None)

    assert len(server.requests) == 1
    assert list((tmp_path / "temporary").iterdir()) == []
    assert (tmp_path / "seen").read_text("utf-8").startswith("-rw------- 0 ")


# The launcher of the one step.
LAUNCHER = ROOT / "ci-steps" / "launch.sh"
SHELLS = ("dash", "bash", "busybox")


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("options", ["", "-eu"])
def test_every_shell(shell: str, options: str, tmp_path: Path) -> None:
    """dash, bash and BusyBox' sh send the same, with the options that platforms set."""
    with_sender(tmp_path, "busybox")
    started = shell_of(tmp_path, shell, options)
    with once() as server:
        environ = environ_of("jenkins", server.url, GITDAILIES_ENVIRONMENT='Zürich "A\\B"')
        done = run("jenkins", tmp_path, environ=environ, python=None, shell=started)

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(server.requests[0].body)["environment"] == 'Zürich "A\\B"'


@pytest.mark.parametrize("version", [(2, 7), (3, 6), (3, 8)])
def test_an_older_python(version: tuple[int, int], tmp_path: Path) -> None:
    """A Python before 3.9 runs no step, and counts as none."""
    found = FOUND.get(version)
    with_sender(tmp_path, "curl")
    text = f'exec {found} "$@"' if found else f"echo Python {'.'.join(map(str, version))}.1"
    planted(tmp_path / "bin/python3", f"#!/bin/sh\n{text}\n")
    with once() as server:
        done = run("jenkins", tmp_path, environ=environ_of("jenkins", server.url), python=None)

    assert "GitDailies: reported: deploy of" in done.stdout
    assert len(server.requests) == 1


@by_each
@pytest.mark.parametrize(
    "text", ['pro"duction', "pro$(id)", "back\\slash", "Zürich 🚀", "a `b` 'c' & d", "%s%n"], ids=range(6)
)
def test_every_character_arrives(sender: str, text: str, tmp_path: Path) -> None:
    """Names arrive as they are, whatever they mean to JSON or to a shell."""
    more = {"GITDAILIES_ENVIRONMENT": text, "GITDAILIES_BRANCH": text}
    done, [request] = report("gitlab", tmp_path, more, sender=sender)

    body = json.loads(request.body)
    assert (body["environment"], body["branch"]) == (text, text)
    assert done.stderr == ""


@each
@by_each
@pytest.mark.parametrize(
    ("reply", "strict", "why"),
    [
        (answer("401 Unauthorized", b"{}"), 3, "the key is refused"),
        (answer("422 Unprocessable", b"{}"), 3, "the receiver refuses the deploy"),
        (answer("429 Too Many", b"{}"), 1, "the receiver refuses the deploy"),
        (answer("503 Unavailable", b""), 1, "the receiver did not take the deploy"),
        (answer("307 Elsewhere", b""), 1, "the address is wrong"),
    ],
    ids=["401", "422", "429", "503", "307"],
)
def test_a_refusal_is_a_warning(
    room: str, sender: str, reply: bytes, strict: int, why: str, tmp_path: Path
) -> None:
    """What was not taken is a warning, after one attempt; where errors fail, it has the step's exit code."""
    folder = with_sender(tmp_path, sender)
    with once(reply) as server:
        done = run(room, folder, environ=environ_of(room, server.url), python=None)
        environ = environ_of(room, server.url, GITDAILIES_FAIL_ON_ERROR="true")
        failed = run(room, folder, environ=environ, python=None)

    assert len(server.requests) == 2
    assert (done.returncode, failed.returncode) == (0, strict)
    assert done.stdout.startswith(f"{mark(room, 'warning')}deploy not reported: Python 3.9 or later")
    assert failed.stdout.startswith(f"{mark(room, 'error')}deploy not reported: Python 3.9 or later")
    assert f", and {why} ({sender} got {reply[9:12].decode()})" in done.stdout
    assert "reported: deploy of" not in done.stdout
    assert KEY not in done.stdout + done.stderr + failed.stdout


def test_busybox_wget_is_not_used(tmp_path: Path) -> None:
    """The wget of small images takes a header as an argument alone, and follows redirects."""
    with_sender(tmp_path, "busybox")
    (tmp_path / "bin/nc").unlink()
    done = run("gitlab", tmp_path, environ=environ_of("gitlab", "http://127.0.0.1:9/"), python=None)

    assert (tmp_path / "arguments").read_text("utf-8").splitlines() == ["wget", "--help"]
    assert "WARNING: deploy not reported" in done.stdout


@pytest.mark.parametrize("trusted", [True, False])
def test_https_by_busybox(trusted: bool, tmp_path: Path) -> None:
    """With Alpine's ssl_client, nc connects and ssl_client encrypts, after it checked the certificate.

    A program in Python takes the place of Alpine's ssl_client, with the arguments that BusyBox gives it.
    """
    folder = with_sender(tmp_path, "busybox")
    file, context = certificate(tmp_path, "DNS:localhost")
    planted(
        folder / "bin/ssl_client",
        f"#!{sys.executable}\n"
        "import socket, ssl, sys\n"
        "if sys.argv[1:] == ['--help']: sys.exit('usage: ssl_client -s FD -n NAME')\n"
        "assert sys.argv[1:3] == ['-s3', '-n'], sys.argv\n"
        f"context = ssl.create_default_context({'cafile=' + repr(str(file)) if trusted else ''})\n"
        "with context.wrap_socket(socket.socket(fileno=3), server_hostname=sys.argv[3]) as connection:\n"
        "    connection.sendall(sys.stdin.buffer.read())\n"
        "    while data := connection.recv(65536):\n"
        "        sys.stdout.buffer.write(data)\n",
    )
    with serving(lambda connection, _: connection.sendall(TAKEN), tls=context) as server:
        url = f"https://localhost:{server.port}/webhooks"
        done = run("gitlab", folder, environ=environ_of("gitlab", url), python=None)

    assert [request.headers["webhook-key"] for request in server.requests] == [KEY] * trusted
    assert ("GitDailies: reported: deploy of" in done.stdout) is trusted
    assert KEY not in done.stdout


def test_https_without_a_check_of_the_certificate(tmp_path: Path) -> None:
    """BusyBox' own ssl_client checks no certificate, so nothing is sent with it."""
    folder = with_sender(tmp_path, "busybox")
    planted(folder / "bin/ssl_client", f"#!/bin/sh\nexec {program('busybox')} nc --help\n")
    _, context = certificate(tmp_path, "DNS:localhost")
    with serving(TAKEN, tls=context) as server:
        url = f"https://localhost:{server.port}/webhooks"
        done = run("gitlab", folder, environ=environ_of("gitlab", url), python=None)

    assert server.requests == []
    assert "WARNING: deploy not reported" in done.stdout


@by_each
def test_a_receiver_that_is_down(sender: str, tmp_path: Path) -> None:
    """Without an answer, the log says what the program says of it."""
    environ = environ_of("gitlab", f"http://127.0.0.1:{free_port()}/webhooks")
    done = run("gitlab", with_sender(tmp_path, sender), environ=environ, python=None)

    assert f"the receiver did not take the deploy ({sender} got no answer: " in done.stdout
    assert done.stdout.count("\n") == 1


def test_what_is_left_out(tmp_path: Path) -> None:
    """The log names the inputs that only Python sends, and a time is sent."""
    more = {
        "GITDAILIES_SERVICE": "api",
        "GITDAILIES_TYPE": "rollback",
        "GITDAILIES_TIME": "2026-03-04T08:55:12Z",
    }
    done, [request] = report("jenkins", tmp_path, more)

    assert json.loads(request.body)["time"] == "2026-03-04T08:55:12Z"
    assert "only the documented fields are sent, not GITDAILIES_SERVICE, GITDAILIES_TYPE\n" in done.stdout


def test_another_commit_has_no_branch(tmp_path: Path) -> None:
    """A commit that was set by hand is not on the branch of the job, as far as the shell knows."""
    other = "b7d3e9f0a1c25846d9e8f7061524334251607f8e"
    _, [request] = report("gitlab", tmp_path, {"GITDAILIES_SHA": other})

    body = json.loads(request.body)
    assert (body["commitSHA"], "branch" in body) == (other, False)


def test_the_component_names_the_variable_of_the_key(tmp_path: Path) -> None:
    """The key may be in another variable, which an input names."""
    named = {"GITDAILIES_WEBHOOK_KEY": "", "INPUT_WEBHOOK_KEY_ENV": "KEY_OF_LEDGER"}
    _, [request] = report("gitlab", tmp_path, {**named, "KEY_OF_LEDGER": f"{KEY}-2\r"})

    assert request.headers["webhook-key"] == f"{KEY}-2"


@each
def test_no_other_platform_names_the_variable_of_the_key(room: str, tmp_path: Path) -> None:
    """Without an input for it, no variable can make another secret of the job the key."""
    named = {"INPUT_WEBHOOK_KEY_ENV": "ANOTHER", "PARAM_WEBHOOK_KEY": "ANOTHER"}
    if room == "gitlab":
        del named["INPUT_WEBHOOK_KEY_ENV"]
    _, [request] = report(room, tmp_path, {**named, "ANOTHER": "a-secret-of-the-job"})

    assert request.headers["webhook-key"] == KEY


@each
def test_a_script_evaluates_no_text(room: str) -> None:
    """No `eval` is in a script, but where an input names the variable of the key."""
    assert ("eval" in script_of(folder_of(ROOT, room))) == (room == "gitlab")


@pytest.mark.parametrize("sender", ["curl", "wget"])
def test_a_file_of_settings_is_not_read(sender: str, tmp_path: Path) -> None:
    """A user's .curlrc or .wgetrc that follows redirects, or writes a log, changes nothing."""
    folder = with_sender(tmp_path, sender)
    (folder / ".curlrc").write_text(f"location\ntrace-ascii {folder}/trace\n")
    (folder / ".wgetrc").write_text(f"max_redirect = 5\nlogfile = {folder}/trace\n")
    with once() as other, once(answer("307 Elsewhere", b"", Location=other.url)) as server:
        run("gitlab", folder, environ=environ_of("gitlab", server.url), python=None)

    assert (len(server.requests), other.requests) == (1, [])
    assert not (folder / "trace").exists()


def test_launch_for_every_platform(tmp_path: Path) -> None:
    """The launcher of the one step finds the platform by its variables, and reads that platform's alone."""
    for room in SCRIPTS:
        folder = tmp_path / room
        folder.mkdir()
        with once() as server:
            environ = {
                "PATH": str(with_sender(folder, "curl") / "bin"),
                "GIT_COMMIT": "b7d3e9f0a1c25846d9e8f7061524334251607f8e" if room != "jenkins" else "",
                "CI_COMMIT_SHA": "",
                **environ_of(room, server.url),
            }
            done = ran(["/bin/sh", LAUNCHER], environ=environ)
        [event] = case_of(room)["expected"]["events"]
        body = json.loads(server.requests[0].body)
        assert (body["repo"], body["commitSHA"]) == (event["repo"], event["commitSHA"]), room
        assert done.returncode == 0


@pytest.mark.parametrize(
    ("room", "name", "expected"),
    [
        ("gitlab", "merge_request_without_environment", "preview"),
        ("gitlab", "merge_train", None),
        ("bitbucket", "pull_request", "preview"),
        ("travis", "pull_request_of_a_fork", "preview"),
        ("jenkins", "github_pull_request_builder", "preview"),
        ("azure", "classic_release", "Production"),
    ],
)
def test_environments(room: str, name: str, expected: str | None, tmp_path: Path) -> None:
    """A pull request that names no environment is a preview here, too, and no branch of a fork is sent."""
    _, [request] = report(room, tmp_path, {"GITDAILIES_ENVIRONMENT": ""}, name=name)

    [event] = case_of(room, name)["expected"]["events"]
    body = json.loads(request.body)
    assert body.get("environment") == expected
    assert body["commitSHA"] == event["commitSHA"]
    assert body.get("branch") in (None, event.get("branch"))


@pytest.mark.parametrize(
    ("room", "name", "more"),
    [
        ("gitlab", "stop", {}),
        ("azure", "azure_repos", {}),
        ("azure", "server", {}),
        ("jenkins", "bitbucket_server", {}),
        ("jenkins", "ssh_address_with_port", {}),
        ("jenkins", "codecommit", {}),
        # The options of the plugin, such as the environment, are not read.
        ("buildkite", "", {"BUILDKITE_PLUGIN_CONFIGURATION": '{"environment":"qa"}'}),
        # nc knows no proxy, and the address may not be reachable without it.
        ("gitlab", "", {"http_proxy": "http://127.0.0.1:9"}),
        # A time with line ends writes no line of its own into the log.
        ("gitlab", "", {"GITDAILIES_TIME": "2026-03-04\n::error::forged"}),
    ],
)
def test_a_job_that_is_not_certain(room: str, name: str, more: dict[str, str], tmp_path: Path) -> None:
    """What deploys nothing, has a name that the shell cannot tell, or asks for more, sends nothing."""
    done, requests = report(
        room, tmp_path, more, name=name, sender="busybox" if "http_proxy" in more else "curl"
    )

    assert (requests, "forged" in done.stdout + done.stderr) == ([], False)


@each
def test_a_web_page_is_no_delivery(room: str, tmp_path: Path) -> None:
    """A page to sign in takes no event."""
    done, _ = report(room, tmp_path, reply=answer("200 OK", b"<html>", Content_Type="text/html"))

    assert "the address answers with a web page" in done.stdout


UNCERTAIN = {
    "a reference": {"GITDAILIES_ENVIRONMENT": "$(ENVIRONMENT)"},
    "a line end": {"GITDAILIES_ENVIRONMENT": "pro\nduction"},
    "a command": {"GITDAILIES_ENVIRONMENT": "##vso[task.setvariable variable=x]y"},
    "a word for a time": {"GITDAILIES_TIME": "yesterday"},
    "a user": {"GITDAILIES_WEBHOOK_URL": "https://robin:s3cr3t@hooks.example.com/webhooks"},
    "several": {"GITDAILIES_REPO": "one/a two/b"},
    "another commit": {"GITDAILIES_REPO": "larkspur/ledger@4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214"},
    "a short commit": {"GITDAILIES_SHA": "4f0c2d6"},
    "no key": {"GITDAILIES_WEBHOOK_KEY": ""},
    "a dry run": {"GITDAILIES_DRY_RUN": "true"},
    "a typing error": {"GITDAILIES_ENVIROMENT": "staging"},
    "the checkout": {"GITDAILIES_SHA": "checkout"},
}


@each
@pytest.mark.parametrize("more", UNCERTAIN.values(), ids=list(UNCERTAIN))
def test_what_is_not_certain_is_not_sent(room: str, more: dict[str, str], tmp_path: Path) -> None:
    """What needs more than the shell is left to the warning, and nothing is sent."""
    done, requests = report(room, tmp_path, more)

    assert requests == []
    assert done.stdout.startswith(f"{mark(room, 'warning')}deploy not reported: Python 3.9 or later")


@each
def test_a_failed_job_is_not_reported(room: str, tmp_path: Path) -> None:
    """A deploy that failed by its status is none."""
    done, requests = report(room, tmp_path, {"GITDAILIES_STATUS": "failure"})

    assert (done.returncode, requests) == (0, [])
    assert "nothing reported" in done.stdout


OPEN = [
    (room, variable, word)
    for room, folder in SCRIPTS.items()
    for variable, words in known(folder).open.items()
    for word in words
]


@pytest.mark.parametrize(("room", "variable", "word"), OPEN)
def test_a_run_that_names_no_commit(room: str, variable: str, word: str, tmp_path: Path) -> None:
    """A run by hand or by schedule is sent with the commit that was set, and only then."""
    folder = with_sender(tmp_path, "curl")
    with once() as server:
        environ = environ_of(room, server.url, **{variable: word})
        done = run(room, folder, environ=environ, python=None)
        assert server.requests == []
        assert "only Python looks for the commit of a run that names none; set " in done.stdout
        run(room, folder, environ={**environ, "GITDAILIES_SHA": "c3" * 20}, python=None)

    assert json.loads(server.requests[0].body)["commitSHA"] == "c3" * 20


def test_a_checkout_that_was_moved(tmp_path: Path) -> None:
    """Where the platform does not say what started the run, a checkout at another commit is named."""
    sha = repository(tmp_path)
    with once() as server:
        environ = environ_of("jenkins", server.url)
        done = run("jenkins", with_sender(tmp_path, "curl"), environ=environ, python=None)
        assert server.requests == []
        assert f"the checkout is at {sha[:7]}, the run is of 4f0c2d6; set GITDAILIES_SHA" in done.stdout
        run("jenkins", tmp_path, environ={**environ, "GIT_COMMIT": sha}, python=None)

    assert json.loads(server.requests[0].body)["commitSHA"] == sha


@each
def test_other_variables_of_ours(room: str, tmp_path: Path) -> None:
    """Other keys, an empty variable, and what a value says are no typing errors."""
    more = {
        "GITDAILIES_WEBHOOK_KEY_OF_STAGING": "gdk_other",
        "GITDAILIES_ENVIROMENT": "",
        "NOTE": "a line\nGITDAILIES_ENVIROMENT=staging",
        "OTHER_GITDAILIES_ENVIROMENT": "staging",
    }
    assert len(report(room, tmp_path, more)[1]) == 1


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_a_trace_has_no_key(shell: str, tmp_path: Path) -> None:
    """A shell that prints what it runs does not print the key."""
    with_sender(tmp_path, "curl")
    started = shell_of(tmp_path, shell, "-x")
    with once() as server:
        environ = environ_of("jenkins", server.url)
        done = run("jenkins", tmp_path, environ=environ, python=None, shell=started)

    assert (len(server.requests), "+ python=" in done.stderr) == (1, True)
    assert KEY not in done.stdout + done.stderr
