"""Data: where they come from, how they become numbers, how they are batched.

files.py        lines of files of every kind;  rows.py, parallel.py: rows that stay on disk
splits.py       parts to learn from, to choose by and to be judged on
download.py     what is fetched from its home, with checksums (download_sets.py)
sources.py      pairs: a built-in set by name, or files (pairs.py)
dates.py        the built-in set of dates;  tatoeba.py: eng-fra
labels.py       texts and labels: a built-in set by name, or files (labelled*.py)
sentiment.py    the built-in set of reviews;  languages.py: of names in 40 languages
aligned.py      pairs aligned by hand
captions.py     images and captions: scenes (scenes.py), or files (captions_*.py)
seen_files.py   images to draw: placed.py, mnist.py, or folders
running.py      running text: prose.py, wikitext.py, or files; streams.py: read side by side
questions_files.py  passages and questions: world.py (world_*.py), squad.py, or files
                (questions_*.py)
vectors.py      word vectors of a file
picture.py      what an example holds of an image;  images.py: image files
digits.py       scikit-learn's handwritten digits
problems.py     what cannot be read, and is refused or left out
vocabulary.py   characters, words (tokens.py) and pieces (pieces.py) as numbers
copying.py      words that may be copied from source to target
batching.py     batches of like length;  labelled_batch.py: of texts and labels;
                captioned_batch.py, seen_batch.py: of images
"""
