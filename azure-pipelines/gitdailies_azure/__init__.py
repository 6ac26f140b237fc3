"""The step in the steps template of Azure Pipelines; `report-deploy.yml` is made from it."""
