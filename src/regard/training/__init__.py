"""Training, by Lightning: the only part that imports it.

options.py     how a system is trained
task.py        the one Lightning task for all systems
callbacks.py   best weights, numbers, signals
fit.py         from options to a run folder
"""
