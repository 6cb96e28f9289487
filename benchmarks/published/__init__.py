"""What the systems reach on real data: docs/results.md, from runs of the command line.

A part is measured by trainings that anybody can repeat: each is one ``regard train``, whose words
stand in the JSON. What is finished is kept, so that a part can be stopped and gone on with.

Run:    python benchmarks/published                 which parts there are, and which are measured
        python benchmarks/published sentiment …     measure parts, and write the page
        python benchmarks/published --page          write the page alone, from JSON

Method: seeds, wall times and sizes are told with every number; an interval over seeds is Student's,
of a mean or of a paired difference; one of BLEU is the bootstrap's, over sentences.
"""
