"""The step that the GitLab component and the after_script line run; `report_deploy.sh` is made from it."""
