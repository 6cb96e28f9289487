"""Attention weights made visible.

    alignment   Alignment: which target token looked at which source token, and how much
    attended    Attended: the same by layers and heads, over images, of very long texts
    views       Page, head_view, model_view: interactive, in a file or a notebook
    plotting    plot: a figure of matplotlib, for papers
    terminal    the heatmap as text, for a terminal
    svg         the heatmap, and curves of a training run, as SVG text
    page        one self-contained HTML page of sections, tables, figures and panels; its writing
    module      the program and the looks of panels, from ``web/``
    overlay     an image, and where each word looked: SVG and text; overlay_picture: files
    walk        DRAW's windows over an image, step by step; walk_picture, walk_terminal
    shading     a text whose words are shaded by their weights; shading_picture: files
    png         pixels as a PNG, for pages and drawings
    picture     the heatmap as a PNG, through matplotlib (``pip install 'regard[view]'``)
    colors      the colour map of weights and the colours of curves
    characters  tokens nobody could see, shown; text made safe for XML; widths in a terminal
    ticks       round numbers for an axis

All but ``picture`` and ``plot`` need only NumPy and the standard library.
"""

from regard.view.alignment import Alignment
from regard.view.attended import Attended
from regard.view.plotting import plot
from regard.view.views import Page, head_view, model_view

__all__ = ["Alignment", "Attended", "Page", "head_view", "model_view", "plot"]
