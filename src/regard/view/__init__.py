"""Attention weights made visible.

    alignment   Alignment: which target token looked at which source token, and how much
    terminal    the heatmap as text, for a terminal
    svg         the heatmap, and curves of a training run, as SVG text
    page        one self-contained HTML page of sections, tables and figures, and its writing
    overlay     an image, and where each word looked: SVG and text; overlay_picture: files
    walk        DRAW's windows over an image, step by step; walk_picture, walk_terminal
    shading     a text whose words are shaded by their weights; shading_picture: files
    png         pixels as a PNG, for pages and drawings
    picture     the heatmap as a PNG, through matplotlib (``pip install 'regard[view]'``)
    colors      the colour map of weights and the colours of curves
    characters  tokens nobody could see, shown; text made safe for XML; widths in a terminal
    ticks       round numbers for an axis

All but ``picture`` need only NumPy and the standard library.
"""

from regard.view.alignment import Alignment

__all__ = ["Alignment"]
