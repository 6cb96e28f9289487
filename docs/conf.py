"""Sphinx: MyST pages, Furo."""

project = "regard"
author = "The regard authors"
extensions = ["myst_parser"]
html_theme = "furo"
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
