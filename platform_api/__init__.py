"""The doors and the wiring: HTTP, settings, and the one place that picks implementations.

Whatever changes most lies here, on top of everything else. `commands` holds every write,
`routes` every door, `wiring` builds the parts from `settings`. Nothing below imports this
package, and importing it loads nothing, so that the command line stays quick.
"""
