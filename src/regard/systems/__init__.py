"""Whole systems built on attention: a config, a model and its loss each.

classifier   recurrent encoders and attention pooling                systems/classifier.py
translator   RNNsearch, Luong's translator, the Transformer          systems/translator.py
loss.py      what a loss is: a sum, and of how many
"""
