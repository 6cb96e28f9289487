"""Trained runs as a web page and a JSON API: what ``regard serve`` starts.

refusals.py  what a request is refused with: a status and a reason
limits.py    how much a request may ask
runs.py      the runs that are served, loaded, by name
options.py   which options of a search a client may set, and how far
asked.py     from the bytes of a request to what it asks
answers.py   from what is asked to the bytes of an answer, several as one batch
desk.py      the queue: those who ask wait, one thread answers
guards.py    who may ask: Host, origin and token; the headers of every response
openapi.py   the description of the API
app.py       the addresses
server.py    the socket, the signals, the end
page/        the page: HTML, CSS and a script of our own

Starlette and uvicorn are imported by ``app`` and ``server`` alone.
"""
