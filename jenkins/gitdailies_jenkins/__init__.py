"""The step that a line of a Jenkinsfile runs; `report_deploy.sh` is made from it."""
