"""The step of the Python and the Bash template; `report_deploy.py` is made from it."""
