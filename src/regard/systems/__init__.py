"""Whole systems built on attention: a config, a model and its loss each.

translator   RNNsearch and Luong's translator      systems/translator.py
"""
