"""Everything that regard raises on purpose.

    RegardError
    ├── ShapeError    (ValueError)   sizes that do not fit: the pattern expected, the shapes given
    ├── KindError     (TypeError)    an argument of the wrong kind: what is taken, what came
    ├── UnknownName   (ValueError)   a name that stands for nothing: the names that do
    ├── RangeError    (ValueError)   a number outside its range
    ├── EngineError   (RuntimeError) an engine that was asked for and cannot: the reasons
    ├── DataError     (ValueError)   a data file that cannot be read: file and line
    ├── RunError      (ValueError)   a run folder that is missing, unfinished or in the way
    ├── WatchError    (RuntimeError) attention that was watched, and cannot be told: the reason
    └── MissingExtra  (ImportError)  a package that this part needs: what to install

Catch the built-in class where regard is one library of many, or ``RegardError`` for all of them.
"""


class RegardError(Exception):
    """The root: every exception that regard raises on purpose is one."""


class ShapeError(RegardError, ValueError):
    """Sizes that do not fit together."""


class KindError(RegardError, TypeError):
    """An argument of the wrong kind."""


class UnknownName(RegardError, ValueError):
    """A name that stands for nothing here."""


class RangeError(RegardError, ValueError):
    """A number outside its range."""


class EngineError(RegardError, RuntimeError):
    """An engine that was asked for by name and cannot take the call."""


class DataError(RegardError, ValueError):
    """A data file that cannot be read; the message begins with ``file:line:`` where it can."""


class RunError(RegardError, ValueError):
    """A run folder that is missing, unfinished, or already there."""


class WatchError(RegardError, RuntimeError):
    """Attention that was watched and cannot be told: it was dropped, or has been written over."""


class MissingExtra(RegardError, ImportError):
    """A package of an extra that is not installed."""
