"""The step that the orb's command runs; `src/scripts/report_deploy.py` is made from it."""
