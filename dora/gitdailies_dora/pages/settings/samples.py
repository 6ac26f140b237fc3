"""What pages offer to paste: a command that sends a deploy, and settings of a relay. Pure."""


def deploy_command(origin: str) -> str:
    """Return a command that sends a first deploy, with a random commit."""
    return (
        f"curl -sS {origin}/webhooks \\\n"
        '  -H "webhook-key: $GITDAILIES_WEBHOOK_KEY" \\\n'
        '  -H "content-type: application/json" \\\n'
        "  --data '{\n"
        '    "kind": "deployed",\n'
        '    "repo": "larkspur/checkout-api",\n'
        '    "environment": "production",\n'
        '    "branch": "main",\n'
        '    "commitSHA": "\'$(openssl rand -hex 20)\'"\n'
        "  }'"
    )


def relay_settings(origin: str) -> str:
    """Return a gitdailies.yml with which a relay takes incidents and sends them to the server at *origin*."""
    return f"""gitdailies:
  url: {origin}/webhooks
  key: {{env: GITDAILIES_WEBHOOK_KEY}}
sources:
  pagerduty: {{adapter: pagerduty, secrets: [{{env: PAGERDUTY_SECRET}}]}}
services:
  checkout: {{repo: larkspur/checkout-api}}
"""
