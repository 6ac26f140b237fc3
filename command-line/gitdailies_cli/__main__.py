"""`python -m gitdailies_cli`, for where the command is not on the path."""

from gitdailies_cli.main import main

main()
