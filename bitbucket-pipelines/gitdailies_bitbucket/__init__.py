"""The step that a line of bitbucket-pipelines.yml runs; `report_deploy.sh` is made from it."""
