"""Attention as a database.

Memory    rows of key and value; read softly, select exactly, save and load   memory/table.py
Reading   what is read where values are objects                               memory/table.py
          rows, and what may become one                                       memory/rows.py
          the file                                                            memory/file.py
"""

from regard.memory.table import Memory, Reading

__all__ = ["Memory", "Reading"]
