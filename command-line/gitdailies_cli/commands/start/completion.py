"""`gitdailies completion`: print the lines that make a shell complete `gitdailies`."""

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")
_PROGRAM, _VARIABLE = "gitdailies", "_GITDAILIES_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what completes subcommands, options and choices in a shell.

    \b
    gitdailies completion bash > ~/.local/share/bash-completion/completions/gitdailies
    gitdailies completion zsh > ~/.zfunc/_gitdailies        with fpath+=~/.zfunc before compinit
    gitdailies completion fish > ~/.config/fish/completions/gitdailies.fish
    """
    from gitdailies_cli.main import gitdailies

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(gitdailies, {}, _PROGRAM, _VARIABLE).source())
