"""Data: where they come from, how they become numbers, how they are batched.

sources.py      a built-in set by name, or a file; the split
pairs.py        files of two columns
dates.py        the built-in set of dates
vocabulary.py   characters and words as numbers
batching.py     batches of like length
"""
