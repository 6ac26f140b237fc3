"""The GitHub Action that reports a deploy; `report_deploy.py` beside action.yml is made from it."""
