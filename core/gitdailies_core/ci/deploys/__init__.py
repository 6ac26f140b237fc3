"""Which deploys a job made, by its facts and its checkout."""
