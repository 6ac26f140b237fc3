"""What operators see and do: status, metrics, reports, replay."""
