"""The studio: a local server that shows a folder's videos, analyses them and lets them be edited in a browser.

In: a folder. Out: pages for one person on this machine, and the files that they ask for, below that folder alone.
"""
