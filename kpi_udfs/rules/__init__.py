"""What makes a lead marketing- and sales-qualified: rules in YAML, read, checked, run and explained.

``format`` declares what a file may hold, ``reading`` and ``building`` turn one into the ``model``,
``checks`` finds what can't work, ``files`` knows where files lie. ``preparing`` reads leads and events,
``evaluation`` and ``scoring`` run the rules on narwhals, ``past`` looks back, ``qualify`` gives the stages.
``explaining`` says why of ``one_lead``, and ``ways`` tries out of ``candidates`` what would make it an MQL.
"""
