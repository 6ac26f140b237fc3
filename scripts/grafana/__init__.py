"""The dashboards for Grafana: a table of panels for each, and what makes JSON of a table."""
