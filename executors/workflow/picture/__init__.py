"""Pictures of a workflow: Mermaid, DOT, and a tree for the terminal.

`chart.chart_of` reads the document once; each form is a function of the chart. The same
document gives the same text, so that a picture can be kept in git beside it.
"""
