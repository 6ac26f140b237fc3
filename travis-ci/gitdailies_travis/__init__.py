"""The step that a line of .travis.yml runs; `report_deploy.sh` is made from it."""
