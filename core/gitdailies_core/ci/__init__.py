"""Which deploys a CI job made. Each platform has a table, and one function reads them all.

Pure: the environment, the event's payload, the inputs and git's facts are arguments. `platforms` holds
the tables. `__main__` is the step; the joiner makes `ci-steps/report_deploy.py` from it.
"""
