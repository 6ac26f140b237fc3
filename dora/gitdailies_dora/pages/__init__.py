"""The pages: rendered by the server, for signed-in people, without a script or a font from elsewhere.

    routes → site → sign_in · events · dora · settings (keys) · members (people, audit trail) → templates
               ↑                         ↓
    request_context, forms           dora_view → cards, timeline → charts, axis, formatting

`site` finds out who the visitor is and what they may open, and renders. `dora_view` prepares the DORA
page's data for the template.
"""
