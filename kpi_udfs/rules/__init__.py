"""What makes a lead marketing- and sales-qualified: rules in YAML, read, checked, run and explained.

``format`` declares what a file may hold, ``reading`` turns one into the ``model``, ``checks`` finds
what can't work, ``files`` knows where files lie, ``evaluation`` runs the rules on narwhals,
``explaining`` says why.
"""
