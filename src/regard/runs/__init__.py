"""The run folder, and what can be done with it: save, load, decode, answer, evaluate, report.

system.py            what of a system the shared parts need to know
translator.py        the translator;  translate.py: its answers;  scores_of_texts.py, bleu.py
classifier.py        the classifier;  classify.py: its answers;  scores_of_classes.py
captioner.py         the captioner;  caption.py: its answers;  scores_of_captions.py
draw.py              DRAW;  drawing.py, drawing_answers.py: its answers;  drawing_scores.py
folder.py            the files of a run
held_out.py          a run loaded, and judged on what it has not learned from
decode/              searches for the likeliest text
stream.py            answers to a stream of questions, in its order
alignment_error.py   weights beside alignments made by hand
report.py            the page
"""
