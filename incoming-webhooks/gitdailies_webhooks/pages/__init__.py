"""The pages: server-rendered, signed-in only, without a script or a font from elsewhere.

`routes` holds what there is, `site` what all pages share, `visit` who looks at them.
"""
