"""The step that a line of .travis.yml runs; `report_deploy.py` is made from it."""
