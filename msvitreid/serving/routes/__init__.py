"""The routes of the REST interface and of the page, a file for each subject.

A route reads its request, has the work done in a thread, and gives JSON values.
"""
