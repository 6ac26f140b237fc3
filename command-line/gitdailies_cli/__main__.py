"""`python -m gitdailies_cli`, if the command is not on the path."""

from gitdailies_cli.main import main

if __name__ == "__main__":  # not in a process that reads for a server
    main()
