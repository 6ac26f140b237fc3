"""The step that the Buildkite plugin's hook runs; `report_deploy.sh` is made from it."""
