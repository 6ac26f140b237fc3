"""What an entry of a pack makes of a delivery: incident changes, deploys, pushes, or a reason for none.

entries ─▶ incidents, deploys, pushes ─▶ git
"""
