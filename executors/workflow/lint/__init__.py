"""What publishing would refuse in workflows, and the signs of misuse that it lets pass.

`linter.lint` is the entry. Each sign of misuse is a rule with a name, a reason and a fix; one
module holds the rules of one sort. All are functions of the files: nothing is opened here.
"""
