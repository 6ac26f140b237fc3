"""The scripts that start a step: `launcher.sh` for POSIX shells, `launcher.ps1` for PowerShell.

Both look for a Python. Without one they send the documented fields by themselves, and read the variables
that `variables.py` names.
"""
