"""Whole systems built on attention: a config, a model and its loss each.

captioner    Show, Attend and Tell                                   systems/captioner.py
classifier   recurrent encoders and attention pooling                systems/classifier.py
draw         DRAW, with windows and without                          systems/draw.py
translator   RNNsearch, Luong's translator, the Transformer          systems/translator.py
loss.py      what a loss is: a sum, and of how many;  nats.py: of true tokens
reinforce.py what hard attention adds to it
"""
