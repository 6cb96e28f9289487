"""The run folder, and what can be done with it: save, load, decode, translate, evaluate, report.

folder.py      the files of a run
decode.py      searches for the likeliest text
translate.py   a trained translator
evaluate.py    scores
report.py      the page
"""
