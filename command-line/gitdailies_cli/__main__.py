"""`python -m gitdailies_cli`, if the command is not on the path."""

from gitdailies_cli.main import main

main()
