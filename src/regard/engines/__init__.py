"""How is it computed?

plan.py        which engine takes a call, and why not the others
call.py        the arguments of a call, checked once
formula.py     the formula for one rectangle of the plane
blocks.py      blocks of queries, so that nothing of size Q×K is held
reference.py   the formula at once, for NumPy and as oracle
sdpa.py        inner products on torch's fused kernel
streaming.py   everything else, in blocks
"""
